//! A person's properties as they are stored, with an index into the text.
//!
//! Persons outnumber changes of persons, and most events look at forty properties to change none. So the properties stay
//! the one text that is stored and snapshotted, written compactly by ourselves; beside it lies where each key and value
//! starts. Looking a key up compares text, changing something copies the text once.

use std::borrow::Cow;
use std::sync::Arc;

use model::{Properties, is_plain, write_json_string};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredProperties {
    /// A JSON object without spaces between its parts.
    text: Arc<str>,
    entries: Vec<Entry>,
    /// Whether every key is written as it reads, as nearly always: then keys can be compared as they are.
    plain: bool,
}

/// `"key":value` in the text. Behind `end` stands `,` or `}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    start: u32,
    value: u32,
    end: u32,
}

/// A new value for a property: for the one at a place, or for one that is not there yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) place: Option<usize>,
    pub(crate) key: &'a str,
    /// JSON.
    pub(crate) value: &'a str,
}

impl StoredProperties {
    /// Reads a JSON object; none if it is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Properties::parse(text).ok().map(|properties| Self::of(&properties))
    }

    pub(crate) fn of(properties: &Properties<'_>) -> Self {
        let mut writer = Writer::new(properties.json_bytes(), properties.len());
        for (key, value) in properties.iter() {
            writer.entry(key, value);
        }
        writer.finish()
    }

    /// The JSON text of all.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Bytes of memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.entries.capacity() * size_of::<Entry>()
    }

    /// The place of a key. Keys that are asked for in the order they are stored are found at once: `next` is where to look
    /// first, and afterwards the place behind what was found.
    pub(crate) fn find(&self, key: &str, next: &mut usize) -> Option<usize> {
        let found = if self.plain { self.find_written(key, *next) } else { self.find_written(&written(key), *next) };
        *next = found.map_or(*next, |found| found + 1);
        found
    }

    fn find_written(&self, key: &str, next: usize) -> Option<usize> {
        let is_wanted = |entry: &Entry| self.key(*entry) == key.as_bytes();
        if self.entries.get(next).is_some_and(is_wanted) {
            return Some(next);
        }
        let (before, after) = self.entries.split_at((next + 1).min(self.entries.len()));
        after.iter().position(is_wanted).map(|at| before.len() + at).or_else(|| before.iter().position(is_wanted))
    }

    /// The JSON of the value at a place.
    pub(crate) fn value(&self, place: usize) -> &str {
        self.entries.get(place).map_or("", |entry| self.part(entry.value, entry.end))
    }

    /// A value that is text.
    pub(crate) fn get_str(&self, key: &str) -> Option<Cow<'_, str>> {
        let value = self.value(self.find(key, &mut 0)?);
        let inner = value.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') { serde_json::from_str(value).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
    }

    /// The properties after `changes`, and without what was at the places `removed`.
    pub(crate) fn changed(&self, changes: &[Change<'_>], removed: &[usize]) -> Self {
        let added_bytes: usize = changes.iter().map(|change| change.key.len() + change.value.len() + 4).sum();
        let mut writer = Writer::new(self.text.len() + added_bytes, self.entries.len() + changes.len());
        writer.plain = self.plain;
        let mut new: Vec<Option<&str>> = vec![None; self.entries.len()];
        for change in changes {
            if let Some(new) = change.place.and_then(|place| new.get_mut(place)) {
                *new = Some(change.value);
            }
        }
        for (place, (entry, new)) in self.entries.iter().zip(new).enumerate() {
            if !removed.contains(&place) {
                let value = new.unwrap_or_else(|| self.part(entry.value, entry.end));
                writer.written_entry(self.part(entry.start, entry.value - 1), value);
            }
        }
        for change in changes.iter().filter(|change| change.place.is_none()) {
            writer.entry(change.key, change.value);
        }
        writer.finish()
    }

    /// The text after `changes`: what lies between changed values is copied as it is.
    pub(crate) fn overlaid(&self, mut changes: Vec<Change<'_>>) -> Arc<str> {
        // Those of new keys come last, in their order.
        changes.sort_by_key(|change| change.place.unwrap_or(usize::MAX));
        let added_bytes: usize = changes.iter().map(|change| change.key.len() + change.value.len() + 4).sum();
        let mut text = String::with_capacity(self.text.len() + added_bytes);
        let mut copied = 0;
        let last = position(self.text.len()) - 1;
        for change in &changes {
            match change.place.and_then(|place| self.entries.get(place)) {
                Some(entry) => {
                    text.push_str(self.part(copied, entry.value));
                    copied = entry.end;
                }
                None => {
                    text.push_str(self.part(copied, last));
                    copied = last;
                    if text.len() > 1 {
                        text.push(',');
                    }
                    write_json_string(&mut text, change.key);
                    text.push(':');
                }
            }
            text.push_str(change.value);
        }
        text.push_str(self.part(copied, last + 1));
        text.into()
    }

    /// The same as [`Properties`], to work with where it does not have to be fast.
    pub(crate) fn to_properties(&self) -> Properties<'_> {
        Properties::parse(&self.text).unwrap_or_default()
    }

    /// A key as it is written, without its quotes.
    fn key(&self, entry: Entry) -> &[u8] {
        self.text.as_bytes().get(entry.start as usize + 1..entry.value as usize - 2).unwrap_or_default()
    }

    fn part(&self, from: u32, to: u32) -> &str {
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }
}

