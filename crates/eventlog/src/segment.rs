//! A segment file: its name, its header, and how it is made ready for records.
//!
//! The name is the sequence of the first record, in 20 digits, and `.log`. A segment exists only once everything before
//! that sequence is durable in the segments before it, so the name alone vouches for them.
//!
//! The header takes 1,024 bytes: two copies, each in a sector of its own, little endian: magic `hedgelog`,
//! `version: u32`, four zero bytes, `first: u64`, `epoch: u64`, `salt: u64`, zeroes up to byte 60, and `check: u32`
//! (CRC32C of those 60 bytes, in every version of the format). A new segment gets both at once. An empty segment that
//! the next process takes over gets the new header in one copy, then in the other, with a sync between: there is always
//! one to read, and once there are records both are the same.

use std::io;
use std::path::Path;

use env::{File, Random};

use crate::frame::Key;

/// Where the first frame stands.
pub(crate) const DATA_START: u64 = 2 * SECTOR_BYTES as u64;

/// The format this program writes, and the only one so far.
pub(crate) const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"hedgelog";
const SECTOR_BYTES: usize = 512;
/// Where the two copies of the header stand.
const SLOTS: [u64; 2] = [0, SECTOR_BYTES as u64];
const SLOT_BYTES: usize = 64;
const CHECKED_BYTES: usize = SLOT_BYTES - 4;

/// What the log knows about one of its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The sequence of its first record.
    pub(crate) first: u64,
    /// The sequence after its last durable record.
    pub(crate) next: u64,
    /// The offset after its last durable record.
    pub(crate) end: u64,
    /// Length of the file.
    pub(crate) file_bytes: u64,
    pub(crate) key: Key,
}

impl Segment {
    /// A segment without records, whatever its file looks like.
    pub(crate) fn empty(first: u64) -> Self {
        Self { first, next: first, end: DATA_START, file_bytes: 0, key: Key::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.next == self.first
    }

    /// Whether its header is durable, and so remembers the epoch.
    pub(crate) fn has_header(&self) -> bool {
        self.key.epoch > 0
    }
}

/// What the header of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is valid.
    Key(Key),
    /// Neither copy is valid.
    Nothing,
    /// It is valid and of a format that is not known.
    Newer(u32),
}

/// The name of the segment whose first record has this sequence.
pub(crate) fn file_name(first: u64) -> String {
    format!("{first:020}.log")
}

/// The sequence in the name of a segment. None when it is the name of something else.
pub(crate) fn first_of(name: &Path) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(".log")?;
    let first = digits.parse().ok()?;
    (file_name(first) == name.to_str()?).then_some(first)
}

/// Reads the header of the segment that begins at `first`.
pub(crate) fn read_header(file: &dyn File, first: u64) -> io::Result<Found> {
    let slots = read_slots(file)?.map(|slot| decode(&slot, first));
    let key = slots.iter().filter_map(|found| if let Found::Key(key) = found { Some(*key) } else { None });
    let newer = slots.iter().find(|found| matches!(found, Found::Newer(_)));
    match (newer, key.max_by_key(|key| key.epoch)) {
        (Some(newer), _) => Ok(*newer),
        (None, Some(key)) => Ok(Found::Key(key)),
        (None, None) => Ok(Found::Nothing),
    }
}

/// Makes the empty segment that begins at `first` ready for `segment_bytes` bytes, durably, under a new key.
///
/// Its name must be durable already, and everything past its header zero.
pub(crate) fn prepare(file: &dyn File, first: u64, epoch: u64, segment_bytes: u64) -> Result<Key, PrepareError> {
    file.allocate(segment_bytes).map_err(PrepareError::Write)?;
    let slots = read_slots(file).map_err(PrepareError::Write)?;
    let salt = Random::system().u128().to_le_bytes();
    let key = Key { epoch, salt: u64::from_le_bytes(salt[..8].try_into().expect("eight of sixteen bytes")) };
    let slot = encode(first, key);
    let epochs = slots.map(|slot| if let Found::Key(key) = decode(&slot, first) { Some(key.epoch) } else { None });
    if epochs == [None, None] {
        let mut both = [0; 2 * SECTOR_BYTES];
        for sector in both.chunks_exact_mut(SECTOR_BYTES) {
            sector[..SLOT_BYTES].copy_from_slice(&slot);
        }
        file.write_all_at(&both, 0).map_err(PrepareError::Write)?;
        file.sync_data().map_err(PrepareError::Sync)?;
        return Ok(key);
    }
    // The newest copy is what must survive until the other one is new. It is written again before that, because after
    // a failed sync it may be in the page cache only.
    let newest = usize::from(epochs[1] > epochs[0]);
    for (copy, content) in [(newest, &slots[newest]), (1 - newest, &slot), (newest, &slot)] {
        file.write_all_at(content, SLOTS[copy]).map_err(PrepareError::Write)?;
        file.sync_data().map_err(PrepareError::Sync)?;
    }
    Ok(key)
}

/// Why a segment was not made ready.
#[derive(Debug)]
pub(crate) enum PrepareError {
    /// Nothing depends on what failed; when the disk was full, trying again later is safe.
    Write(io::Error),
    /// A sync failed.
    Sync(io::Error),
}

/// Both copies; what the file does not have counts as zero.
fn read_slots(file: &dyn File) -> io::Result<[[u8; SLOT_BYTES]; 2]> {
    let len = file.len()?;
    let mut slots = [[0; SLOT_BYTES]; 2];
    for (slot, at) in slots.iter_mut().zip(SLOTS) {
        if at + SLOT_BYTES as u64 <= len {
            file.read_exact_at(slot, at)?;
        }
    }
    Ok(slots)
}

fn encode(first: u64, key: Key) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[0..8].copy_from_slice(&MAGIC);
    slot[8..12].copy_from_slice(&VERSION.to_le_bytes());
    slot[16..24].copy_from_slice(&first.to_le_bytes());
    slot[24..32].copy_from_slice(&key.epoch.to_le_bytes());
    slot[32..40].copy_from_slice(&key.salt.to_le_bytes());
    let check = crc32c::crc32c(&slot[..CHECKED_BYTES]);
    slot[CHECKED_BYTES..].copy_from_slice(&check.to_le_bytes());
    slot
}

fn decode(slot: &[u8; SLOT_BYTES], first: u64) -> Found {
    let u32_at = |at: usize| u32::from_le_bytes(slot[at..at + 4].try_into().expect("four bytes"));
    let u64_at = |at: usize| u64::from_le_bytes(slot[at..at + 8].try_into().expect("eight bytes"));
    if slot[..8] != MAGIC || u32_at(CHECKED_BYTES) != crc32c::crc32c(&slot[..CHECKED_BYTES]) {
        return Found::Nothing;
    }
    match u32_at(8) {
        VERSION if u64_at(16) == first => Found::Key(Key { epoch: u64_at(24), salt: u64_at(32) }),
        VERSION => Found::Nothing,
        version => Found::Newer(version),
    }
}

#[cfg(test)]
mod tests;
