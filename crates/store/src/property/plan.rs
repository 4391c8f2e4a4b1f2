//! Decides which properties of a segment become columns, and of which type.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use model::json::{self, Members};
use xxhash_rust::xxh3::xxh3_64;

use super::key::{Document, address};
use super::kind::{Kind, Shape};
use crate::limits::Limits;

/// Longest key that becomes a column, in bytes.
const KEY_BYTES_MAX: usize = 200;
/// A typed column may leave one value in this many to the rest.
const MISFITS_PER_VALUES: u64 = 20;
/// Among fewer fractions than one in this many, whole numbers stay whole.
const FRACTIONS_PER_WHOLE: u64 = 1_000;
/// Distinct texts counted before a column counts as one of many different values.
const DISTINCT_MAX: usize = 4_096;

/// How often which key occurs with which kind of value.
#[derive(Debug, Default, Clone)]
pub(crate) struct Census {
    rows: u64,
    /// By document.
    keys: [HashMap<String, Tally, FixedState>; 2],
}

/// One key's values, by shape.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) text: u64,
    pub(crate) uuid: u64,
    pub(crate) int: u64,
    pub(crate) float: u64,
    pub(crate) bool: u64,
    pub(crate) other: u64,
    pub(crate) null: u64,
    distinct: Distinct,
}

/// Whether values repeat.
#[derive(Debug, Default, Clone)]
struct Distinct {
    hashes: std::collections::HashSet<u64, FixedState>,
    seen: u64,
    /// Values of columns with a dictionary, which are not looked at again.
    repeating: u64,
    /// Values of columns without one.
    single: u64,
}

/// The columns of a segment's properties, in order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) columns: Vec<PlannedColumn>,
}

/// One property column.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct PlannedColumn {
    #[serde(default)]
    pub(crate) document: Document,
    pub(crate) key: String,
    pub(crate) kind: Kind,
    /// Whether values repeat enough for a dictionary.
    pub(crate) dictionary: bool,
}

impl Census {
    /// Of so many rows, whose values are counted elsewhere.
    pub(crate) fn of_rows(rows: u64) -> Self {
        Self { rows, ..Self::default() }
    }

    /// Counts the members of one row's objects: the event's properties and the person's.
    pub(crate) fn add(&mut self, objects: [&str; 2]) {
        self.rows += 1;
        for (keys, object) in self.keys.iter_mut().zip(objects) {
            for (key, raw) in Members::of(object) {
                let key = json::unescape(key);
                let tally = match keys.get_mut(key.as_ref()) {
                    Some(tally) => tally,
                    None => keys.entry(key.into_owned()).or_default(),
                };
                tally.add(raw);
            }
        }
    }

    /// Adds `count` values of `kind` under `key`, counted elsewhere.
    pub(crate) fn add_column(&mut self, column: &PlannedColumn, count: u64) {
        let tally = self.keys[column.document.place()].entry(column.key.clone()).or_default();
        match column.kind {
            Kind::Text => tally.text += count,
            Kind::Uuid => tally.uuid += count,
            Kind::Int => tally.int += count,
            Kind::Float => tally.float += count,
            Kind::Bool => tally.bool += count,
            Kind::Json => tally.other += count,
        }
        let counted = if column.dictionary { &mut tally.distinct.repeating } else { &mut tally.distinct.single };
        *counted += count;
    }

    /// Adds one value under `key` of `document`.
    pub(crate) fn add_value(&mut self, document: Document, key: &str, raw: &str) {
        let keys = &mut self.keys[document.place()];
        match keys.get_mut(key) {
            Some(tally) => tally.add(raw),
            None => keys.entry(key.to_owned()).or_default().add(raw),
        }
    }

    /// The columns of a segment of `rows` rows, of which these counts are a sample if there are fewer.
    #[expect(clippy::cast_precision_loss, reason = "a ratio need not be exact")]
    pub(crate) fn plan(&self, limits: &Limits, rows: usize) -> Plan {
        let rows_per_sampled = (rows as f64 / (self.rows as f64).max(1.0)).max(1.0);
        let frequent = |tally: &Tally| tally.count() > 0 && tally.count() * limits.rows_per_value_max >= self.rows;
        let mut columns = Vec::new();
        for (document, keys) in Document::ALL.into_iter().zip(&self.keys) {
            let mut keys: Vec<(&String, &Tally)> =
                keys.iter().filter(|(key, tally)| key.len() <= KEY_BYTES_MAX && frequent(tally)).collect();
            keys.sort_unstable_by(|a, b| (b.1.count(), a.0).cmp(&(a.1.count(), b.0)));
            keys.truncate(limits.property_columns_max);
            columns.extend(keys.into_iter().map(|(key, tally)| PlannedColumn {
                document,
                key: key.clone(),
                kind: tally.kind(),
                dictionary: tally.distinct.repeat(rows_per_sampled),
            }));
        }
        Plan { columns }
    }
}

