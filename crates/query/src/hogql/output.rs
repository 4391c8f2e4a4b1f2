//! Writes rows of an answer as text, straight from columns.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Field, Float64Type, Int64Type, TimestampMicrosecondType,
    UInt32Type, UInt64Type,
};
use hogql::types::{Base, Name, Type};
use jiff::tz::TimeZone;
use model::write_json_string;
use uuid::Uuid;

use crate::QueryError;
use crate::table::is_quoted;

/// Writes batches whose columns have known types.
#[derive(Debug)]
pub(super) struct JsonRows {
    columns: Vec<Shape>,
}

/// A type with what writing its values needs.
#[derive(Debug, Clone)]
enum Shape {
    Null,
    Bool,
    Signed,
    Unsigned,
    Float,
    Decimal,
    Text,
    Uuid,
    IPv4,
    IPv6,
    Date,
    Instant(TimeZone),
    Array(Box<Shape>),
    Tuple(Vec<Shape>),
    Map(Box<Shape>, Box<Shape>),
}

impl JsonRows {
    /// A writer of rows of `columns`.
    #[must_use]
    pub(super) fn new<'t>(columns: impl IntoIterator<Item = &'t Type>) -> Self {
        Self { columns: columns.into_iter().map(Shape::of).collect() }
    }

    /// Appends each row of `batch` as an array, with a comma before each but the very first.
    ///
    /// # Errors
    ///
    /// [`QueryError::Internal`] if a column is not of its type.
    pub(super) fn write(&self, batch: &RecordBatch, out: &mut String, first: &mut bool) -> Result<(), QueryError> {
        let columns = self.writers(batch)?;
        for row in 0..batch.num_rows() {
            if !std::mem::take(first) {
                out.push(',');
            }
            out.push('[');
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                column.json(row, out);
            }
            out.push(']');
        }
        Ok(())
    }

    /// Appends each row of `batch` as an object on a line of its own.
    ///
    /// # Errors
    ///
    /// [`QueryError::Internal`] if a column is not of its type.
    pub(super) fn write_objects(
        &self,
        names: &[Name],
        batch: &RecordBatch,
        out: &mut String,
    ) -> Result<(), QueryError> {
        let columns = self.writers(batch)?;
        let before = |(at, name): (usize, &Name)| {
            let mut text = String::from(if at > 0 { "," } else { "{" });
            write_json_string(&mut text, name);
            text.push(':');
            text
        };
        let names: Vec<String> = names.iter().enumerate().map(before).collect();
        for row in 0..batch.num_rows() {
            for (column, name) in columns.iter().zip(&names) {
                out.push_str(name);
                column.json(row, out);
            }
            out.push_str("}\n");
        }
        Ok(())
    }

    /// Appends each row of `batch` as a line of CSV.
    ///
    /// # Errors
    ///
    /// [`QueryError::Internal`] if a column is not of its type.
    pub(super) fn write_csv(&self, batch: &RecordBatch, out: &mut String) -> Result<(), QueryError> {
        let columns = self.writers(batch)?;
        let mut field = String::new();
        for row in 0..batch.num_rows() {
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                field.clear();
                column.plain(row, &mut field);
                write_csv_field(out, &field);
            }
            out.push_str("\r\n");
        }
        Ok(())
    }

    /// A writer of one column, which must be the only one.
    pub(super) fn column(&self, array: &ArrayRef) -> Result<Writer, QueryError> {
        let shape = self.columns.first().ok_or_else(|| QueryError::Internal("an answer lacks a column".into()))?;
        Writer::new(array, shape)
    }

    fn writers(&self, batch: &RecordBatch) -> Result<Vec<Writer>, QueryError> {
        if batch.num_columns() != self.columns.len() {
            return Err(QueryError::Internal("an answer has other columns than its query".into()));
        }
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).zip(&self.columns);
        let writer = |((field, array), shape): ((&Arc<Field>, &ArrayRef), &Shape)| match is_quoted(field) {
            true => Ok(Writer { array: Arc::clone(array), kind: Kind::Quoted }),
            false => Writer::new(array, shape),
        };
        columns.map(writer).collect()
    }
}

/// Appends `field`, quoted where a reader would stumble.
pub(super) fn write_csv_field(out: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r']) {
        write!(out, "\"{}\"", field.replace('"', "\"\"")).expect("writing to memory cannot fail");
    } else {
        out.push_str(field);
    }
}

