//! Which segments to merge next.
//!
//! 1. *Fresh to compacted.* Fresh segments whose days overlap belong together. They are merged once later days have
//!    rows, or once there are many of them.
//! 2. *Compacted to fewer.* Where several compacted segments share a day, the smallest of them are merged, but a large
//!    one only when the others are worth rewriting it. So a row is rewritten a logarithmic number of times.
//! 3. *Cleaning.* A segment with many deleted rows, or with persons merged long ago, is rewritten alone.

use std::sync::Arc;

use model::{Day, Level, Timestamp};

use crate::limits::Limits;
use crate::merges::Merges;
use crate::segment::Segment;

/// A segment is rewritten with others only if they have at least one row in so many of its own.
const REWRITE_RATIO: u64 = 4;
/// A segment with one deleted row in so many is rewritten.
const DELETED_RATIO: u64 = 5;

/// What is known of a segment here.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) segment: Arc<Segment>,
    pub(crate) deleted: u64,
    /// Rows that must go for other reasons: expired, or of deleted persons.
    pub(crate) must_go: bool,
    /// Whether it holds persons that were merged away.
    pub(crate) holds_merged: bool,
}

impl Candidate {
    fn rows(&self) -> u64 {
        self.segment.entry.rows
    }

    fn days(&self) -> (Day, Day) {
        (self.segment.entry.min_timestamp.day(), self.segment.entry.max_timestamp.day())
    }
}

/// The segments of the next job; none when everything is as it should be. `newest` is the project's newest event.
pub(crate) fn next(
    candidates: &[Candidate],
    newest: Timestamp,
    merges: &Merges,
    limits: &Limits,
) -> Option<Vec<Arc<Segment>>> {
    let chosen = fresh(candidates, newest.day(), limits)
        .or_else(|| compacted(candidates, limits))
        .or_else(|| cleaning(candidates, merges, limits))?;
    Some(chosen.into_iter().map(|candidate| Arc::clone(&candidate.segment)).collect())
}

fn fresh<'a>(candidates: &'a [Candidate], newest: Day, limits: &Limits) -> Option<Vec<&'a Candidate>> {
    let mut fresh: Vec<&Candidate> = candidates.iter().filter(|one| one.segment.entry.level == Level::Fresh).collect();
    fresh.sort_by_key(|one| (one.days().0, one.segment.entry.id));
    let mut together: Vec<&Candidate> = Vec::new();
    let mut last_day = None;
    let is_due = |group: &[&Candidate], last: Option<Day>| {
        group.len() >= limits.fresh_segments_max || (!group.is_empty() && last.is_some_and(|last| last < newest))
    };
    for one in fresh {
        let (first, last) = one.days();
        if last_day.is_some_and(|day| first > day) {
            if is_due(&together, last_day) {
                break;
            }
            together.clear();
            last_day = None;
        }
        together.push(one);
        last_day = last_day.max(Some(last));
    }
    is_due(&together, last_day).then(|| limited(together, limits))
}

/// As many as one job may read, in order.
fn limited<'a>(mut chosen: Vec<&'a Candidate>, limits: &Limits) -> Vec<&'a Candidate> {
    let mut rows = 0;
    let fitting = chosen.iter().take_while(|one| {
        rows += one.rows();
        rows <= limits.job_rows_max
    });
    let count = fitting.count().max(1);
    chosen.truncate(count);
    chosen
}

fn compacted<'a>(candidates: &'a [Candidate], limits: &Limits) -> Option<Vec<&'a Candidate>> {
    let compacted: Vec<&Candidate> =
        candidates.iter().filter(|one| one.segment.entry.level == Level::Compacted).collect();
    let mut days: Vec<Day> = compacted.iter().map(|one| one.days().0).collect();
    days.sort_unstable();
    days.dedup();
    for day in days {
        let mut sharing: Vec<&Candidate> =
            compacted.iter().copied().filter(|one| one.days().0 <= day && day <= one.days().1).collect();
        if sharing.len() <= limits.compacted_segments_max {
            continue;
        }
        sharing.sort_by_key(|one| (one.rows(), one.segment.entry.id));
        let mut chosen: Vec<&Candidate> = Vec::new();
        let mut rows = 0;
        for one in sharing {
            let worth = chosen.len() < 2 || rows * REWRITE_RATIO >= one.rows();
            if !worth || (chosen.len() >= 2 && rows + one.rows() > limits.job_rows_max) {
                break;
            }
            rows += one.rows();
            chosen.push(one);
        }
        if chosen.len() >= 2 && rows <= limits.job_rows_max {
            return Some(chosen);
        }
    }
    None
}

fn cleaning<'a>(candidates: &'a [Candidate], merges: &Merges, limits: &Limits) -> Option<Vec<&'a Candidate>> {
    let many_merges = merges.len() > limits.merges_max;
    let dirty = |one: &&Candidate| {
        one.must_go || one.deleted * DELETED_RATIO >= one.rows() || (many_merges && one.holds_merged)
    };
    candidates.iter().find(dirty).map(|one| vec![one])
}
