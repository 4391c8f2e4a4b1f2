//! One project at one instant.
//!
//! A snapshot is made of parts (batches in memory, sealed segments), a part of chunks (a batch, a row group). A reader
//! narrows down a chunk's rows step by step, cheapest column first, and reads wide columns for what is left.

mod chunk;
mod hidden;
mod slice;

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{max, min};
use arrow::datatypes::TimestampMicrosecondType;
use env::Files;
use model::PersonNumber;
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::error::StoreError;
use crate::index::Facts;
use crate::merges::Merges;
use crate::property::PropertyKey;
use crate::schema::Column;
use crate::segment::Segment;
use crate::state::ProjectState;

pub use chunk::Chunk;
pub use slice::{Slice, Slices};

use hidden::Hidden;

/// Event timestamps from `first` to `last`, both included, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// Earliest.
    pub first: i64,
    /// Latest.
    pub last: i64,
}

impl TimeRange {
    /// Every timestamp.
    pub const ALL: Self = Self { first: i64::MIN, last: i64::MAX };

    /// Whether an instant can be in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && self.last >= other.first
    }

    /// The instants that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { first: self.first.max(other.first), last: self.last.min(other.last) }
    }

    /// Whether every instant of `other` is in this one.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.first <= other.first && self.last >= other.last
    }
}

/// A project's events at one instant: rows published, sealed, compacted, replaced or merged later do not change it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    parts: Vec<Part>,
    context: Context,
}

/// What reading needs besides rows.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) merges: Arc<Merges>,
    pub(crate) hidden: Hidden,
}

/// Some of a snapshot's rows, readable independently of the others.
#[derive(Debug, Clone)]
pub struct Part {
    rows: Rows,
    deleted: Arc<RoaringBitmap>,
    context: Context,
    range: TimeRange,
    live: u64,
}

#[derive(Debug, Clone)]
enum Rows {
    Memory { first: u32, batch: RecordBatch },
    Segment(Arc<Segment>),
}

/// Where a part's rows lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// In the memory table.
    Memory,
    /// In a sealed segment.
    Segment,
}

/// Rows of one event in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourCount<'a> {
    /// Event name.
    pub event: &'a str,
    /// Start of the hour, microseconds.
    pub hour: i64,
    /// Rows.
    pub rows: u64,
}

impl Snapshot {
    pub(crate) fn of(state: &ProjectState, files: Arc<dyn Files>) -> Self {
        let context = Context::of(state, files);
        let mut parts = Vec::new();
        for memory in [&state.active, &state.sealing] {
            for (first, batch) in &memory.batches {
                let end = first + u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
                let live = batch.num_rows() as u64 - memory.deleted.range_cardinality(*first..end);
                parts.push(Part {
                    rows: Rows::Memory { first: *first, batch: batch.clone() },
                    deleted: Arc::clone(&memory.deleted),
                    context: context.clone(),
                    range: range_of(batch),
                    live,
                });
            }
        }
        for segment in &state.segments {
            let deleted = state.deleted_of(segment.entry.id);
            parts.push(Part::of_segment(Arc::clone(segment), deleted, context.clone()));
        }
        parts.retain(|part| part.live > 0);
        Self { parts, context }
    }

    /// Every part, in no particular order. No row is in two of them.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Number of events, those of deleted persons that are still stored included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(Part::rows).sum()
    }

    /// Every person number that reads as `person`, as stored, itself included.
    #[must_use]
    pub fn numbers_of(&self, person: PersonNumber) -> RoaringBitmap {
        self.context.merges.numbers_of(person.0)
    }
}

impl Part {
    pub(crate) fn of_segment(segment: Arc<Segment>, deleted: Arc<RoaringBitmap>, context: Context) -> Self {
        Self {
            live: segment.entry.rows - deleted.len(),
            range: segment.time_range(),
            rows: Rows::Segment(segment),
            deleted,
            context,
        }
    }

    pub(crate) fn segment(&self) -> Option<&Arc<Segment>> {
        match &self.rows {
            Rows::Memory { .. } => None,
            Rows::Segment(segment) => Some(segment),
        }
    }

    /// Where the rows lie.
    #[must_use]
    pub fn kind(&self) -> PartKind {
        match self.rows {
            Rows::Memory { .. } => PartKind::Memory,
            Rows::Segment(_) => PartKind::Segment,
        }
    }

