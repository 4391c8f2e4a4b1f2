//! From the bytes of a request to its JSON text.
//!
//! SDKs wrap that text in base64, forms and compression in every combination, and mix them within one session. What
//! a request says about itself is often wrong or missing, so the content decides wherever it can (D4).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::lz_string::LzStringError;
use crate::{CaptureError, Endpoint, Limits, Request, form, inflate, lz_string, surrogates, v1};

/// How much of a payload is looked at to recognise it.
const SNIFFED_BYTES: usize = 128;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The JSON text that `request` carries, not yet parsed. Plain text is borrowed, not copied.
///
/// Escapes of unpaired surrogates come back as `\ufffd`, so every string in the text can be read.
///
/// # Errors
///
/// When there is no payload, it cannot be decoded, or it is larger than [`Limits`] allow before or after inflating.
pub fn payload<'a>(request: &Request<'a>, limits: Limits) -> Result<Cow<'a, str>, CaptureError> {
    if request.endpoint == Endpoint::V1 {
        return Ok(v1::payload(request, limits)?);
    }
    let Sent { bytes, compression } = sent(request)?;
    let limit = limits.payload_bytes;
    if bytes.len() > limit {
        return Err(CaptureError::TooLarge { what: "payload", limit_bytes: limit });
    }
    let bytes =
        if is_lz_string_hinted(request, compression.as_deref()) { unpack_lz_string(bytes, limit)? } else { bytes };
    let bytes = without_base64(bytes);
    let bytes = inflate::unpacked(bytes, limit)?;
    let bytes = without_base64(bytes);
    let text = match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    };
    let text = text.ok_or(CaptureError::Undecodable { reason: "invalid UTF8 in request payload" })?;
    Ok(surrogates::repaired(text))
}

/// What was sent, out of its form.
struct Sent<'a> {
    bytes: Cow<'a, [u8]>,
    compression: Option<Cow<'a, [u8]>>,
}

fn sent<'a>(request: &Request<'a>) -> Result<Sent<'a>, CaptureError> {
    if let Some(data) = form::field(request.query.as_bytes(), "data").filter(|data| !data.is_empty()) {
        return Ok(Sent { bytes: with_plus_restored(data), compression: None });
    }
    if request.body.is_empty() {
        return Err(CaptureError::MissingPayload);
    }
    if !is_form(request.content_type) {
        return Ok(Sent { bytes: Cow::Borrowed(request.body), compression: None });
    }
    let body = if looks_like_form(request.body) {
        Cow::Borrowed(request.body)
    } else {
        without_base64(Cow::Borrowed(request.body))
    };
    if inflate::is_packed(&body) {
        return Ok(Sent { bytes: body, compression: None });
    }
    if !looks_like_form(&body) {
        return Err(CaptureError::Undecodable { reason: "expected form data in POST request payload" });
    }
    let field = |name| match &body {
        Cow::Borrowed(body) => form::field(body, name),
        Cow::Owned(body) => form::field(body, name).map(|value| Cow::Owned(value.into_owned())),
    };
    let data = field("data").filter(|data| !data.is_empty()).ok_or(CaptureError::MissingPayload)?;
    Ok(Sent { bytes: with_plus_restored(data), compression: field("compression") })
}

fn is_form(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Whether a known field starts at the beginning, or after `&`, within the first bytes.
fn looks_like_form(body: &[u8]) -> bool {
    let head = body.get(..SNIFFED_BYTES).unwrap_or(body);
    let known =
        |field: &[u8]| [&b"data="[..], b"_=", b"ip=", b"compression="].iter().any(|name| field.starts_with(name));
    head.split(|byte| *byte == b'&').any(known)
}

/// Base64 in a form often has its `+` unescaped, so that it arrives as space. JSON does not consist of base64 digits
/// and spaces, so its spaces are safe.
fn with_plus_restored(data: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let head = data.get(..SNIFFED_BYTES).unwrap_or(&data);
    if !head.iter().all(|byte| is_base64_digit(*byte) || *byte == b' ') || !data.contains(&b' ') {
        return data;
    }
    Cow::Owned(data.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect())
}

/// What `bytes` stand for if they are base64, else `bytes`. JSON is never base64: it starts with another character.
fn without_base64(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let text = bytes.trim_ascii();
    let head = text.get(..SNIFFED_BYTES).unwrap_or(text);
    if text.is_empty() || !head.iter().all(|byte| is_base64_digit(*byte)) {
        return bytes;
    }
    BASE64.decode(text).map_or(bytes, Cow::Owned)
}

fn is_base64_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Whether the first hint that is one says `lz-string`: query, then form, then header. The other hints are not
/// needed, because what they name can be seen.
fn is_lz_string_hinted(request: &Request<'_>, form: Option<&[u8]>) -> bool {
    let query = form::field(request.query.as_bytes(), "compression");
    let header = request.content_encoding.map(str::as_bytes);
    [query.as_deref(), form, header].into_iter().flatten().find_map(names_lz_string).unwrap_or(false)
}

/// Whether a hint names `lz-string`; `None` when it names nothing known.
fn names_lz_string(hint: &[u8]) -> Option<bool> {
    let is_one_of = |names: &[&str]| names.iter().any(|name| hint.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
    if is_one_of(&["lz64", "lz-string"]) {
        return Some(true);
    }
    is_one_of(&["gzip", "gzip-js", "base64", "b64"]).then_some(false)
}

/// Unpacks `lz-string`. A wrong hint is not held against the content.
fn unpack_lz_string(bytes: Cow<'_, [u8]>, limit: usize) -> Result<Cow<'_, [u8]>, CaptureError> {
    match lz_string::decode(bytes.trim_ascii(), limit) {
        Ok(text) => Ok(Cow::Owned(text.into_bytes())),
        Err(LzStringError::Invalid) => Ok(bytes),
        Err(LzStringError::TooLarge) => Err(CaptureError::TooLarge { what: "inflated payload", limit_bytes: limit }),
    }
}

#[cfg(test)]
mod tests;
