//! Whatever a client sends, decoding it takes memory in proportion to the limit, not to what the client claims.
//!
//! A test program of its own, because it measures the whole process: nothing else may run beside it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write as _;

use capture::{Endpoint, Limits, Received, Request, Sender};
use model::Timestamp;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const LIMITS: Limits = Limits { body_bytes: 1 << 18, payload_bytes: 1 << 18, event_bytes: 100_000, nesting: 128 };
/// What a payload may cost, in its own size. The shortest events are a dozen bytes and become a few hundred.
const RATIO_MAX: usize = 48;

fn packed(encoding: &str, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        "gzip" => flate2::write::GzEncoder::new(&mut out, flate2::Compression::best()).write_all(text).unwrap(),
        "deflate" => flate2::write::ZlibEncoder::new(&mut out, flate2::Compression::best()).write_all(text).unwrap(),
        "br" => brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(text).unwrap(),
        "zstd" => out = zstd::encode_all(text, 3).unwrap(),
        _ => out.extend_from_slice(text),
    }
    out
}

/// The most memory that one request took beyond itself.
fn cost(endpoint: Endpoint, encoding: Option<&str>, body: &[u8]) -> usize {
    let sender = Sender { sdk: "p/1", sent_at: "2026-01-01T12:00:00Z" };
    let sender = (endpoint == Endpoint::V1).then_some(sender);
    let request = Request { endpoint, query: "", content_type: None, content_encoding: encoding, sender, body };
    let received = Received { at: Timestamp::from_micros(0), ip: [127, 0, 0, 1].into(), uuid_seed: 1 };
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    if let Ok(text) = capture::payload(&request, LIMITS) {
        let _checked = capture::validate(&text, &request, LIMITS);
        let _parsed = capture::parse(&text, &request, &received, LIMITS);
    }
    ALLOCATOR.peak_usage() - before
}

/// Texts that are as costly as they can be for their size.
fn costly() -> Vec<String> {
    let repeat = |start: &str, one: &str, end: &str| {
        let count = (LIMITS.payload_bytes - start.len() - end.len()) / (one.len() + 1);
        format!("{start}{}{end}", vec![one; count].join(","))
    };
    vec![
        repeat("[", "{}", "]"),
        repeat("[", r#"{"event":"a","distinct_id":1}"#, "]"),
        repeat(r#"{"token":"t","batch":["#, r#"{"event":"a","distinct_id":1}"#, "]}"),
        repeat(r#"{"token":"t","event":"a","distinct_id":"#, "[]", "}"),
        repeat(r#"{"token":"t","event":"a","distinct_id":["#, "[]", "]}"),
        repeat(r#"{"token":"t","event":"a","distinct_id":1,"properties":{"#, r#""k":1"#, "}}"),
        repeat(r#"{"token":"t","event":"a","distinct_id":"#, r#""\ud83d""#, "}"),
        repeat(
            r#"{"created_at":"2026-01-01T12:00:00Z","batch":["#,
            r#"{"event":"","uuid":"","distinct_id":"","timestamp":""}"#,
            "]}",
        ),
        "[".repeat(LIMITS.payload_bytes),
        " ".repeat(LIMITS.payload_bytes),
    ]
}

#[test]
fn memory_grows_with_the_limit_and_with_nothing_else() {
    let mut highest = 0;
    let bomb = vec![b' '; 8 << 20];
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let bomb = packed(encoding, &bomb);
        for endpoint in [Endpoint::Event, Endpoint::V1] {
            let cost = cost(endpoint, Some(encoding), &bomb);
            // Decoders have windows and tables of their own, up to a few megabytes whatever the limit is.
            assert!(cost < 40 << 20, "{encoding} bomb on {endpoint:?}: {cost} bytes");
        }
    }
    for text in costly() {
        for endpoint in [Endpoint::Legacy, Endpoint::V1] {
            for encoding in [None, Some("gzip")] {
                let cost = cost(endpoint, encoding, &packed(encoding.unwrap_or_default(), text.as_bytes()));
                let head = text.get(..text.len().min(60)).unwrap();
                assert!(
                    cost < RATIO_MAX * LIMITS.payload_bytes,
                    "{encoding:?} on {endpoint:?}: {cost} bytes for {head}"
                );
                highest = highest.max(cost);
            }
        }
    }
    assert!(highest > LIMITS.payload_bytes, "the measure is alive: {highest}");
}
