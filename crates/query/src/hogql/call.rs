//! Calls of scalar functions.
//!
//! What the engine does exactly as ClickHouse is left to the engine, so that it can optimise it; everything else is a
//! kernel.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::interleave;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{Case, ColumnarValue, Expr as Df, Operator, binary_expr, cast, lit};
use hogql::resolved::{Expr, Kind, Step};
use hogql::types::{Base, Type};

use super::expr::fitted;
use super::kernel::{Kernel, call};
use super::scope::{Raw, Scope};
use super::types::{arrow_type, default_value};
use super::usage::own_property;
use super::{compare, functions, lambda, property, refuse};
use crate::table::Form;

/// `function(arguments)`, which is `expr`.
pub(super) fn plan(scope: &Scope, function: &'static str, arguments: &[Expr], expr: &Expr) -> Result<Raw> {
    let kind = arrow_type(&expr.ty);
    if expr.ty.is_null() {
        return Ok(Raw::new(lit(ScalarValue::Null), kind));
    }
    if matches!(expr.ty.base, Base::UInt8 | Base::Bool)
        && let Some(condition) = compare::predicate(scope, function, arguments, expr)?
    {
        let condition = if kind == DataType::Boolean { condition } else { cast(condition, kind.clone()) };
        return Ok(Raw::new(condition, kind));
    }
    if let Some(planned) = native(scope, function, arguments, &expr.ty)? {
        return Ok(Raw::new(planned, kind));
    }
    let planned = match arguments.first().map(|argument| &argument.kind) {
        Some(Kind::Lambda { .. }) => lambda::plan(scope, function, arguments, expr)?,
        _ => functions::plan(scope, function, arguments, expr)?,
    };
    match planned {
        Some(raw) if raw.kind == DataType::Boolean && kind != DataType::Boolean => {
            Ok(Raw::new(cast(raw.expr, kind.clone()), kind))
        }
        Some(raw) => Ok(raw),
        None => refuse(format!("the function {function} is not available yet")),
    }
}

fn native(scope: &Scope, function: &str, arguments: &[Expr], ty: &Type) -> Result<Option<Df>> {
    Ok(Some(match (function, arguments) {
        ("plus" | "minus" | "multiply", [left, right]) if plain(left) && plain(right) && roomy(ty) => {
            let operator = match function {
                "plus" => Operator::Plus,
                "minus" => Operator::Minus,
                _ => Operator::Multiply,
            };
            binary_expr(scope.value_as(left, ty)?, operator, scope.value_as(right, ty)?)
        }
        ("divide", [left, right]) if plain(left) && plain(right) => {
            binary_expr(double(scope, left)?, Operator::Divide, double(scope, right)?)
        }
        ("negate", [inner]) if plain(inner) && roomy(ty) => scope.value_as(inner, ty)?.neg(),
        ("if", [condition, yes, no]) => choice(scope, &[condition, yes], no, ty)?,
        ("multiIf", [pairs @ .., otherwise]) => choice(scope, &pairs.iter().collect::<Vec<_>>(), otherwise, ty)?,
        ("ifNull", [first, second]) => {
            if first.ty.is_null() {
                scope.value_as(second, ty)?
            } else if first.ty.nullable {
                present(scope.value_as(first, ty)?, scope.value_as(second, ty)?)
            } else {
                scope.value_as(first, ty)?
            }
        }
        ("coalesce", arguments) => {
            let mut all = Vec::new();
            for argument in arguments.iter().filter(|argument| !argument.ty.is_null()) {
                all.push(scope.value_as(argument, ty)?);
                if !argument.ty.nullable {
                    break;
                }
            }
            let last = all.pop().unwrap_or_else(|| lit(ScalarValue::Null));
            all.into_iter().rev().fold(last, |otherwise, first| present(first, otherwise))
        }
        ("toNullable", [inner]) => scope.value_as(inner, ty)?,
        ("assumeNotNull", [inner]) => present(scope.value_as(inner, ty)?, lit(default_value(ty)?)),
        ("accurateCastOrNull", [inner, to])
            if to.as_string().is_some_and(|to| to.as_ref() == "Float64") && !inner.ty.base.is_wide() =>
        {
            return real(scope, inner).map(Some);
        }
        ("tuple", parts) => {
            let DataType::Struct(fields) = arrow_type(ty) else { return Ok(None) };
            let run = {
                let fields = fields.clone();
                move |arguments: &[ColumnarValue], rows: usize| {
                    let arrays = arrays(arguments, rows)?;
                    let tuple = StructArray::try_new_with_length(fields.clone(), arrays, None, rows)?;
                    Ok(ColumnarValue::Array(Arc::new(tuple)))
                }
            };
            let values = parts.iter().map(|part| scope.value(part)).collect::<Result<_>>()?;
            call(Kernel::new("tuple", DataType::Struct(fields), run), values)
        }
        ("array", parts) => {
            let Some(element) = ty.element() else { return Ok(None) };
            let values = parts.iter().map(|part| scope.value_as(part, element)).collect::<Result<_>>()?;
            let kind = arrow_type(element);
            let run = move |arguments: &[ColumnarValue], rows: usize| list(&kind, arguments, rows);
            call(Kernel::new("array", arrow_type(ty), run), values)
        }
        _ => return Ok(None),
    }))
}

