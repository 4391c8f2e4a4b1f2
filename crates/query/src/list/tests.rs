use std::collections::BTreeMap;

use env::Files;
use hogql::context::Limits;
use hogql::{Context, Holds};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::filter::naive;
use crate::hogql::Tables;
use crate::testing::{self, Row, Stored};

/// The one place that knows how to list: a page of what is stored.
fn list(stored: &Stored, query: &EventsQuery) -> Result<EventsPage, QueryError> {
    testing::run(async |core| page(core, &stored.snapshot(), query).await)
}

fn query() -> EventsQuery {
    EventsQuery::of(ProjectId(1))
}

/// `filter` as the engine takes it.
fn condition(filter: &Value) -> Option<Arc<Request>> {
    let context = Context { limits: Limits::NONE, ..Context::new(1, "UTC", jiff::Timestamp::UNIX_EPOCH) };
    let condition = hogql::events_where(filter, None, &context).unwrap();
    assert_eq!(condition.notices, Vec::<String>::new());
    match condition.holds {
        Holds::Always => None,
        Holds::Never => panic!("{filter} never holds"),
        Holds::Where(query) => Some(Arc::new(Request {
            project: ProjectId(1),
            query: *query,
            zone: "UTC".into(),
            now_micros: 0,
            tables: Tables::new(),
            cohorts: BTreeMap::new(),
            pace: crate::Pace::Prompt,
            explain: false,
            is_written: false,
        })),
    }
}

fn ids(page: &EventsPage) -> Vec<u128> {
    page.rows.iter().map(|event| event.uuid.as_u128()).collect()
}

/// The page by sorting everything, straight from the specification.
fn brute_force(rows: &[Row], filter: &Value, query: &EventsQuery) -> (Vec<Row>, Option<Position>) {
    let key = |row: &Row| (row.timestamp, row.uuid);
    let is_past = |row: &Row, bound: Bound, later: bool| match (bound.id, later) {
        (None, true) => row.timestamp > bound.timestamp,
        (None, false) => row.timestamp < bound.timestamp,
        (Some(id), true) => key(row) > (bound.timestamp, id),
        (Some(id), false) => key(row) < (bound.timestamp, id),
    };
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let mut kept: Vec<_> = rows
        .iter()
        .filter(|row| query.after.is_none_or(|bound| is_past(row, bound, true)))
        .filter(|row| query.before.is_none_or(|bound| is_past(row, bound, false)))
        .filter(|row| query.event.as_ref().is_none_or(|event| *event == row.event))
        .filter(|row| query.distinct_id.as_ref().is_none_or(|id| *id == row.distinct_id))
        .filter(|row| {
            query.person.is_none_or(|person| match person {
                PersonKey::Number(number) => number == row.person_number(),
                PersonKey::Id(id) => id == row.person(),
            })
        })
        .filter(|row| naive::holds(filter, &parse(&row.properties), &parse(&row.person_properties)))
        .cloned()
        .collect();
    kept.sort_by_key(|row| (row.timestamp, row.uuid, row.event.clone(), row.distinct_id.clone()));
    if query.order == Order::Descending {
        kept.reverse();
    }
    let next = kept.get(query.offset + query.limit).map(|row| Position { timestamp: row.timestamp, id: row.uuid });
    (kept.into_iter().skip(query.offset).take(query.limit).collect(), next)
}

fn row() -> impl Strategy<Value = Row> {
    let id = prop::sample::select(vec!["a", "b"]);
    (0..12_i64, 0..40_u128, id, prop::sample::select(vec!["x", "y"]), naive::properties(), naive::properties())
        .prop_map(|(at, id, distinct_id, event, properties, person_properties)| Row {
            distinct_id: distinct_id.to_owned(),
            person_properties: person_properties.to_string(),
            ..Row::at(at, id).with(event, &properties.to_string())
        })
}

fn bound() -> impl Strategy<Value = Bound> {
    (0..12_i64, prop::option::of((0..40_u128).prop_map(Uuid::from_u128)))
        .prop_map(|(at, id)| Bound { timestamp: Timestamp::from_micros(at), id })
}

