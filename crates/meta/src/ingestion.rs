//! What ingestion does to metadata, all of a batch in one transaction.

use std::collections::HashMap;

use model::{GROUP_TYPES_MAX, MergeId, PersonMerge, PersonNumber, ProjectId, Sequence, Timestamp, person_uuid};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use uuid::Uuid;

use crate::connection::Meta;
use crate::error::MetaError;
use crate::packed::{Packed, Unpacked};

/// A stored person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// Row id.
    pub id: i64,
    /// The number of its public id.
    pub number: PersonNumber,
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

impl PersonRecord {
    /// What names it.
    #[must_use]
    pub fn key(&self) -> PersonKey {
        PersonKey { row: self.id, uuid: self.uuid, number: self.number }
    }
}

/// What a project wants of its events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IngestionRules {
    /// Whether client addresses are dropped.
    pub anonymize_ips: bool,
    /// Events are dropped when they arrive more seconds than that after they happened; never for none and 0.
    pub drop_older_than_seconds: Option<i64>,
    /// Whether visitors without cookies are taken, under an id that lasts for a day.
    pub takes_cookieless: bool,
    /// IANA name of its time zone.
    pub timezone: String,
}

/// A stored group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRecord {
    /// JSON object.
    pub properties: String,
    /// When it first appeared.
    pub created_at: Timestamp,
}

/// What names a stored person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonKey {
    /// Row id.
    pub row: i64,
    /// Public id.
    pub uuid: Uuid,
    /// The number of its public id.
    pub number: PersonNumber,
}

/// A person to be.
#[derive(Debug, Clone, Copy)]
pub struct NewPerson<'a> {
    /// The one among its distinct ids that its public id is derived from.
    pub primary: &'a str,
    /// All of its distinct ids, which nobody owns.
    pub distinct_ids: &'a [&'a str],
    /// JSON object.
    pub properties: &'a str,
    /// The email in it, to find the person by.
    pub email: Option<&'a str>,
    /// When it first appeared, by event time.
    pub created_at: Timestamp,
    /// Whether it is identified already.
    pub is_identified: bool,
}

/// The person id that a distinct id stands for as long as nobody owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DerivedId {
    /// The id, made of the distinct id alone, unless a person with that distinct id was deleted.
    pub uuid: Uuid,
    /// Its number, if events were stored under it without a person.
    pub number: Option<PersonNumber>,
}

/// A transaction of ingestion.
///
/// Every person id that an event can carry is derived from one distinct id, by [`IngestTx::derived_id`]. It gets its
/// number when it is first used, by an event without a person or by a person that is created under it, and both find the
/// number that the other one took. So an id has one number for ever, and no number has two ids.
#[derive(Debug)]
pub struct IngestTx<'a> {
    tx: &'a Transaction<'a>,
    /// The log records that are being applied.
    batch: (Sequence, Sequence),
    foreign_changes: u64,
    /// Last numbers given out, written back once at the end.
    last_numbers: HashMap<ProjectId, u32>,
}

