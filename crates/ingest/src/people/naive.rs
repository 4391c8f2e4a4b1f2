//! Identity against a model: random events over a few ids, with crashes in between, must leave exactly the persons that a naive
//! reading of the rules leaves.
//!
//! The model keeps persons in a list and knows nothing of batches, caches, transactions, overrides or numbers.

use std::collections::{BTreeMap, BTreeSet};

use model::{EventRow, PersonMode, person_uuid};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{PROJECT, World, event};

const SEEDS_PER_WORLD: u64 = 150;
const WORLDS: u64 = 20;
const IDS: u64 = 5;

type Map = BTreeMap<String, i64>;

#[derive(Debug, Clone, Default)]
struct Person {
    /// The distinct id that its own id is made of.
    primary: String,
    identified: bool,
    properties: Map,
}

/// What one event does, in the words of the rules.
#[derive(Debug, Clone)]
struct Act {
    name: &'static str,
    id: String,
    /// For the three that merge.
    other: Option<String>,
    personless: bool,
    set: Map,
    set_once: Map,
    unset: Vec<String>,
}

/// Where an event ended up: the snapshot of its person's properties, none for a personless one.
type Outcome = Option<Map>;

#[derive(Debug, Default)]
struct Model {
    persons: Vec<Person>,
    owners: BTreeMap<String, usize>,
    used_personless: BTreeSet<String>,
}

fn is_illegal(id: &str) -> bool {
    id.ends_with("null")
}

impl Model {
    fn apply(&mut self, act: &Act) -> Outcome {
        let owner = self.owners.get(&act.id).copied();
        if act.personless {
            if owner.is_none() {
                self.used_personless.insert(act.id.clone());
            }
            return None;
        }
        let person = match &act.other {
            Some(other) if *other != act.id && !is_illegal(other) && !is_illegal(&act.id) => self.merge(act, other),
            _ => owner.unwrap_or_else(|| self.create(&act.id)),
        };
        let properties = &mut self.persons[person].properties;
        let before: BTreeSet<String> = properties.keys().cloned().collect();
        for (key, value) in &act.set_once {
            properties.entry(key.clone()).or_insert(*value);
        }
        properties.extend(act.set.clone());
        for key in act.unset.iter().filter(|key| before.contains(*key)) {
            properties.remove(key);
        }
        let mut snapshot = properties.clone();
        snapshot.extend(act.set.clone());
        Some(snapshot)
    }

    fn create(&mut self, primary: &str) -> usize {
        self.persons.push(Person { primary: primary.to_owned(), ..Person::default() });
        self.owners.insert(primary.to_owned(), self.persons.len() - 1);
        self.persons.len() - 1
    }

    fn merge(&mut self, act: &Act, other: &str) -> usize {
        let known = |id: &str| self.owners.get(id).copied();
        let person = match (known(other), known(&act.id)) {
            (None, None) => {
                let only_other = self.used_personless.contains(other) && !self.used_personless.contains(&act.id);
                let person = self.create(if only_other { other } else { &act.id });
                self.owners.insert(act.id.clone(), person);
                self.owners.insert(other.to_owned(), person);
                person
            }
            (Some(person), None) => {
                self.owners.insert(act.id.clone(), person);
                person
            }
            (None, Some(person)) => {
                self.owners.insert(other.to_owned(), person);
                person
            }
            (Some(from), Some(into)) if from != into => {
                if !self.persons[from].identified || act.name == "$merge_dangerously" {
                    let mut properties = self.persons[from].properties.clone();
                    properties.extend(self.persons[into].properties.clone());
                    self.persons[into].properties = properties;
                    for owner in self.owners.values_mut().filter(|owner| **owner == from) {
                        *owner = into;
                    }
                }
                into
            }
            (Some(person), Some(_)) => person,
        };
        self.persons[person].identified = true;
        person
    }
}

/// A stream of numbers that is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn id(&mut self, seed: u64) -> String {
        match self.below(IDS + 1) {
            // The one illegal id is the same for everybody, so it cannot carry a seed: its spelling with white space does.
            0 => format!("{}null", " ".repeat(usize::try_from(seed % 150 + 1).unwrap())),
            n => format!("{seed}-{n}"),
        }
    }

    fn map(&mut self) -> Map {
        let few = self.below(3);
        (0..few)
            .map(|_| {
                (
                    ["a", "b", "c"][usize::try_from(self.below(3)).unwrap()].to_owned(),
                    i64::try_from(self.below(4)).unwrap(),
                )
            })
            .collect()
    }

    fn act(&mut self, seed: u64) -> Act {
        let name = ["plain", "plain", "$set", "$identify", "$identify", "$create_alias", "$merge_dangerously"]
            [usize::try_from(self.below(7)).unwrap()];
        let merges = !matches!(name, "plain" | "$set");
        Act {
            name,
            id: self.id(seed),
            other: merges.then(|| self.id(seed)),
            personless: name == "plain" && self.below(3) == 0,
            set: self.map(),
            set_once: self.map(),
            unset: if self.below(4) == 0 { self.map().into_keys().collect() } else { Vec::new() },
        }
    }
}

