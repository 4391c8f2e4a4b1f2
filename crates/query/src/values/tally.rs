//! Counts how often each text occurs, in bounded memory.
//!
//! Counting is exact until the distinct texts outgrow the limit. From then on it is the Misra–Gries summary: whenever
//! it is full, the same amount is taken from every count and what falls to zero is forgotten. Counts are then too low
//! by at most the number of texts seen divided by half the texts it can hold, so whatever is really frequent stays and
//! stays in order, while among texts that are all about equally rare it is chance which are kept.

use std::cmp::Reverse;
use std::collections::HashMap;

/// Distinct texts held at once.
const TEXTS_MAX: usize = 65_536;
/// Bytes of text held at once.
const BYTES_MAX: usize = 16 << 20;

#[derive(Debug)]
pub(crate) struct Tally {
    counts: HashMap<String, u64>,
    bytes: usize,
    texts_max: usize,
    bytes_max: usize,
}

impl Default for Tally {
    fn default() -> Self {
        Self::with_limits(TEXTS_MAX, BYTES_MAX)
    }
}

impl Tally {
    fn with_limits(texts_max: usize, bytes_max: usize) -> Self {
        Self { counts: HashMap::new(), bytes: 0, texts_max, bytes_max }
    }

    /// Counts `text` so many times more.
    pub(crate) fn add(&mut self, text: &str, times: u64) {
        if let Some(count) = self.counts.get_mut(text) {
            *count += times;
            return;
        }
        self.counts.insert(text.to_owned(), times);
        self.bytes += text.len();
        while self.counts.len() > self.texts_max || self.bytes > self.bytes_max {
            self.forget();
        }
    }

    /// Every text held, with its count.
    pub(crate) fn into_counts(self) -> impl Iterator<Item = (String, u64)> {
        self.counts.into_iter()
    }

    /// The `limit` most frequent texts, most frequent first, then by text.
    pub(crate) fn top(self, limit: usize) -> Vec<String> {
        let mut ranked: Vec<_> = self.counts.into_iter().map(|(text, count)| (Reverse(count), text)).collect();
        ranked.sort_unstable();
        ranked.truncate(limit);
        ranked.into_iter().map(|(_, text)| text).collect()
    }

    /// Takes the median count from all, which at least half of them do not survive.
    fn forget(&mut self) {
        let mut counts: Vec<_> = self.counts.values().copied().collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let taken = *median;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(taken);
            *count > 0
        });
        self.bytes = self.counts.keys().map(String::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_within_the_limit() {
        let mut tally = Tally::with_limits(4, 100);
        "b a c b d c b".split(' ').for_each(|text| tally.add(text, 1));
        assert_eq!(tally.top(3), ["b", "c", "a"]);
    }

    #[test]
    fn frequent_texts_survive_a_flood_of_rare_ones() {
        let mut tally = Tally::with_limits(64, 1 << 10);
        for round in 0..10_000 {
            tally.add(&format!("rare {round}"), 1);
            if round % 5 == 0 {
                tally.add("often", 1);
            }
            if round % 3 == 0 {
                tally.add("oftener", 1);
            }
            assert!(tally.counts.len() <= 64 && tally.bytes <= 1 << 10);
        }
        assert_eq!(tally.top(2), ["oftener", "often"]);
    }

    #[test]
    fn one_text_larger_than_the_limit_is_not_kept() {
        let mut tally = Tally::with_limits(64, 8);
        tally.add("too long for it", 1);
        assert_eq!(tally.top(2), Vec::<String>::new());
    }
}
