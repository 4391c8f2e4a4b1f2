use std::sync::Arc;

use arrow::array::types::{Int64Type, TimestampMicrosecondType, UInt64Type};
use arrow::array::{Array, ArrayRef, ListArray, PrimitiveArray, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use proptest::prelude::*;

use super::matching::{Asked, Event, Funnel, Matcher, Order};
use crate::call::Value;
use crate::table::scalar;

const ALL: std::ops::Range<i64> = i64::MIN..i64::MAX;

/// Events as text: a minute, a colon, then letters of steps (`a` is the first); a digit ends the runs of so many steps.
#[expect(clippy::cast_possible_truncation, reason = "tenths of minutes")]
fn events(text: &str) -> Vec<Event<'_>> {
    let event = |word| {
        let (minute, what): (&str, &str) = str::split_once(word, ':').unwrap();
        let bits = |first: char| {
            let places = what.chars().map(|c| u32::from(c).wrapping_sub(u32::from(first)));
            places.filter(|place| *place < 9).fold(0, |bits, place| bits | 1 << place)
        };
        let at = (minute.parse::<f64>().unwrap() * 60e6) as i64;
        Event { at, steps: bits('a'), ends: bits('1'), value: "" }
    };
    let mut events: Vec<Event<'_>> = text.split(' ').map(event).collect();
    events.sort_unstable();
    events
}

