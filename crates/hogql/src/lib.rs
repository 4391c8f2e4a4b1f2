//! HogQL: text becomes a syntax tree, a syntax tree becomes a resolved tree, and both become text again.

#![warn(missing_docs)]
#![warn(clippy::missing_errors_doc)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod context;
pub mod resolved;
pub mod types;

pub use context::Context;
pub use resolved::Query;
pub use types::{Base, Type};

/// How deep expressions and queries of a resolved tree may be nested.
pub const MAX_DEPTH: u32 = 400;
