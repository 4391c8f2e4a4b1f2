//! What a series computes: a query with rows `bucket, breakdown_value, total` for each math.

use super::Display;
use crate::ast::{CompareOp, Expr, Query};
use crate::build::{and, call, compare, field, string, truth};
use crate::compile::CompileError;
use crate::context::Context;
use crate::insights::common::{Interval, Range, Series, fault, group, time_is};
use crate::insights::template;

/// One series in one period.
pub(super) struct Part<'p> {
    pub(super) series: &'p Series,
    pub(super) range: &'p Range,
    pub(super) display: Display,
    pub(super) actor: Expr,
    /// The breakdown value of an event, text.
    pub(super) value: Expr,
    /// Conditions of the whole insight.
    pub(super) filter: Expr,
}

/// Most maths: one pass over the events.
const PLAIN: &str = "select {bucket} as bucket, {value} as breakdown_value, {total} as total
    from events where {filter} group by bucket, breakdown_value";

/// One number for each actor or session first.
const GROUPED: &str = "select bucket, breakdown_value, {total} as total from (
        select {bucket} as bucket, {value} as breakdown_value, {actor} as actor, {inner} as inner_value
        from events where {filter} group by bucket, breakdown_value, actor
    ) group by bucket, breakdown_value";

/// Each actor once, where it first appears.
const FIRST_SEEN: &str = "select bucket, breakdown_value, count() as total from (
        select min({bucket}) as bucket, {value} as breakdown_value, {actor} as actor
        from events where {filter} group by breakdown_value, actor
    ) group by bucket, breakdown_value";

/// Each actor once, if its first such event of all time lies in the range and holds what it must.
const FIRST_EVER: &str = "select {bucket_of_first} as bucket, breakdown_value, count() as total from (
        select min(timestamp) as first_time, argMin({holds}, timestamp) as first_holds,
            argMin({value}, timestamp) as breakdown_value
        from events where {filter} group by {actor}
    ) where first_holds and first_time >= {from} group by bucket, breakdown_value";

/// Each actor on every day whose window has an event of it: the instant of midnight belongs to the day that ends.
const ROLLING: &str = "select bucket, breakdown_value, count(distinct actor) as total from (
        select toString(addDays(if(timestamp = toStartOfDay(timestamp), subtractDays(toDate(timestamp), 1), toDate(timestamp)),
            arrayJoin(range({days})))) as bucket, {value} as breakdown_value, {actor} as actor
        from events where {filter}
    ) group by bucket, breakdown_value";

