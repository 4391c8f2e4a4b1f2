//! Where events live once they are resolved: a memory table, then sealed Parquet segments.
//!
//! Rows are visible at once and leave memory only when the segments that hold them are in the catalog. One event is one
//! row: a later copy of the same identity marks the earlier row deleted, wherever it is. Readers take a snapshot and see
//! memory, segments, deletions and person merges of one instant. Compaction replaces segments by fewer ones, ordered by
//! event, without changing what a reader sees.

#![warn(missing_docs)]

mod bloom;
mod codec;
mod compact;
mod error;
mod file;
mod identity;
mod index;
mod limits;
mod memory;
mod merges;
mod pages;
mod property;
mod schema;
mod seal;
mod segment;
mod selection;
mod snapshot;
mod state;
mod store;
mod stream;
mod write;

pub use compact::{Compacted, Job};
pub use error::StoreError;
pub use limits::Limits;
pub use property::values::{PropertyColumn, PropertyValues};
pub use property::{Document, PropertyKey, Spelling};
pub use schema::{Column, dictionary};
pub use seal::Sealed;
pub use selection::Selection;
pub use snapshot::{Chunk, HourCount, Part, PartKind, Slice, Slices, Snapshot, TimeRange};
pub use store::{Batch, Contents, Pressure, Published, Removals, Settings, Stats, Store};
pub use stream::ParquetStream;
