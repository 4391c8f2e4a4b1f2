//! How often each person did something: what behavioural cohorts are made of.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::UInt32Type;
use model::ProjectId;
use store::{Column, Part};

use crate::QueryError;
use crate::engine::Engine;
use crate::scan::{self, Cancelled, Conditions, Narrowed};

/// Events counted by person.
#[derive(Debug, Clone, Default)]
pub struct PersonCounts(Vec<u32>);

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

    fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(person, events)| self.add(person, events));
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
        let store = Arc::clone(&self.store);
        self.run(move |core| async move {
            let snapshot = store.snapshot(project);
            let asked = Narrowed::new(conditions, &snapshot);
            let memory = core.reserve("persons");
            let parts = snapshot.parts().to_vec();
            let states = scan::each(
                core.settings.threads,
                parts,
                Cancelled::default(),
                move |counts: &mut PersonCounts, part: &Part| {
                    if !asked.may_be_in(part)? {
                        return Ok(());
                    }
                    for chunk in part.chunks()? {
                        let rows = scan::narrow(&chunk, &asked)?;
                        if rows.is_empty() {
                            continue;
                        }
                        let numbers = chunk.read(&[Column::PersonNumber], &rows)?.remove(0);
                        for number in numbers.as_primitive::<UInt32Type>().values() {
                            counts.add(*number, 1);
                        }
                    }
                    Ok(())
                },
            );
            let mut all = PersonCounts::default();
            for counts in states.await? {
                all.merge(&counts);
                memory.try_resize(all.0.len() * size_of::<u32>()).map_err(|error| core.failed(error))?;
            }
            Ok(all)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
