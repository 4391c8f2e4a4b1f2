//! What the store is told to forget, and what may be forgotten about the store: retention, deleted persons, old merges.
//!
//! The store works through these in its own time. Whatever it has not yet rewritten must stay known here, also across a
//! restart that brings rows back from the log. So nothing is forgotten before the flushed position has passed the
//! batches that could still hold it.

use model::{MergeId, PersonMerge, PersonNumber, ProjectId, Timestamp};
use rusqlite::{OptionalExtension as _, Transaction, params};
use uuid::Uuid;

use crate::catalog::{MERGE_COLUMNS, merge};
use crate::connection::Meta;
use crate::error::MetaError;

/// What becomes of the events of a deleted person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonEvents {
    /// They stay, under an id that is nobody's.
    Keep,
    /// They go, also those that came under ids merged into the person.
    Delete,
}

impl Meta {
    /// Ends the merges of a project up to `through`, which the caller has applied to every segment: they are not part of
    /// the catalog any more. Returns those that ended, which are fewer when rows from before a merge may still be in
    /// memory. The old ids still lead to their persons.
    pub fn retire_merges(&self, project: ProjectId, through: MergeId) -> Result<Vec<PersonMerge>, MetaError> {
        self.write(|tx| {
            let sql = format!(
                "UPDATE person_overrides SET retired = TRUE
                 WHERE project = $1 AND id <= $2 AND NOT retired
                 AND applied <= (SELECT value FROM positions WHERE name = 'flushed') RETURNING {MERGE_COLUMNS}"
            );
            let mut statement = tx.prepare_cached(&sql)?;
            let mut retired: Vec<PersonMerge> =
                statement.query_map(params![project.0, through.0], merge)?.collect::<Result<_, _>>()?;
            retired.sort_unstable_by_key(|merge| (merge.id, merge.from_number));
            Ok(retired)
        })
    }

    /// Deletes a person and gives its distinct ids free; false when there is no such person. Events that come later with
    /// one of these ids belong to somebody new, with another id and number.
    pub fn request_person_deletion(
        &self,
        project: ProjectId,
        uuid: Uuid,
        events: PersonEvents,
        now: Timestamp,
    ) -> Result<bool, MetaError> {
        self.write(|tx| {
            let found: Option<(i64, u32)> = tx
                .prepare_cached("SELECT id, number FROM persons WHERE project = $1 AND uuid = $2")?
                .query_row(params![project.0, uuid], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((id, number)) = found else { return Ok(false) };
            release_distinct_ids(tx, id)?;
            tx.prepare_cached("DELETE FROM persons WHERE id = $1")?.execute(params![id])?;
            if events == PersonEvents::Delete {
                tx.prepare_cached(
                    "INSERT INTO deleted_persons (project, number, requested_at, applied)
                     VALUES ($1, $2, $3, (SELECT value FROM positions WHERE name = 'applied'))",
                )?
                .execute(params![project.0, number, now.as_micros()])?;
            }
            self.note_foreign_change();
            Ok(true)
        })
    }

    /// Persons whose events are to be deleted, or are being.
    pub fn deleted_persons(&self) -> Result<Vec<(ProjectId, PersonNumber)>, MetaError> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT project, number FROM deleted_persons ORDER BY project, number")?;
            let persons = statement.query_map([], |row| Ok((ProjectId(row.get(0)?), PersonNumber(row.get(1)?))))?;
            Ok(persons.collect::<Result<_, _>>()?)
        })
    }

    /// Forgets persons whose events are gone from every segment, except those of which rows may still be in memory.
    pub fn forget_deleted_persons(&self, project: ProjectId, numbers: &[PersonNumber]) -> Result<(), MetaError> {
        self.write(|tx| {
            for number in numbers {
                tx.prepare_cached(
                    "DELETE FROM deleted_persons WHERE project = $1 AND number = $2
                     AND applied <= (SELECT value FROM positions WHERE name = 'flushed')",
                )?
                .execute(params![project.0, number.0])?;
            }
            Ok(())
        })
    }

    /// Projects that keep events for a limited time, and for how many days.
    pub fn retention(&self) -> Result<Vec<(ProjectId, u32)>, MetaError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id, retention_days FROM projects WHERE retention_days IS NOT NULL ORDER BY id",
            )?;
            let limits = statement.query_map([], |row| Ok((ProjectId(row.get(0)?), row.get(1)?)))?;
            Ok(limits.collect::<Result<_, _>>()?)
        })
    }

    /// Limits for how many days a project keeps events; none is for ever.
    pub fn set_retention(&self, project: ProjectId, days: Option<u32>) -> Result<(), MetaError> {
        self.write(|tx| {
            tx.prepare_cached("UPDATE projects SET retention_days = $1 WHERE id = $2")?
                .execute(params![days, project.0])?;
            Ok(())
        })
    }
}

/// Gives the distinct ids of a person free. The person ids they stand for are used up: a new generation begins.
fn release_distinct_ids(tx: &Transaction<'_>, person: i64) -> Result<(), MetaError> {
    tx.prepare_cached(
        "INSERT INTO derived_ids (project, distinct_id, number, generation)
         SELECT project, distinct_id, NULL, 1 FROM distinct_ids WHERE person_id = $1
         ON CONFLICT (project, distinct_id) DO UPDATE SET number = NULL, generation = derived_ids.generation + 1",
    )?
    .execute(params![person])?;
    tx.prepare_cached("DELETE FROM distinct_ids WHERE person_id = $1")?.execute(params![person])?;
    Ok(())
}
