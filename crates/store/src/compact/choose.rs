//! Which segments to merge next.
//!
//! 1. *Fresh to compacted.* Fresh segments whose days overlap belong together. They are merged once later days have
//!    rows, or once there are many of them.
//! 2. *Compacted to fewer.* Where several compacted segments share a day, the smallest of them are merged, but a large
//!    one only when the others are worth rewriting it. So a row is rewritten a logarithmic number of times. Files of one
//!    day and files that several days share are never merged with each other: dealing their rows out to files again would
//!    make the same two, for ever.
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

    fn bytes(&self) -> u64 {
        self.segment.entry.file_bytes
    }

    /// Whether it is a day's own file, and not one that days with few rows share.
    fn is_day(&self, limits: &Limits) -> bool {
        let (first, last) = self.days();
        first == last && usize::try_from(self.rows()).is_ok_and(|rows| rows >= limits.day_rows_min)
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
    let is_due = |group: &Vec<&Candidate>| {
        group.len() >= limits.fresh_segments_max || group.iter().all(|one| one.days().1 < newest)
    };
    overlapping(fresh).into_iter().find(is_due).map(|group| limited(group, limits))
}

/// As many as one job may read, in order.
fn limited<'a>(mut chosen: Vec<&'a Candidate>, limits: &Limits) -> Vec<&'a Candidate> {
    let (mut rows, mut bytes) = (0, 0);
    let fitting = chosen.iter().take_while(|one| {
        rows += one.rows();
        bytes += one.bytes();
        rows <= limits.job_rows_max && bytes <= limits.job_bytes_max
    });
    let count = fitting.count().max(1);
    chosen.truncate(count);
    chosen
}

fn compacted<'a>(candidates: &'a [Candidate], limits: &Limits) -> Option<Vec<&'a Candidate>> {
    let mut compacted: Vec<&Candidate> =
        candidates.iter().filter(|one| one.segment.entry.level == Level::Compacted).collect();
    compacted.sort_by_key(|one| (one.days(), one.segment.entry.id));
    let (days, mixed): (Vec<&Candidate>, Vec<&Candidate>) = compacted.into_iter().partition(|one| one.is_day(limits));
    let of_one_day = days.chunk_by(|a, b| a.days() == b.days()).map(<[_]>::to_vec);
    of_one_day
        .chain(overlapping(mixed))
        .filter(|group| group.len() > limits.compacted_segments_max)
        .find_map(|group| worth_merging(group, limits))
}

/// `sorted`, by first day, in groups whose days hang together.
fn overlapping(sorted: Vec<&Candidate>) -> Vec<Vec<&Candidate>> {
    let mut groups: Vec<Vec<&Candidate>> = Vec::new();
    let mut last_day = None;
    for one in sorted {
        let (first, last) = one.days();
        match groups.last_mut().filter(|_| last_day.is_some_and(|day| first <= day)) {
            Some(group) => group.push(one),
            None => {
                groups.push(vec![one]);
                last_day = None;
            }
        }
        last_day = last_day.max(Some(last));
    }
    groups
}

/// The smallest segments of a group of which none is much larger than the others together. None when each is much larger
/// than the one before: then there are not many.
fn worth_merging<'a>(mut group: Vec<&'a Candidate>, limits: &Limits) -> Option<Vec<&'a Candidate>> {
    group.sort_by_key(|one| (one.rows(), one.segment.entry.id));
    for start in 0..group.len() {
        let (mut rows, mut bytes) = (0, 0);
        let fitting = group.iter().skip(start).take_while(|one| {
            let is_worth = rows == 0 || rows * REWRITE_RATIO >= one.rows();
            rows += one.rows();
            bytes += one.bytes();
            is_worth && rows <= limits.job_rows_max && bytes <= limits.job_bytes_max
        });
        let count = fitting.count();
        if count >= 2 {
            return Some(group.into_iter().skip(start).take(count).collect());
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

#[cfg(test)]
mod tests;
