//! Where the rows of a funnel wait: dealt to parts by person, packed as tightly as they allow.
//!
//! A packed row is one `u64`: time above steps above slot. Slots are persons without the low bits that chose the part.
//! Rows of one person therefore sort by time when they sort as numbers. The widths of the three are settled before
//! the first row; a row that does not fit makes the builder change to wide rows, which hold anything.

use super::Extent;

/// How many parts rows are dealt to: four million rows make parts of 8,000 rows and 64 kB.
pub(super) const PARTS: usize = 1 << PART_BITS;
const PART_BITS: u32 = 9;

/// Rows in a full page: pages fill up and are never moved again.
const PAGE_ROWS: usize = 512;

/// Rows the first page of a part starts with.
const FIRST_ROWS: usize = 16;

/// How a row becomes a number and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    base: i64,
    slot_bits: u32,
    step_bits: u32,
}

/// One event of one person, ordered by time.
pub(super) trait Row: Copy + Ord + Default + Send + Sync {
    /// None if it does not fit.
    fn new(layout: &Layout, time: i64, steps: u32, slot: u32) -> Option<Self>;
    /// The person within the part.
    fn slot(self, layout: &Layout) -> u32;
    fn steps(self, layout: &Layout) -> u32;
    /// Microseconds since a moment that is the same for all rows of a layout.
    fn time(self, layout: &Layout) -> i64;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Packed(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Wide {
    time: i64,
    steps: u32,
    slot: u32,
}

/// All rows, by part.
#[derive(Debug)]
pub(super) struct Parts<R>(Vec<Part<R>>);

/// Rows of the persons with the same low bits.
#[derive(Debug)]
pub(super) struct Part<R> {
    open: Vec<R>,
    full: Vec<Vec<R>>,
}

impl Layout {
    /// For wide rows, which do not look at it.
    pub(super) const WIDE: Self = Self { base: 0, slot_bits: 0, step_bits: 0 };

    /// The layout for `steps` steps, and whether all rows within `extent` can be packed.
    pub(super) fn new(steps: u32, extent: &Extent) -> (Self, bool) {
        let width = |max: u64| u64::BITS - max.leading_zeros();
        let slot_bits = width(u64::from(extent.persons_max >> PART_BITS)).max(1);
        let time_bits = width(extent.times.end().abs_diff(*extent.times.start()));
        let layout = Self { base: *extent.times.start(), slot_bits, step_bits: steps };
        (layout, time_bits + slot_bits + steps <= u64::BITS)
    }
}

impl Row for Packed {
    #[inline]
    fn new(layout: &Layout, time: i64, steps: u32, slot: u32) -> Option<Self> {
        let since = time.wrapping_sub(layout.base).cast_unsigned();
        let shift = layout.slot_bits + layout.step_bits;
        let fits = time >= layout.base && since >> (u64::BITS - shift) == 0 && slot >> layout.slot_bits == 0;
        fits.then_some(Self(since << shift | u64::from(steps) << layout.slot_bits | u64::from(slot)))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "slots have at most 32 bits")]
    fn slot(self, layout: &Layout) -> u32 {
        (self.0 & ((1 << layout.slot_bits) - 1)) as u32
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "steps have at most 32 bits")]
    fn steps(self, layout: &Layout) -> u32 {
        (self.0 >> layout.slot_bits & ((1 << layout.step_bits) - 1)) as u32
    }

    #[inline]
    fn time(self, layout: &Layout) -> i64 {
        (self.0 >> (layout.slot_bits + layout.step_bits)).cast_signed()
    }
}

impl Row for Wide {
    #[inline]
    fn new(_: &Layout, time: i64, steps: u32, slot: u32) -> Option<Self> {
        Some(Self { time, steps, slot })
    }

    #[inline]
    fn slot(self, _: &Layout) -> u32 {
        self.slot
    }

    #[inline]
    fn steps(self, _: &Layout) -> u32 {
        self.steps
    }

    #[inline]
    fn time(self, _: &Layout) -> i64 {
        self.time
    }
}

impl<R: Row> Parts<R> {
    /// Adds the rows that have one of the steps `all`. Returns how many were looked at before one that does not fit.
    pub(super) fn extend<S: Copy + Into<u32>>(
        &mut self,
        layout: &Layout,
        all: u32,
        persons: &[u32],
        times: &[i64],
        steps: &[S],
    ) -> usize {
        let layout = *layout;
        for (at, ((&person, &time), &steps)) in persons.iter().zip(times).zip(steps).enumerate() {
            let steps = steps.into() & all;
            if steps != 0 {
                let Some(row) = R::new(&layout, time, steps, person >> PART_BITS) else { return at };
                self.0[person as usize % PARTS].push(row);
            }
        }
        persons.len()
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.full.extend(theirs.full);
            if mine.open.is_empty() {
                mine.open = theirs.open;
            } else if !theirs.open.is_empty() {
                mine.full.push(theirs.open);
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(Part::bytes).sum::<usize>() + PARTS * size_of::<Part<R>>()
    }

    pub(super) fn parts(&self) -> &[Part<R>] {
        &self.0
    }
}

impl Parts<Packed> {
    /// The same rows, wide. Lets go of each page once it is rewritten.
    pub(super) fn widen(self, layout: &Layout) -> Parts<Wide> {
        let row = |row: Packed| Wide {
            time: row.time(layout).wrapping_add(layout.base),
            steps: row.steps(layout),
            slot: row.slot(layout),
        };
        let page = |page: Vec<Packed>| page.into_iter().map(row).collect();
        let part = |part: Part<Packed>| Part { full: part.full.into_iter().map(page).collect(), open: page(part.open) };
        Parts(self.0.into_iter().map(part).collect())
    }
}

impl<R> Default for Parts<R> {
    fn default() -> Self {
        Self((0..PARTS).map(|_| Part { open: Vec::new(), full: Vec::new() }).collect())
    }
}

impl<R> Part<R> {
    #[inline]
    fn push(&mut self, row: R) {
        if self.open.len() == self.open.capacity() {
            self.grow();
        }
        self.open.push(row);
    }

    /// The first page grows from small, so that small funnels stay small; later ones are made at full size.
    #[cold]
    fn grow(&mut self) {
        let rows = self.open.capacity();
        if rows < PAGE_ROWS && self.full.is_empty() {
            self.open.reserve_exact((rows * 2).max(FIRST_ROWS) - rows);
        } else {
            self.full.push(std::mem::replace(&mut self.open, Vec::with_capacity(PAGE_ROWS)));
        }
    }

    pub(super) fn pages(&self) -> impl Iterator<Item = &[R]> {
        self.full.iter().map(Vec::as_slice).chain([self.open.as_slice()])
    }

    fn bytes(&self) -> usize {
        let rows = self.open.capacity() + self.full.iter().map(Vec::capacity).sum::<usize>();
        rows * size_of::<R>() + self.full.capacity() * size_of::<Vec<R>>()
    }
}

/// The person that has `slot` in part number `part`.
#[expect(clippy::cast_possible_truncation, reason = "a part number has few bits")]
pub(super) fn person_of(slot: u32, part: usize) -> u32 {
    slot << PART_BITS | part as u32
}
