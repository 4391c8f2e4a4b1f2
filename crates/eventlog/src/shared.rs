//! What the handle, the writer and the tails of one log have in common.
//!
//! The catalog is the single account of what is durable: the writer extends it after each sync, tails read no further
//! than it says. Lock order: `names`, then `catalog` or the queue; none is held across a read or a data sync.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use env::Files;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::Settings;
use crate::queue::Queue;
use crate::segment::{Segment, file_name};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) dir: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) queue: Queue,
    /// Held while names in the directory change and until the change is durable.
    pub(crate) names: Mutex<()>,
    catalog: Mutex<Catalog>,
    /// Signalled, with `changed`, when the catalog has more records or the log ends.
    grown: Condvar,
    pub(crate) changed: Notify,
    pub(crate) counters: Counters,
}

/// Figures for the status.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) full: AtomicBool,
}

/// The segments on disk and what is durable in them.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Oldest first; only the last one can be empty or be written to.
    pub(crate) segments: VecDeque<Segment>,
    /// The sequence of the next record to become durable.
    pub(crate) next: u64,
    /// Whether nothing more will come.
    pub(crate) ended: bool,
}

impl Catalog {
    /// The oldest record there is, or the next one to come.
    pub(crate) fn first(&self) -> u64 {
        self.segments.front().map_or(self.next, |segment| segment.first)
    }

    /// Bytes of all segments on disk, preallocated ones included.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.file_bytes).sum()
    }

    /// The segment that holds the durable record `sequence`.
    pub(crate) fn holding(&self, sequence: u64) -> Option<Segment> {
        let after = self.segments.partition_point(|segment| segment.first <= sequence);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        (sequence < segment.next).then_some(*segment)
    }
}

impl Shared {
    pub(crate) fn new(files: Arc<dyn Files>, dir: PathBuf, settings: Settings, catalog: Catalog) -> Self {
        Self {
            files,
            dir,
            queue: Queue::new(settings.queue_bytes),
            settings,
            names: Mutex::new(()),
            catalog: Mutex::new(catalog),
            grown: Condvar::new(),
            changed: Notify::new(),
            counters: Counters::default(),
        }
    }

    pub(crate) fn path(&self, first: u64) -> PathBuf {
        self.dir.join(file_name(first))
    }

    pub(crate) fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock()
    }

    /// Blocks until `condition` holds or `timeout` is over.
    pub(crate) fn wait(&self, timeout: std::time::Duration, mut condition: impl FnMut(&Catalog) -> bool) {
        let mut catalog = self.catalog.lock();
        self.grown.wait_while_for(&mut catalog, |catalog| !condition(catalog), timeout);
    }

    /// Records that the last segment is durable up to here, and tells those who wait for it.
    pub(crate) fn publish(&self, next: u64, end: u64) {
        let mut catalog = self.catalog.lock();
        catalog.next = next;
        if let Some(last) = catalog.segments.back_mut() {
            last.next = next;
            last.end = end;
        }
        drop(catalog);
        self.wake();
    }

    /// Records that nothing more will come.
    pub(crate) fn end(&self) {
        self.catalog.lock().ended = true;
        self.wake();
    }

    /// Stops the log for good (rule R3): everything that waits, and all that comes, is refused. Returns the first
    /// failure there was.
    pub(crate) fn poison(&self, error: io::Error) -> Arc<io::Error> {
        let durable_to = self.catalog.lock().next - 1;
        let source = self.queue.poison(durable_to, error);
        self.end();
        source
    }

    /// Deletes the segments that hold nothing past `through`, oldest first, and returns the bytes freed.
    ///
    /// Each deletion is durable before the next, so that a power cut leaves no hole. The last segment stays, because it
    /// is what remembers the sequence and the epoch; while it has no header yet, so does the one before it.
    pub(crate) fn trim(&self, through: u64) -> io::Result<u64> {
        let _names = self.names.lock();
        let mut freed = 0;
        loop {
            let oldest = {
                let catalog = self.catalog.lock();
                let kept = if catalog.segments.back().is_some_and(Segment::has_header) { 1 } else { 2 };
                match catalog.segments.front() {
                    Some(oldest) if catalog.segments.len() > kept && oldest.next <= through.saturating_add(1) => {
                        *oldest
                    }
                    _ => return Ok(freed),
                }
            };
            self.files.remove(&self.path(oldest.first))?;
            if let Err(error) = self.files.sync_dir(&self.dir) {
                // The same sync may have covered a name of the writer's: nobody may trust the directory any more.
                let kind = error.kind();
                return Err(io::Error::new(kind, self.poison(error)));
            }
            self.catalog.lock().segments.pop_front();
            freed += oldest.file_bytes;
        }
    }

    pub(crate) fn count_group(&self, records: usize) {
        self.counters.records.fetch_add(records as u64, Ordering::Relaxed);
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
    }

    /// Remembers whether the log refuses records for want of room, and says so once when that changes.
    pub(crate) fn set_full(&self, full: bool) {
        if self.counters.full.swap(full, Ordering::Relaxed) != full {
            if full {
                tracing::warn!(dir = %self.dir.display(), "event log is full, refusing records");
            } else {
                tracing::info!(dir = %self.dir.display(), "event log has room again");
            }
        }
    }

    fn wake(&self) {
        self.grown.notify_all();
        self.changed.notify_waiters();
    }
}
