//! `RetentionQuery`: of those who did one thing in an interval, how many did another thing so many intervals later.
//!
//! Actors with the same intervals are one row, as in a lifecycle.

use serde_json::{Value, json};

use super::Rows;
use super::actors::Point;
use super::common::{Common, Interval, Range, Series, fault, names, number, numeral, read, time_is};
use super::{options, template};
use crate::ast::{CompareOp, Query};
use crate::build::{and, field, int, or, string, subquery};
use crate::compile::CompileError;
use crate::context::Context;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    #[serde(flatten)]
    common: Common,
    retention_filter: Filter,
    breakdown_filter: Value,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    target_entity: Option<Series>,
    returning_entity: Option<Series>,
    period: Interval,
    total_intervals: Option<u16>,
    retention_type: Type,
    minimum_occurrences: Option<i64>,
    cumulative: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
enum Type {
    #[default]
    #[serde(rename = "retention_recurring", alias = "recurring")]
    Recurring,
    #[serde(rename = "retention_first_time", alias = "first_time")]
    FirstTime,
}

#[derive(Debug)]
pub(super) struct Plan {
    range: Range,
    kind: Type,
    cumulative: bool,
}

pub(super) fn plan(json: &Value, context: &Context) -> Result<(Vec<Query>, Plan), CompileError> {
    let (actives, plan) = actives(json, context)?;
    let query = template::query(
        "select arrayStringConcat(starts, ',') as starts_text, arrayStringConcat(returns, ',') as returns_text,
            first_start, count() as actors
        from {actives} group by starts_text, returns_text, first_start",
        &[("actives", subquery(actives))],
    )?;
    Ok((vec![query], plan))
}

/// The actors of one cohort.
pub(super) fn actors(json: &Value, point: &Point, context: &Context) -> Result<Query, CompileError> {
    let (actives, plan) = actives(json, context)?;
    let start = plan.range.starts.get(point.interval);
    let start = start.ok_or_else(|| fault(format!("The chart has no interval {}", point.interval)))?;
    let condition = match plan.kind {
        Type::Recurring => "has(starts, {start})",
        Type::FirstTime => "first_start = {start}",
    };
    let condition = template::expr(condition, &[("start", string(plan.range.interval.key(start)))])?;
    template::query(
        "select actor as actor_id, events as event_count from {actives} where {condition}",
        &[("actives", subquery(actives)), ("condition", condition)],
    )
}

/// When each actor began and came back: rows `actor, starts, returns, first_start, events`.
fn actives(json: &Value, context: &Context) -> Result<(Query, Plan), CompileError> {
    options::of_retention(json)?;
    let Request { common, retention_filter: filter, breakdown_filter } = read(json)?;
    if breakdown_filter.as_object().is_some_and(|fields| fields.keys().any(|key| key != "breakdown_type")) {
        return Err(fault("RetentionQuery with a breakdown is not supported"));
    }
    let range = range(&common, &filter, context)?;
    let pageview = || Series::event("$pageview");
    let target = filter.target_entity.unwrap_or_else(pageview).condition(context)?;
    let returning = filter.returning_entity.unwrap_or_else(pageview).condition(context)?;
    let mut conditions = vec![time_is(CompareOp::LessEq, &range.to), common.condition(context)?];
    if filter.retention_type == Type::Recurring {
        conditions.push(time_is(CompareOp::GreaterEq, range.start()));
    }
    conditions.push(or(vec![target.clone(), returning.clone()]));
    let query = template::query(
        "select
            actor,
            arraySort(groupArrayIf(bucket, targets > 0 and bucket >= {from})) as starts,
            arraySort(groupArrayIf(bucket, returned >= {least} and bucket >= {from})) as returns,
            minIf(bucket, targets > 0) as first_start,
            sum(bucket_events) as events
        from (
            select {actor} as actor, {bucket} as bucket, countIf({target}) as targets,
                countIf({returning}) as returned, count() as bucket_events
            from events where {filter} group by actor, bucket
        ) group by actor",
        &[
            ("from", string(range.interval.key(range.start()))),
            ("least", int(filter.minimum_occurrences.unwrap_or(1).max(1))),
            ("actor", common.actor()),
            ("bucket", range.interval.bucket(field(["timestamp"]))),
            ("target", target),
            ("returning", returning),
            ("filter", and(conditions)),
        ],
    )?;
    Ok((query, Plan { range, kind: filter.retention_type, cumulative: filter.cumulative }))
}

/// The intervals up to the one around the requested end.
fn range(common: &Common, filter: &Filter, context: &Context) -> Result<Range, CompileError> {
    let total = i64::from(filter.total_intervals.unwrap_or(7));
    if total == 0 {
        return Err(fault("totalIntervals must be at least 1"));
    }
    let beyond = || fault("The date range is beyond the calendar");
    let asked = Range::of(&common.date_range, filter.period, context)?;
    let last = filter.period.floor(&asked.to, context.project.week_start).ok_or_else(beyond)?;
    let end = filter.period.moved(&last, 1).ok_or_else(beyond)?;
    let from = filter.period.moved(&end, -total).ok_or_else(beyond)?;
    let to = end.checked_sub(jiff::Span::new().microseconds(1)).map_err(|_| beyond())?;
    Range::between(from, to, filter.period, context)
}

impl Plan {
    pub(super) fn respond(&self, results: &[Rows]) -> Value {
        let total = self.range.len();
        let mut cohorts = vec![vec![0.0; total]; total];
        for row in results.iter().flatten() {
            self.count(row, &mut cohorts);
        }
        let unit = format!("{:?}", self.range.interval);
        let items = self.range.starts.iter().zip(cohorts).enumerate().map(|(at, (start, counts))| {
            let value =
                |(offset, count): (usize, &f64)| json!({"count": numeral(*count), "label": format!("{unit} {offset}")});
            let date = start.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
            json!({
                "label": format!("{unit} {at}"), "date": date,
                "values": counts.iter().enumerate().map(value).collect::<Vec<_>>(),
            })
        });
        json!({"results": items.collect::<Vec<_>>()})
    }

    /// Adds the actors of one row to their cohorts.
    fn count(&self, row: &[Value], cohorts: &mut [Vec<f64>]) {
        let positions = |at: usize| names(row.get(at)).filter_map(|name| self.range.position(name)).collect::<Vec<_>>();
        let (mut starts, returns) = (positions(0), positions(1));
        if self.kind == Type::FirstTime {
            starts = self.range.position_of(row.get(2)).into_iter().collect();
        }
        let actors = number(row.get(3));
        for start in starts {
            let Some(cohort) = cohorts.get_mut(start) else { continue };
            let offsets = returns.iter().filter_map(|at| at.checked_sub(start)).filter(|offset| *offset > 0);
            let offsets: Vec<usize> = match (self.cumulative, offsets.clone().max()) {
                (true, Some(last)) => (1..=last).collect(),
                _ => offsets.collect(),
            };
            for offset in std::iter::once(0).chain(offsets) {
                if let Some(count) = cohort.get_mut(offset) {
                    *count += actors;
                }
            }
        }
    }
}
