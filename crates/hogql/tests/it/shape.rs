//! Trees without their positions.

use std::fmt::Debug;

/// What a tree is, whatever text it came from.
pub(crate) fn shape(tree: &impl Debug) -> String {
    let debug = format!("{tree:?}");
    let mut shape = String::with_capacity(debug.len());
    let mut rest = debug.as_str();
    while let Some(at) = rest.find("Span { ") {
        shape.push_str(&rest[..at]);
        let close = rest[at..].find('}').expect("the end of a span");
        rest = &rest[at + close + 1..];
    }
    shape.push_str(rest);
    shape
}
