//! `/api/projects/:id/cohorts/`: named sets of persons.
//!
//! A cohort is static, its members given one by one, or has a definition. Members are a bitmap of person numbers, kept with
//! the cohort. Whoever uses a cohort gets members that are up to date: they are calculated again when the definition or the
//! events have changed since; a background task does the same now and then, so that lists show recent counts.

mod definition;
mod evaluate;
mod fill;
mod refresh;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use meta::{Cohort, NewCohort};
use model::{PersonNumber, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, Missing, nullable, optional, read, required, text};
use crate::paging::Page;
use crate::persons::{PersonPage, PersonRow};
use crate::users::UserBasic;
use crate::wire::{Json, timestamp_text_z, write_json};

pub(crate) use fill::{ADD_FIELDS, REMOVE_FIELDS, add_persons, remove_person};
pub(crate) use refresh::{members, refresh_all};

pub(crate) const FIELDS: &[Field] = &[
    required("name", Kind::Name(400)),
    nullable("description", Kind::Text(10_000)),
    nullable("filters", Kind::Object),
    nullable("groups", Kind::List(&Kind::Object)),
    nullable("is_static", Kind::Flag),
    optional("deleted", Kind::Flag),
    optional("_create_static_person_ids", Kind::List(&Kind::Uuid)),
];

/// A cohort on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CohortShape {
    id: i64,
    name: String,
    description: String,
    #[schema(value_type = Vec<Object>)]
    groups: Json,
    deleted: bool,
    #[schema(value_type = Object)]
    filters: Json,
    #[schema(value_type = Option<Object>)]
    query: Option<Json>,
    version: i64,
    pending_version: i64,
    is_calculating: bool,
    created_by: Option<UserBasic>,
    created_at: String,
    last_calculation: Option<String>,
    errors_calculating: i64,
    last_error_message: Option<String>,
    count: Option<u64>,
    is_static: bool,
    #[schema(value_type = String)]
    cohort_type: &'static str,
}

/// A page of cohorts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CohortPage {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<CohortShape>,
}

impl CohortShape {
    fn of(call: &Call, cohort: &Cohort) -> Result<Self, ApiError> {
        let author = match cohort.created_by {
            None => None,
            Some(user) => call.app.meta.user(user)?,
        };
        let behaves = cohort.filters.contains("\"behavioral\"");
        Ok(Self {
            id: cohort.id,
            name: cohort.name.clone(),
            description: cohort.description.clone(),
            groups: Json::of(&cohort.groups),
            deleted: cohort.deleted,
            filters: Json::of(&cohort.filters),
            query: None,
            version: cohort.calculated_version.unwrap_or(0),
            pending_version: cohort.version,
            is_calculating: cohort.calculated_version != Some(cohort.version) && cohort.last_error.is_none(),
            created_by: author.as_ref().map(UserBasic::of),
            created_at: timestamp_text_z(cohort.created_at),
            last_calculation: cohort.calculated_at.map(timestamp_text_z),
            errors_calculating: cohort.errors,
            last_error_message: cohort.last_error.clone(),
            count: cohort.count,
            is_static: cohort.is_static,
            cohort_type: match (cohort.is_static, behaves) {
                (true, _) => "static",
                (false, true) => "behavioral",
                (false, false) => "person_property",
            },
        })
    }
}

/// Lists cohorts that are not deleted, newest first.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let page = Page::read(&call.params)?;
    let mut cohorts = call.app.meta.cohorts(call.project_id()?)?;
    if let Some(search) = call.params.non_empty("search").map(str::to_lowercase) {
        cohorts.retain(|cohort| cohort.name.to_lowercase().contains(&search));
    }
    let shown: Result<Vec<_>, _> =
        cohorts.iter().skip(page.offset).take(page.limit).map(|cohort| CohortShape::of(&call, cohort)).collect();
    let (next, previous) = call.links_within(page, cohorts.len());
    Ok(write_json(&CohortPage { count: cohorts.len(), next, previous, results: shown? }))
}

/// Shows one cohort.
pub(crate) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    Ok(write_json(&CohortShape::of(&call, &find(&call)?)?))
}

fn find(call: &Call) -> Result<Cohort, ApiError> {
    let cohort = call.app.meta.cohort(call.project_id()?, call.id()?)?;
    cohort.filter(|cohort| !cohort.deleted).ok_or_else(ApiError::not_found)
}

/// Creates a cohort and calculates its members.
pub(crate) async fn create(call: Call) -> Result<Response, ApiError> {
    let request = fill::Upload::read(&call).await?;
    let body = read(FIELDS, request.body.to_string().as_bytes(), Missing::IsError)?;
    let nothing = NewCohort {
        name: String::new(),
        description: String::new(),
        filters: "{}".to_owned(),
        groups: "[]".to_owned(),
        is_static: body.get("is_static").and_then(Value::as_bool).unwrap_or(false),
        deleted: false,
    };
    let new = changed(&call, nothing, &body)?;
    let listed = fill::listed(&call, &new, &body, request.csv.as_deref())?;
    let (project, now) = (call.project()?, call.app.now());
    let cohort = call.app.meta.create_cohort(project.id, &new, Some(call.caller()?.user.id), now)?;
    if new.is_static {
        fill::add(&call, cohort.id, &listed)?;
    } else {
        calculate(&call, &cohort).await;
    }
    let cohort = call.app.meta.cohort(project.id, cohort.id)?.ok_or_else(ApiError::not_found)?;
    Ok((StatusCode::CREATED, write_json(&CohortShape::of(&call, &cohort)?)).into_response())
}

