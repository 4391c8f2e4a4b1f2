//! `/api/personal_api_keys/`: the caller's keys.
//!
//! A key's secret is shown once, when it is made or rolled. A change, a roll or a deletion is in force with the next request.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use meta::{NewKey, PersonalKey};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Caller;
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, optional, required, text, texts, whole};
use crate::wire::{timestamp_text_z, write_json};

mod scopes;

/// What a key is made of.
pub(crate) const FIELDS: &[Field] = &[
    required("label", Kind::Name(40)),
    required("scopes", Kind::List(&Kind::Text(100))),
    optional("scoped_teams", Kind::List(&Kind::Integer(1, i64::MAX))),
    optional("scoped_organizations", Kind::List(&Kind::Uuid)),
];

/// A key on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonalApiKey {
    id: String,
    label: String,
    /// Shown once, when the key is made or rolled.
    value: Option<String>,
    mask_value: String,
    created_at: String,
    last_used_at: Option<String>,
    last_rolled_at: Option<String>,
    user_id: i64,
    /// Null for an old key that may do everything.
    scopes: Option<Vec<String>>,
    scoped_teams: Vec<i64>,
    scoped_organizations: Vec<String>,
}

impl PersonalApiKey {
    fn of(key: &PersonalKey, secret: Option<String>) -> Self {
        Self {
            id: key.id.clone(),
            label: key.label.clone(),
            value: secret,
            mask_value: key.mask_value.clone(),
            created_at: timestamp_text_z(key.created_at),
            last_used_at: key.last_used_at.map(timestamp_text_z),
            last_rolled_at: key.last_rolled_at.map(timestamp_text_z),
            user_id: key.user_id,
            scopes: key.scopes.clone(),
            scoped_teams: key.scoped_teams.clone(),
            scoped_organizations: key.scoped_organizations.iter().map(Uuid::to_string).collect(),
        }
    }
}

/// Lists the caller's keys, newest first, without their secrets.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let keys = call.app.meta.keys(call.caller()?.user.id)?;
    Ok(write_json(&keys.iter().map(|key| PersonalApiKey::of(key, None)).collect::<Vec<_>>()))
}

/// Creates a key.
pub(crate) async fn create(call: Call) -> Result<Response, ApiError> {
    let caller = call.caller()?;
    let body = call.body(FIELDS)?;
    let nothing = NewKey { label: String::new(), ..NewKey::default() };
    let new = read(&call, caller, &body, nothing)?;
    match call.app.meta.create_key(caller.user.id, &new, call.app.now(), &call.app.random) {
        Ok((key, secret)) => {
            Ok((StatusCode::CREATED, write_json(&PersonalApiKey::of(&key, Some(secret)))).into_response())
        }
        Err(meta::MetaError::TooManyKeys { limit }) => Err(ApiError::bad_request(format!(
            "You can only have {limit} personal API keys. Remove an existing key before creating a new one."
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Shows one key, or the one that asks.
pub(crate) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let key = find(&call)?;
    Ok(write_json(&PersonalApiKey::of(&key, None)))
}

/// Shows the key that asks, whatever it may do.
pub(crate) async fn current(call: Call) -> Result<Response, ApiError> {
    Ok(write_json(&PersonalApiKey::of(&call.caller()?.key, None)))
}

/// Changes what a key is for and may do.
pub(crate) async fn update(call: Call) -> Result<Response, ApiError> {
    let caller = call.caller()?;
    let body = call.changes(FIELDS)?;
    let before = find(&call)?;
    let before = NewKey {
        label: before.label,
        scopes: before.scopes.unwrap_or_else(|| vec!["*".to_owned()]),
        scoped_teams: before.scoped_teams,
        scoped_organizations: before.scoped_organizations,
    };
    let new = read(&call, caller, &body, before)?;
    let changed = call.app.meta.update_key(caller.user.id, call.name("id"), &new)?;
    Ok(write_json(&PersonalApiKey::of(&changed.ok_or_else(ApiError::not_found)?, None)))
}

/// Gives a key a new secret; the old one is void.
pub(crate) async fn roll(call: Call) -> Result<Response, ApiError> {
    let user = call.caller()?.user.id;
    let rolled = call.app.meta.roll_key(user, call.name("id"), call.app.now(), &call.app.random)?;
    let (key, secret) = rolled.ok_or_else(ApiError::not_found)?;
    Ok(write_json(&PersonalApiKey::of(&key, Some(secret))))
}

/// Revokes a key.
pub(crate) async fn delete(call: Call) -> Result<Response, ApiError> {
    if call.app.meta.delete_key(call.caller()?.user.id, call.name("id"))? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(ApiError::not_found())
    }
}

fn find(call: &Call) -> Result<PersonalKey, ApiError> {
    call.app.meta.key(call.caller()?.user.id, call.name("id"))?.ok_or_else(ApiError::not_found)
}

/// `new` with what `body` says instead.
fn read(call: &Call, caller: &Caller, body: &Value, mut new: NewKey) -> Result<NewKey, ApiError> {
    if let Some(label) = text(body, "label") {
        new.label = label.trim().to_owned();
    }
    if let Some(scopes) = texts(body, "scopes") {
        if let Some(invalid) = scopes.iter().find(|scope| !scopes::is_scope(scope)) {
            return Err(ApiError::invalid("scopes", format!("Invalid scope: {invalid}")));
        }
        new.scopes = scopes;
    }
    if let Some(teams) = body.get("scoped_teams").and_then(Value::as_array) {
        new.scoped_teams = teams.iter().filter_map(whole).collect();
        let visible = call.app.meta.projects_of(caller.user.id)?;
        let is_visible = |id: &&i64| visible.iter().any(|project| project.id.0 == **id);
        if let Some(unknown) = new.scoped_teams.iter().find(|id| !is_visible(id)) {
            return Err(ApiError::invalid("scoped_teams", format!("Project {unknown} does not exist.")));
        }
    }
    if let Some(organizations) = texts(body, "scoped_organizations") {
        new.scoped_organizations = organizations.iter().filter_map(|id| Uuid::parse_str(id).ok()).collect();
        if let Some(unknown) = new.scoped_organizations.iter().find(|id| caller.user.organization != **id) {
            return Err(ApiError::invalid("scoped_organizations", format!("Organization {unknown} does not exist.")));
        }
    }
    Ok(new)
}
