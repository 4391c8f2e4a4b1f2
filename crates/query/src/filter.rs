//! Property filters of documents: what lists of persons and definitions of cohorts ask, compiled once and asked of many.
//! Lists of events take theirs as HogQL instead.
//!
//! A filter is a tree of AND and OR over leaves; a leaf compares one top-level property of the event or of its person
//! with given values. Parsing settles everything that does not depend on an event: operators are resolved, regular
//! expressions compiled, incomplete leaves dropped as "true" with a warning. What is left cannot fail.
//!
//! Nothing here knows the query engine or where properties lie: a document is asked as it is, and [`crate::scan`] asks
//! leaves of columns.

mod leaf;
mod parse;
mod value;

use std::sync::Arc;

pub use parse::Parsed;

pub(crate) use leaf::{Leaf, NEEDLE_BYTES_MAX, Place, Test};
pub(crate) use value::PropertyValue;

use value::EqualSet;

use model::json::{self, Elements};
use store::Document;

/// A condition on an event's properties and on its person's. The default holds for every event.
#[derive(Debug, Clone, Default)]
pub struct Filter(Node);

#[derive(Debug, Clone, Default)]
pub(crate) enum Node {
    #[default]
    True,
    And(Vec<Node>),
    Or(Vec<Node>),
    Leaf(Arc<Leaf>),
}

/// Why a filter was refused: each is the caller's mistake, or something Hedgerow does not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The text is not JSON. The message is the API's.
    #[error("Properties are unparsable!")]
    Unparsable,
    /// It is known what is meant, but it cannot be answered here.
    #[error("{0} is not supported in property filters")]
    Unsupported(String),
    /// No such operator or filter type.
    #[error("unknown {what} '{name}' in property filter")]
    Unknown {
        /// `operator` or `filter type`.
        what: &'static str,
        /// As sent.
        name: String,
    },
    /// A part has the wrong form; the message says which and what it must be.
    #[error("{0}")]
    Invalid(String),
    /// Strict parsing met a leaf that would otherwise be ignored.
    #[error("incomplete property filter: {0}")]
    Incomplete(String),
}

impl Filter {
    /// Reads the API's `properties` text: a list of leaves, AND/OR groups at any depth, or the legacy dictionary.
    /// Incomplete leaves hold for every event and are reported as warnings; empty text filters nothing.
    ///
    /// Cost: one pass over the text, plus compiling what it searches for.
    ///
    /// # Errors
    ///
    /// See [`FilterError`]; also when the filter exceeds 500 leaves, 32 levels or 64 regular expressions.
    pub fn parse(properties: &str) -> Result<Parsed, FilterError> {
        parse::parse(properties, parse::Incomplete::IsTrue)
    }

    /// As [`Filter::parse`], but an incomplete leaf is an error.
    ///
    /// # Errors
    ///
    /// As [`Filter::parse`], and [`FilterError::Incomplete`].
    pub fn parse_strict(properties: &str) -> Result<Parsed, FilterError> {
        parse::parse(properties, parse::Incomplete::IsError)
    }

    /// The condition of a `properties_<key>=<value>` parameter: `value` is JSON if it parses, a list meaning any of
    /// its values, and plain text if not. Equality as for `exact`, and `TRUE` also means `true`.
    #[must_use]
    pub fn property_parameter(key: &str, value: &str) -> Self {
        let is_json = json::is_valid(value);
        let values: Vec<_> = match value.trim_ascii_start().as_bytes().first() {
            Some(b'[') if is_json => Elements::of(value).filter_map(PropertyValue::of).collect(),
            Some(_) if is_json => PropertyValue::of(value).into_iter().collect(),
            _ => vec![PropertyValue::text(value)],
        };
        if values.is_empty() {
            return Self::default();
        }
        let mut any = EqualSet::default();
        for value in &values {
            any.insert(value);
            let lower = value.text.to_ascii_lowercase();
            if matches!(lower.as_str(), "true" | "false") {
                any.insert(&PropertyValue::text(&lower));
            }
        }
        let test = Test::Equals { any, negated: false };
        Self(Node::Leaf(Arc::new(Leaf::new(Document::Event, key, test))))
    }

    /// The condition that all of `filters` hold.
    #[must_use]
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::and(filters.into_iter().map(|filter| filter.0).collect()))
    }

    /// Whether the filter holds for every event.
    #[must_use]
    pub fn is_trivial(&self) -> bool {
        matches!(self.0, Node::True)
    }

    /// Whether the filter holds for an event with these properties and person properties, both JSON objects.
    #[must_use]
    pub fn matches(&self, properties: &str, person_properties: &str) -> bool {
        self.0.matches(&|document| match document {
            Document::Event => properties,
            Document::Person => person_properties,
        })
    }

    pub(crate) fn node(&self) -> &Node {
        &self.0
    }
}

impl Node {
    fn and(mut nodes: Vec<Self>) -> Self {
        nodes.retain(|node| !matches!(node, Self::True));
        match nodes.len() {
            0 => Self::True,
            1 => nodes.remove(0),
            _ => Self::And(nodes),
        }
    }

    /// No alternatives at all hold, as the API has it: an empty group filters nothing.
    fn or(mut nodes: Vec<Self>) -> Self {
        if nodes.is_empty() || nodes.iter().any(|node| matches!(node, Self::True)) {
            return Self::True;
        }
        if nodes.len() == 1 { nodes.remove(0) } else { Self::Or(nodes) }
    }

    fn matches<'a>(&self, properties: &impl Fn(Document) -> &'a str) -> bool {
        match self {
            Self::True => true,
            Self::And(nodes) => nodes.iter().all(|node| node.matches(properties)),
            Self::Or(nodes) => nodes.iter().any(|node| node.matches(properties)),
            Self::Leaf(leaf) => leaf.matches(properties(leaf.key().document())),
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::naive;
