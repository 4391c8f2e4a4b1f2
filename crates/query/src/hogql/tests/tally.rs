//! Groups counted straight from chunks are those that the engine's own plan finds.

use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::TryStreamExt as _;
use hogql::types::{Name, Type};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::super::output::JsonRows;
use super::super::planner::Planner;
use super::super::scope::Answers;
use super::context;
use crate::filter::naive;
use crate::table::Extent;
use crate::testing::{self, Row, Stored};

const HALF_HOUR: i64 = 1_800_000_000;

/// What groups can be made of.
const KEYS: [&str; 14] = [
    "event",
    "upper(event)",
    "toDate(timestamp)",
    "toStartOfHour(timestamp)",
    "toStartOfDay(timestamp)",
    "toStartOfWeek(timestamp)",
    "toStartOfMinute(timestamp)",
    "toHour(timestamp)",
    "dateTrunc('month', timestamp)",
    "properties.a",
    "properties.b",
    "ifNull(lower(properties.a), 'none')",
    "person.properties.a",
    "$group_0",
];

const MEASURES: [&str; 5] = [
    "count()",
    "uniq(person_id)",
    "count(distinct person_id)",
    "round(sum(toFloat(properties.a)), 6)",
    "round(avg(toFloat(properties.b)), 6)",
];

const FILTERS: [&str; 8] = [
    "",
    "where event = 'a'",
    "where event in ('a', 'c')",
    "where timestamp >= toDateTime('1970-01-01 04:00:00', 'UTC') and timestamp < toDateTime('1970-01-01 09:30:00', 'UTC')",
    "where properties.a is null",
    "where properties.a ilike '%1%' and event != 'b'",
    "where toFloat(properties.a) > 0.5",
    "where person.properties.a = properties.b",
];

fn rows() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let row = (
        0..60_i64,
        0..4_u8,
        prop::sample::select(vec!["a", "b", "c"]),
        naive::properties(),
        naive::properties(),
        any::<u128>(),
    );
    let row = row.prop_map(|(at, person, event, properties, person_properties, id)| Row {
        distinct_id: format!("p{person}"),
        person_properties: person_properties.to_string(),
        ..Row::at(at * HALF_HOUR, id).with(event, &properties.to_string())
    });
    prop::collection::vec(prop::collection::vec(row, 1..8), 0..12)
}

/// What can be gathered of each person.
const DAYS: [&str; 3] = ["toDate(timestamp)", "toMonday(timestamp)", "toDate(toStartOfMonth(timestamp))"];

fn query() -> impl Strategy<Value = String> {
    let days = (prop::sample::select(DAYS.to_vec()), prop::sample::select(FILTERS.to_vec()))
        .prop_map(|(day, filter)| format!("select groupUniqArray({day}) from events {filter} group by person_id"));
    prop_oneof![3 => groups(), 1 => days]
}

fn groups() -> impl Strategy<Value = String> {
    let keys = prop::sample::subsequence(KEYS.to_vec(), 0..3);
    let measures = prop::sample::subsequence(MEASURES.to_vec(), 1..4);
    (keys, measures, prop::sample::select(FILTERS.to_vec())).prop_map(|(keys, measures, filter)| {
        let columns: Vec<&str> = keys.iter().chain(&measures).copied().collect();
        let by = if keys.is_empty() { String::new() } else { format!("group by {}", keys.join(", ")) };
        format!("select {} from events {filter} {by}", columns.join(", "))
    })
}

fn sorted(columns: &[(Name, Type)], batches: &[RecordBatch]) -> Vec<String> {
    let writer = JsonRows::new(columns.iter().map(|(_, ty)| ty));
    let (mut text, mut is_first) = (String::from("["), true);
    for batch in batches {
        writer.write(batch, &mut text, &mut is_first).unwrap();
    }
    text.push(']');
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    lines.sort();
    lines
}

/// The answers of the rewritten plan and of the plan as it is, and whether anything was rewritten.
fn both(stored: &Stored, query: &str, zone: &str) -> (Vec<String>, Vec<String>, bool) {
    let context = context(zone);
    let compiled = hogql::compile(query, &context).unwrap_or_else(|error| panic!("{query}: {error}"));
    let columns = &compiled.query.columns;
    testing::run(async |core| {
        let snapshot = stored.snapshot();
        let planner = Planner {
            snapshot: &snapshot,
            extent: Extent::All,
            tables: &super::tables(),
            answers: Arc::new(Answers::default()),
            partitions: 2,
            zone: &Name::from(zone),
            sources: Mutex::default(),
        };
        let plan = planner.query(&compiled.query).unwrap();
        let words = core.explain(&plan).await;
        let found: Vec<_> = core.start(&plan).await.unwrap().try_collect().await.unwrap();
        let expected: Vec<_> = core.start_as_planned(&plan).await.unwrap().try_collect().await.unwrap();
        (sorted(columns, &found), sorted(columns, &expected), words.contains("TallyScan"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn groups_are_those_of_the_plan(
        slices in rows(),
        compacts: bool,
        query in query(),
        zone in prop::sample::select(vec!["UTC", "Asia/Kathmandu", "America/New_York"]),
    ) {
        let mut stored = Stored::of(&slices);
        if compacts {
            stored.compact();
        }
        let (found, expected, _) = both(&stored, &query, zone);
        prop_assert_eq!(found, expected, "{}", query);
    }
}

#[test]
fn what_can_be_counted_from_chunks_is() {
    let stored = Stored::of(&[vec![Row::at(1, 1).with("a", r#"{"a": 1}"#)]]);
    for key in KEYS {
        let query = format!("select {key}, {} from events group by 1", MEASURES.join(", "));
        let (found, expected, is_tally) = both(&stored, &query, "Europe/Paris");
        assert!(is_tally, "{query}");
        assert_eq!(found, expected, "{query}");
    }
    for day in DAYS {
        let query = format!("select groupUniqArray({day}) from events group by person_id");
        let (found, expected, is_tally) = both(&stored, &query, "Europe/Paris");
        assert!(is_tally, "{query}");
        assert_eq!(found, expected, "{query}");
    }
    for filter in &FILTERS[..7] {
        let query = format!("select event, count() from events {filter} group by event");
        assert!(both(&stored, &query, "UTC").2, "{query}");
    }
    for other in ["distinct_id", "concat(event, properties.a)", "toSecond(timestamp)"] {
        let query = format!("select {other}, count() from events group by 1");
        assert!(!both(&stored, &query, "UTC").2, "{query}");
    }
}
