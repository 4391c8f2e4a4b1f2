//! What ingestion does to metadata, all of a batch in one transaction.

use model::{GROUP_TYPES_MAX, PersonMerge, ProjectId, Properties, Sequence, Timestamp};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use uuid::Uuid;

use crate::connection::Meta;
use crate::error::MetaError;

/// A stored person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// Row id.
    pub id: i64,
    /// Public id.
    pub uuid: Uuid,
    /// JSON object.
    pub properties: String,
    /// Whether it was ever identified or merged.
    pub is_identified: bool,
    /// When it first appeared, by event time.
    pub created_at: Timestamp,
    /// Grows with every change.
    pub version: i64,
}

/// A stored group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRecord {
    /// JSON object.
    pub properties: String,
    /// When it first appeared.
    pub created_at: Timestamp,
}

/// A transaction of ingestion.
#[derive(Debug)]
pub struct IngestTx<'a> {
    tx: &'a Transaction<'a>,
}

impl Meta {
    /// Runs `work` in one transaction: all of it is kept, durably, or nothing.
    pub fn ingest<T, E: From<MetaError>>(&self, work: impl FnOnce(&mut IngestTx<'_>) -> Result<T, E>) -> Result<T, E> {
        struct Either<E>(E);
        impl<E: From<MetaError>> From<rusqlite::Error> for Either<E> {
            fn from(error: rusqlite::Error) -> Self {
                Self(MetaError::from(error).into())
            }
        }
        self.write(|tx| work(&mut IngestTx { tx }).map_err(Either)).map_err(|either| either.0)
    }
}

/// Applies to persons: the columns of [`PersonRecord`], in order.
const PERSON_COLUMNS: &str = "p.id, p.uuid, p.properties, p.is_identified, p.created_at, p.version";

fn person_record(row: &Row<'_>) -> rusqlite::Result<PersonRecord> {
    Ok(PersonRecord {
        id: row.get(0)?,
        uuid: row.get(1)?,
        properties: row.get(2)?,
        is_identified: row.get(3)?,
        created_at: Timestamp::from_micros(row.get(4)?),
        version: row.get(5)?,
    })
}

impl IngestTx<'_> {
    /// The person that owns `distinct_id`.
    pub fn person_by_distinct_id(
        &mut self,
        project: ProjectId,
        distinct_id: &str,
    ) -> Result<Option<PersonRecord>, MetaError> {
        let sql = format!(
            "SELECT {PERSON_COLUMNS} FROM distinct_ids d JOIN persons p ON p.id = d.person_id
             WHERE d.project = $1 AND d.distinct_id = $2"
        );
        Ok(self.tx.prepare_cached(&sql)?.query_row(params![project.0, distinct_id], person_record).optional()?)
    }

    /// Creates a person that owns `distinct_ids`.
    pub fn create_person(
        &mut self,
        project: ProjectId,
        uuid: Uuid,
        properties: &str,
        created_at: Timestamp,
        is_identified: bool,
        distinct_ids: &[&str],
    ) -> Result<PersonRecord, MetaError> {
        let number: i64 = self
            .tx
            .prepare_cached(
                "INSERT INTO person_numbers (project, last) VALUES ($1, 1)
                 ON CONFLICT (project) DO UPDATE SET last = person_numbers.last + 1 RETURNING last",
            )?
            .query_row(params![project.0], |row| row.get(0))?;
        let id: i64 = self
            .tx
            .prepare_cached(
                "INSERT INTO persons (project, number, uuid, properties, email, is_identified, created_at, version)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 0) RETURNING id",
            )?
            .query_row(
                params![
                    project.0,
                    number,
                    uuid,
                    properties,
                    email_of(properties),
                    is_identified,
                    created_at.as_micros()
                ],
                |row| row.get(0),
            )?;
        for distinct_id in distinct_ids {
            self.add_distinct_id(project, id, distinct_id)?;
        }
        Ok(PersonRecord { id, uuid, properties: properties.to_owned(), is_identified, created_at, version: 0 })
    }

    /// Stores everything of `person` but its uuid.
    pub fn update_person(&mut self, person: &PersonRecord) -> Result<(), MetaError> {
        self.tx
            .prepare_cached(
                "UPDATE persons SET properties = $1, email = $2, is_identified = $3, created_at = $4, version = $5 WHERE id = $6",
            )?
            .execute(params![
                person.properties,
                email_of(&person.properties),
                person.is_identified,
                person.created_at.as_micros(),
                person.version,
                person.id
            ])?;
        Ok(())
    }

    /// Gives `distinct_id`, which nobody owns, to a person.
    pub fn add_distinct_id(&mut self, project: ProjectId, person: i64, distinct_id: &str) -> Result<(), MetaError> {
        self.tx
            .prepare_cached("INSERT INTO distinct_ids (project, distinct_id, person_id) VALUES ($1, $2, $3)")?
            .execute(params![project.0, distinct_id, person])?;
        Ok(())
    }

    /// Moves every distinct id of `from` to `into`, deletes `from`, and makes its id read as `into`.
    pub fn merge_persons(
        &mut self,
        project: ProjectId,
        from: &PersonRecord,
        into: &PersonRecord,
    ) -> Result<PersonMerge, MetaError> {
        self.tx
            .prepare_cached("UPDATE distinct_ids SET person_id = $1 WHERE person_id = $2")?
            .execute(params![into.id, from.id])?;
        self.tx.prepare_cached("DELETE FROM persons WHERE id = $1")?.execute(params![from.id])?;
        self.add_override(project, from.uuid, into.uuid)
    }

