//! ClickHouse's scalar functions, as kernels over Arrow arrays.
//!
//! HogQL means what ClickHouse answers, to the last digit and NULL, and the resolver lowers it to ClickHouse's functions with
//! ClickHouse's types. So the functions are found here by ClickHouse's names and get the exact type to answer from the
//! caller; nothing is inferred. The crate knows arrays and nothing of queries: an edit to a function is built and tested in
//! seconds, against answers that the engine itself gave (`compat/functions`).
//!
//! ```text
//! scalar("lower")?.call(&[Value::Column(names)], rows, &DataType::Utf8, now)  ──▶ Value
//!         │                                                          wrapper: NULL rows, dictionaries, constants
//!         └─ evaluate: fn(&Call) -> ArrayRef                         kernel:  plain arrays, one row each
//! ```
//!
//! What a caller should know, beside the types of `Call`:
//!
//! * An argument of type Interval is two arguments here: the count, then the unit as text (`toStartOfInterval`).
//! * Text is valid UTF-8. A function of bytes that cuts a character in two answers U+FFFD in its place.
//! * Lambdas are the caller's: see [`HigherOrder`].
//! * `_funnel` and `_funnelTrends` are ours; ClickHouse has none.

#![warn(missing_docs)]

mod arithmetic;
mod arrays;
mod bits;
mod build;
mod call;
mod city;
mod compare;
mod condition;
mod convert;
mod dates;
mod decimal;
mod elements;
mod encode;
mod error;
mod float;
mod funnel;
mod higher;
mod json;
mod maps;
mod maths;
mod patterns;
mod search;
mod semver;
mod show;
mod strings;
mod table;
mod tuples;
mod url;
mod utf8;
mod zone;

#[cfg(test)]
mod tests;

pub use build::repeated;
pub use call::{Call, Value};
pub use error::FunctionError;
pub use higher::{HigherOrder, HigherOrderCall, Lists, fold, higher_order};
pub use json::{Path, Step, property};
pub use table::{Kind, Nulls, Scalar, scalar, scalars};
