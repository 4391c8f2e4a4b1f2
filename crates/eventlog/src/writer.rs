//! The one thread that writes the log: takes what has gathered, writes it, syncs once, answers everybody.
//!
//! While a sync runs the next group gathers, so the busier the log, the more appends share a sync; nothing is delayed
//! on purpose. A group lies in one segment. The next segment is made ready when the current one could not hold a full
//! group, after the answers were sent: a full disk is noticed there, never between a write and its answer (rule R2).

use std::io;
use std::sync::Arc;

use env::File;

use crate::error::AppendError;
use crate::frame::Key;
use crate::group::{Buffer, GroupWriter};
use crate::queue::{Pending, Taken};
use crate::segment::{self, DATA_START, PrepareError, Segment};
use crate::shared::Shared;

/// Writes the log. Run it on a thread of its own; dropping it unfinished stops the log.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    epoch: u64,
    /// The segment that records go to. None until there was room for one.
    active: Option<Active>,
    group: Vec<Pending>,
    buffer: Buffer,
    end: Option<WriterEnd>,
}

#[derive(Debug)]
struct Active {
    file: Arc<dyn File>,
    key: Key,
    /// Where the next frame goes.
    end: u64,
    file_bytes: u64,
}

/// Why a writer returned.
#[derive(Debug, Clone)]
pub enum WriterEnd {
    /// The log was closed and everything accepted before that is durable.
    Closed,
    /// A write or sync failed: exit, and recover from disk by starting again (rule R3).
    Poisoned(Arc<io::Error>),
}

/// What one call of [`Writer::commit_next`] did.
#[derive(Debug, Clone)]
pub enum Step {
    /// There was nothing to do.
    Idle,
    /// So many records became durable, with one sync.
    Committed(usize),
    /// Records were refused because the log is full.
    Refused,
    /// The log has ended, and this is all the writer will ever say.
    Ended(WriterEnd),
}

/// Why there is no new segment.
enum NoRoll {
    /// No room: nothing was lost, and trying again is safe.
    Full,
    Failed(io::Error),
}

