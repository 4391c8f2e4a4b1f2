//! Taking a person apart: each of its distinct ids becomes a person of its own again.

use model::{ProjectId, Timestamp};
use rusqlite::params;
use uuid::Uuid;

use crate::connection::Meta;
use crate::error::MetaError;
use crate::ingestion::NewPerson;
use crate::upkeep::release_distinct_id;

/// What a split did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Every distinct id but one has a new person now; this many.
    Done {
        /// Persons that were created.
        persons: usize,
    },
    /// There is no such person.
    NoPerson,
    /// The distinct id that was to be kept is not one of the person's.
    NotItsId,
}

impl Meta {
    /// Leaves a person only `main` of its distinct ids, or its oldest one; each of the others gets a new person without
    /// properties, with an id that nobody had before. Events stay with the person that they were stored under.
    ///
    /// When no distinct id is named, nobody can tell whose the properties are, and the person loses them as well.
    pub fn split_person(
        &self,
        project: ProjectId,
        uuid: Uuid,
        main: Option<&str>,
        now: Timestamp,
    ) -> Result<Split, MetaError> {
        let person = self.person_by_uuid(project, uuid)?;
        let Some(person) = person else { return Ok(Split::NoPerson) };
        let kept = match main {
            Some(main) if !person.distinct_ids.iter().any(|id| id == main) => return Ok(Split::NotItsId),
            Some(main) => Some(main),
            None => person.distinct_ids.first().map(String::as_str),
        };
        let done = self.ingest(|tx| {
            let mut persons = 0;
            for distinct_id in person.distinct_ids.iter().filter(|id| Some(id.as_str()) != kept) {
                let owner = tx.person_by_distinct_id(project, distinct_id)?;
                // Ingestion may have moved it since we looked.
                if owner.is_none_or(|owner| owner.id != person.id) {
                    continue;
                }
                release_distinct_id(tx.transaction(), project, distinct_id)?;
                let new = NewPerson {
                    primary: distinct_id,
                    distinct_ids: &[distinct_id],
                    properties: "{}",
                    email: None,
                    created_at: now,
                    is_identified: false,
                };
                tx.create_person(project, &new)?;
                persons += 1;
            }
            if main.is_none() && persons > 0 {
                let sql = "UPDATE persons SET properties = '{}', email = NULL, version = version + 1 WHERE id = $1";
                tx.transaction().prepare_cached(sql)?.execute(params![person.id])?;
            }
            self.note_foreign_change(tx.transaction())?;
            Ok::<_, MetaError>(persons)
        })?;
        Ok(Split::Done { persons: done })
    }
}
