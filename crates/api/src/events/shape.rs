//! Events as JSON: eight keys, in this order, properties exactly as they were sent.
//!
//! Rows are written as text rather than through a value tree: a page can hold 50,000 of them, and their properties
//! are JSON already.

use std::collections::HashMap;

use model::{ProjectId, Properties, write_json_string};
use query::Event;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::elements::{Element, decode_chain};
use crate::app::App;
use crate::error::ApiError;
use crate::wire::{Json, timestamp_text};

/// An event, as lists and retrieval show it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventShape {
    id: String,
    distinct_id: String,
    #[schema(value_type = Object)]
    properties: Json,
    event: String,
    timestamp: String,
    person: Option<EventPerson>,
    elements: Vec<Element>,
    elements_chain: String,
}

/// The person of an event: its oldest distinct id, and the properties it is known by.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPerson {
    is_identified: bool,
    distinct_ids: Vec<String>,
    #[schema(value_type = Object)]
    properties: Json,
}

/// A page of whole events, or the columns that were selected.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only described: pages are written as text")]
pub(crate) enum EventsAnswer {
    Page {
        next: Option<String>,
        results: Vec<EventShape>,
    },
    Selected {
        columns: Vec<String>,
        types: Vec<String>,
        /// Rows as arrays.
        #[schema(value_type = Vec<Vec<Value>>)]
        results: Value,
        #[serde(rename = "hasMore")]
        has_more: bool,
        limit: u64,
        offset: u64,
        next: Option<String>,
    },
}

/// Person properties that events show.
const SHOWN_PERSON_PROPERTIES: [&str; 3] = ["email", "name", "username"];

/// The persons of a page, rendered once each.
pub(super) struct Persons {
    rendered: HashMap<Uuid, String>,
}

impl Persons {
    /// The persons of `rows`, as they are now.
    pub(super) fn of(app: &App, project: ProjectId, rows: &[Event]) -> Result<Self, ApiError> {
        let mut uuids: Vec<Uuid> = rows.iter().map(|row| row.person_id).collect();
        uuids.sort_unstable();
        uuids.dedup();
        let persons = app.meta.persons_by_uuids(project, &uuids)?;
        Ok(Self { rendered: persons.iter().map(|(uuid, person)| (*uuid, render_person(person))).collect() })
    }

    /// No persons: every event shows `null`.
    pub(super) fn left_out() -> Self {
        Self { rendered: HashMap::new() }
    }
}

fn render_person(person: &meta::PersonSummary) -> String {
    let mut out = String::from(r#"{"is_identified":"#);
    out.push_str(if person.is_identified { "true" } else { "false" });
    out.push_str(r#","distinct_ids":["#);
    if let Some(distinct_id) = &person.first_distinct_id {
        write_json_string(&mut out, distinct_id);
    }
    out.push_str(r#"],"properties":"#);
    let mut shown = Properties::parse(&person.properties).unwrap_or_default();
    shown.retain(|key, _| SHOWN_PERSON_PROPERTIES.contains(&key));
    out.push_str(&shown.to_json());
    out.push('}');
    out
}

/// A page of events.
pub(super) fn write_page(next: Option<&str>, rows: &[Event], persons: &Persons) -> String {
    let mut out = String::with_capacity(64 + rows.iter().map(|row| row.properties.len() + 512).sum::<usize>());
    out.push_str(r#"{"next":"#);
    match next {
        Some(url) => write_json_string(&mut out, url),
        None => out.push_str("null"),
    }
    out.push_str(r#","results":["#);
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_event(&mut out, row, persons);
    }
    out.push_str("]}");
    out
}

/// One event.
pub(super) fn write_event(out: &mut String, row: &Event, persons: &Persons) {
    out.push_str(r#"{"id":""#);
    out.push_str(row.uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    out.push_str(r#"","distinct_id":"#);
    write_json_string(out, &row.distinct_id);
    out.push_str(r#","properties":"#);
    out.push_str(&row.properties);
    out.push_str(r#","event":"#);
    write_json_string(out, &row.event);
    out.push_str(r#","timestamp":""#);
    out.push_str(&timestamp_text(row.timestamp));
    out.push_str(r#"","person":"#);
    out.push_str(persons.rendered.get(&row.person_id).map_or("null", String::as_str));
    out.push_str(r#","elements":"#);
    if row.elements_chain.is_empty() {
        out.push_str("[]");
    } else {
        let elements = decode_chain(&row.elements_chain);
        out.push_str(&serde_json::to_string(&elements).expect("elements are plain data"));
    }
    out.push_str(r#","elements_chain":"#);
    write_json_string(out, &row.elements_chain);
    out.push('}');
}
