use serde_json::{Value, json};

use super::*;
use crate::testing::{NOW, World, event};

fn kind_of(name: &str, value: Value) -> String {
    let found = type_of(name, &value.to_string(), Timestamp::from_micros(NOW));
    found.map_or_else(|| "none".to_owned(), |kind| kind.to_string())
}

#[test]
fn types_are_found_by_name_and_value() {
    for (name, value, expected) in [
        ("k", json!(1), "Numeric"),
        ("k", json!(1.5), "Numeric"),
        ("k", json!("1"), "String"),
        ("k", json!(""), "String"),
        ("k", json!(true), "Boolean"),
        ("k", json!(" TRUE "), "Boolean"),
        ("k", json!("True"), "String"),
        ("k", json!(null), "none"),
        ("k", json!([1]), "none"),
        ("k", json!({"a": 1}), "none"),
        ("utm_source", json!(5), "String"),
        ("$initial_utm_source", json!(null), "String"),
        ("$feature/x", json!(true), "String"),
        ("$feature_flag_response", json!(true), "String"),
        ("$survey_response_1", json!(5), "String"),
        ("created_at", json!(1_767_268_800), "DateTime"),
        ("Signup Date", json!(1_767_268_800), "DateTime"),
        ("time", json!(12), "Numeric"),
        ("time", json!("12"), "String"),
        ("at", json!(1_767_268_800), "Numeric"),
        ("k", json!("2026-01-01"), "DateTime"),
        ("k", json!("2026/01/31"), "DateTime"),
        ("k", json!("01-31-2026"), "DateTime"),
        ("k", json!("01/31/2026 12:00:00"), "DateTime"),
        ("k", json!("2026-01-01T12:00:00.123Z"), "DateTime"),
        ("k", json!("2026-01-01 12:00:00"), "DateTime"),
        ("k", json!("Thu, 01 Jan 2026 12:00:00 GMT"), "DateTime"),
        ("k", json!("2026-13-01"), "String"),
        ("k", json!("2026-01-01x"), "String"),
        ("k", json!("31-01-2026"), "String"),
        ("k", json!("1234567890"), "String"),
    ] {
        assert_eq!(kind_of(name, value.clone()), expected, "{name} {value}");
    }
}

/// Every definition, one per line.
fn defined(world: &World) -> Vec<String> {
    let mut lines = world
        .meta
        .event_definitions_for_tests()
        .into_iter()
        .map(|(name, keys)| format!("event {name}: {}", keys.join(" ")))
        .collect::<Vec<_>>();
    lines.extend(world.meta.property_definitions_for_tests());
    lines
}
