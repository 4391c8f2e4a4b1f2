//! Looks into JSON text without building a tree.
//!
//! Property filters ask one question of very many objects: what is the value of this key? Answering it needs the
//! top-level structure only, so a forward scanner steps over keys and values and decodes nothing it is not asked for.
//!
//! The text was validated when it was captured, by [`Reader`], so the scanner does not validate again. On text that is not
//! a JSON object it answers something in bounded time, usually "no such key", and never panics.

mod escape;
mod reader;

use std::borrow::Cow;

use memchr::memmem::Finder;

pub use escape::{write_json_escaped, write_json_string};
pub use reader::{Invalid, Reader};

/// A key to look up in many objects.
#[derive(Debug, Clone)]
pub struct Key {
    text: String,
    quoted: Finder<'static>,
}

impl Key {
    /// The key spelled `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), quoted: Finder::new(&format!("\"{text}\"")).into_owned() }
    }

    /// The key as it reads.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The raw JSON value of this key in `object`; of duplicate keys the last wins. Cost: one pass over the text,
    /// usually at the speed of a substring search when the key is missing.
    #[must_use]
    pub fn find<'a>(&self, object: &'a str) -> Option<&'a str> {
        let bytes = object.as_bytes();
        // Without a backslash every key is spelled as it reads, so a missing `"key"` settles it.
        if self.quoted.find(bytes).is_none() && memchr::memchr(b'\\', bytes).is_none() {
            return None;
        }
        Members::of(object).filter(|(key, _)| self.equals(key)).last().map(|(_, value)| value)
    }

    fn equals(&self, raw: &str) -> bool {
        if raw.as_bytes().contains(&b'\\') { unescape(raw) == self.text } else { raw == self.text }
    }
}

/// The members of an object in order: the key between its quotes, still escaped, and the raw value.
#[derive(Debug)]
pub struct Members<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Members<'a> {
    /// Those of `object`, a JSON object.
    #[must_use]
    pub fn of(object: &'a str) -> Self {
        let start = skip_space(object.as_bytes(), 0);
        let at = if byte(object.as_bytes(), start) == Some(b'{') { start + 1 } else { object.len() };
        Self { text: object, at }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let key_start = skip_space(bytes, self.at);
        if byte(bytes, key_start) != Some(b'"') {
            self.at = bytes.len();
            return None;
        }
        let key_end = skip_string(bytes, key_start);
        let colon = skip_space(bytes, key_end);
        let value_start = skip_space(bytes, colon + 1);
        let value_end = skip_value(bytes, value_start);
        let comma = skip_space(bytes, value_end);
        self.at = if byte(bytes, comma) == Some(b',') { comma + 1 } else { bytes.len() };
        let key = self.text.get(key_start + 1..key_end.saturating_sub(1))?;
        let value = self.text.get(value_start..value_end)?;
        if value.is_empty() { None } else { Some((key, value)) }
    }
}

/// The elements of an array in order, raw.
#[derive(Debug)]
pub struct Elements<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Elements<'a> {
    /// Those of `array`, a JSON array.
    #[must_use]
    pub fn of(array: &'a str) -> Self {
        let start = skip_space(array.as_bytes(), 0);
        let at = if byte(array.as_bytes(), start) == Some(b'[') { start + 1 } else { array.len() };
        Self { text: array, at }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let start = skip_space(bytes, self.at);
        let end = skip_value(bytes, start);
        let comma = skip_space(bytes, end);
        self.at = if byte(bytes, comma) == Some(b',') { comma + 1 } else { bytes.len() };
        let value = self.text.get(start..end)?;
        if value.is_empty() { None } else { Some(value) }
    }
}

/// Whether `text` is one JSON value.
#[must_use]
pub fn is_valid(text: &str) -> bool {
    whole(text).is_some()
}

/// The one JSON value that `text` is, without the space around it.
#[must_use]
pub fn whole(text: &str) -> Option<&str> {
    let mut reader = Reader::new(text);
    let value = reader.value().ok()?;
    reader.finish().ok().map(|()| value)
}

/// The text of a JSON string; `None` for every other type, and for a string with half of a surrogate pair.
#[must_use]
pub fn text(raw: &str) -> Option<Cow<'_, str>> {
    if raw.as_bytes().first() != Some(&b'"') {
        return None;
    }
    let inner = raw.get(1..raw.len().saturating_sub(1))?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(raw).ok().map(Cow::Owned)
}

