//! Trees without their positions.

use std::fmt::Debug;

/// What a tree is, whatever text it came from.
pub(crate) fn shape(tree: &impl Debug) -> String {
    let debug = format!("{tree:?}");
    let mut pieces = debug.split("Span { ");
    let mut shape = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        shape.push_str(piece.split_once('}').expect("the end of a span").1);
    }
    shape
}
