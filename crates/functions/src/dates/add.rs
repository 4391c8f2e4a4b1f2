//! Times so many units later or earlier.

use arrow::array::ArrayRef;

use super::{Target, Times, Unit};
use crate::call::{Call, is_integer};
use crate::error::FunctionError;
use crate::zone::{DAY, add_months};

#[expect(clippy::cast_possible_truncation, reason = "a fraction of a unit is dropped")]
pub(super) fn added(call: &Call<'_>, unit: Unit, sign: i64) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 2)?;
    let target = Target::of(call)?;
    if is_integer(call.argument(1)?.data_type()) {
        let counts = call.ints(1)?;
        return call.number(|row| later(&times, &target, unit, row, counts.get(row).saturating_mul(sign)));
    }
    let counts = call.floats(1)?;
    call.number(|row| later(&times, &target, unit, row, (counts.get(row) as i64).saturating_mul(sign)))
}

fn later(times: &Times<'_>, target: &Target, unit: Unit, row: usize, count: i64) -> i64 {
    let seconds = match unit {
        Unit::Hour => Some(3600),
        Unit::Minute => Some(60),
        Unit::Second => Some(1),
        _ => None,
    };
    let fraction = times.fraction(row) * (target.ticks.unwrap_or(1) / times.ticks()).max(1);
    if let Some(seconds) = seconds {
        let second = times.second(row).saturating_add(count.saturating_mul(seconds));
        return target.second(&times.zone, second, fraction);
    }
    let local = times.local(row);
    let day = match unit {
        Unit::Day => local.day.saturating_add(count),
        Unit::Week => local.day.saturating_add(count.saturating_mul(7)),
        Unit::Quarter => add_months(local.day, count.saturating_mul(3)),
        Unit::Year => add_months(local.day, count.saturating_mul(12)),
        _ => add_months(local.day, count),
    };
    match target.ticks {
        None => day,
        Some(_) => {
            let second = times.zone.instant(day.saturating_mul(DAY).saturating_add(local.second));
            target.second(&times.zone, second, fraction)
        }
    }
}
