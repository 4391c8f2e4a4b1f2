//! Arrays of numbers: sums, differences, running sums, ranges.

use std::sync::Arc;

use arrow::array::types::Decimal128Type;
use arrow::array::{Array, ArrayRef, PrimitiveArray};
use arrow::datatypes::DataType;

use super::{checked_size, item_type};
use crate::build::{list, offset, wrapped};
use crate::call::{Call, floats, ints};
use crate::decimal::digits;
use crate::error::FunctionError;

pub(super) fn sum(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let nulls = lists.values().logical_nulls();
    let present = |at: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at));
    match call.returns {
        DataType::Float64 | DataType::Float32 => {
            let values = floats(lists.values()).ok_or_else(|| call.illegal(0))?;
            // The sum of nothing would be -0 otherwise.
            call.float(|row| lists.range(row).filter(present).fold(0.0, |sum, at| sum + values[at]))
        }
        DataType::Decimal128(_, _) => {
            let values = digits(lists.values()).ok_or_else(|| call.illegal(0))?;
            let sums =
                (0..call.rows).map(|row| lists.range(row).filter(present).map(|at| values.get(at)).sum::<i128>());
            let sums = PrimitiveArray::<Decimal128Type>::from_iter_values(sums);
            Ok(Arc::new(sums.with_data_type(call.returns.clone())))
        }
        _ => {
            let values = ints(lists.values()).ok_or_else(|| call.illegal(0))?;
            call.number(|row| lists.range(row).filter(present).fold(0i64, |sum, at| sum.wrapping_add(values[at])))
        }
    }
}

pub(super) fn average(call: &Call<'_>, of_nothing: f64) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let nulls = lists.values().logical_nulls();
    let values = floats(lists.values()).ok_or_else(|| call.illegal(0))?;
    #[expect(clippy::cast_precision_loss, reason = "the length of a list")]
    call.float(|row| {
        let places = lists.range(row).filter(|at| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at)));
        let (sum, count) = places.fold((0.0, 0usize), |(sum, count), at| (sum + values[at], count + 1));
        if count == 0 { of_nothing } else { sum / count as f64 }
    })
}

pub(super) fn product(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let nulls = lists.values().logical_nulls();
    let values = floats(lists.values()).ok_or_else(|| call.illegal(0))?;
    call.float(|row| {
        let places = lists.range(row).filter(|at| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at)));
        // Of nothing the product is 0 there.
        places.map(|at| values[at]).reduce(|product, value| product * value).unwrap_or(0.0)
    })
}

/// Numbers for each element, from a fold over the numbers before it.
fn scan(
    call: &Call<'_>,
    mut whole: impl FnMut(Option<(i64, i64)>, i64) -> i64,
    mut real: impl FnMut(Option<(f64, f64)>, f64) -> f64,
) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let ty = item_type(call)?;
    let mut offsets = vec![0];
    let items: ArrayRef = if ty.is_floating() {
        let values = floats(lists.values()).ok_or_else(|| call.illegal(0))?;
        let mut items = Vec::new();
        for row in 0..call.rows {
            let mut before = None;
            for at in lists.range(row) {
                let item = real(before, values[at]);
                before = Some((values[at], item));
                items.push(item);
            }
            offsets.push(offset(call.function, items.len())?);
        }
        let items: ArrayRef = Arc::new(arrow::array::Float64Array::from(items));
        crate::convert::coerce(&items, ty)?
    } else {
        let values = ints(lists.values()).ok_or_else(|| call.illegal(0))?;
        let mut items = Vec::new();
        for row in 0..call.rows {
            let mut before = None;
            for at in lists.range(row) {
                let item = whole(before, values[at]);
                before = Some((values[at], item));
                items.push(item);
            }
            offsets.push(offset(call.function, items.len())?);
        }
        wrapped(items, ty).ok_or_else(|| call.contract(format!("it does not answer {ty}")))?
    };
    list(call.returns, offsets, items, None)
}

/// The first difference is 0.
pub(super) fn difference(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    scan(
        call,
        |before, value| before.map_or(0, |(before, _)| value.wrapping_sub(before)),
        |before, value| before.map_or(0.0, |(before, _)| value - before),
    )
}

pub(super) fn running(call: &Call<'_>, at_least_zero: bool) -> Result<ArrayRef, FunctionError> {
    scan(
        call,
        |before, value| {
            let sum = before.map_or(0, |(_, sum)| sum).wrapping_add(value);
            if at_least_zero { sum.max(0) } else { sum }
        },
        |before, value| {
            let sum = before.map_or(0.0, |(_, sum)| sum) + value;
            if at_least_zero { sum.max(0.0) } else { sum }
        },
    )
}

/// `range(end)`, `range(start, end[, step])`.
pub(super) fn range(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let first = call.ints(0)?;
    let end = if call.has(1) { Some(call.ints(1)?) } else { None };
    let step = if call.has(2) { Some(call.ints(2)?) } else { None };
    let (mut items, mut offsets) = (Vec::new(), vec![0]);
    for row in 0..call.rows {
        if !call.is_null(row) {
            let bound = first.get(row);
            let (start, end) = end.as_ref().map_or((0, bound), |end| (bound, end.get(row)));
            let step = step.as_ref().map_or(1, |step| step.get(row));
            if step == 0 {
                return Err(FunctionError::Argument("the step of range is zero".to_owned()));
            }
            let distance = i128::from(end) - i128::from(start);
            let count = if (distance > 0) == (step > 0) {
                (distance.abs() + i128::from(step).abs() - 1) / i128::from(step).abs()
            } else {
                0
            };
            let count = checked_size(call, i64::try_from(count).unwrap_or(i64::MAX))?;
            checked_size(call, i64::try_from(items.len() + count).unwrap_or(i64::MAX))?;
            items.extend((0..count).map(|at| start.wrapping_add(i64::try_from(at).unwrap_or(0).wrapping_mul(step))));
        }
        offsets.push(offset(call.function, items.len())?);
    }
    let ty = item_type(call)?;
    let items = wrapped(items, ty).ok_or_else(|| call.contract(format!("it does not answer {ty}")))?;
    list(call.returns, offsets, items, None)
}
