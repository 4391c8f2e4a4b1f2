use super::*;

const HYDRATE: &str = "400: failed to hydrate events from request: non-engage request missing event name attribute";
const MISMATCH: &str = "400: failed to parse request: data did not match any variant of untagged enum RawRequest";
const ENDPOINTS: [Endpoint; 3] = [Endpoint::Event, Endpoint::Legacy, Endpoint::Engage];

#[test]
fn t01_t02_one_event_is_accepted_on_every_endpoint() {
    let body = r#"{"api_key":"phc_test","event":"a","distinct_id":"u1","properties":{"k":1}}"#;
    for endpoint in ENDPOINTS {
        assert_eq!(verdict_on(endpoint, body), "phc_test: a/u1");
    }
    let event = one(body);
    assert_eq!(event.properties.to_json(), r#"{"k":1,"$ip":"203.0.113.7"}"#);
    assert_eq!(event.timestamp, NOW);
    assert_eq!(event.uuid.get_version_num(), 7);
}

#[test]
fn t03_an_array_takes_its_token_from_properties() {
    let body = r#"[{"event":"a","properties":{"distinct_id":"u1","token":"phc_test"}},
                   {"event":"b","properties":{"distinct_id":"u2","token":"phc_test"}}]"#;
    assert_eq!(verdict(body), "phc_test: a/u1, b/u2");
    let batch = captured(&request(Endpoint::Legacy, body), Limits::DEFAULT).unwrap();
    assert_eq!(batch.events[1].properties.get_str("token").unwrap(), "phc_test");
    assert_eq!(batch.events[1].properties.get_str("distinct_id").unwrap(), "u2");
}

#[test]
fn t04_t05_a_batch_is_accepted_on_every_endpoint() {
    let body = r#"{"api_key":"phc_test","batch":[{"event":"a","distinct_id":"u1"},{"event":"b","distinct_id":"u1"}],
                   "sent_at":"2026-01-01T12:00:00Z"}"#;
    for endpoint in ENDPOINTS {
        assert_eq!(verdict_on(endpoint, body), "phc_test: a/u1, b/u1");
    }
    for event in captured(&request(Endpoint::Event, body), Limits::DEFAULT).unwrap().events {
        assert_eq!(event.properties.get_str("$sent_at").unwrap(), "2026-01-01T12:00:00.000Z");
    }
}

