//! What `properties` and `action_id` ask of events, compiled for the engine.

use std::sync::Arc;

use hogql::{Context, Holds};
use meta::Project;
use query::Pace;
use query::hogql::{Request, needs};
use serde_json::Value;

use crate::app::App;
use crate::error::ApiError;
use crate::params::Params;
use crate::query::{context, people};

/// For which events of a project a condition holds.
pub(super) enum Condition {
    Always,
    Never,
    Where(Arc<Request>),
}

/// The condition that `params` put on events. What was left out of it goes to `warnings`; with `strict=1` a filter that does
/// not say enough is an error instead.
pub(super) async fn read(
    app: &App,
    project: &Project,
    params: &Params,
    warnings: &mut Vec<String>,
) -> Result<Condition, ApiError> {
    let (filters, action) = (filters(params)?, action(params)?);
    if filters.is_null() && action.is_none() {
        return Ok(Condition::Always);
    }
    let context = context::of_filters(app, project)?;
    let condition = compile(&filters, action, &context, params, warnings)?;
    let query = match condition {
        Holds::Always => return Ok(Condition::Always),
        Holds::Never => return Ok(Condition::Never),
        Holds::Where(query) => *query,
    };
    let wanted = needs(&query);
    Ok(Condition::Where(Arc::new(Request {
        project: project.id,
        zone: Arc::clone(&context.project.timezone),
        now_micros: context.now.as_microsecond(),
        tables: people::tables(app, project, &wanted).await?,
        cohorts: people::cohorts(app, project, &wanted).await?,
        pace: Pace::Prompt,
        explain: false,
        is_written: false,
        query,
    })))
}

/// For which events `filters` and `action` hold.
pub(super) fn compile(
    filters: &Value,
    action: Option<i64>,
    context: &Context,
    params: &Params,
    warnings: &mut Vec<String>,
) -> Result<Holds, ApiError> {
    let compiled = hogql::events_where(filters, action, context).map_err(|error| ApiError::Invalid {
        detail: error.to_string(),
        attr: Some(if filters.is_null() { "action_id" } else { "properties" }),
        code: error.code(),
    })?;
    if let Some(why) = compiled.incomplete.filter(|_| params.is_true("strict")) {
        return Err(ApiError::invalid("properties", format!("Incomplete property filter: {why}")));
    }
    warnings.extend(compiled.notices);
    Ok(compiled.holds)
}

/// The parameter `properties`; null where there is none.
pub(super) fn filters(params: &Params) -> Result<Value, ApiError> {
    match params.non_empty("properties").map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(Value::Null),
        Some(text) => serde_json::from_str(text).map_err(|_| ApiError::bad_request("Properties are unparsable!")),
    }
}

/// The parameter `action_id`.
pub(super) fn action(params: &Params) -> Result<Option<i64>, ApiError> {
    let Some(text) = params.non_empty("action_id").map(str::trim) else { return Ok(None) };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::invalid("action_id", format!("'{text}' is not an integer.")));
    }
    // No action has a number beyond the largest.
    Ok(Some(text.parse().unwrap_or(i64::MAX)))
}
