//! Functions of text as bytes: lengths, pieces, padding, splitting.
//!
//! Byte positions can fall into a character; what is left of it then reads as U+FFFD, since text is valid UTF-8 here.

mod readable;
mod split;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::DataType;

use crate::call::{Call, range};
use crate::error::FunctionError;
use crate::table::{Scalar, predicate, value};

pub(crate) const TABLE: &[Scalar] = &[
    value("lower", |call| ascii_map(call, str::make_ascii_lowercase)),
    value("upper", |call| ascii_map(call, str::make_ascii_uppercase)),
    value("length", length),
    predicate("empty", |call| {
        let lengths = lengths(call)?;
        Ok(call.test(|row| lengths(row) == 0))
    }),
    predicate("notEmpty", |call| {
        let lengths = lengths(call)?;
        Ok(call.test(|row| lengths(row) != 0))
    }),
    value("reverse", reverse),
    value("substring", substring),
    value("left", |call| end_piece(call, End::Left)),
    value("right", |call| end_piece(call, End::Right)),
    value("trim", |call| trim(call, true, true)),
    value("trimBoth", |call| trim(call, true, true)),
    value("trimLeft", |call| trim(call, true, false)),
    value("trimRight", |call| trim(call, false, true)),
    value("repeat", repeat).grows(),
    value("leftPad", |call| pad(call, End::Left)).grows(),
    value("lpad", |call| pad(call, End::Left)).grows(),
    value("rightPad", |call| pad(call, End::Right)).grows(),
    value("rpad", |call| pad(call, End::Right)).grows(),
    value("ascii", |call| {
        let texts = call.texts(0)?;
        call.number(|row| texts.get(row).as_bytes().first().map_or(0, |byte| i64::from(*byte)))
    }),
    value("initcap", initcap),
    value("translate", translate),
    value("regexpQuoteMeta", quote_meta),
    value("appendTrailingCharIfAbsent", append_if_absent),
    value("splitByChar", split::by_char),
    value("splitByString", split::by_string),
    value("splitByWhitespace", |call| split::by_class(call, u8::is_ascii_whitespace)),
    value("splitByNonAlpha", |call| {
        split::by_class(call, |byte| byte.is_ascii_whitespace() || byte.is_ascii_punctuation())
    }),
    value("alphaTokens", |call| split::by_class(call, |byte| !byte.is_ascii_alphabetic())),
    value("tokens", |call| split::by_class(call, |byte| byte.is_ascii() && !byte.is_ascii_alphanumeric())),
    value("splitByRegexp", split::by_regexp),
    value("formatReadableSize", readable::size),
    value("formatReadableDecimalSize", readable::decimal_size),
    value("formatReadableQuantity", readable::quantity),
    value("formatReadableTimeDelta", readable::time_delta),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Left,
    Right,
}

/// Appends bytes of a text, which may begin or end within a character.
pub(crate) fn push_bytes(out: &mut String, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => out.push_str(text),
        Err(_) => out.push_str(&String::from_utf8_lossy(bytes)),
    }
}

fn ascii_map(call: &Call<'_>, map: fn(&mut str)) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        let start = out.len();
        out.push_str(texts.get(row));
        if let Some(added) = out.get_mut(start..) {
            map(added);
        }
        Ok(())
    })
}

/// The length of a text in bytes, or of a list or map in elements.
fn lengths<'a>(call: &'a Call<'_>) -> Result<Box<dyn Fn(usize) -> i64 + 'a>, FunctionError> {
    let value = call.argument(0)?;
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    Ok(match value.data_type() {
        DataType::Utf8 => {
            let texts = value.array().as_string::<i32>();
            Box::new(move |row| i64::from(texts.value_length(value.index(row))))
        }
        DataType::List(_) => {
            let lists = value.array().as_list::<i32>();
            Box::new(move |row| count(range(lists, value.index(row)).len()))
        }
        DataType::Map(_, _) => {
            let maps = value.array().as_map();
            Box::new(move |row| count(crate::show::entries(maps, value.index(row)).len()))
        }
        DataType::FixedSizeBinary(_) => {
            let bytes = value.array().as_fixed_size_binary();
            Box::new(move |row| i64::from(bytes.value(value.index(row)).iter().any(|byte| *byte != 0)))
        }
        _ => return Err(call.illegal(0)),
    })
}

fn length(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lengths = lengths(call)?;
    call.number(lengths)
}

fn reverse(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    if matches!(call.argument(0)?.data_type(), DataType::List(_)) {
        return crate::arrays::reverse(call);
    }
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        let text = texts.get(row);
        if text.is_ascii() {
            out.extend(text.chars().rev());
        } else {
            let bytes: Vec<u8> = text.bytes().rev().collect();
            push_bytes(out, &bytes);
        }
        Ok(())
    })
}

/// The place of `length` units from `offset`, counted from 1 or from -1 at the end, among `total` units.
pub(crate) fn window(total: usize, offset: i64, length: Option<i64>) -> std::ops::Range<usize> {
    let size = i64::try_from(total).unwrap_or(i64::MAX);
    // What lies before the beginning still counts as part of the length.
    let start = match offset {
        0 => return 0..0,
        1.. => offset - 1,
        _ => size.saturating_add(offset),
    };
    let end = match length {
        None => size,
        Some(length) if length < 0 => size.saturating_add(length),
        Some(length) => start.saturating_add(length),
    };
    let (start, end) = (start.clamp(0, size), end.clamp(0, size));
    let at = |place: i64| usize::try_from(place).unwrap_or(0);
    at(start)..at(end.max(start))
}