#[test]
fn historical_migration_is_told() {
    let batch = |field: &str| {
        let body = format!(r#"{{"token":"t","batch":[{{"event":"a","distinct_id":"u"}}]{field}}}"#);
        captured(&request(Endpoint::Event, &body), Limits::DEFAULT).unwrap().historical_migration
    };
    assert!(batch(r#","historical_migration":true"#));
    assert!(!batch(r#","historical_migration":false"#));
    assert!(!batch(""));
}

#[test]
fn t13_t14_t15_only_engage_takes_an_object_without_event_name() {
    let body = r#"{"token":"phc_test","distinct_id":"u1","$set":{"plan":"pro"}}"#;
    assert_eq!(verdict_on(Endpoint::Engage, body), "phc_test: $identify/u1");
    for endpoint in [Endpoint::Event, Endpoint::Legacy] {
        assert_eq!(verdict_on(endpoint, body), HYDRATE);
        assert_eq!(verdict_on(endpoint, "{}"), HYDRATE);
    }
    assert_eq!(verdict_on(Endpoint::Engage, "{}"), "401: event submitted without an api_key");
    let sent = captured(&request(Endpoint::Engage, body), Limits::DEFAULT).unwrap();
    assert_eq!(sent.events[0].properties.to_json(), r#"{"$set":{"plan":"pro"},"$ip":"203.0.113.7"}"#);
}

#[test]
fn t16_an_empty_list_is_refused() {
    for body in ["[]", r#"{"api_key":"phc_test","batch":[]}"#, r#"{"api_key":"","batch":[]}"#] {
        assert_eq!(verdict(body), "400: request holds no event", "{body}");
    }
}

#[test]
fn t18_what_is_no_json_is_refused_in_the_parsers_words() {
    assert_eq!(verdict(r#"{"event":"#), "400: failed to parse request: EOF while parsing a value at line 1 column 9");
    for body in ["{\"event\":\"a\"", "not json", "{}x", "[1,]"] {
        assert!(verdict(body).starts_with("400: failed to parse request: "), "{body}");
    }
}

#[test]
fn t21_t22_t23_t24_t25_wrong_fields_are_refused_with_the_text_of_their_shape() {
    for field in [
        r#""properties":null"#,
        r#""properties":[]"#,
        r#""offset":1.5"#,
        r#""$set":"x""#,
        r#""timestamp":1767268800"#,
        r#""uuid":"abc""#,
        r#""api_key":"phc_test""#,
    ] {
        let event = format!(r#"{{"token":"phc_test","event":"a","distinct_id":"u1",{field}}}"#);
        assert_eq!(verdict(&event), MISMATCH, "{field}");
        assert_eq!(verdict(&format!("[{event}]")), MISMATCH, "{field}");
        assert_eq!(verdict(&format!(r#"{{"token":"phc_test","batch":[{event}]}}"#)), HYDRATE, "{field}");
    }
    let batch = |event: &str| format!(r#"{{"token":"phc_test","batch":[{{"event":"a","distinct_id":"u"}},{event}]}}"#);
    assert_eq!(verdict(&batch(r#"{"distinct_id":"u"}"#)), HYDRATE);
    assert_eq!(verdict(&batch(r#"{"event":5,"distinct_id":"u"}"#)), HYDRATE);
}

#[test]
fn t26_performance_events_are_discarded_before_any_check() {
    let discarded = r#"{"event":"$performance_event"}"#;
    for body in [discarded.to_owned(), format!("[{discarded}]"), format!(r#"{{"token":"","batch":[{discarded}]}}"#)] {
        assert_eq!(verdict(&body), "no token", "{body}");
    }
    let mixed = format!(r#"[{discarded},{{"token":"phc_test","event":"a","distinct_id":"u1"}}]"#);
    assert_eq!(verdict(&mixed), "phc_test: a/u1");
    assert_eq!(verdict(r#"{"event":"$performance_event","token":1}"#), MISMATCH);
}

#[test]
fn t27_an_event_above_its_limit_is_refused() {
    let body = format!(r#"{{"token":"t","event":"a","distinct_id":"u","properties":{{"k":"{}"}}}}"#, "x".repeat(100));
    let with = |event_bytes| {
        let limits = Limits { event_bytes, ..Limits::DEFAULT };
        captured(&request(Endpoint::Event, &body), limits).map(|batch| batch.events.len())
    };
    assert_eq!(with(112), Ok(1));
    assert_eq!(with(111), Err("413: maximum event size exceeded: event is larger than 111 bytes".to_owned()));
    let unknown = format!(r#"{{"token":"t","event":"a","distinct_id":"u","context":"{}"}}"#, "x".repeat(2_000_000));
    assert_eq!(verdict(&unknown), "t: a/u");
}

#[test]
fn t27_many_tiny_events_are_refused() {
    let list = |count: usize| format!("[{}]", vec![r#"{"event":"a","distinct_id":1,"token":"t"}"#; count].join(","));
    let refused = "413: maximum event size exceeded: request holds more than 100000 events";
    assert_eq!(verdict(&list(100_001)), refused);
    assert_eq!(verdict(&format!(r#"{{"token":"t","batch":{}}}"#, list(300_000))), refused);
    let batch = captured(&request(Endpoint::Event, &list(100_000)), Limits::DEFAULT).unwrap();
    assert_eq!(batch.events.len(), 100_000);
    assert_eq!(verdict(&format!("[{}{{}}]", "{},".repeat(1_000_000))), MISMATCH);
}

#[test]
fn t27b_what_is_nested_too_deep_for_other_parsers_is_refused() {
    let nested = |levels: usize| format!("{}1{}", r#"{"k":"#.repeat(levels), "}".repeat(levels));
    let event =
        |field: &str, value: &str| format!(r#"{{"token":"t","event":"a","distinct_id":"u","{field}":{value}}}"#);
    let refused = "400: failed to parse request: recursion limit exceeded at 128 levels";
    for (field, levels) in [("properties", 127), ("$set", 126), ("$set_once", 126)] {
        assert_eq!(verdict(&event(field, &nested(levels))), "t: a/u", "{field}");
        assert_eq!(verdict(&event(field, &nested(levels + 1))), refused, "{field}");
        assert_eq!(verdict(&event(field, &nested(100_000))), refused, "{field}");
        let properties = one(&event(field, &nested(levels))).properties.to_json();
        assert!(serde_json::from_str::<serde_json::Value>(&properties).is_ok(), "{field}");
    }
    let distinct_id = format!(r#"{{"token":"t","event":"a","distinct_id":{}}}"#, nested(200));
    assert_eq!(verdict(&distinct_id), refused);
    let brackets = format!(r#"{{"k":"{}"}}"#, "[".repeat(1_000));
    assert_eq!(verdict(&event("properties", &brackets)), "t: a/u");
    assert_eq!(verdict(&event("unknown", &nested(100_000))), "t: a/u");
}

#[test]
fn t30_t31_t32_tokens_must_be_there_agree_and_look_like_tokens() {
    let array = |tokens: &[&str]| {
        let events = tokens.iter().map(|token| format!(r#"{{"event":"a","distinct_id":"u"{token}}}"#));
        format!("[{}]", events.collect::<Vec<_>>().join(","))
    };
    let top = |token: &str| format!(r#","token":"{token}""#);
    let inner = |token: &str| format!(r#","properties":{{"token":"{token}"}}"#);
    assert_eq!(verdict(&array(&[""])), "401: event submitted without an api_key");
    assert_eq!(verdict(&array(&[r#","properties":{"token":5}"#])), "401: event submitted without an api_key");
    assert_eq!(verdict(&array(&["", &top("t1"), ""])), "t1: a/u, a/u, a/u");
    assert_eq!(verdict(&array(&[&top("t1"), &inner("t1")])), "t1: a/u, a/u");
    let inconsistent = "401: batch submitted with inconsistent api_key values";
    assert_eq!(verdict(&array(&[&top("t1"), &top("t2")])), inconsistent);
    assert_eq!(verdict(&array(&[&top("t1"), "", &inner("t2")])), inconsistent);
    let long = "x".repeat(65);
    for (token, fault) in [("phx_abc", "personal_api_key"), (&*long, "too_long"), ("🦀", "not_ascii"), ("", "empty")]
    {
        let expected = format!("401: API key is not valid: {fault}");
        assert_eq!(verdict(&array(&[&top(token)])), expected);
        assert_eq!(verdict(&array(&[&inner(token)])), expected);
        let batch = format!(r#"{{"api_key":"{token}","batch":[{{"event":"a","distinct_id":"u"}}]}}"#);
        assert_eq!(verdict(&batch), expected);
    }
    assert_eq!(verdict(&array(&[&top(&"x".repeat(64))])), format!("{}: a/u", "x".repeat(64)));
}

#[test]
fn the_token_of_a_batch_goes_before_those_of_its_events() {
    let body = r#"{"$token":"t0","batch":[{"event":"a","distinct_id":"u","token":"t1"},
                   {"event":"a","distinct_id":"u","properties":{"token":"t2"}}]}"#;
    assert_eq!(verdict(body), "t0: a/u, a/u");
}

#[test]
fn t33_t34_t35_t40_one_bad_event_rejects_the_request() {
    let no_name = "400: event submitted with an empty event name";
    let no_id = "400: event submitted without a distinct_id";
    let mode = "400: event submitted with invalid cookieless mode";
    for (event, expected) in [
        (r#""event":"","distinct_id":"u""#, no_name),
        (r#""event":"b""#, no_id),
        (r#""event":"b","distinct_id":null"#, no_id),
        (r#""event":"b","distinct_id":"""#, no_id),
        (r#""event":"b","distinct_id":" \t""#, no_id),
        (r#""event":"b","distinct_id":"","properties":{"distinct_id":"u"}"#, no_id),
        (r#""event":"b","distinct_id":"u","properties":{"$cookieless_mode":"yes"}"#, mode),
        (r#""event":"b","distinct_id":"u","properties":{"$cookieless_mode":null}"#, mode),
        (r#""event":"b","distinct_id":"u","properties":{"\u0024cookieless\u005fmode":1}"#, mode),
    ] {
        let body = format!(r#"{{"api_key":"t","batch":[{{"event":"a","distinct_id":"u"}},{{{event}}}]}}"#);
        assert_eq!(verdict(&body), expected, "{event}");
    }
    for mode in ["true", "false"] {
        let body =
            format!(r#"{{"token":"t","event":"a","distinct_id":"u","properties":{{"$cookieless_mode":{mode}}}}}"#);
        assert_eq!(verdict(&body), "t: a/u");
    }
}

#[test]
fn several_faults_are_told_in_a_fixed_order() {
    let event = |fields: &str| verdict(&format!("{{{fields}}}"));
    assert_eq!(event(r#""event":"","token":"t1","api_key":"t2""#), MISMATCH);
    assert_eq!(event(r#""event":"""#), "401: event submitted without an api_key");
    assert_eq!(event(r#""event":"","token":"t""#), "400: event submitted with an empty event name");
    assert_eq!(
        event(r#""event":"a","token":"t","properties":{"$cookieless_mode":1}"#),
        "400: event submitted without a distinct_id"
    );
}

#[test]
fn t39_the_top_level_distinct_id_goes_first_unless_null() {
    for (top, expected) in [(r#""x""#, "t: a/x"), ("null", "t: a/y"), ("0", "t: a/0"), ("false", "t: a/false")] {
        let body = format!(r#"{{"token":"t","event":"a","$distinct_id":{top},"properties":{{"distinct_id":"y"}}}}"#);
        assert_eq!(verdict(&body), expected, "{top}");
    }
    let last = r#"{"token":"t","event":"a","properties":{"distinct_id":"x","distinct_id":23}}"#;
    assert_eq!(verdict(last), "t: a/23");
}

#[test]
fn t60_an_event_name_keeps_its_length_here() {
    let name = "e".repeat(250);
    assert_eq!(verdict(&format!(r#"{{"token":"t","event":"{name}","distinct_id":"u"}}"#)), format!("t: {name}/u"));
}
