//! One project at one instant.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeBinaryArray, FixedSizeBinaryBuilder, RecordBatch, TimestampMicrosecondArray,
};
use arrow::compute::{max, min};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::error::StoreError;
use crate::schema::column;
use crate::segment::{BATCH_ROWS, Segment, uuid_at, uuids, without};
use crate::state::ProjectState;

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
}

/// A project's events at one instant: rows published, sealed, replaced or merged later do not change it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    parts: Vec<Part>,
}

/// Some of a snapshot's rows, readable independently of the others.
#[derive(Debug, Clone)]
pub struct Part {
    rows: Rows,
    deleted: Arc<RoaringBitmap>,
    merges: Arc<HashMap<Uuid, Uuid>>,
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

impl Snapshot {
    pub(crate) fn of(state: &ProjectState) -> Self {
        let mut parts = Vec::new();
        for memory in [&state.active, &state.sealing] {
            for (first, batch) in &memory.batches {
                let end = first + u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
                let live = batch.num_rows() as u64 - memory.deleted.range_cardinality(*first..end);
                parts.push(Part {
                    rows: Rows::Memory { first: *first, batch: batch.clone() },
                    deleted: Arc::clone(&memory.deleted),
                    merges: Arc::clone(&state.merges),
                    range: range_of(batch),
                    live,
                });
            }
        }
        for segment in &state.segments {
            let deleted = state.deleted_of(segment.entry.id);
            parts.push(Part {
                live: segment.entry.rows - deleted.len(),
                range: segment.time_range(),
                rows: Rows::Segment(Arc::clone(segment)),
                deleted,
                merges: Arc::clone(&state.merges),
            });
        }
        parts.retain(|part| part.live > 0);
        Self { parts }
    }

    /// Every part, in no particular order. No row is in two of them.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Number of events.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(Part::rows).sum()
    }

    /// Every event with this uuid, all columns. Cost: statistics and filters of every segment, pages of few.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] or [`StoreError::Io`] from a segment that may hold it.
    pub fn find(&self, uuid: Uuid) -> Result<Vec<RecordBatch>, StoreError> {
        let mut found = Vec::new();
        for part in &self.parts {
            let batches = match &part.rows {
                Rows::Segment(segment) => segment.find(uuid, &part.deleted)?,
                Rows::Memory { first, batch } => find_in_memory(*first, batch, uuid, &part.deleted),
            };
            for batch in batches {
                found.push(remapped(batch, Some(column::PERSON_ID), &part.merges)?);
            }
        }
        Ok(found)
    }
}

impl Part {
    /// Where the rows lie.
    #[must_use]
    pub fn kind(&self) -> PartKind {
        match self.rows {
            Rows::Memory { .. } => PartKind::Memory,
            Rows::Segment(_) => PartKind::Segment,
        }
    }

    /// Number of rows that are not deleted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.live
    }

    /// Bounds of the timestamps of its rows.
    #[must_use]
    pub fn time_range(&self) -> TimeRange {
        self.range
    }

    /// Reads the columns at `projection` (places in [`crate::schema`], ascending) of rows that may be in `range`.
    ///
    /// Deleted rows are left out and person ids read as the surviving person. Row groups without a row in `range` are
    /// skipped; rows outside it may still come. Batches have at most 8,192 rows. Blocks on the disk.
    pub fn read(
        &self,
        projection: &[usize],
        range: TimeRange,
    ) -> Box<dyn Iterator<Item = Result<RecordBatch, StoreError>> + Send> {
        if self.range.first > range.last || self.range.last < range.first {
            return Box::new(std::iter::empty());
        }
        let person = projection.iter().position(|at| *at == column::PERSON_ID);
        let merges = Arc::clone(&self.merges);
        let finish = move |batch: Result<RecordBatch, StoreError>| remapped(batch?, person, &merges);
        match &self.rows {
            Rows::Segment(segment) => Box::new(segment.read(projection, range, Arc::clone(&self.deleted)).map(finish)),
            Rows::Memory { first, batch } => {
                let (first, deleted) = (*first, Arc::clone(&self.deleted));
                let projected = batch.project(projection).map_err(StoreError::from);
                let batches = projected.map(|batch| {
                    let starts = (0..batch.num_rows()).step_by(BATCH_ROWS);
                    starts.map(move |start| {
                        let slice = batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start));
                        without(&slice, u64::from(first) + start as u64, &deleted)
                    })
                });
                match batches {
                    Ok(batches) => Box::new(batches.map(finish)),
                    Err(error) => Box::new(std::iter::once(Err(error))),
                }
            }
        }
    }
}

fn range_of(batch: &RecordBatch) -> TimeRange {
    let timestamps: &TimestampMicrosecondArray =
        batch.column(column::TIMESTAMP).as_any().downcast_ref().expect("the schema has timestamps here");
    TimeRange { first: min(timestamps).unwrap_or(i64::MAX), last: max(timestamps).unwrap_or(i64::MIN) }
}

fn find_in_memory(first: u32, batch: &RecordBatch, uuid: Uuid, deleted: &RoaringBitmap) -> Vec<RecordBatch> {
    let ids = uuids(batch, column::UUID);
    let rows = (0..batch.num_rows()).filter(|row| {
        ids.value(*row) == uuid.as_bytes() && !deleted.contains(first + u32::try_from(*row).unwrap_or(u32::MAX))
    });
    rows.map(|row| batch.slice(row, 1)).collect()
}

/// `batch` with the person ids in column `person` read as the persons they were merged into.
fn remapped(
    batch: RecordBatch,
    person: Option<usize>,
    merges: &HashMap<Uuid, Uuid>,
) -> Result<RecordBatch, StoreError> {
    let Some(at) = person.filter(|_| !merges.is_empty() && batch.num_rows() > 0) else { return Ok(batch) };
    let ids: &FixedSizeBinaryArray = uuids(&batch, at);
    if !(0..ids.len()).any(|row| merges.contains_key(&uuid_at(ids, row))) {
        return Ok(batch);
    }
    let mut builder = FixedSizeBinaryBuilder::with_capacity(ids.len(), 16);
    for row in 0..ids.len() {
        let id = uuid_at(ids, row);
        builder.append_value(merges.get(&id).unwrap_or(&id).as_bytes())?;
    }
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[at] = Arc::new(builder.finish());
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}
