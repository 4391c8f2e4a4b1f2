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

#[test]
fn e4_csv_is_flat_under_the_union_of_all_columns() {
    let server = server();
    server.ingest(&[
        event("x", "1", NOON, json!({"b": 1, "tags": ["x", "y"], "formula": "=1+1", "quoted": "a \"b\", c"})),
        event("y", "2", "2026-01-01T10:00:00Z", json!({"a": true, "n": null, "empty": {}})),
    ]);
    let answer = server.project("events/?format=csv&include_person=false");
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    let lines: Vec<&str> = answer.body.split("\r\n").collect();
    let header: Vec<&str> = lines[0].split(',').collect();
    assert!(header.is_sorted(), "{header:?}");
    for name in ["properties.a", "properties.b", "properties.tags.0", "properties.tags.1", "person", "properties.n"] {
        assert!(header.contains(&name), "{name} is not in {header:?}");
    }
    assert!(!header.contains(&"properties.empty"));
    let second: Vec<&str> = lines[2].split(',').collect();
    let cell = |name: &str| second[header.iter().position(|known| *known == name).unwrap()];
    assert_eq!((cell("properties.a"), cell("properties.b"), cell("properties.n")), ("True", "", ""));
    assert!(lines[1].contains("\"a \"\"b\"\", c\"") && lines[1].contains(",=1+1,"), "{}", lines[1]);
    assert_eq!((lines.len(), lines[3]), (4, ""));
    assert!(server.project("events/?format=csv&csv_safe=1").body.contains(",'=1+1,"));
    assert_eq!(server.project("events/?format=csv&event=nothing").body, "");
    // A person is flattened like everything else.
    let with_person = server.project("events/?format=csv");
    assert!(with_person.body.starts_with("distinct_id,"), "{}", with_person.body);
    assert!(with_person.body.lines().next().unwrap().contains("person.distinct_ids.0"));
    // By what is accepted, and for one event; errors stay JSON.
    let key = format!("Bearer {}", testkit::KEY);
    let accepts = [("authorization", key.as_str()), ("accept", "text/csv")];
    assert!(server.send("GET", "/api/projects/1/events/", &accepts, b"").body.starts_with("distinct_id,"));
    let id = server.project("events/?event=x").results()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.project(&format!("events/{id}/?format=csv")).body.lines().count(), 2);
    assert_eq!(server.project("events/?format=csv&limit=x").json()["attr"], json!("limit"));
    assert_eq!(server.project("events/?format=xml").status, 404);
    let odd = [("authorization", key.as_str()), ("accept", "image/png")];
    assert_eq!(server.send("GET", "/api/projects/1/events/", &odd, b"").status, 406);
}

#[test]
fn e4_csv_holds_a_page_or_everything() {
    let server = server();
    let events: Vec<Value> = (0..1_100)
        .map(|at| {
            let name = if at == 0 { "first" } else { "n" };
            event("e", &at.to_string(), &crate::instant(at * crate::SECOND), json!({name: at}))
        })
        .collect();
    server.ingest(&events);
    let rows = |query: &str| server.project(&format!("events/?format=csv{query}")).body.lines().count() - 1;
    assert_eq!(rows(""), 1_000);
    assert_eq!(rows("&limit=7"), 7);
    let whole = server.project("events/?format=csv&all=1&limit=7").body;
    assert_eq!(whole.lines().count(), 1_101);
    // The one column of the last row is in the first line.
    assert!(whole.lines().next().unwrap().contains("properties.first"));
    let ids: std::collections::HashSet<&str> =
        whole.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(ids.len(), 1_100);
}

#[test]
fn f3_values_of_hidden_properties_are_not_shown() {
    let server = server();
    server.ingest(&[event("e", "1", NOON, json!({"secret": "s"}))]);
    assert_eq!(names(&server.project("events/values/?key=secret")), ["s"]);
    let found = server.project("property_definitions/?properties=secret").results();
    let id = found[0]["id"].as_str().unwrap();
    assert_eq!(
        server.patch(&format!("/api/projects/1/property_definitions/{id}/"), &json!({"hidden": true})).status,
        200
    );
    assert_eq!(names(&server.project("events/values/?key=secret")), [""; 0]);
    assert_eq!(
        server.project("events/values/?key=secret&envelope=1").json(),
        json!({"results": [], "refreshing": false})
    );
}

#[test]
fn f4_values_can_be_filtered_by_other_properties() {
    let server = server();
    let of = |value: &str, plan: Value| event("e", "1", NOON, json!({"key": value, "plan": plan}));
    server.ingest(&[of("a", json!("pro")), of("b", json!("Pro")), of("c", json!(true)), of("d", json!(""))]);
    let listed = |query: &str| {
        let mut names = names(&server.project(&format!("events/values/?key=key&{query}")));
        names.sort();
        names.join(" ")
    };
    for (query, expected) in [
        ("properties_plan=pro", "a"),
        ("properties_plan=%5B%22pro%22%2C%22Pro%22%5D", "a b"),
        ("properties_plan=TRUE", "c"),
        ("properties_plan=", "d"),
        ("properties_plan=%5B%5D", "a b c d"),
    ] {
        assert_eq!(listed(query), expected, "{query}");
    }
}

#[test]
fn f1_values_come_in_the_shape_that_is_set() {
    let server = crate::server_with(&[("HEDGEROW_VALUES_SHAPE", "object")]);
    assert_eq!(server.project("events/values/?key=x").json(), json!({"results": [], "refreshing": false}));
}

#[test]
fn lists_can_be_asked_for_their_head_and_their_methods() {
    let server = server();
    server.ingest(&[event("a", "1", NOON, json!({}))]);
    let key = format!("Bearer {}", testkit::KEY);
    let headers = [("authorization", key.as_str())];
    let id = server.project("events/").results()[0]["id"].as_str().unwrap().to_owned();
    for path in ["events/".to_owned(), "events".to_owned(), format!("events/{id}"), "events/values/?key=a".to_owned()] {
        let path = format!("/api/projects/1/{path}");
        let head = server.send("HEAD", &path, &headers, b"");
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-type"), Some("application/json"));
        let options = server.send("OPTIONS", &path, &headers, b"");
        assert_eq!((options.status, options.header("allow")), (200, Some("GET, HEAD, OPTIONS")), "{path}");
        assert_eq!(server.send("OPTIONS", &path, &[], b"").status, 401);
        let refused = server.send("POST", &path, &headers, b"{}");
        let expected = json!({"type": "invalid_request", "code": "method_not_allowed",
            "detail": "Method \"POST\" not allowed.", "attr": null});
        assert_eq!((refused.status, refused.json()), (405, expected), "{path}");
    }
}
