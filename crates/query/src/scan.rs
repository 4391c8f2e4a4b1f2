//! The one way from a question to rows: which parts may hold them, which of their rows they are.
//!
//! A chunk's rows are narrowed down condition by condition, the cheapest first: what is known without reading, then
//! narrow columns, then properties. Lists, values, counts by person and plans of the engine all read through here, so
//! a condition means the same for each of them.

mod conditions;
mod leaf;
mod values;
mod workers;

use store::Chunk;

use crate::engine::BATCH_ROWS;
pub use conditions::{Conditions, PersonKey};

pub(crate) use conditions::{Kept, Narrowed, narrow, narrow_keeping, narrow_within};
pub(crate) use leaf::texts;
pub(crate) use values::{Evaluation, ValueTest};
pub(crate) use workers::{Cancelled, each};

/// Bytes of whole rows to have in memory at once, about.
const BYTES_AT_ONCE: usize = 4 << 20;

/// Whole rows to read at once: fewer where they are large.
pub(crate) fn rows_at_once(chunk: &Chunk) -> usize {
    (BYTES_AT_ONCE / chunk.row_bytes().max(1)).clamp(1, BATCH_ROWS)
}
