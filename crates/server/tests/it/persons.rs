//! Persons over the API: found, shown, changed, split.

use serde_json::{Value, json};
use testkit::{Server, encode};

use crate::{event, server};

/// Three persons: u1 in Berlin, u2 in Paris who is also `anon-1`, u3 nowhere.
fn people(server: &Server) {
    let set = |email: &str, city: &str, age: u32| json!({"$set": {"email": email, "city": city, "age": age}});
    server.ingest(&[
        event("a", "u1", "2026-01-01T11:00:01Z", set("u1@example.com", "Berlin", 30)),
        event("a", "anon-1", "2026-01-01T11:00:02Z", json!({})),
        event("$identify", "u2", "2026-01-01T11:00:03Z", json!({"$anon_distinct_id": "anon-1"})),
        event("a", "u2", "2026-01-01T11:00:04Z", set("u2@example.com", "Paris", 40)),
        event("a", "u3", "2026-01-01T11:00:05Z", json!({"$set": {"city": null}})),
    ]);
}

fn person(server: &Server, distinct_id: &str) -> Value {
    server.project(&format!("persons/?distinct_id={distinct_id}")).results().remove(0)
}

fn names(server: &Server, query: &str) -> Vec<String> {
    let found = server.project(&format!("persons/?{query}")).results();
    found
        .iter()
        .map(|person| person["distinct_ids"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn persons_are_filtered_by_their_properties_page_by_page() {
    let server = server();
    people(&server);
    let with = |filters: Value| names(&server, &format!("properties={}", encode(&filters.to_string())));
    assert_eq!(with(json!([{"key": "city", "value": "Berlin", "type": "person"}])), ["u1"]);
    assert_eq!(with(json!([{"key": "city", "value": "Berlin"}])), ["u1"], "no type means the person");
    assert_eq!(with(json!([{"key": "age", "value": 35, "operator": "gt", "type": "person"}])).len(), 1);
    assert_eq!(with(json!([{"key": "city", "operator": "is_not_set", "type": "person"}])), ["u3"]);
    let any = json!({"type": "OR", "values": [
        {"key": "city", "value": "Paris", "type": "person"}, {"key": "city", "value": "Berlin", "type": "person"}]});
    assert_eq!(with(any.clone()).len(), 2);
    let path = format!("/api/projects/1/persons/?limit=1&include_total=true&properties={}", encode(&any.to_string()));
    let page = server.get(&path).json();
    assert_eq!((page["results"].as_array().unwrap().len(), &page["count"]), (1, &json!(2)));
    let last = server.get(page["next"].as_str().unwrap()).json();
    assert_eq!((last["results"].as_array().unwrap().len(), &last["next"]), (1, &Value::Null));
    assert_eq!(server.project("persons/?include_total=1").json()["count"], json!(3));
    assert_eq!(server.project("persons/").json().get("count"), None);
    assert_eq!(server.project("persons/?properties=nonsense").status, 400);
    assert_eq!(server.project("persons/?cohort=7").json()["attr"], json!("cohort"));
    let ignored = server.project("persons/?properties=%5B%7B%7D%5D");
    assert_eq!((ignored.results().len(), ignored.header("x-posthog-warn").is_some()), (3, true));
}

#[test]
fn a_person_is_shown_by_number_and_by_uuid() {
    let server = server();
    people(&server);
    let listed = person(&server, "u2");
    let by_uuid = server.project(&format!("persons/{}/", listed["uuid"].as_str().unwrap())).json();
    assert!(by_uuid["id"].is_i64(), "{by_uuid}");
    assert_eq!(server.project(&format!("persons/{}", by_uuid["id"])).json(), by_uuid);
    assert_eq!((&by_uuid["uuid"], &by_uuid["name"]), (&listed["uuid"], &json!("u2@example.com")));
    let refused = server.project("persons/u2/");
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("does not look like a personID"), "{}", refused.body);
    for unknown in ["999", "99999999999999999999", "00000000-0000-0000-0000-000000000001"] {
        assert_eq!(server.project(&format!("persons/{unknown}/")).status, 404, "{unknown}");
    }
    let named = server.patch("/api/projects/1/", &json!({"person_display_name_properties": ["city"]}));
    assert_eq!(named.status, 200);
    assert_eq!(person(&server, "u2")["name"], json!("Paris"));
    assert_eq!(person(&server, "u3")["name"], json!("u3"));
}

#[test]
fn properties_are_set_and_removed_and_seen_at_once() {
    let server = server();
    people(&server);
    let id = person(&server, "u1")["uuid"].as_str().unwrap().to_owned();
    let path = |rest: &str| format!("/api/projects/1/persons/{id}/{rest}");
    let properties = || server.get(&path("")).json()["properties"].clone();
    let answer = server.patch(&path(""), &json!({"properties": {"plan": "free", "seats": 1.50}}));
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    assert_eq!((&properties()["plan"], &properties()["city"]), (&json!("free"), &json!("Berlin")));
    assert!(server.get(&path("")).body.contains("1.5"));
    assert_eq!(server.post(&path("update_property/"), &json!({"key": "plan", "value": ["a", {"b": 1}]})).status, 202);
    assert_eq!(properties()["plan"], json!(["a", {"b": 1}]));
    let removed = server.post(&path("delete_property/"), &json!({"$unset": "plan"}));
    assert_eq!((removed.status, removed.json()), (201, json!({"success": true})));
    assert_eq!(properties().get("plan"), None);
    for (rest, body, attr) in [
        ("update_property/", json!({"key": "x"}), "value"),
        ("update_property/", json!({"value": 1}), "key"),
        ("delete_property/", json!({}), "$unset"),
    ] {
        let refused = server.post(&path(rest), &body);
        assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!(attr)));
    }
    assert_eq!(server.patch(&path(""), &json!({})).json()["attr"], json!("properties"));
    // A change is an event, and events stay as they were.
    let listed: Vec<String> =
        server.project("events/?distinct_id=u1").results().iter().map(|e| e["event"].to_string()).collect();
    assert_eq!(listed.iter().filter(|name| name.contains("$set")).count(), 2, "{listed:?}");
}

