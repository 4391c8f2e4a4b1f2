//! Why a v1 request is refused as a whole.

use uuid::Uuid;

use crate::TokenFault;

/// Why nothing of a request may be stored.
///
/// [`Refusal::tag`] is the `error` of the answer, the displayed text its `error_description`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No `Authorization`.
    #[error("the Authorization header is missing")]
    MissingAuthorization,
    /// Other headers are missing.
    #[error("required headers are missing: {}", names.join(", "))]
    MissingHeaders {
        /// Which.
        names: Vec<&'static str>,
    },
    /// A header has a value that makes no sense.
    #[error("the header {name} must be {expected}")]
    InvalidHeader {
        /// Which.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The token cannot be a project token.
    #[error("the project token is not valid: {0}")]
    InvalidToken(TokenFault),
    /// No project has the token.
    #[error("the project token is not valid: unknown")]
    UnknownToken,
    /// The body is announced as something else than JSON.
    #[error("the content type {found:?} is not supported, only application/json is")]
    UnsupportedContentType {
        /// What was announced.
        found: String,
    },
    /// The body is packed in a way that is not known.
    #[error("the content encoding {found:?} is not supported, only gzip, deflate, br and zstd are")]
    UnsupportedEncoding {
        /// What was announced.
        found: String,
    },
    /// No body.
    #[error("the body is empty")]
    EmptyBody,
    /// The body cannot be turned into text.
    #[error("the body cannot be decoded: {reason}")]
    Undecodable {
        /// Why.
        reason: &'static str,
    },
    /// The text is not JSON, or not a batch.
    #[error("the body cannot be parsed: {reason}")]
    Unparsable {
        /// The parser's words.
        reason: String,
    },
    /// No events.
    #[error("the batch holds no event")]
    EmptyBatch,
    /// `created_at` is not an instant.
    #[error("created_at of the batch must be an RFC 3339 timestamp")]
    InvalidBatch,
    /// An event without uuid.
    #[error("an event has an empty uuid")]
    MissingEventUuid,
    /// An event with something else as its uuid.
    #[error("{found:?} is not a uuid")]
    InvalidEventUuid {
        /// What was sent.
        found: String,
    },
    /// Two events with one uuid.
    #[error("the uuid {uuid} appears twice in the batch")]
    DuplicateEventUuid {
        /// Which.
        uuid: Uuid,
    },
    /// More bytes than allowed: send less at a time.
    #[error("the {what} is larger than {limit_bytes} bytes")]
    PayloadTooLarge {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit_bytes: usize,
    },
    /// More events than allowed: send fewer at a time.
    #[error("the batch holds more than {limit} events")]
    TooManyEvents {
        /// How many are allowed.
        limit: usize,
    },
    /// The upload stopped: try again.
    #[error("the client stopped sending data")]
    BodyReadTimeout,
    /// Nothing can be stored at the moment: try again.
    #[error("events cannot be stored at the moment")]
    Unavailable,
}

impl Refusal {
    /// PostHog's name for it.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        match self {
            Self::MissingAuthorization => "missing_authorization",
            Self::MissingHeaders { .. } => "missing_required_headers",
            Self::InvalidHeader { .. } => "invalid_header_value",
            Self::InvalidToken(_) | Self::UnknownToken => "invalid_api_token",
            Self::UnsupportedContentType { .. } => "unsupported_content_type",
            Self::UnsupportedEncoding { .. } => "unsupported_encoding",
            Self::EmptyBody => "empty_body",
            Self::Undecodable { .. } => "request_decoding_error",
            Self::Unparsable { .. } => "request_parsing_error",
            Self::EmptyBatch => "empty_batch",
            Self::InvalidBatch => "invalid_batch",
            Self::MissingEventUuid => "missing_event_uuid",
            Self::InvalidEventUuid { .. } => "invalid_event_uuid",
            Self::DuplicateEventUuid { .. } => "duplicate_event_uuid",
            Self::PayloadTooLarge { .. } | Self::TooManyEvents { .. } => "payload_too_large",
            Self::BodyReadTimeout => "body_read_timeout",
            Self::Unavailable => "service_unavailable",
        }
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::MissingAuthorization | Self::InvalidToken(_) | Self::UnknownToken => 401,
            Self::BodyReadTimeout => 408,
            Self::PayloadTooLarge { .. } | Self::TooManyEvents { .. } => 413,
            Self::UnsupportedContentType { .. } | Self::UnsupportedEncoding { .. } => 415,
            Self::Unavailable => 503,
            _ => 400,
        }
    }
}
