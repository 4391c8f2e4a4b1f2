//! Turns a frozen generation of memory into segment files.
//!
//! A file holds one project's rows of one UTC day, or, for days with few rows, of several days: an import that spans
//! years makes one file, not a thousand. Rows are in time order and lightly compressed; compaction comes later.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{TimestampMicrosecondType, UInt32Type};
use env::Files;
use model::{Level, MergeId, ProjectId, SegmentEntry, SegmentId, Sequence, Timestamp};

use crate::error::StoreError;
use crate::limits::Limits;
use crate::memory::Memory;
use crate::merges::Merges;
use crate::property::shred::Shredder;
use crate::property::{Census, Plan, Rest};
use crate::schema::{Column, PROPERTIES, memory_schema};
use crate::segment::{Segment, uuid_at};
use crate::write::{self, NewSegment, Source};

/// Rows looked at to decide about columns.
const SAMPLE_ROWS: usize = 8_192;

/// Written and synced segments that nobody sees yet: hand them to [`crate::Store::commit_seal`].
#[derive(Debug)]
pub struct Sealed {
    /// New segments.
    pub segments: Vec<SegmentEntry>,
    /// Everything up to here is sealed.
    pub through: Sequence,
    pub(crate) projects: HashMap<ProjectId, SealedProject>,
}

#[derive(Debug, Default)]
pub(crate) struct SealedProject {
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Where each memory row went.
    pub(crate) places: HashMap<u32, (SegmentId, u32)>,
}

/// Rows of one file to be: numbers of memory rows, in time order.
pub(crate) struct FilePlan {
    pub(crate) project: ProjectId,
    rows: Vec<u32>,
    batch: RecordBatch,
    merges_through: MergeId,
}

/// Which files the live rows of `memory` become.
pub(crate) fn plan(
    project: ProjectId,
    memory: &Memory,
    merges: &Merges,
    limits: &Limits,
) -> Result<Vec<FilePlan>, StoreError> {
    let all = concat_batches(&memory_schema(), memory.batches.iter().map(|(_, batch)| batch))?;
    let timestamps = all.column(Column::Timestamp.place()).as_primitive::<TimestampMicrosecondType>();
    let ids = all.column(Column::Uuid.place()).as_fixed_size_binary();
    let mut rows: Vec<u32> = (0..memory.rows).filter(|row| !memory.deleted.contains(*row)).collect();
    rows.sort_unstable_by_key(|row| (timestamps.value(*row as usize), ids.value(*row as usize)));
    let day_of = |row: &u32| Timestamp::from_micros(timestamps.value(*row as usize)).day();
    by_day(&rows, limits, day_of)
        .into_iter()
        .map(|rows| {
            let batch = take_record_batch(&all, &UInt32Array::from(rows.clone()))?;
            Ok(FilePlan { project, rows, batch: merged(batch, merges)?, merges_through: merges.through })
        })
        .collect()
}

/// Deals `rows`, in time order, out to files: a day with enough rows gets its own, other days share one.
pub(crate) fn by_day<Row: Copy, Day: PartialEq>(
    rows: &[Row],
    limits: &Limits,
    day_of: impl Fn(&Row) -> Day,
) -> Vec<Vec<Row>> {
    let mut files: Vec<Vec<Row>> = Vec::new();
    let mut rest = Vec::new();
    for day in rows.chunk_by(|a, b| day_of(a) == day_of(b)) {
        if day.len() >= limits.day_rows_min { files.push(day.to_vec()) } else { rest.extend_from_slice(day) }
    }
    if !rest.is_empty() {
        files.push(rest);
    }
    files
}

/// `batch` with persons that were merged away replaced by the surviving ones.
fn merged(batch: RecordBatch, merges: &Merges) -> Result<RecordBatch, StoreError> {
    if merges.is_empty() {
        return Ok(batch);
    }
    let dense = merges.dense();
    let numbers = batch.column(Column::PersonNumber.place()).as_primitive::<UInt32Type>();
    let numbers: UInt32Array = numbers.unary(|number| dense.get(number as usize).copied().unwrap_or(number));
    let ids = batch.column(Column::PersonId.place()).as_fixed_size_binary();
    let mut surviving = FixedSizeBinaryBuilder::with_capacity(ids.len(), 16);
    for row in 0..ids.len() {
        let id = uuid_at(ids, row);
        surviving.append_value(merges.target(id).unwrap_or(id).as_bytes())?;
    }
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns[Column::PersonNumber.place()] = Arc::new(numbers);
    columns[Column::PersonId.place()] = Arc::new(surviving.finish());
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}

/// Writes one planned file and its index, synced, names included.
pub(crate) fn write(
    files: &dyn Files,
    root: &Path,
    id: SegmentId,
    file: &FilePlan,
    sealed: &mut SealedProject,
    limits: &Limits,
) -> Result<SegmentEntry, StoreError> {
    let properties = file.batch.column(PROPERTIES).as_string::<i32>();
    let mut census = Census::default();
    let stride = properties.len().div_ceil(SAMPLE_ROWS).max(1);
    (0..properties.len()).step_by(stride).for_each(|row| census.add(properties.value(row)));
    let plan = census.plan(limits);
    let mut source = Shredded::new(&file.batch, &plan, limits.row_group_rows);
    let mut new = NewSegment {
        id,
        project: file.project,
        level: Level::Fresh,
        merges_through: file.merges_through,
        plan: &plan,
        source: &mut source,
        limits,
    };
    let segment = write::write(files, root, &mut new)?;
    let entry = segment.entry.clone();
    sealed.segments.push(segment);
    for (at, row) in (0..).zip(&file.rows) {
        sealed.places.insert(*row, (id, at));
    }
    Ok(entry)
}

/// Rows of memory, taken apart.
struct Shredded<'a> {
    batch: &'a RecordBatch,
    columns: Vec<Option<ArrayRef>>,
    rest: Rest,
    group_rows: usize,
}

impl<'a> Shredded<'a> {
    fn new(batch: &'a RecordBatch, plan: &Plan, group_rows: usize) -> Self {
        let mut shredder = Shredder::new(plan);
        batch.column(PROPERTIES).as_string::<i32>().iter().flatten().for_each(|object| shredder.push(object));
        let (columns, rest) = shredder.finish();
        Self { batch, columns: columns.into_iter().map(Some).collect(), rest, group_rows }
    }

    /// `array` cut into row groups.
    fn grouped(&self, array: &ArrayRef) -> Vec<ArrayRef> {
        let starts = (0..array.len()).step_by(self.group_rows);
        starts.map(|start| array.slice(start, self.group_rows.min(array.len() - start))).collect()
    }
}

impl Source for Shredded<'_> {
    fn column(&mut self, column: Column) -> Result<Vec<ArrayRef>, StoreError> {
        Ok(self.grouped(self.batch.column(column.place())))
    }

    fn property(&mut self, place: usize) -> Result<Vec<ArrayRef>, StoreError> {
        let column = self.columns[place].take().expect("each column is asked for once");
        Ok(self.grouped(&column))
    }

    fn rest(&mut self) -> Result<Rest, StoreError> {
        Ok(std::mem::take(&mut self.rest))
    }
}
