//! `GET …/events/values`: distinct values of a property or column, for auto-completion.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Uri, header};
use jiff::ToSpan;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use model::Timestamp;
use query::{Filter, Subject, ValuesQuery};

use super::require_json;
use crate::app::App;
use crate::auth::{Scope, authenticate};
use crate::error::ApiError;
use crate::params::Params;
use crate::wire::write_json;

/// Answers up to ten distinct values seen in the last seven days, as `[{"name": …}]`.
pub(crate) async fn values(
    State(app): State<App>,
    Path(project): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    let tenant = authenticate(&app, &headers, &params)?.tenant(&app, &project, &params, Scope::QUERY_READ)?;
    require_json(&headers, &params)?;
    let key = params.non_empty("key").ok_or_else(|| ApiError::bad_request("You must provide a key"))?;
    let names = if key == "custom_event" {
        app.engine.custom_event_names(tenant.project.id).await?
    } else {
        let zone = TimeZone::get(&tenant.project.timezone).unwrap_or(TimeZone::UTC);
        let (first, last) = last_seven_days(app.now(), &zone)?;
        let properties = params
            .iter()
            .filter_map(|(name, value)| Some(Filter::property_parameter(name.strip_prefix("properties_")?, value)));
        let subject = if params.is_true("is_column") { Subject::Column } else { Subject::Property };
        let query = ValuesQuery {
            project: tenant.project.id,
            subject: subject(key.to_owned()),
            contains: params.non_empty("value").map(str::to_owned),
            event_names: params.all("event_name").filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            filter: Filter::all(properties),
            from: Some(first),
            to: Some(last),
        };
        app.engine.values(query).await?
    };
    let entries: Vec<_> = names.iter().map(|name| serde_json::json!({"name": name})).collect();
    let mut response = if params.is_true("envelope") {
        write_json(&serde_json::json!({"results": entries, "refreshing": false}))
    } else {
        write_json(&entries)
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=10"));
    Ok(response.into_response())
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