/// `key` as JSON writes it, without quotes.
fn written(key: &str) -> Cow<'_, str> {
    if is_plain(key) {
        return Cow::Borrowed(key);
    }
    let mut written = String::with_capacity(key.len() + 8);
    write_json_string(&mut written, key);
    Cow::Owned(written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned())
}

struct Writer {
    text: String,
    entries: Vec<Entry>,
    plain: bool,
}

impl Writer {
    fn new(bytes: usize, entries: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self { text, entries: Vec::with_capacity(entries), plain: true }
    }

    fn entry(&mut self, key: &str, value: &str) {
        let start = self.begin();
        self.plain &= is_plain(key);
        write_json_string(&mut self.text, key);
        self.end(start, value);
    }

    /// `key` is as it is to be written, quotes included.
    fn written_entry(&mut self, key: &str, value: &str) {
        let start = self.begin();
        self.text.push_str(key);
        self.end(start, value);
    }

    fn begin(&mut self) -> usize {
        if !self.entries.is_empty() {
            self.text.push(',');
        }
        self.text.len()
    }

    fn end(&mut self, start: usize, value: &str) {
        self.text.push(':');
        let (start, value_at) = (position(start), position(self.text.len()));
        self.text.push_str(value);
        self.entries.push(Entry { start, value: value_at, end: position(self.text.len()) });
    }

    fn finish(mut self) -> StoredProperties {
        self.text.push('}');
        StoredProperties { text: self.text.into(), entries: self.entries, plain: self.plain }
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("a person's properties came through requests, which are far smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_compactly_and_read_back() {
        let stored = StoredProperties::parse(r#" { "a" : 1, "b\n" : "x\"y", "é":{"c": [1, 2]} } "#).unwrap();
        assert_eq!(&**stored.text(), r#"{"a":1,"b\n":"x\"y","é":{"c": [1, 2]}}"#);
        assert_eq!(StoredProperties::parse(stored.text()).unwrap(), stored);
        assert_eq!(stored.get_str("b\n").unwrap(), "x\"y");
        assert_eq!((stored.get_str("a"), stored.get_str("b\\n")), (None, None));
        assert_eq!(StoredProperties::parse("[]"), None);
        assert_eq!(&**StoredProperties::parse("{}").unwrap().text(), "{}");
    }

    #[test]
    fn keys_are_found_wherever_the_search_begins() {
        let stored = StoredProperties::parse(r#"{"a":1,"b":2,"c":3}"#).unwrap();
        for begin in 0..5 {
            for (at, key) in ["a", "b", "c"].into_iter().enumerate() {
                let mut next = begin;
                assert_eq!((stored.find(key, &mut next), next), (Some(at), at + 1), "{key} from {begin}");
                assert_eq!(stored.find("d", &mut next), None);
            }
        }
    }

    #[test]
    fn changes_keep_places_and_come_at_the_end_when_new() {
        let stored = StoredProperties::parse(r#"{"a":1,"b":2,"c":3}"#).unwrap();
        let change = |place, key, value| Change { place, key, value };
        let changed = stored.changed(&[change(None, "n\"", "9"), change(Some(1), "b", r#""x""#)], &[0]);
        assert_eq!(&**changed.text(), r#"{"b":"x","c":3,"n\"":9}"#);
        assert_eq!(StoredProperties::parse(changed.text()).unwrap(), changed);
        assert_eq!(&**stored.changed(&[], &[0, 1, 2]).text(), "{}");
    }

    #[test]
    fn overlaid_text_is_that_of_changed_properties() {
        let change = |place, key, value| Change { place, key, value };
        let changes = [
            vec![],
            vec![change(Some(0), "a", "9")],
            vec![
                change(None, "n\"", "9"),
                change(Some(2), "c", "[]"),
                change(None, "m", "8"),
                change(Some(0), "a", "\"\""),
            ],
            vec![change(None, "d", "{}"), change(None, "e", "null")],
        ];
        let stored = StoredProperties::parse(r#"{"a":1,"b":"two","c":3}"#).unwrap();
        for changes in changes {
            let expected = stored.changed(&changes, &[]);
            assert_eq!(stored.overlaid(changes), *expected.text());
        }
        let empty = StoredProperties::parse("{}").unwrap();
        assert_eq!(&*empty.overlaid(vec![change(None, "a", "1"), change(None, "b", "2")]), r#"{"a":1,"b":2}"#);
    }
}
