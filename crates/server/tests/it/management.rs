//! Projects, keys and the current user.

use serde_json::{Value, json};
use testkit::KEY;

use crate::{event, fields, server, server_with};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn projects_are_created_and_listed() {
    let server = server();
    let created = server.post("/api/projects/", &json!({"name": " Shop ", "timezone": "Europe/Berlin"}));
    assert_eq!(created.status, 201);
    let created = created.json();
    assert_eq!(
        (&created["id"], &created["name"], &created["timezone"]),
        (&json!(2), &json!("Shop"), &json!("Europe/Berlin"))
    );
    assert!(created["api_token"].as_str().unwrap().starts_with("phc_"));
    let list = server.get("/api/projects/").json();
    assert_eq!((&list["count"], &list["next"], &list["previous"]), (&json!(2), &Value::Null, &Value::Null));
    assert_eq!(list["results"][0]["name"], json!("Default project"));
    for key in [
        "id",
        "uuid",
        "organization",
        "project_id",
        "api_token",
        "completed_snippet_onboarding",
        "has_completed_onboarding_for",
        "ingested_event",
        "is_demo",
        "access_control",
    ] {
        assert!(keys(&list["results"][0]).contains(&key), "{key}");
    }
    assert_eq!(server.get("/api/projects/2").json()["test_account_filters"], json!([]));
    let page = server.get("/api/projects/?limit=1").json();
    assert_eq!(page["results"].as_array().unwrap().len(), 1);
    assert_eq!(server.get(page["next"].as_str().unwrap()).json()["results"][0]["id"], json!(2));
    for (body, attr) in [
        (json!({}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"name": 5}), "name"),
        (json!({"name": "x", "timezone": "Mars/Olympus"}), "timezone"),
    ] {
        let refused = server.post("/api/projects/", &body);
        assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!(attr)), "{body}");
    }
}

#[test]
fn a_keys_value_is_shown_once() {
    let server = server();
    let created = server.post("/api/personal_api_keys/", &json!({"label": "ci", "scopes": ["query:read"]})).json();
    let value = created["value"].as_str().unwrap();
    assert!(value.starts_with("phx_"));
    let tail: String = value.chars().skip(value.len() - 4).collect();
    assert_eq!(created["mask_value"], json!(format!("phx_...{tail}")));
    let listed = server.get("/api/personal_api_keys/");
    assert!(!listed.body.contains(value));
    assert_eq!((&listed.json()[0]["label"], &listed.json()[0]["value"]), (&json!("ci"), &Value::Null));
    for name in ["meta.sqlite", "meta.sqlite-wal"] {
        let stored = testkit_read(&server.data_dir().join(name));
        assert!(!contains(&stored, value.as_bytes()) && !contains(&stored, KEY.as_bytes()), "{name} holds a key");
    }
    for (body, attr) in [
        (json!({"scopes": ["*"]}), "label"),
        (json!({"label": "x"}), "scopes"),
        (json!({"label": "x".repeat(41), "scopes": ["*"]}), "label"),
        (json!({"label": "x", "scopes": ["nonsense:read"]}), "scopes"),
        (json!({"label": "x", "scopes": ["*"], "scoped_teams": [99]}), "scoped_teams"),
    ] {
        let refused = server.post("/api/personal_api_keys/", &body);
        assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!(attr)), "{body}");
    }
    for _ in 0..8 {
        assert_eq!(server.post("/api/personal_api_keys/", &json!({"label": "x", "scopes": ["*"]})).status, 201);
    }
    let refused = server.post("/api/personal_api_keys/", &json!({"label": "x", "scopes": ["*"]}));
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("You can only have 10 personal API keys."), "{}", refused.body);
}

