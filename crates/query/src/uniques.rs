//! Unique persons: how many different ones there were in each bucket, of a group for example.
//!
//! Each bucket is a set of person numbers, exact, as bitmaps: adding sets a bit, counting counts bits.
//!
//! Memory: a set is cut into pages of 65,536 numbers. A page lists its first [`LIST_ROWS`] rows, 2 bytes each, and
//! becomes a bitmap of 8 KiB when there are more. So dense numbers take a bit each, and sparse ones never more than
//! 16 bytes a row. Finding pages takes 24 bytes per 65,536 numbers up to the highest one.

/// Numbers in a page.
const PAGE_BITS: u32 = 16;
/// Words of a page's bitmap.
const PAGE_WORDS: usize = 1 << (PAGE_BITS - 6);
/// Rows a page lists before it becomes a bitmap.
const LIST_ROWS: usize = 512;

/// Collects who was there, by bucket. One per thread; [`merge`](Self::merge) them, then count.
#[derive(Debug, Clone)]
pub(crate) struct Uniques {
    buckets: Vec<Vec<Page>>,
}

#[derive(Debug, Clone)]
enum Page {
    /// In the order they came, repeated as they came. Empty at first.
    List(Vec<u16>),
    Bits(Box<[u64; PAGE_WORDS]>),
}

impl Uniques {
    /// For buckets numbered from 0 to `buckets - 1`.
    pub(crate) fn new(buckets: usize) -> Self {
        Self { buckets: vec![Vec::new(); buckets] }
    }

    /// Adds one chunk of persons who were all there in the same bucket.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    pub(crate) fn push(&mut self, bucket: usize, persons: &[u32]) {
        let pages = &mut self.buckets[bucket];
        for &person in persons {
            insert(pages, person);
        }
    }

    /// Takes over what another one for the same buckets collected.
    ///
    /// # Panics
    ///
    /// If the other one has a different number of buckets.
    pub(crate) fn merge(&mut self, other: Self) {
        assert_eq!(self.buckets.len(), other.buckets.len(), "sets of different buckets");
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            if mine.len() < theirs.len() {
                mine.resize_with(theirs.len(), Page::default);
            }
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                mine.merge(theirs);
            }
        }
    }

    /// How many buckets there are.
    pub(crate) fn buckets(&self) -> usize {
        self.buckets.len()
    }

    /// Adds buckets, or drops the last ones, until there are so many.
    pub(crate) fn resize(&mut self, buckets: usize) {
        self.buckets.resize_with(buckets, Vec::new);
    }

    /// Takes the first buckets out; those behind them are numbered from 0 again.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub(crate) fn take_first(&mut self, buckets: usize) -> Self {
        let rest = self.buckets.split_off(buckets);
        Self { buckets: std::mem::replace(&mut self.buckets, rest) }
    }

    /// The different persons of one bucket, ascending.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    pub(crate) fn persons(&self, bucket: usize) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).zip(&self.buckets[bucket]).flat_map(|(page, persons)| {
            let high = page << PAGE_BITS;
            persons.distinct().into_iter().map(move |low| high | u32::from(low))
        })
    }

    /// How many different persons were there in one bucket.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    pub(crate) fn count(&self, bucket: usize) -> u64 {
        let count = |page: &Page| match page {
            Page::List(_) => page.distinct().len() as u64,
            Page::Bits(bits) => bits.iter().map(|word| u64::from(word.count_ones())).sum(),
        };
        self.buckets[bucket].iter().map(count).sum()
    }

    /// The highest number in one bucket.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    pub(crate) fn highest(&self, bucket: usize) -> Option<u32> {
        let pages = (0_u32..).zip(&self.buckets[bucket]);
        pages.filter_map(|(page, persons)| Some(page << PAGE_BITS | u32::from(persons.highest()?))).last()
    }

    /// Memory held at the moment, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let page = |page: &Page| match page {
            Page::List(list) => list.capacity() * size_of::<u16>(),
            Page::Bits(bits) => size_of_val(&**bits),
        };
        let bucket = |pages: &Vec<Page>| pages.capacity() * size_of::<Page>() + pages.iter().map(page).sum::<usize>();
        self.buckets.capacity() * size_of::<Vec<Page>>() + self.buckets.iter().map(bucket).sum::<usize>()
    }
}

impl Page {
    #[inline]
    fn insert(&mut self, low: u16) {
        match self {
            Self::Bits(bits) => set(bits, low),
            Self::List(list) if list.len() < LIST_ROWS => list.push(low),
            Self::List(_) => set(self.bits(), low),
        }
    }

    /// The bitmap of this page, which is made if need be.
    fn bits(&mut self) -> &mut [u64; PAGE_WORDS] {
        if let Self::List(list) = self {
            let mut bits = Box::new([0; PAGE_WORDS]);
            for &low in list.iter() {
                set(&mut bits, low);
            }
            *self = Self::Bits(bits);
        }
        match self {
            Self::Bits(bits) => bits,
            Self::List(_) => unreachable!("the list has just become a bitmap"),
        }
    }

    fn merge(&mut self, mut other: Self) {
        if matches!(other, Self::Bits(_)) {
            std::mem::swap(self, &mut other);
        }
        match other {
            Self::List(list) => list.into_iter().for_each(|low| self.insert(low)),
            Self::Bits(theirs) => {
                for (mine, theirs) in self.bits().iter_mut().zip(theirs.iter()) {
                    *mine |= theirs;
                }
            }
        }
    }

    fn highest(&self) -> Option<u16> {
        match self {
            Self::List(list) => list.iter().copied().max(),
            Self::Bits(bits) => {
                let words = (0..=u16::MAX).step_by(64).zip(bits.iter());
                let (low, word) = words.rev().find(|(_, word)| **word != 0)?;
                Some(low | (63 - u16::try_from(word.leading_zeros()).ok()?))
            }
        }
    }

    /// The page's numbers, each once, ascending.
    fn distinct(&self) -> Vec<u16> {
        match self {
            Self::List(list) => {
                let mut list = list.clone();
                list.sort_unstable();
                list.dedup();
                list
            }
            Self::Bits(bits) => {
                let mut distinct = Vec::with_capacity(LIST_ROWS);
                // No further than the last of them: the next would be past the end of its type.
                for (low, word) in (0..=u16::MAX).step_by(64).zip(bits.iter()) {
                    let mut left = *word;
                    while let Some(bit) = lowest(left) {
                        distinct.push(low | bit);
                        left &= left - 1;
                    }
                }
                distinct
            }
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// The lowest bit that is set.
fn lowest(word: u64) -> Option<u16> {
    if word == 0 { None } else { u16::try_from(word.trailing_zeros()).ok() }
}

#[inline]
fn set(bits: &mut [u64; PAGE_WORDS], low: u16) {
    bits[usize::from(low >> 6)] |= 1 << (low & 63);
}

#[inline]
fn insert(pages: &mut Vec<Page>, person: u32) {
    let page = (person >> PAGE_BITS) as usize;
    if page >= pages.len() {
        extend(pages, page);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
    pages[page].insert(person as u16);
}

#[cold]
fn extend(pages: &mut Vec<Page>, page: usize) {
    pages.resize_with(page + 1, Page::default);
}

#[cfg(test)]
mod tests;
