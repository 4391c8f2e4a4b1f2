use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::filter::naive;
use crate::testing::{self, PROJECT, Row, Stored};

const HOUR: i64 = 3_600_000_000;

fn ask(stored: &Stored, aggregation: &Aggregation) -> Vec<AggregateRow> {
    let mut rows = testing::run(async |core| {
        let counts = |measure: &Measure| matches!(measure, Measure::Count | Measure::Persons);
        if aggregation.measures.iter().all(counts) {
            let own = tally::rows(core, &stored.snapshot(), aggregation.clone()).await.unwrap();
            let mut planned = plan::rows(core, stored.snapshot(), aggregation).await.unwrap();
            let mut sorted = own.clone();
            sorted.sort_by(|a, b| a.groups.cmp(&b.groups));
            planned.sort_by(|a, b| a.groups.cmp(&b.groups));
            assert_eq!(sorted, planned, "operator and plan agree");
            return own;
        }
        plan::rows(core, stored.snapshot(), aggregation).await.unwrap()
    });
    rows.sort_by(|a, b| a.groups.cmp(&b.groups));
    rows
}

fn text(properties: &Value, key: &str) -> Option<String> {
    match properties.get(key)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn number(properties: &Value, key: &str) -> Option<f64> {
    text(properties, key)?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The answer by looking at every row.
fn naive(rows: &[Row], aggregation: &Aggregation) -> Vec<AggregateRow> {
    let mut groups: BTreeMap<Vec<GroupValue>, Vec<(&Row, Value)>> = BTreeMap::new();
    if aggregation.groups.is_empty() {
        groups.insert(Vec::new(), Vec::new());
    }
    let asked = &aggregation.conditions;
    for row in rows {
        let at = row.timestamp.as_micros();
        let wanted = asked.events.as_ref().is_none_or(|events| events.contains(&row.event));
        if at < asked.range.first || at > asked.range.last || !wanted {
            continue;
        }
        let properties: Value = serde_json::from_str(&row.properties).unwrap();
        let value = |group: &Group| match group {
            Group::Event => GroupValue::Text(Some(row.event.clone())),
            Group::Interval(interval) => GroupValue::Interval(interval.start(interval.number(at))),
            Group::Property(key) => GroupValue::Text(text(&properties, key)),
        };
        groups.entry(aggregation.groups.iter().map(value).collect()).or_default().push((row, properties));
    }
    let measure = |rows: &[(&Row, Value)], measure: &Measure| {
        let numbers = |key: &str| {
            let mut numbers: Vec<f64> = rows.iter().filter_map(|(_, properties)| number(properties, key)).collect();
            numbers.sort_by(f64::total_cmp);
            numbers
        };
        let some = |numbers: &[f64], number: f64| MeasureValue::Number((!numbers.is_empty()).then_some(number));
        match measure {
            Measure::Count => MeasureValue::Count(rows.len() as u64),
            Measure::Persons => {
                let persons: BTreeSet<_> = rows.iter().map(|(row, _)| row.person_number()).collect();
                MeasureValue::Count(persons.len() as u64)
            }
            Measure::Sum(key) => some(&numbers(key), numbers(key).iter().sum()),
            Measure::Average(key) => some(&numbers(key), numbers(key).iter().sum::<f64>() / numbers(key).len() as f64),
            Measure::Quantile(key, share) => {
                let numbers = numbers(key);
                let place = share * (numbers.len().max(1) - 1) as f64;
                // The neighbours, by walking up to the place.
                let below = (0..numbers.len()).take_while(|at| *at as f64 <= place).last().unwrap_or(0);
                let at = |place: usize| numbers.get(place).or_else(|| numbers.last()).copied().unwrap_or_default();
                some(&numbers, at(below) + (at(below + 1) - at(below)) * place.fract())
            }
        }
    };
    let row = |(groups, rows): (Vec<GroupValue>, Vec<(&Row, Value)>)| AggregateRow {
        measures: aggregation.measures.iter().map(|asked| measure(&rows, asked)).collect(),
        groups,
    };
    groups.into_iter().map(row).collect()
}

fn rows() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let row = (0..60_i64, 0..4_u8, prop::sample::select(vec!["a", "b", "c"]), naive::properties(), any::<u128>());
    let row = row.prop_map(|(at, person, event, properties, id)| Row {
        distinct_id: format!("p{person}"),
        ..Row::at(at * HOUR / 2, id).with(event, &properties.to_string())
    });
    prop::collection::vec(prop::collection::vec(row, 1..8), 0..14)
}

fn group() -> impl Strategy<Value = Group> {
    prop_oneof![
        Just(Group::Event),
        Just(Group::Interval(Interval { length: 3 * HOUR, origin: HOUR })),
        Just(Group::Interval(Interval { length: HOUR / 2, origin: 0 })),
        Just(Group::Interval(Interval::DAY)),
        prop::sample::select(naive::KEYS.to_vec()).prop_map(|key| Group::Property(key.to_owned())),
    ]
}

fn aggregation() -> impl Strategy<Value = Aggregation> {
    let range = prop_oneof![
        2 => Just(store::TimeRange::ALL),
        1 => (0..20_i64, 0..40_i64).prop_map(|(first, length)| store::TimeRange {
            first: first * HOUR / 2,
            last: (first + length) * HOUR / 2 - 1,
        })
    ];
    let events = prop::option::of(prop::collection::vec(prop::sample::select(vec!["a", "b", "z"]), 1..3));
    let measures = prop_oneof![
        Just(vec![Measure::Count]),
        Just(vec![Measure::Count, Measure::Persons]),
        prop::sample::select(naive::KEYS.to_vec()).prop_map(|key| vec![
            Measure::Sum(key.to_owned()),
            Measure::Count,
            Measure::Average(key.to_owned()),
            Measure::Quantile(key.to_owned(), 0.95),
        ]),
    ];
    (range, events, prop::collection::vec(group(), 0..3), measures).prop_map(|(range, events, groups, measures)| {
        let events = events.map(|events| events.into_iter().map(str::to_owned).collect());
        let conditions = Conditions { range, events, ..Conditions::default() };
        Aggregation { project: PROJECT, conditions, groups, measures }
    })
}

fn close(a: &[AggregateRow], b: &[AggregateRow]) -> bool {
    let near = |a: &MeasureValue, b: &MeasureValue| match (a, b) {
        (MeasureValue::Number(Some(a)), MeasureValue::Number(Some(b))) => (a - b).abs() <= 1e-9 * b.abs().max(1.0),
        (a, b) => a == b,
    };
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| a.groups == b.groups && a.measures.iter().zip(&b.measures).all(|(a, b)| near(a, b)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Groups and measures are those of looking at every row, wherever the rows lie.
    #[test]
    fn groups_are_measured_as_by_hand(slices in rows(), compacts in any::<bool>(), aggregation in aggregation()) {
        let mut stored = Stored::of(&slices);
        if compacts {
            stored.compact();
        }
        let rows: Vec<Row> = slices.into_iter().flatten().collect();
        let (found, expected) = (ask(&stored, &aggregation), naive(&rows, &aggregation));
        prop_assert!(close(&found, &expected), "{found:#?} instead of {expected:#?}");
    }
}

#[test]
fn weeks_begin_on_monday() {
    let monday = 1_782_691_200_000_000; // 2026-06-29
    let week = Interval::WEEK;
    assert_eq!(week.start(week.number(monday)), monday);
    assert_eq!(week.start(week.number(monday + 7 * model::Day::MICROS - 1)), monday);
    assert_eq!(week.start(week.number(-1)), -3 * model::Day::MICROS);
}
