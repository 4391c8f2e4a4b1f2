//! ClickHouse's types by name, and values of them from JSON.

use std::sync::Arc;

use arrow::array::builder::FixedSizeBinaryBuilder;
use arrow::array::types::Decimal128Type;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, PrimitiveArray, StringArray, StructArray,
    new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use serde_json::Value;

use crate::build::{with_nulls, wrapped};

/// A type of a golden file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Type {
    pub(super) arrow: DataType,
    pub(super) nullable: bool,
    pub(super) inner: Vec<Type>,
    /// The unit of an interval.
    pub(super) interval: Option<String>,
}

impl Type {
    pub(super) fn parse(name: &str) -> Self {
        let name = name.trim();
        let plain = |arrow: DataType| Self { arrow, nullable: false, inner: Vec::new(), interval: None };
        let (head, inside) = match name.split_once('(') {
            Some((head, rest)) => (head, rest.strip_suffix(')').unwrap()),
            None => (name, ""),
        };
        match head {
            "Nullable" => Self { nullable: true, ..Self::parse(inside) },
            "LowCardinality" => Self::parse(inside),
            "Nothing" => plain(DataType::Null),
            "Bool" => plain(DataType::Boolean),
            "String" | "Enum8" => plain(DataType::Utf8),
            "UInt8" => plain(DataType::UInt8),
            "UInt16" => plain(DataType::UInt16),
            "UInt32" => plain(DataType::UInt32),
            "UInt64" => plain(DataType::UInt64),
            "Int8" => plain(DataType::Int8),
            "Int16" => plain(DataType::Int16),
            "Int32" => plain(DataType::Int32),
            "Int64" => plain(DataType::Int64),
            "Float32" => plain(DataType::Float32),
            "Float64" => plain(DataType::Float64),
            "UUID" => plain(DataType::FixedSizeBinary(16)),
            "Date" | "Date32" => plain(DataType::Date32),
            "DateTime" => plain(DataType::Timestamp(TimeUnit::Second, Some(zone(inside)))),
            "DateTime64" => {
                let (precision, zone_name) = inside.split_once(',').unwrap_or((inside, "'UTC'"));
                let unit = match precision.trim().parse::<u8>().unwrap() {
                    0 => TimeUnit::Second,
                    1..=3 => TimeUnit::Millisecond,
                    4..=6 => TimeUnit::Microsecond,
                    _ => TimeUnit::Nanosecond,
                };
                plain(DataType::Timestamp(unit, Some(zone(zone_name))))
            }
            "Decimal" => {
                let (precision, scale) = inside.split_once(',').unwrap();
                plain(DataType::Decimal128(precision.trim().parse().unwrap(), scale.trim().parse().unwrap()))
            }
            "Array" => {
                let item = Self::parse(inside);
                let arrow = DataType::List(Arc::new(Field::new_list_field(item.arrow.clone(), true)));
                Self { inner: vec![item], ..plain(arrow) }
            }
            "Tuple" => Self::tuple(inside),
            "Map" => {
                let inner: Vec<Self> = split(inside).iter().map(|part| Self::parse(part)).collect();
                let entries = Fields::from(vec![
                    Field::new("key", inner[0].arrow.clone(), false),
                    Field::new("value", inner[1].arrow.clone(), true),
                ]);
                let arrow = DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false);
                Self { inner, ..plain(arrow) }
            }
            head if head.starts_with("Interval") => {
                Self { interval: Some(head.trim_start_matches("Interval").to_lowercase()), ..plain(DataType::Int64) }
            }
            other => panic!("unknown type {other}"),
        }
    }

    fn tuple(inside: &str) -> Self {
        let mut fields = Vec::new();
        let mut inner = Vec::new();
        for (at, part) in split(inside).iter().enumerate() {
            let (name, ty) = match part.split_once(' ').filter(|(name, _)| !name.contains('(')) {
                Some((name, ty)) => (name.to_owned(), Self::parse(ty)),
                None => ((at + 1).to_string(), Self::parse(part)),
            };
            fields.push(Field::new(name, ty.arrow.clone(), true));
            inner.push(ty);
        }
        Self { arrow: DataType::Struct(fields.into()), nullable: false, inner, interval: None }
    }

    /// Values of this type.
    pub(super) fn array(&self, values: &[Value]) -> ArrayRef {
        let nulls: Vec<bool> = values.iter().map(|value| !value.is_null()).collect();
        let array: ArrayRef = match &self.arrow {
            DataType::Null => return new_null_array(&DataType::Null, values.len()),
            DataType::Utf8 => Arc::new(values.iter().map(Value::as_str).collect::<StringArray>()),
            DataType::Boolean => Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>()),
            DataType::Float64 | DataType::Float32 => {
                let floats: arrow::array::Float64Array = values.iter().map(float).collect();
                return arrow::compute::cast(&floats, &self.arrow).unwrap();
            }
            DataType::FixedSizeBinary(_) => return uuids(values),
            DataType::Decimal128(_, scale) => {
                let digits = values.iter().map(|value| digits(value, u32::try_from(*scale).unwrap()));
                let array = PrimitiveArray::<Decimal128Type>::from_iter(digits);
                return Arc::new(array.with_data_type(self.arrow.clone()));
            }
            DataType::List(field) => {
                let (mut offsets, mut items) = (vec![0], Vec::new());
                for value in values {
                    items.extend(value.as_array().into_iter().flatten().cloned());
                    offsets.push(i32::try_from(items.len()).unwrap());
                }
                let items = self.inner[0].array(&items);
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                return Arc::new(ListArray::new(Arc::clone(field), offsets, items, None));
            }
            DataType::Struct(fields) => {
                let columns = (0..fields.len()).map(|at| {
                    let column: Vec<Value> = values.iter().map(|value| value[at].clone()).collect();
                    self.inner[at].array(&column)
                });
                return Arc::new(StructArray::new(fields.clone(), columns.collect(), None));
            }
            DataType::Map(field, _) => return self.map(field, values),
            ty => wrapped(values.iter().map(|value| integer(value, ty)).collect(), ty).unwrap(),
        };
        with_nulls(&array, Some(&NullBuffer::from(nulls))).unwrap()
    }

    /// A map is an object in answers, and pairs in arguments.
    fn map(&self, field: &Arc<Field>, values: &[Value]) -> ArrayRef {
        let (mut offsets, mut keys, mut items) = (vec![0], Vec::new(), Vec::new());
        for value in values {
            if let Some(object) = value.as_object() {
                keys.extend(object.keys().map(|key| Value::from(key.as_str())));
                items.extend(object.values().cloned());
            }
            for pair in value.as_array().into_iter().flatten() {
                keys.push(pair[0].clone());
                items.push(pair[1].clone());
            }
            offsets.push(i32::try_from(items.len()).unwrap());
        }
        let DataType::Struct(fields) = field.data_type() else { panic!("a map has entries") };
        let entries =
            StructArray::new(fields.clone(), vec![self.inner[0].array(&keys), self.inner[1].array(&items)], None);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Arc::new(MapArray::new(Arc::clone(field), offsets, entries, None, false))
    }
}

