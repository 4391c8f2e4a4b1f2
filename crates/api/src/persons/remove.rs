//! Deleting persons, with or without their events, and the receipts of that.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use meta::{DeletedPerson, DeletionQuery, PersonDeletion, PersonEvents};
use model::PersonNumber;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::find;
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, optional, texts};
use crate::paging::Page;
use crate::wire::{timestamp_text_z, write_json};

/// Persons in one request.
const BULK_MAX: usize = 1_000;

pub(crate) const BULK_DELETE_FIELDS: &[Field] = &[
    optional("ids", Kind::List(&Kind::Uuid)),
    optional("distinct_ids", Kind::List(&Kind::Text(400))),
    optional("delete_events", Kind::Flag),
];

/// What a request for many deletions did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkDeleted {
    persons_found: usize,
    persons_deleted: usize,
    events_queued_for_deletion: bool,
}

/// A page of receipts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletionPage {
    next: Option<String>,
    previous: Option<String>,
    results: Vec<Deletion>,
}

/// The receipt of a deletion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deletion {
    person_uuid: String,
    created_at: String,
    /// `pending` while files still hold events that nobody sees any more.
    #[schema(value_type = String)]
    status: &'static str,
    delete_events: bool,
    /// When nothing was left.
    delete_verified_at: Option<String>,
}

/// Deletes a person, and its events when asked to: nobody sees them from now on, and compaction removes them.
pub(crate) async fn delete(call: Call) -> Result<Response, ApiError> {
    let person = find(&call)?;
    let events = wished(call.params.is_true("delete_events"));
    remove(&call, &[person.uuid], events)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Deletes up to a thousand persons, by UUID or distinct id.
pub(crate) async fn bulk_delete(call: Call) -> Result<Response, ApiError> {
    let body = call.body(BULK_DELETE_FIELDS)?;
    let project = call.project_id()?;
    let uuids: Vec<Uuid> = if let Some(ids) = texts(&body, "ids").filter(|ids| !ids.is_empty()) {
        check_count("ids", ids.len())?;
        let asked: Vec<Uuid> = ids.iter().filter_map(|id| Uuid::parse_str(id).ok()).collect();
        call.app.meta.person_refs(project, &asked)?.into_iter().map(|person| person.uuid).collect()
    } else if let Some(ids) = texts(&body, "distinct_ids").filter(|ids| !ids.is_empty()) {
        check_count("distinct_ids", ids.len())?;
        call.app.meta.persons_by_distinct_ids(project, &ids)?.into_values().map(|person| person.uuid).collect()
    } else {
        return Err(ApiError::bad_request("You need to specify either distinct_ids or ids"));
    };
    let mut uuids = uuids;
    uuids.sort_unstable();
    uuids.dedup();
    let deletes =
        body.get("delete_events").and_then(Value::as_bool).unwrap_or(false) || call.params.is_true("delete_events");
    let deleted = remove(&call, &uuids, wished(deletes))?;
    let done =
        BulkDeleted { persons_found: uuids.len(), persons_deleted: deleted.len(), events_queued_for_deletion: deletes };
    Ok((StatusCode::ACCEPTED, write_json(&done)).into_response())
}

fn check_count(name: &'static str, count: usize) -> Result<(), ApiError> {
    if count <= BULK_MAX {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("You can only pass {BULK_MAX} {name} in one call")))
}

fn wished(deletes: bool) -> PersonEvents {
    if deletes { PersonEvents::Delete } else { PersonEvents::Keep }
}

fn remove(call: &Call, uuids: &[Uuid], events: PersonEvents) -> Result<Vec<DeletedPerson>, ApiError> {
    let project = call.project_id()?;
    let user = call.caller()?.user.id;
    let deleted = call.app.meta.delete_persons(project, uuids, events, Some(user), call.app.now())?;
    if events == PersonEvents::Delete {
        // After the commit: should the process end in between, the next one learns of it from metadata.
        let numbers: Vec<PersonNumber> = deleted.iter().map(|person| person.number).collect();
        (call.app.hide_persons)(project, &numbers);
    }
    Ok(deleted)
}

/// Lists receipts, newest first: of one person, or of those that are finished or are not.
pub(crate) async fn deletion_status(call: Call) -> Result<Response, ApiError> {
    let page = Page::read(&call.params)?;
    let finished = match call.params.non_empty("status") {
        None | Some("all") => None,
        Some("pending") => Some(false),
        Some("completed") => Some(true),
        Some(other) => return Err(ApiError::invalid("status", format!("\"{other}\" is not a valid choice."))),
    };
    let person = match call.params.non_empty("person_uuid") {
        None => None,
        Some(text) => {
            Some(Uuid::parse_str(text).map_err(|_| ApiError::invalid("person_uuid", "Must be a valid UUID."))?)
        }
    };
    let asked = DeletionQuery { person, finished, limit: page.limit, offset: page.offset };
    let (receipts, more) = call.app.meta.person_deletions(call.project_id()?, &asked)?;
    let (next, previous) = call.page_links(page, more);
    Ok(write_json(&DeletionPage { next, previous, results: receipts.iter().map(Deletion::of).collect() }))
}

impl Deletion {
    fn of(receipt: &PersonDeletion) -> Self {
        Self {
            person_uuid: receipt.person.to_string(),
            created_at: timestamp_text_z(receipt.requested_at),
            status: if receipt.finished_at.is_some() { "completed" } else { "pending" },
            delete_events: receipt.deletes_events,
            delete_verified_at: receipt.finished_at.map(timestamp_text_z),
        }
    }
}