/// The minutes at which three steps were taken; `-` where one was not, nothing where nobody counts.
fn taken(order: Order, window_minutes: i64, optional: u32, text: &str) -> String {
    let mut matcher = Matcher::new(Funnel { steps: 3, window: window_minutes * 60_000_000, order, optional });
    let times = matcher.furthest(&events(text), &Asked { begin: ALL, value: None });
    let minute = |time: &Option<i64>| time.map_or("-".to_owned(), |time| (time / 60_000_000).to_string());
    times.map(|times| times.iter().map(minute).collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

fn ordered(text: &str) -> String {
    taken(Order::Ordered, 60, 0, text)
}

#[test]
fn steps_are_taken_in_their_order_within_the_window_of_the_first() {
    assert_eq!(ordered("0:a 10:b 20:c"), "0 10 20");
    assert_eq!(ordered("0:b 5:c 10:a"), "10 - -");
    assert_eq!(ordered("0:a 60:b"), "0 60 -", "the end of the window is inside");
    assert_eq!(ordered("0:a 60.1:b"), "0 - -");
    assert_eq!(ordered("0:a 30:b 61:c"), "0 30 -", "the window is that of the first step");
    assert_eq!(ordered("0:b"), "");
}

#[test]
fn a_later_first_step_begins_a_run_with_more_time() {
    assert_eq!(ordered("0:a 30:a 70:b 85:c"), "30 70 85");
    assert_eq!(ordered("0:a 10:b 20:a 65:c"), "0 10 -", "the second run has no b");
}

#[test]
fn one_event_is_one_step_of_a_run() {
    assert_eq!(ordered("0:ab"), "0 - -");
    assert_eq!(ordered("0:ab 5:ab 9:abc"), "0 5 9");
}

#[test]
fn events_at_one_time_count_in_the_order_of_their_steps() {
    assert_eq!(ordered("5:c 5:b 5:a"), "5 5 5");
    assert_eq!(ordered("5:ab 5:a"), "5 5 -");
    assert_eq!(ordered("0:a 5:c 5:b"), "0 5 5");
}

#[test]
fn an_end_takes_the_actor_out_unless_a_new_run_gets_as_far() {
    assert_eq!(ordered("0:a 1:1 5:b 6:c"), "");
    assert_eq!(ordered("0:a 1:1"), "");
    assert_eq!(ordered("0:a 1:1 2:a 3:b 4:c"), "2 3 4");
    assert_eq!(ordered("0:a 5:b 6:1 7:c"), "0 5 7", "the run has taken two steps by then");
    assert_eq!(ordered("0:a 61:1"), "0 - -", "the run is over by then");
}

#[test]
fn strict_runs_have_nothing_in_between() {
    let strict = |text: &str| taken(Order::Strict, 60, 0, text);
    assert_eq!(strict("0:a 10:b 20:c"), "0 10 20");
    assert_eq!(strict("0:a 5:- 10:b"), "0 - -");
    assert_eq!(strict("0:a 5:c 10:a 11:b"), "10 11 -");
}

#[test]
fn unordered_steps_are_taken_in_any_order() {
    let unordered = |text: &str| taken(Order::Unordered, 60, 0, text);
    assert_eq!(unordered("0:b 60:a 65:c"), "0 60 -", "b is forgotten when c comes");
    assert_eq!(unordered("0:c 1:b 2:a"), "0 1 2");
    assert_eq!(unordered("0:b 61:a"), "0 - -");
    assert_eq!(unordered("0:b 1:1 5:a 6:b"), "5 6 -", "a new run gets farther");
    assert_eq!(unordered("0:b 1:a 2:1 5:a"), "", "a new run does not get as far");
}

#[test]
fn optional_steps_may_be_left_out() {
    let optional = |text: &str| taken(Order::Ordered, 60, 0b010, text);
    assert_eq!(optional("0:a 20:c"), "0 - 20");
    assert_eq!(optional("0:a 10:b 20:c"), "0 10 20");
    assert_eq!(optional("0:a 10:b 50:a 65:c"), "50 - 65", "the run with b is over");
}

/// All ways to choose events for steps, the plain way.
fn farthest(events: &[(i64, u32)], steps: usize, window: i64) -> usize {
    fn from(events: &[(i64, u32)], step: usize, steps: usize, until: i64) -> usize {
        let next = events.iter().enumerate().filter(|(_, (at, bits))| *at <= until && bits & (1 << step) != 0);
        next.map(|(place, _)| 1 + if step + 1 < steps { from(&events[place + 1..], step + 1, steps, until) } else { 0 })
            .max()
            .unwrap_or(0)
    }
    (0..events.len())
        .filter(|place| events[*place].1 & 1 != 0)
        .map(|place| 1 + if steps > 1 { from(&events[place + 1..], 1, steps, events[place].0 + window) } else { 0 })
        .max()
        .unwrap_or(0)
}

proptest! {
    /// At times that differ, an ordered funnel gets as far as any choice of events.
    #[test]
    fn no_choice_of_events_gets_farther(
        masks in prop::collection::vec((1_i64..9, 0_u32..16), 0..12),
        steps in 1_usize..5,
        window in 0_i64..40,
    ) {
        let mut at = 0;
        let all: Vec<(i64, u32)> = masks.into_iter().map(|(gap, bits)| { at += gap; (at, bits) }).collect();
        let events: Vec<Event<'_>> =
            all.iter().map(|(at, bits)| Event { at: *at, steps: *bits, ends: 0, value: "" }).collect();
        let mut matcher = Matcher::new(Funnel { steps, window, order: Order::Ordered, optional: 0 });
        let times = matcher.furthest(&events, &Asked { begin: ALL, value: None }).map(<[_]>::to_vec).unwrap_or_default();
        prop_assert_eq!(times.iter().flatten().count(), farthest(&all, steps, window));
        let taken: Vec<i64> = times.into_iter().flatten().collect();
        prop_assert!(taken.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(taken.first().zip(taken.last()).is_none_or(|(first, last)| last - first <= window));
    }
}

fn tuple_of(fields: Vec<DataType>) -> Fields {
    fields.into_iter().enumerate().map(|(at, ty)| Field::new((at + 1).to_string(), ty, true)).collect()
}

fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

fn list(items: ArrayRef, lengths: &[usize]) -> ArrayRef {
    let DataType::List(field) = list_of(items.data_type().clone()) else { unreachable!() };
    Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths.iter().copied()), items, None))
}

