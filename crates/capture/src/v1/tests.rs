#![expect(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]

use std::io::Write as _;

use model::{CapturedEvent, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::{Endpoint, Sender};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";

fn event() -> Value {
    json!({"event": "a", "uuid": ID, "distinct_id": "u1", "timestamp": "2026-01-01T11:00:00Z"})
}

/// An event with other fields.
fn with(fields: Value) -> Value {
    let mut event = event();
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

fn batch(events: &[Value]) -> String {
    json!({"created_at": "2026-01-01T12:00:00Z", "batch": events}).to_string()
}

/// The verdict on one event.
fn verdict(fields: Value) -> String {
    let checked = check(&batch(&[with(fields)])).unwrap();
    let (result, details) = checked.verdicts[0].1.words();
    assert_eq!(checked.accepted == 1, result == "ok");
    details.map_or_else(|| result.to_owned(), |details| format!("{result} {details}"))
}

fn tag(text: &str) -> &'static str {
    check(text).unwrap_err().tag()
}

fn received() -> Received {
    Received { at: Timestamp::from_micros(1_767_268_800_000_000), ip: [203, 0, 113, 7].into(), uuid_seed: 1 }
}

fn request<'a>(sdk: &'a str, body: &'a [u8]) -> Request<'a> {
    Request {
        endpoint: Endpoint::V1,
        query: "",
        content_type: Some("application/json"),
        content_encoding: None,
        sender: Some(Sender { sdk, sent_at: "2026-01-01T12:00:10Z" }),
        body,
    }
}

fn captured(text: &str, sdk: &str) -> Vec<CapturedEvent<'static>> {
    let batch = crate::parse(text, &request(sdk, b""), &received(), Limits::DEFAULT).unwrap();
    let owned = |event: CapturedEvent<'_>| CapturedEvent {
        name: Cow::Owned(event.name.into_owned()),
        properties: event.properties.into_owned(),
        ..event
    };
    batch.events.into_iter().map(owned).collect()
}

fn properties(fields: Value) -> Value {
    serde_json::from_str(&captured(&batch(&[with(fields)]), "posthog-test/1.2")[0].properties.to_json()).unwrap()
}

