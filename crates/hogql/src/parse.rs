//! Tokens become a tree, by recursive descent, with operator precedence for expressions.
//!
//! Nearly every keyword is also a name, so words are told apart by what stands next to them. The parser looks ahead by
//! a fixed number of tokens, or behind a closing bracket through the table the lexer made, and never goes back. Time
//! is therefore in proportion to the text.
//!
//! Depth is counted once per nested expression or query, and once per step of a chain that nests to the left
//! (`a + b + c`), so that the limit holds for the tree as well as for the call stack: whoever walks or drops a tree
//! may recurse.

mod call;
mod cursor;
mod expr;
mod from;
mod literal;
mod order;
mod postfix;
mod primary;
mod select;
mod set;
mod special;
mod tag;
mod typename;

use crate::ast::{Expr, ExprKind, Ident, OrderExpr, Query, Span};
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::lex::{Kind, Lexed, Token, lex, lex_template};

/// The longest text that is parsed, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// The deepest nesting of expressions and queries.
pub const DEPTH_MAX: u32 = 256;
/// The most nodes a tree may have.
pub const NODES_MAX: u32 = 4_000_000;

/// Something that was read in a way its writer may not have meant; the text is valid all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What was read, and how to write the other thing.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// Parses a statement: a `SELECT`, queries combined by set operators, a placeholder or a tag. One `;` may follow.
///
/// # Errors
///
/// A [`SyntaxError`] for the first thing that is wrong, in the order of the text.
pub fn parse_select(text: &str) -> Result<Query, SyntaxError> {
    parse_select_with_notices(text).map(|(query, _)| query)
}

/// Parses a statement, and says what in it may have been meant differently.
///
/// # Errors
///
/// As [`parse_select`].
pub fn parse_select_with_notices(text: &str) -> Result<(Query, Vec<Notice>), SyntaxError> {
    let mut notices = Vec::new();
    let query = run(text, lex, Limits::DEFAULT, |parser| {
        let query = parser.statement()?;
        notices = std::mem::take(&mut parser.notices);
        Ok(query)
    })?;
    Ok((query, notices))
}

/// Parses an expression, with an alias if it has one.
///
/// # Errors
///
/// As [`parse_select`].
pub fn parse_expr(text: &str) -> Result<Expr, SyntaxError> {
    run(text, lex, Limits::DEFAULT, |parser| parser.expr())
}

/// Parses one term of `ORDER BY`.
///
/// # Errors
///
/// As [`parse_select`].
pub fn parse_order_expr(text: &str) -> Result<OrderExpr, SyntaxError> {
    run(text, lex, Limits::DEFAULT, |parser| parser.order_term())
}

/// Parses a string template: `text`, as it would stand between the quotes of `f'…'`, except that quotes need no escape.
///
/// # Errors
///
/// As [`parse_select`].
pub fn parse_template(text: &str) -> Result<Expr, SyntaxError> {
    run(text, lex_template, Limits::DEFAULT, |parser| parser.template(false))
}

/// How large a text and its tree may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) text_bytes: usize,
    pub(crate) depth: u32,
    pub(crate) nodes: u32,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self { text_bytes: TEXT_BYTES_MAX, depth: DEPTH_MAX, nodes: NODES_MAX };
}

/// Cuts a text, parses all of it, and gives the lexer's complaint if that is what stopped the parser.
pub(crate) fn run<T>(
    text: &str,
    lex: fn(&str) -> Lexed,
    limits: Limits,
    parse: impl FnOnce(&mut Parser<'_>) -> Parsed<T>,
) -> Result<T, SyntaxError> {
    if text.len() > limits.text_bytes {
        let message = format!("text of {} bytes exceeds the limit of {}", text.len(), limits.text_bytes);
        return Err(*SyntaxError::new(SyntaxErrorKind::TextTooLong, message, Span::default()));
    }
    let Lexed { tokens, error: lexer_error } = lex(text);
    let mut parser = Parser::new(text, &tokens, limits);
    let parsed = parse(&mut parser).and_then(|tree| parser.finish().map(|()| tree));
    match (parsed, lexer_error) {
        (Ok(tree), None) => Ok(tree),
        (Err(error), Some(stopper)) if error.span().start < stopper.span().start => Err(*error),
        (_, Some(stopper)) => Err(*stopper),
        (Err(error), None) => Err(*error),
    }
}

/// What a rule of the grammar yields. Errors are boxed to keep the frames of a deep descent small.
pub(crate) type Parsed<T> = Result<T, Box<SyntaxError>>;

/// The state of parsing.
#[derive(Debug)]
pub(crate) struct Parser<'text> {
    text: &'text str,
    tokens: &'text [Token],
    at: usize,
    limits: Limits,
    /// How many expressions and queries enclose the place at hand.
    depth: u32,
    /// The depth of the deepest node of the expression at hand, counted from the root.
    deepest: u32,
    nodes: u32,
    /// Whether the body of a lambda takes an `AS` that follows it. Not where the `AS` belongs to what encloses it.
    lambda_takes_alias: bool,
    /// Whether a `%` with nothing behind it ends the expression, as in `LIMIT 10%`.
    percent_ends: bool,
    notices: Vec<Notice>,
}

impl<'text> Parser<'text> {
    fn new(text: &'text str, tokens: &'text [Token], limits: Limits) -> Self {
        Self {
            text,
            tokens,
            at: 0,
            limits,
            depth: 0,
            deepest: 0,
            nodes: 0,
            lambda_takes_alias: true,
            percent_ends: false,
            notices: Vec::new(),
        }
    }

    /// Parses one level deeper. The rule's own result is one node or more above what it nests.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(self.too_deep());
        }
        let result = self.apart(rule);
        self.depth -= 1;
        result
    }

    /// Parses something that what stands beside it is not nested in: it grows from its own depth.
    fn apart<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outside = std::mem::replace(&mut self.deepest, self.depth);
        let result = rule(self);
        self.deepest = self.deepest.max(outside);
        result
    }

    /// Notes that what was parsed last is about to become a child of a new node.
    fn grow(&mut self) -> Parsed<()> {
        self.deepest += 1;
        if self.deepest > self.limits.depth { Err(self.too_deep()) } else { Ok(()) }
    }

    fn too_deep(&self) -> Box<SyntaxError> {
        let message = format!("text nests deeper than the limit of {} levels", self.limits.depth);
        SyntaxError::new(SyntaxErrorKind::TooDeep, message, self.span())
    }

    /// Makes a node that ends with the last token.
    fn node(&mut self, kind: ExprKind, start: Span) -> Parsed<Expr> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            let message = format!("text has more than {} elements", self.limits.nodes);
            return Err(SyntaxError::new(SyntaxErrorKind::TooManyNodes, message, self.span()));
        }
        Ok(Expr::new(kind, start.to(self.last_span())))
    }

    fn finish(&mut self) -> Parsed<()> {
        if self.kind() == Kind::End { Ok(()) } else { Err(self.unexpected("the end of the text")) }
    }

    fn notice(&mut self, message: &str, span: Span) {
        self.notices.push(Notice { message: message.to_owned(), span });
    }
}

/// A name the parser made up, at the place of what it stands for.
fn made_up(name: &str, span: Span) -> Ident {
    Ident::new(name, span)
}

#[cfg(test)]
mod tests;
