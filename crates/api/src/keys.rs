//! `/api/personal_api_keys/`: the caller's keys.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use meta::{NewKey, PersonalKey};
use model::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::auth::{authenticate, authenticate_with_body};
use crate::body;
use crate::error::ApiError;
use crate::params::Params;
use crate::wire::{timestamp_text_z, write_json};

/// Longest label, in characters.
const LABEL_MAX: usize = 40;

/// Objects a scope can be about: PostHog's list, so that keys made for PostHog can be made here.
const SCOPE_OBJECTS: &[&str] = &[
    "access_control",
    "action",
    "activity_log",
    "alert",
    "annotation",
    "batch_export",
    "cohort",
    "customer_profile",
    "dashboard",
    "dashboard_template",
    "dataset",
    "early_access_feature",
    "endpoint",
    "error_tracking",
    "evaluation",
    "event_definition",
    "experiment",
    "experiment_saved_metric",
    "export",
    "external_data_source",
    "feature_flag",
    "group",
    "hog_flow",
    "hog_function",
    "insight",
    "insight_variable",
    "integration",
    "live_debugger",
    "llm_prompt",
    "logs",
    "notebook",
    "organization",
    "organization_integration",
    "organization_member",
    "person",
    "plugin",
    "product_tour",
    "project",
    "property_definition",
    "query",
    "revenue_analytics",
    "session_recording",
    "session_recording_playlist",
    "sharing_configuration",
    "subscription",
    "survey",
    "task",
    "user",
    "warehouse_objects",
    "warehouse_table",
    "warehouse_view",
    "web_analytics",
    "web_experiment",
    "webhook",
];

/// Lists the caller's keys, newest first, without their secrets.
pub(crate) async fn list(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    let caller = authenticate(&app, &headers, &params)?;
    caller.require_everything()?;
    let keys = app.meta.keys(caller.user.id)?;
    Ok(write_json(&keys.iter().map(|key| shape(key, None)).collect::<Vec<_>>()))
}

/// Creates a key. The answer is the only place its value ever appears.
pub(crate) async fn create(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    let body = body::json_object(&app, &headers, &bytes)?;
    let caller = authenticate_with_body(&app, &headers, &params, &body)?;
    caller.require_everything()?;
    let label = body::required_text(&body, "label")?.trim().to_owned();
    if label.is_empty() {
        return Err(ApiError::invalid("label", "This field may not be blank."));
    }
    if label.chars().count() > LABEL_MAX {
        return Err(ApiError::invalid("label", format!("Ensure this field has no more than {LABEL_MAX} characters.")));
    }
    if body.get("scopes").is_none_or(Value::is_null) {
        return Err(ApiError::required("scopes"));
    }
    let scopes = body::list(&body, "scopes", |scope| scope.as_str().map(str::to_owned))?;
    if let Some(invalid) = scopes.iter().find(|scope| !is_scope(scope)) {
        return Err(ApiError::invalid("scopes", format!("Invalid scope: {invalid}")));
    }
    let visible = app.meta.projects_of(caller.user.id)?;
    let scoped_teams = body::list(&body, "scoped_teams", Value::as_i64)?;
    if let Some(unknown) = scoped_teams.iter().find(|id| !visible.iter().any(|project| project.id.0 == **id)) {
        return Err(ApiError::invalid("scoped_teams", format!("Project {unknown} does not exist.")));
    }
    let scoped_organizations = body::list(&body, "scoped_organizations", |id| Uuid::parse_str(id.as_str()?).ok())?;
    if let Some(unknown) = scoped_organizations.iter().find(|id| caller.user.organization != **id) {
        return Err(ApiError::invalid("scoped_organizations", format!("Organization {unknown} does not exist.")));
    }
    let new = NewKey { label, scopes, scoped_teams, scoped_organizations };
    match app.meta.create_key(caller.user.id, &new, app.now(), &app.random) {
        Ok((key, secret)) => Ok((StatusCode::CREATED, write_json(&shape(&key, Some(&secret)))).into_response()),
        Err(meta::MetaError::TooManyKeys { limit }) => Err(ApiError::bad_request(format!(
            "You can only have {limit} personal API keys. Remove an existing key before creating a new one."
        ))),
        Err(error) => Err(error.into()),
    }
}

fn is_scope(scope: &str) -> bool {
    scope == "*"
        || scope
            .split_once(':')
            .is_some_and(|(object, access)| matches!(access, "read" | "write") && SCOPE_OBJECTS.contains(&object))
}

fn shape(key: &PersonalKey, secret: Option<&str>) -> Value {
    let time = |at: Option<Timestamp>| at.map(timestamp_text_z);
    json!({
        "id": key.id,
        "label": key.label,
        "value": secret,
        "mask_value": key.mask_value,
        "created_at": timestamp_text_z(key.created_at),
        "last_used_at": time(key.last_used_at),
        "user_id": key.user_id,
        "scopes": key.scopes,
        "scoped_teams": key.scoped_teams,
        "scoped_organizations": key.scoped_organizations,
    })
}
