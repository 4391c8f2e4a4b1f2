//! Functions of real numbers, and rounding.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

use crate::call::Call;
use crate::error::FunctionError;
use crate::table::{Scalar, predicate, value};

macro_rules! real {
    ($name:literal, $f:expr) => {
        value($name, |call| {
            let values = call.floats(0)?;
            let f: fn(f64) -> f64 = $f;
            call.float(|row| f(values.get(row)))
        })
    };
}

macro_rules! real_pair {
    ($name:literal, $f:expr) => {
        value($name, |call| {
            let (left, right) = (call.floats(0)?, call.floats(1)?);
            let f: fn(f64, f64) -> f64 = $f;
            call.float(|row| f(left.get(row), right.get(row)))
        })
    };
}

macro_rules! about {
    ($name:literal, $f:expr) => {
        predicate($name, |call| {
            let values = call.floats(0)?;
            let f: fn(f64) -> bool = $f;
            Ok(call.test(|row| f(values.get(row))))
        })
    };
}

pub(crate) const TABLE: &[Scalar] = &[
    real!("exp", f64::exp),
    real!("exp2", f64::exp2),
    real!("exp10", |x| 10f64.powf(x)),
    real!("log", f64::ln),
    real!("ln", f64::ln),
    real!("log2", f64::log2),
    real!("log10", f64::log10),
    real!("log1p", f64::ln_1p),
    real!("sqrt", f64::sqrt),
    real!("cbrt", f64::cbrt),
    real!("sin", f64::sin),
    real!("cos", f64::cos),
    real!("tan", f64::tan),
    real!("asin", f64::asin),
    real!("acos", f64::acos),
    real!("atan", f64::atan),
    real!("sinh", f64::sinh),
    real!("cosh", f64::cosh),
    real!("tanh", f64::tanh),
    real!("asinh", f64::asinh),
    real!("acosh", f64::acosh),
    real!("atanh", f64::atanh),
    real!("erf", libm::erf),
    real!("erfc", libm::erfc),
    real!("lgamma", libm::lgamma),
    real!("tgamma", libm::tgamma),
    real!("degrees", f64::to_degrees),
    real!("radians", f64::to_radians),
    real_pair!("pow", f64::powf),
    real_pair!("power", f64::powf),
    real_pair!("atan2", f64::atan2),
    real_pair!("hypot", f64::hypot),
    real_pair!("max2", f64::max),
    real_pair!("min2", f64::min),
    value("pi", |call| call.float(|_| std::f64::consts::PI)),
    value("e", |call| call.float(|_| std::f64::consts::E)),
    about!("isNaN", f64::is_nan),
    about!("isFinite", f64::is_finite),
    about!("isInfinite", f64::is_infinite),
    value("ifNotFinite", if_not_finite),
    value("round", |call| rounded(call, Rounding::Nearest)),
    value("roundBankers", |call| rounded(call, Rounding::Nearest)),
    value("floor", |call| rounded(call, Rounding::Down)),
    value("ceil", |call| rounded(call, Rounding::Up)),
    value("ceiling", |call| rounded(call, Rounding::Up)),
    value("trunc", |call| rounded(call, Rounding::TowardsZero)),
    value("truncate", |call| rounded(call, Rounding::TowardsZero)),
    value("roundDown", round_down),
    value("width_bucket", width_bucket),
    value("widthBucket", width_bucket),
    value("factorial", factorial),
];

