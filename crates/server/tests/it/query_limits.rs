//! Limits of a query: time, memory, rows, turns, and the patience of whoever asked.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use env::Clock;
use serde_json::json;
use testkit::{Answer, Server};

use crate::server_with;

/// A query that never ends by itself.
pub(crate) const ENDLESS: &str = "select count() from numbers(1000000000000) where number % 7 = 8";

pub(crate) fn send(server: &Server, text: &str) -> Answer {
    server.post("/api/projects/1/query/", &json!({"query": {"kind": "HogQLQuery", "query": text}}))
}

pub(crate) fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap_or_default().to_owned()
}

/// Columns, branches or terms, made by number.
pub(crate) fn list(count: usize, separator: &str, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(separator)
}

#[test]
fn wide_selects_are_answered() {
    let server = server_with(&[]);
    let answer = send(&server, &format!("select {}", list(1_000, ", ", |n| format!("{n} as c{n}"))));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["results"][0].as_array().unwrap().len(), 1_000);
}

#[test]
fn an_error_names_the_limit_and_the_query() {
    let server = server_with(&[
        ("HEDGEROW_QUERY_TIMEOUT_MS", "1500"),
        ("HEDGEROW_QUERY_MEMORY_BYTES", "8388608"),
        ("HEDGEROW_QUERY_SPILL_BYTES", "0"),
    ]);
    let body = json!({"query": {"kind": "HogQLQuery", "query": ENDLESS}, "client_query_id": "mine"});
    let late = server.post("/api/projects/1/query/", &body);
    assert_eq!((late.status, &late.json()["extra"]["query_id"]), (504, &json!("mine")), "{}", late.body);
    assert!(detail(&late).contains("1.5 s"), "{}", late.body);
    let large = send(&server, "select groupArray(number) from numbers(100000000)");
    assert_eq!(large.status, 513, "{}", large.body);
    assert!(detail(&large).contains("8388608 bytes"), "{}", large.body);
    let refused = send(&server, "select foo from events");
    assert_eq!(refused.status, 400);
    assert!(refused.json()["extra"]["query_id"].is_string(), "{}", refused.body);
}

#[test]
fn what_is_cut_is_said() {
    let server = server_with(&[]);
    let answer = send(&server, "select number from numbers(60000) limit 60000");
    assert_eq!(answer.json()["results"].as_array().unwrap().len(), 50_000);
    assert!(answer.header("x-posthog-warn").unwrap().contains("50000 rows at most"), "{:?}", answer.headers);
    assert!(send(&server, "select 1").header("x-posthog-warn").is_none());
}

/// Starts `text` in the background and waits until it runs.
fn start(server: &Server, text: &str, id: &str) {
    let body = json!({"query": {"kind": "HogQLQuery", "query": text}, "refresh": "async", "client_query_id": id});
    assert_eq!(server.post("/api/projects/1/query/", &body).status, 202);
    server.wait_until("the query runs", || server.metric("hedgerow_queries_running") > 0.0);
}

#[test]
fn a_query_waits_for_its_turn_and_not_for_ever() {
    let server = server_with(&[("HEDGEROW_QUERIES_MAX", "1"), ("HEDGEROW_QUERY_WAIT_MS", "300")]);
    start(&server, ENDLESS, "long");
    let busy = send(&server, "select 1");
    assert_eq!(busy.status, 503, "{}", busy.body);
    assert!(detail(&busy).contains("too busy"), "{}", busy.body);
    assert_eq!(busy.header("retry-after"), Some("1"));
    assert_eq!(server.delete("/api/projects/1/query/long/").status, 200);
    server.wait_until("the query is gone", || server.metric("hedgerow_queries_running") == 0.0);
    assert_eq!(send(&server, "select 1").status, 200);
}

#[test]
fn a_query_in_the_background_has_its_own_time() {
    let limits = [("HEDGEROW_QUERY_TIMEOUT_MS", "100"), ("HEDGEROW_QUERY_BACKGROUND_TIMEOUT_MS", "1500")];
    let server = server_with(&limits);
    let began = Clock::System.instant();
    start(&server, ENDLESS, "slow");
    let mut status = server.get("/api/projects/1/query/slow/");
    server.wait_until("the query fails", || {
        status = server.get("/api/projects/1/query/slow/");
        status.status != 202
    });
    let took = Clock::System.elapsed(began);
    assert!(took > Duration::from_millis(1_400), "{took:?}");
    assert_eq!(status.status, 400, "{}", status.body);
    let status = status.json()["query_status"].clone();
    assert_eq!((&status["error"], &status["complete"]), (&json!(true), &json!(true)), "{status}");
    assert!(status["error_message"].as_str().unwrap().contains("max execution time"), "{status}");
}

/// A connection on which a query was sent, and nothing read.
fn connection(server: &Server, text: &str, accept: &str) -> TcpStream {
    let body = json!({"query": {"kind": "HogQLQuery", "query": text}}).to_string();
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    write!(
        stream,
        "POST /api/projects/1/query/ HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\naccept: {accept}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        testkit::KEY,
        body.len()
    )
    .unwrap();
    stream
}

#[test]
fn a_client_that_goes_away_takes_its_query_with_it() {
    let server = server_with(&[("HEDGEROW_QUERY_TIMEOUT_MS", "600000")]);
    let running = || server.metric("hedgerow_queries_running");
    for accept in ["application/json", "text/csv", "application/vnd.apache.parquet"] {
        let stream = connection(&server, ENDLESS, accept);
        server.wait_until("the query runs", || running() == 1.0);
        drop(stream);
        server.wait_until("the query is gone", || running() == 0.0);
    }
    // Also in the middle of a download.
    let mut stream = connection(&server, "select number, repeat('x', 100) from numbers(1000000000000)", "text/csv");
    let mut begun = [0; 4_096];
    stream.read_exact(&mut begun).unwrap();
    assert!(begun.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&begun));
    assert_eq!(running(), 1.0);
    drop(stream);
    server.wait_until("the download is gone", || running() == 0.0);
    assert_eq!(send(&server, "select 1").json()["results"], json!([[1]]));
}
