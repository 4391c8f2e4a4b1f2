//! Definitions of events and properties, and ingestion warnings, through the API.

use serde_json::{Value, json};
use testkit::{Answer, KEY, Server, TOKEN, encode};

use crate::{event, fields, server};

const T: &str = "2026-01-01T11:00:00Z";

fn send(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {KEY}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    server.send(method, &format!("/api/projects/1/{path}"), &headers, body.to_string().as_bytes())
}

fn names(server: &Server, path: &str) -> Vec<String> {
    fields(&server.project(path).results(), "name").into_iter().map(str::to_owned).collect()
}

fn with_events() -> Server {
    let server = server();
    server.ingest(&[
        event("watched movie", "u1", T, json!({"length": 90, "title": "x", "$browser": "b", "$feature/f": "on"})),
        event("rated movie", "u1", T, json!({"rating": 5, "title": "x", "$set": {"plan": "pro"}})),
        event("$pageview", "u2", T, json!({"$browser": "b", "distinct_id": "u2"})),
        event(
            "$groupidentify",
            "u1",
            T,
            json!({"$group_type": "company", "$group_key": "a", "$group_set": {"size": 1}}),
        ),
    ]);
    server
}

#[test]
fn events_are_defined_by_arriving() {
    let server = with_events();
    let page = server.project("event_definitions/").json();
    assert_eq!((&page["count"], &page["next"], &page["previous"]), (&json!(4), &Value::Null, &Value::Null));
    let first = &page["results"][3];
    let id = first["id"].as_str().unwrap();
    assert_eq!(first["name"], json!("watched movie"));
    assert_eq!(
        (&first["created_at"], &first["last_seen_at"]),
        (&json!("2026-01-01T12:00:00Z"), &json!("2026-01-01T12:00:00Z"))
    );
    assert_eq!(&server.project(&format!("event_definitions/{id}/")).json(), first);
    assert_eq!(&server.project("event_definitions/by_name?name=watched+movie").json(), first);
    assert_eq!(names(&server, "event_definitions?search=movie+RATED"), ["rated movie"]);
    assert_eq!(names(&server, "event_definitions?event_type=event_posthog"), ["$groupidentify", "$pageview"]);
    assert_eq!(
        names(&server, "event_definitions?event_type=event_custom&ordering=-name"),
        ["watched movie", "rated movie"]
    );
    assert_eq!(
        names(&server, "event_definitions?names=rated+movie,nothing&names=$pageview"),
        ["$pageview", "rated movie"]
    );
    let page = server.project("event_definitions?limit=3&ordering=name").json();
    let next = page["next"].as_str().unwrap();
    assert_eq!(fields(&server.get(next).results(), "name"), ["watched movie"]);
    for path in ["?ordering=colour", "?event_type=x", "?limit=x", "?exclude_stale=perhaps"] {
        assert_eq!(server.project(&format!("event_definitions{path}")).status, 400, "{path}");
    }
    for id in ["nothing", "01890000-0000-7000-8000-00000000abcd"] {
        assert_eq!(server.project(&format!("event_definitions/{id}")).status, 404, "{id}");
    }
}

