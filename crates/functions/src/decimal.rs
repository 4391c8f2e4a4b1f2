//! Digits of decimals and whole numbers, and moving the point.

use std::borrow::Cow;

use arrow::array::types::Decimal128Type;
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::DataType;

use crate::call::ints;

/// Numbers as digits and a scale.
#[derive(Debug)]
pub(crate) struct Digits<'a> {
    values: Values<'a>,
    scale: i8,
}

#[derive(Debug)]
enum Values<'a> {
    Wide(&'a [i128]),
    Ints(Cow<'a, [i64]>),
    Unsigned(Cow<'a, [i64]>),
}

/// The digits of a decimal or integer array.
pub(crate) fn digits(array: &ArrayRef) -> Option<Digits<'_>> {
    Some(match array.data_type() {
        DataType::Decimal128(_, scale) => {
            Digits { values: Values::Wide(array.as_primitive::<Decimal128Type>().values()), scale: *scale }
        }
        DataType::UInt64 => Digits { values: Values::Unsigned(ints(array)?), scale: 0 },
        ty if ty.is_integer() || ty == &DataType::Boolean => Digits { values: Values::Ints(ints(array)?), scale: 0 },
        _ => return None,
    })
}

impl Digits<'_> {
    pub(crate) fn scale(&self) -> i8 {
        self.scale
    }

    pub(crate) fn get(&self, at: usize) -> i128 {
        match &self.values {
            Values::Wide(values) => values[at],
            Values::Ints(values) => i128::from(values[at]),
            Values::Unsigned(values) => i128::from(values[at].cast_unsigned()),
        }
    }

    pub(crate) fn rescaled(&self, value: i128, scale: i8) -> Option<i128> {
        rescale(value, self.scale, scale)
    }
}

/// `value` with its point moved, cut towards zero; `None` if it does not fit.
pub(crate) fn rescale(value: i128, from: i8, to: i8) -> Option<i128> {
    let power = |digits: i8| 10i128.checked_pow(u32::from(digits.unsigned_abs()));
    if to >= from { value.checked_mul(power(to - from)?) } else { value.checked_div(power(from - to)?) }
}
