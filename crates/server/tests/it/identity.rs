//! Persons, merges and groups as the API shows them.

use serde_json::{Value, json};
use testkit::Server;

use crate::{event, server};

const T: &str = "2026-01-01T11:00:00Z";

fn person(server: &Server, distinct_id: &str) -> Value {
    let people = server.project(&format!("persons/?distinct_id={distinct_id}")).results();
    people.into_iter().next().unwrap_or(Value::Null)
}

/// Events of the person that owns `distinct_id`, sorted by name.
fn events_of(server: &Server, distinct_id: &str) -> Vec<String> {
    let uuid = person(server, distinct_id)["uuid"].as_str().unwrap().to_owned();
    let events = server.project(&format!("events/?person_id={uuid}")).results();
    let mut names: Vec<String> = events.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn identify(distinct_id: &str, anonymous: &str, set: Value) -> Value {
    event("$identify", distinct_id, T, json!({"$anon_distinct_id": anonymous, "$set": set}))
}

#[test]
fn t52_top_level_set_wins() {
    let server = server();
    let mut event = event("a", "u1", T, json!({"$set": {"a": 2, "c": 2}}));
    event["$set"] = json!({"a": 1, "b": 1});
    server.ingest(&[event]);
    let properties = &person(&server, "u1")["properties"];
    assert_eq!((&properties["a"], &properties["b"], &properties["c"]), (&json!(1), &json!(1), &json!(2)));
}

#[test]
fn t61_and_t62_groups() {
    let server = server();
    server.ingest(&[
        event("a", "u1", T, json!({"$groups": {"company": "acme"}})),
        event(
            "$groupidentify",
            "u1",
            T,
            json!({"$group_type": "company", "$group_key": "acme", "$group_set": {"name": "A"}}),
        ),
    ]);
    let types: serde_json::Map<String, Value> = (0..5).map(|at| (format!("type{at}"), json!("x"))).collect();
    server.ingest(&[event("many", "u1", "2026-01-01T11:30:00Z", json!({"$groups": types}))]);
    let listed = server.project("events/").results();
    let properties = |name: &str| &listed.iter().find(|event| event["event"] == name).unwrap()["properties"];
    assert_eq!(properties("a")["$group_0"], json!("acme"));
    let many = properties("many");
    assert_eq!((&many["$group_4"], many.get("$group_5"), &many["$groups"]["type4"]), (&json!("x"), None, &json!("x")));
}

#[test]
fn t58_to_t65_events_are_cleaned() {
    let server = server();
    server.ingest(&[
        event(
            &"e".repeat(250),
            "u1",
            T,
            json!({"$session_id": "01890000-0000-7000-8000-00000000ABCD", "$heatmap_data": {"x": 1}}),
        ),
        event("$$client_ingestion_warning", "u1", T, json!({"$$client_ingestion_warning_message": "m"})),
    ]);
    let listed = server.project("events/").results();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["event"], json!("e".repeat(200)));
    assert_eq!(listed[0]["properties"]["$session_id"], json!("01890000-0000-7000-8000-00000000abcd"));
    assert_eq!(listed[0]["properties"].get("$heatmap_data"), None);
    assert!(server.metric("hedgerow_ingest_warnings_total") >= 1.0);
}

#[test]
fn t67_identify_attaches_the_anonymous_person() {
    let server = server();
    server.ingest(&[event("before", "anon-1", T, json!({})), identify("user-1", "anon-1", json!({}))]);
    let person = person(&server, "user-1");
    assert_eq!(person["uuid"], json!("cfa956a0-5af4-51c6-9ef5-cb3c80e09b69"));
    assert_eq!((&person["distinct_ids"], &person["is_identified"]), (&json!(["anon-1", "user-1"]), &json!(true)));
    assert_eq!(events_of(&server, "user-1"), ["$identify", "before"]);
}

#[test]
fn t68_identify_of_two_unseen_ids_makes_one_person() {
    let server = server();
    server.ingest(&[identify("user-1", "anon-1", json!({}))]);
    assert_eq!(person(&server, "anon-1")["uuid"], json!("6931a681-6e90-500d-8294-14582dcc2e3f"));
}

#[test]
fn t69_merging_two_persons_keeps_the_target() {
    let server = server();
    server.ingest(&[
        event("a", "A", "2025-01-01T00:00:00Z", json!({"$set": {"x": 1, "y": 1}})),
        event("b", "B", T, json!({"$set": {"y": 2}})),
    ]);
    let target = person(&server, "B")["uuid"].clone();
    server.ingest(&[identify("B", "A", json!({}))]);
    let merged = person(&server, "A");
    assert_eq!(merged["uuid"], target);
    assert_eq!((&merged["properties"]["x"], &merged["properties"]["y"]), (&json!(1), &json!(2)));
    assert_eq!(merged["created_at"], json!("2025-01-01T00:00:00Z"));
    assert_eq!(events_of(&server, "A"), ["$identify", "a", "b"]);
    assert_eq!(server.project("persons/").results().len(), 1);
}

