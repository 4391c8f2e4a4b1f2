//! Finding text in text, and replacing it.

use std::borrow::Cow;

use arrow::array::{ArrayRef, AsArray, StringArray};
use memchr::memmem::{self, Finder};

use crate::build::{bounded, list};
use crate::call::{Call, ListsOf, Texts};
use crate::error::FunctionError;
use crate::table::{Scalar, predicate, value};

pub(crate) const TABLE: &[Scalar] = &[
    value("position", |call| position(call, Fold::None, Unit::Bytes)),
    value("positionCaseInsensitive", |call| position(call, Fold::Ascii, Unit::Bytes)),
    value("positionUTF8", |call| position(call, Fold::None, Unit::Chars)),
    value("positionCaseInsensitiveUTF8", |call| position(call, Fold::Unicode, Unit::Chars)),
    predicate("startsWith", |call| {
        let (texts, starts) = (call.texts(0)?, call.texts(1)?);
        Ok(call.test(|row| texts.get(row).starts_with(starts.get(row))))
    }),
    predicate("endsWith", |call| {
        let (texts, ends) = (call.texts(0)?, call.texts(1)?);
        Ok(call.test(|row| texts.get(row).ends_with(ends.get(row))))
    }),
    value("countSubstrings", |call| count(call, Fold::None)),
    value("countSubstringsCaseInsensitive", |call| count(call, Fold::Ascii)),
    value("countSubstringsCaseInsensitiveUTF8", |call| count(call, Fold::Unicode)),
    value("replaceAll", |call| replace(call, usize::MAX)),
    value("replace", |call| replace(call, usize::MAX)),
    value("replaceOne", |call| replace(call, 1)),
    predicate("multiSearchAny", |call| any(call, Fold::None)),
    predicate("multiSearchAnyCaseInsensitive", |call| any(call, Fold::Ascii)),
    value("multiSearchFirstIndex", first_index),
    value("multiSearchFirstPosition", first_position),
    value("multiSearchAllPositions", all_positions),
];

/// Which characters count as the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    None,
    Ascii,
    Unicode,
}

impl Fold {
    fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::None => Cow::Borrowed(text),
            Self::Ascii if text.bytes().any(|byte| byte.is_ascii_uppercase()) => Cow::Owned(text.to_ascii_lowercase()),
            Self::Ascii => Cow::Borrowed(text),
            Self::Unicode => Cow::Owned(text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Bytes,
    Chars,
}

/// A needle for each row, prepared once if it is the same.
struct Needles<'a> {
    texts: Texts<'a>,
    fold: Fold,
    constant: Option<Finder<'static>>,
}

impl<'a> Needles<'a> {
    fn of(call: &Call<'a>, at: usize, fold: Fold) -> Result<Self, FunctionError> {
        let texts = call.texts(at)?;
        let constant = texts.constant().map(|needle| Finder::new(fold.apply(needle).as_bytes()).into_owned());
        Ok(Self { texts, fold, constant })
    }

    fn find(&self, row: usize, haystack: &[u8]) -> Option<usize> {
        match &self.constant {
            Some(finder) => finder.find(haystack),
            None => memmem::find(haystack, self.fold.apply(self.texts.get(row)).as_bytes()),
        }
    }

