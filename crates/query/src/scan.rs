//! The one way from a question to rows: which parts may hold them, which of their rows they are.
//!
//! A chunk's rows are narrowed down condition by condition, the cheapest first: what is known without reading, then
//! narrow columns, then properties. Lists, values, insights and plans of the engine all read through here, so a condition
//! means the same for each of them.

mod conditions;
mod leaf;
mod values;
mod workers;

pub use conditions::{Conditions, PersonKey};

pub(crate) use conditions::{Narrowed, narrow, narrow_within};
pub(crate) use leaf::{numbers, texts};
pub(crate) use values::{Evaluation, ValueTest};
pub(crate) use workers::{Cancelled, each};
