//! `GET …/events`: one page of a project's events, and the link to the next.

use axum::response::Response;
use http::HeaderValue;
use jiff::tz::TimeZone;
use meta::Project;
use model::Timestamp;
use query::{Bound, EventsQuery, Order, PersonKey};
use uuid::Uuid;

use super::condition::{self, Condition};
use super::link::{MovingBound, PageEnd, next_link};
use super::{csv, select, shape};
use crate::app::App;
use crate::call::Call;
use crate::dates::parse_date;
use crate::error::ApiError;
use crate::guard::negotiate;
use crate::params::Params;
use crate::wire::json_text;

/// Rows in a page unless the request says otherwise.
const LIMIT_DEFAULT: usize = 100;
/// The same for CSV.
const CSV_LIMIT_DEFAULT: usize = 1_000;
/// Rows in the largest page; a larger wish is granted this far, and the answer says so.
const LIMIT_MAX: usize = 50_000;
/// Clients' clocks may be this much ahead of ours and their newest events still show, in microseconds.
const FUTURE_TOLERANCE: i64 = 5_000_000;

/// Lists events, newest first unless asked otherwise.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project()?;
    let as_csv = negotiate(&call.headers, &call.params, &["json", "csv"])? == "csv";
    if select::is_asked(&call.params) {
        return select::list(&call, as_csv).await;
    }
    let mut warnings = Vec::new();
    let limit = if as_csv { CSV_LIMIT_DEFAULT } else { LIMIT_DEFAULT };
    let query = read_query(&call.app, project, &call.params, limit, &mut warnings).await?;
    let with_persons =
        !call.params.get("include_person").is_some_and(|value| value.eq_ignore_ascii_case("false") || value == "0");
    let formulas = csv::formulas(&call.params);
    let Some(query) = query else {
        let nothing = if as_csv {
            csv::page(Vec::new(), shape::Persons::left_out(), formulas)?
        } else {
            json_text(r#"{"next":null,"results":[]}"#.to_owned())
        };
        return Ok(warned(nothing, &warnings));
    };
    if as_csv && call.params.is_true("all") {
        return Ok(warned(csv::all(&call.app, query, with_persons, formulas).await?, &warnings));
    }
    let order = query.order;
    let page = call.app.engine.events(query).await?;
    let rows = page.rows.as_slice();
    if as_csv {
        let persons = csv::persons(&call.app, project.id, rows, with_persons)?;
        return Ok(warned(csv::page(page.rows, persons, formulas)?, &warnings));
    }
    let next = match (rows.last(), &page.next) {
        (Some(last), Some(following)) => {
            let tie = (following.timestamp == last.timestamp).then_some(last.uuid);
            let bound = if order == Order::Descending { MovingBound::BEFORE } else { MovingBound::AFTER };
            let end = PageEnd { timestamp: last.timestamp, tie };
            Some(next_link(&call.base_url(), call.uri.path(), &call.params, bound, end))
        }
        _ => None,
    };
    // A large page takes a while to look up and to write.
    let body = tokio::task::block_in_place(|| {
        let persons = csv::persons(&call.app, project.id, rows, with_persons)?;
        Ok::<_, ApiError>(shape::write_page(next.as_deref(), rows, &persons))
    })?;
    Ok(warned(json_text(body), &warnings))
}

/// `response`, with `warnings` in a header of its own.
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
async fn read_query(
    app: &App,
    project: &Project,
    params: &Params,
    limit: usize,
    warnings: &mut Vec<String>,
) -> Result<Option<EventsQuery>, ApiError> {
    let after = match params.non_empty("after") {
        None | Some("all") => None,
        Some(text) => Some(read_instant(app, project, "after", text)?),
    };
    let before = match params.non_empty("before") {
        None => app.now().plus_micros(FUTURE_TOLERANCE),
        Some(text) => read_instant(app, project, "before", text)?,
    };
    let after = read_bound("after_id", after, params.non_empty("after").is_some(), params)?;
    let before = read_bound("before_id", Some(before), params.non_empty("before").is_some(), params)?;
    let order = read_order(params)?;
    let limit = read_limit(params, limit, warnings)?;
    let condition = condition::read(app, project, params, warnings).await?;
    let person = match params.non_empty("person_id") {
        None => None,
        Some(text) => match read_person(app, project, text)? {
            None => return Ok(None),
            Some(uuid) => Some(person_key(app, project, uuid)?),
        },
    };
    let condition = match condition {
        Condition::Always => None,
        Condition::Never => return Ok(None),
        Condition::Where(request) => Some(request),
    };
    Ok(Some(EventsQuery {
        project: project.id,
        after,
        before,
        event: params.non_empty("event").map(str::to_owned),
        distinct_id: params.get("distinct_id").map(str::to_owned),
        person,
        condition,
        order,
        limit,
        offset: read_offset(params),
    }))
}

/// The instant that `text` means, the value of the parameter `name`.
pub(super) fn read_instant(
    app: &App,
    project: &Project,
    name: &'static str,
    text: &str,
) -> Result<Timestamp, ApiError> {
    let zone = TimeZone::get(&project.timezone).unwrap_or(TimeZone::UTC);
    parse_date(text, app.now(), &zone).map_err(|error| ApiError::invalid(name, format!("'{text}' {error}.")))
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
pub(super) fn read_person(app: &App, project: &Project, text: &str) -> Result<Option<Uuid>, ApiError> {
    if let Ok(id) = text.parse::<i64>() {
        return Ok(app.meta.person_by_id(project.id, id)?.map(|person| person.uuid));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let uuid = Uuid::parse_str(text)
        .map_err(|_| ApiError::invalid("person_id", format!("'{text}' is neither a person id nor a UUID.")))?;
    Ok(Some(app.meta.surviving_person(project.id, uuid)?))
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

/// Rows to skip; what is no number skips none.
pub(super) fn read_offset(params: &Params) -> usize {
    params.get("offset").and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

pub(super) fn read_limit(params: &Params, otherwise: usize, warnings: &mut Vec<String>) -> Result<usize, ApiError> {
    let Some(text) = params.get("limit").map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(otherwise);
    };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::invalid("limit", format!("'{text}' is not an integer.")));
    }
    // All digits, so a failure to parse means a number beyond any page size.
    match text.parse::<i64>().unwrap_or_else(|_| if text.starts_with('-') { -1 } else { i64::MAX }) {
        ..=0 => Ok(otherwise),
        wish => match usize::try_from(wish) {
            Ok(limit) if limit <= LIMIT_MAX => Ok(limit),
            _ => {
                warnings.push(format!("limit {text} is above the maximum of {LIMIT_MAX}; follow next for the rest"));
                Ok(LIMIT_MAX)
            }
        },
    }
}
