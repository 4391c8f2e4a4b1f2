//! Finds which rows come first, by reading no more than it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use arrow::array::{AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::TimestampMicrosecondType;
use model::Timestamp;
use parking_lot::Mutex;
use store::{Chunk, Column, Part, Selection, Snapshot, TimeRange};
use uuid::Uuid;

use super::{Bound, EventsQuery, Order, Position};
use crate::QueryError;
use crate::engine::Core;
use crate::filter::Filter;
use crate::hogql::Condition;
use crate::scan::{self, Cancelled, Conditions, Narrowed};

/// One row of the answer: its place in the order, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) position: Position,
    /// Place among the snapshot's parts.
    pub(super) part: u32,
    pub(super) chunk: u32,
    pub(super) row: u32,
}

/// The first rows that `query` asks for and that meet its `condition`, in order: up to the end of its page and one more, and
/// those that stand at the same place as the last of them.
pub(super) async fn first(
    core: &Core,
    snapshot: &Snapshot,
    query: &EventsQuery,
    condition: Option<Arc<Condition>>,
) -> Result<Vec<Found>, QueryError> {
    let wanted = query.offset.saturating_add(query.limit).saturating_add(1);
    let range = range_of(query);
    let conditions = Conditions {
        range,
        events: events_of(query, condition.as_deref()),
        distinct_id: query.distinct_id.clone(),
        person: query.person,
        filter: Filter::default(),
    };
    let search = Arc::new(Search {
        asked: Narrowed::new(conditions, snapshot)
            .with_tests(condition.as_ref().map(|condition| condition.tests.clone()).unwrap_or_default()),
        condition,
        order: query.order,
        after: query.after,
        before: query.before,
        wanted,
        best: Mutex::new(Vec::new()),
        worst: AtomicI64::new(no_worst(query.order)),
        unread: Mutex::new(Vec::new()),
        cancelled: Cancelled::default(),
    });
    let memory = core.reserve("rows found");
    let parts = in_order(snapshot, range, query.order);
    let (worker, cancelled) = (Arc::clone(&search), search.cancelled.clone());
    scan::each(core.settings.threads, parts, cancelled, move |(): &mut (), part: &(u32, Part)| {
        if let Err(error) = worker.visit(part.0, &part.1) {
            worker.unread.lock().push((part.1.time_range(), error));
        }
        Ok(())
    })
    .await?;
    for (range, error) in std::mem::take(&mut *search.unread.lock()) {
        if range.overlaps(search.range()) {
            return Err(error);
        }
    }
    let found = std::mem::take(&mut *search.best.lock());
    memory.try_resize(found.capacity() * size_of::<Found>()).map_err(|error| core.failed(error))?;
    Ok(found)
}

/// What the threads of one search share.
struct Search {
    asked: Narrowed,
    condition: Option<Arc<Condition>>,
    order: Order,
    after: Option<Bound>,
    before: Option<Bound>,
    wanted: usize,
    /// In order, never many more than wanted.
    best: Mutex<Vec<Found>>,
    /// Timestamp of the last row wanted, once there are so many: later ones cannot make it.
    worst: AtomicI64,
    /// Parts that could not be read, which matters only if the answer turns out to need them.
    unread: Mutex<Vec<(TimeRange, QueryError)>>,
    cancelled: Cancelled,
}

fn no_worst(order: Order) -> i64 {
    match order {
        Order::Descending => i64::MIN,
        Order::Ascending => i64::MAX,
    }
}

/// Timestamps that can be in the answer.
fn range_of(query: &EventsQuery) -> TimeRange {
    let first = query.after.map_or(i64::MIN, |bound| {
        // The bound's own instant counts where its uuid decides.
        bound.timestamp.as_micros().saturating_add(i64::from(bound.id.is_none()))
    });
    let last = query
        .before
        .map_or(i64::MAX, |bound| bound.timestamp.as_micros().saturating_sub(i64::from(bound.id.is_none())));
    TimeRange { first, last }
}

/// The event names that are asked for; none means any.
fn events_of(query: &EventsQuery, condition: Option<&Condition>) -> Option<Vec<String>> {
    let implied = condition.and_then(|condition| condition.events.as_deref());
    match (&query.event, implied) {
        (Some(event), None) => Some(vec![event.clone()]),
        (Some(event), Some(names)) => Some(names.iter().filter(|name| *name == event).cloned().collect()),
        (None, names) => names.map(<[String]>::to_vec),
    }
}

/// The parts in `range`, those with the first rows first.
fn in_order(snapshot: &Snapshot, range: TimeRange, order: Order) -> Vec<(u32, Part)> {
    let in_range = |(_, part): &(u32, Part)| part.time_range().overlaps(range) && range.first <= range.last;
    let mut parts: Vec<(u32, Part)> = (0..).zip(snapshot.parts().iter().cloned()).filter(in_range).collect();
    match order {
        Order::Descending => parts.sort_by_key(|(_, part)| std::cmp::Reverse(part.time_range().last)),
        Order::Ascending => parts.sort_by_key(|(_, part)| part.time_range().first),
    }
    parts
}

