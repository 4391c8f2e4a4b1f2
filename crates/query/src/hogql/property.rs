//! The text of a value inside a JSON document.
//!
//! A string is its characters, anything else its compact JSON with numbers in their shortest spelling; JSON `null` and
//! what is not there are NULL. The same rule serves a property read from its own column and one looked up in a document,
//! so where a value is stored never shows.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Float64Builder, StringArray, StringBuilder,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int32Type};
use arrow::error::ArrowError;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, Expr};
use hogql::resolved::Step;
use model::json::{self, Elements, Key, Members};

use store::{PropertyColumn, PropertyValues};

use super::kernel::{Kernel, call};

/// A way into a document.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Key(Box<Key>),
    /// From 1, or from -1 at the end.
    Index(i64),
}

impl Place {
    pub(super) fn of(step: &Step) -> Self {
        match step {
            Step::Key(name) => Self::Key(Box::new(Key::new(name))),
            Step::Index(at) => Self::Index(*at),
        }
    }
}

/// The text at `path` in the documents of `document`.
pub(super) fn read(document: Expr, path: &[Step], keep_escapes: bool) -> Expr {
    let places: Vec<Place> = path.iter().map(Place::of).collect();
    let mut name = String::from("property[");
    for step in path {
        match step {
            Step::Key(key) => write!(name, "{key:?}"),
            Step::Index(at) => write!(name, "{at}"),
        }
        .expect("writing to memory cannot fail");
        name.push(',');
    }
    name.push_str(if keep_escapes { "raw]" } else { "]" });
    let run = move |arguments: &[ColumnarValue], _rows: usize| match arguments {
        [ColumnarValue::Array(documents)] => Ok(ColumnarValue::Array(texts(documents, &places, keep_escapes)?)),
        [ColumnarValue::Scalar(document)] => {
            let text = texts(&document.to_array()?, &places, keep_escapes)?;
            Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&text, 0)?))
        }
        _ => exec_err!("a property is read from one document"),
    };
    call(Kernel::new(name, DataType::Utf8, run), vec![document])
}

fn texts(documents: &ArrayRef, path: &[Place], keep_escapes: bool) -> Result<ArrayRef> {
    if let DataType::Dictionary(_, _) = documents.data_type() {
        let dictionary = documents.as_any_dictionary();
        let values = texts(dictionary.values(), path, keep_escapes)?;
        return Ok(take(&values, dictionary.keys(), None)?);
    }
    let plain = if documents.data_type() == &DataType::Utf8 {
        Arc::clone(documents)
    } else {
        cast(documents, &DataType::Utf8)?
    };
    let mut builder = StringBuilder::with_capacity(plain.len(), 16 * plain.len());
    for document in plain.as_string::<i32>() {
        builder
            .append_option(document.and_then(|document| find(document, path)).and_then(|raw| text(raw, keep_escapes)));
    }
    Ok(Arc::new(builder.finish()))
}

/// The JSON at `path` in `document`.
pub(super) fn find<'a>(document: &'a str, path: &[Place]) -> Option<&'a str> {
    path.iter().try_fold(document.trim_ascii(), |value, place| match place {
        Place::Key(key) => value.starts_with('{').then(|| key.find(value)).flatten().map(str::trim_ascii),
        Place::Index(at) => element(value, *at).map(str::trim_ascii),
    })
}

/// The place `at` of an array, or the value of that member of an object, as ClickHouse counts.
fn element(value: &str, at: i64) -> Option<&str> {
    let from_end = at < 0;
    let at = usize::try_from(at.unsigned_abs()).ok()?.checked_sub(1)?;
    let all: Vec<&str> = if value.starts_with('[') {
        Elements::of(value).collect()
    } else if value.starts_with('{') {
        Members::of(value).map(|(_, value)| value).collect()
    } else {
        return None;
    };
    let at = if from_end { all.len().checked_sub(at + 1)? } else { at };
    all.get(at).copied()
}

/// The text of the JSON value `raw`; `None` for `null`.
pub(crate) fn text(raw: &str, keep_escapes: bool) -> Option<Cow<'_, str>> {
    let raw = raw.trim_ascii();
    Some(match raw.as_bytes().first()? {
        b'n' => return None,
        b'"' => {
            let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
            if keep_escapes { Cow::Borrowed(inner) } else { json::unescape(inner) }
        }
        b'{' | b'[' => {
            let mut compact = String::with_capacity(raw.len());
            json::write_compact(&mut compact, raw);
            Cow::Owned(compact)
        }
        b't' | b'f' => Cow::Borrowed(raw),
        _ => number_text(raw),
    })
}

