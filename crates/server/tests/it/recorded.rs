//! Every recorded SDK request, sent again: the server answers as the recording wants it, and stores what was meant.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use serde_json::Value;
use testkit::{Server, TOKEN, encode};

use crate::server_with;

/// One recorded request and the file it is from.
struct Recorded {
    name: String,
    request: Value,
}

#[expect(clippy::disallowed_methods, reason = "test data is no file of a running server")]
fn recorded() -> Vec<Recorded> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compat/captured");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut all = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let text = std::fs::read_to_string(path).unwrap();
        let mut recording: Value = serde_json::from_str(&text).unwrap();
        for request in std::mem::take(recording["requests"].as_array_mut().unwrap()) {
            let file = path.file_stem().unwrap().to_string_lossy().into_owned();
            all.push(Recorded { name: format!("{file} {} {}", request["seq"], request["path"]), request });
        }
    }
    all
}

impl Recorded {
    fn text(&self, key: &str) -> &str {
        self.request[key].as_str().unwrap()
    }

    /// The answer the SDK is to get. The recorder played broken in some runs; what it would have said otherwise counts.
    fn expected_status(&self) -> Option<u16> {
        match self.text("path") {
            // Depends on how the program was built.
            path if path.starts_with("/static/") => None,
            _ if self.request["query"]["beacon"] == "1" => Some(204),
            _ => Some(200),
        }
    }

    fn send(&self, server: &Server) -> u16 {
        let query: Vec<String> = self.request["query"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value.as_str().unwrap())))
            .collect();
        let path = format!("{}?{}", self.text("path"), query.join("&"));
        let headers: Vec<(&str, &str)> = self.request["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .filter(|(name, _)| !matches!(*name, "content-length" | "host" | "connection" | "accept-encoding"))
            .collect();
        let json = if self.request["body"].is_null() { String::new() } else { self.request["body"].to_string() };
        let body = match self.request["encoding"].as_str().unwrap_or("none") {
            "none" => json.into_bytes(),
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(json.as_bytes()).unwrap();
                encoder.finish().unwrap()
            }
            "form+base64" => {
                let data = base64::engine::general_purpose::STANDARD.encode(json);
                format!("data={}", encode(&data)).into_bytes()
            }
            other => panic!("encoding {other} is not known here"),
        };
        server.send(self.text("method"), &path, &headers, &body).status
    }

    fn is_capture(&self) -> bool {
        ["/e", "/i/v0/e", "/batch", "/i/v1/analytics/events"].contains(&self.text("path").trim_end_matches('/'))
    }

    /// The uuids of its events, but for those that are dropped by design: cookieless mode is off.
    fn uuids(&self) -> Vec<String> {
        let body = &self.request["body"];
        let events = match body {
            Value::Array(events) => events.as_slice(),
            batch if batch["batch"].is_array() => batch["batch"].as_array().unwrap(),
            event => std::slice::from_ref(event),
        };
        let kept = events.iter().filter(|event| event["properties"]["$cookieless_mode"] != true);
        kept.map(|event| event["uuid"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn every_recorded_request_gets_its_answer_and_every_event_is_listed_once() {
    let server = server_with(&[("HEDGEROW_PROJECT_TOKEN", TOKEN)]);
    let recorded = recorded();
    assert!(recorded.len() >= 90, "only {} recorded requests found", recorded.len());
    let mut uuids = BTreeSet::new();
    for one in &recorded {
        let status = one.send(&server);
        if let Some(expected) = one.expected_status() {
            assert_eq!(status, expected, "{}", one.name);
        }
        if one.is_capture() {
            uuids.extend(one.uuids());
        }
    }
    server.settle();
    let listed = server.follow("/api/projects/1/events/?limit=100&after=2000-01-01&before=2100-01-01");
    let listed: Vec<&str> = listed.iter().map(|event| event["id"].as_str().unwrap()).collect();
    let found: BTreeSet<String> = listed.iter().map(|id| (*id).to_owned()).collect();
    assert_eq!(found.len(), listed.len(), "an event is listed twice");
    let missing: Vec<_> = uuids.difference(&found).collect();
    let unknown: Vec<_> = found.difference(&uuids).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
}
