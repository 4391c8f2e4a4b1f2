//! What can go wrong with stored events.

use std::io;

use model::SegmentId;

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A segment cannot be read back as it was written. Other segments are not affected.
    #[error("segment {} is damaged: {reason}", segment.0)]
    Damaged {
        /// Which.
        segment: SegmentId,
        /// What is wrong.
        reason: String,
    },
    /// The disk failed or is full: nothing changed, retry later.
    #[error("segment file cannot be written or read")]
    Io(#[from] io::Error),
    /// Rows could not be encoded.
    #[error("rows cannot be encoded")]
    Encode(#[from] parquet::errors::ParquetError),
    /// Rows could not be arranged.
    #[error("rows cannot be arranged")]
    Arrow(#[from] arrow::error::ArrowError),
}
