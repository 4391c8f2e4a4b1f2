//! Functions of dates and instants.
//!
//! An instant is shown in the zone of its type unless a zone is given as an argument. Parts, starts and distances are those
//! of local time; hours, minutes and seconds that are added are exact.

mod add;
mod difference;
mod format;
mod make;
mod parts;
mod start;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

use crate::arithmetic::ticks;
use crate::call::{Call, Numbers};
use crate::error::FunctionError;
use crate::table::{Scalar, value};
use crate::zone::{DAY, Zone};

/// Dates or instants, one for each row.
#[derive(Debug)]
pub(crate) struct Times<'a> {
    values: Numbers<'a, i64>,
    /// Ticks of a second, or `None` for dates.
    ticks: Option<i64>,
    pub(crate) zone: Zone,
}

/// A local day and a second of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) day: i64,
    pub(crate) second: i64,
}

impl Local {
    pub(crate) fn seconds(self) -> i64 {
        self.day * DAY + self.second
    }
}

impl<'a> Times<'a> {
    /// The times of argument `at`, in the zone that argument `zone` names, if it is there, else in their own.
    pub(crate) fn of(call: &Call<'a>, at: usize, zone: usize) -> Result<Self, FunctionError> {
        let (ticks, own) = match call.argument(at)?.data_type() {
            DataType::Date32 => (None, None),
            DataType::Timestamp(unit, zone) => (Some(ticks(*unit)), zone.as_deref()),
            _ => return Err(call.illegal(at)),
        };
        let asked = if call.has(zone) { Some(call.constant_text(zone)?) } else { None };
        let zone = Zone::named(asked.or(own).unwrap_or("UTC"))?;
        Ok(Self { values: call.ints(at)?, ticks, zone })
    }

    /// Local time.
    pub(crate) fn local(&self, row: usize) -> Local {
        let value = self.values.get(row);
        match self.ticks {
            None => Local { day: value, second: 0 },
            Some(ticks) => {
                let local = self.zone.local(value.div_euclid(ticks));
                Local { day: local.div_euclid(DAY), second: local.rem_euclid(DAY) }
            }
        }
    }

    pub(crate) fn day(&self, row: usize) -> i64 {
        self.local(row).day
    }

    /// Whole seconds since the epoch.
    pub(crate) fn second(&self, row: usize) -> i64 {
        match self.ticks {
            None => self.zone.midnight(self.values.get(row)),
            Some(ticks) => self.values.get(row).div_euclid(ticks),
        }
    }

    /// Ticks after the whole second.
    pub(crate) fn fraction(&self, row: usize) -> i64 {
        self.ticks.map_or(0, |ticks| self.values.get(row).rem_euclid(ticks))
    }

    /// Ticks of a second; 1 for dates.
    pub(crate) fn ticks(&self) -> i64 {
        self.ticks.unwrap_or(1)
    }

    pub(crate) fn is_date(&self) -> bool {
        self.ticks.is_none()
    }

    /// Nanoseconds after the whole second.
    pub(crate) fn nanos(&self, row: usize) -> i64 {
        self.fraction(row) * (1_000_000_000 / self.ticks())
    }
}

/// How the type to answer holds a day or a second.
#[derive(Debug)]
pub(crate) struct Target {
    /// Ticks of a second, or `None` for a date.
    pub(crate) ticks: Option<i64>,
}

impl Target {
    pub(crate) fn of(call: &Call<'_>) -> Result<Self, FunctionError> {
        match call.returns {
            DataType::Date32 => Ok(Self { ticks: None }),
            DataType::Timestamp(unit, _) => Ok(Self { ticks: Some(ticks(*unit)) }),
            other => Err(call.contract(format!("it does not answer {other}"))),
        }
    }

    /// A local day.
    pub(crate) fn day(&self, zone: &Zone, day: i64) -> i64 {
        match self.ticks {
            None => day,
            Some(ticks) => zone.midnight(day).saturating_mul(ticks),
        }
    }

    /// A second since the epoch, with ticks after it.
    pub(crate) fn second(&self, zone: &Zone, second: i64, fraction: i64) -> i64 {
        match self.ticks {
            None => zone.local(second).div_euclid(DAY),
            Some(ticks) => second.saturating_mul(ticks).saturating_add(fraction),
        }
    }
}

/// A unit of time, as `dateDiff`, `dateTrunc` and others take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    pub(crate) fn parse(text: &str) -> Result<Self, FunctionError> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "nanosecond" | "nanoseconds" | "ns" => Self::Nanosecond,
            "microsecond" | "microseconds" | "us" => Self::Microsecond,
            "millisecond" | "milliseconds" | "ms" => Self::Millisecond,
            "second" | "seconds" | "ss" | "s" => Self::Second,
            "minute" | "minutes" | "mi" | "n" => Self::Minute,
            "hour" | "hours" | "hh" | "h" => Self::Hour,
            "day" | "days" | "dd" | "d" => Self::Day,
            "week" | "weeks" | "ww" | "wk" => Self::Week,
            "month" | "months" | "mm" | "m" => Self::Month,
            "quarter" | "quarters" | "qq" | "q" => Self::Quarter,
            "year" | "years" | "yyyy" | "yy" => Self::Year,
            _ => return Err(FunctionError::Argument(format!("{text:?} is no unit of time"))),
        })
    }

    /// Nanoseconds of a unit that is always as long.
    pub(crate) fn nanos(self) -> Option<i64> {
        Some(match self {
            Self::Nanosecond => 1,
            Self::Microsecond => 1_000,
            Self::Millisecond => 1_000_000,
            Self::Second => 1_000_000_000,
            Self::Minute => 60_000_000_000,
            Self::Hour => 3_600_000_000_000,
            _ => return None,
        })
    }
}

