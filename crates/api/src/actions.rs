//! `/api/projects/:id/actions/`: named conditions on events.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use meta::{Action, NewAction};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, nullable, optional, text};
use crate::paging::Page;
use crate::query::context::check_filters;
use crate::users::UserBasic;
use crate::wire::{Json, timestamp_text_z, write_json};

pub(crate) const FIELDS: &[Field] = &[
    nullable("name", Kind::Text(400)),
    nullable("description", Kind::Text(10_000)),
    optional("tags", Kind::List(&Kind::Text(255))),
    nullable("steps", Kind::List(&Kind::Object)),
    optional("post_to_slack", Kind::Flag),
    optional("slack_message_format", Kind::Text(1_200)),
    optional("deleted", Kind::Flag),
    nullable("pinned_at", Kind::Any),
];

/// Fields of a step that are text.
const STEP_TEXTS: [&str; 6] = ["event", "selector", "tag_name", "text", "href", "url"];
/// Fields of a step that say how a text is compared.
const STEP_MATCHINGS: [&str; 3] = ["text_matching", "href_matching", "url_matching"];

/// An action on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionShape {
    id: i64,
    name: Option<String>,
    description: String,
    #[schema(value_type = Vec<String>)]
    tags: Json,
    post_to_slack: bool,
    slack_message_format: String,
    #[schema(value_type = Vec<Object>)]
    steps: Json,
    created_at: String,
    created_by: Option<UserBasic>,
    deleted: bool,
    is_calculating: bool,
    last_calculated_at: String,
    team_id: i64,
    is_action: bool,
    bytecode_error: Option<String>,
    pinned_at: Option<String>,
    creation_context: Option<String>,
}

/// A page of actions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionPage {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<ActionShape>,
}

impl ActionShape {
    fn of(call: &Call, action: &Action) -> Result<Self, ApiError> {
        let author = match action.created_by {
            None => None,
            Some(user) => call.app.meta.user(user)?,
        };
        let content = &action.content;
        Ok(Self {
            id: action.id,
            name: Some(content.name.clone()).filter(|name| !name.is_empty()),
            description: content.description.clone(),
            tags: Json::of(&content.tags),
            post_to_slack: content.post_to_slack,
            slack_message_format: content.slack_message_format.clone(),
            steps: Json::of(&content.steps),
            created_at: timestamp_text_z(action.created_at),
            created_by: author.as_ref().map(UserBasic::of),
            deleted: content.deleted,
            is_calculating: false,
            last_calculated_at: timestamp_text_z(action.updated_at),
            team_id: call.project_id()?.0,
            is_action: true,
            bytecode_error: None,
            pinned_at: content.pinned_at.map(timestamp_text_z),
            creation_context: None,
        })
    }
}

/// Lists actions that are not deleted, by name.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let page = Page::read(&call.params)?;
    let mut actions = call.app.meta.actions(call.project_id()?)?;
    if let Some(search) = call.params.non_empty("search").map(str::to_lowercase) {
        actions.retain(|action| action.content.name.to_lowercase().contains(&search));
    }
    let shown: Result<Vec<_>, _> =
        actions.iter().skip(page.offset).take(page.limit).map(|action| ActionShape::of(&call, action)).collect();
    let (next, previous) = call.links_within(page, actions.len());
    Ok(write_json(&ActionPage { count: actions.len(), next, previous, results: shown? }))
}

/// Shows one action.
pub(crate) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    Ok(write_json(&ActionShape::of(&call, &find(&call)?)?))
}

fn find(call: &Call) -> Result<Action, ApiError> {
    let action = call.app.meta.action(call.project_id()?, call.id()?)?;
    action.filter(|action| !action.content.deleted).ok_or_else(ApiError::not_found)
}

/// Creates an action.
pub(crate) async fn create(call: Call) -> Result<Response, ApiError> {
    let body = call.body(FIELDS)?;
    let nothing = NewAction { tags: "[]".to_owned(), steps: "[]".to_owned(), ..NewAction::default() };
    let new = changed(&call, nothing, &body, None)?;
    let user = call.caller()?.user.id;
    let action = call.app.meta.create_action(call.project_id()?, &new, Some(user), call.app.now())?;
    Ok((StatusCode::CREATED, write_json(&ActionShape::of(&call, &action)?)).into_response())
}

