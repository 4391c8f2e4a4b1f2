//! Errors of the metadata database.

use model::{ProjectId, SegmentId};

/// Why an operation failed. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// The database refused or failed: retry later.
    #[error("metadata database failed")]
    Database(#[from] rusqlite::Error),
    /// A given token or key has the wrong form.
    #[error("{what} must start with {prefix} and have at most 64 printable ASCII characters")]
    InvalidKey {
        /// Which.
        what: &'static str,
        /// What it must start with.
        prefix: &'static str,
    },
    /// The user has as many keys as a user may have.
    #[error("a user can have at most {limit} personal API keys")]
    TooManyKeys {
        /// That many.
        limit: usize,
    },
    /// The catalog does not hold a segment that was to be changed: somebody else has removed it.
    #[error("segment {} is not in the catalog", .0.0)]
    MissingSegment(SegmentId),
    /// Every number a person could have is taken.
    #[error("project {0} has given out all person numbers")]
    PersonNumbersExhausted(ProjectId),
    /// A stored value cannot be read back: the database is damaged.
    #[error("metadata holds an unreadable {0}")]
    Unreadable(&'static str),
}

/// Why the database was not opened. It is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A later version of Hedgerow wrote it.
    #[error("metadata has format {found}, this version knows up to {known}")]
    Newer {
        /// Format of the database.
        found: i64,
        /// Newest known format.
        known: i64,
    },
    /// A version before the first release wrote it.
    #[error("metadata has format {found}, the oldest that can be read is {oldest}: start with an empty data directory")]
    Older {
        /// Format of the database.
        found: i64,
        /// Oldest readable format.
        oldest: i64,
    },
    /// It cannot be read.
    #[error(transparent)]
    Meta(#[from] MetaError),
}
