use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use capture::{Endpoint, Envelope, Received, Request};
use env::{Random, SimDisk};
use meta::Bootstrap;
use model::{ProjectId, Timestamp};
use store::{Column, Contents, Document};

use super::*;

const NOW: i64 = 1_767_268_800_000_000;
const PROJECT: ProjectId = ProjectId(1);

/// A machine: a simulated disk for log and segments, a real directory for SQLite.
struct Machine {
    disk: SimDisk,
    directory: tempfile::TempDir,
    requests: u128,
}

/// One life of the process.
struct Process {
    meta: Arc<Meta>,
    store: Arc<Store>,
    log: EventLog,
    writer: eventlog::Writer,
    ingest: Ingest,
    sealer: Sealer,
}

/// How far a seal gets before the process dies.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum SealReaches {
    Freeze,
    Files,
    Catalog,
    Install,
    Trim,
}

impl Machine {
    fn new(seed: u64) -> Self {
        Self { disk: SimDisk::new(seed), directory: tempfile::tempdir().unwrap(), requests: 0 }
    }

    fn start(&self) -> Process {
        let meta = Meta::open(&self.directory.path().join("meta.sqlite")).unwrap();
        let chosen = Bootstrap { project_token: Some("phc_t".to_owned()), personal_api_key: None };
        meta.bootstrap(Timestamp::from_micros(NOW), &chosen, &Random::seeded(1)).unwrap();
        let settings = eventlog::Settings {
            segment_bytes: 64 << 10,
            reserve_bytes: 0,
            record_bytes_max: 32 << 10,
            ..eventlog::Settings::default()
        };
        let files: Arc<dyn env::Files> = Arc::new(self.disk.clone());
        let opened = eventlog::open(Arc::clone(&files), &PathBuf::from("/log"), settings).unwrap();
        let catalog = meta.catalog().unwrap();
        let contents = Contents {
            segments: catalog.segments,
            deleted: catalog.deleted,
            merges: catalog.merges,
            hidden: meta.deleted_persons().unwrap(),
        };
        let store = Arc::new(Store::open(files, "/segments", store::Settings::default(), contents).unwrap());
        let meta = Arc::new(meta);
        let clock = Clock::Frozen(NOW);
        let (mut ingest, sealer) = Ingest::open(
            Arc::clone(&meta),
            opened.log.clone(),
            Arc::clone(&store),
            clock,
            Random::seeded(9),
            Settings::default(),
        )
        .unwrap();
        ingest.recover().unwrap();
        Process { meta, store, log: opened.log, writer: opened.writer, ingest, sealer }
    }

    /// Accepts a request, as the HTTP surface would.
    fn send(&mut self, process: &mut Process, body: &str) {
        self.requests += 1;
        let received = Received {
            at: Timestamp::from_micros(NOW),
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            uuid_seed: self.requests << 64,
        };
        let request = Request {
            endpoint: Endpoint::Event,
            query: "",
            content_type: None,
            content_encoding: None,
            sender: None,
            body: body.as_bytes(),
        };
        let header = Envelope { project: PROJECT, received, request }.header();
        let mut append = Box::pin(process.log.append([header.into(), Bytes::copy_from_slice(body.as_bytes())]));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(append.as_mut().poll(&mut context).is_pending(), "acknowledged before it was written");
        process.writer.commit_next();
        assert!(matches!(append.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(_))));
    }
}

impl Process {
    fn apply_all(&mut self) {
        while self.ingest.step().unwrap() == Progress::Applied {}
    }

    fn seal(&self, reaches: SealReaches) {
        let Some(through) = self.store.freeze() else { return };
        if reaches == SealReaches::Freeze {
            return;
        }
        let sealed = self.store.seal(|count| self.meta.reserve_segment_ids(count).map_err(IngestError::from)).unwrap();
        if reaches >= SealReaches::Catalog {
            // Dying after the catalog knows and before readers see it: the commit succeeds, and nothing follows.
            let dies = || IngestError::Unrecoverable { first: through, last: through };
            let committed = self.store.commit_seal(sealed, |added, deleted, through| {
                self.meta.commit_seal(added, deleted, through)?;
                if reaches >= SealReaches::Install { Ok(()) } else { Err(dies()) }
            });
            assert_eq!(committed.is_ok(), reaches >= SealReaches::Install);
        }
        if reaches >= SealReaches::Trim {
            self.log.trim(through.0).unwrap();
        }
    }

