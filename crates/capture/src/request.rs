//! A capture request, freed from HTTP.

use std::net::IpAddr;

use model::Timestamp;

use crate::form;

/// Which family of paths a request came in on. The shape of a body is decided by its content; the path matters only
/// where a body without an event name is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/i/v0/e` and `/batch`.
    Event,
    /// `/e`, `/capture` and `/track`.
    Legacy,
    /// `/engage`: a body without an event name is an `$identify`.
    Engage,
    /// `/i/v1/analytics/events`: the protocol of [`crate::v1`].
    V1,
}

/// Everything about a request that decides which events it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Where it was sent.
    pub endpoint: Endpoint,
    /// The raw query string, without `?`.
    pub query: &'a str,
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// The `Content-Encoding` header.
    pub content_encoding: Option<&'a str>,
    /// What the headers of a v1 request say about its sender; none for the others.
    pub sender: Option<Sender<'a>>,
    /// The body as received, still compressed.
    pub body: &'a [u8],
}

/// Who sends a v1 request, in the words of its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender<'a> {
    /// `PostHog-Sdk-Info`: name and version of the library.
    pub sdk: &'a str,
    /// `PostHog-Request-Timestamp`: when it was sent, by the sender's clock.
    pub sent_at: &'a str,
}

/// What the server adds to a request. It is fixed in the log, so that replay gives the same events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// When the request arrived.
    pub at: Timestamp,
    /// Who sent it, as far as proxies are trusted.
    pub ip: IpAddr,
    /// Random bits, from which events without a uuid get one.
    pub uuid_seed: u128,
}

/// What one request may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body as received, in bytes.
    pub body_bytes: usize,
    /// Largest text it may inflate to, in bytes.
    pub payload_bytes: usize,
    /// Largest event, in bytes of the JSON that would be kept of it.
    pub event_bytes: usize,
    /// Deepest nesting of an event, itself included. At most 128 of it can be read back by recursive JSON parsers.
    pub nesting: usize,
}

impl Limits {
    /// PostHog's limits: 20 MiB, about 1 MB per event, 128 levels.
    pub const DEFAULT: Self =
        Self { body_bytes: 20 << 20, payload_bytes: 20 << 20, event_bytes: 1_000_000, nesting: 128 };
    /// Those of the lane for events of language models, which carry whole conversations: 8 MiB per event.
    pub const AI: Self = Self { event_bytes: 8 << 20, ..Self::DEFAULT };
    /// Those of v1: 10 MiB, which may inflate to 50 MiB. How large an event may be is part of the protocol there.
    pub const V1: Self = Self { body_bytes: 10 << 20, payload_bytes: 50 << 20, ..Self::DEFAULT };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Whether success is to be answered with 204 and no body: `beacon` is exactly 1. Anything else is ignored.
#[must_use]
pub fn wants_no_content(query: &str) -> bool {
    form::integer(query, "beacon") == Some(1)
}

#[cfg(test)]
mod tests;
