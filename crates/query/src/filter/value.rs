//! What a property value is when it is compared.
//!
//! One rule for every property, whatever its declared type: values compare by their canonical text, and by number
//! where both sides are numbers. The canonical text of a string is the string, of a number what HogQL makes of it
//! (`3.0` is `3`), of a boolean `true` or `false`, of an array or object its compact JSON. A missing value and JSON `null`
//! are both "no value".

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use model::json;

use crate::hogql::property::number_text;

/// A property's value: canonical text, and whether JSON wrote it as a number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PropertyValue<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) is_json_number: bool,
}

impl<'a> PropertyValue<'a> {
    /// The value written as `raw` JSON; `None` for `null`.
    pub(crate) fn of(raw: &'a str) -> Option<Self> {
        let raw = raw.trim_ascii();
        let text = match raw.as_bytes().first()? {
            b'n' => return None,
            b'"' => json::unescape(raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()),
            b'{' | b'[' => {
                let mut compact = String::with_capacity(raw.len());
                json::write_compact(&mut compact, raw);
                Cow::Owned(compact)
            }
            b't' | b'f' => Cow::Borrowed(raw),
            _ => return Some(Self { text: number_text(raw), is_json_number: true }),
        };
        Some(Self { text, is_json_number: false })
    }

    /// Text that is not JSON, such as the value of a URL parameter.
    pub(crate) fn text(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), is_json_number: false }
    }
}

/// A finite number, exact where it is a whole number that fits 128 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    /// The number that `text` spells, all of it: optional sign, digits, fraction, exponent. No space, no `inf`.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let spells_number = |b: &u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
        if !text.as_bytes().iter().all(spells_number) {
            return None;
        }
        if let Ok(whole) = text.parse() {
            return Some(Self::Whole(whole));
        }
        text.parse().ok().filter(|real: &f64| real.is_finite()).map(Self::Real)
    }

    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(&b),
            // Both are finite, so they always compare.
            _ => self.real().partial_cmp(&other.real()).unwrap_or(Ordering::Equal),
        }
    }

    fn bits(self) -> u64 {
        // Adding zero makes one zero of the two that floats have.
        (self.real() + 0.0).to_bits()
    }

    #[expect(clippy::cast_precision_loss, reason = "a whole number meets a fraction: the nearest float decides")]
    pub(crate) fn real(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }
}

/// What a filter orders properties by: one value, its number worked out once.
#[derive(Debug, Clone)]
pub(crate) struct Operand {
    text: String,
    number: Option<Number>,
}

impl Operand {
    pub(crate) fn new(value: &PropertyValue<'_>) -> Self {
        Self { text: value.text.clone().into_owned(), number: Number::of(&value.text) }
    }

    /// How `property` stands to this operand: by number if both are numbers, by code point if neither is, else not
    /// at all.
    pub(crate) fn order_of(&self, property: &PropertyValue<'_>) -> Option<Ordering> {
        match (Number::of(&property.text), self.number) {
            (Some(theirs), Some(ours)) => Some(theirs.compare(ours)),
            (None, None) => Some(property.text.as_ref().cmp(&self.text)),
            _ => None,
        }
    }
}

/// What a filter compares properties with for equality. Looking a property up costs the same for one value and for
/// thousands.
///
/// A value equals another when their texts are equal, or when both are equal numbers and JSON wrote at least one of
/// them as a number: `1` equals `1.0` and `"1.0"`, but `"1"` does not equal `"1.0"`.
#[derive(Debug, Clone, Default)]
pub(crate) struct EqualSet {
    texts: HashSet<String>,
    /// By the bits of the nearest float, which equal numbers share.
    numbers: HashMap<u64, Vec<(Number, IsJsonNumber)>>,
}

type IsJsonNumber = bool;

impl EqualSet {
    pub(crate) fn insert(&mut self, value: &PropertyValue<'_>) {
        if let Some(number) = Number::of(&value.text) {
            self.numbers.entry(number.bits()).or_default().push((number, value.is_json_number));
        }
        self.texts.insert(value.text.clone().into_owned());
    }

    pub(crate) fn contains(&self, property: &PropertyValue<'_>) -> bool {
        self.texts.contains(property.text.as_ref()) || (!self.numbers.is_empty() && self.contains_number(property))
    }

    fn contains_number(&self, property: &PropertyValue<'_>) -> bool {
        let Some(number) = Number::of(&property.text) else { return false };
        let same_bits = self.numbers.get(&number.bits()).map_or(&[][..], Vec::as_slice);
        same_bits
            .iter()
            .any(|(ours, is_json_number)| (property.is_json_number || *is_json_number) && number.compare(*ours).is_eq())
    }
}
