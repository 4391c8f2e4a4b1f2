//! Thousands of generated queries over generated events, persons and groups: the answers are those that ClickHouse gave for
//! the same rows.
//!
//! `compat/differential/run.py --write` makes the queries and asks ClickHouse. A line of `golden.jsonl` is a time zone, the
//! first day of the week, a mode of persons on events (or nothing), a query, its types and its rows.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::{Value, json};
use testkit::Server;

const EVENTS: &str = include_str!("../../../../compat/differential/events.jsonl");
const GOLDEN: &str = include_str!("../../../../compat/differential/golden.jsonl");
/// Queries asked at once.
const CLIENTS: usize = 3;

struct Case {
    zone: String,
    week: String,
    persons: String,
    query: String,
    types: Vec<String>,
    rows: Vec<Vec<Value>>,
}

fn cases() -> Vec<Case> {
    let read = |line: &str| {
        let (zone, week, persons, query, types, rows) = serde_json::from_str(line).unwrap();
        Case { zone, week, persons, query, types, rows }
    };
    GOLDEN.lines().map(read).collect()
}

/// The project that was asked about: its events, a cohort of each kind, an action.
fn project() -> Server {
    let server = Server::at(crate::BINARY, "2026-01-19T12:00:00Z");
    for line in EVENTS.lines() {
        let body = format!("{{\"api_key\":\"{}\",\"batch\":{line}}}", testkit::TOKEN);
        let answer = server.send("POST", "/batch/", &[("content-type", "application/json")], body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    server.settle();
    let regulars: Vec<Value> = (0..12)
        .step_by(2)
        .map(|n| server.project(&format!("persons/?distinct_id=user-{n}")).results()[0]["uuid"].clone())
        .collect();
    let pro = json!({"key": "plan", "value": "pro", "type": "person", "operator": "exact"});
    let rule = json!({"properties": {"type": "AND", "values": [{"type": "AND", "values": [pro]}]}});
    for (path, body) in [
        ("cohorts/", json!({"name": "Regulars", "is_static": true, "_create_static_person_ids": regulars})),
        ("cohorts/", json!({"name": "Pros", "filters": rule})),
        ("actions/", json!({"name": "Bought", "steps": [{"event": "purchase"}]})),
    ] {
        let made = server.post(&format!("/api/projects/1/{path}"), &body);
        assert_eq!(made.status, 201, "{}", made.body);
    }
    server
}

/// Whether two values are the same; floats to nine digits.
fn same(one: &Value, other: &Value, is_exact: bool) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) if !is_exact => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            a == b || (a - b).abs() <= (1e-9 * a.abs().max(b.abs())).max(1e-12)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(one, other)| same(one, other, is_exact))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, one)| b.get(key).is_some_and(|other| same(one, other, is_exact)))
        }
        _ => one == other,
    }
}

/// What is wrong with the answer to `case`, if anything.
fn wrong(server: &Server, case: &Case) -> Option<String> {
    let mut query = json!({"kind": "HogQLQuery", "query": case.query});
    if !case.persons.is_empty() {
        query["modifiers"] = json!({"personsOnEventsMode": case.persons});
    }
    let answer = server.post("/api/projects/1/query/", &json!({"query": query}));
    if answer.status != 200 {
        return Some(format!("{} {}", answer.status, answer.body));
    }
    let answer = answer.json();
    let types: Vec<&Value> = answer["types"].as_array().unwrap().iter().map(|pair| &pair[1]).collect();
    if types != case.types.iter().collect::<Vec<_>>() {
        return Some(format!("types {types:?}, expected {:?}", case.types));
    }
    let (mut rows, mut expected_rows) = (answer["results"].as_array().unwrap().clone(), case.rows.clone());
    if case.query.contains(" with ties") {
        // Ties are all there, in whatever order.
        rows.sort_by_key(Value::to_string);
        expected_rows.sort_by_key(|row| Value::from(row.clone()).to_string());
    }
    let fits = |row: &Value, expected: &Vec<Value>| {
        let cells = row.as_array().unwrap().iter().zip(expected).zip(&case.types);
        cells.into_iter().all(|((cell, expected), ty)| same(cell, expected, !ty.contains("Float")))
    };
    if rows.len() != expected_rows.len() {
        return Some(format!("{} rows, expected {}", rows.len(), expected_rows.len()));
    }
    let (row, expected) = rows.iter().zip(&expected_rows).find(|(row, expected)| !fits(row, expected))?;
    Some(format!("{row}, expected {}", Value::from(expected.clone())))
}

#[test]
fn generated_queries_answer_what_clickhouse_does() {
    let server = project();
    let cases = cases();
    assert!(cases.len() > 2_000, "{} queries", cases.len());
    let failures = Mutex::new(Vec::new());
    for group in cases.chunk_by(|a, b| (&a.zone, &a.week) == (&b.zone, &b.week)) {
        let first = usize::from(group[0].week == "monday");
        let settings = json!({"timezone": group[0].zone, "week_start_day": first});
        assert_eq!(server.patch("/api/projects/1/", &settings).status, 200);
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    while let Some(case) = group.get(next.fetch_add(1, Relaxed)) {
                        if let Some(wrong) = wrong(&server, case) {
                            failures.lock().unwrap().push(format!("{} [{}]\n  {wrong}", case.query, case.zone));
                        }
                    }
                });
            }
        });
    }
    let failures = failures.into_inner().unwrap();
    let shown: Vec<&String> = failures.iter().take(20).collect();
    assert!(failures.is_empty(), "{} of {} differ\n{shown:#?}", failures.len(), cases.len());
}
