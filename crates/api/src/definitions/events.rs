//! Definitions of events.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use meta::{EventDefinition, EventDefinitionQuery, EventNames, EventOrder};
use model::ProjectId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{UpdatedBy, change_about, flag, id_of, json_texts, search, texts, too_long};
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, nullable, optional, required};
use crate::paging::Page;
use crate::wire::{Json, timestamp_text_z, write_json};

pub(crate) const NEW_FIELDS: &[Field] = &[
    required("name", Kind::Name(400)),
    nullable("description", Kind::Text(400)),
    optional("tags", Kind::List(&Kind::Text(255))),
    optional("verified", Kind::Flag),
    optional("hidden", Kind::Flag),
    optional("enforcement_mode", Kind::Choice(&["allow", "reject"])),
    nullable("primary_property", Kind::Text(200)),
];
pub(crate) const FIELDS: &[Field] = &[
    optional("name", Kind::Text(400)),
    nullable("description", Kind::Text(400)),
    optional("tags", Kind::List(&Kind::Text(255))),
    optional("verified", Kind::Flag),
    optional("hidden", Kind::Flag),
    optional("enforcement_mode", Kind::Choice(&["allow", "reject"])),
    nullable("primary_property", Kind::Text(200)),
];

/// Longest name that is made by hand; longer ones never come from events.
const NAME_BYTES_MAX: usize = 200;
/// What did not come for so long is stale.
const STALE_MICROS: i64 = 30 * 86_400 * 1_000_000;

/// The definition of an event on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventDefinitionShape {
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    name: String,
    description: String,
    #[schema(value_type = Vec<String>)]
    tags: Json,
    verified: bool,
    hidden: bool,
    created_at: String,
    last_seen_at: Option<String>,
    updated_at: Option<String>,
    last_updated_at: Option<String>,
    updated_by: Option<UpdatedBy>,
    enforcement_mode: String,
    primary_property: Option<String>,
    is_action: bool,
    action_id: Option<i64>,
    is_calculating: bool,
    last_calculated_at: Option<String>,
    created_by: Option<UpdatedBy>,
    post_to_slack: bool,
}

/// A page of definitions of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventDefinitionPage {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<EventDefinitionShape>,
}

impl EventDefinitionShape {
    fn of(definition: &EventDefinition) -> Self {
        let about = &definition.about;
        let updated_at = about.updated_at.map(timestamp_text_z);
        Self {
            id: definition.id,
            name: definition.name.clone(),
            description: about.description.clone(),
            tags: Json::of(&about.tags),
            verified: about.verified,
            hidden: about.hidden,
            created_at: timestamp_text_z(definition.created_at),
            last_seen_at: definition.last_seen_at.map(timestamp_text_z),
            updated_at: updated_at.clone(),
            last_updated_at: updated_at,
            updated_by: UpdatedBy::of(about),
            enforcement_mode: definition.enforcement_mode.clone(),
            primary_property: definition.primary_property.clone(),
            is_action: false,
            action_id: None,
            is_calculating: false,
            last_calculated_at: None,
            created_by: None,
            post_to_slack: false,
        }
    }
}

/// Lists, searches and filters.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let page = Page::read(&call.params)?;
    let now = call.app.now();
    let stale = flag(&call, "exclude_stale")?.unwrap_or(false).then(|| now.plus_micros(-STALE_MICROS));
    let query = EventDefinitionQuery {
        search: search(&call),
        names: texts(&call, "names"),
        kind: names(call.params.non_empty("event_type"))?,
        tags: json_texts(&call, "tags")?,
        seen_since: stale,
        without_hidden: flag(&call, "exclude_hidden")?.unwrap_or(false),
        order: order(call.params.non_empty("ordering"))?,
        limit: page.limit,
        offset: page.offset,
    };
    let (found, count) = call.app.meta.event_definitions(project, &query)?;
    let (next, previous) = call.links_within(page, count);
    let results = found.iter().map(EventDefinitionShape::of).collect();
    Ok(write_json(&EventDefinitionPage { count, next, previous, results }))
}

