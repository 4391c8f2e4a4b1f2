//! Deleted persons: gone from lists at once, from files soon, and not to come back.

use serde_json::{Value, json};
use testkit::{Options, Server};

use crate::{BINARY, event, fields, server};

/// A server that seals every moment.
fn sealing() -> Server {
    let variables = vec![("HEDGEROW_SEAL_INTERVAL_MS", "50".to_owned()), ("HEDGEROW_MEMORY_BYTES", "65536".to_owned())];
    Server::start(BINARY, Options { clock: Some("2026-01-01T12:00:00Z"), variables })
}

fn send(server: &Server) {
    let secret = |n: usize| json!({"secret": format!("very-secret-{n}"), "$set": {"n": n}});
    let events: Vec<Value> =
        (0..40).map(|n| event("a", &format!("u{}", n % 4), &format!("2026-01-01T11:00:{n:02}Z"), secret(n))).collect();
    server.ingest(&events);
}

fn person(server: &Server, distinct_id: &str) -> Option<String> {
    let found = server.project(&format!("persons/?distinct_id={distinct_id}")).results();
    found.first().map(|person| person["uuid"].as_str().unwrap().to_owned())
}

fn listed(server: &Server) -> Vec<String> {
    let events = server.follow("/api/projects/1/events/?limit=7");
    let mut ids: Vec<String> = fields(&events, "distinct_id").into_iter().map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn a_person_is_deleted_and_its_events_stay_without_a_person() {
    let server = server();
    send(&server);
    let uuid = person(&server, "u1").unwrap();
    let answer = server.delete(&format!("/api/projects/1/persons/{uuid}/"));
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    assert_eq!(person(&server, "u1"), None);
    assert_eq!(server.delete(&format!("/api/projects/1/persons/{uuid}/")).status, 404);
    assert_eq!(listed(&server), ["u0", "u1", "u2", "u3"]);
    assert_eq!(server.project("events/?distinct_id=u1&limit=1").results()[0]["person"], Value::Null);
    let receipt = server.project("persons/deletion_status/").results().remove(0);
    assert_eq!((&receipt["person_uuid"], &receipt["status"]), (&json!(uuid), &json!("completed")));
    assert_eq!(receipt["delete_events"], json!(false));
    // Whoever comes with the id is somebody new.
    server.ingest(&[event("b", "u1", "2026-01-01T11:30:00Z", json!({}))]);
    assert_ne!(person(&server, "u1").unwrap(), uuid);
}

#[test]
fn events_of_a_deleted_person_vanish_at_once_and_for_good() {
    let mut server = sealing();
    send(&server);
    let uuid = person(&server, "u1").unwrap();
    let hidden = server.project("events/?distinct_id=u1&limit=1").results()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.delete(&format!("/api/projects/1/persons/{uuid}/?delete_events=true")).status, 202);
    let check = |server: &Server| {
        assert_eq!(listed(server), ["u0", "u2", "u3"]);
        assert_eq!(server.project("events/?distinct_id=u1").results().len(), 0);
        assert_eq!(server.project(&format!("events/?person_id={uuid}")).results().len(), 0);
        assert_eq!(server.project(&format!("events/{hidden}/")).status, 404);
        assert!(!server.project("events/values/?key=secret&value=very-secret-1").body.contains("very-secret-13"));
    };
    check(&server);
    server.kill9();
    server.start_again();
    check(&server);
    let pending = server.project(&format!("persons/deletion_status/?person_uuid={uuid}")).results().remove(0);
    assert_eq!(pending["delete_events"], json!(true));
    // Compaction removes the rows, the receipt says so, and no file holds them.
    server.wait_until("events are removed", || {
        check(&server);
        !server.project("persons/deletion_status/?status=completed").results().is_empty()
    });
    check(&server);
    assert_eq!(server.project("persons/deletion_status/?status=pending").results().len(), 0);
    // The id may be used again, by somebody whose events are seen.
    server.ingest(&[event("b", "u1", "2026-01-01T11:30:00Z", json!({}))]);
    assert_eq!(server.project("events/?distinct_id=u1").results().len(), 1);
}

#[test]
fn many_persons_are_deleted_in_one_request() {
    let server = server();
    send(&server);
    let path = "/api/projects/1/persons/bulk_delete/";
    let refused = |body: Value| {
        let answer = server.post(path, &body);
        assert_eq!(answer.status, 400, "{}", answer.body);
        answer.json()["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused(json!({})), "You need to specify either distinct_ids or ids");
    let many: Vec<String> = (0..1_001).map(|n| n.to_string()).collect();
    assert_eq!(refused(json!({"distinct_ids": many})), "You can only pass 1000 distinct_ids in one call");
    let done = server.post(path, &json!({"distinct_ids": ["u0", "u1", "nobody"], "delete_events": true}));
    let expected = json!({"persons_found": 2, "persons_deleted": 2, "events_queued_for_deletion": true});
    assert_eq!((done.status, done.json()), (202, expected));
    assert_eq!(listed(&server), ["u2", "u3"]);
    let uuid = person(&server, "u2").unwrap();
    assert_eq!(server.post(path, &json!({"ids": [uuid]})).status, 202);
    assert_eq!((person(&server, "u2"), listed(&server)), (None, vec!["u2".to_owned(), "u3".to_owned()]));
    let receipts = server.project("persons/deletion_status/?limit=2").json();
    assert_eq!(receipts["results"].as_array().unwrap().len(), 2);
    assert!(receipts["next"].is_string());
    assert_eq!(server.project("persons/deletion_status/?status=x").json()["attr"], json!("status"));
}
