//! HogQL on this engine: a resolved query becomes one plan over one snapshot.
//!
//! The tree that comes in has exact types and no names left to look up, so planning is a translation: [`expr`] and
//! [`call`] for values, [`select`] for the order of clauses, [`source`] and [`join`] for rows, [`aggregate`] and
//! [`window`] for groups. Subqueries in expressions do not depend on the row; they are evaluated first, and what they
//! answer is a constant or a set. A finished plan is checked to read nothing but the project's own tables.

mod aggregate;
mod call;
mod compare;
mod condition;
mod encode;
mod expr;
mod functions;
mod implied;
mod join;
mod kernel;
mod lambda;
mod late;
mod members;
mod order;
mod output;
mod people;
mod planner;
pub(crate) mod property;
mod rows;
mod run;
mod scope;
mod select;
mod source;
mod types;
mod usage;
mod window;

pub(crate) use condition::Condition;
pub use encode::{Encoder, Format};
pub(crate) use kernel::grows;
pub use people::{GroupRow, MemberRow, Pages, PersonRow};
pub use rows::{Batches, Rows, RowsError, Tables, schema};
pub use run::{Answer, Needs, Progress, Request, needs};

use datafusion::common::{DataFusionError, Result};

/// Why a query cannot be run, for the person who wrote it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// The code of the error's body.
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// Refuses a query.
fn refuse<T>(message: impl Into<String>) -> Result<T> {
    Err(DataFusionError::External(Box::new(Refusal { code: "invalid_input", message: message.into() })))
}

#[cfg(test)]
mod tests;
