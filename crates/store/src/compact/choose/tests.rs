use std::collections::BTreeMap;
use std::path::Path;

use model::{MergeId, PersonMerge, PersonNumber, ProjectId, SegmentEntry, SegmentId};
use uuid::Uuid;

use super::*;
use crate::seal::by_day;

/// Rows of one file, by day.
type Rows = BTreeMap<i64, u64>;

/// Segments as far as choosing looks at them.
struct Simulation {
    limits: Limits,
    files: BTreeMap<SegmentId, (Level, Rows)>,
    last: u64,
    newest: i64,
    sealed: u64,
    rewritten: u64,
    jobs: usize,
}

impl Simulation {
    fn new(limits: Limits) -> Self {
        Self { limits, files: BTreeMap::new(), last: 0, newest: 0, sealed: 0, rewritten: 0, jobs: 0 }
    }

    /// Adds files for `rows`, as sealing and compaction deal them out.
    fn write(&mut self, level: Level, rows: &Rows) {
        let days: Vec<i64> = rows.iter().flat_map(|(day, rows)| (0..*rows).map(|_| *day)).collect();
        for file in by_day(&days, &self.limits, |day| *day) {
            let mut rows = Rows::new();
            file.iter().for_each(|day| *rows.entry(*day).or_default() += 1);
            self.last += 1;
            self.files.insert(SegmentId(self.last), (level, rows));
        }
    }

    fn seal(&mut self, rows: &Rows) {
        self.newest = self.newest.max(rows.keys().copied().max().unwrap_or(0));
        self.sealed += rows.values().sum::<u64>();
        self.write(Level::Fresh, rows);
    }

    fn candidates(&self) -> Vec<Candidate> {
        self.files.iter().map(|(id, (level, rows))| candidate(id.0, *level, rows, &self.limits)).collect()
    }

    /// Does the next job; false when there is none.
    fn compact(&mut self) -> bool {
        let Some(chosen) = next(&self.candidates(), Day(self.newest).start(), &Merges::default(), &self.limits) else {
            return false;
        };
        let mut rows = Rows::new();
        for segment in &chosen {
            let (_, taken) = self.files.remove(&segment.entry.id).unwrap();
            taken.into_iter().for_each(|(day, count)| *rows.entry(day).or_default() += count);
        }
        let count: u64 = rows.values().sum();
        assert!(chosen.len() == 1 || count <= self.limits.job_rows_max, "a job of {count} rows");
        self.rewritten += count;
        self.jobs += 1;
        self.write(Level::Compacted, &rows);
        true
    }

    fn compact_all(&mut self) {
        let before = self.jobs;
        while self.compact() {
            assert!(self.jobs - before < 500, "compaction never ends: {:?}", self.files);
        }
    }

    /// Most compacted files that hold rows of one day.
    fn files_of_a_day(&self) -> usize {
        let days = self.files.values().flat_map(|(_, rows)| rows.keys());
        let holding = |day: &i64| self.files.values().filter(|(_, rows)| rows.contains_key(day)).count();
        days.map(holding).max().unwrap_or(0)
    }
}

fn candidate(id: u64, level: Level, rows: &Rows, limits: &Limits) -> Candidate {
    let day = |day: Option<&i64>| Day(*day.unwrap()).start();
    let entry = SegmentEntry {
        id: SegmentId(id),
        project: ProjectId(1),
        level,
        rows: rows.values().sum(),
        file_bytes: 0,
        min_timestamp: day(rows.keys().next()),
        max_timestamp: day(rows.keys().last()),
        checksum: 0,
        merges_through: MergeId(0),
    };
    let segment = Arc::new(Segment::new(entry, Path::new("/"), limits, &Arc::default()));
    Candidate { segment, deleted: 0, must_go: false, holds_merged: false }
}

fn chosen(candidates: &[Candidate], newest: i64, merges: &Merges, limits: &Limits) -> Vec<u64> {
    let chosen = next(candidates, Day(newest).start(), merges, limits).unwrap_or_default();
    chosen.iter().map(|segment| segment.entry.id.0).collect()
}

