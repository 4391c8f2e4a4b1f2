//! Turns a frozen generation of memory into segment files.
//!
//! A file holds one project's rows of one UTC day, or, for days with few rows, of several days: an import that spans
//! years makes one file, not a thousand. Rows are in time order and lightly compressed; compaction comes later.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use env::Files;
use model::{DeletedRows, ProjectId, SegmentEntry, SegmentId, Sequence, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::WriterProperties;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::StoreError;
use crate::identities;
use crate::memory::Memory;
use crate::schema::{column, schema};
use crate::segment::{Segment, directory, identities_of, parquet_columns, paths, uuids};

/// A day with at least this many rows in one seal gets a file of its own.
const DAY_ROWS_MIN: usize = 4_096;
const ROW_GROUP_ROWS: usize = 131_072;
const PAGE_ROWS: usize = 8_192;

/// Written and synced segments that nobody sees yet: commit `segments` and `deleted` to the catalog together with
/// `through` as the flushed position, then install them.
#[derive(Debug)]
pub struct Sealed {
    /// New segments.
    pub segments: Vec<SegmentEntry>,
    /// Deleted rows of older segments, complete.
    pub deleted: Vec<DeletedRows>,
    /// Everything up to here is sealed.
    pub through: Sequence,
    pub(crate) projects: HashMap<ProjectId, SealedProject>,
    pub(crate) deleted_bitmaps: Vec<(ProjectId, SegmentId, Arc<RoaringBitmap>)>,
}

#[derive(Debug, Default)]
pub(crate) struct SealedProject {
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Where each memory row went.
    pub(crate) places: HashMap<u32, (SegmentId, u32)>,
}

/// Rows of one file to be: numbers of memory rows, in time order.
pub(crate) struct Plan {
    pub(crate) project: ProjectId,
    rows: Vec<u32>,
    batch: RecordBatch,
}

/// Which files the live rows of `memory` become.
pub(crate) fn plan(project: ProjectId, memory: &Memory) -> Result<Vec<Plan>, StoreError> {
    let all = concat_batches(&schema(), memory.batches.iter().map(|(_, batch)| batch))?;
    let timestamps: &TimestampMicrosecondArray =
        all.column(column::TIMESTAMP).as_any().downcast_ref().expect("the schema has timestamps here");
    let ids = uuids(&all, column::UUID);
    let mut rows: Vec<u32> = (0..memory.rows).filter(|row| !memory.deleted.contains(*row)).collect();
    rows.sort_unstable_by_key(|row| (timestamps.value(*row as usize), ids.value(*row as usize)));
    let day_of = |row: &u32| Timestamp::from_micros(timestamps.value(*row as usize)).day();
    let mut files: Vec<Vec<u32>> = Vec::new();
    let mut rest = Vec::new();
    for day in rows.chunk_by(|a, b| day_of(a) == day_of(b)) {
        if day.len() >= DAY_ROWS_MIN { files.push(day.to_vec()) } else { rest.extend_from_slice(day) }
    }
    if !rest.is_empty() {
        files.push(rest);
    }
    files
        .into_iter()
        .map(|rows| {
            let batch = take_record_batch(&all, &UInt32Array::from(rows.clone()))?;
            Ok(Plan { project, rows, batch })
        })
        .collect()
}

/// Writes one planned file and its filter, synced, names included.
pub(crate) fn write(
    files: &dyn Files,
    root: &Path,
    id: SegmentId,
    plan: &Plan,
    sealed: &mut SealedProject,
) -> Result<SegmentEntry, StoreError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties(plan.batch.num_rows())?))?;
    writer.write(&plan.batch)?;
    let bytes = writer.into_inner()?;
    let timestamps: &TimestampMicrosecondArray =
        plan.batch.column(column::TIMESTAMP).as_any().downcast_ref().expect("the schema has timestamps here");
    let entry = SegmentEntry {
        id,
        project: plan.project,
        rows: plan.batch.num_rows() as u64,
        file_bytes: bytes.len() as u64,
        min_timestamp: Timestamp::from_micros(timestamps.value(0)),
        max_timestamp: Timestamp::from_micros(timestamps.value(timestamps.len() - 1)),
        checksum: xxh3_64(&bytes),
    };
    let identities = identities_of(&plan.batch, [column::UUID, column::EVENT, column::DISTINCT_ID]);
    let directory = directory(root, plan.project);
    files.create_dir_all(&directory)?;
    let (path, identities_path) = paths(root, plan.project, id);
    let file = files.create(&path)?;
    file.write_all_at(&bytes, 0)?;
    file.sync_data()?;
    let identities = identities::write(files, &identities_path, &identities)?;
    files.sync_dir(&directory)?;
    let segment = Segment::of_file(file, entry.clone(), identities_path)?;
    segment.cache(Some(identities));
    sealed.segments.push(Arc::new(segment));
    for (at, row) in plan.rows.iter().enumerate() {
        sealed.places.insert(*row, (id, u32::try_from(at).unwrap_or(u32::MAX)));
    }
    Ok(entry)
}

fn properties(rows: usize) -> Result<WriterProperties, StoreError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_enabled(false)
        .set_created_by("hedgerow".to_owned());
    let columns = parquet_columns()?;
    for at in
        [column::EVENT, column::PERSON_MODE, column::DISTINCT_ID, column::PERSON_PROPERTIES, column::ELEMENTS_CHAIN]
    {
        builder = builder.set_column_dictionary_enabled(columns[at].clone(), true);
    }
    for column in &columns[column::GROUP_0..] {
        builder = builder.set_column_dictionary_enabled(column.clone(), true);
    }
    for at in [column::TIMESTAMP, column::CREATED_AT] {
        builder = builder.set_column_encoding(columns[at].clone(), Encoding::DELTA_BINARY_PACKED);
    }
    for at in [column::UUID, column::DISTINCT_ID] {
        builder = builder
            .set_column_bloom_filter_enabled(columns[at].clone(), true)
            .set_column_bloom_filter_max_ndv(columns[at].clone(), rows.clamp(1, ROW_GROUP_ROWS) as u64);
    }
    Ok(builder.build())
}

pub(crate) fn encode_bitmap(bitmap: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    bitmap.serialize_into(&mut bytes).expect("writing to memory cannot fail");
    bytes
}