#[test]
fn a_key_is_changed_rolled_and_revoked_with_the_next_request() {
    let server = server();
    let made = server.post("/api/personal_api_keys/", &json!({"label": "ci", "scopes": ["person:read"]})).json();
    let (id, value) = (made["id"].as_str().unwrap(), made["value"].as_str().unwrap());
    let path = format!("/api/personal_api_keys/{id}/");
    let (events, persons) = ("/api/projects/1/events/", "/api/projects/1/persons/");
    assert_eq!((server.get_as(value, events).status, server.get_as(value, persons).status), (403, 200));
    let changed = server.patch(&path, &json!({"label": "etl", "scopes": ["query:read"]})).json();
    assert_eq!((&changed["label"], &changed["value"]), (&json!("etl"), &Value::Null));
    assert_eq!((server.get_as(value, events).status, server.get_as(value, persons).status), (200, 403));
    let current = server.get_as(value, "/api/personal_api_keys/@current/").json();
    assert_eq!((&current["id"], &current["scopes"]), (&json!(id), &json!(["query:read"])));
    let rolled = server.post(&format!("{path}roll/"), &json!({})).json();
    let new = rolled["value"].as_str().unwrap();
    assert!(new != value && rolled["last_rolled_at"].is_string());
    assert_eq!((server.get_as(value, events).status, server.get_as(new, events).status), (401, 200));
    assert_eq!(server.get(&path).json()["mask_value"], rolled["mask_value"]);
    assert_eq!(server.delete(&path).status, 204);
    assert_eq!(server.get_as(new, events).status, 401);
    for answer in [server.get(&path), server.delete(&path), server.patch(&path, &json!({"label": "x"}))] {
        assert_eq!(answer.status, 404);
    }
    assert_eq!(server.post(&format!("{path}roll/"), &json!({})).status, 404);
    for (body, attr) in [(json!({"scopes": ["x:read"]}), "scopes"), (json!({"label": ""}), "label")] {
        let refused = server.patch("/api/personal_api_keys/x/", &body);
        assert!(refused.status == 404 || refused.json()["attr"] == json!(attr), "{}", refused.body);
    }
}

#[test]
fn project_settings_are_changed_and_checked() {
    let server = server();
    let path = "/api/projects/1/";
    let filters = json!([{"key": "email", "value": "@example.com", "operator": "not_icontains", "type": "person"}]);
    let wanted = json!({
        "name": "Shop",
        "timezone": "America/New_York",
        "week_start_day": 1,
        "test_account_filters": filters,
        "path_cleaning_filters": [{"regex": r"/\d+", "alias": "/:id"}],
        "person_display_name_properties": ["email"],
        "modifiers": {"personsOnEventsMode": "person_id_override_properties_joined"},
        "anonymize_ips": true,
        "event_retention_days": 90,
        "drop_events_older_than": "30 12:00:00",
        "cookieless_server_hash_mode": 1,
    });
    let changed = server.patch(path, &wanted);
    assert_eq!(changed.status, 200, "{}", changed.body);
    for shown in [changed.json(), server.get(path).json(), server.get("/api/projects/@current").json()] {
        for (key, value) in wanted.as_object().unwrap() {
            assert_eq!(&shown[key], value, "{key}");
        }
    }
    // In force at once: for new events, and for dates in the project's zone.
    server.ingest(&[event("a", "u", "2026-01-01T04:59:59Z", json!({"$ip": "1.2.3.4"}))]);
    let listed = server.project("events/?after=2026-01-01").results().len();
    let before = server.project("events/?before=2026-01-01").results();
    assert_eq!((listed, before.len()), (0, 1));
    assert_eq!(before[0]["properties"].get("$ip"), None);
    let reset =
        server.patch(path, &json!({"event_retention_days": null, "modifiers": null, "path_cleaning_filters": null}));
    assert_eq!(
        (&reset.json()["event_retention_days"], &reset.json()["path_cleaning_filters"]),
        (&Value::Null, &json!([]))
    );
    for (body, attr) in [
        (json!({"timezone": "Mars/Olympus"}), "timezone"),
        (json!({"week_start_day": 2}), "week_start_day"),
        (json!({"name": " "}), "name"),
        (json!({"test_account_filters": [{"key": "a", "value": 1, "operator": "x"}]}), "test_account_filters"),
        (json!({"path_cleaning_filters": [{"regex": "("}]}), "path_cleaning_filters"),
        (json!({"path_cleaning_filters": [{"alias": "x"}]}), "path_cleaning_filters"),
        (json!({"modifiers": {"personsOnEventsMode": "disabled"}}), "modifiers"),
        (json!({"event_retention_days": 0}), "event_retention_days"),
        (json!({"drop_events_older_than": "a month"}), "drop_events_older_than"),
        (json!({"drop_events_older_than": -1}), "drop_events_older_than"),
        (json!({"cookieless_server_hash_mode": 2}), "cookieless_server_hash_mode"),
        (json!({"anonymize_ips": "yes"}), "anonymize_ips"),
    ] {
        let refused = server.patch(path, &body);
        assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!(attr)), "{body}");
    }
    assert_eq!(server.get(path).json()["name"], json!("Shop"));
}