fn names(kind: Option<&str>) -> Result<EventNames, ApiError> {
    Ok(match kind {
        None | Some("event" | "all") => EventNames::All,
        Some("event_custom") => EventNames::Custom,
        Some("event_posthog") => EventNames::PostHog,
        Some(other) => return Err(ApiError::invalid("event_type", format!("'{other}' is not a valid event type."))),
    })
}

fn order(text: Option<&str>) -> Result<EventOrder, ApiError> {
    Ok(match text {
        None | Some("-last_seen_at" | "-last_seen_at::date") => EventOrder::LastSeen,
        Some("last_seen_at" | "last_seen_at::date") => EventOrder::LastSeenAscending,
        Some("-created_at") => EventOrder::Created,
        Some("created_at") => EventOrder::CreatedAscending,
        Some("name") => EventOrder::Name,
        Some("-name") => EventOrder::NameDescending,
        Some(other) => return Err(ApiError::invalid("ordering", format!("'{other}' is not a valid order."))),
    })
}

/// Makes a definition for an event that is still to come.
pub(crate) async fn create(call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.caller()?.user.id);
    let body = call.body(NEW_FIELDS)?;
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    if name.len() > NAME_BYTES_MAX {
        return Err(too_long("name", NAME_BYTES_MAX));
    }
    // Before anything is made: what is wrong with the rest must not leave half of it.
    let mut about = meta::About { tags: "[]".to_owned(), ..meta::About::default() };
    change_about(&mut about, &body)?;
    let Some(made) = call.app.meta.create_event_definition(project, name, call.app.now())? else {
        return Err(ApiError::invalid("name", format!("Event definition with name '{name}' already exists")));
    };
    let changed = change(&call, project, user, made, &body)?;
    Ok((StatusCode::CREATED, write_json(&EventDefinitionShape::of(&changed))).into_response())
}

/// The definition of the event with a name.
pub(crate) async fn by_name(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let name = call.params.get("name").ok_or_else(|| ApiError::required("name"))?;
    Ok(write_json(&EventDefinitionShape::of(
        &call.app.meta.event_definition_by_name(project, name)?.ok_or_else(ApiError::not_found)?,
    )))
}

/// One definition.
pub(crate) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    Ok(write_json(&EventDefinitionShape::of(&find(&call)?)))
}

/// Describes an event.
pub(crate) async fn update(call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.caller()?.user.id);
    let body = call.changes(FIELDS)?;
    let found = find(&call)?;
    Ok(write_json(&EventDefinitionShape::of(&change(&call, project, user, found, &body)?)))
}

/// Forgets a definition. It comes back with the next event of that name.
pub(crate) async fn delete(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    call.app.meta.delete_event_definition(project, find(&call)?.id)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn find(call: &Call) -> Result<EventDefinition, ApiError> {
    call.app.meta.event_definition(call.project_id()?, id_of(call)?)?.ok_or_else(ApiError::not_found)
}

fn change(
    call: &Call,
    project: ProjectId,
    user: i64,
    mut definition: EventDefinition,
    body: &Value,
) -> Result<EventDefinition, ApiError> {
    if body.get("name").is_some_and(|name| *name != definition.name) {
        return Err(ApiError::invalid("name", "The name of an event cannot be changed."));
    }
    change_about(&mut definition.about, body)?;
    match body.get("enforcement_mode") {
        None => {}
        Some(Value::String(mode)) if matches!(mode.as_str(), "allow" | "reject") => {
            definition.enforcement_mode.clone_from(mode);
        }
        Some(other) => return Err(ApiError::invalid("enforcement_mode", format!("{other} is not a valid choice."))),
    }
    match body.get("primary_property") {
        None => {}
        Some(Value::Null) => definition.primary_property = None,
        Some(Value::String(name)) if name.len() <= NAME_BYTES_MAX => definition.primary_property = Some(name.clone()),
        Some(_) => return Err(ApiError::invalid("primary_property", "Not a valid string.")),
    }
    definition.about.updated_at = Some(call.app.now());
    definition.about.updated_by = Some(user);
    call.app.meta.update_event_definition(project, &definition)?;
    Ok(definition)
}
