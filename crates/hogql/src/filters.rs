//! Property filters, as requests write them in JSON, become conditions in HogQL.
//!
//! The one filter compiler: `{filters}`, insights, lists of events and steps of actions use it. Incomplete filters hold for every
//! row, as upstream has it, and are noted; filters that cannot mean anything are errors.

mod element;
mod operator;
mod semver;

pub(crate) use element::{selector, some_element, tag_name};
pub(crate) use operator::escape_like;

use serde_json::Value;

use crate::ast::{CompareOp, Constant, Expr, Query};
use crate::build::{and, compare, constant, field, or, subquery, truth};
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
    /// What was left out, in words.
    pub notices: Vec<String>,
}

/// Compiles `filters`: nothing, a list, a group `{type, values}`, or the old form `{key: value}`.
///
/// # Errors
///
/// If a filter cannot mean anything for the subject, or its value does not fit its operator.
pub fn compile(filters: &Value, subject: Subject, context: &Context) -> Result<Compiled, FilterError> {
    let mut compiler = Compiler { context, subject, notices: Vec::new() };
    let condition = compiler.top(filters)?;
    Ok(Compiled { condition, notices: compiler.notices })
}

/// What is known while filters are compiled.
pub(crate) struct Compiler<'c> {
    pub(crate) context: &'c Context,
    pub(crate) subject: Subject,
    pub(crate) notices: Vec<String>,
}

/// The left side of a filter.
struct Target {
    value: Expr,
    ty: Option<PropertyType>,
}

/// How deep groups may nest.
const DEPTH: u32 = 64;

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
                for (key, value) in map {
                    let (key, operator) = key.split_once("__").unwrap_or((key, "exact"));
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
        let Value::Object(map) = node else { return Ok(truth(true)) };
        let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
        let Some(values) = map.get("values") else {
            return if matches!(kind, "AND" | "OR") { Ok(truth(true)) } else { self.leaf(node, kind) };
        };
        let Value::Array(values) = values else { return Ok(truth(true)) };
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

    fn leaf(&mut self, leaf: &Value, kind: &str) -> Result<Expr, FilterError> {
        let text = |name: &str| leaf.get(name).and_then(Value::as_str).unwrap_or_default();
        let key = text("key");
        let operator = match text("operator") {
            "" => "exact",
            operator => operator,
        };
        match kind {
            "hogql" => {
                return crate::parse_expr(key).map_err(|error| FilterError(error.message().to_owned()));
            }
            "cohort" | "static-cohort" | "precalculated-cohort" | "dynamic-cohort" => {
                return self.cohort(leaf, operator);
            }
            "flag" => return Ok(truth(true)),
            _ => {}
        }
        if key.is_empty() {
            self.notices.push("A filter without a key was ignored".to_owned());
            return Ok(truth(true));
        }
        if kind == "element" {
            return self.element(key, operator, leaf.get("value").unwrap_or(&Value::Null));
        }
        if kind == "person" && key == "distinct_id" && self.subject == Subject::Events {
            return self.any_distinct_id(operator, leaf.get("value").unwrap_or(&Value::Null));
        }
        let Some(target) = self.target(key, kind, leaf)? else {
            self.notices.push(format!("The filter on '{key}' is incomplete and was ignored"));
            return Ok(truth(true));
        };
        self.operator(key, &target, operator, leaf.get("value").unwrap_or(&Value::Null))
    }

    fn cohort(&mut self, leaf: &Value, operator: &str) -> Result<Expr, FilterError> {
        let fault = || FilterError("Cohort property value must be a cohort ID".to_owned());
        let mut value = leaf.get("value").unwrap_or(&Value::Null);
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
            "is_not" => Some("exact"),
            "is_not_set" => Some("is_set"),
            _ => operator.strip_prefix("not_").filter(|positive| *positive != "between"),
        };
        let target = Target { value: field(["distinct_id"]), ty: None };
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
    fn target(&self, key: &str, kind: &str, leaf: &Value) -> Result<Option<Target>, FilterError> {
        let types = &self.context.project.property_types;
        let on_events = self.subject == Subject::Events;
        let (value, ty) = match kind {
            "" | "event" | "feature" if key == "$elements_chain" && on_events => (field(["elements_chain"]), None),
            "" | "event" | "feature" if on_events => (field(["properties", key]), types.event.get(key).copied()),
            "event_metadata" if on_events => {
                const COLUMNS: [&str; 12] = [
                    "event",
                    "timestamp",
                    "distinct_id",
                    "uuid",
                    "person_id",
                    "$group_0",
                    "$group_1",
                    "$group_2",
                    "$group_3",
                    "$group_4",
                    "elements_chain",
                    "created_at",
                ];
                if !COLUMNS.contains(&key) {
                    return Err(FilterError(format!("Unknown event column '{key}'")));
                }
                let ty = matches!(key, "timestamp" | "created_at").then_some(PropertyType::DateTime);
                (field([key]), ty)
            }
            "person" if on_events => (field(["person", "properties", key]), types.person.get(key).copied()),
            "" | "event" | "person" if self.subject == Subject::Persons => {
                (field(["properties", key]), types.person.get(key).copied())
            }
            "group" if on_events => {
                let index = leaf.get("group_type_index");
                let index = index
                    .and_then(|index| index.as_u64().or_else(|| index.as_str()?.parse().ok()))
                    .filter(|index| *index < 5);
                let Some(index) = index.and_then(|index| u8::try_from(index).ok()) else { return Ok(None) };
                let ty = types.group.get(&(index, key.to_owned())).copied();
                (field([format!("group_{index}").as_str(), "properties", key]), ty)
            }
            "group" | "" | "event" if matches!(self.subject, Subject::Groups(_)) => {
                let Subject::Groups(index) = self.subject else { return Ok(None) };
                (field(["properties", key]), types.group.get(&(index, key.to_owned())).copied())
            }
            "session" if on_events => (field(["session", key]), session_type(key)),
            "session" | "" | "event" if self.subject == Subject::Sessions => (field([key]), session_type(key)),
            _ => return Err(FilterError(format!("Filters of type '{kind}' cannot be used here"))),
        };
        Ok(Some(Target { value, ty }))
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
