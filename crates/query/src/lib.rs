//! Answers questions about stored events: lists, one event, values for auto-complete.
//!
//! The only crate that sees the query engine, DataFusion. Everything a caller can ask arrives as a typed value, becomes
//! one plan over one snapshot of the store, and runs on the engine's own threads within its limits.
//!
//! Filters of lists arrive as resolved HogQL. Those of persons and cohorts stand on their own ([`Filter`]): they are parsed and
//! evaluated without the engine, which only calls them.

#![warn(missing_docs)]

mod engine;
mod error;
mod filter;
pub mod hogql;
mod list;
mod persons;
mod plan;
mod scan;
mod table;
mod tally;
#[cfg(test)]
mod testing;
mod uniques;
mod values;

pub use engine::{Engine, EngineSettings, Load, Pace, Spill};
pub use error::QueryError;
pub use filter::{Filter, FilterError, Parsed};
pub use store::TimeRange;

pub use list::{Bound, Event, EventsPage, EventsQuery, Order, Pages, Position};
pub use persons::{PersonCounts, PersonTimes};
pub use scan::{Conditions, PersonKey};
pub use values::{Subject, ValuesQuery};
