//! Choosing between values: conditions, NULL, and tables of replacements.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, make_comparator, new_null_array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::kernels::boolean::{and_kleene, or_kleene};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{SortOptions, interleave};
use arrow::datatypes::DataType;

use crate::build::with_nulls;
use crate::call::{Call, Value, is_integer};
use crate::compare::{Op, compare_values};
use crate::convert::{coerce, common};
use crate::elements::Keys;
use crate::error::FunctionError;
use crate::table::{Scalar, predicate, value};

pub(crate) const TABLE: &[Scalar] = &[
    value("if", choose).own_nulls(),
    value("multiIf", choose_among).own_nulls(),
    value("caseWithExpression", case).own_nulls(),
    value("ifNull", first_present).own_nulls(),
    value("coalesce", first_present).own_nulls(),
    value("nullIf", null_if).own_nulls(),
    value("assumeNotNull", assume_not_null).own_nulls(),
    value("toNullable", |call| coerce(&expanded(call, 0)?, call.returns)).own_nulls(),
    value("identity", |call| coerce(&expanded(call, 0)?, call.returns)).own_nulls(),
    value("materialize", |call| coerce(&expanded(call, 0)?, call.returns)).own_nulls(),
    value("greatest", |call| extreme(call, Op::Greater)).own_nulls(),
    value("least", |call| extreme(call, Op::Less)).own_nulls(),
    value("transform", transform).own_nulls(),
    predicate("isNull", |call| Ok(call.test(nulls_of(call)?))).own_nulls(),
    predicate("isNotNull", |call| {
        let null = nulls_of(call)?;
        Ok(call.test(|row| !null(row)))
    })
    .own_nulls(),
    predicate("and", |call| combine(call, and_kleene)).own_nulls(),
    predicate("or", |call| combine(call, or_kleene)).own_nulls(),
    predicate("not", |call| {
        let truth = Truth::of(call, 0)?;
        Ok(call.test(|row| !truth.get(row)))
    }),
    predicate("xor", |call| {
        let truths = (0..call.arguments.len()).map(|at| Truth::of(call, at)).collect::<Result<Vec<_>, _>>()?;
        Ok(call.test(|row| truths.iter().filter(|truth| truth.get(row)).count() % 2 == 1))
    }),
];

/// Conditions: true where the value is not zero. NULL is false.
struct Truth {
    bits: BooleanBuffer,
    constant: bool,
}

impl Truth {
    fn of(call: &Call<'_>, at: usize) -> Result<Self, FunctionError> {
        let value = call.argument(at)?;
        let booleans = booleans(value.array()).ok_or_else(|| call.illegal(at))?;
        let bits = match booleans.nulls() {
            Some(nulls) => booleans.values() & nulls.inner(),
            None => booleans.values().clone(),
        };
        Ok(Self { bits, constant: value.is_constant() })
    }

    fn get(&self, row: usize) -> bool {
        self.bits.value(if self.constant { 0 } else { row })
    }
}

/// `array` as Booleans, NULL kept.
pub(crate) fn booleans(array: &ArrayRef) -> Option<BooleanArray> {
    Some(match array.data_type() {
        DataType::Boolean => array.as_boolean().clone(),
        DataType::Null => BooleanArray::new_null(array.len()),
        ty if is_integer(ty) => {
            let values = crate::call::ints(array)?;
            let bits = BooleanBuffer::collect_bool(array.len(), |row| values[row] != 0);
            BooleanArray::new(bits, array.nulls().cloned())
        }
        ty if ty.is_numeric() => {
            let values = crate::call::floats(array)?;
            let bits = BooleanBuffer::collect_bool(array.len(), |row| values[row] != 0.0);
            BooleanArray::new(bits, array.nulls().cloned())
        }
        _ => return None,
    })
}

/// The argument at `at`, one value for each row.
fn expanded(call: &Call<'_>, at: usize) -> Result<ArrayRef, FunctionError> {
    expand(call.argument(at)?, call.rows)
}

/// `value`, one for each row.
pub(crate) fn expand(value: &Value, rows: usize) -> Result<ArrayRef, FunctionError> {
    Ok(match value {
        Value::Column(array) => Arc::clone(array),
        Value::Constant(array) if rows == 1 => Arc::clone(array),
        Value::Constant(array) => {
            let zeros = arrow::array::UInt32Array::from(vec![0; rows]);
            arrow::compute::take(array, &zeros, None)?
        }
    })
}

