//! Keeps the lists of events and properties up to date while events arrive, in the transaction that stores them.
//!
//! Nearly every event looks like one that came before: same name, same keys, values of the same kinds. Such a look is
//! remembered as one number for the hour, and costs a hash of the keys. Only an event that looks new is taken apart; its keys are
//! remembered by number too, for looks differ mostly in which of a few keys are there. Only what is new is written:
//! definitions that are not there, a type for one that had none, and once an hour that it was
//! seen.

mod kind;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::{FixedState, RandomState};
use meta::{IngestTx, MetaError, PropertyKind, PropertyType};
use model::{CapturedEvent, ProjectId, Properties, Timestamp};

use self::kind::type_of;
use crate::event::Prepared;

const HOUR_MICROS: i64 = 3_600_000_000;
/// Longer names, in bytes, have no definition.
const NAME_BYTES_MAX: usize = 200;
/// A project has no more definitions of events, and no more of properties: names that are made up by the thousand are no
/// names that anybody could look through.
const EVENTS_MAX: usize = 20_000;
const PROPERTIES_MAX: usize = 50_000;
/// Looks and definitions that are remembered, over all projects.
const REMEMBERED_MAX: usize = 400_000;
/// What no list of properties shows.
const HIDDEN: [&str; 13] = [
    "$set",
    "$set_once",
    "$unset",
    "$groups",
    "$group_0",
    "$group_1",
    "$group_2",
    "$group_3",
    "$group_4",
    "$elements",
    "$elements_chain",
    "$process_person_profile",
    "$heatmap_data",
];

/// What is known to be defined, as of some hour.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    /// As of the last batch.
    foreign_changes: Option<u64>,
    hour: i64,
    projects: HashMap<ProjectId, Known>,
}

#[derive(Debug, Default)]
struct Known {
    looks: HashSet<u64, RandomState>,
    /// Keys of events and of persons that nothing is to be written for.
    keys: HashSet<u64, RandomState>,
    events: HashMap<Box<str>, Event, RandomState>,
    properties: HashMap<(PropertyKind, Box<str>), Property, RandomState>,
    /// How many definitions the database holds, of events and of properties.
    counts: Option<(usize, usize)>,
}

#[derive(Debug)]
struct Event {
    id: i64,
    /// Properties it is known to have, by the row of their definition.
    properties: HashSet<i64, RandomState>,
}

#[derive(Debug, Clone, Copy)]
struct Property {
    id: i64,
    has_type: bool,
}

/// Whether everything that should be defined is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    All,
    /// The project has as many definitions as it may have.
    Full,
}

impl Definitions {
    /// A batch begins. What somebody else has changed, such as a definition that was deleted, may be news again.
    pub(crate) fn begin(&mut self, foreign_changes: u64) {
        if self.foreign_changes != Some(foreign_changes) {
            self.forget();
            self.foreign_changes = Some(foreign_changes);
        }
    }

    pub(crate) fn forget(&mut self) {
        self.projects.clear();
    }

    /// A batch was committed: makes room if needed.
    pub(crate) fn end(&mut self) {
        let size = |known: &Known| {
            let pairs: usize = known.events.values().map(|event| event.properties.len()).sum();
            known.looks.len() + known.keys.len() + known.events.len() + known.properties.len() + pairs
        };
        if self.projects.values().map(size).sum::<usize>() > REMEMBERED_MAX {
            self.forget();
        }
    }

    /// Takes note of an event. `group` is the index of the group type a `$groupidentify` is about.
    pub(crate) fn note(
        &mut self,
        tx: &mut IngestTx<'_>,
        project: ProjectId,
        received: Timestamp,
        prepared: &Prepared<'_>,
        group: Option<usize>,
    ) -> Result<Noted, MetaError> {
        let hour = received.as_micros().div_euclid(HOUR_MICROS);
        if hour != self.hour {
            // Everything is seen anew: a later hour is written, an earlier one changes nothing.
            self.hour = hour;
            self.forget();
        }
        let known = self.projects.entry(project).or_default();
        let look = look(prepared, group);
        if known.looks.contains(&look) {
            return Ok(Noted::All);
        }
        let mut writer = Writer { tx, project, at: Timestamp::from_micros(hour * HOUR_MICROS), received, known };
        let noted = writer.note(prepared, group)?;
        known.looks.insert(look);
        Ok(noted)
    }
}

/// One number for everything that decides which definitions an event calls for.
fn look(prepared: &Prepared<'_>, group: Option<usize>) -> u64 {
    let mut hash = FixedState::with_seed(0).build_hasher();
    let mut key = |key: &str, value: &str| {
        hash.write(key.as_bytes());
        hash.write_u8(look_of_value(value));
    };
    prepared.event.properties.iter().for_each(|(name, value)| key(name, value));
    prepared.wishes.own().for_each(|(name, value)| key(name, value));
    if let Some(set) = group_set(&prepared.event) {
        set.iter().for_each(|(name, value)| key(name, value));
    }
    hash.write_u8(group.map_or(0xfe, |index| u8::try_from(index).unwrap_or(u8::MAX)));
    hash.write(prepared.event.name.as_bytes());
    hash.finish()
}

