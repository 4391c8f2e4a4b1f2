//! Which answers are given again, and what a client can say about it; variables and modifiers of a question.

use serde_json::{Value, json};
use testkit::{Answer, Server};

use crate::{event, server};

const TEN: &str = "2026-01-01T10:00:00Z";
const COUNT: &str = "select count() from events";

fn send(server: &Server, query: &Value, more: Value) -> Answer {
    let mut body = json!({"query": query});
    for (name, value) in more.as_object().unwrap() {
        body[name.as_str()] = value.clone();
    }
    server.post("/api/projects/1/query/", &body)
}

fn ask(server: &Server, text: &str, refresh: Value) -> Value {
    let answer = send(server, &json!({"kind": "HogQLQuery", "query": text}), json!({"refresh": refresh}));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// The answer once it is given again. What is noted of events in the background counts as a change for a while.
fn again(server: &Server, query: &Value) -> Value {
    let mut answer = Value::Null;
    server.wait_until("an answer is given again", || {
        answer = send(server, query, json!({})).json();
        answer["is_cached"] == true
    });
    answer
}

#[test]
fn an_answer_is_given_again_until_something_changes() {
    let server = server();
    server.ingest(&[event("e", "d", TEN, json!({}))]);
    let first = ask(&server, COUNT, Value::Null);
    assert_eq!((&first["is_cached"], &first["results"]), (&json!(false), &json!([[1]])));
    assert_eq!(first["last_refresh"], "2026-01-01T12:00:00Z");
    assert_eq!(first["next_allowed_client_refresh"], "2026-01-01T12:15:00Z");
    assert_eq!(first["cache_target_age"], "2026-01-01T12:15:00Z");
    assert!(first["cache_key"].as_str().unwrap().starts_with("cache_1_"), "{first}");
    let again = again(&server, &json!({"kind": "HogQLQuery", "query": COUNT}));
    assert_eq!(again["results"], json!([[1]]));
    assert_eq!((&again["cache_key"], &again["hogql"]), (&first["cache_key"], &first["hogql"]));
    let wrapped = json!({"kind": "DataVisualizationNode", "source": {"kind": "HogQLQuery", "query": COUNT}});
    assert_eq!(send(&server, &wrapped, json!({})).json()["is_cached"], true);
    let other = ask(&server, "select count() + 0 from events", Value::Null);
    assert_eq!(other["is_cached"], false);
    assert_ne!(other["cache_key"], first["cache_key"]);
    assert_eq!(ask(&server, COUNT, json!("force_blocking"))["is_cached"], false);
    assert_eq!(ask(&server, COUNT, json!(true))["is_cached"], false);
    // An event that can be read is never hidden by an answer from before it.
    server.ingest(&[event("e", "d", TEN, json!({"n": 2}))]);
    let fresh = ask(&server, COUNT, Value::Null);
    assert_eq!((&fresh["is_cached"], &fresh["results"]), (&json!(false), &json!([[2]])));
}

#[test]
fn changes_of_metadata_count_as_well() {
    let server = server();
    server.ingest(&[event("e", "d1", TEN, json!({"$set": {"plan": "pro"}})), event("e", "d2", TEN, json!({}))]);
    let text = "select count() from persons where properties.plan = 'pro'";
    assert_eq!(ask(&server, text, Value::Null)["results"], json!([[1]]));
    let person = server.project("persons/?distinct_id=d2").results()[0]["uuid"].clone();
    let path = format!("/api/projects/1/persons/{}/", person.as_str().unwrap());
    assert_eq!(server.patch(&path, &json!({"properties": {"plan": "pro"}})).status / 100, 2);
    assert_eq!(ask(&server, text, Value::Null)["results"], json!([[2]]));
    let zone = "select toString(toDateTime('2026-01-01T00:00:00Z'))";
    assert_eq!(ask(&server, zone, Value::Null)["results"], json!([["2026-01-01 00:00:00.000000"]]));
    assert_eq!(server.patch("/api/projects/1/", &json!({"timezone": "Asia/Tokyo"})).status, 200);
    assert_eq!(ask(&server, zone, Value::Null)["results"], json!([["2026-01-01 09:00:00.000000"]]));
}

#[test]
fn an_old_answer_is_given_to_whoever_asks_for_it() {
    let server = server();
    let query = json!({"kind": "HogQLQuery", "query": COUNT});
    let cached = |refresh: &str| send(&server, &query, json!({"refresh": refresh}));
    let miss = cached("force_cache");
    assert_eq!((miss.status, &miss.json()["results"], &miss.json()["is_cached"]), (200, &Value::Null, &json!(false)));
    assert!(miss.json()["cache_key"].is_string());
    assert_eq!(cached("async_except_on_cache_miss").json()["results"], json!([[0]]));
    server.ingest(&[event("e", "d", TEN, json!({}))]);
    let old = |answer: Answer| {
        assert_eq!((&answer.json()["results"], &answer.json()["is_cached"]), (&json!([[0]]), &json!(true)));
        answer.status
    };
    assert_eq!(old(cached("force_cache")), 200);
    assert_eq!(old(cached("lazy_async")), 200);
    // A newer one is on its way, under an id.
    let started = cached("async");
    assert_eq!(started.json()["query_status"]["complete"], false, "{}", started.body);
    let id = started.json()["query_status"]["id"].as_str().unwrap().to_owned();
    assert_eq!(old(started), 202);
    server.wait_until("it is done", || server.get(&format!("/api/projects/1/query/{id}/")).status == 200);
    server.wait_until("the new one is given", || {
        let fresh = cached("async");
        fresh.status == 200 && fresh.json()["results"] == json!([[1]]) && fresh.json()["is_cached"] == true
    });
    assert_eq!(cached("async_except_on_cache_miss").json()["is_cached"], true);
    assert_eq!(cached("force_async").status, 202);
    assert_eq!(cached("sometimes").status, 400);
    assert_eq!(send(&server, &query, json!({"refresh": 7})).status, 400);
    assert_eq!(send(&server, &query, json!({"async": true, "client_query_id": "x"})).status / 100, 2);
}

#[test]
fn projects_do_not_share_answers() {
    let server = server();
    server.ingest(&[event("e", "d", TEN, json!({}))]);
    assert_eq!(ask(&server, COUNT, Value::Null)["results"], json!([[1]]));
    let other = server.post("/api/projects/", &json!({"name": "other"})).json()["id"].clone();
    let body = json!({"query": {"kind": "HogQLQuery", "query": COUNT}, "refresh": "force_cache"});
    assert_eq!(server.post(&format!("/api/projects/{other}/query/"), &body).json()["results"], Value::Null);
}

#[test]
fn charts_are_kept_too_and_sooner_stale() {
    let server = server();
    server.ingest(&[event("$pageview", "d", TEN, json!({}))]);
    let chart = |range: &str, interval: &str| {
        let query = json!({
            "kind": "TrendsQuery", "series": [{"kind": "EventsNode", "event": "$pageview"}], "interval": interval,
            "dateRange": {"date_from": range},
        });
        send(&server, &query, json!({})).json()
    };
    let week = chart("-7d", "day");
    assert_eq!(
        (&week["is_cached"], &week["next_allowed_client_refresh"]),
        (&json!(false), &json!("2026-01-01T12:03:00Z"))
    );
    server.wait_until("a chart is given again", || {
        let again = chart("-7d", "day");
        assert_eq!(again["results"], week["results"]);
        again["is_cached"] == true
    });
    assert_eq!(chart("-90d", "day")["next_allowed_client_refresh"], "2026-01-01T12:15:00Z");
    assert_eq!(chart("-90d", "hour")["next_allowed_client_refresh"], "2026-01-01T12:03:00Z");
}

#[test]
fn a_kind_in_the_path_has_to_be_that_of_the_query() {
    let server = server();
    let body = json!({"query": {"kind": "HogQLQuery", "query": "select 1"}});
    assert_eq!(server.post("/api/projects/1/query/HogQLQuery/", &body).json()["results"], json!([[1]]));
    let other = server.post("/api/projects/1/query/EventsQuery/", &body);
    assert_eq!((other.status, &other.json()["attr"]), (400, &json!("query")), "{}", other.body);
}

#[test]
fn variables_come_with_the_query_and_can_be_overridden() {
    let server = server();
    let variable = |value: Value, is_null: bool| json!({"v1": {"code_name": "name", "variableId": "v1", "value": value, "isNull": is_null}});
    let query =
        |variables: Value| json!({"kind": "HogQLQuery", "query": "select {variables.name}", "variables": variables});
    let results = |query: &Value, more: Value| send(&server, query, more).json()["results"].clone();
    assert_eq!(results(&query(variable(json!("a'b"), false)), json!({})), json!([["a'b"]]));
    assert_eq!(results(&query(variable(json!([1, 2]), false)), json!({})), json!([[[1, 2]]]));
    assert_eq!(results(&query(variable(json!("x"), true)), json!({})), json!([[null]]));
    let over = json!({"variables_override": variable(json!("over"), false)});
    assert_eq!(results(&query(variable(json!("x"), false)), over.clone()), json!([["over"]]));
    for (query, more, reason) in [
        (query(json!({})), json!({}), "Variable name is missing from query"),
        (query(variable(json!({"a": 1}), false)), json!({}), "not supported"),
        (query(json!({"v1": {"value": 1}})), json!({}), "code_name"),
        (query(json!([])), json!({}), "dictionary"),
    ] {
        let answer = send(&server, &query, more);
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(reason), "{query}: {}", answer.body);
    }
}

