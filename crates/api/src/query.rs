//! `/api/projects/:id/query/`: questions in HogQL, and those that become HogQL.
//!
//! A question is answered at once, or in the background under an id that can be asked about. Rows go from columns to the
//! wire without a value in between; only what `EventsQuery` shows as objects is rewritten.

pub(crate) mod context;
pub(crate) mod people;
pub(crate) mod rows;
pub(crate) mod run;
mod status;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use query::hogql::{Answer, Lines};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, optional, required};
use crate::wire::{json_text, write_json};

pub(crate) use status::Queries;

pub(crate) const FIELDS: &[Field] = &[required("query", Kind::Object), optional("client_query_id", Kind::Text(200))];
pub(crate) const UPGRADE_FIELDS: &[Field] = &[required("query", Kind::Object)];

/// An answer: rows with their columns, and how they came about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryAnswer {
    columns: Vec<String>,
    #[schema(value_type = Vec<Value>)]
    types: Value,
    #[schema(value_type = Vec<Value>)]
    results: Value,
    hogql: String,
    timezone: String,
    /// The text of the question, where it has one.
    query: Option<String>,
    /// What the engine does, in words.
    clickhouse: String,
    #[serde(rename = "hasMore")]
    has_more: Option<bool>,
    limit: Option<u64>,
    offset: Option<u64>,
    #[schema(value_type = Vec<Object>)]
    timings: Value,
    #[schema(value_type = Object)]
    modifiers: Value,
    error: Option<String>,
    explain: Option<String>,
    metadata: Option<String>,
    query_status: Option<String>,
    cache_key: Option<String>,
    is_cached: bool,
    last_refresh: String,
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

/// How fresh an answer has to be, and whether to wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresh {
    Blocking,
    Async,
    /// Only what is there already.
    Cached,
}

impl Refresh {
    fn read(body: &Value) -> Result<Self, ApiError> {
        if body.get("async").and_then(Value::as_bool) == Some(true) {
            return Ok(Self::Async);
        }
        match body.get("refresh") {
            None | Some(Value::Null | Value::Bool(_)) => Ok(Self::Blocking),
            Some(Value::String(mode)) => match mode.as_str() {
                "" | "blocking" | "force_blocking" => Ok(Self::Blocking),
                "async" | "force_async" | "lazy_async" | "async_except_on_cache_miss" => Ok(Self::Async),
                "force_cache" => Ok(Self::Cached),
                other => Err(ApiError::invalid("refresh", format!("\"{other}\" is not a valid choice."))),
            },
            Some(_) => Err(ApiError::invalid("refresh", "Not a valid string.")),
        }
    }
}

/// `POST …/query/`.
pub(crate) async fn create(call: Call) -> Result<Response, ApiError> {
    let body = call.body(FIELDS)?;
    let project = call.project()?.clone();
    let refresh = Refresh::read(&body)?;
    let id = match body.get("client_query_id").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => format!("{:032x}", call.app.random.u128()),
    };
    let accepts = |kind: &str| {
        let accept = call.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        accept.split(',').any(|part| part.split(';').next().is_some_and(|part| part.trim().eq_ignore_ascii_case(kind)))
    };
    match refresh {
        Refresh::Cached => Ok(write_json(&json!({
            "query_status": null, "is_cached": false, "cache_key": null, "results": null,
        }))),
        Refresh::Async => {
            let status = status::start(&call.app, project, body, &id)?;
            Ok((StatusCode::ACCEPTED, write_json(&json!({"query_status": status}))).into_response())
        }
        Refresh::Blocking if accepts("text/csv") => stream(&call, &project, &body, Lines::Csv).await,
        Refresh::Blocking if accepts("application/x-ndjson") => stream(&call, &project, &body, Lines::Json).await,
        Refresh::Blocking => Ok(json_text(run::answer(&call.app, &project, &body).await?)),
    }
}

/// Rows as lines, as they come, without a bound on how many.
async fn stream(call: &Call, project: &meta::Project, body: &Value, form: Lines) -> Result<Response, ApiError> {
    let answer = run::start_all(&call.app, project, body).await?;
    let names: Vec<String> = answer.columns.iter().map(|(name, _)| name.to_string()).collect();
    Ok(lines(answer, &names, form))
}

/// The rows of `answer` as lines, as they come; CSV begins with a line of `names`.
pub(crate) fn lines(mut answer: Answer, names: &[String], form: Lines) -> Response {
    let mut text = String::new();
    if form == Lines::Csv {
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            query::hogql::output::write_csv_field(&mut text, name);
        }
        text.push_str("\r\n");
    }
    let (output, lines) = tokio::sync::mpsc::channel::<Result<String, std::io::Error>>(2);
    #[expect(clippy::disallowed_methods, reason = "ends with its query or when nobody reads")]
    tokio::spawn(async move {
        loop {
            let (sent, more) = match answer.write_lines(form, &mut text).await {
                Ok(more) => (output.send(Ok(std::mem::take(&mut text))).await, more),
                Err(error) => (output.send(Err(std::io::Error::other(error))).await, false),
            };
            if sent.is_err() || !more {
                break;
            }
        }
    });
    let kind = if form == Lines::Csv { "text/csv; charset=utf-8" } else { "application/x-ndjson" };
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], rows::body(lines)).into_response()
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
