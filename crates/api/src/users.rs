//! `GET /api/users/@me/`: the owner of the key.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{Scope, authenticate};
use crate::error::ApiError;
use crate::params::Params;
use crate::projects::basic;
use crate::wire::{timestamp_text_z, write_json};

/// Shows the user behind the key, with their current project and organisation.
pub(crate) async fn me(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    let caller = authenticate(&app, &headers, &params)?;
    caller.require(Scope::USER_READ)?;
    let user = &caller.user;
    let project = match user.current_project {
        Some(id) => app.meta.project(id)?,
        None => None,
    };
    let organization = app.meta.organization(user.organization)?;
    let organization = organization.map(|organization| {
        json!({
            "id": organization.id,
            "name": organization.name,
            "slug": organization.name.to_lowercase().replace(' ', "-"),
            "created_at": timestamp_text_z(organization.created_at),
        })
    });
    Ok(write_json(&json!({
        "uuid": user.uuid,
        "distinct_id": user.distinct_id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "is_staff": user.is_staff,
        "date_joined": timestamp_text_z(user.date_joined),
        "team": project.as_ref().map(basic),
        "organization": organization,
        "organizations": organization.iter().collect::<Vec<&Value>>(),
    })))
}
