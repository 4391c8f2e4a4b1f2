//! The headers of a v1 request, checked before its body is read.

use uuid::Uuid;

use super::Refusal;
use crate::inflate::Encoding;
use crate::token;

/// Beside `Authorization`, whose absence is told apart.
const REQUIRED: [&str; 6] = [
    "PostHog-Sdk-Info",
    "PostHog-Attempt",
    "PostHog-Request-Id",
    "PostHog-Request-Timestamp",
    "Content-Type",
    "User-Agent",
];
const SCHEME: &str = "Bearer ";

/// What the headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The project token. That it exists is not checked.
    pub token: &'a str,
    /// The `Content-Encoding`, one that can be undone.
    pub content_encoding: Option<&'a str>,
    /// Who sends.
    pub sender: crate::Sender<'a>,
}

impl<'a> Head<'a> {
    /// Checks the headers, in the order that decides which of several faults is told. `header` finds one by its name in
    /// lower case; text that is no visible ASCII counts as there, but invalid.
    ///
    /// # Errors
    ///
    /// The first fault.
    pub fn read(header: impl Fn(&str) -> Option<&'a [u8]>) -> Result<Self, Refusal> {
        let header = |name: &str| header(&name.to_ascii_lowercase());
        let authorization = header("Authorization").ok_or(Refusal::MissingAuthorization)?;
        let missing: Vec<&'static str> = REQUIRED.into_iter().filter(|name| header(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(Refusal::MissingHeaders { names: missing });
        }
        let token = bearer(authorization)
            .ok_or(Refusal::InvalidHeader { name: "Authorization", expected: "a project token after \"Bearer \"" })?;
        token::check(token).map_err(Refusal::InvalidToken)?;
        check_content_type(header("Content-Type"))?;
        let content_encoding = header("Content-Encoding").map(known_encoding).transpose()?;
        let required = |name: &'static str, expected: &'static str| {
            header(name).and_then(visible).ok_or(Refusal::InvalidHeader { name, expected })
        };
        let (id, attempt) = (("PostHog-Request-Id", "a UUID"), ("PostHog-Attempt", "an integer from 1"));
        let time = ("PostHog-Request-Timestamp", "an RFC 3339 timestamp");
        check(required(id.0, id.1)?, |text| Uuid::try_parse(text).is_ok(), id)?;
        check(required(attempt.0, attempt.1)?, |text| text.parse::<u32>().is_ok_and(|attempt| attempt > 0), attempt)?;
        let sent_at = required(time.0, time.1)?;
        check(sent_at, |text| text.parse::<jiff::Timestamp>().is_ok(), time)?;
        let sdk = required("PostHog-Sdk-Info", "printable")?;
        Ok(Self { token, content_encoding, sender: crate::Sender { sdk, sent_at } })
    }
}

fn check(
    text: &str,
    is_right: impl Fn(&str) -> bool,
    (name, expected): (&'static str, &'static str),
) -> Result<(), Refusal> {
    if is_right(text) { Ok(()) } else { Err(Refusal::InvalidHeader { name, expected }) }
}

fn visible(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')))
}

fn bearer(authorization: &[u8]) -> Option<&str> {
    // A token that is not ASCII is for the check of tokens to complain about.
    let (scheme, token) = std::str::from_utf8(authorization).ok()?.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim())
}

fn check_content_type(value: Option<&[u8]>) -> Result<(), Refusal> {
    let text = value.map(String::from_utf8_lossy).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Refusal::UnsupportedContentType { found: text.into_owned() })
}

fn known_encoding(value: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(value).ok().map(str::trim).filter(|name| Encoding::from_name(name).is_some());
    text.ok_or_else(|| Refusal::UnsupportedEncoding { found: String::from_utf8_lossy(value).into_owned() })
}
