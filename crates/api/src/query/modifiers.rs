//! `modifiers`: settings of one question that change what it means, or how it is run.
//!
//! Those that mean something here are taken; those that only choose between ways of ClickHouse to the same answer are
//! checked and make no difference; those that would change the answer and are not served are refused.

use hogql::context::{Modifiers, PersonsOnEvents};
use serde_json::Value;

use crate::error::ApiError;

/// Modifiers that choose how, and the values each may have; none: true or false.
const WITHOUT_EFFECT: [(&str, &[&str]); 15] = [
    ("inCohortVia", &["auto", "leftjoin", "subquery", "leftjoin_conjoined"]),
    ("materializationMode", &["auto", "disabled"]),
    ("materializedColumnsOptimizationMode", &["disabled", "optimized"]),
    ("propertyGroupsMode", &["enabled", "disabled", "optimized"]),
    ("sessionTableVersion", &["auto", "v1", "v2", "v3"]),
    ("sessionsV2JoinMode", &["string", "uuid"]),
    ("optimizeJoinedFilters", &[]),
    ("optimizeProjections", &[]),
    ("usePresortedEventsTable", &[]),
    ("useMaterializedViews", &[]),
    ("usePreaggregatedTableTransforms", &[]),
    ("usePreaggregatedIntermediateResults", &[]),
    ("useWebAnalyticsPreAggregatedTables", &[]),
    ("formatCsvAllowDoubleQuotes", &[]),
    ("timings", &[]),
];

/// Modifiers that may only have the value that is right anyway.
const FIXED: [(&str, Value); 3] = [
    ("convertToProjectTimezone", Value::Bool(true)),
    ("s3TableUseInvalidColumns", Value::Bool(false)),
    ("forceClickhouseDataSkippingIndexes", Value::Bool(false)),
];

/// What `query` asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    /// Say more about how the answer came about.
    pub(super) debug: bool,
}

/// Reads the modifiers of `query` into `modifiers`.
pub(super) fn read(query: &Value, modifiers: &mut Modifiers) -> Result<Asked, ApiError> {
    let mut asked = Asked::default();
    let given = match query.get("modifiers") {
        None | Some(Value::Null) => return Ok(asked),
        Some(Value::Object(given)) => given,
        Some(_) => return Err(ApiError::invalid("query", "modifiers: Expected a dictionary of items.")),
    };
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let wrong = |expected: &str| {
            Err(ApiError::invalid("query", format!("modifiers.{name}: expected {expected}, found {value}")))
        };
        let flag = || value.as_bool();
        match name.as_str() {
            "personsOnEventsMode" => match value.as_str().and_then(PersonsOnEvents::parse) {
                Some(mode) => modifiers.persons_on_events = mode,
                None => return wrong("a mode of persons on events"),
            },
            "legacyPropertyEscapes" => match flag() {
                Some(legacy) => modifiers.legacy_property_escapes = legacy,
                None => return wrong("true or false"),
            },
            "bounceRateDurationSeconds" => match value.as_f64().filter(|seconds| (0.0..=86_400.0).contains(seconds)) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a day of seconds at most")]
                Some(seconds) if seconds.fract() == 0.0 => modifiers.bounce_seconds = seconds as u32,
                _ => return wrong("whole seconds, a day at most"),
            },
            "debug" => match flag() {
                Some(debug) => asked.debug = debug,
                None => return wrong("true or false"),
            },
            "bounceRatePageViewMode" if value == "uniq_page_screen_autocaptures" => {}
            "customChannelTypeRules" | "dataWarehouseEventsModifiers"
                if value.as_array().is_some_and(Vec::is_empty) => {}
            other => without_effect(other, value)?,
        }
    }
    Ok(asked)
}

fn without_effect(name: &str, value: &Value) -> Result<(), ApiError> {
    if let Some((_, fixed)) = FIXED.iter().find(|(known, _)| *known == name) {
        return if value == fixed { Ok(()) } else { Err(unsupported(name, value)) };
    }
    let Some((_, choices)) = WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) else {
        let known = ["bounceRatePageViewMode", "customChannelTypeRules", "dataWarehouseEventsModifiers"];
        return Err(if known.contains(&name) {
            unsupported(name, value)
        } else {
            ApiError::invalid("query", format!("modifiers.{name}: there is no such modifier"))
        });
    };
    let is_valid = match value {
        Value::Bool(_) => choices.is_empty(),
        Value::String(text) => choices.contains(&text.as_str()),
        _ => false,
    };
    if is_valid { Ok(()) } else { Err(unsupported(name, value)) }
}

fn unsupported(name: &str, value: &Value) -> ApiError {
    ApiError::unsupported("query", &format!("The modifier {name} with the value {value}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(modifiers: &Value) -> Option<String> {
        read(&json!({"modifiers": modifiers}), &mut Modifiers::default()).err().map(|error| error.to_string())
    }

    #[test]
    fn what_changes_nothing_is_taken_and_what_would_is_refused() {
        for taken in [
            json!({}),
            json!(null),
            json!({"inCohortVia": "leftjoin", "optimizeJoinedFilters": true, "debug": null}),
            json!({"convertToProjectTimezone": true, "customChannelTypeRules": []}),
            json!({"bounceRateDurationSeconds": 30, "personsOnEventsMode": "disabled", "debug": true}),
        ] {
            assert_eq!(refusal(&taken), None, "{taken}");
        }
        for (refused, reason) in [
            (json!([]), "dictionary"),
            (json!({"colour": "red"}), "no such modifier"),
            (json!({"inCohortVia": "magic"}), "not supported"),
            (json!({"inCohortVia": true}), "not supported"),
            (json!({"convertToProjectTimezone": false}), "not supported"),
            (json!({"materializationMode": "legacy_null_as_null"}), "not supported"),
            (json!({"customChannelTypeRules": [{}]}), "not supported"),
            (json!({"personsOnEventsMode": "x"}), "mode of persons"),
            (json!({"bounceRateDurationSeconds": -1}), "whole seconds"),
            (json!({"debug": "yes"}), "true or false"),
        ] {
            let told = refusal(&refused).unwrap_or_default();
            assert!(told.contains(reason), "{refused}: {told}");
        }
    }
}