fn any_query() -> impl Strategy<Value = (EventsQuery, Value)> {
    let bounds = (prop::option::of(bound()), prop::option::of(bound()));
    let event = prop::option::weighted(0.2, Just("x".to_owned()));
    let distinct_id = prop::option::weighted(0.2, Just("a".to_owned()));
    let person = prop::option::weighted(0.2, {
        let row = Row { distinct_id: "b".to_owned(), ..Row::at(0, 0) };
        prop::sample::select(vec![PersonKey::Number(row.person_number()), PersonKey::Id(row.person())])
    });
    let filter = prop_oneof![2 => Just(json!([])), 1 => naive::filter()];
    let order = prop::sample::select(vec![Order::Ascending, Order::Descending]);
    (bounds, event, distinct_id, person, filter, order, 0..12_usize, 0..8_usize).prop_map(
        |((after, before), event, distinct_id, person, filter, order, limit, offset)| {
            let query = EventsQuery {
                after,
                before,
                event,
                distinct_id,
                person,
                condition: condition(&filter),
                order,
                limit,
                offset,
                ..query()
            };
            (query, filter)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is asked, and however rows lie in overlapping parts, a page is what sorting everything would give.
    #[test]
    fn pages_are_those_of_a_full_sort(
        mut slices in prop::collection::vec(prop::collection::vec(row(), 1..8), 0..16),
        compacts in any::<bool>(),
        (query, filter) in any_query(),
    ) {
        // An event has one identity in the whole store; the rest may repeat.
        let mut known = std::collections::HashSet::new();
        for slice in &mut slices {
            slice.retain(|row| known.insert((row.uuid, row.event.clone(), row.distinct_id.clone())));
        }
        slices.retain(|slice| !slice.is_empty());
        let rows: Vec<_> = slices.iter().flatten().cloned().collect();
        let mut stored = Stored::of(&slices);
        if compacts {
            stored.compact();
        }
        let page = list(&stored, &query).unwrap();
        let (expected, next) = brute_force(&rows, &filter, &query);
        let shown = |event: &Event| (event.timestamp, event.uuid, event.event.clone(), event.distinct_id.clone());
        let wanted = |row: &Row| (row.timestamp, row.uuid, row.event.clone(), row.distinct_id.clone());
        prop_assert_eq!(page.rows.iter().map(shown).collect::<Vec<_>>(), expected.iter().map(wanted).collect::<Vec<_>>());
        prop_assert_eq!(page.next, next);
        for (event, row) in page.rows.iter().zip(&expected) {
            let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            prop_assert_eq!(parsed(&event.properties), parsed(&row.properties));
            prop_assert_eq!(event.person_id, row.person());
        }
    }
}

/// Rows from ten instants each, sealed to a segment of their own; those of `readable` can be read.
fn segments(count: i64, readable: std::ops::Range<i64>) -> Stored {
    let mut stored = Stored::empty();
    for part in 0..count {
        let rows: Vec<Row> = (0..10).map(|i| Row::at(part * 10 + i, 0).with(&format!("{part} {i}"), "{}")).collect();
        stored.publish(part.unsigned_abs() + 1, &rows);
        stored.seal();
    }
    for part in (0..count).filter(|part| !readable.contains(part)) {
        let path = format!("/segments/1/{:010}.parquet", part + 1);
        stored.disk.open(std::path::Path::new(&path)).unwrap().set_len(10).unwrap();
    }
    stored
}

#[test]
fn parts_that_cannot_matter_need_not_be_readable() {
    let found = list(&segments(40, 38..40), &EventsQuery { limit: 12, ..query() }).unwrap();
    assert_eq!(found.rows.first().unwrap().timestamp, Timestamp::from_micros(399));
    assert_eq!(found.rows.last().unwrap().timestamp, Timestamp::from_micros(388));
    let range = EventsQuery {
        after: Some(Bound { timestamp: Timestamp::from_micros(104), id: None }),
        before: Some(Bound { timestamp: Timestamp::from_micros(119), id: None }),
        order: Order::Ascending,
        ..query()
    };
    let found = list(&segments(40, 10..12), &range).unwrap();
    assert_eq!((found.rows.len(), found.more()), (14, false));
}

#[test]
fn a_damaged_part_fails_the_query_that_needs_it() {
    let stored = segments(10, 1..10);
    assert!(matches!(list(&stored, &query()), Err(QueryError::Store(_))));
    assert_eq!(list(&stored, &EventsQuery { limit: 30, ..query() }).unwrap().rows.len(), 30);
}

#[test]
fn a_part_at_the_instant_of_the_last_row_is_still_read() {
    // Both orders of ids at one instant, in parts visited one after the other.
    let slices: Vec<_> = (0..9).map(|part| vec![Row::at(5, 100 - part), Row::at(5, part)]).collect();
    let parts = Stored::of(&slices);
    let newest = list(&parts, &EventsQuery { limit: 2, ..query() }).unwrap();
    assert_eq!(ids(&newest), [100, 99]);
    let oldest = list(&parts, &EventsQuery { limit: 3, order: Order::Ascending, ..query() }).unwrap();
    assert_eq!(ids(&oldest), [0, 1, 2]);
}

#[test]
fn a4_no_event_is_lost_or_repeated_between_pages() {
    let mut rows: Vec<_> = (0..15).map(|id| Row::at(1000, id)).collect();
    rows.extend((0..10_u8).map(|id| Row::at(995 + i64::from(id), u128::from(id) + 100)));
    let parts = Stored::of(&rows.chunks(4).map(<[Row]>::to_vec).collect::<Vec<_>>());
    for order in [Order::Descending, Order::Ascending] {
        let mut seen = Vec::new();
        let mut query = EventsQuery { limit: 4, order, ..query() };
        loop {
            let page = list(&parts, &query).unwrap();
            seen.extend(ids(&page));
            let (Some(next), Some(last)) = (page.next, page.rows.last()) else { break };
            assert_eq!(page.rows.len(), 4);
            let id = (next.timestamp == last.timestamp).then_some(last.uuid);
            let bound = Some(Bound { timestamp: last.timestamp, id });
            match order {
                Order::Descending => query.before = bound,
                Order::Ascending => query.after = bound,
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..15).chain(100..110).collect::<Vec<_>>());
    }
}

#[test]
fn rows_beyond_a_bound_do_not_take_the_place_of_others() {
    // More rows at the bound's instant than the page has, in one part.
    let rows: Vec<_> = (0..20).map(|id| Row::at(5, id)).chain((0..20).map(|id| Row::at(4, id + 100))).collect();
    let stored = Stored::of(&[rows]);
    let before = Some(Bound { timestamp: Timestamp::from_micros(5), id: Some(Uuid::from_u128(1)) });
    let page = list(&stored, &EventsQuery { before, limit: 4, ..query() }).unwrap();
    assert_eq!((ids(&page), page.more()), (vec![0, 119, 118, 117], true));
    let after = Some(Bound { timestamp: Timestamp::from_micros(4), id: Some(Uuid::from_u128(118)) });
    let page = list(&stored, &EventsQuery { after, limit: 3, order: Order::Ascending, ..query() }).unwrap();
    assert_eq!(ids(&page), [119, 0, 1]);
}

#[test]
fn offsets_cut_events_of_one_uuid_and_instant_in_one_order() {
    let slices: Vec<_> = ["z", "b", "y", "a"].map(|name| vec![Row::at(5, 7).with(name, "{}")]).to_vec();
    let parts = Stored::of(&slices);
    let name = |offset| {
        let page = list(&parts, &EventsQuery { limit: 1, offset, order: Order::Ascending, ..query() }).unwrap();
        page.rows.into_iter().next().map(|event| event.event)
    };
    assert_eq!((0..5).filter_map(name).collect::<Vec<_>>(), ["a", "b", "y", "z"]);
}

#[test]
fn hundreds_of_conditions_are_one_plan() {
    let leaf = json!({"key": "a", "operator": "is_not", "value": "1"});
    for shape in ["AND", "OR"] {
        let condition = condition(&json!({"type": shape, "values": vec![leaf.clone(); 500]}));
        let parts = Stored::of(&[vec![Row::at(1, 1), Row::at(2, 2).with("x", r#"{"a":1}"#)]]);
        assert_eq!(ids(&list(&parts, &EventsQuery { condition, ..query() }).unwrap()), [1]);
    }
}

#[test]
fn a_page_too_large_for_memory_is_refused() {
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(1 << 20));
    let rows: Vec<_> = (0..100).map(|at| Row::at(at, at.unsigned_abs().into()).with("x", &large)).collect();
    let parts = Stored::of(&[rows]);
    assert!(matches!(list(&parts, &query()), Err(QueryError::Memory { .. })));
    assert_eq!(list(&parts, &EventsQuery { limit: 10, ..query() }).unwrap().rows.len(), 10);
}

#[test]
fn a_large_page_of_one_part_fits() {
    let rows: Vec<_> = (0..60_000_u32).map(|at| Row::at(i64::from(at), u128::from(at))).collect();
    let parts = Stored::of(&[rows]);
    let page = list(&parts, &EventsQuery { limit: 50_000, ..query() }).unwrap();
    assert_eq!((page.rows.len(), page.rows.last().unwrap().uuid.as_u128()), (50_000, 10_000));
    assert_eq!(page.next.unwrap().id.as_u128(), 9_999);
    let page = list(&parts, &EventsQuery { limit: 10, offset: usize::MAX, ..query() }).unwrap();
    assert_eq!((page.rows.len(), page.more()), (0, false));
}
