//! Retention: of the persons first seen in a period, how many were there again in each later one.
//!
//! Each person has one bit per period. A person's lowest bit is their cohort; every bit counts once, under the cohort
//! and its distance from it. That is all, so the work per event is setting a bit.
//!
//! Memory: persons come in pages of 64, made when the first of them is seen; a page takes 64 words for each 64 periods
//! (512 bytes up to 64 periods), up to twice that while growing. Finding a page takes 4 bytes per 64 numbers up to
//! the highest one. Numbers past [`TABLE_PAGES`] pages are found through a hash map instead.

use std::collections::HashMap;
use std::thread;

/// Persons in a page.
const PAGE_PERSONS: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 6;

/// Pages that are found by array lookup: 67 million persons, 4 MiB.
const TABLE_PAGES: usize = 1 << 20;

/// Marks a page that is not there.
const NO_PAGE: u32 = u32::MAX;

/// Collects who was there when. One per thread; [`merge`](Self::merge) them, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct RetentionBuilder {
    periods: usize,
    /// 64-bit words per person.
    words: usize,
    /// Page number → index of the page in `bits`.
    table: Vec<u32>,
    far: HashMap<usize, u32>,
    bits: Vec<u64>,
}

/// How many of each cohort were there in each period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    periods: usize,
    /// Row by row, one row per cohort; row `c` has meaning up to offset `periods - 1 - c`.
    counts: Vec<u64>,
}

impl RetentionBuilder {
    /// For periods numbered from 0 to `periods - 1`.
    pub fn new(periods: usize) -> Self {
        let words = periods.div_ceil(64).max(1);
        Self { periods, words, table: Vec::new(), far: HashMap::new(), bits: Vec::new() }
    }

    /// Adds one chunk of events: who, and in which period. Rows may come in any order.
    ///
    /// # Panics
    ///
    /// If the slices differ in length, or a period is not one of this builder's.
    pub fn push(&mut self, persons: &[u32], periods: &[u32]) {
        assert_eq!(persons.len(), periods.len(), "columns of different lengths");
        let Some(&last) = periods.iter().max() else { return };
        assert!((last as usize) < self.periods, "period {last} of {}", self.periods);
        self.cover(persons.iter().copied().max().unwrap_or_default());
        // Pages are made in a loop of their own, so that the second one does nothing but set bits.
        let mut near = true;
        for &person in persons {
            self.page(page_of(person));
            near &= page_of(person) < TABLE_PAGES;
        }
        if near {
            match self.words {
                1 => self.set::<1>(persons, periods),
                2 => self.set::<2>(persons, periods),
                _ => self.set::<0>(persons, periods),
            }
        } else {
            for (&person, &period) in persons.iter().zip(periods) {
                let at = (self.page(page_of(person)) * PAGE_PERSONS + slot_of(person)) * self.words;
                self.bits[at + (period / 64) as usize] |= 1 << (period % 64);
            }
        }
    }

    /// Sets bits of persons whose pages are all there and in the table. `WORDS` is [`Self::words`], or 0 for any.
    fn set<const WORDS: usize>(&mut self, persons: &[u32], periods: &[u32]) {
        let words = if WORDS == 0 { self.words } else { WORDS };
        let table = self.table.as_slice();
        let bits = self.bits.as_mut_slice();
        for (&person, &period) in persons.iter().zip(periods) {
            let at = (table[page_of(person)] as usize * PAGE_PERSONS + slot_of(person)) * words;
            let word = if WORDS == 1 { 0 } else { (period / 64) as usize };
            bits[at + word] |= 1 << (period % 64);
        }
    }

    /// Takes over what another builder for the same periods collected.
    ///
    /// # Panics
    ///
    /// If the other builder has a different number of periods.
    pub fn merge(&mut self, mut other: Self) {
        assert_eq!(self.periods, other.periods, "builders of different periods");
        if self.bits.len() < other.bits.len() {
            std::mem::swap(self, &mut other);
        }
        if self.table.len() < other.table.len() {
            self.table.resize(other.table.len(), NO_PAGE);
        }
        let near = other.table.iter().copied().enumerate();
        let words = PAGE_PERSONS * self.words;
        for (page, theirs) in near.chain(other.far).filter(|&(_, theirs)| theirs != NO_PAGE) {
            let mine = self.page(page) * words;
            let theirs = &other.bits[theirs as usize * words..][..words];
            for (mine, theirs) in self.bits[mine..][..words].iter_mut().zip(theirs) {
                *mine |= theirs;
            }
        }
    }

