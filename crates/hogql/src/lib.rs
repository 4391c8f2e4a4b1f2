//! HogQL: text becomes a syntax tree, and a syntax tree becomes text again.
//!
//! [`ast`] holds the tree; it records what was written, with positions, and nothing about what names mean.
//!
//! What happens here is a pure function of its arguments: no clock, no files, no recursion deeper than
//! the depth limit allows, and time in proportion to the text.

#![warn(missing_docs)]
#![warn(clippy::missing_errors_doc)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod ast;
pub mod context;
pub mod resolved;
pub mod types;

mod typing;

pub use context::Context;
pub use types::{Base, Type};

/// How deep expressions and queries of a resolved tree may be nested.
pub const MAX_DEPTH: u32 = 400;
