//! Requests in, rows and persons out: batches applied to a real database, without log and store around them.
#![expect(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use capture::{Endpoint, Envelope, Received, Request};
use env::Random;
use meta::{Bootstrap, Meta, MetaError, Person, PersonQuery, ProjectSettings};
use model::{EventRow, PersonMerge, PersonNumber, ProjectId, Sequence, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::batch::{Applied, apply, rebuild};
use crate::memory::Memory;
use crate::resolved;
use crate::stats::Warning;

/// 2026-01-01T12:00:00Z.
pub(crate) const NOW: i64 = 1_767_268_800_000_000;
pub(crate) const PROJECT: ProjectId = ProjectId(1);

/// An event as an SDK sends it, an hour before now.
pub(crate) fn event(name: &str, distinct_id: &str, properties: Value) -> Value {
    event_at("2026-01-01T11:00:00Z", name, distinct_id, properties)
}

pub(crate) fn event_at(timestamp: &str, name: &str, distinct_id: &str, properties: Value) -> Value {
    json!({"event": name, "distinct_id": distinct_id, "timestamp": timestamp, "properties": properties})
}

pub(crate) fn identify(distinct_id: &str, anonymous: &str, set: Value) -> Value {
    event("$identify", distinct_id, json!({"$anon_distinct_id": anonymous, "$set": set}))
}

pub(crate) fn personless(name: &str, distinct_id: &str) -> Value {
    event(name, distinct_id, json!({"$process_person_profile": false}))
}

/// The log record of a request with these events. Equal numbers give equal records.
pub(crate) fn record(number: u64, events: &[Value]) -> Bytes {
    let body = json!({"api_key": "phc_test", "batch": events}).to_string();
    let received = Received {
        at: Timestamp::from_micros(NOW),
        ip: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
        uuid_seed: u128::from(number) << 64,
    };
    let request = Request {
        endpoint: Endpoint::Event,
        query: "",
        content_type: None,
        content_encoding: None,
        sender: None,
        body: body.as_bytes(),
    };
    let mut record = Envelope { project: PROJECT, received, request }.header();
    record.extend_from_slice(body.as_bytes());
    record.into()
}

/// A new database with project 1.
pub(crate) fn database(directory: &tempfile::TempDir) -> Meta {
    let meta = Meta::open(&directory.path().join("meta.sqlite")).unwrap();
    let chosen = Bootstrap { project_token: Some("phc_test".to_owned()), personal_api_key: None };
    meta.bootstrap(Timestamp::from_micros(NOW), &chosen, &Random::seeded(1)).unwrap();
    meta
}

/// Everything that has happened to one installation.
pub(crate) struct World {
    pub(crate) meta: Meta,
    _directory: tempfile::TempDir,
    sequence: u64,
    pub(crate) memory: Memory,
    /// In the order they were stored, replaced copies included.
    pub(crate) rows: Vec<EventRow>,
    pub(crate) merges: Vec<PersonMerge>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) dropped: u64,
    /// Of every person id that was ever seen.
    numbers: HashMap<Uuid, PersonNumber>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::remembering(1 << 20)
    }

    /// A world whose ingestion remembers so many bytes about persons.
    pub(crate) fn remembering(bytes: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            meta: database(&directory),
            _directory: directory,
            sequence: 0,
            memory: Memory::new(bytes, Random::seeded(3), None),
            rows: Vec::new(),
            merges: Vec::new(),
            warnings: Vec::new(),
            dropped: 0,
            numbers: HashMap::new(),
        }
    }

    /// Changes the settings of the project.
    pub(crate) fn settings(&self, change: impl FnOnce(&mut ProjectSettings)) {
        let mut project = self.meta.project(PROJECT).unwrap().unwrap();
        change(&mut project.settings);
        self.meta.update_project(&project).unwrap();
    }

    /// Applies one request as one batch.
    pub(crate) fn send(&mut self, events: &[Value]) -> &mut Self {
        self.send_together(&[events.to_vec()])
    }

    /// Applies several requests as one batch, and checks that its rows can be rebuilt.
    pub(crate) fn send_together(&mut self, requests: &[Vec<Value>]) -> &mut Self {
        let records: Vec<(u64, Bytes)> =
            (self.sequence + 1..).zip(requests).map(|(at, events)| (at, record(at, events))).collect();
        let (first, last) = (Sequence(self.sequence + 1), Sequence(self.sequence + records.len() as u64));
        self.sequence = last.0;
        let (applied, blob) = self
            .meta
            .ingest(|tx| {
                tx.begin(first, last)?;
                let applied: Applied = apply(tx, &mut self.memory, &records)?;
                let blob = resolved::Encoder::new().encode(&applied.resolved);
                tx.keep_resolved(&blob)?;
                Ok::<_, MetaError>((applied, blob))
            })
            .unwrap();
        self.memory.end();
        let rebuilt = rebuild(&records, resolved::decode(&blob, records.len()).unwrap());
        assert_eq!(rebuilt.as_ref(), Some(&applied.rows), "replay gives other rows");
        self.check_numbers(&applied);
        self.rows.extend(applied.rows);
        self.merges.extend(applied.merges);
        for report in &applied.reports.all {
            let count = usize::try_from(report.count).unwrap();
            self.warnings.extend(std::iter::repeat_n(report.warning, count));
        }
        self.dropped += applied.dropped;
        self
    }

    /// Applies a request in a transaction that does not commit.
    pub(crate) fn fail(&mut self, events: &[Value]) {
        let records = [(self.sequence + 1, record(self.sequence + 1, events))];
        let failed = self.meta.ingest(|tx| {
            apply(tx, &mut self.memory, &records)?;
            Err::<(), _>(MetaError::Unreadable("test"))
        });
        assert!(failed.is_err());
        self.memory.forget();
    }

    /// One person id has one number, one number one id, and numbers follow each other in the order of their first use.
    fn check_numbers(&mut self, applied: &Applied) {
        let rows = applied.rows.iter().map(|row| (row.person_id, row.person_number));
        let merges = applied.merges.iter();
        let merges = merges.flat_map(|merge| [(merge.from, merge.from_number), (merge.into, merge.into_number)]);
        for (id, number) in rows.chain(merges) {
            let known = self.numbers.len();
            let first = PersonNumber(u32::try_from(known + 1).unwrap());
            assert_eq!(*self.numbers.entry(id).or_insert(first), number, "number of {id}, {known} were given out");
        }
    }

    pub(crate) fn persons(&self) -> Vec<Person> {
        let (persons, more) =
            self.meta.list_persons(PROJECT, &PersonQuery { limit: 1_000, ..PersonQuery::default() }).unwrap();
        assert!(!more);
        persons
    }

    /// The owner of a distinct id.
    pub(crate) fn owner(&self, distinct_id: &str) -> Option<Person> {
        let query = PersonQuery { distinct_id: Some(distinct_id.to_owned()), limit: 2, ..PersonQuery::default() };
        let (mut found, _) = self.meta.list_persons(PROJECT, &query).unwrap();
        assert!(found.len() < 2, "a distinct id has two owners");
        found.pop()
    }

    /// Properties of the owner of a distinct id, without the one that every person has.
    pub(crate) fn properties(&self, distinct_id: &str) -> Value {
        let person = self.owner(distinct_id).unwrap();
        let mut properties: Value = serde_json::from_str(&person.properties).unwrap();
        assert!(properties.as_object_mut().unwrap().remove("$creator_event_uuid").is_some());
        properties
    }

    /// The person an id stored on a row reads as by now.
    pub(crate) fn read_as(&self, person_id: Uuid) -> Uuid {
        let mut current = person_id;
        for merge in &self.merges {
            if merge.from == current {
                current = merge.into;
            }
        }
        assert_eq!(self.meta.surviving_person(PROJECT, person_id).unwrap(), current, "store and metadata disagree");
        current
    }

    /// The last stored row of an event.
    pub(crate) fn row(&self, event: &str) -> &EventRow {
        self.rows.iter().rfind(|row| row.event == event).unwrap_or_else(|| panic!("no row of {event}"))
    }

    /// The stored properties of the last row of an event.
    pub(crate) fn stored(&self, event: &str) -> Value {
        serde_json::from_str(&self.row(event).properties).unwrap()
    }

    /// The person snapshot of the last row of an event, without the creator.
    pub(crate) fn snapshot(&self, event: &str) -> Value {
        let mut snapshot: Value = serde_json::from_str(&self.row(event).person_properties).unwrap();
        snapshot.as_object_mut().unwrap().remove("$creator_event_uuid");
        snapshot
    }
}
