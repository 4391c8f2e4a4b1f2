//! One sealed segment: its file, what is known of it without reading, and how its rows are read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, FixedSizeBinaryArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use env::{File, Files};
use model::{ProjectId, SegmentEntry, SegmentId};
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::arrow::{ArrowSchemaConverter, ProjectionMask};
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::error::StoreError;
use crate::file::SegmentFile;
use crate::identities::{self, Identities};
use crate::identity::Identity;
use crate::schema::{column, schema};
use crate::snapshot::TimeRange;

/// Rows in a batch handed out.
pub(crate) const BATCH_ROWS: usize = 8_192;

/// A sealed segment. Holds its file open, so that a reader is never surprised by its removal.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) entry: SegmentEntry,
    file: SegmentFile,
    metadata: ArrowReaderMetadata,
    identities_path: PathBuf,
    identities: Mutex<Option<Identities>>,
}

pub(crate) fn directory(root: &Path, project: ProjectId) -> PathBuf {
    root.join(project.to_string())
}

pub(crate) fn paths(root: &Path, project: ProjectId, id: SegmentId) -> (PathBuf, PathBuf) {
    let directory = directory(root, project);
    (directory.join(format!("{:010}.parquet", id.0)), directory.join(format!("{:010}.ids", id.0)))
}

impl Segment {
    /// Opens a segment of the catalog. Reads its footer, not its rows.
    pub(crate) fn open(files: &dyn Files, root: &Path, entry: SegmentEntry) -> Result<Self, StoreError> {
        let (path, identities_path) = paths(root, entry.project, entry.id);
        let file = files.open(&path)?;
        Self::of_file(file, entry, identities_path)
    }

    pub(crate) fn of_file(
        file: Arc<dyn File>,
        entry: SegmentEntry,
        identities_path: PathBuf,
    ) -> Result<Self, StoreError> {
        let bytes = file.len()?;
        if bytes != entry.file_bytes {
            let reason = format!("it has {bytes} bytes, the catalog says {}", entry.file_bytes);
            return Err(StoreError::Damaged { segment: entry.id, reason });
        }
        let file = SegmentFile { file, bytes };
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(|error| damaged(entry.id, &error))?;
        Ok(Self { entry, file, metadata, identities_path, identities: Mutex::new(None) })
    }

    pub(crate) fn time_range(&self) -> TimeRange {
        TimeRange { first: self.entry.min_timestamp.as_micros(), last: self.entry.max_timestamp.as_micros() }
    }

