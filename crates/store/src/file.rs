//! Lets the Parquet reader read our files, and notices when they are not what was written.
//!
//! Parquet pages carry no checksums here, so a damaged byte could read as another value. Each 16 KiB of a segment file
//! have a checksum, kept in the index beside it; whatever is read is checked in these units. Where the index is lost, the
//! checksum of the whole file, which the catalog has, decides before they are taken anew.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use env::File;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};
use xxhash_rust::xxh3::Xxh3;

use crate::codec::{short_checksum, shortened};

/// Bytes that are checked together.
const BLOCK_BYTES: usize = 16 << 10;

/// An open segment file: what is read of it is what was written, or an error.
#[derive(Debug, Clone)]
pub(crate) struct SegmentFile {
    file: Arc<dyn File>,
    bytes: u64,
    /// A checksum for each block of the file.
    pub(crate) blocks: Arc<[u32]>,
}

impl SegmentFile {
    /// A file of `bytes` bytes; none when `blocks` do not cover it.
    pub(crate) fn new(file: Arc<dyn File>, bytes: u64, blocks: Vec<u32>) -> Option<Self> {
        let covered = bytes.div_ceil(BLOCK_BYTES as u64) == blocks.len() as u64;
        covered.then(|| Self { file, bytes, blocks: blocks.into() })
    }

    /// The checksums of the blocks of `file`; none when its first `bytes` bytes do not have `checksum`. Reads them all.
    pub(crate) fn blocks_of(file: &dyn File, bytes: u64, checksum: u64) -> io::Result<Option<Vec<u32>>> {
        let mut sums = Checksums::default();
        let mut buffer = vec![0; WRITE_BYTES];
        let mut at = 0;
        while at < bytes {
            let length = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(buffer.len());
            file.read_exact_at(&mut buffer[..length], at)?;
            sums.update(&buffer[..length]);
            at += length as u64;
        }
        let (found, blocks) = sums.finish();
        Ok((found == checksum).then_some(blocks))
    }

    /// The blocks that hold bytes `start..start + length`, and where the first of them starts.
    fn blocks(&self, start: u64, length: usize) -> io::Result<(u64, Bytes)> {
        let block_bytes = BLOCK_BYTES as u64;
        let end = start.checked_add(length as u64).filter(|end| *end <= self.bytes);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?.next_multiple_of(block_bytes).min(self.bytes);
        let first = start / block_bytes;
        let start = first * block_bytes;
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, start)?;
        for (at, block) in (usize::try_from(first).unwrap_or(usize::MAX)..).zip(bytes.chunks(BLOCK_BYTES)) {
            if self.blocks.get(at) != Some(&short_checksum(block)) {
                let damage = format!("block {at} does not have its checksum");
                return Err(io::Error::new(io::ErrorKind::InvalidData, damage));
            }
        }
        Ok((start, Bytes::from(bytes)))
    }
}

impl Length for SegmentFile {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for SegmentFile {
    type T = Cursor;

    fn get_read(&self, start: u64) -> Result<Cursor> {
        Ok(Cursor { file: self.clone(), position: start, block: (0, Bytes::new()) })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let (first, blocks) = self.blocks(start, length)?;
        let skipped = usize::try_from(start - first).unwrap_or(usize::MAX);
        Ok(blocks.slice(skipped..skipped + length))
    }
}

/// Reads on from a position.
#[derive(Debug)]
pub(crate) struct Cursor {
    file: SegmentFile,
    position: u64,
    /// Where the block that was read last starts, and its bytes.
    block: (u64, Bytes),
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.position >= self.file.bytes {
            return Ok(0);
        }
        if !(self.block.0..self.block.0 + self.block.1.len() as u64).contains(&self.position) {
            self.block = self.file.blocks(self.position, 1)?;
        }
        let (start, block) = &self.block;
        let skipped = usize::try_from(self.position - start).unwrap_or(usize::MAX);
        let left = block.get(skipped..).unwrap_or_default();
        let length = left.len().min(buffer.len());
        buffer[..length].copy_from_slice(&left[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

/// Checksums of a file and of its blocks, as its bytes pass by.
#[derive(Default)]
struct Checksums {
    all: Xxh3,
    block: Xxh3,
    block_bytes: usize,
    blocks: Vec<u32>,
}

impl Checksums {
    fn update(&mut self, mut bytes: &[u8]) {
        self.all.update(bytes);
        while !bytes.is_empty() {
            let (block, left) = bytes.split_at((BLOCK_BYTES - self.block_bytes).min(bytes.len()));
            self.block.update(block);
            self.block_bytes += block.len();
            if self.block_bytes == BLOCK_BYTES {
                self.end_block();
            }
            bytes = left;
        }
    }

    fn end_block(&mut self) {
        self.blocks.push(shortened(self.block.digest()));
        self.block.reset();
        self.block_bytes = 0;
    }

    fn finish(mut self) -> (u64, Vec<u32>) {
        if self.block_bytes > 0 {
            self.end_block();
        }
        (self.all.digest(), self.blocks)
    }
}

/// What is known of a file once it is written.
pub(crate) struct Written {
    pub(crate) bytes: u64,
    /// XXH3-64 of the whole file.
    pub(crate) checksum: u64,
    /// Of each block.
    pub(crate) blocks: Vec<u32>,
}

/// A new file, written from front to back; tells its length and checksums.
pub(crate) struct FileWriter {
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    written: u64,
    checksums: Checksums,
}

/// Bytes gathered before they go to the file.
const WRITE_BYTES: usize = 1 << 20;

impl FileWriter {
    pub(crate) fn new(file: Arc<dyn File>) -> Self {
        Self { file, buffer: Vec::new(), written: 0, checksums: Checksums::default() }
    }

    /// Makes everything durable.
    pub(crate) fn finish(mut self) -> io::Result<Written> {
        self.flush()?;
        self.file.sync_data()?;
        let (checksum, blocks) = self.checksums.finish();
        Ok(Written { bytes: self.written, checksum, blocks })
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
        self.checksums.update(&self.buffer);
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
