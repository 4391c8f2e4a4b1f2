//! Stores in a test's hands: rows given one by one, sealed and compacted on demand.

use std::collections::HashMap;
use std::sync::Arc;

use env::{RealFiles, SimDisk};
use model::{EventRow, PersonMode, PersonNumber, ProjectId, SegmentId, Sequence, Timestamp, person_uuid};
use store::{Batch, Contents, Snapshot, Store, StoreError};
use uuid::Uuid;

use crate::engine::{Core, EngineSettings};

pub(crate) const PROJECT: ProjectId = ProjectId(1);

/// One stored event, as small as a test needs it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) uuid: Uuid,
    pub(crate) event: String,
    pub(crate) distinct_id: String,
    pub(crate) timestamp: Timestamp,
    pub(crate) properties: String,
    pub(crate) person_properties: String,
}

impl Row {
    pub(crate) fn at(micros: i64, id: u128) -> Self {
        Self {
            uuid: Uuid::from_u128(id),
            event: "event".to_owned(),
            distinct_id: "someone".to_owned(),
            timestamp: Timestamp::from_micros(micros),
            properties: "{}".to_owned(),
            person_properties: "{}".to_owned(),
        }
    }

    pub(crate) fn with(mut self, event: &str, properties: &str) -> Self {
        event.clone_into(&mut self.event);
        properties.clone_into(&mut self.properties);
        self
    }

    pub(crate) fn person(&self) -> Uuid {
        person_uuid(PROJECT, &self.distinct_id)
    }

    /// A number for each distinct id.
    pub(crate) fn person_number(&self) -> PersonNumber {
        PersonNumber(self.distinct_id.bytes().fold(7, |number: u32, byte| number * 31 % 100_000 + u32::from(byte)))
    }

    fn stored(&self) -> EventRow {
        EventRow {
            project: PROJECT,
            uuid: self.uuid,
            event: self.event.clone(),
            distinct_id: self.distinct_id.clone(),
            timestamp: self.timestamp,
            created_at: self.timestamp,
            person_id: self.person(),
            person_number: self.person_number(),
            person_mode: PersonMode::Full,
            properties: self.properties.clone(),
            person_properties: self.person_properties.as_str().into(),
            elements_chain: String::new(),
            groups: Default::default(),
        }
    }
}

/// A store of slices of rows, on a disk that can be ruined.
pub(crate) struct Stored {
    pub(crate) disk: SimDisk,
    pub(crate) store: Store,
    segments: u64,
}

impl Stored {
    /// Publishes the slices one by one. All but every third are sealed to a segment of their own.
    pub(crate) fn of(slices: &[Vec<Row>]) -> Self {
        let mut stored = Self::empty();
        for (at, rows) in (0..).zip(slices) {
            stored.publish(at + 1, rows);
            if at % 3 != 2 {
                stored.seal();
            }
        }
        stored
    }

    pub(crate) fn empty() -> Self {
        let disk = SimDisk::new(1);
        let settings = store::Settings::default();
        let store = Store::open(Arc::new(disk.clone()), "/segments", settings, Contents::default()).unwrap();
        Self { disk, store, segments: 0 }
    }

    pub(crate) fn publish(&self, through: u64, rows: &[Row]) {
        let rows = rows.iter().map(Row::stored).collect();
        self.store.publish(&Batch { rows, merges: Vec::new(), through: Sequence(through) }).unwrap();
    }

    pub(crate) fn seal(&mut self) {
        if self.store.freeze().is_none() {
            return;
        }
        let sealed = self.store.seal(|count| reserve(&mut self.segments, count)).unwrap();
        self.store.commit_seal(sealed, |_, _, _| Ok::<_, StoreError>(())).unwrap();
    }

    /// Compacts until nothing is left to do.
    pub(crate) fn compact(&mut self) {
        while let Some(job) = self.store.next_compaction(&HashMap::new()).unwrap() {
            let compacted = self.store.compact(job, |count| reserve(&mut self.segments, count)).unwrap();
            self.store.commit_compaction(compacted, |_, _, _| Ok::<_, StoreError>(())).unwrap();
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.store.snapshot(PROJECT)
    }
}

fn reserve(segments: &mut u64, count: u64) -> Result<SegmentId, StoreError> {
    *segments += count;
    Ok(SegmentId(*segments - count + 1))
}

/// An empty store, in a directory that goes away with it.
pub(crate) fn store() -> (tempfile::TempDir, Arc<Store>) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(Arc::new(RealFiles), directory.path(), store::Settings::default(), Contents::default());
    (directory, Arc::new(store.unwrap()))
}

/// Settings for two threads and little memory.
pub(crate) fn settings() -> EngineSettings {
    EngineSettings { threads: 2, memory_bytes: 64 << 20, ..EngineSettings::default() }
}

/// Runs `work` with a core and waits for it.
pub(crate) fn run<T>(work: impl AsyncFnOnce(&Core) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(work(&Core::new(settings()).unwrap()))
}
