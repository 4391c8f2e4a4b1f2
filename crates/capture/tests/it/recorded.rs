//! Every capture request of the recorded SDKs decodes to the events it was sent with.

use std::path::Path;

use capture::Endpoint;
use serde_json::Value;

use crate::sample::{Sample, base64_form, captured, gzip};

pub(crate) struct Recorded {
    name: String,
    pub(crate) sample: Sample,
    /// One line per event: name, distinct id, uuid.
    events: Vec<String>,
}

/// Every recorded capture request, each encoded as it was on the wire.
pub(crate) fn recorded() -> Vec<Recorded> {
    let mut all = Vec::new();
    for (file, recording) in recordings() {
        for request in recording["requests"].as_array().expect("a recording is a list of requests") {
            let endpoint = match request["path"].as_str().expect("a request has a path").trim_end_matches('/') {
                "/batch" | "/i/v0/e" => Endpoint::Event,
                "/e" | "/capture" | "/track" => Endpoint::Legacy,
                "/engage" => Endpoint::Engage,
                "/i/v1/analytics/events" => Endpoint::V1,
                _ => continue,
            };
            let name = format!("{file} request {}", request["seq"]);
            all.push(Recorded { name, sample: sample(endpoint, request), events: expected(&request["body"]) });
        }
    }
    all
}

#[expect(clippy::disallowed_methods, reason = "test data is no file of a running server")]
fn recordings() -> Vec<(String, Value)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compat/captured");
    let mut recordings = Vec::new();
    for entry in std::fs::read_dir(dir).expect("recordings are checked in") {
        let path = entry.expect("a directory can be listed").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).expect("a recording can be read");
            recordings.push((path.display().to_string(), serde_json::from_str(&text).expect("a recording is JSON")));
        }
    }
    recordings
}

fn sample(endpoint: Endpoint, request: &Value) -> Sample {
    let text = request["body"].to_string().into_bytes();
    let header = |name: &str| request["headers"][name].as_str().map(str::to_owned);
    let query = request["query"].as_object().expect("a query is an object");
    let query: Vec<String> =
        query.iter().map(|(name, value)| format!("{name}={}", value.as_str().expect("a parameter is text"))).collect();
    Sample {
        endpoint,
        query: query.join("&"),
        content_type: header("content-type"),
        content_encoding: header("content-encoding"),
        sender: header("posthog-sdk-info").zip(header("posthog-request-timestamp")),
        body: match request["encoding"].as_str().expect("a body has an encoding") {
            "none" => text,
            "gzip" => gzip(&text),
            "form+base64" => base64_form(&text),
            other => panic!("encoding {other} is not known here"),
        },
    }
}

fn expected(body: &Value) -> Vec<String> {
    let events = match body {
        Value::Array(events) => events.as_slice(),
        batch if batch["batch"].is_array() => batch["batch"].as_array().expect("just seen"),
        event => std::slice::from_ref(event),
    };
    let line = |event: &Value| {
        let distinct_id = event["distinct_id"].as_str().or_else(|| event["properties"]["distinct_id"].as_str());
        let text = |value: &Value| value.as_str().expect("recorded events name it").to_owned();
        format!("{} {} {}", text(&event["event"]), distinct_id.expect("recorded events name it"), text(&event["uuid"]))
    };
    events.iter().map(line).collect()
}

#[test]
fn recorded_requests_decode_to_what_was_sent() {
    let all = recorded();
    assert!(all.len() >= 68, "only {} recorded requests found", all.len());
    for Recorded { name, sample, events } in all {
        let decoded = captured(&sample, |answer| {
            let batch = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
            let token = (sample.endpoint != Endpoint::V1).then_some("phc_test");
            assert_eq!(batch.token.as_deref(), token, "{name}");
            let line =
                |event: &model::CapturedEvent<'_>| format!("{} {} {}", event.name, event.distinct_id, event.uuid);
            batch.events.iter().map(line).collect::<Vec<_>>()
        });
        assert_eq!(decoded, events, "{name}");
    }
}

/// The same SDK switches endpoint and encoding within one session, so every combination must give the same.
#[test]
fn recorded_requests_decode_alike_in_every_encoding_and_on_every_endpoint() {
    let any_path = recorded().into_iter().filter(|one| one.sample.endpoint != Endpoint::V1);
    for Recorded { name, sample, events } in any_path {
        let text = capture::payload(&sample.request(), capture::Limits::DEFAULT).expect("recorded requests decode");
        for endpoint in [Endpoint::Event, Endpoint::Legacy, Endpoint::Engage] {
            let form = Some("application/x-www-form-urlencoded".to_owned());
            let variants = [
                Sample { body: text.as_bytes().to_vec(), content_type: None, ..sample.clone() },
                Sample { body: gzip(text.as_bytes()), content_type: None, ..sample.clone() },
                Sample { body: base64_form(text.as_bytes()), content_type: form.clone(), ..sample.clone() },
                Sample { body: base64_form(&gzip(text.as_bytes())), content_type: form, ..sample.clone() },
            ];
            for variant in variants {
                let count =
                    captured(&Sample { endpoint, ..variant }, |answer| answer.map(|batch| batch.events.len()).ok());
                assert_eq!(count, Some(events.len()), "{name}");
            }
        }
    }
}
