//! Reads the contents of rows that were found.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use model::{PersonMode, Timestamp};
use store::{Chunk, Column, Document, Part, Selection, Snapshot};
use uuid::Uuid;

use super::recent::{self, Recent};
use super::search::Found;
use super::{Event, Order, Position};
use crate::QueryError;
use crate::engine::Core;
use crate::scan::{self, Cancelled};

/// What an event is listed with, besides its properties.
const LISTED: [Column; 7] = [
    Column::Uuid,
    Column::Event,
    Column::DistinctId,
    Column::Timestamp,
    Column::PersonId,
    Column::PersonMode,
    Column::ElementsChain,
];

/// The events of `found[page]`, in order.
///
/// Rows may share timestamp and uuid, when a client gave one uuid to events that differ in name or distinct id. Equals are
/// ordered by name and distinct id: a page that begins or ends among them always cuts at the same place.
pub(super) async fn rows(
    core: &Core,
    snapshot: &Snapshot,
    found: &[Found],
    page: Range<usize>,
    order: Order,
) -> Result<Vec<Event>, QueryError> {
    let rows = found.get(page.clone()).unwrap_or_default();
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
    // To cut among equals, all of them are needed.
    let same = |position: Position| move |row: &&Found| row.position == position;
    let before = found.get(..page.start).unwrap_or_default().iter().rev().take_while(same(first.position)).count();
    let after = found.get(page.end..).unwrap_or_default().iter().take_while(same(last.position)).count();
    let needed = found.get(page.start - before..page.end + after).unwrap_or_default();
    let mut places: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for row in needed {
        places.entry((row.part, row.chunk)).or_default().push(row.row);
    }
    let mut items: Vec<(Part, usize, Selection)> = Vec::with_capacity(places.len());
    for ((part, chunk), mut rows) in places {
        rows.sort_unstable();
        let part = snapshot.parts().get(part as usize).cloned();
        items.extend(part.map(|part| (part, chunk as usize, Selection::from_rows(rows))));
    }
    let memory = Arc::new(core.reserve("page"));
    let (reserved, limit) = (Arc::clone(&memory), core.settings.memory_bytes);
    let recent = (needed.len() <= recent::ROWS_MAX).then(|| Arc::clone(&core.recent));
    let states =
        scan::each(core.settings.threads, items, Cancelled::default(), move |events: &mut Vec<Event>, item| {
            let (part, chunk, rows) = item;
            let chunks = part.chunks()?;
            let Some(chunk) = chunks.get(*chunk) else { return Ok(()) };
            if let Some(recent) = &recent {
                read_recent(recent, chunk, rows, events)?;
                let bytes = events.iter().rev().take(rows.len()).map(Event::bytes).sum();
                return reserved.try_grow(bytes).map_err(|error| QueryError::from_engine(error, limit));
            }
            for slice in rows.chunks(scan::rows_at_once(chunk)) {
                let held = events.len();
                read(chunk, &slice, events)?;
                let bytes = events.iter().skip(held).map(Event::bytes).sum();
                reserved.try_grow(bytes).map_err(|error| QueryError::from_engine(error, limit))?;
            }
            Ok(())
        });
    let mut events: Vec<Event> = states.await?.into_iter().flatten().collect();
    drop(memory);
    events.sort_unstable_by(|a, b| compare(order, a, b));
    events.drain(..before.min(events.len()));
    events.truncate(rows.len());
    Ok(events)
}

/// Appends the events in `rows`, those that were listed lately without reading them.
fn read_recent(recent: &Recent, chunk: &Chunk, rows: &Selection, events: &mut Vec<Event>) -> Result<(), QueryError> {
    let Some((segment, first)) = chunk.segment() else { return read(chunk, rows, events) };
    let mut unread = Vec::new();
    for row in rows.rows() {
        match recent.get((segment, first + row)) {
            // The person may have been merged since.
            Some(event) => {
                events.push(Event { person_id: chunk.surviving_person(event.person_id), ..(*event).clone() })
            }
            None => unread.push(row),
        }
    }
    if unread.is_empty() {
        return Ok(());
    }
    let held = events.len();
    read(chunk, &Selection::from_rows(unread.iter().copied()), events)?;
    for (row, event) in unread.iter().zip(events.iter().skip(held)) {
        recent.put((segment, first + row), event);
    }
    Ok(())
}

/// Appends the events in `rows`.
fn read(chunk: &Chunk, rows: &Selection, events: &mut Vec<Event>) -> Result<(), QueryError> {
    let columns = chunk.read(&LISTED, rows)?;
    let properties = chunk.properties(Document::Event, rows)?;
    let [uuids, names, distinct_ids, timestamps, persons, modes, chains] = columns.as_slice() else {
        return Err(QueryError::Internal("columns are missing".into()));
    };
    let (uuids, persons) = (uuids.as_fixed_size_binary(), persons.as_fixed_size_binary());
    let timestamps = timestamps.as_primitive::<TimestampMicrosecondType>();
    let text = |column: &arrow::array::ArrayRef, row: usize| {
        let dictionary = column.as_dictionary::<arrow::datatypes::Int32Type>();
        let values = dictionary.values().as_string::<i32>();
        dictionary.key(row).map(|key| values.value(key).to_owned()).unwrap_or_default()
    };
    events.reserve(rows.len());
    for row in 0..rows.len() {
        let mode = text(modes, row);
        events.push(Event {
            uuid: Uuid::from_slice(uuids.value(row)).unwrap_or_default(),
            event: text(names, row),
            distinct_id: text(distinct_ids, row),
            timestamp: Timestamp::from_micros(timestamps.value(row)),
            person_id: Uuid::from_slice(persons.value(row)).unwrap_or_default(),
            person_mode: PersonMode::from_name(&mode)
                .ok_or_else(|| QueryError::Internal(format!("unknown person mode '{mode}'").into()))?,
            properties: properties.value(row).to_owned(),
            elements_chain: text(chains, row),
        });
    }
    Ok(())
}

impl Event {
    pub(super) fn bytes(&self) -> usize {
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
pub(super) async fn by_uuid(core: &Core, snapshot: &Snapshot, uuid: Uuid) -> Result<Option<Event>, QueryError> {
    let parts = snapshot.parts().to_vec();
    let recent = Arc::clone(&core.recent);
    let states =
        scan::each(core.settings.threads, parts, Cancelled::default(), move |events: &mut Vec<Event>, part: &Part| {
            if !part.may_hold_uuid(uuid)? {
                return Ok(());
            }
            for chunk in part.chunks()? {
                let ids = chunk.read(&[Column::Uuid], chunk.live())?.remove(0);
                let ids = ids.as_fixed_size_binary();
                let rows = chunk.live().pick((0..ids.len()).filter(|row| ids.value(*row) == uuid.as_bytes()));
                if !rows.is_empty() {
                    read_recent(&recent, &chunk, &rows, events)?;
                }
            }
            Ok(())
        });
    let events: Vec<Event> = states.await?.into_iter().flatten().collect();
    Ok(events.into_iter().min_by(|a, b| compare(Order::Descending, a, b)))
}
