//! One event of a language model as a form: the event in one part, and each long property in a part of its own.
//!
//! The parts become the text of an ordinary request with one event, which is what the log keeps. So nothing after this
//! knows of forms.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Properties, json, write_json_string};

use crate::{CaptureError, inflate};

const EVENT: &str = "event";
const PROPERTIES: &str = "event.properties";

/// A part of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// `event`, `event.properties`, or `event.properties.` and the name of a property.
    pub name: &'a str,
    /// What the property is: text, JSON, or else bytes, which become base64.
    pub content_type: Option<&'a str>,
    /// Its content.
    pub content: &'a [u8],
}

/// The form as it was before compression, if it was compressed.
///
/// # Errors
///
/// When compressed bytes are damaged, or inflate to more than `limit` bytes.
pub fn unpacked(body: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, CaptureError> {
    inflate::unpacked(Cow::Borrowed(body), limit)
}

/// The text of a request that sends the event in `parts` with `token`.
///
/// # Errors
///
/// When there is no event, a part has no place in it, or is not what it says that it is.
pub fn assembled(token: &str, parts: &[Part<'_>]) -> Result<String, CaptureError> {
    let event = parts.iter().find(|part| part.name == EVENT).ok_or_else(|| form("there is no part 'event'"))?;
    let mut event = object(event)?;
    let mut properties = match event.remove("properties") {
        None => Properties::new(),
        Some(raw) => Properties::parse(&raw).map_err(|_| form("'properties' is not an object"))?.into_owned(),
    };
    let mut seen = Vec::with_capacity(parts.len());
    for part in parts {
        if seen.contains(&part.name) {
            return Err(form(format!("the part '{}' is there twice", part.name)));
        }
        seen.push(part.name);
        match part.name.strip_prefix(PROPERTIES) {
            Some("") => {
                for (key, value) in object(part)?.iter_kept() {
                    properties.set(key.clone().into_owned(), value.clone().into_owned());
                }
            }
            Some(key) => match key.strip_prefix('.').filter(|key| !key.is_empty()) {
                Some(key) => properties.set(key.to_owned(), value(part)?),
                None => return Err(form(format!("the part '{}' has no place in an event", part.name))),
            },
            None if part.name == EVENT => {}
            None => return Err(form(format!("the part '{}' has no place in an event", part.name))),
        }
    }
    event.set("properties", properties.to_json());
    let mut text = String::from(r#"{"api_key":"#);
    write_json_string(&mut text, token);
    text.push_str(r#","batch":["#);
    event.write_json(&mut text);
    text.push_str("]}");
    Ok(text)
}

fn object<'a>(part: &Part<'a>) -> Result<Properties<'a>, CaptureError> {
    let text = text(part)?;
    Properties::parse(text).map_err(|_| form(format!("the part '{}' is not a JSON object", part.name)))
}

/// What a property in a part of its own is worth.
fn value(part: &Part<'_>) -> Result<String, CaptureError> {
    let kind = part.content_type.unwrap_or("text/plain").split(';').next().unwrap_or_default().trim();
    let mut raw = String::new();
    if kind.eq_ignore_ascii_case("application/json") {
        let value = json::whole(text(part)?).ok_or_else(|| form(format!("the part '{}' is not JSON", part.name)))?;
        raw.push_str(value);
    } else if kind.starts_with("text/") {
        write_json_string(&mut raw, text(part)?);
    } else {
        write_json_string(&mut raw, &STANDARD.encode(part.content));
    }
    Ok(raw)
}

fn text<'a>(part: &Part<'a>) -> Result<&'a str, CaptureError> {
    std::str::from_utf8(part.content).map_err(|_| form(format!("the part '{}' is not UTF-8", part.name)))
}

fn form(reason: impl Into<String>) -> CaptureError {
    CaptureError::MalformedForm { reason: reason.into() }
}

#[cfg(test)]
mod tests;
