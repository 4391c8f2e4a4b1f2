//! Date expressions of `after` and `before`: ISO 8601 in its usual and unusual forms, and relative ones.
//!
//! The grammar is that of `spec/events-api.md` §3.2 with our two corrections: what is not a date is an error rather
//! than "now", and a `+` that arrived as a space still separates an offset.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, ToSpan, ZonedDateTime};
use model::Timestamp;

/// The text is neither an ISO date nor a relative one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a date: use ISO 8601 or a relative form such as -7d")]
pub(crate) struct NotADate;

/// The instant that `text` means, with dates that carry no offset read in `zone`.
pub(crate) fn parse_date(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, NotADate> {
    if let Some((civil, offset)) = parse_iso(text) {
        let instant = match offset {
            Some(seconds) => Offset::from_seconds(seconds).ok().and_then(|offset| offset.to_timestamp(civil).ok()),
            None => zone.to_timestamp(civil).ok(),
        };
        return instant.map(|at| Timestamp::from_micros(at.as_microsecond())).ok_or(NotADate);
    }
    let now = jiff::Timestamp::from_microsecond(now.as_micros()).map_err(|_| NotADate)?.to_zoned_datetime(zone.clone());
    let at = parse_relative(text, &now).ok_or(NotADate)?;
    Ok(Timestamp::from_micros(at.timestamp().as_microsecond()))
}

/// `-7d`, `4d`, `dStart`, `-1mEnd`, …
fn parse_relative(text: &str, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (amount, rest) = text.split_at_checked(digits)?;
    let amount: i64 = if amount.is_empty() { 0 } else { amount.parse().ok()? };
    let mut letters = rest.chars();
    let unit = letters.next()?;
    let edge = letters.as_str();
    let at = now.checked_sub(span_of(amount, unit)?).ok()?;
    match edge {
        "" => Some(at),
        "Start" => move_to_start(&at, unit),
        "End" => move_to_end(&at, unit),
        _ => None,
    }
}

/// So many of a unit: `s`, `M` for minutes, `h`, `d`, `w`, `m` for months, `q` for 13 weeks, `y`.
fn span_of(amount: i64, unit: char) -> Option<Span> {
    let span = match unit {
        's' => Span::new().try_seconds(amount),
        'M' => Span::new().try_minutes(amount),
        'h' => Span::new().try_hours(amount),
        'd' => Span::new().try_days(amount),
        'w' => Span::new().try_weeks(amount),
        'm' => Span::new().try_months(amount),
        'q' => Span::new().try_weeks(amount.checked_mul(13)?),
        'y' => Span::new().try_years(amount),
        _ => return None,
    };
    span.ok()
}

/// The instant so many units after another one by the calendar of `zone`; none after the end of all calendars.
pub(crate) fn later(at: Timestamp, amount: i64, unit: char, zone: &TimeZone) -> Option<Timestamp> {
    let start = jiff::Timestamp::from_microsecond(at.as_micros()).ok()?.to_zoned_datetime(zone.clone());
    let end = start.checked_add(span_of(amount, unit)?).ok()?;
    Some(Timestamp::from_micros(end.timestamp().as_microsecond()))
}

fn move_to_start(at: &ZonedDateTime, unit: char) -> Option<ZonedDateTime> {
    match unit {
        'h' => at.with().minute(0).second(0).subsec_nanosecond(0).build().ok(),
        'd' => at.with().time(Time::midnight()).build().ok(),
        'm' => at.with().day(1).build().ok(),
        'y' => at.with().month(1).day(1).build().ok(),
        _ => Some(at.clone()),
    }
}

fn move_to_end(at: &ZonedDateTime, unit: char) -> Option<ZonedDateTime> {
    match unit {
        'h' => at.with().minute(59).second(59).subsec_nanosecond(999_999_000).build().ok(),
        'd' => at.with().time(Time::new(23, 59, 59, 999_999_000).ok()?).build().ok(),
        'm' | 'y' => at.with().day(at.date().last_of_month().day()).build().ok(),
        _ => Some(at.clone()),
    }
}

/// A civil time, and the offset in seconds if the text has one.
fn parse_iso(text: &str) -> Option<(DateTime, Option<i32>)> {
    let mut cursor = Cursor { rest: text.as_bytes() };
    let date = cursor.date()?;
    if cursor.rest.is_empty() {
        return Some((date.to_datetime(Time::midnight()), None));
    }
    // Any one character separates the time, also a multi-byte one.
    let rest = std::str::from_utf8(cursor.rest).ok()?;
    let separator = rest.chars().next().filter(|c| !c.is_ascii_digit())?;
    cursor.rest = cursor.rest.get(separator.len_utf8()..)?;
    let (time, next_day) = cursor.time()?;
    let offset = cursor.offset()?;
    let date = if next_day { date.checked_add(1.day()).ok()? } else { date };
    Some((date.to_datetime(time), offset))
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i32> {
        let digits = self.rest.get(..count)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.rest = self.rest.get(count..)?;
        Some(digits.iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0')))
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        found
    }

    fn digit_run(&self) -> usize {
        self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    fn date(&mut self) -> Option<Date> {
        let year = i16::try_from(self.digits(4)?).ok()?;
        if self.eat(b'W') {
            let week = self.digits(2)?;
            let day = if self.digit_run() > 0 { self.digits(1)? } else { 1 };
            return week_date(year, week, day);
        }
        if !self.eat(b'-') {
            return match self.digit_run() {
                0 => Date::new(year, 1, 1).ok(),
                3 => ordinal_date(year, self.digits(3)?),
                _ => {
                    let (month, day) = (self.digits(2)?, self.digits(2)?);
                    calendar_date(year, month, day)
                }
            };
        }
        if self.eat(b'W') {
            let week = self.digits(2)?;
            let day = if self.eat(b'-') { self.digits(1)? } else { 1 };
            return week_date(year, week, day);
        }
        if self.digit_run() == 3 {
            return ordinal_date(year, self.digits(3)?);
        }
        let digits = self.digit_run().min(2);
        let month = self.digits(digits)?;
        if !self.eat(b'-') {
            return (digits == 2).then(|| calendar_date(year, month, 1))?;
        }
        let digits = self.digit_run().min(2);
        let day = self.digits(digits)?;
        calendar_date(year, month, day)
    }

    /// The time of day, and whether it was 24:00.
    fn time(&mut self) -> Option<(Time, bool)> {
        let hour = self.digits(2)?;
        let extended = self.eat(b':');
        let (mut minute, mut second, mut nanosecond) = (0, 0, 0);
        if extended || self.digit_run() >= 2 {
            minute = self.digits(2)?;
            if (extended && self.eat(b':')) || (!extended && self.digit_run() >= 2) {
                second = self.digits(2)?;
                if self.eat(b'.') || self.eat(b',') {
                    nanosecond = self.fraction()?;
                }
            }
        }
        if hour == 24 {
            return (minute == 0 && second == 0 && nanosecond == 0).then(|| (Time::midnight(), true));
        }
        let part = |value: i32| i8::try_from(value).ok();
        Time::new(part(hour)?, part(minute)?, part(second)?, nanosecond).ok().map(|time| (time, false))
    }

    /// Fraction digits of any number, cut to microseconds.
    fn fraction(&mut self) -> Option<i32> {
        let count = self.digit_run();
        if count == 0 {
            return None;
        }
        let kept = count.min(6);
        let micros = self.digits(kept)? * 10_i32.pow(u32::try_from(6 - kept).ok()?);
        self.rest = self.rest.get(count - kept..)?;
        Some(micros * 1_000)
    }

    /// `Z`, `±hh`, `±hhmm`, `±hh:mm`; a space stands for the plus that form encoding made of it.
    #[expect(clippy::option_option, reason = "outer: is the text well formed; inner: does it name an offset")]
    fn offset(&mut self) -> Option<Option<i32>> {
        if self.rest.is_empty() {
            return Some(None);
        }
        if self.eat(b'Z') || self.eat(b'z') {
            return self.rest.is_empty().then_some(Some(0));
        }
        let sign = match self.rest.first()? {
            b'+' | b' ' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.rest = self.rest.get(1..)?;
        let hours = self.digits(2)?;
        let minutes = if self.eat(b':') || self.digit_run() == 2 { self.digits(2)? } else { 0 };
        (self.rest.is_empty() && hours < 24 && minutes < 60).then_some(Some(sign * (hours * 3_600 + minutes * 60)))
    }
}

fn calendar_date(year: i16, month: i32, day: i32) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn ordinal_date(year: i16, day: i32) -> Option<Date> {
    let first = Date::new(year, 1, 1).ok()?;
    let days = i32::from(first.days_in_year());
    (1..=days).contains(&day).then(|| first.checked_add((day - 1).days()).ok())?
}

fn week_date(year: i16, week: i32, day: i32) -> Option<Date> {
    let weekday = Weekday::from_monday_one_offset(i8::try_from(day).ok()?).ok()?;
    jiff::civil::ISOWeekDate::new(year, i8::try_from(week).ok()?, weekday).ok().map(Date::from)
}

#[cfg(test)]
mod tests;