impl Shape {
    fn of(ty: &Type) -> Self {
        match &ty.base {
            Base::Nothing | Base::Function => Self::Null,
            Base::Bool => Self::Bool,
            Base::UInt8 | Base::UInt16 | Base::UInt32 | Base::UInt64 => Self::Unsigned,
            Base::Int8 | Base::Int16 | Base::Int32 | Base::Int64 | Base::Interval(_) => Self::Signed,
            Base::Float32 | Base::Float64 => Self::Float,
            Base::Decimal(..) => Self::Decimal,
            Base::String => Self::Text,
            Base::Uuid => Self::Uuid,
            Base::Date => Self::Date,
            Base::DateTime(zone) | Base::DateTime64(_, zone) => {
                Self::Instant(TimeZone::get(zone).unwrap_or(TimeZone::UTC))
            }
            Base::IPv4 => Self::IPv4,
            Base::IPv6 => Self::IPv6,
            Base::Array(element) => Self::Array(Box::new(Self::of(element))),
            Base::Tuple(elements) => Self::Tuple(elements.iter().map(|element| Self::of(&element.ty)).collect()),
            Base::Map(key, value) => Self::Map(Box::new(Self::of(key)), Box::new(Self::of(value))),
        }
    }
}

/// A column and how its values are written.
pub(super) struct Writer {
    array: ArrayRef,
    kind: Kind,
}

enum Kind {
    Null,
    Bool,
    Signed,
    Unsigned,
    Float,
    Decimal,
    Text,
    /// Text that is a JSON string already.
    Quoted,
    Uuid,
    IPv4,
    IPv6,
    Date,
    Instant(TimeZone),
    Array(Box<Writer>),
    Tuple(Vec<Writer>),
    Map(Box<Writer>, Box<Writer>),
}

impl Writer {
    fn new(array: &ArrayRef, shape: &Shape) -> Result<Self, QueryError> {
        let utc = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into()));
        // Few types are left to write, at the cost of a conversion of narrow columns.
        let (array, kind) = match shape {
            Shape::Null => (Arc::clone(array), Kind::Null),
            Shape::Bool => (cast(array, &DataType::Boolean)?, Kind::Bool),
            Shape::Signed => (cast(array, &DataType::Int64)?, Kind::Signed),
            Shape::Unsigned => (cast(array, &DataType::UInt64)?, Kind::Unsigned),
            Shape::Float => (cast(array, &DataType::Float64)?, Kind::Float),
            Shape::Decimal => (Arc::clone(array), Kind::Decimal),
            Shape::Text => (cast(array, &DataType::Utf8)?, Kind::Text),
            Shape::Uuid => (cast(array, &DataType::FixedSizeBinary(16))?, Kind::Uuid),
            Shape::IPv4 => (cast(array, &DataType::UInt32)?, Kind::IPv4),
            Shape::IPv6 => (cast(array, &DataType::FixedSizeBinary(16))?, Kind::IPv6),
            Shape::Date => (cast(array, &DataType::Date32)?, Kind::Date),
            Shape::Instant(zone) => (cast(array, &utc)?, Kind::Instant(zone.clone())),
            Shape::Array(element) => {
                let Some(lists) = array.as_list_opt::<i32>() else { return Err(mismatch(array, "array")) };
                let element = Self::new(lists.values(), element)?;
                (Arc::clone(array), Kind::Array(Box::new(element)))
            }
            Shape::Tuple(shapes) => {
                let Some(tuple) = array.as_struct_opt() else { return Err(mismatch(array, "tuple")) };
                let elements = tuple.columns().iter().zip(shapes).map(|(array, shape)| Self::new(array, shape));
                let elements = elements.collect::<Result<_, _>>()?;
                (Arc::clone(array), Kind::Tuple(elements))
            }
            Shape::Map(key, value) => {
                let Some(map) = array.as_map_opt() else { return Err(mismatch(array, "map")) };
                let (key, value) = (Self::new(map.keys(), key)?, Self::new(map.values(), value)?);
                (Arc::clone(array), Kind::Map(Box::new(key), Box::new(value)))
            }
        };
        Ok(Self { array, kind })
    }

    /// The value without quotes; nothing for NULL.
    pub(super) fn plain(&self, row: usize, out: &mut String) {
        match &self.kind {
            _ if self.array.is_null(row) => {}
            Kind::Null => {}
            Kind::Text => out.push_str(self.array.as_string::<i32>().value(row)),
            Kind::Uuid | Kind::Date | Kind::Instant(_) | Kind::Decimal | Kind::IPv4 | Kind::IPv6 => self.bare(row, out),
            _ => self.json(row, out),
        }
    }

    fn json(&self, row: usize, out: &mut String) {
        if self.array.is_null(row) {
            out.push_str("null");
            return;
        }
        match &self.kind {
            Kind::Null => out.push_str("null"),
            Kind::Bool => out.push_str(if self.array.as_boolean().value(row) { "true" } else { "false" }),
            Kind::Signed => {
                out.push_str(itoa::Buffer::new().format(self.array.as_primitive::<Int64Type>().value(row)));
            }
            Kind::Unsigned => {
                out.push_str(itoa::Buffer::new().format(self.array.as_primitive::<UInt64Type>().value(row)));
            }
            Kind::Float => write_float(out, self.array.as_primitive::<Float64Type>().value(row)),
            Kind::Text => write_json_string(out, self.array.as_string::<i32>().value(row)),
            Kind::Quoted => out.push_str(self.array.as_string::<i32>().value(row)),
            Kind::Decimal | Kind::Uuid | Kind::IPv4 | Kind::IPv6 | Kind::Date | Kind::Instant(_) => {
                out.push('"');
                self.bare(row, out);
                out.push('"');
            }
            Kind::Array(element) => {
                let (start, end) = bounds(self.array.as_list::<i32>().value_offsets(), row);
                out.push('[');
                for at in start..end {
                    if at > start {
                        out.push(',');
                    }
                    element.json(at, out);
                }
                out.push(']');
            }
            Kind::Tuple(elements) => {
                out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    element.json(row, out);
                }
                out.push(']');
            }
            Kind::Map(key, value) => {
                let (start, end) = bounds(self.array.as_map().value_offsets(), row);
                let mut name = String::new();
                out.push('{');
                for at in start..end {
                    if at > start {
                        out.push(',');
                    }
                    name.clear();
                    key.plain(at, &mut name);
                    write_json_string(out, &name);
                    out.push(':');
                    value.json(at, out);
                }
                out.push('}');
            }
        }
    }

    /// Text that needs no escapes.
    fn bare(&self, row: usize, out: &mut String) {
        match &self.kind {
            Kind::Uuid => {
                let id = Uuid::from_slice(self.array.as_fixed_size_binary().value(row)).unwrap_or_default();
                let mut buffer = Uuid::encode_buffer();
                out.push_str(id.hyphenated().encode_lower(&mut buffer));
            }
            Kind::Date => write_date(out, self.array.as_primitive::<Date32Type>().value(row)),
            Kind::Instant(zone) => {
                write_instant(out, self.array.as_primitive::<TimestampMicrosecondType>().value(row), zone);
            }
            Kind::IPv4 => {
                write!(out, "{}", std::net::Ipv4Addr::from(self.array.as_primitive::<UInt32Type>().value(row)))
                    .expect("writing to memory cannot fail");
            }
            Kind::IPv6 => {
                let bytes = <[u8; 16]>::try_from(self.array.as_fixed_size_binary().value(row)).unwrap_or_default();
                write!(out, "{}", std::net::Ipv6Addr::from(bytes)).expect("writing to memory cannot fail");
            }
            Kind::Decimal => out.push_str(&match self.array.data_type() {
                DataType::Decimal256(..) => self.array.as_primitive::<Decimal256Type>().value_as_string(row),
                _ => self.array.as_primitive::<Decimal128Type>().value_as_string(row),
            }),
            _ => {}
        }
    }
}

