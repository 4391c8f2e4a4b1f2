//! Queries meant to take a server down: each is answered within its limits, and the process stays alive and small.

use std::time::Duration;

use env::Clock;
use serde_json::json;

use crate::query_limits::{ENDLESS, detail, list, send};
use crate::{event, server_with};

const POOL_BYTES: u64 = 64 << 20;
/// What a process may take beside the memory of its queries: 256 MiB, and half as much again where nothing is optimised and
/// the program alone is larger by a hundred.
const BESIDE_BYTES: u64 = if cfg!(debug_assertions) { 384 << 20 } else { 256 << 20 };

/// Queries meant to take a server down. What each of them may be answered with is up to its limits; that it is answered,
/// with an error that says which, is not.
fn hostile() -> Vec<(&'static str, String)> {
    let mut all = large_rows();
    all.extend(large_values().into_iter().map(|(name, text)| (name, text.to_owned())));
    all.extend(large_texts());
    all
}

/// Many rows of few.
fn large_rows() -> Vec<(&'static str, String)> {
    let rows = [
        ("endless", ENDLESS),
        (
            "cross join",
            "select count() from numbers(1000000000) as a cross join numbers(1000000000) as b where a.number + b.number = 7",
        ),
        (
            "join that finds nothing",
            "select count() from numbers(1000000) as a join numbers(1000000) as b on a.number + b.number = 5000000",
        ),
        (
            "cross join, sorted",
            "select a.number, b.number from numbers(100000000) as a cross join numbers(100000000) as b order by 1 desc, 2 limit 10",
        ),
        (
            "join by inequality",
            "select count() from numbers(1000000) as a join numbers(1000000) as b on a.number < b.number",
        ),
        (
            "join of one key",
            "select count(), sum(a.number) from numbers(1000000) as a join numbers(1000000) as b on a.number % 2 = b.number % 2",
        ),
        ("many groups", "select number, count() from numbers(10000000) group by number order by number desc limit 5"),
        (
            "many groups of text",
            "select concat(toString(number), '-', toString(number * 7)) as k, count() from numbers(10000000) group by k order by k limit 5",
        ),
        (
            "arrayJoin of three",
            "select count() from (select arrayJoin(range(10000)) as a, arrayJoin(range(10001)) as b, arrayJoin(range(10002)) as c)",
        ),
        ("arrayJoin for each row", "select count() from (select arrayJoin(range(1000000)) as a from numbers(1000000))"),
        (
            "a window over everything",
            "select max(s) from (select sum(number) over (order by number % 1000) as s from numbers(10000000))",
        ),
        (
            "a sort of wide rows",
            "select sum(length(s)) from (select repeat(toString(number), 100) as s, number from numbers(5000000) order by cityHash64(number) limit 4000000)",
        ),
        ("many distinct", "select uniq(number), count(distinct toString(number)) from numbers(10000000)"),
    ];
    let mut all: Vec<_> = rows.into_iter().map(|(name, text)| (name, text.to_owned())).collect();
    let doubled = |text: String| format!("select concat(a, a) as a from ({text})");
    all.push(("doubling", (0..40).fold("select 'xxxxxxxxxxxxxxxx' as a".to_owned(), |text, _| doubled(text))));
    all
}

/// Large values of small ones.
const fn large_values() -> [(&'static str, &'static str); 11] {
    [
        ("one large array", "select length(groupArray(number)) from numbers(100000000)"),
        ("one large array of text", "select length(groupArray(toString(number))) from numbers(100000000)"),
        ("arrayJoin of a large range", "select arrayJoin(range(1000000000))"),
        ("long ranges", "select sum(length(range(100000))) from numbers(1000000)"),
        ("text for each element", "select arrayMap(x -> repeat('x', 1000000), range(1000000))"),
        ("text of text of text", "select length(repeat(repeat(repeat('x', 1000), 1000), 1000))"),
        ("text for each row", "select sum(length(repeat('x', 1000000))) from numbers(100000)"),
        ("padding", "select length(leftPad('x', 2000000000, 'y'))"),
        ("replacements that grow", "select length(replaceAll(repeat('x', 10000000), 'x', repeat('y', 1000)))"),
        ("pieces of text", "select length(splitByChar('x', repeat('x', 50000000)))"),
        ("a large answer", "select repeat('x', 1000000) from numbers(50000) limit 50000"),
    ]
}

