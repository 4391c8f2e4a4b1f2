//! `StickinessQuery`: how many actors were active in exactly, or at least, so many intervals.

use serde_json::{Value, json};

use super::Rows;
use super::actors::Point;
use super::common::{Common, Criterion, Range, Series, fault, number, numeral, read};
use super::{options, template};
use crate::ast::{CompareOp, Expr, Query};
use crate::build::{and, call, compare, field, int, subquery, truth};
use crate::compile::CompileError;
use crate::context::Context;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    #[serde(flatten)]
    common: Common,
    interval_count: Option<usize>,
    stickiness_filter: Filter,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    computed_as: ComputedAs,
    stickiness_criteria: Option<Criterion>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum ComputedAs {
    #[default]
    NonCumulative,
    Cumulative,
}

#[derive(Debug)]
pub(super) struct Plan {
    series: Vec<Series>,
    range: Range,
    computed_as: ComputedAs,
}

pub(super) fn plan(json: &Value, context: &Context) -> Result<(Vec<Query>, Plan), CompileError> {
    options::of_stickiness(json)?;
    let request: Request = read(json)?;
    let (range, enough) = checked(&request, context)?;
    let common = request.common;
    let mut queries = Vec::with_capacity(common.series.len());
    for series in &common.series {
        let intervals = intervals(&common, series, &range, &enough, context)?;
        queries.push(template::query(
            "select intervals, count() as actors from {intervals} group by intervals",
            &[("intervals", subquery(intervals))],
        )?);
    }
    Ok((queries, Plan { series: common.series, range, computed_as: request.stickiness_filter.computed_as }))
}

/// Actors that were active in so many intervals.
pub(super) fn actors(json: &Value, point: &Point, context: &Context) -> Result<Query, CompileError> {
    options::of_stickiness(json)?;
    let request: Request = read(json)?;
    let (range, enough) = checked(&request, context)?;
    let series = request.common.series.get(point.series);
    let series = series.ok_or_else(|| fault(format!("The chart has no series {}", point.series)))?;
    let op = match request.stickiness_filter.computed_as {
        ComputedAs::NonCumulative => CompareOp::Eq,
        ComputedAs::Cumulative => CompareOp::GreaterEq,
    };
    template::query(
        "select actor as actor_id, events as event_count from {intervals} where {condition}",
        &[
            ("intervals", subquery(intervals(&request.common, series, &range, &enough, context)?)),
            ("condition", compare(op, field(["intervals"]), int(point.count()?))),
        ],
    )
}

/// In how many intervals each actor was active: rows `actor, intervals, events`.
fn intervals(
    common: &Common,
    series: &Series,
    range: &Range,
    enough: &Expr,
    context: &Context,
) -> Result<Query, CompileError> {
    let filter = and(vec![range.condition(), series.condition(context)?, common.condition(context)?]);
    template::query(
        "select actor, count() as intervals, sum(bucket_events) as events from (
            select {actor} as actor, {bucket} as bucket, count() as bucket_events from events where {filter}
            group by actor, bucket having {enough}
        ) group by actor",
        &[
            ("actor", common.actor()),
            ("bucket", range.interval.bucket(field(["timestamp"]))),
            ("filter", filter),
            ("enough", enough.clone()),
        ],
    )
}

/// The range, and that an actor did enough in an interval.
fn checked(request: &Request, context: &Context) -> Result<(Range, Expr), CompileError> {
    if request.common.series.is_empty() {
        return Err(fault("StickinessQuery needs at least one series"));
    }
    if request.interval_count.is_some_and(|count| count != 1) {
        return Err(fault("StickinessQuery with an intervalCount other than 1 is not supported"));
    }
    let criterion = request.stickiness_filter.stickiness_criteria.as_ref();
    let enough = criterion.map_or_else(|| Ok(truth(true)), |criterion| criterion.holds(call("count", Vec::new())))?;
    Ok((request.common.range(context)?, enough))
}

impl Plan {
    pub(super) fn respond(&self, results: &[Rows]) -> Value {
        let items = self.series.iter().zip(results).enumerate().map(|(order, (series, rows))| {
            let mut data = vec![0.0; self.range.len()];
            for row in rows {
                let at = row.first().and_then(Value::as_u64).and_then(|intervals| usize::try_from(intervals).ok());
                if let Some(count) = at.and_then(|at| data.get_mut(at.checked_sub(1)?)) {
                    *count += number(row.get(1));
                }
            }
            let count: f64 = data.iter().sum();
            let cumulative = self.computed_as == ComputedAs::Cumulative;
            if cumulative {
                let mut more = 0.0;
                for count in data.iter_mut().rev() {
                    more += *count;
                    *count = more;
                }
            }
            let unit = format!("{:?}", self.range.interval).to_lowercase();
            let label = |days: &usize| {
                let plural = if *days == 1 { "" } else { "s" };
                format!("{days} {unit}{plural}{}", if cumulative { " or more" } else { "" })
            };
            let days: Vec<usize> = (1..=self.range.len()).collect();
            json!({
                "data": data.iter().map(|count| numeral(*count)).collect::<Vec<_>>(), "days": days,
                "labels": days.iter().map(label).collect::<Vec<_>>(), "count": numeral(count),
                "label": series.label(), "action": series.action(order),
            })
        });
        json!({"results": items.collect::<Vec<_>>()})
    }
}