#[test]
fn a_split_person_keeps_one_id_and_its_events() {
    let server = server();
    people(&server);
    let before = person(&server, "u2");
    let path = format!("/api/projects/1/persons/{}/split/", before["uuid"].as_str().unwrap());
    let refused = server.post(&path, &json!({"main_distinct_id": "u1"}));
    assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!("main_distinct_id")));
    let done = server.post(&path, &json!({"main_distinct_id": "u2"}));
    assert_eq!((done.status, done.json()), (201, json!({"success": true})));
    let (kept, new) = (person(&server, "u2"), person(&server, "anon-1"));
    assert_eq!((&kept["uuid"], &kept["distinct_ids"]), (&before["uuid"], &json!(["u2"])));
    assert_eq!((&new["distinct_ids"], &new["properties"]), (&json!(["anon-1"]), &json!({})));
    assert_ne!(new["uuid"], kept["uuid"]);
    // New events of the id belong to the new person, old ones to the old.
    server.ingest(&[event("later", "anon-1", "2026-01-01T11:30:00Z", json!({}))]);
    let of =
        |person: &Value| server.project(&format!("events/?person_id={}", person["uuid"].as_str().unwrap())).results();
    assert_eq!(of(&new).iter().map(|e| e["event"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), ["later"]);
    assert_eq!(of(&kept).len(), 3);
    assert_eq!(kept["properties"]["city"], json!("Paris"), "properties stay with the id that was named");
}

#[test]
fn values_of_properties_are_counted() {
    let server = server();
    people(&server);
    let values = |query: &str| server.project(&format!("persons/values/?{query}")).json();
    assert_eq!(values("key=city"), json!([{"name": "Berlin", "count": 1}, {"name": "Paris", "count": 1}]));
    assert_eq!(values("key=city&value=PAR"), json!([{"name": "Paris", "count": 1}]));
    assert_eq!(values("key=age&value=4"), json!([{"name": "40", "count": 1}]));
    assert_eq!(values("value=x")["attr"], json!("key"));
}

#[test]
fn persons_are_listed_as_csv() {
    let server = server();
    people(&server);
    let answer = server.project("persons/?format=csv&distinct_id=u1");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    let lines: Vec<&str> = answer.body.split("\r\n").collect();
    assert_eq!(lines.len(), 3, "{}", answer.body);
    for column in ["created_at", "distinct_ids.0", "is_identified", "properties.age", "properties.city", "uuid"] {
        assert!(lines[0].split(',').any(|name| name == column), "{column}: {}", lines[0]);
    }
    assert!(lines[1].contains("Berlin") && lines[1].contains("False"), "{}", lines[1]);
    assert_eq!(server.project("persons/?format=csv&distinct_id=nobody").body, "");
    assert_eq!(server.project("persons/?format=csv&limit=x").json()["attr"], json!("limit"), "errors are JSON");
    assert_eq!(server.project("persons/?format=xml").status, 404);
    let bearer = format!("Bearer {}", testkit::KEY);
    let accept = |kind: &str| {
        let headers = [("authorization", bearer.as_str()), ("accept", kind)];
        server.send("GET", "/api/projects/1/persons/", &headers, b"")
    };
    assert!(accept("text/csv").body.starts_with("created_at,"));
    assert!(accept("text/csv, */*;q=0.1").body.starts_with('{'));
    assert_eq!(accept("image/png").status, 406);
}
