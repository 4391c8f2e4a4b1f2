//! Functions of JSON documents, and properties.
//!
//! A document that is not valid JSON has nothing in it. Of duplicate keys the first counts. Steps into a document are keys, or
//! places from 1 or from -1 at the end; a place in an object is that of a member.

mod extract;
mod path;
mod scan;

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, take};
use arrow::datatypes::DataType;

use crate::build::{TextBuilder, list, offset};
use crate::call::{Call, Numbers, Texts, is_integer};
use crate::error::FunctionError;
use crate::json::scan::{Items, Number, is_key, is_valid, number, unescape, write_compact, write_inner, write_number};
use crate::table::{Scalar, predicate, value};

pub(crate) const TABLE: &[Scalar] = &[
    predicate("JSONHas", |call| {
        let reader = Reader::of(call, 0)?;
        Ok(call.test(|row| !call.is_null(row) && reader.find(row).is_some()))
    }),
    predicate("isValidJSON", |call| {
        let texts = call.texts(0)?;
        Ok(call.test(|row| is_valid(texts.get(row))))
    }),
    predicate("JSONExtractBool", |call| {
        let reader = Reader::of(call, 0)?;
        Ok(call.test(|row| !call.is_null(row) && reader.find(row).is_some_and(loose_bool)))
    }),
    value("JSONLength", |call| numbers(call, |value| Items::of(value).map_or(0, count))),
    value("JSONArrayLength", array_length),
    value("JSONType", json_type),
    value("JSONExtractInt", |call| numbers(call, int_of)),
    value("JSONExtractUInt", |call| numbers(call, uint_of)),
    value("JSONExtractFloat", |call| {
        let reader = Reader::of(call, 0)?;
        call.float(|row| if call.is_null(row) { 0.0 } else { reader.find(row).map_or(0.0, float_of) })
    }),
    value("JSONExtractString", |call| {
        texts(call, |value, out| {
            if let Some(text) = text_of(value) {
                out.push_str(&text);
            }
        })
    }),
    value("JSONExtractRaw", |call| texts(call, |value, out| write_compact(out, value))),
    value("JSONExtractArrayRaw", array_raw),
    value("JSONExtractKeys", keys),
    value("JSONExtractKeysAndValuesRaw", keys_and_raw),
    value("JSONExtractKeysAndValues", extract::keys_and_values),
    value("JSONExtract", extract::extract),
    value("JSON_VALUE", path::json_value),
];

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A key of an object.
    Key(String),
    /// A place in an array or object, from 1, or from -1 at the end.
    Index(i64),
}

/// The way to a value.
pub type Path = Vec<Step>;

/// The text of the value at `path` in each document, as HogQL reads an untyped property: a string is its characters, anything
/// else its compact JSON; missing, `null` and what is in no object are NULL.
///
/// Documents are Utf8 or a dictionary of it, and are trusted to be valid JSON, since that is how they are stored. With
/// `keep_escapes` a string keeps the escapes it needs, as ClickHouse leaves them in when it strips the quotes.
///
/// # Errors
///
/// When the documents are not text.
pub fn property(documents: &ArrayRef, path: &Path, keep_escapes: bool) -> Result<ArrayRef, FunctionError> {
    if let Some(dictionary) = documents.as_any_dictionary_opt() {
        let values = property(dictionary.values(), path, keep_escapes)?;
        return Ok(take(&values, dictionary.keys(), None)?);
    }
    let documents = if documents.data_type() == &DataType::Utf8 {
        Arc::clone(documents)
    } else {
        cast(documents, &DataType::Utf8)?
    };
    let mut out = TextBuilder::new("property", documents.len());
    for document in documents.as_string::<i32>() {
        let root = document.map(str::trim_ascii).filter(|root| root.starts_with('{'));
        let found = root.and_then(|root| path.iter().try_fold(root, |value, step| descend(value, step)));
        match found.filter(|value| *value != "null") {
            Some(value) => {
                write_property(out.text(), value, keep_escapes);
                out.end()?;
            }
            None => out.null()?,
        }
    }
    Ok(Arc::new(out.finish()?))
}

