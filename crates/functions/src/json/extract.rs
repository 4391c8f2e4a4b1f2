//! `JSONExtract(document, path…, 'Type')`: values as a type that is named in the query.
//!
//! The Arrow type says what to build; the name says in addition where NULL may be, because a value that does not fit its type
//! is NULL there and the default elsewhere. Columns are built level by level: the elements of all arrays at once.

use std::sync::Arc;

use arrow::array::builder::BooleanBufferBuilder;
use arrow::array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::interleave;
use arrow::datatypes::DataType;

use super::scan::{Items, Number, is_key, unescape};
use super::{Reader, loose_number, pairs, text_of};
use crate::build::{TextBuilder, offset, with_nulls, wrapped};
use crate::call::Call;
use crate::elements::default_value;
use crate::error::FunctionError;

/// Where a type may be NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    nullable: bool,
    inner: Vec<(Option<String>, Shape)>,
}

impl Shape {
    /// Reads the name of a ClickHouse type.
    fn parse(name: &str) -> Result<Self, FunctionError> {
        let name = name.trim();
        let arguments = |kind: &str| name.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(inner) = arguments("Nullable") {
            return Ok(Self { nullable: true, ..Self::parse(inner)? });
        }
        if let Some(inner) = arguments("LowCardinality") {
            return Self::parse(inner);
        }
        let inner = arguments("Array").or_else(|| arguments("Map")).or_else(|| arguments("Tuple"));
        let parts = inner.map_or_else(Vec::new, split);
        let inner = parts.into_iter().map(named).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { nullable: false, inner })
    }
}

/// The arguments of a type, apart.
fn split(inner: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(inner.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(inner.get(start..).unwrap_or_default());
    parts
}

/// `name Type`, or only a type.
fn named(part: &str) -> Result<(Option<String>, Shape), FunctionError> {
    let part = part.trim();
    match part.split_once(' ').filter(|(name, _)| !name.contains('(')) {
        Some((name, ty)) => Ok((Some(name.trim_matches('`').to_owned()), Shape::parse(ty)?)),
        None => Ok((None, Shape::parse(part)?)),
    }
}

pub(super) fn extract(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let last = call.arguments.len().saturating_sub(1);
    let shape = Shape::parse(call.constant_text(last)?)?;
    let reader = Reader::of(call, 1)?;
    let found: Vec<Option<&str>> =
        (0..call.rows).map(|row| if call.is_null(row) { None } else { reader.find(row) }).collect();
    build(&found, &shape, call.returns, call.now_micros).map(|(array, _)| array)
}

/// `JSONExtractKeysAndValues(document, path…, 'Type')`: members whose value is not of the type are left out.
pub(super) fn keys_and_values(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let last = call.arguments.len().saturating_sub(1);
    let shape = Shape::parse(call.constant_text(last)?)?;
    let DataType::List(field) = call.returns else { return Err(call.contract("it answers lists")) };
    let DataType::Struct(fields) = field.data_type() else { return Err(call.contract("it answers lists of pairs")) };
    let ty = fields.get(1).map(|field| field.data_type()).ok_or_else(|| call.contract("it answers lists of pairs"))?;
    let reader = Reader::of(call, 1)?;
    let mut members = Vec::new();
    let mut counts = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let items =
            if call.is_null(row) { None } else { reader.find(row).and_then(Items::of).filter(Items::is_object) };
        let before = members.len();
        members.extend(items.into_iter().flatten());
        counts.push(members.len() - before);
    }
    let values: Vec<Option<&str>> = members.iter().map(|(_, value)| Some(*value)).collect();
    let (values, fitted) = build(&values, &shape, ty, call.now_micros)?;
    let mut names = TextBuilder::new(call.function, members.len());
    let (mut kept, mut offsets, mut at) = (Vec::new(), vec![0], 0);
    for count in counts {
        for (place, (key, _)) in members.iter().enumerate().skip(at).take(count) {
            if fitted.get(place).copied().unwrap_or(false) {
                names.push(&unescape(key))?;
                kept.push(u32::try_from(place).map_err(|_| FunctionError::TooLarge(call.function))?);
            }
        }
        at += count;
        offsets.push(offset(call.function, kept.len())?);
    }
    let values = arrow::compute::take(&values, &arrow::array::UInt32Array::from(kept), None)?;
    pairs(call, offsets, Arc::new(names.finish()?), values)
}

