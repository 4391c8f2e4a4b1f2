//! The distinct id as it is stored, from whatever JSON a client sent.

use std::borrow::Cow;

use model::{json, write_json_string};
use serde_json::Value;

/// Longer distinct ids are cut. Counted in characters, not bytes.
const CHARACTERS_MAX: usize = 200;

/// The distinct id that `raw` stands for; `None` when it is null, empty or only white space.
///
/// Strings are kept as they are, white space around them included. Everything else becomes compact JSON with sorted
/// keys. NUL becomes U+FFFD.
pub(crate) fn of(raw: &str) -> Option<Cow<'_, str>> {
    let text = match raw {
        "null" => return None,
        text if text.as_bytes().first() == Some(&b'"') => json::text(raw)?,
        other => Cow::Owned(compact(other)),
    };
    if text.trim().is_empty() {
        return None;
    }
    Some(without_nul(cut(text)))
}

fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(CHARACTERS_MAX) else { return text };
    let mut text = text.into_owned();
    text.truncate(end);
    Cow::Owned(text)
}

pub(crate) fn without_nul(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr::memchr(0, text.as_bytes()).is_none() {
        return text;
    }
    Cow::Owned(text.replace('\0', "\u{fffd}"))
}

/// The value without white space. What no parser can read, such as a number out of range, stays as it is.
fn compact(text: &str) -> String {
    let Ok(value) = serde_json::from_str(text) else { return text.to_owned() };
    let mut out = String::with_capacity(text.len());
    write_sorted(&mut out, &value);
    out
}

/// Sorts by itself, because the order of keys in [`Value`] depends on a feature that any dependency can switch on.
fn write_sorted(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_sorted(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, field)) in fields.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json_string(out, key);
                out.push(':');
                write_sorted(out, field);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests;