/// A JSON boolean; `None` for every other type.
#[must_use]
pub fn boolean(raw: &str) -> Option<bool> {
    raw.parse().ok()
}

/// Whether the value is an object.
#[must_use]
pub fn is_object(raw: &str) -> bool {
    raw.as_bytes().first() == Some(&b'{')
}

/// What JavaScript takes for false: `null`, `false`, `""`, and zero however it is spelled.
#[must_use]
pub fn is_falsy(raw: &str) -> bool {
    match raw {
        "null" | "false" | "\"\"" => true,
        other => other.parse().is_ok_and(|number: f64| number == 0.0),
    }
}

/// The text of a raw JSON string, given what stands between its quotes. An escape that means nothing, such as half of
/// a surrogate pair, becomes the replacement character.
#[must_use]
pub fn unescape(raw: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = after.chars();
        match chars.next() {
            Some('u') => {
                let (unescaped, used) = unescape_unicode(after);
                out.push(unescaped);
                rest = after.get(used..).unwrap_or_default();
                continue;
            }
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some(other) => out.push(other),
            None => out.push(char::REPLACEMENT_CHARACTER),
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Appends `value` to `out` in one spelling: no space outside strings, strings escaped only where JSON demands it.
/// Numbers keep their spelling, keys their order.
pub fn write_compact(out: &mut String, value: &str) {
    let bytes = value.as_bytes();
    let mut at = 0;
    while let Some(next) = byte(bytes, at) {
        if next == b'"' {
            let end = skip_string(bytes, at);
            write_json_string(out, &unescape(value.get(at + 1..end.saturating_sub(1)).unwrap_or_default()));
            at = end;
            continue;
        }
        let end = memchr::memchr(b'"', bytes.get(at..).unwrap_or_default()).map_or(bytes.len(), |found| at + found);
        let structure = value.get(at..end).unwrap_or_default();
        out.extend(structure.chars().filter(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')));
        at = end;
    }
}

/// One `\uXXXX` or surrogate pair starting at the `u`: the character, and how many bytes of `text` it took.
fn unescape_unicode(text: &str) -> (char, usize) {
    let unit = |at: usize| text.get(at..at + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(first) = unit(1) else { return (char::REPLACEMENT_CHARACTER, 1) };
    if (0xd800..0xdc00).contains(&first)
        && text.get(5..7) == Some("\\u")
        && let Some(second) = unit(7)
        && (0xdc00..0xe000).contains(&second)
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}

fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(byte(bytes, at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The position after the string that opens at `at`.
fn skip_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(found) = quote_or_backslash(bytes.get(at..).unwrap_or_default()) {
        if byte(bytes, at + found) == Some(b'"') {
            return at + found + 1;
        }
        at += found + 2;
    }
    bytes.len()
}

/// Where the first `"` or `\` is. Most strings are so short that calling a vectorised search costs more than searching
/// them eight bytes at a time, so that comes first.
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    const SHORT: usize = 32;
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // The lowest byte that equals has its high bit set; bytes above it may be wrong.
    let equals = |word: u64, wanted: u8| {
        let differs = word ^ (ONES * u64::from(wanted));
        differs.wrapping_sub(ONES) & !differs & HIGH
    };
    let mut at = 0;
    for chunk in bytes.get(..SHORT.min(bytes.len())).unwrap_or_default().as_chunks::<8>().0 {
        let word = u64::from_le_bytes(*chunk);
        let found = equals(word, b'"') | equals(word, b'\\');
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()).map(|found| at + found)
}

/// The position after the value that starts at `at`.
fn skip_value(bytes: &[u8], at: usize) -> usize {
    match byte(bytes, at) {
        Some(b'"') => skip_string(bytes, at),
        Some(b'{' | b'[') => skip_nested(bytes, at),
        Some(_) => {
            let is_end = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            bytes.iter().skip(at).position(is_end).map_or(bytes.len(), |length| at + length)
        }
        None => bytes.len(),
    }
}

fn skip_nested(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(next) = byte(bytes, at) {
        match next {
            b'"' => {
                at = skip_string(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests;
