//! The start of the year, week, hour, or of any interval.

use arrow::array::ArrayRef;

use super::{Target, Times, Unit, answer_days, checked_counts};
use crate::call::Call;
use crate::error::FunctionError;
use crate::zone::{DAY, civil, days, days_in_month, weekday};

pub(super) fn year(day: i64) -> i64 {
    days(civil(day).year, 1, 1)
}

pub(super) fn quarter(day: i64) -> i64 {
    let date = civil(day);
    days(date.year, (date.month - 1) / 3 * 3 + 1, 1)
}

pub(super) fn month(day: i64) -> i64 {
    day - civil(day).day + 1
}

pub(super) fn monday(day: i64) -> i64 {
    day - weekday(day) + 1
}

pub(super) fn last_of_month(day: i64) -> i64 {
    let date = civil(day);
    day - date.day + days_in_month(date.year, date.month)
}

/// The Monday of the first ISO week, which holds January 4.
pub(super) fn iso_year(day: i64) -> i64 {
    let thursday = day - weekday(day) + 4;
    monday(days(civil(thursday).year, 1, 4))
}

pub(super) fn of_days(call: &Call<'_>, start: fn(i64) -> i64) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 1)?;
    answer_days(call, &times, |row| start(times.day(row)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    First,
    Last,
}

/// An odd mode begins weeks on Monday, an even one on Sunday.
pub(super) fn of_week(call: &Call<'_>, edge: Edge) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 2)?;
    let mode = if call.has(1) { call.ints(1)?.get(0) } else { 0 };
    let days_before = |day: i64| if mode & 1 == 1 { weekday(day) - 1 } else { weekday(day) % 7 };
    let shift = if edge == Edge::Last { 6 } else { 0 };
    answer_days(call, &times, |row| {
        let day = times.day(row);
        day - days_before(day) + shift
    })
}

/// The start of so many seconds, counted from local midnight.
pub(super) fn of_seconds(call: &Call<'_>, length: i64) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 1)?;
    let target = Target::of(call)?;
    call.number(|row| {
        let second = times.second(row);
        let start = second - times.zone.local(second).rem_euclid(length);
        target.second(&times.zone, start, 0)
    })
}

/// `dateTrunc(unit, time[, zone])`.
pub(super) fn truncated(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let unit = Unit::parse(call.constant_text(0)?)?;
    let times = Times::of(call, 1, 2)?;
    interval(call, &times, unit, |_| 1)
}

/// `toStartOfInterval(time, count, unit[, zone])`: the interval comes as two arguments.
pub(super) fn of_interval(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let unit = Unit::parse(call.constant_text(2)?)?;
    let times = Times::of(call, 0, 3)?;
    let counts = call.ints(1)?;
    checked_counts(call, &counts, 1..=i64::MAX)?;
    interval(call, &times, unit, |row| counts.get(row).max(1))
}

/// The start of `count` units. Years count from year 0, months, days, minutes and shorter ones from the epoch, weeks from the
/// first Monday after it, and hours from local midnight.
fn interval(
    call: &Call<'_>,
    times: &Times<'_>,
    unit: Unit,
    count: impl Fn(usize) -> i64,
) -> Result<ArrayRef, FunctionError> {
    let target = Target::of(call)?;
    match unit {
        Unit::Year | Unit::Quarter | Unit::Month => {
            let months = match unit {
                Unit::Year => 12,
                Unit::Quarter => 3,
                _ => 1,
            };
            answer_days(call, times, |row| {
                let date = civil(times.day(row));
                let month = date.year * 12 + date.month - 1;
                let step = count(row).saturating_mul(months);
                let start = if unit == Unit::Year { month } else { month - 1970 * 12 };
                let start = start - start.rem_euclid(step) + if unit == Unit::Year { 0 } else { 1970 * 12 };
                days(start.div_euclid(12), start.rem_euclid(12) + 1, 1)
            })
        }
        Unit::Week => answer_days(call, times, |row| {
            let day = times.day(row);
            let weeks = count(row);
            // Several weeks are counted from the first Monday after the epoch.
            if weeks == 1 { monday(day) } else { day - (day - 4).rem_euclid(weeks.saturating_mul(7)) }
        }),
        Unit::Day => answer_days(call, times, |row| {
            let day = times.day(row);
            day - day.rem_euclid(count(row))
        }),
        _ => {
            let nanos = unit.nanos().unwrap_or(1);
            call.number(|row| {
                let length = count(row).saturating_mul(nanos);
                let (second, nano) = start_of_span(times, row, length, unit == Unit::Hour);
                target.second(&times.zone, second, nano / (1_000_000_000 / target.ticks.unwrap_or(1)))
            })
        }
    }
}

/// The start of `length` nanoseconds, on the clock of the day or since the epoch: the second and the nanoseconds after it.
fn start_of_span(times: &Times<'_>, row: usize, length: i64, on_clock: bool) -> (i64, i64) {
    const SECOND: i128 = 1_000_000_000;
    let second = times.second(row);
    let offset = times.zone.offset(second);
    let origin = if on_clock { second - (second + offset).rem_euclid(DAY) } else { 0 };
    let nanos = i128::from(second - origin) * SECOND + i128::from(times.nanos(row));
    let start = nanos - nanos.rem_euclid(i128::from(length));
    let whole = origin + i64::try_from(start.div_euclid(SECOND)).unwrap_or(0);
    let rest = i64::try_from(start.rem_euclid(SECOND)).unwrap_or(0);
    // Where the clock was changed in between, it showed the start at another instant.
    let whole = if on_clock && times.zone.offset(whole) != offset { times.zone.instant(whole + offset) } else { whole };
    (whole, rest)
}
