//! Comparisons and logic: what gives a condition.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast as cast_array;
use arrow::datatypes::{DataType, Float64Type, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, Expr as Df, Operator, binary_expr, lit, not};
use hogql::resolved::{Expr, Kind, Literal};
use hogql::types::Base;

use super::expr::{fitted, is_false, is_true, joined};
use super::kernel::{Kernel, call};
use super::scope::{Raw, Scope};
use super::types::arrow_type;
use super::{functions as kernels, lambda};

/// `function(arguments)` as a condition, if it is one of those that are planned here.
pub(super) fn predicate(scope: &Scope, function: &str, arguments: &[Expr], expr: &Expr) -> Result<Option<Df>> {
    Ok(Some(match (function, arguments) {
        ("equals" | "notEquals" | "less" | "greater" | "lessOrEquals" | "greaterOrEquals", [left, right])
            if comparable(left, right) =>
        {
            return match comparison(scope, function, left, right)? {
                Some(condition) => Ok(Some(condition)),
                None => library(kernels::plan(scope, function, arguments, expr)?),
            };
        }
        ("and", parts) => joined(parts.iter().map(|part| scope.predicate(part)), crate::plan::all)?,
        ("or", parts) => joined(parts.iter().map(|part| scope.predicate(part)), crate::plan::any)?,
        ("not", [inner]) => not(scope.predicate(inner)?),
        ("isNull", [inner]) => scope.raw(inner)?.expr.is_null(),
        ("isNotNull", [inner]) => scope.raw(inner)?.expr.is_not_null(),
        ("ifNull", [inner, otherwise]) if is_false(otherwise) && is_truth(inner) => scope.predicate(inner)?.is_true(),
        ("ifNull", [inner, otherwise]) if is_true(otherwise) && is_truth(inner) => {
            scope.predicate(inner)?.is_not_false()
        }
        ("ifNull", [inner, otherwise]) if is_truth(inner) && is_truth(otherwise) => {
            let inner = scope.predicate(inner)?;
            Df::Case(datafusion::logical_expr::Case::new(
                None,
                vec![(Box::new(inner.clone().is_not_null()), Box::new(inner))],
                Some(Box::new(scope.predicate(otherwise)?)),
            ))
        }
        (_, [Expr { kind: Kind::Lambda { .. }, .. }, ..]) => {
            return library(lambda::plan(scope, function, arguments, expr)?);
        }
        _ => return library(kernels::plan(scope, function, arguments, expr)?),
    }))
}

/// A condition of the library of kernels, if that is what it gives.
fn library(planned: Option<Raw>) -> Result<Option<Df>> {
    Ok(planned.filter(|raw| raw.kind == DataType::Boolean).map(|raw| raw.expr))
}

/// Whether the engine's comparison, or one made here, is right for both.
fn comparable(left: &Expr, right: &Expr) -> bool {
    use Base::{Bool, Date, String, Uuid};
    let (a, b) = (&left.ty.base, &right.ty.base);
    left.ty.is_null()
        || right.ty.is_null()
        || (a.is_instant() && b.is_instant())
        || (a.is_numeric() && b.is_numeric())
        || (a == b && matches!(a, Bool | Date | String | Uuid | Base::Interval(_)))
}

fn operator(function: &str) -> Operator {
    match function {
        "equals" => Operator::Eq,
        "notEquals" => Operator::NotEq,
        "less" => Operator::Lt,
        "greater" => Operator::Gt,
        "lessOrEquals" => Operator::LtEq,
        _ => Operator::GtEq,
    }
}

fn comparison(scope: &Scope, function: &str, left: &Expr, right: &Expr) -> Result<Option<Df>> {
    use Base::{Bool, Date, DateTime, DateTime64, String, Uuid};
    if left.ty.is_null() || right.ty.is_null() {
        return Ok(Some(lit(ScalarValue::Boolean(None))));
    }
    let (a, b) = (&left.ty.base, &right.ty.base);
    Ok(match (a, b) {
        (DateTime(_) | DateTime64(..), DateTime(_) | DateTime64(..)) => {
            let (a, b) = (instant(scope, left)?, instant(scope, right)?);
            Some(binary_expr(a, operator(function), b))
        }
        (String, String) | (Uuid, Uuid) | (Date, Date) | (Bool, Bool) => {
            Some(binary_expr(scope.raw(left)?.expr, operator(function), scope.raw(right)?.expr))
        }
        (Base::Interval(one), Base::Interval(other)) if one == other => {
            Some(binary_expr(scope.value(left)?, operator(function), scope.value(right)?))
        }
        _ if number(a) && number(b) => {
            let decimal = matches!(a, Base::Decimal(..)) || matches!(b, Base::Decimal(..));
            if (a.is_float() || b.is_float()) && !(exact(left) && exact(right)) {
                return Ok(None);
            }
            if a.is_float() || b.is_float() {
                let double = |expr: &Expr| {
                    Ok::<_, datafusion::common::DataFusionError>(fitted(scope.raw(expr)?, &DataType::Float64))
                };
                Some(floats(function, double(left)?, double(right)?))
            } else if decimal {
                Some(binary_expr(scope.value(left)?, operator(function), scope.value(right)?))
            } else {
                let (a, b) = (whole(scope, left, right)?, whole(scope, right, left)?);
                Some(binary_expr(a, operator(function), b))
            }
        }
        _ => None,
    })
}

fn number(base: &Base) -> bool {
    base.is_numeric()
}

