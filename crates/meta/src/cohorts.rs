//! Cohorts: named sets of persons, given one by one or by a definition, and who is in them.
//!
//! Members are a bitmap of person numbers that this crate does not look into. A definition has a version, and members know
//! which version they were calculated for, so that an answer of an old definition never passes for one of the new.

use model::{ProjectId, Sequence, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::connection::Meta;
use crate::error::MetaError;

/// A cohort without its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    /// Row id.
    pub id: i64,
    /// Whose.
    pub project: ProjectId,
    /// Display name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The definition as the API has it: a JSON object.
    pub filters: String,
    /// The definition in its older form: a JSON list.
    pub groups: String,
    /// Whether members were given one by one.
    pub is_static: bool,
    /// Whether it was deleted.
    pub deleted: bool,
    /// User who made it.
    pub created_by: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Grows with every change of the definition.
    pub version: i64,
    /// Members when last calculated.
    pub count: Option<u64>,
    /// The version they were calculated for.
    pub calculated_version: Option<i64>,
    /// When that was.
    pub calculated_at: Option<Timestamp>,
    /// Events up to here were taken into account.
    pub calculated_through: Sequence,
    /// Changes of persons other than by events, as far as they were taken into account.
    pub calculated_changes: u64,
    /// Calculations that failed in a row.
    pub errors: i64,
    /// Why the last one failed.
    pub last_error: Option<String>,
}

/// A cohort to be, or what becomes of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCohort {
    /// Display name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The definition as the API has it: a JSON object.
    pub filters: String,
    /// The definition in its older form: a JSON list.
    pub groups: String,
    /// Whether members are given one by one.
    pub is_static: bool,
    /// Whether it is deleted.
    pub deleted: bool,
}

/// A calculated membership.
#[derive(Debug, Clone)]
pub struct CohortMembers {
    /// Bitmap of person numbers.
    pub bitmap: Vec<u8>,
    /// How many there are.
    pub count: u64,
    /// Version of the definition.
    pub version: i64,
    /// Events up to here were taken into account.
    pub through: Sequence,
    /// And so many other changes of persons.
    pub changes: u64,
}

const COLUMNS: &str =
    "id, project, name, description, filters, groups, is_static, deleted, created_by, created_at, version,
     member_count, calculated_version, calculated_at, calculated_through, calculated_changes, errors, last_error";

fn cohort(row: &Row<'_>) -> rusqlite::Result<Cohort> {
    Ok(Cohort {
        id: row.get(0)?,
        project: ProjectId(row.get(1)?),
        name: row.get(2)?,
        description: row.get(3)?,
        filters: row.get(4)?,
        groups: row.get(5)?,
        is_static: row.get(6)?,
        deleted: row.get(7)?,
        created_by: row.get(8)?,
        created_at: Timestamp::from_micros(row.get(9)?),
        version: row.get(10)?,
        count: row.get(11)?,
        calculated_version: row.get(12)?,
        calculated_at: row.get::<_, Option<i64>>(13)?.map(Timestamp::from_micros),
        calculated_through: Sequence(row.get(14)?),
        calculated_changes: row.get(15)?,
        errors: row.get(16)?,
        last_error: row.get(17)?,
    })
}