fn combine(
    call: &Call<'_>,
    f: fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, arrow::error::ArrowError>,
) -> Result<ArrayRef, FunctionError> {
    let mut all: Option<BooleanArray> = None;
    for at in 0..call.arguments.len() {
        let next = booleans(&expanded(call, at)?).ok_or_else(|| call.illegal(at))?;
        all = Some(match all {
            Some(before) => f(&before, &next)?,
            None => next,
        });
    }
    Ok(Arc::new(all.ok_or_else(|| call.contract("it needs arguments"))?))
}

fn choose(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let truth = Truth::of(call, 0)?;
    let mask = BooleanArray::new(BooleanBuffer::collect_bool(call.rows, |row| truth.get(row)), None);
    let (yes, no) = (call.argument(1)?, call.argument(2)?);
    let (yes_values, no_values) = (coerce(yes.array(), call.returns)?, coerce(no.array(), call.returns)?);
    let nested = call.returns.is_nested();
    if nested || matches!(call.returns, DataType::Null) {
        let pick = |row: usize| if mask.value(row) { (0, yes.index(row)) } else { (1, no.index(row)) };
        let picks: Vec<_> = (0..call.rows).map(pick).collect();
        return Ok(interleave(&[yes_values.as_ref(), no_values.as_ref()], &picks)?);
    }
    let yes = coerced(yes, yes_values);
    let no = coerced(no, no_values);
    Ok(zip(&mask, yes.as_ref(), no.as_ref())?)
}

fn coerced(value: &Value, array: ArrayRef) -> Box<dyn arrow::array::Datum> {
    if value.is_constant() { Box::new(arrow::array::Scalar::new(array)) } else { Box::new(array) }
}

fn choose_among(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let branches = call.arguments.len() / 2;
    let conditions = (0..branches).map(|branch| Truth::of(call, branch * 2)).collect::<Result<Vec<_>, _>>()?;
    pick(call, branches, |row| conditions.iter().position(|condition| condition.get(row)), 0)
}

fn case(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let branches = call.arguments.len().saturating_sub(2) / 2;
    let mut conditions = Vec::with_capacity(branches);
    for branch in 0..branches {
        let same = compare_values(call, Op::Equal, call.argument(0)?, call.argument(1 + branch * 2)?)?;
        let nulls = [0, 1 + branch * 2].map(|at| Ok::<_, FunctionError>(expanded(call, at)?.logical_nulls()));
        let [left, right] = nulls;
        let nulls = NullBuffer::union(left?.as_ref(), right?.as_ref());
        conditions.push((same.as_boolean().clone(), nulls));
    }
    let holds = |row: usize| {
        conditions.iter().position(|(same, nulls)| {
            same.is_valid(row) && same.value(row) && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
        })
    };
    pick(call, branches, holds, 1)
}

/// For each row the value of the branch that `which` names, or else the last argument.
fn pick(
    call: &Call<'_>,
    branches: usize,
    which: impl Fn(usize) -> Option<usize>,
    skip: usize,
) -> Result<ArrayRef, FunctionError> {
    let mut places: Vec<usize> = (0..branches).map(|branch| skip + branch * 2 + 1).collect();
    places.push(call.arguments.len().saturating_sub(1));
    let values = places.iter().map(|at| call.argument(*at)).collect::<Result<Vec<_>, _>>()?;
    let arrays = values.iter().map(|value| coerce(value.array(), call.returns)).collect::<Result<Vec<_>, _>>()?;
    let picks: Vec<_> = (0..call.rows)
        .map(|row| {
            let branch = which(row).unwrap_or(branches);
            (branch, values.get(branch).map_or(0, |value| value.index(row)))
        })
        .collect();
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    Ok(interleave(&arrays, &picks)?)
}

fn first_present(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let arrays =
        call.arguments.iter().map(|value| coerce(value.array(), call.returns)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = arrays.first() else { return Err(call.contract("it needs arguments")) };
    if first.null_count() == 0 && first.data_type() != &DataType::Null {
        return match call.argument(0)? {
            Value::Column(_) => Ok(Arc::clone(first)),
            Value::Constant(_) => expand(&Value::Constant(Arc::clone(first)), call.rows),
        };
    }
    let last = arrays.len() - 1;
    let nulls: Vec<_> = arrays.iter().map(|array| array.logical_nulls()).collect();
    let picks: Vec<_> = (0..call.rows)
        .map(|row| {
            let present = |at: &usize| {
                let index = call.arguments.get(*at).map_or(0, |value| value.index(row));
                nulls.get(*at).is_some_and(|nulls| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(index)))
            };
            let at = (0..last).find(present).unwrap_or(last);
            (at, call.arguments.get(at).map_or(0, |value| value.index(row)))
        })
        .collect();
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    Ok(interleave(&arrays, &picks)?)
}

