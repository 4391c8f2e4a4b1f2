//! Retention against a naive model, and against an answer written down from ClickHouse 26.9.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// Cohort and offset → persons, without zeros.
type Cells = BTreeMap<(usize, usize), u64>;

/// The one place that knows the API: deals `events` to builders in turn, in chunks, and lists what is not zero.
fn cells(periods: usize, events: &[(u32, u32)], builders: usize) -> Cells {
    let mut all: Vec<_> = (0..builders).map(|_| RetentionBuilder::new(periods)).collect();
    for (turn, chunk) in events.chunks(3).enumerate() {
        let (persons, seen): (Vec<_>, Vec<_>) = chunk.iter().copied().unzip();
        all[turn % builders].push(&persons, &seen);
    }
    let mut builder = all.pop().unwrap();
    all.into_iter().for_each(|other| builder.merge(other));
    let answer = builder.finish(builders);
    let every = (0..periods).flat_map(|cohort| (0..=periods).map(move |offset| (cohort, offset)));
    every.map(|at| (at, answer.count(at.0, at.1))).filter(|cell| cell.1 > 0).collect()
}

fn naive(events: &[(u32, u32)]) -> Cells {
    let mut seen: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for &(person, period) in events {
        seen.entry(person).or_default().insert(period as usize);
    }
    let mut cells = Cells::new();
    for periods in seen.values() {
        for period in periods {
            *cells.entry((periods.first().copied().unwrap(), period - periods.first().unwrap())).or_default() += 1;
        }
    }
    cells
}

#[test]
fn cohorts_are_those_of_click_house() {
    let events = [
        (2, 0),
        (11, 0),
        (3, 4),
        (8, 0),
        (2, 5),
        (4, 1),
        (3, 0),
        (1, 3),
        (12, 2),
        (7, 4),
        (1, 2),
        (10, 0),
        (2, 4),
        (7, 1),
        (7, 1),
        (3, 4),
        (9, 1),
        (3, 2),
        (6, 1),
        (11, 2),
        (8, 2),
        (5, 4),
        (5, 4),
        (8, 2),
        (4, 5),
        (2, 3),
        (8, 2),
        (1, 1),
        (7, 3),
        (1, 3),
        (8, 3),
        (9, 4),
        (11, 5),
        (3, 4),
    ];
    let expected = [
        ((0, 0), 5),
        ((0, 2), 3),
        ((0, 3), 2),
        ((0, 4), 2),
        ((0, 5), 2),
        ((1, 0), 5),
        ((1, 1), 1),
        ((1, 2), 2),
        ((1, 3), 2),
        ((1, 4), 1),
        ((2, 0), 1),
        ((4, 0), 1),
    ];
    assert_eq!(cells(6, &events, 1), Cells::from(expected));
}

#[test]
fn nobody_is_in_no_cohort() {
    assert_eq!(cells(0, &[], 2), Cells::new());
    assert_eq!(cells(3, &[], 1), Cells::new());
    assert!(RetentionBuilder::new(3).finish(1).cohort(3).is_empty());
}

#[test]
#[should_panic(expected = "period 3 of 3")]
fn periods_past_the_last_are_refused() {
    cells(3, &[(1, 3)], 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever the numbers, chunks, builders and threads, every person counts once in each of their periods.
    #[test]
    fn cohorts_are_those_of_the_naive_model(
        periods in prop::sample::select(vec![1_u32, 13, 64, 65, 128, 150]),
        draws in prop::collection::vec((0_u32..100, prop::sample::select(vec![1, 41_000_000]), any::<u32>()), 0..120),
        builders in 1_usize..4,
    ) {
        let events: Vec<_> = draws.into_iter().map(|(who, apart, when)| (who * apart, when % periods)).collect();
        prop_assert_eq!(cells(periods as usize, &events, builders), naive(&events));
    }
}
