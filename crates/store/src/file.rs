//! Lets the Parquet reader read our files.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use env::File;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};
use xxhash_rust::xxh3::Xxh3;

/// An open segment file and its length.
#[derive(Debug, Clone)]
pub(crate) struct SegmentFile {
    pub(crate) file: Arc<dyn File>,
    pub(crate) bytes: u64,
}

impl Length for SegmentFile {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for SegmentFile {
    type T = Cursor;

    fn get_read(&self, start: u64) -> Result<Cursor> {
        Ok(Cursor { file: self.clone(), position: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(Bytes::from(bytes))
    }
}

/// Reads on from a position.
#[derive(Debug)]
pub(crate) struct Cursor {
    file: SegmentFile,
    position: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.file.bytes.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        self.file.file.read_exact_at(&mut buffer[..length], self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

/// A new file, written from front to back; tells its length and checksum.
pub(crate) struct FileWriter {
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    written: u64,
    hash: Xxh3,
}

/// Bytes gathered before they go to the file.
const WRITE_BYTES: usize = 1 << 20;

impl FileWriter {
    pub(crate) fn new(file: Arc<dyn File>) -> Self {
        Self { file, buffer: Vec::new(), written: 0, hash: Xxh3::new() }
    }

    /// Makes everything durable; returns the file's length and its XXH3-64.
    pub(crate) fn finish(mut self) -> io::Result<(u64, u64)> {
        self.flush()?;
        self.file.sync_data()?;
        Ok((self.written, self.hash.digest()))
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.written)?;
        self.hash.update(&self.buffer);
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
