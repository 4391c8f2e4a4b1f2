//! What the catalog knows about a sealed segment.

use crate::{MergeId, ProjectId, Timestamp};

/// Names a segment for ever: ids are never reused, not even after deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(pub u64);

/// How far a segment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Written from memory: small, in time order.
    Fresh,
    /// Rewritten by compaction: by event name, then in time order.
    Compacted,
}

impl Level {
    /// The level as the catalog stores it.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Fresh => 0,
            Self::Compacted => 1,
        }
    }

    /// The level stored as `code`, if there is one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Fresh, Self::Compacted].get(usize::from(code)).copied()
    }
}

/// One sealed segment: a Parquet file of one project's events, immutable once it is in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Its name.
    pub id: SegmentId,
    /// Whose events it holds.
    pub project: ProjectId,
    /// How far it has come.
    pub level: Level,
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
    /// Persons merged up to here stand in it as the surviving ones.
    pub merges_through: MergeId,
}

/// Which rows of a segment are gone: replaced by a later copy of the same event, or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedRows {
    /// The segment.
    pub segment: SegmentId,
    /// Row numbers as a serialised Roaring bitmap (portable format).
    pub bitmap: Vec<u8>,
}
