//! One comparison of one property: `$browser exact Safari`.
//!
//! Every operator states what it answers when the property is missing or `null`: the positive ones `false`, the
//! negative ones `true`, except that nothing lies outside a range (`not_between`) that has no value to lie there.
//! Over a list, positive operators need one match and negative ones none.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};

use store::{Document, PropertyKey};

use super::value::{EqualSet, Operand, PropertyValue};

/// Longest regular expression a filter may use, in bytes.
pub(crate) const PATTERN_BYTES_MAX: usize = 1 << 10;
/// Largest compiled regular expression, in bytes; its lazily built automaton is held to the same size.
const PROGRAM_BYTES_MAX: usize = 1 << 20;
/// Most text one leaf may search for, all its values together, in bytes.
pub(crate) const NEEDLE_BYTES_MAX: usize = 4 << 10;
const NEEDLE_PROGRAM_BYTES_MAX: usize = 16 << 20;

/// One comparison, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    key: PropertyKey,
    test: Test,
}

/// What is asked of the value.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    IsSet,
    IsNotSet,
    Equals { any: EqualSet, negated: bool },
    Matches { any: Vec<Regex>, negated: bool },
    Ordered { any: Vec<Operand>, accepts: fn(Ordering) -> bool },
    Between { low: Operand, high: Operand, negated: bool },
    Never,
}

/// Where in the value a searched text must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Anywhere,
    Start,
    End,
}

impl Leaf {
    pub(crate) fn new(document: Document, key: &str, test: Test) -> Self {
        Self { key: PropertyKey::new(document, key), test }
    }

    pub(crate) fn key(&self) -> &PropertyKey {
        &self.key
    }

    /// Whether the leaf holds for this value; none is a missing or `null` property.
    pub(crate) fn accepts(&self, value: Option<&PropertyValue<'_>>) -> bool {
        self.test.accepts(value)
    }

    /// Whether the leaf holds without a value.
    pub(crate) fn accepts_missing(&self) -> bool {
        self.test.accepts(None)
    }

    /// Whether the leaf holds for the owner of these `properties`, a JSON object.
    pub(crate) fn matches(&self, properties: &str) -> bool {
        self.test.accepts(self.key.key().find(properties).and_then(PropertyValue::of).as_ref())
    }
}

impl Test {
    /// Contains, starts or ends with one of `needles`, whatever the case. Nothing in a needle is special.
    ///
    /// # Errors
    ///
    /// When the needles are too long together.
    pub(crate) fn search(needles: &[PropertyValue<'_>], place: Place, negated: bool) -> Result<Self, regex::Error> {
        if needles.iter().map(|needle| needle.text.len()).sum::<usize>() > NEEDLE_BYTES_MAX {
            return Err(regex::Error::CompiledTooBig(NEEDLE_BYTES_MAX));
        }
        let any: Vec<_> = needles.iter().map(|needle| regex::escape(&needle.text)).collect();
        let any = any.join("|");
        let regex = ignoring_case(&match place {
            Place::Anywhere => any,
            Place::Start => format!(r"\A(?:{any})"),
            Place::End => format!(r"(?:{any})\z"),
        })?;
        Ok(Self::Matches { any: vec![regex], negated })
    }

    /// Whether the answer for `value` is yes; `None` is a missing or `null` property.
    pub(crate) fn accepts(&self, value: Option<&PropertyValue<'_>>) -> bool {
        match (self, value) {
            (Self::IsSet, value) => value.is_some(),
            (Self::IsNotSet, value) => value.is_none(),
            (Self::Equals { negated, .. } | Self::Matches { negated, .. }, None) => *negated,
            (Self::Equals { any, negated }, Some(value)) => any.contains(value) != *negated,
            (Self::Matches { any, negated }, Some(value)) => {
                any.iter().any(|regex| regex.is_match(&value.text)) != *negated
            }
            (Self::Ordered { any, accepts }, Some(value)) => {
                any.iter().any(|operand| operand.order_of(value).is_some_and(*accepts))
            }
            (Self::Between { low, high, negated }, Some(value)) => match (low.order_of(value), high.order_of(value)) {
                (Some(to_low), Some(to_high)) => (to_low.is_ge() && to_high.is_le()) != *negated,
                _ => false,
            },
            (Self::Ordered { .. } | Self::Between { .. }, None) | (Self::Never, _) => false,
        }
    }
}

/// Compiles a regular expression of a filter: unanchored, case-sensitive, `.` matches a line end, bounded in size.
///
/// # Errors
///
/// When it is not one, or is too large.
pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(regex::Error::CompiledTooBig(PATTERN_BYTES_MAX));
    }
    RegexBuilder::new(pattern)
        .dot_matches_new_line(true)
        .size_limit(PROGRAM_BYTES_MAX)
        .dfa_size_limit(PROGRAM_BYTES_MAX)
        .build()
}

/// A regular expression that finds text whatever its case. The engine folds case as Unicode does, and is fast for
/// plain text.
fn ignoring_case(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(NEEDLE_PROGRAM_BYTES_MAX)
        .dfa_size_limit(PROGRAM_BYTES_MAX)
        .build()
}