/// A column of `ty`, and which of the values were of that type. Others are NULL if they may be, else the default.
fn build(
    values: &[Option<&str>],
    shape: &Shape,
    ty: &DataType,
    now_micros: i64,
) -> Result<(ArrayRef, Vec<bool>), FunctionError> {
    match ty {
        DataType::List(_) => lists(values, shape, ty, now_micros),
        DataType::Struct(_) => tuples(values, shape, ty, now_micros),
        DataType::Map(_, _) => maps(values, shape, ty, now_micros),
        _ => {
            let (array, fitted) = scalars(values, ty, now_micros)?;
            if shape.nullable {
                return Ok((array, fitted));
            }
            let default = default_value(ty)?;
            let picks: Vec<_> =
                fitted.iter().enumerate().map(|(row, fits)| if *fits { (0, row) } else { (1, 0) }).collect();
            Ok((interleave(&[array.as_ref(), default.as_ref()], &picks)?, fitted))
        }
    }
}

/// Values that have no parts; NULL where they are not of the type.
fn scalars(values: &[Option<&str>], ty: &DataType, now_micros: i64) -> Result<(ArrayRef, Vec<bool>), FunctionError> {
    let array = match ty {
        DataType::Utf8 => {
            let mut out = TextBuilder::new("JSONExtract", values.len());
            for value in values {
                match value.and_then(text_of) {
                    Some(text) => out.push(&text)?,
                    None => out.null()?,
                }
            }
            Arc::new(out.finish()?) as ArrayRef
        }
        DataType::Float64 | DataType::Float32 => {
            let floats: arrow::array::Float64Array = values.iter().map(|value| value.and_then(float)).collect();
            crate::convert::coerce(&(Arc::new(floats) as ArrayRef), ty)?
        }
        ty if ty.is_integer() || ty == &DataType::Boolean => {
            let whole: Vec<Option<i64>> =
                values.iter().map(|value| value.and_then(|value| integer(value, ty))).collect();
            let mut valid = BooleanBufferBuilder::new(whole.len());
            whole.iter().for_each(|value| valid.append(value.is_some()));
            let numbers = wrapped(whole.into_iter().map(Option::unwrap_or_default).collect(), ty);
            let numbers = numbers.ok_or_else(|| FunctionError::Range(ty.clone()))?;
            with_nulls(&numbers, Some(&NullBuffer::new(valid.finish())))?
        }
        // Dates, uuids and decimals are read from text.
        _ => {
            let (texts, _) = scalars(values, &DataType::Utf8, now_micros)?;
            crate::table::scalar("accurateCastOrNull")
                .ok_or(FunctionError::TooLarge("JSONExtract"))?
                .call(&[crate::Value::Column(texts)], values.len(), ty, now_micros)
                .map(|value| Arc::clone(value.array()))?
        }
    };
    let fitted = (0..array.len()).map(|row| array.is_valid(row)).collect();
    Ok((array, fitted))
}

fn float(value: &str) -> Option<f64> {
    let is_text = value.starts_with('"');
    match loose_number(value) {
        Some(_) => Some(super::float_of(value)),
        None if is_text => unescape(value.get(1..value.len() - 1)?).parse().ok(),
        None if value == "true" => Some(1.0),
        None if value == "false" => Some(0.0),
        None => value.parse().ok(),
    }
}

fn integer(value: &str, ty: &DataType) -> Option<i64> {
    if ty == &DataType::Boolean {
        return match (value, super::scan::number(value)) {
            ("true", _) => Some(1),
            ("false", _) => Some(0),
            (_, Some(Number::Int(value))) => Some(i64::from(value != 0)),
            (_, Some(Number::UInt(_))) => Some(1),
            _ => None,
        };
    }
    let wide: i128 = match (value, loose_number(value)) {
        ("true", _) => 1,
        ("false", _) => 0,
        (_, Some(Number::Int(value))) => value.into(),
        (_, Some(Number::UInt(value))) => value.into(),
        #[expect(clippy::cast_possible_truncation, reason = "the fraction is dropped")]
        (_, Some(Number::Double(value))) if value.abs() < 2e19 => value as i128,
        _ => return None,
    };
    let bits = crate::bits::width(ty);
    let range: std::ops::RangeInclusive<i128> =
        if ty.is_unsigned_integer() { 0..=(1 << bits) - 1 } else { -(1 << (bits - 1))..=(1 << (bits - 1)) - 1 };
    #[expect(clippy::cast_possible_truncation, reason = "it fits the type, and wraps back")]
    range.contains(&wide).then_some(wide as i64)
}