fn write_property(out: &mut String, value: &str, keep_escapes: bool) {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(inner) if keep_escapes => write_inner(out, inner),
        Some(inner) => out.push_str(&unescape(inner)),
        None => match (number(value), value.as_bytes().first()) {
            (Some(number), _) => write_number(out, number),
            (None, Some(b'-' | b'0'..=b'9')) => out.push_str(value),
            _ => write_compact(out, value),
        },
    }
}

fn descend<'a>(value: &'a str, step: &Step) -> Option<&'a str> {
    match step {
        Step::Key(name) => member(value, name),
        Step::Index(at) => item(value, *at),
    }
}

fn member<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut items = Items::of(value).filter(Items::is_object)?;
    items.find(|(key, _)| is_key(key, name)).map(|(_, value)| value)
}

fn item(value: &str, at: i64) -> Option<&str> {
    let mut items = Items::of(value)?;
    let place = usize::try_from(at.unsigned_abs()).ok()?.checked_sub(1)?;
    let place = if at < 0 { items.clone().count().checked_sub(place + 1)? } else { place };
    items.nth(place).map(|(_, value)| value)
}

fn count(items: Items<'_>) -> i64 {
    i64::try_from(items.count()).unwrap_or(i64::MAX)
}

/// Documents and the way into each.
pub(crate) struct Reader<'a> {
    documents: Texts<'a>,
    steps: Vec<StepOf<'a>>,
    /// What is found in a document that is the same in every row.
    constant: Option<Option<&'a str>>,
}

enum StepOf<'a> {
    Key(Texts<'a>),
    Index(Numbers<'a, i64>),
}

impl<'a> Reader<'a> {
    /// The last `rest` arguments are not part of the path.
    pub(crate) fn of(call: &Call<'a>, rest: usize) -> Result<Self, FunctionError> {
        let mut steps = Vec::new();
        for at in 1..call.arguments.len().saturating_sub(rest) {
            steps.push(match call.argument(at)?.data_type() {
                DataType::Utf8 => StepOf::Key(call.texts(at)?),
                ty if is_integer(ty) => StepOf::Index(call.ints(at)?),
                _ => return Err(call.illegal(at)),
            });
        }
        let mut reader = Self { documents: call.texts(0)?, steps, constant: None };
        if call.arguments.iter().all(crate::Value::is_constant) && call.rows > 0 {
            reader.constant = Some(reader.find(0));
        }
        Ok(reader)
    }

    /// The value of `row`; `None` if it is not there or the document is not valid.
    pub(crate) fn find(&self, row: usize) -> Option<&'a str> {
        if let Some(found) = self.constant {
            return found;
        }
        let document = self.documents.get(row);
        if !is_valid(document) {
            return None;
        }
        self.steps.iter().try_fold(document.trim_ascii(), |value, step| match step {
            StepOf::Key(names) => member(value, names.get(row)),
            StepOf::Index(places) => item(value, places.get(row)),
        })
    }
}

fn numbers(call: &Call<'_>, of: fn(&str) -> i64) -> Result<ArrayRef, FunctionError> {
    let reader = Reader::of(call, 0)?;
    call.number(|row| if call.is_null(row) { 0 } else { reader.find(row).map_or(0, of) })
}

fn texts(call: &Call<'_>, write: fn(&str, &mut String)) -> Result<ArrayRef, FunctionError> {
    let reader = Reader::of(call, 0)?;
    call.write_texts(|row, out| {
        if let Some(value) = reader.find(row) {
            write(value, out);
        }
        Ok(())
    })
}

/// Text as it reads, other values as JSON; nothing of `null`.
pub(crate) fn text_of(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'"' => Some(unescape(value.get(1..value.len() - 1)?)),
        b'n' => None,
        b't' | b'f' => Some(Cow::Borrowed(value)),
        b'{' | b'[' => {
            let mut out = String::with_capacity(value.len());
            write_compact(&mut out, value);
            Some(Cow::Owned(out))
        }
        _ => match number(value) {
            Some(number) => {
                let mut out = String::new();
                write_number(&mut out, number);
                Some(Cow::Owned(out))
            }
            None => Some(Cow::Borrowed(value)),
        },
    }
}

