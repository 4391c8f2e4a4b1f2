//! Merges segments: many small ones in time order become few, by day, whose rows lie by event.
//!
//! What is gone for good is left out on the way: replaced and deleted rows; persons that were merged away are written as
//! the surviving ones. Columns are carried over as columns wherever type and kind agree, one column at a time, and only
//! other values pass through JSON.
//!
//! Invariant: compaction changes nothing that a reader can see. It writes new files and hands them over in one step.

pub(crate) mod choose;
mod gather;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use model::{Level, MergeId, ProjectId, SegmentEntry, SegmentId, Timestamp};

use crate::error::StoreError;
use crate::limits::Limits;
use crate::pages::Unpackers;
use crate::property::key::parted;
use crate::property::{Census, Plan};
use crate::schema::{Column, REST};
use crate::seal::by_day;
use crate::segment::Segment;
use crate::snapshot::{Chunk, Context, Part};
use crate::write::{self, NewSegment};
use gather::Gather;

/// Segments to merge.
#[derive(Debug, Clone)]
pub struct Job {
    pub(crate) project: ProjectId,
    pub(crate) inputs: Vec<Part>,
    pub(crate) context: Context,
    pub(crate) merges_through: MergeId,
    /// Rows before this instant are dropped.
    pub(crate) expired_before: i64,
    /// Rows of these persons are dropped.
    pub(crate) deleted_persons: Arc<roaring::RoaringBitmap>,
}

/// Written and synced segments that nobody sees yet: hand them to [`crate::Store::commit_compaction`].
#[derive(Debug)]
pub struct Compacted {
    /// Whose.
    pub project: ProjectId,
    /// Segments that were read.
    pub removed: Vec<SegmentId>,
    /// New segments.
    pub added: Vec<SegmentEntry>,
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Where the rows of each input went; rows that were gone before are not in it.
    pub(crate) places: HashMap<SegmentId, Vec<Option<(SegmentId, u32)>>>,
    /// Bytes read and written, Parquet files only.
    pub bytes: (u64, u64),
}

/// A row of the inputs: its chunk and its number there.
#[derive(Debug, Clone, Copy)]
struct Row {
    timestamp: i64,
    uuid: u128,
    event: u32,
    chunk: u32,
    row: u32,
}

impl Job {
    /// Rows of the segments, deleted ones left out.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.inputs.iter().map(Part::rows).sum()
    }

    /// Segments to be merged.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.inputs.len()
    }
}

/// Does `job`. `reserve` gives that many new, consecutive segment ids.
pub(crate) fn run<E: From<StoreError>>(
    root: &Path,
    job: &Job,
    limits: &Limits,
    unpackers: &Arc<Unpackers>,
    reserve: impl FnOnce(u64) -> Result<SegmentId, E>,
) -> Result<Compacted, E> {
    let mut chunks = Vec::new();
    for input in &job.inputs {
        chunks.extend(input.chunks()?);
    }
    let plan = planned(job, &chunks, limits)?;
    let files = ordered(job, &chunks, limits)?;
    let mut next = if files.is_empty() { SegmentId(0) } else { reserve(files.len() as u64)? };
    let segments_of = |part: &Part| part.segment().map(|segment| (segment.entry.id, segment.entry.rows));
    let mut compacted = Compacted {
        project: job.project,
        removed: job.inputs.iter().filter_map(segments_of).map(|(id, _)| id).collect(),
        added: Vec::with_capacity(files.len()),
        segments: Vec::with_capacity(files.len()),
        places: job
            .inputs
            .iter()
            .filter_map(segments_of)
            .map(|(id, rows)| (id, vec![None; usize::try_from(rows).unwrap_or(usize::MAX)]))
            .collect(),
        bytes: (job.inputs.iter().filter_map(Part::segment).map(|segment| segment.entry.file_bytes).sum(), 0),
    };
    for rows in &files {
        let mut source = Gather::new(&chunks, rows, &plan, limits, job.context.files.as_ref());
        let mut new = NewSegment {
            id: next,
            project: job.project,
            level: Level::Compacted,
            merges_through: job.merges_through,
            plan: &plan,
            source: &mut source,
            limits,
            unpackers,
        };
        let segment = write::write(job.context.files.as_ref(), root, &mut new)?;
        for (at, row) in (0..).zip(rows) {
            let Some((input, _, range)) = chunks[row.chunk as usize].place() else { continue };
            if let Some(places) = compacted.places.get_mut(&input.entry.id) {
                places[(range.start + row.row) as usize] = Some((next, at));
            }
        }
        compacted.bytes.1 += segment.entry.file_bytes;
        compacted.added.push(segment.entry.clone());
        compacted.segments.push(segment);
        next = SegmentId(next.0 + 1);
    }
    Ok(compacted)
}

