//! Which JSON values a typed column can give back exactly.

use model::json;

/// The type of a property column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Strings, unescaped.
    Text,
    /// Strings that spell a UUID in lower case: 16 bytes.
    Uuid,
    /// Whole numbers of 64 bits in plain spelling.
    Int,
    /// Numbers whose shortest decimal spelling is the one that was sent.
    Float,
    /// `true` and `false`.
    Bool,
    /// Any JSON value, as its text.
    Json,
}

/// What kind of JSON value a text is, as far as columns care.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Null,
    Text,
    Uuid([u8; 16]),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Arrays, objects, numbers that no typed column gives back, strings with halves of surrogate pairs.
    Other,
}

/// Longest run of digits that a double gives back whatever they are.
const EXACT_DIGITS: usize = 15;
/// Whole numbers up to here are exact as doubles.
const EXACT_WHOLE: i64 = 1 << 53;

impl Shape {
    /// The shape of `raw`, one JSON value without space around it.
    pub(crate) fn of(raw: &str) -> Self {
        match raw.as_bytes() {
            [b'n', ..] => Self::Null,
            [b't', ..] => Self::Bool(true),
            [b'f', ..] => Self::Bool(false),
            [b'"', inner @ .., b'"'] => Self::of_string(raw, inner),
            [b'-' | b'0'..=b'9', ..] => Self::of_number(raw),
            _ => Self::Other,
        }
    }

    fn of_string(raw: &str, inner: &[u8]) -> Self {
        if let Some(bytes) = canonical_uuid(inner) {
            return Self::Uuid(bytes);
        }
        // Half a surrogate pair cannot be kept as text.
        let escaped = memchr::memchr(b'\\', inner).is_some() && raw.contains("\\u");
        if escaped && unescaped(raw).contains(char::REPLACEMENT_CHARACTER) { Self::Other } else { Self::Text }
    }

    fn of_number(raw: &str) -> Self {
        let digits = raw.strip_prefix('-').unwrap_or(raw).as_bytes();
        if digits.iter().all(u8::is_ascii_digit) {
            let plain = digits == b"0" || digits.first() != Some(&b'0');
            return match raw.parse::<i64>() {
                Ok(whole) if plain && raw != "-0" => Self::Int(whole),
                _ => Self::Other,
            };
        }
        match raw.parse::<f64>() {
            Ok(real) if spells_itself(raw, digits, real) => Self::Float(real),
            _ => Self::Other,
        }
    }

    /// The value as a double that is printed as it was spelled.
    #[expect(clippy::cast_precision_loss, reason = "only whole numbers that a double holds exactly")]
    pub(crate) fn as_float(self) -> Option<f64> {
        match self {
            Self::Float(real) => Some(real),
            Self::Int(whole) if (-EXACT_WHOLE..=EXACT_WHOLE).contains(&whole) => Some(whole as f64),
            _ => None,
        }
    }
}

/// The text between the quotes of `raw`.
pub(crate) fn unescaped(raw: &str) -> std::borrow::Cow<'_, str> {
    json::unescape(raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default())
}

fn spells_itself(raw: &str, digits: &[u8], real: f64) -> bool {
    let simple = digits.len() <= EXACT_DIGITS
        && digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && !digits.ends_with(b"0")
        && (digits.first() != Some(&b'0') || digits.starts_with(b"0."));
    simple || (real.is_finite() && real.to_string() == raw)
}

/// The bytes of a UUID in its canonical spelling: lower case, with hyphens.
pub(crate) fn canonical_uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 || text[8] != b'-' || text[13] != b'-' || text[18] != b'-' || text[23] != b'-' {
        return None;
    }
    let mut bytes = [0; 16];
    let mut at = 0;
    for byte in &mut bytes {
        if matches!(at, 8 | 13 | 18 | 23) {
            at += 1;
        }
        *byte = hex(text[at])? << 4 | hex(text[at + 1])?;
        at += 2;
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_typed_only_when_they_come_back_as_spelled() {
        for (raw, shape) in [
            ("0", Shape::Int(0)),
            ("-7", Shape::Int(-7)),
            ("9223372036854775807", Shape::Int(i64::MAX)),
            ("9223372036854775808", Shape::Other),
            ("-0", Shape::Other),
            ("1.5", Shape::Float(1.5)),
            ("0.1", Shape::Float(0.1)),
            ("-0.25", Shape::Float(-0.25)),
            ("1780000000.123", Shape::Float(1_780_000_000.123)),
            ("1.10", Shape::Other),
            ("1.0", Shape::Other),
            ("1e3", Shape::Other),
            ("0.30000000000000004", Shape::Float(0.1 + 0.2)),
            ("0.30000000000000001", Shape::Other),
            ("1e999", Shape::Other),
        ] {
            assert_eq!(Shape::of(raw), shape, "{raw}");
        }
    }

    #[test]
    fn strings_are_text_unless_they_spell_a_uuid_or_cannot_be_kept() {
        assert_eq!(Shape::of(r#""a\n\u00e9""#), Shape::Text);
        assert_eq!(Shape::of(r#""\ud83d\ude00""#), Shape::Text);
        assert_eq!(Shape::of(r#""\ud83d""#), Shape::Other);
        assert!(matches!(Shape::of(r#""0193a1f0-5f7e-7c3b-9d1e-2f4a6b8c0d1e""#), Shape::Uuid(_)));
        assert_eq!(Shape::of(r#""0193A1f0-5f7e-7c3b-9d1e-2f4a6b8c0d1e""#), Shape::Text);
        assert_eq!(Shape::of("[1]"), Shape::Other);
        assert_eq!(Shape::of("null"), Shape::Null);
    }
}
