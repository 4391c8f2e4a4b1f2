//! Cohorts: by definition, one by one, from files; and who is in them.

use serde_json::{Value, json};
use testkit::{KEY, Server, encode};

use crate::{event, server, server_with};

/// u0 to u5; `un` bought n times lately, has age n, and bought once long ago if n is even.
fn shoppers(server: &Server) {
    let mut events = Vec::new();
    for n in 0..6_u32 {
        let who = format!("u{n}");
        let set = json!({"$set": {"age": n, "email": format!("{who}@example.com")}});
        events.push(event("visit", &who, &format!("2026-01-01T10:00:{n:02}Z"), set));
        for at in 0..n {
            let price = json!({"price": at * 10});
            events.push(event("buy", &who, &format!("2025-12-30T10:{n:02}:{at:02}Z"), price));
        }
        if n % 2 == 0 {
            events.push(event("buy", &who, &format!("2025-06-01T10:00:{n:02}Z"), json!({"price": 5})));
        }
    }
    server.ingest(&events);
}

fn definition(leaf: Value) -> Value {
    json!({"properties": {"type": "OR", "values": [{"type": "AND", "values": [leaf]}]}})
}

fn create(server: &Server, body: &Value) -> Value {
    let made = server.post("/api/projects/1/cohorts/", body);
    assert_eq!(made.status, 201, "{}", made.body);
    made.json()
}

fn cohort_of(server: &Server, leaf: Value) -> Value {
    create(server, &json!({"name": "c", "filters": definition(leaf)}))
}

