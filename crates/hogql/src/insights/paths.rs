//! `PathsQuery`: what people looked at next.
//!
//! A person's items are put in the order of time and cut into visits where nothing happened for half an hour. Of an item that
//! repeats, the last one stays. Steps of a visit are numbered from 1; an edge leads from one to the next.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Rows;
use super::common::{Common, fault, number, numeral, read};
use super::options::only;
use super::template;
use crate::ast::{CompareOp, Expr, Query};
use crate::build::{and, call, compare, equal, field, int, not, or, string, subquery, tuple};
use crate::compile::CompileError;
use crate::context::Context;

/// A visit ends when nothing happens for so long.
const PAUSE_MS: i64 = 30 * 60 * 1_000;
/// Steps of a visit that are looked at.
const STEPS: i64 = 5;
/// Edges in a response.
const EDGES: i64 = 50;
/// Groups of wildcards at most.
const GROUPINGS_MAX: usize = 100;

const KNOWN: [&str; 16] = [
    "includeEventTypes",
    "pathsHogQLExpression",
    "startPoint",
    "endPoint",
    "stepLimit",
    "edgeLimit",
    "minEdgeWeight",
    "maxEdgeWeight",
    "excludeEvents",
    "pathGroupings",
    "localPathCleaningFilters",
    "pathReplacements",
    "pathStartKey",
    "pathEndKey",
    "pathDropoffKey",
    "showFullUrls",
];

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    #[serde(flatten)]
    common: Common,
    paths_filter: Filter,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    include_event_types: Vec<EventType>,
    #[serde(rename = "pathsHogQLExpression")]
    expression: Option<String>,
    start_point: Option<String>,
    end_point: Option<String>,
    step_limit: Option<i64>,
    edge_limit: Option<i64>,
    min_edge_weight: Option<i64>,
    max_edge_weight: Option<i64>,
    exclude_events: Vec<String>,
    path_groupings: Vec<String>,
    local_path_cleaning_filters: Vec<Cleaning>,
    path_replacements: bool,
    path_start_key: Option<String>,
    path_end_key: Option<String>,
    path_dropoff_key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
enum EventType {
    #[serde(rename = "$pageview")]
    Page,
    #[serde(rename = "$screen")]
    Screen,
    #[serde(rename = "custom_event")]
    Custom,
    #[serde(rename = "hogql")]
    Expression,
}

#[derive(Debug, serde::Deserialize)]
struct Cleaning {
    regex: String,
    #[serde(default)]
    alias: String,
}

/// Rows `source, target, value, milliseconds`.
pub(super) fn plan(json: &Value, context: &Context) -> Result<Query, CompileError> {
    let request = request(json)?;
    let filter = &request.paths_filter;
    let mut having = Vec::new();
    let edges = || call("count", Vec::new());
    having.extend(filter.min_edge_weight.map(|least| compare(CompareOp::GreaterEq, edges(), int(least))));
    having.extend(filter.max_edge_weight.map(|most| compare(CompareOp::LessEq, edges(), int(most))));
    template::query(
        "select source, target, count() as value, avg(milliseconds) as average
        from {edges} where place > 1 group by source, target having {having}
        order by value desc, source, target limit {limit}",
        &[
            ("edges", subquery(request.edges(context)?)),
            ("having", and(having)),
            ("limit", int(limit("edgeLimit", filter.edge_limit, EDGES)?)),
        ],
    )
}

/// The actors of an edge, or of all.
pub(super) fn actors(json: &Value, context: &Context) -> Result<Query, CompileError> {
    let request = request(json)?;
    let filter = &request.paths_filter;
    let is = |column: &str, key: &Option<String>| key.as_ref().map(|key| equal(field([column]), string(key.clone())));
    let mut conditions: Vec<Expr> =
        is("source", &filter.path_start_key).into_iter().chain(is("target", &filter.path_end_key)).collect();
    if let Some(end) = is("target", &filter.path_dropoff_key) {
        conditions.extend([end, template::expr("place = length", &[])?]);
    } else {
        conditions.push(template::expr("place > 1", &[])?);
    }
    template::query(
        "select actor as actor_id, count() as event_count from {edges} where {filter} group by actor",
        &[("edges", subquery(request.edges(context)?)), ("filter", and(conditions))],
    )
}

