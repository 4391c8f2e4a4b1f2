//! What events, persons and values look like.

use serde_json::{Value, json};

use crate::{event, server};

const NOON: &str = "2026-01-01T11:00:00Z";

#[test]
fn e1_autocapture_has_elements_and_other_events_have_none() {
    let server = server();
    let elements = json!([{"tag_name": "button", "$el_text": "something"}, {"tag_name": "div"}]);
    server.ingest(&[
        event("$autocapture", "1", NOON, json!({"$elements": elements})),
        event("plain", "1", "2026-01-01T10:00:00Z", json!({})),
    ]);
    let events = server.project("events/").results();
    let shown = events[0]["elements"].as_array().unwrap();
    assert_eq!(
        (&shown[0]["tag_name"], &shown[0]["text"], &shown[0]["event"]),
        (&json!("button"), &json!("something"), &Value::Null)
    );
    assert_eq!((&shown[0]["order"], &shown[1]["order"]), (&json!(0), &json!(1)));
    assert_eq!((&events[1]["elements"], &events[1]["elements_chain"]), (&json!([]), &json!("")));
    let keys: Vec<&String> = events[0].as_object().unwrap().keys().collect();
    let mut expected =
        ["id", "distinct_id", "properties", "event", "timestamp", "person", "elements", "elements_chain"];
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

#[test]
fn e2_persons_show_their_oldest_id_and_few_properties() {
    let server = server();
    server.ingest(&[
        event("a", "2", NOON, json!({"$set": {"email": "tim@posthog.com", "age": 3}})),
        event("$identify", "some-random-uid", NOON, json!({"$anon_distinct_id": "2"})),
    ]);
    let expected = json!({"is_identified": true, "distinct_ids": ["2"], "properties": {"email": "tim@posthog.com"}});
    for event in server.project("events/").results() {
        assert_eq!(event["person"], expected);
    }
    assert_eq!(server.project("events/?include_person=false").results()[0]["person"], Value::Null);
}

#[test]
fn e3_chains_are_decoded() {
    let server = server();
    server.ingest(&[event(
        "a",
        "1",
        NOON,
        json!({"$elements_chain": "a.md:hover.x:nth-child=\"1\";div:attr__style=\"a;b\""}),
    )]);
    let event = &server.project("events/").results()[0];
    assert_eq!(event["elements"][0]["attr_class"], json!(["md:hover", "x"]));
    assert_eq!(event["elements"][0]["nth_child"], json!(1));
    assert_eq!(event["elements"][1]["attributes"], json!({"attr__style": "a;b"}));
    assert_eq!(event["elements_chain"], json!("a.md:hover.x:nth-child=\"1\";div:attr__style=\"a;b\""));
    assert_eq!(event["properties"].get("$elements_chain"), None);
}

#[test]
fn properties_come_back_as_they_were_sent() {
    let server = server();
    let body = r#"{"api_key":"phc_test","event":"a","distinct_id":"1","properties":{"price":1.10,"big":12345678901234567890123,"text":"\"quoted\" é \u0000","nested":{"b":[1,null,{}]},"n":null}}"#;
    assert_eq!(server.send("POST", "/e/", &[], body.as_bytes()).status, 200);
    server.settle();
    let listed = server.project("events/").body;
    for part in [
        r#""price":1.10"#,
        r#""big":12345678901234567890123"#,
        r#""text":"\"quoted\" é \u0000""#,
        r#""nested":{"b":[1,null,{}]}"#,
        r#""n":null"#,
    ] {
        assert!(listed.contains(part), "{part} is not in {listed}");
    }
}

#[test]
fn f1_retrieve_shows_one_event() {
    let server = server();
    server.ingest(&[event("a", "1", NOON, json!({"k": 1}))]);
    let listed = server.project("events/").results().remove(0);
    let id = listed["id"].as_str().unwrap();
    let mut expected = listed.clone();
    expected["person"] = Value::Null;
    for path in
        [format!("events/{id}"), format!("events/{id}/"), format!("events/{}", id.replace('-', "").to_uppercase())]
    {
        assert_eq!(server.project(&path).json(), expected, "{path}");
    }
    assert_eq!(server.project(&format!("events/{id}/?include_person=true")).json(), listed);
}

#[test]
fn f2_retrieve_refuses_what_is_no_uuid_and_misses_what_is_not_there() {
    let server = server();
    for id in ["123456", "im_a_string"] {
        let answer = server.project(&format!("events/{id}"));
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (400, r#"{"detail":"Invalid UUID","code":"invalid","type":"validation_error"}"#)
        );
    }
    let id = "01890000-0000-7000-8000-00000000ABCD";
    let answer = server.project(&format!("events/{id}/"));
    assert_eq!(
        (answer.status, answer.json()["detail"].clone()),
        (404, json!(format!("No events exist for event UUID {id}")))
    );
}

fn names(answer: &testkit::Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json().as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

fn with_values() -> testkit::Server {
    let server = server();
    let of = |value: Value| event("random event", "1", NOON, json!({"random_prop": value}));
    server.ingest(&[
        of(json!("asdf")),
        of(json!("asdf")),
        of(json!("qwerty")),
        of(json!(true)),
        of(json!(false)),
        of(json!({"last_name": "Smith", "first_name": "Mary"})),
        of(json!(565)),
        of(json!(["item1", "item2"])),
        of(json!(["item3"])),
        event("random event", "1", "2025-12-01T00:00:00Z", json!({"random_prop": "too old"})),
        event("foo", "1", NOON, json!({"random_prop": "foo"})),
    ]);
    server
}

#[test]
fn f3_values_are_distinct_and_recent() {
    let server = with_values();
    let answer = server.project("events/values/?key=random_prop&event_name=random+event");
    assert_eq!(answer.header("cache-control"), Some("max-age=10"));
    let mut found = names(&answer);
    assert_eq!(found[0], "asdf");
    found.sort();
    let mut expected = [
        "asdf",
        "qwerty",
        "true",
        "false",
        r#"{"first_name": "Mary", "last_name": "Smith"}"#,
        "565",
        "item1",
        "item2",
        "item3",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
    let envelope = server.project("events/values/?key=random_prop&envelope=1").json();
    assert_eq!(envelope["refreshing"], json!(false));
}

#[test]
fn f4_values_can_be_searched() {
    let server = with_values();
    for search in ["qw", "QW"] {
        assert_eq!(names(&server.project(&format!("events/values/?key=random_prop&value={search}")))[0], "qwerty");
    }
    assert_eq!(names(&server.project("events/values/?key=random_prop&value=6")), ["565"]);
    let both = "events/values/?key=random_prop&value=6&event_name=foo&event_name=random%20event";
    assert_eq!(names(&server.project(both)), ["565"]);
    assert_eq!(names(&server.project("events/values/?key=random_prop&event_name=404_i_dont_exist")), [""; 0]);
    assert_eq!(names(&server.project("events/values/?key=event&is_column=true&value=foo")), ["foo"]);
    assert_eq!(server.project("events/values/?key=nonsense&is_column=true").status, 400);
}

#[test]
fn f5_custom_event_names() {
    let server = server();
    let all = ["test", "new event", "another event", "$pageview"];
    server.ingest(&all.map(|name| event(name, "1", NOON, json!({}))));
    assert_eq!(names(&server.project("events/values/?key=custom_event")), ["another event", "new event", "test"]);
    let refused = server.project("events/values/");
    assert_eq!((refused.status, refused.json()["detail"].clone()), (400, json!("You must provide a key")));
}