impl Meta {
    /// Runs `work` in one transaction: all of it is kept, durably, or nothing.
    pub fn ingest<T, E: From<MetaError>>(&self, work: impl FnOnce(&mut IngestTx<'_>) -> Result<T, E>) -> Result<T, E> {
        self.write_for(|tx| {
            let mut ingest = IngestTx {
                tx,
                batch: (Sequence(0), Sequence(0)),
                foreign_changes: self.foreign_changes(),
                last_numbers: HashMap::new(),
            };
            let done = work(&mut ingest)?;
            ingest.save_numbers().map_err(MetaError::from)?;
            Ok(done)
        })
    }
}

/// Applies to persons: the columns of [`PersonRecord`], in order.
const PERSON_COLUMNS: &str = "p.id, p.number, p.uuid, p.properties, p.is_identified, p.created_at, p.version";

fn person_record(row: &Row<'_>) -> rusqlite::Result<PersonRecord> {
    Ok(PersonRecord {
        id: row.get(0)?,
        number: PersonNumber(row.get(1)?),
        uuid: row.get(2)?,
        properties: row.get::<_, Unpacked>(3)?.0,
        is_identified: row.get(4)?,
        created_at: Timestamp::from_micros(row.get(5)?),
        version: row.get(6)?,
    })
}

impl IngestTx<'_> {
    /// For changes of persons that only this crate makes.
    pub(crate) fn transaction(&self) -> &Transaction<'_> {
        self.tx
    }

    /// Counts the changes of persons that were not made by ingestion, since the start. While it stays the same, what
    /// earlier transactions read and wrote is still so.
    #[must_use]
    pub fn foreign_changes(&self) -> u64 {
        self.foreign_changes
    }

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

    /// Creates a person. Its id is the one derived from the primary distinct id, with the number that one has.
    pub fn create_person(&mut self, project: ProjectId, new: &NewPerson<'_>) -> Result<PersonRecord, MetaError> {
        let derived = self.derived_id(project, new.primary)?;
        let number = derived.number.map_or_else(|| self.next_number(project), Ok)?;
        self.tx
            .prepare_cached(
                "INSERT INTO persons (project, number, uuid, properties, email, is_identified, created_at, version)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
            )?
            .execute(params![
                project.0,
                number.0,
                derived.uuid,
                Packed(new.properties),
                new.email,
                new.is_identified,
                new.created_at.as_micros()
            ])?;
        let id = self.tx.last_insert_rowid();
        for distinct_id in new.distinct_ids {
            self.add_distinct_id(project, id, distinct_id)?;
        }
        Ok(PersonRecord {
            id,
            number,
            uuid: derived.uuid,
            properties: new.properties.to_owned(),
            is_identified: new.is_identified,
            created_at: new.created_at,
            version: 0,
        })
    }

    /// Stores what changes about a person all the time. Its email is not looked at: [`IngestTx::update_person_keys`].
    pub fn update_person(
        &mut self,
        id: i64,
        properties: &str,
        is_identified: bool,
        version: i64,
    ) -> Result<(), MetaError> {
        self.tx
            .prepare_cached("UPDATE persons SET properties = $1, is_identified = $2, version = $3 WHERE id = $4")?
            .execute(params![Packed(properties), is_identified, version, id])?;
        Ok(())
    }

    /// Stores what persons are found and ordered by, which seldom changes and costs more.
    pub fn update_person_keys(&mut self, id: i64, email: Option<&str>, created_at: Timestamp) -> Result<(), MetaError> {
        self.tx.prepare_cached("UPDATE persons SET email = $1, created_at = $2 WHERE id = $3")?.execute(params![
            email,
            created_at.as_micros(),
            id
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
        from: PersonKey,
        into: PersonKey,
    ) -> Result<PersonMerge, MetaError> {
        self.tx
            .prepare_cached("UPDATE distinct_ids SET person_id = $1 WHERE person_id = $2")?
            .execute(params![into.row, from.row])?;
        self.tx.prepare_cached("DELETE FROM persons WHERE id = $1")?.execute(params![from.row])?;
        self.add_override(project, (from.uuid, from.number), (into.uuid, into.number))
    }

    /// Makes the person id `from` read as `into` from now on.
    ///
    /// Ids that read as `from` read as `into` as well afterwards. They count as merged anew: they share the id of this
    /// merge and its place in the log. Whoever rewrites every target equal to `from` needs to hear of this merge only.
    pub fn add_override(
        &mut self,
        project: ProjectId,
        from: (Uuid, PersonNumber),
        into: (Uuid, PersonNumber),
    ) -> Result<PersonMerge, MetaError> {
        let id: u64 = self
            .tx
            .prepare_cached("UPDATE positions SET value = value + 1 WHERE name = 'last_merge' RETURNING value")?
            .query_row([], |row| row.get(0))?;
        let ((from, from_number), (into, into_number)) = (from, into);
        let applied = self.batch.1.0;
        self.tx
            .prepare_cached(
                "UPDATE person_overrides SET into_uuid = $1, into_number = $2, id = $3, applied = $4
                 WHERE project = $5 AND into_uuid = $6",
            )?
            .execute(params![into, into_number.0, id, applied, project.0, from])?;
        self.tx
            .prepare_cached("DELETE FROM person_overrides WHERE project = $1 AND from_uuid = $2")?
            .execute(params![project.0, into])?;
        self.tx
            .prepare_cached(
                "INSERT INTO person_overrides (project, from_uuid, from_number, into_uuid, into_number, id, applied, retired)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, FALSE)
                 ON CONFLICT (project, from_uuid) DO UPDATE SET into_uuid = excluded.into_uuid,
                 into_number = excluded.into_number, id = excluded.id, applied = excluded.applied, retired = FALSE",
            )?
            .execute(params![project.0, from, from_number.0, into, into_number.0, id, applied])?;
        Ok(PersonMerge { id: MergeId(id), project, from, from_number, into, into_number })
    }

    /// The person id that `distinct_id` stands for while nobody owns it.
    pub fn derived_id(&mut self, project: ProjectId, distinct_id: &str) -> Result<DerivedId, MetaError> {
        let known: Option<(Option<u32>, u64)> = self
            .tx
            .prepare_cached("SELECT number, generation FROM derived_ids WHERE project = $1 AND distinct_id = $2")?
            .query_row(params![project.0, distinct_id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (number, generation) = known.unwrap_or_default();
        let uuid = match generation {
            0 => person_uuid(project, distinct_id),
            // No distinct id holds a NUL, so this is nobody else's.
            _ => person_uuid(project, &format!("{distinct_id}\0{generation}")),
        };
        Ok(DerivedId { uuid, number: number.map(PersonNumber) })
    }

    /// The person id for an event of `distinct_id`, which nobody owns, that is stored without a person.
    pub fn use_personless(&mut self, project: ProjectId, distinct_id: &str) -> Result<(Uuid, PersonNumber), MetaError> {
        let derived = self.derived_id(project, distinct_id)?;
        if let Some(number) = derived.number {
            return Ok((derived.uuid, number));
        }
        let number = self.next_number(project)?;
        self.tx
            .prepare_cached(
                "INSERT INTO derived_ids (project, distinct_id, number, generation) VALUES ($1, $2, $3, 0)
                 ON CONFLICT (project, distinct_id) DO UPDATE SET number = excluded.number",
            )?
            .execute(params![project.0, distinct_id, number.0])?;
        Ok((derived.uuid, number))
    }

    fn next_number(&mut self, project: ProjectId) -> Result<PersonNumber, MetaError> {
        let last = match self.last_numbers.get(&project) {
            Some(last) => *last,
            None => self
                .tx
                .prepare_cached("SELECT last FROM person_numbers WHERE project = $1")?
                .query_row(params![project.0], |row| row.get(0))
                .optional()?
                .unwrap_or(0),
        };
        let next = last.checked_add(1).ok_or(MetaError::PersonNumbersExhausted(project))?;
        self.last_numbers.insert(project, next);
        Ok(PersonNumber(next))
    }

    fn save_numbers(&self) -> Result<(), rusqlite::Error> {
        for (project, last) in &self.last_numbers {
            self.tx
                .prepare_cached(
                    "INSERT INTO person_numbers (project, last) VALUES ($1, $2)
                     ON CONFLICT (project) DO UPDATE SET last = excluded.last",
                )?
                .execute(params![project.0, last])?;
        }
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

    /// What a project wants of its events.
    pub fn rules(&mut self, project: ProjectId) -> Result<IngestionRules, MetaError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT anonymize_ips, drop_older_than_seconds, cookieless_mode, timezone FROM projects WHERE id = $1",
        )?;
        let rules = statement.query_row(params![project.0], |row| {
            Ok(IngestionRules {
                anonymize_ips: row.get(0)?,
                drop_older_than_seconds: row.get(1)?,
                takes_cookieless: row.get::<_, i64>(2)? != 0,
                timezone: row.get(3)?,
            })
        });
        Ok(rules.optional()?.unwrap_or_default())
    }

    /// The salt of a calendar day, made by `make` when it is first asked for. Those of days up to `forgotten` are gone for ever.
    pub fn cookieless_salt(
        &mut self,
        day: i64,
        forgotten: i64,
        make: impl FnOnce() -> [u8; 16],
    ) -> Result<[u8; 16], MetaError> {
        self.tx.prepare_cached("DELETE FROM cookieless_salts WHERE day <= $1")?.execute(params![forgotten])?;
        let known = self
            .tx
            .prepare_cached("SELECT salt FROM cookieless_salts WHERE day = $1")?
            .query_row(params![day], |row| row.get(0))
            .optional()?;
        if let Some(salt) = known {
            return Ok(salt);
        }
        let salt = make();
        self.tx
            .prepare_cached("INSERT INTO cookieless_salts (day, salt) VALUES ($1, $2)")?
            .execute(params![day, salt])?;
        Ok(salt)
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

    /// Says which log records this transaction applies: comes first, and moves the applied position.
    pub fn begin(&mut self, first: Sequence, last: Sequence) -> Result<(), MetaError> {
        let moved = self
            .tx
            .prepare_cached("UPDATE positions SET value = $1 WHERE name = 'applied' AND value = $2")?
            .execute(params![last.0, first.0 - 1])?;
        assert_eq!(moved, 1, "batches are applied in order, each once");
        self.batch = (first, last);
        Ok(())
    }

    /// Keeps what was resolved for the batch until its rows are sealed.
    pub fn keep_resolved(&mut self, resolved: &[u8]) -> Result<(), MetaError> {
        let (first, last) = self.batch;
        self.tx
            .prepare_cached("INSERT INTO resolved (first, last, blob) VALUES ($1, $2, $3)")?
            .execute(params![first.0, last.0, resolved])?;
        Ok(())
    }
}
