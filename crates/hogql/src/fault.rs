//! Why a query that parses cannot be run.

use crate::ast::Span;

/// A query is refused. The fault is always in the query or in what it refers to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResolveError {
    code: Code,
    message: String,
    span: Span,
    fix: Option<String>,
}

/// The `code` of the error body; most are ClickHouse's names for errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Code {
    InvalidInput,
    IllegalTypeOfArgument,
    NoCommonType,
    TypeMismatch,
    NotAnAggregate,
    IllegalAggregation,
    UnknownFunction,
    CannotParseUuid,
    InvalidJoinOnExpression,
    NumberOfArgumentsDoesntMatch,
}

impl Code {
    /// As it is written in the error body.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::IllegalTypeOfArgument => "illegal_type_of_argument",
            Self::NoCommonType => "no_common_type",
            Self::TypeMismatch => "type_mismatch",
            Self::NotAnAggregate => "not_an_aggregate",
            Self::IllegalAggregation => "illegal_aggregation",
            Self::UnknownFunction => "unknown_function",
            Self::CannotParseUuid => "cannot_parse_uuid",
            Self::InvalidJoinOnExpression => "invalid_join_on_expression",
            Self::NumberOfArgumentsDoesntMatch => "number_of_arguments_doesnt_match",
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, Box<ResolveError>>;

impl ResolveError {
    pub(crate) fn new(code: Code, message: impl Into<String>, span: Span) -> Box<Self> {
        Box::new(Self { code, message: message.into(), span, fix: None })
    }

    pub(crate) fn input(message: impl Into<String>, span: Span) -> Box<Self> {
        Self::new(Code::InvalidInput, message, span)
    }

    pub(crate) fn at(mut self: Box<Self>, span: Span) -> Box<Self> {
        self.span = span;
        self.fix = None;
        self
    }

    pub(crate) fn fixed_by(mut self: Box<Self>, fix: Option<String>) -> Box<Self> {
        self.fix = fix;
        self
    }

    /// What to write at [`ResolveError::span`] instead, if that is known.
    #[must_use]
    pub fn fix(&self) -> Option<&str> {
        self.fix.as_deref()
    }

    /// The machine-readable kind.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it is wrong; empty if it is about what was added to the text, such as a filter.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }
}
