//! Capture over HTTP: statuses, bodies, headers, and what is stored.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use testkit::{Server, TOKEN, encode};

use crate::{fields, server, server_with};

fn one(name: &str) -> Value {
    json!({"api_key": TOKEN, "event": name, "distinct_id": "u1", "properties": {"k": 1}})
}

fn stored(server: &Server) -> Vec<String> {
    server.settle();
    let mut names: Vec<String> =
        fields(&server.project("events/").results(), "event").into_iter().map(str::to_owned).collect();
    names.sort();
    names
}

/// Sends a body and shows the answer as `status body`.
fn answer(server: &Server, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let answer = server.send("POST", path, headers, body);
    format!("{} {}", answer.status, answer.body)
}

const OK: &str = r#"200 {"status":"Ok"}"#;

#[test]
fn t01_an_event_is_stored_as_sent() {
    let server = server();
    let answer = server.capture("/i/v0/e/", &one("a"));
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"Ok"}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    server.settle();
    let event = &server.project("events/").results()[0];
    assert_eq!(
        (&event["event"], &event["distinct_id"], &event["timestamp"]),
        (&json!("a"), &json!("u1"), &json!("2026-01-01T12:00:00+00:00"))
    );
    assert_eq!(event["properties"], json!({"k": 1, "$ip": "127.0.0.1"}));
    assert_eq!(event["id"].as_str().unwrap().as_bytes()[14], b'7', "a generated uuid has version 7");
}

#[test]
fn t02_every_path_takes_events_with_and_without_slash() {
    let server = server();
    let paths = [
        "/e",
        "/e/",
        "/capture",
        "/capture/",
        "/track",
        "/track/",
        "/engage",
        "/engage/",
        "/batch",
        "/batch/",
        "/i/v0/e",
        "/i/v0/e/",
    ];
    for path in paths {
        assert_eq!(answer(&server, path, &[], one(path).to_string().as_bytes()), OK, "{path}");
    }
    let mut expected = paths.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(stored(&server), expected);
}

#[test]
fn t06_to_t12_encodings() {
    let server = server();
    let base64 = "eyJhcGlfa2V5IjoicGhjX3Rlc3QiLCJldmVudCI6ImI2NCIsImRpc3RpbmN0X2lkIjoidTEifQ==";
    let get = server.send("GET", &format!("/e/?data={}", encode(base64)), &[], b"");
    assert_eq!(get.status, 200, "{}", get.body);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(answer(&server, "/e/", &form, format!("data={}", encode(base64)).as_bytes()), OK);
    assert_eq!(answer(&server, "/i/v0/e/", &form, format!("data={}", encode(&one("form").to_string())).as_bytes()), OK);
    assert_eq!(
        answer(&server, "/e/", &form, b"hello"),
        "400 failed to decode request: expected form data in POST request payload"
    );
    let beacon = server.send("POST", "/e/?beacon=1", &[], one("beacon").to_string().as_bytes());
    assert_eq!((beacon.status, beacon.body.as_str()), (204, ""));
    assert!(answer(&server, "/e/", &[], b"\x1f\x8b\x08garbage").starts_with("400 failed to decode request: invalid"));
    assert_eq!(
        stored(&server),
        ["b64", "b64", "beacon", "form"]
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .flat_map(|name| std::iter::repeat_n(name.to_owned(), if name == "b64" { 2 } else { 1 }))
            .collect::<Vec<_>>()
    );
}