fn request(json: &Value) -> Result<Request, CompileError> {
    only("PathsQuery", json, &["pathsFilter"])?;
    only("pathsFilter", json.get("pathsFilter").unwrap_or(&Value::Null), &KNOWN)?;
    let request: Request = read(json)?;
    let filter = &request.paths_filter;
    let hogql = filter.include_event_types.contains(&EventType::Expression);
    if hogql && filter.expression.as_deref().is_none_or(|text| text.trim().is_empty()) {
        return Err(fault("pathsHogQLExpression is required for includeEventTypes 'hogql'"));
    }
    if filter.path_groupings.len() > GROUPINGS_MAX {
        return Err(fault(format!("pathGroupings has more than {GROUPINGS_MAX} entries")));
    }
    Ok(request)
}

fn limit(name: &str, asked: Option<i64>, otherwise: i64) -> Result<i64, CompileError> {
    match asked {
        Some(limit) if limit < 1 => Err(fault(format!("{name} must be at least 1"))),
        limit => Ok(limit.unwrap_or(otherwise)),
    }
}

impl Request {
    /// Every step of every visit: rows `actor, place, length, source, target, milliseconds`; the first step of a visit has
    /// no source.
    fn edges(&self, context: &Context) -> Result<Query, CompileError> {
        template::query(
            "select actor, place, length,
                concat(toString(place - 1), '_', lag(item) over (partition by actor, visit order by place)) as source,
                concat(toString(place), '_', item) as target,
                t - lag(t) over (partition by actor, visit order by place) as milliseconds
            from {steps}",
            &[("steps", subquery(self.limited(self.between(self.visits(context)?)?)?))],
        )
    }

