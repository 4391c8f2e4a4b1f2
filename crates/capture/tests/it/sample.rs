//! Requests as the tests hold them, and the one way they are sent through capture.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use capture::{Batch, CaptureError, Checked, Endpoint, Envelope, Limits, Received, Request, Sender};
use model::{ProjectId, Timestamp};

/// A request that owns its parts.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) endpoint: Endpoint,
    pub(crate) query: String,
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    /// Library and time of sending of a v1 request.
    pub(crate) sender: Option<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Sample {
    /// JSON as plain text, sent to `/e/`.
    pub(crate) fn plain(body: impl Into<Vec<u8>>) -> Self {
        Self {
            endpoint: Endpoint::Legacy,
            query: String::new(),
            content_type: None,
            content_encoding: None,
            sender: None,
            body: body.into(),
        }
    }

    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            endpoint: self.endpoint,
            query: &self.query,
            content_type: self.content_type.as_deref(),
            content_encoding: self.content_encoding.as_deref(),
            sender: self.sender.as_ref().map(|(sdk, sent_at)| Sender { sdk, sent_at }),
            body: &self.body,
        }
    }
}

pub(crate) fn received() -> Received {
    Received { at: Timestamp::from_micros(1_767_268_800_000_000), ip: [203, 0, 113, 7].into(), uuid_seed: 1 << 100 }
}

/// Small enough that tests reach them.
pub(crate) const LIMITS: Limits =
    Limits { body_bytes: 1 << 20, payload_bytes: 1 << 20, event_bytes: 100_000, nesting: 128 };

/// Sends `sample` all the way: validated, written to a record, read back, parsed. Checks on the way that validation
/// and parsing agree, and that the record changes nothing.
pub(crate) fn captured<T>(sample: &Sample, answer: impl Fn(Result<&Batch<'_>, &CaptureError>) -> T) -> T {
    let request = sample.request();
    let header = Envelope { project: ProjectId(1), received: received(), request }.header();
    let record = [header, sample.body.clone()].concat();
    let envelope = Envelope::decode(&record).expect("a record just written can be read");
    assert_eq!(envelope.request, request);

    let text = match capture::payload(&request, LIMITS) {
        Ok(text) => text,
        Err(error) => return answer(Err(&error)),
    };
    let again = capture::payload(&envelope.request, LIMITS).expect("the same bytes decode again");
    assert_eq!(text, again);
    let parsed = capture::parse(&text, &request, &received(), LIMITS);
    match (capture::validate(&text, &request, LIMITS), &parsed) {
        (Ok(Checked { token, events }), Ok(batch)) => {
            assert_eq!((&token, events), (&batch.token, batch.events.len()), "{text}");
            assert_eq!(token.is_none(), events == 0 || request.endpoint == Endpoint::V1, "{text}");
        }
        (Err(validated), Err(parsed)) => assert_eq!(validated.to_string(), parsed.to_string(), "{text}"),
        (validated, parsed) => panic!("validation said {validated:?}, parsing {parsed:?} about {text}"),
    }
    let replayed = capture::parse(&again, &envelope.request, &envelope.received, LIMITS);
    assert_eq!(parsed.as_ref().ok(), replayed.as_ref().ok());
    answer(parsed.as_ref())
}

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// A form whose `data` is base64, escaped as browsers do it.
pub(crate) fn base64_form(text: &[u8]) -> Vec<u8> {
    let data = STANDARD.encode(text).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("data={data}").into_bytes()
}
