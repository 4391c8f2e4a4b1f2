//! Persons while a batch is being applied: each is read once, changed in memory, and written once.

use std::sync::Arc;

use meta::{IngestTx, MetaError, NewPerson};
use model::{CapturedEvent, PersonMerge, PersonMode, PersonNumber, ProjectId, Properties, Timestamp};
use uuid::Uuid;

use crate::cache::{Cache, Owner, Person};
use crate::event::{Prepared, Profile};
use crate::identity::{is_illegal, merge_wish};
use crate::person_properties::{Wishes, merged};
use crate::report::details;
use crate::stats::Warning;
use crate::stored::StoredProperties;

/// A personless event this much younger than its person is one that should have had a profile, in microseconds.
const FORCE_UPGRADE_AFTER: i64 = 60_000_000;

/// Largest properties of a person, in bytes of JSON.
const PERSON_BYTES_MAX: usize = 512 << 10;

/// Who an event belongs to.
pub(crate) struct Attribution {
    pub(crate) person_id: Uuid,
    pub(crate) person_number: PersonNumber,
    pub(crate) mode: PersonMode,
    pub(crate) person: Arc<StoredProperties>,
}

/// The persons of one batch.
pub(crate) struct People<'a> {
    cache: &'a mut Cache,
    /// Those the database does not know as they are now.
    changed: Vec<(ProjectId, PersonNumber)>,
    merges: Vec<PersonMerge>,
    /// About the event that is being resolved, with what they tell.
    warnings: Vec<(Warning, String)>,
    /// What events without a profile know of their person.
    nothing: Arc<StoredProperties>,
}

impl<'a> People<'a> {
    /// `cache` must be told of the end of the batch, and to forget everything if the transaction does not commit.
    pub(crate) fn new(tx: &IngestTx<'_>, cache: &'a mut Cache) -> Self {
        cache.begin(tx.foreign_changes());
        Self {
            cache,
            changed: Vec::new(),
            merges: Vec::new(),
            warnings: Vec::new(),
            nothing: Arc::new(StoredProperties::of(&Properties::new())),
        }
    }

    /// Finds or makes the person of an event and lets the event change it.
    pub(crate) fn resolve(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        prepared: &Prepared<'_>,
    ) -> Result<Attribution, MetaError> {
        let event = &prepared.event;
        let owner = self.cache.owner(tx, project, &event.distinct_id)?;
        let personless = match prepared.profile {
            Profile::Personless => true,
            Profile::IfExists => matches!(owner, Owner::Nobody { .. }),
            Profile::Full => false,
        };
        if personless {
            return self.personless(tx, project, &event.distinct_id, event.timestamp, owner);
        }
        let number = match merge_wish(&event.name, &event.properties) {
            Some(wish) if wish.source != event.distinct_id => {
                self.merge(tx, project, prepared, &wish.source, wish.even_if_identified)?
            }
            _ => self.change_or_create(tx, project, prepared, owner)?,
        };
        let person = self.cache.person(project, number);
        Ok(Attribution {
            person_id: person.key.uuid,
            person_number: number,
            mode: PersonMode::Full,
            person: Arc::clone(&person.properties),
        })
    }

    fn personless(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        distinct_id: &str,
        timestamp: Timestamp,
        owner: Owner,
    ) -> Result<Attribution, MetaError> {
        let (person_id, person_number, mode) = match owner {
            Owner::Person(number) => {
                let person = self.cache.person(project, number);
                let late = timestamp.as_micros() > person.created_at.as_micros().saturating_add(FORCE_UPGRADE_AFTER);
                let mode = if late { PersonMode::ForceUpgrade } else { PersonMode::Propertyless };
                (person.key.uuid, number, mode)
            }
            Owner::Nobody { personless: Some((id, number)), .. } => (id, number, PersonMode::Propertyless),
            Owner::Nobody { personless: None, .. } => {
                let (id, number) = tx.use_personless(project, distinct_id)?;
                self.cache.use_personless(project, distinct_id, (id, number));
                (id, number, PersonMode::Propertyless)
            }
        };
        Ok(Attribution { person_id, person_number, mode, person: Arc::clone(&self.nothing) })
    }

