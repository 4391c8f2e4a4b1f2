//! `arrayReduce('sum', list)`: an aggregate over the elements of each list, NULL left out.

use arrow::array::{Array, ArrayRef};

use super::Direction;
use crate::call::{Call, Value};
use crate::error::FunctionError;
use crate::table::Evaluate;

pub(super) fn reduce(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let name = call.constant_text(0)?;
    let (function, evaluate): (_, Evaluate) = match name {
        "sum" => ("arraySum", super::number::sum),
        "avg" => ("arrayAvg", |call| super::number::average(call, f64::NAN)),
        "min" => ("arrayMin", |call| super::order::extreme(call, Direction::Ascending)),
        "max" => ("arrayMax", |call| super::order::extreme(call, Direction::Descending)),
        "count" => ("count", count),
        "uniq" | "uniqExact" => ("arrayUniq", super::set::uniq),
        "any" => ("any", |call| one(call, true)),
        "anyLast" => ("anyLast", |call| one(call, false)),
        "groupArray" => ("groupArray", present),
        "groupUniqArray" => ("groupUniqArray", super::set::distinct),
        "median" => ("median", median),
        _ => return Err(FunctionError::Argument(format!("arrayReduce does not know the aggregate {name:?}"))),
    };
    let arguments: Vec<Value> = call.arguments.iter().skip(1).cloned().collect();
    evaluate(&Call {
        function,
        arguments: &arguments,
        rows: call.rows,
        returns: call.returns,
        now_micros: call.now_micros,
        nulls: call.nulls.clone(),
    })
}

fn count(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let nulls = lists.values().logical_nulls();
    call.number(|row| {
        let present = lists.range(row).filter(|at| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at)));
        i64::try_from(present.count()).unwrap_or(i64::MAX)
    })
}

fn one(call: &Call<'_>, first: bool) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let values = crate::convert::coerce(lists.values(), call.returns)?;
    let nulls = values.logical_nulls();
    let default = crate::elements::default_value(call.returns)?;
    let picks: Vec<_> = (0..call.rows)
        .map(|row| {
            let mut present = lists.range(row).filter(|at| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at)));
            let found = if first { present.next() } else { present.next_back() };
            found.map_or((1, 0), |at| (0, at))
        })
        .collect();
    Ok(arrow::compute::interleave(&[values.as_ref(), default.as_ref()], &picks)?)
}

fn present(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let nulls = lists.values().logical_nulls();
    super::rearranged(call, lists.values(), |row, out| {
        for at in lists.range(row).filter(|at| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at))) {
            out.push(super::place(call, at)?);
        }
        Ok(())
    })
}

/// Interpolated between the two in the middle; NaN of nothing.
fn median(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let values = crate::call::floats(lists.values()).ok_or_else(|| call.illegal(0))?;
    let nulls = lists.values().logical_nulls();
    call.float(|row| {
        let present = lists.range(row).filter(|at| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at)));
        let mut sorted: Vec<f64> = present.map(|at| values[at]).filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let middle = |at: usize| sorted.get(at).copied().unwrap_or(f64::NAN);
        match sorted.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => middle(length / 2),
            length => f64::midpoint(middle(length / 2 - 1), middle(length / 2)),
        }
    })
}
