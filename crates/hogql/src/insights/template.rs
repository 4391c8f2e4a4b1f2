//! Fills the holes of a constant query with trees: `select {value} from events`.

use crate::ast::{Expr, ExprKind, Query};
use crate::compile::CompileError;
use crate::walk::{self, Node};

/// A name and what takes its place.
pub(super) type Hole<'h> = (&'h str, Expr);

/// The query `text` with its holes filled. What fills a hole is not looked into.
pub(super) fn query(text: &str, holes: &[Hole<'_>]) -> Result<Query, CompileError> {
    let mut query = crate::parse_select(text)?;
    fill_query(&mut query, holes);
    Ok(query)
}

/// The expression `text` with its holes filled.
pub(super) fn expr(text: &str, holes: &[Hole<'_>]) -> Result<Expr, CompileError> {
    let mut expr = crate::parse_expr(text)?;
    fill(&mut expr, holes);
    Ok(expr)
}

fn fill_query(query: &mut Query, holes: &[Hole<'_>]) {
    if let Query::Select(select) = query {
        walk::select_mut(select, &mut |node| match node {
            Node::Query(query) => fill_query(query, holes),
            Node::Expr(expr) => fill(expr, holes),
        });
    }
}

fn fill(expr: &mut Expr, holes: &[Hole<'_>]) {
    if let ExprKind::Placeholder(inner) = &expr.kind
        && let ExprKind::Field(chain) = &inner.kind
        && let [name] = chain.as_slice()
        && let Some((_, value)) = holes.iter().find(|(hole, _)| *hole == name.name)
    {
        *expr = value.clone();
        return;
    }
    walk::operands_mut(expr, &mut |node| match node {
        Node::Query(query) => fill_query(query, holes),
        Node::Expr(expr) => fill(expr, holes),
    });
}
