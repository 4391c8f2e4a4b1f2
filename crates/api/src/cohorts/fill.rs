//! Members of static cohorts, one by one: by UUID, or from a CSV file of distinct ids, person ids or emails.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header;
use meta::{NewCohort, PersonRef};
use roaring::RoaringBitmap;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::refresh::{decode, encode};
use super::{CohortShape, find};
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, required, texts};
use crate::wire::write_json;

pub(crate) const ADD_FIELDS: &[Field] = &[required("person_ids", Kind::List(&Kind::Uuid))];
pub(crate) const REMOVE_FIELDS: &[Field] = &[required("person_id", Kind::Uuid)];

/// A request that may carry a file: a JSON object, or a form.
pub(super) struct Upload {
    pub(super) body: Value,
    pub(super) csv: Option<String>,
}

impl Upload {
    pub(super) async fn read(call: &Call) -> Result<Self, ApiError> {
        if !call.content_type().starts_with("multipart/form-data") {
            return Ok(Self { body: call.changes(&[])?, csv: None });
        }
        let mut request = Request::new(Body::from(call.bytes.clone()));
        if let Some(kind) = call.headers.get(header::CONTENT_TYPE) {
            request.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
        }
        // It has been read within its limit already.
        DefaultBodyLimit::disable().apply(&mut request);
        let malformed = |detail: String| ApiError::bad_request(format!("Multipart form parse error - {detail}"));
        let mut form = Multipart::from_request(request, &()).await.map_err(|error| malformed(error.body_text()))?;
        let mut body = Map::new();
        let mut csv = None;
        while let Some(field) = form.next_field().await.map_err(|error| malformed(error.body_text()))? {
            let name = field.name().unwrap_or_default().to_owned();
            let text = field.text().await.map_err(|error| malformed(error.body_text()))?;
            if name == "csv" {
                csv = Some(text);
            } else {
                body.insert(name.clone(), of_form(&name, text));
            }
        }
        if csv.is_some() {
            body.entry("is_static").or_insert(json!(true));
        }
        Ok(Self { body: Value::Object(body), csv })
    }
}

/// The value of a form field, which is text, as the JSON it stands for.
fn of_form(name: &str, text: String) -> Value {
    match name {
        "is_static" | "deleted" => match text.to_lowercase().as_str() {
            "true" | "1" | "on" => json!(true),
            "false" | "0" | "" => json!(false),
            _ => Value::String(text),
        },
        "filters" | "groups" => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        _ => Value::String(text),
    }
}

/// The persons that the request lists.
pub(super) fn listed(
    call: &Call,
    cohort: &NewCohort,
    body: &Value,
    csv: Option<&str>,
) -> Result<Vec<PersonRef>, ApiError> {
    let ids = texts(body, "_create_static_person_ids").unwrap_or_default();
    if !cohort.is_static {
        if csv.is_some() || !ids.is_empty() {
            return Err(ApiError::invalid("is_static", "Only a static cohort can be given persons."));
        }
        return Ok(Vec::new());
    }
    let mut persons = by_uuids(call, &ids)?;
    if let Some(csv) = csv {
        persons.extend(in_file(call, csv)?);
    }
    Ok(persons)
}

fn by_uuids(call: &Call, ids: &[String]) -> Result<Vec<PersonRef>, ApiError> {
    let uuids: Vec<Uuid> = ids.iter().filter_map(|id| Uuid::parse_str(id).ok()).collect();
    Ok(call.app.meta.person_refs(call.project_id()?, &uuids)?)
}

/// The persons in a CSV file. Its header tells what it lists; without one of the known headers, the first column is
/// distinct ids and the first line is one of them.
fn in_file(call: &Call, text: &str) -> Result<Vec<PersonRef>, ApiError> {
    let project = call.project_id()?;
    let text = text.trim_start_matches('\u{feff}');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let malformed = |error: csv::Error| ApiError::invalid("csv", format!("The file is not CSV: {error}"));
    let records = reader.records().collect::<Result<Vec<_>, _>>().map_err(malformed)?;
    let Some(first) = records.first() else { return Err(ApiError::invalid("csv", "The file is empty.")) };
    let place = |names: &[&str]| {
        first.iter().position(|name| names.contains(&name.to_lowercase().replace(['_', '-', ' '], "").as_str()))
    };
    let column = |place: usize, skipped: usize| -> Vec<String> {
        let cells = records.iter().skip(skipped).filter_map(|record| record.get(place));
        cells.filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    tokio::task::block_in_place(|| {
        if let Some(at) = place(&["personid"]) {
            by_uuids(call, &column(at, 1))
        } else if let Some(at) = place(&["email"]) {
            Ok(call.app.meta.persons_by_emails(project, &column(at, 1))?)
        } else {
            let at = place(&["distinctid"]);
            let ids = column(at.unwrap_or(0), usize::from(at.is_some()));
            Ok(call.app.meta.persons_by_distinct_ids(project, &ids)?.into_values().collect())
        }
    })
}

/// Adds persons to a static cohort.
pub(super) fn add(call: &Call, id: i64, persons: &[PersonRef]) -> Result<(), ApiError> {
    change(call, id, |members| members.extend(persons.iter().map(|person| person.number.0)))
}

fn change(call: &Call, id: i64, change: impl FnOnce(&mut RoaringBitmap)) -> Result<(), ApiError> {
    call.app.meta.change_cohort_members(call.project_id()?, id, call.app.now(), |before| {
        let mut members = before.as_deref().map_or_else(|| Ok(RoaringBitmap::new()), decode)?;
        change(&mut members);
        Ok::<_, ApiError>((encode(&members), members.len()))
    })
}

/// Adds persons, by UUID.
pub(crate) async fn add_persons(call: Call) -> Result<Response, ApiError> {
    let body = call.body(ADD_FIELDS)?;
    let cohort = find(&call)?;
    let ids = texts(&body, "person_ids").unwrap_or_default();
    require_static(cohort.is_static)?;
    let persons = by_uuids(&call, &ids)?;
    if persons.is_empty() {
        return Err(ApiError::invalid("person_ids", "None of these persons exists."));
    }
    add(&call, cohort.id, &persons)?;
    Ok(write_json(&CohortShape::of(&call, &find(&call)?)?))
}

/// Removes a person, by UUID.
pub(crate) async fn remove_person(call: Call) -> Result<Response, ApiError> {
    let body = call.body(REMOVE_FIELDS)?;
    let cohort = find(&call)?;
    require_static(cohort.is_static)?;
    let ids: Vec<String> = body["person_id"].as_str().map(str::to_owned).into_iter().collect();
    let Some(person) = by_uuids(&call, &ids)?.first().copied() else { return Err(ApiError::not_found()) };
    let mut was_in = false;
    change(&call, cohort.id, |members| was_in = members.remove(person.number.0))?;
    if !was_in {
        return Err(ApiError::NotFound("Person is not part of the cohort.".to_owned()));
    }
    Ok((StatusCode::OK, write_json(&CohortShape::of(&call, &find(&call)?)?)).into_response())
}

fn require_static(is_static: bool) -> Result<(), ApiError> {
    if is_static {
        return Ok(());
    }
    Err(ApiError::bad_request("Persons can only be added to and removed from static cohorts."))
}
