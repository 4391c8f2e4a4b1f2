//! Persons on the wire.

use meta::{Person, Project};
use model::Properties;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::wire::{Json, timestamp_text_z};

/// Properties a person is named by unless the project says otherwise, the first that is not empty.
const NAME_PROPERTIES: [&str; 8] = ["email", "Email", "$email", "name", "Name", "username", "Username", "UserName"];

/// A page of persons.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonPage {
    pub(crate) next: Option<String>,
    pub(crate) previous: Option<String>,
    /// There when `include_total` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    pub(crate) results: Vec<PersonRow>,
}

/// A person as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonRow {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    uuid: String,
    created_at: String,
    #[schema(value_type = Object)]
    properties: Json,
    is_identified: bool,
    name: String,
    distinct_ids: Vec<String>,
    #[schema(value_type = Vec<String>)]
    matched_recordings: [(); 0],
    #[schema(value_type = Option<i64>)]
    value_at_data_point: Option<()>,
    last_seen_at: Option<String>,
}

/// A person alone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonDetailed {
    id: i64,
    uuid: String,
    name: String,
    distinct_ids: Vec<String>,
    #[schema(value_type = Object)]
    properties: Json,
    created_at: String,
    is_identified: bool,
    last_seen_at: Option<String>,
}

impl PersonRow {
    pub(crate) fn of(person: &Person, project: &Project) -> Self {
        Self {
            kind: "person",
            id: person.uuid.to_string(),
            uuid: person.uuid.to_string(),
            created_at: timestamp_text_z(person.created_at),
            properties: Json::of(&person.properties),
            is_identified: person.is_identified,
            name: name(person, project),
            distinct_ids: sorted(person),
            matched_recordings: [],
            value_at_data_point: None,
            last_seen_at: None,
        }
    }
}

impl PersonDetailed {
    pub(crate) fn of(person: &Person, project: &Project) -> Self {
        Self {
            id: person.id,
            uuid: person.uuid.to_string(),
            name: name(person, project),
            distinct_ids: sorted(person),
            properties: Json::of(&person.properties),
            created_at: timestamp_text_z(person.created_at),
            is_identified: person.is_identified,
            last_seen_at: None,
        }
    }
}

/// Distinct ids that are not UUIDs come first: these are the ones somebody chose.
fn sorted(person: &Person) -> Vec<String> {
    let mut ids = person.distinct_ids.clone();
    ids.sort_by_key(|id| Uuid::parse_str(id).is_ok());
    ids
}

fn name(person: &Person, project: &Project) -> String {
    let properties = Properties::parse(&person.properties).unwrap_or_default();
    let chosen: Option<Vec<String>> =
        project.settings.person_display_name_properties.as_deref().and_then(|names| serde_json::from_str(names).ok());
    let named = match &chosen {
        Some(names) => names.iter().find_map(|key| text(&properties, key)),
        None => NAME_PROPERTIES.iter().find_map(|key| text(&properties, key)),
    };
    named.unwrap_or_else(|| person.distinct_ids.first().cloned().unwrap_or_default())
}

fn text(properties: &Properties<'_>, key: &str) -> Option<String> {
    properties.get_str(key).filter(|value| !value.is_empty()).map(std::borrow::Cow::into_owned)
}
