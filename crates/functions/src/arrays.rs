//! Functions of arrays.
//!
//! Most of them rearrange elements, of whatever type: they say which elements each row gets, and Arrow takes them. Where
//! elements are compared, they are compared as keys. Lists are never NULL; one that is counts as empty.
//!
//! An element that is not there is the default of its type. If elements may be NULL it is NULL instead, which the caller says
//! by a last argument: the value to use (`arrayElement(list, place, default)`, `arrayResize(list, size, default)`).

mod number;
mod order;
mod reduce;
mod set;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StructArray, UInt32Array};
use arrow::compute::{concat as concat_arrays, interleave, take};
use arrow::datatypes::DataType;

use crate::build::{list, list_of_taken, offset, with_nulls};
use crate::call::{Call, ListsOf, Value, range};
use crate::condition::expand;
use crate::convert::coerce;
use crate::elements::default_value;
use crate::error::FunctionError;
use crate::strings::window;
use crate::table::{Scalar, predicate, value};

pub(crate) use order::{Direction, sorted};

pub(crate) const TABLE: &[Scalar] = &[
    value("array", array).own_nulls(),
    value("arrayElement", element).own_nulls(),
    value("arrayConcat", concat).own_nulls(),
    value("arrayCompact", set::compact),
    value("arrayPopBack", |call| {
        pieces(call, 0, |_, places| places.start..places.end.saturating_sub(1).max(places.start))
    }),
    value("arrayPopFront", |call| pieces(call, 0, |_, places| (places.start + 1).min(places.end)..places.end)),
    value("arrayReverse", reverse),
    value("arrayRotateLeft", |call| rotate(call, 1)),
    value("arrayRotateRight", |call| rotate(call, -1)),
    value("arraySlice", slice),
    value("arrayResize", resize).own_nulls().grows(),
    value("arrayPushBack", |call| push(call, false)).own_nulls(),
    value("arrayPushFront", |call| push(call, true)).own_nulls(),
    value("arrayWithConstant", with_constant).own_nulls().grows(),
    value("arrayFlatten", flatten),
    value("flatten", flatten),
    value("arrayZip", zip),
    value("range", number::range).grows(),
    value("arrayDistinct", set::distinct),
    value("arrayIntersect", set::intersect),
    value("arrayUniq", set::uniq),
    value("arrayEnumerate", |call| set::enumerate(call, set::Numbering::Place)),
    value("arrayEnumerateDense", |call| set::enumerate(call, set::Numbering::Value)),
    value("arrayEnumerateUniq", |call| set::enumerate(call, set::Numbering::Occurrence)),
    predicate("has", set::has).own_nulls(),
    value("indexOf", |call| set::count_places(call, set::Count::First)).own_nulls(),
    value("countEqual", |call| set::count_places(call, set::Count::All)).own_nulls(),
    predicate("hasAll", |call| set::has_of(call, set::Wanted::All)),
    predicate("hasAny", |call| set::has_of(call, set::Wanted::Any)),
    predicate("hasSubstr", |call| set::has_of(call, set::Wanted::Run)),
    value("arraySum", number::sum),
    value("arrayAvg", |call| number::average(call, 0.0)),
    value("arrayProduct", number::product),
    value("arrayMin", |call| order::extreme(call, Direction::Ascending)),
    value("arrayMax", |call| order::extreme(call, Direction::Descending)),
    value("arrayDifference", number::difference),
    value("arrayCumSum", |call| number::running(call, false)),
    value("arrayCumSumNonNegative", |call| number::running(call, true)),
    value("arraySort", |call| order::sort(call, Direction::Ascending)),
    value("arrayReverseSort", |call| order::sort(call, Direction::Descending)),
    value("arrayReduce", reduce::reduce),
];

/// A place among elements, as Arrow counts them.
pub(crate) fn place(call: &Call<'_>, at: usize) -> Result<u32, FunctionError> {
    u32::try_from(at).map_err(|_| FunctionError::TooLarge(call.function))
}

/// The type of the elements to answer.
pub(crate) fn item_type<'a>(call: &Call<'a>) -> Result<&'a DataType, FunctionError> {
    match call.returns {
        DataType::List(field) => Ok(field.data_type()),
        other => Err(call.contract(format!("it does not answer {other}"))),
    }
}

