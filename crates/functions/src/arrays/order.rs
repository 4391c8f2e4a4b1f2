//! Arrays in order, and their least and greatest elements. NULL and NaN come last in both directions.

use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;

use super::{place, rearranged};
use crate::call::Call;
use crate::convert::coerce;
use crate::elements::{Keys, default_value};
use crate::error::FunctionError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

pub(super) fn sort(call: &Call<'_>, direction: Direction) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    sorted(call, lists.values(), lists.values(), |row| lists.range(row), direction)
}

/// The elements at the places of each row in the order of `keys`, those that are equal as they were.
pub(crate) fn sorted(
    call: &Call<'_>,
    values: &ArrayRef,
    keys: &ArrayRef,
    places: impl Fn(usize) -> std::ops::Range<usize>,
    direction: Direction,
) -> Result<ArrayRef, FunctionError> {
    let keys = Keys::ordered(keys, direction == Direction::Descending)?;
    rearranged(call, values, |row, out| {
        let start = out.len();
        for at in places(row) {
            out.push(place(call, at)?);
        }
        if let Some(added) = out.get_mut(start..) {
            added.sort_by(|one, other| keys.get(*one as usize).cmp(keys.get(*other as usize)));
        }
        Ok(())
    })
}

/// The least or greatest element that is not NULL; the default of nothing.
pub(super) fn extreme(call: &Call<'_>, direction: Direction) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let values = coerce(lists.values(), call.returns)?;
    let keys = Keys::ordered(&values, direction == Direction::Descending)?;
    let nulls = values.logical_nulls();
    let default = default_value(call.returns)?;
    let picks: Vec<_> = (0..call.rows)
        .map(|row| {
            let present = lists.range(row).filter(|at| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at)));
            // The first of equal ones, as `min_by` gives.
            let best = present.min_by(|one, other| keys.get(*one).cmp(keys.get(*other)));
            best.map_or((1, 0), |at| (0, at))
        })
        .collect();
    Ok(interleave(&[values.as_ref(), default.as_ref()], &picks)?)
}
