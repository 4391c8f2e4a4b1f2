//! Lists values for auto-complete: of a property, of an event column, and the names of custom events.
//!
//! Every answer is computed from the events themselves, in one pass and in bounded memory: the shortest values and the
//! first names need only the best few at any time, and counting is bounded as [`tally`] says.

mod render;
mod tally;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray};
use arrow::datatypes::Int32Type;
use model::{ProjectId, Timestamp};
use store::{Chunk, Column, Part, PropertyKey, Selection, Snapshot, TimeRange};
use uuid::Uuid;

use crate::QueryError;
use crate::engine::{Core, Engine};
use crate::filter::{Filter, NEEDLE_BYTES_MAX, Place, PropertyValue, Test};
use crate::scan::{self, Cancelled, Conditions, Narrowed};
use tally::Tally;

/// Raw values in one answer; arrays count as one here and as their elements in the answer.
const VALUES_MAX: usize = 10;
/// Names in the answer to [`Engine::custom_event_names`].
const NAMES_MAX: usize = 100;

/// Names without `$` that PostHog's own SDKs send, so that they are not custom.
const CORE_NAMES: [&str; 6] = [
    "Application Backgrounded",
    "Application Became Active",
    "Application Installed",
    "Application Opened",
    "Application Updated",
    "Deep Link Opened",
];

/// Which values to list.
#[derive(Debug, Clone)]
pub struct ValuesQuery {
    /// Whose events.
    pub project: ProjectId,
    /// Values of what.
    pub subject: Subject,
    /// Only values that contain this text, whatever the case; the shortest first.
    pub contains: Option<String>,
    /// Only events with one of these names; none means any.
    pub event_names: Vec<String>,
    /// Only events for which this holds.
    pub filter: Filter,
    /// Only events at or after this instant.
    pub from: Option<Timestamp>,
    /// Only events at or before this instant.
    pub to: Option<Timestamp>,
}

/// What has values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An event property.
    Property(String),
    /// An event column: `event`, `distinct_id`, `person_id`, `uuid`, `elements_chain`, `person_mode`, or
    /// `$group_0` to `$group_4`.
    Column(String),
}

impl ValuesQuery {
    /// All values of the property `key` in `project`.
    #[must_use]
    pub fn of_property(project: ProjectId, key: &str) -> Self {
        Self {
            project,
            subject: Subject::Property(key.to_owned()),
            contains: None,
            event_names: Vec::new(),
            filter: Filter::default(),
            from: None,
            to: None,
        }
    }
}

impl Engine {
    /// The names that the ten foremost raw values stand for: an array for its elements, an object for its JSON text.
    /// So there may be more than ten names; none is there twice.
    ///
    /// Foremost are the most frequent, then those first in code point order. With `contains` it is the shortest, then
    /// the first. Missing and `null` values do not count.
    ///
    /// Cost: reads the property of all events in range. With more than 65,536 distinct values (or 16 MiB of them),
    /// counts become estimates: what is really frequent is still listed, in order.
    ///
    /// # Errors
    ///
    /// [`QueryError::UnknownColumn`], [`QueryError::SearchTooLong`], and see [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = query.project.0))]
    pub async fn values(&self, query: ValuesQuery) -> Result<Vec<String>, QueryError> {
        let store = Arc::clone(&self.store);
        self.run(move |core| async move { values(&core, &store.snapshot(query.project), &query).await }).await
    }

    /// The names of all events ever stored that neither begin with `$` nor are PostHog's own: the first hundred in
    /// code point order.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = project.0))]
    pub async fn custom_event_names(&self, project: ProjectId) -> Result<Vec<String>, QueryError> {
        let store = Arc::clone(&self.store);
        self.run(move |core| async move { custom_event_names(&core, &store.snapshot(project)).await }).await
    }
}

async fn values(core: &Core, snapshot: &Snapshot, query: &ValuesQuery) -> Result<Vec<String>, QueryError> {
    let of = match &query.subject {
        Subject::Property(key) => Of::Property(Box::new(PropertyKey::of_event(key))),
        Subject::Column(name) => Of::Column(column_of(name).ok_or_else(|| QueryError::UnknownColumn(name.clone()))?),
    };
    let contains = match query.contains.as_deref() {
        Some(contained) => Some(
            Test::search(&[PropertyValue::text(contained)], Place::Anywhere, false)
                .map_err(|_too_large| QueryError::SearchTooLong { limit_bytes: NEEDLE_BYTES_MAX })?,
        ),
        None => None,
    };
    let conditions = Conditions {
        range: TimeRange {
            first: query.from.map_or(i64::MIN, Timestamp::as_micros),
            last: query.to.map_or(i64::MAX, Timestamp::as_micros),
        },
        events: (!query.event_names.is_empty()).then(|| query.event_names.clone()),
        filter: query.filter.clone(),
        ..Conditions::default()
    };
    let asked = Narrowed::new(conditions, snapshot);
    let states = scan::each(core.settings.threads, snapshot.parts().to_vec(), Cancelled::default(), {
        let contains = contains.clone();
        move |best: &mut Option<Best>, part: &Part| {
            let best = best.get_or_insert_with(|| Best::new(contains.clone()));
            let may_have = match &of {
                Of::Property(key) => part.may_hold_property(key)?,
                Of::Column(_) => true,
            };
            if !may_have || !asked.may_be_in(part)? {
                return Ok(());
            }
            for chunk in part.chunks()? {
                let rows = scan::narrow(&chunk, &asked)?;
                of.each(&chunk, &rows, |text, count| best.add(text, count))?;
            }
            Ok(())
        }
    });
    let mut best = Best::new(contains);
    states.await?.into_iter().flatten().for_each(|state| best.merge(state));
    let mut names = Vec::new();
    for raw in best.foremost(VALUES_MAX) {
        match query.subject {
            Subject::Property(_) => render::names(&raw, &mut names),
            Subject::Column(_) => names.push(raw),
        }
    }
    Ok(names)
}

