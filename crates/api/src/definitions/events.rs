//! Definitions of events.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use meta::{EventDefinition, EventDefinitionQuery, EventNames, EventOrder};
use model::ProjectId;
use serde_json::{Value, json};

use super::{Asked, about_fields, change_about, id_of, merged, not_found, too_long};
use crate::app::App;
use crate::auth::Access;
use crate::body::{json_object, required_text};
use crate::error::ApiError;
use crate::paging::Page;
use crate::wire::{timestamp_text_z, write_json};

const OBJECT: &str = "event_definition";
/// Longest name that is made by hand; longer ones never come from events.
const NAME_BYTES_MAX: usize = 200;
/// What did not come for so long is stale.
const STALE_MICROS: i64 = 30 * 86_400 * 1_000_000;

/// Lists, searches and filters.
pub(super) async fn list(
    State(app): State<App>,
    Path(project): Path<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (project, _) = asked.project(&app, &project, OBJECT, Access::Read)?;
    let page = Page::read(&asked.params)?;
    let now = app.now();
    let stale = asked.flag("exclude_stale")?.unwrap_or(false).then(|| now.plus_micros(-STALE_MICROS));
    let query = EventDefinitionQuery {
        search: asked.search(),
        names: asked.texts("names"),
        kind: names(asked.params.non_empty("event_type"))?,
        tags: asked.json_texts("tags")?,
        seen_since: stale,
        without_hidden: asked.flag("exclude_hidden")?.unwrap_or(false),
        order: order(asked.params.non_empty("ordering"))?,
        limit: page.limit,
        offset: page.offset,
    };
    let (found, count) = app.meta.event_definitions(project, &query)?;
    Ok(asked.answer(&app, page, count, &found.iter().map(shape).collect::<Vec<_>>()))
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
pub(super) async fn create(
    State(app): State<App>,
    Path(project): Path<String>,
    asked: Asked,
    body: Bytes,
) -> Result<Response, ApiError> {
    let (project, user) = asked.project(&app, &project, OBJECT, Access::Write)?;
    let body = json_object(&app, &asked.headers, &body)?;
    let name = required_text(&body, "name")?;
    if name.trim().is_empty() {
        return Err(ApiError::invalid("name", "This field may not be blank."));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(too_long("name", NAME_BYTES_MAX));
    }
    // Before anything is made: what is wrong with the rest must not leave half of it.
    let mut about = meta::About { tags: "[]".to_owned(), ..meta::About::default() };
    change_about(&mut about, &body)?;
    let Some(made) = app.meta.create_event_definition(project, name, app.now())? else {
        return Err(ApiError::invalid("name", format!("Event definition with name '{name}' already exists")));
    };
    let changed = change(&app, project, user, made, &body)?;
    Ok((StatusCode::CREATED, write_json(&shape(&changed))).into_response())
}

/// The definition of the event with a name.
pub(super) async fn by_name(
    State(app): State<App>,
    Path(project): Path<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (project, _) = asked.project(&app, &project, OBJECT, Access::Read)?;
    let name = asked.params.get("name").ok_or_else(|| ApiError::required("name"))?;
    Ok(write_json(&shape(&app.meta.event_definition_by_name(project, name)?.ok_or_else(not_found)?)))
}

/// One definition.
pub(super) async fn retrieve(
    State(app): State<App>,
    Path((project, id)): Path<(String, String)>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (project, _) = asked.project(&app, &project, OBJECT, Access::Read)?;
    Ok(write_json(&shape(&find(&app, project, &id)?)))
}

/// Describes an event.
pub(super) async fn update(
    State(app): State<App>,
    Path((project, id)): Path<(String, String)>,
    asked: Asked,
    body: Bytes,
) -> Result<Response, ApiError> {
    let (project, user) = asked.project(&app, &project, OBJECT, Access::Write)?;
    let body = json_object(&app, &asked.headers, &body)?;
    let found = find(&app, project, &id)?;
    Ok(write_json(&shape(&change(&app, project, user, found, &body)?)))
}

/// Forgets a definition. It comes back with the next event of that name.
pub(super) async fn delete(
    State(app): State<App>,
    Path((project, id)): Path<(String, String)>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (project, _) = asked.project(&app, &project, OBJECT, Access::Write)?;
    app.meta.delete_event_definition(project, find(&app, project, &id)?.id)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn find(app: &App, project: ProjectId, id: &str) -> Result<EventDefinition, ApiError> {
    app.meta.event_definition(project, id_of(id)?)?.ok_or_else(not_found)
}

fn change(
    app: &App,
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
    definition.about.updated_at = Some(app.now());
    definition.about.updated_by = Some(user);
    app.meta.update_event_definition(project, &definition)?;
    Ok(definition)
}

fn shape(definition: &EventDefinition) -> Value {
    let own = json!({
        "id": definition.id,
        "name": definition.name,
        "created_at": timestamp_text_z(definition.created_at),
        "last_seen_at": definition.last_seen_at.map(timestamp_text_z),
        "last_updated_at": definition.about.updated_at.map(timestamp_text_z),
        "enforcement_mode": definition.enforcement_mode,
        "primary_property": definition.primary_property,
        "is_action": false,
        "action_id": null,
        "is_calculating": false,
        "last_calculated_at": null,
        "created_by": null,
        "post_to_slack": false,
    });
    merged(own, about_fields(&definition.about))
}
