//! Rows that are not sealed yet: one project's part of one generation of the memory table.
//!
//! Rows keep their number for as long as they are in memory. Small batches are merged as they come, so that a thousand
//! one-row publications make a handful of batches; each row is copied a logarithmic number of times.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{concat_batches, max};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use model::Timestamp;
use roaring::RoaringBitmap;

use crate::identity::Identity;
use crate::schema::{Column, memory_schema};

/// Batches of more rows than this are left alone.
const MERGED_ROWS_MAX: usize = 2_048;
/// What one row costs besides its columns.
const INDEX_BYTES_PER_ROW: usize = 48;

#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// Number of the first row of each batch, and the batch.
    pub(crate) batches: Vec<(u32, RecordBatch)>,
    /// Rows that were replaced since.
    pub(crate) deleted: Arc<RoaringBitmap>,
    pub(crate) rows: u32,
    /// The latest timestamp.
    pub(crate) newest: Option<Timestamp>,
}

/// Where an identity is in a [`Memory`]. Kept apart, because readers do not need it.
#[derive(Debug, Default)]
pub(crate) struct MemoryIndex {
    rows: HashMap<Identity, u32, foldhash::fast::FixedState>,
}

impl MemoryIndex {
    /// Notes that `identity` is now at `row`, and tells where it was before.
    pub(crate) fn note(&mut self, identity: Identity, row: u32) -> Option<u32> {
        self.rows.insert(identity, row)
    }

    pub(crate) fn get(&self, identity: Identity) -> Option<u32> {
        self.rows.get(&identity).copied()
    }
}

impl Memory {
    /// Appends `batch` and returns the number of its first row.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<u32, ArrowError> {
        let first = self.rows;
        let timestamps = batch.column(Column::Timestamp.place()).as_primitive::<TimestampMicrosecondType>();
        self.newest = self.newest.max(max(timestamps).map(Timestamp::from_micros));
        let added = u32::try_from(batch.num_rows()).expect("a batch is bounded far below four billion rows");
        self.batches.push((first, batch));
        self.rows += added;
        while let [.., (_, before), (_, last)] = self.batches.as_slice() {
            let merged_rows = before.num_rows() + last.num_rows();
            if merged_rows > MERGED_ROWS_MAX || before.num_rows() > 2 * last.num_rows() {
                break;
            }
            let merged = concat_batches(&memory_schema(), [before, last])?;
            self.batches.pop();
            if let Some((_, before)) = self.batches.last_mut() {
                *before = merged;
            }
        }
        Ok(first)
    }

    pub(crate) fn delete(&mut self, row: u32) {
        Arc::make_mut(&mut self.deleted).insert(row);
    }

    pub(crate) fn live_rows(&self) -> u64 {
        u64::from(self.rows) - self.deleted.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        let columns: usize = self.batches.iter().map(|(_, batch)| batch.get_array_memory_size()).sum();
        columns + self.rows as usize * INDEX_BYTES_PER_ROW
    }
}
