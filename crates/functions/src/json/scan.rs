//! JSON as it lies in text: finding, skipping, checking, without building a tree.
//!
//! A document is checked once and then walked; walking trusts what was checked, but stays within the text even if it was not.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::float::write_double;

/// How deep a document may be nested.
const DEPTH_MAX: usize = 1024;

/// Whether `text` is one JSON value.
pub(crate) fn is_valid(text: &str) -> bool {
    let mut checker = Checker { bytes: text.as_bytes(), at: 0 };
    checker.space();
    checker.value(0).is_some() && {
        checker.space();
        checker.at == checker.bytes.len()
    }
}

struct Checker<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Checker<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        self.at = skip_space(self.bytes, self.at);
    }

    fn literal(&mut self, text: &[u8]) -> Option<()> {
        let found = self.bytes.get(self.at..)?.starts_with(text);
        self.at += text.len();
        found.then_some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'{' => self.container(depth, b'}', |this| {
                this.string()?;
                this.space();
                this.literal(b":")?;
                this.space();
                this.value(depth + 1)
            }),
            b'[' => self.container(depth, b']', |this| this.value(depth + 1)),
            b'"' => self.string(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number(),
        }
    }

    fn container(&mut self, depth: usize, close: u8, item: impl Fn(&mut Self) -> Option<()>) -> Option<()> {
        debug_assert!(depth <= DEPTH_MAX, "checked by value");
        self.at += 1;
        self.space();
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            item(self)?;
            self.space();
            let next = self.peek()?;
            self.at += 1;
            match next {
                b',' => self.space(),
                next if next == close => return Some(()),
                _ => return None,
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => {
                    let length = match self.bytes.get(self.at + 1)? {
                        b'u' => {
                            let digits = self.bytes.get(self.at + 2..self.at + 6)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return None;
                            }
                            6
                        }
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        _ => return None,
                    };
                    self.at += length;
                }
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    fn digits(&mut self) -> usize {
        let count = self.bytes.get(self.at..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        let leading_zero = self.peek()? == b'0';
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return None;
            }
        }
        Some(())
    }
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The end of the string whose opening quote is at `at`.
fn skip_string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The end of the value that begins at `at`.
fn skip_value(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => skip_string(bytes, at),
        b'{' | b'[' => {
            let (mut at, mut depth) = (at, 0usize);
            loop {
                match bytes.get(at)? {
                    b'"' => {
                        at = skip_string(bytes, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        _ => {
            let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            let length = bytes.get(at..)?.iter().position(ends).unwrap_or(bytes.len() - at);
            Some(at + length)
        }
    }
}

/// The values of an array or object, with the keys of the latter as they are spelled between their quotes.
#[derive(Debug, Clone)]
pub(crate) struct Items<'a> {
    text: &'a str,
    at: usize,
    object: bool,
}

impl<'a> Items<'a> {
    /// `None` if `value` is neither array nor object.
    pub(crate) fn of(value: &'a str) -> Option<Self> {
        let object = match value.as_bytes().first()? {
            b'{' => true,
            b'[' => false,
            _ => return None,
        };
        Some(Self { text: value, at: 1, object })
    }

    pub(crate) fn is_object(&self) -> bool {
        self.object
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut at = skip_space(bytes, self.at);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
        if matches!(bytes.get(at)?, b'}' | b']') {
            return None;
        }
        let mut key = "";
        if self.object {
            let end = skip_string(bytes, at)?;
            key = self.text.get(at + 1..end - 1)?;
            at = skip_space(bytes, end);
            at = skip_space(bytes, at + usize::from(bytes.get(at) == Some(&b':')));
        }
        let end = skip_value(bytes, at)?;
        self.at = end;
        Some((key, self.text.get(at..end)?))
    }
}

/// Whether a key, as it is spelled, is `name`.
pub(crate) fn is_key(spelled: &str, name: &str) -> bool {
    spelled == name || (spelled.contains('\\') && unescape(spelled) == name)
}

/// The characters of a string, from what is between its quotes.
pub(crate) fn unescape(inner: &str) -> Cow<'_, str> {
    let Some(first) = inner.find('\\') else { return Cow::Borrowed(inner) };
    let mut out = String::with_capacity(inner.len());
    out.push_str(inner.get(..first).unwrap_or_default());
    let mut rest = inner.get(first..).unwrap_or_default();
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let kind = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        let mut length = 2;
        match kind {
            b'n' => out.push('\n'),
            b't' => out.push('\t'),
            b'r' => out.push('\r'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'u' => {
                let (c, read) = unicode(rest.get(at..).unwrap_or_default());
                out.push(c);
                length = read;
            }
            other => out.push(char::from(other)),
        }
        rest = rest.get(at + length..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character of `\uXXXX`, or of a pair of those, and how long it is spelled.
fn unicode(text: &str) -> (char, usize) {
    let unit = |at: usize| text.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let Some(first) = unit(2) else { return (char::REPLACEMENT_CHARACTER, 2) };
    if let Some(c) = char::from_u32(first) {
        return (c, 6);
    }
    let second = if text.get(6..8) == Some("\\u") { unit(8) } else { None };
    match second.filter(|second| (0xdc00..0xe000).contains(second) && first < 0xdc00) {
        Some(second) => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        None => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// A number, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    UInt(u64),
    Double(f64),
}

/// The number that `value` spells; whole ones beyond 64 bits are none, and stay the text they are.
pub(crate) fn number(value: &str) -> Option<Number> {
    if !matches!(value.as_bytes().first()?, b'-' | b'0'..=b'9') {
        return None;
    }
    if value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return value.parse().map(Number::Int).or_else(|_| value.parse().map(Number::UInt)).ok();
    }
    value.parse().map(Number::Double).ok()
}

/// Writes `value` without spaces, its numbers and strings in their shortest spelling.
pub(crate) fn write_compact(out: &mut String, value: &str) {
    match value.as_bytes().first() {
        Some(b'"') => {
            out.push('"');
            write_inner(out, value.get(1..value.len() - 1).unwrap_or_default());
            out.push('"');
        }
        Some(b'{' | b'[') => {
            let Some(items) = Items::of(value) else { return };
            let object = items.is_object();
            out.push(if object { '{' } else { '[' });
            for (at, (key, item)) in items.enumerate() {
                if at > 0 {
                    out.push(',');
                }
                if object {
                    out.push('"');
                    write_inner(out, key);
                    out.push_str("\":");
                }
                write_compact(out, item);
            }
            out.push(if object { '}' } else { ']' });
        }
        Some(b't' | b'f' | b'n') | None => out.push_str(value),
        _ => match number(value) {
            Some(number) => write_number(out, number),
            None => {
                out.push('"');
                out.push_str(value);
                out.push('"');
            }
        },
    }
}

pub(crate) fn write_number(out: &mut String, number: Number) {
    match number {
        Number::Int(value) => write!(out, "{value}").unwrap_or_default(),
        Number::UInt(value) => write!(out, "{value}").unwrap_or_default(),
        Number::Double(value) => write_double(out, value),
    }
}

/// Writes what is between the quotes of a string, with only the escapes that it needs.
pub(crate) fn write_inner(out: &mut String, inner: &str) {
    if !inner.contains('\\') {
        out.push_str(inner);
        return;
    }
    for c in unescape(inner).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => {
                write!(out, "\\u{:04x}", u32::from(c)).unwrap_or_default();
            }
            c => out.push(c),
        }
    }
}
