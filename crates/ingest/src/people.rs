//! Persons while a batch is being applied: each is read once, changed in memory, and written once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use meta::{IngestTx, MetaError, NewPerson, PersonRecord};
use model::{PersonMerge, PersonMode, PersonNumber, ProjectId, Properties, Timestamp};
use uuid::Uuid;

use crate::event::{Prepared, Profile};
use crate::identity::{is_illegal, merge_wish};
use crate::person_properties::{Wishes, merged};
use crate::stats::Warning;

/// A personless event this much younger than its person is one that should have had a profile, in microseconds.
const FORCE_UPGRADE_AFTER: i64 = 60_000_000;

/// Who an event belongs to.
pub(crate) struct Owner {
    pub(crate) person_id: Uuid,
    pub(crate) person_number: PersonNumber,
    pub(crate) mode: PersonMode,
    pub(crate) properties: Arc<str>,
}

/// The persons of one batch.
#[derive(Default)]
pub(crate) struct People {
    /// By project and distinct id; none is known to own nothing.
    by_distinct_id: HashMap<(ProjectId, String), Option<usize>>,
    persons: Vec<Person>,
    /// Places of loaded persons by row id.
    by_id: HashMap<i64, usize>,
    merges: Vec<PersonMerge>,
    warnings: Vec<Warning>,
}

struct Person {
    record: PersonRecord,
    properties: Properties<'static>,
    /// JSON of `properties`, made when first needed after a change.
    json: Option<Arc<str>>,
    changed: bool,
    merged_away: bool,
}

impl Person {
    fn new(record: PersonRecord) -> Result<Self, MetaError> {
        let properties =
            Properties::parse(&record.properties).map_err(|_| MetaError::Unreadable("person"))?.into_owned();
        Ok(Self { record, properties, json: None, changed: false, merged_away: false })
    }

    fn identify(&mut self) {
        self.changed |= !self.record.is_identified;
        self.record.is_identified = true;
    }

    fn apply(&mut self, event: &str, wishes: &Wishes<'_>) {
        if wishes.apply(event, &mut self.properties) {
            self.changed = true;
            self.json = None;
        }
    }

    /// The properties as of an event: the person's, overlaid by what the event itself sets.
    fn snapshot(&mut self, wishes: &Wishes<'_>) -> Arc<str> {
        let json = Arc::clone(self.json.get_or_insert_with(|| self.properties.to_json().into()));
        let differs = |(key, value): (&str, &serde_json::value::RawValue)| {
            self.properties.get(key).is_none_or(|current| current.get() != value.get())
        };
        if !wishes.set.iter().any(differs) {
            return json;
        }
        let mut overlaid = self.properties.clone();
        for (key, value) in wishes.set.iter() {
            overlaid.set(key.to_owned(), Cow::Owned(value.to_owned()));
        }
        overlaid.to_json().into()
    }
}

impl People {
    /// Finds or makes the person of an event and lets the event change it.
    pub(crate) fn resolve(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        prepared: &Prepared<'_>,
    ) -> Result<Owner, MetaError> {
        let event = &prepared.event;
        let known = self.find(tx, project, &event.distinct_id)?;
        let personless = match prepared.profile {
            Profile::Personless => true,
            Profile::IfExists => known.is_none(),
            Profile::Full => false,
        };
        if personless {
            return self.personless(tx, project, &event.distinct_id, event.timestamp, known);
        }
        let at = match merge_wish(&event.name, &event.properties) {
            Some(wish) if wish.source != event.distinct_id => {
                self.merge(tx, project, prepared, &wish.source, wish.even_if_identified)?
            }
            _ => self.find_or_create(tx, project, prepared)?,
        };
        let person = &mut self.persons[at];
        Ok(Owner {
            person_id: person.record.uuid,
            person_number: person.record.number,
            mode: PersonMode::Full,
            properties: person.snapshot(&prepared.wishes),
        })
    }

    fn personless(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        distinct_id: &str,
        timestamp: Timestamp,
        known: Option<usize>,
    ) -> Result<Owner, MetaError> {
        let properties = Arc::from("{}");
        if let Some(at) = known {
            let record = &self.persons[at].record;
            let late = timestamp.as_micros() > record.created_at.as_micros().saturating_add(FORCE_UPGRADE_AFTER);
            let mode = if late { PersonMode::ForceUpgrade } else { PersonMode::Propertyless };
            return Ok(Owner { person_id: record.uuid, person_number: record.number, mode, properties });
        }
        let (person_id, person_number) = tx.use_personless(project, distinct_id)?;
        Ok(Owner { person_id, person_number, mode: PersonMode::Propertyless, properties })
    }