    /// Every row in full, sorted.
    fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for chunk in self.store.snapshot(PROJECT).parts().iter().flat_map(|part| part.chunks().unwrap()) {
            // Objects are compared as objects: the order of their keys is not kept.
            let plain: Vec<Column> =
                Column::ALL.into_iter().filter(|column| *column != Column::PersonProperties).collect();
            let columns = chunk.read(&plain, chunk.live()).unwrap();
            let properties = chunk.properties(Document::Event, chunk.live()).unwrap();
            let of_persons = chunk.properties(Document::Person, chunk.live()).unwrap();
            for (row, (object, of_person)) in properties.iter().zip(&of_persons).enumerate() {
                let parsed = |object: Option<&str>| serde_json::from_str::<serde_json::Value>(object.unwrap()).unwrap();
                let object = format!("{} {}", parsed(object), parsed(of_person));
                // A dictionary has other places in other files: what counts are the values.
                let values = columns.iter().map(|column| {
                    let value = column.slice(row, 1);
                    match value.as_any_dictionary_opt() {
                        Some(_) => format!("{:?}", cast(&value, &DataType::Utf8).unwrap()),
                        None => format!("{value:?}"),
                    }
                });
                rows.push(format!("{} {object}", values.collect::<Vec<_>>().join(" ")));
            }
        }
        rows.sort();
        rows
    }

    fn persons(&self) -> Vec<String> {
        let query = meta::PersonQuery { limit: 1_000, ..meta::PersonQuery::default() };
        let mut found: Vec<String> =
            self.meta.list_persons(PROJECT, &query).unwrap().0.iter().map(|person| format!("{person:?}")).collect();
        for id in ["anon", "user", "quiet"] {
            let number = |person: meta::PersonRecord| (person.number, person.version);
            let stored = self.meta.ingest(|tx| tx.person_by_distinct_id(PROJECT, id)).unwrap();
            found.push(format!("{id}: {:?}", stored.map(number)));
        }
        found.push(format!("{:?}", self.meta.catalog().unwrap().merges));
        found
    }
}

