//! LIKE: `%` is any text, `_` any character, a backslash makes either plain.
//!
//! Most patterns are a word with `%` about it, which is a search; the others become regular expressions.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

use crate::call::Call;
use crate::error::FunctionError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Sensitive,
    Insensitive,
}

#[derive(Debug)]
enum Matcher {
    Equals(String),
    Starts(String),
    Ends(String),
    Contains(Box<Finder<'static>>),
    Pattern(Regex),
}

impl Matcher {
    fn new(pattern: &str, case: Case) -> Result<Self, FunctionError> {
        if case == Case::Sensitive && !pattern.contains(['_', '\\']) {
            let (first, last) = (pattern.starts_with('%'), pattern.ends_with('%'));
            let inner = pattern.trim_matches('%');
            if !inner.contains('%') {
                return Ok(match (first, last) {
                    (false, false) => Self::Equals(inner.to_owned()),
                    (false, true) => Self::Starts(inner.to_owned()),
                    (true, false) => Self::Ends(inner.to_owned()),
                    (true, true) => Self::Contains(Box::new(Finder::new(inner.as_bytes()).into_owned())),
                });
            }
        }
        let regex = RegexBuilder::new(&regular(pattern)?)
            .dot_matches_new_line(true)
            .case_insensitive(case == Case::Insensitive)
            .build();
        regex.map(Self::Pattern).map_err(|error| FunctionError::Argument(format!("bad pattern {pattern:?}: {error}")))
    }

    fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Equals(whole) => text == whole,
            Self::Starts(start) => text.starts_with(start.as_str()),
            Self::Ends(end) => text.ends_with(end.as_str()),
            Self::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            Self::Pattern(regex) => regex.is_match(text),
        }
    }
}

/// The regular expression of a LIKE pattern.
fn regular(pattern: &str) -> Result<String, FunctionError> {
    // `%` at an end needs no anchor there.
    let mut out = String::from("^");
    let mut chars = pattern.chars();
    let mut plain = [0; 4];
    while let Some(c) = chars.next() {
        match c {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '\\' => match chars.next() {
                Some(c @ ('%' | '_' | '\\')) => out.push_str(&regex::escape(c.encode_utf8(&mut plain))),
                Some(c) => {
                    out.push_str("\\\\");
                    out.push_str(&regex::escape(c.encode_utf8(&mut plain)));
                }
                None => return Err(FunctionError::Argument("a LIKE pattern ends with a backslash".to_owned())),
            },
            c => out.push_str(&regex::escape(c.encode_utf8(&mut plain))),
        }
    }
    out.push('$');
    Ok(out)
}

pub(super) fn test(call: &Call<'_>, case: Case, wanted: bool) -> Result<ArrayRef, FunctionError> {
    let (texts, patterns) = (call.texts(0)?, call.texts(1)?);
    if let Some(pattern) = patterns.constant() {
        let matcher = Matcher::new(pattern, case)?;
        return Ok(call.test(|row| matcher.is_match(texts.get(row)) == wanted));
    }
    let mut last: Option<(&str, Matcher)> = None;
    let mut answers = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if call.is_null(row) {
            answers.push(false);
            continue;
        }
        let pattern = patterns.get(row);
        let matcher = match last {
            Some((known, matcher)) if known == pattern => matcher,
            _ => Matcher::new(pattern, case)?,
        };
        answers.push(matcher.is_match(texts.get(row)) == wanted);
        last = Some((pattern, matcher));
    }
    Ok(Arc::new(BooleanArray::from(answers)))
}
