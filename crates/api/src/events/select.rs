//! The list in HogQL: columns of the caller's own, instead of whole events.

use axum::response::Response;
use hogql::EventsQuery;
use meta::Project;
use query::hogql::Format;
use serde_json::{Value, json};

use super::condition;
use super::list::{read_instant, read_limit, read_offset, read_person, warned};
use crate::call::Call;
use crate::error::ApiError;
use crate::params::Params;
use crate::query::{context, download, run, shape};
use crate::wire::write_json;

/// Whether the request is of this kind.
pub(super) fn is_asked(params: &Params) -> bool {
    params.non_empty("select").is_some() || params.non_empty("where").is_some()
}

/// Answers rows as arrays, in the order of the columns.
pub(super) async fn list(call: &Call, as_csv: bool) -> Result<Response, ApiError> {
    let project = call.project()?;
    let mut warnings = Vec::new();
    let events = read(call, project, &mut warnings)?;
    let columns = if events.select.is_empty() { vec!["*".to_owned()] } else { events.select.clone() };
    let (limit, offset) = (events.limit.unwrap_or_default(), events.offset.unwrap_or_default());
    let mut answer = run::start_events(&call.app, project, events.clone()).await?;
    if as_csv {
        for ((name, _), column) in answer.columns.iter_mut().zip(&columns) {
            *name = column.as_str().into();
        }
        return Ok(warned(download::file(answer, Format::Csv).await?, &warnings));
    }
    let mut rows = String::new();
    let more = answer.write_rows(&mut rows, Some(u64::from(limit))).await.map_err(run::failed)?;
    let types: Vec<String> = answer.columns.iter().map(|(_, ty)| ty.to_string()).collect();
    let rows = shape::events(&events, rows)?;
    let results: Value = serde_json::from_str(&rows).map_err(|error| ApiError::Internal(Box::new(error)))?;
    let next = more.then(|| {
        let mut params = call.params.clone();
        params.set("offset", (u64::from(offset) + u64::from(limit)).to_string());
        format!("{}{}?{}", call.base_url(), call.uri.path(), params.encode())
    });
    let body = json!({
        "columns": columns,
        "types": types,
        "results": results,
        "hasMore": more,
        "limit": limit,
        "offset": offset,
        "next": next,
    });
    Ok(warned(write_json(&body), &warnings))
}

fn read(call: &Call, project: &Project, warnings: &mut Vec<String>) -> Result<EventsQuery, ApiError> {
    let params = &call.params;
    let Some(select) = strings(params, "select")? else {
        return Err(ApiError::bad_request("Cannot use 'where' without 'select'"));
    };
    let mut conditions = strings(params, "where")?.unwrap_or_default();
    if let Some(distinct_id) = params.get("distinct_id") {
        conditions.push(format!("distinct_id = {}", quoted(distinct_id)));
    }
    let person_id = match params.non_empty("person_id") {
        None => None,
        Some(text) => match read_person(&call.app, project, text)? {
            Some(uuid) => Some(uuid.to_string()),
            None => {
                conditions.push("false".to_owned());
                None
            }
        },
    };
    let (properties, mut action_id) = (condition::filters(params)?, condition::action(params)?);
    if !properties.is_null() || action_id.is_some() {
        let context = context::of_filters(&call.app, project)?;
        condition::compile(&properties, action_id, &context, params, warnings)?;
        if action_id.is_some_and(|id| context.project.actions.iter().all(|action| action.id != id)) {
            action_id = None;
            conditions.push("false".to_owned());
        }
    }
    let instant = |name: &'static str| -> Result<Option<String>, ApiError> {
        Ok(match params.non_empty(name) {
            Some("all") if name == "after" => Some("all".to_owned()),
            Some(text) => {
                let at = read_instant(&call.app, project, name, text)?;
                jiff::Timestamp::from_microsecond(at.as_micros()).ok().map(|at| at.to_string())
            }
            None => None,
        })
    };
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(EventsQuery {
        select,
        conditions,
        properties,
        event: params.non_empty("event").map(str::to_owned),
        action_id,
        person_id,
        after: instant("after")?,
        before: instant("before")?,
        order_by: order(params)?,
        limit: Some(small(read_limit(params, 100, warnings)?)),
        offset: Some(small(read_offset(params))),
        ..EventsQuery::default()
    })
}

/// A JSON array of strings.
fn strings(params: &Params, name: &'static str) -> Result<Option<Vec<String>>, ApiError> {
    let Some(text) = params.non_empty(name) else { return Ok(None) };
    let wrong = |_| ApiError::invalid(name, format!("'{name}' must be a JSON array of strings."));
    serde_json::from_str(text).map(Some).map_err(wrong)
}

/// Expressions to order by; an older form marks what descends with a dash.
fn order(params: &Params) -> Result<Vec<String>, ApiError> {
    let Some(text) = params.non_empty("orderBy") else { return Ok(Vec::new()) };
    let texts = if text.trim_start().starts_with('[') {
        strings(params, "orderBy")?.unwrap_or_default()
    } else {
        vec![text.to_owned()]
    };
    Ok(texts
        .into_iter()
        .map(|text| match text.strip_prefix('-') {
            Some(rest) => format!("{rest} DESC"),
            None => text,
        })
        .collect())
}

/// `text` as a constant of HogQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