fn if_not_finite(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let values = call.floats(0)?;
    if call.has(1) {
        let other = call.floats(1)?;
        return call.float(|row| if values.get(row).is_finite() { values.get(row) } else { other.get(row) });
    }
    call.float(|row| if values.get(row).is_finite() { values.get(row) } else { 0.0 })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounding {
    /// Halves to even for floats, away from zero for integers.
    Nearest,
    Down,
    Up,
    TowardsZero,
}

fn rounded(call: &Call<'_>, rounding: Rounding) -> Result<ArrayRef, FunctionError> {
    let digits = if call.has(1) { Some(call.ints(1)?) } else { None };
    let digits_of = |row: usize| digits.as_ref().map_or(0, |digits| digits.get(row)).clamp(-400, 400);
    match call.returns {
        DataType::Float64 => {
            let values = call.floats(0)?;
            call.float(|row| round_float(values.get(row), digits_of(row), rounding))
        }
        #[expect(clippy::cast_possible_truncation, reason = "single precision is rounded as such")]
        DataType::Float32 => {
            let values = call.floats(0)?;
            call.float(|row| f64::from(round_single(values.get(row) as f32, digits_of(row), rounding)))
        }
        DataType::Decimal128(_, _) => round_decimal(call, rounding, digits_of),
        ty => {
            let unsigned = ty == &DataType::UInt64;
            let bankers = call.function == "roundBankers";
            let values = call.ints(0)?;
            call.number(|row| round_integer(values.get(row), unsigned, digits_of(row), rounding, bankers))
        }
    }
}

fn whole(value: f64, rounding: Rounding) -> f64 {
    match rounding {
        Rounding::Nearest => value.round_ties_even(),
        Rounding::Down => value.floor(),
        Rounding::Up => value.ceil(),
        Rounding::TowardsZero => value.trunc(),
    }
}

fn round_float(value: f64, digits: i64, rounding: Rounding) -> f64 {
    let power = 10f64.powi(i32::try_from(digits.unsigned_abs()).unwrap_or(i32::MAX));
    match digits {
        0 => whole(value, rounding),
        1.. => {
            let scaled = whole(value * power, rounding) / power;
            if scaled.is_finite() { scaled } else { value }
        }
        _ => {
            let scaled = whole(value / power, rounding) * power;
            if scaled.is_finite() { scaled } else { value }
        }
    }
}

fn round_single(value: f32, digits: i64, rounding: Rounding) -> f32 {
    let power = 10f32.powi(i32::try_from(digits.unsigned_abs()).unwrap_or(i32::MAX));
    let whole = |value: f32| match rounding {
        Rounding::Nearest => value.round_ties_even(),
        Rounding::Down => value.floor(),
        Rounding::Up => value.ceil(),
        Rounding::TowardsZero => value.trunc(),
    };
    let scaled = match digits {
        0 => whole(value),
        1.. => whole(value * power) / power,
        _ => whole(value / power) * power,
    };
    if scaled.is_finite() { scaled } else { value }
}

#[expect(clippy::cast_possible_truncation, reason = "wrapping is what is asked for")]
fn round_integer(value: i64, unsigned: bool, digits: i64, rounding: Rounding, bankers: bool) -> i64 {
    if digits >= 0 {
        return value;
    }
    let value = if unsigned { i128::from(value.cast_unsigned()) } else { i128::from(value) };
    let Some(unit) = 10i128.checked_pow(u32::try_from(digits.unsigned_abs()).unwrap_or(u32::MAX)) else { return 0 };
    if unit > i128::from(u64::MAX) {
        return 0;
    }
    scaled_round(value, unit, rounding, bankers) as i64
}

/// `value` rounded to a multiple of `unit`.
fn scaled_round(value: i128, unit: i128, rounding: Rounding, bankers: bool) -> i128 {
    let (down, rest) = (value.div_euclid(unit), value.rem_euclid(unit));
    let quotient = match rounding {
        Rounding::Down => down,
        Rounding::Up => down + i128::from(rest != 0),
        Rounding::TowardsZero => value / unit,
        Rounding::Nearest => {
            let up = match (rest * 2).cmp(&unit) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Greater => true,
                std::cmp::Ordering::Equal if bankers => down % 2 != 0,
                std::cmp::Ordering::Equal => value > 0,
            };
            down + i128::from(up)
        }
    };
    quotient * unit
}

fn round_decimal(
    call: &Call<'_>,
    rounding: Rounding,
    digits_of: impl Fn(usize) -> i64,
) -> Result<ArrayRef, FunctionError> {
    use arrow::array::types::Decimal128Type;
    use arrow::array::{AsArray, PrimitiveArray};

    let DataType::Decimal128(_, scale) = call.returns else { return Err(call.contract("no decimal is asked for")) };
    let value = call.argument(0)?;
    let array = value.array().as_primitive_opt::<Decimal128Type>().ok_or_else(|| call.illegal(0))?;
    let rounded = (0..call.rows).map(|row| {
        let digits = array.value(value.index(row));
        let drop = i64::from(*scale) - digits_of(row);
        match u32::try_from(drop).ok().filter(|drop| *drop > 0) {
            Some(drop) => 10i128
                .checked_pow(drop)
                .map_or(0, |unit| scaled_round(digits, unit, rounding, call.function == "roundBankers")),
            None => digits,
        }
    });
    let array = PrimitiveArray::<Decimal128Type>::from_iter_values(rounded);
    Ok(std::sync::Arc::new(array.with_data_type(call.returns.clone())))
}

/// The greatest of the given numbers that is not above the value, or the least of them.
fn round_down(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let steps = call.lists(1)?;
    let Some(numbers) = crate::call::floats(steps.values()) else { return Err(call.illegal(1)) };
    let values = call.floats(0)?;
    let find = |row: usize| -> f64 {
        let mut sorted: Vec<f64> = numbers.get(steps.range(row)).unwrap_or_default().to_vec();
        sorted.sort_by(f64::total_cmp);
        let value = values.get(row);
        let above = sorted.partition_point(|step| *step <= value);
        sorted.get(above.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    };
    if call.returns.is_floating() {
        return call.float(find);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the numbers are whole")]
    call.number(|row| find(row) as i64)
}

fn width_bucket(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (value, low, high) = (call.floats(0)?, call.floats(1)?, call.floats(2)?);
    let count = call.ints(3)?;
    call.try_number(|row| {
        let (value, low, high, count) = (value.get(row), low.get(row), high.get(row), count.get(row));
        if value.is_nan() || !low.is_finite() || !high.is_finite() || low >= high || count <= 0 {
            let message = "width_bucket needs a number, finite bounds in ascending order and a positive count";
            return Err(FunctionError::Argument(message.to_owned()));
        }
        if value < low {
            return Ok(0);
        }
        if value >= high {
            return Ok(count.wrapping_add(1));
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "buckets are counted in floats"
        )]
        let bucket = ((value - low) / (high - low) * count as f64) as i64;
        Ok(bucket + 1)
    })
}

fn factorial(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let values = call.ints(0)?;
    call.try_number(|row| match values.get(row) {
        n @ 21.. => Err(FunctionError::Argument(format!("the factorial of {n} does not fit UInt64"))),
        n => Ok((1..=n).product()),
    })
}
