//! When an event happened, from everything a client says about time.

use model::{TimeDoubt, Timestamp};

/// An event may lie this far in the future, in milliseconds; what lies further is taken to have happened now.
const FUTURE_MILLIS_MAX: i64 = 23 * 3_600 * 1_000;
/// 0000-01-01T00:00:00Z, and the first instant after the year 9999.
const YEARS_MICROS: std::ops::Range<i64> = -62_167_219_200_000_000..253_402_300_800_000_000;
/// The query parameter `_` counts milliseconds. Less than the first one of 2021 must be seconds, and is ignored.
const SENT_AT_MILLIS_MIN: i64 = 1_609_459_200_000;

/// What decides the time of one event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claims<'a> {
    /// When the request arrived.
    pub(crate) now: Timestamp,
    /// When the client sent it, by its own clock. Already left out if the event wants it ignored.
    pub(crate) sent_at: Option<Timestamp>,
    /// When it happened, by the client's clock.
    pub(crate) timestamp: Option<&'a str>,
    /// How many milliseconds before now it happened.
    pub(crate) offset_millis: Option<i64>,
    /// Whether a time that lies too far in the future is kept all the same.
    pub(crate) even_future: bool,
}

impl Claims<'_> {
    /// The time to store, and why it is not what was said. What cannot be read is treated as not said.
    pub(crate) fn time(self) -> (Timestamp, Option<TimeDoubt>) {
        let now = self.now;
        let (mut time, mut doubt) = (now, None);
        match self.timestamp.map(parse) {
            Some(Some(claimed)) => {
                let skew = self.sent_at.map_or(0, |sent_at| sent_at.as_micros().saturating_sub(now.as_micros()));
                time = claimed.plus_micros(skew.saturating_neg());
            }
            Some(None) => doubt = Some(TimeDoubt::Unreadable),
            None => {}
        }
        if let Some(millis) = self.offset_millis {
            time = now.plus_micros(millis.saturating_mul(1_000).saturating_neg());
            doubt = None;
        }
        if !self.even_future && time.as_micros().saturating_sub(now.as_micros()) / 1_000 > FUTURE_MILLIS_MAX {
            (time, doubt) = (now, Some(TimeDoubt::Future));
        }
        (if YEARS_MICROS.contains(&time.as_micros()) { time } else { Timestamp::default() }, doubt)
    }
}

/// `sent_at` of a batch: ISO 8601 with an offset, or nothing.
pub(crate) fn sent_at(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(from_jiff)
}

/// The query parameter `_`: milliseconds since the epoch.
pub(crate) fn sent_at_millis(millis: i64) -> Option<Timestamp> {
    let micros = millis.checked_mul(1_000)?;
    (millis >= SENT_AT_MILLIS_MIN && YEARS_MICROS.contains(&micros)).then(|| Timestamp::from_micros(micros))
}

/// ISO 8601 in UTC, in milliseconds, or in microseconds when they are needed.
pub(crate) fn to_iso(time: Timestamp) -> Option<String> {
    let instant = jiff::Timestamp::from_microsecond(time.as_micros()).ok()?;
    Some(if time.as_micros() % 1_000 == 0 { format!("{instant:.3}") } else { format!("{instant:.6}") })
}

/// The ladder of formats, strictest first. A time without zone is UTC, a date without time is midnight (D6).
fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse() {
        return Some(from_jiff(instant));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return parse_digits(text);
    }
    if let Ok(civil) = text.parse().or_else(|_| parse_slashed(text).ok_or(())) {
        return in_utc(civil);
    }
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok().map(from_jiff)
}

/// Seconds, milliseconds or nanoseconds since the epoch, told apart by their number of digits.
fn parse_digits(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    let micros = match text.len() {
        10 => number * 1_000_000,
        13 => number * 1_000,
        19 => number / 1_000,
        _ => return None,
    };
    Some(Timestamp::from_micros(micros))
}

/// `MM/DD/YYYY` or `YYYY/MM/DD`, perhaps followed by a time.
fn parse_slashed(text: &str) -> Option<jiff::civil::DateTime> {
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let mut parts = date.split('/');
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    let (year, month, day) = if first.len() == 4 { (first, second, third) } else { (third, first, second) };
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    let date = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some(date.to_datetime(time.trim().parse().ok()?))
}

fn in_utc(civil: jiff::civil::DateTime) -> Option<Timestamp> {
    jiff::tz::Offset::UTC.to_timestamp(civil).ok().map(from_jiff)
}

/// Digits below a microsecond are cut off, before the epoch too.
fn from_jiff(instant: jiff::Timestamp) -> Timestamp {
    let micros = instant.as_nanosecond().div_euclid(1_000);
    Timestamp::from_micros(i64::try_from(micros).expect("jiff's years -9999 to 9999 fit 64 bits of microseconds"))
}

#[cfg(test)]
mod tests;
