//! What is sent is what the row says.

use serde_json::{Value, json};

use super::*;

fn sample() -> Row {
    Row {
        uuid: "019d4000-0000-7000-8000-000000000001".to_owned(),
        event: "$autocapture",
        properties: r#"{"$lib":"web","n":1.50}"#.to_owned(),
        timestamp_micros: 1_782_777_599_000_120,
        created_micros: 0,
        distinct_id: "user1@acme.com".to_owned(),
        elements_chain: r#"a:text="x""#.to_owned(),
        person_id: String::new(),
        person_properties: String::new(),
    }
}

fn unpacked(request: &BodyRequest) -> Value {
    let end = request.bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let mut body = vec![0; 4 << 20];
    let len = libdeflater::Decompressor::new().gzip_decompress(&request.bytes[end + 4..], &mut body).unwrap();
    serde_json::from_slice(&body[..len]).unwrap()
}

#[test]
fn an_event_is_sent_as_an_sdk_would() {
    let mut body = String::new();
    push_event(&mut body, &sample()).unwrap();
    assert!(body.contains(r#""n":1.50,"#), "properties are sent as they are spelt: {body}");
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        event,
        json!({
            "uuid": "019d4000-0000-7000-8000-000000000001",
            "event": "$autocapture",
            "distinct_id": "user1@acme.com",
            "timestamp": "2026-06-29T23:59:59.000120Z",
            "properties": {"$lib": "web", "n": 1.5, "$elements_chain": "a:text=\"x\""},
        })
    );
}

#[test]
fn bodies_are_read_back_whole_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = BodyWriter::create(&dir.path().join("bodies_000")).unwrap();
    for _ in 0..1_000 {
        writer.push(&sample()).unwrap();
    }
    writer.finish().unwrap();
    let mut reader = BodyReader::open(dir.path()).unwrap();
    let mut events = Vec::new();
    while let Some(request) = reader.next().unwrap() {
        let body = unpacked(&request);
        assert_eq!(body["batch"].as_array().unwrap().len(), request.events as usize);
        assert_eq!(body["api_key"], TOKEN);
        events.push(u64::from(request.events));
    }
    assert_eq!(events.iter().sum::<u64>(), 1_000);
    let (_, full) = events.split_last().unwrap();
    assert!(full.iter().all(|events| (BATCH_MIN..=BATCH_MAX).contains(events)), "{events:?}");
}

#[test]
fn a_torn_file_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bodies_000");
    let mut writer = BodyWriter::create(&path).unwrap();
    writer.push(&sample()).unwrap();
    writer.finish().unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    assert!(BodyReader::open(dir.path()).unwrap().next().is_err());
}