    fn change_or_create(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        prepared: &Prepared<'_>,
        owner: Owner,
    ) -> Result<PersonNumber, MetaError> {
        let event = &prepared.event;
        match owner {
            Owner::Person(number) => {
                self.apply(project, number, prepared);
                Ok(number)
            }
            Owner::Nobody { .. } => {
                self.create(tx, project, prepared, &event.distinct_id, false, &[&event.distinct_id])
            }
        }
    }

    /// Makes `source` and the event's distinct id one person, where the rules allow it.
    fn merge(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        prepared: &Prepared<'_>,
        source: &str,
        even_if_identified: bool,
    ) -> Result<PersonNumber, MetaError> {
        let event = &prepared.event;
        let target = event.distinct_id.as_str();
        let of_target = self.cache.owner(tx, project, target)?;
        if is_illegal(source) || is_illegal(target) {
            self.warn_of_merge(Warning::IllegalDistinctId, event, source);
            return self.change_or_create(tx, project, prepared, of_target);
        }
        let number = match (self.cache.owner(tx, project, source)?, of_target) {
            (Owner::Nobody { .. }, Owner::Nobody { .. }) => return self.create_both(tx, project, prepared, source),
            (Owner::Person(number), Owner::Nobody { .. }) => {
                self.attach(tx, project, number, target)?;
                number
            }
            (Owner::Nobody { .. }, Owner::Person(number)) => {
                self.attach(tx, project, number, source)?;
                number
            }
            (Owner::Person(from), Owner::Person(into)) if from != into => {
                if self.cache.person(project, from).is_identified && !even_if_identified {
                    self.warn_of_merge(Warning::AlreadyIdentified, event, source);
                } else {
                    self.merge_persons(tx, project, event, from, into)?;
                }
                into
            }
            (Owner::Person(number), Owner::Person(_)) => number,
        };
        if !self.cache.person(project, number).is_identified {
            self.change(project, number).is_identified = true;
        }
        self.apply(project, number, prepared);
        Ok(number)
    }

    fn create_both(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        prepared: &Prepared<'_>,
        source: &str,
    ) -> Result<PersonNumber, MetaError> {
        let target = prepared.event.distinct_id.as_str();
        let of_source = tx.derived_id(project, source)?;
        let target_used = tx.derived_id(project, target)?.number.is_some();
        let primary = if of_source.number.is_some() && !target_used { source } else { target };
        let number = self.create(tx, project, prepared, primary, true, &[target, source])?;
        if let Some(of_source) = of_source.number.filter(|_| primary == target).map(|n| (of_source.uuid, n)) {
            let person = self.cache.person(project, number);
            self.merges.push(tx.add_override(project, of_source, (person.key.uuid, number))?);
        }
        Ok(number)
    }

    fn attach(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        number: PersonNumber,
        distinct_id: &str,
    ) -> Result<(), MetaError> {
        let person = self.cache.person(project, number);
        tx.add_distinct_id(project, person.key.row, distinct_id)?;
        let derived = tx.derived_id(project, distinct_id)?;
        if let Some(used) = derived.number.filter(|_| derived.uuid != person.key.uuid) {
            self.merges.push(tx.add_override(project, (derived.uuid, used), (person.key.uuid, number))?);
        }
        self.cache.give(project, distinct_id, Owner::Person(number));
        Ok(())
    }

    fn merge_persons(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        event: &CapturedEvent<'_>,
        from: PersonNumber,
        into: PersonNumber,
    ) -> Result<(), MetaError> {
        let source = self.cache.person(project, from);
        source.merged_into = Some(into);
        let source = source.clone();
        let survivor = self.change(project, into);
        survivor.note_keys();
        let properties = merged(&source.properties, &survivor.properties);
        let too_large = is_too_large(&properties, &survivor.properties);
        if !too_large {
            survivor.properties = Arc::new(properties);
        }
        survivor.created_at = source.created_at.min(survivor.created_at);
        survivor.version = source.version.max(survivor.version);
        let merge = tx.merge_persons(project, source.key, survivor.key)?;
        self.merges.push(merge);
        if too_large {
            self.warnings.push((Warning::PersonTooLarge, details(event, &[])));
        }
        Ok(())
    }

