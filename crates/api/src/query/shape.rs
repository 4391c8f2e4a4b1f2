//! What lists show as objects: whole events, persons and groups.

use std::collections::HashMap;

use hogql::{ActorsQuery, EventsQuery};
use meta::Meta;
use model::ProjectId;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::ApiError;

/// What `*` is in an `EventsQuery`.
const WHOLE: [&str; 9] = [
    "uuid",
    "event",
    "properties",
    "timestamp",
    "team_id",
    "distinct_id",
    "elements_chain",
    "created_at",
    "person_mode",
];
/// Columns as they are reported: the strings of the request, or what they are called.
pub(super) fn labels(selected: &[String]) -> Vec<String> {
    let label = |text: &String| {
        let lower = text.to_ascii_lowercase();
        match lower.rfind(" as ") {
            Some(at) => text.get(at + 4..).unwrap_or(text).trim().to_owned(),
            None => text.clone(),
        }
    };
    if selected.is_empty() { vec!["*".to_owned()] } else { selected.iter().map(label).collect() }
}

/// A column without its comment.
fn bare(text: &str) -> &str {
    text.split(" -- ").next().unwrap_or(text).trim()
}

/// Rows with `*` and `person` as objects.
pub(crate) fn events(query: &EventsQuery, results: String) -> Result<String, ApiError> {
    let star = [String::from("*")];
    let selected = if query.select.is_empty() { &star[..] } else { &query.select };
    rewrite(selected, results, |rows| {
        for row in rows {
            for (value, text) in row.iter_mut().zip(selected) {
                match bare(text) {
                    "*" => *value = event(value),
                    "person" => *value = person(value),
                    _ => {}
                }
            }
        }
        Ok(())
    })
}

/// Rows with `person`, `group` and `actor` as objects. Distinct ids of persons are looked up once for all rows.
pub(super) fn actors(
    query: &ActorsQuery,
    results: String,
    meta: &Meta,
    project: ProjectId,
) -> Result<String, ApiError> {
    rewrite(&query.columns, results, |rows| {
        let is_actor = |text: &String| matches!(bare(text), "person" | "actor" | "group");
        let cells = || query.columns.iter().enumerate().filter(|(_, text)| is_actor(text)).map(|(at, _)| at);
        if let Some(index) = query.group {
            for row in rows {
                cells().for_each(|at| row[at] = group(&row[at], index));
            }
            return Ok(());
        }
        let id = |value: &Value| -> Option<Uuid> { value.get(0)?.as_str()?.parse().ok() };
        let ids: Vec<Uuid> = rows.iter().filter_map(|row| cells().find_map(|at| id(&row[at]))).collect();
        let numbers = meta.person_refs(project, &ids)?.into_iter().map(|person| person.number);
        let known = meta.persons_by_numbers(project, numbers)?;
        let distinct_ids: HashMap<Uuid, Vec<String>> =
            known.into_iter().map(|person| (person.uuid, person.distinct_ids)).collect();
        for row in rows {
            for at in cells() {
                let ids = id(&row[at]).and_then(|id| distinct_ids.get(&id));
                row[at] = actor(&row[at], ids.map_or(&[][..], Vec::as_slice));
            }
        }
        Ok(())
    })
}

/// `results` after `change`, if any column is an object.
fn rewrite(
    selected: &[String],
    results: String,
    change: impl FnOnce(&mut [Vec<Value>]) -> Result<(), ApiError>,
) -> Result<String, ApiError> {
    if !selected.iter().any(|text| matches!(bare(text), "*" | "person" | "actor" | "group")) {
        return Ok(results);
    }
    let wrong = |error: serde_json::Error| ApiError::Internal(Box::new(error));
    let mut rows: Vec<Vec<Value>> = serde_json::from_str(&results).map_err(wrong)?;
    change(&mut rows)?;
    serde_json::to_string(&rows).map_err(wrong)
}

/// A person of a list of actors.
fn actor(value: &Value, distinct_ids: &[String]) -> Value {
    let Some([id, created_at, properties, is_identified]) = value.as_array().map(Vec::as_slice) else {
        return value.clone();
    };
    json!({
        "id": id, "uuid": id, "type": "person", "distinct_ids": distinct_ids, "created_at": created_at,
        "properties": parsed(properties), "is_identified": is_identified,
    })
}

/// A group of a list of actors.
fn group(value: &Value, index: u8) -> Value {
    let Some([key, created_at, properties]) = value.as_array().map(Vec::as_slice) else { return value.clone() };
    json!({
        "id": key, "type": "group", "group_key": key, "group_type_index": index, "created_at": created_at,
        "properties": parsed(properties),
    })
}

fn parsed(text: &Value) -> Value {
    text.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| json!({}))
}

fn event(value: &Value) -> Value {
    let Value::Array(values) = value else { return value.clone() };
    let pairs = WHOLE.iter().zip(values).map(|(name, value)| {
        let value = if *name == "properties" { parsed(value) } else { value.clone() };
        ((*name).to_owned(), value)
    });
    let mut event: Map<String, Value> = pairs.collect();
    if let Some(chain) = event.get("elements_chain").and_then(Value::as_str).filter(|chain| !chain.is_empty()) {
        let elements = crate::events::decode_chain(chain);
        event.insert("elements".to_owned(), serde_json::to_value(elements).unwrap_or_default());
    }
    Value::Object(event)
}

fn person(value: &Value) -> Value {
    let Some([distinct_id, id, created_at, properties]) = value.as_array().map(Vec::as_slice) else {
        return value.clone();
    };
    let nobody = Uuid::nil().to_string();
    match id.as_str() {
        Some(known) if !known.is_empty() && known != nobody => json!({
            "uuid": id, "created_at": created_at, "properties": parsed(properties), "distinct_id": distinct_id,
        }),
        _ => json!({"distinct_id": distinct_id}),
    }
}
