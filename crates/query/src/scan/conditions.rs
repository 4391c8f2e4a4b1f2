//! Conditions on events, and the rows that are left by them.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::{and, filter, or};
use arrow::datatypes::{Int32Type, UInt32Type};
use model::PersonNumber;
use roaring::RoaringBitmap;
use store::{Chunk, Column, Part, PropertyKey, Selection, Snapshot, StoreError, TimeRange};
use uuid::Uuid;

use super::leaf;
use super::values::ValueTest;
use crate::QueryError;
use crate::filter::{Filter, Leaf, Node};
use crate::table::Source;

/// Which events are asked for. All of it has to hold; the default holds for every event.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// Timestamps from the first to the last, both included.
    pub range: TimeRange,
    /// One of these event names; none means any.
    pub events: Option<Vec<String>>,
    /// Exactly this distinct id.
    pub distinct_id: Option<String>,
    /// Of this person, merges applied.
    pub person: Option<PersonKey>,
    /// Condition on properties.
    pub filter: Filter,
}

/// A person, in the way it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonKey {
    /// By number: skips whatever holds no event of the person.
    Number(PersonNumber),
    /// By id, where no number is known: ids that were derived for events without a person. Reads the ids of every event
    /// that the other conditions leave.
    Id(Uuid),
}

impl Default for Conditions {
    fn default() -> Self {
        Self { range: TimeRange::ALL, events: None, distinct_id: None, person: None, filter: Filter::default() }
    }
}

/// Conditions with what a snapshot adds to them.
#[derive(Debug)]
pub(crate) struct Narrowed {
    pub(crate) conditions: Conditions,
    /// Conditions of the query engine on single properties.
    tests: Vec<ValueTest>,
    /// The numbers that the wanted person has in stored rows.
    person_numbers: Option<RoaringBitmap>,
}

impl Narrowed {
    pub(crate) fn new(conditions: Conditions, snapshot: &Snapshot) -> Self {
        let person_numbers = match conditions.person {
            Some(PersonKey::Number(person)) => Some(snapshot.numbers_of(person)),
            Some(PersonKey::Id(_)) | None => None,
        };
        Self { conditions, tests: Vec::new(), person_numbers }
    }

    pub(crate) fn with_tests(self, tests: Vec<ValueTest>) -> Self {
        Self { tests, ..self }
    }

    /// Whether there are conditions beside those on time and event.
    pub(crate) fn has_more(&self) -> bool {
        let asked = &self.conditions;
        asked.distinct_id.is_some() || asked.person.is_some() || !asked.filter.is_trivial() || !self.tests.is_empty()
    }

    /// Properties without which no event is asked for.
    fn required(&self) -> impl Iterator<Item = &PropertyKey> {
        let of_filter = required(self.conditions.filter.node()).map(Leaf::key);
        of_filter.chain(self.tests.iter().filter_map(ValueTest::required))
    }

