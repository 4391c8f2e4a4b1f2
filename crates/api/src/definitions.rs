//! `event_definitions` and `property_definitions`: what a project's events are called, what they carry, and what people say
//! about both. Ingestion keeps the lists; here they are read, described, hidden and deleted.

pub(crate) mod events;
pub(crate) mod properties;
pub(crate) mod warnings;

use meta::About;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::call::Call;
use crate::error::ApiError;

/// Longest description and tag, in characters.
const TEXT_CHARS_MAX: usize = 400;
const TAG_CHARS_MAX: usize = 255;

fn texts(call: &Call, name: &'static str) -> Vec<String> {
    let texts = call.params.all(name).flat_map(|value| value.split(','));
    texts.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

/// A parameter that is a JSON list of texts.
fn json_texts(call: &Call, name: &'static str) -> Result<Vec<String>, ApiError> {
    let Some(text) = call.params.non_empty(name) else { return Ok(Vec::new()) };
    serde_json::from_str(text).map_err(|_| ApiError::invalid(name, "Expected a JSON list of strings."))
}

fn flag(call: &Call, name: &'static str) -> Result<Option<bool>, ApiError> {
    match call.params.non_empty(name) {
        None => Ok(None),
        Some(text) if text == "1" || text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(text) if text == "0" || text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(text) => Err(ApiError::invalid(name, format!("'{text}' is not a valid boolean."))),
    }
}

fn search(call: &Call) -> Vec<String> {
    call.params.get("search").unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// The id in the path. What is none names nothing.
fn id_of(call: &Call) -> Result<Uuid, ApiError> {
    Uuid::try_parse(call.name("id")).map_err(|_| ApiError::not_found())
}

/// A user who said something about a definition.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UpdatedBy {
    id: i64,
}

impl UpdatedBy {
    fn of(about: &About) -> Option<Self> {
        about.updated_by.map(|id| Self { id })
    }
}

/// Applies the fields of a change that both kinds have.
fn change_about(about: &mut About, body: &Value) -> Result<(), ApiError> {
    if let Some(description) = body.get("description") {
        about.description = match description {
            Value::Null => String::new(),
            Value::String(text) if text.chars().count() <= TEXT_CHARS_MAX => text.clone(),
            Value::String(_) => return Err(too_long("description", TEXT_CHARS_MAX)),
            _ => return Err(ApiError::invalid("description", "Not a valid string.")),
        };
    }
    if let Some(tags) = body.get("tags") {
        let list = || ApiError::invalid("tags", "Expected a list of strings.");
        let mut texts: Vec<&str> = Vec::new();
        for tag in tags.as_array().ok_or_else(list)? {
            let tag = tag.as_str().ok_or_else(list)?.trim();
            if tag.chars().count() > TAG_CHARS_MAX {
                return Err(too_long("tags", TAG_CHARS_MAX));
            }
            texts.push(tag);
        }
        texts.sort_unstable();
        texts.dedup();
        about.tags = json!(texts).to_string();
    }
    for (name, flag) in [("verified", &mut about.verified), ("hidden", &mut about.hidden)] {
        if let Some(value) = body.get(name) {
            *flag = value.as_bool().ok_or_else(|| ApiError::invalid(name, "Must be a valid boolean."))?;
        }
    }
    if about.verified && about.hidden {
        return Err(ApiError::invalid("hidden", "A definition cannot be both verified and hidden."));
    }
    Ok(())
}

fn too_long(attr: &'static str, limit: usize) -> ApiError {
    ApiError::invalid(attr, format!("Ensure this field has no more than {limit} characters."))
}
