//! How often and when each person did something: what behavioural cohorts are made of.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{TimestampMicrosecondType, UInt32Type};
use model::ProjectId;
use store::{Column, Part};

use crate::QueryError;
use crate::engine::Engine;
use crate::scan::{self, Cancelled, Conditions, Narrowed};

/// Events counted by person.
#[derive(Debug, Clone, Default)]
pub struct PersonCounts(Vec<u32>);

/// Instants of events by person, in order of person and time.
#[derive(Debug, Clone, Default)]
pub struct PersonTimes(Vec<(u32, i64)>);

impl PersonCounts {
    /// Events of the person with this number.
    #[must_use]
    pub fn of(&self, person: u32) -> u32 {
        self.0.get(person as usize).copied().unwrap_or(0)
    }

    /// Numbers of the persons with events, and how many, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..).zip(self.0.iter().copied()).filter(|(_, count)| *count > 0)
    }

    fn add(&mut self, person: u32, events: u32) {
        let at = person as usize;
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        self.0[at] = self.0[at].saturating_add(events);
    }
}

impl PersonTimes {
    /// What the persons did of which this or `other` tells.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self.0.sort_unstable();
        self
    }

    /// Numbers of the persons who did this, and after that, up to `end` of its instant, what `next` tells of; by number.
    /// Instants are in microseconds. What happened at the same instant came neither before nor after.
    #[must_use]
    pub fn followed_by(&self, next: &Self, end: impl Fn(i64) -> i64) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::new();
        for &(person, at) in &self.0 {
            if found.last() == Some(&person) {
                continue;
            }
            let after = next.0.partition_point(|known| *known <= (person, at));
            if next.0.get(after).is_some_and(|&(who, when)| who == person && when <= end(at)) {
                found.push(person);
            }
        }
        found
    }
}

impl Engine {
    /// Counts the events for which `conditions` hold by person, merges applied, from one snapshot of the store.
    ///
    /// Cost: the columns that the conditions need, and person numbers. Memory: 4 bytes for each number up to the highest.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = project.0))]
    pub async fn person_counts(&self, project: ProjectId, conditions: Conditions) -> Result<PersonCounts, QueryError> {
        self.by_person(project, conditions).await
    }

    /// Collects when the events happened for which `conditions` hold, by person, as [`Engine::person_counts`] counts them.
    ///
    /// Memory: 16 bytes for each such event.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = project.0))]
    pub async fn person_times(&self, project: ProjectId, conditions: Conditions) -> Result<PersonTimes, QueryError> {
        Ok(self.by_person::<PersonTimes>(project, conditions).await?.or(PersonTimes::default()))
    }

    async fn by_person<Kept: ByPerson>(&self, project: ProjectId, conditions: Conditions) -> Result<Kept, QueryError> {
        let store = Arc::clone(&self.store);
        self.run(move |core| async move {
            let snapshot = store.snapshot(project);
            let asked = Narrowed::new(conditions, &snapshot);
            let memory = core.reserve("persons");
            let parts = snapshot.parts().to_vec();
            let states =
                scan::each(core.settings.threads, parts, Cancelled::default(), move |kept: &mut Kept, part: &Part| {
                    if !asked.may_be_in(part)? {
                        return Ok(());
                    }
                    for chunk in part.chunks()? {
                        let rows = scan::narrow(&chunk, &asked)?;
                        if !rows.is_empty() {
                            kept.add_rows(&chunk.read(Kept::COLUMNS, &rows)?);
                        }
                    }
                    Ok(())
                });
            let mut all = Kept::default();
            for kept in states.await? {
                all.merge(kept);
                memory.try_resize(all.bytes()).map_err(|error| core.failed(error))?;
            }
            Ok(all)
        })
        .await
    }
}

/// What is kept of events, by person.
trait ByPerson: Default + Send + 'static {
    /// The columns it is made of, person numbers first.
    const COLUMNS: &'static [Column];

    fn add_rows(&mut self, columns: &[ArrayRef]);
    fn merge(&mut self, other: Self);
    fn bytes(&self) -> usize;
}

impl ByPerson for PersonCounts {
    const COLUMNS: &'static [Column] = &[Column::PersonNumber];

    fn add_rows(&mut self, columns: &[ArrayRef]) {
        for number in columns[0].as_primitive::<UInt32Type>().values() {
            self.add(*number, 1);
        }
    }

    fn merge(&mut self, other: Self) {
        other.iter().for_each(|(person, events)| self.add(person, events));
    }

    fn bytes(&self) -> usize {
        self.0.len() * size_of::<u32>()
    }
}

impl ByPerson for PersonTimes {
    const COLUMNS: &'static [Column] = &[Column::PersonNumber, Column::Timestamp];

    fn add_rows(&mut self, columns: &[ArrayRef]) {
        let persons = columns[0].as_primitive::<UInt32Type>().values();
        let times = columns[1].as_primitive::<TimestampMicrosecondType>().values();
        self.0.extend(persons.iter().copied().zip(times.iter().copied()));
    }

    fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn bytes(&self) -> usize {
        self.0.len() * size_of::<(u32, i64)>()
    }
}

#[cfg(test)]
mod tests;