/// Whether the engine's arithmetic on it is ClickHouse's.
fn plain(expr: &Expr) -> bool {
    plain_type(&expr.ty)
}

fn plain_type(ty: &Type) -> bool {
    ty.base.is_integer() || ty.base.is_float()
}

/// Whether sums and products of type `ty` always fit: what does not wraps round, where the engine's arithmetic fails.
fn roomy(ty: &Type) -> bool {
    plain_type(ty) && !ty.base.is_wide()
}

fn double(scope: &Scope, expr: &Expr) -> Result<Df> {
    Ok(fitted(scope.raw(expr)?, &DataType::Float64))
}

trait Negate {
    fn neg(self) -> Self;
}

impl Negate for Df {
    fn neg(self) -> Self {
        Self::Negative(Box::new(self))
    }
}

/// `first`, or `otherwise` where it is NULL.
pub(super) fn present(first: Df, otherwise: Df) -> Df {
    let when = vec![(Box::new(first.clone().is_not_null()), Box::new(first))];
    Df::Case(Case::new(None, when, Some(Box::new(otherwise))))
}

/// Pairs of condition and value, and the value if no condition holds.
fn choice(scope: &Scope, pairs: &[&Expr], otherwise: &Expr, ty: &Type) -> Result<Df> {
    let mut when = Vec::with_capacity(pairs.len() / 2);
    for pair in pairs.chunks_exact(2) {
        let [condition, value] = pair else { continue };
        when.push((Box::new(scope.condition(condition)?), Box::new(scope.value_as(value, ty)?)));
    }
    Ok(Df::Case(Case::new(None, when, Some(Box::new(scope.value_as(otherwise, ty)?)))))
}

/// `inner` as a double, NULL where it is none.
fn real(scope: &Scope, inner: &Expr) -> Result<Df> {
    if let Some(((relation, document), [Step::Key(key)])) = own_property(inner)
        && let Some(raw) = scope.properties.get(&(relation, document, Arc::clone(key), Form::Real))
    {
        return Ok(raw.expr.clone());
    }
    if inner.ty.base != Base::String {
        return double(scope, inner);
    }
    let run = |arguments: &[ColumnarValue], _rows: usize| {
        let [argument] = ColumnarValue::values_to_arrays(arguments)?
            .try_into()
            .or_else(|_: Vec<_>| exec_err!("a conversion takes one value"))?;
        Ok(ColumnarValue::Array(Arc::new(reals(&argument)?)))
    };
    Ok(call(Kernel::new("accurateCastOrNull[Float64]", DataType::Float64, run), vec![scope.raw(inner)?.expr]))
}

fn reals(texts: &ArrayRef) -> Result<Float64Array> {
    if let DataType::Dictionary(_, _) = texts.data_type() {
        let dictionary = texts.as_any_dictionary();
        let values: ArrayRef = Arc::new(reals(dictionary.values())?);
        let all = arrow::compute::take(&values, dictionary.keys(), None)?;
        return Ok(all.as_primitive::<arrow::datatypes::Float64Type>().clone());
    }
    let texts = arrow::compute::cast(texts, &DataType::Utf8)?;
    Ok(texts.as_string::<i32>().iter().map(|text| text.and_then(property::number_of)).collect())
}

/// The arguments as arrays of `rows` values, also when there are none.
pub(super) fn arrays(arguments: &[ColumnarValue], rows: usize) -> Result<Vec<ArrayRef>> {
    arguments.iter().map(|argument| argument.to_array(rows)).collect()
}

fn list(kind: &DataType, arguments: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let arrays = arrays(arguments, rows)?;
    let plain: Vec<&dyn Array> = arrays.iter().map(|array| array.as_ref() as &dyn Array).collect();
    let places: Vec<(usize, usize)> = (0..rows).flat_map(|row| (0..plain.len()).map(move |at| (at, row))).collect();
    let values = if plain.is_empty() { super::types::nothing(kind) } else { interleave(&plain, &places)? };
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(plain.len(), rows));
    let DataType::List(field) = super::types::list_of(kind.clone()) else { return exec_err!("a list is a list") };
    Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(field, offsets, values, None)?)))
}
