//! Time zones and the calendar, over plain integers.
//!
//! A query asks for millions of offsets in one zone, mostly within the same months. The spans between changes of the offset
//! are therefore kept once they have been looked up; the last one is tried first.

use std::cell::{Cell, RefCell};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::FunctionError;

pub(crate) const DAY: i64 = 86_400;

/// A time zone with what is known of it so far.
#[derive(Debug)]
pub(crate) struct Zone {
    zone: TimeZone,
    last: Cell<Span>,
    seen: RefCell<Vec<Span>>,
}

/// Seconds since the epoch, from and to, at one offset.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: i64,
    end: i64,
    offset: i64,
}

impl Zone {
    pub(crate) fn utc() -> Self {
        Self::new(TimeZone::UTC)
    }

    pub(crate) fn named(name: &str) -> Result<Self, FunctionError> {
        if name == "UTC" || name.is_empty() {
            return Ok(Self::utc());
        }
        let zone = TimeZone::get(name);
        zone.map(Self::new).map_err(|_| FunctionError::Argument(format!("unknown time zone {name:?}")))
    }

    fn new(zone: TimeZone) -> Self {
        let fixed = zone.to_fixed_offset().ok().map(|offset| i64::from(offset.seconds()));
        let span = match fixed {
            Some(offset) => Span { start: i64::MIN, end: i64::MAX, offset },
            None => Span { start: 0, end: 0, offset: 0 },
        };
        Self { zone, last: Cell::new(span), seen: RefCell::default() }
    }

    /// Seconds that local time is ahead of UTC at an instant.
    pub(crate) fn offset(&self, second: i64) -> i64 {
        let last = self.last.get();
        if (last.start..last.end).contains(&second) {
            return last.offset;
        }
        let mut seen = self.seen.borrow_mut();
        let at = seen.partition_point(|span| span.end <= second);
        if let Some(span) = seen.get(at).filter(|span| span.start <= second) {
            self.last.set(*span);
            return span.offset;
        }
        let span = self.look_up(second);
        seen.insert(at, span);
        self.last.set(span);
        span.offset
    }

    fn look_up(&self, second: i64) -> Span {
        let clamped = second.clamp(Timestamp::MIN.as_second() + 2, Timestamp::MAX.as_second() - 2);
        let Ok(instant) = Timestamp::from_second(clamped) else {
            return Span { start: second, end: second + 1, offset: 0 };
        };
        let after = Timestamp::from_second(clamped + 1).unwrap_or(instant);
        let start = self.zone.preceding(after).next().map_or(i64::MIN, |change| change.timestamp().as_second());
        let end = self.zone.following(instant).next().map_or(i64::MAX, |change| change.timestamp().as_second());
        Span { start, end, offset: i64::from(self.zone.to_offset(instant).seconds()) }
    }

    /// Local seconds of an instant.
    pub(crate) fn local(&self, second: i64) -> i64 {
        second.saturating_add(self.offset(second))
    }

    /// The instant of local seconds: the earlier of two, and in a gap as if the clock had gone forward already.
    pub(crate) fn instant(&self, local: i64) -> i64 {
        let (before, after) = self.offsets_about(local);
        if before == after || self.offset(local.saturating_sub(before)) == before {
            return local.saturating_sub(before);
        }
        local.saturating_sub(after)
    }

    /// The instant at which the local day begins, which in a gap is the end of the gap.
    pub(crate) fn midnight(&self, day: i64) -> i64 {
        let local = day.saturating_mul(DAY);
        let (before, after) = self.offsets_about(local);
        let later = local.saturating_sub(after);
        if before != after && self.offset(local.saturating_sub(before)) != before && self.offset(later) == after {
            return later;
        }
        local.saturating_sub(before)
    }

    /// The offsets a day before and after local seconds.
    fn offsets_about(&self, local: i64) -> (i64, i64) {
        (self.offset(local.saturating_sub(DAY)), self.offset(local.saturating_add(DAY)))
    }

    /// The abbreviation is not needed, but the name is: of the zone as it was asked for.
    pub(crate) fn name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

/// The day of the calendar, from days since the epoch.
pub(crate) fn civil(days: i64) -> Civil {
    // Years that begin in March put the leap day last; 400 of them are always as long.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil { year, month, day: of_year - (153 * march_month + 2) / 5 + 1 }
}

/// Days since the epoch, from a day of the calendar; the day may lie outside the month.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

pub(crate) fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Monday is 1, Sunday 7.
pub(crate) fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// A day so many months later, within the month it comes to.
pub(crate) fn add_months(day: i64, months: i64) -> i64 {
    let civil = civil(day);
    let month = (civil.year * 12 + civil.month - 1).saturating_add(months).clamp(-12 * 9_000, 12 * 9_999);
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    days(year, month, civil.day.min(days_in_month(year, month)))
}
