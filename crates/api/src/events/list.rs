//! `GET …/events`: one page of a project's events, and the link to the next.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, OriginalUri, Path, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue};
use jiff::tz::TimeZone;
use meta::Project;
use model::Timestamp;
use query::{Bound, EventsQuery, Filter, Order, PersonKey};
use uuid::Uuid;

use super::link::{MovingBound, PageEnd, next_link};
use super::{require_json, shape};
use crate::app::App;
use crate::auth::{Scope, authenticate};
use crate::dates::parse_date;
use crate::error::ApiError;
use crate::params::Params;
use crate::wire::json_text;

/// Rows in a page unless the request says otherwise.
const LIMIT_DEFAULT: usize = 100;
/// Rows in the largest page; a larger wish is granted this far, and the answer says so.
const LIMIT_MAX: usize = 50_000;
/// Clients' clocks may be this much ahead of ours and their newest events still show, in microseconds.
const FUTURE_TOLERANCE: i64 = 5_000_000;

/// Lists events, newest first unless asked otherwise.
pub(crate) async fn list(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    OriginalUri(uri): OriginalUri,
    Path(project): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    let tenant = authenticate(&app, &headers, &params)?.tenant(&app, &project, &params, Scope::QUERY_READ)?;
    require_json(&headers, &params)?;
    let mut warnings = Vec::new();
    let Some(query) = read_query(&app, &tenant.project, &params, &mut warnings)? else {
        return Ok(warned(json_text(r#"{"next":null,"results":[]}"#.to_owned()), &warnings));
    };
    let order = query.order;
    let page = app.engine.events(query).await?;
    let rows = page.rows.as_slice();
    let next = match (rows.last(), &page.next) {
        (Some(last), Some(following)) => {
            let tie = (following.timestamp == last.timestamp).then_some(last.uuid);
            let bound = if order == Order::Descending { MovingBound::BEFORE } else { MovingBound::AFTER };
            let end = PageEnd { timestamp: last.timestamp, tie };
            Some(next_link(&app.base_url(peer, &headers), uri.path(), &params, bound, end))
        }
        _ => None,
    };
    let with_persons =
        !params.get("include_person").is_some_and(|value| value.eq_ignore_ascii_case("false") || value == "0");
    // A large page takes a while to look up and to write.
    let body = tokio::task::block_in_place(|| {
        let persons =
            if with_persons { shape::Persons::of(&app, tenant.project.id, rows)? } else { shape::Persons::left_out() };
        Ok::<_, ApiError>(shape::write_page(next.as_deref(), rows, &persons))
    })?;
    Ok(warned(json_text(body), &warnings))
}

pub(crate) fn warned(mut response: Response, warnings: &[String]) -> Response {
    if !warnings.is_empty() {
        let text: String =
            warnings.join("; ").chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert("x-posthog-warn", value);
        }
    }
    response
}

/// The query behind `params`, or none when it cannot match anything.
fn read_query(
    app: &App,
    project: &Project,
    params: &Params,
    warnings: &mut Vec<String>,
) -> Result<Option<EventsQuery>, ApiError> {
    refuse_unsupported(params)?;
    let now = app.now();
    let zone = TimeZone::get(&project.timezone).unwrap_or(TimeZone::UTC);
    let after = match params.non_empty("after") {
        None | Some("all") => None,
        Some(text) => Some(read_date("after", text, now, &zone)?),
    };
    let before = match params.non_empty("before") {
        None => now.plus_micros(FUTURE_TOLERANCE),
        Some(text) => read_date("before", text, now, &zone)?,
    };
    let after = read_bound("after_id", after, params.non_empty("after").is_some(), params)?;
    let before = read_bound("before_id", Some(before), params.non_empty("before").is_some(), params)?;
    let person = match params.non_empty("person_id") {
        None => None,
        Some(text) => match read_person(app, project, text)? {
            None => return Ok(None),
            person => person,
        },
    };
    let filter = match params.non_empty("properties") {
        None => Filter::default(),
        Some(text) => {
            let parsed = if params.is_true("strict") { Filter::parse_strict(text)? } else { Filter::parse(text)? };
            warnings.extend(parsed.warnings);
            parsed.filter
        }
    };
    Ok(Some(EventsQuery {
        project: project.id,
        after,
        before,
        event: params.non_empty("event").map(str::to_owned),
        distinct_id: params.get("distinct_id").map(str::to_owned),
        person,
        filter,
        order: read_order(params)?,
        limit: read_limit(params, warnings)?,
        offset: params.get("offset").and_then(|text| text.trim().parse().ok()).unwrap_or(0),
    }))
}

/// Parameters PostHog has and this version does not answer: never ignored, because the answer would be wrong.
fn refuse_unsupported(params: &Params) -> Result<(), ApiError> {
    for (name, what) in [
        ("select", "The parameter 'select'"),
        ("where", "The parameter 'where'"),
        ("action_id", "The parameter 'action_id'"),
    ] {
        if params.non_empty(name).is_some() {
            return Err(ApiError::unsupported(name, what));
        }
    }
    Ok(())
}

fn read_date(name: &'static str, text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, ApiError> {
    parse_date(text, now, zone).map_err(|error| ApiError::invalid(name, format!("'{text}' {error}.")))
}

fn read_bound(
    id_name: &'static str,
    timestamp: Option<Timestamp>,
    named: bool,
    params: &Params,
) -> Result<Option<Bound>, ApiError> {
    let id = match params.non_empty(id_name) {
        None => None,
        Some(_) if !named || timestamp.is_none() => {
            let bound = id_name.trim_end_matches("_id");
            return Err(ApiError::invalid(id_name, format!("'{id_name}' needs '{bound}'.")));
        }
        Some(text) => {
            Some(Uuid::parse_str(text).map_err(|_| ApiError::invalid(id_name, format!("'{text}' is not a UUID.")))?)
        }
    };
    Ok(timestamp.map(|timestamp| Bound { timestamp, id }))
}

/// The person meant by an integer id or a UUID; none when no such person can have events.
fn read_person(app: &App, project: &Project, text: &str) -> Result<Option<PersonKey>, ApiError> {
    if let Ok(id) = text.parse::<i64>() {
        let person = app.meta.person_by_id(project.id, id)?;
        return match person {
            None => Ok(None),
            Some(person) => person_key(app, project, person.uuid).map(Some),
        };
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let uuid = Uuid::parse_str(text)
        .map_err(|_| ApiError::invalid("person_id", format!("'{text}' is neither a person id nor a UUID.")))?;
    person_key(app, project, app.meta.surviving_person(project.id, uuid)?).map(Some)
}

fn person_key(app: &App, project: &Project, uuid: Uuid) -> Result<PersonKey, ApiError> {
    Ok(match app.meta.person_number(project.id, uuid)? {
        Some(number) => PersonKey::Number(number),
        None => PersonKey::Id(uuid),
    })
}

fn read_order(params: &Params) -> Result<Order, ApiError> {
    let Some(text) = params.non_empty("orderBy") else { return Ok(Order::Descending) };
    let fields = match text {
        "timestamp" | "-timestamp" => vec![text.to_owned()],
        _ => serde_json::from_str::<Vec<String>>(text)
            .map_err(|_| ApiError::invalid("orderBy", "'orderBy' must be a JSON array of strings."))?,
    };
    match fields.first().map(String::as_str) {
        None | Some("-timestamp") => Ok(Order::Descending),
        Some("timestamp") => Ok(Order::Ascending),
        Some(field) => Err(ApiError::invalid("orderBy", format!("Cannot order by '{field}', only by 'timestamp'."))),
    }
}

fn read_limit(params: &Params, warnings: &mut Vec<String>) -> Result<usize, ApiError> {
    let Some(text) = params.get("limit").map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(LIMIT_DEFAULT);
    };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::invalid("limit", format!("'{text}' is not an integer.")));
    }
    // All digits, so a failure to parse means a number beyond any page size.
    match text.parse::<i64>().unwrap_or_else(|_| if text.starts_with('-') { -1 } else { i64::MAX }) {
        ..=0 => Ok(LIMIT_DEFAULT),
        wish => match usize::try_from(wish) {
            Ok(limit) if limit <= LIMIT_MAX => Ok(limit),
            _ => {
                warnings.push(format!("limit {text} is above the maximum of {LIMIT_MAX}; follow next for the rest"));
                Ok(LIMIT_MAX)
            }
        },
    }
}
