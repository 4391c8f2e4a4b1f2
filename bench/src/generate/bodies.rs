//! Events as capture bodies: what SDKs would have sent, packed beforehand so that sending costs next to nothing.
//!
//! A file of bodies is a run of records: `events: u32`, `len: u32`, both little-endian, then `len` bytes, a gzip body for
//! `POST /batch/`. Sizes of batches and levels of compression differ, as those of SDKs do.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use libdeflater::{CompressionLvl, Compressor};

use super::json::{push_display, push_string};
use super::slice::Row;
use crate::events::{Encoding, TOKEN, head, mix};

const BATCH_MIN: u64 = 100;
const BATCH_MAX: u64 = 500;
const GZIP_LEVELS: u64 = 6;
const BUFFER_BYTES: usize = 1 << 20;
const BODY_BYTES_MAX: usize = 20 << 20;

/// Writes a file of bodies.
pub(super) struct BodyWriter {
    out: BufWriter<File>,
    body: String,
    events: u32,
    /// Batches written so far.
    batches: u64,
    packed: Vec<u8>,
}

impl BodyWriter {
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::options().write(true).create(true).truncate(true).open(path);
        let file = file.with_context(|| format!("{} cannot be created", path.display()))?;
        let out = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self { out, body: String::new(), events: 0, batches: 0, packed: Vec::new() })
    }

    /// Appends an event to the batch, and the batch to the file once it is full.
    pub(super) fn push(&mut self, row: &Row) -> anyhow::Result<()> {
        if self.events == 0 {
            // These events happened long before they are sent, which is what the flag is for.
            self.body.push_str(r#"{"api_key":""#);
            self.body.push_str(TOKEN);
            self.body.push_str(r#"","historical_migration":true,"batch":["#);
        } else {
            self.body.push(',');
        }
        push_event(&mut self.body, row)?;
        self.events += 1;
        if u64::from(self.events) == batch_len(self.batches) { self.write_batch() } else { Ok(()) }
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        if self.events > 0 {
            self.write_batch()?;
        }
        Ok(self.out.flush()?)
    }

    fn write_batch(&mut self) -> anyhow::Result<()> {
        self.body.push_str("]}");
        let level = i32::try_from(1 + self.batches % GZIP_LEVELS)?;
        let mut gzip = Compressor::new(CompressionLvl::new(level).expect("the level is one of 1 to 12"));
        self.packed.resize(gzip.gzip_compress_bound(self.body.len()), 0);
        let len = gzip.gzip_compress(self.body.as_bytes(), &mut self.packed).expect("the bound is enough for any body");
        self.out.write_all(&self.events.to_le_bytes())?;
        self.out.write_all(&u32::try_from(len)?.to_le_bytes())?;
        self.out.write_all(&self.packed[..len])?;
        self.batches += 1;
        self.events = 0;
        self.body.clear();
        Ok(())
    }
}

/// Events in the batch with this number.
fn batch_len(number: u64) -> u64 {
    BATCH_MIN + mix(number) % (BATCH_MAX - BATCH_MIN + 1)
}

/// Appends the event that an SDK would have sent to get this row.
fn push_event(body: &mut String, row: &Row) -> anyhow::Result<()> {
    let timestamp = jiff::Timestamp::from_microsecond(row.timestamp_micros)?;
    body.push_str(r#"{"uuid":""#);
    body.push_str(&row.uuid);
    body.push_str(r#"","event":"#);
    push_string(body, row.event);
    body.push_str(r#","distinct_id":"#);
    push_string(body, &row.distinct_id);
    push_display(body, format_args!(r#","timestamp":"{timestamp:.6}","properties":"#));
    if row.elements_chain.is_empty() {
        body.push_str(&row.properties);
    } else {
        // Capture takes the chain as a property.
        body.push_str(row.properties.strip_suffix('}').context("properties are no object")?);
        body.push_str(r#","$elements_chain":"#);
        push_string(body, &row.elements_chain);
        body.push('}');
    }
    body.push('}');
    Ok(())
}

/// Reads files of bodies one after the other.
#[derive(Debug)]
pub(crate) struct BodyReader {
    files: VecDeque<PathBuf>,
    current: Option<BufReader<File>>,
}

/// A whole request, ready to be sent.
#[derive(Debug)]
pub(crate) struct BodyRequest {
    pub(crate) events: u32,
    pub(crate) bytes: Vec<u8>,
}

impl BodyReader {
    /// Reads every file in `dir`, in the order of their names.
    ///
    /// # Errors
    ///
    /// When the folder cannot be listed, or has no files.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "prepared bodies are not files of the product")]
        let listed = std::fs::read_dir(dir).with_context(|| format!("{} cannot be listed", dir.display()))?;
        let mut files = listed.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(!files.is_empty(), "{} has no bodies", dir.display());
        files.sort();
        Ok(Self { files: files.into(), current: None })
    }

    /// The next request; `None` after the last one.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or ends inside a body.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<BodyRequest>> {
        loop {
            if let Some(file) = &mut self.current
                && let Some(request) = read_request(file)?
            {
                return Ok(Some(request));
            }
            let Some(path) = self.files.pop_front() else { return Ok(None) };
            let file = File::options().read(true).open(&path);
            let file = file.with_context(|| format!("{} cannot be read", path.display()))?;
            self.current = Some(BufReader::with_capacity(BUFFER_BYTES, file));
        }
    }
}

/// Reads one record; `None` at the end of the file.
fn read_request(file: &mut BufReader<File>) -> anyhow::Result<Option<BodyRequest>> {
    let mut number = [0; 4];
    let first = file.read(&mut number)?;
    if first == 0 {
        return Ok(None);
    }
    file.read_exact(&mut number[first..]).context("a file of bodies ends too early")?;
    let events = u32::from_le_bytes(number);
    file.read_exact(&mut number).context("a file of bodies ends too early")?;
    let len = usize::try_from(u32::from_le_bytes(number))?;
    ensure!(len <= BODY_BYTES_MAX, "a body of {len} bytes is over the limit of {BODY_BYTES_MAX}");
    let mut bytes = head(Encoding::Gzip, len);
    let start = bytes.len();
    bytes.resize(start + len, 0);
    file.read_exact(&mut bytes[start..]).context("a file of bodies ends too early")?;
    Ok(Some(BodyRequest { events, bytes }))
}
