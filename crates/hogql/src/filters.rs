//! Property filters, as requests write them in JSON, become conditions in HogQL.
//!
//! The one filter compiler: `{filters}`, insights, lists of events and steps of actions use it. Incomplete filters hold for every
//! row, as upstream has it, and are noted; filters that cannot mean anything are errors.

mod element;
mod operator;
mod semver;

pub(crate) use element::{selector, some_element, tag_name};
pub(crate) use operator::escape_like;

use serde_json::{Map, Value};

use crate::ast::{CompareOp, Constant, Expr, Query};
use crate::build::{and, call, compare, constant, field, or, string, subquery, truth};
use crate::context::{Context, PropertyType};

/// A filter that cannot be run, in the words for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FilterError(pub String);

/// What a filter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Rows of `events`.
    Events,
    /// Rows of `persons`.
    Persons,
    /// Rows of `groups`, of the type with this index.
    Groups(u8),
    /// Rows of `sessions`.
    Sessions,
}

/// A condition made of filters.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// The condition; a constant true if there is nothing to filter by.
    pub condition: Expr,
    /// What was left out or can never hold, in words.
    pub notices: Vec<String>,
    /// The first filter that holds for every row because it does not say enough, in words.
    pub incomplete: Option<String>,
}

/// Compiles `filters`: nothing, a list, a group `{type, values}`, or the old form `{key: value}`.
///
/// # Errors
///
/// If a filter cannot mean anything for the subject, or its value does not fit its operator.
pub fn compile(filters: &Value, subject: Subject, context: &Context) -> Result<Compiled, FilterError> {
    let mut compiler = Compiler::new(context, subject);
    let condition = compiler.top(filters)?;
    Ok(compiler.finish(condition))
}

/// What is known while filters are compiled.
pub(crate) struct Compiler<'c> {
    context: &'c Context,
    subject: Subject,
    notices: Vec<String>,
    incomplete: Option<String>,
    filters: usize,
    patterns: usize,
}

/// The left side of a filter.
struct Target {
    value: Expr,
    /// Its type, if it has one; properties without a definition compare by what their values are.
    ty: Option<PropertyType>,
    /// The JSON document it is in.
    document: Option<Expr>,
}

/// How deep groups may nest.
const DEPTH: u32 = 64;
/// Filters at once.
const FILTERS_MAX: usize = 500;
/// Keys of a filter; the last four only tell a web page how to show it.
const KEYS: [&str; 10] = [
    "key",
    "value",
    "operator",
    "type",
    "group_type_index",
    "negation",
    "label",
    "property_type",
    "property_type_format",
    "cohort_name",
];

impl<'c> Compiler<'c> {
    pub(crate) fn new(context: &'c Context, subject: Subject) -> Self {
        Self { context, subject, notices: Vec::new(), incomplete: None, filters: 0, patterns: 0 }
    }

    /// What has come of `condition`.
    pub(crate) fn finish(self, condition: Expr) -> Compiled {
        Compiled { condition, notices: self.notices, incomplete: self.incomplete }
    }

    fn notice(&mut self, notice: String) {
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// A filter that does not say enough holds for every row, as upstream has it.
    fn neutral(&mut self, why: String) -> Expr {
        self.incomplete.get_or_insert_with(|| why.clone());
        self.notice(why);
        truth(true)
    }
}

impl Compiler<'_> {
    fn top(&mut self, filters: &Value) -> Result<Expr, FilterError> {
        match filters {
            Value::Object(map)
                if !map.is_empty()
                    && !map.contains_key("type")
                    && !map.contains_key("values")
                    && !map.contains_key("key") =>
            {
                let mut conditions = Vec::with_capacity(map.len());
                for (name, value) in map {
                    // Only an operator is one: keys may have underscores too.
                    let (key, operator) = match name.rsplit_once("__") {
                        Some((key, operator)) if operator::is_known(operator) => (key, operator),
                        _ => (name.as_str(), "exact"),
                    };
                    let leaf = serde_json::json!({"key": key, "value": value, "operator": operator, "type": "event"});
                    conditions.push(self.node(&leaf)?);
                }
                Ok(and(conditions))
            }
            Value::Object(map) if map.is_empty() => Ok(truth(true)),
            Value::Array(items) => {
                let conditions = items.iter().map(|item| self.node(item)).collect::<Result<Vec<_>, _>>()?;
                Ok(and(conditions))
            }
            _ => self.node(filters),
        }
    }