fn lists(
    values: &[Option<&str>],
    shape: &Shape,
    ty: &DataType,
    now_micros: i64,
) -> Result<(ArrayRef, Vec<bool>), FunctionError> {
    let DataType::List(field) = ty else { return Err(FunctionError::Range(ty.clone())) };
    let (mut items, mut offsets, mut fitted) = (Vec::new(), vec![0], Vec::new());
    for value in values {
        let found = value.and_then(Items::of).filter(|items| !items.is_object());
        fitted.push(found.is_some());
        items.extend(found.into_iter().flatten().map(|(_, value)| Some(value)));
        offsets.push(offset("JSONExtract", items.len())?);
    }
    let (items, _) = build(&items, inner(shape, 0)?, field.data_type(), now_micros)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok((Arc::new(ListArray::try_new(Arc::clone(field), offsets, items, None)?), fitted))
}

fn inner(shape: &Shape, at: usize) -> Result<&Shape, FunctionError> {
    let missing = || FunctionError::Argument("the type of JSONExtract names too few types".to_owned());
    shape.inner.get(at).map(|(_, shape)| shape).ok_or_else(missing)
}

/// An array by place, an object by name, or by place if the places have no names.
fn tuples(
    values: &[Option<&str>],
    shape: &Shape,
    ty: &DataType,
    now_micros: i64,
) -> Result<(ArrayRef, Vec<bool>), FunctionError> {
    let DataType::Struct(fields) = ty else { return Err(FunctionError::Range(ty.clone())) };
    let mut columns = Vec::with_capacity(fields.len());
    for (place, field) in fields.iter().enumerate() {
        let name = shape.inner.get(place).and_then(|(name, _)| name.as_deref());
        let parts: Vec<Option<&str>> =
            values.iter().map(|value| value.and_then(|value| place_of(value, name, place))).collect();
        columns.push(build(&parts, inner(shape, place)?, field.data_type(), now_micros)?.0);
    }
    let fitted = values.iter().map(|value| value.and_then(Items::of).is_some()).collect();
    Ok((Arc::new(StructArray::try_new_with_length(fields.clone(), columns, None, values.len())?), fitted))
}

fn place_of<'a>(value: &'a str, name: Option<&str>, place: usize) -> Option<&'a str> {
    let mut items = Items::of(value)?;
    match name.filter(|_| items.is_object()) {
        Some(name) => items.find(|(key, _)| is_key(key, name)),
        None => items.nth(place),
    }
    .map(|(_, value)| value)
}

fn maps(
    values: &[Option<&str>],
    shape: &Shape,
    ty: &DataType,
    now_micros: i64,
) -> Result<(ArrayRef, Vec<bool>), FunctionError> {
    let DataType::Map(field, ordered) = ty else { return Err(FunctionError::Range(ty.clone())) };
    let DataType::Struct(fields) = field.data_type() else { return Err(FunctionError::Range(ty.clone())) };
    let (mut names, mut items, mut offsets, mut fitted) =
        (TextBuilder::new("JSONExtract", 0), Vec::new(), vec![0], Vec::new());
    for value in values {
        let found = value.and_then(Items::of).filter(Items::is_object);
        fitted.push(found.is_some());
        for (key, value) in found.into_iter().flatten() {
            names.push(&unescape(key))?;
            items.push(Some(value));
        }
        offsets.push(offset("JSONExtract", items.len())?);
    }
    let [key_field, value_field] = fields.as_ref() else { return Err(FunctionError::Range(ty.clone())) };
    let names: ArrayRef = Arc::new(names.finish()?);
    let names = crate::convert::coerce(&names, key_field.data_type())?;
    let (items, _) = build(&items, inner(shape, 1)?, value_field.data_type(), now_micros)?;
    let entries = StructArray::try_new(fields.clone(), vec![names, items], None)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok((Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, None, *ordered)?), fitted))
}
