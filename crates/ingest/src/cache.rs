//! What is remembered of persons from batch to batch: who owns a distinct id, and what its person looks like.
//!
//! Persons are written by ingestion alone, in transactions that commit before the next one begins, so what was read once
//! stays true. Three things end that: a transaction that fails takes everything with it ([`Cache::forget`]), a change
//! made by somebody else is noticed at the begin of the next batch, and whatever was not used for longest goes when there
//! is too much. During a batch nothing goes, for persons that are not yet written live here too.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use meta::{IngestTx, MetaError, PersonKey, PersonRecord};
use model::{PersonNumber, ProjectId, Timestamp};
use uuid::Uuid;

use crate::stored::StoredProperties;

type Map<K, V> = HashMap<K, V, RandomState>;

/// What an entry costs besides the text in it.
const ENTRY_BYTES: usize = 96;

#[derive(Debug)]
pub(crate) struct Cache {
    bytes_max: usize,
    /// About as many bytes are remembered: counted as they come, so never too few.
    bytes: usize,
    /// As of the last batch.
    foreign_changes: Option<u64>,
    /// Counts batches, to know what was not used for long.
    now: u32,
    projects: Map<ProjectId, Project>,
}

#[derive(Debug, Default)]
struct Project {
    owners: Map<Box<str>, Owner>,
    /// Row ids would not do: that of a deleted person may be given again.
    persons: Map<PersonNumber, Person>,
}

/// Who a distinct id belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The person with this number.
    Person(PersonNumber),
    /// Nobody, as of the given batch. Its events get this person id, if any came.
    Nobody { used: u32, personless: Option<(Uuid, PersonNumber)> },
}

#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) key: PersonKey,
    pub(crate) is_identified: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) version: i64,
    pub(crate) properties: Arc<StoredProperties>,
    /// What it is found and ordered by as the database has it, once one of them may differ.
    pub(crate) stored_keys: Option<(Option<String>, Timestamp)>,
    /// Whether the database is behind.
    pub(crate) changed: bool,
    /// The person it is part of now.
    pub(crate) merged_into: Option<PersonNumber>,
    used: u32,
    counted_bytes: usize,
}

impl Person {
    fn new(record: &PersonRecord, properties: StoredProperties, used: u32) -> Self {
        Self {
            key: record.key(),
            is_identified: record.is_identified,
            created_at: record.created_at,
            version: record.version,
            properties: Arc::new(properties),
            stored_keys: None,
            changed: false,
            merged_into: None,
            used,
            counted_bytes: 0,
        }
    }

    pub(crate) fn email(&self) -> Option<String> {
        self.properties.get_str("email").map(std::borrow::Cow::into_owned)
    }

    /// Remembers what the person is found by, before something changes it.
    pub(crate) fn note_keys(&mut self) {
        if self.stored_keys.is_none() {
            self.stored_keys = Some((self.email(), self.created_at));
        }
    }

    fn bytes(&self) -> usize {
        ENTRY_BYTES + size_of::<Self>() + self.properties.bytes()
    }
}

impl Cache {
    /// Remembers about `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, foreign_changes: None, now: 0, projects: Map::default() }
    }

    /// Forgets everything: what is remembered may not be so.
    pub(crate) fn forget(&mut self) {
        self.projects.clear();
        self.bytes = 0;
    }

    /// A batch begins.
    pub(crate) fn begin(&mut self, foreign_changes: u64) {
        if self.foreign_changes != Some(foreign_changes) || self.now == u32::MAX {
            self.forget();
            self.foreign_changes = Some(foreign_changes);
            self.now = 0;
        }
        self.now += 1;
    }

    /// Who owns a distinct id. The person is loaded then, and is not one that was merged away.
    pub(crate) fn owner(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        distinct_id: &str,
    ) -> Result<Owner, MetaError> {
        let Project { owners, persons } = self.projects.entry(project).or_default();
        match owners.get_mut(distinct_id) {
            Some(Owner::Person(number)) => {
                *number = survivor(persons, *number);
                let number = *number;
                self.person(project, number).used = self.now;
                return Ok(Owner::Person(number));
            }
            Some(Owner::Nobody { used, personless }) => {
                *used = self.now;
                return Ok(Owner::Nobody { used: self.now, personless: *personless });
            }
            None => {}
        }
        let owner = match tx.person_by_distinct_id(project, distinct_id)? {
            None => Owner::Nobody { used: self.now, personless: None },
            Some(record) => Owner::Person(self.load(project, &record)?),
        };
        self.give(project, distinct_id, owner);
        Ok(owner)
    }

    /// Remembers a person as it is in the database, unless it is known better.
    fn load(&mut self, project: ProjectId, record: &PersonRecord) -> Result<PersonNumber, MetaError> {
        let persons = &mut self.projects.entry(project).or_default().persons;
        if let Some(known) = persons.get_mut(&record.number) {
            known.used = self.now;
        } else {
            let properties = StoredProperties::parse(&record.properties).ok_or(MetaError::Unreadable("person"))?;
            self.put(project, record, properties);
        }
        Ok(record.number)
    }

    /// Remembers a person that was not known.
    pub(crate) fn put(&mut self, project: ProjectId, record: &PersonRecord, properties: StoredProperties) {
        let person = Person::new(record, properties, self.now);
        self.projects.entry(project).or_default().persons.insert(record.number, person);
        self.count(project, record.number);
    }

    /// Remembers who owns a distinct id from now on.
    pub(crate) fn give(&mut self, project: ProjectId, distinct_id: &str, owner: Owner) {
        let owners = &mut self.projects.entry(project).or_default().owners;
        match owners.get_mut(distinct_id) {
            Some(known) => *known = owner,
            None => {
                owners.insert(distinct_id.into(), owner);
                self.bytes += ENTRY_BYTES + distinct_id.len();
            }
        }
    }

    /// Remembers under which person id events of a distinct id come that nobody owns.
    pub(crate) fn use_personless(&mut self, project: ProjectId, distinct_id: &str, derived: (Uuid, PersonNumber)) {
        self.give(project, distinct_id, Owner::Nobody { used: self.now, personless: Some(derived) });
    }

    /// A person that [`Cache::owner`] named in this batch.
    pub(crate) fn person(&mut self, project: ProjectId, number: PersonNumber) -> &mut Person {
        let persons = self.projects.get_mut(&project).and_then(|project| project.persons.get_mut(&number));
        persons.expect("persons stay in the cache while a batch uses them")
    }

    /// Takes account of a person that has grown.
    pub(crate) fn count(&mut self, project: ProjectId, number: PersonNumber) {
        let person = self.person(project, number);
        let bytes = person.bytes();
        let grown = bytes.saturating_sub(person.counted_bytes);
        person.counted_bytes = bytes;
        self.bytes += grown;
    }

    /// A batch was committed, and every changed person with it: makes room if needed.
    pub(crate) fn end(&mut self) {
        if self.bytes <= self.bytes_max {
            return;
        }
        let used = self.projects.values().flat_map(Project::used);
        let mut age = self.now - used.min().unwrap_or(self.now);
        self.bytes = self.measured_bytes();
        while self.bytes > self.bytes_max / 4 * 3 {
            // The older half of the remaining ages at a time; the last round forgets all.
            age /= 2;
            let oldest = self.now - age;
            self.projects.values_mut().for_each(|project| project.retain(|used| used > oldest));
            self.projects.retain(|_, project| !project.owners.is_empty());
            self.bytes = self.measured_bytes();
            if age == 0 {
                break;
            }
        }
    }

    fn measured_bytes(&self) -> usize {
        self.projects.values().map(Project::bytes).sum()
    }
}

