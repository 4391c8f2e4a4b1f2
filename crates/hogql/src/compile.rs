//! From text to a resolved tree in one call.

use crate::Notice;
use crate::ast::{self, Span};
use crate::context::Context;
use crate::error::SyntaxError;
use crate::fault::ResolveError;
use crate::prepare::{Prepared, prepare};
use crate::resolve::resolve_and_tell;
use crate::resolved;

/// A query that can be planned.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The resolved tree.
    pub query: resolved::Query,
    /// The query as it is run, in HogQL: placeholders replaced, limits set.
    pub hogql: String,
    /// Rows of a page, if the query has no LIMIT of its own: the tree asks for one more.
    pub page: Option<u64>,
    /// What was left out, or read in a way its author may not have meant.
    pub warnings: Vec<Notice>,
    /// What names and literals were taken for.
    pub notices: Vec<Notice>,
    /// The tables that the text names, in alphabetical order.
    pub tables: Vec<&'static str>,
}

/// Why a text is not a query that can be planned.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CompileError {
    /// The text breaks the grammar.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The text parses and cannot be run.
    #[error(transparent)]
    Resolve(#[from] Box<ResolveError>),
}

impl CompileError {
    /// The `code` of the error body.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "invalid_input",
            Self::Resolve(error) => error.code().as_str(),
        }
    }

    /// Where in the text it is.
    #[must_use]
    pub const fn span(&self) -> Span {
        match self {
            Self::Syntax(error) => error.span(),
            Self::Resolve(error) => error.span(),
        }
    }
}

/// Compiles `text`.
///
/// # Errors
///
/// If the text is not HogQL, refers to what is not there, or is a query that we do not run.
pub fn compile(text: &str, context: &Context) -> Result<Compiled, CompileError> {
    let (query, notices) = crate::parse_select_with_notices(text)?;
    let mut compiled = compile_tree(query, context)?;
    compiled.warnings.extend(notices);
    Ok(compiled)
}

/// Compiles a syntax tree.
///
/// # Errors
///
/// As for [`compile`], the grammar apart.
pub fn compile_tree(query: ast::Query, context: &Context) -> Result<Compiled, CompileError> {
    let Prepared { query, page, warnings } = prepare(query, context)?;
    let (resolved, findings) = resolve_and_tell(&query, context)?;
    let hogql = crate::print_query(&query, crate::Style::Functions);
    let tables = findings.tables.into_iter().collect();
    Ok(Compiled { query: resolved, hogql, page, warnings, notices: findings.notices, tables })
}

#[cfg(test)]
pub(crate) mod tests;