/// Texts that are themselves too much. Those that only take long to plan are left out: a plan cannot be interrupted, and a
/// build without optimisation takes many times as long for it.
fn large_texts() -> Vec<(&'static str, String)> {
    let nested = (0..40).fold("select 1 as a".to_owned(), |text, _| format!("select a from ({text})"));
    vec![
        ("nested parentheses", format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000))),
        (
            "nested queries",
            format!("select * from {}select 1{}", "(select * from (".repeat(50_000), "))".repeat(50_000)),
        ),
        ("nested queries within the limit", nested),
        ("a long chain", format!("select {}", list(100_000, " + ", |n| n.to_string()))),
        ("a long literal", format!("select length('{}')", "x".repeat(1_000_000))),
        ("a long name", format!("select `{}`", "x".repeat(1_000_000))),
        ("many columns", format!("select {}", list(40_000, ", ", |n| format!("{n} as c{n}")))),
        ("aliases of aliases", format!("select 1 as c0, {}", list(40, ", ", |n| format!("c{n} + c{n} as c{}", n + 1)))),
    ]
}

#[test]
fn hostile_queries_end_in_an_error_and_leave_the_server_small() {
    let mut server = server_with(&[
        ("HEDGEROW_QUERY_MEMORY_BYTES", &POOL_BYTES.to_string()),
        ("HEDGEROW_QUERY_SPILL_BYTES", &(64 << 20).to_string()),
        ("HEDGEROW_QUERY_TIMEOUT_MS", "2000"),
        ("HEDGEROW_QUERY_THREADS", "2"),
    ]);
    server.ingest(&[event("e1", "d", "2026-01-01T10:00:00Z", json!({"p1": 1}))]);
    let bearer = format!("Bearer {}", testkit::KEY);
    let mut report: Vec<String> = Vec::new();
    for (name, text) in hostile() {
        let start = Clock::System.instant();
        let body = json!({"query": {"kind": "HogQLQuery", "query": text}}).to_string();
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let answer = server.try_send("POST", "/api/projects/1/query/", &headers, body.as_bytes());
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}\n{}", report.join("\n")));
        let (took, peak) = (Clock::System.elapsed(start), server.peak_memory_bytes() >> 20);
        report.push(format!("{name}: {} after {} ms, peak {peak} MiB", answer.status, took.as_millis()));
        let body = answer.json();
        match answer.status {
            200 => assert!(body["results"].is_array(), "{name}: {}", answer.body),
            400 => assert_eq!(body["type"], "validation_error", "{name}: {}", answer.body),
            504 => assert!(detail(&answer).contains("max execution time"), "{name}: {}", answer.body),
            513 => assert_eq!(body["code"], "clickhouse_memory_limit_exceeded", "{name}: {}", answer.body),
            other => panic!("{name}: {other} {}\n{}", answer.body, report.join("\n")),
        }
        assert!(answer.status == 200 || body["extra"]["query_id"].is_string(), "{name}: {}", answer.body);
        // The limit of two seconds, and what it takes to read, to plan and to stop on a busy machine.
        assert!(took < Duration::from_secs(25), "{name} took too long\n{}", report.join("\n"));
        assert!(server.is_running(), "{name} ended the server\n{}", report.join("\n"));
    }
    let peak = server.peak_memory_bytes();
    assert!(peak < POOL_BYTES + BESIDE_BYTES, "{peak} bytes\n{}", report.join("\n"));
    let answer = send(&server, "select count() from events");
    assert_eq!((answer.status, answer.json()["results"].clone()), (200, json!([[1]])), "{}", answer.body);
    server.wait_until("no query is left", || {
        server.metric("hedgerow_queries_running") == 0.0 && server.metric("hedgerow_query_memory_bytes") == 0.0
    });
}
