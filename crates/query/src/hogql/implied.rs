//! The events that a condition names, so that parts and rows of others can be passed over without asking it.

use hogql::resolved::{Expr, Kind, Members};

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
