//! The loop: read a batch from the log, commit it, publish it; rebuild what a restart lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use env::{Clock, Random};
use eventlog::{EventLog, ReadError, Tail, Wait};
use meta::{Meta, MetaError};
use model::Sequence;
use store::{Batch, Pressure, Store, StoreError};

use crate::batch::{Applied, apply, range_of, rebuild};
use crate::geoip::GeoIp;
use crate::memory::Memory;
use crate::resolved;
use crate::sealer::{SealRequests, Sealer, StopHandle};
use crate::stats::StatsHandle;

/// Sizes of ingestion.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of log records in one batch, about.
    pub batch_bytes: usize,
    /// Oldest age of an unsealed row.
    pub seal_interval: Duration,
    /// Bytes of what is remembered about persons, about.
    pub person_cache_bytes: usize,
    /// Time from the begin of a batch to that of the next, unless it was a large one: gathers records that trickle in.
    pub batch_interval: Duration,
    /// Where client addresses are, if the operator provides it.
    pub geoip: Option<Arc<GeoIp>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_bytes: 1 << 20,
            seal_interval: Duration::from_secs(600),
            person_cache_bytes: 32 << 20,
            batch_interval: Duration::from_millis(40),
            geoip: None,
        }
    }
}

/// Why a batch was not applied. Nothing of it was kept; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The metadata database failed.
    #[error("metadata could not be changed")]
    Meta(#[from] MetaError),
    /// The log could not be read.
    #[error("event log could not be read")]
    Log(#[from] ReadError),
    /// Rows could not be stored.
    #[error("rows could not be stored")]
    Store(#[from] StoreError),
    /// Log and metadata do not belong together.
    #[error(
        "event log ends at record {durable}, but records up to {applied} were applied: the log is not the one that belongs to this metadata"
    )]
    Mismatch {
        /// Last record of the log.
        durable: u64,
        /// Last record applied.
        applied: Sequence,
    },
    /// What was resolved for a batch cannot be matched with its log records.
    #[error("records {first} to {last} cannot be rebuilt from what was resolved for them")]
    Unrecoverable {
        /// First record.
        first: Sequence,
        /// Last record.
        last: Sequence,
    },
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A batch was applied.
    Applied,
    /// There was nothing to do.
    Idle,
}

/// Applies the log to metadata and store.
#[derive(Debug)]
pub struct Ingest {
    meta: Arc<Meta>,
    log: EventLog,
    store: Arc<Store>,
    clock: Clock,
    settings: Settings,
    tail: Tail,
    memory: Memory,
    encoder: resolved::Encoder,
    applied: Sequence,
    requests: SealRequests,
    stats: StatsHandle,
    /// Committed, but not yet published because the store failed.
    unpublished: Option<Batch>,
    oldest_unsealed: Option<Instant>,
    /// When the last batch was begun, if it was a small one.
    small_batch: Option<Instant>,
    /// A crash, for tests: the next batch is committed and then never published.
    #[cfg(test)]
    dies_after_commit: bool,
}

impl Ingest {
    /// Connects the parts and checks that log and metadata belong together.
    ///
    /// # Errors
    ///
    /// [`IngestError::Mismatch`] when the log has lost records that were applied.
    pub fn open(
        meta: Arc<Meta>,
        log: EventLog,
        store: Arc<Store>,
        clock: Clock,
        random: Random,
        settings: Settings,
    ) -> Result<(Self, Sealer), IngestError> {
        let positions = meta.positions()?;
        let durable = log.status().durable;
        if durable < positions.applied.0 {
            return Err(IngestError::Mismatch { durable, applied: positions.applied });
        }
        let stats = StatsHandle::default();
        {
            let mut now = stats.0.lock();
            now.applied = positions.flushed.0;
            now.flushed = positions.flushed.0;
        }
        let requests = SealRequests::default();
        let sealer = Sealer::new(Arc::clone(&meta), log.clone(), Arc::clone(&store), requests.clone(), stats.clone());
        let tail = log.tail(positions.flushed.0);
        let memory = Memory::new(settings.person_cache_bytes, random, settings.geoip.clone());
        let ingest = Self {
            meta,
            log,
            store,
            clock,
            settings,
            tail,
            memory,
            encoder: resolved::Encoder::new(),
            applied: positions.flushed,
            requests,
            stats,
            unpublished: None,
            oldest_unsealed: None,
            small_batch: None,
            #[cfg(test)]
            dies_after_commit: false,
        };
        Ok((ingest, sealer))
    }

    /// The figures, to be read from elsewhere.
    #[must_use]
    pub fn stats(&self) -> StatsHandle {
        self.stats.clone()
    }

    /// Rebuilds the rows of every batch that was committed but not sealed when the last process ended.
    ///
    /// # Errors
    ///
    /// When the log or the metadata cannot be read, or do not fit together: then nothing may be ingested.
    pub fn recover(&mut self) -> Result<(), IngestError> {
        while let Some(batch) = self.meta.resolved_after(self.applied)? {
            let unrecoverable = || IngestError::Unrecoverable { first: batch.first, last: batch.last };
            let count = batch.last.0 - batch.first.0 + 1;
            let records = self.read_exactly(batch.first, batch.last)?.ok_or_else(unrecoverable)?;
            let resolved = usize::try_from(count).ok().and_then(|count| resolved::decode(&batch.blob, count).ok());
            let rows = resolved.and_then(|resolved| rebuild(&records, resolved)).ok_or_else(unrecoverable)?;
            // Merges are in the catalog already, and the store was opened with them.
            self.publish(Batch { rows, merges: Vec::new(), through: batch.last })?;
        }
        self.tail = self.log.tail(self.applied.0);
        Ok(())
    }