fn substring(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, offsets) = (call.texts(0)?, call.ints(1)?);
    let lengths = if call.has(2) { Some(call.ints(2)?) } else { None };
    call.write_texts(|row, out| {
        let bytes = texts.get(row).as_bytes();
        let length = lengths.as_ref().map(|lengths| lengths.get(row));
        push_bytes(out, bytes.get(window(bytes.len(), offsets.get(row), length)).unwrap_or_default());
        Ok(())
    })
}

/// So many bytes of one end; a negative number leaves so many out at the other.
fn end_piece(call: &Call<'_>, end: End) -> Result<ArrayRef, FunctionError> {
    let (texts, lengths) = (call.texts(0)?, call.ints(1)?);
    call.write_texts(|row, out| {
        let bytes = texts.get(row).as_bytes();
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let asked = lengths.get(row);
        let length = if asked < 0 { size.saturating_add(asked).max(0) } else { asked.min(size) };
        let length = usize::try_from(length).unwrap_or(0);
        let piece = if end == End::Left { bytes.get(..length) } else { bytes.get(bytes.len() - length..) };
        push_bytes(out, piece.unwrap_or_default());
        Ok(())
    })
}

/// Spaces, or the characters of a second argument.
fn trim(call: &Call<'_>, left: bool, right: bool) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    let sets = if call.has(1) { Some(call.texts(1)?) } else { None };
    call.write_texts(|row, out| {
        let set = sets.map_or(" ", |sets| sets.get(row));
        let mut text = texts.get(row);
        if left {
            text = text.trim_start_matches(|c| set.contains(c));
        }
        if right {
            text = text.trim_end_matches(|c| set.contains(c));
        }
        out.push_str(text);
        Ok(())
    })
}

/// The longest text that a function builds by counting.
const BUILT_BYTES_MAX: usize = 64 << 20;

fn repeat(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, counts) = (call.texts(0)?, call.ints(1)?);
    call.write_texts(|row, out| {
        let (text, count) = (texts.get(row), usize::try_from(counts.get(row)).unwrap_or(0));
        if text.len().saturating_mul(count).saturating_add(out.len()) > BUILT_BYTES_MAX {
            return Err(FunctionError::TooLarge(call.function));
        }
        (0..count).for_each(|_| out.push_str(text));
        Ok(())
    })
}

fn pad(call: &Call<'_>, end: End) -> Result<ArrayRef, FunctionError> {
    let (texts, lengths) = (call.texts(0)?, call.ints(1)?);
    let fills = if call.has(2) { Some(call.texts(2)?) } else { None };
    call.write_texts(|row, out| {
        let (bytes, fill) = (texts.get(row).as_bytes(), fills.map_or(" ", |fills| fills.get(row)));
        let length = usize::try_from(lengths.get(row)).unwrap_or(0);
        if length.saturating_add(out.len()) > BUILT_BYTES_MAX {
            return Err(FunctionError::TooLarge(call.function));
        }
        if length <= bytes.len() {
            push_bytes(out, bytes.get(..length).unwrap_or_default());
            return Ok(());
        }
        let fill = if fill.is_empty() { " " } else { fill };
        let padding: Vec<u8> = fill.bytes().cycle().take(length - bytes.len()).collect();
        if end == End::Left {
            push_bytes(out, &padding);
        }
        push_bytes(out, bytes);
        if end == End::Right {
            push_bytes(out, &padding);
        }
        Ok(())
    })
}

/// The first letter of each word is large, the others are small. Words are runs of ASCII letters and digits.
fn initcap(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        let mut inside = false;
        for c in texts.get(row).chars() {
            out.push(if inside { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() });
            inside = c.is_ascii_alphanumeric();
        }
        Ok(())
    })
}

/// Characters of the second argument become those of the third; the rest of a longer second one is left out.
fn translate(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, from, to) = (call.texts(0)?, call.texts(1)?, call.texts(2)?);
    call.write_texts(|row, out| {
        let (from, to) = (from.get(row), to.get(row));
        if !from.is_ascii() || !to.is_ascii() {
            return Err(FunctionError::Argument("translate takes ASCII characters only".to_owned()));
        }
        if from.len() < to.len() {
            return Err(FunctionError::Argument("translate has more replacements than characters".to_owned()));
        }
        for c in texts.get(row).chars() {
            match from.chars().rev().position(|known| known == c).map(|at| from.len() - 1 - at) {
                None => out.push(c),
                Some(at) => out.extend(to.chars().nth(at)),
            }
        }
        Ok(())
    })
}

fn quote_meta(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        for c in texts.get(row).chars() {
            match c {
                '\0' => out.push_str("\\x00"),
                '\\' | '(' | ')' | '^' | '$' | '.' | '[' | ']' | '?' | '*' | '+' | '{' | ':' | '-' | '|' => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
        }
        Ok(())
    })
}

fn append_if_absent(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, ends) = (call.texts(0)?, call.texts(1)?);
    call.write_texts(|row, out| {
        let (text, end) = (texts.get(row), ends.get(row));
        out.push_str(text);
        if !text.is_empty() && !text.ends_with(end) {
            out.push_str(end);
        }
        Ok(())
    })
}