async fn custom_event_names(core: &Core, snapshot: &Snapshot) -> Result<Vec<String>, QueryError> {
    let states = scan::each(
        core.settings.threads,
        snapshot.parts().to_vec(),
        Cancelled::default(),
        |names: &mut Names, part: &Part| {
            // Without deletions the names are known; else rows decide.
            if let Some(counts) = part.hour_counts()? {
                counts.for_each(|count| names.add(count.event));
                return Ok(());
            }
            for chunk in part.chunks()? {
                Of::Column(Column::Event).each(&chunk, chunk.live(), |name, _| names.add(name))?;
            }
            Ok(())
        },
    );
    let mut names = Names::default();
    states.await?.iter().for_each(|state| state.0.iter().for_each(|name| names.add(name)));
    Ok(names.0.into_iter().collect())
}

/// The first custom event names.
#[derive(Debug, Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn add(&mut self, name: &str) {
        let may_enter = self.0.len() < NAMES_MAX || self.0.last().is_some_and(|last| name < last.as_str());
        if may_enter && !name.starts_with('$') && !CORE_NAMES.contains(&name) && !self.0.contains(name) {
            self.0.insert(name.to_owned());
            if self.0.len() > NAMES_MAX {
                self.0.pop_last();
            }
        }
    }
}

/// Whose texts are listed.
enum Of {
    Property(Box<PropertyKey>),
    Column(Column),
}

impl Of {
    /// Calls `visit` with each text among `rows` and how often it came; the same text may come again.
    fn each(&self, chunk: &Chunk, rows: &Selection, mut visit: impl FnMut(&str, u64)) -> Result<(), QueryError> {
        if rows.is_empty() {
            return Ok(());
        }
        match self {
            Self::Property(key) => {
                let rows = chunk.with_property(key, rows)?;
                each_of(&scan::texts(&chunk.property(key, &rows)?)?, visit);
            }
            Self::Column(column) => {
                let array: ArrayRef = chunk.read(&[*column], rows)?.remove(0);
                match array.as_fixed_size_binary_opt() {
                    Some(ids) => {
                        let mut buffer = Uuid::encode_buffer();
                        for id in ids.iter().flatten() {
                            let id = Uuid::from_slice(id).unwrap_or_default();
                            visit(id.hyphenated().encode_lower(&mut buffer), 1);
                        }
                    }
                    None => each_of(array.as_dictionary::<Int32Type>(), visit),
                }
            }
        }
        Ok(())
    }
}

fn each_of(texts: &DictionaryArray<Int32Type>, mut visit: impl FnMut(&str, u64)) {
    let values = texts.values().as_string::<i32>();
    let mut counts = vec![0_u64; values.len()];
    for row in 0..texts.len() {
        if let Some(count) = texts.key(row).and_then(|key| counts.get_mut(key)) {
            *count += 1;
        }
    }
    for (value, count) in values.iter().zip(counts) {
        if let Some(value) = value.filter(|_| count > 0) {
            visit(value, count);
        }
    }
}

/// The best raw values so far.
#[derive(Debug)]
enum Best {
    MostFrequent(Tally),
    /// By length in characters, then text.
    Shortest(Test, BTreeSet<(usize, String)>),
}

impl Best {
    fn new(contains: Option<Test>) -> Self {
        match contains {
            Some(contains) => Self::Shortest(contains, BTreeSet::new()),
            None => Self::MostFrequent(Tally::default()),
        }
    }

    fn add(&mut self, text: &str, count: u64) {
        match self {
            Self::MostFrequent(tally) => tally.add(text, count),
            Self::Shortest(contains, shortest) => {
                if contains.accepts(Some(&PropertyValue::text(text))) {
                    keep_shortest(shortest, text.chars().count(), text);
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::MostFrequent(tally), Self::MostFrequent(other)) => {
                other.into_counts().for_each(|(text, count)| tally.add(&text, count));
            }
            (Self::Shortest(_, shortest), Self::Shortest(_, other)) => {
                other.iter().for_each(|(length, text)| keep_shortest(shortest, *length, text));
            }
            _ => {}
        }
    }

    fn foremost(self, limit: usize) -> Vec<String> {
        match self {
            Self::MostFrequent(tally) => tally.top(limit),
            Self::Shortest(_, shortest) => shortest.into_iter().map(|(_, text)| text).take(limit).collect(),
        }
    }
}

fn keep_shortest(shortest: &mut BTreeSet<(usize, String)>, length: usize, text: &str) {
    let last = shortest.last();
    if shortest.len() < VALUES_MAX || last.is_some_and(|last| (length, text) < (last.0, &last.1)) {
        shortest.insert((length, text.to_owned()));
        if shortest.len() > VALUES_MAX {
            shortest.pop_last();
        }
    }
}

/// The stored column that a caller calls `name`.
fn column_of(name: &str) -> Option<Column> {
    Some(match name {
        "event" => Column::Event,
        "distinct_id" => Column::DistinctId,
        "person_id" => Column::PersonId,
        "uuid" => Column::Uuid,
        "elements_chain" => Column::ElementsChain,
        "person_mode" => Column::PersonMode,
        "$group_0" => Column::Group(0),
        "$group_1" => Column::Group(1),
        "$group_2" => Column::Group(2),
        "$group_3" => Column::Group(3),
        "$group_4" => Column::Group(4),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
