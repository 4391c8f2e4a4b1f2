//! One record on disk: a header of 40 bytes, the payload, and zeroes up to a multiple of 8 bytes.
//!
//! Header, little endian: `length: u32` (header and payload, never 0, so zeroes are no frame), `check: u32` (CRC32C of
//! the other 36 bytes), `sequence: u64`, `epoch: u64`, `watermark: u64` (the last record known to be durable when this
//! one was written), `hash: u64` (XXH3-64 of the payload).
//!
//! Both checksums start from the salt of the segment, a random number. Clients choose payloads, and recovery looks for
//! frames in the remains of a torn write: without the salt they cannot forge one.

use bytes::Bytes;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

/// Bytes of a frame's header.
pub(crate) const HEADER_BYTES: usize = 40;

/// Frames begin at multiples of this.
pub(crate) const ALIGNMENT: usize = 8;

/// What ties frames to their segment and to the process that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Key {
    pub(crate) epoch: u64,
    pub(crate) salt: u64,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) payload_bytes: usize,
    pub(crate) sequence: u64,
    pub(crate) watermark: u64,
    pub(crate) hash: u64,
}

/// Bytes on disk of a frame with this payload, padding included.
pub(crate) const fn frame_bytes(payload_bytes: usize) -> usize {
    (HEADER_BYTES + payload_bytes).next_multiple_of(ALIGNMENT)
}

/// The checksum of a payload in one piece.
pub(crate) fn hash(payload: &[u8], key: Key) -> u64 {
    xxh3_64_with_seed(payload, key.salt)
}

/// The checksum of a payload in pieces.
pub(crate) fn hash_parts(parts: &[Bytes], key: Key) -> u64 {
    let mut hasher = Xxh3::with_seed(key.salt);
    for part in parts {
        hasher.update(part);
    }
    hasher.digest()
}

impl Header {
    /// Bytes on disk of this frame, padding included.
    pub(crate) const fn frame_bytes(&self) -> usize {
        frame_bytes(self.payload_bytes)
    }

    /// The header as it stands on disk.
    pub(crate) fn encode(&self, key: Key) -> [u8; HEADER_BYTES] {
        let length = u32::try_from(HEADER_BYTES + self.payload_bytes).expect("a record fits a segment, so 32 bits");
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&length.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..24].copy_from_slice(&key.epoch.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.watermark.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.hash.to_le_bytes());
        let check = check(&bytes, key);
        bytes[4..8].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads the header at the start of `bytes`. None when there is none that was written under this key.
    pub(crate) fn decode(bytes: &[u8], key: Key) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        // The cheap comparisons come first: recovery tries this at every eighth byte.
        let payload_bytes = (u32_at(bytes, 0) as usize).checked_sub(HEADER_BYTES)?;
        if u64_at(bytes, 16) != key.epoch || u32_at(bytes, 4) != check(bytes, key) {
            return None;
        }
        let header =
            Self { payload_bytes, sequence: u64_at(bytes, 8), watermark: u64_at(bytes, 24), hash: u64_at(bytes, 32) };
        (header.watermark < header.sequence).then_some(header)
    }

    /// Whether the frame at the start of `bytes` holds the payload it was written with.
    pub(crate) fn verify(&self, bytes: &[u8], key: Key) -> bool {
        bytes[HEADER_BYTES..].get(..self.payload_bytes).is_some_and(|payload| hash(payload, key) == self.hash)
    }
}

/// The checksum of everything in a header but the checksum.
fn check(header: &[u8; HEADER_BYTES], key: Key) -> u32 {
    let start = crc32c::crc32c(&key.salt.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(start, &header[..4]), &header[8..])
}

fn u32_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests;
