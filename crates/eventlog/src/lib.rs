//! The event log: durable, ordered, recoverable bytes.
//!
//! A record is appended as one unit, gets the next sequence (the first is 1), and is acknowledged once it survives a
//! power cut. Concurrent appends share a sync. Readers follow with a [`Tail`]; what they no longer need is trimmed. The
//! log never learns what a record means.
//!
//! ```text
//! append ─▶ queue ─▶ writer ─▶ segment file ─▶ tail
//!   ▲                  │ one sync per group
//!   └──── sequence ────┘
//! ```
//!
//! On disk the log is a directory of segment files of fixed size; `segment.rs` and `frame.rs` describe their bytes,
//! `recovery.rs` how they are read back. The directory belongs to one process; the caller holds the lock.
//!
//! One assumption is made about the device: writing part of a sector leaves the rest of it as it was.

#![warn(missing_docs)]

mod error;
mod frame;
mod group;
mod queue;
mod recovery;
mod scan;
mod segment;
mod shared;
mod tail;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use env::Files;

pub use error::{AppendError, Damage, OpenError, ReadError};
pub use recovery::Recovery;
pub use tail::{Tail, Wait};
pub use writer::{Step, Writer, WriterEnd};

use crate::frame::frame_bytes;
use crate::segment::DATA_START;
use crate::shared::Shared;

const SEGMENT_BYTES_MIN: u64 = 4 << 10;
const SEGMENT_BYTES_MAX: u64 = 2 << 30;

/// Sizes and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Size of a segment file, allocated when it is created. May differ from the last time the log was open.
    pub segment_bytes: u64,
    /// What all segments together may take on disk. Two segments may exist in any case.
    pub quota_bytes: u64,
    /// What must stay free on the disk for others: nothing is accepted below it.
    pub reserve_bytes: u64,
    /// What may wait to be written or be written at one time. A single record is always accepted.
    pub queue_bytes: usize,
    /// The largest record; a record must also fit in a segment.
    pub record_bytes_max: usize,
    /// About how much is written between two syncs.
    pub commit_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            quota_bytes: 4 << 30,
            reserve_bytes: 512 << 20,
            queue_bytes: 64 << 20,
            record_bytes_max: 24 << 20,
            commit_bytes: 1 << 20,
        }
    }
}

impl Settings {
    /// The largest record that can be appended.
    #[must_use]
    pub fn record_limit(&self) -> usize {
        let room = usize::try_from(self.segment_bytes - DATA_START).unwrap_or(usize::MAX);
        self.record_bytes_max.min(room - frame_bytes(0) - frame::ALIGNMENT)
    }

    fn check(&self) -> Result<(), OpenError> {
        if (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return Ok(());
        }
        Err(OpenError::SegmentBytes {
            segment_bytes: self.segment_bytes,
            min_bytes: SEGMENT_BYTES_MIN,
            max_bytes: SEGMENT_BYTES_MAX,
        })
    }
}

/// A log that was opened.
#[derive(Debug)]
pub struct Opened {
    /// Appends, reads and trims.
    pub log: EventLog,
    /// Makes appends durable. Nothing is acknowledged until it runs.
    pub writer: Writer,
    /// What was found.
    pub recovery: Recovery,
}

/// A handle to the log. Clones share it; when the last one is dropped the log closes.
#[derive(Debug, Clone)]
pub struct EventLog(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    epoch: u64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// What the log holds and does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The oldest record there is; the next to come when there is none.
    pub first: u64,
    /// The newest durable record; 0 when there never was one.
    pub durable: u64,
    /// Bytes of all segments on disk, preallocated ones included.
    pub bytes: u64,
    /// Segment files.
    pub segments: usize,
    /// Bytes accepted and not yet answered.
    pub queue_bytes: usize,
    /// Counts the times the log was opened.
    pub epoch: u64,
    /// Records made durable since it was opened.
    pub records: u64,
    /// Syncs that took.
    pub syncs: u64,
    /// Whether records are refused for want of room.
    pub full: bool,
    /// Whether a failed write or sync has stopped the log.
    pub poisoned: bool,
}

