//! Why a question got no answer.

use std::time::Duration;

use datafusion::error::DataFusionError;

use crate::engine::Stopped;
use crate::hogql::Refusal;

/// Why a query failed. Filters that cannot be parsed are a [`crate::FilterError`] instead, and never get here.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// It got no turn, because as many queries as may were running: ask again later.
    #[error("no query ended within {} s, and no more may run at once", waited.as_secs_f64())]
    Busy {
        /// How long it waited.
        waited: Duration,
    },

    /// It took too long: ask for less.
    #[error("query exceeded the time limit of {} s", limit.as_secs_f64())]
    Timeout {
        /// The limit.
        limit: Duration,
    },

    /// It needed more memory than queries may use together: ask for a smaller page, or again later.
    #[error("query exceeded the memory limit of {limit_bytes} bytes for queries{}", named(operator.as_deref()))]
    Memory {
        /// The limit.
        limit_bytes: usize,
        /// What asked for more, as the plan calls it, where that is known.
        operator: Option<String>,
    },

    /// There is no such event column.
    #[error("there is no event column '{0}'")]
    UnknownColumn(String),

    /// The text that values must contain is too long.
    #[error("the text to search for is longer than {limit_bytes} bytes")]
    SearchTooLong {
        /// The limit.
        limit_bytes: usize,
    },

    /// The query cannot be run as it is written.
    #[error("{message}")]
    Refused {
        /// A word for programs.
        code: &'static str,
        /// Why, for people.
        message: String,
    },

    /// Stored events could not be read. Other questions may still be answered.
    #[error("stored events could not be read")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// A mistake in this crate or in the query engine.
    #[error("query failed inside the engine")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn named(operator: Option<&str>) -> String {
    operator.map_or_else(String::new, |operator| format!(", in {operator}"))
}

/// The operator that a refusal of memory is about: "Failed to allocate additional 1 MB for NAME[0] with …".
fn asking(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" for ")?;
    let end = rest.find(['[', '(', ' ', '#']).unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty())
}

/// A store error on its way through the query engine, so that it is recognised on the other side.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct ReadFailure(pub(crate) Box<dyn std::error::Error + Send + Sync>);

impl From<store::StoreError> for QueryError {
    fn from(error: store::StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<arrow::error::ArrowError> for QueryError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Internal(error.into())
    }
}

impl QueryError {
    /// What an engine error means to the caller, given the memory limit it ran under.
    pub(crate) fn from_engine(error: DataFusionError, limit_bytes: usize) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(message) => {
                Self::Memory { limit_bytes, operator: asking(message).map(str::to_owned) }
            }
            // How a full quota on the disk shows when a spill file is being written.
            DataFusionError::ArrowError(error, _) if error.to_string().contains("max_temp_directory_size") => {
                Self::Memory { limit_bytes, operator: Some("spill to disk".to_owned()) }
            }
            DataFusionError::External(root) if root.is::<Refusal>() => match root.downcast_ref::<Refusal>() {
                Some(refusal) => Self::Refused { code: refusal.code, message: refusal.message.clone() },
                None => Self::Internal(error.into()),
            },
            DataFusionError::External(root) if root.is::<Stopped>() => match root.downcast_ref::<Stopped>() {
                Some(stopped) => Self::Timeout { limit: stopped.limit },
                None => Self::Internal(error.into()),
            },
            DataFusionError::External(root) if root.is::<ReadFailure>() => Self::Store(error.into()),
            _ => Self::Internal(error.into()),
        }
    }
}
