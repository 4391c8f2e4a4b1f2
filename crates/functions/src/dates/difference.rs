//! The distance of two times: boundaries crossed, or whole units.

use arrow::array::ArrayRef;

use super::{Local, Times, Unit};
use crate::call::Call;
use crate::error::FunctionError;
use crate::zone::{Zone, civil};

/// Reads `(unit, from, to[, zone])`.
fn arguments<'a>(call: &Call<'a>) -> Result<(Unit, Times<'a>, Times<'a>), FunctionError> {
    let unit = Unit::parse(call.constant_text(0)?)?;
    let (mut from, mut to) = (Times::of(call, 1, 3)?, Times::of(call, 2, 3)?);
    // A date has no zone of its own and takes that of the other.
    if !call.has(3) {
        if from.is_date() && !to.is_date() {
            from.zone = Zone::named(to.zone.name())?;
        } else if to.is_date() && !from.is_date() {
            to.zone = Zone::named(from.zone.name())?;
        }
    }
    Ok((unit, from, to))
}

/// How many starts of `unit` lie between: from 23:00 to 01:00 is one day.
pub(super) fn crossings(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (unit, from, to) = arguments(call)?;
    call.number(|row| number(unit, &to, row).saturating_sub(number(unit, &from, row)))
}

/// The number of the unit that the time lies in.
fn number(unit: Unit, times: &Times<'_>, row: usize) -> i64 {
    match unit {
        Unit::Year => civil(times.day(row)).year,
        Unit::Quarter => month_number(times.day(row)).div_euclid(3),
        Unit::Month => month_number(times.day(row)),
        Unit::Week => (times.day(row) + 3).div_euclid(7),
        Unit::Day => times.day(row),
        Unit::Hour | Unit::Minute => {
            let length = if unit == Unit::Hour { 3600 } else { 60 };
            let second = times.second(row);
            // Boundaries are those of local time where the zone is not a whole number of hours off.
            let rest = times.zone.offset(second).rem_euclid(length);
            (second + rest).div_euclid(length)
        }
        Unit::Second => times.second(row),
        Unit::Millisecond | Unit::Microsecond | Unit::Nanosecond => {
            let nanos = unit.nanos().unwrap_or(1);
            times.second(row).saturating_mul(1_000_000_000 / nanos).saturating_add(times.nanos(row) / nanos)
        }
    }
}

fn month_number(day: i64) -> i64 {
    let date = civil(day);
    date.year * 12 + date.month - 1
}

/// How many whole units have passed, less than zero if `to` is before `from`.
pub(super) fn whole_units(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (unit, from, to) = arguments(call)?;
    call.number(|row| {
        let months = match unit {
            Unit::Year => 12,
            Unit::Quarter => 3,
            Unit::Month => 1,
            Unit::Week => return local_days(&from, &to, row) / 7,
            Unit::Day => return local_days(&from, &to, row),
            _ => {
                let length = i128::from(unit.nanos().unwrap_or(1));
                let passed = (nanos(&to, row) - nanos(&from, row)) / length;
                return i64::try_from(passed).unwrap_or(if passed < 0 { i64::MIN } else { i64::MAX });
            }
        };
        whole_months(&from, &to, row) / months
    })
}

fn nanos(times: &Times<'_>, row: usize) -> i128 {
    i128::from(times.second(row)) * 1_000_000_000 + i128::from(times.nanos(row))
}

/// Local time in nanoseconds.
fn local_nanos(times: &Times<'_>, row: usize) -> i128 {
    i128::from(times.local(row).seconds()) * 1_000_000_000 + i128::from(times.nanos(row))
}

fn local_days(from: &Times<'_>, to: &Times<'_>, row: usize) -> i64 {
    let passed = (local_nanos(to, row) - local_nanos(from, row)) / (86_400 * 1_000_000_000);
    i64::try_from(passed).unwrap_or(0)
}

/// Months of the calendar that are over: the day and time of the month decide about the last.
fn whole_months(from: &Times<'_>, to: &Times<'_>, row: usize) -> i64 {
    let (start, end) = (from.local(row), to.local(row));
    let months = month_number(end.day) - month_number(start.day);
    let place = |local: Local, times: &Times<'_>| (civil(local.day).day, local.second, times.nanos(row));
    let (start, end) = (place(start, from), place(end, to));
    match months {
        1.. if end < start => months - 1,
        ..=-1 if end > start => months + 1,
        _ => months,
    }
}
