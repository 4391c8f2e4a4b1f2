//! Dates as requests write them: `-7d`, `mStart`, `2026-01-10`, `all`.
//!
//! The one place that knows relative dates: filters, insights, lists and the date operators of property filters use it.

use jiff::civil::{Date, DateTime, Time};
use jiff::{RoundMode, Span, Unit, ZonedDateTime, ZonedDateTimeRound};

use crate::context::{Context, DateRange};

/// The last microsecond of a day.
const LAST: Time = Time::constant(23, 59, 59, 999_999_000);

/// The instant that `text` means at `now`, in its zone; `None` if it is neither relative nor absolute.
#[must_use]
pub fn resolve(text: &str, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let text = text.trim();
    relative(text, now).or_else(|| {
        let micros = crate::resolve::instant(text, now.time_zone().iana_name().unwrap_or("UTC"))?;
        let at = jiff::Timestamp::from_microsecond(micros).ok()?;
        Some(at.to_zoned_datetime(now.time_zone().clone()))
    })
}

/// Whether `text` is written relative to now.
#[must_use]
pub fn is_relative(text: &str) -> bool {
    parts(text.trim()).is_some()
}

struct Parts {
    count: i64,
    unit: char,
    snap: Option<bool>,
}

/// `-?(\d+)?[hdwmqysHDWMQY](Start|End)?`
fn parts(text: &str) -> Option<Parts> {
    let rest = text.strip_prefix('-').unwrap_or(text);
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let rest = rest.get(digits.len()..)?;
    let unit = rest.chars().next().filter(|unit| "hdwmqysHDWMQYS".contains(*unit))?;
    let snap = match rest.get(1..)? {
        "" => None,
        "Start" => Some(true),
        "End" => Some(false),
        _ => return None,
    };
    // A bare unit counts nothing back: `mStart` is the start of this month.
    let count = if digits.is_empty() { i64::from(text.starts_with('-')) } else { digits.parse().ok()? };
    Some(Parts { count, unit, snap })
}

fn relative(text: &str, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let Parts { count, unit, snap } = parts(text)?;
    let back = match unit {
        'h' | 'H' => Span::new().try_hours(count).ok()?,
        'd' | 'D' => Span::new().try_days(count).ok()?,
        'w' | 'W' => Span::new().try_weeks(count).ok()?,
        'm' => Span::new().try_months(count).ok()?,
        'M' => Span::new().try_minutes(count).ok()?,
        'q' | 'Q' => Span::new().try_months(count.checked_mul(3)?).ok()?,
        'y' | 'Y' => Span::new().try_years(count).ok()?,
        _ => Span::new().try_seconds(count).ok()?,
    };
    let moved = now.checked_sub(back).ok()?;
    match snap {
        None => Some(moved),
        Some(start) => snapped(&moved, unit, start),
    }
}

/// The first or the last microsecond of the unit around `time`.
fn snapped(time: &ZonedDateTime, unit: char, start: bool) -> Option<ZonedDateTime> {
    let date = time.date();
    let edge = match (unit, start) {
        ('h' | 'H', _) => return hour_edge(time, start),
        ('w' | 'W', true) => date.checked_sub(Span::new().days(date.weekday().to_monday_zero_offset())).ok()?,
        ('w' | 'W', false) => date.checked_add(Span::new().days(6 - date.weekday().to_monday_zero_offset())).ok()?,
        ('m', true) => date.first_of_month(),
        ('m', false) => date.last_of_month(),
        ('q' | 'Q', true) => Date::new(date.year(), quarter_month(date), 1).ok()?,
        ('q' | 'Q', false) => Date::new(date.year(), quarter_month(date) + 2, 1).ok()?.last_of_month(),
        ('y' | 'Y', true) => date.first_of_year(),
        ('y' | 'Y', false) => date.last_of_year(),
        _ => date,
    };
    at(edge, if start { Time::midnight() } else { LAST }, time)
}

fn quarter_month(date: Date) -> i8 {
    (date.month() - 1) / 3 * 3 + 1
}

fn hour_edge(time: &ZonedDateTime, start: bool) -> Option<ZonedDateTime> {
    let floor = time.round(ZonedDateTimeRound::new().smallest(Unit::Hour).mode(RoundMode::Trunc)).ok()?;
    if start { Some(floor) } else { floor.checked_add(Span::new().minutes(59).seconds(59).microseconds(999_999)).ok() }
}

fn at(date: Date, time: Time, like: &ZonedDateTime) -> Option<ZonedDateTime> {
    DateTime::from_parts(date, time).to_zoned_datetime(like.time_zone().clone()).ok()
}

/// The bounds of a range in `{filters}`: each only if it is given. `all` starts at the earliest event.
pub(crate) fn filter_bounds(range: &DateRange, context: &Context) -> (Option<ZonedDateTime>, Option<ZonedDateTime>) {
    let now = context.local_now();
    let bound = |text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.is_empty())?;
        if text == "all" {
            return None;
        }
        // Text that is no date means now, as upstream has it.
        Some(resolve(text, &now).unwrap_or_else(|| now.clone()))
    };
    (bound(&range.date_from), bound(&range.date_to))
}

#[cfg(test)]
mod tests;
