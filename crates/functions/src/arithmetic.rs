//! Sums, differences, products, quotients and remainders.
//!
//! Operands are first widened to the type to answer, and integers then wrap round in it, as in ClickHouse. Two's complement
//! makes one kernel over 64 bits serve all widths: the low bits of a sum depend on nothing above them.

use std::sync::Arc;

use arrow::array::types::Decimal128Type;
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, TimeUnit};

use crate::build::wrapped;
use crate::call::{Call, Numbers, is_integer};
use crate::decimal;
use crate::error::FunctionError;
use crate::table::{Scalar, value};

pub(crate) const TABLE: &[Scalar] = &[
    value("plus", |call| operate(call, Operation::Plus)),
    value("minus", |call| operate(call, Operation::Minus)),
    value("multiply", |call| operate(call, Operation::Multiply)),
    value("divide", divide),
    value("modulo", |call| remainder(call, Zero::Fails, Sign::OfDividend)),
    value("moduloOrZero", |call| remainder(call, Zero::IsZero, Sign::OfDividend)),
    value("positiveModulo", |call| remainder(call, Zero::Fails, Sign::Positive)),
    value("intDiv", |call| quotient(call, Zero::Fails)),
    value("intDivOrZero", |call| quotient(call, Zero::IsZero)),
    value("negate", negate),
    value("abs", abs),
    value("sign", sign),
    value("gcd", |call| common_factor(call, gcd)),
    value("lcm", |call| common_factor(call, lcm)),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Plus,
    Minus,
    Multiply,
}

/// What a division by zero is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zero {
    Fails,
    IsZero,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    OfDividend,
    Positive,
}

/// One value for each row from two operands, in loops without a branch.
fn zip<T: Copy, U>(rows: usize, left: &Numbers<'_, T>, right: &Numbers<'_, T>, f: impl Fn(T, T) -> U) -> Vec<U> {
    match (left.column(), right.column()) {
        (Some(left), Some(right)) => left.iter().zip(right).map(|(one, other)| f(*one, *other)).collect(),
        (Some(left), None) => {
            let other = right.get(0);
            left.iter().map(|one| f(*one, other)).collect()
        }
        (None, Some(right)) => {
            let one = left.get(0);
            right.iter().map(|other| f(one, *other)).collect()
        }
        (None, None) => (0..rows).map(|_| f(left.get(0), right.get(0))).collect(),
    }
}

fn operate(call: &Call<'_>, operation: Operation) -> Result<ArrayRef, FunctionError> {
    let kinds = [call.argument(0)?.data_type(), call.argument(1)?.data_type()];
    let temporal = |ty: &DataType| matches!(ty, DataType::Date32 | DataType::Timestamp(_, _));
    if kinds.iter().any(|ty| temporal(ty)) {
        return shift(call, operation);
    }
    match call.returns {
        DataType::Float64 | DataType::Float32 => {
            let (left, right) = (call.floats(0)?, call.floats(1)?);
            call.floated(match operation {
                Operation::Plus => zip(call.rows, &left, &right, |a, b| a + b),
                Operation::Minus => zip(call.rows, &left, &right, |a, b| a - b),
                Operation::Multiply => zip(call.rows, &left, &right, |a, b| a * b),
            })
        }
        DataType::Decimal128(_, _) => decimals(call, operation),
        _ => {
            let (left, right) = (call.ints(0)?, call.ints(1)?);
            call.wrapped(match operation {
                Operation::Plus => zip(call.rows, &left, &right, i64::wrapping_add),
                Operation::Minus => zip(call.rows, &left, &right, i64::wrapping_sub),
                Operation::Multiply => zip(call.rows, &left, &right, i64::wrapping_mul),
            })
        }
    }
}

fn decimals(call: &Call<'_>, operation: Operation) -> Result<ArrayRef, FunctionError> {
    let DataType::Decimal128(_, scale) = call.returns else { return Err(call.contract("no decimal is asked for")) };
    let read = |at: usize| -> Result<(bool, decimal::Digits<'_>), FunctionError> {
        let value = call.argument(at)?;
        let digits = decimal::digits(value.array()).ok_or_else(|| call.illegal(at))?;
        Ok((value.is_constant(), digits))
    };
    let ((left_constant, left), (right_constant, right)) = (read(0)?, read(1)?);
    let mut values = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let one = left.get(if left_constant { 0 } else { row });
        let other = right.get(if right_constant { 0 } else { row });
        let result = match operation {
            Operation::Multiply => one.checked_mul(other).map(|product| (product, left.scale() + right.scale())),
            _ => left.rescaled(one, *scale).zip(right.rescaled(other, *scale)).and_then(|(one, other)| {
                let sum = if operation == Operation::Plus { one.checked_add(other) } else { one.checked_sub(other) };
                sum.map(|sum| (sum, *scale))
            }),
        };
        let fitted = result.and_then(|(value, from)| decimal::rescale(value, from, *scale));
        values.push(match fitted {
            Some(value) => value,
            None if call.is_null(row) => 0,
            None => return Err(FunctionError::Range(call.returns.clone())),
        });
    }
    Ok(Arc::new(PrimitiveArray::<Decimal128Type>::from(values).with_data_type(call.returns.clone())))
}