/// Opens the log in `dir`, which is created if needed: verifies all of it, trims what a crash left unfinished, and makes
/// the rest durable before it can be read. Takes as long as reading the log does.
///
/// On a full disk the log opens and can be read; appends are refused until there is room.
///
/// # Errors
///
/// [`OpenError::Damaged`] when records are unreadable or missing that were durable; no file was changed then.
pub fn open(files: Arc<dyn Files>, dir: &Path, settings: Settings) -> Result<Opened, OpenError> {
    settings.check()?;
    let recovered = recovery::recover(files.as_ref(), dir)?;
    let recovery = recovered.recovery;
    let shared = Arc::new(Shared::new(files, dir.to_path_buf(), settings, recovered.catalog));
    let mut writer = Writer::new(Arc::clone(&shared), recovery.epoch);
    writer.start().map_err(|source| OpenError::Io { path: dir.to_path_buf(), source })?;
    let log = EventLog(Arc::new(Handle { shared, epoch: recovery.epoch }));
    Ok(Opened { log, writer, recovery })
}

impl EventLog {
    /// Appends a record, the two parts one after the other, and returns its sequence once it is durable.
    ///
    /// Needs no particular runtime, but a running [`Writer`]. When the future is dropped before it completes, the record
    /// may be written all the same.
    ///
    /// # Errors
    ///
    /// The record is not in the log, except on [`AppendError::Poisoned`], which leaves that open.
    pub async fn append(&self, record: [Bytes; 2]) -> Result<u64, AppendError> {
        let shared = &self.0.shared;
        let record_bytes = record.iter().map(Bytes::len).sum();
        let limit_bytes = shared.settings.record_limit();
        if record_bytes > limit_bytes {
            return Err(AppendError::TooLarge { record_bytes, limit_bytes });
        }
        match shared.queue.push(record)?.await {
            Ok(answer) => answer,
            // The writer panicked with the record in its hands, which stops the log.
            Err(_) => Err(shared.queue.poisoned().unwrap_or(AppendError::Closed)),
        }
    }

    /// A reader of the records after `after`; 0 for all there are.
    #[must_use]
    pub fn tail(&self, after: u64) -> Tail {
        Tail::new(Arc::clone(&self.0.shared), after)
    }

    /// Deletes whole segments with no record past `through`, except the last, and returns the bytes freed. When it
    /// returns, what was deleted stays deleted. Blocks for the disk.
    ///
    /// # Errors
    ///
    /// Some segments may have been deleted, always the oldest. When the directory could not be synced, the log has
    /// stopped as after any failed sync.
    pub fn trim(&self, through: u64) -> io::Result<u64> {
        self.0.shared.trim(through)
    }

    /// Accepts no more records; those accepted before are still written and acknowledged, then the writer returns and
    /// tails end.
    pub fn close(&self) {
        self.0.shared.queue.close();
    }

    /// A consistent account of what is on disk, with figures that may be a moment older or newer. Cheap.
    #[must_use]
    pub fn status(&self) -> Status {
        let Handle { shared, epoch } = self.0.as_ref();
        let (first, durable, bytes, segments) = {
            let catalog = shared.catalog();
            (catalog.first(), catalog.next - 1, catalog.file_bytes(), catalog.segments.len())
        };
        Status {
            first,
            durable,
            bytes,
            segments,
            queue_bytes: shared.queue.bytes(),
            epoch: *epoch,
            records: shared.counters.records.load(Ordering::Relaxed),
            syncs: shared.counters.syncs.load(Ordering::Relaxed),
            full: shared.counters.full.load(Ordering::Relaxed),
            poisoned: shared.queue.poisoned().is_some(),
        }
    }
}
