//! What is wrong with a text, and where.
//!
//! A [`SyntaxError`] does not keep the text; [`SyntaxError::render`] takes it again to show the place. Offsets are
//! bytes, lines and columns count from 1, and a column is a character.

use std::fmt;

use crate::ast::Span;

/// Why a text is not HogQL, or not the HogQL we run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    kind: SyntaxErrorKind,
    message: String,
    span: Span,
    hint: Option<String>,
}

/// What to do about an error: mend the text, write it another way, or make it smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyntaxErrorKind {
    /// The text breaks the grammar.
    Syntax,
    /// The text is understood and deliberately not accepted.
    Unsupported,
    /// The text is longer than [`crate::TEXT_BYTES_MAX`].
    TextTooLong,
    /// The text nests deeper than [`crate::DEPTH_MAX`].
    TooDeep,
    /// The tree would have more nodes than [`crate::NODES_MAX`].
    TooManyNodes,
}

/// A place in a text as an editor shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The character in the line, from 1.
    pub column: u32,
}

impl SyntaxError {
    pub(crate) fn new(kind: SyntaxErrorKind, message: impl Into<String>, span: Span) -> Box<Self> {
        Box::new(Self { kind, message: message.into(), span, hint: None })
    }

    pub(crate) fn hinted(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        self.hint = Some(hint.into());
        self
    }

    /// What to do about it.
    #[must_use]
    pub const fn kind(&self) -> SyntaxErrorKind {
        self.kind
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it is wrong.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// What may have been meant.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Line and column of the start of the span in `text`, which must be the text that was parsed.
    #[must_use]
    pub fn position(&self, text: &str) -> Position {
        Position::of(self.span.start, text)
    }

    /// The message, the line it is about with the place marked, and the hint; several lines, none at the end.
    ///
    /// `text` must be the text that was parsed. Of a very long line only the part around the place is shown.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        let position = self.position(text);
        let excerpt = Excerpt::around(self.span, text);
        let mut lines = format!("{} (line {}, column {})\n{}", self.message, position.line, position.column, excerpt);
        if let Some(hint) = &self.hint {
            lines.push_str("\nhint: ");
            lines.push_str(hint);
        }
        lines
    }
}

impl Position {
    /// The position of a byte of `text`.
    #[must_use]
    pub fn of(offset: u32, text: &str) -> Self {
        let before = before(offset, text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        Self { line: one_more(line), column: one_more(column) }
    }
}

fn one_more(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1)
}

/// What of `text` lies before a byte; all of it if the offset is not one of this text.
fn before(offset: u32, text: &str) -> &str {
    usize::try_from(offset).ok().and_then(|end| text.get(..end)).unwrap_or(text)
}

/// How many characters of a long line are shown on either side of the place.
const CONTEXT_CHARS: usize = 60;

/// One line of text with a place marked below it.
struct Excerpt {
    line: String,
    indent: usize,
    carets: usize,
}

impl Excerpt {
    fn around(span: Span, text: &str) -> Self {
        let before = before(span.start, text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let left = before.get(line_start..).unwrap_or_default();
        let rest = text.get(before.len()..).unwrap_or_default();
        let right = rest.split('\n').next().unwrap_or_default();
        let marked_bytes = usize::try_from(span.end.saturating_sub(span.start)).unwrap_or(0);
        let marked = right.get(..marked_bytes).unwrap_or(right).chars().take(CONTEXT_CHARS).count();

        let skipped = left.chars().count().saturating_sub(CONTEXT_CHARS);
        let mut line = String::from(if skipped > 0 { "…" } else { "" });
        line.extend(left.chars().skip(skipped));
        let indent = line.chars().count();
        line.extend(right.chars().take(CONTEXT_CHARS));
        if right.chars().nth(CONTEXT_CHARS).is_some() {
            line.push('…');
        }
        Self { line: line.replace(['\t', '\r'], " "), indent, carets: marked.max(1) }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "  {}", self.line)?;
        write!(formatter, "  {:indent$}{:^<carets$}", "", "", indent = self.indent, carets = self.carets)
    }
}

#[cfg(test)]
mod tests;
