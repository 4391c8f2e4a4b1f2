//! Groups and their measures, held against looking at every row.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::Engine;
use crate::filter::naive;
use crate::testing::{self, Row, Stored};

const HALF_HOUR: i64 = 1_800_000_000;

/// What events are grouped by.
#[derive(Debug, Clone)]
enum Group {
    Event,
    /// Intervals of time: their start in HogQL, and how many half hours they last.
    Interval(&'static str, i64),
    Property(&'static str),
}

/// What is measured of a group.
#[derive(Debug, Clone)]
enum Measure {
    Count,
    Persons,
    Sum(&'static str),
    Mean(&'static str),
    Quantile(&'static str, f64),
}

#[derive(Debug, Clone)]
struct Question {
    /// The first half hour, and how many more there are.
    range: Option<(i64, i64)>,
    events: Option<Vec<&'static str>>,
    groups: Vec<Group>,
    measures: Vec<Measure>,
}

/// Events with their properties.
type Events<'r> = Vec<(&'r Row, Value)>;

fn number_in_hogql(key: &str) -> String {
    format!("toFloat(properties.`{key}`)")
}

impl Question {
    fn in_hogql(&self) -> String {
        let groups: Vec<String> = self.groups.iter().map(Group::in_hogql).collect();
        let columns: Vec<String> = groups.iter().cloned().chain(self.measures.iter().map(Measure::in_hogql)).collect();
        let mut text = format!("select {} from events where 1 = 1", columns.join(", "));
        if let Some((first, more)) = self.range {
            let instant = |half_hour: i64| jiff::Timestamp::from_microsecond(half_hour * HALF_HOUR).unwrap();
            let shown = |half_hour| instant(half_hour).strftime("toDateTime('%Y-%m-%d %H:%M:%S', 'UTC')");
            text += &format!(" and timestamp >= {} and timestamp < {}", shown(first), shown(first + more));
        }
        if let Some(events) = &self.events {
            text += &format!(" and event in ('{}')", events.join("', '"));
        }
        if !groups.is_empty() {
            text += &format!(" group by {}", groups.join(", "));
        }
        text
    }

    fn is_about(&self, row: &Row) -> bool {
        let half_hour = row.timestamp.as_micros() / HALF_HOUR;
        self.range.is_none_or(|(first, more)| (first..first + more).contains(&half_hour))
            && self.events.as_ref().is_none_or(|events| events.contains(&row.event.as_str()))
    }

    /// The answer by looking at every row, ordered by group.
    fn by_hand(&self, rows: &[Row]) -> Vec<Vec<Value>> {
        let mut groups: BTreeMap<String, (Vec<Value>, Events<'_>)> = BTreeMap::new();
        if self.groups.is_empty() {
            // One group, also of no events.
            groups.entry(shown(&[])).or_default();
        }
        for row in rows.iter().filter(|row| self.is_about(row)) {
            let properties: Value = serde_json::from_str(&row.properties).unwrap();
            let group: Vec<Value> = self.groups.iter().map(|group| group.of(row, &properties)).collect();
            groups.entry(shown(&group)).or_insert_with(|| (group, Vec::new())).1.push((row, properties));
        }
        let row = |(group, rows): (Vec<Value>, Events<'_>)| {
            group.into_iter().chain(self.measures.iter().map(|measure| measure.of(&rows))).collect()
        };
        groups.into_values().map(row).collect()
    }
}

impl Group {
    fn in_hogql(&self) -> String {
        match self {
            Self::Event => "event".to_owned(),
            Self::Interval(start, _) => format!("toUnixTimestamp({start})"),
            Self::Property(key) => format!("properties.`{key}`"),
        }
    }

    fn of(&self, row: &Row, properties: &Value) -> Value {
        match self {
            Self::Event => json!(row.event),
            Self::Interval(_, half_hours) => {
                let length = half_hours * HALF_HOUR;
                json!(row.timestamp.as_micros() / length * length / 1_000_000)
            }
            Self::Property(key) => json!(text(properties, key)),
        }
    }
}

impl Measure {
    fn in_hogql(&self) -> String {
        match self {
            Self::Count => "count()".to_owned(),
            Self::Persons => "uniq(person_id)".to_owned(),
            Self::Sum(key) => format!("sum({})", number_in_hogql(key)),
            Self::Mean(key) => format!("avg({})", number_in_hogql(key)),
            Self::Quantile(key, share) => format!("quantile({share})({})", number_in_hogql(key)),
        }
    }

    fn of(&self, rows: &[(&Row, Value)]) -> Value {
        let numbers = |key: &str| -> Vec<f64> {
            let number = |(_, properties): &(&Row, Value)| text(properties, key)?.parse().ok();
            let mut numbers: Vec<f64> = rows.iter().filter_map(number).collect();
            numbers.sort_by(f64::total_cmp);
            numbers
        };
        let of_some = |numbers: &[f64], value: f64| json!((!numbers.is_empty()).then_some(value));
        match self {
            Self::Count => json!(rows.len()),
            Self::Persons => json!(rows.iter().map(|(row, _)| row.person()).collect::<BTreeSet<_>>().len()),
            Self::Sum(key) => of_some(&numbers(key), numbers(key).iter().sum()),
            Self::Mean(key) => of_some(&numbers(key), numbers(key).iter().sum::<f64>() / numbers(key).len() as f64),
            Self::Quantile(key, share) => {
                let numbers = numbers(key);
                let place = share * (numbers.len().max(1) - 1) as f64;
                // The neighbours, by walking up to the place.
                let below = (0..numbers.len()).take_while(|at| *at as f64 <= place).last().unwrap_or(0);
                let at = |place: usize| numbers.get(place).or_else(|| numbers.last()).copied().unwrap_or_default();
                of_some(&numbers, at(below) + (at(below + 1) - at(below)) * place.fract())
            }
        }
    }
}

/// The text of a property: numbers in their shortest spelling.
fn text(properties: &Value, key: &str) -> Option<String> {
    match properties.get(key)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.as_f64().unwrap().to_string()),
        other => Some(other.to_string()),
    }
}

fn shown(group: &[Value]) -> String {
    json!(group).to_string()
}

fn rows() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let row = (0..60_i64, 0..4_u8, prop::sample::select(vec!["a", "b", "c"]), naive::properties(), any::<u128>());
    let row = row.prop_map(|(at, person, event, properties, id)| Row {
        distinct_id: format!("p{person}"),
        ..Row::at(at * HALF_HOUR, id).with(event, &properties.to_string())
    });
    prop::collection::vec(prop::collection::vec(row, 1..8), 0..14)
}

fn group() -> impl Strategy<Value = Group> {
    prop_oneof![
        Just(Group::Event),
        // Their counts are in no statistics.
        Just(Group::Interval("toStartOfInterval(timestamp, toIntervalMinute(30))", 1)),
        Just(Group::Interval("toStartOfInterval(timestamp, toIntervalHour(3))", 6)),
        Just(Group::Interval("toStartOfDay(timestamp)", 48)),
        prop::sample::select(naive::KEYS.to_vec()).prop_map(Group::Property),
    ]
}

fn question() -> impl Strategy<Value = Question> {
    let range = prop::option::of((0..20_i64, 0..40_i64));
    let events = prop::option::of(prop::collection::vec(prop::sample::select(vec!["a", "b", "z"]), 1..3));
    let measures = prop_oneof![
        Just(vec![Measure::Count]),
        Just(vec![Measure::Count, Measure::Persons]),
        prop::sample::select(naive::KEYS.to_vec()).prop_map(|key| vec![Measure::Sum(key), Measure::Mean(key)]),
        prop::sample::select(naive::KEYS.to_vec()).prop_map(|key| vec![
            Measure::Sum(key),
            Measure::Count,
            Measure::Mean(key),
            Measure::Quantile(key, 0.95),
        ]),
    ];
    let all = (range, events, prop::collection::vec(group(), 0..3), measures);
    all.prop_map(|(range, events, groups, measures)| Question { range, events, groups, measures })
}

/// The rows of the answer, ordered by group.
fn ask(stored: Stored, question: &Question) -> Vec<Vec<Value>> {
    let engine = Engine::new(Arc::new(stored.store), testing::settings()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rows = runtime.block_on(super::ask(&engine, &question.in_hogql(), "UTC")).unwrap();
    let mut rows: Vec<Vec<Value>> = rows.into_iter().map(|row| row.as_array().unwrap().clone()).collect();
    rows.sort_by_key(|row| shown(&row[..question.groups.len()]));
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Wherever the rows lie: in memory, in segments, compacted or not.
    #[test]
    fn groups_are_measured_as_by_hand(slices in rows(), compacts: bool, question in question()) {
        let mut stored = Stored::of(&slices);
        if compacts {
            stored.compact();
        }
        let rows: Vec<Row> = slices.into_iter().flatten().collect();
        let (found, expected) = (ask(stored, &question), question.by_hand(&rows));
        let is_same = super::same(&json!(found), &json!(expected));
        prop_assert!(is_same, "{}: {found:?} instead of {expected:?}", question.in_hogql());
    }
}
