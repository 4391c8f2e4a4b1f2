//! Replacing what a pattern matches.

use arrow::array::ArrayRef;
use regex::Captures;

use super::Patterns;
use crate::build::bounded;
use crate::call::Call;
use crate::error::FunctionError;

/// A piece of a replacement.
#[derive(Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

/// Reads `\1`, and `\\` for a backslash.
fn pieces(replacement: &str, groups: usize) -> Result<Vec<Piece>, FunctionError> {
    let wrong = |what: &str| FunctionError::Argument(format!("replacement {replacement:?}: {what}"));
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = replacement.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('\\') => text.push('\\'),
            Some(digit) if digit.is_ascii_digit() => {
                let group = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or(0);
                if group >= groups {
                    return Err(wrong("the pattern has no such group"));
                }
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Group(group));
            }
            _ => return Err(wrong("a backslash comes before a digit or a backslash")),
        }
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

/// `replaceRegexpAll(text, pattern, replacement)`.
pub(super) fn replace(call: &Call<'_>, most: usize) -> Result<ArrayRef, FunctionError> {
    let (texts, patterns, replacements) = (call.texts(0)?, call.texts(1)?, call.texts(2)?);
    let mut compiled = Patterns::default();
    let mut known: Option<(&str, usize, Vec<Piece>)> = None;
    call.write_texts(|row, out| {
        // An empty pattern replaces nothing.
        if patterns.get(row).is_empty() {
            out.push_str(texts.get(row));
            return Ok(());
        }
        let regex = compiled.get(patterns.get(row))?;
        let (replacement, groups) = (replacements.get(row), regex.captures_len());
        let stale = known.as_ref().is_none_or(|(text, count, _)| *text != replacement || *count != groups);
        if stale {
            known = Some((replacement, groups, pieces(replacement, groups)?));
        }
        let parts = known.as_ref().map_or(&[][..], |(_, _, pieces)| pieces);
        let text = texts.get(row);
        let mut end = 0;
        for captures in regex.captures_iter(text).take(most) {
            let found = captures.get_match();
            out.push_str(text.get(end..found.start()).unwrap_or_default());
            expand(out, parts, &captures);
            bounded(call.function, out)?;
            end = found.end();
        }
        out.push_str(text.get(end..).unwrap_or_default());
        Ok(())
    })
}

fn expand(out: &mut String, parts: &[Piece], captures: &Captures<'_>) {
    for part in parts {
        match part {
            Piece::Text(text) => out.push_str(text),
            Piece::Group(group) => out.push_str(captures.get(*group).map_or("", |found| found.as_str())),
        }
    }
}