macro_rules! parts {
    ($($name:literal => $f:expr),* $(,)?) => {
        &[$(value($name, |call| parts::part(call, $f))),*]
    };
}

const PARTS: &[Scalar] = parts![
    "toYear" => parts::year,
    "toQuarter" => parts::quarter,
    "toMonth" => parts::month,
    "toDayOfMonth" => parts::day_of_month,
    "toDayOfYear" => parts::day_of_year,
    "toISOYear" => parts::iso_year,
    "toISOWeek" => parts::iso_week,
    "toHour" => |local| local.second / 3600,
    "toMinute" => |local| local.second / 60 % 60,
    "toSecond" => |local| local.second % 60,
    "toYYYYMM" => parts::year_month,
    "toYYYYMMDD" => parts::year_month_day,
    "toYYYYMMDDhhmmss" => parts::all_digits,
];

pub(crate) const TABLE: &[Scalar] = &{
    const OTHERS: [Scalar; 56] = [
        value("toDayOfWeek", parts::day_of_week),
        value("toWeek", parts::week),
        value("toYearWeek", parts::year_week),
        value("toUnixTimestamp", parts::unix_timestamp),
        value("toUnixTimestamp64Milli", parts::unix_millis),
        value("timeZoneOffset", parts::zone_offset),
        value("monthName", |call| format::named(call, Some(format::Name::Month))),
        value("dateName", |call| format::named(call, None)),
        value("formatDateTime", format::format_date_time),
        value("toStartOfYear", |call| start::of_days(call, start::year)),
        value("toStartOfISOYear", |call| start::of_days(call, start::iso_year)),
        value("toStartOfQuarter", |call| start::of_days(call, start::quarter)),
        value("toStartOfMonth", |call| start::of_days(call, start::month)),
        value("toMonday", |call| start::of_days(call, start::monday)),
        value("toLastDayOfMonth", |call| start::of_days(call, start::last_of_month)),
        value("toStartOfDay", |call| start::of_days(call, |day| day)),
        value("toStartOfWeek", |call| start::of_week(call, start::Edge::First)),
        value("toLastDayOfWeek", |call| start::of_week(call, start::Edge::Last)),
        value("toStartOfHour", |call| start::of_seconds(call, 3600)),
        value("toStartOfFifteenMinutes", |call| start::of_seconds(call, 900)),
        value("toStartOfTenMinutes", |call| start::of_seconds(call, 600)),
        value("toStartOfFiveMinutes", |call| start::of_seconds(call, 300)),
        value("toStartOfMinute", |call| start::of_seconds(call, 60)),
        value("toStartOfSecond", |call| start::of_seconds(call, 1)),
        value("toStartOfInterval", start::of_interval),
        value("dateTrunc", start::truncated),
        value("date_trunc", start::truncated),
        value("dateDiff", difference::crossings),
        value("date_diff", difference::crossings),
        value("age", difference::whole_units),
        value("addYears", |call| add::added(call, Unit::Year, 1)),
        value("addQuarters", |call| add::added(call, Unit::Quarter, 1)),
        value("addMonths", |call| add::added(call, Unit::Month, 1)),
        value("addWeeks", |call| add::added(call, Unit::Week, 1)),
        value("addDays", |call| add::added(call, Unit::Day, 1)),
        value("addHours", |call| add::added(call, Unit::Hour, 1)),
        value("addMinutes", |call| add::added(call, Unit::Minute, 1)),
        value("addSeconds", |call| add::added(call, Unit::Second, 1)),
        value("subtractYears", |call| add::added(call, Unit::Year, -1)),
        value("subtractQuarters", |call| add::added(call, Unit::Quarter, -1)),
        value("subtractMonths", |call| add::added(call, Unit::Month, -1)),
        value("subtractWeeks", |call| add::added(call, Unit::Week, -1)),
        value("subtractDays", |call| add::added(call, Unit::Day, -1)),
        value("subtractHours", |call| add::added(call, Unit::Hour, -1)),
        value("subtractMinutes", |call| add::added(call, Unit::Minute, -1)),
        value("subtractSeconds", |call| add::added(call, Unit::Second, -1)),
        value("toTimeZone", make::in_zone),
        value("fromUnixTimestamp", make::from_seconds),
        value("fromUnixTimestamp64Milli", make::from_millis),
        value("makeDate", make::date),
        value("makeDateTime", make::date_time),
        value("UUIDv7ToDateTime", make::from_uuid),
        value("now64", make::now),
        value("now", make::now),
        value("today", |call| make::today(call, 0)),
        value("yesterday", |call| make::today(call, -1)),
    ];
    const ALL: usize = OTHERS.len() + PARTS.len();
    let mut all = [OTHERS[0]; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < OTHERS.len() { OTHERS[at] } else { PARTS[at - OTHERS.len()] };
        at += 1;
    }
    all
};

/// Fails unless every count is in range, so that loops need not look.
pub(crate) fn checked_counts(
    call: &Call<'_>,
    counts: &Numbers<'_, i64>,
    allowed: std::ops::RangeInclusive<i64>,
) -> Result<(), FunctionError> {
    let wrong =
        (0..call.rows).filter(|row| !call.is_null(*row)).map(|row| counts.get(row)).find(|n| !allowed.contains(n));
    match wrong {
        Some(count) => Err(FunctionError::Argument(format!("{count} is out of range for function {}", call.function))),
        None => Ok(()),
    }
}

/// What most functions of days answer: a day for each row, in the type asked for.
pub(crate) fn answer_days(
    call: &Call<'_>,
    times: &Times<'_>,
    day: impl Fn(usize) -> i64,
) -> Result<ArrayRef, FunctionError> {
    let target = Target::of(call)?;
    call.number(|row| target.day(&times.zone, day(row)))
}