impl Act {
    fn event(&self) -> Value {
        let mut properties = json!({"$set": self.set, "$set_once": self.set_once, "$unset": self.unset});
        if self.personless {
            properties["$process_person_profile"] = json!(false);
        }
        if let Some(other) = &self.other {
            let key = if self.name == "$identify" { "$anon_distinct_id" } else { "alias" };
            properties[key] = json!(other);
        }
        event(self.name, &self.id, properties)
    }
}

fn without_creator(properties: &str) -> Map {
    let mut properties: serde_json::Map<String, Value> = serde_json::from_str(properties).unwrap();
    properties.remove("$creator_event_uuid");
    properties.into_iter().map(|(key, value)| (key, value.as_i64().unwrap())).collect()
}

/// One life: a sequence of events in batches of random sizes, with crashes.
fn live(world: &mut World, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut model = Model::default();
    let first_row = world.rows.len();
    let mut acts: Vec<Act> = Vec::new();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for _batch in 0..1 + dice.below(8) {
        let requests = 1 + dice.below(3);
        let requests: Vec<Vec<Act>> =
            (0..requests).map(|_| (0..1 + dice.below(4)).map(|_| dice.act(seed)).collect()).collect();
        let events: Vec<Vec<Value>> = requests.iter().map(|acts| acts.iter().map(Act::event).collect()).collect();
        match dice.below(5) {
            // The transaction fails, and the log brings the same records again.
            0 => world.fail(&events.concat()),
            // The process dies and remembers nothing.
            1 => world.memory.forget(),
            _ => {}
        }
        world.send_together(&events);
        for act in requests.into_iter().flatten() {
            outcomes.push(model.apply(&act));
            acts.push(act);
        }
    }
    let rows = &world.rows[first_row..];
    assert_eq!(rows.len(), acts.len(), "seed {seed}: every event is stored");
    for (at, ((row, act), outcome)) in rows.iter().zip(&acts).zip(&outcomes).enumerate() {
        let about = || format!("seed {seed}, event {at} of {acts:#?}");
        check_row(world, &model, row, act, outcome, &about);
    }
    let ids: BTreeSet<&String> = acts.iter().flat_map(|act| act.other.iter().chain([&act.id])).collect();
    for id in ids {
        let found = world.owner(id);
        let expected = model.owners.get(id).map(|person| &model.persons[*person]);
        let about = || format!("seed {seed}, id {id:?} after {acts:#?}");
        assert_eq!(found.is_some(), expected.is_some(), "{}", about());
        if let (Some(found), Some(expected)) = (found, expected) {
            assert_eq!(found.uuid, person_uuid(PROJECT, &expected.primary), "{}", about());
            assert_eq!(found.is_identified, expected.identified, "{}", about());
            assert_eq!(without_creator(&found.properties), expected.properties, "{}", about());
        }
    }
}

fn check_row(world: &World, model: &Model, row: &EventRow, act: &Act, outcome: &Outcome, about: &dyn Fn() -> String) {
    let owner = model.owners.get(&act.id).map(|person| person_uuid(PROJECT, &model.persons[*person].primary));
    let expected: Uuid = owner.unwrap_or_else(|| person_uuid(PROJECT, &act.id));
    let read = world.meta.surviving_person(PROJECT, row.person_id).unwrap();
    assert_eq!(read, expected, "the person it reads as: {}", about());
    match outcome {
        Some(snapshot) => {
            assert_eq!(row.person_mode, PersonMode::Full, "{}", about());
            assert_eq!(without_creator(&row.person_properties), *snapshot, "its snapshot: {}", about());
        }
        None => assert_ne!(row.person_mode, PersonMode::Full, "{}", about()),
    }
}

#[test]
fn random_identities_are_those_of_the_model() {
    for world_number in 0..WORLDS {
        // Some remember nearly nothing from batch to batch.
        let mut world = World::remembering(if world_number % 2 == 0 { 1 << 20 } else { 500 });
        for seed in 0..SEEDS_PER_WORLD {
            live(&mut world, world_number * SEEDS_PER_WORLD + seed + 1);
        }
    }
}