impl Part<'_> {
    pub(super) fn query(&self, context: &Context) -> Result<Query, CompileError> {
        let math = self.series.math.as_deref().unwrap_or("total");
        if let Some(aggregate) = math.strip_suffix("_count_per_actor") {
            let total = aggregate_of(aggregate, field(["inner_value"]))?;
            let total = total.ok_or_else(|| unknown(math))?;
            return self.grouped(total, self.actor.clone(), call("count", Vec::new()), context);
        }
        match math {
            "total" => self.plain(call("count", Vec::new()), context),
            "dau" => self.distinct(self.actor.clone(), context),
            "weekly_active" => self.rolling(7, context),
            "monthly_active" => self.rolling(30, context),
            "unique_session" => {
                let session = template::expr("nullIf(toString(properties.$session_id), '')", &[])?;
                self.plain(count_distinct(session)?, context)
            }
            "unique_group" => {
                let index = self.series.math_group_type_index.unwrap_or(0);
                let named = compare(CompareOp::NotEq, group(index), string(""));
                let part = Part {
                    filter: and(vec![self.filter.clone(), named]),
                    value: self.value.clone(),
                    actor: group(index),
                    ..*self
                };
                part.distinct(group(index), context)
            }
            "hogql" => {
                let text = self.series.math_hogql.as_deref().unwrap_or("count()");
                self.plain(crate::parse_expr(text)?, context)
            }
            "first_time_for_user" | "first_matching_event_for_user" => self.first_ever(math, context),
            _ => self.of_property(math, context),
        }
    }

    /// The events of the range.
    fn events(&self, context: &Context) -> Result<Expr, CompileError> {
        Ok(and(vec![self.range.condition(), self.series.condition(context)?, self.filter.clone()]))
    }

    fn bucket(&self, time: Expr) -> Expr {
        if self.display == Display::Total { string("") } else { self.range.interval.bucket(time) }
    }

    fn plain(&self, total: Expr, context: &Context) -> Result<Query, CompileError> {
        let bucket = self.bucket(field(["timestamp"]));
        let holes =
            [("bucket", bucket), ("value", self.value.clone()), ("total", total), ("filter", self.events(context)?)];
        template::query(PLAIN, &holes)
    }

    fn grouped(&self, total: Expr, actor: Expr, inner: Expr, context: &Context) -> Result<Query, CompileError> {
        let holes = [
            ("bucket", self.bucket(field(["timestamp"]))),
            ("value", self.value.clone()),
            ("total", total),
            ("actor", actor),
            ("inner", inner),
            ("filter", self.events(context)?),
        ];
        template::query(GROUPED, &holes)
    }

    /// How many different values of `what`.
    fn distinct(&self, what: Expr, context: &Context) -> Result<Query, CompileError> {
        if self.display != Display::Cumulative {
            return self.plain(count_distinct(what)?, context);
        }
        let bucket = self.bucket(field(["timestamp"]));
        let holes =
            [("bucket", bucket), ("value", self.value.clone()), ("actor", what), ("filter", self.events(context)?)];
        template::query(FIRST_SEEN, &holes)
    }

    fn rolling(&self, days: i64, context: &Context) -> Result<Query, CompileError> {
        match self.range.interval {
            Interval::Week | Interval::Month => return self.distinct(self.actor.clone(), context),
            Interval::Minute | Interval::Hour => {
                return Err(fault("Weekly and monthly active users need an interval of a day or longer"));
            }
            Interval::Day => {}
        }
        let beyond = || fault("The date range is beyond the calendar");
        let starts = &self.range.starts;
        let last = starts.last().ok_or_else(beyond)?;
        let first = if self.display == Display::Total { last } else { self.range.start() };
        let from = Interval::Day.moved(first, 1 - days).ok_or_else(beyond)?;
        let filter = and(vec![
            time_is(CompareOp::Greater, &from),
            time_is(CompareOp::LessEq, &self.range.to),
            self.series.condition(context)?,
            self.filter.clone(),
        ]);
        if self.display == Display::Total {
            let total = count_distinct(self.actor.clone())?;
            let holes = [("bucket", string("")), ("value", self.value.clone()), ("total", total), ("filter", filter)];
            return template::query(PLAIN, &holes);
        }
        let holes = [
            ("days", crate::build::int(days)),
            ("value", self.value.clone()),
            ("actor", self.actor.clone()),
            ("filter", filter),
        ];
        template::query(ROLLING, &holes)
    }

    fn first_ever(&self, math: &str, context: &Context) -> Result<Query, CompileError> {
        let holds = and(vec![self.series.filters(context)?, self.filter.clone()]);
        let (holds, among) = if math == "first_time_for_user" { (holds, truth(true)) } else { (truth(true), holds) };
        let filter = and(vec![time_is(CompareOp::LessEq, &self.range.to), self.series.is_entity(context)?, among]);
        let holes = [
            ("bucket_of_first", self.bucket(field(["first_time"]))),
            ("holds", holds),
            ("value", self.value.clone()),
            ("actor", self.actor.clone()),
            ("filter", filter),
            ("from", string(self.range.start().timestamp().to_string())),
        ];
        template::query(FIRST_EVER, &holes)
    }

    fn of_property(&self, math: &str, context: &Context) -> Result<Query, CompileError> {
        if aggregate_of(math, string(""))?.is_none() {
            return Err(unknown(math));
        }
        let Some(property) = self.series.math_property.as_deref() else {
            return Err(fault(format!("Math '{math}' needs math_property")));
        };
        let kind = self.series.math_property_type.as_deref().unwrap_or("event_properties");
        if property == "$session_duration" || kind == "session_properties" {
            let value = call("toFloat", vec![call("any", vec![field(["session", property])])]);
            let total = aggregate_of(math, field(["inner_value"]))?.ok_or_else(|| unknown(math))?;
            return self.grouped(total, field(["properties", "$session_id"]), value, context);
        }
        let value = match kind {
            _ if property == "$time" => call("toUnixTimestamp", vec![field(["timestamp"])]),
            "event_properties" => field(["properties", property]),
            "person_properties" => field(["person", "properties", property]),
            other => return Err(fault(format!("Unknown math_property_type '{other}'"))),
        };
        let total = aggregate_of(math, call("toFloat", vec![value]))?;
        self.plain(total.ok_or_else(|| unknown(math))?, context)
    }
}

fn unknown(math: &str) -> CompileError {
    fault(format!("Unknown math '{math}'"))
}

fn count_distinct(what: Expr) -> Result<Expr, CompileError> {
    template::expr("count(distinct {what})", &[("what", what)])
}

/// The aggregate that a math names, of `value`; `None` if it names none.
fn aggregate_of(math: &str, value: Expr) -> Result<Option<Expr>, CompileError> {
    let text = match math {
        "sum" => "sum({value})",
        "avg" => "avg({value})",
        "min" => "min({value})",
        "max" => "max({value})",
        "median" => "quantile(0.5)({value})",
        "p75" => "quantile(0.75)({value})",
        "p90" => "quantile(0.9)({value})",
        "p95" => "quantile(0.95)({value})",
        "p99" => "quantile(0.99)({value})",
        _ => return Ok(None),
    };
    template::expr(text, &[("value", value)]).map(Some)
}
