//! Seals memory to segments on a thread of its own, so that ingestion goes on meanwhile.

use std::sync::Arc;
use std::time::Duration;

use eventlog::EventLog;
use meta::Meta;
use parking_lot::{Condvar, Mutex};
use store::Store;

use crate::ingest::IngestError;
use crate::stats::StatsHandle;

/// How long a failed seal, or whoever waits for one, waits before looking again.
const PATIENCE: Duration = Duration::from_millis(500);

/// Tells loops to stop.
#[derive(Debug, Clone, Default)]
pub struct StopHandle(Arc<(Mutex<bool>, Condvar)>);

impl StopHandle {
    /// Asks everybody who holds this handle to stop.
    pub fn set(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }

    /// Whether stopping was asked for.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self.0.0.lock()
    }

    /// Waits until stopping is asked for, at most `timeout`.
    pub fn wait(&self, timeout: Duration) {
        let mut stop = self.0.0.lock();
        if !*stop {
            self.0.1.wait_for(&mut stop, timeout);
        }
    }
}

/// Connects ingestion, which asks for seals, with the sealer.
#[derive(Debug, Clone, Default)]
pub(crate) struct SealRequests(Arc<(Mutex<Requests>, Condvar)>);

#[derive(Debug, Default)]
struct Requests {
    asked: bool,
    closed: bool,
    seals: u64,
}

impl SealRequests {
    pub(crate) fn ask(&self) {
        self.0.0.lock().asked = true;
        self.0.1.notify_all();
    }

    /// Waits for a seal to finish, or for a while.
    pub(crate) fn wait_for_seal(&self) {
        let mut requests = self.0.0.lock();
        let before = requests.seals;
        if requests.seals == before {
            self.0.1.wait_for(&mut requests, PATIENCE);
        }
    }

    /// Waits for a request; false once there will be none.
    fn next(&self) -> bool {
        let mut requests = self.0.0.lock();
        while !requests.asked && !requests.closed {
            self.0.1.wait(&mut requests);
        }
        std::mem::take(&mut requests.asked)
    }

    fn sealed(&self) {
        self.0.0.lock().seals += 1;
        self.0.1.notify_all();
    }
}

/// Ends a [`Sealer::run`].
#[derive(Debug, Clone)]
pub struct SealerStop(SealRequests);

impl SealerStop {
    /// Lets the sealer finish, seal what is left, and end.
    pub fn set(&self) {
        self.0.0.0.lock().closed = true;
        self.0.0.1.notify_all();
    }
}

/// Writes segments and commits them to the catalog.
#[derive(Debug)]
pub struct Sealer {
    meta: Arc<Meta>,
    log: EventLog,
    store: Arc<Store>,
    requests: SealRequests,
    stats: StatsHandle,
}

impl Sealer {
    pub(crate) fn new(
        meta: Arc<Meta>,
        log: EventLog,
        store: Arc<Store>,
        requests: SealRequests,
        stats: StatsHandle,
    ) -> Self {
        Self { meta, log, store, requests, stats }
    }

    /// A handle that ends [`Sealer::run`].
    #[must_use]
    pub fn stop_handle(&self) -> SealerStop {
        SealerStop(self.requests.clone())
    }

    /// Seals whenever asked, until told to stop, and then once more.
    pub fn run(self) {
        while self.requests.next() {
            self.seal_and_report();
        }
        self.seal_and_report();
    }

    fn seal_and_report(&self) {
        if let Err(error) = self.seal() {
            tracing::error!(error = &error as &dyn std::error::Error, "seal failed, the log keeps the events");
        }
        self.requests.sealed();
    }

    /// Seals what is in memory now and trims the log behind it.
    ///
    /// # Errors
    ///
    /// Nothing was lost; the same rows are sealed the next time.
    pub fn seal(&self) -> Result<(), IngestError> {
        let Some(through) = self.store.freeze() else { return Ok(()) };
        let sealed = self.store.seal(|count| self.meta.reserve_segment_ids(count).map_err(IngestError::from))?;
        let segments = sealed.segments.len();
        self.store.commit_seal(sealed, |added, deleted, through| self.meta.commit_seal(added, deleted, through))?;
        let freed_bytes = self.log.trim(through.0).unwrap_or_else(|error| {
            tracing::warn!(%error, "the log could not be trimmed, trying again after the next seal");
            0
        });
        let mut stats = self.stats.0.lock();
        stats.flushed = through.0;
        stats.seals += 1;
        drop(stats);
        tracing::info!(through = through.0, segments, freed_bytes, "sealed");
        Ok(())
    }
}
