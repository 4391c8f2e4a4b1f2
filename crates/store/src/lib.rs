//! Where events live once they are resolved: a memory table, then sealed Parquet segments.
//!
//! Rows are visible at once and leave memory only when the segments that hold them are in the catalog. One event is one
//! row: a later copy of the same identity marks the earlier row deleted, wherever it is. Readers take a snapshot and see
//! memory, segments, deletions and person merges of one instant.

#![warn(missing_docs)]

mod bloom;
mod error;
mod file;
mod identities;
mod identity;
mod memory;
mod schema;
mod seal;
mod segment;
mod snapshot;
mod state;
mod store;

pub use error::StoreError;
pub use schema::{column, schema};
pub use seal::Sealed;
pub use snapshot::{Part, PartKind, Snapshot, TimeRange};
pub use store::{Batch, Contents, Pressure, Published, Settings, Stats, Store};
