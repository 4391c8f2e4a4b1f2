//! How a series is cut into several by the value of something.

use serde_json::{Value, json};

use super::common::fault;
use super::template;
use crate::ast::{CompareOp, Constant, Expr};
use crate::build::{call, compare, constant, field, string, truth};
use crate::compile::CompileError;
use crate::context::Context;

pub(super) const NONE: &str = "$$_posthog_breakdown_null_$$";
pub(super) const OTHER: &str = "$$_posthog_breakdown_other_$$";
/// Stands between the values of several breakdowns.
pub(super) const SEPARATOR: char = '\u{1}';

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BreakdownFilter {
    breakdown: Value,
    breakdown_type: Option<String>,
    breakdown_group_type_index: Option<u8>,
    breakdown_limit: Option<usize>,
    breakdown_hide_other_aggregation: bool,
    breakdown_histogram_bin_count: Option<u32>,
    breakdown_normalize_url: bool,
    breakdowns: Vec<One>,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    property: Value,
    #[serde(rename = "type")]
    kind: Option<String>,
    group_type_index: Option<u8>,
    #[serde(default)]
    normalize_url: bool,
    histogram_bin_count: Option<u32>,
}

/// What a series is cut by.
#[derive(Debug)]
pub(super) struct Breakdown {
    by: Vec<One>,
    /// Values shown.
    pub(super) limit: usize,
    pub(super) hide_other: bool,
    /// Values are reported as lists.
    pub(super) several: bool,
    /// The names of cohorts by number, if cut by cohort.
    pub(super) cohorts: Option<Vec<Value>>,
}

/// One query that a series needs.
#[derive(Debug)]
pub(super) struct Cut {
    /// The breakdown value of an event, text, or of all of them.
    pub(super) value: Expr,
    /// Which events belong to it.
    pub(super) condition: Expr,
}

impl BreakdownFilter {
    pub(super) fn read(self) -> Result<Option<Breakdown>, CompileError> {
        let several = !self.breakdowns.is_empty();
        let kind = self.breakdown_type.clone().unwrap_or_else(|| "event".to_owned());
        let mut cohorts = None;
        let by = if several {
            self.breakdowns
        } else if kind == "cohort" {
            cohorts = Some(match self.breakdown {
                Value::Array(ids) => ids,
                Value::Null => return Ok(None),
                id => vec![id],
            });
            Vec::new()
        } else {
            let properties = match self.breakdown {
                Value::Array(items) => items,
                Value::Null => return Ok(None),
                one => vec![one],
            };
            let one = |property| One {
                property,
                kind: Some(kind.clone()),
                group_type_index: self.breakdown_group_type_index,
                normalize_url: self.breakdown_normalize_url,
                histogram_bin_count: self.breakdown_histogram_bin_count,
            };
            properties.into_iter().map(one).collect()
        };
        if by.len() > 3 {
            return Err(fault("At most 3 breakdowns are supported"));
        }
        if by.iter().any(|one| one.histogram_bin_count.is_some()) {
            return Err(fault("Breakdowns by histogram are not supported"));
        }
        let limit = self.breakdown_limit.unwrap_or(25);
        let hide_other = self.breakdown_hide_other_aggregation;
        Ok(Some(Breakdown { by, limit, hide_other, several, cohorts }))
    }
}

impl Breakdown {
    /// How many values make up one.
    pub(super) fn parts(&self) -> usize {
        self.by.len()
    }

    pub(super) fn is_by_group(&self) -> bool {
        self.by.iter().any(|one| one.kind.as_deref() == Some("group"))
    }

    /// The value in the response, and as it is shown.
    pub(super) fn shown(&self, value: &str) -> (Value, String) {
        if self.cohorts.is_some() {
            let label = if value == "all" { "all users".to_owned() } else { format!("cohort {value}") };
            return (value.parse::<i64>().map_or_else(|_| json!(value), |id| json!(id)), label);
        }
        let parts: Vec<&str> = value.split(SEPARATOR).collect();
        let label = parts.join("::");
        let single = !self.several && parts.len() == 1;
        (if single { json!(value) } else { json!(parts) }, label)
    }
}

/// A value of a response as queries have it; `None` if there is none.
pub(super) fn value_text(value: &Value) -> Option<String> {
    let one = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    match value {
        Value::Null => None,
        Value::Array(parts) => Some(parts.iter().map(one).collect::<Vec<_>>().join(&SEPARATOR.to_string())),
        value => Some(one(value)),
    }
}

/// The queries a series needs. `none` stands for a value that is not there.
pub(super) fn cuts(breakdown: Option<&Breakdown>, none: &str, context: &Context) -> Result<Vec<Cut>, CompileError> {
    let Some(breakdown) = breakdown else { return Ok(vec![Cut { value: string(""), condition: truth(true) }]) };
    if let Some(cohorts) = &breakdown.cohorts {
        return cohorts.iter().map(|id| cohort(id, context)).collect();
    }
    let mut parts = Vec::with_capacity(breakdown.by.len() * 2);
    for one in &breakdown.by {
        if !parts.is_empty() {
            parts.push(string(SEPARATOR));
        }
        parts.push(one.value(none)?);
    }
    let value = if parts.len() == 1 { parts.pop() } else { None };
    Ok(vec![Cut { value: value.unwrap_or_else(|| call("concat", parts)), condition: truth(true) }])
}

fn cohort(id: &Value, context: &Context) -> Result<Cut, CompileError> {
    let number = id.as_i64().or_else(|| id.as_str()?.parse().ok()).filter(|number| *number != 0);
    let Some(number) = number else { return Ok(Cut { value: string("all"), condition: truth(true) }) };
    if !context.project.cohorts.iter().any(|cohort| cohort.id == number) {
        return Err(fault(format!("Cohort {number} does not exist")));
    }
    let condition = compare(CompareOp::InCohort, field(["person_id"]), constant(Constant::Int(number)));
    Ok(Cut { value: string(number.to_string()), condition })
}

impl One {
    /// The value of an event as text, `none` if there is none.
    fn value(&self, none: &str) -> Result<Expr, CompileError> {
        let key = match &self.property {
            Value::String(key) => key.clone(),
            other => other.to_string(),
        };
        let value = match self.kind.as_deref().unwrap_or("event") {
            "event" => field(["properties", &key]),
            "person" => field(["person", "properties", &key]),
            "session" => field(["session", &key]),
            "group" => {
                let index = self.group_type_index.unwrap_or(0);
                field([format!("group_{index}").as_str(), "properties", &key])
            }
            "hogql" => crate::parse_expr(&key)?,
            "event_metadata" => field([key.as_str()]),
            other => return Err(fault(format!("Unknown breakdown type '{other}'"))),
        };
        let mut text = call("toString", vec![value]);
        if self.normalize_url {
            text = call("replaceRegexpAll", vec![text, string("[/?#]+$"), string("")]);
        }
        template::expr("ifNull(nullIf({text}, ''), {none})", &[("text", text), ("none", string(none))])
    }
}
