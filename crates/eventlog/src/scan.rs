//! Walks the frames of a segment file in order and says where they end, and how.
//!
//! Reads are large and sequential; memory is one window, as large as the largest frame.

use std::collections::VecDeque;
use std::io;

use env::File;

use crate::frame::{ALIGNMENT, HEADER_BYTES, Header, Key};
use crate::segment::DATA_START;

/// Bytes per read.
const WINDOW_BYTES: usize = 1 << 20;

/// A file seen through a buffer.
pub(crate) struct Window<'a> {
    file: &'a dyn File,
    len: u64,
    /// Where in the file the buffer begins.
    start: u64,
    buffer: Vec<u8>,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The sequence after the last valid record.
    pub(crate) next: u64,
    /// The offset after it.
    pub(crate) end: u64,
    /// Where the first record stands that no later one calls durable; `end` when there is none.
    pub(crate) unvouched: u64,
}

impl<'a> Window<'a> {
    pub(crate) fn new(file: &'a dyn File) -> io::Result<Self> {
        Ok(Self { file, len: file.len()?, start: 0, buffer: Vec::new() })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes at `offset`: `bytes` of them, fewer at the end of the file.
    pub(crate) fn at(&mut self, offset: u64, bytes: usize) -> io::Result<&[u8]> {
        let bytes = self.clamp(offset, bytes);
        let inside = offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let buffered = inside.filter(|at| at.saturating_add(bytes) <= self.buffer.len());
        let at = match buffered {
            Some(at) => at,
            None => {
                let read = self.clamp(offset, bytes.max(WINDOW_BYTES));
                self.buffer.resize(read, 0);
                self.start = offset;
                if read > 0 {
                    self.file.read_exact_at(&mut self.buffer, offset)?;
                }
                0
            }
        };
        Ok(&self.buffer[at..at + bytes])
    }

    /// Whether the file has only zeroes from `offset` on.
    pub(crate) fn is_zero_from(&mut self, offset: u64) -> io::Result<bool> {
        let mut at = offset;
        while at < self.len {
            let bytes = self.at(at, WINDOW_BYTES)?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    }

    fn clamp(&self, offset: u64, bytes: usize) -> usize {
        usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes)
    }
}

/// Walks from the first frame, which has the sequence `first`, to the first that is not valid or not below `limit`.
pub(crate) fn scan(window: &mut Window<'_>, first: u64, limit: u64, key: Key) -> io::Result<Scan> {
    let mut next = first;
    let mut end = DATA_START;
    let mut unvouched: VecDeque<(u64, u64)> = VecDeque::new();
    while next < limit {
        let Some(header) = Header::decode(window.at(end, HEADER_BYTES)?, key) else { break };
        let frame = window.at(end, header.frame_bytes())?;
        if header.sequence != next || frame.len() < header.frame_bytes() || !header.verify(frame, key) {
            break;
        }
        while unvouched.front().is_some_and(|(sequence, _)| *sequence <= header.watermark) {
            unvouched.pop_front();
        }
        unvouched.push_back((next, end));
        next += 1;
        end += header.frame_bytes() as u64;
    }
    let unvouched = unvouched.front().map_or(end, |(_, offset)| *offset);
    Ok(Scan { next, end, unvouched })
}

/// The highest watermark in any frame header from `offset` on, whatever stands between: the last record that is known
/// to have been durable. 0 when there is none.
pub(crate) fn watermark_from(window: &mut Window<'_>, offset: u64, key: Key) -> io::Result<u64> {
    let mut watermark = 0;
    let mut at = offset;
    while at + HEADER_BYTES as u64 <= window.len() {
        let bytes = window.at(at, WINDOW_BYTES)?;
        let mut inside = 0;
        while inside + HEADER_BYTES <= bytes.len() {
            if let Some(header) = Header::decode(&bytes[inside..], key) {
                watermark = watermark.max(header.watermark);
            }
            inside += ALIGNMENT;
        }
        at += inside as u64;
    }
    Ok(watermark)
}
