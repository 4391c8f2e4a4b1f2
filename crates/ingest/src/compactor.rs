//! Merges segments in the background, and removes what has to go from them.
//!
//! Runs beside ingestion and sealing and never holds them up: it reads files that nobody changes, and what readers see
//! changes with the commit. Between two jobs it lets go of merges and deletions that no stored row needs any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use env::Clock;
use meta::Meta;
use model::{Day, PersonNumber, ProjectId, Timestamp};
use store::{Removals, Store};

use crate::ingest::IngestError;
use crate::sealer::StopHandle;

/// How often an idle compactor looks whether there is something to do.
const IDLE: Duration = Duration::from_secs(1);
/// How long it rests after a failure.
const REST: Duration = Duration::from_secs(10);
/// How often it looks for what may be forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(30);

/// Merges segments, on a thread of its own.
#[derive(Debug)]
pub struct Compactor {
    meta: Arc<Meta>,
    store: Arc<Store>,
    clock: Clock,
}

impl Compactor {
    /// Connects the parts.
    #[must_use]
    pub fn new(meta: Arc<Meta>, store: Arc<Store>, clock: Clock) -> Self {
        Self { meta, store, clock }
    }

    /// Compacts whenever there is something to gain, until told to stop. A job under way may be abandoned at any moment:
    /// what it wrote is removed at the next start.
    pub fn run(self, stop: &StopHandle) {
        let mut forgot = self.clock.instant();
        while !stop.is_set() {
            match self.step() {
                Ok(true) => {}
                Ok(false) => stop.wait(IDLE),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "compaction failed, nothing has changed");
                    stop.wait(REST);
                }
            }
            if self.clock.elapsed(forgot) >= FORGET_EVERY {
                forgot = self.clock.instant();
                if let Err(error) = self.forget() {
                    tracing::warn!(error = &error as &dyn std::error::Error, "old merges and deletions stay known");
                }
            }
        }
    }

    /// Does the next job; false when there is none.
    ///
    /// # Errors
    ///
    /// Nothing has changed; the same job is tried again.
    pub fn step(&self) -> Result<bool, IngestError> {
        let removals = self.removals()?;
        let Some(job) = self.store.next_compaction(&removals)? else { return Ok(false) };
        let (rows, inputs) = (job.rows(), job.segments());
        let compacted =
            self.store.compact(job, |count| self.meta.reserve_segment_ids(count).map_err(IngestError::from))?;
        let (project, outputs, bytes) = (compacted.project, compacted.added.len(), compacted.bytes);
        self.store.commit_compaction(compacted, |removed, added, deleted| {
            self.meta.commit_compaction(removed, added, deleted)
        })?;
        tracing::info!(
            project = project.0,
            rows,
            inputs,
            outputs,
            bytes_read = bytes.0,
            bytes_written = bytes.1,
            "compacted"
        );
        Ok(true)
    }

    /// What has to go: events older than their project keeps them, and those of deleted persons.
    fn removals(&self) -> Result<HashMap<ProjectId, Removals>, IngestError> {
        let mut removals: HashMap<ProjectId, Removals> = HashMap::new();
        let now = Timestamp::from_micros(self.clock.unix_micros());
        for (project, days) in self.meta.retention()? {
            // A clock that has jumped ahead must not expire anything: events of that time have to have come, too.
            let Some(newest) = self.store.newest(project) else { continue };
            let kept = i64::from(days).saturating_mul(Day::MICROS);
            let before = now.min(newest).as_micros().saturating_sub(kept);
            removals.entry(project).or_default().expired_before = Some(Timestamp::from_micros(before));
        }
        for (project, number) in self.meta.deleted_persons()? {
            Arc::make_mut(&mut removals.entry(project).or_default().persons).insert(number.0);
        }
        Ok(removals)
    }

    /// Lets go of merges and deletions that no stored row needs any more.
    ///
    /// # Errors
    ///
    /// They stay known, and are tried again.
    pub fn forget(&self) -> Result<(), IngestError> {
        for project in self.store.projects() {
            if let Some(through) = self.store.merges_settled(project)? {
                let gone = self.meta.retire_merges(project, through)?;
                self.store.forget_merges(project, &gone);
            }
        }
        // Before the segments are looked at: what is sealed afterwards is not seen below.
        let flushed = self.meta.positions()?.flushed;
        let mut deleted: HashMap<ProjectId, Vec<PersonNumber>> = HashMap::new();
        for (project, number) in self.meta.deleted_persons()? {
            deleted.entry(project).or_default().push(number);
        }
        for (project, numbers) in deleted {
            let gone = self.store.gone(project, &numbers)?;
            let now = Timestamp::from_micros(self.clock.unix_micros());
            let forgotten = self.meta.forget_deleted_persons(project, &gone, flushed, now)?;
            self.store.forget_hidden(project, &forgotten);
        }
        Ok(())
    }
}