/// Distinct ids of the members, sorted.
fn members(server: &Server, id: &Value) -> Vec<String> {
    let persons = server.follow(&format!("/api/projects/1/cohorts/{id}/persons/?limit=2"));
    let mut ids: Vec<String> =
        persons.iter().map(|person| person["distinct_ids"][0].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn who(server: &Server, leaf: Value) -> Vec<String> {
    let cohort = cohort_of(server, leaf);
    let found = members(server, &cohort["id"]);
    assert_eq!(cohort["count"], json!(found.len()), "{cohort}");
    found
}

fn uuid(server: &Server, distinct_id: &str) -> String {
    server.project(&format!("persons/?distinct_id={distinct_id}")).results()[0]["uuid"].as_str().unwrap().to_owned()
}

#[test]
fn persons_are_members_by_their_properties() {
    let server = server();
    shoppers(&server);
    let age =
        |operator: &str, value: Value| json!({"type": "person", "key": "age", "operator": operator, "value": value});
    assert_eq!(who(&server, age("gte", json!(4))), ["u4", "u5"]);
    let mut negated = age("gte", json!(2));
    negated["negation"] = json!(true);
    assert_eq!(who(&server, negated), ["u0", "u1"]);
    let cohort = cohort_of(&server, age("exact", json!([1, 3])));
    assert_eq!(members(&server, &cohort["id"]), ["u1", "u3"]);
    assert_eq!(
        (&cohort["is_static"], &cohort["is_calculating"], &cohort["deleted"]),
        (&json!(false), &json!(false), &json!(false))
    );
    // What changes is seen by whoever asks next.
    server.ingest(&[event("visit", "u0", "2026-01-01T11:00:00Z", json!({"$set": {"age": 3}}))]);
    assert_eq!(members(&server, &cohort["id"]), ["u0", "u1", "u3"]);
    let gone = format!("/api/projects/1/persons/{}/", uuid(&server, "u1"));
    assert_eq!(server.delete(&gone).status, 202);
    assert_eq!(members(&server, &cohort["id"]), ["u0", "u3"]);
    server.ingest(&[event("visit", "u1", "2026-01-01T11:00:01Z", json!({"$set": {"age": 1}}))]);
    // The older form, and membership as a condition.
    let old = create(
        &server,
        &json!({"name": "old", "groups": [
        {"properties": [age("exact", json!(1))]}, {"properties": [age("exact", json!(5))]}]}),
    );
    assert_eq!(members(&server, &old["id"]), ["u1", "u5"]);
    let both = definition(json!({"type": "AND", "values": [
        {"type": "cohort", "key": "id", "value": cohort["id"]},
        {"type": "cohort", "key": "id", "value": old["id"], "negation": true}]}));
    let both = create(&server, &json!({"name": "both", "filters": both}));
    assert_eq!(members(&server, &both["id"]), ["u0", "u3"]);
    let listed = server.project(&format!("persons/?cohort={}", old["id"])).results();
    assert_eq!(listed.len(), 2);
    let narrowed = encode(&json!([age("gt", json!(3))]).to_string());
    assert_eq!(server.project(&format!("persons/?cohort={}&properties={narrowed}", old["id"])).results().len(), 1);
}

#[test]
fn persons_are_members_by_what_they_did() {
    let server = server();
    shoppers(&server);
    let bought = |value: &str, more: Value| {
        let mut leaf = json!({"type": "behavioral", "key": "buy", "event_type": "events", "value": value,
            "time_value": 30, "time_interval": "day"});
        leaf.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        leaf
    };
    assert_eq!(who(&server, bought("performed_event", json!({}))), ["u1", "u2", "u3", "u4", "u5"]);
    let times = |operator: &str, n: u32| {
        who(&server, bought("performed_event_multiple", json!({"operator": operator, "operator_value": n})))
    };
    assert_eq!(times("gte", 4), ["u4", "u5"]);
    assert_eq!(times("eq", 2), ["u2"]);
    assert_eq!(times("lte", 2), ["u1", "u2"], "at least once");
    assert_eq!(times("eq", 0), ["u0"]);
    assert_eq!(who(&server, bought("performed_event_first_time", json!({}))), ["u1", "u3", "u5"]);
    let longer = json!({"time_value": 1, "time_interval": "year"});
    assert_eq!(who(&server, bought("performed_event", longer)).len(), 6);
    let stopped = json!({"time_value": 1, "time_interval": "year", "seq_time_value": 1, "seq_time_interval": "month"});
    assert_eq!(who(&server, bought("stopped_performing_event", stopped.clone())), ["u0"]);
    let restarted =
        json!({"time_value": 6, "time_interval": "month", "seq_time_value": 1, "seq_time_interval": "month"});
    assert_eq!(who(&server, bought("restarted_performing_event", restarted)), ["u2", "u4"]);
    // Once in the last month, and once in a month half a year ago.
    let regular = |least: u32| {
        let periods = json!({"time_value": 1, "time_interval": "month", "operator": "gte", "operator_value": 1,
            "min_periods": least, "total_periods": 8});
        who(&server, bought("performed_event_regularly", periods))
    };
    assert_eq!((regular(1).len(), regular(2), regular(3).len()), (6, vec!["u2".to_owned(), "u4".to_owned()], 0));
    let dear = json!({"event_filters": [{"key": "price", "value": 20, "operator": "gt", "type": "event"}]});
    assert_eq!(who(&server, bought("performed_event", dear)), ["u4", "u5"]);
    let mut never = bought("performed_event", json!({}));
    never["negation"] = json!(true);
    assert_eq!(who(&server, never), ["u0"]);
    let action = server
        .post(
            "/api/projects/1/actions/",
            &json!({"name": "bought for 10", "steps": [
        {"event": "buy", "properties": [{"key": "price", "value": 10}]}]}),
        )
        .json();
    let acted = bought("performed_event", json!({"event_type": "actions", "key": action["id"]}));
    assert_eq!(who(&server, acted), ["u2", "u3", "u4", "u5"]);
    let explicit = bought("performed_event", json!({"explicit_datetime": "2025-05-01"}));
    assert_eq!(who(&server, explicit).len(), 6);
}

#[test]
fn persons_are_members_by_what_they_did_after_something_else() {
    let server = server();
    let at = |event_name: &str, who: &str, at: &str| event(event_name, who, at, json!({"n": 1}));
    server.ingest(&[
        at("view", "in time", "2025-12-31T10:00:00Z"),
        at("buy", "in time", "2025-12-31T12:00:00Z"),
        at("view", "late", "2025-12-31T10:00:00Z"),
        at("buy", "late", "2025-12-31T12:00:00.000001Z"),
        at("view", "late, then in time", "2025-12-28T10:00:00Z"),
        at("view", "late, then in time", "2025-12-31T11:00:00Z"),
        at("buy", "late, then in time", "2025-12-31T11:30:00Z"),
        at("buy", "before", "2025-12-31T09:00:00Z"),
        at("view", "before", "2025-12-31T10:00:00Z"),
        at("view", "at once", "2025-12-31T10:00:00Z"),
        at("buy", "at once", "2025-12-31T10:00:00Z"),
        at("view", "long ago", "2025-11-01T10:00:00Z"),
        at("buy", "long ago", "2025-11-01T11:00:00Z"),
        at("view", "once", "2025-12-31T10:00:00Z"),
    ]);
    let sequence = |more: Value| {
        let mut leaf = json!({"type": "behavioral", "value": "performed_event_sequence", "key": "view",
            "event_type": "events", "time_value": 30, "time_interval": "day", "seq_event": "buy",
            "seq_event_type": "events", "seq_time_value": 2, "seq_time_interval": "hour"});
        leaf.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        who(&server, leaf)
    };
    assert_eq!(sequence(json!({})), ["in time", "late, then in time"]);
    assert_eq!(sequence(json!({"seq_time_interval": "day"})), ["in time", "late", "late, then in time"]);
    let longer = json!({"time_value": 3, "time_interval": "month"});
    assert_eq!(sequence(longer), ["in time", "late, then in time", "long ago"]);
    let again = json!({"seq_event": "view", "seq_time_value": 1, "seq_time_interval": "week"});
    assert_eq!(sequence(again), ["late, then in time"], "an event does not follow itself");
    let negated = sequence(json!({"negation": true}));
    assert_eq!(negated, ["at once", "before", "late", "long ago", "once"]);
    let filtered = json!({"event_filters": [{"key": "n", "value": 2, "type": "event"}]});
    assert!(sequence(filtered).is_empty());
    let step = json!({"name": "bought", "steps": [{"event": "buy"}]});
    let action = server.post("/api/projects/1/actions/", &step).json();
    let acted = json!({"seq_event": action["id"], "seq_event_type": "actions"});
    assert_eq!(sequence(acted), ["in time", "late, then in time"]);
}

#[test]
fn definitions_that_mean_nothing_are_refused() {
    let server = server();
    let own = cohort_of(&server, json!({"type": "person", "key": "a", "value": "b"}));
    let behavioral = |more: Value| {
        let mut leaf = json!({"type": "behavioral", "key": "buy", "value": "performed_event", "time_value": 1});
        leaf.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        leaf
    };
    for leaf in [
        json!({"type": "person", "key": "a", "value": "b", "operator": "nonsense"}),
        json!({"type": "person", "key": "a"}),
        json!({"type": "element", "key": "text", "value": "b"}),
        json!({"type": "cohort", "key": "id", "value": 999}),
        json!({"type": "cohort", "key": "id", "value": "x"}),
        behavioral(json!({"value": "nonsense"})),
        behavioral(json!({"value": "performed_event_sequence", "seq_time_value": 1})),
        behavioral(json!({"value": "performed_event_sequence", "seq_event": "visit"})),
        behavioral(json!({"value": "performed_event_sequence", "seq_event": 9, "seq_event_type": "actions",
            "seq_time_value": 1})),
        behavioral(
            json!({"value": "performed_event_regularly", "operator": "gte", "operator_value": 1, "min_periods": 1}),
        ),
        behavioral(json!({"time_value": 0})),
        behavioral(json!({"time_interval": "fortnight"})),
        behavioral(json!({"key": ""})),
        behavioral(json!({"event_type": "actions", "key": 999})),
        behavioral(json!({"value": "performed_event_multiple", "operator": "gte"})),
    ] {
        let refused =
            server.post("/api/projects/1/cohorts/", &json!({"name": "x", "filters": definition(leaf.clone())}));
        assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!("filters")), "{leaf}: {}", refused.body);
    }
    for body in [
        json!({"name": "x"}),
        json!({"name": "x", "filters": {}}),
        json!({"name": "x", "filters": {"properties": {"type": "OR", "values": []}}}),
    ] {
        assert_eq!(server.post("/api/projects/1/cohorts/", &body).json()["attr"], json!("filters"), "{body}");
    }
    let path = format!("/api/projects/1/cohorts/{}/", own["id"]);
    let circle = definition(json!({"type": "cohort", "key": "id", "value": own["id"]}));
    assert!(server.patch(&path, &json!({"filters": circle})).body.contains("reference themselves"));
    let second = cohort_of(&server, json!({"type": "cohort", "key": "id", "value": own["id"]}));
    let circle = definition(json!({"type": "cohort", "key": "id", "value": second["id"]}));
    assert!(server.patch(&path, &json!({"filters": circle})).body.contains("reference themselves"));
    assert_eq!(server.patch(&path, &json!({"is_static": true})).json()["attr"], json!("is_static"));
    assert_eq!(server.project("cohorts/").json()["count"], json!(2), "what is refused is not kept");
}