#[test]
fn t13_to_t26_and_t30_to_t40_refusals_store_nothing() {
    let server = server();
    let nameless = r#"{"token":"phc_test","distinct_id":"u1","$set":{"plan":"pro"}}"#;
    let hydrate = "400 failed to hydrate events from request: non-engage request missing event name attribute";
    let event = |fields: &str| format!(r#"{{"api_key":"phc_test","event":"x","distinct_id":"u1",{fields}}}"#);
    let long = "x".repeat(65);
    let cases: Vec<(String, &str)> = vec![
        (nameless.to_owned(), hydrate),
        ("{}".to_owned(), hydrate),
        ("[]".to_owned(), "400 request holds no event"),
        (r#"{"api_key":"phc_test","batch":[]}"#.to_owned(), "400 request holds no event"),
        (String::new(), "400 request missing data payload"),
        (r#"{"event":"#.to_owned(), "400 failed to parse request: "),
        (r#"{"api_key":"phc_test","batch":[{"distinct_id":"u1"}]}"#.to_owned(), "400 "),
        (event(r#""properties":null"#), "400 failed to parse request"),
        (event(r#""properties":[]"#), "400 failed to parse request"),
        (event(r#""offset":1.5"#), "400 failed to parse request"),
        (event(r#""$set":"x""#), "400 failed to parse request"),
        (event(r#""timestamp":1767268800"#), "400 "),
        (event(r#""uuid":"abc""#), "400 "),
        (event(r#""token":"phc_test""#), "400 "),
        (r#"{"event":"x","distinct_id":"u1"}"#.to_owned(), "401 event submitted without an api_key"),
        (
            r#"[{"event":"x","distinct_id":"u","token":"t1"},{"event":"x","distinct_id":"u","token":"t2"}]"#.to_owned(),
            "401 batch submitted with inconsistent api_key values",
        ),
        (
            r#"{"api_key":"phx_abc","event":"x","distinct_id":"u"}"#.to_owned(),
            "401 API key is not valid: personal_api_key",
        ),
        (format!(r#"{{"api_key":"{long}","event":"x","distinct_id":"u"}}"#), "401 API key is not valid: too_long"),
        (r#"{"api_key":"🦀","event":"x","distinct_id":"u"}"#.to_owned(), "401 API key is not valid: not_ascii"),
        (r#"{"api_key":"","event":"x","distinct_id":"u"}"#.to_owned(), "401 API key is not valid: empty"),
        (
            r#"{"api_key":"phc_test","event":"","distinct_id":"u"}"#.to_owned(),
            "400 event submitted with an empty event name",
        ),
        (r#"{"api_key":"phc_test","event":"x"}"#.to_owned(), "400 event submitted without a distinct_id"),
        (
            r#"{"api_key":"phc_test","event":"x","distinct_id":" \t"}"#.to_owned(),
            "400 event submitted without a distinct_id",
        ),
        (
            r#"{"api_key":"phc_test","batch":[{"event":"x","distinct_id":"u"},{"event":"x"}]}"#.to_owned(),
            "400 event submitted without a distinct_id",
        ),
        (event(r#""properties":{"$cookieless_mode":"yes"}"#), "400 event submitted with invalid cookieless mode"),
    ];
    for (body, expected) in cases {
        let answer = answer(&server, "/e/", &[], body.as_bytes());
        assert!(answer.starts_with(expected), "{body}: {answer}");
    }
    let discarded = r#"{"api_key":"phc_test","event":"$performance_event","distinct_id":"u1"}"#;
    assert_eq!(answer(&server, "/e/", &[], discarded.as_bytes()), OK);
    assert_eq!(stored(&server), [""; 0]);
    assert_eq!(answer(&server, "/engage/", &[], nameless.as_bytes()), OK);
    assert_eq!(stored(&server), ["$identify"]);
    let person = &server.project("persons/?distinct_id=u1").results()[0];
    assert_eq!((&person["properties"]["plan"], &person["is_identified"]), (&json!("pro"), &json!(false)));
}

#[test]
fn d1_unknown_token() {
    let unknown = json!({"api_key": "phc_unknown", "event": "a", "distinct_id": "u1"}).to_string();
    let server = server();
    assert_eq!(answer(&server, "/e/", &[], unknown.as_bytes()), "401 API key is not valid: unknown");
    let lenient = server_with(&[("HEDGEROW_UNKNOWN_TOKEN", "accept")]);
    assert_eq!(answer(&lenient, "/e/", &[], unknown.as_bytes()), OK);
    assert!(lenient.metric("hedgerow_capture_unknown_token_total") >= 1.0);
}

#[test]
fn d3_bad_query_parameters_are_ignored() {
    let server = server();
    assert_eq!(
        answer(&server, "/e/?_=abc&beacon=true&ver=1&compression=zip", &[], one("a").to_string().as_bytes()),
        OK
    );
}

#[test]
fn t27_a_body_over_the_limit_is_refused_while_it_arrives() {
    let server = server();
    let refused = answer(&server, "/e/", &[], &vec![b' '; 21 << 20]);
    assert!(refused.starts_with("413 maximum event size exceeded"), "{refused}");
}

#[test]
fn t28_preflight_and_t29_errors_carry_cors_headers() {
    let server = server();
    let origin = ("origin", "https://a.example");
    let preflight =
        server.send("OPTIONS", "/e/", &[origin, ("access-control-request-headers", "content-type,x-foo")], b"");
    assert_eq!((preflight.status, preflight.body.as_str()), (200, ""));
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(preflight.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("content-type,x-foo"));
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("POST"));
    assert!(preflight.header("vary").unwrap().contains("origin"));
    let refused = server.send("POST", "/e/", &[origin], b"{}");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (400, Some("https://a.example")));
    let wrong = server.send("DELETE", "/e/", &[origin], b"");
    assert_eq!((wrong.status, wrong.body.as_str()), (405, ""));
}

#[test]
fn t41_to_t51_timestamps() {
    let server = server();
    let batch = |name: &str, timestamp: &str, sent_at: Option<&str>, extra: Value| {
        let mut event = json!({"event": name, "distinct_id": "u1", "timestamp": timestamp});
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let mut body = json!({"api_key": TOKEN, "batch": [event]});
        if let Some(sent_at) = sent_at {
            body["sent_at"] = json!(sent_at);
        }
        assert_eq!(server.capture("/batch/", &body).status, 200);
    };
    let (eleven, ahead) = ("2026-01-01T11:00:00Z", Some("2026-01-01T12:00:10Z"));
    batch("t41", eleven, ahead, json!({}));
    batch("t42", eleven, Some("2026-01-01T11:59:50Z"), json!({}));
    batch("t43", eleven, None, json!({}));
    batch("t46", eleven, ahead, json!({"properties": {"$ignore_sent_at": true}}));
    batch("t47", eleven, ahead, json!({"offset": 5000}));
    batch("t48a", "2026-01-02T11:00:00.000Z", None, json!({}));
    batch("t48b", "2026-01-02T11:00:00.001Z", None, json!({}));
    batch("t49", "not a date", None, json!({}));
    batch("t50", "2025-01-02T03:04:05.123456789", None, json!({}));
    server.settle();
    let listed = server.project("events/?before=2027-01-01").results();
    let at = |name: &str| {
        listed.iter().find(|event| event["event"] == name).unwrap()["timestamp"].as_str().unwrap().to_owned()
    };
    for (name, expected) in [
        ("t41", "2026-01-01T10:59:50+00:00"),
        ("t42", "2026-01-01T11:00:10+00:00"),
        ("t43", "2026-01-01T11:00:00+00:00"),
        ("t46", "2026-01-01T11:00:00+00:00"),
        ("t47", "2026-01-01T11:59:55+00:00"),
        ("t48a", "2026-01-02T11:00:00+00:00"),
        ("t48b", "2026-01-01T12:00:00+00:00"),
        ("t49", "2026-01-01T12:00:00+00:00"),
        ("t50", "2025-01-02T03:04:05.123456+00:00"),
    ] {
        assert_eq!(at(name), expected, "{name}");
    }
    let sent = listed.iter().find(|event| event["event"] == "t41").unwrap();
    assert!(sent["properties"]["$sent_at"].is_string());
}

#[test]
fn client_address_comes_from_trusted_proxies_only() {
    let forwarded = [("x-forwarded-for", "6.6.6.6, 203.0.113.7")];
    let ip = |server: &Server| {
        assert_eq!(server.send("POST", "/e/", &forwarded, one("a").to_string().as_bytes()).status, 200);
        server.settle();
        server.project("events/").results()[0]["properties"]["$ip"].as_str().unwrap().to_owned()
    };
    assert_eq!(ip(&server()), "203.0.113.7");
    assert_eq!(ip(&server_with(&[("HEDGEROW_TRUSTED_PROXIES", "192.0.2.1")])), "127.0.0.1");
}

#[test]
fn a_stalled_upload_does_not_block_others() {
    let server = server();
    let mut stalled = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    stalled.write_all(b"POST /e/ HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").unwrap();
    assert_eq!(answer(&server, "/e/", &[], one("a").to_string().as_bytes()), OK);
    stalled.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = String::new();
    stalled.read_to_string(&mut rest).unwrap();
    assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 4"), "{rest}");
}
