//! Reads JSON text from front to back, and checks it on the way.
//!
//! What a client sends is mostly kept as it is, so the question is where a value ends and whether it is one, and no value
//! is built to answer it. The rules are those of RFC 8259, on which `serde_json` agrees; text may be nested as deep as it
//! likes, at a bit for each level.

use std::borrow::Cow;

use super::{byte, skip_space};

/// The text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid;

/// A place in JSON text.
///
/// Members and elements are read one after the other, and each of them before the next: as it is by [`Reader::value`], or
/// entered by [`Reader::object`] or [`Reader::array`] and read to its end.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Whether an object or array has just been entered, so that no comma is due.
    entered: bool,
}

impl<'a> Reader<'a> {
    /// Before the first value of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, entered: false }
    }

    /// The next value, raw and without space around it.
    ///
    /// # Errors
    ///
    /// [`Invalid`] when there is none.
    pub fn value(&mut self) -> Result<&'a str, Invalid> {
        self.entered = false;
        let start = skip_space(self.bytes(), self.at);
        self.at = value_end(self.bytes(), start).ok_or(Invalid)?;
        self.text.get(start..self.at).ok_or(Invalid)
    }

    /// Enters the next value if it is an object, and tells whether it is.
    pub fn object(&mut self) -> bool {
        self.enter(b'{')
    }

    /// Enters the next value if it is an array, and tells whether it is.
    pub fn array(&mut self) -> bool {
        self.enter(b'[')
    }

    /// The key of the object's next member; none at its end.
    ///
    /// # Errors
    ///
    /// [`Invalid`] when neither follows, or the key has half of a surrogate pair.
    pub fn member(&mut self) -> Result<Option<Cow<'a, str>>, Invalid> {
        if !self.item(b'}')? {
            return Ok(None);
        }
        let (start, (end, is_escaped)) = (self.at, key_end(self.bytes(), self.at).ok_or(Invalid)?);
        self.at = after(self.bytes(), end, b':').ok_or(Invalid)?;
        if is_escaped {
            let key = self.text.get(start..end).and_then(|raw| serde_json::from_str(raw).ok());
            return key.map(|key| Some(Cow::Owned(key))).ok_or(Invalid);
        }
        self.text.get(start + 1..end - 1).map(|key| Some(Cow::Borrowed(key))).ok_or(Invalid)
    }

    /// Whether the array has a next element.
    ///
    /// # Errors
    ///
    /// [`Invalid`] when neither an element nor the end follows.
    pub fn element(&mut self) -> Result<bool, Invalid> {
        self.item(b']')
    }

    /// The text that was read since `start`, which was [`Reader::place`] then.
    #[must_use]
    pub fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Where the next value starts.
    pub fn place(&mut self) -> usize {
        self.at = skip_space(self.bytes(), self.at);
        self.at
    }

    /// Checks that nothing follows.
    ///
    /// # Errors
    ///
    /// [`Invalid`] when something does.
    pub fn finish(self) -> Result<(), Invalid> {
        if skip_space(self.bytes(), self.at) == self.text.len() { Ok(()) } else { Err(Invalid) }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn enter(&mut self, bracket: u8) -> bool {
        let start = skip_space(self.bytes(), self.at);
        let is_there = byte(self.bytes(), start) == Some(bracket);
        if is_there {
            self.at = start + 1;
            self.entered = true;
        }
        is_there
    }

    /// Goes to the next member or element, or past the bracket that closes; false then.
    fn item(&mut self, close: u8) -> Result<bool, Invalid> {
        let entered = std::mem::take(&mut self.entered);
        self.at = skip_space(self.bytes(), self.at);
        match byte(self.bytes(), self.at) {
            Some(found) if found == close => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !entered => {
                self.at = skip_space(self.bytes(), self.at + 1);
                Ok(true)
            }
            Some(_) if entered => Ok(true),
            _ => Err(Invalid),
        }
    }
}