fn null_if(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (left, right) = (call.argument(0)?, call.argument(1)?);
    let values = expand(&keep(left, coerce(left.array(), call.returns)?), call.rows)?;
    let is_void = |value: &Value| value.data_type() == &DataType::Null;
    if is_void(left) || is_void(right) {
        return Ok(values);
    }
    let same = compare_values(call, Op::Equal, left, right)?;
    let same = same.as_boolean();
    let nulls = expand(right, call.rows)?.logical_nulls();
    let equal =
        |row: usize| same.is_valid(row) && same.value(row) && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let valid = BooleanBuffer::collect_bool(call.rows, |row| !equal(row));
    with_nulls(&values, Some(&NullBuffer::new(valid)))
}

fn keep(value: &Value, array: ArrayRef) -> Value {
    if value.is_constant() { Value::Constant(array) } else { Value::Column(array) }
}

/// The values, with the default of the type where NULL was.
fn assume_not_null(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let values = coerce(&expanded(call, 0)?, call.returns)?;
    if values.logical_null_count() == 0 {
        return Ok(values);
    }
    let default = crate::elements::default_value(call.returns)?;
    let nulls = values.logical_nulls();
    let picks: Vec<_> = (0..call.rows)
        .map(|row| if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) { (1, 0) } else { (0, row) })
        .collect();
    Ok(interleave(&[values.as_ref(), default.as_ref()], &picks)?)
}

/// Says of each row whether the argument is NULL.
fn nulls_of(call: &Call<'_>) -> Result<impl Fn(usize) -> bool, FunctionError> {
    let value = call.argument(0)?;
    let (nulls, constant) = (value.array().logical_nulls(), value.is_constant());
    Ok(move |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(if constant { 0 } else { row })))
}

/// The greatest or least of the arguments that are not NULL.
fn extreme(call: &Call<'_>, wins: Op) -> Result<ArrayRef, FunctionError> {
    let arrays = call
        .arguments
        .iter()
        .map(|value| expand(&keep(value, coerce(value.array(), call.returns)?), call.rows))
        .collect::<Result<Vec<_>, _>>()?;
    let mut arrays = arrays.into_iter();
    let mut best = arrays.next().ok_or_else(|| call.contract("it needs arguments"))?;
    let descending = wins == Op::Greater;
    for next in arrays {
        if best.data_type() == &DataType::Null {
            return Ok(new_null_array(call.returns, call.rows));
        }
        let floats = if best.data_type().is_floating() {
            crate::call::floats(&best).zip(crate::call::floats(&next))
        } else {
            None
        };
        let order = make_comparator(next.as_ref(), best.as_ref(), SortOptions { descending, nulls_first: false })?;
        let picks: Vec<_> = (0..call.rows)
            .map(|row| {
                let better = match &floats {
                    Some((best_values, values)) if next.is_valid(row) && best.is_valid(row) => {
                        let (new, old) = (values[row], best_values[row]);
                        if descending { !(old >= new || new.is_nan()) } else { !(old <= new || new.is_nan()) }
                    }
                    _ => order(row, row).is_lt(),
                };
                (usize::from(better), row)
            })
            .collect();
        drop(floats);
        best = interleave(&[best.as_ref(), next.as_ref()], &picks)?;
    }
    Ok(best)
}

/// `transform(x, from, to[, default])`: the place of `x` in `from` says which of `to` to answer.
fn transform(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let value = call.argument(0)?;
    let (from, to) = (call.lists(1)?, call.lists(2)?);
    let (from, to) = (
        from.values().slice(from.range(0).start, from.range(0).len()),
        to.values().slice(to.range(0).start, to.range(0).len()),
    );
    if from.len() != to.len() {
        return Err(FunctionError::Argument("transform needs as many values to find as to answer".to_owned()));
    }
    let shared = common(value.data_type(), from.data_type()).ok_or_else(|| call.illegal(1))?;
    let (found, wanted) = (Keys::of(&coerce(value.array(), &shared)?)?, Keys::of(&coerce(&from, &shared)?)?);
    let mut places: HashMap<&[u8], usize, foldhash::fast::RandomState> = HashMap::default();
    for at in (0..from.len()).rev() {
        places.insert(wanted.get(at), at);
    }
    let default = if call.has(3) { call.argument(3)? } else { value };
    let answers = [coerce(&to, call.returns)?, coerce(default.array(), call.returns)?];
    let picks: Vec<_> = (0..call.rows)
        .map(|row| match places.get(found.get(value.index(row))) {
            Some(at) => (0, *at),
            None => (1, default.index(row)),
        })
        .collect();
    Ok(interleave(&[answers[0].as_ref(), answers[1].as_ref()], &picks)?)
}