fn zone(quoted: &str) -> Arc<str> {
    let name = quoted.trim().trim_matches('\'');
    if name.is_empty() { "UTC".into() } else { name.into() }
}

fn split(inner: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(inner.get(start..at).unwrap().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(inner.get(start..).unwrap().trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn float(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str().map(|text| text.parse().unwrap()))
}

fn integer(value: &Value, ty: &DataType) -> i64 {
    match (value, ty) {
        (Value::Null, _) => 0,
        (Value::Bool(truth), _) => i64::from(*truth),
        (Value::String(text), DataType::Date32) => {
            let parts: Vec<i64> = text.split('-').map(|part| part.parse().unwrap()).collect();
            crate::zone::days(parts[0], parts[1], parts[2])
        }
        // Seconds with a fraction.
        (Value::String(text), DataType::Timestamp(unit, _)) => {
            let scale = crate::arithmetic::ticks(*unit).ilog10();
            i64::try_from(digits(&Value::String(text.clone()), scale).unwrap()).unwrap()
        }
        (Value::String(text), _) => {
            text.parse().unwrap_or_else(|_| text.parse::<u64>().unwrap_or_else(|_| panic!("{text}")).cast_signed())
        }
        (Value::Number(number), _) => {
            number.as_i64().or_else(|| number.as_u64().map(u64::cast_signed)).unwrap_or_else(|| panic!("{number}"))
        }
        other => panic!("no integer: {other:?}"),
    }
}

/// The digits of a decimal at a scale.
fn digits(value: &Value, scale: u32) -> Option<i128> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (negative, text) = text.strip_prefix('-').map_or((false, text.as_str()), |text| (true, text));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<width$}", width = scale as usize);
    let digits: i128 = format!("{whole}{fraction}").parse().unwrap();
    Some(if negative { -digits } else { digits })
}

fn uuids(values: &[Value]) -> ArrayRef {
    let mut builder = FixedSizeBinaryBuilder::new(16);
    for value in values {
        match value.as_str() {
            Some(text) => builder.append_value(uuid::Uuid::parse_str(text).unwrap().as_bytes()).unwrap(),
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

/// Whether two values are the same: floats to within a few digits, NaN like NaN.
pub(super) fn same(left: &ArrayRef, one: usize, right: &ArrayRef, other: usize) -> bool {
    let null = |array: &ArrayRef, at: usize| array.logical_nulls().is_some_and(|nulls| nulls.is_null(at));
    match (null(left, one), null(right, other)) {
        (true, true) => return true,
        (false, false) => {}
        _ => return false,
    }
    match left.data_type() {
        DataType::Float64 | DataType::Float32 => {
            let value = |array: &ArrayRef, at: usize| crate::call::floats(array).unwrap()[at];
            let (a, b) = (value(left, one), value(right, other));
            let tolerance = if left.data_type() == &DataType::Float32 { 1e-6 } else { 1e-12 };
            (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= tolerance * a.abs().max(b.abs())
        }
        DataType::List(_) => {
            let items = |array: &ArrayRef, at: usize| array.as_list::<i32>().value(at);
            let (a, b) = (items(left, one), items(right, other));
            a.len() == b.len() && (0..a.len()).all(|at| same(&a, at, &b, at))
        }
        DataType::Struct(_) => {
            let columns = left.as_struct().columns().iter().zip(right.as_struct().columns());
            columns.into_iter().all(|(a, b)| same(a, one, b, other))
        }
        DataType::Map(_, _) => {
            let entries = |array: &ArrayRef, at: usize| -> ArrayRef { Arc::new(array.as_map().value(at)) };
            let (a, b) = (entries(left, one), entries(right, other));
            a.len() == b.len() && (0..a.len()).all(|at| (0..b.len()).any(|place| same(&a, at, &b, place)))
        }
        _ => left.slice(one, 1) == right.slice(other, 1),
    }
}

/// A value for a message.
pub(super) fn shown(array: &ArrayRef, at: usize) -> String {
    let mut out = String::new();
    match crate::show::Printer::new(array, None) {
        Ok(printer) => printer.json(&mut out, at),
        Err(error) => out.push_str(&error.to_string()),
    }
    out
}
