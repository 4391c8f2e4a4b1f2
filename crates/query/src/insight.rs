//! The arithmetic of insights: who got how far, who came back, how many were there.
//!
//! These are the loops that run once per event, so they work on plain slices and know neither Arrow nor the query
//! engine: a scan hands over columns, several threads each fill a builder of their own, the builders are merged and
//! answer at the end. Persons are numbers counted up from 1 within a project, which is why everything here is an array
//! indexed by person, or sorted by person with a counting sort. Numbers far apart are still answered correctly, slower.
//!
//! Nothing here fails. Arguments that break a contract (columns of different lengths, an index past the end) panic.
//! Every builder tells its `bytes()`, so that the caller can charge them to the limits of the query.

mod ask;
pub mod funnel;
pub mod overrides;
pub mod quantile;
pub mod retention;
pub mod uniques;

pub use ask::{FunnelQuery, RetentionCell, RetentionQuery};
