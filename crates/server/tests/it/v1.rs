//! Capture v1 over HTTP: heads, verdicts, and what is stored.

use serde_json::{Value, json};
use testkit::{Answer, Server};

use crate::{fields, server, server_with};

const PATH: &str = "/i/v1/analytics/events";
const REQUEST: &str = "908cd549-e9be-46b4-a6cf-68ba985b664f";
const FIRST: &str = "11111111-1111-4111-8111-111111111111";
const SECOND: &str = "22222222-2222-4222-8222-222222222222";

const HEADERS: [(&str, &str); 7] = [
    ("authorization", "Bearer phc_test"),
    ("posthog-sdk-info", "posthog-test/1.2"),
    ("posthog-attempt", "1"),
    ("posthog-request-id", REQUEST),
    ("posthog-request-timestamp", "2026-01-01T12:00:10Z"),
    ("content-type", "application/json"),
    ("user-agent", "test"),
];

fn event(uuid: &str, fields: Value) -> Value {
    let mut event = json!({"event": "a", "uuid": uuid, "distinct_id": "u1", "timestamp": "2026-01-01T11:00:00Z"});
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

fn batch(events: &[Value]) -> Vec<u8> {
    json!({"created_at": "2026-01-01T12:00:10Z", "batch": events}).to_string().into_bytes()
}

/// Sends a body with good headers, but for some: replaced, or left out where the replacement is empty.
fn send(server: &Server, changes: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut headers: Vec<(&str, &str)> =
        HEADERS.into_iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name)).collect();
    headers.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    server.send("POST", PATH, &headers, body)
}

fn refusal(answer: &Answer) -> String {
    let body = answer.json();
    assert!(body["error_description"].is_string() && body["error_uri"].is_string(), "{body}");
    format!("{} {}", answer.status, body["error"].as_str().unwrap())
}

#[test]
fn t80_a_batch_is_stored_whatever_packs_it() {
    let server = server();
    let events = [
        event(SECOND, json!({"event": "second", "session_id": "S", "properties": {"k": 1}})),
        event(FIRST, json!({"event": "first", "options": {"process_person_profile": false}})),
    ];
    let packed = zstd::encode_all(&*batch(&events), 3).unwrap();
    let answer = send(&server, &[("content-encoding", "zstd")], &packed);
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, &*format!(r#"{{"results":{{"{SECOND}":{{"result":"ok"}},"{FIRST}":{{"result":"ok"}}}}}}"#))
    );
    assert_eq!(answer.header("posthog-request-id"), Some(REQUEST));
    assert_eq!((answer.header("content-type"), answer.header("retry-after")), (Some("application/json"), None));
    server.settle();
    let listed = server.project("events/").results();
    let of = |name: &str| listed.iter().find(|event| event["event"] == name).unwrap().clone();
    let second = of("second");
    assert_eq!((&second["id"], &second["timestamp"]), (&json!(SECOND), &json!("2026-01-01T10:59:50+00:00")));
    let expected = json!({"k": 1, "$session_id": "S", "$lib": "posthog-test", "$lib_version": "1.2", "$ip": "127.0.0.1",
        "$sent_at": "2026-01-01T12:00:10.000Z"});
    assert_eq!(second["properties"], expected);
    assert_eq!(of("first")["properties"]["$process_person_profile"], json!(false));
}

#[test]
fn t81_one_bad_event_costs_no_other() {
    let server = server();
    let answer = send(&server, &[], &batch(&[event(FIRST, json!({"event": ""})), event(SECOND, json!({}))]));
    assert_eq!(
        (answer.status, answer.json()),
        (
            200,
            json!({"results": {FIRST: {"result": "drop", "details": "missing_event_name"}, SECOND: {"result": "ok"}}})
        )
    );
    server.settle();
    assert_eq!(fields(&server.project("events/").results(), "id"), [SECOND]);
}

#[test]
fn events_dropped_by_their_verdict_stay_dropped_after_a_crash() {
    let mut server = server();
    let long = json!({"properties": {"k": "x".repeat(1_000_001)}});
    let answer = send(&server, &[], &batch(&[event(FIRST, long), event(SECOND, json!({}))]));
    assert_eq!(answer.json()["results"][FIRST]["details"], json!("event_too_big"));
    server.kill9();
    server.start_again();
    server.settle();
    assert_eq!(fields(&server.project("events/").results(), "id"), [SECOND]);
}

#[test]
fn t82_two_events_with_one_uuid_refuse_the_request() {
    let server = server();
    let answer = send(&server, &[], &batch(&[event(FIRST, json!({})), event(FIRST, json!({"event": "b"}))]));
    assert_eq!(refusal(&answer), "400 duplicate_event_uuid");
    assert_eq!(answer.header("posthog-request-id"), Some(REQUEST));
    server.settle();
    assert_eq!(server.project("events/").results().len(), 0);
}

#[test]
fn t83_heads_are_checked_before_bodies() {
    let server = server();
    let told = |changes: &[(&str, &str)]| refusal(&send(&server, changes, b"no json"));
    assert_eq!(told(&[("authorization", "")]), "401 missing_authorization");
    assert_eq!(told(&[("posthog-attempt", "")]), "400 missing_required_headers");
    assert_eq!(told(&[("authorization", "Basic x")]), "400 invalid_header_value");
    assert_eq!(told(&[("authorization", "Bearer phx_x")]), "401 invalid_api_token");
    assert_eq!(told(&[("content-type", "text/plain")]), "415 unsupported_content_type");
    assert_eq!(told(&[("content-encoding", "lz4")]), "415 unsupported_encoding");
    assert_eq!(told(&[("posthog-attempt", "0")]), "400 invalid_header_value");
    assert_eq!(told(&[]), "400 request_parsing_error");
    assert_eq!(refusal(&send(&server, &[], b"")), "400 empty_body");
    assert_eq!(refusal(&send(&server, &[], &batch(&[]))), "400 empty_batch");
    assert_eq!(refusal(&send(&server, &[], &vec![b' '; (10 << 20) + 1])), "413 payload_too_large");
    let wrong = server.send("GET", PATH, &HEADERS, b"");
    assert_eq!(wrong.status, 405);
}

#[test]
fn t84_a_placeholder_is_stored_without_a_person() {
    let server = server();
    let answer = send(&server, &[], &batch(&[event(FIRST, json!({"distinct_id": "anonymous"}))]));
    assert_eq!(answer.json()["results"][FIRST], json!({"result": "ok", "details": "person_processing_disabled"}));
    server.settle();
    assert_eq!(server.project("events/").results().len(), 1);
    assert_eq!(server.project("persons/").results().len(), 0);
}

#[test]
fn d1_an_unknown_token_is_refused_in_v1_too() {
    let unknown = [("authorization", "Bearer phc_unknown")];
    let body = batch(&[event(FIRST, json!({}))]);
    assert_eq!(refusal(&send(&server(), &unknown, &body)), "401 invalid_api_token");
    let lenient = server_with(&[("HEDGEROW_UNKNOWN_TOKEN", "accept")]);
    assert_eq!(send(&lenient, &unknown, &body).status, 200);
}

#[test]
fn browsers_may_read_the_answers_of_v1() {
    let server = server();
    let origin = ("origin", "https://a.example");
    let wanted = ("access-control-request-headers", "posthog-attempt");
    let preflight = server.send("OPTIONS", PATH, &[origin, wanted], b"");
    assert_eq!((preflight.status, preflight.header("access-control-allow-headers")), (200, Some("posthog-attempt")));
    let refused = send(&server, &[origin, ("authorization", "")], b"");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("https://a.example")));
}