/// A JSON number in its shortest spelling: `1.50` is `1.5`, `1e3` is `1000`. Whole numbers keep their digits.
pub(crate) fn number_text(raw: &str) -> Cow<'_, str> {
    if raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') && (raw.len() < 19 || is_exact(raw)) && raw != "-0"
    {
        return Cow::Borrowed(raw);
    }
    raw.parse::<f64>().map_or(Cow::Borrowed(raw), |number| Cow::Owned(float_text(number)))
}

fn is_exact(raw: &str) -> bool {
    raw.parse::<u64>().is_ok() || raw.parse::<i64>().is_ok()
}

/// The shortest text that reads back as `number`, spelled as ClickHouse does.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) { format!("{number:e}") } else { format!("{number}") }
}

/// The number that all of `text` spells, as a conversion to Float64 reads it.
pub(crate) fn number_of(text: &str) -> Option<f64> {
    let first = *text.as_bytes().first()?;
    let starts_number = first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.');
    if starts_number && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) {
        return text.parse().ok();
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.eq_ignore_ascii_case("inf") || rest.eq_ignore_ascii_case("infinity") {
        return Some(sign * f64::INFINITY);
    }
    rest.eq_ignore_ascii_case("nan").then_some(f64::NAN)
}

/// The text of each value of a property's column.
pub(crate) fn shown(column: &PropertyColumn) -> Result<DictionaryArray<Int32Type>, ArrowError> {
    if let PropertyValues::Dictionary(array) = &column.values
        && column.strays.is_empty()
    {
        return Ok(array.clone());
    }
    let plain = each(column, |raw| text(raw, false).map(Cow::into_owned));
    let typed = cast(&plain, &store::dictionary())?;
    Ok(typed.as_dictionary::<Int32Type>().clone())
}

/// The JSON of each value of a property's column.
pub(crate) fn json(column: &PropertyColumn) -> StringArray {
    each(column, |raw| Some(raw.to_owned()))
}

fn each(column: &PropertyColumn, show: impl Fn(&str) -> Option<String>) -> StringArray {
    let mut raw = String::new();
    (0..column.len())
        .map(|row| {
            raw.clear();
            if column.write_json(row, &mut raw) { show(&raw) } else { None }
        })
        .collect()
}

/// The number that the text of each value of a property's column converts to.
pub(crate) fn real(column: &PropertyColumn) -> Float64Array {
    let of_json = |raw: &str| match raw.trim_ascii().as_bytes().first() {
        // The shortest spelling of a number reads as the same number.
        Some(b'-' | b'0'..=b'9') => raw.trim_ascii().parse().ok(),
        _ => text(raw, false).and_then(|text| number_of(&text)),
    };
    let plain: Float64Array = match &column.values {
        PropertyValues::Missing(rows) => Float64Array::new_null(*rows),
        PropertyValues::Float(array) => array.clone(),
        #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
        PropertyValues::Int(array) => array.iter().map(|whole| whole.map(|whole| whole as f64)).collect(),
        PropertyValues::Text(array) => array.iter().map(|text| text.and_then(number_of)).collect(),
        PropertyValues::Json(array) => array.iter().map(|raw| raw.and_then(of_json)).collect(),
        PropertyValues::Uuid(array) => Float64Array::new_null(array.len()),
        PropertyValues::Bool(array) => Float64Array::new_null(array.len()),
        PropertyValues::Dictionary(array) => {
            let values = array.values().as_string::<i32>();
            let values: Vec<Option<f64>> = values.iter().map(|text| text.and_then(number_of)).collect();
            (0..array.len()).map(|row| array.key(row).and_then(|key| values.get(key).copied().flatten())).collect()
        }
    };
    if column.strays.is_empty() {
        return plain;
    }
    let mut builder = Float64Builder::with_capacity(plain.len());
    let mut strays = column.strays.iter().peekable();
    for row in 0..plain.len() {
        match strays.next_if(|(place, _)| *place as usize == row) {
            Some((_, raw)) => builder.append_option(of_json(raw)),
            None => builder.append_option(plain.is_valid(row).then(|| plain.value(row))),
        }
    }
    builder.finish()
}
