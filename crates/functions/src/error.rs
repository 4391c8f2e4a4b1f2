//! Why a function has no answer.

use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// Why a function has no answer. All but the last two are the fault of whoever wrote the query.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The function does not take an argument of this type.
    #[error("illegal type {found} of argument {position} of function {function}")]
    ArgumentType {
        /// Its ClickHouse name.
        function: &'static str,
        /// Which argument, from 1.
        position: usize,
        /// What was given.
        found: DataType,
    },

    /// The value of an argument makes no sense: a pattern that is none, an unknown time zone, a negative size.
    #[error("{0}")]
    Argument(String),

    /// Text that should be a value of another type is none.
    #[error("cannot parse {text:?} as {wanted}")]
    Parse {
        /// What was given, cut after some characters.
        text: String,
        /// The type.
        wanted: &'static str,
    },

    /// An integer was divided by zero, or the quotient does not fit.
    #[error("division by zero")]
    Division,

    /// A number does not fit the type it should have.
    #[error("value is out of range of {0}")]
    Range(DataType),

    /// The answer would be larger than a batch may be.
    #[error("the result of function {0} is too large")]
    TooLarge(&'static str),

    /// The caller broke the contract: a missing argument, a type that the function never answers.
    #[error("function {function} was called wrongly: {message}")]
    Contract {
        /// Its ClickHouse name.
        function: &'static str,
        /// What is wrong.
        message: String,
    },

    /// Arrow refused.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// The start of `text`, for a message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

pub(crate) fn unparsed(text: &str, wanted: &'static str) -> FunctionError {
    FunctionError::Parse { text: excerpt(text), wanted }
}