    /// The items of each visit, in order: rows `actor, visit, n, item, t`.
    fn visits(&self, context: &Context) -> Result<Query, CompileError> {
        let filter =
            and(vec![self.common.range(context)?.condition(), self.common.condition(context)?, self.is_included()?]);
        let events = template::query(
            "select {actor} as actor, {item} as item, toUnixTimestamp64Milli(timestamp) as t, uuid as id
            from events where {filter}",
            &[("actor", self.common.actor()), ("item", self.item(context)?), ("filter", filter)],
        )?;
        let mut kept = vec![compare(CompareOp::NotEq, field(["item"]), string(""))];
        if !self.paths_filter.exclude_events.is_empty() {
            let items = self.paths_filter.exclude_events.iter().map(|item| string(item.clone())).collect();
            kept.push(compare(CompareOp::NotIn, field(["item"]), tuple(items)));
        }
        template::query(
            "select actor, visit, item, t, row_number() over (partition by actor, visit order by t, id) as n from (
                select actor, visit, item, t, id, lead(item) over (partition by actor, visit order by t, id) as next from (
                    select actor, item, t, id, sum(begins) over (partition by actor order by t, id) as visit from (
                        select actor, item, t, id,
                            if(ifNull(t - lag(t) over (partition by actor order by t, id), 0) >= {pause}, 1, 0) as begins
                        from {events} where {kept}
                    )
                )
            ) where next is null or next != item",
            &[("pause", int(PAUSE_MS)), ("events", subquery(events)), ("kept", and(kept))],
        )
    }

    /// The part of each visit from the start point to the end point, for those that are given.
    fn between(&self, mut visits: Query) -> Result<Query, CompileError> {
        let point = |point: &Option<String>| {
            let point = point.as_deref().filter(|point| !point.is_empty());
            point.map(|point| string(point.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(point)))
        };
        if let Some(start) = point(&self.paths_filter.start_point) {
            visits = template::query(
                "select actor, visit, item, t, n from (
                    select actor, visit, item, t, n,
                        minIf(n, item = {start}) over (partition by actor, visit) as first
                    from {visits}
                ) where first > 0 and n >= first",
                &[("start", start), ("visits", subquery(visits))],
            )?;
        }
        if let Some(end) = point(&self.paths_filter.end_point) {
            visits = template::query(
                "select actor, visit, item, t, n from (
                    select actor, visit, item, t, n,
                        minIf(n, item = {end}) over (partition by actor, visit) as last
                    from {visits}
                ) where last > 0 and n <= last",
                &[("end", end), ("visits", subquery(visits))],
            )?;
        }
        Ok(visits)
    }

    /// At most so many steps of each visit: rows `actor, visit, item, t, place, length`. With an end point they are the last
    /// ones; with a start point as well, both ends and `...` between them.
    fn limited(&self, visits: Query) -> Result<Query, CompileError> {
        let given = |point: &Option<String>| point.as_deref().is_some_and(|point| !point.is_empty());
        let steps = limit("stepLimit", self.paths_filter.step_limit, STEPS)?;
        let text = match (given(&self.paths_filter.start_point), given(&self.paths_filter.end_point)) {
            (_, false) => {
                "select actor, visit, item, t, k as place, least(total, {steps}) as length
                from {counted} where k <= {steps}"
            }
            (false, true) => {
                "select actor, visit, item, t, k - greatest(total - {steps}, 0) as place, least(total, {steps}) as length
                from {counted} where k > total - {steps}"
            }
            (true, true) => {
                "select actor, visit, if(total > {steps} and k = {half} + 1, '...', item) as item, t,
                    if(total > {steps} and k > total - {half}, k - total + 2 * {half} + 1, k) as place,
                    if(total > {steps}, 2 * {half} + 1, total) as length
                from {counted} where total <= {steps} or k <= {half} + 1 or k > total - {half}"
            }
        };
        let counted = template::query(
            "select actor, visit, item, t, toInt(row_number() over (partition by actor, visit order by n)) as k,
                toInt(count() over (partition by actor, visit)) as total
            from {visits}",
            &[("visits", subquery(visits))],
        )?;
        let holes = [("steps", int(steps)), ("half", int(steps / 2)), ("counted", subquery(counted))];
        template::query(text, &holes)
    }

    /// Which events are steps.
    fn is_included(&self) -> Result<Expr, CompileError> {
        let types = &self.paths_filter.include_event_types;
        if types.is_empty() || types.contains(&EventType::Expression) {
            return Ok(and(Vec::new()));
        }
        let condition = |kind: &EventType| match kind {
            EventType::Page => equal(field(["event"]), string("$pageview")),
            EventType::Screen => equal(field(["event"]), string("$screen")),
            EventType::Custom | EventType::Expression => not(call("startsWith", vec![field(["event"]), string("$")])),
        };
        Ok(or(types.iter().map(condition).collect()))
    }

    /// What an event is as a step.
    fn item(&self, context: &Context) -> Result<Expr, CompileError> {
        let filter = &self.paths_filter;
        let types = &filter.include_event_types;
        let other = match filter.expression.as_deref().filter(|_| types.contains(&EventType::Expression)) {
            Some(text) => crate::parse_expr(text)?,
            None => field(["event"]),
        };
        // An expression alone is asked of every event.
        let mut item = if types.as_slice() == [EventType::Expression] {
            template::expr("ifNull(toString({other}), '')", &[("other", other)])?
        } else {
            template::expr(
                "multiIf(
                    event = '$pageview', replaceRegexpOne(ifNull(toString(properties.$current_url), ''), '(.)/$', '\\\\1'),
                    event = '$screen', ifNull(toString(properties.$screen_name), ''),
                    ifNull(toString({other}), ''))",
                &[("other", other)],
            )?
        };
        let local = filter.local_path_cleaning_filters.iter().map(|rule| (&rule.regex, &rule.alias));
        let project = context.project.path_cleaning.iter().map(|rule| (&rule.regex, &rule.alias));
        for (regex, alias) in local.chain(project.filter(|_| filter.path_replacements)) {
            item = call("replaceRegexpAll", vec![item, string(regex.clone()), string(alias.clone())]);
        }
        let mut groupings = filter.path_groupings.clone();
        groupings.sort();
        if groupings.is_empty() {
            return Ok(item);
        }
        let mut choices = Vec::with_capacity(groupings.len() * 2 + 1);
        for grouping in groupings {
            let pattern = regex::escape(&grouping).replace("\\*", ".*");
            choices.extend([call("match", vec![item.clone(), string(pattern)]), string(grouping)]);
        }
        choices.push(item);
        Ok(call("multiIf", choices))
    }
}

pub(super) fn respond(results: &[Rows]) -> Value {
    let rows: Vec<&[Value]> = results.iter().flatten().map(Vec::as_slice).collect();
    let text = |row: &[Value], at: usize| row.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    // Edges that no visit in sight leads to are left out.
    let mut reached = BTreeSet::new();
    loop {
        let before = reached.len();
        for row in &rows {
            let source = text(row, 0);
            if source.starts_with("1_") || reached.contains(&source) {
                reached.insert(text(row, 1));
            }
        }
        if reached.len() == before {
            break;
        }
    }
    let shown = rows.into_iter().filter(|row| {
        let source = text(row, 0);
        source.starts_with("1_") || reached.contains(&source)
    });
    let edge = |row: &[Value]| {
        json!({
            "source": text(row, 0), "target": text(row, 1), "value": numeral(number(row.get(2))),
            "average_conversion_time": numeral(number(row.get(3))),
        })
    };
    json!({"results": shown.map(edge).collect::<Vec<_>>()})
}
