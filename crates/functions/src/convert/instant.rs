//! Instants from text: dates and times as people write them.
//!
//! The text is read from left to right, and what a number means depends on its length, on what follows and on what is
//! known already: `2020` is a year, `20200102` a day, `1577934245` seconds since the epoch, `3:04` a time. Day comes before
//! month in `2/1/2020` unless the reader is American.

use crate::zone::{DAY, Zone, days, days_in_month};

/// Where day and month stand in `1/2/2020`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    DayFirst,
    MonthFirst,
}

/// An instant: seconds since the epoch, and nanoseconds after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant {
    pub(crate) second: i64,
    pub(crate) nano: i64,
}

/// Reads `text`, local to `zone` unless it says otherwise. A date without a year is in `this_year`. Seconds since the epoch have
/// a fraction only if instants have, that is, if there is more than one of `ticks` in a second.
pub(crate) fn best_effort(text: &str, zone: &Zone, order: Order, this_year: i64, ticks: i64) -> Option<Instant> {
    if let Some(instant) = plain(text.as_bytes(), zone) {
        return Some(instant);
    }
    let mut reader = Reader { bytes: text.as_bytes(), at: 0, order, parts: Parts::default() };
    while reader.at < reader.bytes.len() {
        reader.step()?;
    }
    if ticks == 1 && reader.parts.unix_fraction {
        return None;
    }
    reader.parts.instant(zone, this_year)
}

