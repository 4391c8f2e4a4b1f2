//! Why a question got no answer.

use std::time::Duration;

use datafusion::error::DataFusionError;

use crate::hogql::Refusal;

/// Why a query failed. Filters that cannot be parsed are a [`crate::FilterError`] instead, and never get here.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// It took too long, waiting for its turn included: ask for less, or again later.
    #[error("query exceeded the time limit of {} s", limit.as_secs_f64())]
    Timeout {
        /// The limit.
        limit: Duration,
    },

    /// It needed more memory than queries may use together: ask for a smaller page, or again later.
    #[error("query exceeded the memory limit of {limit_bytes} bytes for queries")]
    Memory {
        /// The limit.
        limit_bytes: usize,
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

    /// The time asked about has too many intervals: ask for longer ones, or for less time.
    #[error("the range has more than {limit} intervals")]
    TooManyIntervals {
        /// The limit.
        limit: i64,
    },

    /// The query cannot be run as it is written.
    #[error("{message}")]
    Refused {
        /// A word for programs.
        code: &'static str,
        /// Why, for people.
        message: String,
    },

    /// What was written could not be taken.
    #[error("the output could not be written")]
    Output(#[source] std::io::Error),

    /// Stored events could not be read. Other questions may still be answered.
    #[error("stored events could not be read")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// A mistake in this crate or in the query engine.
    #[error("query failed inside the engine")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
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
            DataFusionError::ResourcesExhausted(_) => Self::Memory { limit_bytes },
            // How a full quota on the disk shows when a spill file is being written.
            DataFusionError::ArrowError(error, _) if error.to_string().contains("max_temp_directory_size") => {
                Self::Memory { limit_bytes }
            }
            DataFusionError::External(root) if root.is::<Refusal>() => match root.downcast_ref::<Refusal>() {
                Some(refusal) => Self::Refused { code: refusal.code, message: refusal.message.clone() },
                None => Self::Internal(error.into()),
            },
            DataFusionError::External(root) if root.is::<ReadFailure>() => Self::Store(error.into()),
            _ => Self::Internal(error.into()),
        }
    }
}
