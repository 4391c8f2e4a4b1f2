//! `GET …/events/values`: distinct values of a property or column, for auto-completion.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use jiff::ToSpan;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use meta::{PropertyDefinitionQuery, PropertyKind};
use model::{ProjectId, Timestamp};
use query::{Filter, Subject, ValuesQuery};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, ValuesShape};
use crate::call::Call;
use crate::error::ApiError;
use crate::guard::negotiate;
use crate::wire::write_json;

/// One value.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValueName {
    name: String,
}

/// Values, bare or in an object.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ValuesAnswer {
    Bare(Vec<ValueName>),
    Enveloped { results: Vec<ValueName>, refreshing: bool },
}

/// Answers up to ten distinct values seen in the last seven days, as `[{"name": …}]`.
pub(crate) async fn values(call: Call) -> Result<Response, ApiError> {
    negotiate(&call.headers, &call.params, &["json"])?;
    let (project, params) = (call.project()?, &call.params);
    let key = params.non_empty("key").ok_or_else(|| ApiError::bad_request("You must provide a key"))?;
    let is_column = params.is_true("is_column");
    let names = if key == "custom_event" {
        call.app.engine.custom_event_names(project.id).await?
    } else if !is_column && is_hidden(&call.app, project.id, key)? {
        Vec::new()
    } else {
        let zone = TimeZone::get(&project.timezone).unwrap_or(TimeZone::UTC);
        let (first, last) = last_seven_days(call.app.now(), &zone)?;
        let properties = params
            .iter()
            .filter_map(|(name, value)| Some(Filter::property_parameter(name.strip_prefix("properties_")?, value)));
        let subject = if is_column { Subject::Column } else { Subject::Property };
        let query = ValuesQuery {
            project: project.id,
            subject: subject(key.to_owned()),
            contains: params.non_empty("value").map(str::to_owned),
            event_names: params.all("event_name").filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            filter: Filter::all(properties),
            from: Some(first),
            to: Some(last),
        };
        call.app.engine.values(query).await?
    };
    let results: Vec<ValueName> = names.into_iter().map(|name| ValueName { name }).collect();
    let answer = if params.is_true("envelope") || call.app.settings.values_shape == ValuesShape::Object {
        ValuesAnswer::Enveloped { results, refreshing: false }
    } else {
        ValuesAnswer::Bare(results)
    };
    let mut response = write_json(&answer);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=10"));
    Ok(response.into_response())
}

/// Whether the definition of the property says that it is not to be shown.
fn is_hidden(app: &App, project: ProjectId, key: &str) -> Result<bool, ApiError> {
    let query =
        PropertyDefinitionQuery { names: vec![key.to_owned()], ..PropertyDefinitionQuery::all(PropertyKind::Event, 1) };
    let (definitions, _) = app.meta.property_definitions(project, &query)?;
    Ok(definitions.iter().any(|definition| definition.name == key && definition.about.hidden))
}

/// The first and the last instant of the window: from seven days ago to the end of today, in the project's zone.
fn last_seven_days(now: Timestamp, zone: &TimeZone) -> Result<(Timestamp, Timestamp), ApiError> {
    let internal = |error: jiff::Error| ApiError::Internal(Box::new(error));
    let now = jiff::Timestamp::from_microsecond(now.as_micros()).map_err(internal)?.to_zoned_datetime(zone.clone());
    let instant = |day: jiff::civil::Date| -> Result<Timestamp, ApiError> {
        let zoned = day.to_datetime(Time::midnight()).to_zoned_datetime(zone.clone()).map_err(internal)?;
        Ok(Timestamp::from_micros(zoned.timestamp().as_microsecond()))
    };
    let today = now.date();
    let first = instant(today.checked_sub(7.days()).map_err(internal)?)?;
    let end = instant(today.checked_add(1.day()).map_err(internal)?)?;
    Ok((first, end.plus_micros(-1)))
}
