//! Pages: full, exact, without gap or repeat.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use serde_json::{Value, json};
use testkit::{Server, encode};

use crate::{BINARY, DAY, SECOND, event, fields, instant, server, server_with};

/// `count` events of distinct id 1, `step` microseconds apart.
fn spread(count: i64, step: i64) -> Vec<Value> {
    (0..count).map(|at| event("e", "1", &instant(at * step), json!({"at": at}))).collect()
}

fn numbers(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["properties"]["at"].as_i64().unwrap()).collect()
}

#[test]
fn a1_pages_follow_next() {
    let server = Server::at(BINARY, "2021-10-10T12:03:03.829294Z");
    server.ingest(&spread(250, DAY + SECOND));
    let first = server.project("events/?distinct_id=1");
    assert_eq!(numbers(&first.results()), (150..250).rev().collect::<Vec<_>>());
    let next = first.json()["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with(&format!("{}/api/projects/1/events/?distinct_id=1&before=", server.url())), "{next}");
    let second = server.get(&next);
    assert_eq!(second.results().len(), 100);
    let next = second.json()["next"].as_str().unwrap().to_owned();
    assert!(
        next.ends_with(&format!("/events/?distinct_id=1&before={}", encode("2020-12-30T12:03:53.829294+00:00"))),
        "{next}"
    );
    let third = server.get(&next);
    assert_eq!(numbers(&third.results()), (0..50).rev().collect::<Vec<_>>());
    assert_eq!(third.json()["next"], Value::Null);
}

#[test]
fn a2_the_other_bound_stays() {
    let server = server();
    server.ingest(&spread(25, DAY - SECOND));
    let (after, before) = (encode(&instant(0)), encode(&instant(23 * DAY)));
    let mut path = format!("/api/projects/1/events/?after={after}&before={before}&limit=10");
    let mut sizes = Vec::new();
    loop {
        let page = server.get(&path);
        sizes.push(page.results().len());
        let Some(next) = page.json()["next"].as_str().map(str::to_owned) else { break };
        assert!(next.contains(&format!("after={after}&before=")), "{next}");
        path = next;
    }
    assert_eq!(sizes, [10, 10, 3]);
}

#[test]
fn a3_ascending_order_moves_after() {
    let server = server();
    server.ingest(&spread(20, DAY));
    let page = server.project(&format!("events/?orderBy={}&limit=10", encode(r#"["timestamp"]"#)));
    assert_eq!(numbers(&page.results()), (0..10).collect::<Vec<_>>());
    let next = page.json()["next"].as_str().unwrap().to_owned();
    assert!(next.contains("&after=") && !next.contains("before="), "{next}");
    for order in ["", "&orderBy=-timestamp", "&orderBy=%5B%22-timestamp%22%5D"] {
        let page = server.project(&format!("events/?limit=10{order}"));
        assert_eq!(numbers(&page.results()), (10..20).rev().collect::<Vec<_>>(), "{order}");
        assert!(page.json()["next"].as_str().unwrap().contains("before="));
    }
    for order in ["event", "[1]", "%5B%22event%22%5D", "{}"] {
        assert_eq!(server.project(&format!("events/?orderBy={order}")).status, 400, "{order}");
    }
}

#[test]
fn a4_equal_timestamps_are_neither_lost_nor_repeated() {
    let server = server();
    let mut events: Vec<Value> = (0..15).map(|at| event("tie", &format!("t{at}"), &instant(0), json!({}))).collect();
    events.extend((0..10).map(|at| event("other", &format!("o{at}"), &instant((at - 5) * SECOND), json!({}))));
    server.ingest(&events);
    for order in ["", "&orderBy=timestamp"] {
        let events = server.follow(&format!("/api/projects/1/events/?limit=4{order}"));
        assert_eq!(events.len(), 25, "{order}");
        assert_eq!(fields(&events, "distinct_id").into_iter().collect::<HashSet<_>>().len(), 25);
        let times = fields(&events, "timestamp");
        assert!(if order.is_empty() { times.is_sorted_by(|a, b| a >= b) } else { times.is_sorted() });
    }
    for id in ["before_id=x&before=2020-01-01", "before_id=00000000-0000-0000-0000-000000000001"] {
        assert_eq!(server.project(&format!("events/?{id}")).status, 400, "{id}");
    }
}

#[test]
fn a5_pages_are_full_whatever_the_density() {
    let server = Server::at(BINARY, "2020-12-10T12:00:00Z");
    let recent = (0..600).map(|at| event("recent", "r", &instant(29 * DAY + at * SECOND), json!({})));
    let older = (0..5_000).map(|at| event("older", "o", &instant(at * 400 * SECOND), json!({})));
    server.ingest(&recent.chain(older).collect::<Vec<_>>());
    let page = server.project("events/?limit=1000");
    assert_eq!(page.results().len(), 1_000);
    assert!(page.json()["next"].is_string());
    assert_eq!(server.follow("/api/projects/1/events/?limit=1000").len(), 5_600);
}

#[test]
fn a6_next_is_there_only_when_more_follows() {
    let server = server();
    server.ingest(&spread(3, SECOND));
    let page = server.project("events/?limit=3");
    assert_eq!((page.results().len(), &page.json()["next"]), (3, &Value::Null));
    let page = server.project("events/?limit=2");
    assert_eq!(page.results().len(), 2);
    assert!(page.json()["next"].is_string());
}

#[test]
fn a7_offset_is_used_once() {
    let server = server();
    server.ingest(&spread(5, SECOND));
    let page = server.project("events/?limit=2&offset=1");
    assert_eq!(numbers(&page.results()), [3, 2]);
    let next = page.json()["next"].as_str().unwrap().to_owned();
    assert!(!next.contains("offset"), "{next}");
    assert_eq!(numbers(&server.get(&next).results()), [1, 0]);
}

#[test]
fn a8_the_trailing_slash_is_kept_as_sent() {
    let server = server();
    server.ingest(&spread(3, SECOND));
    for (path, link) in [("events?limit=1", "/events?limit=1&before="), ("events/?limit=1", "/events/?limit=1&before=")]
    {
        assert!(server.project(path).json()["next"].as_str().unwrap().contains(link), "{path}");
    }
}

#[test]
fn a9_odd_limits_and_offsets() {
    let server = server();
    server.ingest(&spread(120, SECOND));
    let large = server.project("events/?limit=60000");
    assert_eq!(large.results().len(), 120);
    assert!(large.header("x-posthog-warn").is_some());
    assert_eq!(server.project("events/?limit=50000").header("x-posthog-warn"), None);
    let refused = server.project("events/?limit=abc");
    assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!("limit")));
    for limit in ["", "0", "-3"] {
        assert_eq!(server.project(&format!("events/?limit={limit}")).results().len(), 100, "{limit}");
    }
    for offset in ["abc", "-1", ""] {
        assert_eq!(numbers(&server.project(&format!("events/?limit=1&offset={offset}")).results()), [119], "{offset}");
    }
}

#[test]
fn no_row_is_lost_or_repeated_while_events_keep_arriving() {
    let server = server_with(&[("HEDGEROW_MEMORY_BYTES", "200000"), ("HEDGEROW_SEAL_INTERVAL_MS", "200")]);
    let batch = |batch: usize| -> Vec<Value> {
        (0..50).map(|at| json!({"event": "e", "distinct_id": format!("{batch}-{at}"), "properties": {"at": at, "pad": "x".repeat(100)}})).collect()
    };
    for number in 0..20 {
        server.ingest(&batch(number));
    }
    let odd = encode(r#"[{"type":"hogql","key":"toInt(properties.at) % 2 = 1"},{"key":"at","operator":"is_set"}]"#);
    let kinds = [
        ("".to_owned(), 1),
        ("&orderBy=timestamp".to_owned(), 1),
        (format!("&properties={odd}"), 2),
        (format!("&orderBy=timestamp&properties={odd}"), 2),
    ];
    let acknowledged = AtomicUsize::new(20);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 20..60 {
                server.ingest(&batch(number));
                acknowledged.store(number + 1, Relaxed);
            }
        });
        for (query, step) in kinds.iter().cycle() {
            let batches = acknowledged.load(Relaxed);
            let events = server.follow(&format!("/api/projects/1/events/?limit=37{query}"));
            let ids = fields(&events, "distinct_id");
            let distinct: HashSet<_> = ids.iter().collect();
            assert_eq!(distinct.len(), ids.len(), "a row came twice with {query}");
            for number in 0..batches {
                for at in ((step - 1)..50).step_by(*step) {
                    assert!(
                        distinct.contains(&format!("{number}-{at}").as_str()),
                        "{number}-{at} was lost with {query}"
                    );
                }
            }
            if writer.is_finished() {
                break;
            }
        }
        writer.join().unwrap();
    });
    for (query, step) in &kinds {
        let listed = server.follow(&format!("/api/projects/1/events/?limit=1000{query}"));
        assert_eq!(listed.len(), 3_000 / step, "{query}");
    }
}
