//! What is known of a segment without reading it, in a file beside it.
//!
//! Three parts, each read when first needed: the *bounds* of its uuids and the places of the other parts; the *filter*
//! over its uuids, asked of every new event; the *facts*: events and hours, rows of each event, persons, distinct ids,
//! and where the values of each rare key lie. Behind them on disk: the *entries*, 48 bits per row from which a filter's
//! yes is checked, sorted so that one read of a few kilobytes decides, and the values of rare keys, by key.
//!
//! File, little endian: magic; then for bounds, filter and facts their length (u64), XXH3-64 and bytes, bounds first;
//! the entries; the blocks of rare keys. All of it is derived from the segment and made again when it cannot be read.

pub(crate) mod facts;
pub(crate) mod tails;

use std::io;
use std::path::Path;
use std::sync::Arc;

use env::{File, Files};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::bloom::Bloom;
use crate::codec::{Decoder, Encoder};
use crate::identity::Probe;

pub(crate) use facts::Facts;

const MAGIC: &[u8; 8] = b"HGRWIDX\x02";
const ENTRY_BYTES: u64 = 6;
/// Length of the bounds: two uuids, two lengths, two checksums, the number of entries.
const BOUNDS_BYTES: usize = 16 + 16 + 5 * 8;

/// Everything that goes into the file.
#[derive(Debug)]
pub(crate) struct NewIndex {
    pub(crate) probes: Vec<Probe>,
    pub(crate) facts: Facts,
    /// Blocks of rare keys, one behind the other.
    pub(crate) tails: Vec<u8>,
}

/// The file, open, with its bounds.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    file: Arc<dyn File>,
    pub(crate) first_uuid: Uuid,
    pub(crate) last_uuid: Uuid,
    filter: Place,
    facts: Place,
    entries: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    start: u64,
    length: u64,
    checksum: u64,
}

/// Writes the index of a segment and makes it durable; the name is the caller's to sync.
pub(crate) fn write(files: &dyn Files, path: &Path, new: &NewIndex) -> io::Result<(Index, Bloom)> {
    let hashes: Vec<u64> = new.probes.iter().map(|probe| probe.uuid_hash).collect();
    let bloom = Bloom::of(&hashes);
    let filter = bloom.encode();
    let facts = new.facts.encode();
    let mut entries: Vec<u64> = new.probes.iter().map(entry).collect();
    entries.sort_unstable();
    let uuids = || new.probes.iter().map(|probe| probe.uuid);
    let mut bounds = Encoder::default();
    bounds.u128(uuids().min().unwrap_or_default().as_u128());
    bounds.u128(uuids().max().unwrap_or_default().as_u128());
    for part in [&filter, &facts] {
        bounds.u64(part.len() as u64);
        bounds.u64(xxh3_64(part));
    }
    bounds.u64(entries.len() as u64);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&xxh3_64(&bounds.0).to_le_bytes());
    bytes.extend_from_slice(&bounds.0);
    bytes.extend_from_slice(&filter);
    bytes.extend_from_slice(&facts);
    bytes.extend(entries.iter().flat_map(|entry| entry.to_be_bytes().into_iter().skip(2)));
    bytes.extend_from_slice(&new.tails);
    let file = files.create(path)?;
    file.write_all_at(&bytes, 0)?;
    file.sync_data()?;
    let index = Index::of(file, &bounds.0).ok_or_else(|| io::Error::other("an index does not read as written"))?;
    Ok((index, bloom))
}

/// 32 bits of the uuid's hash, then 16 of the identity's: evenly spread, so where one stands can be guessed.
fn entry(probe: &Probe) -> u64 {
    (probe.uuid_hash >> 32) << 16 | u64::from(probe.check)
}

impl Index {
    /// Opens the index of a segment of `rows` rows; none when it is missing, damaged or another segment's.
    pub(crate) fn open(files: &dyn Files, path: &Path, rows: u64) -> Option<Self> {
        let file = files.open(path).ok()?;
        let mut head = [0; 16 + BOUNDS_BYTES];
        file.read_exact_at(&mut head, 0).ok()?;
        let rest = head.strip_prefix(MAGIC)?;
        let (checksum, bounds) = rest.split_first_chunk::<8>()?;
        if xxh3_64(bounds).to_le_bytes() != *checksum {
            return None;
        }
        Self::of(file, bounds).filter(|index| index.entries == rows)
    }

