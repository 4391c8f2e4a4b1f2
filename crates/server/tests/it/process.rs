//! Starting, stopping, and being refused.

use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::Server;

use crate::{BINARY, event, server, server_with};

fn run(args: &[&str]) -> Output {
    Command::new(BINARY).arg("serve").args(args).env_remove("HEDGEROW_CLOCK").output().unwrap()
}

fn refused(args: &[&str], code: i32, words: &str) {
    let output = run(args);
    let line = String::from_utf8(output.stderr).unwrap();
    let last = line.lines().last().unwrap_or_default().to_owned();
    assert_eq!(output.status.code(), Some(code), "{line}");
    assert!(last.starts_with("hedgerow: ") && last.contains(words), "{line}");
}

fn many(count: usize) -> Vec<Value> {
    (0..count).map(|at| event("e", &format!("u{at}"), "2026-01-01T11:00:00Z", json!({"at": at}))).collect()
}

#[test]
fn a_second_process_on_the_same_directory_is_refused() {
    let server = server();
    let dir = server.data_dir();
    refused(&["--data-dir", dir.to_str().unwrap(), "--listen", "127.0.0.1:0"], 3, "in use by another process");
    assert_eq!(server.send("GET", "/_health", &[], b"").status, 200);
}

#[test]
fn bad_settings_are_refused_before_anything_is_touched() {
    refused(&["--listen", "nowhere"], 2, "listen");
    refused(&["--log-segment-bytes", "1"], 2, "log-segment-bytes");
    refused(&["--clock", "2026-01-01T00:00:00Z", "--listen", "0.0.0.0:0"], 2, "public address");
    refused(&["--trusted-proxies", "x"], 2, "trusted-proxies");
    assert_eq!(run(&["--nonsense"]).status.code(), Some(2));
}

#[test]
fn an_unusable_directory_is_refused() {
    refused(&["--data-dir", "/dev/null/x", "--listen", "127.0.0.1:0"], 3, "/dev/null/x");
}

#[test]
fn sigterm_stops_cleanly_and_nothing_is_lost() {
    let mut server = server();
    server.ingest(&many(500));
    let persons = server.follow("/api/projects/1/persons/?limit=200");
    assert_eq!(server.terminate().code(), Some(0));
    let log = server.data_dir().join("meta.sqlite-wal");
    assert_eq!(std::fs::metadata(log).map_or(0, |log| log.len()), 0, "a clean stop empties the write-ahead log");
    server.start_again();
    assert_eq!(server.follow("/api/projects/1/events/?limit=200").len(), 500);
    assert_eq!(server.follow("/api/projects/1/persons/?limit=200").len(), persons.len());
    assert!(server.metric("hedgerow_segments") >= 1.0, "a clean stop seals");
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn a_kill_loses_nothing_and_rows_come_back_the_same() {
    let mut server = server();
    server.ingest(&many(300));
    server.ingest(&[event(
        "$identify",
        "u1",
        "2026-01-01T11:00:00Z",
        json!({"$anon_distinct_id": "u2", "$set": {"email": "x@y.z"}}),
    )]);
    let before = server.follow("/api/projects/1/events/?limit=100");
    for _ in 0..3 {
        server.kill9();
        server.start_again();
        let listing = |events: &[Value]| events.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(listing(&server.follow("/api/projects/1/events/?limit=100")), listing(&before));
    }
}

#[test]
fn duplicates_are_recognised_across_segments_and_restarts() {
    let mut server = server_with(&[("HEDGEROW_MEMORY_BYTES", "65536"), ("HEDGEROW_SEAL_INTERVAL_MS", "50")]);
    let copy = |at: usize, k: usize| json!({"event": "e", "distinct_id": "u", "uuid": format!("01890000-0000-7000-8000-{at:012x}"), "properties": {"k": k}});
    let all = |k: usize| (0..200).map(|at| copy(at, k)).collect::<Vec<_>>();
    for round in 0..4 {
        server.ingest(&all(round));
        if round == 1 {
            server.kill9();
            server.start_again();
        }
        if round == 2 {
            assert_eq!(server.terminate().code(), Some(0));
            server.start_again();
        }
        let listed = server.follow("/api/projects/1/events/?limit=150");
        assert_eq!(listed.len(), 200, "round {round}");
        assert!(listed.iter().all(|event| event["properties"]["k"] == json!(round)), "round {round}");
    }
    assert!(server.metric("hedgerow_deleted_rows") >= 1.0);
}

#[test]
fn a_full_log_answers_503_and_recovers() {
    let server = server_with(&[("HEDGEROW_DISK_RESERVE_BYTES", "9000000000000000000")]);
    let refused = server.capture("/e/", &json!({"api_key": testkit::TOKEN, "event": "a", "distinct_id": "u"}));
    assert_eq!((refused.status, refused.body.as_str()), (503, "transient error, please retry"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.project("events/").results().len(), 0, "reading goes on");
}

#[test]
fn settings_come_from_a_file_too() {
    let server = Server::start(BINARY, testkit::Options::default());
    let dir = server.data_dir();
    let file = dir.with_file_name("other.toml");
    #[expect(clippy::disallowed_methods, reason = "writes a settings file")]
    std::fs::write(&file, "colour = 'blue'\n").unwrap();
    refused(&["--config", file.to_str().unwrap()], 2, "other.toml");
}