/// The position after the value that starts at `at`, if one does.
fn value_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut open = Open::default();
    loop {
        // A value starts.
        at = match byte(bytes, at)? {
            bracket @ (b'{' | b'[') => {
                let is_object = bracket == b'{';
                at = skip_space(bytes, at + 1);
                if byte(bytes, at)? == closing(is_object) {
                    at + 1
                } else {
                    open.push(is_object);
                    at = if is_object { member(bytes, at)? } else { at };
                    continue;
                }
            }
            b'"' => string_end(bytes, at)?.0,
            b't' => word_end(bytes, at, b"true")?,
            b'f' => word_end(bytes, at, b"false")?,
            b'n' => word_end(bytes, at, b"null")?,
            _ => number_end(bytes, at)?,
        };
        // A value has ended, and perhaps what it stands in.
        loop {
            if open.depth == 0 {
                return Some(at);
            }
            at = skip_space(bytes, at);
            let is_object = open.is_object();
            match byte(bytes, at)? {
                b',' => {
                    at = skip_space(bytes, at + 1);
                    at = if is_object { member(bytes, at)? } else { at };
                    break;
                }
                bracket if bracket == closing(is_object) => {
                    at += 1;
                    open.pop();
                }
                _ => return None,
            }
        }
    }
}

/// Objects and arrays that are open, outermost first: a bit each, set for an object.
#[derive(Default)]
struct Open {
    depth: usize,
    /// The innermost ones, the last of them lowest.
    bits: u64,
    /// Full words of those around them.
    outer: Vec<u64>,
}

impl Open {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(is_object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.bits >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    fn is_object(&self) -> bool {
        self.bits & 1 == 1
    }
}

fn closing(is_object: bool) -> u8 {
    if is_object { b'}' } else { b']' }
}

/// The position of the value whose key starts at `at`.
fn member(bytes: &[u8], at: usize) -> Option<usize> {
    let colon = after(bytes, key_end(bytes, at)?.0, b':')?;
    Some(skip_space(bytes, colon))
}

fn key_end(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    if byte(bytes, at)? == b'"' { string_end(bytes, at) } else { None }
}

/// The position after `wanted`, which comes next but for space.
fn after(bytes: &[u8], at: usize, wanted: u8) -> Option<usize> {
    let at = skip_space(bytes, at);
    (byte(bytes, at)? == wanted).then_some(at + 1)
}

/// The position after the string that opens at `at`, and whether something in it is escaped.
fn string_end(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let (mut at, mut is_escaped) = (at + 1, false);
    loop {
        at += plain_bytes(bytes.get(at..)?);
        match byte(bytes, at)? {
            b'"' => return Some((at + 1, is_escaped)),
            b'\\' => {
                is_escaped = true;
                at += match byte(bytes, at + 1)? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                    b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                    _ => return None,
                }
            }
            // Control characters have to be escaped.
            _ => return None,
        }
    }
}

/// Bytes before the first that is a quote, a backslash or a control character.
///
/// Most strings are short: they are searched eight bytes at a time. Of longer ones 32 bytes are looked at together, which
/// the compiler does in a few registers.
fn plain_bytes(bytes: &[u8]) -> usize {
    const SHORT: usize = 16;
    let rest = |at: usize| bytes.get(at..).unwrap_or_default();
    let mut at = 0;
    while let Some(word) = rest(at).first_chunk() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == SHORT {
            at += 32 * rest(at).as_chunks::<32>().0.iter().take_while(|chunk| is_plain(chunk)).count();
        }
    }
    at + rest(at).iter().take_while(|byte| is_plain_byte(**byte)).count()
}

fn is_plain(chunk: &[u8; 32]) -> bool {
    chunk.iter().fold(true, |plain, byte| plain & is_plain_byte(*byte))
}

fn is_plain_byte(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

/// The high bit of each byte of `word` that is special, counted from the lowest; bytes above the first one may be wrong.
pub(super) fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equal = |wanted: u8| below(word ^ (ONES * u64::from(wanted)), 1);
    (below(word, b' ') | equal(b'"') | equal(b'\\')) & HIGH
}

fn word_end(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    let end = at + word.len();
    (bytes.get(at..end)? == word).then_some(end)
}

/// The position after the number that starts at `at`.
fn number_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    if byte(bytes, at)? == b'-' {
        at += 1;
    }
    at = if byte(bytes, at)? == b'0' { at + 1 } else { digits_end(bytes, at)? };
    if byte(bytes, at) == Some(b'.') {
        at = digits_end(bytes, at + 1)?;
    }
    if matches!(byte(bytes, at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(byte(bytes, at + 1), Some(b'+' | b'-')));
        at = digits_end(bytes, at)?;
    }
    Some(at)
}

/// The position after the digits that start at `at`, of which there is one at least.
fn digits_end(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = bytes.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then_some(at + digits)
}

#[cfg(test)]
mod tests;
