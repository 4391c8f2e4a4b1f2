//! Times from numbers, uuids, other zones, and the clock of the query.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

use super::Target;
use crate::arithmetic::ticks;
use crate::call::{Call, is_integer};
use crate::convert;
use crate::error::FunctionError;
use crate::zone::{DAY, Zone, days};

/// The zone of the type to answer.
fn own_zone(call: &Call<'_>) -> Result<Zone, FunctionError> {
    match call.returns {
        DataType::Timestamp(_, Some(zone)) => Zone::named(zone),
        _ => Ok(Zone::utc()),
    }
}

/// The same instants, shown elsewhere: the type says where.
pub(super) fn in_zone(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let value = call.argument(0)?;
    let array = if value.data_type() == &DataType::Utf8 {
        convert::strict(value.array(), call.returns)?
    } else {
        convert::coerce(value.array(), call.returns)?
    };
    own_zone(call)?;
    crate::condition::expand(
        &if value.is_constant() { crate::Value::Constant(array) } else { crate::Value::Column(array) },
        call.rows,
    )
}

pub(super) fn from_seconds(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    if !is_integer(call.argument(0)?.data_type()) {
        return in_zone(call);
    }
    let (seconds, zone, target) = (call.ints(0)?, own_zone(call)?, Target::of(call)?);
    call.number(|row| target.second(&zone, seconds.get(row), 0))
}

pub(super) fn from_millis(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let millis = call.ints(0)?;
    let ticks = Target::of(call)?.ticks.unwrap_or(1);
    call.number(|row| {
        let millis = millis.get(row);
        if ticks >= 1_000 { millis.saturating_mul(ticks / 1_000) } else { millis.div_euclid(1_000) }
    })
}

/// The day, or the epoch if there is no such day. Of a short month, the days up to 31 are those of the next.
fn day_or_epoch(year: i64, month: i64, day: i64) -> i64 {
    let exists = (1970..=2149).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if exists { days(year, month, day) } else { 0 }
}

pub(super) fn date(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (year, month, day) = (call.ints(0)?, call.ints(1)?, call.ints(2)?);
    call.number(|row| day_or_epoch(year.get(row), month.get(row), day.get(row)))
}

pub(super) fn date_time(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let parts = (0..6).map(|at| call.ints(at)).collect::<Result<Vec<_>, _>>()?;
    let (zone, target) = (own_zone(call)?, Target::of(call)?);
    call.number(|row| {
        let part = |at: usize| parts.get(at).map_or(0, |part| part.get(row));
        let day = day_or_epoch(part(0), part(1), part(2));
        let (hour, minute, second) = (part(3), part(4), part(5));
        if !((0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second)) {
            return 0;
        }
        target.second(&zone, zone.instant(day * DAY + hour * 3600 + minute * 60 + second), 0)
    })
}

/// The first 48 bits of a version 7 uuid are milliseconds; of any other the answer is the epoch.
pub(super) fn from_uuid(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let value = call.argument(0)?;
    let uuids = value.array().as_fixed_size_binary_opt().filter(|uuids| uuids.value_length() == 16);
    let uuids = uuids.ok_or_else(|| call.illegal(0))?;
    let DataType::Timestamp(unit, _) = call.returns else { return Err(call.contract("it answers an instant")) };
    let ticks = ticks(*unit);
    call.number(|row| {
        let bytes = uuids.value(value.index(row));
        if uuids.is_null(value.index(row)) || bytes.get(6).is_none_or(|byte| byte >> 4 != 7) {
            return 0;
        }
        let millis = bytes.iter().take(6).fold(0i64, |all, byte| all << 8 | i64::from(*byte));
        if ticks >= 1_000 { millis * (ticks / 1_000) } else { millis / 1_000 }
    })
}

pub(super) fn now(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let ticks = Target::of(call)?.ticks.unwrap_or(1);
    let now = i64::try_from(i128::from(call.now_micros) * i128::from(ticks) / 1_000_000).unwrap_or(i64::MAX);
    call.number(|_| now)
}

/// `today([zone])`, UTC if there is none.
pub(super) fn today(call: &Call<'_>, shift: i64) -> Result<ArrayRef, FunctionError> {
    let zone = if call.has(0) { Zone::named(call.constant_text(0)?)? } else { Zone::utc() };
    let day = zone.local(call.now_micros.div_euclid(1_000_000)).div_euclid(DAY) + shift;
    call.number(|_| day)
}