    /// Number of rows that are not deleted. Those of deleted persons count for as long as they are stored: only a chunk
    /// knows which they are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.live
    }

    /// Bounds of the timestamps of its rows.
    #[must_use]
    pub fn time_range(&self) -> TimeRange {
        self.range
    }

    fn facts(&self) -> Result<Option<&Arc<Facts>>, StoreError> {
        match &self.rows {
            Rows::Memory { .. } => Ok(None),
            Rows::Segment(segment) => segment.facts(self.context.files.as_ref()).map(Some),
        }
    }

    /// Whether some row may have one of these event names. Cost: memory, after the first time.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] or [`StoreError::Io`] from the segment's index.
    pub fn may_hold_event(&self, names: &[&str]) -> Result<bool, StoreError> {
        Ok(self.facts()?.is_none_or(|facts| names.iter().any(|name| facts.event(name).is_some())))
    }

    /// Whether some row may have this distinct id. Cost: memory, after the first time.
    ///
    /// # Errors
    ///
    /// As [`Part::may_hold_event`].
    pub fn may_hold_distinct_id(&self, distinct_id: &str) -> Result<bool, StoreError> {
        Ok(self.facts()?.is_none_or(|facts| facts.may_hold_distinct_id(distinct_id)))
    }

    /// Whether some row has one of these person numbers, as stored. Exact for segments.
    ///
    /// # Errors
    ///
    /// As [`Part::may_hold_event`].
    pub fn may_hold_person(&self, numbers: &RoaringBitmap) -> Result<bool, StoreError> {
        Ok(self.facts()?.is_none_or(|facts| !facts.persons.is_disjoint(numbers)))
    }

    /// Whether some row may have this uuid. Cost: a few kilobytes of disk where its bounds allow it.
    ///
    /// # Errors
    ///
    /// As [`Part::may_hold_event`].
    pub fn may_hold_uuid(&self, uuid: Uuid) -> Result<bool, StoreError> {
        match &self.rows {
            Rows::Memory { .. } => Ok(true),
            Rows::Segment(segment) => segment.may_hold_uuid(self.context.files.as_ref(), uuid),
        }
    }

    /// Whether some row may have a value of the property `key` that is not null.
    ///
    /// # Errors
    ///
    /// As [`Part::may_hold_event`].
    pub fn may_hold_property(&self, key: &PropertyKey) -> Result<bool, StoreError> {
        let (Some(facts), Rows::Segment(segment)) = (self.facts()?, &self.rows) else { return Ok(true) };
        let rare =
            facts.tails.keys.get(key.address()).map_or_else(|| facts.tails.others.is_some(), |place| place.valued > 0);
        Ok(rare || segment.opened(self.context.files.as_ref())?.property(key.address()).is_some())
    }

    /// Rows of each event in each hour: exact, and known without reading rows. None for memory, and where rows are
    /// deleted or hidden.
    ///
    /// # Errors
    ///
    /// As [`Part::may_hold_event`].
    pub fn hour_counts(&self) -> Result<Option<impl Iterator<Item = HourCount<'_>>>, StoreError> {
        if !self.deleted.is_empty() {
            return Ok(None);
        }
        let Some(facts) = self.facts()? else { return Ok(None) };
        if self.context.hidden.may_be_among(&facts.persons) {
            return Ok(None);
        }
        Ok(Some(facts.hours.iter().map(|(event, hour, rows)| HourCount {
            event: facts.events.get(*event as usize).map_or("", AsRef::as_ref),
            hour: hour * 3_600_000_000,
            rows: *rows,
        })))
    }

    /// Event names of its rows, deleted ones included; none for memory.
    ///
    /// # Errors
    ///
    /// As [`Part::may_hold_event`].
    pub fn event_names(&self) -> Result<Option<&[Box<str>]>, StoreError> {
        Ok(self.facts()?.map(|facts| facts.events.as_slice()))
    }

    /// Its rows in pieces that are read together: the batch, or each row group.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] or [`StoreError::Io`] when the segment's footer cannot be read.
    pub fn chunks(&self) -> Result<Vec<Chunk>, StoreError> {
        match &self.rows {
            Rows::Memory { first, batch } => {
                let chunk = Chunk::memory(batch.clone(), *first, &self.deleted, self.context.clone());
                Ok(vec![self.context.hidden.leave_out(chunk)?])
            }
            Rows::Segment(segment) => {
                let opened = segment.opened(self.context.files.as_ref())?;
                let hides = match self.facts()? {
                    Some(facts) => self.context.hidden.may_be_among(&facts.persons),
                    None => false,
                };
                let mut first = 0;
                let mut chunks = Vec::with_capacity(opened.groups());
                for group in 0..opened.groups() {
                    let rows = opened.group_rows(group);
                    let range = first..first + rows;
                    let chunk = Chunk::group(Arc::clone(segment), group, range, &self.deleted, self.context.clone());
                    chunks.push(if hides { self.context.hidden.leave_out(chunk)? } else { chunk });
                    first += rows;
                }
                Ok(chunks)
            }
        }
    }
}

impl Context {
    pub(crate) fn of(state: &ProjectState, files: Arc<dyn Files>) -> Self {
        let merges = Arc::clone(&state.merges);
        Self { files, hidden: Hidden::of(&state.hidden, &merges), merges }
    }
}

fn range_of(batch: &RecordBatch) -> TimeRange {
    let timestamps = batch.column(Column::Timestamp.place()).as_primitive::<TimestampMicrosecondType>();
    TimeRange { first: min(timestamps).unwrap_or(i64::MAX), last: max(timestamps).unwrap_or(i64::MIN) }
}