    fn builder(&self) -> ParquetRecordBatchReaderBuilder<SegmentFile> {
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.metadata.clone())
    }

    fn row_groups(&self) -> &[RowGroupMetaData] {
        self.metadata.metadata().row_groups()
    }

    /// Row groups that can hold rows of `range`, each with the number of its first row.
    fn groups_in(&self, range: TimeRange) -> Vec<(usize, u64)> {
        let mut first_row = 0;
        let mut groups = Vec::new();
        for (at, group) in self.row_groups().iter().enumerate() {
            let overlaps = match group.column(column::TIMESTAMP).statistics() {
                Some(Statistics::Int64(statistics)) => match (statistics.min_opt(), statistics.max_opt()) {
                    (Some(min), Some(max)) => *min <= range.last && *max >= range.first,
                    _ => true,
                },
                _ => true,
            };
            if overlaps {
                groups.push((at, first_row));
            }
            first_row += u64::try_from(group.num_rows()).unwrap_or(0);
        }
        groups
    }

    /// Reads the columns at `projection`, without the rows in `deleted`.
    pub(crate) fn read(
        self: &Arc<Self>,
        projection: &[usize],
        range: TimeRange,
        deleted: Arc<RoaringBitmap>,
    ) -> impl Iterator<Item = Result<RecordBatch, StoreError>> + Send + use<> {
        let segment = Arc::clone(self);
        let mask = self.mask(projection);
        self.groups_in(range).into_iter().flat_map(move |(group, first_row)| {
            let builder = segment
                .builder()
                .with_row_groups(vec![group])
                .with_projection(mask.clone())
                .with_batch_size(BATCH_ROWS);
            let id = segment.entry.id;
            let deleted = Arc::clone(&deleted);
            let mut next_row = first_row;
            let (reader, failure) = match builder.build() {
                Ok(reader) => (Some(reader), None),
                Err(error) => (None, Some(Err(damaged(id, &error)))),
            };
            let batches = reader.into_iter().flatten().map(move |batch| {
                let batch = batch.map_err(|error| damaged(id, &error))?;
                let first = next_row;
                next_row += batch.num_rows() as u64;
                without(&batch, first, &deleted)
            });
            failure.into_iter().chain(batches)
        })
    }

    /// Rows of `uuid`, without deleted ones.
    pub(crate) fn find(&self, uuid: Uuid, deleted: &RoaringBitmap) -> Result<Vec<RecordBatch>, StoreError> {
        let mut found = Vec::new();
        let mut first_row = 0;
        for (at, group) in self.row_groups().iter().enumerate() {
            let rows = u64::try_from(group.num_rows()).unwrap_or(0);
            if self.group_may_hold(at, group, uuid)? {
                self.find_in_group(at, first_row, rows, uuid, deleted, &mut found)?;
            }
            first_row += rows;
        }
        Ok(found)
    }

    fn group_may_hold(&self, at: usize, group: &RowGroupMetaData, uuid: Uuid) -> Result<bool, StoreError> {
        if !uuid_in_statistics(group, uuid) {
            return Ok(false);
        }
        let bloom = self.builder().get_row_group_column_bloom_filter(at, column::UUID);
        let bloom = bloom.map_err(|error| damaged(self.entry.id, &error))?;
        Ok(bloom.is_none_or(|bloom| bloom.check(uuid.as_bytes().as_slice())))
    }

    fn find_in_group(
        &self,
        at: usize,
        first_row: u64,
        rows: u64,
        uuid: Uuid,
        deleted: &RoaringBitmap,
        found: &mut Vec<RecordBatch>,
    ) -> Result<(), StoreError> {
        let fail = |error: &dyn std::fmt::Display| damaged(self.entry.id, error);
        let narrow = self.builder().with_row_groups(vec![at]).with_projection(self.mask(&[column::UUID]));
        let mut row = 0;
        let mut hits = Vec::new();
        for batch in narrow.build().map_err(|error| fail(&error))? {
            let batch = batch.map_err(|error| fail(&error))?;
            for value in uuids(&batch, 0).iter() {
                let gone = u32::try_from(first_row + row).is_ok_and(|row| deleted.contains(row));
                if value == Some(uuid.as_bytes().as_slice()) && !gone {
                    hits.push(usize::try_from(row).unwrap_or(usize::MAX));
                }
                row += 1;
            }
        }
        if hits.is_empty() {
            return Ok(());
        }
        let total = usize::try_from(rows).unwrap_or(usize::MAX);
        let selection = selection_of(&hits, total);
        let wide = self.builder().with_row_groups(vec![at]).with_row_selection(selection);
        for batch in wide.build().map_err(|error| fail(&error))? {
            found.push(batch.map_err(|error| fail(&error))?);
        }
        Ok(())
    }

    /// Row numbers of those of `wanted` that are here, by a scan of three columns.
    pub(crate) fn rows_of(&self, wanted: &[(Identity, Uuid)]) -> Result<Vec<u32>, StoreError> {
        let identities: std::collections::HashSet<Identity> = wanted.iter().map(|(identity, _)| *identity).collect();
        let mut rows = Vec::new();
        let mut first_row = 0;
        for (at, group) in self.row_groups().iter().enumerate() {
            if wanted.iter().any(|(_, uuid)| uuid_in_statistics(group, *uuid)) {
                self.scan_identities(Some(at), first_row, |identity, row| {
                    if identities.contains(&identity) {
                        rows.push(row);
                    }
                })?;
            }
            first_row += u64::try_from(group.num_rows()).unwrap_or(0);
        }
        Ok(rows)
    }

    fn scan_identities(
        &self,
        group: Option<usize>,
        first_row: u64,
        mut each: impl FnMut(Identity, u32),
    ) -> Result<(), StoreError> {
        let mask = self.mask(&[column::UUID, column::EVENT, column::DISTINCT_ID]);
        let mut builder = self.builder().with_projection(mask).with_batch_size(BATCH_ROWS);
        if let Some(group) = group {
            builder = builder.with_row_groups(vec![group]);
        }
        let mut row = first_row;
        for batch in builder.build().map_err(|error| damaged(self.entry.id, &error))? {
            let batch = batch.map_err(|error| damaged(self.entry.id, &error))?;
            for identity in identities_of(&batch, [0, 1, 2]) {
                each(identity, u32::try_from(row).unwrap_or(u32::MAX));
                row += 1;
            }
        }
        Ok(())
    }

    /// Its identities: as held in memory, from their file, or made again from the segment.
    pub(crate) fn identities(&self, files: &dyn Files) -> Result<Identities, StoreError> {
        if let Some(identities) = self.identities.lock().as_ref() {
            return Ok(identities.clone());
        }
        let identities = match identities::open(files, &self.identities_path, self.entry.rows) {
            Some(identities) => identities,
            None => self.restore_identities(files)?,
        };
        *self.identities.lock() = Some(identities.clone());
        Ok(identities)
    }

    fn restore_identities(&self, files: &dyn Files) -> Result<Identities, StoreError> {
        tracing::warn!(segment = self.entry.id.0, "identities are missing or damaged, making them again");
        let mut all = Vec::new();
        self.scan_identities(None, 0, |identity, _| all.push(identity))?;
        match files.remove(&self.identities_path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let identities = identities::write(files, &self.identities_path, &all)?;
        if let Some(directory) = self.identities_path.parent() {
            files.sync_dir(directory)?;
        }
        Ok(identities)
    }

    /// Keeps `identities` in memory, or lets go of them.
    pub(crate) fn cache(&self, identities: Option<Identities>) {
        *self.identities.lock() = identities;
    }

    fn mask(&self, projection: &[usize]) -> ProjectionMask {
        ProjectionMask::roots(self.metadata.metadata().file_metadata().schema_descr(), projection.iter().copied())
    }
}

