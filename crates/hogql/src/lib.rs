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
mod error;
mod lex;
mod parse;
mod print;

pub use error::{Position, SyntaxError, SyntaxErrorKind};
pub use parse::{
    DEPTH_MAX, NODES_MAX, Notice, TEXT_BYTES_MAX, parse_expr, parse_order_expr, parse_select,
    parse_select_with_notices, parse_template,
};
pub use print::{Style, print_expr, print_order_expr, print_query};
