//! Functions of the bits of integers.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

use crate::call::Call;
use crate::error::FunctionError;
use crate::table::{Scalar, predicate, value};

pub(crate) const TABLE: &[Scalar] = &[
    value("bitAnd", |call| pair(call, |a, b| a & b)),
    value("bitOr", |call| pair(call, |a, b| a | b)),
    value("bitXor", |call| pair(call, |a, b| a ^ b)),
    value("bitShiftLeft", |call| shifted(call, Direction::Left)),
    value("bitShiftRight", |call| shifted(call, Direction::Right)),
    value("bitNot", |call| {
        let values = call.ints(0)?;
        call.number(|row| !values.get(row))
    }),
    value("bitCount", bit_count),
    predicate("bitTest", bit_test),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Left,
    Right,
}

fn pair(call: &Call<'_>, f: impl Fn(i64, i64) -> i64) -> Result<ArrayRef, FunctionError> {
    let (left, right) = (call.ints(0)?, call.ints(1)?);
    call.number(|row| f(left.get(row), right.get(row)))
}

/// The bits of a value of `ty`.
pub(crate) fn width(ty: &DataType) -> u32 {
    ty.primitive_width().map_or(8, |bytes| u32::try_from(bytes * 8).unwrap_or(64))
}

fn shifted(call: &Call<'_>, direction: Direction) -> Result<ArrayRef, FunctionError> {
    let (values, counts) = (call.ints(0)?, call.ints(1)?);
    let unsigned = call.argument(0)?.data_type().is_unsigned_integer();
    let bits = i64::from(width(call.returns));
    call.try_number(|row| {
        let (value, count) = (values.get(row), counts.get(row));
        if count < 0 || count > bits {
            return Err(FunctionError::Argument(format!("a shift by {count} is not within 0 to {bits} bits")));
        }
        let count = u32::try_from(count).unwrap_or(64);
        Ok(match direction {
            Direction::Left => value.checked_shl(count).unwrap_or(0),
            Direction::Right if unsigned => value.cast_unsigned().checked_shr(count).unwrap_or(0).cast_signed(),
            Direction::Right => value.checked_shr(count).unwrap_or(if value < 0 { -1 } else { 0 }),
        })
    })
}

fn bit_count(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let ty = call.argument(0)?.data_type();
    let mask = u64::MAX >> (64 - width(ty).clamp(1, 64));
    let values = call.ints(0)?;
    call.number(|row| i64::from((values.get(row).cast_unsigned() & mask).count_ones()))
}

fn bit_test(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let bits = i64::from(width(call.argument(0)?.data_type()));
    let (values, places) = (call.ints(0)?, call.ints(1)?);
    let wrong = |place: i64| place < 0 || place >= bits;
    if let Some(place) = (0..call.rows).filter(|row| !call.is_null(*row)).map(|row| places.get(row)).find(|p| wrong(*p))
    {
        return Err(FunctionError::Argument(format!("bit {place} is not within 0 to {}", bits - 1)));
    }
    Ok(call.test(|row| {
        values.get(row).cast_unsigned().checked_shr(u32::try_from(places.get(row)).unwrap_or(0)).unwrap_or(0) & 1 == 1
    }))
}