/// Identities of the rows of `batch`, whose uuid, event and distinct id are at `columns`.
pub(crate) fn identities_of(batch: &RecordBatch, columns: [usize; 3]) -> Vec<Identity> {
    let (uuids, events, distinct_ids) = (uuids(batch, columns[0]), texts(batch, columns[1]), texts(batch, columns[2]));
    (0..batch.num_rows())
        .map(|row| Identity::of(distinct_ids.value(row), events.value(row), uuid_at(uuids, row)))
        .collect()
}

pub(crate) fn uuid_at(uuids: &FixedSizeBinaryArray, row: usize) -> Uuid {
    Uuid::from_slice(uuids.value(row)).expect("the column holds 16 bytes per row")
}

pub(crate) fn uuids(batch: &RecordBatch, at: usize) -> &FixedSizeBinaryArray {
    batch.column(at).as_any().downcast_ref().expect("the schema has 16-byte ids here")
}

fn texts(batch: &RecordBatch, at: usize) -> &StringArray {
    batch.column(at).as_any().downcast_ref().expect("the schema has text here")
}

/// `batch`, whose first row has number `first`, without the rows in `deleted`.
pub(crate) fn without(batch: &RecordBatch, first: u64, deleted: &RoaringBitmap) -> Result<RecordBatch, StoreError> {
    let first = u32::try_from(first).unwrap_or(u32::MAX);
    let end = first.saturating_add(u32::try_from(batch.num_rows()).unwrap_or(u32::MAX));
    if deleted.range_cardinality(first..end) == 0 {
        return Ok(batch.clone());
    }
    let keep: BooleanArray = (first..end).map(|row| Some(!deleted.contains(row))).collect();
    Ok(filter_record_batch(batch, &keep)?)
}

fn selection_of(rows: &[usize], total: usize) -> RowSelection {
    let mut selectors = Vec::new();
    let mut next = 0;
    for row in rows {
        selectors.push(RowSelector::skip(row - next));
        selectors.push(RowSelector::select(1));
        next = row + 1;
    }
    selectors.push(RowSelector::skip(total - next));
    selectors.into()
}

fn uuid_in_statistics(group: &RowGroupMetaData, uuid: Uuid) -> bool {
    match group.column(column::UUID).statistics() {
        Some(Statistics::FixedLenByteArray(statistics)) => match (statistics.min_opt(), statistics.max_opt()) {
            (Some(min), Some(max)) => {
                min.data() <= uuid.as_bytes().as_slice() && uuid.as_bytes().as_slice() <= max.data()
            }
            _ => true,
        },
        _ => true,
    }
}

pub(crate) fn damaged(segment: SegmentId, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged { segment, reason: error.to_string() }
}

/// The Parquet schema of a segment, to name its columns.
pub(crate) fn parquet_columns() -> Result<Vec<parquet::schema::types::ColumnPath>, StoreError> {
    let converted = ArrowSchemaConverter::new().convert(&schema())?;
    Ok(converted.columns().iter().map(|column| column.path().clone()).collect())
}