/// A number, also one in quotes.
pub(crate) fn loose_number(value: &str) -> Option<Number> {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(inner) => number(&unescape(inner)),
        None => number(value),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "it is compared before")]
pub(crate) fn int_of(value: &str) -> i64 {
    match loose_number(value) {
        Some(Number::Int(value)) => value,
        Some(Number::Double(value)) if value.abs() < i64::MAX as f64 => value as i64,
        _ => 0,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "it is compared before"
)]
pub(crate) fn uint_of(value: &str) -> i64 {
    match loose_number(value) {
        Some(Number::Int(value)) => value.max(0),
        Some(Number::UInt(value)) => value.cast_signed(),
        Some(Number::Double(value)) if value >= 0.0 && value < u64::MAX as f64 => (value as u64).cast_signed(),
        _ => 0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "what reading as a float means")]
pub(crate) fn float_of(value: &str) -> f64 {
    match loose_number(value) {
        Some(Number::Int(value)) => value as f64,
        Some(Number::UInt(value)) => value as f64,
        Some(Number::Double(value)) => value,
        None => {
            let text = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            text.parse().unwrap_or(0.0)
        }
    }
}

/// `true`, and whole numbers but zero.
fn loose_bool(value: &str) -> bool {
    match number(value) {
        Some(Number::Int(value)) => value != 0,
        Some(Number::UInt(_)) => true,
        _ => value == "true",
    }
}

fn json_type(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let reader = Reader::of(call, 0)?;
    call.write_texts(|row, out| {
        let name = match reader.find(row) {
            None => "Null",
            Some(value) => type_name(value),
        };
        out.push_str(name);
        Ok(())
    })
}

fn type_name(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "Object",
        Some(b'[') => "Array",
        Some(b'"') => "String",
        Some(b't' | b'f') => "Bool",
        Some(b'n') | None => "Null",
        _ => match number(value) {
            Some(Number::Int(_)) => "Int64",
            Some(Number::UInt(_)) => "UInt64",
            Some(Number::Double(_)) => "Double",
            None => "String",
        },
    }
}

/// NULL of what is no array.
fn array_length(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let reader = Reader::of(call, 0)?;
    call.optional_number(|row| Items::of(reader.find(row)?).filter(|items| !items.is_object()).map(count))
}

fn array_raw(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let reader = Reader::of(call, 0)?;
    call.write_text_lists(|row, out| {
        let items = reader.find(row).and_then(Items::of).filter(|items| !items.is_object());
        items.into_iter().flatten().try_for_each(|(_, value)| {
            write_compact(out.text(), value);
            out.end()
        })
    })
}

fn keys(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let reader = Reader::of(call, 0)?;
    call.write_text_lists(|row, out| {
        let items = reader.find(row).and_then(Items::of).filter(Items::is_object);
        items.into_iter().flatten().try_for_each(|(key, _)| out.push(&unescape(key)))
    })
}

fn keys_and_raw(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let reader = Reader::of(call, 0)?;
    let (mut names, mut values) =
        (TextBuilder::new(call.function, call.rows), TextBuilder::new(call.function, call.rows));
    let mut offsets = vec![0];
    for row in 0..call.rows {
        let items =
            if call.is_null(row) { None } else { reader.find(row).and_then(Items::of).filter(Items::is_object) };
        for (key, value) in items.into_iter().flatten() {
            names.push(&unescape(key))?;
            write_compact(values.text(), value);
            values.end()?;
        }
        offsets.push(offset(call.function, names.len())?);
    }
    pairs(call, offsets, Arc::new(names.finish()?), Arc::new(values.finish()?))
}

/// Lists of pairs.
fn pairs(call: &Call<'_>, offsets: Vec<i32>, names: ArrayRef, values: ArrayRef) -> Result<ArrayRef, FunctionError> {
    let DataType::List(field) = call.returns else { return Err(call.contract("it answers lists")) };
    let DataType::Struct(fields) = field.data_type() else { return Err(call.contract("it answers lists of pairs")) };
    let rows = names.len();
    let pairs = arrow::array::StructArray::try_new_with_length(fields.clone(), vec![names, values], None, rows)?;
    list(call.returns, offsets, Arc::new(pairs), None)
}
