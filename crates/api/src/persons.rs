//! `/api/projects/:id/persons/`: who the events are about.

mod change;
mod remove;
mod shape;

use std::collections::BTreeMap;

use axum::response::Response;
use meta::{Person, PersonQuery, Visit};
use model::json::Key;
use query::Filter;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::decimal;
use crate::call::Call;
use crate::cohorts;
use crate::error::ApiError;
use crate::events::warned;
use crate::flat::{Formulas, write_csv};
use crate::guard::negotiate;
use crate::paging::Page;
use crate::wire::write_json;

pub(crate) use change::{
    DELETE_PROPERTY_FIELDS, SPLIT_FIELDS, Success, UPDATE_FIELDS, UPDATE_PROPERTY_FIELDS, delete_property, split,
    update, update_property,
};
pub(crate) use remove::{BULK_DELETE_FIELDS, BulkDeleted, DeletionPage, bulk_delete, delete, deletion_status};
pub(crate) use shape::{PersonDetailed, PersonPage, PersonRow};

/// Rows of CSV unless the request says otherwise.
const CSV_ROWS: usize = 10_000;
/// Values in the answer to [`values`].
const VALUES_MAX: usize = 10;

/// Lists persons, newest first, or those with a distinct id, an email, a search text, certain properties, or in a cohort.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let as_csv = negotiate(&call.headers, &call.params, &["json", "csv"])? == "csv";
    let project = call.project()?;
    let page = if as_csv { Page::read_or(&call.params, CSV_ROWS)? } else { Page::read(&call.params)? };
    let query = PersonQuery {
        distinct_id: call.params.non_empty("distinct_id").map(str::to_owned),
        email: call.params.non_empty("email").map(str::to_owned),
        search: call.params.non_empty("search").map(str::to_owned),
        limit: page.limit,
        offset: page.offset,
    };
    let mut warnings = Vec::new();
    let filter = match call.params.non_empty("properties") {
        None => Filter::default(),
        Some(text) => {
            let parsed = if call.params.is_true("strict") { Filter::parse_strict(text)? } else { Filter::parse(text)? };
            warnings = parsed.warnings;
            parsed.filter
        }
    };
    let cohort = match call.params.non_empty("cohort") {
        None => None,
        Some(id) => {
            let unknown = || ApiError::invalid("cohort", format!("Cohort {id} does not exist."));
            let id = decimal(id).ok_or_else(unknown)?;
            Some(cohorts::members(&call.app, project, id).await?.ok_or_else(unknown)?)
        }
    };
    let counts = call.params.is_true("include_total");
    let found = tokio::task::block_in_place(|| match (&cohort, filter.is_trivial()) {
        (None, true) => {
            let (persons, more) = call.app.meta.list_persons(project.id, &query)?;
            let count = counts.then(|| call.app.meta.count_listed_persons(project.id, &query)).transpose()?;
            Ok::<_, ApiError>(Found { persons, more, count })
        }
        _ => search(&call, &query, &filter, cohort.as_ref(), counts),
    })?;
    let (next, previous) = call.page_links(page, found.more);
    let results: Vec<PersonRow> = found.persons.iter().map(|person| PersonRow::of(person, project)).collect();
    if as_csv {
        let formulas = if call.params.is_true("csv_safe") { Formulas::Defused } else { Formulas::Kept };
        return Ok(warned(write_csv(&results, formulas), &warnings));
    }
    let body = PersonPage { next, previous, count: found.count, results };
    Ok(warned(write_json(&body), &warnings))
}

struct Found {
    persons: Vec<Person>,
    more: bool,
    count: Option<u64>,
}

/// The page of those persons for whom `filter` holds and who are in `cohort`. Reads persons until the page is full, or all
/// of them to count.
fn search(
    call: &Call,
    query: &PersonQuery,
    filter: &Filter,
    cohort: Option<&roaring::RoaringBitmap>,
    counts: bool,
) -> Result<Found, ApiError> {
    let project = call.project_id()?;
    let end = query.offset.saturating_add(query.limit);
    let mut matched = 0;
    let mut page = Vec::new();
    call.app.meta.scan_persons(project, query, |person| {
        let is_in = cohort.is_none_or(|cohort| cohort.contains(person.number.0));
        // A leaf that names no type means the person's properties here.
        if !is_in || !filter.matches(&person.properties, &person.properties) {
            return Ok::<_, ApiError>(Visit::More);
        }
        if (query.offset..end).contains(&matched) {
            page.push(person.number);
        }
        matched += 1;
        Ok(if matched > end && !counts { Visit::Enough } else { Visit::More })
    })?;
    let persons = call.app.meta.persons_by_numbers(project, page)?;
    Ok(Found { persons, more: matched > end, count: counts.then_some(matched as u64) })
}

/// Shows one person.
pub(crate) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    Ok(write_json(&PersonDetailed::of(&find(&call)?, call.project()?)))
}

/// The person in the path, by row id or UUID.
fn find(call: &Call) -> Result<Person, ApiError> {
    let (project, text) = (call.project_id()?, call.name("id"));
    let person = if let Some(id) = decimal(text) {
        call.app.meta.person_by_id(project, id)?
    } else if let Ok(uuid) = Uuid::parse_str(text) {
        call.app.meta.person_by_uuid(project, uuid)?
    } else if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        None
    } else {
        return Err(ApiError::bad_request(
            "The ID provided does not look like a personID. If you are using a distinctId, please use \
             /persons?distinct_id=<id> instead.",
        ));
    };
    person.ok_or_else(ApiError::not_found)
}

/// A value, and how many persons have it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValueCount {
    pub(crate) name: String,
    pub(crate) count: u64,
}

/// Lists the most frequent values of a property, with the number of persons that have them.
pub(crate) async fn values(call: Call) -> Result<Response, ApiError> {
    let key = call.params.non_empty("key").ok_or_else(|| ApiError::invalid("key", "You must provide a key"))?;
    let counting = &mut Counting::new(key, call.params.non_empty("value"));
    tokio::task::block_in_place(|| {
        call.app.meta.scan_persons(call.project_id()?, &PersonQuery::default(), |person| {
            counting.add(&person.properties);
            Ok::<_, ApiError>(Visit::More)
        })
    })?;
    Ok(write_json(&counting.most_frequent(VALUES_MAX)))
}

/// Counts the values of one property.
pub(crate) struct Counting {
    key: Key,
    contains: Option<String>,
    counts: BTreeMap<String, u64>,
}

impl Counting {
    /// Of the property `key`, those with `contains` in their text, whatever its case.
    pub(crate) fn new(key: &str, contains: Option<&str>) -> Self {
        Self { key: Key::new(key), contains: contains.map(str::to_lowercase), counts: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, properties: &str) {
        let Some(raw) = self.key.find(properties) else { return };
        let text = match serde_json::from_str(raw) {
            Ok(Value::Null) | Err(_) => return,
            Ok(Value::String(text)) => text,
            // Numbers as they were written.
            Ok(_) => raw.to_owned(),
        };
        if self.contains.as_ref().is_none_or(|wanted| text.to_lowercase().contains(wanted)) {
            *self.counts.entry(text).or_default() += 1;
        }
    }

    /// The most frequent ones; of those as frequent, in order of their text.
    pub(crate) fn most_frequent(&mut self, limit: usize) -> Vec<ValueCount> {
        let counts = std::mem::take(&mut self.counts);
        let mut values: Vec<ValueCount> = counts.into_iter().map(|(name, count)| ValueCount { name, count }).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.count));
        values.truncate(limit);
        values
    }
}
