//! What is sent is what the report says is sent.

use std::collections::HashSet;

use serde_json::Value;

use super::*;

const NOON: u64 = 1_795_521_600_000;

fn body(bytes: &[u8]) -> Value {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
    serde_json::from_str(body).unwrap()
}

fn uuids(body: &Value) -> Vec<String> {
    body["batch"].as_array().unwrap().iter().map(|event| event["uuid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_event_has_thirty_properties_and_about_eleven_hundred_bytes() {
    let mut request = Request::new(1, 100, NOON);
    request.stamp(&Ids::new(1));
    let len = request.bytes().len();
    assert!((105_000..125_000).contains(&len), "{len} bytes");
    let body = body(request.bytes());
    assert_eq!(body["batch"].as_array().unwrap().len(), 100);
    for event in body["batch"].as_array().unwrap() {
        assert_eq!(event["properties"].as_object().unwrap().len(), 30);
    }
    assert_eq!(body["batch"][1]["timestamp"], "2026-11-24T12:00:00.001Z");
}

#[test]
fn the_same_request_is_made_in_every_run() {
    assert_eq!(Request::new(7, 3, NOON).bytes(), Request::new(7, 3, NOON).bytes());
    assert_ne!(Request::new(7, 3, NOON).bytes(), Request::new(8, 3, NOON).bytes());
}

#[test]
fn every_stamping_gives_new_ids_of_version_seven() {
    let ids = Ids::new(1);
    let mut request = Request::new(1, 50, NOON);
    let mut seen = HashSet::new();
    for _ in 0..20 {
        request.stamp(&ids);
        for uuid in uuids(&body(request.bytes())) {
            assert!(matches!(uuid.as_bytes()[14], b'7') && matches!(uuid.as_bytes()[19], b'8'..=b'b'), "{uuid}");
            assert!(seen.insert(uuid));
        }
    }
    assert_eq!(seen.len(), 1_000);
    assert!(seen.contains(&request.last_uuid()));
}

#[test]
fn a_packed_request_unpacks_to_the_plain_one() {
    let mut request = Request::new(1, 2, NOON);
    request.stamp(&Ids::new(1));
    let plain = body(request.bytes());
    let packed = Gzip::new().packed(&request);
    let start = packed.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let mut unpacked = vec![0; request.bytes.len()];
    let len = libdeflater::Decompressor::new().gzip_decompress(&packed[start..], &mut unpacked).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&unpacked[..len]).unwrap(), plain);
}