impl Active {
    fn room(&self) -> u64 {
        self.file_bytes.saturating_sub(self.end)
    }
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, epoch: u64) -> Self {
        Self { shared, epoch, active: None, group: Vec::new(), buffer: Buffer::default(), end: None }
    }

    /// Writes until the log is closed, by [`crate::EventLog::close`] or because its last handle is gone, or has to
    /// stop. Blocks while there is nothing to write.
    pub fn run(mut self) -> WriterEnd {
        loop {
            self.shared.queue.wait();
            if let Step::Ended(end) = self.commit_next() {
                return end;
            }
        }
    }

    /// Writes one group, if something waits: the step [`Writer::run`] repeats. Blocks for the disk only.
    pub fn commit_next(&mut self) -> Step {
        if let Some(end) = &self.end {
            return Step::Ended(end.clone());
        }
        match self.take() {
            Taken::Nothing => Step::Idle,
            Taken::Group => self.commit(),
            Taken::NoRoom => match self.roll() {
                Ok(()) if matches!(self.take(), Taken::Group) => self.commit(),
                Ok(()) => Step::Idle,
                Err(NoRoll::Full) => self.refuse_first(),
                Err(NoRoll::Failed(error)) => self.poison(error),
            },
            Taken::Closed => self.close(),
            Taken::Poisoned(source) => self.ended(WriterEnd::Poisoned(source)),
        }
    }

    fn take(&mut self) -> Taken {
        let room = self.active.as_ref().map_or(0, Active::room);
        self.shared.queue.take(&mut self.group, self.shared.settings.commit_bytes, room)
    }

    /// Makes the group durable and answers it.
    fn commit(&mut self) -> Step {
        if self.available() < self.shared.settings.reserve_bytes {
            return self.refuse();
        }
        let records = self.group.len();
        let first = self.shared.catalog().next;
        let end = match self.write_and_sync(first) {
            Ok(end) => end,
            Err(error) => return self.poison(error),
        };
        self.shared.count_group(records);
        self.shared.publish(first + records as u64, end);
        let mut sequences = first..;
        self.shared.queue.answer(&mut self.group, || sequences.next().ok_or(AppendError::Closed));
        self.roll_ahead(records)
    }

    fn write_and_sync(&mut self, first: u64) -> io::Result<u64> {
        let active = self.active.as_mut().ok_or_else(|| io::Error::other("there is no segment to write to"))?;
        let mut writer = GroupWriter::new(active.file.as_ref(), active.key, first - 1, active.end, &mut self.buffer);
        for (sequence, pending) in (first..).zip(&self.group) {
            writer.push(sequence, &pending.record)?;
        }
        let end = writer.finish()?;
        active.file.sync_data()?;
        active.end = end;
        Ok(end)
    }

    /// Makes the next segment ready while nobody waits for it. Failing for want of room is fine: there is some left.
    fn roll_ahead(&mut self, records: usize) -> Step {
        let settings = &self.shared.settings;
        let low = (settings.commit_bytes as u64).min(settings.segment_bytes / 4);
        if self.active.as_ref().is_some_and(|active| active.room() >= low) {
            self.shared.set_full(false);
            return Step::Committed(records);
        }
        match self.roll() {
            Ok(()) | Err(NoRoll::Full) => Step::Committed(records),
            Err(NoRoll::Failed(error)) => self.poison(error),
        }
    }

    /// Goes on in a new segment, durably there and allocated. An empty last segment is taken over instead.
    fn roll(&mut self) -> Result<(), NoRoll> {
        let shared = Arc::clone(&self.shared);
        let _names = shared.names.lock();
        if shared.queue.poisoned().is_some() {
            return Err(NoRoll::Failed(io::Error::other("the log has stopped")));
        }
        let (last, next, segments, file_bytes) = {
            let catalog = shared.catalog();
            (catalog.segments.back().copied(), catalog.next, catalog.segments.len(), catalog.file_bytes())
        };
        let reused = last.filter(Segment::is_empty);
        let needed = shared.settings.segment_bytes.saturating_sub(reused.map_or(0, |last| last.file_bytes));
        // A second segment is always allowed: without one, the first could never be trimmed.
        let over_quota = segments > 1 && file_bytes + needed > shared.settings.quota_bytes;
        if over_quota || self.available() < needed.saturating_add(shared.settings.reserve_bytes) {
            return Err(NoRoll::Full);
        }
        let file = match reused {
            Some(last) => shared.files.open(&shared.path(last.first)).map_err(|error| not_opened(&error, next))?,
            None => self.create(next)?,
        };
        let key =
            segment::prepare(file.as_ref(), next, self.epoch, shared.settings.segment_bytes).map_err(|error| {
                match error {
                    PrepareError::Write(error) if is_full(&error) => NoRoll::Full,
                    PrepareError::Write(error) | PrepareError::Sync(error) => NoRoll::Failed(error),
                }
            })?;
        let file_bytes = file.len().map_err(NoRoll::Failed)?;
        if let Some(last) = shared.catalog().segments.back_mut() {
            last.file_bytes = file_bytes;
            last.key = key;
        }
        self.active = Some(Active { file, key, end: DATA_START, file_bytes });
        shared.set_full(false);
        Ok(())
    }

    /// Creates the segment for `next`, its name durable, and leaves the one before it behind for good.
    fn create(&mut self, next: u64) -> Result<Arc<dyn File>, NoRoll> {
        let shared = &self.shared;
        let file = shared.files.create(&shared.path(next)).map_err(|error| not_opened(&error, next))?;
        shared.files.sync_dir(&shared.dir).map_err(NoRoll::Failed)?;
        if let Some(active) = self.active.take() {
            active.file.set_len(active.end).map_err(NoRoll::Failed)?;
        }
        let mut catalog = shared.catalog();
        if let Some(last) = catalog.segments.back_mut() {
            last.file_bytes = last.file_bytes.min(last.end);
        }
        catalog.segments.push_back(Segment::empty(next));
        Ok(file)
    }

    /// Bytes left on the disk. A disk that does not say has none: refusing a record is always safe.
    fn available(&self) -> u64 {
        self.shared.files.available_bytes(&self.shared.dir).unwrap_or_else(|error| {
            tracing::warn!(%error, dir = %self.shared.dir.display(), "the disk does not say how much room it has");
            0
        })
    }

    /// Refuses the record at the front, which no segment has room for.
    fn refuse_first(&mut self) -> Step {
        match self.shared.queue.take(&mut self.group, 0, u64::MAX) {
            Taken::Group => self.refuse(),
            Taken::NoRoom | Taken::Nothing | Taken::Closed | Taken::Poisoned(_) => Step::Idle,
        }
    }

    fn refuse(&mut self) -> Step {
        self.shared.set_full(true);
        self.shared.queue.answer(&mut self.group, || Err(AppendError::Full));
        Step::Refused
    }

    /// Everything accepted is durable. Leaves an empty segment behind when there is room for one: its name vouches for
    /// the last group, which no later frame does.
    fn close(&mut self) -> Step {
        if self.active.as_ref().is_some_and(|active| active.end > DATA_START) {
            match self.roll() {
                Ok(()) | Err(NoRoll::Full) => {}
                Err(NoRoll::Failed(error)) => return self.poison(error),
            }
        }
        self.ended(WriterEnd::Closed)
    }

    fn poison(&mut self, error: io::Error) -> Step {
        let source = self.shared.poison(error);
        if let Some(answer) = self.shared.queue.poisoned() {
            self.shared.queue.answer(&mut self.group, || Err(answer.clone()));
        }
        self.ended(WriterEnd::Poisoned(source))
    }

    fn ended(&mut self, end: WriterEnd) -> Step {
        self.active = None;
        self.shared.end();
        self.end = Some(end.clone());
        Step::Ended(end)
    }

    /// Gets the first segment ready when the log is opened. A full disk is fine: what is there can still be read.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        match self.roll() {
            Ok(()) => Ok(()),
            Err(NoRoll::Full) => {
                self.shared.set_full(true);
                Ok(())
            }
            Err(NoRoll::Failed(error)) => Err(error),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.poison(io::Error::other("the log writer is gone"));
        }
    }
}

/// A segment that could not be created or opened, for want of space or of file handles: nothing was written yet.
fn not_opened(error: &io::Error, first: u64) -> NoRoll {
    tracing::warn!(%error, first, "no log segment can be opened");
    NoRoll::Full
}

/// Whether an error says that there is no room, rather than that the disk is broken.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
