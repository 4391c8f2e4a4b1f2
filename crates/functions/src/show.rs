//! Values as text: what `toString`, `concat` and `toJSONString` print for each type.

use std::borrow::Cow;
use std::fmt::Write as _;

use arrow::array::types::{Decimal128Type, Float32Type, Float64Type};
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, ListArray, MapArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

use crate::arithmetic::ticks;
use crate::build::bounded;
use crate::call::{Call, Value, ints, range};
use crate::error::FunctionError;
use crate::float::{write_double, write_single};
use crate::table::{Scalar, value};
use crate::zone::{DAY, Zone, civil};

pub(crate) const TABLE: &[Scalar] = &[
    value("toString", to_string),
    value("toJSONString", to_json),
    value("concat", concat),
    value("concatWithSeparator", concat_with_separator),
    value("format", format),
    value("arrayStringConcat", array_string_concat),
];

/// Prints the values of one array.
#[derive(Debug)]
pub(crate) struct Printer<'a> {
    kind: Shape<'a>,
    nulls: Option<NullBuffer>,
}

#[derive(Debug)]
enum Shape<'a> {
    Nothing,
    Text(&'a StringArray),
    Int(Cow<'a, [i64]>),
    UInt(Cow<'a, [i64]>),
    Bool(Cow<'a, [i64]>),
    Double(&'a [f64]),
    Single(&'a [f32]),
    Decimal(&'a [i128], i8),
    Date(Cow<'a, [i64]>),
    Instant(Cow<'a, [i64]>, i64, Zone),
    Uuid(&'a FixedSizeBinaryArray),
    List(&'a ListArray, Box<Printer<'a>>),
    Tuple(Vec<(&'a str, Printer<'a>)>),
    Map(&'a MapArray, Box<Printer<'a>>, Box<Printer<'a>>),
}

impl<'a> Printer<'a> {
    /// Instants are shown in `zone`, or else in that of their type.
    pub(crate) fn new(array: &'a ArrayRef, zone: Option<&str>) -> Result<Self, FunctionError> {
        let unknown =
            || FunctionError::Contract { function: "toString", message: format!("no text for {}", array.data_type()) };
        let whole = || ints(array).ok_or_else(unknown);
        let kind = match array.data_type() {
            DataType::Null => Shape::Nothing,
            DataType::Utf8 => Shape::Text(array.as_string()),
            DataType::Boolean => Shape::Bool(whole()?),
            DataType::UInt64 => Shape::UInt(whole()?),
            DataType::Float64 => Shape::Double(array.as_primitive::<Float64Type>().values()),
            DataType::Float32 => Shape::Single(array.as_primitive::<Float32Type>().values()),
            DataType::Decimal128(_, scale) => Shape::Decimal(array.as_primitive::<Decimal128Type>().values(), *scale),
            DataType::Date32 => Shape::Date(whole()?),
            DataType::Timestamp(unit, own) => {
                let zone = Zone::named(zone.or(own.as_deref()).unwrap_or("UTC"))?;
                Shape::Instant(whole()?, ticks(*unit), zone)
            }
            DataType::FixedSizeBinary(16) => Shape::Uuid(array.as_fixed_size_binary()),
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                Shape::List(lists, Box::new(Self::new(lists.values(), zone)?))
            }
            DataType::Struct(fields) => {
                let columns = fields.iter().zip(array.as_struct().columns());
                let places = columns.map(|(field, column)| Ok((field.name().as_str(), Self::new(column, zone)?)));
                Shape::Tuple(places.collect::<Result<_, FunctionError>>()?)
            }
            DataType::Map(_, _) => {
                let maps = array.as_map();
                Shape::Map(maps, Box::new(Self::new(maps.keys(), zone)?), Box::new(Self::new(maps.values(), zone)?))
            }
            ty if ty.is_integer() => Shape::Int(whole()?),
            _ => return Err(unknown()),
        };
        Ok(Self { kind, nulls: array.logical_nulls() })
    }

    pub(crate) fn is_null(&self, at: usize) -> bool {
        matches!(self.kind, Shape::Nothing) || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(at))
    }

    /// The value as `toString` shows it.
    pub(crate) fn plain(&self, out: &mut String, at: usize) {
        match &self.kind {
            Shape::Text(texts) if !self.is_null(at) => out.push_str(texts.value(at)),
            Shape::Date(_) | Shape::Instant(..) | Shape::Uuid(_) if !self.is_null(at) => self.bare(out, at),
            _ => self.nested(out, at),
        }
    }

    /// The value as it stands inside an array.
    fn nested(&self, out: &mut String, at: usize) {
        if self.is_null(at) {
            out.push_str("NULL");
            return;
        }
        match &self.kind {
            Shape::Text(texts) => quote(out, texts.value(at)),
            Shape::Date(_) | Shape::Instant(..) | Shape::Uuid(_) => {
                out.push('\'');
                self.bare(out, at);
                out.push('\'');
            }
            Shape::List(lists, items) => {
                out.push('[');
                separated(out, range(lists, at), |out, at| items.nested(out, at));
                out.push(']');
            }
            Shape::Tuple(places) => {
                out.push('(');
                separated(out, 0..places.len(), |out, place| {
                    if let Some((_, place)) = places.get(place) {
                        place.nested(out, at);
                    }
                });
                out.push(')');
            }
            Shape::Map(maps, keys, values) => {
                out.push('{');
                separated(out, entries(maps, at), |out, at| {
                    keys.nested(out, at);
                    out.push(':');
                    values.nested(out, at);
                });
                out.push('}');
            }
            _ => self.bare(out, at),
        }
    }

    /// Numbers, dates, uuids: what needs no quotes.
    fn bare(&self, out: &mut String, at: usize) {
        match &self.kind {
            Shape::Int(values) => {
                write!(out, "{}", values[at]).unwrap_or_default();
            }
            Shape::UInt(values) => {
                write!(out, "{}", values[at].cast_unsigned()).unwrap_or_default();
            }
            Shape::Bool(values) => out.push_str(if values[at] != 0 { "true" } else { "false" }),
            Shape::Double(values) => write_double(out, values[at]),
            Shape::Single(values) => write_single(out, values[at]),
            Shape::Decimal(values, scale) => write_decimal(out, values[at], *scale),
            Shape::Date(values) => write_date(out, values[at]),
            Shape::Instant(values, ticks, zone) => write_instant(out, values[at], *ticks, zone),
            Shape::Uuid(values) => {
                if let Ok(uuid) = uuid::Uuid::from_slice(values.value(at)) {
                    write!(out, "{uuid}").unwrap_or_default();
                }
            }
            _ => {}
        }
    }

    /// The value as JSON.
    pub(crate) fn json(&self, out: &mut String, at: usize) {
        if self.is_null(at) {
            out.push_str("null");
            return;
        }
        match &self.kind {
            Shape::Text(texts) => write_json_text(out, texts.value(at)),
            Shape::Double(values) if !values[at].is_finite() => out.push_str("null"),
            Shape::Single(values) if !values[at].is_finite() => out.push_str("null"),
            Shape::Date(_) | Shape::Instant(..) | Shape::Uuid(_) => {
                out.push('"');
                self.bare(out, at);
                out.push('"');
            }
            Shape::List(lists, items) => {
                out.push('[');
                separated(out, range(lists, at), |out, at| items.json(out, at));
                out.push(']');
            }
            Shape::Tuple(places) => self.json_tuple(out, at, places),
            Shape::Map(maps, keys, values) => {
                out.push('{');
                separated(out, entries(maps, at), |out, at| {
                    keys.json_key(out, at);
                    out.push(':');
                    values.json(out, at);
                });
                out.push('}');
            }
            _ => self.bare(out, at),
        }
    }

    /// A tuple whose places have names is an object, any other an array.
    fn json_tuple(&self, out: &mut String, at: usize, places: &[(&str, Printer<'_>)]) {
        let named = places.iter().enumerate().any(|(place, (name, _))| *name != (place + 1).to_string());
        out.push(if named { '{' } else { '[' });
        separated(out, 0..places.len(), |out, place| {
            let Some((name, printer)) = places.get(place) else { return };
            if named {
                write_json_text(out, name);
                out.push(':');
            }
            printer.json(out, at);
        });
        out.push(if named { '}' } else { ']' });
    }

    fn json_key(&self, out: &mut String, at: usize) {
        if let Shape::Text(texts) = &self.kind {
            write_json_text(out, texts.value(at));
        } else {
            out.push('"');
            self.bare(out, at);
            out.push('"');
        }
    }
}

fn separated(out: &mut String, places: std::ops::Range<usize>, mut write: impl FnMut(&mut String, usize)) {
    let first = places.start;
    for at in places {
        if at > first {
            out.push(',');
        }
        write(out, at);
    }
}

pub(crate) fn entries(maps: &MapArray, at: usize) -> std::ops::Range<usize> {
    let offsets = maps.value_offsets();
    let place = |at: usize| usize::try_from(offsets[at]).unwrap_or(0);
    if maps.is_null(at) { 0..0 } else { place(at)..place(at + 1) }
}

fn quote(out: &mut String, text: &str) {
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c => out.push(c),
        }
    }
    out.push('\'');
}

/// A JSON string. A slash is escaped, as ClickHouse does.
pub(crate) fn write_json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' => out.push_str("\\/"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => {
                write!(out, "\\u{:04X}", u32::from(c)).unwrap_or_default();
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A decimal without trailing zeros.
pub(crate) fn write_decimal(out: &mut String, digits: i128, scale: i8) {
    let scale = usize::try_from(scale).unwrap_or(0);
    let text = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
    if digits < 0 {
        out.push('-');
    }
    let (whole, fraction) = text.split_at(text.len() - scale);
    out.push_str(whole);
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
}

/// `value` in at least `width` digits.
pub(crate) fn write_padded(out: &mut String, value: i64, width: usize) {
    write!(out, "{value:0width$}").unwrap_or_default();
}

pub(crate) fn write_date(out: &mut String, days: i64) {
    let civil = civil(days);
    write_padded(out, civil.year, 4);
    out.push('-');
    two(out, civil.month);
    out.push('-');
    two(out, civil.day);
}

/// Two digits.
pub(crate) fn two(out: &mut String, value: i64) {
    let digit = |value: i64| char::from(b'0' + u8::try_from(value.rem_euclid(10)).unwrap_or(0));
    out.push(digit(value / 10));
    out.push(digit(value));
}

pub(crate) fn write_time(out: &mut String, second_of_day: i64) {
    two(out, second_of_day / 3600);
    out.push(':');
    two(out, second_of_day / 60 % 60);
    out.push(':');
    two(out, second_of_day % 60);
}

fn write_instant(out: &mut String, value: i64, ticks: i64, zone: &Zone) {
    let local = zone.local(value.div_euclid(ticks));
    write_date(out, local.div_euclid(DAY));
    out.push(' ');
    write_time(out, local.rem_euclid(DAY));
    if ticks > 1 {
        out.push('.');
        write_padded(out, value.rem_euclid(ticks), ticks.ilog10() as usize);
    }
}

fn to_string(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let value = call.argument(0)?;
    if let (Value::Column(array), DataType::Utf8) = (value, value.data_type()) {
        return Ok(std::sync::Arc::clone(array));
    }
    let zone = if call.has(1) { Some(call.constant_text(1)?) } else { None };
    let printer = Printer::new(value.array(), zone)?;
    call.write_texts(|row, out| {
        printer.plain(out, value.index(row));
        Ok(())
    })
}

fn to_json(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let value = call.argument(0)?;
    let printer = Printer::new(value.array(), None)?;
    call.write_texts(|row, out| {
        printer.json(out, value.index(row));
        Ok(())
    })
}

/// All arguments with the places of their values.
fn printers<'a>(call: &'a Call<'_>) -> Result<Vec<(&'a Value, Printer<'a>)>, FunctionError> {
    call.arguments.iter().map(|value| Ok((value, Printer::new(value.array(), None)?))).collect()
}

fn concat(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    if matches!(call.returns, DataType::List(_)) {
        return crate::arrays::concat(call);
    }
    let printers = printers(call)?;
    call.write_texts(|row, out| {
        for (value, printer) in &printers {
            printer.plain(out, value.index(row));
        }
        Ok(())
    })
}

fn concat_with_separator(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let printers = printers(call)?;
    let Some(((separator, separator_text), rest)) = printers.split_first() else {
        return Err(call.contract("it needs a separator"));
    };
    call.write_texts(|row, out| {
        for (at, (value, printer)) in rest.iter().enumerate() {
            if at > 0 {
                separator_text.plain(out, separator.index(row));
            }
            printer.plain(out, value.index(row));
            bounded(call.function, out)?;
        }
        Ok(())
    })
}

/// One piece of a pattern of `format`.
#[derive(Debug)]
enum Piece {
    Text(String),
    Argument(usize),
}

fn format(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let printers = printers(call)?;
    let pieces = pieces(call.constant_text(0)?, printers.len() - 1)?;
    call.write_texts(|row, out| {
        for piece in &pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Argument(at) => {
                    if let Some((value, printer)) = printers.get(at + 1) {
                        printer.plain(out, value.index(row));
                    }
                }
            }
            bounded(call.function, out)?;
        }
        Ok(())
    })
}

/// Reads `{}`, `{2}` and doubled braces.
fn pieces(pattern: &str, arguments: usize) -> Result<Vec<Piece>, FunctionError> {
    let wrong = |what: &str| FunctionError::Argument(format!("format pattern {pattern:?}: {what}"));
    let mut pieces = Vec::new();
    let (mut text, mut next) = (String::new(), 0);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' if chars.next_if_eq(&'{').is_some() => text.push('{'),
            '}' if chars.next_if_eq(&'}').is_some() => text.push('}'),
            '}' => return Err(wrong("a closing brace without an opening one")),
            '{' => {
                let mut index = String::new();
                loop {
                    match chars.next() {
                        Some('}') => break,
                        Some(c) if c.is_ascii_digit() => index.push(c),
                        _ => return Err(wrong("a placeholder is {} or {number}")),
                    }
                }
                let at =
                    if index.is_empty() { next } else { index.parse().map_err(|_| wrong("a number is too large"))? };
                next += usize::from(index.is_empty());
                if at >= arguments {
                    return Err(wrong("there are not so many arguments"));
                }
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Argument(at));
            }
            c => text.push(c),
        }
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

/// NULL elements are left out.
fn array_string_concat(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let separators = if call.has(1) { Some(call.texts(1)?) } else { None };
    let printer = Printer::new(lists.values(), None)?;
    call.write_texts(|row, out| {
        let separator = separators.map_or("", |separators| separators.get(row));
        let mut first = true;
        for at in lists.range(row).filter(|at| !printer.is_null(*at)) {
            if !std::mem::take(&mut first) {
                out.push_str(separator);
            }
            printer.plain(out, at);
            bounded(call.function, out)?;
        }
        Ok(())
    })
}