#[test]
fn late_events_and_visitors_without_cookies_are_taken_as_the_project_says() {
    let server = server();
    let visit = |name: &str| {
        let properties = json!({"$cookieless_mode": true, "$raw_user_agent": "agent", "$host": "example.com"});
        event(name, "$posthog_cookieless", "2026-01-01T11:00:00Z", properties)
    };
    let late = |name: &str, at: &str| event(name, "u", at, json!({}));
    server.ingest(&[visit("refused"), late("old", "2025-12-01T00:00:00Z")]);
    let settings = json!({"drop_events_older_than": 7_200, "cookieless_server_hash_mode": 1});
    assert_eq!(server.patch("/api/projects/1/", &settings).json()["drop_events_older_than"], json!("02:00:00"));
    let (kept, dropped) = (late("kept", "2026-01-01T10:00:00Z"), late("dropped", "2026-01-01T09:59:59Z"));
    server.ingest(&[visit("taken"), kept, dropped]);
    let reset = json!({"drop_events_older_than": null, "cookieless_server_hash_mode": null});
    assert_eq!(server.patch("/api/projects/1/", &reset).json()["cookieless_server_hash_mode"], json!(0));
    server.ingest(&[visit("refused again"), late("older", "2025-01-01T00:00:00Z")]);
    let listed = server.project("events/?after=all").results();
    let mut names = fields(&listed, "event");
    names.sort_unstable();
    assert_eq!(names, ["kept", "old", "older", "taken"]);
    let taken = listed.iter().find(|event| event["event"] == "taken").unwrap();
    assert!(taken["distinct_id"].as_str().unwrap().starts_with("cookieless_"), "{taken}");
    let warnings = server.project("ingestion_warnings/").results();
    let counted =
        |kind: &str| warnings.iter().find(|warning| warning["type"] == kind).map(|found| found["count"].clone());
    assert_eq!(counted("event_dropped_too_old"), Some(json!(1)), "{warnings:?}");
}

#[test]
fn users_and_organizations_are_shown_and_changed() {
    let server = server();
    let other = server.post("/api/projects/", &json!({"name": "Other"})).json()["id"].clone();
    assert_eq!(server.get("/api/projects/@current/").json()["id"], json!(1));
    let me = server.patch("/api/users/@me/", &json!({"first_name": "Ada", "set_current_team": other})).json();
    assert_eq!((&me["first_name"], &me["team"]["id"]), (&json!("Ada"), &other));
    assert_eq!(server.get("/api/projects/@current/").json()["id"], other);
    let refused = server.patch("/api/users/@me/", &json!({"set_current_team": 99}));
    assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!("set_current_team")));
    let organization = server.get("/api/organizations/@current/").json();
    assert_eq!(
        (&organization["slug"], organization["teams"].as_array().unwrap().len()),
        (&json!("default-organization"), 2)
    );
    let id = organization["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/organizations/{id}/")).json(), organization);
    assert_eq!(
        server.patch(&format!("/api/organizations/{id}"), &json!({"name": "Acme Inc."})).json()["slug"],
        json!("acme-inc")
    );
    let members = server.get("/api/organizations/@current/members/").results();
    assert_eq!((members.len(), &members[0]["user"]["first_name"]), (1, &json!("Ada")));
    assert_eq!(server.get("/api/organizations/").results()[0]["name"], json!("Acme Inc."));
    for unknown in ["x", "00000000-0000-0000-0000-000000000001"] {
        assert_eq!(server.get(&format!("/api/organizations/{unknown}/")).status, 404, "{unknown}");
    }
}

