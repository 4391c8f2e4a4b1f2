//! What is known of a segment without reading it, in a file beside it.
//!
//! Four parts, each read when first needed: the *bounds* of its uuids and the places of the other parts; the *filter*
//! over its uuids, asked of every new event; the *facts*: events and hours, rows of each event, persons, distinct ids,
//! and where the values of each rare key lie; and the checksums of the segment's file. Behind them on disk: the *entries*, 40 bits per row from which a filter's
//! yes is checked, sorted so that one read of a few kilobytes decides, and the values of rare keys, by key.
//!
//! File, little endian: magic; XXH3-64 of the bounds; the bounds, with length and XXH3-64 of the other parts; these: filter,
//! facts, checksums; pages of 818 entries, 40 bits each, big endian, and 32 bits of their XXH3-64; the blocks of rare keys, whose
//! checksums are among the facts. Whatever is read is checked. All of it is derived from the segment and made again when
//! it cannot be read.

pub(crate) mod facts;
pub(crate) mod tails;

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use env::{File, Files};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::bloom::Bloom;
use crate::codec::{Decoder, Encoder, short_checksum};
use crate::identity::Probe;

use tails::TailPlace;

pub(crate) use facts::Facts;

const MAGIC: &[u8; 8] = b"HGRWIDX\x04";
const ENTRY_BYTES: usize = 5;
/// Entries of a page: with the checksum they fill 4 KiB but for two bytes.
const PAGE_ENTRIES: u64 = 818;
const PAGE_BYTES: usize = 818 * ENTRY_BYTES + 4;
/// Length of the bounds: two uuids, three lengths, three checksums, the number of entries.
const BOUNDS_BYTES: usize = 16 + 16 + 7 * 8;

/// Everything that goes into the file.
#[derive(Debug)]
pub(crate) struct NewIndex {
    pub(crate) probes: Vec<Probe>,
    pub(crate) facts: Arc<Facts>,
    /// Checksums of the blocks of the segment's file.
    pub(crate) blocks: Vec<u32>,
    /// Blocks of rare keys, one behind the other.
    pub(crate) tails: Vec<u8>,
}

/// The file, open, with its bounds.
#[derive(Debug)]
pub(crate) struct Index {
    file: Arc<dyn File>,
    first_uuid: Uuid,
    last_uuid: Uuid,
    /// Kept once they were read: where rare keys lie is told by the facts of this very file.
    decoded: OnceLock<Arc<Facts>>,
    filter: Place,
    facts: Place,
    blocks: Place,
    entries: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    start: u64,
    length: u64,
    checksum: u64,
}

impl Place {
    fn end(&self) -> Option<u64> {
        self.start.checked_add(self.length)
    }
}

/// Writes the index of a segment and makes it durable; the name is the caller's to sync.
pub(crate) fn write(files: &dyn Files, path: &Path, new: &NewIndex) -> io::Result<(Index, Bloom)> {
    let hashes: Vec<u64> = new.probes.iter().map(|probe| probe.uuid_hash).collect();
    let bloom = Bloom::of(&hashes);
    let filter = bloom.encode();
    let facts = new.facts.encode();
    let blocks: Vec<u8> = new.blocks.iter().flat_map(|checksum| checksum.to_le_bytes()).collect();
    let mut entries: Vec<u64> = new.probes.iter().map(entry).collect();
    entries.sort_unstable();
    let uuids = || new.probes.iter().map(|probe| probe.uuid);
    let mut bounds = Encoder::default();
    bounds.u128(uuids().min().unwrap_or_default().as_u128());
    bounds.u128(uuids().max().unwrap_or_default().as_u128());
    for part in [&filter, &facts, &blocks] {
        bounds.u64(part.len() as u64);
        bounds.u64(xxh3_64(part));
    }
    bounds.u64(entries.len() as u64);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&xxh3_64(&bounds.0).to_le_bytes());
    bytes.extend_from_slice(&bounds.0);
    bytes.extend_from_slice(&filter);
    bytes.extend_from_slice(&facts);
    bytes.extend_from_slice(&blocks);
    for page in entries.chunks(usize::try_from(PAGE_ENTRIES).unwrap_or(usize::MAX)) {
        let page: Vec<u8> =
            page.iter().flat_map(|entry| entry.to_be_bytes().into_iter().skip(8 - ENTRY_BYTES)).collect();
        bytes.extend_from_slice(&page);
        bytes.extend_from_slice(&short_checksum(&page).to_le_bytes());
    }
    bytes.extend_from_slice(&new.tails);
    let file = files.create(path)?;
    file.write_all_at(&bytes, 0)?;
    file.sync_data()?;
    let index = Index::of(file, &bounds.0).ok_or_else(|| io::Error::other("an index does not read as written"))?;
    index.decoded.set(Arc::clone(&new.facts)).ok();
    Ok((index, bloom))
}