/// Dates plus days, instants plus seconds, and distances.
#[expect(clippy::cast_possible_truncation, reason = "fractions of a tick are dropped")]
fn shift(call: &Call<'_>, operation: Operation) -> Result<ArrayRef, FunctionError> {
    let (left, right) = (call.argument(0)?.data_type(), call.argument(1)?.data_type());
    let sign = if operation == Operation::Minus { -1 } else { 1 };
    if let (DataType::Timestamp(unit, _), DataType::Timestamp(other, _)) = (left, right) {
        let finest = if ticks(*unit) > ticks(*other) { ticks(*unit) } else { ticks(*other) };
        let (scale_left, scale_right) = (finest / ticks(*unit), finest / ticks(*other));
        let distances = zip(call.rows, &call.ints(0)?, &call.ints(1)?, |a, b| {
            a.wrapping_mul(scale_left).wrapping_sub(b.wrapping_mul(scale_right))
        });
        return match call.returns {
            DataType::Decimal128(_, scale) => {
                let from = finest.ilog10() as i8;
                let values = distances.into_iter().map(|d| decimal::rescale(i128::from(d), from, *scale).unwrap_or(0));
                let array = PrimitiveArray::<Decimal128Type>::from_iter_values(values);
                Ok(Arc::new(array.with_data_type(call.returns.clone())))
            }
            _ => call.wrapped(distances.into_iter().map(|d| d / finest).collect()),
        };
    }
    if left == &DataType::Date32 && right == &DataType::Date32 {
        return call.wrapped(zip(call.rows, &call.ints(0)?, &call.ints(1)?, |a, b| a.wrapping_sub(b)));
    }
    let time_first = matches!(left, DataType::Date32 | DataType::Timestamp(_, _));
    let (time, count) = if time_first { (0, 1) } else { (1, 0) };
    let per_unit = match call.returns {
        DataType::Timestamp(unit, _) => ticks(*unit),
        _ => 1,
    };
    let base = call.ints(time)?;
    if is_integer(call.argument(count)?.data_type()) {
        let count = call.ints(count)?;
        return call.wrapped(zip(call.rows, &base, &count, |t, n| t.wrapping_add(n.wrapping_mul(sign * per_unit))));
    }
    let count = call.floats(count)?;
    #[expect(clippy::cast_precision_loss, reason = "a tick is at most 10^9")]
    let (scale, sign) = (per_unit as f64, sign as f64);
    call.number(|row| base.get(row).wrapping_add((count.get(row) * sign * scale) as i64))
}

