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
    /// The body as received, still compressed.
    pub body: &'a [u8],
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
    /// Largest body, and largest text it may inflate to, in bytes.
    pub payload_bytes: usize,
    /// Largest event, in bytes of the JSON that would be kept of it.
    pub event_bytes: usize,
    /// Deepest nesting of an event, itself included. At most 128 of it can be read back by recursive JSON parsers.
    pub nesting: usize,
}

impl Limits {
    /// PostHog's limits: 20 MiB, about 1 MB per event, 128 levels.
    pub const DEFAULT: Self = Self { payload_bytes: 20 << 20, event_bytes: 1_000_000, nesting: 128 };
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