    fn read_exactly(&self, first: Sequence, last: Sequence) -> Result<Option<Vec<(u64, Bytes)>>, IngestError> {
        let mut tail = self.log.tail(first.0 - 1);
        let mut records = Vec::new();
        while records.last().is_none_or(|(sequence, _)| *sequence < last.0) {
            let more = tail.read(self.settings.batch_bytes)?;
            if more.is_empty() {
                return Ok(None);
            }
            records.extend(more);
        }
        records.retain(|(sequence, _)| *sequence <= last.0);
        Ok(range_of(&records).is_some_and(|range| range == (first, last)).then_some(records))
    }

    /// Applies one batch of what is in the log.
    ///
    /// # Errors
    ///
    /// Nothing was lost or done twice; call again.
    pub fn step(&mut self) -> Result<Progress, IngestError> {
        if let Some(batch) = self.unpublished.take() {
            self.publish(batch)?;
            return Ok(Progress::Applied);
        }
        let records = self.tail.read(self.settings.batch_bytes)?;
        let Some((first, last)) = range_of(&records) else { return Ok(Progress::Idle) };
        let bytes: usize = records.iter().map(|(_, record)| record.len()).sum();
        self.small_batch = (bytes < self.settings.batch_bytes / 2).then(|| self.clock.instant());
        let (memory, encoder) = (&mut self.memory, &mut self.encoder);
        let committed = self.meta.ingest(|tx| {
            tx.begin(first, last)?;
            let applied = apply(tx, memory, &records)?;
            tx.keep_resolved(&encoder.encode(&applied.resolved))?;
            Ok::<_, MetaError>(applied)
        });
        match committed {
            #[cfg(test)]
            Ok(_) if self.dies_after_commit => Ok(Progress::Applied),
            Ok(applied) => {
                self.memory.end();
                self.count(&applied);
                self.publish(Batch { rows: applied.rows, merges: applied.merges, through: last })?;
                Ok(Progress::Applied)
            }
            Err(error) => {
                self.memory.forget();
                // The records were taken from the tail; put it back before them.
                self.tail = self.log.tail(self.applied.0);
                Err(error.into())
            }
        }
    }

    fn publish(&mut self, batch: Batch) -> Result<(), IngestError> {
        let through = batch.through;
        if let Err(error) = self.store.publish(&batch) {
            self.unpublished = Some(batch);
            return Err(error.into());
        }
        self.applied = through;
        self.stats.0.lock().applied = through.0;
        if self.oldest_unsealed.is_none() {
            self.oldest_unsealed = Some(self.clock.instant());
        }
        Ok(())
    }

    fn count(&self, applied: &Applied) {
        let mut stats = self.stats.0.lock();
        stats.batches += 1;
        stats.events += applied.rows.len() as u64;
        stats.dropped += applied.dropped;
        stats.undecodable += applied.undecodable;
        stats.merges += applied.merges.len() as u64;
        for report in &applied.reports.all {
            let warning = report.warning;
            tracing::debug!(project = report.project.0, warning = warning.as_str(), "ingestion warning");
            *stats.warnings.entry(warning).or_default() += report.count;
        }
    }

    /// Applies batches until told to stop, and then what is still in the log.
    pub fn run(mut self, stop: &StopHandle) {
        const PATIENCE: Duration = Duration::from_millis(100);
        loop {
            // Asked before the step: what was durable by then is applied before leaving.
            let stopping = stop.is_set();
            self.seal_if_due();
            if let Some(pause) = self.pause() {
                stop.wait(pause);
            }
            match self.step() {
                Ok(Progress::Applied) => {}
                Ok(Progress::Idle) if stopping => return,
                // A log that has ended wakes everybody at once; being told to stop follows.
                Ok(Progress::Idle) if self.tail.wait_blocking(PATIENCE) == Wait::Ended => stop.wait(PATIENCE),
                Ok(Progress::Idle) => {}
                Err(error) => {
                    self.stats.0.lock().failures += 1;
                    tracing::error!(error = &error as &dyn std::error::Error, "batch not applied, trying again");
                    if stopping {
                        // The log keeps what is not applied; the next start goes on from there.
                        return;
                    }
                    stop.wait(PATIENCE);
                }
            }
        }
    }

    /// How long to wait for more records, so that a trickle of them does not cost a transaction each. None after a batch
    /// that was large anyway, or was begun long ago.
    fn pause(&self) -> Option<Duration> {
        let elapsed = self.clock.elapsed(self.small_batch?);
        self.settings.batch_interval.checked_sub(elapsed).filter(|pause| !pause.is_zero())
    }

    fn seal_if_due(&mut self) {
        let old = self.oldest_unsealed.is_some_and(|since| self.clock.elapsed(since) >= self.settings.seal_interval);
        match self.store.pressure() {
            Pressure::None if !old => return,
            Pressure::None | Pressure::Seal => self.requests.ask(),
            Pressure::Wait => {
                self.requests.ask();
                self.requests.wait_for_seal();
            }
        }
        self.oldest_unsealed = None;
    }
}

#[cfg(test)]
mod tests;