    /// Whether `part` may hold a row that is asked for, from what is known without reading rows.
    pub(crate) fn may_be_in(&self, part: &Part) -> Result<bool, StoreError> {
        let asked = &self.conditions;
        if !asked.range.overlaps(part.time_range()) {
            return Ok(false);
        }
        if let Some(events) = &asked.events {
            let names: Vec<&str> = events.iter().map(String::as_str).collect();
            if !part.may_hold_event(&names)? {
                return Ok(false);
            }
        }
        if let Some(distinct_id) = &asked.distinct_id
            && !part.may_hold_distinct_id(distinct_id)?
        {
            return Ok(false);
        }
        if let Some(numbers) = &self.person_numbers
            && !part.may_hold_person(numbers)?
        {
            return Ok(false);
        }
        for key in self.required() {
            if !part.may_hold_property(key)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The live rows of `chunk` for which every condition holds.
pub(crate) fn narrow(chunk: &Chunk, asked: &Narrowed) -> Result<Selection, QueryError> {
    narrow_within(chunk, asked, asked.conditions.range, chunk.live().clone())
}

/// As [`narrow`], with the values of the columns among `keep` that a condition was about: they were read for it.
pub(crate) fn narrow_keeping(
    chunk: &Chunk,
    asked: &Narrowed,
    keep: &[Source],
) -> Result<(Selection, Kept), QueryError> {
    let mut rows = narrow_plain(chunk, asked, asked.conditions.range, chunk.live().clone())?;
    let mut kept = Kept::default();
    for test in &asked.tests {
        if rows.is_empty() {
            break;
        }
        let (values, passes) = test.passing(chunk, &rows)?;
        rows = rows.filter(&passes);
        for (_, values) in &mut kept.columns {
            *values = filter(values, &passes)?;
        }
        let name = test.source().name();
        if keep.iter().any(|source| source.name() == name) && kept.of(test.source()).is_none() {
            kept.columns.push((name, filter(&values, &passes)?));
        }
    }
    Ok((rows, kept))
}

/// Columns that were read for conditions, of the rows for which these hold.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    columns: Vec<(String, ArrayRef)>,
}

impl Kept {
    /// Of `rows` rows from `first` on.
    pub(crate) fn slice(&self, first: usize, rows: usize) -> Self {
        let slice = |(name, values): &(String, ArrayRef)| (name.clone(), values.slice(first, rows));
        Self { columns: self.columns.iter().map(slice).collect() }
    }

    /// The values of `source`, if they are there.
    pub(crate) fn of(&self, source: &Source) -> Option<&ArrayRef> {
        let name = source.name();
        self.columns.iter().find(|(kept, _)| *kept == name).map(|(_, values)| values)
    }
}

/// Those of `rows` for which every condition holds, with `range` in place of the range asked for.
pub(crate) fn narrow_within(
    chunk: &Chunk,
    asked: &Narrowed,
    range: TimeRange,
    rows: Selection,
) -> Result<Selection, QueryError> {
    let mut rows = narrow_plain(chunk, asked, range, rows)?;
    for test in &asked.tests {
        if rows.is_empty() {
            break;
        }
        rows = rows.filter(&test.passing(chunk, &rows)?.1);
    }
    Ok(rows)
}

/// As [`narrow_within`], for every condition that the query engine does not evaluate.
fn narrow_plain(chunk: &Chunk, asked: &Narrowed, range: TimeRange, rows: Selection) -> Result<Selection, QueryError> {
    let conditions = &asked.conditions;
    let mut rows = rows;
    if let Some(events) = &conditions.events {
        let names: Vec<&str> = events.iter().map(String::as_str).collect();
        rows = chunk.of_events(&names, &rows)?;
    }
    for key in asked.required() {
        rows = chunk.with_property(key, &rows)?;
    }
    rows = chunk.within(range, &rows)?;
    if let Some(distinct_id) = conditions.distinct_id.as_ref().filter(|_| !rows.is_empty()) {
        let ids = chunk.read(&[Column::DistinctId], &rows)?.remove(0);
        rows = rows.filter(&equal_to(ids.as_dictionary::<Int32Type>(), distinct_id));
    }
    match conditions.person.filter(|_| !rows.is_empty()) {
        Some(PersonKey::Number(person)) => {
            let numbers = chunk.read(&[Column::PersonNumber], &rows)?.remove(0);
            let keep = BooleanArray::from_unary(numbers.as_primitive::<UInt32Type>(), |number| number == person.0);
            rows = rows.filter(&keep);
        }
        Some(PersonKey::Id(person)) => {
            let ids = chunk.read(&[Column::PersonId], &rows)?.remove(0);
            let keep: BooleanArray =
                ids.as_fixed_size_binary().iter().map(|id| Some(id == Some(person.as_bytes().as_slice()))).collect();
            rows = rows.filter(&keep);
        }
        None => {}
    }
    let all = [conditions.filter.node().clone()];
    let parts = match conditions.filter.node() {
        Node::And(parts) => parts.as_slice(),
        _ => all.as_slice(),
    };
    for part in parts {
        if rows.is_empty() {
            break;
        }
        if !matches!(part, Node::True) {
            rows = rows.filter(&holds(part, chunk, &rows)?);
        }
    }
    Ok(rows)
}

/// For which of `rows` the node holds.
pub(crate) fn holds(node: &Node, chunk: &Chunk, rows: &Selection) -> Result<BooleanArray, StoreError> {
    let joined = |nodes: &[Node], join: fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, _>, empty: bool| {
        let mut all: Option<BooleanArray> = None;
        for node in nodes {
            let this = holds(node, chunk, rows)?;
            all = Some(match all {
                None => this,
                Some(before) => join(&before, &this)?,
            });
        }
        Ok(all.unwrap_or_else(|| BooleanArray::from(vec![empty; rows.len()])))
    };
    match node {
        Node::True => Ok(BooleanArray::from(vec![true; rows.len()])),
        Node::And(nodes) => joined(nodes, and, true),
        Node::Or(nodes) => joined(nodes, or, true),
        Node::Leaf(leaf) => Ok(leaf::accepts(leaf, &chunk.property(leaf.key(), rows)?)),
    }
}

/// Leaves that must hold, and hold for no event without their property.
fn required(node: &Node) -> impl Iterator<Item = &Leaf> {
    let leaves: Vec<&Node> = match node {
        Node::And(nodes) => nodes.iter().collect(),
        node => vec![node],
    };
    leaves.into_iter().filter_map(|node| match node {
        Node::Leaf(leaf) if !leaf.accepts_missing() => Some(leaf.as_ref()),
        _ => None,
    })
}

fn equal_to(texts: &arrow::array::DictionaryArray<Int32Type>, wanted: &str) -> BooleanArray {
    let values = texts.values().as_string::<i32>();
    let places: Vec<bool> = values.iter().map(|value| value == Some(wanted)).collect();
    let keys = texts.keys();
    (0..keys.len())
        .map(|row| {
            let key = usize::try_from(keys.value(row)).unwrap_or(usize::MAX);
            Some(keys.is_valid(row) && places.get(key).copied().unwrap_or(false))
        })
        .collect()
}
