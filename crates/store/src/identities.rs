//! The identities of a segment, in a file beside it: asked of every new event, so that replaced rows are found.
//!
//! First a Bloom filter, held in memory, which says no to nearly everything. Then, on disk, the first 64 bits of every
//! identity hash, sorted: hashes are spread evenly, so where one must stand is known within a few kilobytes and one read
//! decides. What is still there after that is read from the segment itself.
//!
//! File: magic, length of the filter (u64), its XXH3-64, the filter, then the sorted hashes (u64), all little endian. It is
//! derived from the segment and made again when it cannot be read.

use std::io;
use std::path::Path;
use std::sync::Arc;

use env::{File, Files};
use xxhash_rust::xxh3::xxh3_64;

use crate::bloom::Bloom;
use crate::identity::Identity;

const MAGIC: &[u8; 8] = b"HGRWIDS\x01";
const HEADER_BYTES: u64 = 24;
const HEADER_LENGTH: usize = 24;
const HASH_BYTES: u64 = 8;

/// The filter in memory and the hashes on disk.
#[derive(Debug, Clone)]
pub(crate) struct Identities {
    pub(crate) bloom: Arc<Bloom>,
    hashes: Hashes,
}

#[derive(Debug, Clone)]
struct Hashes {
    file: Arc<dyn File>,
    start: u64,
    count: u64,
}

/// Writes the identities of a segment and makes them durable; the name is the caller's to sync.
pub(crate) fn write(files: &dyn Files, path: &Path, identities: &[Identity]) -> io::Result<Identities> {
    let bloom = Bloom::of(identities.iter().copied());
    let blocks = bloom.encode();
    let mut hashes: Vec<u64> = identities.iter().map(|identity| identity.leading_bits()).collect();
    hashes.sort_unstable();
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(blocks.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&xxh3_64(&blocks).to_le_bytes());
    bytes.extend_from_slice(&blocks);
    bytes.extend(hashes.iter().flat_map(|hash| hash.to_le_bytes()));
    let file = files.create(path)?;
    file.write_all_at(&bytes, 0)?;
    file.sync_data()?;
    let start = HEADER_BYTES + blocks.len() as u64;
    Ok(Identities { bloom: Arc::new(bloom), hashes: Hashes { file, start, count: hashes.len() as u64 } })
}

/// Opens the identities of a segment of `rows` rows; none when they are missing, damaged or another segment's.
pub(crate) fn open(files: &dyn Files, path: &Path, rows: u64) -> Option<Identities> {
    let file = files.open(path).ok()?;
    let mut header = [0; HEADER_LENGTH];
    file.read_exact_at(&mut header, 0).ok()?;
    let rest = header.strip_prefix(MAGIC)?;
    let (blocks_bytes, checksum) = rest.split_first_chunk::<8>()?;
    let blocks_bytes = u64::from_le_bytes(*blocks_bytes);
    if file.len().ok()? != HEADER_BYTES.checked_add(blocks_bytes)?.checked_add(rows * HASH_BYTES)? {
        return None;
    }
    let mut blocks = vec![0; usize::try_from(blocks_bytes).ok()?];
    file.read_exact_at(&mut blocks, HEADER_BYTES).ok()?;
    if xxh3_64(&blocks).to_le_bytes() != *checksum {
        return None;
    }
    let hashes = Hashes { file, start: HEADER_BYTES + blocks_bytes, count: rows };
    Some(Identities { bloom: Arc::new(Bloom::decode(&blocks)?), hashes })
}

impl Identities {
    /// Whether the segment holds `identity`, as far as 64 bits can tell. Reads the disk only after the filter said maybe.
    pub(crate) fn hold(&self, identity: Identity) -> io::Result<bool> {
        Ok(self.bloom.may_hold(identity) && self.hashes.contain(identity.leading_bits())?)
    }
}

impl Hashes {
    /// Searches around the place where evenly spread hashes would have it, in ever larger steps.
    fn contain(&self, hash: u64) -> io::Result<bool> {
        const STEP: u64 = 512;
        let expected = u64::try_from((u128::from(hash) * u128::from(self.count)) >> 64).unwrap_or(0);
        let (mut low, mut high) = (expected.saturating_sub(STEP), (expected + STEP).min(self.count));
        loop {
            let window = self.read(low, high)?;
            let (first, last) = (window.first().copied(), window.last().copied());
            let below = low > 0 && first.is_some_and(|first| hash < first);
            let above = high < self.count && last.is_some_and(|last| hash > last);
            if !below && !above {
                return Ok(window.binary_search(&hash).is_ok());
            }
            let width = high - low;
            (low, high) = if below {
                (low.saturating_sub(2 * width), low + 1)
            } else {
                (high - 1, (high + 2 * width).min(self.count))
            };
        }
    }

    fn read(&self, low: u64, high: u64) -> io::Result<Vec<u64>> {
        let mut bytes = vec![0; usize::try_from((high - low) * HASH_BYTES).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, self.start + low * HASH_BYTES)?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
    }
}

#[cfg(test)]
mod tests {
    use env::SimDisk;

    use super::*;

    fn identity(n: u64) -> Identity {
        Identity::of(&n.to_string(), "e", uuid::Uuid::from_u128(u128::from(n)))
    }

    #[test]
    fn every_identity_is_found_and_no_other() {
        let disk = SimDisk::new(1);
        for count in [1, 2, 100, 20_000] {
            let path = format!("/{count}");
            let identities: Vec<Identity> = (0..count).map(identity).collect();
            let written = write(&disk, Path::new(&path), &identities).unwrap();
            let opened = open(&disk, Path::new(&path), count).unwrap();
            for found in [&written, &opened] {
                assert!(identities.iter().all(|identity| found.hold(*identity).unwrap()), "{count}");
                assert!((count..count + 20_000).all(|n| !found.hold(identity(n)).unwrap()), "{count}");
            }
            assert!(open(&disk, Path::new(&path), count + 1).is_none());
        }
    }

    #[test]
    fn hashes_that_are_not_spread_evenly_are_found_as_well() {
        let disk = SimDisk::new(1);
        let identities: Vec<Identity> = (0..30_000).map(|n| Identity(n << 64)).chain([Identity(u128::MAX)]).collect();
        let written = write(&disk, Path::new("/x"), &identities).unwrap();
        assert!(identities.iter().all(|identity| written.hashes.contain(identity.leading_bits()).unwrap()));
        assert!(!written.hashes.contain(40_000).unwrap());
    }

    #[test]
    fn a_damaged_filter_is_not_used() {
        let disk = SimDisk::new(1);
        write(&disk, Path::new("/x"), &[identity(1)]).unwrap();
        disk.open(Path::new("/x")).unwrap().write_all_at(&[0xff], 30).unwrap();
        assert!(open(&disk, Path::new("/x"), 1).is_none());
    }
}