impl Project {
    /// The batches in which anything here was used last.
    fn used(&self) -> impl Iterator<Item = u32> {
        let nobodies = self.owners.values().filter_map(|owner| match owner {
            Owner::Nobody { used, .. } => Some(*used),
            Owner::Person(_) => None,
        });
        nobodies.chain(self.persons.values().map(|person| person.used))
    }

    fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        let Self { owners, persons } = self;
        owners.retain(|_, owner| match owner {
            Owner::Nobody { used, .. } => keep(*used),
            Owner::Person(number) => {
                *number = survivor(persons, *number);
                persons.get(number).is_some_and(|person| keep(person.used))
            }
        });
        persons.retain(|_, person| person.merged_into.is_none() && keep(person.used));
        owners.shrink_to_fit();
        persons.shrink_to_fit();
    }

    fn bytes(&self) -> usize {
        let ids = self.owners.keys().map(|id| ENTRY_BYTES + id.len());
        ids.sum::<usize>() + self.persons.values().map(Person::bytes).sum::<usize>()
    }
}

/// The person that `number` is part of by now.
fn survivor(persons: &Map<PersonNumber, Person>, mut number: PersonNumber) -> PersonNumber {
    while let Some(into) = persons.get(&number).and_then(|person| person.merged_into) {
        number = into;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: ProjectId = ProjectId(1);

    fn fill(cache: &mut Cache, from: u32, to: u32) {
        cache.begin(0);
        for number in (from..to).map(PersonNumber) {
            let uuid = Uuid::from_u128(number.0.into());
            let record = PersonRecord {
                id: number.0.into(),
                number,
                uuid,
                properties: String::new(),
                is_identified: false,
                created_at: Timestamp::from_micros(0),
                version: 0,
            };
            let properties = StoredProperties::parse(&format!(r#"{{"k":"{}"}}"#, "x".repeat(500))).unwrap();
            cache.put(PROJECT, &record, properties);
            cache.give(PROJECT, &format!("id-{}", number.0), Owner::Person(number));
            cache.use_personless(PROJECT, &format!("quiet-{}", number.0), (uuid, number));
        }
        cache.end();
    }

    fn known(cache: &Cache) -> Vec<u32> {
        let persons = cache.projects.values().flat_map(|project| project.persons.keys().map(|number| number.0));
        let mut known: Vec<u32> = persons.collect();
        known.sort_unstable();
        known
    }

    #[test]
    fn there_is_never_much_more_than_allowed_and_what_was_used_last_stays() {
        let mut cache = Cache::new(100_000);
        for batch in 0..200 {
            fill(&mut cache, batch * 5, batch * 5 + 5);
            assert!(cache.bytes <= 100_000 && cache.measured_bytes() <= cache.bytes, "batch {batch}");
            let known = known(&cache);
            assert!(known.ends_with(&[batch * 5, batch * 5 + 1, batch * 5 + 2, batch * 5 + 3, batch * 5 + 4]));
            let ids: usize = cache.projects.values().map(|project| project.owners.len()).sum();
            assert_eq!(ids, known.len() * 2, "ids go with their persons");
        }
        assert!(known(&cache).len() > 50);
        fill(&mut cache, 2_000, 3_000);
        assert!(known(&cache).is_empty(), "one batch that is too large is not kept at all");
    }

    #[test]
    fn a_foreign_change_ends_everything() {
        let mut cache = Cache::new(1 << 20);
        fill(&mut cache, 0, 5);
        cache.begin(0);
        assert_eq!(known(&cache).len(), 5);
        cache.begin(1);
        assert_eq!((known(&cache).len(), cache.bytes), (0, 0));
    }
}