/// Ticks of a second.
pub(crate) fn ticks(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn divide(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let quotients = zip(call.rows, &call.floats(0)?, &call.floats(1)?, |a, b| a / b);
    match call.returns {
        DataType::Float64 | DataType::Float32 => call.floated(quotients),
        _ => Err(call.contract(format!("it does not answer {}", call.returns))),
    }
}

/// Whether an operand holds numbers above `i64::MAX`.
fn is_huge(call: &Call<'_>, at: usize) -> Result<bool, FunctionError> {
    Ok(call.argument(at)?.data_type() == &DataType::UInt64)
}

/// `value` with the sign its type gives it.
fn exact(value: i64, huge: bool) -> i128 {
    if huge { i128::from(value.cast_unsigned()) } else { i128::from(value) }
}

fn is_float(call: &Call<'_>, at: usize) -> Result<bool, FunctionError> {
    Ok(call.argument(at)?.data_type().is_floating())
}

#[expect(clippy::cast_possible_truncation, reason = "wrapping is what is asked for")]
fn remainder(call: &Call<'_>, zero: Zero, sign: Sign) -> Result<ArrayRef, FunctionError> {
    if is_float(call, 0)? || is_float(call, 1)? {
        let remainder = |a: f64, b: f64| {
            // Not the exact remainder, but what is left of `a` in floats.
            let rest = a - (a / b).trunc() * b;
            if sign == Sign::Positive && rest < 0.0 { rest + b.abs() } else { rest }
        };
        let or_zero = |a: f64, b: f64| if zero == Zero::IsZero && b == 0.0 { 0.0 } else { remainder(a, b) };
        return call.floated(zip(call.rows, &call.floats(0)?, &call.floats(1)?, or_zero));
    }
    let (left, right) = (call.ints(0)?, call.ints(1)?);
    let (left_huge, right_huge) = (is_huge(call, 0)?, is_huge(call, 1)?);
    call.try_number(|row| {
        let (a, b) = (exact(left.get(row), left_huge), exact(right.get(row), right_huge));
        if b == 0 {
            return if zero == Zero::IsZero { Ok(0) } else { Err(FunctionError::Division) };
        }
        // Operands of 64 bits, which is nearly all of them, need no wide division.
        let rest = match (i64::try_from(a), i64::try_from(b)) {
            (Ok(a), Ok(b)) => i128::from(a.wrapping_rem(b)),
            _ => a % b,
        };
        Ok(if sign == Sign::Positive && rest < 0 { rest + b.abs() } else { rest } as i64)
    })
}

#[expect(clippy::cast_possible_truncation, reason = "wrapping is what is asked for")]
fn quotient(call: &Call<'_>, zero: Zero) -> Result<ArrayRef, FunctionError> {
    if is_float(call, 0)? || is_float(call, 1)? {
        let (left, right) = (call.floats(0)?, call.floats(1)?);
        return call.try_number(|row| {
            // A float divisor counts as the whole number it is cut to.
            let divided = (left.get(row) / right.get(row)).trunc();
            if divided.is_finite() {
                Ok(divided as i64)
            } else if zero == Zero::IsZero {
                Ok(0)
            } else {
                Err(FunctionError::Division)
            }
        });
    }
    let (left, right) = (call.ints(0)?, call.ints(1)?);
    let (left_huge, right_huge) = (is_huge(call, 0)?, is_huge(call, 1)?);
    call.try_number(|row| {
        let (a, b) = (exact(left.get(row), left_huge), exact(right.get(row), right_huge));
        let overflows = a == i128::from(i64::MIN) && b == -1;
        if b == 0 || overflows {
            return if zero == Zero::IsZero { Ok(0) } else { Err(FunctionError::Division) };
        }
        Ok(match (i64::try_from(a), i64::try_from(b)) {
            (Ok(a), Ok(b)) => a.wrapping_div(b),
            _ => (a / b) as i64,
        })
    })
}

fn negate(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    match call.returns {
        DataType::Float64 | DataType::Float32 => {
            let values = call.floats(0)?;
            call.float(|row| -values.get(row))
        }
        DataType::Decimal128(_, _) => decimal_map(call, i128::wrapping_neg),
        _ => {
            let values = call.ints(0)?;
            call.number(|row| values.get(row).wrapping_neg())
        }
    }
}

fn abs(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    match call.returns {
        DataType::Float64 | DataType::Float32 => {
            let values = call.floats(0)?;
            call.float(|row| values.get(row).abs())
        }
        DataType::Decimal128(_, _) => decimal_map(call, i128::wrapping_abs),
        _ if is_huge(call, 0)? => {
            let values = call.ints(0)?;
            call.number(|row| values.get(row))
        }
        _ => {
            let values = call.ints(0)?;
            call.number(|row| values.get(row).wrapping_abs())
        }
    }
}

fn decimal_map(call: &Call<'_>, f: impl Fn(i128) -> i128) -> Result<ArrayRef, FunctionError> {
    let array = call.argument(0)?.array();
    let digits = array.as_primitive_opt::<Decimal128Type>().ok_or_else(|| call.illegal(0))?;
    let values = (0..call.rows).map(|row| f(digits.value(if digits.len() == 1 { 0 } else { row })));
    Ok(Arc::new(PrimitiveArray::<Decimal128Type>::from_iter_values(values).with_data_type(call.returns.clone())))
}

fn sign(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    if is_huge(call, 0)? {
        let values = call.ints(0)?;
        return call.number(|row| i64::from(values.get(row) != 0));
    }
    let values = call.floats(0)?;
    call.number(|row| {
        let value = values.get(row);
        // NaN counts as positive there.
        i64::from(value != 0.0) - 2 * i64::from(value < 0.0)
    })
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn lcm(a: i128, b: i128) -> i128 {
    let divisor = gcd(a, b);
    if divisor == 0 { 0 } else { (a / divisor * b).abs() }
}

#[expect(clippy::cast_possible_truncation, reason = "wrapping is what is asked for")]
fn common_factor(call: &Call<'_>, f: fn(i128, i128) -> i128) -> Result<ArrayRef, FunctionError> {
    let (left, right) = (call.ints(0)?, call.ints(1)?);
    let (left_huge, right_huge) = (is_huge(call, 0)?, is_huge(call, 1)?);
    let values = (0..call.rows)
        .map(|row| f(exact(left.get(row), left_huge), exact(right.get(row), right_huge)) as i64)
        .collect();
    wrapped(values, call.returns).ok_or_else(|| call.contract(format!("it does not answer {}", call.returns)))
}
