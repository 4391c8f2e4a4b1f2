//! Comparisons, exact between all types of numbers.
//!
//! NaN is neither less than, equal to nor greater than anything. NULL propagates: the resolver has already lowered HogQL's
//! comparisons, which never are NULL, to these.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Datum, Scalar as One, make_comparator};
use arrow::buffer::BooleanBuffer;
use arrow::compute::SortOptions;
use arrow::compute::kernels::cmp;
use arrow::datatypes::{DataType, TimeUnit};

use crate::arithmetic::ticks;
use crate::call::{Call, Numbers, Value, is_integer};
use crate::convert;
use crate::decimal;
use crate::error::FunctionError;
use crate::table::{Scalar, predicate};
use crate::zone::Zone;

pub(crate) const TABLE: &[Scalar] = &[
    predicate("equals", |call| compare(call, Op::Equal)),
    predicate("notEquals", |call| compare(call, Op::NotEqual)),
    predicate("less", |call| compare(call, Op::Less)),
    predicate("greater", |call| compare(call, Op::Greater)),
    predicate("lessOrEquals", |call| compare(call, Op::LessOrEqual)),
    predicate("greaterOrEquals", |call| compare(call, Op::GreaterOrEqual)),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Op {
    fn holds(self, order: Option<Ordering>) -> bool {
        let Some(order) = order else { return self == Self::NotEqual };
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn compare(call: &Call<'_>, op: Op) -> Result<ArrayRef, FunctionError> {
    compare_values(call, op, call.argument(0)?, call.argument(1)?)
}

/// Compares any two values of `call`, which need not be its arguments.
pub(crate) fn compare_values(call: &Call<'_>, op: Op, left: &Value, right: &Value) -> Result<ArrayRef, FunctionError> {
    let inner = [left.clone(), right.clone()];
    let call = &Call {
        function: call.function,
        arguments: &inner,
        rows: call.rows,
        returns: call.returns,
        now_micros: call.now_micros,
        nulls: call.nulls.clone(),
    };
    let (one, other) = (left.data_type(), right.data_type());
    match (one, other) {
        (DataType::Utf8, DataType::Utf8) => texts(call, op),
        (DataType::Utf8, _) => {
            let left = parsed(left, other)?;
            compare_values(call, op, &left, right)
        }
        (_, DataType::Utf8) => {
            let right = parsed(right, one)?;
            compare_values(call, op, left, &right)
        }
        (one, other) if is_integer(one) && is_integer(other) => integers(call, op),
        (one, other) if is_number(one) && is_number(other) => numbers(call, op),
        (one, other) if is_time(one) && is_time(other) => times(call, op),
        _ => nested(call, op),
    }
}

fn is_number(ty: &DataType) -> bool {
    ty.is_numeric() || is_integer(ty)
}

fn is_time(ty: &DataType) -> bool {
    matches!(ty, DataType::Date32 | DataType::Timestamp(_, _))
}

/// Text that is compared with another type is read as that type.
fn parsed(value: &Value, ty: &DataType) -> Result<Value, FunctionError> {
    let array = convert::strict(value.array(), ty)?;
    Ok(if value.is_constant() { Value::Constant(array) } else { Value::Column(array) })
}

fn texts(call: &Call<'_>, op: Op) -> Result<ArrayRef, FunctionError> {
    let (left, right) = (datum(call.argument(0)?), datum(call.argument(1)?));
    let (left, right) = (left.as_ref(), right.as_ref());
    let answer = match op {
        Op::Equal => cmp::eq(left, right),
        Op::NotEqual => cmp::neq(left, right),
        Op::Less => cmp::lt(left, right),
        Op::LessOrEqual => cmp::lt_eq(left, right),
        Op::Greater => cmp::gt(left, right),
        Op::GreaterOrEqual => cmp::gt_eq(left, right),
    }?;
    Ok(Arc::new(answer))
}

fn datum(value: &Value) -> Box<dyn Datum> {
    match value {
        Value::Column(array) => Box::new(Arc::clone(array)),
        Value::Constant(array) => Box::new(One::new(Arc::clone(array))),
    }
}

fn pairs<T: Copy>(rows: usize, left: &Numbers<'_, T>, right: &Numbers<'_, T>, f: impl Fn(T, T) -> bool) -> ArrayRef {
    let bits = match (left.column(), right.column()) {
        (Some(left), Some(right)) => BooleanBuffer::collect_bool(rows, |row| f(left[row], right[row])),
        (Some(left), None) => {
            let other = right.get(0);
            BooleanBuffer::collect_bool(rows, |row| f(left[row], other))
        }
        _ => BooleanBuffer::collect_bool(rows, |row| f(left.get(row), right.get(row))),
    };
    Arc::new(BooleanArray::new(bits, None))
}

fn by_order<T: Copy + PartialOrd>(rows: usize, left: &Numbers<'_, T>, right: &Numbers<'_, T>, op: Op) -> ArrayRef {
    match op {
        Op::Equal => pairs(rows, left, right, |a, b| a == b),
        Op::NotEqual => pairs(rows, left, right, |a, b| a != b),
        Op::Less => pairs(rows, left, right, |a, b| a < b),
        Op::LessOrEqual => pairs(rows, left, right, |a, b| a <= b),
        Op::Greater => pairs(rows, left, right, |a, b| a > b),
        Op::GreaterOrEqual => pairs(rows, left, right, |a, b| a >= b),
    }
}

fn integers(call: &Call<'_>, op: Op) -> Result<ArrayRef, FunctionError> {
    let huge = |at: usize| -> Result<bool, FunctionError> { Ok(call.argument(at)?.data_type() == &DataType::UInt64) };
    let (left, right) = (call.ints(0)?, call.ints(1)?);
    let (left_huge, right_huge) = (huge(0)?, huge(1)?);
    if !left_huge && !right_huge {
        return Ok(by_order(call.rows, &left, &right, op));
    }
    let exact = |value: i64, huge: bool| if huge { i128::from(value.cast_unsigned()) } else { i128::from(value) };
    Ok(call.test(|row| op.holds(Some(exact(left.get(row), left_huge).cmp(&exact(right.get(row), right_huge))))))
}

fn numbers(call: &Call<'_>, op: Op) -> Result<ArrayRef, FunctionError> {
    let (one, other) = (call.argument(0)?, call.argument(1)?);
    let kinds = [one.data_type(), other.data_type()];
    if !kinds.iter().any(|ty| ty.is_floating()) {
        let (Some(left), Some(right)) = (decimal::digits(one.array()), decimal::digits(other.array())) else {
            return nested(call, op);
        };
        let scale = left.scale().max(right.scale());
        return Ok(call.test(|row| {
            let left = left.rescaled(left.get(one.index(row)), scale);
            let right = right.rescaled(right.get(other.index(row)), scale);
            op.holds(left.zip(right).map(|(left, right)| left.cmp(&right)))
        }));
    }
    let wide = |ty: &DataType| matches!(ty, DataType::Int64 | DataType::UInt64);
    if kinds.iter().any(|ty| wide(ty)) {
        let flipped = wide(kinds[1]);
        let (whole, float) = if flipped { (1, 0) } else { (0, 1) };
        let huge = call.argument(whole)?.data_type() == &DataType::UInt64;
        let (wholes, floats) = (call.ints(whole)?, call.floats(float)?);
        return Ok(call.test(|row| {
            let whole = wholes.get(row);
            let whole = if huge { i128::from(whole.cast_unsigned()) } else { i128::from(whole) };
            let order = order_of(whole, floats.get(row));
            op.holds(if flipped { order.map(Ordering::reverse) } else { order })
        }));
    }
    Ok(by_order(call.rows, &call.floats(0)?, &call.floats(1)?, op))
}

/// How a whole number of 64 bits compares with a float, exactly.
#[expect(clippy::cast_possible_truncation, reason = "only where nothing is lost")]
pub(crate) fn order_of(whole: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.abs() >= 2f64.powi(65) {
        return (0.0).partial_cmp(&float);
    }
    let floor = float.floor();
    Some(whole.cmp(&(floor as i128)).then(if float > floor { Ordering::Less } else { Ordering::Equal }))
}

/// Instants as ticks of a nanosecond, dates as their local midnight.
fn times(call: &Call<'_>, op: Op) -> Result<ArrayRef, FunctionError> {
    let (one, other) = (call.argument(0)?, call.argument(1)?);
    if one.data_type() == other.data_type() {
        return Ok(by_order(call.rows, &call.ints(0)?, &call.ints(1)?, op));
    }
    let zone_of = |ty: &DataType| match ty {
        DataType::Timestamp(_, Some(name)) => Zone::named(name),
        _ => Ok(Zone::utc()),
    };
    let scale = |ty: &DataType| match ty {
        DataType::Timestamp(unit, _) => i128::from(ticks(TimeUnit::Nanosecond) / ticks(*unit)),
        _ => i128::from(ticks(TimeUnit::Nanosecond)),
    };
    let (zone_left, zone_right) = (zone_of(other.data_type())?, zone_of(one.data_type())?);
    let (days_left, days_right) = (one.data_type() == &DataType::Date32, other.data_type() == &DataType::Date32);
    let (left, right) = (call.ints(0)?, call.ints(1)?);
    let (scale_left, scale_right) = (scale(one.data_type()), scale(other.data_type()));
    let instant = |value: i64, days: bool, zone: &Zone, scale: i128| {
        i128::from(if days { zone.midnight(value) } else { value }) * scale
    };
    Ok(call.test(|row| {
        let left = instant(left.get(row), days_left, &zone_left, scale_left);
        let right = instant(right.get(row), days_right, &zone_right, scale_right);
        op.holds(Some(left.cmp(&right)))
    }))
}

/// Everything else: values of one type, compared place by place.
fn nested(call: &Call<'_>, op: Op) -> Result<ArrayRef, FunctionError> {
    let (one, other) = (call.argument(0)?, call.argument(1)?);
    let common = convert::common(one.data_type(), other.data_type()).ok_or_else(|| call.illegal(1))?;
    let (left, right) = (convert::coerce(one.array(), &common)?, convert::coerce(other.array(), &common)?);
    let options = SortOptions { descending: false, nulls_first: false };
    let comparator = make_comparator(left.as_ref(), right.as_ref(), options)?;
    Ok(call.test(|row| op.holds(Some(comparator(one.index(row), other.index(row))))))
}
