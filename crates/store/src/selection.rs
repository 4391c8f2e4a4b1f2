//! Which rows of a chunk are meant.

use std::ops::Range;

use arrow::array::{Array, BooleanArray};
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use roaring::RoaringBitmap;

/// Rows of a chunk, by number: ascending ranges that neither touch nor overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    ranges: Vec<Range<u32>>,
}

impl Selection {
    /// The first `rows` rows.
    #[must_use]
    pub fn all(rows: u32) -> Self {
        Self::of(0..rows)
    }

    /// The rows of `range`.
    #[must_use]
    pub fn of(range: Range<u32>) -> Self {
        Self::from_ranges(std::iter::once(range))
    }

    /// The rows of `ranges`, which are ascending and do not overlap.
    #[must_use]
    pub fn from_ranges(ranges: impl IntoIterator<Item = Range<u32>>) -> Self {
        let mut selection = Self::default();
        for range in ranges {
            selection.push(range);
        }
        selection
    }

    /// The rows numbered `rows`, ascending.
    #[must_use]
    pub fn from_rows(rows: impl IntoIterator<Item = u32>) -> Self {
        Self::from_ranges(rows.into_iter().map(|row| row..row + 1))
    }

    /// Adds rows behind all others.
    fn push(&mut self, range: Range<u32>) {
        if range.is_empty() {
            return;
        }
        match self.ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.ranges.push(range),
        }
    }

    /// The rows as ranges.
    #[must_use]
    pub fn ranges(&self) -> &[Range<u32>] {
        &self.ranges
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|range| range.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The row numbers, ascending.
    pub fn rows(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().cloned().flatten()
    }

    /// Those of these rows for which `keep`, one entry for each of them, is true. Null is false.
    #[must_use]
    pub fn filter(&self, keep: &BooleanArray) -> Self {
        let keep = match keep.nulls() {
            None => keep.values().clone(),
            Some(nulls) => keep.values() & nulls.inner(),
        };
        let mut kept = Self::default();
        let mut starts = Starts { ranges: &self.ranges, before: 0 };
        for (start, end) in keep.set_slices() {
            starts.map(start, end, &mut kept);
        }
        kept
    }

    /// The rows at `places` among these rows, ascending.
    #[must_use]
    pub fn pick(&self, places: impl IntoIterator<Item = usize>) -> Self {
        let mut picked = Self::default();
        let mut starts = Starts { ranges: &self.ranges, before: 0 };
        for place in places {
            starts.map(place, place + 1, &mut picked);
        }
        picked
    }

    /// The rows that are in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = Self::default();
        let (mut ours, mut theirs) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
            both.push(a.start.max(b.start)..a.end.min(b.end));
            if a.end <= b.end {
                ours.next();
            } else {
                theirs.next();
            }
        }
        both
    }

    /// Rows `first..first + rows` that are not in `deleted`, numbered from 0.
    pub(crate) fn live(first: u32, rows: u32, deleted: &RoaringBitmap) -> Self {
        let end = first.saturating_add(rows);
        let mut live = Self::default();
        let mut next = 0;
        if deleted.range_cardinality(first..end) > 0 {
            for gone in deleted.range(first..end) {
                live.push(next..gone - first);
                next = gone - first + 1;
            }
        }
        live.push(next..rows);
        live
    }

    /// Cut into selections of at most `rows` rows each.
    #[must_use]
    pub fn chunks(&self, rows: usize) -> Vec<Self> {
        let limit = u32::try_from(rows.max(1)).unwrap_or(u32::MAX);
        let mut chunks = Vec::new();
        let mut chunk = Self::default();
        let mut room = limit;
        for range in &self.ranges {
            let mut range = range.clone();
            while !range.is_empty() {
                let taken = range.start..range.end.min(range.start.saturating_add(room));
                range.start = taken.end;
                room -= taken.end - taken.start;
                chunk.push(taken);
                if room == 0 {
                    chunks.push(std::mem::take(&mut chunk));
                    room = limit;
                }
            }
        }
        if !chunk.is_empty() {
            chunks.push(chunk);
        }
        chunks
    }

    /// For the Parquet reader, whose row group has `total` rows; none when all are selected.
    pub(crate) fn for_parquet(&self, total: u32) -> Option<RowSelection> {
        if matches!(self.ranges.as_slice(), [all] if *all == (0..total)) {
            return None;
        }
        let mut selectors = Vec::with_capacity(self.ranges.len() * 2 + 1);
        let mut next = 0;
        for range in &self.ranges {
            if range.start > next {
                selectors.push(RowSelector::skip((range.start - next) as usize));
            }
            selectors.push(RowSelector::select(range.len()));
            next = range.end;
        }
        if next < total {
            selectors.push(RowSelector::skip((total - next) as usize));
        }
        Some(selectors.into())
    }
}

/// Translates places among selected rows into row numbers, walking forward.
struct Starts<'a> {
    ranges: &'a [Range<u32>],
    /// Selected rows before the first of `ranges`.
    before: usize,
}

impl Starts<'_> {
    fn map(&mut self, start: usize, end: usize, into: &mut Selection) {
        let mut start = start;
        while start < end {
            let Some(range) = self.ranges.first() else { return };
            let here = start - self.before;
            if here >= range.len() {
                self.before += range.len();
                self.ranges = &self.ranges[1..];
                continue;
            }
            let count = (end - start).min(range.len() - here);
            let first = range.start + u32::try_from(here).unwrap_or(u32::MAX);
            into.push(first..first + u32::try_from(count).unwrap_or(u32::MAX));
            start += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ranges: &[Range<u32>]) -> Selection {
        Selection::from_ranges(ranges.iter().cloned())
    }

    #[test]
    fn selections_narrow_step_by_step() {
        let rows = of(&[2..5, 8..10]);
        assert_eq!(rows.rows().collect::<Vec<_>>(), [2, 3, 4, 8, 9]);
        let keep = BooleanArray::from(vec![Some(true), None, Some(true), Some(true), Some(false)]);
        assert_eq!(rows.filter(&keep), of(&[2..3, 4..5, 8..9]));
        assert_eq!(rows.pick([0, 4]), of(&[2..3, 9..10]));
        assert_eq!(rows.and(&of(&[0..3, 4..9])), of(&[2..3, 4..5, 8..9]));
        assert_eq!(rows.chunks(2), [Selection::of(2..4), of(&[4..5, 8..9]), Selection::of(9..10)]);
        assert_eq!(of(&[0..2, 2..4]), Selection::all(4));
    }

    #[test]
    fn deleted_rows_are_left_out() {
        let deleted = RoaringBitmap::from_iter([0_u32, 10, 12, 13, 30]);
        assert_eq!(Selection::live(10, 5, &deleted), of(&[1..2, 4..5]));
        assert_eq!(Selection::live(14, 5, &deleted), Selection::all(5));
    }
}
