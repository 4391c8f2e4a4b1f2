//! LIKE: `%` is any text, `_` any character, a backslash makes either plain.
//!
//! Most patterns are a word with `%` about it, which is a search; the others become regular expressions. Where case does not
//! matter, a word of ASCII is searched for in lower case, which costs a copy of each text; compiling an expression alone
//! costs as much as thousands of texts.

use std::cell::RefCell;
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
    /// One of those above, of ASCII in lower case, for texts whatever their case.
    Folded(Box<Self>, RefCell<String>),
    Pattern(Regex),
}

/// What Unicode folds to ASCII letters beside their capitals: the sign of the kelvin and the long s.
const FOLDED: [(char, &str); 2] = [('\u{212a}', "k"), ('\u{17f}', "s")];

impl Matcher {
    fn new(pattern: &str, case: Case) -> Result<Self, FunctionError> {
        if case == Case::Sensitive
            && let Some(word) = Self::word(pattern)
        {
            return Ok(word);
        }
        if case == Case::Insensitive
            && pattern.is_ascii()
            && let Some(word) = Self::word(&pattern.to_ascii_lowercase())
        {
            return Ok(Self::Folded(Box::new(word), RefCell::default()));
        }
        let regex = RegexBuilder::new(&regular(pattern)?)
            .dot_matches_new_line(true)
            .case_insensitive(case == Case::Insensitive)
            .build();
        regex.map(Self::Pattern).map_err(|error| FunctionError::Argument(format!("bad pattern {pattern:?}: {error}")))
    }

    /// The search that `pattern` is, if it is a word, perhaps with `%` before or behind it.
    fn word(pattern: &str) -> Option<Self> {
        let (first, last) = (pattern.starts_with('%'), pattern.ends_with('%'));
        let inner = pattern.trim_matches('%');
        if inner.contains(['%', '_', '\\']) {
            return None;
        }
        Some(match (first, last) {
            (false, false) => Self::Equals(inner.to_owned()),
            (false, true) => Self::Starts(inner.to_owned()),
            (true, false) => Self::Ends(inner.to_owned()),
            (true, true) => Self::Contains(Box::new(Finder::new(inner.as_bytes()).into_owned())),
        })
    }

    fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Folded(word, lower) => {
                let mut lower = lower.borrow_mut();
                lower.clear();
                lower.push_str(text);
                lower.make_ascii_lowercase();
                if !text.is_ascii() && text.contains(FOLDED.map(|(letter, _)| letter)) {
                    *lower = FOLDED
                        .iter()
                        .fold(std::mem::take(&mut *lower), |text, (letter, plain)| text.replace(*letter, plain));
                }
                word.is_match(&lower)
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_as_their_expressions_find_them() {
        let words = ["check", "Check", "SKY", "a", "", "%", "e/s", "1_k", "é", "pric"];
        let texts =
            ["", "check", "CHECK out", "my chec\u{212a}", "\u{17f}\u{212a}y", "É", "é/S", "e/ſ", "1xK", "Pricing", "ſ"];
        for pattern in words
            .iter()
            .flat_map(|word| [(*word).to_owned(), format!("%{word}"), format!("{word}%"), format!("%{word}%")])
        {
            let expression = RegexBuilder::new(&regular(&pattern).unwrap())
                .dot_matches_new_line(true)
                .case_insensitive(true)
                .build()
                .unwrap();
            let matcher = Matcher::new(&pattern, Case::Insensitive).unwrap();
            for text in texts {
                assert_eq!(matcher.is_match(text), expression.is_match(text), "{text:?} ilike {pattern:?}");
            }
        }
    }
}
