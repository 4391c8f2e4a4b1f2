//! Time bounds of lists.

use serde_json::{Value, json};
use testkit::{Server, encode};

use crate::{BINARY, event, fields, server};

fn three_days() -> Server {
    let server = Server::at(BINARY, "2020-01-11T12:03:03.829294Z");
    let events: Vec<Value> = ["2020-01-10", "2020-01-08", "2020-01-07"]
        .iter()
        .map(|day| event(day, "1", &format!("{day}T00:00:00Z"), json!({})))
        .collect();
    server.ingest(&events);
    server
}

fn listed(server: &Server, query: &str) -> Vec<String> {
    fields(&server.project(&format!("events/?{query}")).results(), "event").into_iter().map(str::to_owned).collect()
}

#[test]
fn b1_relative_bounds() {
    let server = three_days();
    for (query, count) in [
        ("after=4d&before=1d", 2),
        ("after=6d&before=2h", 3),
        ("before=4d", 1),
        ("after=-4d&before=-1d", 2),
        ("after=all", 3),
    ] {
        assert_eq!(listed(&server, query).len(), count, "{query}");
    }
}

#[test]
fn b2_absolute_bounds() {
    let server = three_days();
    assert_eq!(listed(&server, "after=2020-01-09T00:00:00.000Z"), ["2020-01-10"]);
    assert_eq!(listed(&server, "before=2020-01-09T00:00:00.000Z"), ["2020-01-08", "2020-01-07"]);
    assert_eq!(listed(&server, "after=2020-01-09&before=2020-01-08"), [""; 0]);
}

#[test]
fn b3_a_few_seconds_of_future_are_shown() {
    let server = Server::at(BINARY, "2020-01-10T04:01:34Z");
    server.ingest(&[
        event("now", "1", "2020-01-10T04:01:34Z", json!({})),
        event("later", "1", "2020-01-10T04:01:44Z", json!({})),
    ]);
    assert_eq!(listed(&server, ""), ["now"]);
    assert_eq!(listed(&server, "before=2020-01-10T04:02:34Z"), ["later", "now"]);
}

#[test]
fn b4_bounds_are_exclusive() {
    let server = three_days();
    let at = "2020-01-08T00:00:00Z";
    assert_eq!(listed(&server, &format!("after={at}")), ["2020-01-10"]);
    assert_eq!(listed(&server, &format!("before={at}")), ["2020-01-07"]);
}

#[test]
fn b5_dates_without_offset_are_in_the_projects_zone() {
    let server = Server::at(BINARY, "2020-01-11T12:00:00Z");
    let project = server.post("/api/projects/", &json!({"name": "NY", "timezone": "America/New_York"})).json();
    let token = project["api_token"].as_str().unwrap();
    server.ingest_as(
        token,
        &[
            event("02:00", "1", "2020-01-10T02:00:00Z", json!({})),
            event("06:00", "1", "2020-01-10T06:00:00Z", json!({})),
        ],
    );
    let listed = |query: &str| {
        let path = format!("/api/projects/{}/events/?{query}", project["id"]);
        fields(&server.get(&path).results(), "event").len()
    };
    assert_eq!(listed("after=2020-01-10T00:00:00"), 1);
    assert_eq!(listed("after=2020-01-10"), 1);
    assert_eq!(listed("after=2020-01-10T00:00:00Z"), 2);
}

#[test]
fn b7_an_unescaped_plus_works_and_nonsense_is_refused() {
    let server = three_days();
    assert_eq!(listed(&server, "after=2020-01-09T00:00:00+00:00"), ["2020-01-10"]);
    assert_eq!(listed(&server, &format!("after={}", encode("2020-01-09T00:00:00+00:00"))), ["2020-01-10"]);
    for parameter in ["after", "before"] {
        let refused = server.project(&format!("events/?{parameter}=nonsense"));
        assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!(parameter)));
    }
}

#[test]
fn b8_without_bounds_old_events_are_listed() {
    let server = server();
    server.ingest(&[event("old", "1", "2023-01-01T00:00:00Z", json!({}))]);
    assert_eq!(listed(&server, ""), ["old"]);
}

#[test]
fn b6_minutes_months_and_starts_of_days() {
    let server = server();
    server.ingest(&[
        event("minutes", "1", "2026-01-01T11:55:00Z", json!({})),
        event("months", "1", "2025-04-01T00:00:00Z", json!({})),
        event("yesterday", "1", "2025-12-31T00:00:00.000001Z", json!({})),
    ]);
    let listed = |after: &str| fields(&server.project(&format!("events/?after={after}")).results(), "event").join(" ");
    assert_eq!(listed("-10M"), "minutes");
    assert_eq!(listed("-10m"), "minutes yesterday months");
    assert_eq!(listed("-1dStart"), "minutes yesterday");
    assert_eq!(listed("dStart"), "minutes");
}