#[test]
fn t81_each_event_has_a_verdict_of_its_own() {
    let long = "x".repeat(201);
    for (fields, expected) in [
        (json!({}), "ok"),
        (json!({"event": "$performance_event"}), "drop dropped_performance_event"),
        (json!({"event": ""}), "drop missing_event_name"),
        (json!({"event": long}), "drop event_name_too_long"),
        (json!({"event": "x".repeat(200)}), "ok"),
        (json!({"distinct_id": " "}), "drop missing_distinct_id"),
        (json!({"distinct_id": long}), "drop distinct_id_too_large"),
        (json!({"timestamp": "yesterday"}), "drop invalid_event_timestamp"),
        (json!({"timestamp": "2026-01-01T11:00:00"}), "drop invalid_event_timestamp"),
        (json!({"properties": []}), "drop malformed_event_properties"),
        (json!({"properties": null}), "drop malformed_event_properties"),
        (json!({"options": 5}), "drop invalid_options"),
        (json!({"options": {"process_person_profile": "maybe"}}), "drop invalid_options"),
        (json!({"options": {"product_tour_id": 1.5}}), "drop invalid_options"),
        (json!({"options": {"unknown": []}}), "ok"),
        (json!({"options": null}), "ok"),
        (json!({"properties": {"k": "x".repeat(1_000_001)}}), "drop event_too_big"),
    ] {
        assert_eq!(verdict(fields.clone()), expected, "{:.100}", fields.to_string());
    }
    let deep = format!("{}1{}", r#"{"a":"#.repeat(128), "}".repeat(128));
    let text = batch(&[with(json!({"properties": "DEEP"}))]).replace("\"DEEP\"", &deep);
    assert_eq!(check(&text).unwrap().verdicts[0].1, Verdict::Dropped(Dropped::MalformedProperties));
}

#[test]
fn t84_placeholders_are_stored_without_a_person() {
    for id in ["anonymous", "Anonymous", "NULL", "'guest'", "\"0\"", "00000000-0000-0000-0000-000000000000", "system"] {
        assert_eq!(verdict(json!({"distinct_id": id})), "ok person_processing_disabled", "{id}");
        assert_eq!(properties(json!({"distinct_id": id}))["$process_person_profile"], json!(false));
    }
    assert_eq!(verdict(json!({"distinct_id": "anonymous1"})), "ok");
}

#[test]
fn results_keep_the_order_and_spelling_of_uuids() {
    let spelled = ID.to_uppercase();
    let events = [with(json!({"uuid": OTHER})), with(json!({"uuid": format!(" {spelled} ")}))];
    let checked = check(&batch(&events)).unwrap();
    assert_eq!(checked.verdicts, [(OTHER.to_owned(), Verdict::Ok), (spelled, Verdict::Ok)]);
}

#[test]
fn t82_a_request_is_refused_as_a_whole() {
    assert_eq!(tag(&batch(&[event(), event()])), "duplicate_event_uuid");
    assert_eq!(tag(&batch(&[event(), with(json!({"uuid": ID.replace('-', "")}))])), "duplicate_event_uuid");
    assert_eq!(tag(&batch(&[with(json!({"uuid": " "}))])), "missing_event_uuid");
    assert_eq!(tag(&batch(&[with(json!({"uuid": "x"}))])), "invalid_event_uuid");
    assert_eq!(tag(&batch(&[])), "empty_batch");
    assert_eq!(tag(&batch(&[event()]).replace("2026-01-01T12:00:00Z", "now")), "invalid_batch");
    for field in ["event", "uuid", "distinct_id", "timestamp"] {
        let mut event = event();
        event.as_object_mut().unwrap().remove(field);
        assert_eq!(tag(&batch(&[event])), "request_parsing_error", "{field}");
        assert_eq!(tag(&batch(&[with(json!({field: 5}))])), "request_parsing_error", "{field}");
    }
    for text in ["", "{", "[]", "5", r#"{"batch":[]}"#, r#"{"created_at":"2026-01-01T12:00:00Z","batch":{}}"#] {
        assert_eq!(tag(text), "request_parsing_error", "{text}");
    }
}

#[test]
fn what_stands_beside_the_properties_wins_over_them() {
    let found = properties(json!({
        "session_id": "S", "window_id": "W",
        "options": {"cookieless_mode": "0", "disable_skew_correction": 1, "product_tour_id": 7, "process_person_profile": "TRUE"},
        "properties": {"$session_id": "x", "$lib": "mine", "$process_person_profile": false, "k": 1},
    }));
    let expected = json!({
        "$session_id": "S", "$window_id": "W", "$cookieless_mode": false, "$ignore_sent_at": true, "$product_tour_id": "7",
        "$process_person_profile": true, "$lib": "posthog-test", "$lib_version": "1.2", "k": 1, "$ip": "203.0.113.7",
        "$sent_at": "2026-01-01T12:00:10.000Z",
    });
    assert_eq!(found, expected);
    let alone = properties(json!({"properties": {"$session_id": "x", "$process_person_profile": false}}));
    assert_eq!((&alone["$session_id"], &alone["$process_person_profile"]), (&json!("x"), &json!(false)));
}

#[test]
fn t80_the_library_is_split_at_the_last_slash() {
    let of = |sdk: &str| {
        let event = &captured(&batch(&[event()]), sdk)[0];
        ["$lib", "$lib_version"].map(|key| event.properties.get_str(key).map(Cow::into_owned))
    };
    assert_eq!(of("posthog/sub/2.0"), [Some("posthog/sub".to_owned()), Some("2.0".to_owned())]);
    for sdk in ["posthog", "/1", "posthog/", "", &format!("p/{}", "9".repeat(200))] {
        assert_eq!(of(sdk), [None, None], "{sdk:?}");
    }
}

#[test]
fn time_is_corrected_unless_the_event_asks_not_to() {
    let at = |fields| captured(&batch(&[with(fields)]), "p/1")[0].timestamp.as_micros() - received().at.as_micros();
    assert_eq!(at(json!({})), -3_610_000_000);
    assert_eq!(at(json!({"options": {"disable_skew_correction": true}})), -3_600_000_000);
    let (far, hour) = (json!({"timestamp": "2026-02-01T12:00:00Z"}), 3_600_000_000);
    assert_eq!(at(far.clone()), 0, "the far future is now");
    let uncorrected = json!({"timestamp": "2026-02-01T12:00:00Z", "options": {"disable_skew_correction": true}});
    assert_eq!(at(uncorrected), 31 * 24 * hour, "unless nothing is to be corrected");
}

#[test]
fn ids_are_trimmed_and_scrubbed_and_dropped_events_are_left_out() {
    let events = [
        with(json!({"event": ""})),
        with(json!({"uuid": OTHER, "distinct_id": " a\u{0}b "})),
        with(json!({"uuid": Uuid::nil(), "properties": {"$ip": "1.2.3.4"}})),
    ];
    let text = batch(&events).replacen('{', r#"{"capture_internal":true,"#, 1);
    let captured = captured(&text, "p/1");
    assert_eq!(captured.len(), 2);
    assert_eq!((captured[0].distinct_id.as_str(), captured[0].uuid.to_string().as_str()), ("a\u{fffd}b", OTHER));
    let ip = |at: usize| captured[at].properties.get_str("$ip").unwrap().into_owned();
    assert_eq!((ip(0), ip(1)), ("127.0.0.1".to_owned(), "1.2.3.4".to_owned()));
}

fn packed(encoding: &str, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        "gzip" => flate2::write::GzEncoder::new(&mut out, flate2::Compression::best()).write_all(text).unwrap(),
        "deflate" => flate2::write::ZlibEncoder::new(&mut out, flate2::Compression::best()).write_all(text).unwrap(),
        "br" => brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(text).unwrap(),
        "zstd" => out = zstd::encode_all(text, 3).unwrap(),
        other => panic!("{other}"),
    }
    out
}

#[test]
fn t80_every_encoding_is_undone_up_to_the_limit_and_not_beyond() {
    let limits = Limits { payload_bytes: 100_000, ..Limits::V1 };
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let unpacked = |encoding: &str, body: &[u8]| {
            let request = Request { content_encoding: Some(encoding), ..request("p/1", body) };
            payload(&request, limits).map(Cow::into_owned).map_err(|refusal| refusal.tag())
        };
        assert_eq!(unpacked(encoding, &packed(encoding, b"{\"a\":1}")), Ok("{\"a\":1}".to_owned()), "{encoding}");
        assert_eq!(unpacked(encoding, &packed(encoding, &[b' '; 100_001])), Err("payload_too_large"), "{encoding}");
        let bomb = packed(encoding, &vec![b' '; 8 << 20]);
        assert!(bomb.len() < 100_000, "{encoding}");
        assert_eq!(unpacked(encoding, &bomb), Err("payload_too_large"), "{encoding}");
        let mut cut = packed(encoding, &b"0123456789abcdef".repeat(50));
        cut.truncate(cut.len() / 2);
        assert_eq!(unpacked(encoding, &cut), Err("request_decoding_error"), "{encoding}");
        assert_eq!(unpacked(encoding, b"{}"), Err("request_decoding_error"), "{encoding}");
    }
    let plain =
        |body: &[u8]| payload(&request("p/1", body), limits).map(Cow::into_owned).map_err(|refusal| refusal.tag());
    assert_eq!(plain(b""), Err("empty_body"));
    assert_eq!(plain(b"  "), Err("empty_body"));
    assert_eq!(plain(b"\xff"), Err("request_decoding_error"));
    assert_eq!(plain(&vec![b' '; (10 << 20) + 1]), Err("payload_too_large"));
    assert_eq!(plain(br#""\ud83d""#), Ok(r#""\ufffd""#.to_owned()));
}

const HEADERS: [(&str, &str); 7] = [
    ("authorization", "bearer  phc_test "),
    ("posthog-sdk-info", "posthog-test/1.2"),
    ("posthog-attempt", "1"),
    ("posthog-request-id", "908cd549-e9be-46b4-a6cf-68ba985b664f"),
    ("posthog-request-timestamp", "2026-01-01T12:00:10+00:00"),
    ("content-type", "Application/JSON; charset=utf-8"),
    ("user-agent", "test"),
];

/// The verdict on good headers with some replaced, or left out where the replacement is empty.
fn head(changes: &[(&str, &str)]) -> Result<String, String> {
    let find = |name: &str| {
        let changed = changes.iter().find(|(changed, _)| *changed == name);
        let found = changed.or_else(|| HEADERS.iter().find(|(known, _)| *known == name));
        found.map(|(_, value)| value.as_bytes()).filter(|value| !value.is_empty())
    };
    let told = |refusal: Refusal| format!("{} {} {refusal}", refusal.status(), refusal.tag());
    Head::read(find).map(|head| format!("{} {:?}", head.token, head.content_encoding)).map_err(told)
}

#[test]
fn t83_headers_are_checked_in_order() {
    assert_eq!(head(&[]), Ok("phc_test None".to_owned()));
    assert_eq!(head(&[("content-encoding", "GZIP")]), Ok("phc_test Some(\"GZIP\")".to_owned()));
    let faults: [(&[(&str, &str)], &str); 13] = [
        (&[("authorization", ""), ("posthog-attempt", "")], "401 missing_authorization"),
        (&[("posthog-attempt", ""), ("user-agent", ""), ("authorization", "Basic x")], "400 missing_required_headers"),
        (&[("authorization", "Basic x"), ("content-type", "text/plain")], "400 invalid_header_value"),
        (&[("authorization", "Bearer phx_x"), ("content-type", "text/plain")], "401 invalid_api_token"),
        (&[("authorization", "Bearer \u{e9}")], "401 invalid_api_token"),
        (&[("content-type", "text/plain"), ("content-encoding", "lz4")], "415 unsupported_content_type"),
        (&[("content-encoding", "lz4"), ("posthog-attempt", "0")], "415 unsupported_encoding"),
        (&[("posthog-request-id", "x")], "400 invalid_header_value"),
        (&[("posthog-attempt", "0")], "400 invalid_header_value"),
        (&[("posthog-attempt", "1.5")], "400 invalid_header_value"),
        (&[("posthog-request-timestamp", "2026-01-01")], "400 invalid_header_value"),
        (&[("posthog-sdk-info", "\u{e9}")], "400 invalid_header_value"),
        (
            &[("posthog-request-id", "x"), ("posthog-attempt", "0")],
            "400 invalid_header_value the header PostHog-Request-Id",
        ),
    ];
    for (changes, expected) in faults {
        let told = head(changes).unwrap_err();
        assert!(told.starts_with(expected), "{changes:?}: {told}");
    }
    let told = head(&[("posthog-attempt", ""), ("user-agent", "")]).unwrap_err();
    assert!(told.ends_with("PostHog-Attempt, User-Agent"), "{told}");
}