fn mismatch(array: &ArrayRef, what: &str) -> QueryError {
    QueryError::Internal(format!("a column should hold an {what} and holds {}", array.data_type()).into())
}

fn bounds(offsets: &[i32], row: usize) -> (usize, usize) {
    let at = |place: usize| offsets.get(place).and_then(|offset| usize::try_from(*offset).ok()).unwrap_or_default();
    (at(row), at(row + 1))
}

/// A number, or null for what JSON has none for. Whole numbers are written without a fraction, as ClickHouse does.
fn write_float(out: &mut String, number: f64) {
    if number.is_finite() {
        out.push_str(&super::property::float_text(number));
    } else {
        out.push_str("null");
    }
}

fn write_date(out: &mut String, days: i32) {
    let epoch = jiff::civil::date(1970, 1, 1);
    match epoch.checked_add(jiff::Span::new().days(days)) {
        Ok(date) => {
            write!(out, "{date}").expect("writing to memory cannot fail");
        }
        Err(_) => out.push_str("1970-01-01"),
    }
}

/// A number below 100 in two digits.
fn push_two(out: &mut String, number: i8) {
    let number = number.unsigned_abs();
    out.push(char::from(b'0' + number / 10));
    out.push(char::from(b'0' + number % 10));
}

/// ISO 8601 with the zone's offset, `Z` for UTC, and a fraction only if there is one.
fn write_instant(out: &mut String, micros: i64, zone: &TimeZone) {
    let instant = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    let offset = zone.to_offset(instant);
    let local = offset.to_datetime(instant);
    write!(out, "{:04}", local.year()).expect("writing to memory cannot fail");
    let parts = [local.month(), local.day(), local.hour(), local.minute(), local.second()];
    for (mark, part) in ['-', '-', 'T', ':', ':'].into_iter().zip(parts) {
        out.push(mark);
        push_two(out, part);
    }
    let fraction = micros.rem_euclid(1_000_000);
    if fraction != 0 {
        write!(out, ".{fraction:06}").expect("writing to memory cannot fail");
    }
    let is_utc = zone.iana_name().is_none_or(|name| matches!(name, "UTC" | "Etc/UTC"));
    if is_utc && offset.seconds() == 0 {
        out.push('Z');
    } else {
        let minutes = offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        write!(out, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            .expect("writing to memory cannot fail");
    }
}
