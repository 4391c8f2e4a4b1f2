//! The values of keys that have no column, by key.
//!
//! A key's block: for each of its values the distance to the row before and the JSON text; compressed when that pays.
//! Keys beyond a limit share one block, whose entries name their key.

use std::collections::BTreeMap;

use crate::codec::{Decoder, Encoder, short_checksum};
use crate::property::Rest;

const COMPRESSION_LEVEL: i32 = 3;
/// Smaller blocks are not worth compressing.
const COMPRESSED_BYTES_MIN: usize = 96;

/// Where the values of rare keys lie.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct TailDirectory {
    pub(crate) keys: BTreeMap<Box<str>, TailPlace>,
    /// The block of all other keys.
    pub(crate) others: Option<TailPlace>,
}

/// One block.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TailPlace {
    pub(crate) start: u64,
    pub(crate) stored_bytes: u64,
    /// Zero when it is stored as it is.
    pub(crate) raw_bytes: u64,
    /// Values, nulls included.
    pub(crate) count: u64,
    /// Values that are not null.
    pub(crate) valued: u64,
    /// Of the stored bytes.
    pub(crate) checksum: u32,
}

/// A value without a column: row of the segment, and JSON text.
pub(crate) type Tail = Vec<(u32, Box<str>)>;

/// Blocks for `rest`, and where each lies in them. The `own_max` most frequent keys get a block of their own.
pub(crate) fn encode(rest: &Rest, own_max: usize) -> (TailDirectory, Vec<u8>) {
    let mut directory = TailDirectory::default();
    let mut blocks = Vec::new();
    let values = rest.by_key();
    let mut order: Vec<usize> = (0..values.len()).collect();
    // The same values make the same blocks, in whatever order they came.
    order.sort_by_key(|at| (std::cmp::Reverse(values[*at].len()), &rest.keys[*at]));
    let (own, shared) = order.split_at(order.len().min(own_max));
    for at in own {
        let place = write_block(&mut blocks, &values[*at], |_, _| {});
        directory.keys.insert(rest.keys[*at].as_str().into(), place);
    }
    if !shared.is_empty() {
        let mut entries: Vec<(u32, &str, &str)> = Vec::new();
        for at in shared {
            entries.extend(values[*at].iter().map(|(row, raw)| (*row, rest.keys[*at].as_str(), *raw)));
        }
        entries.sort_unstable();
        let values: Vec<(u32, &str)> = entries.iter().map(|(row, _, raw)| (*row, *raw)).collect();
        directory.others =
            Some(write_block(&mut blocks, &values, |at, out| out.text(entries.get(at).map_or("", |entry| entry.1))));
    }
    (directory, blocks)
}

fn write_block(blocks: &mut Vec<u8>, values: &[(u32, &str)], label: impl Fn(usize, &mut Encoder)) -> TailPlace {
    let mut plain = Encoder::default();
    let mut before = 0;
    for (at, (row, raw)) in values.iter().enumerate() {
        plain.varint(u64::from(row - before));
        label(at, &mut plain);
        plain.text(raw);
        before = *row;
    }
    let start = blocks.len() as u64;
    let compressed = (plain.0.len() >= COMPRESSED_BYTES_MIN)
        .then(|| zstd::bulk::compress(&plain.0, COMPRESSION_LEVEL).ok())
        .flatten()
        .filter(|compressed| compressed.len() < plain.0.len());
    let raw_bytes = if compressed.is_some() { plain.0.len() as u64 } else { 0 };
    let stored = compressed.as_deref().unwrap_or(&plain.0);
    blocks.extend_from_slice(stored);
    TailPlace {
        start,
        stored_bytes: stored.len() as u64,
        raw_bytes,
        count: values.len() as u64,
        valued: values.iter().filter(|(_, raw)| *raw != "null").count() as u64,
        checksum: short_checksum(stored),
    }
}

impl TailPlace {
    /// The values in the block read from this place; none when it is damaged.
    pub(crate) fn decode(&self, stored: &[u8]) -> Option<Tail> {
        let mut tail = Vec::with_capacity(usize::try_from(self.count).ok()?.min(stored.len() * 1_000));
        self.each(stored, false, |row, _, raw| tail.push((row, raw.into())))?;
        Some(tail)
    }

    /// The values of every key in the shared block.
    pub(crate) fn decode_shared(&self, stored: &[u8], mut each: impl FnMut(&str, u32, &str)) -> Option<()> {
        self.each(stored, true, |row, key, raw| each(key, row, raw))
    }

    fn each(&self, stored: &[u8], labelled: bool, mut each: impl FnMut(u32, &str, &str)) -> Option<()> {
        let plain;
        let bytes = if self.raw_bytes == 0 {
            stored
        } else {
            plain = zstd::bulk::decompress(stored, usize::try_from(self.raw_bytes).ok()?).ok()?;
            &plain
        };
        let mut decoder = Decoder(bytes);
        let mut row = 0_u32;
        for _ in 0..self.count {
            row = row.checked_add(decoder.u32()?)?;
            let key = if labelled { decoder.text()? } else { "" };
            each(row, key, decoder.text()?);
        }
        Some(())
    }
}

impl TailDirectory {
    pub(crate) fn encode(&self, out: &mut Encoder) {
        out.varint(self.keys.len() as u64);
        for (key, place) in &self.keys {
            out.text(key);
            place.encode(out);
        }
        out.varint(u64::from(self.others.is_some()));
        if let Some(place) = &self.others {
            place.encode(out);
        }
    }

    pub(crate) fn decode(decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut directory = Self::default();
        for _ in 0..decoder.count()? {
            let key = decoder.text()?.into();
            directory.keys.insert(key, TailPlace::read(decoder)?);
        }
        if decoder.varint()? == 1 {
            directory.others = Some(TailPlace::read(decoder)?);
        }
        Some(directory)
    }
}

impl TailPlace {
    fn encode(&self, out: &mut Encoder) {
        for number in [self.start, self.stored_bytes, self.raw_bytes, self.count, self.valued, self.checksum.into()] {
            out.varint(number);
        }
    }

    fn read(decoder: &mut Decoder<'_>) -> Option<Self> {
        Some(Self {
            start: decoder.varint()?,
            stored_bytes: decoder.varint()?,
            raw_bytes: decoder.varint()?,
            count: decoder.varint()?,
            valued: decoder.varint()?,
            checksum: decoder.u32()?,
        })
    }
}