#[expect(clippy::disallowed_methods, reason = "looks at the files as an intruder would")]
fn testkit_read(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn the_current_user_has_a_team_and_an_organization() {
    let server = server();
    let me = server.get("/api/users/@me/").json();
    assert_eq!((&me["team"]["id"], &me["team"]["name"]), (&json!(1), &json!("Default project")));
    assert_eq!(me["organization"]["id"], me["organizations"][0]["id"]);
    assert_eq!(me["team"]["organization"], me["organization"]["id"]);
    for key in ["uuid", "distinct_id", "first_name", "last_name", "email", "is_staff", "date_joined"] {
        assert!(keys(&me).contains(&key), "{key}");
    }
}

#[test]
fn persons_are_listed_page_by_page() {
    let server = server();
    let events: Vec<Value> = (0..25)
        .map(|at| {
            event(
                "a",
                &format!("u{at:02}"),
                &format!("2026-01-01T11:00:{at:02}Z"),
                json!({"$set": {"email": format!("u{at:02}@example.com")}}),
            )
        })
        .collect();
    server.ingest(&events);
    let people = server.follow("/api/projects/1/persons/?limit=10");
    let ids: Vec<&str> = people.iter().map(|person| person["distinct_ids"][0].as_str().unwrap()).collect();
    let mut expected: Vec<String> = (0..25).map(|at| format!("u{at:02}")).collect();
    expected.reverse();
    assert_eq!(ids, expected);
    let last = server.project("persons/?limit=10&offset=20").json();
    assert_eq!((last["results"].as_array().unwrap().len(), &last["next"]), (5, &Value::Null));
    assert!(last["previous"].as_str().unwrap().contains("offset=10"));
    let found = |query: &str| server.project(&format!("persons/?{query}")).results().len();
    assert_eq!(
        (found("email=u07@example.com"), found("search=U0"), found("search=u07"), found("distinct_id=u07")),
        (1, 10, 1, 1)
    );
    let person = &server.project("persons/?distinct_id=u07").results()[0];
    assert_eq!(
        (&person["name"], &person["id"], &person["type"]),
        (&json!("u07@example.com"), &person["uuid"], &json!("person"))
    );
    for query in ["properties=%5B5%5D", "cohort=1", "limit=x"] {
        assert_eq!(server.project(&format!("persons/?{query}")).status, 400, "{query}");
    }
}

#[test]
fn events_older_than_a_project_keeps_them_are_removed() {
    let server = server_with(&[("HEDGEROW_SEAL_INTERVAL_MS", "50")]);
    let at = |timestamp: &str, name: &str| event(name, "u", timestamp, json!({}));
    server.ingest(&[at("2024-01-01T00:00:00Z", "old"), at("2024-02-01T00:00:00Z", "old")]);
    // The newest event says what time it is, not the clock alone.
    server.ingest(&[at("2025-06-01T00:00:00Z", "newest")]);
    assert_eq!(server.project("events/?event=old").results().len(), 2);
    assert_eq!(server.patch("/api/projects/1/", &json!({"event_retention_days": 490})).status, 200);
    server.wait_until("old events are removed", || server.project("events/?event=old").results().len() == 1);
    assert_eq!(server.project("events/?event=newest").results().len(), 1);
}

#[test]
fn metrics_and_health_answer() {
    let server = server_with(&[]);
    for path in ["/_health", "/_readiness", "/_liveness", "/"] {
        assert_eq!(server.send("GET", path, &[], b"").status, 200, "{path}");
    }
    server.ingest(&[event("a", "1", "2026-01-01T11:00:00Z", json!({}))]);
    assert!(server.metric("hedgerow_capture_events_total") >= 1.0);
    assert!(server.metric("hedgerow_memory_rows") >= 1.0);
}
