//! Types and constants of resolved trees as the engine keeps them.
//!
//! The engine's type of an expression is always the one given here for its resolved type; nothing is inferred.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use hogql::resolved::Literal;
use hogql::types::{Base, Name, Type};

use super::refuse;

/// How values of `ty` are kept.
pub(super) fn arrow_type(ty: &Type) -> DataType {
    match &ty.base {
        Base::Nothing | Base::Function => DataType::Null,
        Base::Bool => DataType::Boolean,
        Base::UInt8 => DataType::UInt8,
        Base::UInt16 => DataType::UInt16,
        Base::UInt32 | Base::IPv4 => DataType::UInt32,
        Base::UInt64 => DataType::UInt64,
        Base::Int8 => DataType::Int8,
        Base::Int16 => DataType::Int16,
        Base::Int32 => DataType::Int32,
        Base::Int64 | Base::Interval(_) => DataType::Int64,
        Base::Float32 => DataType::Float32,
        Base::Float64 => DataType::Float64,
        Base::Decimal(precision, scale) if *precision <= 38 => {
            DataType::Decimal128(*precision, i8::try_from(*scale).unwrap_or(i8::MAX))
        }
        Base::Decimal(precision, scale) => {
            DataType::Decimal256((*precision).min(76), i8::try_from(*scale).unwrap_or(i8::MAX))
        }
        Base::String => DataType::Utf8,
        Base::Uuid | Base::IPv6 => DataType::FixedSizeBinary(16),
        Base::Date => DataType::Date32,
        Base::DateTime(zone) => instant(TimeUnit::Second, zone),
        Base::DateTime64(precision, zone) => instant(unit(*precision), zone),
        Base::Array(element) => list_of(arrow_type(element)),
        Base::Tuple(elements) => DataType::Struct(
            elements
                .iter()
                .enumerate()
                .map(|(at, element)| {
                    let name = element.name.as_deref().map_or_else(|| (at + 1).to_string(), str::to_owned);
                    Field::new(name, arrow_type(&element.ty), true)
                })
                .collect::<Fields>(),
        ),
        Base::Map(key, value) => {
            let entries = Fields::from(vec![
                Field::new("key", arrow_type(key), false),
                Field::new("value", arrow_type(value), true),
            ]);
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
        }
    }
}

/// A list of `element`, as every list of the engine is.
pub(super) fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

/// The unit that instants of `precision` digits are kept in: the coarsest that holds them.
pub(super) fn unit(precision: u8) -> TimeUnit {
    match precision {
        0 => TimeUnit::Second,
        1..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

fn instant(unit: TimeUnit, zone: &Name) -> DataType {
    DataType::Timestamp(unit, Some(Arc::clone(zone)))
}

/// What stands for a missing value of `ty`: NULL if it has one, else its default.
pub(super) fn default_value(ty: &Type) -> Result<ScalarValue> {
    let kind = arrow_type(ty);
    if ty.nullable {
        return ScalarValue::try_from(&kind);
    }
    Ok(match &ty.base {
        Base::String => ScalarValue::Utf8(Some(String::new())),
        Base::Uuid | Base::IPv6 => ScalarValue::FixedSizeBinary(16, Some(vec![0; 16])),
        Base::Bool => ScalarValue::Boolean(Some(false)),
        Base::Date => ScalarValue::Date32(Some(0)),
        Base::Array(_) | Base::Map(..) => {
            // One empty list.
            let array = arrow::array::new_null_array(&kind, 1);
            let data = array.to_data().into_builder().nulls(None).null_count(0).build()?;
            ScalarValue::try_from_array(&arrow::array::make_array(data), 0)?
        }
        Base::Tuple(elements) => {
            let DataType::Struct(fields) = &kind else { return refuse("a tuple without places") };
            let arrays = elements
                .iter()
                .map(|element| default_value(&element.ty)?.to_array())
                .collect::<Result<Vec<ArrayRef>>>()?;
            let array = arrow::array::StructArray::try_new_with_length(fields.clone(), arrays, None, 1)?;
            ScalarValue::Struct(Arc::new(array))
        }
        Base::Nothing | Base::Function => ScalarValue::Null,
        _ => ScalarValue::new_zero(&kind)?,
    })
}

/// `literal` as a value of `ty`.
pub(super) fn constant(literal: &Literal, ty: &Type) -> Result<ScalarValue> {
    let kind = arrow_type(ty);
    let value = match literal {
        Literal::Null => return ScalarValue::try_from(&kind),
        Literal::Bool(value) => ScalarValue::Boolean(Some(*value)),
        Literal::UInt(value) => ScalarValue::UInt64(Some(*value)),
        Literal::Int(value) => ScalarValue::Int64(Some(*value)),
        Literal::Float(value) => ScalarValue::Float64(Some(value.0)),
        Literal::String(text) => ScalarValue::Utf8(Some(text.to_string())),
        Literal::Uuid(id) => ScalarValue::FixedSizeBinary(16, Some(id.as_bytes().to_vec())),
        Literal::Date(days) => ScalarValue::Date32(Some(*days)),
        Literal::Timestamp(micros) => ScalarValue::TimestampMicrosecond(Some(*micros), Some("UTC".into())),
    };
    if value.data_type() == kind { Ok(value) } else { value.cast_to(&kind) }
}

/// An array of no values of `kind`.
pub(super) fn nothing(kind: &DataType) -> ArrayRef {
    new_empty_array(kind)
}
