//! Parts of a store in a test's hands: rows given one by one, reads counted, failures on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{
    ArrayRef, FixedSizeBinaryArray, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::cast;
use env::RealFiles;
use model::{Timestamp, person_uuid};
use store::{Contents, Store};
use uuid::Uuid;

use crate::engine::{Core, EngineSettings};
use crate::table::{Batches, Part, ReadError, Rows, TimeRange};

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
        person_uuid(model::ProjectId(1), &self.distinct_id)
    }
}

/// Rows in memory. Ignores time ranges, which a part may.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) batch: RecordBatch,
    pub(crate) reads: AtomicUsize,
    pub(crate) is_damaged: bool,
}

impl Memory {
    pub(crate) fn of(rows: &[Row]) -> Self {
        Self { batch: batch(rows), reads: AtomicUsize::new(0), is_damaged: false }
    }
}

impl Rows for Memory {
    fn read(&self, columns: &[&str], _range: TimeRange) -> Result<Batches, ReadError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.is_damaged {
            return Err("the file is damaged".into());
        }
        let at = columns.iter().map(|name| self.batch.schema().index_of(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(std::iter::once(Ok(self.batch.project(&at)?))))
    }
}

/// `rows` as parts, one for each slice.
pub(crate) fn parts(slices: &[Vec<Row>]) -> Vec<Part> {
    slices.iter().enumerate().map(|(at, rows)| part(at, rows, Arc::new(Memory::of(rows)))).collect()
}

/// The part that claims to hold `rows`, which `source` gives.
pub(crate) fn part(number: usize, rows: &[Row], source: Arc<dyn Rows>) -> Part {
    let mut times = rows.iter().map(|row| row.timestamp);
    let mut range = TimeRange::at(times.next().unwrap_or_default());
    times.for_each(|at| range.include(at));
    Part { number: u32::try_from(number).unwrap(), count: rows.len(), range, rows: source }
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

fn batch(rows: &[Row]) -> RecordBatch {
    let text =
        |of: fn(&Row) -> String| -> ArrayRef { Arc::new(rows.iter().map(of).map(Some).collect::<StringArray>()) };
    let ids = |of: fn(&Row) -> Uuid| -> ArrayRef {
        let bytes: Vec<u8> = rows.iter().flat_map(|row| of(row).into_bytes()).collect();
        Arc::new(FixedSizeBinaryArray::try_new(16, bytes.into(), None).unwrap())
    };
    let schema = store::schema();
    let column = |name: &str| -> ArrayRef {
        match name {
            "uuid" => ids(|row| row.uuid),
            "person_id" => ids(Row::person),
            "event" => text(|row| row.event.clone()),
            "distinct_id" => text(|row| row.distinct_id.clone()),
            "person_mode" => text(|_| "full".to_owned()),
            "properties" => text(|row| row.properties.clone()),
            "person_properties" => text(|row| row.person_properties.clone()),
            "elements_chain" => text(|_| String::new()),
            "timestamp" | "created_at" => {
                let micros = rows.iter().map(|row| row.timestamp.as_micros());
                Arc::new(TimestampMicrosecondArray::from_iter_values(micros))
            }
            other => new_null_array(schema.field_with_name(other).unwrap().data_type(), rows.len()),
        }
    };
    let columns = schema.fields().iter().map(|field| cast(&column(field.name()), field.data_type()).unwrap()).collect();
    RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
}
