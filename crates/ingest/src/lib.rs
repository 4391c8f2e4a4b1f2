//! Tails the log, resolves persons and groups, fills the store, moves the positions.
//!
//! A batch is a run of log records. Its person changes, what was resolved for each of its events, and the applied
//! position commit in one transaction; then its rows are published. A crash between the two is repaired at the next
//! start, by rebuilding the rows from the log and what was resolved.

#![warn(missing_docs)]

mod added;
mod batch;
mod cache;
mod compactor;
mod cookieless;
mod definitions;
mod elements;
mod event;
mod geoip;
mod identity;
mod ingest;
mod memory;
mod people;
mod person_properties;
mod report;
mod resolved;
mod sealer;
mod stats;
mod stored;
#[cfg(test)]
mod testing;

pub use compactor::Compactor;
pub use geoip::{GeoIp, InvalidGeoIp};
pub use ingest::{Ingest, IngestError, Progress, Settings};
pub use sealer::{Sealer, SealerStop, StopHandle};
pub use stats::{Stats, StatsHandle, Warning};
