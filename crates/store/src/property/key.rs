//! Which property is meant: a key, and the object it belongs to.
//!
//! An event has two objects: its own properties, and those its person had then. Within a segment the properties of both
//! are columns of one list, and what has no column shares one rest, so each property needs one name there: its *address*.
//! The address of an event's property is its key, of a person's the key behind a mark. Keys of events that begin with
//! the mark's first character, which hardly any do, get a mark of their own, so addresses never collide.

use std::borrow::Cow;

use model::json::Key;

/// First character of a mark.
const MARK: char = '\0';
const OF_PERSON: &str = "\0p";
const OF_EVENT: &str = "\0e";

/// The object that a property belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Document {
    /// The event's properties.
    #[default]
    Event,
    /// The properties its person had, as of the event.
    Person,
}

impl Document {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Event, Self::Person];

    pub(crate) fn place(self) -> usize {
        match self {
            Self::Event => 0,
            Self::Person => 1,
        }
    }
}

/// A property to look up in many rows.
#[derive(Debug, Clone)]
pub struct PropertyKey {
    document: Document,
    key: Key,
    address: Box<str>,
}

impl PropertyKey {
    /// The property `key` of `document`.
    #[must_use]
    pub fn new(document: Document, key: &str) -> Self {
        Self { document, key: Key::new(key), address: address(document, key).into() }
    }

    /// The event's property `key`.
    #[must_use]
    pub fn of_event(key: &str) -> Self {
        Self::new(Document::Event, key)
    }

    /// The person's property `key`.
    #[must_use]
    pub fn of_person(key: &str) -> Self {
        Self::new(Document::Person, key)
    }

    /// The object it belongs to.
    #[must_use]
    pub fn document(&self) -> Document {
        self.document
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The key as it reads.
    #[must_use]
    pub fn text(&self) -> &str {
        self.key.text()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// The address of `key` in `document`.
pub(crate) fn address(document: Document, key: &str) -> Cow<'_, str> {
    match document {
        Document::Person => Cow::Owned(format!("{OF_PERSON}{key}")),
        Document::Event if key.starts_with(MARK) => Cow::Owned(format!("{OF_EVENT}{key}")),
        Document::Event => Cow::Borrowed(key),
    }
}

/// What an address stands for.
pub(crate) fn parted(address: &str) -> (Document, &str) {
    if let Some(key) = address.strip_prefix(OF_PERSON) {
        return (Document::Person, key);
    }
    (Document::Event, address.strip_prefix(OF_EVENT).unwrap_or(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_never_collide() {
        let keys = ["", "a", "p", "\0", "\0p", "\0pa", "\0e", "\0ea", "\0e\0pa"];
        let mut seen = std::collections::HashSet::new();
        for document in Document::ALL {
            for key in keys {
                let address = address(document, key);
                assert_eq!(parted(&address), (document, key));
                assert!(seen.insert(address.into_owned()), "{document:?} {key:?}");
            }
        }
    }
}