/// Lists of elements of one list argument, which `choose` names by their places in `values`.
pub(crate) fn rearranged(
    call: &Call<'_>,
    values: &ArrayRef,
    mut choose: impl FnMut(usize, &mut Vec<u32>) -> Result<(), FunctionError>,
) -> Result<ArrayRef, FunctionError> {
    let (mut offsets, mut indices) = (Vec::with_capacity(call.rows + 1), Vec::new());
    offsets.push(0);
    for row in 0..call.rows {
        if !call.is_null(row) {
            choose(row, &mut indices)?;
        }
        offsets.push(offset(call.function, indices.len())?);
    }
    let values = coerce(values, item_type(call)?)?;
    list_of_taken(call.returns, offsets, &values, indices)
}

/// A run of each list.
fn pieces(
    call: &Call<'_>,
    at: usize,
    piece: impl Fn(usize, std::ops::Range<usize>) -> std::ops::Range<usize>,
) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(at)?;
    rearranged(call, lists.values(), |row, out| {
        for at in piece(row, lists.range(row)) {
            out.push(place(call, at)?);
        }
        Ok(())
    })
}

pub(crate) fn reverse(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    rearranged(call, lists.values(), |row, out| {
        lists.range(row).rev().try_for_each(|at| {
            out.push(place(call, at)?);
            Ok(())
        })
    })
}

fn rotate(call: &Call<'_>, sign: i64) -> Result<ArrayRef, FunctionError> {
    let (lists, counts) = (call.lists(0)?, call.ints(1)?);
    rearranged(call, lists.values(), |row, out| {
        let places = lists.range(row);
        let length = i64::try_from(places.len()).unwrap_or(0);
        let shift = if length == 0 { 0 } else { counts.get(row).wrapping_mul(sign).rem_euclid(length) };
        let middle = places.start + usize::try_from(shift).unwrap_or(0);
        for at in (middle..places.end).chain(places.start..middle) {
            out.push(place(call, at)?);
        }
        Ok(())
    })
}

fn slice(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let offsets = call.ints(1)?;
    let lengths = if call.has(2) { Some(call.ints(2)?) } else { None };
    pieces(call, 0, |row, places| {
        let window = window(places.len(), offsets.get(row), lengths.as_ref().map(|lengths| lengths.get(row)));
        places.start + window.start..places.start + window.end
    })
}

/// `[a, b, …]`.
fn array(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let width = call.arguments.len();
    let ty = item_type(call)?;
    let columns = call.arguments.iter().map(|value| coerce(value.array(), ty)).collect::<Result<Vec<_>, _>>()?;
    let mut offsets = Vec::with_capacity(call.rows + 1);
    let mut picks = Vec::with_capacity(call.rows * width);
    offsets.push(0);
    for row in 0..call.rows {
        picks.extend(call.arguments.iter().enumerate().map(|(at, value)| (at, value.index(row))));
        offsets.push(offset(call.function, picks.len())?);
    }
    let items = if columns.is_empty() {
        crate::elements::none_of(ty)
    } else {
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        interleave(&columns, &picks)?
    };
    list(call.returns, offsets, items, None)
}

/// The values of several lists one after the other, and where those of each begin.
pub(crate) fn joined(arrays: &[&ArrayRef], ty: &DataType) -> Result<(ArrayRef, Vec<usize>), FunctionError> {
    let arrays = arrays.iter().map(|array| coerce(array, ty)).collect::<Result<Vec<_>, _>>()?;
    let mut starts = Vec::with_capacity(arrays.len());
    let mut at = 0;
    for array in &arrays {
        starts.push(at);
        at += array.len();
    }
    let all: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    Ok((concat_arrays(&all)?, starts))
}

pub(crate) fn concat(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = (0..call.arguments.len()).map(|at| call.lists(at)).collect::<Result<Vec<_>, _>>()?;
    let values: Vec<&ArrayRef> = lists.iter().map(ListsOf::values).collect();
    let (values, starts) = joined(&values, item_type(call)?)?;
    rearranged(call, &values, |row, out| {
        for (list, start) in lists.iter().zip(&starts) {
            for at in list.range(row) {
                out.push(place(call, start + at)?);
            }
        }
        Ok(())
    })
}

fn push(call: &Call<'_>, front: bool) -> Result<ArrayRef, FunctionError> {
    let (lists, new) = (call.lists(0)?, call.argument(1)?);
    let (values, starts) = joined(&[lists.values(), new.array()], item_type(call)?)?;
    let start = starts.get(1).copied().unwrap_or(0);
    rearranged(call, &values, |row, out| {
        let added = place(call, start + new.index(row))?;
        if front {
            out.push(added);
        }
        for at in lists.range(row) {
            out.push(place(call, at)?);
        }
        if !front {
            out.push(added);
        }
        Ok(())
    })
}

