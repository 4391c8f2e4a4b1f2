//! Writes the frames of one group with as few calls as possible.
//!
//! Small parts are gathered in a buffer that lives as long as the writer; a large part goes to the file as it is.

use std::io;

use bytes::Bytes;
use env::File;

use crate::frame::{ALIGNMENT, HEADER_BYTES, Header, Key, frame_bytes, hash_parts};

/// From this size a part is written on its own: one more call is cheaper than the copy.
const DIRECT_BYTES: usize = 256 * 1_024;

/// The buffer between groups. Grows to the size of a group without its large parts.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

/// Appends frames to a segment. Nothing is certain to be in the file before [`GroupWriter::finish`].
pub(crate) struct GroupWriter<'a> {
    file: &'a dyn File,
    key: Key,
    watermark: u64,
    /// Where the first byte of the buffer belongs.
    offset: u64,
    buffer: &'a mut Vec<u8>,
}

impl<'a> GroupWriter<'a> {
    /// Begins at `offset`; everything up to `watermark` is durable already.
    pub(crate) fn new(file: &'a dyn File, key: Key, watermark: u64, offset: u64, buffer: &'a mut Buffer) -> Self {
        buffer.0.clear();
        Self { file, key, watermark, offset, buffer: &mut buffer.0 }
    }

    /// Adds the frame of one record.
    pub(crate) fn push(&mut self, sequence: u64, record: &[Bytes; 2]) -> io::Result<()> {
        let payload_bytes = record.iter().map(Bytes::len).sum();
        let hash = hash_parts(record, self.key);
        let header = Header { payload_bytes, sequence, watermark: self.watermark, hash };
        self.buffer.extend_from_slice(&header.encode(self.key));
        for part in record {
            if part.len() < DIRECT_BYTES {
                self.buffer.extend_from_slice(part);
            } else {
                self.flush()?;
                self.file.write_all_at(part, self.offset)?;
                self.offset += part.len() as u64;
            }
        }
        let padding = frame_bytes(payload_bytes) - HEADER_BYTES - payload_bytes;
        self.buffer.extend_from_slice(&[0; ALIGNMENT][..padding]);
        Ok(())
    }

    /// Hands the rest to the file and returns the offset after the last frame.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        Ok(self.offset)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file.write_all_at(self.buffer, self.offset)?;
            self.offset += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}
