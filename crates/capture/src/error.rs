//! Why a request is refused, in the words SDKs and their users know.

use crate::{TokenFault, v1};

/// Why a request holds no acceptable events. Nothing of it may be stored.
///
/// The displayed text is the body of the answer, [`CaptureError::status`] its status. All of them mean that sending
/// the same bytes again is pointless.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Neither a body nor `data`.
    #[error("request missing data payload")]
    MissingPayload,

    /// The bytes could not be turned into text.
    #[error("failed to decode request: {reason}")]
    Undecodable {
        /// Which step failed.
        reason: &'static str,
    },

    /// The parts of a form are no event.
    #[error("failed to parse multipart request: {reason}")]
    MalformedForm {
        /// What is wrong, and with which part.
        reason: String,
    },

    /// The text is not JSON, or not JSON of any known shape.
    #[error("failed to parse request: {0}")]
    Malformed(#[source] Malformed),

    /// An object without an event name, on a path where that has no meaning.
    #[error("failed to hydrate events from request: non-engage request missing event name attribute")]
    MissingEventName,

    /// An empty list of events.
    #[error("request holds no event")]
    NoEvents,

    /// The event name is `""`.
    #[error("event submitted with an empty event name")]
    EmptyEventName,

    /// The distinct id is missing, null or blank.
    #[error("event submitted without a distinct_id")]
    MissingDistinctId,

    /// `$cookieless_mode` is there, but not a boolean.
    #[error("event submitted with invalid cookieless mode")]
    InvalidCookielessMode,

    /// No token anywhere.
    #[error("event submitted without an api_key")]
    MissingToken,

    /// Events of one request name different tokens.
    #[error("batch submitted with inconsistent api_key values")]
    InconsistentTokens,

    /// The token cannot be a project token.
    #[error("API key is not valid: {0}")]
    InvalidToken(#[from] TokenFault),

    /// Something is larger than it may be: send less at a time.
    #[error("maximum event size exceeded: {what} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// How large it may be.
        limit_bytes: usize,
    },

    /// A request of the other protocol.
    #[error(transparent)]
    V1(#[from] v1::Refusal),

    /// More events than one request may hold: send fewer at a time.
    #[error("maximum event size exceeded: request holds more than {limit} events")]
    TooManyEvents {
        /// How many it may hold.
        limit: usize,
    },
}

impl CaptureError {
    /// The HTTP status that goes with the text.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::MissingToken | Self::InconsistentTokens | Self::InvalidToken(_) => 401,
            Self::TooLarge { .. } | Self::TooManyEvents { .. } => 413,
            Self::V1(refusal) => refusal.status(),
            _ => 400,
        }
    }

    pub(crate) fn mismatch() -> Self {
        Self::Malformed(Malformed::Shape)
    }
}

/// What is wrong with the text of a request.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not JSON.
    #[error(transparent)]
    Json(serde_json::Error),

    /// JSON, but neither events nor a batch: a field has the wrong type, or appears twice.
    #[error("data did not match any variant of untagged enum RawRequest")]
    Shape,

    /// Nested deeper than recursive parsers can follow.
    #[error("recursion limit exceeded at {levels} levels")]
    Nesting {
        /// How deep an event may be.
        levels: usize,
    },
}