/// The most elements that a function makes of a number, in one batch.
const MADE_MAX: usize = 1 << 22;

pub(crate) fn checked_size(call: &Call<'_>, size: i64) -> Result<usize, FunctionError> {
    let size =
        usize::try_from(size).map_err(|_| FunctionError::Argument("the size of an array is negative".to_owned()))?;
    if size > MADE_MAX { Err(FunctionError::TooLarge(call.function)) } else { Ok(size) }
}

/// A negative size keeps the end and fills at the front.
fn resize(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (lists, sizes) = (call.lists(0)?, call.ints(1)?);
    let fill = match call.arguments.get(2) {
        Some(fill) => fill.clone(),
        None => Value::Constant(default_value(item_type(call)?)?),
    };
    let (values, starts) = joined(&[lists.values(), fill.array()], item_type(call)?)?;
    let start = starts.get(1).copied().unwrap_or(0);
    rearranged(call, &values, |row, out| {
        let (places, size) = (lists.range(row), sizes.get(row));
        let length = checked_size(call, size.saturating_abs())?;
        let (kept, missing) = (places.len().min(length), length.saturating_sub(places.len()));
        let padding = place(call, start + fill.index(row))?;
        if size < 0 {
            out.extend(std::iter::repeat_n(padding, missing));
        }
        let kept = if size < 0 { places.end - kept..places.end } else { places.start..places.start + kept };
        for at in kept {
            out.push(place(call, at)?);
        }
        if size >= 0 {
            out.extend(std::iter::repeat_n(padding, missing));
        }
        Ok(())
    })
}

fn with_constant(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (sizes, value) = (call.ints(0)?, call.argument(1)?);
    rearranged(call, value.array(), |row, out| {
        out.extend(std::iter::repeat_n(place(call, value.index(row))?, checked_size(call, sizes.get(row))?));
        Ok(())
    })
}

/// The element at a place, or the value of a key.
fn element(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    if matches!(call.argument(0)?.data_type(), DataType::Map(_, _)) {
        return crate::maps::element(call);
    }
    let (lists, places) = (call.lists(0)?, call.ints(1)?);
    let default = match call.arguments.get(2) {
        Some(default) => coerce(default.array(), call.returns)?,
        None => default_value(call.returns)?,
    };
    let values = coerce(lists.values(), call.returns)?;
    let picks: Vec<_> = (0..call.rows)
        .map(|row| {
            let (range, at) = (lists.range(row), places.get(row));
            let found = usize::try_from(at.unsigned_abs()).ok().filter(|place| (1..=range.len()).contains(place));
            match found {
                Some(place) if at > 0 => (0, range.start + place - 1),
                Some(place) => (0, range.end - place),
                None => (1, 0),
            }
        })
        .collect();
    let elements = interleave(&[values.as_ref(), default.as_ref()], &picks)?;
    with_nulls(&elements, expand(call.argument(1)?, call.rows)?.logical_nulls().as_ref())
}

/// All levels of nesting become one.
fn flatten(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let value = call.argument(0)?;
    let expanded = expand(value, call.rows)?;
    let mut lists = expanded.as_list_opt::<i32>().ok_or_else(|| call.illegal(0))?.clone();
    while let Some(inner) = lists.values().as_list_opt::<i32>().cloned() {
        let outer = lists.clone();
        let (mut offsets, mut indices) = (vec![0], Vec::new());
        for row in 0..outer.len() {
            for at in range(&outer, row) {
                for at in range(&inner, at) {
                    indices.push(place(call, at)?);
                }
            }
            offsets.push(offset(call.function, indices.len())?);
        }
        let items = take(inner.values(), &UInt32Array::from(indices), None)?;
        let field = match inner.data_type() {
            DataType::List(field) => Arc::clone(field),
            _ => return Err(call.illegal(0)),
        };
        let flat = list(&DataType::List(field), offsets, items, None)?;
        lists = flat.as_list::<i32>().clone();
    }
    let flat: ArrayRef = Arc::new(lists);
    coerce(&flat, call.returns)
}

/// Tuples of the elements at the same places.
fn zip(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let DataType::Struct(fields) = item_type(call)? else { return Err(call.contract("it answers lists of tuples")) };
    let lists = crate::higher::Lists::align(call.arguments, call.rows)?;
    let columns = lists.values().iter().zip(fields).map(|(column, field)| coerce(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let tuples = StructArray::try_new_with_length(fields.clone(), columns, None, lists.total())?;
    list(call.returns, lists.offsets().to_vec(), Arc::new(tuples), None)
}
