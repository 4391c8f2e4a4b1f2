//! `/api/projects/`: the projects a caller can see, and new ones.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use jiff::tz::TimeZone;
use meta::{NewProject, Project};
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{Scope, authenticate, authenticate_with_body};
use crate::body::{json_object, optional_text, required_text};
use crate::error::ApiError;
use crate::paging::{Page, page_links};
use crate::params::Params;
use crate::wire::{timestamp_text_z, write_json};

/// Longest project name, in characters.
const NAME_MAX: usize = 200;

/// Lists the projects that the caller is a member of and the key reaches.
pub(crate) async fn list(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    let caller = authenticate(&app, &headers, &params)?;
    caller.require(Scope::PROJECT_READ)?;
    let page = Page::read(&params)?;
    let mut visible = app.meta.projects_of(caller.user.id)?;
    visible.retain(|project| caller.key_reaches(project));
    let results: Vec<Value> = visible.iter().skip(page.offset).take(page.limit).map(basic).collect();
    let more = visible.len() > page.offset.saturating_add(page.limit);
    let (next, previous) = page_links(&app.base_url(peer, &headers), uri.path(), &params, page, more);
    Ok(write_json(&json!({"count": visible.len(), "next": next, "previous": previous, "results": results})))
}

/// Shows one project with its settings.
pub(crate) async fn retrieve(
    State(app): State<App>,
    uri: Uri,
    Path(project): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    let tenant = authenticate(&app, &headers, &params)?.tenant(&app, &project, &params, Scope::PROJECT_READ)?;
    Ok(write_json(&detailed(&tenant.project)))
}

/// Creates a project in the caller's organisation: `{"name", "timezone"}` gives its id and token.
pub(crate) async fn create(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    let body = json_object(&app, &headers, &body)?;
    let caller = authenticate_with_body(&app, &headers, &params, &body)?;
    caller.require(Scope::PROJECT_WRITE)?;
    caller.require_unrestricted()?;
    let name = required_text(&body, "name")?.trim().to_owned();
    if name.is_empty() {
        return Err(ApiError::invalid("name", "This field may not be blank."));
    }
    if name.chars().count() > NAME_MAX {
        return Err(ApiError::invalid("name", format!("Ensure this field has no more than {NAME_MAX} characters.")));
    }
    let timezone = optional_text(&body, "timezone")?.unwrap_or_else(|| "UTC".to_owned());
    if TimeZone::get(&timezone).is_err() {
        return Err(ApiError::invalid("timezone", format!("\"{timezone}\" is not a valid choice.")));
    }
    let new = NewProject { organization: caller.user.organization, name, timezone };
    let project = app.meta.create_project(&new, app.now(), &app.random)?;
    Ok((StatusCode::CREATED, write_json(&detailed(&project))).into_response())
}

/// The shape projects have in lists.
pub(crate) fn basic(project: &Project) -> Value {
    json!({
        "id": project.id.0,
        "uuid": project.uuid,
        "organization": project.organization,
        "project_id": project.id.0,
        "api_token": project.api_token,
        "name": project.name,
        "completed_snippet_onboarding": project.ingested_event,
        "has_completed_onboarding_for": {},
        "ingested_event": project.ingested_event,
        "is_demo": false,
        "timezone": project.timezone,
        "access_control": false,
    })
}

fn detailed(project: &Project) -> Value {
    let mut shape = basic(project);
    let settings = json!({
        "created_at": timestamp_text_z(project.created_at),
        "anonymize_ips": project.anonymize_ips,
        "path_cleaning_filters": [],
        "test_account_filters": [],
        "person_display_name_properties": null,
    });
    if let (Some(shape), Value::Object(settings)) = (shape.as_object_mut(), settings) {
        shape.extend(settings);
    }
    shape
}