/// The values that an actor counts for, and its events: second, steps, value.
type Actor<'a> = (&'a [&'a str], &'a [(i64, u64, &'a str)]);

fn arguments(attribution: &str, actors: &[Actor<'_>]) -> Vec<Value> {
    let number = |value: i64| Value::Constant(Arc::new(PrimitiveArray::<Int64Type>::from(vec![value])));
    let text = |value: &str| Value::Constant(Arc::new(StringArray::from(vec![value.to_owned()])));
    let all = || actors.iter().flat_map(|(_, events)| events.iter());
    let times: PrimitiveArray<TimestampMicrosecondType> = all().map(|(at, _, _)| Some(at * 1_000_000)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times.with_timezone("UTC")),
        Arc::new(all().map(|(_, steps, _)| Some(*steps)).collect::<PrimitiveArray<UInt64Type>>()),
        Arc::new(StringArray::from(all().map(|(_, _, value)| *value).collect::<Vec<_>>())),
    ];
    let fields = tuple_of(columns.iter().map(|column| column.data_type().clone()).collect());
    let events = list(
        Arc::new(StructArray::new(fields, columns, None)),
        &actors.iter().map(|(_, events)| events.len()).collect::<Vec<_>>(),
    );
    let values: Vec<&str> = actors.iter().flat_map(|(values, _)| values.iter().copied()).collect();
    let values =
        list(Arc::new(StringArray::from(values)), &actors.iter().map(|(values, _)| values.len()).collect::<Vec<_>>());
    let (three, minute) = (number(3), number(60_000_000));
    vec![three, minute, text("ordered"), text(attribution), number(0), Value::Column(values), Value::Column(events)]
}

/// The answer for each row, as text.
fn answers(function: &str, arguments: &[Value], rows: usize, parts: Vec<DataType>) -> Vec<String> {
    let returns = list_of(DataType::Struct(tuple_of(parts)));
    let answer = scalar(function).unwrap().call(arguments, rows, &returns, 0).unwrap();
    let shown =
        arrow::util::display::ArrayFormatter::try_new(answer.array(), &arrow::util::display::FormatOptions::default())
            .unwrap();
    (0..rows).map(|row| shown.value(row).to_string()).collect()
}

#[test]
fn runs_come_with_their_values_and_the_seconds_between_steps() {
    let run = |attribution: &str, actors: &[Actor<'_>]| {
        let parts = vec![DataType::Utf8, list_of(DataType::Float64)];
        answers("_funnel", &arguments(attribution, actors), actors.len(), parts)
    };
    let ann: &[(i64, u64, &str)] = &[(10, 2, "x"), (0, 1, "x"), (15, 4, "y")];
    assert_eq!(run("first_touch", &[(&["x"], ann), (&[""], &[(0, 2, "")])]), ["[{1: x, 2: [0.0, 10.0, 5.0]}]", "[]"]);
    assert_eq!(run("all_events", &[(&["x", "y"], ann)]), ["[{1: x, 2: [0.0, 10.0, -1.0]}]"], "y has no first step");
    assert_eq!(run("step_3", &[(&["x", "y"], ann)]), ["[{1: x, 2: [0.0, 10.0, -1.0]}, {1: y, 2: [0.0, 10.0, 5.0]}]"]);
}

#[test]
fn conversions_belong_to_the_interval_in_which_their_run_began() {
    let actors: &[Actor<'_>] =
        &[(&["v"], &[(0, 1, ""), (90, 1, ""), (105, 2, ""), (130, 4, "")]), (&["v"], &[(10, 2, ""), (500, 1, "")])];
    let mut all = arguments("first_touch", actors);
    let number = |value: i64| Value::Constant(Arc::new(PrimitiveArray::<Int64Type>::from(vec![value])));
    let starts = PrimitiveArray::<Int64Type>::from(vec![0, 60_000_000, 120_000_000]);
    all.extend([number(1), number(3), Value::Constant(list(Arc::new(starts), &[3]))]);
    let parts = vec![DataType::Utf8, DataType::UInt32, DataType::UInt8];
    assert_eq!(
        answers("_funnelTrends", &all, 2, parts),
        ["[{1: v, 2: 0, 3: 0}, {1: v, 2: 1, 3: 1}]", "[]"],
        "what begins after the last interval is not counted"
    );
}
