//! Cuts a text into tokens, once, before anything is parsed.
//!
//! Templates and tags are the difficulty: inside `f'…'` and between `<A>` and `</A>` the text is literal, but for what
//! stands in braces, which is code again and may hold further templates and tags. A stack of modes keeps track; it
//! lives on the heap, so nesting costs no call stack here.
//!
//! Two tokens depend on the one before. `.5` is a number where an operand may start and a step into a tuple where one
//! may have ended; `<` likewise opens a tag or compares.
//!
//! Every opening bracket learns where it is closed, so that the parser can look behind a parenthesis (is it the
//! argument list of a lambda?) in constant time. The parser never backtracks; this table is why it need not.
//!
//! A text that cannot be cut is cut up to the first place that is wrong. The parser reports that place if it gets
//! there, and whatever is wrong before it otherwise.

pub(crate) mod keyword;
pub(crate) mod literal;
mod scan;
mod token;

use crate::ast::Span;
use crate::error::{SyntaxError, SyntaxErrorKind};

pub(crate) use keyword::Keyword;
pub(crate) use token::{Kind, Token};

/// A text in tokens.
#[derive(Debug)]
pub(crate) struct Lexed {
    /// The tokens; the last is [`Kind::End`], and there is always that one.
    pub(crate) tokens: Vec<Token>,
    /// Why the tokens end before the text does.
    pub(crate) error: Option<Box<SyntaxError>>,
}

/// Cuts `text` into tokens.
pub(crate) fn lex(text: &str) -> Lexed {
    Lexer::new(text, Mode::Code).run()
}

/// Cuts the inside of a template into tokens, as if `f'` stood before it and nothing ended it.
pub(crate) fn lex_template(text: &str) -> Lexed {
    let mut lexer = Lexer::new(text, Mode::Template { ends_at_quote: false });
    lexer.push(Kind::TemplateOpen, 0);
    lexer.run()
}

/// How the text at hand is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// As code.
    Code,
    /// As code, until the brace closes.
    Braces,
    /// As the text of a template.
    Template { ends_at_quote: bool },
    /// As a tag's name and attributes.
    TagHead { closing: bool },
    /// As the text between tags.
    TagBody,
}

/// The state of cutting.
#[derive(Debug)]
struct Lexer<'text> {
    text: &'text str,
    at: usize,
    modes: Vec<Mode>,
    tokens: Vec<Token>,
    /// Indices of opening brackets that are not closed yet.
    open: Vec<u32>,
}

type Step = Result<(), Box<SyntaxError>>;

impl<'text> Lexer<'text> {
    fn new(text: &'text str, mode: Mode) -> Self {
        Self { text, at: 0, modes: vec![mode], tokens: Vec::with_capacity(text.len() / 4 + 2), open: Vec::new() }
    }

    fn run(mut self) -> Lexed {
        let error = self.cut().err();
        let mut end = offset(self.text.len());
        if let Some(error) = &error {
            end = error.span().start;
        }
        self.tokens.push(Token { kind: Kind::End, span: Span::new(end, end), partner: 0 });
        Lexed { tokens: self.tokens, error }
    }

    fn cut(&mut self) -> Step {
        loop {
            let in_template = matches!(self.mode(), Mode::Template { .. });
            if self.at >= self.text.len() {
                if self.mode() == (Mode::Template { ends_at_quote: false }) {
                    self.push(Kind::TemplateClose, self.at);
                }
                return Ok(());
            }
            match self.mode() {
                Mode::Code | Mode::Braces => self.code()?,
                Mode::Template { .. } => self.template()?,
                Mode::TagHead { .. } => self.tag_head()?,
                Mode::TagBody => self.tag_body()?,
            }
            debug_assert!(in_template || !self.modes.is_empty(), "the outermost mode stays");
        }
    }

    fn mode(&self) -> Mode {
        self.modes.last().copied().unwrap_or(Mode::Code)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn rest(&self) -> &'text str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Adds the token from `start` to where we are.
    fn push(&mut self, kind: Kind, start: usize) {
        let index = offset(self.tokens.len());
        match kind {
            Kind::OpenParen | Kind::OpenBracket | Kind::OpenBrace => self.open.push(index),
            Kind::CloseParen | Kind::CloseBracket | Kind::CloseBrace => self.close(index),
            _ => {}
        }
        let span = Span::new(offset(start), offset(self.at));
        self.tokens.push(Token { kind, span, partner: 0 });
    }

    /// Tells the innermost open bracket where it is closed. Brackets that do not match pair up too; the parser
    /// refuses them when it gets there.
    fn close(&mut self, index: u32) {
        let Some(open) = self.open.pop() else { return };
        let opening = usize::try_from(open).ok().and_then(|open| self.tokens.get_mut(open));
        if let Some(token) = opening {
            token.partner = index;
        }
    }

    fn advance(&mut self, kind: Kind, bytes: usize) -> Step {
        let start = self.at;
        self.at += bytes;
        self.push(kind, start);
        Ok(())
    }

    fn last_kind(&self) -> Option<Kind> {
        self.tokens.last().map(|token| token.kind)
    }

    fn error<T>(&self, message: impl Into<String>, start: usize, end: usize) -> Result<T, Box<SyntaxError>> {
        Err(SyntaxError::new(SyntaxErrorKind::Syntax, message, Span::new(offset(start), offset(end))))
    }
}

/// An offset in a text, which is short enough for 32 bits: the parser has checked that.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
