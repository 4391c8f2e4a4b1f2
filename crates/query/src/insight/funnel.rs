//! Ordered funnels: how many persons got to each step in time.
//!
//! The answer is that of ClickHouse's `windowFunnel(window)` in its default mode, which PostHog's funnels are made of:
//!
//! - Step 1 starts a chain at its time. A later step continues the chain that reached the step before it, if it happens
//!   at most `window` after the *start* of that chain; the end of the window is included.
//! - Per step only the chain that started last is kept: it has the most time left, so no other one can get further.
//! - Events at the same time count in the order of their steps, whatever order they came in. One event for which several
//!   conditions hold can therefore take several steps at once. So events at one time are one set of steps, and the order
//!   of rows never matters.
//!
//! Work: rows are dealt to parts by the low bits of the person as they arrive, so that a part fits in a core's cache.
//! Each part is then sorted by person (a counting sort), each person's few events by time if they are not already, and
//! matched in one pass. Persons whose events can never reach step 2 are settled while counting.
//!
//! Memory: 8 bytes a row that any condition holds for, as long as person, time and steps together fit into 64 bits (see
//! [`Extent`]), else 16; at most 4 MiB per builder for pages not yet full; and while finishing, per thread, one sorted
//! part (1/512 of the rows for dense numbers) and 8 bytes per number in the part. Touching fresh memory costs as much as
//! all the sorting, hence the packing.

mod matching;
mod rows;

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use matching::Matcher;
use rows::{Layout, PARTS, Packed, Part, Parts, Row, Wide};

/// The most steps a funnel can have.
pub const STEPS_MAX: usize = 32;

/// What a funnel asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Funnel {
    steps: u32,
    window_us: u64,
}

/// What the rows of a query are expected to lie within. Only speed and memory depend on it: rows outside are counted
/// just the same, but the first of them makes all rows of its builder take twice the memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The highest number of a person.
    pub persons_max: u32,
    /// From the first to the last time, in microseconds.
    pub times: RangeInclusive<i64>,
}

/// Collects the events of a funnel. One per thread; [`merge`](Self::merge) them, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct FunnelBuilder {
    funnel: Funnel,
    layout: Layout,
    rows: Rows,
}

/// How far everybody got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelLevels {
    reached: Vec<u64>,
    levels: Vec<(u32, u8)>,
}

#[derive(Debug)]
enum Rows {
    Packed(Parts<Packed>),
    Wide(Parts<Wide>),
}

impl Funnel {
    /// A funnel of `steps` steps, all to be taken within `window_us` microseconds of the first.
    ///
    /// # Panics
    ///
    /// If `steps` is 0 or more than [`STEPS_MAX`].
    pub fn new(steps: usize, window_us: u64) -> Self {
        assert!((1..=STEPS_MAX).contains(&steps), "a funnel has 1 to {STEPS_MAX} steps, not {steps}");
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        Self { steps, window_us }
    }

    fn all_steps(self) -> u32 {
        u32::MAX >> (u32::BITS - self.steps)
    }
}

impl FunnelBuilder {
    /// Collects for `funnel`; rows should lie within `extent`.
    pub fn new(funnel: Funnel, extent: &Extent) -> Self {
        let (layout, fits) = Layout::new(funnel.steps, extent);
        let rows = if fits { Rows::Packed(Parts::default()) } else { Rows::Wide(Parts::default()) };
        Self { funnel, layout, rows }
    }

    /// Adds one chunk of events: who, when, and for which steps the event counts (bit 0 is step 1).
    ///
    /// Rows may come in any order. Rows without a step are not kept.
    ///
    /// # Panics
    ///
    /// If the slices differ in length.
    pub fn push<S: Copy + Into<u32>>(&mut self, persons: &[u32], times: &[i64], steps: &[S]) {
        assert!(persons.len() == times.len() && times.len() == steps.len(), "columns of different lengths");
        let all = self.funnel.all_steps();
        let mut pushed = 0;
        if let Rows::Packed(parts) = &mut self.rows {
            pushed = parts.extend(&self.layout, all, persons, times, steps);
            if pushed == persons.len() {
                return;
            }
        }
        self.wide().extend(&Layout::WIDE, all, &persons[pushed..], &times[pushed..], &steps[pushed..]);
    }

    /// Takes over what another builder of the same funnel collected. Moves pages, not rows.
    ///
    /// # Panics
    ///
    /// If the other builder was made for a different funnel or extent.
    pub fn merge(&mut self, mut other: Self) {
        assert_eq!((self.funnel, self.layout), (other.funnel, other.layout), "builders of different funnels");
        match (&mut self.rows, other.rows) {
            (Rows::Packed(mine), Rows::Packed(theirs)) => mine.merge(theirs),
            (_, theirs) => {
                other.rows = theirs;
                let theirs = std::mem::take(other.wide());
                self.wide().merge(theirs);
            }
        }
    }

    /// Memory held at the moment, in bytes. Finishing needs about 1/256 of it on top, per thread.
    pub fn bytes(&self) -> usize {
        match &self.rows {
            Rows::Packed(parts) => parts.bytes(),
            Rows::Wide(parts) => parts.bytes(),
        }
    }

    /// Matches everybody's events, on up to `threads` threads (the caller's included).
    pub fn finish(self, threads: usize) -> FunnelLevels {
        let levels = match self.rows {
            Rows::Packed(parts) => match_all(self.funnel, self.layout, parts.parts(), threads),
            Rows::Wide(parts) => match_all(self.funnel, Layout::WIDE, parts.parts(), threads),
        };
        FunnelLevels::new(self.funnel.steps as usize, levels)
    }

    /// The rows in the layout that everything fits into, rewritten if need be.
    fn wide(&mut self) -> &mut Parts<Wide> {
        if let Rows::Packed(packed) = &mut self.rows {
            let packed = std::mem::take(packed);
            self.rows = Rows::Wide(packed.widen(&self.layout));
        }
        match &mut self.rows {
            Rows::Wide(wide) => wide,
            Rows::Packed(_) => unreachable!("rows have just been widened"),
        }
    }
}

impl FunnelLevels {
    fn new(steps: usize, levels: Vec<(u32, u8)>) -> Self {
        let mut reached = vec![0; steps];
        for &(_, level) in &levels {
            reached[usize::from(level) - 1] += 1;
        }
        for step in (1..steps).rev() {
            reached[step - 1] += reached[step];
        }
        Self { reached, levels }
    }

    /// For each step, how many persons got at least that far.
    pub fn reached(&self) -> &[u64] {
        &self.reached
    }

    /// Everybody who took step 1, once, with the number of steps taken, in no particular order.
    pub fn levels(&self) -> impl ExactSizeIterator<Item = (u32, u8)> + '_ {
        self.levels.iter().copied()
    }

    /// Memory held, in bytes: 8 per person, up to twice that from growing.
    pub fn bytes(&self) -> usize {
        self.levels.capacity() * size_of::<(u32, u8)>() + self.reached.capacity() * size_of::<u64>()
    }
}

/// Hands out parts to threads until all are matched.
fn match_all<R: Row>(funnel: Funnel, layout: Layout, parts: &[Part<R>], threads: usize) -> Vec<(u32, u8)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut matcher = Matcher::new(funnel, layout);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(number) else { break };
            matcher.part(number, part);
        }
        matcher.levels()
    };
    thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.min(PARTS)).map(|_| scope.spawn(work)).collect();
        let mut levels = work();
        for helper in helpers {
            match helper.join() {
                Ok(more) => levels.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        levels
    })
}

#[cfg(test)]
mod tests;
