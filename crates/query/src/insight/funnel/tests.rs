//! Funnels against a naive model, and against answers written down from ClickHouse 26.9.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Event = (u32, i64, u32);

/// The one place that knows the API: deals `events` to builders in turn, in chunks, and lists who got how far.
fn levels(funnel: Funnel, extent: &Extent, events: &[Event], builders: usize) -> BTreeMap<u32, u8> {
    let mut all: Vec<_> = (0..builders).map(|_| FunnelBuilder::new(funnel, extent)).collect();
    for (turn, chunk) in events.chunks(3).enumerate() {
        let persons: Vec<_> = chunk.iter().map(|event| event.0).collect();
        let times: Vec<_> = chunk.iter().map(|event| event.1).collect();
        let steps: Vec<_> = chunk.iter().map(|event| event.2).collect();
        all[turn % builders].push(&persons, &times, &steps);
    }
    let mut builder = all.pop().unwrap();
    all.into_iter().for_each(|other| builder.merge(other));
    let answer = builder.finish(builders);

    let levels: BTreeMap<_, _> = answer.levels().collect();
    assert_eq!(levels.len(), answer.levels().len(), "a person twice");
    for (step, &reached) in (1..).zip(answer.reached()) {
        assert_eq!(reached, levels.values().filter(|&&level| level >= step).count() as u64);
    }
    levels
}

/// From every event of step 1, takes the earliest next step again and again. Quadratic, and nothing to get wrong.
fn naive(steps: u32, window_us: i64, events: &[Event]) -> BTreeMap<u32, u8> {
    let mut best = BTreeMap::new();
    for &(person, start, _) in events.iter().filter(|event| event.2 & 1 != 0) {
        let (mut level, mut time) = (1, start);
        for step in 1..steps {
            let later = |&&(who, at, bits): &&Event| who == person && at >= time && bits >> step & 1 != 0;
            match events.iter().filter(later).map(|event| event.1).min() {
                Some(next) if next - start <= window_us => (level, time) = (level + 1, next),
                _ => break,
            }
        }
        let best = best.entry(person).or_default();
        *best = level.max(*best);
    }
    best
}

/// One person's events as `time:STEPS`.
fn events(text: &str) -> Vec<Event> {
    let event = |text: &str| {
        let (time, steps) = text.split_once(':').unwrap();
        (7, time.parse().unwrap(), steps.bytes().map(|step| 1 << (step - b'A')).sum())
    };
    text.split(' ').map(event).collect()
}

#[test]
fn levels_are_those_of_click_house() {
    let cases = [
        // One event may take several steps, and the order of rows at one time does not matter.
        (3, 10, "1:AB", 2),
        (3, 10, "1:ABC", 3),
        (3, 10, "1:A 1:B", 2),
        (3, 10, "1:B 1:A", 2),
        (3, 10, "1:C 1:B 1:A", 3),
        (3, 10, "1:C 1:AB", 3),
        // The end of the window is included, and it counts from the first step.
        (3, 10, "1:A 11:B", 2),
        (3, 10, "1:A 12:B", 1),
        (3, 10, "1:A 5:B 8:A 12:C", 2),
        // A later start takes over only once its chain has caught up.
        (3, 10, "1:A 2:B 9:A 12:C", 2),
        (3, 10, "1:A 2:B 9:A 10:B 12:C", 3),
        (3, 10, "1:A 5:B 6:A 7:B 16:C", 3),
        // Drawn at random, with many ties.
        (2, 3, "4:A 5:A 5:AB 5:B 5:A 6:A 2:AB", 2),
        (3, 5, "2:AC 9:A 1:AB 7:C 9:AB 5:B 5:C", 3),
        (3, 5, "6:C 2:A 4:A 9:AC 2:BC 8:B", 3),
        (3, 5, "9:AB 1:A 7:C 9:AB 8:AB 4:B 8:B 8:A", 2),
        (3, 5, "1:C 7:BC 4:AB 7:AB", 3),
        (3, 5, "6:AB 9:C 4:A 6:A 3:B 9:C 1:AB 7:B", 3),
        (3, 5, "3:C 5:ABC 6:AB 8:ABC 7:A 4:A", 3),
        (4, 6, "3:BD 4:AD 9:C 5:AD 3:B 2:CD 8:D 2:D", 1),
        (4, 6, "1:B 1:CD 2:AB 1:ABC 6:AD 5:C 4:C 1:A", 4),
        (4, 6, "3:C 4:B 2:BCD 1:D 4:D 5:C 9:CD 7:AD", 1),
        (4, 6, "9:C 9:BD 5:AB 3:C 6:D 7:B 6:C", 4),
        (4, 6, "4:D 3:A 6:A 8:AC 6:C 2:ACD 7:A", 1),
        (4, 6, "5:D 9:C 1:AD 4:A 7:ABD", 3),
    ];
    for (steps, window_us, text, level) in cases {
        let funnel = Funnel::new(steps, window_us);
        for extent in [Extent { persons_max: 100, times: 0..=100 }, Extent { persons_max: 0, times: 0..=0 }] {
            assert_eq!(levels(funnel, &extent, &events(text), 1), BTreeMap::from([(7, level)]), "{text}");
        }
    }
}