/// Whether `expr` is never anything but true, false or NULL, so that as a number it is 1 or 0.
fn is_truth(expr: &Expr) -> bool {
    match &expr.kind {
        _ if expr.ty.base == Base::Bool => true,
        Kind::In { .. } | Kind::InCohort { .. } => true,
        Kind::Literal(Literal::UInt(value)) => *value <= 1,
        Kind::Literal(Literal::Null) => true,
        Kind::Call { function, arguments } => match *function {
            "equals" | "notEquals" | "less" | "greater" | "lessOrEquals" | "greaterOrEquals" | "and" | "or" | "not"
            | "isNull" | "isNotNull" | "arrayExists" | "arrayAll" => true,
            "ifNull" => arguments.iter().all(is_truth),
            name => functions::scalar(name).is_some_and(|scalar| scalar.kind == functions::Kind::Predicate),
        },
        _ => false,
    }
}

/// Whether every value of `expr` has a double of its own.
fn exact(expr: &Expr) -> bool {
    const LAST: u64 = 1 << f64::MANTISSA_DIGITS;
    match expr.as_literal() {
        Some(Literal::UInt(value)) => *value <= LAST,
        Some(Literal::Int(value)) => value.unsigned_abs() <= LAST,
        _ => !expr.ty.base.is_wide(),
    }
}

/// A whole number in a type in which it compares with `other`.
fn whole(scope: &Scope, expr: &Expr, other: &Expr) -> Result<Df> {
    let wide = |expr: &Expr| {
        expr.ty.base == Base::UInt64
            && !matches!(expr.as_literal(), Some(Literal::UInt(value)) if i64::try_from(*value).is_ok())
    };
    let signed = |expr: &Expr| expr.ty.base.integer_bits().is_some_and(|(signed, _)| signed);
    let raw = scope.raw(expr)?;
    if arrow_type(&expr.ty) == arrow_type(&other.ty) {
        return Ok(fitted(raw, &arrow_type(&expr.ty)));
    }
    let kind = match (wide(expr) || wide(other), signed(expr) || signed(other)) {
        (true, true) => DataType::Decimal128(20, 0),
        (true, false) => DataType::UInt64,
        (false, _) => DataType::Int64,
    };
    Ok(fitted(raw, &kind))
}

/// An instant in microseconds of UTC, which is what stored ones are, so that they stay bare columns.
fn instant(scope: &Scope, expr: &Expr) -> Result<Df> {
    let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    if let (Some(Literal::Timestamp(micros)), None) = (expr.as_literal(), scope.known.get(expr)) {
        return Ok(lit(ScalarValue::TimestampMicrosecond(Some(*micros), Some("UTC".into()))));
    }
    let raw = scope.raw(expr)?;
    let fine = matches!(raw.kind, DataType::Timestamp(TimeUnit::Nanosecond, _));
    Ok(fitted(raw, &utc(if fine { TimeUnit::Nanosecond } else { TimeUnit::Microsecond })))
}

/// A comparison of doubles as IEEE has it: NaN compares with nothing, the two zeros are equal. The engine's own has a
/// total order instead.
pub(super) fn floats(function: &str, left: Df, right: Df) -> Df {
    let operation: fn(f64, f64) -> bool = match function {
        "equals" => |a, b| a == b,
        "notEquals" => |a, b| a != b,
        "less" => |a, b| a < b,
        "greater" => |a, b| a > b,
        "lessOrEquals" => |a, b| a <= b,
        _ => |a, b| a >= b,
    };
    let as_double = |side: Df| match side {
        Df::Literal(value, _) => lit(value.cast_to(&DataType::Float64).unwrap_or(ScalarValue::Float64(None))),
        side => side,
    };
    let run = move |arguments: &[ColumnarValue], _rows: usize| {
        Ok(match arguments {
            [ColumnarValue::Array(left), ColumnarValue::Scalar(ScalarValue::Float64(Some(right)))] => {
                let left = doubles(left)?;
                let left = left.as_primitive::<Float64Type>();
                let values = BooleanBuffer::collect_bool(left.len(), |at| operation(left.value(at), *right));
                ColumnarValue::Array(Arc::new(BooleanArray::new(values, left.nulls().cloned())))
            }
            [ColumnarValue::Scalar(left), ColumnarValue::Scalar(right)] => {
                let pair = (left.cast_to(&DataType::Float64)?, right.cast_to(&DataType::Float64)?);
                let answer = match pair {
                    (ScalarValue::Float64(Some(left)), ScalarValue::Float64(Some(right))) => {
                        Some(operation(left, right))
                    }
                    _ => None,
                };
                ColumnarValue::Scalar(ScalarValue::Boolean(answer))
            }
            [left, right] => {
                let arrays = ColumnarValue::values_to_arrays(&[left.clone(), right.clone()])?;
                let [left, right] = arrays.as_slice() else { return exec_err!("two arrays expected") };
                let (left, right) = (doubles(left)?, doubles(right)?);
                let (left, right) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
                let values = BooleanBuffer::collect_bool(left.len(), |at| operation(left.value(at), right.value(at)));
                let nulls = NullBuffer::union(left.nulls(), right.nulls());
                ColumnarValue::Array(Arc::new(BooleanArray::new(values, nulls)))
            }
            _ => return exec_err!("a comparison takes two arguments"),
        })
    };
    call(Kernel::new(format!("{function}[Float64]"), DataType::Boolean, run), vec![as_double(left), as_double(right)])
}

fn doubles(array: &ArrayRef) -> Result<ArrayRef> {
    if array.data_type() == &DataType::Float64 {
        Ok(Arc::clone(array))
    } else {
        Ok(cast_array(array, &DataType::Float64)?)
    }
}
