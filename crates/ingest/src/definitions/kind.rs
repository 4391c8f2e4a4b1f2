//! The type that a property is taken to have, from its name and its first value.

use meta::PropertyType;
use model::Timestamp;

/// A number in a property that is named like a time counts as one if it is at least this near to now, in seconds.
const SIX_MONTHS_SECONDS: i64 = 183 * 86_400;
/// Longer text is not looked at for a date.
const DATE_BYTES_MAX: usize = 40;

/// The type of a property called `name` with the JSON value `value`; none when the value has none.
pub(super) fn type_of(name: &str, value: &str, now: Timestamp) -> Option<PropertyType> {
    let first = value.bytes().next()?;
    if matches!(first, b'{' | b'[' | b'n') {
        return by_name(&name.to_ascii_lowercase());
    }
    let name = name.to_ascii_lowercase();
    if let Some(known) = by_name(&name) {
        return Some(known);
    }
    let text = (first == b'"').then(|| serde_json::from_str::<String>(value).ok()).flatten();
    if is_named_like_a_time(&name) {
        let recent = now.as_micros() / 1_000_000 - SIX_MONTHS_SECONDS;
        if text.as_deref().is_some_and(is_date) || value.parse::<i64>().is_ok_and(|seconds| seconds >= recent) {
            return Some(PropertyType::DateTime);
        }
    }
    Some(match text {
        Some(text) if matches!(text.trim(), "true" | "false" | "TRUE" | "FALSE") => PropertyType::Boolean,
        Some(text) if is_date(&text) => PropertyType::DateTime,
        Some(_) => PropertyType::String,
        None if matches!(first, b't' | b'f') => PropertyType::Boolean,
        None => PropertyType::Numeric,
    })
}

/// Some names have a type whatever they hold.
fn by_name(name: &str) -> Option<PropertyType> {
    let starts = ["utm_", "$initial_utm_", "$feature/", "$survey_response"].iter().any(|start| name.starts_with(start));
    (starts || name == "$feature_flag_response").then_some(PropertyType::String)
}

fn is_named_like_a_time(name: &str) -> bool {
    ["time", "date", "_at", "-at", "createdat", "updatedat"].iter().any(|part| name.contains(part))
}

/// RFC 3339, RFC 2822, or one of a few ways to write a date, perhaps followed by a time of day.
fn is_date(text: &str) -> bool {
    let text = text.trim();
    if text.len() < 10 || text.len() > DATE_BYTES_MAX {
        return false;
    }
    if text.parse::<jiff::Timestamp>().is_ok() || is_written_out(text) {
        return true;
    }
    let (date, time) = match text.split_at_checked(10) {
        Some((date, "")) => (date, None),
        Some((date, rest)) => match rest.strip_prefix([' ', 'T']) {
            Some(time) => (date, Some(time)),
            None => return false,
        },
        None => return false,
    };
    is_day(date) && time.is_none_or(is_time_of_day)
}

fn is_written_out(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).is_ok()
}

fn is_day(date: &str) -> bool {
    let Some(separator) = date.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '/')) else {
        return false;
    };
    let parts: Vec<&str> = date.split(separator).collect();
    let [first, second, third] = parts.as_slice() else { return false };
    let (year, month, day) = if first.len() == 4 { (first, second, third) } else { (third, first, second) };
    let number = |text: &str, digits: usize| (text.len() == digits).then(|| text.parse::<i16>().ok()).flatten();
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let small = |number: i16| i8::try_from(number).unwrap_or(0);
    jiff::civil::Date::new(year, small(month), small(day)).is_ok()
}

/// Begins with `HH:MM:SS`; what follows may be a fraction or a zone.
fn is_time_of_day(time: &str) -> bool {
    time.get(..8).is_some_and(|time| time.parse::<jiff::civil::Time>().is_ok() && time.matches(':').count() == 2)
}
