//! Sorts one part of a funnel's rows by person and time, and finds how far each person got.

use super::rows::{Layout, Part, Row, person_of};
use super::{Funnel, STEPS_MAX};

/// Numbers per row up to which a part is sorted by counting; sparser ones are sorted by comparing.
const SPARSE_FACTOR: usize = 8;

/// One thread's workplace: matches part after part with the same memory.
#[derive(Debug)]
pub(super) struct Matcher<R> {
    funnel: Funnel,
    layout: Layout,
    /// Indexed by slot.
    heads: Vec<Head>,
    sorted: Vec<R>,
    levels: Vec<(u32, u8)>,
}

/// What is known of a person while their part is sorted.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    /// First the number of rows, then where the next of them goes in `sorted`, last their end.
    rows: u32,
    /// First all steps seen, then how many can have been taken at most.
    steps: u32,
}

impl<R: Row> Matcher<R> {
    pub(super) fn new(funnel: Funnel, layout: Layout) -> Self {
        Self { funnel, layout, heads: Vec::new(), sorted: Vec::new(), levels: Vec::new() }
    }

    /// Everybody met so far who took step 1, and how many steps they took.
    pub(super) fn levels(self) -> Vec<(u32, u8)> {
        self.levels
    }

    pub(super) fn part(&mut self, number: usize, part: &Part<R>) {
        let layout = self.layout;
        let rows = part.pages().map(<[R]>::len).sum::<usize>();
        let last = part.pages().map(|page| page.iter().map(|row| row.slot(&layout)).max().unwrap_or_default()).max();
        let slots = last.unwrap_or_default() as usize + 1;
        if slots <= rows.saturating_mul(SPARSE_FACTOR) && u32::try_from(rows).is_ok() {
            self.dense(number, part, slots);
        } else {
            self.sparse(number, part);
        }
    }

    /// Sorts by counting, leaving out those who cannot get past step 1, and matches.
    fn dense(&mut self, number: usize, part: &Part<R>, slots: usize) {
        let layout = self.layout;
        self.heads.clear();
        self.heads.resize(slots, Head::default());
        for row in part.pages().flatten() {
            let head = &mut self.heads[row.slot(&layout) as usize];
            head.rows += 1;
            head.steps |= row.steps(&layout);
        }
        let mut end = 0;
        for head in &mut self.heads {
            head.steps = head.steps.trailing_ones();
            if head.steps > 1 {
                end += std::mem::replace(&mut head.rows, end);
            }
        }
        // What is left over from other parts is overwritten: every place up to `end` gets a row.
        if self.sorted.len() < end as usize {
            self.sorted.resize(end as usize, R::default());
        }
        for row in part.pages().flatten() {
            let head = &mut self.heads[row.slot(&layout) as usize];
            if head.steps > 1 {
                self.sorted[head.rows as usize] = *row;
                head.rows += 1;
            }
        }

        let mut start = 0;
        for (slot, head) in (0..).zip(&self.heads) {
            let level = match head.steps {
                0 => continue,
                1 => 1,
                _ => {
                    let end = head.rows as usize;
                    level(self.funnel, &layout, &mut self.sorted[std::mem::replace(&mut start, end)..end])
                }
            };
            if level > 0 {
                self.levels.push((person_of(slot, number), level));
            }
        }
    }

    /// Sorts by comparing and matches.
    fn sparse(&mut self, number: usize, part: &Part<R>) {
        let layout = self.layout;
        self.sorted.clear();
        self.sorted.extend(part.pages().flatten());
        self.sorted.sort_unstable_by_key(|row| row.slot(&layout));
        for rows in self.sorted.chunk_by_mut(|a, b| a.slot(&layout) == b.slot(&layout)) {
            let slot = rows[0].slot(&layout);
            let level = level(self.funnel, &layout, rows);
            if level > 0 {
                self.levels.push((person_of(slot, number), level));
            }
        }
    }
}

/// The number of steps taken, from all events of one person.
fn level<R: Row>(funnel: Funnel, layout: &Layout, rows: &mut [R]) -> u8 {
    if !rows.is_sorted() {
        rows.sort_unstable();
    }
    // Per step, the start of the latest chain that reached it. `open` has a bit for each step reached.
    let mut starts = [0_i64; STEPS_MAX];
    let mut open = 0_u32;
    let last = 1 << (funnel.steps - 1);

    let mut rest = rows.iter().peekable();
    while let Some(row) = rest.next() {
        let time = row.time(layout);
        let mut steps = row.steps(layout);
        while let Some(same) = rest.next_if(|next| next.time(layout) == time) {
            steps |= same.steps(layout);
        }
        if steps & 1 != 0 {
            starts[0] = time;
            open |= 1;
            steps &= !1;
        }
        while steps != 0 {
            let step = steps.trailing_zeros() as usize;
            let bit = 1 << step;
            steps &= !bit;
            if open & (bit >> 1) != 0 && time <= starts[step - 1].saturating_add_unsigned(funnel.window_us) {
                starts[step] = starts[step - 1];
                open |= bit;
            }
        }
        if open & last != 0 {
            break;
        }
    }
    u8::try_from(open.trailing_ones()).unwrap_or(u8::MAX)
}
