//! What was seen to be right on ClickHouse stays as it was seen (`compat/hogql/oracle.py --write`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::compile;
use crate::context::{Cohort, Context, Filters, Limits, PersonsOnEvents, PropertyType, WeekStart};

const ACCEPTANCE: &str = include_str!("../../test_data/acceptance.jsonl");
const CALLS: &str = include_str!("../../test_data/calls.tsv");

/// The project of the acceptance cases.
pub(crate) fn context(request: &Value) -> Context {
    let text = |name: &str, default: &str| request.get(name).and_then(Value::as_str).unwrap_or(default).to_owned();
    let mut context = Context::new(1, &text("timezone", "UTC"), text("now", "2026-01-20T00:00:00Z").parse().unwrap());
    let project = &mut context.project;
    for (name, ty) in
        [("price", PropertyType::Numeric), ("is_vip", PropertyType::Boolean), ("signup_at", PropertyType::DateTime)]
    {
        project.property_types.event.insert(name.to_owned(), ty);
    }
    project.property_types.person.insert("age".to_owned(), PropertyType::Numeric);
    project.group_types.insert(0, "company".to_owned());
    project.cohorts.push(Cohort { id: 5, name: "Pros".to_owned(), is_static: true });
    if text("week", "") == "monday" {
        project.week_start = WeekStart::Monday;
    }
    context.modifiers.persons_on_events = PersonsOnEvents::parse(&text("persons", "")).unwrap_or_default();
    context.limits.allow_offset = request.get("api_key") != Some(&Value::Bool(true));
    if request.get("limits").is_some() {
        context.limits = Limits::NONE;
    }
    context.filters = request.get("filters").map(|filters| serde_json::from_value::<Filters>(filters.clone()).unwrap());
    context.values =
        request.get("values").map_or_else(BTreeMap::new, |values| serde_json::from_value(values.clone()).unwrap());
    context
}

#[test]
fn acceptance_cases_give_the_text_that_clickhouse_answered_rightly() {
    let mut cases = 0;
    for line in ACCEPTANCE.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let request = &case["request"];
        let text = request["query"].as_str().unwrap();
        let context = context(request);
        let compiled = match request.get("events_query") {
            Some(events) => {
                let events: crate::EventsQuery = serde_json::from_value(events.clone()).unwrap();
                events.to_query(&context).and_then(|query| super::compile_tree(query, &context))
            }
            None => compile(text, &context),
        };
        let seen = match compiled {
            Ok(compiled) => {
                let statement = crate::clickhouse::print(&compiled.query);
                let columns: Vec<Value> =
                    compiled.query.columns.iter().map(|(name, ty)| json!([&**name, ty.to_string()])).collect();
                json!({"columns": columns, "sql": statement.sql, "parameters": statement.parameters, "page": compiled.page})
            }
            Err(error) => json!({"error": error.to_string(), "code": error.code()}),
        };
        for (key, value) in seen.as_object().unwrap() {
            assert_eq!(value, &case[key], "{}: {text}", case["id"]);
        }
        cases += 1;
    }
    assert!(cases > 80, "the file shrank to {cases}");
}

#[test]
fn calls_have_the_types_that_clickhouse_gives_them() {
    let context = context(&json!({"limits": "none"}));
    let mut calls = 0;
    for line in CALLS.lines() {
        let (text, theirs) = line.split_once('\t').unwrap();
        let compiled = compile(text, &context).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(compiled.query.columns[0].1.to_string(), theirs, "{text}");
        calls += 1;
    }
    assert!(calls > 2_500, "the file shrank to {calls}");
}

fn error(text: &str) -> String {
    compile(text, &Context::new(1, "UTC", "2026-01-20T00:00:00Z".parse().unwrap()))
        .map_or_else(|error| error.to_string(), |_| String::from("compiled"))
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_reason() {
    assert_eq!(
        error("select event, count() from events"),
        "Column 'event' is not under an aggregate function and not in GROUP BY"
    );
    assert_eq!(
        error("select sum(count()) from events"),
        "Aggregation 'count' cannot be nested inside another aggregation 'sum'."
    );
    assert_eq!(error("select person from events"), "Can't select a table when a column is expected: person");
    assert_eq!(error("select event.x from events"), "Cannot resolve type event.x. Unable to resolve x.");
    assert_eq!(error("select 1 as a, 2 as a"), "Cannot redefine an alias with the name: a");
    assert_eq!(error("select *"), "Cannot use '*' when there are no tables in the query");
    assert_eq!(
        error("select * from events a cross join events b"),
        "Cannot use '*' without table name when there are multiple tables in the query"
    );
    assert_eq!(
        error("select 1 from events a cross join events a"),
        "Already have joined a table called \"a\". Can't redefine."
    );
    assert_eq!(error("select 1 from events where person_id in cohort 9"), "Could not find cohort with ID 9");
    assert_eq!(error("select uuid = 'x' from events"), "Cannot parse UUID from 'x'");
    assert_eq!(
        error("select count() from events where count() > 1"),
        "An aggregation cannot stand in WHERE; use HAVING"
    );
    assert_eq!(error("select hex(bitSlice('a', 1, 2))"), "Function 'bitSlice' is not supported yet");
    assert_eq!(error("select event > 1 from events"), "There is no common type for String and UInt8 to compare them");
}

#[test]
fn selects_have_so_many_columns_at_most() {
    let columns = |count: usize| (0..count).map(|n| format!("{n} as c{n}")).collect::<Vec<_>>().join(", ");
    let refused = "The SELECTs of a query have at most 4096 columns together";
    assert_eq!(error(&format!("select {}", columns(4_097))), refused);
    let nested = format!("select count() from (select * from (select {}))", columns(2_048));
    assert_eq!(error(&nested), refused);
    let context = context(&serde_json::json!({}));
    assert!(compile(&format!("select {}", columns(4_096)), &context).is_ok());
    let branches = vec!["select 1 as x"; 1_000].join(" union all ");
    assert!(compile(&branches, &context).is_ok());
}

#[test]
fn aliases_cannot_grow_a_query_without_bound() {
    let mut text = String::from("select 1 as a0");
    for n in 1..60 {
        text.push_str(&format!(", a{} + a{0} as a{n}", n - 1));
    }
    assert_eq!(error(&text), "Query is too large once its aliases are replaced");
    let mut text = String::from("select 1 as a0");
    for n in 1..200 {
        text.push_str(&format!(", a{} + 1 + 1 + 1 as a{n}", n - 1));
    }
    assert_eq!(error(&text), "Query is nested too deeply");
}

#[test]
fn a_timestamp_is_compared_as_it_is_stored() {
    let context = Context::new(1, "America/New_York", "2026-01-20T00:00:00Z".parse().unwrap());
    let compiled = compile("select 1 from events where timestamp >= '2026-01-11'", &context).unwrap();
    let sql = crate::clickhouse::print(&compiled.query).sql;
    assert!(
        sql.contains(
            "WHERE greaterOrEquals(t1.`timestamp`, fromUnixTimestamp64Micro(1768107600000000, 'America/New_York'))"
        ),
        "{sql}"
    );
}
