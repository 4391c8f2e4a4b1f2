//! Reads durable records in order, while the writer appends and old segments go.
//!
//! Reads are large and sequential; the records that come from one read share its buffer. Each is verified again: what
//! was fine when the log was opened may not be any more.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::File;

use crate::error::ReadError;
use crate::frame::{HEADER_BYTES, Header};
use crate::segment::{DATA_START, Segment};
use crate::shared::{Catalog, Shared};

/// Bytes of one read, unless a frame is larger or the caller wants less.
const READ_BYTES: usize = 4 << 20;
const READ_BYTES_MIN: usize = 64 << 10;

/// A position in the log. Independent of other tails; holds nothing back from being trimmed.
#[derive(Debug)]
pub struct Tail {
    shared: Arc<Shared>,
    /// The sequence of the next record to return.
    next: u64,
    place: Option<Place>,
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// There is something to read.
    Ready,
    /// Everything was read and nothing more will come.
    Ended,
    /// Nothing came in time.
    TimedOut,
}

/// A frame boundary in an open segment.
#[derive(Debug)]
struct Place {
    first: u64,
    file: Arc<dyn File>,
    offset: u64,
    /// The sequence of the frame at `offset`.
    sequence: u64,
    /// What the next read must at least cover.
    frame_bytes: usize,
}

impl Tail {
    pub(crate) fn new(shared: Arc<Shared>, after: u64) -> Self {
        Self { shared, next: after.saturating_add(1), place: None }
    }

    /// Reads the next records: at least one when there is one, and no more than `max_bytes` of payload otherwise.
    /// Empty when everything durable was read. Blocks for the disk only.
    ///
    /// Each record comes with its sequence, without gaps. The bytes share buffers of up to 4 MiB with their neighbours.
    ///
    /// # Errors
    ///
    /// Whatever was read before the trouble is returned first; the error comes with the next call, and again with
    /// each further one until it is gone.
    pub fn read(&mut self, max_bytes: usize) -> Result<Vec<(u64, Bytes)>, ReadError> {
        let mut records = Vec::new();
        let mut budget = max_bytes;
        loop {
            match self.read_some(&mut budget, &mut records) {
                Ok(true) => {}
                Ok(false) => return Ok(records),
                Err(_) if !records.is_empty() => return Ok(records),
                Err(error) => return Err(error),
            }
        }
    }

    /// Completes when there is something to read, or nothing more will come. Needs no runtime.
    pub async fn wait(&mut self) -> Wait {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            if let Some(wait) = self.ready(&self.shared.catalog()) {
                return wait;
            }
            changed.await;
        }
    }

    /// As [`Tail::wait`], for a thread, and no longer than `timeout`.
    pub fn wait_blocking(&mut self, timeout: Duration) -> Wait {
        let mut wait = None;
        self.shared.wait(timeout, |catalog| {
            wait = self.ready(catalog);
            wait.is_some()
        });
        wait.unwrap_or(Wait::TimedOut)
    }

    /// The last record that was returned, or where the tail began.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next - 1
    }

    fn ready(&self, catalog: &Catalog) -> Option<Wait> {
        if self.next < catalog.next {
            return Some(Wait::Ready);
        }
        catalog.ended.then_some(Wait::Ended)
    }

    /// One read. False when there is nothing more to read or to return.
    fn read_some(&mut self, budget: &mut usize, records: &mut Vec<(u64, Bytes)>) -> Result<bool, ReadError> {
        let segment = {
            let catalog = self.shared.catalog();
            if self.next < catalog.first() {
                return Err(ReadError::Trimmed { first: catalog.first() });
            }
            match catalog.holding(self.next) {
                Some(segment) => segment,
                None => return Ok(false),
            }
        };
        let place = match self.place.take() {
            Some(place) if place.first == segment.first => place,
            _ => self.enter(&segment)?,
        };
        let want = budget.saturating_add(HEADER_BYTES).clamp(READ_BYTES_MIN, READ_BYTES).max(place.frame_bytes);
        let left = usize::try_from(segment.end - place.offset).unwrap_or(usize::MAX);
        let mut buffer = vec![0; want.min(left)];
        let read = place.file.read_exact_at(&mut buffer, place.offset);
        let place = self.place.insert(place);
        read.map_err(|source| failed(&self.shared, segment.first, source))?;
        let buffer = Bytes::from(buffer);
        let Some(progress) = take_frames(&buffer, place, &segment, self.next, budget, records) else {
            return Err(ReadError::Damaged {
                segment: self.shared.path(segment.first),
                offset: place.offset,
                sequence: place.sequence,
            });
        };
        if let Some((last, _)) = records.last() {
            self.next = last + 1;
        }
        Ok(progress)
    }

    /// Opens a segment, at its first frame.
    fn enter(&self, segment: &Segment) -> Result<Place, ReadError> {
        let first = segment.first;
        match self.shared.files.open(&self.shared.path(first)) {
            Ok(file) => Ok(Place { first, file, offset: DATA_START, sequence: first, frame_bytes: HEADER_BYTES }),
            // It was there a moment ago, so it was trimmed just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ReadError::Trimmed { first: segment.next }),
            Err(source) => Err(failed(&self.shared, first, source)),
        }
    }
}

/// Moves the frames at the start of `buffer` that are complete, wanted and within the budget to `records`, and the
/// place behind them. False when the budget ended it; None when what stands there is no such frame.
fn take_frames(
    buffer: &Bytes,
    place: &mut Place,
    segment: &Segment,
    wanted: u64,
    budget: &mut usize,
    records: &mut Vec<(u64, Bytes)>,
) -> Option<bool> {
    let mut at = 0;
    place.frame_bytes = HEADER_BYTES;
    while let Some(bytes) = buffer.get(at..).filter(|bytes| bytes.len() >= HEADER_BYTES) {
        let header = Header::decode(bytes, segment.key)?;
        let frame_bytes = header.frame_bytes();
        if header.sequence != place.sequence || place.offset + frame_bytes as u64 > segment.end {
            return None;
        }
        if header.sequence >= wanted {
            if bytes.len() < frame_bytes {
                place.frame_bytes = frame_bytes;
                break;
            }
            if !header.verify(bytes, segment.key) {
                return None;
            }
            if header.payload_bytes > *budget && !records.is_empty() {
                return Some(false);
            }
            *budget = budget.saturating_sub(header.payload_bytes);
            let payload = at + HEADER_BYTES..at + HEADER_BYTES + header.payload_bytes;
            records.push((header.sequence, buffer.slice(payload)));
        }
        at += frame_bytes;
        place.offset += frame_bytes as u64;
        place.sequence += 1;
    }
    Some(*budget > 0)
}

fn failed(shared: &Shared, first: u64, source: io::Error) -> ReadError {
    ReadError::Io { segment: shared.path(first), source }
}
