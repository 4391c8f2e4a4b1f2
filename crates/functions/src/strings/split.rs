//! Text cut into pieces.

use arrow::array::ArrayRef;
use memchr::memmem::Finder;

use crate::build::TextBuilder;
use crate::call::{Call, Numbers};
use crate::error::FunctionError;
use crate::patterns::Patterns;
use crate::strings::push_bytes;

/// The most pieces of each row, from an optional argument; 0 is no limit.
fn limits<'a>(call: &Call<'a>, at: usize) -> Result<Option<Numbers<'a, i64>>, FunctionError> {
    if call.has(at) { Ok(Some(call.ints(at)?)) } else { Ok(None) }
}

fn limit(limits: Option<&Numbers<'_, i64>>, row: usize) -> usize {
    limits.map(|limits| limits.get(row)).and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(usize::MAX)
}

/// Writes the pieces between `cuts`, which are ranges of what is dropped, at most `most` of them: the rest is dropped.
fn pieces(
    out: &mut TextBuilder,
    text: &str,
    cuts: impl Iterator<Item = (usize, usize)>,
    most: usize,
) -> Result<(), FunctionError> {
    let bytes = text.as_bytes();
    let mut start = 0;
    for (count, (from, to)) in cuts.enumerate() {
        if count == most {
            return Ok(());
        }
        push_bytes(out.text(), bytes.get(start..from).unwrap_or_default());
        out.end()?;
        start = to;
        if count + 1 == most {
            return Ok(());
        }
    }
    push_bytes(out.text(), bytes.get(start..).unwrap_or_default());
    out.end()
}

/// `splitByChar(separator, text[, limit])`.
pub(super) fn by_char(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (separators, texts, limits) = (call.texts(0)?, call.texts(1)?, limits(call, 2)?);
    call.write_text_lists(|row, out| {
        let (text, separator) = (texts.get(row), separators.get(row).as_bytes());
        let [separator] = separator else {
            return Err(FunctionError::Argument("splitByChar takes a separator of one byte".to_owned()));
        };
        if text.is_empty() {
            return out.push("");
        }
        let cuts = memchr::memchr_iter(*separator, text.as_bytes()).map(|at| (at, at + 1));
        pieces(out, text, cuts, limit(limits.as_ref(), row))
    })
}

/// `splitByString(separator, text[, limit])`; an empty separator cuts after each byte.
pub(super) fn by_string(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (separators, texts, limits) = (call.texts(0)?, call.texts(1)?, limits(call, 2)?);
    let constant = separators.constant().map(Finder::new);
    call.write_text_lists(|row, out| {
        let (text, separator, most) = (texts.get(row), separators.get(row), limit(limits.as_ref(), row));
        if separator.is_empty() {
            return characters(out, text, most);
        }
        let local;
        let finder = if let Some(finder) = &constant {
            finder
        } else {
            local = Finder::new(separator);
            &local
        };
        pieces(out, text, finder.find_iter(text.as_bytes()).map(|at| (at, at + separator.len())), most)
    })
}

fn characters(out: &mut TextBuilder, text: &str, most: usize) -> Result<(), FunctionError> {
    text.chars().take(most).try_for_each(|c| out.push(c.encode_utf8(&mut [0; 4])))
}

/// Runs of bytes that are not of the class.
pub(super) fn by_class(call: &Call<'_>, separates: fn(&u8) -> bool) -> Result<ArrayRef, FunctionError> {
    let (texts, limits) = (call.texts(0)?, limits(call, 1)?);
    call.write_text_lists(|row, out| {
        let most = limit(limits.as_ref(), row);
        let words = texts.get(row).as_bytes().split(separates).filter(|word| !word.is_empty());
        words.take(most).try_for_each(|word| {
            push_bytes(out.text(), word);
            out.end()
        })
    })
}

/// `splitByRegexp(pattern, text[, limit])`.
pub(super) fn by_regexp(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (patterns, texts, limits) = (call.texts(0)?, call.texts(1)?, limits(call, 2)?);
    let mut compiled = Patterns::default();
    call.write_text_lists(|row, out| {
        let (text, pattern, most) = (texts.get(row), patterns.get(row), limit(limits.as_ref(), row));
        if pattern.is_empty() {
            return characters(out, text, most);
        }
        if text.is_empty() {
            return out.push("");
        }
        let regex = compiled.get(pattern)?;
        let cuts = regex.find_iter(text).filter(|found| !found.is_empty()).map(|found| (found.start(), found.end()));
        pieces(out, text, cuts, most)
    })
}
