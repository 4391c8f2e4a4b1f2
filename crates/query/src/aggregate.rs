//! Groups events and measures each group: trends, breakdowns, sums, quantiles.
//!
//! Counting events and persons is what most insights do all day, so it has an operator of its own ([`tally`]), which
//! answers from statistics where they suffice and works on dictionary codes and person numbers everywhere else. Other
//! measures are a plan of the query engine ([`plan`]).

mod plan;
mod tally;

use std::sync::Arc;

use model::ProjectId;

use crate::QueryError;
use crate::engine::Engine;
use crate::scan::Conditions;

/// What to measure, of which events, in which groups.
#[derive(Debug, Clone)]
pub struct Aggregation {
    /// Whose events.
    pub project: ProjectId,
    /// Which events.
    pub conditions: Conditions,
    /// What makes groups; none makes one group of all events.
    pub groups: Vec<Group>,
    /// What is measured of each group.
    pub measures: Vec<Measure>,
}

/// What events are grouped by.
#[derive(Debug, Clone, PartialEq)]
pub enum Group {
    /// The event name.
    Event,
    /// Intervals of time.
    Interval(Interval),
    /// The text of a property.
    Property(String),
}

/// Intervals of the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Length in microseconds.
    pub length: i64,
    /// Some instant at which an interval begins, microseconds since 1970.
    pub origin: i64,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// Number of events.
    Count,
    /// Number of different persons, merges applied.
    Persons,
    /// Sum of a property's numbers.
    Sum(String),
    /// Mean of a property's numbers.
    Average(String),
    /// Exact quantile of a property's numbers, interpolated between neighbours: 0.5 is the median.
    Quantile(String, f64),
}

/// One group and its measures.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateRow {
    /// In the order of the groups asked for.
    pub groups: Vec<GroupValue>,
    /// In the order of the measures asked for.
    pub measures: Vec<MeasureValue>,
}

/// What a group's events have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupValue {
    /// Start of the interval, microseconds since 1970.
    Interval(i64),
    /// Event name, or the property's text; none where it is missing.
    Text(Option<String>),
}

/// A measure of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MeasureValue {
    /// Of events or persons.
    Count(u64),
    /// None when no event of the group has a number.
    Number(Option<f64>),
}

impl Interval {
    /// UTC days.
    pub const DAY: Self = Self { length: model::Day::MICROS, origin: 0 };
    /// UTC weeks from Monday: 1970 began on a Thursday.
    pub const WEEK: Self = Self { length: 7 * model::Day::MICROS, origin: 4 * model::Day::MICROS };

    /// Which interval `at` is in, counted from the one that begins at the origin.
    #[must_use]
    pub fn number(self, at: i64) -> i64 {
        at.saturating_sub(self.origin).div_euclid(self.length)
    }

    /// When interval `number` begins.
    #[must_use]
    pub fn start(self, number: i64) -> i64 {
        number.saturating_mul(self.length).saturating_add(self.origin)
    }
}

impl Engine {
    /// Measures groups of events, from one snapshot of the store; groups in ascending order.
    ///
    /// Cost: counts by event and interval come from statistics where intervals are whole hours and nothing else is asked;
    /// everything else reads only the columns it needs of the parts that can hold its events. Memory: one entry per group,
    /// and a bitmap of persons where they are counted.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = aggregation.project.0))]
    pub async fn aggregate(&self, aggregation: Aggregation) -> Result<Vec<AggregateRow>, QueryError> {
        let store = Arc::clone(&self.store);
        self.run(move |core| async move {
            let snapshot = store.snapshot(aggregation.project);
            let counts = |measure: &Measure| matches!(measure, Measure::Count | Measure::Persons);
            let mut rows = if aggregation.measures.iter().all(counts) {
                tally::rows(&core, &snapshot, aggregation).await?
            } else {
                plan::rows(&core, snapshot, &aggregation).await?
            };
            rows.sort_unstable_by(|a, b| a.groups.cmp(&b.groups));
            Ok(rows)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