#[test]
fn cohorts_are_changed_and_deleted_by_a_change() {
    let server = server();
    shoppers(&server);
    let cohort = cohort_of(&server, json!({"type": "person", "key": "age", "value": 1}));
    let path = format!("/api/projects/1/cohorts/{}/", cohort["id"]);
    let renamed = server.patch(&path, &json!({"name": "Young", "description": "d"})).json();
    assert_eq!((&renamed["name"], &renamed["version"], &renamed["count"]), (&json!("Young"), &json!(1), &json!(1)));
    let filters = definition(json!({"type": "person", "key": "age", "value": [1, 2]}));
    let changed = server.patch(&path, &json!({"filters": filters})).json();
    assert_eq!((&changed["version"], &changed["count"]), (&json!(2), &json!(2)));
    assert_eq!(
        (&changed["created_by"]["email"], &changed["cohort_type"]),
        (&json!("owner@localhost"), &json!("person_property"))
    );
    assert_eq!(server.project("cohorts/?search=YOUNG").results().len(), 1);
    assert_eq!(server.delete(&path).status, 405);
    assert_eq!(server.patch(&path, &json!({"deleted": true})).json()["deleted"], json!(true));
    assert_eq!(server.project("cohorts/").results().len(), 0);
    assert_eq!((server.get(&path).status, server.get(&format!("{path}persons/")).status), (404, 404));
}

