//! Whether a text is valid, and what there is to say about it.

use crate::ast::{self, Expr, Query, SelectQuery, Span};
use crate::compile::{CompileError, Compiled, compile, compile_tree};
use crate::context::Context;
use crate::walk::{self, Node};
use crate::{Notice, SyntaxError};

/// What a text is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A whole query.
    Select,
    /// An expression over the rows of a query.
    Expr,
    /// Text with expressions in braces.
    Template,
}

/// What there is to say about a text; it is valid if there are no errors.
#[derive(Debug, Clone, Default)]
pub struct Check {
    /// Why it cannot be run.
    pub errors: Vec<Remark>,
    /// What was left out, or read in a way its author may not have meant.
    pub warnings: Vec<Remark>,
    /// What names and literals were taken for.
    pub notices: Vec<Remark>,
    /// The tables that are read, each once.
    pub tables: Vec<&'static str>,
}

/// Something to say about a place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What.
    pub message: String,
    /// Where, in bytes; empty if it is about the text as a whole.
    pub span: Span,
    /// What to write there instead.
    pub fix: Option<String>,
}

/// Looks `text` over. An expression is read over the rows of `source`, or of events if that is none.
#[must_use]
pub fn check(text: &str, language: Language, source: Option<&str>, context: &Context) -> Check {
    let compiled = match language {
        Language::Select => compile(text, context),
        Language::Expr => expression(text, source, context),
        Language::Template => match crate::parse_template(text) {
            Ok(_) => return Check::default(),
            Err(error) => Err(error.into()),
        },
    };
    match compiled {
        Ok(compiled) => said(&compiled),
        Err(error) => Check { errors: vec![refused(&error)], ..Check::default() },
    }
}

fn expression(text: &str, source: Option<&str>, context: &Context) -> Result<Compiled, CompileError> {
    let expr = crate::parse_expr(text)?;
    compile_tree(over(expr, source)?, context)
}

/// A query for `expr` over the rows that `source` reads.
fn over(expr: Expr, source: Option<&str>) -> Result<Query, SyntaxError> {
    let mut query = crate::parse_select(source.unwrap_or("select 1 from events"))?;
    // Places in it are none of the text that is looked over.
    forget_places(&mut query);
    if let Query::Select(select) = &mut query {
        select.select = vec![expr];
        return Ok(query);
    }
    let table = ast::TableRef {
        span: Span::default(),
        table: ast::Table::Query(Box::new(query)),
        alias: None,
        column_aliases: Vec::new(),
        final_span: None,
        sample: None,
    };
    let from = ast::From { first: table, joins: Vec::new() };
    Ok(Query::Select(Box::new(SelectQuery { select: vec![expr], from: Some(from), ..SelectQuery::default() })))
}

fn forget_places(query: &mut Query) {
    fn forget(node: Node<'_>) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match node {
            Node::Query(query) => forget_places(query),
            Node::Expr(expr) => {
                expr.span = Span::default();
                walk::operands_mut(expr, &mut |inner| forget(inner));
            }
        });
    }
    match query {
        Query::Select(select) => {
            select.span = Span::default();
            walk::select_mut(select, &mut |inner| forget(inner));
        }
        Query::Set(set) => {
            set.span = Span::default();
            forget_places(&mut set.initial);
            set.subsequent.iter_mut().for_each(|(_, query)| forget_places(query));
        }
        Query::Value(expr) => forget(Node::Expr(expr)),
    }
}

fn said(compiled: &Compiled) -> Check {
    let remarks = |notices: &[Notice]| -> Vec<Remark> {
        let remark = |notice: &Notice| Remark { message: notice.message.clone(), span: notice.span, fix: None };
        notices.iter().map(remark).collect()
    };
    Check {
        errors: Vec::new(),
        warnings: remarks(&compiled.warnings),
        notices: remarks(&compiled.notices),
        tables: compiled.tables.clone(),
    }
}

fn refused(error: &CompileError) -> Remark {
    match error {
        CompileError::Syntax(error) => {
            let hint = error.hint().map_or_else(String::new, |hint| format!(": {hint}"));
            Remark { message: format!("{}{hint}", error.message()), span: error.span(), fix: None }
        }
        CompileError::Resolve(error) => {
            Remark { message: error.message().to_owned(), span: error.span(), fix: error.fix().map(str::to_owned) }
        }
    }
}
