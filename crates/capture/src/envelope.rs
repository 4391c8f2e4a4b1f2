//! A request as the event log keeps it.
//!
//! A record is a header and the body as received, usually still compressed: it is neither copied nor changed. The
//! header holds everything else that decoding depends on, so a record gives the same events whenever it is read.
//!
//! All numbers are little-endian. `text` is a `u32` length and that many bytes of UTF-8; `text?` puts a byte before
//! it, 0 for none and 1 for some.
//!
//! ```text
//! version: u8 = 2    project: i64    received at: i64, microseconds    uuid seed: u128
//! ip: u8 (4 or 6), then 4 or 16 bytes    endpoint: u8    query: text    content type: text?
//! content encoding: text?    of v1 only: sdk: text, sent at: text    body: everything that follows
//! ```
//!
//! Version 1 had no v1 requests. There is no checksum: the log has one. Readers accept versions up to their own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{ProjectId, Timestamp};

use crate::{Endpoint, Received, Request, Sender};

const VERSION: u8 = 2;

/// One accepted request: for whom, from whom, and what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The project its token belongs to.
    pub project: ProjectId,
    /// What the server added.
    pub received: Received,
    /// What the client sent.
    pub request: Request<'a>,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Written by a newer version: nothing is wrong with it, but this one cannot read it.
    #[error("record has version {version}, newer than {VERSION}")]
    Newer {
        /// The version it names.
        version: u8,
    },
    /// Not a record.
    #[error("record is damaged: {what} cannot be read")]
    Damaged {
        /// The first field that makes no sense.
        what: &'static str,
    },
}

impl<'a> Envelope<'a> {
    /// Everything but the body. `header ++ body` is the record.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        let Request { endpoint, query, content_type, content_encoding, sender, body: _ } = self.request;
        let mut header = Vec::with_capacity(96 + query.len());
        header.push(VERSION);
        header.extend(self.project.0.to_le_bytes());
        header.extend(self.received.at.as_micros().to_le_bytes());
        header.extend(self.received.uuid_seed.to_le_bytes());
        match self.received.ip {
            IpAddr::V4(ip) => {
                header.push(4);
                header.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                header.push(6);
                header.extend(ip.octets());
            }
        }
        header.push(match endpoint {
            Endpoint::Event => 0,
            Endpoint::Legacy => 1,
            Endpoint::Engage => 2,
            Endpoint::V1 => 3,
        });
        push_text(&mut header, query);
        for text in [content_type, content_encoding] {
            header.push(u8::from(text.is_some()));
            if let Some(text) = text {
                push_text(&mut header, text);
            }
        }
        if endpoint == Endpoint::V1 {
            let Sender { sdk, sent_at } = sender.unwrap_or(Sender { sdk: "", sent_at: "" });
            push_text(&mut header, sdk);
            push_text(&mut header, sent_at);
        }
        header
    }

    /// Reads a record back; the body is borrowed from it.
    ///
    /// # Errors
    ///
    /// When the record is of a newer version or not one at all.
    pub fn decode(record: &'a [u8]) -> Result<Self, EnvelopeError> {
        let mut rest = Reader(record);
        let version = u8::from_le_bytes(rest.array("version")?);
        if version > VERSION {
            return Err(EnvelopeError::Newer { version });
        }
        if version == 0 {
            return Err(EnvelopeError::Damaged { what: "version" });
        }
        let project = ProjectId(i64::from_le_bytes(rest.array("project")?));
        let at = Timestamp::from_micros(i64::from_le_bytes(rest.array("time received")?));
        let uuid_seed = u128::from_le_bytes(rest.array("uuid seed")?);
        let ip = match rest.array("address")? {
            [4] => Ipv4Addr::from(rest.array::<4>("address")?).into(),
            [6] => Ipv6Addr::from(rest.array::<16>("address")?).into(),
            _ => return Err(EnvelopeError::Damaged { what: "address" }),
        };
        let endpoint = match rest.array("endpoint")? {
            [0] => Endpoint::Event,
            [1] => Endpoint::Legacy,
            [2] => Endpoint::Engage,
            [3] if version >= 2 => Endpoint::V1,
            _ => return Err(EnvelopeError::Damaged { what: "endpoint" }),
        };
        let query = rest.text("query")?;
        let content_type = rest.optional_text("content type")?;
        let content_encoding = rest.optional_text("content encoding")?;
        let sender = match endpoint {
            Endpoint::V1 => Some(Sender { sdk: rest.text("sdk")?, sent_at: rest.text("sent at")? }),
            Endpoint::Event | Endpoint::Legacy | Endpoint::Engage => None,
        };
        let request = Request { endpoint, query, content_type, content_encoding, sender, body: rest.0 };
        Ok(Self { project, received: Received { at, ip, uuid_seed }, request })
    }
}

fn push_text(header: &mut Vec<u8>, text: &str) {
    let len = u32::try_from(text.len()).expect("HTTP servers limit headers and query strings to far below 4 GiB");
    header.extend(len.to_le_bytes());
    header.extend(text.as_bytes());
}

/// What of a record is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], EnvelopeError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(EnvelopeError::Damaged { what })?;
        self.0 = rest;
        Ok(*array)
    }

    fn text(&mut self, what: &'static str) -> Result<&'a str, EnvelopeError> {
        let len = u32::from_le_bytes(self.array(what)?);
        let split = usize::try_from(len).ok().and_then(|len| self.0.split_at_checked(len));
        let (text, rest) = split.ok_or(EnvelopeError::Damaged { what })?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| EnvelopeError::Damaged { what })
    }

    fn optional_text(&mut self, what: &'static str) -> Result<Option<&'a str>, EnvelopeError> {
        match self.array(what)? {
            [0] => Ok(None),
            [1] => self.text(what).map(Some),
            _ => Err(EnvelopeError::Damaged { what }),
        }
    }
}

#[cfg(test)]
mod tests;
