//! An object of properties that keeps every value exactly as it was written.
//!
//! Values stay JSON text: numbers keep their spelling, nested values their form. Keys are unescaped once, so that
//! they can be compared. Of duplicate keys the last wins, at the place of the first.

use std::borrow::Cow;
use std::fmt;

use crate::json::{self, Invalid, Reader, write_json_string};

/// A JSON object as an ordered list of keys with raw values, borrowed from its source text where possible.
///
/// A raw value is JSON text without space around it.
#[derive(Clone, Default)]
pub struct Properties<'a> {
    entries: Vec<Entry<'a>>,
    looks: Looks,
}

/// A key, and a raw value.
type Entry<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The text was not a JSON object.
#[derive(Debug)]
pub struct PropertiesError;

impl fmt::Display for PropertiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a JSON object")
    }
}

impl std::error::Error for PropertiesError {}

impl From<Invalid> for PropertiesError {
    fn from(_: Invalid) -> Self {
        Self
    }
}

impl<'a> Properties<'a> {
    /// No properties.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the JSON object in `text`. Cost: one pass over the text, no copy of values.
    ///
    /// # Errors
    ///
    /// When `text` is not JSON, or not an object.
    pub fn parse(text: &'a str) -> Result<Self, PropertiesError> {
        let mut reader = Reader::new(text);
        if !reader.object() {
            return Err(PropertiesError);
        }
        // Room for what ingestion adds, if properties are about as long as usual.
        let properties = Self::read(&mut reader, (text.len() / 32 + 4).min(64))?;
        reader.finish()?;
        Ok(properties)
    }

    /// Reads the members of the object that `reader` has entered, perhaps `room` of them.
    ///
    /// # Errors
    ///
    /// [`Invalid`] when they are not JSON.
    pub fn read(reader: &mut Reader<'a>, room: usize) -> Result<Self, Invalid> {
        let mut properties = Self { entries: Vec::with_capacity(room), looks: Looks::default() };
        let mut index = KeyIndex::default();
        while let Some(key) = reader.member()? {
            let value = Cow::Borrowed(reader.value()?);
            match index.position(&properties, &key) {
                Some(at) => properties.entries[at].1 = value,
                None => {
                    index.note(&properties, &key);
                    properties.push(key, value);
                }
            }
        }
        Ok(properties)
    }

    /// The raw JSON value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.position(key).map(|at| &*self.entries[at].1)
    }

    /// As [`Properties::get`], as it is kept: borrowed from the source text where possible.
    #[must_use]
    pub fn get_kept(&self, key: &str) -> Option<&Cow<'a, str>> {
        self.position(key).map(|at| &self.entries[at].1)
    }

    /// The value of `key` when it is a JSON string.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<Cow<'_, str>> {
        json::text(self.get(key)?)
    }

    /// Whether `key` is present, even as `null`.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Sets `key`, in place if it is there, else at the end.
    pub fn set(&mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let key = key.into();
        match self.position(&key) {
            Some(at) => self.entries[at].1 = value.into(),
            None => self.push(key, value),
        }
    }

    /// Adds `key`, which is not there, at the end.
    pub fn push(&mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let key = key.into();
        self.looks.note(&key);
        self.entries.push((key, value.into()));
    }

    /// Sets `key` to a JSON string.
    pub fn set_str(&mut self, key: impl Into<Cow<'a, str>>, value: &str) {
        self.set(key, json_string(value));
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Cow<'a, str>> {
        self.position(key).map(|at| self.entries.remove(at).1)
    }

    /// Keeps the entries for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.entries.retain(|(key, value)| keep(key, value));
    }

    /// Keys and raw values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// As [`Properties::iter`], as they are kept: borrowed from the source text where possible.
    pub fn iter_kept(&self) -> impl Iterator<Item = (&Cow<'a, str>, &Cow<'a, str>)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The object as compact JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.json_bytes());
        self.write_json(&mut out);
        out
    }

    /// Appends the object to `out` as compact JSON text.
    pub fn write_json(&self, out: &mut String) {
        out.push('{');
        for (at, (key, value)) in self.entries.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_json_string(out, key);
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
    }

    /// About as long as the object is as JSON text: exactly, if no key needs escapes.
    #[must_use]
    pub fn json_bytes(&self) -> usize {
        2 + self.entries.iter().map(|(key, value)| key.len() + value.len() + 4).sum::<usize>()
    }

    /// The same properties, owning their text.
    #[must_use]
    pub fn into_owned(self) -> Properties<'static> {
        let entries = self.entries.into_iter().map(|(k, v)| (Cow::Owned(k.into_owned()), Cow::Owned(v.into_owned())));
        Properties { entries: entries.collect(), looks: self.looks }
    }

    fn position(&self, key: &str) -> Option<usize> {
        if !self.looks.may_hold(key) {
            return None;
        }
        self.entries.iter().position(|(k, _)| k == key)
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl PartialEq for Properties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(k, v)| other.get(k) == Some(v))
    }
}

/// `text` as a quoted JSON string.
#[must_use]
pub fn json_string(text: &str) -> String {
    let mut raw = String::with_capacity(text.len() + 2);
    write_json_string(&mut raw, text);
    raw
}

/// Whether `text` as a JSON string is itself between quotes, as nearly all keys are.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    // No early end: the compiler then looks at many bytes at once.
    !text.bytes().fold(false, |special, byte| special | (byte < b' ') | (byte == b'"') | (byte == b'\\'))
}

/// Finds duplicate keys: by comparing while there are few, through a hash map once there are many, so that an object of a
/// hundred thousand keys costs no more per key than a small one.
#[derive(Default)]
struct KeyIndex {
    by_key: std::collections::HashMap<String, usize>,
}

impl KeyIndex {
    const LINEAR_MAX: usize = 64;

    fn position(&mut self, properties: &Properties<'_>, key: &str) -> Option<usize> {
        let entries = &properties.entries;
        if entries.len() < Self::LINEAR_MAX {
            return properties.position(key);
        }
        if self.by_key.is_empty() {
            self.by_key = entries.iter().enumerate().map(|(at, (k, _))| (k.to_string(), at)).collect();
        }
        self.by_key.get(key).copied()
    }

    /// `key` is about to come at the end.
    fn note(&mut self, properties: &Properties<'_>, key: &str) {
        if !self.by_key.is_empty() {
            self.by_key.insert(key.to_owned(), properties.len());
        }
    }
}

/// What keys look like at a glance, one bit each: a key that looks like none is not there. Nothing is forgotten.
#[derive(Clone, Copy, Default)]
struct Looks([u64; 4]);

impl Looks {
    fn note(&mut self, key: &str) {
        let look = look(key);
        self.0[look / 64] |= 1 << (look % 64);
    }

    fn may_hold(&self, key: &str) -> bool {
        let look = look(key);
        self.0[look / 64] & 1 << (look % 64) != 0
    }
}

/// A number below 256 from the length of a key and two of its bytes.
fn look(key: &str) -> usize {
    let bytes = key.as_bytes();
    let (middle, last) = (bytes.get(bytes.len() / 2).copied(), bytes.last().copied());
    let mixed = [middle.unwrap_or_default(), last.unwrap_or_default()]
        .into_iter()
        .fold(bytes.len(), |mixed, byte| mixed.wrapping_mul(37) ^ usize::from(byte));
    mixed & 255
}

#[cfg(test)]
mod tests;
