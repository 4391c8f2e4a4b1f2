//! Unique persons against sets.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Deals `events` to several of them in turn, those in a row of one bucket at once, and merges.
fn uniques(buckets: usize, events: &[(u32, u32)], builders: usize, chunk: usize) -> Uniques {
    let mut all = vec![Uniques::new(buckets); builders];
    for (turn, chunk) in events.chunks(chunk).enumerate() {
        for run in chunk.chunk_by(|one, next| one.0 == next.0) {
            let persons: Vec<_> = run.iter().map(|event| event.1).collect();
            all[turn % builders].push(run[0].0 as usize, &persons);
        }
    }
    let mut uniques = all.pop().unwrap();
    all.into_iter().for_each(|other| uniques.merge(other));
    uniques
}

#[test]
fn nobody_is_not_counted() {
    let uniques = Uniques::new(2);
    assert_eq!((uniques.buckets(), uniques.count(1), uniques.persons(1).count()), (2, 0, 0));
}

#[test]
fn a_bitmap_lists_its_persons_up_to_the_last_of_a_page() {
    let events: Vec<_> = (0..=u32::from(u16::MAX)).map(|person| (0, person)).collect();
    let uniques = uniques(1, &events, 1, 1_000);
    assert!(uniques.persons(0).eq(0..=u32::from(u16::MAX)));
}

#[test]
fn a_list_becomes_a_bitmap_when_it_is_full() {
    // The same 700 persons, again and again, in two pages; the second page holds just one.
    let events: Vec<_> = (0..3_000).map(|row| (0, row % 700)).chain([(0, 70_000)]).collect();
    for builders in 1..4 {
        assert_eq!(uniques(1, &events, builders, 100).count(0), 701);
    }
}

#[test]
fn far_apart_numbers_take_little_memory() {
    let events: Vec<_> = (0..1_000).map(|row| (0, row * 4_000_000)).collect();
    let uniques = uniques(1, &events, 1, 100);
    assert_eq!(uniques.count(0), 1_000);
    assert!(uniques.bytes() < 4 << 20, "{} bytes", uniques.bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// Counts and persons are those of sets, for each bucket.
    #[test]
    fn buckets_are_sets(
        events in prop::collection::vec((0_u32..4, prop_oneof![0_u32..900, any::<u32>(), 65_500_u32..65_600]), 0..4_000),
        builders in 1_usize..4,
        chunk in 1_usize..50,
    ) {
        let uniques = uniques(4, &events, builders, chunk);
        for bucket in 0..4 {
            let set: BTreeSet<_> = events.iter().filter(|event| event.0 == bucket).map(|event| event.1).collect();
            let bucket = bucket as usize;
            prop_assert_eq!(uniques.count(bucket), set.len() as u64);
            prop_assert_eq!(uniques.highest(bucket), set.last().copied());
            prop_assert!(uniques.persons(bucket).eq(set));
        }
    }
}
