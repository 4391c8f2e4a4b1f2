//! HogQL: text becomes a syntax tree, and a syntax tree becomes text again.
//!
//! [`ast`] holds the tree; it records what was written, with positions, and nothing about what names mean.
//! [`parse_select`] and its siblings make one, or a [`SyntaxError`] that knows its place; [`print_query`] and its
//! siblings make the text again.
//!
//! What happens here is a pure function of its arguments: no clock, no files, no recursion deeper than
//! [`DEPTH_MAX`] allows, and time in proportion to the text.

#![warn(missing_docs)]
#![warn(clippy::missing_errors_doc)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod ast;
pub mod clickhouse;
pub mod context;
pub mod dates;
pub mod editor;
pub mod filters;
pub mod insights;
pub mod resolved;
pub mod schema;
pub mod types;

mod actions;
mod actors_query;
mod build;
mod catalogue;
mod compile;
mod condition;
mod error;
mod events_query;
mod fault;
mod lex;
mod listing;
mod parse;
mod prepare;
mod print;
mod resolve;
mod typing;
mod walk;

pub use actors_query::ActorsQuery;
pub use compile::{CompileError, Compiled, compile, compile_tree};
pub use condition::{Condition, Holds, events_where};
pub use context::Context;
pub use error::{Position, SyntaxError, SyntaxErrorKind};
pub use events_query::EventsQuery;
pub use fault::{Code, ResolveError};
pub use parse::{
    DEPTH_MAX, NODES_MAX, Notice, TEXT_BYTES_MAX, parse_expr, parse_order_expr, parse_select,
    parse_select_with_notices, parse_template,
};
pub use print::{Style, print_expr, print_order_expr, print_query};
pub use resolve::resolve;
pub use types::{Base, Type};

/// How deep expressions and queries of a resolved tree may be nested.
pub const MAX_DEPTH: u32 = 400;
