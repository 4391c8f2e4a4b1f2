//! Errors of the metadata database.

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
    /// It cannot be read.
    #[error(transparent)]
    Meta(#[from] MetaError),
}
