use std::collections::BTreeMap;

use store::TimeRange;

use super::*;
use crate::engine::EngineSettings;
use crate::testing::{PROJECT, Row, Stored};

#[test]
fn what_follows_comes_later_and_in_time() {
    let first = PersonTimes(vec![(1, 10), (1, 50), (2, 10), (4, 10)]);
    let next = PersonTimes(vec![(4, 10)]).or(PersonTimes(vec![(1, 58), (2, 10), (2, 19), (3, 5)]));
    let within = |micros: i64| first.followed_by(&next, |at| at + micros);
    assert_eq!(within(9), [1, 2], "only the second time of person 1 is near enough, and person 4 did both at once");
    assert_eq!(within(8), [1]);
    assert_eq!(within(7), Vec::<u32>::new());
    assert_eq!(first.followed_by(&first, |at| at + 40), [1], "an event does not follow itself");
}

#[test]
fn events_are_counted_by_person_in_memory_and_segments() {
    let person = |at: i64, id: u128, who: &str| Row { distinct_id: who.to_owned(), ..Row::at(at, id) };
    let slices: Vec<Vec<Row>> = (0..6_u128)
        .map(|slice| {
            (0..40)
                .map(|n| {
                    let id = slice * 100 + n;
                    let event = if n % 4 == 0 { "rare" } else { "common" };
                    person(i64::try_from(id).unwrap(), id, &format!("u{}", n % 7)).with(event, "{}")
                })
                .collect()
        })
        .collect();
    let range = TimeRange { first: 100, last: 420 };
    let mut expected: BTreeMap<u32, u32> = BTreeMap::new();
    let mut times: Vec<(u32, i64)> = Vec::new();
    for row in slices.iter().flatten() {
        let at = row.timestamp.as_micros();
        if row.event == "rare" && at >= range.first && at <= range.last {
            *expected.entry(row.person_number().0).or_default() += 1;
            times.push((row.person_number().0, at));
        }
    }
    let stored = Stored::of(&slices);
    let settings = EngineSettings { threads: 2, ..EngineSettings::default() };
    let engine = Engine::new(Arc::new(stored.store), settings).unwrap();
    let conditions = Conditions { range, events: Some(vec!["rare".to_owned()]), ..Conditions::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let counts = runtime.block_on(engine.person_counts(PROJECT, conditions.clone())).unwrap();
    assert_eq!(counts.iter().collect::<BTreeMap<_, _>>(), expected);
    assert_eq!((counts.of(u32::MAX), expected.len()), (0, 7));
    times.sort_unstable();
    assert_eq!(runtime.block_on(engine.person_times(PROJECT, conditions)).unwrap().0, times);
}