    fn create(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        prepared: &Prepared<'_>,
        primary: &str,
        is_identified: bool,
        distinct_ids: &[&str],
    ) -> Result<PersonNumber, MetaError> {
        let mut properties = prepared.wishes.created(prepared.event.uuid);
        if properties.text().len() > PERSON_BYTES_MAX {
            properties = Wishes::default().created(prepared.event.uuid);
            self.warnings.push((Warning::PersonTooLarge, details(&prepared.event, &[])));
        }
        let email = properties.get_str("email");
        let record = tx.create_person(
            project,
            &NewPerson {
                primary,
                distinct_ids,
                properties: properties.text(),
                email: email.as_deref(),
                created_at: prepared.event.timestamp,
                is_identified,
            },
        )?;
        drop(email);
        let number = record.number;
        self.cache.put(project, &record, properties);
        for distinct_id in distinct_ids {
            self.cache.give(project, distinct_id, Owner::Person(number));
        }
        Ok(number)
    }

    fn apply(&mut self, project: ProjectId, number: PersonNumber, prepared: &Prepared<'_>) {
        let Prepared { event, wishes, .. } = prepared;
        let person = self.cache.person(project, number);
        let Some(properties) = wishes.apply(&event.name, &person.properties) else { return };
        if is_too_large(&properties, &person.properties) {
            self.warnings.push((Warning::PersonTooLarge, details(event, &[])));
            return;
        }
        if wishes.concern("email") {
            person.note_keys();
        }
        self.change(project, number).properties = Arc::new(properties);
    }

    /// A person that is to be written at the end of the batch.
    fn change(&mut self, project: ProjectId, number: PersonNumber) -> &mut Person {
        let person = self.cache.person(project, number);
        if !person.changed {
            person.changed = true;
            self.changed.push((project, number));
        }
        person
    }

    fn warn_of_merge(&mut self, warning: Warning, event: &CapturedEvent<'_>, source: &str) {
        let details =
            details(event, &[("sourcePersonDistinctId", source), ("targetPersonDistinctId", &event.distinct_id)]);
        self.warnings.push((warning, details));
    }

    /// What was odd about the event that was resolved last, with what it tells.
    pub(crate) fn take_warnings(&mut self) -> Vec<(Warning, String)> {
        std::mem::take(&mut self.warnings)
    }

    /// Writes every changed person, and hands over what happened.
    pub(crate) fn finish(self, tx: &mut IngestTx<'_>) -> Result<Vec<PersonMerge>, MetaError> {
        let mut changed = self.changed;
        // Rows next to each other are written one after the other.
        changed.sort_by_cached_key(|(project, number)| self.cache.person(*project, *number).key.row);
        for (project, number) in changed {
            let person = self.cache.person(project, number);
            person.changed = false;
            if person.merged_into.is_some() {
                continue;
            }
            person.version += 1;
            tx.update_person(person.key.row, person.properties.text(), person.is_identified, person.version)?;
            if let Some(stored) = person.stored_keys.take() {
                let keys = (person.email(), person.created_at);
                if keys != stored {
                    tx.update_person_keys(person.key.row, keys.0.as_deref(), keys.1)?;
                }
            }
            self.cache.count(project, number);
        }
        Ok(self.merges)
    }
}

/// Whether a person would grow beyond its limit. One that is beyond it already may still shrink.
fn is_too_large(properties: &StoredProperties, before: &StoredProperties) -> bool {
    let bytes = properties.text().len();
    bytes > PERSON_BYTES_MAX && bytes > before.text().len()
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
