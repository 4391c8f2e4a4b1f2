//! Lists events in time order, page by page.
//!
//! The order is total: by timestamp, then uuid, both in the same direction. A page is found in two steps.
//!
//! 1. **Which rows.** Parts of the store are visited in order of time, the newest first (the oldest when ascending). Each
//!    gives its best rows by timestamp and uuid alone. Rows beyond the worst one in hand are not even looked at, and the
//!    search ends when no part that is left can hold a better one.
//! 2. **Their contents.** The page's rows, and no others, are read with all their columns.
//!
//! Invariant: ending early saves work and nothing else. The page is the same as if every row had been sorted.

mod fetch;
mod recent;
mod search;

pub(crate) use recent::Recent;

use std::sync::Arc;

use model::{PersonMode, ProjectId, Timestamp};
use store::Snapshot;
use uuid::Uuid;

use crate::QueryError;
use crate::engine::{Core, Engine};
use crate::hogql::{Condition, Request};
use crate::scan::PersonKey;

/// Which events to list. All conditions are joined by AND; the default of each is "any".
#[derive(Debug, Clone)]
pub struct EventsQuery {
    /// Whose events.
    pub project: ProjectId,
    /// Only events later than this.
    pub after: Option<Bound>,
    /// Only events earlier than this.
    pub before: Option<Bound>,
    /// Exactly this event name.
    pub event: Option<String>,
    /// Exactly this distinct id.
    pub distinct_id: Option<String>,
    /// Only events of this person, merges applied.
    pub person: Option<PersonKey>,
    /// What else has to hold: the filter of a SELECT from events.
    pub condition: Option<Arc<Request>>,
    /// Newest or oldest first.
    pub order: Order,
    /// Rows on a page.
    pub limit: usize,
    /// Rows to skip before the page. Costs as much as reading their timestamps.
    pub offset: usize,
}

/// An exclusive bound: on the timestamp, or with an id on timestamp and uuid together, so that a page can begin
/// between two events of the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The instant.
    pub timestamp: Timestamp,
    /// The uuid at that instant; without one, the whole instant is excluded.
    pub id: Option<Uuid>,
}

/// Direction of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Newest first.
    #[default]
    Descending,
    /// Oldest first.
    Ascending,
}

/// One page of events, as full as the limit allows.
#[derive(Debug, Clone, Default)]
pub struct EventsPage {
    /// The events in order.
    pub rows: Vec<Event>,
    /// Where the first event after the page stands; `None` when there is none.
    pub next: Option<Position>,
}

/// Place of an event in the total order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// When it happened.
    pub timestamp: Timestamp,
    /// Its uuid.
    pub id: Uuid,
}

/// One event as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Event identity.
    pub uuid: Uuid,
    /// Event name.
    pub event: String,
    /// Who did it, in the client's words.
    pub distinct_id: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The person, merges applied.
    pub person_id: Uuid,
    /// Whether that person is a stored one.
    pub person_mode: PersonMode,
    /// Event properties: a JSON object.
    pub properties: String,
    /// The autocapture element chain, or empty.
    pub elements_chain: String,
}

impl EventsQuery {
    /// The newest hundred events of `project`.
    #[must_use]
    pub fn of(project: ProjectId) -> Self {
        Self {
            project,
            after: None,
            before: None,
            event: None,
            distinct_id: None,
            person: None,
            condition: None,
            order: Order::Descending,
            limit: 100,
            offset: 0,
        }
    }
}

impl EventsPage {
    /// Whether events follow after the page.
    #[must_use]
    pub fn more(&self) -> bool {
        self.next.is_some()
    }
}

impl Engine {
    /// One page of events, from one snapshot of the store: no event twice or missing because of what is written
    /// meanwhile.
    ///
    /// Cost: grows with the rows between the start of the range and the end of the page, not with the store. Memory:
    /// about 100 bytes for each row of `offset` and `limit`, and the page itself.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = query.project.0, rows))]
    pub async fn events(&self, query: EventsQuery) -> Result<EventsPage, QueryError> {
        let store = Arc::clone(&self.store);
        let page =
            self.run(move |core| async move { page(&core, &store.snapshot(query.project), &query).await }).await?;
        tracing::Span::current().record("rows", page.rows.len());
        Ok(page)
    }

    /// Every page of what `query` asks for, `limit` rows each, as the store is now.
    #[must_use]
    pub fn pages(&self, query: EventsQuery) -> Pages {
        Pages { snapshot: self.store.snapshot(query.project), query, condition: None, is_done: false }
    }

    /// The event with this uuid, wherever it is in time; the newest when several share it.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = project.0))]
    pub async fn event(&self, project: ProjectId, uuid: Uuid) -> Result<Option<Event>, QueryError> {
        let store = Arc::clone(&self.store);
        self.run(move |core| async move { fetch::by_uuid(&core, &store.snapshot(project), uuid).await }).await
    }
}

/// The pages of a list, one after the other and all from one snapshot of the store. A clone starts where it was made.
#[derive(Debug, Clone)]
pub struct Pages {
    snapshot: Snapshot,
    query: EventsQuery,
    /// What was prepared for the first page serves the others.
    condition: Option<Option<Arc<Condition>>>,
    is_done: bool,
}

impl Pages {
    /// The next page; `None` after the last.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    pub async fn next(&mut self, engine: &Engine) -> Result<Option<Vec<Event>>, QueryError> {
        if self.is_done {
            return Ok(None);
        }
        let (snapshot, query, known) = (self.snapshot.clone(), self.query.clone(), self.condition.clone());
        let (page, condition) = engine
            .run(move |core| async move {
                let condition = match known {
                    Some(condition) => condition,
                    None => prepare(&core, &snapshot, &query).await?,
                };
                Ok((page_where(&core, &snapshot, &query, condition.clone()).await?, condition))
            })
            .await?;
        self.condition = Some(condition);
        self.is_done = !page.more();
        if let Some(last) = page.rows.last() {
            let bound = Some(Bound { timestamp: last.timestamp, id: Some(last.uuid) });
            match self.query.order {
                Order::Descending => self.query.before = bound,
                Order::Ascending => self.query.after = bound,
            }
            self.query.offset = 0;
        }
        Ok((!page.rows.is_empty()).then_some(page.rows))
    }
}

async fn page(core: &Core, snapshot: &Snapshot, query: &EventsQuery) -> Result<EventsPage, QueryError> {
    let condition = prepare(core, snapshot, query).await?;
    page_where(core, snapshot, query, condition).await
}

async fn prepare(core: &Core, snapshot: &Snapshot, query: &EventsQuery) -> Result<Option<Arc<Condition>>, QueryError> {
    Ok(match &query.condition {
        Some(request) => Some(Arc::new(Condition::new(core, snapshot, request).await?)),
        None => None,
    })
}

async fn page_where(
    core: &Core,
    snapshot: &Snapshot,
    query: &EventsQuery,
    condition: Option<Arc<Condition>>,
) -> Result<EventsPage, QueryError> {
    let found = search::first(core, snapshot, query, condition).await?;
    let end = query.offset.saturating_add(query.limit);
    let page = query.offset.min(found.len())..end.min(found.len());
    let rows = fetch::rows(core, snapshot, &found, page, query.order).await?;
    Ok(EventsPage { rows, next: found.get(end).map(|row| row.position) })
}

#[cfg(test)]
mod tests;
