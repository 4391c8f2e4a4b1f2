//! Turns a frozen generation of memory into segment files.
//!
//! A file holds one project's rows of one UTC day, or, for days with few rows, of several days: an import that spans
//! years makes one file, not a thousand. Rows are in time order and lightly compressed; compaction comes later.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, StringArray, UInt32Array};
use arrow::compute::interleave;
use arrow::datatypes::{TimestampMicrosecondType, UInt32Type};
use env::Files;
use model::{Level, ProjectId, SegmentEntry, SegmentId, Sequence, Timestamp};
use uuid::Uuid;

use crate::error::StoreError;
use crate::limits::Limits;
use crate::memory::Memory;
use crate::merges::Merges;
use crate::pages::Unpackers;
use crate::property::shred::Shredder;
use crate::property::{Census, Rest};
use crate::schema::{Column, PROPERTIES};
use crate::segment::{Segment, uuid_at};
use crate::write::{self, Groups, NewSegment, Source};

/// Rows looked at to decide about columns.
const SAMPLE_ROWS: usize = 2_048;

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

/// Rows of one file to be: numbers of memory rows, in time order. Rows stay where they are until they are written.
pub(crate) struct FilePlan<'a> {
    pub(crate) project: ProjectId,
    rows: Vec<u32>,
    memory: &'a Memory,
    merges: &'a Merges,
}

/// Which files the live rows of `memory` become.
pub(crate) fn plan<'a>(
    project: ProjectId,
    memory: &'a Memory,
    merges: &'a Merges,
    limits: &Limits,
) -> Vec<FilePlan<'a>> {
    let mut rows: Vec<(i64, Uuid, u32)> = Vec::with_capacity(memory.rows as usize);
    for (first, batch) in &memory.batches {
        let timestamps = batch.column(Column::Timestamp.place()).as_primitive::<TimestampMicrosecondType>();
        let ids = batch.column(Column::Uuid.place()).as_fixed_size_binary();
        for (at, row) in (0..batch.num_rows()).zip(*first..).filter(|(_, row)| !memory.deleted.contains(*row)) {
            rows.push((timestamps.value(at), uuid_at(ids, at), row));
        }
    }
    rows.sort_unstable();
    let files = by_day(&rows, limits, |(at, _, _)| Timestamp::from_micros(*at).day());
    let plan = |rows: Vec<(i64, Uuid, u32)>| FilePlan {
        project,
        rows: rows.into_iter().map(|(_, _, row)| row).collect(),
        memory,
        merges,
    };
    files.into_iter().map(plan).collect()
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

/// Writes one planned file and its index, synced, names included.
pub(crate) fn write(
    files: &dyn Files,
    root: &Path,
    id: SegmentId,
    file: &FilePlan<'_>,
    sealed: &mut SealedProject,
    limits: &Limits,
    unpackers: &Arc<Unpackers>,
) -> Result<SegmentEntry, StoreError> {
    let places = file.places();
    let texts = file.objects(&places);
    let mut census = Census::default();
    let stride = texts.len().div_ceil(SAMPLE_ROWS).max(1);
    texts.iter().step_by(stride).for_each(|objects| census.add(*objects));
    let plan = census.plan(limits, texts.len());
    let mut shredder = Shredder::new(&plan, texts.len());
    texts.iter().for_each(|objects| shredder.push(*objects));
    let (columns, rest) = shredder.finish();
    let mut source = Shredded {
        file,
        places,
        columns: columns.into_iter().map(Some).collect(),
        rest,
        group_rows: limits.row_group_rows,
    };
    let mut new = NewSegment {
        id,
        project: file.project,
        level: Level::Fresh,
        merges_through: file.merges.through,
        plan: &plan,
        source: &mut source,
        limits,
        unpackers,
    };
    let segment = write::write(files, root, &mut new)?;
    let entry = segment.entry.clone();
    sealed.segments.push(segment);
    for (at, row) in (0..).zip(&file.rows) {
        sealed.places.insert(*row, (id, at));
    }
    Ok(entry)
}

impl<'a> FilePlan<'a> {
    /// Where each row is: its batch, and its place there.
    fn places(&self) -> Vec<(usize, usize)> {
        let batches = &self.memory.batches;
        let place = |row: &u32| {
            let batch = batches.partition_point(|(first, _)| first <= row).saturating_sub(1);
            (batch, batches.get(batch).map_or(0, |(first, _)| (row - first) as usize))
        };
        self.rows.iter().map(place).collect()
    }

    /// The event's properties and the person's, of each row.
    fn objects(&self, places: &[(usize, usize)]) -> Vec<[&'a str; 2]> {
        let texts = |place: usize| -> Vec<&'a StringArray> {
            self.memory.batches.iter().map(|(_, batch)| batch.column(place).as_string::<i32>()).collect()
        };
        let (events, persons) = (texts(PROPERTIES), texts(Column::PersonProperties.place()));
        places.iter().map(|(batch, row)| [events[*batch].value(*row), persons[*batch].value(*row)]).collect()
    }

    /// A column of the file's rows; persons that were merged away are replaced by the surviving ones.
    fn column(&self, column: Column, places: &[(usize, usize)]) -> Result<ArrayRef, StoreError> {
        let arrays: Vec<&dyn Array> =
            self.memory.batches.iter().map(|(_, batch)| batch.column(column.place()).as_ref()).collect();
        let array = interleave(&arrays, places)?;
        if self.merges.is_empty() {
            return Ok(array);
        }
        match column {
            Column::PersonNumber => {
                let dense = self.merges.dense();
                let surviving = |number: u32| dense.get(number as usize).copied().unwrap_or(number);
                let numbers: UInt32Array = array.as_primitive::<UInt32Type>().unary(surviving);
                Ok(Arc::new(numbers))
            }
            Column::PersonId => {
                let ids = array.as_fixed_size_binary();
                let mut surviving = FixedSizeBinaryBuilder::with_capacity(ids.len(), 16);
                for row in 0..ids.len() {
                    let id = uuid_at(ids, row);
                    surviving.append_value(self.merges.target(id).unwrap_or(id).as_bytes())?;
                }
                Ok(Arc::new(surviving.finish()))
            }
            _ => Ok(array),
        }
    }
}

/// Rows of memory, taken apart.
struct Shredded<'a> {
    file: &'a FilePlan<'a>,
    places: Vec<(usize, usize)>,
    columns: Vec<Option<ArrayRef>>,
    rest: Rest,
    group_rows: usize,
}

impl Shredded<'_> {
    /// `array` cut into row groups.
    fn grouped(&self, array: &ArrayRef) -> Vec<ArrayRef> {
        let starts = (0..array.len()).step_by(self.group_rows);
        starts.map(|start| array.slice(start, self.group_rows.min(array.len() - start))).collect()
    }
}

impl Source for Shredded<'_> {
    fn column(&mut self, column: Column) -> Result<Vec<ArrayRef>, StoreError> {
        Ok(self.grouped(&self.file.column(column, &self.places)?))
    }

    fn property(&mut self, place: usize) -> Result<Groups<'_>, StoreError> {
        let column = self.columns[place].take().expect("each column is asked for once");
        Ok(Box::new(self.grouped(&column).into_iter().map(Ok)))
    }

    fn rest(&mut self) -> Result<Rest, StoreError> {
        Ok(std::mem::take(&mut self.rest))
    }
}
