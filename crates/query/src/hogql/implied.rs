//! What follows from a condition on events, so that parts and rows can be passed over without asking it.

use hogql::resolved::{Expr, Kind, Literal, Members, Step};
use store::PropertyKey;

use super::expr::is_false;
use super::usage::{document_of, own_property};

/// Functions that give NULL where their first argument is NULL.
const PASSES_NULL: [&str; 15] = [
    "equals",
    "notEquals",
    "less",
    "greater",
    "lessOrEquals",
    "greaterOrEquals",
    "like",
    "ilike",
    "match",
    "accurateCastOrNull",
    "parseDateTime64BestEffortOrNull",
    "toString",
    "toUnixTimestamp",
    "isFinite",
    "replaceRegexpAll",
];

/// Properties of events that are there wherever `condition` holds.
pub(super) fn properties(condition: &Expr) -> Vec<PropertyKey> {
    let mut found = Vec::new();
    if let Kind::Call { function: "and", arguments } = &condition.kind {
        for part in arguments {
            found.extend(properties(part));
        }
        return found;
    }
    found.extend(present(condition).and_then(key));
    found
}

/// The property that is there wherever `condition` holds.
fn present(condition: &Expr) -> Option<&Expr> {
    match &condition.kind {
        Kind::Call { function: "ifNull", arguments } => match arguments.as_slice() {
            [inner, otherwise] if is_false(otherwise) => null_with(inner),
            _ => None,
        },
        Kind::Call { function: "isNotNull", arguments } => arguments.first().and_then(null_with),
        Kind::Call { function: "and", arguments } => arguments.iter().find_map(present),
        Kind::Call { function: "or", arguments } => {
            let (first, rest) = arguments.split_first()?;
            let property = present(first)?;
            rest.iter().all(|part| present(part) == Some(property)).then_some(property)
        }
        Kind::In { left, right: Members::List(list), negated: false } => {
            let is_null = |member: &Expr| member.ty.is_null() || matches!(member.as_literal(), Some(Literal::Null));
            if list.iter().any(is_null) { None } else { null_with(left) }
        }
        _ => null_with(condition),
    }
}

/// The property without which `expr` is NULL.
fn null_with(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        Kind::Property { .. } => own_property(expr).map(|_| expr),
        Kind::Call { function, arguments } if PASSES_NULL.contains(function) => arguments.first().and_then(null_with),
        _ => None,
    }
}

fn key(property: &Expr) -> Option<PropertyKey> {
    match own_property(property)? {
        ((_, document), [Step::Key(key), ..]) => Some(PropertyKey::new(document_of(document)?, key)),
        _ => None,
    }
}

/// The event names that meet `condition`, if it names them.
pub(super) fn events(condition: &Expr) -> Option<Vec<String>> {
    let name_of = |column: &Expr, value: &Expr| match (&column.kind, value.as_string()) {
        (Kind::Column { name, .. }, Some(text)) if name.as_ref() == "event" => Some(text.to_string()),
        _ => None,
    };
    match &condition.kind {
        Kind::Call { function: "equals", arguments } => match arguments.as_slice() {
            [left, right] => name_of(left, right).or_else(|| name_of(right, left)).map(|name| vec![name]),
            _ => None,
        },
        Kind::Call { function: "and", arguments } => arguments.iter().find_map(events),
        Kind::Call { function: "or", arguments } => {
            let mut names = Vec::new();
            for part in arguments {
                names.extend(events(part)?);
            }
            names.sort_unstable();
            names.dedup();
            Some(names)
        }
        Kind::In { left, right: Members::List(list), negated: false } => {
            list.iter().map(|member| name_of(left, member)).collect()
        }
        _ => None,
    }
}
