//! The trees of a funnel: events of each actor, then their runs, then numbers.

use super::request::{Attribution, Order, Request};
use crate::ast::{CompareOp, Expr, Query};
use crate::build::{and, array, call, compare, field, index, int, or, string, subquery, tuple};
use crate::compile::CompileError;
use crate::context::Context;
use crate::insights::breakdown::{Breakdown, Cut, OTHER, SEPARATOR};
use crate::insights::common::{Range, fault};
use crate::insights::template;

/// Events and runs of one cut.
pub(super) struct Tree<'t> {
    pub(super) request: &'t Request,
    pub(super) range: &'t Range,
    pub(super) cut: &'t Cut,
    pub(super) context: &'t Context,
}

impl Tree<'_> {
    /// Rows `value, counts…, averages…, medians…`: one count for each step, the others for each but the first.
    pub(super) fn steps(&self) -> Result<Query, CompileError> {
        let steps = self.count();
        let second = |step: i64| index(field(["seconds"]), int(step));
        let taken = |step: i64| compare(CompareOp::GreaterEq, second(step), int(0));
        let counts = (1..=steps).map(|step| call("countIf", vec![taken(step)]));
        let averages = (2..=steps).map(|step| call("avgIf", vec![second(step), taken(step)]));
        let medians = (2..=steps).map(|step| call("medianIf", vec![second(step), taken(step)]));
        let measures = counts.chain(averages).chain(medians).collect();
        let runs = match self.request.breakdown.as_ref().filter(|breakdown| breakdown.cohorts.is_none()) {
            Some(breakdown) => self.largest(self.runs()?, breakdown.limit)?,
            None => self.runs()?,
        };
        let mut query = template::query("select value from {runs} group by value", &[("runs", subquery(runs))])?;
        template::select_also(&mut query, measures);
        Ok(query)
    }

    /// Runs, with values beyond the `limit` largest taken together.
    fn largest(&self, runs: Query, limit: usize) -> Result<Query, CompileError> {
        let mut counted = template::query("select value, seconds from {runs}", &[("runs", subquery(runs))])?;
        let names: Vec<String> = (1..=self.count()).map(|step| format!("count_{step}")).collect();
        for (step, name) in (1..).zip(&names) {
            let count =
                template::expr("countIf(seconds[{step}] >= 0) over (partition by value)", &[("step", int(step))])?;
            template::select_also(&mut counted, vec![template::named(count, name)]);
        }
        // The deepest step first.
        let by: Vec<String> = names.iter().rev().map(|name| format!("{name} desc")).collect();
        let place = crate::parse_expr(&format!("dense_rank() over (order by {}, value)", by.join(", ")))?;
        template::query(
            "select if(place <= {limit}, cut_value, {other}) as value, seconds
            from (select value as cut_value, seconds, {place} as place from {counted})",
            &[
                ("limit", int(i64::try_from(limit).unwrap_or(i64::MAX))),
                ("other", string(OTHER)),
                ("place", place),
                ("counted", subquery(counted)),
            ],
        )
    }

    /// Rows `second, actors, seconds, longest`: how many actors took that many whole seconds, their sum and maximum.
    pub(super) fn times(&self) -> Result<Query, CompileError> {
        let place = |step: usize| int(i64::try_from(step).unwrap_or(i64::MAX));
        let Request { from, to, .. } = self.request;
        template::query(
            "select floor(total) as second, count() as actors, sum(total) as total_seconds, max(total) as longest from (
                select arraySum(arrayMap(x -> if(x > 0, x, 0), arraySlice(seconds, {first}, {steps}))) as total
                from {runs} where seconds[{from}] >= 0 and seconds[{to}] >= 0
            ) group by second",
            &[
                ("first", place(from + 2)),
                ("steps", place(to - from)),
                ("from", place(from + 1)),
                ("to", place(to + 1)),
                ("runs", subquery(self.runs()?)),
            ],
        )
    }

    /// Rows `value, bucket, entered, converted`.
    pub(super) fn trends(&self) -> Result<Query, CompileError> {
        template::query(
            "select value, bucket, count() as entered, countIf(converted = 1) as conversions
            from {runs} group by value, bucket",
            &[("runs", subquery(self.conversions()?))],
        )
    }

    /// The runs: rows `actor, value, seconds`.
    pub(super) fn runs(&self) -> Result<Query, CompileError> {
        template::query(
            "select actor, tupleElement(run, 1) as value, tupleElement(run, 2) as seconds
            from (select actor, arrayJoin({runs}) as run from {actors})",
            &[("runs", call("_funnel", self.arguments())), ("actors", subquery(self.actors()?))],
        )
    }

    /// Who entered when, and whether they converted: rows `actor, value, bucket, converted`.
    pub(super) fn conversions(&self) -> Result<Query, CompileError> {
        let place = |step: usize| int(i64::try_from(step + 1).unwrap_or(i64::MAX));
        let range = self.range;
        let end = range.starts.last().and_then(|last| range.interval.moved(last, 1));
        let end = end.ok_or_else(|| fault("The date range is beyond the calendar"))?;
        let starts = range.starts.iter().chain([&end]).map(|start| int(start.timestamp().as_microsecond())).collect();
        let mut arguments = self.arguments();
        arguments.extend([place(self.request.from), place(self.request.to), array(starts)]);
        template::query(
            "select actor, tupleElement(run, 1) as value, tupleElement(run, 2) as bucket,
                tupleElement(run, 3) as converted
            from (select actor, arrayJoin({runs}) as run from {actors})",
            &[("runs", call("_funnelTrends", arguments)), ("actors", subquery(self.actors()?))],
        )
    }

    fn count(&self) -> i64 {
        i64::try_from(self.request.common.series.len()).unwrap_or(i64::MAX)
    }

    fn arguments(&self) -> Vec<Expr> {
        let order = match self.request.order {
            Order::Ordered => "ordered",
            Order::Strict => "strict",
            Order::Unordered => "unordered",
        };
        let attribution = match self.request.attribution {
            Attribution::FirstTouch | Attribution::LastTouch => "touch".to_owned(),
            Attribution::AllEvents => "all_events".to_owned(),
            Attribution::Step(step) => format!("step_{}", step + 1),
        };
        let attribution = if self.is_cut() { attribution } else { "touch".to_owned() };
        let optional = self.request.common.series.iter().enumerate().filter(|(_, series)| series.optional);
        let optional = optional.fold(0_i64, |bits, (at, _)| bits | 1 << at);
        vec![
            int(self.count()),
            int(self.request.window),
            string(order),
            string(attribution),
            int(optional),
            field(["cut_values"]),
            field(["steps"]),
        ]
    }

    /// Whether events have values of their own.
    fn is_cut(&self) -> bool {
        self.request.breakdown.as_ref().is_some_and(|breakdown| breakdown.cohorts.is_none())
    }

    /// The events of each actor: rows `actor, cut_values, steps`.
    fn actors(&self) -> Result<Query, CompileError> {
        let series = &self.request.common.series;
        let steps = series.iter().map(|series| series.condition(self.context)).collect::<Result<Vec<_>, _>>()?;
        let exclusions = self
            .request
            .exclusions
            .iter()
            .map(|one| one.series.condition(self.context))
            .collect::<Result<Vec<_>, _>>()?;
        let mut bits: Vec<Expr> = Vec::with_capacity(steps.len() + exclusions.len());
        for (at, condition) in steps.iter().enumerate() {
            bits.push(call("if", vec![condition.clone(), int(1 << at), int(0)]));
        }
        for (exclusion, condition) in self.request.exclusions.iter().zip(&exclusions) {
            let levels = (exclusion.from..exclusion.to).fold(0_i64, |levels, level| levels | 1 << level);
            bits.push(call("if", vec![condition.clone(), int(levels << u32::BITS), int(0)]));
        }
        let all = bits.into_iter().reduce(|all, one| call("bitOr", vec![all, one])).unwrap_or_else(|| int(0));
        let mut conditions =
            vec![self.range.condition(), self.request.common.condition(self.context)?, self.cut.condition.clone()];
        if self.request.order != Order::Strict {
            conditions.push(or(steps.iter().chain(&exclusions).cloned().collect()));
        }
        let actor = match &self.request.aggregate_by {
            Some(text) => {
                let actor = crate::parse_expr(text)?;
                conditions.push(template::expr("ifNull(toString({actor}), '') != ''", &[("actor", actor.clone())])?);
                actor
            }
            None => self.request.common.actor(),
        };
        let mut event = vec![field(["timestamp"]), all];
        if self.is_cut() {
            event.push(self.cut.value.clone());
        }
        template::query(
            "select {actor} as actor, {values} as cut_values, groupArray({event}) as steps
            from events where {filter} group by actor",
            &[("actor", actor), ("values", self.values(&steps)?), ("event", tuple(event)), ("filter", and(conditions))],
        )
    }

    /// The values that an actor counts for.
    fn values(&self, steps: &[Expr]) -> Result<Expr, CompileError> {
        let value = &self.cut.value;
        if !self.is_cut() {
            return Ok(array(vec![value.clone()]));
        }
        let several = self.request.breakdown.as_ref().map_or(1, Breakdown::parts);
        let nothing = string(SEPARATOR.to_string().repeat(several.saturating_sub(1)));
        let touched = |function: &str| {
            let present = compare(CompareOp::NotEq, value.clone(), nothing.clone());
            array(vec![call(function, vec![value.clone(), field(["timestamp"]), present])])
        };
        Ok(match self.request.attribution {
            Attribution::FirstTouch => touched("argMinIf"),
            Attribution::LastTouch => touched("argMaxIf"),
            Attribution::AllEvents => call("groupUniqArray", vec![value.clone()]),
            Attribution::Step(_) if self.request.order == Order::Unordered => {
                call("groupUniqArray", vec![value.clone()])
            }
            Attribution::Step(step) => {
                let is_step = steps.get(step).cloned().unwrap_or_else(|| and(Vec::new()));
                template::expr(
                    "if(empty({values}), [{nothing}], {values})",
                    &[("values", call("groupUniqArrayIf", vec![value.clone(), is_step])), ("nothing", nothing)],
                )?
            }
        })
    }
}
