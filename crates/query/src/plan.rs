//! Turns what a caller asks into expressions of the query engine.
//!
//! A filter's leaf is a function of the whole properties. The scan recognises it and asks the property's column instead
//! (see [`leaf_of`]); the function itself answers wherever the engine evaluates it.

mod leaf;
mod quantile;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ident, lit};
use model::Timestamp;
use store::Document;

use crate::filter::{Filter, Node};
use crate::scan::{Conditions, PersonKey};
use crate::table::PROPERTIES;

pub(crate) use leaf::leaf_of;
pub(crate) use quantile::quantile;

/// The column names of stored events that expressions use.
pub(crate) mod column {
    pub(crate) const EVENT: &str = "event";
    pub(crate) const DISTINCT_ID: &str = "distinct_id";
    pub(crate) const TIMESTAMP: &str = "timestamp";
    pub(crate) const PERSON_ID: &str = "person_id";
    pub(crate) const PERSON_NUMBER: &str = "person_number";
    pub(crate) const PERSON_PROPERTIES: &str = "person_properties";
}

/// All of `conditions` as one expression; `None` when every event meets them.
pub(crate) fn conditions(conditions: &Conditions) -> Option<Expr> {
    let mut all = Vec::new();
    if conditions.range.first > i64::MIN {
        all.push(ident(column::TIMESTAMP).gt_eq(timestamp(Timestamp::from_micros(conditions.range.first))));
    }
    if conditions.range.last < i64::MAX {
        all.push(ident(column::TIMESTAMP).lt_eq(timestamp(Timestamp::from_micros(conditions.range.last))));
    }
    if let Some(events) = &conditions.events {
        all.push(ident(column::EVENT).in_list(events.iter().map(|name| lit(name.as_str())).collect(), false));
    }
    all.extend(conditions.distinct_id.as_ref().map(|id| ident(column::DISTINCT_ID).eq(lit(id.as_str()))));
    all.extend(conditions.person.map(|person| match person {
        PersonKey::Number(number) => ident(column::PERSON_NUMBER).eq(lit(number.0)),
        PersonKey::Id(id) => {
            ident(column::PERSON_ID).eq(lit(ScalarValue::FixedSizeBinary(16, Some(id.as_bytes().to_vec()))))
        }
    }));
    all.extend(filter(&conditions.filter));
    self::all(all)
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

fn node(node: &Node) -> Option<Expr> {
    match node {
        Node::True => None,
        Node::And(nodes) => all(nodes.iter().filter_map(self::node).collect()),
        // A part that always holds was folded away when the tree was built.
        Node::Or(nodes) => any(nodes.iter().filter_map(self::node).collect()),
        Node::Leaf(leaf) => Some(leaf::holds(
            leaf,
            match leaf.key().document() {
                Document::Event => ident(PROPERTIES),
                Document::Person => ident(column::PERSON_PROPERTIES),
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