/// Changes an action; `deleted` deletes it.
pub(crate) async fn update(call: Call) -> Result<Response, ApiError> {
    let body = call.changes(FIELDS)?;
    let before = find(&call)?;
    let new = changed(&call, before.content, &body, Some(before.id))?;
    let action = call.app.meta.update_action(call.project_id()?, before.id, &new, call.app.now())?;
    Ok(write_json(&ActionShape::of(&call, &action.ok_or_else(ApiError::not_found)?)?))
}

fn changed(call: &Call, mut action: NewAction, body: &Value, own: Option<i64>) -> Result<NewAction, ApiError> {
    if let Some(name) = body.get("name") {
        action.name = name.as_str().unwrap_or_default().trim().to_owned();
        check_name(call, &action.name, own)?;
    }
    if let Some(description) = body.get("description") {
        action.description = description.as_str().unwrap_or_default().to_owned();
    }
    if let Some(tags) = body.get("tags") {
        action.tags = tags.to_string();
    }
    if let Some(steps) = body.get("steps") {
        let steps = steps.as_array().into_iter().flatten().map(checked_step).collect::<Result<Vec<_>, _>>()?;
        action.steps = Value::Array(steps).to_string();
    }
    if let Some(post) = body.get("post_to_slack").and_then(Value::as_bool) {
        action.post_to_slack = post;
    }
    if let Some(format) = text(body, "slack_message_format") {
        action.slack_message_format = format.to_owned();
    }
    if let Some(deleted) = body.get("deleted").and_then(Value::as_bool) {
        action.deleted = deleted;
    }
    if let Some(pinned) = body.get("pinned_at") {
        // Whatever the client sends, it is pinned now or not at all.
        action.pinned_at = (!pinned.is_null()).then(|| call.app.now());
    }
    Ok(action)
}

/// Names of actions are unique in a project, unless they are empty.
fn check_name(call: &Call, name: &str, own: Option<i64>) -> Result<(), ApiError> {
    let others = call.app.meta.actions(call.project_id()?)?;
    let taken = others.iter().any(|other| other.content.name == name && Some(other.id) != own);
    if taken && !name.is_empty() {
        let detail = format!("This project already has an action with this name, ID {}", {
            others.iter().find(|other| other.content.name == name).map_or(0, |other| other.id)
        });
        return Err(ApiError::Invalid { detail, attr: Some("name"), code: "unique" });
    }
    Ok(())
}

/// A step with all its fields, as PostHog shows it.
fn checked_step(step: &Value) -> Result<Value, ApiError> {
    let invalid = |detail: String| Err(ApiError::invalid("steps", detail));
    let mut checked = Map::new();
    for name in STEP_TEXTS {
        let value = step.get(name).cloned().unwrap_or(Value::Null);
        if !value.is_string() && !value.is_null() {
            return invalid(format!("{name} of a step must be a string."));
        }
        checked.insert(name.to_owned(), value);
    }
    for name in STEP_MATCHINGS {
        let value = step.get(name).cloned().unwrap_or(Value::Null);
        if !value.is_null() && !["contains", "regex", "exact"].iter().any(|known| value.as_str() == Some(known)) {
            return invalid(format!("{value} is not a valid choice for {name}."));
        }
        let what = name.trim_end_matches("_matching");
        if value.as_str() == Some("regex")
            && let Some(pattern) = step.get(what).and_then(Value::as_str)
            && let Err(error) = regex::Regex::new(pattern)
        {
            return invalid(format!("{what} of a step is not a regular expression: {error}"));
        }
        checked.insert(name.to_owned(), value);
    }
    let properties = step.get("properties").filter(|properties| !properties.is_null());
    let properties = properties.cloned().unwrap_or_else(|| json!([]));
    if !properties.is_array() {
        return invalid("properties of a step must be a list.".to_owned());
    }
    if let Err(error) = check_filters(&properties) {
        return invalid(error.to_string());
    }
    checked.insert("properties".to_owned(), properties);
    Ok(Value::Object(checked))
}