impl Meta {
    /// Creates a cohort without members.
    pub fn create_cohort(
        &self,
        project: ProjectId,
        new: &NewCohort,
        created_by: Option<i64>,
        now: Timestamp,
    ) -> Result<Cohort, MetaError> {
        self.write(|tx| {
            let sql = format!(
                "INSERT INTO cohorts (project, name, description, filters, groups, is_static, deleted, created_by, created_at,
                 version, calculated_through, calculated_changes, errors)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, 0, 0, 0) RETURNING {COLUMNS}"
            );
            let values = params![
                project.0,
                new.name,
                new.description,
                new.filters,
                new.groups,
                new.is_static,
                new.deleted,
                created_by,
                now.as_micros()
            ];
            Ok(tx.prepare_cached(&sql)?.query_row(values, cohort)?)
        })
    }

    /// Stores a changed cohort; its version grows when the definition is another one. None when there is no such cohort.
    pub fn update_cohort(&self, project: ProjectId, id: i64, new: &NewCohort) -> Result<Option<Cohort>, MetaError> {
        self.write(|tx| {
            let sql = format!(
                "UPDATE cohorts SET version = version + CASE WHEN filters <> $1 OR groups <> $2 THEN 1 ELSE 0 END, name = $3, description = $4,
                 filters = $1, groups = $2, deleted = $5 WHERE project = $6 AND id = $7 RETURNING {COLUMNS}"
            );
            let values =
                params![new.filters, new.groups, new.name, new.description, new.deleted, project.0, id];
            Ok(tx.prepare_cached(&sql)?.query_row(values, cohort).optional()?)
        })
    }

    /// A cohort, also a deleted one.
    pub fn cohort(&self, project: ProjectId, id: i64) -> Result<Option<Cohort>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM cohorts WHERE project = $1 AND id = $2");
            Ok(c.prepare_cached(&sql)?.query_row(params![project.0, id], cohort).optional()?)
        })
    }

    /// Cohorts that are not deleted, newest first.
    pub fn cohorts(&self, project: ProjectId) -> Result<Vec<Cohort>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM cohorts WHERE project = $1 AND NOT deleted ORDER BY id DESC");
            Ok(c.prepare_cached(&sql)?.query_map(params![project.0], cohort)?.collect::<Result<_, _>>()?)
        })
    }

    /// Cohorts of every project whose members may be out of date: they have a definition, or may hold persons that were
    /// merged or deleted since.
    pub fn all_cohorts(&self) -> Result<Vec<Cohort>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM cohorts WHERE NOT deleted ORDER BY project, id");
            Ok(c.prepare_cached(&sql)?.query_map([], cohort)?.collect::<Result<_, _>>()?)
        })
    }

    /// The bitmap of members as last calculated.
    pub fn cohort_members(&self, project: ProjectId, id: i64) -> Result<Option<Vec<u8>>, MetaError> {
        self.read(|c| members(c, project, id))
    }

    /// Stores calculated members, unless those of a later version are there already.
    pub fn save_cohort_members(
        &self,
        project: ProjectId,
        id: i64,
        members: &CohortMembers,
        now: Timestamp,
    ) -> Result<(), MetaError> {
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE cohorts SET members = $1, member_count = $2, calculated_version = $3, calculated_at = $4,
                 calculated_through = $5, calculated_changes = $6, errors = 0, last_error = NULL
                 WHERE project = $7 AND id = $8 AND (calculated_version IS NULL OR calculated_version <= $3)",
            )?
            .execute(params![
                members.bitmap,
                members.count,
                members.version,
                now.as_micros(),
                members.through.0,
                members.changes,
                project.0,
                id
            ])?;
            Ok(())
        })
    }

    /// Changes the members of a static cohort in one step.
    pub fn change_cohort_members<E: From<MetaError>>(
        &self,
        project: ProjectId,
        id: i64,
        now: Timestamp,
        change: impl FnOnce(Option<Vec<u8>>) -> Result<(Vec<u8>, u64), E>,
    ) -> Result<(), E> {
        self.write_for(|tx| {
            let before = members(tx, project, id)?;
            let (bitmap, count) = change(before)?;
            tx.prepare_cached(
                "UPDATE cohorts SET members = $1, member_count = $2, calculated_version = version, calculated_at = $3
                 WHERE project = $4 AND id = $5",
            )
            .and_then(|mut update| update.execute(params![bitmap, count, now.as_micros(), project.0, id]))
            .map_err(MetaError::from)?;
            Ok(())
        })
    }

    /// Notes that a calculation failed, and why.
    pub fn note_cohort_error(&self, project: ProjectId, id: i64, error: &str) -> Result<(), MetaError> {
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE cohorts SET errors = errors + 1, last_error = $1 WHERE project = $2 AND id = $3",
            )?
            .execute(params![error, project.0, id])?;
            Ok(())
        })
    }
}

fn members(connection: &Connection, project: ProjectId, id: i64) -> Result<Option<Vec<u8>>, MetaError> {
    let mut statement = connection.prepare_cached("SELECT members FROM cohorts WHERE project = $1 AND id = $2")?;
    Ok(statement.query_row(params![project.0, id], |row| row.get(0)).optional()?.flatten())
}