impl Search {
    fn visit(&self, number: u32, part: &Part) -> Result<(), QueryError> {
        if !part.time_range().overlaps(self.range()) {
            // Parts come in order: none that follows can do better.
            self.cancelled.set();
            return Ok(());
        }
        if !self.asked.may_be_in(part)? {
            return Ok(());
        }
        for (chunk, at) in part.chunks()?.iter().zip(0..) {
            let rows = self.candidates(chunk)?;
            if !rows.is_empty() {
                self.add(number, at, chunk, &rows)?;
            }
        }
        Ok(())
    }

    /// The range asked for, without what is beyond the worst row in hand.
    fn range(&self) -> TimeRange {
        let asked = self.asked.conditions.range;
        let worst = self.worst.load(Relaxed);
        match self.order {
            Order::Descending => TimeRange { first: asked.first.max(worst), ..asked },
            Order::Ascending => TimeRange { last: asked.last.min(worst), ..asked },
        }
    }

    /// The rows of `chunk` that may be among the best: no more than wanted, and those at the instant of the last.
    fn candidates(&self, chunk: &Chunk) -> Result<Selection, QueryError> {
        let mut rows = scan::narrow_within(chunk, &self.asked, self.range(), chunk.live().clone())?;
        // Before the best are chosen: rows beyond a bound must not take the place of others.
        rows = self.between(chunk, rows)?;
        if let Some(condition) = &self.condition {
            rows = condition.narrow(chunk, rows)?;
        }
        if rows.len() <= self.wanted {
            return Ok(rows);
        }
        let timestamps = chunk.read(&[Column::Timestamp], &rows)?.remove(0);
        let timestamps: &PrimitiveArray<TimestampMicrosecondType> = timestamps.as_primitive();
        let mut instants = timestamps.values().to_vec();
        let last = self.wanted - 1;
        Ok(match self.order {
            Order::Descending => {
                let (_, last, _) = instants.select_nth_unstable_by(last, |a, b| b.cmp(a));
                let last = *last;
                rows.pick((0..timestamps.len()).filter(|row| timestamps.value(*row) >= last))
            }
            Order::Ascending => {
                let (_, last, _) = instants.select_nth_unstable(last);
                let last = *last;
                rows.pick((0..timestamps.len()).filter(|row| timestamps.value(*row) <= last))
            }
        })
    }

    /// `rows` without those at the instant of a bound that lie beyond it.
    fn between(&self, chunk: &Chunk, rows: Selection) -> Result<Selection, QueryError> {
        let instants: Vec<i64> = [self.after, self.before]
            .into_iter()
            .flatten()
            .filter(|bound| bound.id.is_some())
            .map(|bound| bound.timestamp.as_micros())
            .collect();
        if instants.is_empty() || rows.is_empty() {
            return Ok(rows);
        }
        let timestamps = chunk.read(&[Column::Timestamp], &rows)?.remove(0);
        let timestamps: &PrimitiveArray<TimestampMicrosecondType> = timestamps.as_primitive();
        let is_close = |at: i64| instants.contains(&at);
        let close = rows.pick((0..rows.len()).filter(|row| is_close(timestamps.value(*row))));
        if close.is_empty() {
            return Ok(rows);
        }
        let uuids = chunk.read(&[Column::Uuid], &close)?.remove(0);
        let mut uuids = uuids.as_fixed_size_binary().iter().flatten();
        let keep: BooleanArray = timestamps
            .values()
            .iter()
            .map(|at| {
                let is_kept = !is_close(*at) || {
                    let id = uuids.next().and_then(|bytes| Uuid::from_slice(bytes).ok()).unwrap_or_default();
                    self.is_between(Position { timestamp: Timestamp::from_micros(*at), id })
                };
                Some(is_kept)
            })
            .collect();
        Ok(rows.filter(&keep))
    }

    /// Takes `rows` among the best, as far as they are.
    fn add(&self, part: u32, at: u32, chunk: &Chunk, rows: &Selection) -> Result<(), QueryError> {
        let columns = chunk.read(&[Column::Timestamp, Column::Uuid], rows)?;
        let timestamps: &PrimitiveArray<TimestampMicrosecondType> = columns[0].as_primitive();
        let uuids = columns[1].as_fixed_size_binary();
        let mut found = Vec::with_capacity(rows.len());
        for (place, row) in rows.rows().enumerate() {
            let position = Position {
                timestamp: Timestamp::from_micros(timestamps.value(place)),
                id: Uuid::from_slice(uuids.value(place)).unwrap_or_default(),
            };
            found.push(Found { position, part, chunk: at, row });
        }
        let mut best = self.best.lock();
        best.append(&mut found);
        match self.order {
            Order::Descending => best.sort_unstable_by_key(|row| std::cmp::Reverse(row.position)),
            Order::Ascending => best.sort_unstable_by_key(|row| row.position),
        }
        if let Some(last) = self.wanted.checked_sub(1).and_then(|last| best.get(last)).copied() {
            let ties = best.iter().skip(self.wanted).take_while(|row| row.position == last.position).count();
            best.truncate(self.wanted + ties);
            self.worst.store(last.position.timestamp.as_micros(), Relaxed);
        }
        Ok(())
    }

    /// Whether a row in range lies between the bounds.
    fn is_between(&self, position: Position) -> bool {
        let beyond = |bound: Bound| bound.id.map(|id| Position { timestamp: bound.timestamp, id });
        self.after.and_then(beyond).is_none_or(|after| position > after)
            && self.before.and_then(beyond).is_none_or(|before| position < before)
    }
}
