//! Answers questions about stored events: lists, one event, values for auto-complete.
//!
//! The only crate that sees the query engine, DataFusion. Everything a caller can ask arrives as a typed value, becomes
//! one plan over one snapshot of the store, and runs on the engine's own threads within its limits.
//!
//! Property filters stand on their own ([`Filter`]): they are parsed and evaluated here without the engine, which only
//! calls them.

#![warn(missing_docs)]

mod decode;
mod engine;
mod error;
mod filter;
pub mod insight;
mod list;
mod plan;
mod table;
#[cfg(test)]
mod testing;
mod values;

pub use engine::{Engine, EngineSettings};
pub use error::QueryError;
pub use filter::{Filter, FilterError, Parsed};
pub use list::{Bound, Event, EventsPage, EventsQuery, Order, Position};
pub use values::{Subject, ValuesQuery};