    fn of(file: Arc<dyn File>, bounds: &[u8]) -> Option<Self> {
        let mut decoder = Decoder(bounds);
        let (first, last) = (decoder.u128()?, decoder.u128()?);
        let start = 16 + BOUNDS_BYTES as u64;
        let filter = Place { start, length: decoder.u64()?, checksum: decoder.u64()? };
        let facts = Place { start: start + filter.length, length: decoder.u64()?, checksum: decoder.u64()? };
        let entries = decoder.u64()?;
        Some(Self {
            file,
            first_uuid: Uuid::from_u128(first),
            last_uuid: Uuid::from_u128(last),
            filter,
            facts,
            entries,
        })
    }

    /// The filter; none when it is damaged.
    pub(crate) fn filter(&self) -> Option<Bloom> {
        Bloom::decode(&self.part(self.filter)?)
    }

    /// The facts; none when they are damaged.
    pub(crate) fn facts(&self) -> Option<Facts> {
        Facts::decode(&self.part(self.facts)?)
    }

    fn part(&self, place: Place) -> Option<Vec<u8>> {
        let file_bytes = self.file.len().ok()?;
        if place.start.checked_add(place.length)? > file_bytes {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(place.length).ok()?];
        self.file.read_exact_at(&mut bytes, place.start).ok()?;
        (xxh3_64(&bytes) == place.checksum).then_some(bytes)
    }

    /// Whether `uuid` lies between the smallest and the largest uuid.
    pub(crate) fn spans(&self, uuid: Uuid) -> bool {
        (self.first_uuid..=self.last_uuid).contains(&uuid)
    }

    /// Whether the segment has an event like this, as far as 48 bits can tell.
    pub(crate) fn holds(&self, probe: &Probe) -> io::Result<bool> {
        self.holds_between(entry(probe), entry(probe))
    }

    /// Whether the segment has an event with this uuid hash, as far as 32 bits can tell.
    pub(crate) fn holds_uuid(&self, uuid_hash: u64) -> io::Result<bool> {
        let first = (uuid_hash >> 32) << 16;
        self.holds_between(first, first | 0xffff)
    }

    /// Searches around the place where evenly spread entries would have it, in ever larger steps.
    fn holds_between(&self, first: u64, last: u64) -> io::Result<bool> {
        const STEP: u64 = 512;
        let expected = u64::try_from((u128::from(first) * u128::from(self.entries)) >> 48).unwrap_or(0);
        let (mut low, mut high) = (expected.saturating_sub(STEP), (expected + STEP).min(self.entries));
        loop {
            let window = self.entries(low, high)?;
            let below = low > 0 && window.first().is_none_or(|entry| first <= *entry);
            let above = high < self.entries && window.last().is_none_or(|entry| first > *entry);
            if !below && !above {
                let at = window.partition_point(|entry| *entry < first);
                return Ok(window.get(at).is_some_and(|entry| *entry <= last));
            }
            let width = (high - low).max(1);
            (low, high) = if below {
                (low.saturating_sub(2 * width), low + 1)
            } else {
                (high.saturating_sub(1), (high + 2 * width).min(self.entries))
            };
        }
    }

    fn entries(&self, low: u64, high: u64) -> io::Result<Vec<u64>> {
        let start = self.facts.start + self.facts.length + low * ENTRY_BYTES;
        let mut bytes = vec![0; usize::try_from((high - low) * ENTRY_BYTES).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes
            .as_chunks::<6>()
            .0
            .iter()
            .map(|[a, b, c, d, e, f]| u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]))
            .collect())
    }

    /// Bytes `start..start + length` of the blocks of rare keys.
    pub(crate) fn tail(&self, start: u64, length: u64) -> io::Result<Vec<u8>> {
        let tails = self.facts.start + self.facts.length + self.entries * ENTRY_BYTES;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, tails + start)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
