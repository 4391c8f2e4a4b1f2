//! The acceptance cases of the language, from text to rows, over stored events.
//!
//! Cases are in `test_data/*.slt`: a line `# id`, perhaps a line `zone <name>`, the query, `----`, and the rows as JSON, one
//! a line. Rows of a query without ORDER BY may come in any order. `error <part of the message>` stands for a refusal.

mod groups;
mod tally;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, BooleanArray, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt8Array,
};
use hogql::Context;
use hogql::context::{Cohort, PropertyType};
use hogql::resolved::Table;
use model::{EventRow, PersonMode, PersonNumber, ProjectId, Sequence, Timestamp};
use serde_json::{Value, json};
use store::{Batch, Store};
use uuid::Uuid;

use super::output::JsonRows;
use super::{Request, Rows, Tables, needs, schema};
use crate::{Engine, EngineSettings, Pace, QueryError};

const PROJECT: ProjectId = ProjectId(1);

fn micros(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

fn person(number: u128) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000 + number)
}

/// Persons: properties, creation, distinct ids.
const PERSONS: [(&str, &str, &[&str]); 3] = [
    (r#"{"email":"ann@x.com","plan":"pro","age":31}"#, "2026-01-01T00:00:00Z", &["d1", "d1b"]),
    (r#"{"email":"bob@y.org","plan":"free"}"#, "2026-01-10T08:00:00Z", &["d2"]),
    ("{}", "2026-01-12T00:00:00Z", &["d3"]),
];

/// Dataset D1: time, event, distinct id, number of the session, company and properties.
const EVENTS: [(&str, &str, &str, u32, &str, &str); 10] = [
    (
        "2026-01-10T09:00:00Z",
        "$pageview",
        "d1",
        1,
        "acme",
        r#""$browser":"Chrome","$current_url":"https://a.io/home?x=1","price":10,"is_vip":true,"nested":{"a":{"b":"deep"},"n":5},"tags":["x","y"]"#,
    ),
    (
        "2026-01-10T09:05:00Z",
        "$pageview",
        "d1",
        1,
        "acme",
        r#""$browser":"Chrome","$current_url":"https://a.io/pricing/","price":"20.5","is_vip":"true""#,
    ),
    (
        "2026-01-10T09:10:00Z",
        "purchase",
        "d1",
        1,
        "acme",
        r#""$browser":"Chrome","price":30,"currency":"USD","is_vip":false"#,
    ),
    (
        "2026-01-10T23:30:00Z",
        "$pageview",
        "d2",
        2,
        "",
        r#""$browser":"Firefox","$current_url":"https://a.io/home","price":null,"signup_at":"2026-01-09T10:00:00Z""#,
    ),
    ("2026-01-11T00:15:00Z", "signup", "d2", 2, "", r#""$browser":"Firefox","price":"abc","ref":"""#),
    (
        "2026-01-11T12:00:00Z",
        "$pageview",
        "d1b",
        3,
        "acme",
        r#""$browser":"Safari","$current_url":"https://a.io/pricing","price":-5"#,
    ),
    ("2026-01-12T10:00:00Z", "purchase", "d2", 4, "beta", r#""$browser":"null","price":100,"is_vip":1"#),
    ("2026-01-13T10:00:00Z", "$pageview", "d3", 0, "", ""),
    ("2026-01-13T10:00:00Z", "signup", "d3", 0, "", r#""$browser":"","price":0"#),
    (
        "2026-01-19T10:00:00Z",
        "$pageview",
        "d1",
        5,
        "beta",
        r#""$browser":"Chrome","$current_url":"https://a.io/home","price":7"#,
    ),
];

fn events() -> Vec<EventRow> {
    let session = |n: u32| format!("0190a000-0000-7000-8000-00000000{n:04}");
    let mut rows = Vec::new();
    for (at, (time, event, distinct_id, session_number, group, properties)) in EVENTS.into_iter().enumerate() {
        let owner = PERSONS.iter().position(|(_, _, ids)| ids.contains(&distinct_id)).unwrap();
        let mut all = properties.to_owned();
        if session_number > 0 {
            write!(all, r#","$session_id":"{}""#, session(session_number)).unwrap();
        }
        let time = Timestamp::from_micros(micros(time));
        let mut groups: [Option<String>; 5] = Default::default();
        groups[0] = (!group.is_empty()).then(|| group.into());
        rows.push(EventRow {
            project: PROJECT,
            uuid: format!("0190a000-0000-7000-8000-{:012}", at + 1).parse().unwrap(),
            event: event.to_owned(),
            distinct_id: distinct_id.to_owned(),
            timestamp: time,
            created_at: time,
            person_id: person(owner as u128 + 1),
            person_number: PersonNumber(u32::try_from(owner).unwrap() + 1),
            person_mode: PersonMode::Full,
            properties: format!("{{{}}}", all.trim_start_matches(',')),
            person_properties: PERSONS[owner].0.into(),
            elements_chain: String::new(),
            groups,
        });
    }
    rows
}

fn ids(all: impl Iterator<Item = Uuid>) -> ArrayRef {
    Arc::new(FixedSizeBinaryArray::try_from_iter(all.map(|id| id.into_bytes())).unwrap())
}

fn texts<'a>(all: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(all.map(Some).collect::<StringArray>())
}

fn times<'a>(all: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(all.map(|at| Some(micros(at))).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn tables() -> Tables {
    let table = |table: Table, columns: Vec<ArrayRef>| {
        (table, Rows::of(vec![RecordBatch::try_new(schema(table), columns).unwrap()]))
    };
    let numbered = || PERSONS.iter().enumerate().map(|(at, person)| (self::person(at as u128 + 1), *person));
    let distinct = || numbered().flat_map(|(id, (_, _, ids))| ids.iter().map(move |distinct| (id, *distinct)));
    BTreeMap::from([
        table(
            Table::Persons,
            vec![
                ids(numbered().map(|(id, _)| id)),
                times(numbered().map(|(_, (_, created, _))| created)),
                texts(numbered().map(|(_, (properties, _, _))| properties)),
                Arc::new(BooleanArray::from(vec![true; 3])),
            ],
        ),
        table(
            Table::PersonDistinctIds,
            vec![texts(distinct().map(|(_, distinct)| distinct)), ids(distinct().map(|(id, _)| id))],
        ),
        table(
            Table::Groups,
            vec![
                Arc::new(UInt8Array::from(vec![0, 0])),
                texts(["acme", "beta"].into_iter()),
                times(["2026-01-01T00:00:00Z"; 2].into_iter()),
                times(["2026-01-01T00:00:00Z"; 2].into_iter()),
                texts([r#"{"tier":"gold","seats":10}"#, r#"{"tier":"tin"}"#].into_iter()),
            ],
        ),
        table(Table::StaticCohortPeople, vec![ids([person(1)].into_iter()), Arc::new(Int64Array::from(vec![5]))]),
    ])
}

fn context(zone: &str) -> Context {
    let mut context = Context::new(1, zone, "2026-01-20T12:00:00Z".parse().unwrap());
    let types = &mut context.project.property_types;
    types.event.insert("price".into(), PropertyType::Numeric);
    types.event.insert("is_vip".into(), PropertyType::Boolean);
    types.event.insert("signup_at".into(), PropertyType::DateTime);
    types.person.insert("age".into(), PropertyType::Numeric);
    context.project.group_types.insert(0, "company".into());
    context.project.cohorts.push(Cohort { id: 5, name: "Pros".into(), is_static: true });
    context
}

/// A case as it is written down.
struct Case {
    id: String,
    zone: String,
    query: String,
    expected: Result<Vec<Value>, String>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for block in text.split("\n# ").map(|block| block.trim_start_matches("# ")).filter(|block| block.contains("----")) {
        let (id, rest) = block.split_once('\n').unwrap();
        let (query, rows) = rest.split_once("----").unwrap();
        let (zone, query) = match query.trim().strip_prefix("zone ") {
            Some(rest) => rest.split_once('\n').unwrap(),
            None => ("UTC", query),
        };
        let lines: Vec<&str> = rows.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let expected = match lines.first().and_then(|line| line.strip_prefix("error ")) {
            Some(message) => Err(message.to_owned()),
            None => Ok(lines
                .iter()
                .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{id}: {line}")))
                .collect()),
        };
        cases.push(Case { id: id.trim().into(), zone: zone.trim().into(), query: query.trim().into(), expected });
    }
    cases
}

/// `n` is the number at the end of a row's uuid.
fn with_number(query: &str) -> String {
    let number = "toInt(substring(toString(uuid), 25, 12))";
    let mut out = String::new();
    let mut quoted = false;
    let bytes = query.as_bytes();
    let is_name = |at: Option<&u8>| at.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'.'));
    for (at, c) in query.char_indices() {
        quoted ^= c == '\'';
        let alone = at.checked_sub(1).is_none_or(|before| !is_name(bytes.get(before))) && !is_name(bytes.get(at + 1));
        if c == 'n' && !quoted && alone { out.push_str(number) } else { out.push(c) }
    }
    out
}

async fn ask(engine: &Engine, query: &str, zone: &str) -> Result<Vec<Value>, String> {
    let rows = answered(engine, query, zone, false).await;
    // Rows that are written as JSON are the same rows, however columns come.
    if query.contains("properties") && query.contains("order by") {
        let written = answered(engine, query, zone, true).await;
        assert_eq!(written, rows, "{query}");
    }
    rows
}

async fn answered(engine: &Engine, query: &str, zone: &str, is_written: bool) -> Result<Vec<Value>, String> {
    let context = context(zone);
    let compiled = hogql::compile(&with_number(query), &context).map_err(|error| error.to_string())?;
    let wanted = needs(&compiled.query);
    let mut tables = tables();
    tables.retain(|table, _| wanted.tables.contains(table));
    let types: Vec<_> = compiled.query.columns.iter().map(|(_, ty)| ty.clone()).collect();
    let request = Request {
        project: PROJECT,
        query: compiled.query,
        zone: Arc::clone(&context.project.timezone),
        now_micros: context.now.as_microsecond(),
        tables,
        cohorts: wanted.cohorts.keys().map(|id| (*id, vec![person(1)])).collect(),
        pace: Pace::Prompt,
        explain: false,
        is_written,
    };
    let readable = |error: QueryError| match error {
        QueryError::Internal(source) => format!("internal: {source}"),
        error => error.to_string(),
    };
    let mut answer = engine.hogql(request).await.map_err(readable)?;
    let mut out = String::from("[");
    let writer = JsonRows::new(&types);
    let mut first = true;
    for batch in answer.collect().await.map_err(readable)? {
        writer.write(&batch, &mut out, &mut first).map_err(|error| error.to_string())?;
    }
    out.push(']');
    serde_json::from_str(&out).map_err(|error| format!("{error}: {out}"))
}

/// Whether two values are the same, numbers by value and to nine digits.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

fn is_ordered(query: &str) -> bool {
    query.to_ascii_lowercase().rsplit_once("order by").is_some_and(|(_, tail)| !tail.contains("from"))
}

fn run(text: &str) {
    let (_directory, store) = crate::testing::store();
    fill(&store);
    let engine = Engine::new(store, crate::testing::settings()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut failures = Vec::new();
    let all = cases(text);
    for case in &all {
        let mut answer = runtime.block_on(ask(&engine, &case.query, &case.zone));
        let good = match (&mut answer, &case.expected) {
            (Ok(rows), Ok(expected)) => {
                let mut expected = expected.clone();
                if !is_ordered(&case.query) {
                    rows.sort_by_key(Value::to_string);
                    expected.sort_by_key(Value::to_string);
                }
                rows.len() == expected.len() && rows.iter().zip(&expected).all(|(a, b)| same(a, b))
            }
            (Err(error), Err(expected)) => error.contains(expected.as_str()),
            _ => false,
        };
        if !good {
            let shown = answer.map(|rows| rows.iter().map(|row| format!("\n  {row}")).collect::<String>());
            failures.push(format!(
                "{}: {}\n{}",
                case.id,
                case.query,
                shown.unwrap_or_else(|error| format!("  error {error}"))
            ));
        }
    }
    assert!(!all.is_empty());
    assert!(failures.is_empty(), "{} of {} failed\n{}", failures.len(), all.len(), failures.join("\n"));
}

fn fill(store: &Store) {
    store.publish(&Batch { rows: events(), merges: Vec::new(), through: Sequence(1) }).unwrap();
}

#[test]
fn properties_and_null_cases_t01_to_t25() {
    run(include_str!("../../test_data/properties.slt"));
}

#[test]
fn relational_cases_t26_to_t47() {
    run(include_str!("../../test_data/relational.slt"));
}

#[test]
fn function_cases_t48_to_t60() {
    run(include_str!("../../test_data/functions.slt"));
}

#[test]
fn time_zone_and_refusal_cases_t61_to_t80() {
    run(include_str!("../../test_data/zones.slt"));
}

#[test]
fn what_the_comparison_with_clickhouse_found() {
    run(include_str!("../../test_data/found.slt"));
}

#[test]
fn rows_that_stop_for_lack_of_time_end_in_an_error() {
    let (_directory, store) = crate::testing::store();
    let settings = EngineSettings { timeout: Duration::from_millis(200), ..crate::testing::settings() };
    let engine = Engine::new(store, settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let context = Context { limits: hogql::context::Limits::NONE, ..context("UTC") };
    let query = hogql::compile("select number from numbers(1000000000)", &context).unwrap().query;
    let request = Request {
        project: PROJECT,
        query,
        zone: Arc::clone(&context.project.timezone),
        now_micros: 0,
        tables: BTreeMap::new(),
        cohorts: BTreeMap::new(),
        pace: Pace::Prompt,
        explain: false,
        is_written: false,
    };
    runtime.block_on(async {
        let mut answer = engine.hogql(request).await.unwrap();
        let error = loop {
            match answer.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a part of the rows was taken for all of them"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, QueryError::Timeout { .. }), "{error:?}");
    });
}

#[test]
fn properties_that_are_only_shown_come_quoted() {
    let (_directory, store) = crate::testing::store();
    fill(&store);
    let engine = Engine::new(store, crate::testing::settings()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let context = context("UTC");
    let plan = |query: &str| {
        let compiled = hogql::compile(query, &context).unwrap();
        let request = Request {
            project: PROJECT,
            query: compiled.query,
            zone: Arc::clone(&context.project.timezone),
            now_micros: context.now.as_microsecond(),
            tables: BTreeMap::new(),
            cohorts: BTreeMap::new(),
            pace: Pace::Prompt,
            explain: true,
            is_written: true,
        };
        runtime.block_on(engine.hogql(request)).unwrap().plan
    };
    for (query, quoted) in [
        ("select event, properties from events", true),
        ("select person.properties, timestamp from events where properties.n = 1 order by timestamp limit 3", true),
        ("select properties, uuid from events order by properties", false),
        ("select distinct properties from events", false),
        ("select properties, count() from events group by properties", false),
        ("select upper(properties) from events", false),
        ("select p from (select properties as p from events)", false),
    ] {
        let plan = plan(query);
        assert_eq!(plan.contains("quoted("), quoted, "{query}: {plan}");
    }
    for query in [
        "select properties, person.properties, event from events order by uuid",
        "select properties as p, uuid from events where event != '' order by timestamp desc, uuid limit 7",
    ] {
        let rows = runtime.block_on(ask(&engine, query, "UTC")).unwrap();
        assert!(rows.iter().all(|row| row[0].as_str().is_some_and(|text| text.starts_with('{'))), "{rows:?}");
        assert!(rows.len() > 5);
    }
}

#[test]
fn columns_read_for_a_condition_belong_to_their_rows_in_every_slice() {
    let (_directory, store) = crate::testing::store();
    let (template, big) = (events().remove(0), "x".repeat(40_000));
    let row = |n: u32| EventRow {
        uuid: Uuid::from_u128(u128::from(n)),
        properties: format!(r#"{{"k":"v{n}","m":{n},"big":"{big}"}}"#),
        ..template.clone()
    };
    // Twelve megabytes in one chunk: more than are read at once.
    let rows = (0..300).map(row).collect();
    store.publish(&Batch { rows, merges: Vec::new(), through: Sequence(1) }).unwrap();
    let engine = Engine::new(store, crate::testing::settings()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let query = "select toInt(properties.m), properties.k, length(properties) from events \
                 where properties.k not like '%7' and toInt(properties.m) >= 20 limit 1000";
    let mut found = runtime.block_on(ask(&engine, query, "UTC")).unwrap();
    found.sort_by_key(|row| row[0].as_u64());
    let expected: Vec<Value> =
        (20..300).filter(|n| n % 10 != 7).map(|n| json!([n, format!("v{n}"), row(n).properties.len()])).collect();
    assert_eq!(found, expected);
}
