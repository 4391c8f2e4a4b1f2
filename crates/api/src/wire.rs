//! JSON on the wire: compact, non-ASCII as it is, times as PostHog writes them.

use axum::response::{IntoResponse, Response};
use http::header;
use jiff::tz::Offset;
use model::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// JSON that is kept as text and shown as it is.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct Json(Box<RawValue>);

impl Json {
    /// `text`, which is JSON; should it not be, null.
    pub(crate) fn of(text: &str) -> Self {
        Self(RawValue::from_string(text.to_owned()).unwrap_or_default())
    }

    /// `{}`
    pub(crate) fn object() -> Self {
        Self::of("{}")
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self::of(&value.to_string())
    }
}

/// Answers 200 with `body` as compact JSON.
pub(crate) fn write_json(body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => json_text(text),
        Err(error) => crate::error::ApiError::Internal(Box::new(error)).into_response(),
    }
}

/// Answers 200 with `text`, which is JSON already.
pub(crate) fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// `2020-12-30T12:03:53.829294+00:00`: UTC, six fraction digits, or none when they are all zero.
pub(crate) fn timestamp_text(timestamp: Timestamp) -> String {
    format_instant(timestamp, "+00:00")
}

/// `2020-12-30T12:03:53.829294Z`, as objects other than events write their times.
pub(crate) fn timestamp_text_z(timestamp: Timestamp) -> String {
    format_instant(timestamp, "Z")
}

fn format_instant(timestamp: Timestamp, zone: &str) -> String {
    let micros = timestamp.as_micros();
    let Ok(instant) = jiff::Timestamp::from_microsecond(micros) else {
        return format!("1970-01-01T00:00:00{zone}");
    };
    let civil = Offset::UTC.to_datetime(instant);
    let fraction = micros.rem_euclid(1_000_000);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}{zone}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_show_six_fraction_digits_or_none() {
        let text = |micros| timestamp_text(Timestamp::from_micros(micros));
        assert_eq!(text(1_609_329_833_829_294), "2020-12-30T12:03:53.829294+00:00");
        assert_eq!(text(1_609_329_833_000_000), "2020-12-30T12:03:53+00:00");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999999+00:00");
        assert_eq!(text(1_609_329_833_000_010), "2020-12-30T12:03:53.000010+00:00");
    }
}
