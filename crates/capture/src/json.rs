//! Small questions about raw JSON values.
//!
//! A [`RawValue`] has no space around it, so its first byte tells its type.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// The text of a JSON string; `None` for every other type.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(raw.get()).ok().map(Cow::Owned)
}

/// A JSON boolean; `None` for every other type.
pub(crate) fn boolean(raw: &RawValue) -> Option<bool> {
    raw.get().parse().ok()
}

/// Whether the value is an object.
pub(crate) fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// What JavaScript takes for false: `null`, `false`, `""`, and zero however it is spelled.
pub(crate) fn is_falsy(raw: &RawValue) -> bool {
    match raw.get() {
        "null" | "false" | "\"\"" => true,
        other => other.parse().is_ok_and(|number: f64| number == 0.0),
    }
}

#[cfg(test)]
mod tests;
