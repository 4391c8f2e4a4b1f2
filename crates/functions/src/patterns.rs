//! Regular expressions and LIKE.
//!
//! Patterns are of RE2, which ClickHouse uses; the `regex` crate follows it closely, and [`translate`] writes the rest in its
//! words. Look-around and back references do not exist in either. A pattern is compiled once per call.

mod like;
mod replace;
mod translate;

use std::collections::HashMap;

use arrow::array::{ArrayRef, AsArray};
use regex::{Regex, RegexBuilder};

use crate::build::TextBuilder;
use crate::call::Call;
use crate::error::FunctionError;
use crate::table::{Scalar, predicate, value};

pub(crate) const TABLE: &[Scalar] = &[
    predicate("like", |call| like::test(call, like::Case::Sensitive, true)),
    predicate("notLike", |call| like::test(call, like::Case::Sensitive, false)),
    predicate("ilike", |call| like::test(call, like::Case::Insensitive, true)),
    predicate("notILike", |call| like::test(call, like::Case::Insensitive, false)),
    predicate("match", matches),
    value("extract", extract),
    value("regexpExtract", regexp_extract),
    value("extractAll", extract_all),
    value("extractAllGroups", |call| groups(call, Layout::Vertical)),
    value("extractAllGroupsVertical", |call| groups(call, Layout::Vertical)),
    value("extractAllGroupsHorizontal", |call| groups(call, Layout::Horizontal)),
    value("countMatches", count_matches),
    value("replaceRegexpAll", |call| replace::replace(call, usize::MAX)),
    value("replaceRegexpOne", |call| replace::replace(call, 1)),
    predicate("multiMatchAny", multi_match_any),
    value("multiMatchAnyIndex", multi_match_any_index),
];

/// Patterns compiled so far in a call.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    compiled: HashMap<String, Regex>,
}

/// How many patterns of a column are kept.
const PATTERNS_MAX: usize = 256;

impl Patterns {
    pub(crate) fn get(&mut self, pattern: &str) -> Result<&Regex, FunctionError> {
        if !self.compiled.contains_key(pattern) {
            if self.compiled.len() >= PATTERNS_MAX {
                self.compiled.clear();
            }
            self.compiled.insert(pattern.to_owned(), compile(pattern)?);
        }
        // It was put there just now.
        self.compiled.get(pattern).ok_or_else(|| FunctionError::Argument(format!("bad pattern {pattern:?}")))
    }
}

/// Compiles a pattern of RE2; a dot matches line ends too.
pub(crate) fn compile(pattern: &str) -> Result<Regex, FunctionError> {
    let translated = translate::translate(pattern);
    let regex = RegexBuilder::new(&translated).dot_matches_new_line(true).build();
    regex.map_err(|error| FunctionError::Argument(format!("bad regular expression {pattern:?}: {error}")))
}

fn matches(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, patterns) = (call.texts(0)?, call.texts(1)?);
    if let Some(pattern) = patterns.constant() {
        let regex = compile(pattern)?;
        return Ok(call.test(|row| !call.is_null(row) && regex.is_match(texts.get(row))));
    }
    let mut compiled = Patterns::default();
    let mut answers = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        answers.push(!call.is_null(row) && compiled.get(patterns.get(row))?.is_match(texts.get(row)));
    }
    Ok(std::sync::Arc::new(arrow::array::BooleanArray::from(answers)))
}

/// What `extract` takes of a match: the first group, if the pattern has groups, else all of it.
fn group_of(regex: &Regex) -> usize {
    usize::from(regex.captures_len() > 1)
}

fn extract(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, patterns) = (call.texts(0)?, call.texts(1)?);
    let mut compiled = Patterns::default();
    call.write_texts(|row, out| {
        let regex = compiled.get(patterns.get(row))?;
        out.push_str(piece(regex, texts.get(row), group_of(regex)));
        Ok(())
    })
}

/// Group `group` of the first match, or nothing.
fn piece<'a>(regex: &Regex, text: &'a str, group: usize) -> &'a str {
    if group == 0 {
        return regex.find(text).map_or("", |found| found.as_str());
    }
    regex.captures(text).and_then(|captures| captures.get(group)).map_or("", |found| found.as_str())
}

