//! Reads the contents of rows that were found.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use futures::{StreamExt, TryStreamExt};
use store::Snapshot;
use uuid::Uuid;

use super::search::Found;
use super::{Event, EventsQuery, Order, Position};
use crate::QueryError;
use crate::decode;
use crate::engine::Core;
use crate::plan::column;
use crate::table::{self, Part, TimeRange};

/// The events of `found[page]`, in order.
///
/// Rows may share timestamp and uuid, when a client gave one uuid to events that differ in name or distinct id. So what
/// is read is asked again whether it matches `query`, and equals are ordered by name and distinct id: a page that begins
/// or ends among them always cuts at the same place.
pub(super) async fn rows(
    core: &Core,
    parts: &[Part],
    found: &[Found],
    page: Range<usize>,
    query: &EventsQuery,
) -> Result<Vec<Event>, QueryError> {
    let rows = found.get(page.clone()).unwrap_or_default();
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
    let positions: HashSet<Position> = rows.iter().map(|row| row.position).collect();
    let mut range = TimeRange::at(first.position.timestamp);
    range.include(last.position.timestamp);
    let mut ranges: HashMap<u32, TimeRange> = HashMap::new();
    let mut include = |part: u32, at| ranges.entry(part).or_insert_with(|| TimeRange::at(at)).include(at);
    for row in rows {
        include(row.part, row.position.timestamp);
    }
    let before = found.get(..page.start).unwrap_or_default();
    let same_before = before.iter().rev().take_while(|row| row.position == first.position).count();
    let same_after = found.get(page.end).is_some_and(|next| next.position == last.position);
    for (is_cut, at) in [(same_before > 0, first.position.timestamp), (same_after, last.position.timestamp)] {
        // To cut among equals, all of them are needed, not only those that were found first.
        parts
            .iter()
            .filter(|part| is_cut && part.range.overlaps(TimeRange::at(at)))
            .for_each(|part| include(part.number, at));
    }
    let mut readers: Vec<(Part, TimeRange)> = Vec::with_capacity(ranges.len());
    for part in parts {
        readers.extend(ranges.get(&part.number).map(|range| (part.clone(), *range)));
    }
    let mut columns = column::LISTED.to_vec();
    if query.filter.reads_person() {
        columns.push(column::PERSON_PROPERTIES);
    }
    let memory = core.reserve("page");
    let mut events: Vec<Event> = Vec::with_capacity(rows.len());
    let mut batches = futures::stream::iter(readers)
        .map(|(part, range)| table::read(&part, &columns, range))
        .try_flatten_unordered(core.settings.threads);
    while let Some(batch) = batches.try_next().await.map_err(|error| core.failed(error))? {
        let wanted: BooleanArray = decode::positions(&batch)
            .map_err(|error| core.failed(error))?
            .map(|position| Some(range.contains(position.timestamp) && positions.contains(&position)))
            .collect();
        let batch = filter_record_batch(&batch, &wanted).map_err(|error| core.failed(error.into()))?;
        let read = decode::events(&batch).map_err(|error| core.failed(error))?;
        let persons = decode::optional_texts(&batch, column::PERSON_PROPERTIES).map_err(|error| core.failed(error))?;
        let held = events.len();
        for (row, event) in read.into_iter().enumerate() {
            if query.matches(&event, persons.as_ref().map_or("{}", |persons| persons.value(row))) {
                events.push(event);
            }
        }
        let appended = events.iter().skip(held).map(Event::bytes).sum();
        memory.try_grow(appended).map_err(|error| core.failed(error))?;
    }
    events.sort_unstable_by(|a, b| compare(query.order, a, b));
    events.drain(..same_before.min(events.len()));
    events.truncate(rows.len());
    Ok(events)
}

impl EventsQuery {
    /// Whether an event within the bounds is asked for.
    fn matches(&self, event: &Event, person_properties: &str) -> bool {
        self.event.as_ref().is_none_or(|name| *name == event.event)
            && self.distinct_id.as_ref().is_none_or(|id| *id == event.distinct_id)
            && self.person.is_none_or(|person| person == event.person_id)
            && self.filter.matches(&event.properties, person_properties)
    }
}

impl Event {
    fn bytes(&self) -> usize {
        let text = [&self.event, &self.distinct_id, &self.properties, &self.elements_chain];
        size_of::<Self>() + text.into_iter().map(String::capacity).sum::<usize>()
    }
}

fn compare(order: Order, a: &Event, b: &Event) -> Ordering {
    let ascending =
        (a.timestamp, a.uuid, &a.event, &a.distinct_id).cmp(&(b.timestamp, b.uuid, &b.event, &b.distinct_id));
    match order {
        Order::Ascending => ascending,
        Order::Descending => ascending.reverse(),
    }
}

/// The event with this uuid; of several the one that a list would show first.
pub(super) async fn by_uuid(core: &Core, snapshot: Snapshot, uuid: Uuid) -> Result<Option<Event>, QueryError> {
    let found = tokio::task::spawn_blocking(move || snapshot.find(uuid)).await;
    let batches = found
        .map_err(|failed| QueryError::Internal(failed.into()))?
        .map_err(|failed| QueryError::Store(failed.into()))?;
    let mut events = Vec::new();
    for batch in &batches {
        events.extend(decode::events(batch).map_err(|error| core.failed(error))?);
    }
    Ok(events.into_iter().min_by(|a, b| compare(Order::Descending, a, b)))
}
