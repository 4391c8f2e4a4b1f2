//! A property of some rows, as it was read.

use arrow::array::{Array, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::Int32Type;
use model::write_json_string;
use uuid::Uuid;

/// The values of one property, a place for each row that was asked for, in their order.
#[derive(Debug, Clone)]
pub struct PropertyColumn {
    /// Where most values are. Null where a row has no value, or has it in `strays`.
    pub values: PropertyValues,
    /// Values of another type than the column's: place among the rows asked for, and the JSON text. In order of place.
    pub strays: Vec<(u32, Box<str>)>,
}

/// Values in their column's type.
#[derive(Debug, Clone)]
pub enum PropertyValues {
    /// No row has a value; so many rows were asked for.
    Missing(usize),
    /// Strings, each distinct one once.
    Dictionary(DictionaryArray<Int32Type>),
    /// Strings.
    Text(StringArray),
    /// Strings that spell UUIDs in lower case.
    Uuid(FixedSizeBinaryArray),
    /// Whole numbers.
    Int(Int64Array),
    /// Numbers. A whole one is spelled without a fraction.
    Float(Float64Array),
    /// Booleans.
    Bool(BooleanArray),
    /// JSON texts.
    Json(StringArray),
}

impl PropertyColumn {
    /// Number of rows asked for.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.values {
            PropertyValues::Missing(rows) => *rows,
            PropertyValues::Dictionary(array) => array.len(),
            PropertyValues::Text(array) | PropertyValues::Json(array) => array.len(),
            PropertyValues::Uuid(array) => array.len(),
            PropertyValues::Int(array) => array.len(),
            PropertyValues::Float(array) => array.len(),
            PropertyValues::Bool(array) => array.len(),
        }
    }

    /// Whether no row was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the JSON of row `at` to `out`; false when it has no value.
    pub fn write_json(&self, at: usize, out: &mut String) -> bool {
        let stray = self.strays.binary_search_by_key(&at, |(place, _)| *place as usize);
        if let Some((_, raw)) = stray.ok().and_then(|found| self.strays.get(found)) {
            out.push_str(raw);
            return true;
        }
        self.values.write_json(at, out)
    }
}

impl PropertyValues {
    /// Whether row `at` has a value.
    pub(crate) fn is_valid(&self, at: usize) -> bool {
        match self {
            Self::Missing(_) => false,
            Self::Dictionary(array) => array.is_valid(at),
            Self::Text(array) | Self::Json(array) => array.is_valid(at),
            Self::Uuid(array) => array.is_valid(at),
            Self::Int(array) => array.is_valid(at),
            Self::Float(array) => array.is_valid(at),
            Self::Bool(array) => array.is_valid(at),
        }
    }

    /// Appends the JSON of row `at` to `out`; false when it is null.
    pub(crate) fn write_json(&self, at: usize, out: &mut String) -> bool {
        use std::fmt::Write as _;
        if !self.is_valid(at) {
            return false;
        }
        match self {
            Self::Missing(_) => {}
            Self::Dictionary(array) => {
                let texts: Option<&StringArray> = array.values().as_any().downcast_ref();
                let key = array.key(at);
                if let (Some(texts), Some(key)) = (texts, key) {
                    write_json_string(out, texts.value(key));
                }
            }
            Self::Text(array) => write_json_string(out, array.value(at)),
            Self::Json(array) => out.push_str(array.value(at)),
            Self::Uuid(array) => {
                out.push('"');
                write_uuid(out, array.value(at));
                out.push('"');
            }
            Self::Int(array) => out.push_str(itoa::Buffer::new().format(array.value(at))),
            Self::Float(array) => write!(out, "{}", array.value(at)).expect("writing to memory cannot fail"),
            Self::Bool(array) => out.push_str(if array.value(at) { "true" } else { "false" }),
        }
        true
    }
}

/// Appends a UUID as it is spelled, without quotes.
pub(crate) fn write_uuid(out: &mut String, bytes: &[u8]) {
    let uuid = Uuid::from_slice(bytes).unwrap_or_default();
    out.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
}
