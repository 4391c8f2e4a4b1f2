//! What the catalog knows about a sealed segment.

use crate::{ProjectId, Timestamp};

/// Names a segment for ever: ids are never reused, not even after deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(pub u64);

/// One sealed segment: a Parquet file of one project's events, immutable once it is in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Its name.
    pub id: SegmentId,
    /// Whose events it holds.
    pub project: ProjectId,
    /// Rows in the file, deleted ones included.
    pub rows: u64,
    /// Size of the Parquet file.
    pub file_bytes: u64,
    /// Earliest event timestamp in it.
    pub min_timestamp: Timestamp,
    /// Latest event timestamp in it.
    pub max_timestamp: Timestamp,
    /// XXH3-64 of the whole Parquet file, to tell damage from data.
    pub checksum: u64,
}

/// Which rows of a segment are gone: replaced by a later copy of the same event, or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedRows {
    /// The segment.
    pub segment: SegmentId,
    /// Row numbers as a serialised Roaring bitmap (portable format).
    pub bitmap: Vec<u8>,
}
