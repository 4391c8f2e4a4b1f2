//! Filters of lists.

use serde_json::{Value, json};
use testkit::{Server, encode};

use crate::{event, fields, server};

const NOON: &str = "2026-01-01T11:00:00Z";

/// A server with one event per element of `properties`, named `0`, `1`, ….
fn with_properties(properties: &[Value]) -> Server {
    let server = server();
    let events: Vec<Value> = properties
        .iter()
        .enumerate()
        .map(|(at, p)| event(&at.to_string(), &format!("d{at}"), NOON, p.clone()))
        .collect();
    server.ingest(&events);
    server
}

/// Names of the events that pass `filter`, sorted.
fn matching(server: &Server, filter: &Value) -> String {
    let answer = server.project(&format!("events/?properties={}", encode(&filter.to_string())));
    let mut names: Vec<String> = fields(&answer.results(), "event").into_iter().map(str::to_owned).collect();
    names.sort();
    names.join(" ")
}

fn leaf(operator: &str, value: Value) -> Value {
    json!([{"key": "a", "operator": operator, "value": value}])
}

#[test]
fn c1_event_names_are_exact() {
    let server = server();
    server.ingest(&[event("event_name", "1", NOON, json!({})), event("other", "1", NOON, json!({}))]);
    for (query, count) in
        [("event=event_name", 1), ("event=EVENT_NAME", 0), ("event=", 2), ("distinct_id=", 0), ("distinct_id=1", 2)]
    {
        assert_eq!(server.project(&format!("events/?{query}")).results().len(), count, "{query}");
    }
}

#[test]
fn c2_person_id_means_all_of_a_persons_distinct_ids() {
    let server = server();
    server.ingest(&[
        event("a", "2", NOON, json!({})),
        event("$identify", "some-random-uid", NOON, json!({"$anon_distinct_id": "2"})),
        event("b", "some-other-one", NOON, json!({})),
    ]);
    let person = &server.project("persons/?distinct_id=2").results()[0];
    let uuid = person["uuid"].as_str().unwrap();
    assert_eq!(server.project(&format!("events/?person_id={uuid}")).results().len(), 2);
    // Integer ids count from one in the order persons appear.
    assert_eq!(server.project("events/?person_id=1").results().len(), 2);
    for unknown in ["5555555555", "99999999999999999999", "00000000-0000-0000-0000-000000000001"] {
        assert_eq!(server.project(&format!("events/?person_id={unknown}")).results().len(), 0, "{unknown}");
    }
    assert_eq!(server.project("events/?person_id=tom").status, 400);
}

#[test]
fn c3_projects_do_not_see_each_other() {
    let server = server();
    let other = server.post("/api/projects/", &json!({"name": "Other"})).json();
    server.ingest(&[event("mine", "1", NOON, json!({}))]);
    server.ingest_as(other["api_token"].as_str().unwrap(), &[event("theirs", "1", NOON, json!({"secret": "canary"}))]);
    assert_eq!(fields(&server.project("events/").results(), "event"), ["mine"]);
    assert!(!server.project("events/values/?key=secret").body.contains("canary"));
    let theirs = server.get(&format!("/api/projects/{}/events/", other["id"])).results();
    assert_eq!(fields(&theirs, "event"), ["theirs"]);
    let id = theirs[0]["id"].as_str().unwrap();
    assert_eq!(server.project(&format!("events/{id}/")).status, 404);
    // The token of the other project in the query wins over the path.
    let by_token = server.project(&format!("events/?token={}", other["api_token"].as_str().unwrap()));
    assert_eq!(fields(&by_token.results(), "event"), ["theirs"]);
    assert_eq!(server.project("events/?token=phc_unknown").status, 401);
}

#[test]
fn d1_exact_is_the_default_operator() {
    let server = with_properties(&[json!({"$browser": "Safari"}), json!({"$browser": "Chrome"})]);
    assert_eq!(matching(&server, &json!([{"key": "$browser", "value": "Safari"}])), "0");
    let refused = server.project("events/?properties=invalid_json");
    let expected = json!({"type": "validation_error", "code": "invalid_input", "detail": "Properties are unparsable!", "attr": null});
    assert_eq!((refused.status, refused.json()), (400, expected));
}

#[test]
fn d2_is_not_matches_what_has_no_value() {
    let server = with_properties(&[json!({"a": "b"}), json!({"a": "c"}), json!({})]);
    assert_eq!(matching(&server, &leaf("is_not", json!("b"))), "1 2");
    assert_eq!(matching(&server, &leaf("exact", json!(["b", "c"]))), "0 1");
    assert_eq!(matching(&server, &leaf("is_not", json!(["b", "c"]))), "2");
    assert_eq!(matching(&server, &leaf("in", json!(["b"]))), "0");
    assert_eq!(matching(&server, &leaf("not_in", json!(["b"]))), "1 2");
}

#[test]
fn d3_contains_ignores_case_and_takes_text_literally() {
    let server = with_properties(&[json!({"a": "demo"}), json!({"a": "100%"}), json!({})]);
    assert_eq!(matching(&server, &leaf("icontains", json!("MO"))), "0");
    assert_eq!(matching(&server, &leaf("not_icontains", json!("mo"))), "1 2");
    assert_eq!(matching(&server, &leaf("icontains", json!(["x", "mo"]))), "0");
    assert_eq!(matching(&server, &leaf("not_icontains", json!(["x", "mo"]))), "1 2");
    assert_eq!(matching(&server, &leaf("icontains", json!("0%"))), "1");
}

