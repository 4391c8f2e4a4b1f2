//! The Events API: list, retrieve, values.

mod elements;
mod link;
mod list;
mod shape;
mod values;

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Scope, authenticate};
use crate::error::ApiError;
use crate::params::Params;
use crate::wire::json_text;

pub(crate) use list::{list, warned};
pub(crate) use values::values;

/// `GET …/events/:id`: one event, whenever it happened.
pub(crate) async fn retrieve(
    State(app): State<App>,
    Path((project, id)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    let tenant = authenticate(&app, &headers, &params)?.tenant(&app, &project, &params, Scope::QUERY_READ)?;
    require_json(&headers, &params)?;
    let uuid = Uuid::parse_str(&id).map_err(|_| ApiError::InvalidUuid)?;
    let row = app.engine.event(tenant.project.id, uuid).await?;
    let row = row.ok_or_else(|| ApiError::NotFound(format!("No events exist for event UUID {id}")))?;
    let persons = if params.is_true("include_person") {
        shape::Persons::of(&app, tenant.project.id, std::slice::from_ref(&row))?
    } else {
        shape::Persons::left_out()
    };
    let mut body = String::new();
    shape::write_event(&mut body, &row, &persons);
    Ok(json_text(body))
}

/// Refuses what is not answered as JSON: CSV is a later version's, anything else nobody's.
fn require_json(headers: &HeaderMap, params: &Params) -> Result<(), ApiError> {
    match params.get("format") {
        None | Some("" | "json") => {}
        Some("csv") => return Err(ApiError::unsupported("format", "The format 'csv'")),
        Some(_) => return Err(ApiError::NotFound("Not found.".to_owned())),
    }
    if params.non_empty("format").is_some() {
        return Ok(());
    }
    let Some(accept) = headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok()) else { return Ok(()) };
    let mut types = accept.split(',').filter_map(|range| range.split(';').next()).map(str::trim);
    let mut csv = false;
    let acceptable = types.any(|range| {
        csv |= range.eq_ignore_ascii_case("text/csv");
        range.is_empty() || ["*/*", "application/*", "application/json"].iter().any(|ok| range.eq_ignore_ascii_case(ok))
    });
    match (acceptable, csv) {
        (true, _) => Ok(()),
        (false, true) => Err(ApiError::unsupported("format", "The media type 'text/csv'")),
        (false, false) => Err(ApiError::NotAcceptable),
    }
}
