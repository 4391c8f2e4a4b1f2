//! Gathers the figures of log, ingestion and storage for `/metrics`.

use std::sync::Arc;

use api::{Sample, SampleKind, Samples};
use eventlog::EventLog;
use ingest::StatsHandle;
use store::Store;

/// A reader of every figure the HTTP surface does not count itself. Cheap: counters and lengths, no scan.
pub(crate) fn of(log: EventLog, store: Arc<Store>, ingest: StatsHandle) -> Samples {
    Arc::new(move || {
        let mut samples = log_samples(&log);
        samples.extend(ingest_samples(&ingest));
        samples.extend(store_samples(&store));
        samples
    })
}