    /// A leaf or a group.
    pub(crate) fn node(&mut self, node: &Value) -> Result<Expr, FilterError> {
        self.node_at(node, DEPTH)
    }

    fn node_at(&mut self, node: &Value, depth: u32) -> Result<Expr, FilterError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(FilterError("Filters are nested too deeply".to_owned()));
        };
        let map = match node {
            Value::Object(map) => map,
            Value::Null => return Ok(truth(true)),
            _ => return Ok(self.neutral("A filter that is no object was ignored".to_owned())),
        };
        let kind = word(map, "type")?;
        let Some(values) = map.get("values") else {
            return if matches!(kind, "AND" | "OR") {
                Ok(self.neutral(format!("A group of filters '{kind}' without values was ignored")))
            } else {
                self.leaf(map, kind)
            };
        };
        let Value::Array(values) = values else {
            return Ok(self.neutral("A group of filters whose values are no list was ignored".to_owned()));
        };
        if !matches!(kind, "AND" | "OR" | "") {
            return Err(FilterError(format!("Unknown group of filters '{kind}', expected AND or OR")));
        }
        let conditions = values.iter().map(|value| self.node_at(value, depth)).collect::<Result<Vec<_>, _>>()?;
        if conditions.is_empty() {
            return Ok(truth(true));
        }
        // In an alternative a filter that holds for every row decides.
        Ok(if kind == "OR" { or(conditions) } else { and(conditions) })
    }

    fn leaf(&mut self, leaf: &Map<String, Value>, kind: &str) -> Result<Expr, FilterError> {
        self.filters += 1;
        if self.filters > FILTERS_MAX {
            return Err(FilterError(format!("There are more than {FILTERS_MAX} filters")));
        }
        for unknown in leaf.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            self.notice(format!("The key '{unknown}' of a filter was ignored"));
        }
        let key = word(leaf, "key")?;
        let operator = match word(leaf, "operator")? {
            "" => "exact",
            operator => operator,
        };
        let value = leaf.get("value").unwrap_or(&Value::Null);
        match kind {
            "hogql" if !key.is_empty() => {
                return crate::parse_expr(key).map_err(|error| FilterError(error.message().to_owned()));
            }
            "cohort" | "static-cohort" | "precalculated-cohort" | "dynamic-cohort" => {
                return self.cohort(leaf, operator, value);
            }
            "flag" => {
                self.notice("Filters on flags are ignored".to_owned());
                return Ok(truth(true));
            }
            _ => {}
        }
        if key.is_empty() {
            return Ok(self.neutral("A filter without a key was ignored".to_owned()));
        }
        if kind == "element" {
            return self.element(key, operator, value);
        }
        if kind == "person" && key == "distinct_id" && self.subject == Subject::Events {
            return self.any_distinct_id(operator, value);
        }
        let Some(target) = self.target(key, kind, leaf)? else {
            return Ok(self.neutral(format!("The filter on '{key}' is incomplete and was ignored")));
        };
        self.operator(key, &target, operator, value)
    }

    fn cohort(&mut self, leaf: &Map<String, Value>, operator: &str, mut value: &Value) -> Result<Expr, FilterError> {
        let fault = || FilterError("Cohort property value must be a cohort ID".to_owned());
        if is_blank(value) {
            return Ok(self.neutral("A filter on cohorts without a value was ignored".to_owned()));
        }
        if let Value::Array(items) = value {
            let [only] = items.as_slice() else { return Err(fault()) };
            value = only;
        }
        let id = value.as_i64().or_else(|| value.as_str()?.parse().ok()).ok_or_else(fault)?;
        let negated = operator == "not_in" || leaf.get("negation").and_then(Value::as_bool).unwrap_or(false);
        let op = if negated { CompareOp::NotInCohort } else { CompareOp::InCohort };
        let person = if self.subject == Subject::Persons { field(["id"]) } else { field(["person_id"]) };
        Ok(compare(op, person, constant(Constant::Int(id))))
    }

    /// Some distinct id of the event's person is as the operator asks; for a negative one, none of them is the opposite.
    fn any_distinct_id(&mut self, operator: &str, value: &Value) -> Result<Expr, FilterError> {
        let opposite = match operator {
            "is_not" | "not_in" => Some("exact"),
            "semver_neq" => Some("semver_eq"),
            "is_not_set" => Some("is_set"),
            _ => operator.strip_prefix("not_").filter(|positive| *positive != "between"),
        };
        if is_blank(value) && !matches!(operator, "is_set" | "is_not_set") {
            return Ok(self.neutral("The filter on 'distinct_id' has no value and was ignored".to_owned()));
        }
        let target = Target::text(field(["distinct_id"]));
        let condition = self.operator("distinct_id", &target, opposite.unwrap_or(operator), value)?;
        let text = "select person_id from person_distinct_ids";
        let mut query = crate::parse_select(text).map_err(|error| FilterError(error.to_string()))?;
        if let Query::Select(select) = &mut query {
            select.filter = Some(condition);
        }
        let op = if opposite.is_some() { CompareOp::NotIn } else { CompareOp::In };
        Ok(compare(op, field(["person_id"]), subquery(query)))
    }

    /// What a filter compares; `None` if it does not say enough.
    fn target(&self, key: &str, kind: &str, leaf: &Map<String, Value>) -> Result<Option<Target>, FilterError> {
        let types = &self.context.project.property_types;
        let on_events = self.subject == Subject::Events;
        Ok(Some(match kind {
            "" | "event" | "feature" if key == "$elements_chain" && on_events => {
                Target::text(field(["elements_chain"]))
            }
            "" | "event" | "feature" if on_events => {
                Target::property(&["properties"], key, types.event.get(key).copied())
            }
            "event_metadata" if on_events => column(key)?,
            "person" if on_events => Target::property(&["person", "properties"], key, types.person.get(key).copied()),
            "" | "event" | "person" if self.subject == Subject::Persons => {
                Target::property(&["properties"], key, types.person.get(key).copied())
            }
            "group" if on_events => {
                let index = leaf.get("group_type_index");
                let index = index
                    .and_then(|index| index.as_u64().or_else(|| index.as_str()?.parse().ok()))
                    .filter(|index| *index < 5);
                let Some(index) = index.and_then(|index| u8::try_from(index).ok()) else { return Ok(None) };
                let ty = types.group.get(&(index, key.to_owned())).copied();
                Target::property(&[&format!("group_{index}"), "properties"], key, ty)
            }
            "group" | "" | "event" if matches!(self.subject, Subject::Groups(_)) => {
                let Subject::Groups(index) = self.subject else { return Ok(None) };
                Target::property(&["properties"], key, types.group.get(&(index, key.to_owned())).copied())
            }
            "session" if on_events => {
                // An event outside of sessions has none of their values, rather than nothing and zero.
                let is_outside = call("empty", vec![field(["$session_id"])]);
                let value = call("if", vec![is_outside, constant(Constant::Null), field(["session", key])]);
                Target { value, ty: session_type(key), document: None }
            }
            "session" | "" | "event" if self.subject == Subject::Sessions => {
                Target { value: field([key]), ty: session_type(key), document: None }
            }
            _ => return Err(FilterError(format!("Filters of type '{kind}' cannot be used here"))),
        }))
    }
}