#[test]
fn modifiers_are_taken_or_refused_never_ignored() {
    let server = server();
    let with = |modifiers: Value| {
        let query = json!({"kind": "HogQLQuery", "query": "select 1", "modifiers": modifiers, "explain": true});
        send(&server, &query, json!({}))
    };
    let taken = with(json!({"inCohortVia": "subquery", "debug": true, "timings": true}));
    assert_eq!(taken.status, 200, "{}", taken.body);
    assert_eq!(taken.json()["metadata"]["isValid"], true);
    assert!(!taken.json()["explain"].as_array().unwrap().is_empty(), "{}", taken.body);
    assert_eq!(with(json!({})).json()["metadata"], Value::Null);
    for refused in [json!({"colour": "red"}), json!({"convertToProjectTimezone": false}), json!({"debug": 1})] {
        assert_eq!(with(refused.clone()).status, 400, "{refused}");
    }
    let bounce = |seconds: u32| {
        let text = "select $is_bounce from sessions";
        let query = json!({"kind": "HogQLQuery", "query": text, "modifiers": {"bounceRateDurationSeconds": seconds}});
        send(&server, &query, json!({})).json()["results"].clone()
    };
    let session = "0190a000-0000-7000-8000-000000000001";
    server.ingest(&[
        event("$pageview", "d", "2026-01-01T10:00:00Z", json!({"$session_id": session})),
        event("other", "d", "2026-01-01T10:00:20Z", json!({"$session_id": session})),
    ]);
    assert_eq!((bounce(10), bounce(30)), (json!([[false]]), json!([[true]])));
}
