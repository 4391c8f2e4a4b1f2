//! What a segment holds: events by hour, rows of each event, persons, distinct ids, rare keys.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use foldhash::fast::FixedState;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use super::tails::TailDirectory;
use crate::bloom::Bloom;
use crate::codec::{Decoder, Encoder, encode_bitmap};

const HOUR: i64 = 3_600_000_000;
const COMPRESSION_LEVEL: i32 = 3;
/// More than enough for any facts: what claims to be larger is damaged.
const FACTS_BYTES_MAX: usize = 1 << 30;

/// The facts of a segment.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Event names, sorted.
    pub(crate) events: Vec<Box<str>>,
    /// Rows of each event in each hour: place in `events`, hours since 1970, rows. In this order.
    pub(crate) hours: Vec<(u32, i64, u64)>,
    /// Rows of one event that lie together, in order; empty when rows are not ordered by event.
    pub(crate) runs: Vec<Run>,
    /// Numbers of the persons with rows.
    pub(crate) persons: RoaringBitmap,
    /// Filter over the hashes of distinct ids.
    pub(crate) distinct_ids: Bloom,
    pub(crate) tails: TailDirectory,
}

/// Rows of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// Place in the list of events.
    pub(crate) event: u32,
    pub(crate) rows: Range<u32>,
    /// Property columns that have values in these rows, by place.
    pub(crate) columns: RoaringBitmap,
}

/// Hash of a distinct id, for the filter.
pub(crate) fn distinct_id_hash(distinct_id: &str) -> u64 {
    xxh3_64(distinct_id.as_bytes())
}

/// Collects facts row by row.
#[derive(Debug, Default)]
pub(crate) struct FactsBuilder {
    places: HashMap<Box<str>, u32, FixedState>,
    names: Vec<Box<str>>,
    hours: HashMap<(u32, i64), u64, FixedState>,
    persons: RoaringBitmap,
    distinct_ids: std::collections::HashSet<u64, FixedState>,
    runs: Vec<(u32, Range<u32>)>,
    rows: u32,
}

impl FactsBuilder {
    pub(crate) fn push(&mut self, event: &str, timestamp: i64, person: u32, distinct_id: &str) {
        let place = match self.places.get(event) {
            Some(place) => *place,
            None => {
                let place = u32::try_from(self.names.len()).expect("fewer events than four billion");
                self.names.push(event.into());
                self.places.insert(event.into(), place);
                place
            }
        };
        *self.hours.entry((place, timestamp.div_euclid(HOUR))).or_default() += 1;
        self.persons.insert(person);
        self.distinct_ids.insert(distinct_id_hash(distinct_id));
        match self.runs.last_mut() {
            Some((last, rows)) if *last == place => rows.end += 1,
            _ => self.runs.push((place, self.rows..self.rows + 1)),
        }
        self.rows += 1;
    }

    /// The facts; `by_event` says that rows are ordered by event, `columns_of` which property columns have values in rows.
    pub(crate) fn finish(
        self,
        by_event: bool,
        columns_of: impl Fn(&Range<u32>) -> RoaringBitmap,
        tails: TailDirectory,
    ) -> Facts {
        let mut order: Vec<u32> = (0..u32::try_from(self.names.len()).unwrap_or(u32::MAX)).collect();
        order.sort_by(|a, b| self.names[*a as usize].cmp(&self.names[*b as usize]));
        let mut place_of = vec![0; order.len()];
        for (place, old) in (0..).zip(&order) {
            place_of[*old as usize] = place;
        }
        let hours: BTreeMap<(u32, i64), u64> =
            self.hours.iter().map(|((old, hour), rows)| ((place_of[*old as usize], *hour), *rows)).collect();
        let runs = if by_event { self.runs } else { Vec::new() };
        let distinct_ids: Vec<u64> = self.distinct_ids.into_iter().collect();
        Facts {
            events: order.iter().map(|old| self.names[*old as usize].clone()).collect(),
            hours: hours.into_iter().map(|((event, hour), rows)| (event, hour, rows)).collect(),
            runs: runs
                .into_iter()
                .map(|(old, rows)| Run { event: place_of[old as usize], columns: columns_of(&rows), rows })
                .collect(),
            persons: self.persons,
            distinct_ids: Bloom::of(&distinct_ids),
            tails,
        }
    }
}

impl Facts {
    /// Place of the event called `name`.
    pub(crate) fn event(&self, name: &str) -> Option<u32> {
        let found = self.events.binary_search_by(|event| event.as_ref().cmp(name)).ok()?;
        u32::try_from(found).ok()
    }

    /// Whether an event of the segment may have this distinct id.
    pub(crate) fn may_hold_distinct_id(&self, distinct_id: &str) -> bool {
        self.distinct_ids.may_hold(distinct_id_hash(distinct_id))
    }

    /// Length before compression (u64), then the facts, compressed.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        out.varint(self.events.len() as u64);
        self.events.iter().for_each(|event| out.text(event));
        out.varint(self.hours.len() as u64);
        let mut before = 0;
        for (event, hour, rows) in &self.hours {
            out.varint(u64::from(*event));
            // Zigzag: distances are small and go both ways.
            let distance = hour - before;
            out.varint(((distance << 1) ^ (distance >> 63)).cast_unsigned());
            out.varint(*rows);
            before = *hour;
        }
        out.varint(self.runs.len() as u64);
        for run in &self.runs {
            out.varint(u64::from(run.event));
            out.varint(u64::from(run.rows.start));
            out.varint(u64::from(run.rows.end));
            out.bytes(&encode_bitmap(&run.columns));
        }
        out.bytes(&encode_bitmap(&self.persons));
        out.bytes(&self.distinct_ids.encode());
        self.tails.encode(&mut out);
        let compressed = zstd::bulk::compress(&out.0, COMPRESSION_LEVEL).expect("compressing memory cannot fail");
        let mut stored = Encoder::default();
        stored.u64(out.0.len() as u64);
        stored.0.extend_from_slice(&compressed);
        stored.0
    }

    pub(crate) fn decode(stored: &[u8]) -> Option<Self> {
        let mut stored = Decoder(stored);
        let plain_bytes = usize::try_from(stored.u64()?).ok().filter(|bytes| *bytes <= FACTS_BYTES_MAX)?;
        let plain = zstd::bulk::decompress(stored.0, plain_bytes).ok()?;
        let mut decoder = Decoder(&plain);
        let events = (0..decoder.count()?).map(|_| decoder.text().map(Into::into)).collect::<Option<_>>()?;
        let mut before = 0;
        let mut hours = Vec::new();
        for _ in 0..decoder.count()? {
            let event = decoder.u32()?;
            let zigzag = decoder.varint()?;
            before += (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
            hours.push((event, before, decoder.varint()?));
        }
        let mut runs = Vec::new();
        for _ in 0..decoder.count()? {
            let event = decoder.u32()?;
            let rows = decoder.u32()?..decoder.u32()?;
            runs.push(Run { event, rows, columns: RoaringBitmap::deserialize_from(decoder.bytes()?).ok()? });
        }
        Some(Self {
            events,
            hours,
            runs,
            persons: RoaringBitmap::deserialize_from(decoder.bytes()?).ok()?,
            distinct_ids: Bloom::decode(decoder.bytes()?)?,
            tails: TailDirectory::decode(&mut decoder)?,
        })
    }
}