#[test]
fn nobody_took_no_step() {
    let funnel = Funnel::new(2, 5);
    let extent = Extent { persons_max: 10, times: 0..=10 };
    assert_eq!(levels(funnel, &extent, &[], 2), BTreeMap::new());
    assert_eq!(levels(funnel, &extent, &[(1, 1, 0), (2, 1, 2), (3, 1, 4)], 1), BTreeMap::new());
}

#[test]
fn any_number_time_and_step_fits() {
    let all = u32::MAX;
    let events = [(0, i64::MIN, all), (u32::MAX, i64::MAX, all), (u32::MAX, i64::MIN, 1), (512, 0, 1)];
    let expected = BTreeMap::from([(0, 32), (512, 1), (u32::MAX, 32)]);
    for extent in [
        Extent { persons_max: 1, times: 0..=1 },
        Extent { persons_max: u32::MAX, times: i64::MIN..=i64::MAX },
        Extent { persons_max: 0, times: i64::MIN..=i64::MIN },
    ] {
        assert_eq!(levels(Funnel::new(32, u64::MAX), &extent, &events, 2), expected, "{extent:?}");
    }
}

#[test]
fn packed_rows_take_eight_bytes() {
    const ROWS: u32 = 400_000;
    let mut builder = FunnelBuilder::new(Funnel::new(3, 5), &Extent { persons_max: 160_000, times: 0..=1 << 43 });
    let persons: Vec<u32> = (0..ROWS).map(|row| row % 1_000).collect();
    builder.push(&persons, &vec![1 << 43; persons.len()], &vec![1_u8; persons.len()]);
    assert!(builder.bytes() < (8 * ROWS as usize) + (4 << 20), "{} bytes", builder.bytes());
    assert_eq!(builder.finish(3).reached(), [1_000, 0, 0]);
}

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    // Numbers close together, spread over parts, and far apart.
    let person = (1_u32..6, prop::sample::select(vec![1, 512, 700_000_000])).prop_map(|(person, apart)| person * apart);
    prop::collection::vec((person, -20_i64..20, 0_u32..32), 0..120)
}

proptest! {
    /// Whatever the chunks, builders, threads and expectations, everybody gets as far as they should.
    #[test]
    fn levels_are_those_of_the_naive_model(
        events in any_events(),
        steps in 1_u32..6,
        window_us in 0_i64..15,
        builders in 1_usize..4,
        persons_max in prop::sample::select(vec![0, 3_000, u32::MAX]),
        times in prop::sample::select(vec![-20..=20, 0..=5, i64::MIN..=i64::MAX]),
    ) {
        let funnel = Funnel::new(steps as usize, window_us.unsigned_abs());
        let answer = levels(funnel, &Extent { persons_max, times }, &events, builders);
        prop_assert_eq!(answer, naive(steps, window_us, &events));
    }
}