#[test]
fn people_say_what_events_are_and_ingestion_keeps_it() {
    let server = with_events();
    let id = server.project("event_definitions/by_name?name=rated+movie").json()["id"].as_str().unwrap().to_owned();
    let path = format!("event_definitions/{id}/");
    let change =
        json!({"description": "stars", "tags": ["b", "a", "b"], "verified": true, "primary_property": "rating"});
    let changed = send(&server, "PATCH", &path, &change);
    assert_eq!(changed.status, 200, "{}", changed.body);
    server.ingest(&[event("rated movie", "u1", T, json!({"rating": 4}))]);
    let found = server.project(&path).json();
    assert_eq!(found, changed.json());
    assert_eq!(
        (&found["tags"], &found["verified"], &found["description"]),
        (&json!(["a", "b"]), &json!(true), &json!("stars"))
    );
    assert_eq!(names(&server, &format!("event_definitions?tags={}", encode(r#"["b"]"#))), ["rated movie"]);
    for bad in [json!({"tags": "a"}), json!({"verified": 1}), json!({"hidden": true}), json!({"enforcement_mode": "x"})]
    {
        assert_eq!(send(&server, "PATCH", &path, &bad).status, 400, "{bad}");
    }
    let taken = send(&server, "POST", "event_definitions/", &json!({"name": "rated movie"}));
    assert_eq!(
        (taken.status, taken.json()["detail"].clone()),
        (400, json!("Event definition with name 'rated movie' already exists"))
    );
    let made = send(&server, "POST", "event_definitions/", &json!({"name": "planned", "description": "soon"}));
    assert_eq!(
        (made.status, &made.json()["last_seen_at"], &made.json()["description"]),
        (201, &Value::Null, &json!("soon"))
    );
    assert_eq!(send(&server, "DELETE", &path, &json!({})).status, 204);
    assert_eq!(server.project(&path).status, 404);
    server.ingest(&[event("rated movie", "u1", T, json!({"rating": 4}))]);
    let back = server.project("event_definitions/by_name?name=rated+movie").json();
    assert_eq!(back["description"], json!(""));
}

#[test]
fn properties_are_listed_by_what_they_belong_to() {
    let server = with_events();
    let of = |query: &str| names(&server, &format!("property_definitions{query}"));
    assert_eq!(of("?exclude_core_properties=true"), ["length", "rating", "title"]);
    assert!(!of("").contains(&"distinct_id".to_owned()));
    assert_eq!(of("?is_numerical=true"), ["length", "rating"]);
    assert_eq!(of("?is_feature_flag=true"), ["$feature/f"]);
    assert_eq!(of("?properties=title,$browser"), ["$browser", "title"]);
    assert_eq!(of("?search=RAT"), ["rating"]);
    assert_eq!(of("?type=group&group_type_index=0"), ["size"]);
    assert!(of("?type=person").contains(&"plan".to_owned()));
    assert_eq!(of("?type=session"), Vec::<String>::new());
    let events = encode(r#"["rated movie"]"#);
    let listed =
        server.project(&format!("property_definitions?exclude_core_properties=1&event_names={events}")).results();
    let seen: Vec<_> = listed
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["is_seen_on_filtered_events"].as_bool().unwrap()))
        .collect();
    assert_eq!(seen, [("rating", true), ("title", true), ("length", false)]);
    assert_eq!(
        of(&format!("?exclude_core_properties=1&event_names={events}&filter_by_event_names=true")),
        ["rating", "title"]
    );
    for bad in ["?type=group", "?type=group&group_type_index=9", "?type=x", "?group_type_index=0", "?event_names=x"] {
        assert_eq!(server.project(&format!("property_definitions{bad}")).status, 400, "{bad}");
    }
}

#[test]
fn a_type_can_be_corrected_and_stays_so() {
    let server = with_events();
    let found = server.project("property_definitions?properties=title").results().remove(0);
    assert_eq!(found["property_type"], json!("String"));
    let path = format!("property_definitions/{}/", found["id"].as_str().unwrap());
    let changed = send(&server, "PATCH", &path, &json!({"property_type": "DateTime", "hidden": true}));
    assert_eq!((changed.status, &changed.json()["property_type"]), (200, &json!("DateTime")));
    server.ingest(&[event("rated movie", "u1", T, json!({"title": "y"}))]);
    assert_eq!(server.project(&path).json()["property_type"], json!("DateTime"));
    assert_eq!(names(&server, "property_definitions?exclude_hidden=true&search=title"), Vec::<String>::new());
    assert_eq!(send(&server, "PATCH", &path, &json!({"property_type": "Colour"})).status, 400);
    assert_eq!(send(&server, "DELETE", &path, &json!({})).status, 204);
    assert_eq!(server.project(&path).status, 404);
}

#[test]
fn t64_and_d2_warnings_tell_what_became_of_events_and_requests() {
    let server = server();
    let message = json!({"$$client_ingestion_warning_message": "slow down"});
    server.ingest(&[event("$$client_ingestion_warning", "u1", T, message)]);
    assert_eq!(server.project("events/").results().len(), 0);
    let refused = server.capture("/batch/", &json!({"api_key": TOKEN, "batch": [{"event": "a"}]}));
    assert_eq!(refused.status, 400);
    let broken = format!(r#"{{"api_key":"{TOKEN}","event":"#);
    assert_eq!(server.send("POST", "/e/", &[], broken.as_bytes()).status, 400);
    let unknown = server.capture("/e/", &json!({"api_key": "phc_nobody", "event": ""}));
    assert_eq!(unknown.status, 400);
    let groups = server.project("ingestion_warnings/").results();
    let kinds: Vec<_> =
        groups.iter().map(|group| (group["type"].as_str().unwrap(), group["count"].as_u64().unwrap())).collect();
    assert_eq!(kinds, [("client_ingestion_warning", 1), ("request_rejected", 2)]);
    let told = &groups[0]["warnings"][0];
    assert_eq!((&told["details"]["message"], &told["details"]["distinctId"]), (&json!("slow down"), &json!("u1")));
    assert_eq!(groups[0]["sparkline"], json!([[1, "2026-01-01"]]));
    let reasons: Vec<_> = groups[1]["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["details"]["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons[1], "event submitted without a distinct_id");
    assert!(reasons[0].starts_with("failed to parse request: "), "{reasons:?}");
    assert_eq!(server.project("ingestion_warnings?q=SLOW").results().len(), 1);
    assert_eq!(server.project("ingestion_warnings?q=nothing").results().len(), 0);
}

#[test]
fn definitions_need_their_own_scopes() {
    let server = server();
    let answer = server.post("/api/personal_api_keys/", &json!({"label": "x", "scopes": ["event_definition:read"]}));
    let key = answer.json()["value"].as_str().unwrap().to_owned();
    let status = |path: &str| server.get_as(&key, &format!("/api/projects/1/{path}/")).status;
    assert_eq!(
        (status("event_definitions"), status("property_definitions"), status("ingestion_warnings")),
        (200, 403, 403)
    );
}