/// `YYYY-MM-DD hh:mm:ss` with an optional fraction and `Z`, which is what nearly all text is.
fn plain(bytes: &[u8], zone: &Zone) -> Option<Instant> {
    let two = |at: usize| -> Option<i64> {
        let (high, low) = (bytes.get(at)?, bytes.get(at + 1)?);
        (high.is_ascii_digit() && low.is_ascii_digit()).then(|| i64::from((high - b'0') * 10 + (low - b'0')))
    };
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let shaped = is(4, b'-') && is(7, b'-') && (is(10, b' ') || is(10, b'T')) && is(13, b':') && is(16, b':');
    if !shaped {
        return None;
    }
    let (year, month, day) = (two(0)? * 100 + two(2)?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let exists = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    if !exists || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = bytes.get(19..)?;
    let mut nano = 0;
    if let Some((b'.', digits)) = rest.split_first() {
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        nano = fraction(digits.get(..length)?);
        rest = digits.get(length..)?;
    }
    let local = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    match rest {
        b"" => Some(Instant { second: zone.instant(local), nano }),
        b"Z" => Some(Instant { second: local, nano }),
        _ => None,
    }
}

/// Nanoseconds of the digits after a point.
fn fraction(digits: &[u8]) -> i64 {
    let first_nine = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    first_nine.fold(0, |all, digit| all * 10 + i64::from(digit - b'0'))
}

/// What has been read.
#[derive(Debug, Default)]
struct Parts {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    time: Option<i64>,
    nano: i64,
    offset: Option<i64>,
    afternoon: Option<bool>,
    /// Seconds since the epoch: then nothing else counts.
    unix: Option<i64>,
    unix_fraction: bool,
}

impl Parts {
    fn instant(&self, zone: &Zone, this_year: i64) -> Option<Instant> {
        if let Some(second) = self.unix {
            return Some(Instant { second, nano: self.nano });
        }
        if self.year.is_none() && self.month.is_none() && self.day.is_none() && self.time.is_none() {
            return None;
        }
        let (year, month) = (self.year.unwrap_or(this_year), self.month.unwrap_or(1));
        let day = self.day.unwrap_or(1);
        if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
            return None;
        }
        let mut time = self.time.unwrap_or(0);
        match self.afternoon {
            Some(true) if time / 3600 < 12 => time += 12 * 3600,
            Some(false) if time / 3600 == 12 => time -= 12 * 3600,
            _ => {}
        }
        let local = days(year, month, day) * DAY + time;
        let second = match self.offset {
            Some(offset) => local - offset,
            None => zone.instant(local),
        };
        Some(Instant { second, nano: self.nano })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
    parts: Parts,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn digits(&mut self, most: usize) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn word(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn step(&mut self) -> Option<()> {
        match self.peek()? {
            b'0'..=b'9' => {
                let digits = self.digits(usize::MAX);
                self.number(digits)
            }
            b' ' | b',' | b';' | b'\t' => {
                self.at += 1;
                Some(())
            }
            b'T' if self.bytes.get(self.at + 1).is_none_or(u8::is_ascii_digit) => {
                self.at += 1;
                Some(())
            }
            b'.' if self.parts.time.is_some() || self.parts.unix.is_some() => {
                self.at += 1;
                let digits = self.digits(usize::MAX);
                self.parts.nano = fraction(digits);
                self.parts.unix_fraction = self.parts.unix.is_some();
                Some(())
            }
            b'+' | b'-' if self.parts.time.is_some() => self.zone_offset(),
            byte if byte.is_ascii_alphabetic() => self.name(),
            _ => None,
        }
    }

    fn number(&mut self, digits: &[u8]) -> Option<()> {
        let value = |range: std::ops::Range<usize>| value(digits.get(range).unwrap_or_default());
        let whole = value(0..digits.len());
        let parts = &mut self.parts;
        match digits.len() {
            19 | 16 | 13 if parts.year.is_none() => {
                let per_second = 10i64.pow(u32::try_from(digits.len()).ok()? - 10);
                parts.unix = Some(whole / per_second);
                parts.nano = whole % per_second * (1_000_000_000 / per_second);
            }
            9 | 10 if parts.year.is_none() => parts.unix = Some(whole),
            14 if parts.year.is_none() => {
                (parts.year, parts.month, parts.day) = (Some(value(0..4)), Some(value(4..6)), Some(value(6..8)));
                parts.time = Some(value(8..10) * 3600 + value(10..12) * 60 + value(12..14));
            }
            8 if parts.year.is_none() => {
                (parts.year, parts.month, parts.day) = (Some(value(0..4)), Some(value(4..6)), Some(value(6..8)));
            }
            6 if parts.year.is_none() => (parts.year, parts.month) = (Some(value(0..4)), Some(value(4..6))),
            6 if parts.time.is_none() => parts.time = Some(value(0..2) * 3600 + value(2..4) * 60 + value(4..6)),
            4 if parts.year.is_none() => {
                parts.year = Some(whole);
                return self.after_year();
            }
            4 if parts.time.is_none() => parts.time = Some(value(0..2) * 3600 + value(2..4) * 60),
            1 | 2 => return self.short(whole),
            _ => return None,
        }
        Some(())
    }

    /// `-MM-DD` after a year, if it is there.
    fn after_year(&mut self) -> Option<()> {
        let delimiter = self.peek().filter(|byte| matches!(byte, b'-' | b'/' | b'.'));
        let Some(delimiter) = delimiter else { return Some(()) };
        self.at += 1;
        if self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.parts.month = Some(month(self.word())?);
        } else {
            let month = self.digits(2);
            self.parts.month = Some(value(month)).filter(|_| !month.is_empty());
            self.parts.month?;
        }
        if self.peek() == Some(delimiter) {
            self.at += 1;
            let day = self.digits(2);
            if day.is_empty() {
                return None;
            }
            self.parts.day = Some(value(day));
        }
        Some(())
    }

    /// One or two digits: an hour, a day, or the beginning of a date.
    fn short(&mut self, first: i64) -> Option<()> {
        match self.peek() {
            Some(b':') => self.time(first),
            Some(delimiter @ (b'/' | b'.' | b'-')) if self.parts.day.is_none() && self.parts.year.is_none() => {
                self.at += 1;
                self.day_and_month(first, delimiter)
            }
            _ if self.parts.day.is_none() => {
                self.parts.day = Some(first);
                Some(())
            }
            _ if self.parts.time.is_none() => {
                self.parts.time = Some(first * 3600);
                Some(())
            }
            _ => None,
        }
    }

    fn time(&mut self, hour: i64) -> Option<()> {
        if self.parts.time.is_some() {
            return None;
        }
        self.at += 1;
        let minute = self.digits(2);
        if minute.is_empty() {
            return None;
        }
        let mut time = hour * 3600 + value(minute) * 60;
        if self.peek() == Some(b':') {
            self.at += 1;
            let second = self.digits(2);
            if second.is_empty() {
                return None;
            }
            time += value(second);
        }
        self.parts.time = Some(time);
        Some(())
    }

    fn day_and_month(&mut self, first: i64, delimiter: u8) -> Option<()> {
        if self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            (self.parts.day, self.parts.month) = (Some(first), Some(month(self.word())?));
        } else {
            let second = self.digits(2);
            if second.is_empty() {
                return None;
            }
            let second = value(second);
            let (day, month) = if self.order == Order::MonthFirst { (second, first) } else { (first, second) };
            // A month above 12 must be the day.
            let (day, month) = if month > 12 { (month, day) } else { (day, month) };
            (self.parts.day, self.parts.month) = (Some(day), Some(month));
        }
        if self.peek() == Some(delimiter) {
            self.at += 1;
            let year = self.digits(4);
            self.parts.year = Some(match year.len() {
                4 => value(year),
                2 if value(year) >= 70 => 1900 + value(year),
                2 => 2000 + value(year),
                _ => return None,
            });
        }
        Some(())
    }

    /// `+02:00`, `+0200` or `+02`.
    fn zone_offset(&mut self) -> Option<()> {
        let sign = if self.peek() == Some(b'-') { -1 } else { 1 };
        self.at += 1;
        let digits = self.digits(4);
        let (hour, minute) = match digits.len() {
            4 => (value(digits.get(..2)?), value(digits.get(2..)?)),
            1 | 2 => {
                let hour = value(digits);
                if self.peek() == Some(b':') {
                    self.at += 1;
                    (hour, value(self.digits(2)))
                } else {
                    (hour, 0)
                }
            }
            _ => return None,
        };
        self.parts.offset = Some(sign * (hour * 3600 + minute * 60));
        Some(())
    }

    fn name(&mut self) -> Option<()> {
        let word = self.word().to_ascii_lowercase();
        match word.as_slice() {
            b"z" | b"utc" | b"gmt" => self.parts.offset = self.parts.offset.or(Some(0)),
            b"am" if self.parts.time.is_some() => self.parts.afternoon = Some(false),
            b"pm" if self.parts.time.is_some() => self.parts.afternoon = Some(true),
            word if month(word).is_some() => self.parts.month = month(word),
            word if is_weekday(word) => {}
            _ => return None,
        }
        Some(())
    }
}

fn value(digits: &[u8]) -> i64 {
    digits.iter().fold(0i64, |all, digit| all.wrapping_mul(10).wrapping_add(i64::from(digit.wrapping_sub(b'0'))))
}

/// The month that begins with these letters, at least three.
fn month(word: &[u8]) -> Option<i64> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_ascii_lowercase();
    let at = NAMES.iter().position(|name| word.len() >= 3 && name.as_bytes().starts_with(&word))?;
    i64::try_from(at + 1).ok()
}

fn is_weekday(word: &[u8]) -> bool {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    word.len() >= 3 && NAMES.iter().any(|name| name.as_bytes().starts_with(word))
}
