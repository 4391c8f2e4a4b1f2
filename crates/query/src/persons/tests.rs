use std::collections::BTreeMap;

use store::TimeRange;

use super::*;
use crate::engine::EngineSettings;
use crate::testing::{PROJECT, Row, Stored};

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
    for row in slices.iter().flatten() {
        let at = row.timestamp.as_micros();
        if row.event == "rare" && at >= range.first && at <= range.last {
            *expected.entry(row.person_number().0).or_default() += 1;
        }
    }
    let stored = Stored::of(&slices);
    let settings = EngineSettings { threads: 2, ..EngineSettings::default() };
    let engine = Engine::new(Arc::new(stored.store), settings).unwrap();
    let conditions = Conditions { range, events: Some(vec!["rare".to_owned()]), ..Conditions::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let counts = runtime.block_on(engine.person_counts(PROJECT, conditions)).unwrap();
    assert_eq!(counts.iter().collect::<BTreeMap<_, _>>(), expected);
    assert_eq!((counts.of(u32::MAX), expected.len()), (0, 7));
}
