//! Functions of maps. Keys are in the order they were given; of a repeated key the first counts.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray, UInt32Array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Fields};
use foldhash::fast::RandomState;

use crate::arrays::joined;
use crate::build::{list, offset};
use crate::call::{Call, Value, floats, ints};
use crate::condition::expand;
use crate::convert::{coerce, common};
use crate::elements::{Keys, default_value};
use crate::error::FunctionError;
use crate::show::entries;
use crate::table::{Scalar, predicate, value};

pub(crate) const TABLE: &[Scalar] = &[
    value("map", map).own_nulls(),
    value("mapFromArrays", from_arrays),
    value("mapKeys", |call| part(call, MapArray::keys)),
    value("mapValues", |call| part(call, MapArray::values)),
    predicate("mapContains", contains),
    value("mapUpdate", update),
    value("mapAdd", |call| combine(call, 1)),
    value("mapSubtract", |call| combine(call, -1)),
];

fn maps<'a>(call: &Call<'a>, at: usize) -> Result<(&'a MapArray, &'a Value), FunctionError> {
    let value = call.argument(at)?;
    Ok((value.array().as_map_opt().ok_or_else(|| call.illegal(at))?, value))
}

/// The types of keys and values to answer.
fn types<'a>(call: &Call<'a>) -> Result<&'a Fields, FunctionError> {
    match call.returns {
        DataType::Map(field, _) => match field.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => Ok(fields),
            _ => Err(call.contract("it answers maps")),
        },
        _ => Err(call.contract("it answers maps")),
    }
}

fn build(call: &Call<'_>, offsets: Vec<i32>, keys: ArrayRef, values: ArrayRef) -> Result<ArrayRef, FunctionError> {
    let DataType::Map(field, ordered) = call.returns else { return Err(call.contract("it answers maps")) };
    let entries = StructArray::try_new(types(call)?.clone(), vec![keys, values], None)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, None, *ordered)?))
}

/// The arguments of `map` are keys and values in turn.
fn map(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let fields = types(call)?;
    let mut columns = Vec::with_capacity(2);
    for (side, field) in fields.iter().enumerate() {
        let arguments: Vec<&Value> = call.arguments.iter().skip(side).step_by(2).collect();
        if arguments.is_empty() {
            columns.push(crate::elements::none_of(field.data_type()));
            continue;
        }
        let arrays =
            arguments.iter().map(|value| coerce(value.array(), field.data_type())).collect::<Result<Vec<_>, _>>()?;
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        let picks: Vec<_> = (0..call.rows)
            .flat_map(|row| arguments.iter().enumerate().map(move |(at, value)| (at, value.index(row))))
            .collect();
        columns.push(interleave(&arrays, &picks)?);
    }
    let width = call.arguments.len() / 2;
    let offsets = (0..=call.rows).map(|row| offset(call.function, row * width)).collect::<Result<Vec<_>, _>>()?;
    let mut columns = columns.into_iter();
    let (Some(keys), Some(values)) = (columns.next(), columns.next()) else {
        return Err(call.contract("it answers maps"));
    };
    build(call, offsets, keys, values)
}

fn from_arrays(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = crate::higher::Lists::align(call.arguments, call.rows)?;
    let [keys, values] = lists.values() else { return Err(call.contract("it takes keys and values")) };
    let [key_field, value_field] = types(call)?.as_ref() else { return Err(call.contract("it answers maps")) };
    let (keys, values) = (coerce(keys, key_field.data_type())?, coerce(values, value_field.data_type())?);
    build(call, lists.offsets().to_vec(), keys, values)
}

fn part(call: &Call<'_>, side: fn(&MapArray) -> &ArrayRef) -> Result<ArrayRef, FunctionError> {
    let expanded = expand(call.argument(0)?, call.rows)?;
    let maps = expanded.as_map_opt().ok_or_else(|| call.illegal(0))?;
    list(call.returns, maps.value_offsets().to_vec(), Arc::clone(side(maps)), None)
}

/// The first place of a key in the map of each row.
fn places<'a>(call: &'a Call<'_>) -> Result<impl Fn(usize) -> Option<usize> + 'a, FunctionError> {
    let (maps, value) = maps(call, 0)?;
    let wanted = call.argument(1)?;
    let ty = common(maps.keys().data_type(), wanted.data_type()).ok_or_else(|| call.illegal(1))?;
    let (keys, needles) = (Keys::of(&coerce(maps.keys(), &ty)?)?, Keys::of(&coerce(wanted.array(), &ty)?)?);
    Ok(move |row: usize| entries(maps, value.index(row)).find(|at| keys.get(*at) == needles.get(wanted.index(row))))
}

fn contains(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let place = places(call)?;
    Ok(call.test(|row| place(row).is_some()))
}

