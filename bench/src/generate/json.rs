//! Writes a JSON object, member by member, in the order in which they come.

use std::fmt::{Display, Write as _};

/// The object that is being written.
#[derive(Debug)]
pub(super) struct Object<'t> {
    text: &'t mut String,
    is_empty: bool,
}

impl<'t> Object<'t> {
    /// Replaces `text` by an object.
    pub(super) fn start(text: &'t mut String) -> Self {
        text.clear();
        text.push('{');
        Self { text, is_empty: true }
    }

    pub(super) fn end(self) {
        self.text.push('}');
    }

    fn key(&mut self, key: &str) {
        if !self.is_empty {
            self.text.push(',');
        }
        self.is_empty = false;
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\":");
    }

    pub(super) fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        push_string(self.text, value);
    }

    /// A string of several pieces, none of which needs escaping.
    pub(super) fn plain(&mut self, key: &str, pieces: &[&str]) {
        self.key(key);
        self.text.push('"');
        for piece in pieces {
            self.text.push_str(piece);
        }
        self.text.push('"');
    }

    /// A value that is written as it is: a whole number, a word, or JSON already.
    pub(super) fn value(&mut self, key: &str, value: impl Display) {
        self.key(key);
        push_display(self.text, value);
    }

    /// A number with so many decimals.
    pub(super) fn decimal(&mut self, key: &str, value: f64, decimals: usize) {
        self.value(key, format_args!("{value:.decimals$}"));
    }

    pub(super) fn boolean(&mut self, key: &str, value: bool) {
        self.key(key);
        self.text.push_str(if value { "true" } else { "false" });
    }
}

/// Appends `value` as it displays.
pub(super) fn push_display(text: &mut String, value: impl Display) {
    // Writing to a string never fails.
    write!(text, "{value}").ok();
}

/// Appends `value` in quotes. Values here have no control characters but line ends.
pub(super) fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text.push('"');
}
