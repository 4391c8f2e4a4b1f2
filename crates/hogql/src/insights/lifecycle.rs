//! `LifecycleQuery`: per interval, how many actors are new, returning, resurrecting or dormant.
//!
//! Actors with the same intervals are one row: the query counts them by the list of their intervals.

use serde_json::{Value, json};

use super::Rows;
use super::actors::Point;
use super::common::{Common, Range, Series, fault, names, number, read, time_is};
use super::{options, template};
use crate::ast::{CompareOp, Query};
use crate::build::{and, field, string, subquery};
use crate::compile::CompileError;
use crate::context::Context;

const STATUSES: [&str; 4] = ["new", "returning", "resurrecting", "dormant"];

#[derive(Debug)]
pub(super) struct Plan {
    series: Series,
    /// The intervals shown.
    range: Range,
    /// With one more on either side.
    wide: Range,
}

pub(super) fn plan(json: &Value, context: &Context) -> Result<(Vec<Query>, Plan), CompileError> {
    let (actives, plan) = actives(json, context)?;
    let query = template::query(
        "select arrayStringConcat(starts, ',') as starts_text, created, count() as actors
        from {actives} group by starts_text, created",
        &[("actives", subquery(actives))],
    )?;
    Ok((vec![query], plan))
}

/// Actors with one status on one day.
pub(super) fn actors(json: &Value, point: &Point, context: &Context) -> Result<Query, CompileError> {
    let (actives, plan) = actives(json, context)?;
    let day = point.date()?;
    let at = plan.range.position_at(day, context).and_then(|at| plan.range.starts.get(at));
    let at = at.ok_or_else(|| fault(format!("'{day}' is no interval of the chart")))?;
    let before = plan.range.interval.moved(at, -1).ok_or_else(|| fault("The date range is beyond the calendar"))?;
    let is_active = "has(starts, {day})";
    let was_active = "has(starts, {before})";
    let is_new = "starts[1] = {day} and created = {day}";
    let condition = match point.status.as_deref() {
        Some("new") => is_new.to_owned(),
        Some("returning") => format!("{is_active} and {was_active}"),
        Some("resurrecting") => format!("{is_active} and not {was_active} and not ({is_new})"),
        Some("dormant") => format!("{was_active} and not {is_active}"),
        _ => return Err(fault("status must be one of new, returning, resurrecting and dormant")),
    };
    let key = |start| string(plan.range.interval.key(start));
    let condition = template::expr(&condition, &[("day", key(at)), ("before", key(&before))])?;
    template::query(
        "select actor as actor_id, events as event_count from {actives} where {condition}",
        &[("actives", subquery(actives)), ("condition", condition)],
    )
}

/// When each actor was active, and when it was created: rows `actor, starts, created, events`.
fn actives(json: &Value, context: &Context) -> Result<(Query, Plan), CompileError> {
    options::of_lifecycle(json)?;
    let request: Common = read(json)?;
    let [series] = request.series.as_slice() else { return Err(fault("LifecycleQuery needs exactly one series")) };
    let range = request.range(context)?;
    let interval = range.interval;
    let beyond = || fault("The date range is beyond the calendar");
    let before = interval.moved(range.start(), -1).ok_or_else(beyond)?;
    let last = interval.floor(&range.to, context.project.week_start).ok_or_else(beyond)?;
    let after = interval.moved(&last, 1).ok_or_else(beyond)?;
    let filter = and(vec![
        time_is(CompareOp::GreaterEq, &before),
        time_is(CompareOp::Less, &after),
        series.condition(context)?,
        request.condition(context)?,
        template::expr("ifNull(toString(properties.$process_person_profile), '') != 'false'", &[])?,
    ]);
    let wide = Range::between(before, after, interval, context)?;
    let query = template::query(
        "select {actor} as actor, arraySort(groupUniqArray({bucket})) as starts, min({created}) as created,
            count() as events
        from events where {filter} group by actor",
        &[
            ("bucket", interval.bucket(field(["timestamp"]))),
            ("created", interval.bucket(request.created())),
            ("filter", filter),
            ("actor", request.actor()),
        ],
    )?;
    Ok((query, Plan { series: series.clone(), range, wide }))
}

impl Plan {
    pub(super) fn respond(&self, results: &[Rows]) -> Value {
        let counts = self.counts(results.first().map_or(&[][..], Vec::as_slice));
        let shown = 1..self.range.len() + 1;
        let items = STATUSES.iter().zip(counts).map(|(status, counts)| {
            let data = counts.get(shown.clone()).unwrap_or_default();
            let mut action = self.series.action(0);
            if let Some(action) = action.as_object_mut() {
                action.insert("math".to_owned(), json!("total"));
            }
            json!({
                "data": data, "days": self.range.days(), "labels": self.range.labels(), "count": data.iter().sum::<f64>(),
                "status": status, "label": format!("{} - {status}", self.series.label()), "action": action,
            })
        });
        json!({"results": items.collect::<Vec<_>>()})
    }

    /// Actors by status and by interval of the wide range.
    fn counts(&self, rows: &[Vec<Value>]) -> [Vec<f64>; 4] {
        let mut counts: [Vec<f64>; 4] = std::array::from_fn(|_| vec![0.0; self.wide.len()]);
        let [new, returning, resurrecting, dormant] = &mut counts;
        for row in rows {
            let actors = number(row.get(2));
            let created = self.wide.position_of(row.get(1));
            let active: Vec<usize> = names(row.first()).filter_map(|name| self.wide.position(name)).collect();
            let mut earlier = None;
            for (order, at) in active.iter().enumerate() {
                let previous = if order == 0 { created } else { earlier };
                let status = if previous == Some(*at) {
                    &mut *new
                } else if order > 0 && earlier.map(|before: usize| before + 1) == Some(*at) {
                    &mut *returning
                } else {
                    &mut *resurrecting
                };
                add(status, *at, actors);
                if active.get(order + 1) != Some(&(at + 1)) {
                    add(dormant, at + 1, -actors);
                }
                earlier = Some(*at);
            }
        }
        counts
    }
}

fn add(counts: &mut [f64], at: usize, value: f64) {
    if let Some(count) = counts.get_mut(at) {
        *count += value;
    }
}
