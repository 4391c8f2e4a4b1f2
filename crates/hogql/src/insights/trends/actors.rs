//! The actors behind one number of a chart.

use serde_json::Value;

use super::{Display, Request, display, periods};
use crate::ast::{CompareOp, Expr, Query};
use crate::build::{and, compare, equal, string};
use crate::compile::CompileError;
use crate::context::Context;
use crate::insights::actors::Point;
use crate::insights::breakdown::{self, NONE, OTHER};
use crate::insights::common::{Interval, Range, fault, group, read, time_is};
use crate::insights::{options, template};

/// Whoever has an event in time.
const ANY: &str = "select {actor} as actor_id, count() as event_count from events where {filter} group by actor_id";

/// Whoever has its first event of all time there, if that holds what it must.
const FIRST_EVER: &str = "select actor_id, 1 as event_count from (
        select {actor} as actor_id, min(timestamp) as first_time, argMin({holds}, timestamp) as first_holds
        from events where {filter} group by actor_id
    ) where first_holds and first_time >= {from}";

/// Rows `actor_id, event_count`, and the type of the groups that they are.
pub(in crate::insights) fn actors(
    json: &Value,
    point: &Point,
    context: &Context,
) -> Result<(Query, Option<u8>), CompileError> {
    options::of_trends(json)?;
    let request: Request = read(json)?;
    let periods = periods(&request, context)?;
    let range = match point.compare.as_deref() {
        None | Some("current") => periods.first(),
        Some("previous") => periods.get(1),
        Some(other) => return Err(fault(format!("compare '{other}' is neither current nor previous"))),
    };
    let range = range.ok_or_else(|| fault("The chart is not compared with another period"))?;
    let series = request.common.series.get(point.series);
    let series = series.ok_or_else(|| fault(format!("The chart has no series {}", point.series)))?;
    let mut conditions = vec![request.common.condition(context)?];
    let mut holds = vec![series.filters(context)?];
    if let Some(condition) = cut(request.breakdown_filter.read()?.as_ref(), point, context)? {
        holds.push(condition);
    }
    let display = display(request.trends_filter.display.as_deref())?;
    let (mut actor, mut kind) = (request.common.actor(), request.common.group_type);
    let math = series.math.as_deref().unwrap_or("total");
    if math == "unique_group" {
        let index = series.math_group_type_index.unwrap_or(0);
        (actor, kind) = (group(index), Some(index));
        conditions.push(compare(CompareOp::NotEq, group(index), string("")));
    }
    let (first, last) = bounds(math, range, display, point, context)?;
    if matches!(math, "first_time_for_user" | "first_matching_event_for_user") {
        let is_any = math == "first_matching_event_for_user";
        let holds = and(holds.into_iter().chain(conditions).collect());
        let (holds, among) = if is_any { (and(Vec::new()), holds) } else { (holds, and(Vec::new())) };
        let filter = and(vec![last, series.is_entity(context)?, among]);
        let from = first.start.ok_or_else(|| fault("day is required"))?;
        let holes = [("actor", actor), ("holds", holds), ("filter", filter), ("from", string(from))];
        return Ok((template::query(FIRST_EVER, &holes)?, kind));
    }
    conditions.extend([first.condition, last, series.is_entity(context)?]);
    conditions.extend(holds);
    Ok((template::query(ANY, &[("actor", actor), ("filter", and(conditions))])?, kind))
}

/// A lower bound of time.
struct First {
    condition: Expr,
    /// The instant, where it belongs to the range.
    start: Option<String>,
}

/// From when to when events count for the point.
fn bounds(
    math: &str,
    range: &Range,
    display: Display,
    point: &Point,
    context: &Context,
) -> Result<(First, Expr), CompileError> {
    let beyond = || fault("The date range is beyond the calendar");
    let text = |time: &jiff::ZonedDateTime| time.timestamp().to_string();
    let from =
        |time: &jiff::ZonedDateTime| First { condition: time_is(CompareOp::GreaterEq, time), start: Some(text(time)) };
    let until_end = || time_is(CompareOp::LessEq, &range.to);
    let start = if point.day.is_null() {
        if display != Display::Total {
            return Err(fault("day is required"));
        }
        None
    } else {
        let day = point.date()?;
        let at = range.position_at(day, context).and_then(|at| range.starts.get(at));
        Some(at.ok_or_else(|| fault(format!("'{day}' is no interval of the chart")))?)
    };
    let rolling = match math {
        "weekly_active" => Some(7),
        "monthly_active" => Some(30),
        _ => None,
    };
    if let (Some(days), Interval::Day) = (rolling, range.interval) {
        let day = start.or_else(|| range.starts.last()).ok_or_else(beyond)?;
        let first = Interval::Day.moved(day, 1 - days).ok_or_else(beyond)?;
        let next = Interval::Day.moved(day, 1).ok_or_else(beyond)?;
        let last = if start.is_some() { time_is(CompareOp::LessEq, &next) } else { until_end() };
        return Ok((First { condition: time_is(CompareOp::Greater, &first), start: None }, last));
    }
    let Some(start) = start else { return Ok((from(range.start()), until_end())) };
    let next = range.interval.moved(start, 1).ok_or_else(beyond)?;
    let last = and(vec![time_is(CompareOp::Less, &next), until_end()]);
    Ok((from(if display == Display::Cumulative { range.start() } else { start }), last))
}

/// That an event has the value of the point.
fn cut(
    breakdown: Option<&breakdown::Breakdown>,
    point: &Point,
    context: &Context,
) -> Result<Option<Expr>, CompileError> {
    let Some(wanted) = point.value() else { return Ok(None) };
    let breakdown = breakdown.ok_or_else(|| fault("The chart has no breakdown"))?;
    if wanted == OTHER {
        return Err(fault("The actors of the values beyond the largest are not supported"));
    }
    let mut cuts = breakdown::cuts(Some(breakdown), NONE, context)?;
    if breakdown.cohorts.is_some() {
        let wanted = string(wanted);
        let cut = cuts.into_iter().find(|cut| cut.value == wanted);
        return cut.map(|cut| Some(cut.condition)).ok_or_else(|| fault("The chart is not cut by that cohort"));
    }
    Ok(cuts.pop().map(|cut| equal(cut.value, string(wanted))))
}
