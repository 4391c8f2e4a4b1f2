//! What the store is told to forget, and what may be forgotten about the store: retention, deleted persons, old merges.
//!
//! The store works through these in its own time. Whatever it has not yet rewritten must stay known here, also across a
//! restart that brings rows back from the log. So nothing is forgotten before the flushed position has passed the
//! batches that could still hold it.

use model::{MergeId, PersonMerge, PersonNumber, ProjectId, Sequence, Timestamp};
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

/// A person that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletedPerson {
    /// Its public id.
    pub uuid: Uuid,
    /// Its number.
    pub number: PersonNumber,
}

/// The receipt of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonDeletion {
    /// Who was deleted.
    pub person: Uuid,
    /// Whether the events go as well.
    pub deletes_events: bool,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When nothing was left; none while stored files still hold hidden events.
    pub finished_at: Option<Timestamp>,
}

/// Which receipts to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeletionQuery {
    /// Only of this person.
    pub person: Option<Uuid>,
    /// Only finished ones, or only others.
    pub finished: Option<bool>,
    /// Rows at most.
    pub limit: usize,
    /// Rows to skip.
    pub offset: usize,
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

    /// Deletes persons and gives their distinct ids free. Events that come later with one of these ids belong to somebody
    /// new, with another id and number. Returns those that there were; each has a receipt from now on.
    pub fn delete_persons(
        &self,
        project: ProjectId,
        uuids: &[Uuid],
        events: PersonEvents,
        requested_by: Option<i64>,
        now: Timestamp,
    ) -> Result<Vec<DeletedPerson>, MetaError> {
        self.write(|tx| {
            let mut deleted = Vec::new();
            for uuid in uuids {
                deleted.extend(delete_person(tx, project, *uuid, events, requested_by, now)?);
            }
            if !deleted.is_empty() {
                self.note_foreign_change(tx)?;
            }
            Ok(deleted)
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

    /// Forgets persons whose events are gone from every segment, except those of which rows may still be in memory, and
    /// completes their receipts. Returns those that were forgotten.
    ///
    /// `flushed` is the flushed position as it was before the segments were looked at: what was sealed later was not seen.
    pub fn forget_deleted_persons(
        &self,
        project: ProjectId,
        numbers: &[PersonNumber],
        flushed: Sequence,
        now: Timestamp,
    ) -> Result<Vec<PersonNumber>, MetaError> {
        self.write(|tx| {
            let mut forgotten = Vec::new();
            for number in numbers {
                let sql = "DELETE FROM deleted_persons WHERE project = $1 AND number = $2 AND applied <= $3";
                if tx.prepare_cached(sql)?.execute(params![project.0, number.0, flushed.0])? == 0 {
                    continue;
                }
                tx.prepare_cached(
                    "UPDATE person_deletions SET finished_at = $1 WHERE project = $2 AND number = $3 AND finished_at IS NULL",
                )?
                .execute(params![now.as_micros(), project.0, number.0])?;
                forgotten.push(*number);
            }
            Ok(forgotten)
        })
    }

    /// Receipts of deletions, newest first, and whether more follow.
    pub fn person_deletions(
        &self,
        project: ProjectId,
        asked: &DeletionQuery,
    ) -> Result<(Vec<PersonDeletion>, bool), MetaError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT person_uuid, delete_events, requested_at, finished_at FROM person_deletions
                 WHERE project = $1 AND ($2 IS NULL OR person_uuid = $2) AND ($3 IS NULL OR (finished_at IS NOT NULL) = $3)
                 ORDER BY id DESC LIMIT $4 OFFSET $5",
            )?;
            let limit = i64::try_from(asked.limit).unwrap_or(i64::MAX - 1);
            let offset = i64::try_from(asked.offset).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![project.0, asked.person, asked.finished, limit + 1, offset], |row| {
                Ok(PersonDeletion {
                    person: row.get(0)?,
                    deletes_events: row.get(1)?,
                    requested_at: Timestamp::from_micros(row.get(2)?),
                    finished_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_micros),
                })
            })?;
            let mut found: Vec<PersonDeletion> = rows.collect::<Result<_, _>>()?;
            let more = found.len() > asked.limit;
            found.truncate(asked.limit);
            Ok((found, more))
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
}

fn delete_person(
    tx: &Transaction<'_>,
    project: ProjectId,
    uuid: Uuid,
    events: PersonEvents,
    requested_by: Option<i64>,
    now: Timestamp,
) -> Result<Option<DeletedPerson>, MetaError> {
    let found: Option<(i64, u32)> = tx
        .prepare_cached("SELECT id, number FROM persons WHERE project = $1 AND uuid = $2")?
        .query_row(params![project.0, uuid], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, number)) = found else { return Ok(None) };
    release_distinct_ids(tx, id)?;
    tx.prepare_cached("DELETE FROM persons WHERE id = $1")?.execute(params![id])?;
    let deletes = events == PersonEvents::Delete;
    if deletes {
        tx.prepare_cached(
            "INSERT INTO deleted_persons (project, number, requested_at, applied)
             VALUES ($1, $2, $3, (SELECT value FROM positions WHERE name = 'applied'))",
        )?
        .execute(params![project.0, number, now.as_micros()])?;
    }
    // Without events there is nothing left to do.
    let finished_at = (!deletes).then_some(now.as_micros());
    tx.prepare_cached(
        "INSERT INTO person_deletions (project, person_uuid, number, delete_events, requested_by, requested_at, finished_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )?
    .execute(params![project.0, uuid, number, deletes, requested_by, now.as_micros(), finished_at])?;
    Ok(Some(DeletedPerson { uuid, number: PersonNumber(number) }))
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

/// As [`release_distinct_ids`], of one distinct id.
pub(crate) fn release_distinct_id(
    tx: &Transaction<'_>,
    project: ProjectId,
    distinct_id: &str,
) -> Result<(), MetaError> {
    tx.prepare_cached(
        "INSERT INTO derived_ids (project, distinct_id, number, generation) VALUES ($1, $2, NULL, 1)
         ON CONFLICT (project, distinct_id) DO UPDATE SET number = NULL, generation = derived_ids.generation + 1",
    )?
    .execute(params![project.0, distinct_id])?;
    tx.prepare_cached("DELETE FROM distinct_ids WHERE project = $1 AND distinct_id = $2")?
        .execute(params![project.0, distinct_id])?;
    Ok(())
}