/// `map[key]`, or the default of the values.
pub(crate) fn element(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let place = places(call)?;
    let values = coerce(maps(call, 0)?.0.values(), call.returns)?;
    let default = match call.arguments.get(2) {
        Some(default) => coerce(default.array(), call.returns)?,
        None => default_value(call.returns)?,
    };
    let picks: Vec<_> = (0..call.rows).map(|row| place(row).map_or((1, 0), |at| (0, at))).collect();
    let elements = interleave(&[values.as_ref(), default.as_ref()], &picks)?;
    crate::build::with_nulls(&elements, expand(call.argument(1)?, call.rows)?.logical_nulls().as_ref())
}

/// Keys and values of all arguments, one after the other, and where those of each begin.
fn all_entries(call: &Call<'_>) -> Result<(ArrayRef, ArrayRef, Vec<usize>), FunctionError> {
    let [key_field, value_field] = types(call)?.as_ref() else { return Err(call.contract("it answers maps")) };
    let all = (0..call.arguments.len()).map(|at| Ok(maps(call, at)?.0)).collect::<Result<Vec<_>, FunctionError>>()?;
    let keys: Vec<&ArrayRef> = all.iter().map(|maps| maps.keys()).collect();
    let values: Vec<&ArrayRef> = all.iter().map(|maps| maps.values()).collect();
    let (keys, starts) = joined(&keys, key_field.data_type())?;
    let (values, _) = joined(&values, value_field.data_type())?;
    Ok((keys, values, starts))
}

/// The first map with values of the second where it has the key, and then what is only in the second.
fn update(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (keys, values, starts) = all_entries(call)?;
    let order = Keys::of(&keys)?;
    let ((first, one), (second, other)) = (maps(call, 0)?, maps(call, 1)?);
    let shift = starts.get(1).copied().unwrap_or(0);
    let (mut key_places, mut value_places, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
    for row in 0..call.rows {
        let new: Vec<usize> = entries(second, other.index(row)).map(|at| at + shift).collect();
        let old: Vec<usize> = entries(first, one.index(row)).collect();
        for at in &old {
            let replaced = new.iter().find(|new| order.get(**new) == order.get(*at)).unwrap_or(at);
            key_places.push(crate::arrays::place(call, *at)?);
            value_places.push(crate::arrays::place(call, *replaced)?);
        }
        for at in new.iter().filter(|new| !old.iter().any(|old| order.get(*old) == order.get(**new))) {
            key_places.push(crate::arrays::place(call, *at)?);
            value_places.push(crate::arrays::place(call, *at)?);
        }
        offsets.push(offset(call.function, key_places.len())?);
    }
    let keys = take(&keys, &UInt32Array::from(key_places), None)?;
    let values = take(&values, &UInt32Array::from(value_places), None)?;
    build(call, offsets, keys, values)
}

/// Values of equal keys are added, or subtracted from the first; keys come out in order.
fn combine(call: &Call<'_>, sign: i64) -> Result<ArrayRef, FunctionError> {
    let (keys, values, starts) = all_entries(call)?;
    let order = Keys::of(&keys)?;
    let whole = !values.data_type().is_floating();
    let (whole_values, real_values) = (ints(&values).unwrap_or_default(), floats(&values).unwrap_or_default());
    let (mut key_places, mut sums, mut real_sums, mut offsets) = (Vec::new(), Vec::new(), Vec::new(), vec![0]);
    for row in 0..call.rows {
        let mut seen: HashMap<&[u8], (usize, i64, f64), RandomState> = HashMap::default();
        for (argument, start) in starts.iter().enumerate() {
            let (maps, value) = maps(call, argument)?;
            let sign = if argument == 0 { 1 } else { sign };
            for at in entries(maps, value.index(row)).map(|at| at + start) {
                let sum = seen.entry(order.get(at)).or_insert((at, 0, 0.0));
                if whole {
                    sum.1 = sum.1.wrapping_add(whole_values[at].wrapping_mul(sign));
                } else if sign < 0 {
                    sum.2 -= real_values[at];
                } else {
                    sum.2 += real_values[at];
                }
            }
        }
        let mut sorted: Vec<_> = seen.into_iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        for (_, (at, sum, real)) in sorted {
            key_places.push(crate::arrays::place(call, at)?);
            sums.push(sum);
            real_sums.push(real);
        }
        offsets.push(offset(call.function, key_places.len())?);
    }
    let ty = values.data_type();
    let sums: ArrayRef = if whole {
        crate::build::wrapped(sums, ty).ok_or_else(|| call.illegal(0))?
    } else {
        coerce(&(Arc::new(arrow::array::Float64Array::from(real_sums)) as ArrayRef), ty)?
    };
    build(call, offsets, take(&keys, &UInt32Array::from(key_places), None)?, sums)
}
