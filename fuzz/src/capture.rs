//! Any bytes as a capture request, on every endpoint: decoding answers, and its two verdicts agree.
//!
//! The first byte chooses endpoint and announcements, the rest is the body. `scripts/fuzz.sh` builds and runs this with the
//! stable compiler, starting from the recorded SDK requests.

#![no_main]

use capture::{CaptureError, Endpoint, Limits, Received, Request, Sender};
use libfuzzer_sys::fuzz_target;
use model::Timestamp;

const LIMITS: Limits = Limits { body_bytes: 1 << 16, payload_bytes: 1 << 18, event_bytes: 10_000, nesting: 128 };
const ENCODINGS: [Option<&str>; 8] =
    [None, Some("gzip"), Some("deflate"), Some("br"), Some("zstd"), Some("lz64"), Some("base64"), Some("x")];

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else { return };
    let endpoint =
        [Endpoint::Event, Endpoint::Legacy, Endpoint::Engage, Endpoint::V1][usize::from(choice & 3)];
    let is_form = choice & 4 != 0;
    let request = Request {
        endpoint,
        query: "_=1767268810000",
        content_type: is_form.then_some("application/x-www-form-urlencoded"),
        content_encoding: ENCODINGS[usize::from(choice >> 3 & 7)],
        sender: (endpoint == Endpoint::V1)
            .then_some(Sender { sdk: "posthog-fuzz/1", sent_at: "2026-01-01T12:00:10Z" }),
        body,
    };
    let received =
        Received { at: Timestamp::from_micros(1_767_268_800_000_000), ip: [127, 0, 0, 1].into(), uuid_seed: 1 };
    let text = match capture::payload(&request, LIMITS) {
        Ok(text) => text,
        Err(error) => return drop(refused(&error)),
    };
    let _token = capture::claimed_token(&text);
    let parsed = capture::parse(&text, &request, &received, LIMITS);
    match (capture::validate(&text, &request, LIMITS), parsed) {
        (Ok(checked), Ok(batch)) => assert_eq!((checked.token, checked.events), (batch.token, batch.events.len())),
        (Err(validated), Err(parsed)) => assert_eq!(refused(&validated), refused(&parsed)),
        (validated, parsed) => panic!("validation said {validated:?}, parsing {parsed:?}"),
    }
});

/// What a client would read, which must be a refusal.
fn refused(error: &CaptureError) -> String {
    assert!((400..500).contains(&error.status()));
    error.to_string()
}