#[test]
fn d4_regular_expressions() {
    let server = with_properties(&[json!({"a": "abc"}), json!({"a": "Abc"}), json!({})]);
    assert_eq!(matching(&server, &leaf("regex", json!("^ab"))), "0");
    assert_eq!(matching(&server, &leaf("not_regex", json!("^ab"))), "1 2");
    assert_eq!(matching(&server, &leaf("regex", json!(["^z", "^a"]))), "0");
    assert_eq!(matching(&server, &leaf("regex", json!("("))), "");
    let answer = server.project(&format!("events/?properties={}", encode(&leaf("regex", json!("(")).to_string())));
    assert!(answer.header("x-posthog-warn").is_some());
}

#[test]
fn d5_order_is_numeric_where_both_are_numbers() {
    let server = with_properties(&[json!({"a": 5}), json!({"a": "10"}), json!({"a": "abc"}), json!({})]);
    for (operator, value, expected) in [
        ("gt", json!(9), "1"),
        ("lt", json!(9), "0"),
        ("gte", json!(5), "0 1"),
        ("lte", json!(5), "0"),
        ("between", json!([5, 10]), "0 1"),
        ("not_between", json!([6, 9]), "0 1"),
    ] {
        assert_eq!(matching(&server, &leaf(operator, value)), expected, "{operator}");
    }
    for value in [json!([10, 5]), json!(5)] {
        let path = format!("events/?properties={}", encode(&leaf("between", value).to_string()));
        assert_eq!(server.project(&path).status, 400);
    }
}

#[test]
fn d6_null_is_not_set_and_empty_text_is() {
    let server = with_properties(&[json!({"a": null}), json!({"a": ""}), json!({"a": 0}), json!({})]);
    assert_eq!(matching(&server, &json!([{"key": "a", "operator": "is_set"}])), "1 2");
    assert_eq!(matching(&server, &leaf("is_not_set", json!("x"))), "0 3");
}

#[test]
fn d9_booleans_and_their_text() {
    let server = with_properties(&[json!({"a": true}), json!({"a": "true"}), json!({"a": false})]);
    assert_eq!(matching(&server, &leaf("exact", json!("true"))), "0 1");
    assert_eq!(matching(&server, &leaf("exact", json!(true))), "0 1");
    assert_eq!(matching(&server, &leaf("exact", json!(["TRUE"]))), "");
}

#[test]
fn d10_groups_nest() {
    let server =
        with_properties(&[json!({"a": "1"}), json!({"b": "2", "c": "4"}), json!({"b": "2", "c": "3"}), json!({})]);
    let filter = json!({"type": "OR", "values": [
        {"key": "a", "value": "1"},
        {"type": "AND", "values": [{"key": "b", "value": "2"}, {"key": "c", "value": "3", "operator": "is_not"}]},
    ]});
    assert_eq!(matching(&server, &filter), "0 1");
    assert_eq!(matching(&server, &json!({"type": "AND", "values": []})), "0 1 2 3");
}

#[test]
fn d11_incomplete_leaves_filter_nothing_but_say_so() {
    let server = with_properties(&[json!({"a": "1"}), json!({})]);
    for filter in [json!([{}]), json!([{"key": "a"}]), json!([{"key": "a", "value": []}])] {
        assert_eq!(matching(&server, &filter), "0 1", "{filter}");
        let path = format!("events/?properties={}", encode(&filter.to_string()));
        assert!(server.project(&path).header("x-posthog-warn").is_some(), "{filter}");
        assert_eq!(server.project(&format!("{path}&strict=1")).status, 400, "{filter}");
    }
}

#[test]
fn d13_person_properties_as_of_the_event() {
    let server = server();
    server.ingest(&[
        event("a", "1", NOON, json!({"$set": {"email": "tom@posthog.com"}})),
        event("$identify", "2", NOON, json!({"$anon_distinct_id": "1"})),
        event("b", "2", NOON, json!({})),
        event("c", "3", NOON, json!({"$set": {"email": "ann@posthog.com"}})),
    ]);
    assert_eq!(
        matching(&server, &json!([{"type": "person", "key": "email", "value": "tom@posthog.com"}])),
        "$identify a b"
    );
}

#[test]
fn what_is_not_served_yet_is_refused_and_never_ignored() {
    let server = with_properties(&[json!({"a": "1"})]);
    for query in [
        "select=%5B%22event%22%5D",
        "where=%5B%221%22%5D",
        "action_id=1",
        "format=csv",
        "properties=%5B%7B%22key%22%3A%22id%22%2C%22value%22%3A7%2C%22type%22%3A%22cohort%22%7D%5D",
    ] {
        let refused = server.project(&format!("events/?{query}"));
        assert_eq!((refused.status, &refused.json()["type"]), (400, &json!("validation_error")), "{query}");
    }
    for kind in ["group", "static-cohort", "element", "session", "hogql", "event_metadata", "recording", "nonsense"] {
        let leaf = json!([{"key": "tag_name", "value": "1", "type": kind, "group_type_index": 0}]);
        assert_eq!(server.project(&format!("events/?properties={}", encode(&leaf.to_string()))).status, 400, "{kind}");
    }
    for operator in
        ["is_date_after", "is_date_before", "is_date_exact", "semver_gt", "is_cleaned_path_exact", "nonsense"]
    {
        let path = format!("events/?properties={}", encode(&leaf(operator, json!("1")).to_string()));
        assert_eq!(server.project(&path).status, 400, "{operator}");
    }
    assert_eq!(server.project("events/?unknown=1").results().len(), 1);
}
