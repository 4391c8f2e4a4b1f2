//! Parts of a date or time as numbers.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

use super::{Local, Times};
use crate::call::Call;
use crate::error::FunctionError;
use crate::zone::{civil, days, weekday};

/// One number for each row, from local time.
pub(super) fn part(call: &Call<'_>, part: fn(Local) -> i64) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 1)?;
    call.number(|row| part(times.local(row)))
}

pub(super) fn year(local: Local) -> i64 {
    civil(local.day).year
}

pub(super) fn quarter(local: Local) -> i64 {
    (civil(local.day).month + 2) / 3
}

pub(super) fn month(local: Local) -> i64 {
    civil(local.day).month
}

pub(super) fn day_of_month(local: Local) -> i64 {
    civil(local.day).day
}

pub(super) fn day_of_year(local: Local) -> i64 {
    local.day - days(civil(local.day).year, 1, 1) + 1
}

pub(super) fn year_month(local: Local) -> i64 {
    let civil = civil(local.day);
    civil.year * 100 + civil.month
}

pub(super) fn year_month_day(local: Local) -> i64 {
    let civil = civil(local.day);
    civil.year * 10_000 + civil.month * 100 + civil.day
}

pub(super) fn all_digits(local: Local) -> i64 {
    let time = local.second / 3600 * 10_000 + local.second / 60 % 60 * 100 + local.second % 60;
    year_month_day(local) * 1_000_000 + time
}

/// The year to which the Thursday of the week belongs.
pub(super) fn iso_year(local: Local) -> i64 {
    civil(thursday(local.day)).year
}

pub(super) fn iso_week(local: Local) -> i64 {
    let thursday = thursday(local.day);
    (thursday - days(civil(thursday).year, 1, 1)) / 7 + 1
}

fn thursday(day: i64) -> i64 {
    day - weekday(day) + 4
}

/// The mode says where to begin and from which number: Monday 1, Monday 0, Sunday 0, Sunday 1.
pub(super) fn day_of_week(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 2)?;
    let mode = Mode::argument(call)?;
    call.number(|row| {
        let weekday = weekday(times.day(row));
        match mode & 3 {
            0 => weekday,
            1 => weekday - 1,
            2 => weekday % 7,
            _ => weekday % 7 + 1,
        }
    })
}

/// The week modes of MySQL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    monday_first: bool,
    /// Days before the first week belong to the last week of the year before, and not to week 0.
    whole_year: bool,
    /// The first week is the one that holds the first weekday, and not the one with more than three days.
    first_weekday: bool,
    /// The first week is the one that holds January 1.
    newyear: bool,
}

impl Mode {
    fn argument(call: &Call<'_>) -> Result<i64, FunctionError> {
        if !call.has(1) {
            return Ok(0);
        }
        Ok(call.ints(1)?.get(0) & 0xff)
    }

    fn new(mode: i64) -> Self {
        let newyear = mode & 8 != 0;
        let monday_first = mode & 1 != 0;
        let first_weekday = mode & 4 != 0;
        Self {
            monday_first,
            whole_year: mode & 2 != 0,
            first_weekday: if monday_first { first_weekday } else { !first_weekday },
            newyear,
        }
    }

    /// Days since the first day of the week.
    fn weekday(self, day: i64) -> i64 {
        if self.monday_first { weekday(day) - 1 } else { weekday(day) % 7 }
    }

    /// The year and week of `day`.
    fn year_week(self, day: i64) -> (i64, i64) {
        if self.newyear {
            return self.newyear_week(day);
        }
        let date = civil(day);
        let mut year = date.year;
        let first = days(year, 1, 1);
        let mut weekday = self.weekday(first);
        let mut whole_year = self.whole_year;
        let late = |weekday: i64| if self.first_weekday { weekday != 0 } else { weekday >= 4 };
        let mut length = days(year + 1, 1, 1) - first;
        let mut since = day - first;
        if date.month == 1 && date.day <= 7 - weekday {
            if !whole_year && late(weekday) {
                return (year, 0);
            }
            if late(weekday) {
                whole_year = true;
                year -= 1;
                length = days(year + 1, 1, 1) - days(year, 1, 1);
                since += length;
                weekday = (weekday + 53 * 7 - length).rem_euclid(7);
            }
        }
        let begin = if late(weekday) { since - (7 - weekday) } else { since + weekday };
        if whole_year && begin >= 52 * 7 {
            let next = (weekday + length).rem_euclid(7);
            if !late(next) {
                return (year + 1, 1);
            }
        }
        (year, begin / 7 + 1)
    }

    fn newyear_week(self, day: i64) -> (i64, i64) {
        let year = civil(day).year;
        let last = day - self.weekday(day) + 6;
        if civil(last).year > year {
            return (year + 1, 1);
        }
        let first = days(year, 1, 1);
        let first_week = first - self.weekday(first);
        (year, (day - first_week) / 7 + 1)
    }
}

pub(super) fn week(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 2)?;
    let mode = Mode::new(Mode::argument(call)?);
    call.number(|row| mode.year_week(times.day(row)).1)
}

pub(super) fn year_week(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 2)?;
    // A year and week together always count whole weeks.
    let mode = Mode::new(Mode::argument(call)? | 2);
    call.number(|row| {
        let (year, week) = mode.year_week(times.day(row));
        year * 100 + week
    })
}

pub(super) fn unix_timestamp(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    if call.argument(0)?.data_type() == &DataType::Utf8 {
        let zone = if call.has(1) { call.constant_text(1)? } else { "UTC" };
        let instants = DataType::Timestamp(arrow::datatypes::TimeUnit::Second, Some(zone.into()));
        let parsed = crate::convert::strict(call.argument(0)?.array(), &instants)?;
        let seconds = crate::call::ints(&parsed).ok_or_else(|| call.illegal(0))?;
        let constant = call.argument(0)?.is_constant();
        return call.number(|row| seconds[if constant { 0 } else { row }]);
    }
    let times = Times::of(call, 0, 1)?;
    call.number(|row| times.second(row))
}

pub(super) fn unix_millis(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 1)?;
    call.number(|row| times.second(row).saturating_mul(1_000).saturating_add(times.nanos(row) / 1_000_000))
}

pub(super) fn zone_offset(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 1)?;
    call.number(|row| times.zone.offset(times.second(row)))
}