    fn count(&self, row: usize, haystack: &[u8]) -> usize {
        let needle = self.fold.apply(self.texts.get(row));
        if needle.is_empty() {
            return 0;
        }
        match &self.constant {
            Some(finder) => finder.find_iter(haystack).count(),
            None => memmem::find_iter(haystack, needle.as_bytes()).count(),
        }
    }
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// `position(haystack, needle[, start])`, from 1, or 0 if it is not there.
fn position(call: &Call<'_>, fold: Fold, unit: Unit) -> Result<ArrayRef, FunctionError> {
    let (texts, needles) = (call.texts(0)?, Needles::of(call, 1, fold)?);
    let starts = if call.has(2) { Some(call.ints(2)?) } else { None };
    call.number(|row| {
        let text = fold.apply(texts.get(row));
        let start = starts.as_ref().map_or(1, |starts| starts.get(row)).max(1) - 1;
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let skip = match unit {
            Unit::Bytes => start,
            Unit::Chars => place_of(&text, start),
        };
        let Some(haystack) = text.as_bytes().get(skip..) else { return 0 };
        let Some(found) = needles.find(row, haystack) else { return 0 };
        match unit {
            Unit::Bytes => number(skip + found + 1),
            Unit::Chars => number(text.get(..skip + found).unwrap_or_default().chars().count() + 1),
        }
    })
}

/// Where the character numbered `start` begins, which may be the end of the text but not beyond.
fn place_of(text: &str, start: usize) -> usize {
    let beyond = || text.len() + usize::from(start > text.chars().count());
    text.char_indices().nth(start).map_or_else(beyond, |(at, _)| at)
}

fn count(call: &Call<'_>, fold: Fold) -> Result<ArrayRef, FunctionError> {
    let (texts, needles) = (call.texts(0)?, Needles::of(call, 1, fold)?);
    let starts = if call.has(2) { Some(call.ints(2)?) } else { None };
    call.number(|row| {
        let text = fold.apply(texts.get(row));
        let start = starts.as_ref().map_or(1, |starts| starts.get(row)).max(1) - 1;
        let haystack = usize::try_from(start).ok().and_then(|start| text.as_bytes().get(start..));
        haystack.map_or(0, |haystack| number(needles.count(row, haystack)))
    })
}

fn replace(call: &Call<'_>, most: usize) -> Result<ArrayRef, FunctionError> {
    let (texts, replacements) = (call.texts(0)?, call.texts(2)?);
    let needles = Needles::of(call, 1, Fold::None)?;
    call.write_texts(|row, out| {
        let (mut rest, length) = (texts.get(row), needles.texts.get(row).len());
        if length > 0 {
            for _ in 0..most {
                let Some(at) = needles.find(row, rest.as_bytes()) else { break };
                out.push_str(rest.get(..at).unwrap_or_default());
                out.push_str(replacements.get(row));
                bounded(call.function, out)?;
                rest = rest.get(at + length..).unwrap_or_default();
            }
        }
        out.push_str(rest);
        Ok(())
    })
}

/// The needles of each row, from a list.
struct NeedleLists<'a> {
    lists: ListsOf<'a>,
    texts: &'a StringArray,
    fold: Fold,
    constant: Option<Vec<Finder<'static>>>,
}

impl<'a> NeedleLists<'a> {
    fn of(call: &Call<'a>, fold: Fold) -> Result<Self, FunctionError> {
        let lists = call.lists(1)?;
        let texts = lists.values().as_string_opt::<i32>().ok_or_else(|| call.illegal(1))?;
        let finder = |at: usize| Finder::new(fold.apply(texts.value(at)).as_bytes()).into_owned();
        let constant = call.argument(1)?.is_constant().then(|| lists.range(0).map(finder).collect());
        Ok(Self { lists, texts, fold, constant })
    }

    /// Where each needle of `row` is found first.
    fn places<'b>(&'b self, row: usize, haystack: &'b [u8]) -> Box<dyn Iterator<Item = Option<usize>> + 'b> {
        match &self.constant {
            Some(finders) => Box::new(finders.iter().map(move |finder| finder.find(haystack))),
            None => Box::new(
                self.lists
                    .range(row)
                    .map(move |at| memmem::find(haystack, self.fold.apply(self.texts.value(at)).as_bytes())),
            ),
        }
    }
}

fn any(call: &Call<'_>, fold: Fold) -> Result<ArrayRef, FunctionError> {
    let (texts, needles) = (call.texts(0)?, NeedleLists::of(call, fold)?);
    Ok(call.test(|row| needles.places(row, fold.apply(texts.get(row)).as_bytes()).any(|place| place.is_some())))
}

/// The number of the first needle that is found.
fn first_index(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, needles) = (call.texts(0)?, NeedleLists::of(call, Fold::None)?);
    call.number(|row| {
        let found = needles.places(row, texts.get(row).as_bytes()).position(|place| place.is_some());
        found.map_or(0, |at| number(at + 1))
    })
}

fn first_position(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, needles) = (call.texts(0)?, NeedleLists::of(call, Fold::None)?);
    call.number(|row| needles.places(row, texts.get(row).as_bytes()).flatten().min().map_or(0, |at| number(at + 1)))
}

fn all_positions(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, needles) = (call.texts(0)?, NeedleLists::of(call, Fold::None)?);
    let (mut offsets, mut items) = (vec![0], Vec::new());
    for row in 0..call.rows {
        if !call.is_null(row) {
            items.extend(
                needles
                    .places(row, texts.get(row).as_bytes())
                    .map(|place| place.map_or(0, |at| u64::try_from(at + 1).unwrap_or(0))),
            );
        }
        offsets.push(crate::build::offset(call.function, items.len())?);
    }
    let items: ArrayRef = std::sync::Arc::new(arrow::array::UInt64Array::from(items));
    list(call.returns, offsets, items, None)
}