#[test]
fn a_row_is_rewritten_a_few_times_and_few_files_are_left() {
    let limits = Limits { day_rows_min: 40, job_rows_max: 10_000, ..Limits::default() };
    let mut simulation = Simulation::new(limits);
    let mut random = 1_u64;
    let mut below = |limit: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % limit
    };
    // 40 seals a day, with late events of the days before, rarely of long ago.
    for seal in 0..1_000_i64 {
        let today = seal / 40;
        let mut rows = Rows::from([(today, 60)]);
        for _ in 0..below(8) {
            let late = i64::try_from(if below(4) == 0 { below(400) } else { below(4) }).unwrap();
            *rows.entry(today - late).or_default() += 1;
        }
        simulation.seal(&rows);
        simulation.compact_all();
    }
    let (sealed, rewritten) = (simulation.sealed, simulation.rewritten);
    assert!(rewritten < 6 * sealed, "{rewritten} rows rewritten for {sealed} sealed");
    assert!(simulation.files.len() < 25 * 4, "{} files of 25 days", simulation.files.len());
    assert!(simulation.files_of_a_day() < 20, "{} files of a day", simulation.files_of_a_day());
    let left: u64 = simulation.files.values().flat_map(|(_, rows)| rows.values()).sum();
    assert_eq!(left, sealed);
}

/// A day's own file and a file of many days overlap again after they were merged, so that must not be done for ever.
#[test]
fn files_of_one_day_and_of_many_come_to_rest() {
    let limits = Limits { day_rows_min: 40, ..Limits::default() };
    let mut simulation = Simulation::new(limits);
    for rows in [4_000, 4_000, 50] {
        simulation.write(Level::Compacted, &Rows::from([(5, rows)]));
    }
    simulation.write(Level::Compacted, &(0..10).map(|day| (day, 8)).collect());
    simulation.compact_all();
    assert!(simulation.jobs <= 1, "{} jobs", simulation.jobs);
}

#[test]
fn every_mix_of_files_comes_to_rest() {
    for seed in 0..300_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut below = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % limit
        };
        let limits = Limits { day_rows_min: 20, job_rows_max: 100 + 50 * below(20), ..Limits::default() };
        let mut simulation = Simulation::new(limits);
        for _ in 0..below(30) {
            let (first, days) = (i64::try_from(below(10)).unwrap(), i64::try_from(below(8)).unwrap() + 1);
            let each = 1 + below(12) * below(12);
            let rows: Rows = (first..first + days).map(|day| (day, each)).collect();
            if below(3) == 0 { simulation.seal(&rows) } else { simulation.write(Level::Compacted, &rows) }
        }
        simulation.compact_all();
    }
}

#[test]
fn fresh_segments_wait_until_their_day_is_over_or_there_are_many() {
    let limits = Limits { fresh_segments_max: 3, ..Limits::default() };
    let fresh =
        |id: u64, days: std::ops::Range<i64>| candidate(id, Level::Fresh, &days.map(|day| (day, 5)).collect(), &limits);
    let merges = Merges::default();
    let two = [fresh(1, 4..5), fresh(2, 4..5)];
    assert_eq!(chosen(&two, 4, &merges, &limits), [] as [u64; 0]);
    assert_eq!(chosen(&two, 5, &merges, &limits), [1, 2]);
    assert_eq!(chosen(&[fresh(1, 4..5), fresh(2, 4..5), fresh(3, 4..5)], 4, &merges, &limits), [1, 2, 3]);
    // Days hang together through a segment that spans them.
    assert_eq!(
        chosen(&[fresh(1, 1..2), fresh(2, 1..5), fresh(3, 4..5), fresh(4, 6..7)], 6, &merges, &limits),
        [1, 2, 3]
    );
}

#[test]
fn dirty_segments_are_rewritten_alone() {
    let limits = Limits { merges_max: 1, ..Limits::default() };
    let clean = |id| candidate(id, Level::Compacted, &Rows::from([(i64::try_from(id).unwrap(), 10)]), &limits);
    let merge = |id: u64, from, into| PersonMerge {
        id: MergeId(id),
        project: ProjectId(1),
        from: Uuid::from_u128(u128::from(from)),
        from_number: PersonNumber(from),
        into: Uuid::from_u128(u128::from(into)),
        into_number: PersonNumber(into),
    };
    let mut merges = Merges::default();
    let one = |change: &dyn Fn(&mut Candidate)| {
        let mut candidates = [clean(1), clean(2), clean(3)];
        change(&mut candidates[1]);
        candidates
    };
    let merged = one(&|candidate| candidate.holds_merged = true);
    assert_eq!(chosen(&one(&|candidate| candidate.deleted = 1), 9, &merges, &limits), [] as [u64; 0]);
    assert_eq!(chosen(&one(&|candidate| candidate.deleted = 2), 9, &merges, &limits), [2]);
    assert_eq!(chosen(&one(&|candidate| candidate.must_go = true), 9, &merges, &limits), [2]);
    merges.add(&merge(1, 1, 2));
    assert_eq!(chosen(&merged, 9, &merges, &limits), [] as [u64; 0]);
    merges.add(&merge(2, 3, 2));
    assert_eq!(chosen(&merged, 9, &merges, &limits), [2]);
}