    fn find_or_create(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        prepared: &Prepared<'_>,
    ) -> Result<usize, MetaError> {
        let event = &prepared.event;
        match self.find(tx, project, &event.distinct_id)? {
            Some(at) => {
                self.persons[at].apply(&event.name, &prepared.wishes);
                Ok(at)
            }
            None => self.create(tx, project, prepared, &event.distinct_id, false, &[&event.distinct_id]),
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
    ) -> Result<usize, MetaError> {
        let event = &prepared.event;
        let target = event.distinct_id.as_str();
        if is_illegal(source) || is_illegal(target) {
            self.warnings.push(Warning::IllegalDistinctId);
            return self.find_or_create(tx, project, prepared);
        }
        let at = match (self.find(tx, project, source)?, self.find(tx, project, target)?) {
            (None, None) => return self.create_both(tx, project, prepared, source),
            (Some(at), None) => {
                self.attach(tx, project, at, target)?;
                at
            }
            (None, Some(at)) => {
                self.attach(tx, project, at, source)?;
                at
            }
            (Some(from), Some(into)) if from != into => {
                if self.persons[from].record.is_identified && !even_if_identified {
                    self.warnings.push(Warning::AlreadyIdentified);
                } else {
                    self.merge_persons(tx, project, from, into)?;
                }
                into
            }
            (Some(at), Some(_)) => at,
        };
        self.persons[at].identify();
        self.persons[at].apply(&event.name, &prepared.wishes);
        Ok(at)
    }

    fn create_both(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        prepared: &Prepared<'_>,
        source: &str,
    ) -> Result<usize, MetaError> {
        let target = prepared.event.distinct_id.as_str();
        let of_source = tx.derived_id(project, source)?;
        let target_used = tx.derived_id(project, target)?.number.is_some();
        let primary = if of_source.number.is_some() && !target_used { source } else { target };
        let at = self.create(tx, project, prepared, primary, true, &[target, source])?;
        if let Some(number) = of_source.number.filter(|_| primary == target) {
            self.merges.push(tx.add_override(project, (of_source.uuid, number), &self.persons[at].record)?);
        }
        Ok(at)
    }

    fn attach(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        at: usize,
        distinct_id: &str,
    ) -> Result<(), MetaError> {
        let record = &self.persons[at].record;
        tx.add_distinct_id(project, record.id, distinct_id)?;
        let derived = tx.derived_id(project, distinct_id)?;
        if let Some(number) = derived.number.filter(|_| derived.uuid != record.uuid) {
            self.merges.push(tx.add_override(project, (derived.uuid, number), record)?);
        }
        self.by_distinct_id.insert((project, distinct_id.to_owned()), Some(at));
        Ok(())
    }

    fn merge_persons(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        from: usize,
        into: usize,
    ) -> Result<(), MetaError> {
        let (source, target) = (&self.persons[from], &self.persons[into]);
        self.merges.push(tx.merge_persons(project, &source.record, &target.record)?);
        let properties = merged(&source.properties, &target.properties);
        let created_at = source.record.created_at.min(target.record.created_at);
        let version = source.record.version.max(target.record.version);
        let survivor = &mut self.persons[into];
        survivor.properties = properties;
        survivor.json = None;
        survivor.record.created_at = created_at;
        survivor.record.version = version;
        survivor.changed = true;
        self.persons[from].merged_away = true;
        for owner in self.by_distinct_id.values_mut().filter(|owner| **owner == Some(from)) {
            *owner = Some(into);
        }
        Ok(())
    }

    fn find(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        distinct_id: &str,
    ) -> Result<Option<usize>, MetaError> {
        let key = (project, distinct_id.to_owned());
        if let Some(known) = self.by_distinct_id.get(&key) {
            return Ok(*known);
        }
        let found = match tx.person_by_distinct_id(project, distinct_id)? {
            None => None,
            Some(record) => match self.by_id.get(&record.id) {
                Some(at) => Some(*at),
                None => Some(self.load(record)?),
            },
        };
        self.by_distinct_id.insert(key, found);
        Ok(found)
    }

    fn create(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        prepared: &Prepared<'_>,
        primary: &str,
        is_identified: bool,
        distinct_ids: &[&str],
    ) -> Result<usize, MetaError> {
        let properties = prepared.wishes.created(prepared.event.uuid).to_json();
        let created_at = prepared.event.timestamp;
        let new = NewPerson { primary, distinct_ids, properties: &properties, created_at, is_identified };
        let record = tx.create_person(project, &new)?;
        let at = self.load(record)?;
        for distinct_id in distinct_ids {
            self.by_distinct_id.insert((project, (*distinct_id).to_owned()), Some(at));
        }
        Ok(at)
    }

    fn load(&mut self, record: PersonRecord) -> Result<usize, MetaError> {
        let at = self.persons.len();
        self.by_id.insert(record.id, at);
        self.persons.push(Person::new(record)?);
        Ok(at)
    }

    /// Writes every changed person, and hands over what happened.
    pub(crate) fn finish(self, tx: &mut IngestTx<'_>) -> Result<(Vec<PersonMerge>, Vec<Warning>), MetaError> {
        for mut person in self.persons {
            if person.changed && !person.merged_away {
                person.record.properties = person.properties.to_json();
                person.record.version += 1;
                tx.update_person(&person.record)?;
            }
        }
        Ok((self.merges, self.warnings))
    }
}

#[cfg(test)]
mod tests;
