//! What SDKs ask for besides capture.

use serde_json::{Value, json};
use testkit::{KEY, TOKEN};

use crate::{server, server_with};

#[test]
fn t85_nobody_has_a_flag() {
    let server = server();
    let body = json!({"token": TOKEN, "distinct_id": "u1"});
    for version in ["2", "3", "4"] {
        let answer = server.capture(&format!("/flags/?v={version}"), &body);
        assert_eq!(answer.status, 200);
        let found = answer.json();
        assert_eq!((&found["flags"], &found["errorsWhileComputingFlags"]), (&json!({}), &json!(false)));
        assert_eq!(found["evaluatedAt"], json!(1_767_268_800_000_i64));
        assert_eq!(found["requestId"].as_str().unwrap().as_bytes()[14], b'7');
    }
    let with_config = server.capture("/flags?v=2&config=true", &body).json();
    assert_eq!((&with_config["token"], &with_config["autocapture_opt_out"]), (&json!(TOKEN), &json!(false)));
    let oldest = server.capture("/flags/?v=1", &body).json();
    assert_eq!((&oldest["featureFlags"], &oldest["flags"]), (&json!({}), &json!({})));
    // Whatever the body is: a question about flags is never an error a user has to read.
    for body in [&b""[..], b"no json", b"data=eyJ0b2tlbiI6InBoY190ZXN0In0%3D"] {
        assert_eq!(server.send("POST", "/flags/?v=2", &[], body).status, 200);
    }
    assert_eq!(server.send("POST", "/flags/?v=2", &[], &vec![b'x'; 3 << 20]).status, 413);
}

#[test]
fn decide_answers_every_version() {
    let server = server();
    let decide = |query: &str| server.capture(&format!("/decide/{query}"), &json!({"token": TOKEN})).json();
    for query in ["", "?v=1"] {
        assert_eq!(decide(query)["featureFlags"], json!([]), "{query}");
    }
    for query in ["?v=2", "?v=3"] {
        let found = decide(query);
        assert_eq!(found["featureFlags"], json!({}), "{query}");
        assert_eq!(found["supportedCompression"], json!(["gzip", "gzip-js"]));
        assert_eq!((&found["autocapture_opt_out"], &found["sessionRecording"]), (&json!(false), &json!(false)));
    }
    assert_eq!(decide("?v=4")["flags"], json!({}));
}