    /// Memory held at the moment, in bytes.
    pub fn bytes(&self) -> usize {
        self.bits.capacity() * size_of::<u64>()
            + self.table.capacity() * size_of::<u32>()
            + self.far.capacity() * size_of::<(usize, u32, u8)>()
    }

    /// Counts, on up to `threads` threads (the caller's included).
    pub fn finish(&self, threads: usize) -> Retention {
        let words = PAGE_PERSONS * self.words;
        let pages = self.bits.len() / words;
        let share = pages.div_ceil(threads.max(1)).max(1) * words;
        let mut shares = self.bits.chunks(share);
        let mine = shares.next().unwrap_or_default();
        let counts = thread::scope(|scope| {
            let helpers: Vec<_> = shares.map(|bits| scope.spawn(|| self.count(bits))).collect();
            let mut counts = self.count(mine);
            for helper in helpers {
                match helper.join() {
                    Ok(more) => counts.iter_mut().zip(more).for_each(|(count, more)| *count += more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            counts
        });
        Retention { periods: self.periods, counts }
    }

    fn count(&self, bits: &[u64]) -> Vec<u64> {
        let mut counts = vec![0; self.periods * self.periods];
        for person in bits.chunks_exact(self.words) {
            let Some(word) = person.iter().position(|&word| word != 0) else { continue };
            let cohort = word * 64 + person[word].trailing_zeros() as usize;
            let row = &mut counts[cohort * self.periods..][..self.periods - cohort];
            for (word, &bits) in person.iter().enumerate().skip(word) {
                let mut bits = bits;
                while bits != 0 {
                    row[word * 64 + bits.trailing_zeros() as usize - cohort] += 1;
                    bits &= bits - 1;
                }
            }
        }
        counts
    }

    /// Makes the table long enough for `person`, as far as it may get.
    fn cover(&mut self, person: u32) {
        let pages = (page_of(person) + 1).min(TABLE_PAGES);
        if self.table.len() < pages {
            self.table.resize(pages, NO_PAGE);
        }
    }

    /// The index of a page, which is made if need be.
    #[inline]
    fn page(&mut self, page: usize) -> usize {
        match self.table.get(page) {
            Some(&index) if index != NO_PAGE => index as usize,
            _ => self.find_or_make(page),
        }
    }

    #[cold]
    fn find_or_make(&mut self, page: usize) -> usize {
        let index = self.bits.len() / (PAGE_PERSONS * self.words);
        let next = u32::try_from(index).unwrap_or(NO_PAGE);
        if let Some(entry) = self.table.get_mut(page) {
            *entry = next;
        } else {
            let found = *self.far.entry(page).or_insert(next);
            if found != next {
                return found as usize;
            }
        }
        self.bits.resize(self.bits.len() + PAGE_PERSONS * self.words, 0);
        index
    }
}

impl Retention {
    /// How many periods there are.
    pub fn periods(&self) -> usize {
        self.periods
    }

    /// How many persons were first there in period `cohort`, and there (again) `offset` periods later.
    ///
    /// At offset 0 that is the size of the cohort; past the last period it is 0.
    pub fn count(&self, cohort: usize, offset: usize) -> u64 {
        self.cohort(cohort).get(offset).copied().unwrap_or_default()
    }

    /// One cohort's counts by offset, from 0 to the last period. Empty past the last period.
    pub fn cohort(&self, cohort: usize) -> &[u64] {
        if cohort >= self.periods {
            return &[];
        }
        &self.counts[cohort * self.periods..][..self.periods - cohort]
    }
}

fn page_of(person: u32) -> usize {
    (person >> PAGE_BITS) as usize
}

fn slot_of(person: u32) -> usize {
    person as usize % PAGE_PERSONS
}

#[cfg(test)]
mod tests;
