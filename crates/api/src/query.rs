//! `/api/projects/:id/query/`: questions in HogQL, and those that become HogQL.
//!
//! A question is answered at once, or in the background under an id that can be asked about, and its answer is kept for as
//! long as it is right. Rows go from columns to the wire without a value in between; only what `EventsQuery` shows as
//! objects is rewritten.

mod answer;
mod cache;
pub(crate) mod context;
pub(crate) mod download;
mod editor;
mod modifiers;
pub(crate) mod people;
mod question;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod shape;
mod status;

use axum::response::Response;
use http::{StatusCode, header};
use query::hogql::Format;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, optional, required};
use crate::wire::write_json;

use question::{Question, Refresh};

pub(crate) use cache::Answers;
pub(crate) use status::Queries;

pub(crate) const FIELDS: &[Field] = &[
    required("query", Kind::Object),
    optional("client_query_id", Kind::Text(200)),
    // A word, or true and false.
    optional("refresh", Kind::Any),
    optional("async", Kind::Any),
    optional("filters_override", Kind::Any),
    optional("variables_override", Kind::Any),
    optional("name", Kind::Any),
];
pub(crate) const UPGRADE_FIELDS: &[Field] = &[required("query", Kind::Object)];

/// An answer: rows with their columns, or the results of a chart, and how they came about; or what an editor asked for.
/// What an answer is not made of is not in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryAnswer {
    columns: Option<Vec<String>>,
    #[schema(value_type = Option<Vec<Value>>)]
    types: Option<Value>,
    /// A list, but for some kinds of charts; null when only an answer from before is asked for and there is none.
    #[schema(value_type = Value, required = false)]
    results: Value,
    hogql: Option<String>,
    timezone: Option<String>,
    /// The text of the question, where it has one.
    query: Option<String>,
    /// What the engine does, in words.
    clickhouse: Option<String>,
    #[serde(rename = "hasMore")]
    has_more: Option<bool>,
    limit: Option<u64>,
    offset: Option<u64>,
    #[schema(value_type = Option<Vec<Object>>)]
    timings: Option<Value>,
    #[schema(value_type = Option<Object>)]
    modifiers: Option<Value>,
    error: Option<String>,
    explain: Option<Vec<String>>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    #[schema(value_type = Option<Object>)]
    query_status: Option<Value>,
    cache_key: Option<String>,
    /// Of a list of actors: how many of its source have no row.
    missing_actors_count: Option<u64>,
    is_cached: Option<bool>,
    /// When it was calculated.
    last_refresh: Option<String>,
    /// When it will be calculated anew although nothing has changed.
    cache_target_age: Option<String>,
    next_allowed_client_refresh: Option<String>,
    calculation_trigger: Option<String>,
}

/// Whether questions may be asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryUser {
    user: &'static str,
}

/// The newest form of a question.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UpgradedQuery {
    #[schema(value_type = Object)]
    query: Value,
}

/// That a question asked in the background is stopped.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryStopped {
    message: &'static str,
}

/// What became of a question asked in the background.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryStatusAnswer {
    #[schema(value_type = Object)]
    query_status: Value,
}

/// `POST …/query/`.
pub(crate) async fn create(call: Call) -> Result<Response, ApiError> {
    let body = call.body(FIELDS)?;
    let project = call.project()?.clone();
    let id = match body.get("client_query_id").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => format!("{:032x}", call.app.random.u128()),
    };
    Ok(answer(&call, project, body, &id).await.unwrap_or_else(|error| error.of_query(&id)))
}

/// `POST …/query/:kind/`: as [`create`], where the kind has to be that of the body.
pub(crate) async fn create_kind(call: Call) -> Result<Response, ApiError> {
    let body = call.body(FIELDS)?;
    let (named, given) = (call.name("id").to_owned(), body.get("query").map_or("", run::kind_of));
    if named != given {
        return Err(ApiError::invalid("query", format!("The path is of kind {named}, and the query of kind {given}.")));
    }
    create(call).await
}

async fn answer(call: &Call, project: meta::Project, body: Value, id: &str) -> Result<Response, ApiError> {
    let refresh = Refresh::read(&body)?;
    if let Some(format) = wanted_format(call)? {
        return download::stream(&call.app, &project, &body, format).await;
    }
    let question = Question::read(&call.app, project, body)?;
    let kept = question.kept(&call.app);
    let is_fresh = kept.as_ref().is_some_and(|kept| kept.is_fresh);
    match (refresh, kept) {
        (Refresh::Cached, None) => Ok(write_json(&json!({
            "cache_key": question.cache_key(), "query_status": null, "is_cached": false, "results": null,
        }))),
        (Refresh::Cached, Some(kept)) => question.give(&kept, Value::Null),
        (Refresh::Blocking | Refresh::Async | Refresh::LazyAsync | Refresh::AsyncUnlessMissing, Some(kept))
            if is_fresh =>
        {
            question.give(&kept, Value::Null)
        }
        (Refresh::LazyAsync, Some(kept)) if kept.is_tolerable => question.give(&kept, Value::Null),
        (Refresh::Blocking | Refresh::ForceBlocking, _) | (Refresh::AsyncUnlessMissing, None) => {
            let kept = question.calculate(&call.app, query::Pace::Prompt).await?;
            question.give(&kept, Value::Null)
        }
        (Refresh::Async | Refresh::ForceAsync | Refresh::LazyAsync | Refresh::AsyncUnlessMissing, kept) => {
            let status = status::start(&call.app, question.clone(), id.to_owned())?;
            let mut response = match kept {
                // Better an old answer now than none.
                Some(kept) => question.give(&kept, status)?,
                None => write_json(&json!({"query_status": status})),
            };
            *response.status_mut() = StatusCode::ACCEPTED;
            Ok(response)
        }
    }
}

/// The format a client accepts other than JSON.
fn wanted_format(call: &Call) -> Result<Option<Format>, ApiError> {
    let accept = call.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kinds = accept.split(',').map(|part| part.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    for kind in kinds {
        if ["", "*/*", "application/*", "application/json"].contains(&kind.as_str()) {
            return Ok(None);
        }
        if let Some(format) = Format::of_content_type(&kind) {
            return Ok(Some(format));
        }
    }
    if accept.is_empty() { Ok(None) } else { Err(ApiError::NotAcceptable) }
}

/// `GET …/query/:id/`.
pub(crate) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    status::show(&call.app, project, call.name("id"))
}

/// `DELETE …/query/:id/`.
pub(crate) async fn cancel(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    call.app.queries.cancel(project, call.name("id"))?;
    Ok(write_json(&QueryStopped { message: "Query task revoked" }))
}

/// `POST …/query/check_auth_for_async/`.
pub(crate) async fn check_auth(call: Call) -> Result<Response, ApiError> {
    call.project()?;
    Ok(write_json(&QueryUser { user: "ok" }))
}

/// `POST …/query/upgrade/`.
pub(crate) async fn upgrade(call: Call) -> Result<Response, ApiError> {
    let body = call.body(UPGRADE_FIELDS)?;
    Ok(write_json(&UpgradedQuery { query: body.get("query").cloned().unwrap_or_default() }))
}
