//! Parquet for others, as it is made: rows of any schema, without a file.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::error::StoreError;

/// Rows of a row group, unless they are large.
const GROUP_ROWS: usize = 128 << 10;
/// Bytes of encoded rows at which a row group ends.
const GROUP_BYTES: usize = 16 << 20;
const ZSTD_LEVEL: i32 = 3;

/// A Parquet file that is written piece by piece. Memory: one row group, encoded.
#[derive(Debug)]
pub struct ParquetStream(ArrowWriter<Vec<u8>>);

impl ParquetStream {
    /// A file of rows of `schema`.
    ///
    /// # Errors
    ///
    /// When Parquet has no type for a column.
    pub fn new(schema: SchemaRef) -> Result<Self, StoreError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        Ok(Self(ArrowWriter::try_new(Vec::new(), schema, Some(properties))?))
    }

    /// Adds rows, and gives the bytes that are ready: none until a row group is full.
    ///
    /// # Errors
    ///
    /// When the rows are not of the schema.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, StoreError> {
        self.0.write(batch)?;
        if self.0.in_progress_size() > GROUP_BYTES {
            self.0.flush()?;
        }
        Ok(std::mem::take(self.0.inner_mut()))
    }

    /// Bytes of rows that are not given yet.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.0.memory_size()
    }

    /// The rest of the file.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded.
    pub fn finish(self) -> Result<Vec<u8>, StoreError> {
        let done: Result<Vec<u8>, ParquetError> = self.0.into_inner();
        Ok(done?)
    }
}