/// The columns that suit all inputs together.
fn planned(job: &Job, chunks: &[Chunk], limits: &Limits) -> Result<Plan, StoreError> {
    let files = job.context.files.as_ref();
    let rows = chunks.iter().map(|chunk| chunk.live().len()).sum();
    let mut census = Census::of_rows(rows as u64);
    for segment in job.inputs.iter().filter_map(Part::segment) {
        let opened = segment.opened(files)?;
        for (at, column) in opened.columns.iter().enumerate() {
            census.add_column(column, opened.valued(REST + 1 + at).unwrap_or(segment.entry.rows));
        }
        for (key, values) in segment.tails(files)? {
            let (document, key) = parted(&key);
            values.iter().for_each(|(_, raw)| census.add_value(document, key, raw));
        }
    }
    Ok(census.plan(limits, rows))
}

/// The rows that stay, by file, and within a file by event, time and uuid.
fn ordered(job: &Job, chunks: &[Chunk], limits: &Limits) -> Result<Vec<Vec<Row>>, StoreError> {
    let mut names: HashMap<String, u32> = HashMap::new();
    let mut rows: Vec<Row> = Vec::new();
    for (chunk, at) in chunks.iter().zip(0_u32..) {
        let live = chunk.live();
        let arrays = chunk.read(&[Column::Event, Column::Timestamp, Column::Uuid, Column::PersonNumber], live)?;
        let events = arrays[0].as_dictionary::<arrow::datatypes::Int32Type>();
        let dictionary = events.values().as_string::<i32>();
        let mut codes = Vec::with_capacity(dictionary.len());
        for name in dictionary {
            let name = name.unwrap_or_default();
            let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
            codes.push(*names.entry(name.to_owned()).or_insert(next));
        }
        let timestamps = arrays[1].as_primitive::<TimestampMicrosecondType>();
        let uuids = arrays[2].as_fixed_size_binary();
        let persons = arrays[3].as_primitive::<arrow::datatypes::UInt32Type>();
        for (place, row) in live.rows().enumerate() {
            let timestamp = timestamps.value(place);
            if timestamp < job.expired_before || job.deleted_persons.contains(persons.value(place)) {
                continue;
            }
            let uuid = crate::segment::uuid_at(uuids, place).as_u128();
            let event = events.key(place).and_then(|key| codes.get(key)).copied().unwrap_or(0);
            rows.push(Row { timestamp, uuid, event, chunk: at, row });
        }
    }
    // Codes in the order of names.
    let mut sorted: Vec<(&String, u32)> = names.iter().map(|(name, code)| (name, *code)).collect();
    sorted.sort_unstable();
    let mut rank = vec![0; sorted.len()];
    for ((_, code), place) in sorted.iter().zip(0_u32..) {
        rank[*code as usize] = place;
    }
    rows.iter_mut().for_each(|row| row.event = rank[row.event as usize]);
    rows.sort_unstable_by_key(|row| (row.timestamp, row.uuid));
    let mut files = by_day(&rows, limits, |row| Timestamp::from_micros(row.timestamp).day());
    for file in &mut files {
        file.sort_unstable_by_key(|row| (row.event, row.timestamp, row.uuid));
    }
    Ok(files)
}