/// Changes a cohort; calculates its members again when its definition is another one. `deleted` deletes it.
pub(crate) async fn update(call: Call) -> Result<Response, ApiError> {
    let request = fill::Upload::read(&call).await?;
    let body = read(FIELDS, request.body.to_string().as_bytes(), Missing::IsKept)?;
    let before = find(&call)?;
    if body.get("is_static").and_then(Value::as_bool).is_some_and(|is_static| is_static != before.is_static) {
        return Err(ApiError::invalid("is_static", "A cohort stays static or dynamic."));
    }
    let kept = NewCohort {
        name: before.name.clone(),
        description: before.description.clone(),
        filters: before.filters.clone(),
        groups: before.groups.clone(),
        is_static: before.is_static,
        deleted: before.deleted,
    };
    let new = changed(&call, kept, &body)?;
    let listed = fill::listed(&call, &new, &body, request.csv.as_deref())?;
    let project = call.project()?;
    let cohort = call.app.meta.update_cohort(project.id, before.id, &new)?.ok_or_else(ApiError::not_found)?;
    if new.is_static {
        fill::add(&call, cohort.id, &listed)?;
    } else if cohort.version != before.version && !cohort.deleted {
        calculate(&call, &cohort).await;
    }
    let cohort = call.app.meta.cohort(project.id, cohort.id)?.ok_or_else(ApiError::not_found)?;
    Ok(write_json(&CohortShape::of(&call, &cohort)?))
}

/// Calculates the members of a cohort that is stored already: why that failed is shown with the cohort.
async fn calculate(call: &Call, cohort: &Cohort) {
    let Ok(project) = call.project() else { return };
    if let Err(error) = refresh::calculate(&call.app, project, cohort).await {
        tracing::warn!(project = project.id.0, cohort = cohort.id, %error, "cohort not calculated");
    }
}

/// `cohort` with what `body` says instead, its definition checked.
fn changed(call: &Call, mut cohort: NewCohort, body: &Value) -> Result<NewCohort, ApiError> {
    if let Some(name) = text(body, "name") {
        cohort.name = name.trim().to_owned();
    }
    if let Some(description) = body.get("description") {
        cohort.description = description.as_str().unwrap_or_default().to_owned();
    }
    let (filters, groups) = (body.get("filters"), body.get("groups"));
    if let Some(groups) = groups {
        cohort.groups = if groups.is_null() { "[]".to_owned() } else { groups.to_string() };
    }
    match (filters, groups.and_then(Value::as_array)) {
        (Some(filters), _) if !filters.is_null() => cohort.filters = filters.to_string(),
        (Some(_), None) => cohort.filters = "{}".to_owned(),
        // The older form says the same in other words.
        (_, Some(groups)) if !groups.is_empty() => cohort.filters = of_groups(groups).to_string(),
        _ => {}
    }
    if let Some(deleted) = body.get("deleted").and_then(Value::as_bool) {
        cohort.deleted = deleted;
    }
    let says_what = filters.is_some() || groups.is_some() || cohort.filters == "{}";
    if !cohort.is_static && !cohort.deleted && says_what {
        definition::check(&call.app, call.project()?, &cohort.filters, call.id().ok())?;
    }
    Ok(cohort)
}

/// Groups of the older form, as filters: any of the groups, all of a group's leaves.
fn of_groups(groups: &[Value]) -> Value {
    let group = |group: &Value| {
        let leaves = group.get("properties").filter(|leaves| leaves.is_array()).cloned().unwrap_or_else(|| json!([]));
        let behaves = group.get("event_id").or_else(|| group.get("action_id")).filter(|key| !key.is_null());
        let values = match (behaves, leaves) {
            (Some(key), Value::Array(mut leaves)) => {
                let kind = if group.get("event_id").is_some() { "events" } else { "actions" };
                let days = group.get("days").cloned().unwrap_or_else(|| json!(30));
                leaves.push(json!({"type": "behavioral", "key": key, "value": "performed_event", "event_type": kind,
                    "time_value": days, "time_interval": "day"}));
                Value::Array(leaves)
            }
            (_, leaves) => leaves,
        };
        json!({"type": "AND", "values": values})
    };
    json!({"properties": {"type": "OR", "values": groups.iter().map(group).collect::<Vec<_>>()}})
}

/// Lists the persons in a cohort, newest first.
pub(crate) async fn persons(call: Call) -> Result<Response, ApiError> {
    let page = Page::read(&call.params)?;
    let cohort = find(&call)?;
    let project = call.project()?;
    let members = match page.offset {
        0 => members(&call.app, project, cohort.id).await?,
        _ => refresh::members_again(&call.app, project, &cohort).await?,
    };
    let members = members.ok_or_else(ApiError::not_found)?;
    let wanted = members.iter().rev().skip(page.offset).take(page.limit).map(PersonNumber);
    let persons = tokio::task::block_in_place(|| call.app.meta.persons_by_numbers(project.id, wanted))?;
    let more = members.len() > page.offset.saturating_add(page.limit) as u64;
    let (next, previous) = call.page_links(page, more);
    let results = persons.iter().map(|person| PersonRow::of(person, project)).collect();
    Ok(write_json(&PersonPage { next, previous, count: None, results }))
}

/// When members that depend on the time were last right, at the most.
fn is_old(calculated: Option<Timestamp>, now: Timestamp) -> bool {
    const OLD: i64 = 60_000_000;
    calculated.is_none_or(|at| now.as_micros().saturating_sub(at.as_micros()) >= OLD)
}