#[test]
fn t86_t87_remote_configuration_is_there_for_known_tokens() {
    let server = server();
    let origin = [("origin", "https://a.example")];
    let answer = server.send("GET", "/array/phc_test/config", &origin, b"");
    let config = answer.json();
    assert!(config["autocapture_opt_out"].is_boolean());
    assert!(config["supportedCompression"].as_array().unwrap().contains(&json!("gzip")));
    assert_eq!(config["token"], json!(TOKEN));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.example"));
    let script = server.send("GET", "/array/phc_test/config.js", &[], b"");
    assert_eq!((script.status, script.header("content-type")), (200, Some("application/javascript")));
    let (_, object) = script.body.split_once(r#"_POSTHOG_REMOTE_CONFIG["phc_test"]={config:"#).unwrap();
    let (object, _) = object.split_once(",siteApps:[]}").unwrap();
    assert_eq!(serde_json::from_str::<Value>(object).unwrap(), config);
    let unknown = server.send("GET", "/array/phc_unknown/config", &origin, b"");
    assert_eq!((unknown.status, unknown.body.as_str()), (404, "API key is not valid: unknown"));
    assert_eq!(unknown.header("access-control-allow-origin"), Some("https://a.example"));
    let lenient = server_with(&[("HEDGEROW_UNKNOWN_TOKEN", "accept")]);
    assert_eq!(lenient.send("GET", "/array/phc_unknown/config", &[], b"").status, 200);
}

#[test]
fn the_library_is_served_or_its_absence_explained() {
    let server = server();
    let library = server.send("GET", "/static/array.js", &[], b"");
    let fetched = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/assets/posthog-js/array.js");
    let Ok(fetched) = std::fs::read_to_string(fetched) else {
        assert_eq!(library.status, 404);
        assert!(library.body.contains("make assets"), "{}", library.body);
        return;
    };
    assert_eq!((library.status, library.body.as_str()), (200, fetched.as_str()));
    assert_eq!(library.header("content-type"), Some("application/javascript"));
    assert_eq!(server.send("GET", "/static/1.449.2/surveys.js", &[], b"").status, 200);
    assert_eq!(server.send("GET", "/static/surveys.js?v=1.449.2", &[], b"").status, 200);
    let with_config = server.send("GET", "/array/phc_test/array.js", &[], b"").body;
    assert!(with_config.starts_with("(function(){window._POSTHOG_REMOTE_CONFIG") && with_config.ends_with(&fetched));
    let absent = server.send("GET", "/static/lazy-recorder.js", &[], b"");
    assert_eq!(absent.status, 404);
    assert!(!absent.body.contains("make assets"));
    assert_eq!(server.send("GET", "/static/../Cargo.toml", &[], b"").status, 404);
}

#[test]
fn features_that_are_not_served_have_empty_lists() {
    let server = server();
    for (path, key) in [
        ("surveys", "surveys"),
        ("web_experiments", "experiments"),
        ("early_access_features", "earlyAccessFeatures"),
        ("product_tours", "product_tours"),
    ] {
        let answer =
            server.send("GET", &format!("/api/{path}/?token={TOKEN}"), &[("origin", "https://a.example")], b"");
        assert_eq!((answer.status, answer.json()), (200, json!({key: []})), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.example"));
    }
}

#[test]
fn flag_definitions_need_a_key_and_know_when_nothing_changed() {
    let server = server();
    let bearer = format!("Bearer {KEY}");
    let key = ("authorization", bearer.as_str());
    for path in ["/flags/definitions?token=phc_test&send_cohorts", "/api/feature_flag/local_evaluation/?token=phc_test"]
    {
        let answer = server.send("GET", path, &[key], b"");
        assert_eq!(answer.json(), json!({"flags": [], "group_type_mapping": {}, "cohorts": {}}));
        let etag = answer.header("etag").unwrap();
        let again = server.send("GET", path, &[key, ("if-none-match", etag)], b"");
        assert_eq!((again.status, again.body.as_str()), (304, ""));
        assert_eq!(server.send("GET", path, &[], b"").status, 401);
    }
}

#[test]
fn replay_is_taken_and_thrown_away() {
    let server = server();
    let answer = server.capture("/s/", &json!([{"event": "$snapshot", "properties": {}}]));
    assert_eq!((answer.status, answer.json()), (200, json!({"status": "Ok", "quota_limited": ["recordings"]})));
    let large = server.send("POST", "/s/", &[], &vec![b'x'; (25 << 20) + 1]);
    assert_eq!(large.status, 413);
    assert!(large.body.starts_with("maximum event size exceeded"));
    assert!(server.metric("hedgerow_capture_events_total") < 1.0);
}

#[test]
fn start_up_requests_can_be_made_from_other_origins() {
    let server = server();
    for path in ["/flags/", "/decide/", "/array/phc_test/config", "/static/array.js", "/s/", "/api/surveys/"] {
        let headers = [("origin", "https://a.example"), ("access-control-request-headers", "content-type")];
        let preflight = server.send("OPTIONS", path, &headers, b"");
        assert_eq!((preflight.status, preflight.body.as_str()), (200, ""), "{path}");
        assert_eq!(preflight.header("access-control-allow-headers"), Some("content-type"), "{path}");
        assert_eq!(server.send("DELETE", path, &headers, b"").status, 405, "{path}");
    }
}

/// A form of parts: name, content type, content.
fn form(parts: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (name, kind, content) in parts {
        body.push_str(&format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n{content}\r\n"
        ));
    }
    body.push_str("--b--\r\n");
    body.into_bytes()
}

#[test]
fn events_of_language_models_come_in_parts_as_well() {
    let mut server = server();
    let uuid = "0193a1f0-5f7e-7c3b-9d1e-2f4a6b8c0d1e";
    let event = json!({"event": "$ai_generation", "distinct_id": "u1", "uuid": uuid}).to_string();
    let long = "x".repeat(3 << 20);
    let body = form(&[
        ("event", "application/json", &event),
        ("event.properties", "application/json", r#"{"$ai_model":"m"}"#),
        ("event.properties.$ai_input", "application/json", r#"[{"role":"user","content":"hi"}]"#),
        ("event.properties.$ai_output", "text/plain", &long),
    ]);
    let kind = ("content-type", "multipart/form-data; boundary=b");
    let token = ("authorization", "Bearer phc_test");
    let answer = server.send("POST", "/i/v0/ai", &[kind, token], &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let parts = answer.json()["accepted_parts"].clone();
    assert_eq!((&parts[0]["name"], &parts[3]["length"]), (&json!("event"), &json!(3 << 20)));
    let packed = zstd::encode_all(&*body, 3).unwrap();
    assert_eq!(
        server.send("POST", "/i/v0/ai/", &[kind, token], &packed).status,
        200,
        "packed, and the same event again"
    );
    server.kill9();
    server.start_again();
    server.settle();
    let listed = server.project("events/").results();
    assert_eq!(listed.len(), 1);
    let stored = &listed[0];
    assert_eq!((&stored["id"], &stored["event"]), (&json!(uuid), &json!("$ai_generation")));
    let properties = &stored["properties"];
    assert_eq!((&properties["$ai_model"], &properties["$ai_input"][0]["content"]), (&json!("m"), &json!("hi")));
    assert_eq!(properties["$ai_output"].as_str().unwrap().len(), 3 << 20);
    for (headers, body, status, words) in [
        (vec![kind], &body[..], 401, "event submitted without an api_key"),
        (vec![kind, ("authorization", "Bearer phc_other")], &body[..], 401, "API key is not valid: unknown"),
        (vec![kind, token], &b"no form"[..], 400, "failed to parse multipart request: "),
        (vec![token], &body[..], 400, "failed to parse multipart request: "),
        (vec![kind, token], &form(&[("event", "", "{}")])[..], 400, "failed to hydrate events"),
        (
            vec![kind, token],
            &form(&[("other", "", "")])[..],
            400,
            "failed to parse multipart request: there is no part",
        ),
        (vec![kind, token], &vec![b'x'; (20 << 20) + 1][..], 413, "maximum event size exceeded"),
    ] {
        let refused = server.send("POST", "/i/v0/ai", &headers, body);
        assert_eq!(refused.status, status, "{words}: {}", refused.body);
        assert!(refused.body.starts_with(words), "{}", refused.body);
    }
    assert_eq!(server.send("GET", "/i/v0/ai", &[token], b"").status, 405);
}

#[test]
fn events_of_language_models_have_a_lane_for_long_ones() {
    let server = server();
    let event = |bytes: usize| {
        let properties = json!({"$ai_input": "x".repeat(bytes)});
        json!({"api_key": TOKEN, "batch": [{"event": "$ai_generation", "distinct_id": "u1", "properties": properties}]})
    };
    assert_eq!(server.capture("/batch/", &event(2 << 20)).status, 413);
    assert_eq!(server.capture("/i/v0/ai/batch/", &event(2 << 20)).status, 200);
    assert_eq!(server.capture("/i/v0/ai/batch", &event(9 << 20)).status, 413);
    server.settle();
    let listed = server.project("events/").results();
    assert_eq!(listed[0]["properties"]["$ai_input"].as_str().unwrap().len(), 2 << 20);
}