impl Target {
    /// Text, or what compares as its text.
    fn text(value: Expr) -> Self {
        Self { value, ty: None, document: None }
    }

    fn property(document: &[&str], key: &str, ty: Option<PropertyType>) -> Self {
        let value = field(document.iter().copied().chain([key]));
        Self { value, ty, document: Some(field(document.iter().copied())) }
    }
}

/// A column of events. An event without a group has none, rather than an empty one.
fn column(key: &str) -> Result<Target, FilterError> {
    Ok(match key {
        "event" | "distinct_id" | "elements_chain" => Target::text(field([key])),
        "uuid" | "person_id" => Target::text(call("toString", vec![field([key])])),
        "$group_0" | "$group_1" | "$group_2" | "$group_3" | "$group_4" => {
            Target::text(call("nullIf", vec![field([key]), string("")]))
        }
        "timestamp" | "created_at" => Target { value: field([key]), ty: Some(PropertyType::DateTime), document: None },
        _ => return Err(FilterError(format!("Unknown event column '{key}'"))),
    })
}

/// The text at `name`; nothing where there is none.
fn word<'v>(map: &'v Map<String, Value>, name: &str) -> Result<&'v str, FilterError> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(FilterError(format!("'{name}' of a filter must be text"))),
    }
}

/// Whether there is nothing to compare with.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(Value::is_null),
        _ => false,
    }
}

fn session_type(key: &str) -> Option<PropertyType> {
    match key {
        "$start_timestamp" | "$end_timestamp" => Some(PropertyType::DateTime),
        "$is_bounce" => Some(PropertyType::Boolean),
        "$session_duration" | "$pageview_count" | "$autocapture_count" | "$screen_count" => Some(PropertyType::Numeric),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