/// 24 bits of the uuid's hash, then 16 of the identity's: evenly spread, so where one stands can be guessed.
fn entry(probe: &Probe) -> u64 {
    (probe.uuid_hash >> 40) << 16 | u64::from(probe.check)
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
        let facts = Place { start: filter.end()?, length: decoder.u64()?, checksum: decoder.u64()? };
        let blocks = Place { start: facts.end()?, length: decoder.u64()?, checksum: decoder.u64()? };
        let entries = decoder.u64()?;
        Some(Self {
            file,
            first_uuid: Uuid::from_u128(first),
            last_uuid: Uuid::from_u128(last),
            decoded: OnceLock::new(),
            filter,
            facts,
            blocks,
            entries,
        })
    }

    /// The filter; none when it is damaged.
    pub(crate) fn filter(&self) -> Option<Bloom> {
        Bloom::decode(&self.part(self.filter)?)
    }

    /// The facts; none when they are damaged.
    pub(crate) fn facts(&self) -> Option<&Arc<Facts>> {
        if self.decoded.get().is_none() {
            self.decoded.set(Arc::new(Facts::decode(&self.part(self.facts)?)?)).ok();
        }
        self.decoded.get()
    }

    /// Checksums of the blocks of the segment's file; none when they are damaged.
    pub(crate) fn blocks(&self) -> Option<Vec<u32>> {
        let bytes = self.part(self.blocks)?;
        Some(bytes.as_chunks::<4>().0.iter().map(|checksum| u32::from_le_bytes(*checksum)).collect())
    }

    fn part(&self, place: Place) -> Option<Vec<u8>> {
        let file_bytes = self.file.len().ok()?;
        if place.end()? > file_bytes {
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

    /// Whether the segment has an event like this, as far as 40 bits can tell; none when that part is damaged.
    pub(crate) fn holds(&self, probe: &Probe) -> Option<bool> {
        self.holds_between(entry(probe), entry(probe))
    }

    /// Whether the segment has an event with this uuid hash, as far as 24 bits can tell; none as for [`Index::holds`].
    pub(crate) fn holds_uuid(&self, uuid_hash: u64) -> Option<bool> {
        let first = (uuid_hash >> 40) << 16;
        self.holds_between(first, first | 0xffff)
    }

    /// Searches around the place where evenly spread entries would have it, in ever larger steps.
    fn holds_between(&self, first: u64, last: u64) -> Option<bool> {
        const STEP: u64 = PAGE_ENTRIES / 2;
        let expected = u64::try_from((u128::from(first) * u128::from(self.entries)) >> (8 * ENTRY_BYTES)).ok()?;
        let pages = self.pages();
        let mut low = expected.saturating_sub(STEP) / PAGE_ENTRIES;
        let mut high = ((expected + STEP) / PAGE_ENTRIES + 1).min(pages);
        loop {
            let window = self.entries(low, high)?;
            let below = low > 0 && window.first().is_none_or(|entry| first <= *entry);
            let above = high < pages && window.last().is_none_or(|entry| first > *entry);
            if !below && !above {
                let at = window.partition_point(|entry| *entry < first);
                return Some(window.get(at).is_some_and(|entry| *entry <= last));
            }
            let width = (high - low).max(1);
            (low, high) = if below {
                (low.saturating_sub(2 * width), low + 1)
            } else {
                (high.saturating_sub(1), (high + 2 * width).min(pages))
            };
        }
    }

    fn pages(&self) -> u64 {
        self.entries.div_ceil(PAGE_ENTRIES)
    }

    /// Where the byte `offset` behind these parts lies.
    fn behind_parts(&self, offset: u64) -> Option<u64> {
        self.blocks.end()?.checked_add(offset)
    }

    /// The entries of pages `low..high`.
    fn entries(&self, low: u64, high: u64) -> Option<Vec<u64>> {
        let whole = usize::try_from(high.min(self.entries / PAGE_ENTRIES).saturating_sub(low)).ok()?;
        let partial = if high * PAGE_ENTRIES > self.entries { self.entries % PAGE_ENTRIES } else { 0 };
        let partial_bytes = if partial == 0 { 0 } else { usize::try_from(partial).ok()? * ENTRY_BYTES + 4 };
        let mut bytes = vec![0; whole * PAGE_BYTES + partial_bytes];
        self.file.read_exact_at(&mut bytes, self.behind_parts(low * PAGE_BYTES as u64)?).ok()?;
        let mut entries = Vec::with_capacity(bytes.len() / ENTRY_BYTES);
        for page in bytes.chunks(PAGE_BYTES) {
            let (page, checksum) = page.split_last_chunk::<4>()?;
            if short_checksum(page).to_le_bytes() != *checksum {
                return None;
            }
            let of = |[a, b, c, d, e]: &[u8; ENTRY_BYTES]| u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]);
            entries.extend(page.as_chunks::<ENTRY_BYTES>().0.iter().map(of));
        }
        Some(entries)
    }

    /// A block of rare keys; none when it is damaged.
    pub(crate) fn tail(&self, place: &TailPlace) -> Option<Vec<u8>> {
        let tails = self.behind_parts(self.entries * ENTRY_BYTES as u64 + self.pages() * 4)?;
        let mut bytes = vec![0; usize::try_from(place.stored_bytes).ok()?];
        self.file.read_exact_at(&mut bytes, tails.checked_add(place.start)?).ok()?;
        (short_checksum(&bytes) == place.checksum).then_some(bytes)
    }
}

#[cfg(test)]
mod tests;