    /// Makes the person id `from` read as `into` from now on.
    pub fn add_override(&mut self, project: ProjectId, from: Uuid, into: Uuid) -> Result<PersonMerge, MetaError> {
        self.tx
            .prepare_cached("UPDATE person_overrides SET into_uuid = $1 WHERE project = $2 AND into_uuid = $3")?
            .execute(params![into, project.0, from])?;
        self.tx
            .prepare_cached("DELETE FROM person_overrides WHERE project = $1 AND from_uuid = $2")?
            .execute(params![project.0, into])?;
        self.tx
            .prepare_cached(
                "INSERT INTO person_overrides (project, from_uuid, into_uuid) VALUES ($1, $2, $3)
                 ON CONFLICT (project, from_uuid) DO UPDATE SET into_uuid = excluded.into_uuid",
            )?
            .execute(params![project.0, from, into])?;
        Ok(PersonMerge { project, from, into })
    }

    /// Whether events of `distinct_id` were stored without a person.
    pub fn was_personless(&mut self, project: ProjectId, distinct_id: &str) -> Result<bool, MetaError> {
        let mut statement =
            self.tx.prepare_cached("SELECT 1 FROM personless WHERE project = $1 AND distinct_id = $2")?;
        Ok(statement.exists(params![project.0, distinct_id])?)
    }

    /// Remembers that events of `distinct_id` were stored without a person.
    pub fn mark_personless(&mut self, project: ProjectId, distinct_id: &str) -> Result<(), MetaError> {
        self.tx
            .prepare_cached("INSERT INTO personless (project, distinct_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")?
            .execute(params![project.0, distinct_id])?;
        Ok(())
    }

    /// The index of a group type, assigned at first sight; none when the project has five others.
    pub fn group_type_index(
        &mut self,
        project: ProjectId,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<usize>, MetaError> {
        let known = self
            .tx
            .prepare_cached("SELECT type_index FROM group_types WHERE project = $1 AND name = $2")?
            .query_row(params![project.0, name], |row| row.get::<_, usize>(0))
            .optional()?;
        if known.is_some() {
            return Ok(known);
        }
        let next: usize = self
            .tx
            .prepare_cached("SELECT COUNT(*) FROM group_types WHERE project = $1")?
            .query_row(params![project.0], |row| row.get(0))?;
        if next >= GROUP_TYPES_MAX {
            return Ok(None);
        }
        self.tx
            .prepare_cached("INSERT INTO group_types (project, name, type_index, created_at) VALUES ($1, $2, $3, $4)")?
            .execute(params![project.0, name, next, now.as_micros()])?;
        Ok(Some(next))
    }

    /// Whether the project drops client addresses.
    pub fn anonymizes_ips(&mut self, project: ProjectId) -> Result<bool, MetaError> {
        let mut statement = self.tx.prepare_cached("SELECT anonymize_ips FROM projects WHERE id = $1")?;
        Ok(statement.query_row(params![project.0], |row| row.get(0)).optional()?.unwrap_or(false))
    }

    /// A stored group.
    pub fn group(&mut self, project: ProjectId, index: usize, key: &str) -> Result<Option<GroupRecord>, MetaError> {
        Ok(self
            .tx
            .prepare_cached(
                "SELECT properties, created_at FROM groups WHERE project = $1 AND type_index = $2 AND key = $3",
            )?
            .query_row(params![project.0, index, key], |row| {
                Ok(GroupRecord { properties: row.get(0)?, created_at: Timestamp::from_micros(row.get(1)?) })
            })
            .optional()?)
    }

    /// Creates or replaces a group.
    pub fn save_group(
        &mut self,
        project: ProjectId,
        index: usize,
        key: &str,
        group: &GroupRecord,
    ) -> Result<(), MetaError> {
        self.tx
            .prepare_cached(
                "INSERT INTO groups (project, type_index, key, properties, created_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (project, type_index, key) DO UPDATE SET properties = excluded.properties",
            )?
            .execute(params![project.0, index, key, group.properties, group.created_at.as_micros()])?;
        Ok(())
    }

    /// Moves the applied position, keeping what was resolved for the batch until its rows are sealed.
    pub fn applied(&mut self, first: Sequence, through: Sequence, resolved: &[u8]) -> Result<(), MetaError> {
        let moved = self
            .tx
            .prepare_cached("UPDATE positions SET value = $1 WHERE name = 'applied' AND value = $2")?
            .execute(params![through.0, first.0 - 1])?;
        assert_eq!(moved, 1, "batches are applied in order, each once");
        self.tx
            .prepare_cached("INSERT INTO resolved (first, last, blob) VALUES ($1, $2, $3)")?
            .execute(params![first.0, through.0, resolved])?;
        Ok(())
    }
}

/// The email property, to find persons by.
fn email_of(properties: &str) -> Option<String> {
    let properties = Properties::parse(properties).ok()?;
    properties.get_str("email").map(std::borrow::Cow::into_owned)
}