/// `regexpExtract(text, pattern[, group])`, of the first group unless told otherwise.
fn regexp_extract(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, patterns) = (call.texts(0)?, call.texts(1)?);
    let groups = if call.has(2) { Some(call.ints(2)?) } else { None };
    let mut compiled = Patterns::default();
    call.write_texts(|row, out| {
        let regex = compiled.get(patterns.get(row))?;
        let fallback = i64::from(regex.captures_len() > 1);
        let group = groups.as_ref().map_or(fallback, |groups| groups.get(row));
        let group = usize::try_from(group).ok().filter(|group| *group < regex.captures_len());
        let group = group.ok_or_else(|| FunctionError::Argument("the pattern has no such group".to_owned()))?;
        out.push_str(piece(regex, texts.get(row), group));
        Ok(())
    })
}

fn extract_all(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, patterns) = (call.texts(0)?, call.texts(1)?);
    let mut compiled = Patterns::default();
    call.write_text_lists(|row, out| {
        let regex = compiled.get(patterns.get(row))?;
        let text = texts.get(row);
        if group_of(regex) == 0 {
            let found = regex.find_iter(text).filter(|found| !found.is_empty());
            return found.map(|found| found.as_str()).try_for_each(|piece| out.push(piece));
        }
        for captures in regex.captures_iter(text).filter(|captures| !captures.get_match().is_empty()) {
            out.push(captures.get(1).map_or("", |group| group.as_str()))?;
        }
        Ok(())
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// A list for each match.
    Vertical,
    /// A list for each group.
    Horizontal,
}

fn groups(call: &Call<'_>, layout: Layout) -> Result<ArrayRef, FunctionError> {
    let (texts, regex) = (call.texts(0)?, compile(call.constant_text(1)?)?);
    let count = regex.captures_len() - 1;
    if count == 0 {
        return Err(FunctionError::Argument(format!("function {} needs a pattern with groups", call.function)));
    }
    let arrow::datatypes::DataType::List(inner) = call.returns else { return Err(call.contract("it answers lists")) };
    let mut items = TextBuilder::new(call.function, call.rows);
    let (mut inner_offsets, mut outer_offsets) = (vec![0], vec![0]);
    for row in 0..call.rows {
        if !call.is_null(row) {
            let found: Vec<_> = regex.captures_iter(texts.get(row)).collect();
            let cells = |m: usize, g: usize| found.get(m).and_then(|c| c.get(g + 1)).map_or("", |group| group.as_str());
            let (lists, width) = if layout == Layout::Vertical { (found.len(), count) } else { (count, found.len()) };
            for list in 0..lists {
                for at in 0..width {
                    let cell = if layout == Layout::Vertical { cells(list, at) } else { cells(at, list) };
                    items.push(cell)?;
                }
                inner_offsets.push(crate::build::offset(call.function, items.len())?);
            }
        }
        outer_offsets.push(crate::build::offset(call.function, inner_offsets.len() - 1)?);
    }
    let items: ArrayRef = std::sync::Arc::new(items.finish()?);
    let lists = crate::build::list(inner.data_type(), inner_offsets, items, None)?;
    crate::build::list(call.returns, outer_offsets, lists, None)
}

fn count_matches(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, regex) = (call.texts(0)?, compile(call.constant_text(1)?)?);
    call.number(|row| {
        let matches = regex.find_iter(texts.get(row)).filter(|found| !found.is_empty()).count();
        i64::try_from(matches).unwrap_or(i64::MAX)
    })
}

/// The patterns of each row, from a list.
fn pattern_lists(call: &Call<'_>) -> Result<Vec<Vec<Regex>>, FunctionError> {
    let lists = call.lists(1)?;
    let texts = lists.values().as_string_opt::<i32>().ok_or_else(|| call.illegal(1))?;
    let rows = if call.argument(1)?.is_constant() { 1 } else { call.rows };
    let mut compiled = Patterns::default();
    let mut all = Vec::with_capacity(rows);
    for row in 0..rows {
        let regexes = lists.range(row).map(|at| Ok(compiled.get(texts.value(at))?.clone()));
        all.push(regexes.collect::<Result<Vec<_>, FunctionError>>()?);
    }
    Ok(all)
}

/// The number of the first pattern that matches.
fn first_match(regexes: &[Vec<Regex>], row: usize, text: &str) -> Option<usize> {
    let regexes = if regexes.len() == 1 { regexes.first() } else { regexes.get(row) };
    regexes?.iter().position(|regex| regex.is_match(text))
}

fn multi_match_any(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, regexes) = (call.texts(0)?, pattern_lists(call)?);
    Ok(call.test(|row| first_match(&regexes, row, texts.get(row)).is_some()))
}

fn multi_match_any_index(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, regexes) = (call.texts(0)?, pattern_lists(call)?);
    call.number(|row| {
        let found = first_match(&regexes, row, texts.get(row));
        found.and_then(|at| i64::try_from(at + 1).ok()).unwrap_or(0)
    })
}