#[test]
fn t70_an_identified_person_is_not_merged_away_and_t71_unless_dangerously() {
    let server = server();
    server.ingest(&[identify("A", "anon", json!({})), event("b", "B", T, json!({}))]);
    server.ingest(&[identify("B", "A", json!({"k": 1}))]);
    assert_ne!(person(&server, "A")["uuid"], person(&server, "B")["uuid"]);
    assert_eq!(
        (&person(&server, "B")["is_identified"], &person(&server, "B")["properties"]["k"]),
        (&json!(true), &json!(1))
    );
    server.ingest(&[event("$merge_dangerously", "B", T, json!({"alias": "A"}))]);
    assert_eq!(person(&server, "A")["uuid"], person(&server, "B")["uuid"]);
    assert_eq!(events_of(&server, "anon").len(), 4);
}

#[test]
fn t72_placeholders_are_not_merged() {
    let server = server();
    for id in ["null", "Guest", "'undefined'"] {
        server.ingest(&[identify(id, "a1", json!({}))]);
        assert_eq!(person(&server, "a1"), Value::Null, "{id}");
    }
}

#[test]
fn t73_alias_in_the_order_of_the_python_sdk() {
    let server = server();
    server.ingest(&[identify("user-1", "x", json!({})), event("seen", "anon-9", T, json!({}))]);
    let alias = |id: &str| event("$create_alias", id, T, json!({"alias": "user-1"}));
    server.ingest(&[alias("anon-9")]);
    assert_ne!(person(&server, "anon-9")["uuid"], person(&server, "user-1")["uuid"]);
    server.ingest(&[alias("anon-10")]);
    assert_eq!(person(&server, "anon-10")["uuid"], person(&server, "user-1")["uuid"]);
}

#[test]
fn t74_personless_events_have_a_derived_person_id_and_no_person() {
    let server = server();
    let properties = json!({"$process_person_profile": false, "$set": {"a": 1}, "$groups": {"company": "acme"}});
    server.ingest(&[event("a", "p1", T, properties)]);
    assert_eq!(person(&server, "p1"), Value::Null);
    let listed = server.project("events/?person_id=04244017-c829-574d-8faa-aa8e7378e88f").results();
    assert_eq!((listed.len(), &listed[0]["person"]), (1, &Value::Null));
    let properties = &listed[0]["properties"];
    assert_eq!(
        (properties.get("$set"), properties.get("$group_0"), &properties["$groups"]),
        (None, None, &json!({"company": "acme"}))
    );
    assert_eq!(properties["$process_person_profile"], json!(false));
}

#[test]
fn t75_a_personless_id_becomes_the_person_that_is_identified() {
    let server = server();
    server.ingest(&[event("before", "p1", T, json!({"$process_person_profile": false}))]);
    server.ingest(&[identify("user-2", "p1", json!({}))]);
    assert_eq!(person(&server, "user-2")["uuid"], json!("04244017-c829-574d-8faa-aa8e7378e88f"));
    assert_eq!(events_of(&server, "user-2"), ["$identify", "before"]);
    server.ingest(&[event("later", "p3", T, json!({"$process_person_profile": false}))]);
    server.ingest(&[identify("user-2", "p3", json!({}))]);
    assert_eq!(events_of(&server, "user-2"), ["$identify", "$identify", "before", "later"]);
}

#[test]
fn t76_a_personless_identify_is_dropped() {
    let server = server();
    server.ingest(&[event("$identify", "u", T, json!({"$anon_distinct_id": "a", "$process_person_profile": false}))]);
    assert_eq!(server.project("events/").results().len(), 0);
}

#[test]
fn t77_to_t79_retries_are_one_event_and_the_last_copy_wins() {
    let server = server();
    let copy = |name: &str, k: i64| {
        let mut event = event(name, "u1", T, json!({"k": k}));
        event["uuid"] = json!("01890000-0000-7000-8000-000000000001");
        event
    };
    server.ingest(&[copy("a", 1)]);
    server.ingest(&[copy("a", 1)]);
    server.ingest(&[copy("a", 2), copy("a", 3)]);
    let listed = server.project("events/").results();
    assert_eq!((listed.len(), &listed[0]["properties"]["k"]), (1, &json!(3)));
    server.ingest(&[copy("b", 4)]);
    assert_eq!(server.project("events/").results().len(), 2);
}