impl PlannedColumn {
    /// What the property is called within the segment.
    pub(crate) fn address(&self) -> std::borrow::Cow<'_, str> {
        address(self.document, &self.key)
    }
}

impl Tally {
    fn add(&mut self, raw: &str) {
        let shape = Shape::of(raw);
        match shape {
            Shape::Null => self.null += 1,
            Shape::Text => self.text += 1,
            Shape::Uuid(_) => self.uuid += 1,
            Shape::Int(_) => self.int += 1,
            Shape::Float(_) => self.float += 1,
            Shape::Bool(_) => self.bool += 1,
            Shape::Other => self.other += 1,
        }
        if shape != Shape::Null {
            self.distinct.add(raw);
        }
    }

    /// Values that are not null.
    pub(crate) fn count(&self) -> u64 {
        self.text + self.uuid + self.int + self.float + self.bool + self.other
    }

    fn kind(&self) -> Kind {
        let count = self.count();
        // Nulls do not fit typed columns either, but reading the rest for them is free: they read as missing.
        let fits = |fitting: u64| (count - fitting) * MISFITS_PER_VALUES <= count;
        let numbers = self.int + self.float;
        match () {
            () if fits(self.bool) => Kind::Bool,
            // A stray fraction does not make doubles of whole numbers, which may be too large for them.
            () if fits(self.int) && self.float * FRACTIONS_PER_WHOLE <= count => Kind::Int,
            () if fits(numbers) => Kind::Float,
            () if fits(self.uuid) => Kind::Uuid,
            () if fits(self.text + self.uuid) => Kind::Text,
            () => Kind::Json,
        }
    }
}

impl Distinct {
    fn add(&mut self, raw: &str) {
        self.seen += 1;
        if self.hashes.len() < DISTINCT_MAX {
            self.hashes.insert(xxh3_64(raw.as_bytes()));
        }
    }

    /// Whether a value comes twice on average, or there are few of them. What most columns did is done again.
    ///
    /// Of a sample, whether one comes three times among all rows. With `k` rows for each sampled one and `n` values seen,
    /// values that all come three times are `k n / 3`, and a sample of `n` meets a share of `1 - exp(-3 / k)` of them.
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
    fn repeat(&self, rows_per_sampled: f64) -> bool {
        if self.repeating + self.single > self.seen {
            return self.repeating >= self.single;
        }
        let distinct = self.hashes.len() as f64;
        let three_times = rows_per_sampled / 3.0 * (1.0 - (-3.0 / rows_per_sampled).exp());
        let share = if rows_per_sampled > 1.0 { three_times.max(0.5) } else { 0.5 };
        let seen = self.seen as f64;
        distinct < 64.0 || (distinct <= share * seen && (self.hashes.len() < DISTINCT_MAX || seen > 4.0 * distinct))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_columns_have_a_dictionary_where_most_of_them_had_one() {
        let column = |key: &str, dictionary| PlannedColumn {
            document: Document::Event,
            key: key.to_owned(),
            kind: Kind::Text,
            dictionary,
        };
        let mut census = Census::of_rows(300_000);
        for dictionaries in [[false, true, true], [false, false, true], [false, true, false]] {
            for (key, dictionary) in ["single", "repeating", "mixed"].into_iter().zip(dictionaries) {
                census.add_column(&column(key, dictionary), 100_000);
            }
        }
        // A stray value changes nothing.
        census.add_value(Document::Event, "single", "\"x\"");
        let plan = census.plan(&Limits::default(), 300_000);
        let found: HashMap<&str, bool> =
            plan.columns.iter().map(|column| (column.key.as_str(), column.dictionary)).collect();
        assert_eq!(found, HashMap::from([("single", false), ("repeating", true), ("mixed", true)]));
    }
}