/// No byte of a text, so that it ends the key before it.
///
/// Types are told by the value too, so that the first character of a text is not enough; but a text without type stays a
/// text, and the first type sticks. What matters is whether there is any.
fn look_of_value(value: &str) -> u8 {
    match value.as_bytes().first() {
        Some(b'{') => 0xfa,
        Some(b'[') => 0xfb,
        Some(b'n') => 0xfc,
        _ => 0xfd,
    }
}

/// One number for a property of the events called `event`, or of persons.
fn look_of_key(event: Option<&str>, key: &str, value: &str) -> u64 {
    let mut hash = FixedState::with_seed(1).build_hasher();
    hash.write(key.as_bytes());
    hash.write_u8(look_of_value(value));
    hash.write(event.unwrap_or_default().as_bytes());
    hash.finish()
}

fn group_set<'e>(event: &'e CapturedEvent<'_>) -> Option<Properties<'e>> {
    if event.name != "$groupidentify" {
        return None;
    }
    Properties::parse(event.properties.get("$group_set")?).ok()
}

/// Writes what is news about one event.
struct Writer<'w, 't> {
    tx: &'w mut IngestTx<'t>,
    project: ProjectId,
    /// The begin of the hour.
    at: Timestamp,
    received: Timestamp,
    known: &'w mut Known,
}

impl Writer<'_, '_> {
    fn note(&mut self, prepared: &Prepared<'_>, group: Option<usize>) -> Result<Noted, MetaError> {
        let name = &*prepared.event.name;
        if name == "$$plugin_metrics" || name.len() > NAME_BYTES_MAX {
            return Ok(Noted::All);
        }
        if !self.event(name)? {
            return Ok(Noted::Full);
        }
        let mut noted = Noted::All;
        if let Some(set) = group_set(&prepared.event) {
            let Some(kind) = group.and_then(PropertyKind::group) else { return Ok(noted) };
            for (key, value) in set.iter() {
                if self.property(kind, key, value)?.is_none() {
                    noted = Noted::Full;
                }
            }
            return Ok(noted);
        }
        for (key, value) in prepared.event.properties.iter() {
            let look = look_of_key(Some(name), key, value);
            if self.known.keys.contains(&look) || HIDDEN.contains(&key) {
                continue;
            }
            let Some(property) = self.property(PropertyKind::Event, key, value)? else {
                noted = Noted::Full;
                continue;
            };
            if !key.starts_with("$feature/") && !key.starts_with("$feature_enrollment/") {
                self.pair(name, property)?;
            }
            self.known.keys.insert(look);
        }
        for (key, value) in prepared.wishes.set.iter().chain(prepared.wishes.set_once.iter()) {
            let look = look_of_key(None, key, value);
            if self.known.keys.contains(&look) {
                continue;
            }
            match self.property(PropertyKind::Person, key, value)? {
                Some(_) => {
                    self.known.keys.insert(look);
                }
                None => noted = Noted::Full,
            }
        }
        Ok(noted)
    }

    /// Whether the event has a definition.
    fn event(&mut self, name: &str) -> Result<bool, MetaError> {
        if self.known.events.contains_key(name) {
            return Ok(true);
        }
        let (events, _) = self.counts()?;
        let name_scrubbed = name.replace('\0', "\u{fffd}");
        let Some((id, is_new)) =
            self.tx.see_event_definition(self.project, &name_scrubbed, self.at, self.received, events < EVENTS_MAX)?
        else {
            return Ok(false);
        };
        if let Some((events, _)) = &mut self.known.counts {
            *events += usize::from(is_new);
        }
        self.known.events.insert(name.into(), Event { id, properties: HashSet::default() });
        Ok(true)
    }

    /// The row of a property's definition; none if there is no room for it. Names that are too long have none either, and are
    /// nobody's fault.
    fn property(&mut self, kind: PropertyKind, name: &str, value: &str) -> Result<Option<i64>, MetaError> {
        let key = (kind, Box::from(name));
        let known = self.known.properties.get(&key).copied();
        if let Some(property) = known.filter(|property| property.has_type) {
            return Ok(Some(property.id));
        }
        if name.len() > NAME_BYTES_MAX || name.is_empty() {
            return Ok(Some(-1));
        }
        let found: Option<PropertyType> = type_of(name, value, self.received);
        if let Some(property) = known.filter(|_| found.is_none()) {
            return Ok(Some(property.id));
        }
        let (_, properties) = self.counts()?;
        let scrubbed = name.replace('\0', "\u{fffd}");
        let room = properties < PROPERTIES_MAX;
        let Some(seen) = self.tx.see_property_definition(self.project, kind, &scrubbed, found, self.at, room)? else {
            return Ok(None);
        };
        if let Some((_, properties)) = &mut self.known.counts {
            *properties += usize::from(seen.is_new);
        }
        self.known.properties.insert(key, Property { id: seen.id, has_type: seen.has_type });
        Ok(Some(seen.id))
    }

    fn pair(&mut self, event: &str, property: i64) -> Result<(), MetaError> {
        let Some(event) = self.known.events.get_mut(event).filter(|_| property >= 0) else { return Ok(()) };
        if event.properties.insert(property) {
            self.tx.see_event_property(event.id, property)?;
        }
        Ok(())
    }

    fn counts(&mut self) -> Result<(usize, usize), MetaError> {
        match self.known.counts {
            Some(counts) => Ok(counts),
            None => {
                let counts = self.tx.count_definitions(self.project)?;
                self.known.counts = Some(counts);
                Ok(counts)
            }
        }
    }
}

#[cfg(test)]
mod tests;