#[test]
fn static_cohorts_are_filled_by_id_and_from_files() {
    let server = server();
    shoppers(&server);
    let ids = [uuid(&server, "u1"), uuid(&server, "u2")];
    let cohort = create(&server, &json!({"name": "s", "is_static": true, "_create_static_person_ids": ids}));
    assert_eq!((&cohort["count"], &cohort["cohort_type"]), (&json!(2), &json!("static")));
    let path = format!("/api/projects/1/cohorts/{}/", cohort["id"]);
    let add = json!({"person_ids": [uuid(&server, "u5"), ids[0]]});
    assert_eq!(server.patch(&format!("{path}add_persons_to_static_cohort/"), &add).json()["count"], json!(3));
    let remove = json!({"person_id": ids[0]});
    assert_eq!(server.patch(&format!("{path}remove_person_from_static_cohort/"), &remove).json()["count"], json!(2));
    assert_eq!(server.patch(&format!("{path}remove_person_from_static_cohort/"), &remove).status, 404);
    assert_eq!(members(&server, &cohort["id"]), ["u2", "u5"]);
    for (file, expected) in [
        ("distinct_id\r\nu0\r\nnobody\r\nu3\r\n".to_owned(), vec!["u0", "u3"]),
        ("u0\nu3\n".to_owned(), vec!["u0", "u3"]),
        ("name,email\nx,u4@example.com\ny,\"u5@example.com\"\n".to_owned(), vec!["u4", "u5"]),
        (format!("person_id\n{}\n", ids[1]), vec!["u2"]),
    ] {
        let made = upload(&server, &file);
        assert_eq!(made.0, 201, "{}", made.1);
        assert_eq!(members(&server, &made.1["id"]), expected, "{file}");
    }
    assert_eq!(upload(&server, "").0, 400);
    let mut long = "x".repeat(99);
    long.push('\n');
    let long = format!("u0\n{}u3\n", long.repeat(30_000));
    assert_eq!(members(&server, &upload(&server, &long).1["id"]), ["u0", "u3"], "a file of 3 MB");
    let dynamic = cohort_of(&server, json!({"type": "person", "key": "age", "value": 1}));
    let path = format!("/api/projects/1/cohorts/{}/add_persons_to_static_cohort/", dynamic["id"]);
    assert_eq!(server.patch(&path, &add).status, 400);
}

/// Sends a form with a name and a file.
fn upload(server: &Server, file: &str) -> (u16, Value) {
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nfrom file\r\n--b\r\nContent-Disposition: form-data; \
         name=\"csv\"; filename=\"ids.csv\"\r\nContent-Type: text/csv\r\n\r\n{file}\r\n--b--\r\n"
    );
    let bearer = format!("Bearer {KEY}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=b")];
    let answer = server.send("POST", "/api/projects/1/cohorts/", &headers, body.as_bytes());
    (answer.status, answer.json())
}

#[test]
fn members_that_merge_or_are_deleted_follow_their_persons() {
    let server = server_with(&[("HEDGEROW_COHORT_REFRESH_MS", "50")]);
    shoppers(&server);
    server.ingest(&[event("visit", "anon-1", "2026-01-01T10:30:00Z", json!({}))]);
    let ids = [uuid(&server, "anon-1"), uuid(&server, "u1"), uuid(&server, "u2")];
    let cohort = create(&server, &json!({"name": "s", "is_static": true, "_create_static_person_ids": ids}));
    server.ingest(&[event("$identify", "u5", "2026-01-01T10:31:00Z", json!({"$anon_distinct_id": "anon-1"}))]);
    assert_eq!(server.delete(&format!("/api/projects/1/persons/{}/", ids[1])).status, 202);
    let found = members(&server, &cohort["id"]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&"u2".to_owned()), "{found:?}");
    // Without anybody asking, the list learns of it too.
    let path = format!("cohorts/{}/", cohort["id"]);
    server.wait_until("the count is brought up to date", || server.project(&path).json()["count"] == json!(2));
}
