//! Turns what a caller asks into expressions of the query engine.
//!
//! Cheap comparisons come first, so that properties are only looked into where the rest holds: the engine evaluates
//! the right side of AND for the rows that the left side left over.

mod leaf;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ident, lit};
use model::Timestamp;
use uuid::Uuid;

use crate::filter::{Filter, Node, Source};

/// The column names of stored events that expressions use.
pub(crate) mod column {
    pub(crate) const UUID: &str = "uuid";
    pub(crate) const EVENT: &str = "event";
    pub(crate) const DISTINCT_ID: &str = "distinct_id";
    pub(crate) const TIMESTAMP: &str = "timestamp";
    pub(crate) const PERSON_ID: &str = "person_id";
    pub(crate) const PROPERTIES: &str = "properties";
    pub(crate) const PERSON_MODE: &str = "person_mode";
    pub(crate) const PERSON_PROPERTIES: &str = "person_properties";
    pub(crate) const ELEMENTS_CHAIN: &str = "elements_chain";
    /// What an event is listed with.
    pub(crate) const LISTED: [&str; 8] =
        [UUID, EVENT, DISTINCT_ID, TIMESTAMP, PERSON_ID, PERSON_MODE, PROPERTIES, ELEMENTS_CHAIN];
    /// Not stored: which part of the snapshot a row comes from.
    pub(crate) const PART: &str = "$part";
}

/// All of `conditions`; `None` when there are none. Balanced, so that hundreds of them do not nest hundreds deep.
pub(crate) fn all(conditions: Vec<Expr>) -> Option<Expr> {
    balanced(conditions, Expr::and)
}

/// Any of `conditions`; `None` when there are none.
pub(crate) fn any(conditions: Vec<Expr>) -> Option<Expr> {
    balanced(conditions, Expr::or)
}

/// The condition of `filter`; `None` when it holds for every event.
pub(crate) fn filter(filter: &Filter) -> Option<Expr> {
    node(filter.node())
}

pub(crate) fn timestamp(at: Timestamp) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(at.as_micros()), Some("UTC".into())))
}

pub(crate) fn uuid(id: Uuid) -> Expr {
    lit(ScalarValue::FixedSizeBinary(16, Some(id.as_bytes().to_vec())))
}

fn node(node: &Node) -> Option<Expr> {
    match node {
        Node::True => None,
        Node::And(nodes) => all(nodes.iter().filter_map(self::node).collect()),
        // A part that always holds was folded away when the tree was built.
        Node::Or(nodes) => any(nodes.iter().filter_map(self::node).collect()),
        Node::Leaf(leaf) => Some(leaf::holds(
            leaf,
            match leaf.source() {
                Source::Event => ident(column::PROPERTIES),
                Source::Person => ident(column::PERSON_PROPERTIES),
            },
        )),
    }
}

fn balanced(mut conditions: Vec<Expr>, join: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        count => {
            let right = balanced(conditions.split_off(count / 2), join)?;
            balanced(conditions, join).map(|left| join(left, right))
        }
    }
}
