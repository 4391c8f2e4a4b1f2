//! Scalar functions of the library of kernels.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, Expr as Df, lit};
use functions::{FunctionError, Kind, Value, scalar};
use hogql::resolved::Expr;
use hogql::types::Base;

use super::Refusal;
use super::kernel::{Kernel, call};
use super::scope::{Raw, Scope};
use super::types::arrow_type;

/// `function(arguments)`, which is `expr`, if the library has it.
pub(super) fn plan(scope: &Scope, function: &str, arguments: &[Expr], expr: &Expr) -> Result<Option<Raw>> {
    let Some(scalar) = scalar(function) else { return Ok(None) };
    let mut values = Vec::with_capacity(arguments.len());
    for argument in arguments {
        if argument.ty.is_null() {
            values.push(lit(ScalarValue::Null));
        } else if argument.ty.base == Base::String {
            // Dictionaries stay: each of their values is looked at once.
            values.push(scope.raw(argument)?.expr);
        } else {
            values.push(scope.value(argument)?);
        }
        if let Base::Interval(unit) = argument.ty.base {
            values.push(lit(unit.name().to_ascii_lowercase()));
        }
    }
    let returns = arrow_type(&expr.ty);
    let fills = matches!((function, arguments.len()), ("arrayElement" | "arrayResize", 2));
    if fills && let Some(element) = arguments.first().and_then(|list| list.ty.element()).filter(|ty| ty.nullable) {
        // What is outside of the array: the kernel does not see that NULL is possible inside.
        values.push(lit(ScalarValue::try_from(&arrow_type(element))?));
    }
    let kind = if scalar.kind == Kind::Predicate { DataType::Boolean } else { returns.clone() };
    let now = scope.answers.now_micros;
    let run = move |arguments: &[ColumnarValue], rows: usize| {
        let arguments = arguments.iter().map(value).collect::<Result<Vec<_>>>()?;
        columnar(scalar.call(&arguments, rows, &returns, now).map_err(failed)?)
    };
    // What it answers depends on the type that is asked for.
    let name = format!("{function}[{}]", expr.ty);
    let kernel = Kernel::new(name, kind.clone(), run).growing(scalar.grows);
    Ok(Some(Raw::new(call(kernel, values), kind)))
}

/// `cityHash64(text)`.
pub(super) fn city_hash(text: Df) -> Result<Df> {
    let Some(scalar) = scalar("cityHash64") else { return super::refuse("the function cityHash64 is missing") };
    let returns = DataType::UInt64;
    let run = move |arguments: &[ColumnarValue], rows: usize| {
        let arguments = arguments.iter().map(value).collect::<Result<Vec<_>>>()?;
        columnar(scalar.call(&arguments, rows, &returns, 0).map_err(failed)?)
    };
    Ok(call(Kernel::new("cityHash64[UInt64]", DataType::UInt64, run), vec![text]))
}

pub(super) fn value(argument: &ColumnarValue) -> Result<Value> {
    Ok(match argument {
        ColumnarValue::Array(array) => Value::Column(Arc::clone(array)),
        ColumnarValue::Scalar(value) => Value::Constant(value.to_array()?),
    })
}

fn columnar(answer: Value) -> Result<ColumnarValue> {
    Ok(match answer {
        Value::Column(array) => ColumnarValue::Array(array),
        Value::Constant(array) => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
    })
}

/// Why a kernel did not answer: mostly the fault of whoever wrote the query.
pub(super) fn failed(error: FunctionError) -> DataFusionError {
    let code = match &error {
        FunctionError::ArgumentType { .. } => "illegal_type_of_argument",
        FunctionError::Argument(_) => "bad_arguments",
        FunctionError::Parse { .. } => "cannot_parse_text",
        FunctionError::Division => "illegal_division",
        FunctionError::Range(_) => "argument_out_of_bound",
        FunctionError::TooLarge(_) => "too_large_array_size",
        FunctionError::Contract { .. } | FunctionError::Arrow(_) => return DataFusionError::External(Box::new(error)),
    };
    DataFusionError::External(Box::new(Refusal { code, message: error.to_string() }))
}
