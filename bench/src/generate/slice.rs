//! The rows of one slice of time, in order of their timestamps.

use super::properties::{self, Moment};
use super::random::{Random, mix, whole};
use super::visit::Visit;
use super::world::{PAGE_VIEW, World};
use super::{DAY_MS, END_MS, Extent, START_MS};

const HOUR_MS: i64 = 3_600_000;
/// Seconds of traffic that visits going on at the same time stand for.
const POOL_SECONDS: f64 = 60.0;
/// Least and most visits at a time.
const POOL_MIN: f64 = 8.0;
const POOL_MAX: f64 = 20_000.0;
/// How long an event takes from the browser into the table, at least, and how much longer at most.
const DELAY_MICROS: i64 = 1_500_000;
const DELAY_MORE_MICROS: u64 = 2_000_000;

/// An event as it would stand in a table.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) uuid: String,
    pub(super) event: &'static str,
    pub(super) properties: String,
    pub(super) timestamp_micros: i64,
    pub(super) created_micros: i64,
    pub(super) distinct_id: String,
    pub(super) elements_chain: String,
    pub(super) person_id: String,
    pub(super) person_properties: String,
}

/// Makes the rows of a slice one after the other.
#[derive(Debug)]
pub(super) struct Slice<'w> {
    world: &'w World,
    seed: u64,
    random: Random,
    /// Sorted.
    times_ms: std::vec::IntoIter<i64>,
    /// Visits that go on at the same time.
    visits: Vec<Visit>,
}

impl<'w> Slice<'w> {
    pub(super) fn new(world: &'w World, extent: Extent) -> Self {
        let span_ms = (END_MS - START_MS) / i64::try_from(extent.files).unwrap_or(i64::MAX);
        let start_ms = START_MS + span_ms * i64::try_from(extent.file).unwrap_or(0);
        let rows = extent.rows_here();
        let mut random = Random::new(mix(extent.seed, extent.file as u64 + 1));
        let times_ms = times(&mut random, start_ms, span_ms, rows).into_iter();
        let per_second = rows as f64 / (span_ms as f64 / 1_000.0);
        let pool = whole((per_second * POOL_SECONDS).ceil().clamp(POOL_MIN, POOL_MAX));
        let visits = (0..pool).map(|_| Visit::new(world, extent.seed, &mut random, start_ms)).collect();
        Self { world, seed: extent.seed, random, times_ms, visits }
    }

    /// Makes the next row; false when there is none.
    pub(super) fn next_into(&mut self, row: &mut Row) -> bool {
        let Some(unix_ms) = self.times_ms.next() else { return false };
        let random = &mut self.random;
        let index = random.index(self.visits.len());
        let visit = &mut self.visits[index];
        if visit.left == 0 {
            *visit = Visit::new(self.world, self.seed, random, unix_ms);
        }
        visit.left -= 1;

        let is_first = visit.is_fresh();
        let kind = if is_first { PAGE_VIEW } else { World::kind(self.world.kinds.sample(random)) };
        if kind.name == PAGE_VIEW.name {
            visit.turn_page(self.world, random, unix_ms);
        }
        row.event = kind.name;
        row.timestamp_micros = unix_ms * 1_000 + random.below(1_000).cast_signed();
        // Some of the customer's own events are sent by a server.
        let from_server = kind.is_custom && random.chance(0.25);
        let moment = Moment { world: self.world, visit, kind, is_first, from_server, unix_ms };
        properties::write_event(&moment, random, &mut row.properties, &mut row.elements_chain);
        properties::write_person(&visit.person, &mut row.person_properties);
        random.uuid_v7(unix_ms).write_to(&mut row.uuid);
        row.created_micros = row.timestamp_micros + DELAY_MICROS + random.below(DELAY_MORE_MICROS).cast_signed();
        row.distinct_id.clone_from(&visit.person.distinct_id);
        row.person_id.clone_from(&visit.person.id);
        true
    }
}

/// When the events of a slice happen: more by day and on weekdays.
fn times(random: &mut Random, start_ms: i64, span_ms: i64, rows: usize) -> Vec<i64> {
    let mut times = Vec::with_capacity(rows);
    while times.len() < rows {
        let time = start_ms + random.below(span_ms.unsigned_abs()).cast_signed();
        if random.chance(busyness(time)) {
            times.push(time);
        }
    }
    times.sort_unstable();
    times
}

/// How busy people are at a time, up to 1.
fn busyness(unix_ms: i64) -> f64 {
    let hour = ((unix_ms / HOUR_MS) % 24) as f64;
    let weekday = (unix_ms / DAY_MS + 3) % 7;
    let by_hour = 0.35 + 0.65 * (0.5 - 0.5 * ((hour - 3.0) / 24.0 * std::f64::consts::TAU).cos());
    by_hour * if weekday >= 5 { 0.6 } else { 1.0 }
}
