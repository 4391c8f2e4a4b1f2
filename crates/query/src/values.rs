//! Lists values for auto-complete: of a property, of an event column, and the names of custom events.
//!
//! Every answer is computed from the events themselves, in one pass and in bounded memory: the shortest values and the
//! first names need only the best few at any time, and counting is bounded as [`tally`] says.

mod render;
mod tally;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::Result as EngineResult;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ident, lit};
use futures::TryStreamExt;
use model::{ProjectId, Timestamp};

use crate::engine::{Core, Engine};
use crate::filter::{Filter, NEEDLE_BYTES_MAX, Place, PropertyValue, Test};
use model::json::Key;
use crate::plan::{self, column};
use crate::table::{self, Part};
use crate::{QueryError, decode};
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
        self.run(move |core| async move { values(&core, table::parts(&store.snapshot(query.project)), &query).await })
            .await
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
        self.run(move |core| async move { custom_event_names(&core, table::parts(&store.snapshot(project))).await })
            .await
    }
}

async fn values(core: &Core, parts: Vec<Part>, query: &ValuesQuery) -> Result<Vec<String>, QueryError> {
    let (column, key) = match &query.subject {
        Subject::Property(key) => (column::PROPERTIES, Some(Key::new(key))),
        Subject::Column(name) => (text_column(name).ok_or_else(|| QueryError::UnknownColumn(name.clone()))?, None),
    };
    let plan = values_plan(core, parts, query, column).map_err(|error| core.failed(error))?;
    let mut best = match query.contains.as_deref() {
        Some(contained) => {
            let contains = Test::search(&[PropertyValue::text(contained)], Place::Anywhere, false)
                .map_err(|_too_large| QueryError::SearchTooLong { limit_bytes: NEEDLE_BYTES_MAX })?;
            Best::Shortest(contains, BTreeSet::new())
        }
        None => Best::MostFrequent(Tally::default()),
    };
    for_each_text(core, &plan, |text| match &key {
        Some(key) => {
            if let Some(value) = key.find(text).and_then(PropertyValue::of) {
                best.add(&value.text);
            }
        }
        None => best.add(text),
    })
    .await?;
    let mut names = Vec::new();
    for raw in best.foremost(VALUES_MAX) {
        match query.subject {
            Subject::Property(_) => render::names(&raw, &mut names),
            Subject::Column(_) => names.push(raw),
        }
    }
    Ok(names)
}

async fn custom_event_names(core: &Core, parts: Vec<Part>) -> Result<Vec<String>, QueryError> {
    let source = table::source(parts, core.settings.threads);
    let plan = LogicalPlanBuilder::scan("events", source, None)
        .and_then(|scan| scan.project([ident(column::EVENT)])?.build())
        .map_err(|error| core.failed(error))?;
    let mut names: BTreeSet<String> = BTreeSet::new();
    for_each_text(core, &plan, |name| {
        let may_enter = names.len() < NAMES_MAX || names.last().is_some_and(|last| name < last.as_str());
        if may_enter && !name.starts_with('$') && !CORE_NAMES.contains(&name) && !names.contains(name) {
            names.insert(name.to_owned());
            if names.len() > NAMES_MAX {
                names.pop_last();
            }
        }
    })
    .await?;
    Ok(names.into_iter().collect())
}

/// The best raw values so far.
enum Best {
    MostFrequent(Tally),
    /// By length in characters, then text.
    Shortest(Test, BTreeSet<(usize, String)>),
}

impl Best {
    fn add(&mut self, text: &str) {
        match self {
            Self::MostFrequent(tally) => tally.add(text),
            Self::Shortest(contains, shortest) => {
                if !contains.accepts(Some(&PropertyValue::text(text))) {
                    return;
                }
                let length = text.chars().count();
                let last = shortest.last();
                if shortest.len() < VALUES_MAX || last.is_some_and(|last| (length, text) < (last.0, &last.1)) {
                    shortest.insert((length, text.to_owned()));
                    if shortest.len() > VALUES_MAX {
                        shortest.pop_last();
                    }
                }
            }
        }
    }

    fn foremost(self, limit: usize) -> Vec<String> {
        match self {
            Self::MostFrequent(tally) => tally.top(limit),
            Self::Shortest(_, shortest) => shortest.into_iter().map(|(_, text)| text).take(limit).collect(),
        }
    }
}

fn values_plan(core: &Core, parts: Vec<Part>, query: &ValuesQuery, column: &str) -> EngineResult<LogicalPlan> {
    let scan = LogicalPlanBuilder::scan("events", table::source(parts, core.settings.threads), None)?;
    let mut conditions = Vec::new();
    conditions.extend(query.from.map(|from| ident(column::TIMESTAMP).gt_eq(plan::timestamp(from))));
    conditions.extend(query.to.map(|to| ident(column::TIMESTAMP).lt_eq(plan::timestamp(to))));
    if !query.event_names.is_empty() {
        let names = query.event_names.iter().map(|name| lit(name.as_str())).collect();
        conditions.push(ident(column::EVENT).in_list(names, false));
    }
    conditions.extend(plan::filter(&query.filter));
    let matching = match plan::all(conditions) {
        Some(condition) => scan.filter(condition)?,
        None => scan,
    };
    matching.project([ident(column)])?.build()
}

/// Calls `visit` with the text of the only column that `plan` yields, for every row that has one.
async fn for_each_text(core: &Core, plan: &LogicalPlan, mut visit: impl FnMut(&str)) -> Result<(), QueryError> {
    let mut batches = core.start(plan).await?;
    while let Some(batch) = batches.try_next().await.map_err(|error| core.failed(error))? {
        let texts = decode::texts(batch.column(0)).map_err(|error| core.failed(error))?;
        texts.iter().flatten().for_each(&mut visit);
    }
    Ok(())
}

/// The stored column that a caller calls `name`.
fn text_column(name: &str) -> Option<&'static str> {
    Some(match name {
        "event" => column::EVENT,
        "distinct_id" => column::DISTINCT_ID,
        "person_id" => column::PERSON_ID,
        "uuid" => column::UUID,
        "elements_chain" => column::ELEMENTS_CHAIN,
        "person_mode" => column::PERSON_MODE,
        "$group_0" => "group_0",
        "$group_1" => "group_1",
        "$group_2" => "group_2",
        "$group_3" => "group_3",
        "$group_4" => "group_4",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
