//! The properties of some rows that have no column: who has which key with which value, exactly as sent.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::FixedState;
use model::write_json_string;

use super::key::{Document, parted};

/// Values beside the columns, by row.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Addresses.
    pub(crate) keys: Vec<String>,
    /// In order of row.
    entries: Vec<Entry>,
    values: String,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    row: u32,
    key: u32,
    start: usize,
    end: usize,
}

/// Collects a [`Rest`] in any order of rows.
#[derive(Debug, Default)]
pub(crate) struct RestBuilder {
    rest: Rest,
    places: HashMap<String, u32, FixedState>,
}

impl RestBuilder {
    /// `key` is an address.
    pub(crate) fn push(&mut self, row: u32, key: &str, raw: &str) {
        let key = match self.places.get(key) {
            Some(place) => *place,
            None => {
                let place = u32::try_from(self.rest.keys.len()).expect("fewer keys than four billion");
                self.rest.keys.push(key.to_owned());
                self.places.insert(key.to_owned(), place);
                place
            }
        };
        let start = self.rest.values.len();
        self.rest.values.push_str(raw);
        self.rest.entries.push(Entry { row, key, start, end: self.rest.values.len() });
    }

    pub(crate) fn finish(mut self) -> Rest {
        self.rest.entries.sort_by_key(|entry| entry.row);
        self.rest
    }
}

impl Rest {
    fn raw(&self, entry: &Entry) -> &str {
        self.values.get(entry.start..entry.end).unwrap_or_default()
    }

    /// Rows and values of each key, keys in order of first use.
    pub(crate) fn by_key(&self) -> Vec<Vec<(u32, &str)>> {
        let mut keys = vec![Vec::new(); self.keys.len()];
        for entry in &self.entries {
            keys[entry.key as usize].push((entry.row, self.raw(entry)));
        }
        keys
    }

    /// The rest of each of `rows` of one document as a JSON object; none where nothing is left.
    pub(crate) fn objects(&self, document: Document, rows: Range<u32>) -> arrow::array::StringArray {
        let keys: Vec<Option<&str>> = self
            .keys
            .iter()
            .map(|address| Some(parted(address)).filter(|(of, _)| *of == document).map(|(_, key)| key))
            .collect();
        let mut builder = arrow::array::StringBuilder::with_capacity(rows.len(), 0);
        let before = self.entries.partition_point(|entry| entry.row < rows.start);
        let mut entries = self.entries.iter().skip(before).peekable();
        let mut object = String::new();
        for row in rows {
            object.clear();
            while let Some(entry) = entries.next_if(|entry| entry.row == row) {
                let Some(key) = keys.get(entry.key as usize).copied().flatten() else { continue };
                object.push(if object.is_empty() { '{' } else { ',' });
                write_json_string(&mut object, key);
                object.push(':');
                object.push_str(self.raw(entry));
            }
            if object.is_empty() {
                builder.append_null();
            } else {
                object.push('}');
                builder.append_value(&object);
            }
        }
        builder.finish()
    }
}