fn batch(events: &[String]) -> String {
    format!(r#"{{"api_key":"phc_t","batch":[{}]}}"#, events.join(","))
}

fn event(name: &str, id: &str, properties: &str) -> String {
    format!(r#"{{"event":"{name}","distinct_id":"{id}","timestamp":"2026-01-01T11:00:00Z","properties":{properties}}}"#)
}

/// Requests in which persons keep changing, so that rows rebuilt from later persons would differ.
fn story() -> Vec<String> {
    vec![
        batch(&[
            event("a", "anon", r#"{"$set":{"step":1}}"#),
            event("p", "quiet", r#"{"$process_person_profile":false}"#),
        ]),
        batch(&[event("b", "user", r#"{"$set":{"step":2,"plan":"free"},"$groups":{"company":"acme"}}"#)]),
        batch(&[
            event("$identify", "user", r#"{"$anon_distinct_id":"anon","$set":{"step":3}}"#),
            event("c", "anon", "{}"),
        ]),
        batch(&[
            event("$identify", "user", r#"{"$anon_distinct_id":"quiet","$set":{"step":4}}"#),
            event("d", "quiet", "{}"),
        ]),
        batch(&[event(
            "$groupidentify",
            "user",
            r#"{"$group_type":"company","$group_key":"acme","$group_set":{"name":"A"}}"#,
        )]),
    ]
}

/// Rows and persons of a process that never dies.
fn undisturbed() -> (Vec<String>, Vec<String>) {
    let mut machine = Machine::new(0);
    let mut process = machine.start();
    for request in story() {
        machine.send(&mut process, &request);
        process.apply_all();
    }
    (process.rows(), process.persons())
}

#[test]
fn a_crash_at_any_point_changes_neither_rows_nor_persons() {
    let (rows, persons) = undisturbed();
    assert_eq!((rows.len(), persons.len()), (8, 5));
    let seals =
        [SealReaches::Freeze, SealReaches::Files, SealReaches::Catalog, SealReaches::Install, SealReaches::Trim];
    for (seed, seal) in seals.into_iter().enumerate() {
        for dies_at in 0..story().len() {
            let mut machine = Machine::new(u64::try_from(seed).unwrap());
            let mut process = machine.start();
            for (at, request) in story().iter().enumerate() {
                machine.send(&mut process, request);
                if at == dies_at {
                    process.ingest.dies_after_commit = true;
                    process.ingest.step().unwrap();
                    process.seal(seal);
                    drop(process);
                    machine.disk = if at % 2 == 0 { machine.disk.power_cycle() } else { machine.disk.kill() };
                    process = machine.start();
                }
                process.apply_all();
            }
            assert_eq!(process.rows(), rows, "died at request {dies_at}, seal reached {seal:?}");
            assert_eq!(process.persons(), persons, "died at request {dies_at}, seal reached {seal:?}");
            process.sealer.seal().unwrap();
            drop(process);
            machine.disk = machine.disk.power_cycle();
            let process = machine.start();
            assert_eq!(process.rows(), rows, "after a seal and a power cut");
        }
    }
}

#[test]
fn retries_are_one_event_also_after_a_seal_and_a_restart() {
    let mut machine = Machine::new(7);
    let mut process = machine.start();
    let request = |k: u8| {
        batch(&[format!(
            r#"{{"event":"a","distinct_id":"u","uuid":"01890000-0000-7000-8000-000000000001","properties":{{"k":{k}}}}}"#
        )])
    };
    for k in 0..4 {
        machine.send(&mut process, &request(k));
        process.apply_all();
        if k % 2 == 0 {
            process.seal(SealReaches::Trim);
        }
        drop(process);
        machine.disk = machine.disk.power_cycle();
        process = machine.start();
        assert_eq!(process.rows().len(), 1, "copy {k}");
    }
}

#[test]
fn a_log_that_lost_applied_records_is_refused() {
    let mut machine = Machine::new(3);
    let mut process = machine.start();
    machine.send(&mut process, &story()[0]);
    process.apply_all();
    drop(process);
    let meta = Arc::new(Meta::open(&machine.directory.path().join("meta.sqlite")).unwrap());
    let disk = SimDisk::new(9);
    let files: Arc<dyn env::Files> = Arc::new(disk);
    let settings = eventlog::Settings { reserve_bytes: 0, ..eventlog::Settings::default() };
    let opened = eventlog::open(Arc::clone(&files), &PathBuf::from("/log"), settings).unwrap();
    let store = Arc::new(Store::open(files, "/segments", store::Settings::default(), Contents::default()).unwrap());
    let refused = Ingest::open(meta, opened.log, store, Clock::Frozen(NOW), Random::seeded(9), Settings::default());
    assert!(matches!(refused, Err(IngestError::Mismatch { durable: 0, .. })));
}

#[test]
fn a_group_that_is_identified_keeps_its_older_properties() {
    let mut machine = Machine::new(4);
    let mut process = machine.start();
    let identify = |set: &str| {
        event("$groupidentify", "u", &format!(r#"{{"$group_type":"company","$group_key":"acme","$group_set":{set}}}"#))
    };
    machine.send(&mut process, &batch(&[identify(r#"{"name":"A"}"#), identify(r#"{"tier":2}"#), identify("5")]));
    process.apply_all();
    let group = process.meta.ingest(|tx| tx.group(PROJECT, 0, "acme")).unwrap().unwrap();
    assert_eq!(group.properties, r#"{"name":"A","tier":2}"#);
    assert_eq!(process.ingest.stats().now().warnings.values().sum::<u64>(), 1);
}
