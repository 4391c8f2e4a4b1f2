//! Fills the holes of a constant query with trees: `select {value} from events`, `select a from {query}`.

use crate::ast::{Alias, Expr, ExprKind, Ident, Query, SelectQuery, Span, Table, TableRef};
use crate::compile::CompileError;
use crate::walk::{self, Node};

/// A name and what takes its place.
pub(crate) type Hole<'h> = (&'h str, Expr);

/// The query `text` with its holes filled. What fills a hole is not looked into.
pub(crate) fn query(text: &str, holes: &[Hole<'_>]) -> Result<Query, CompileError> {
    let mut query = crate::parse_select(text)?;
    fill_query(&mut query, holes);
    Ok(query)
}

/// The expression `text` with its holes filled.
pub(crate) fn expr(text: &str, holes: &[Hole<'_>]) -> Result<Expr, CompileError> {
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
        tables_mut(select).for_each(take_query);
    }
}

fn tables_mut(select: &mut SelectQuery) -> impl Iterator<Item = &mut TableRef> {
    let from = select.from.as_mut().map(|from| (&mut from.first, &mut from.joins));
    from.into_iter()
        .flat_map(|(first, joins)| std::iter::once(first).chain(joins.iter_mut().map(|join| &mut join.table)))
}

/// A hole of FROM that was filled with a query is that query.
fn take_query(table: &mut TableRef) {
    if let Table::Value(value) = &mut table.table
        && let ExprKind::Subquery(query) = &value.kind
    {
        table.table = Table::Query(query.clone());
    }
}

/// Adds columns to what `query` selects.
pub(crate) fn select_also(query: &mut Query, columns: Vec<Expr>) {
    if let Query::Select(select) = query {
        select.select.extend(columns);
    }
}

/// `expr AS name`.
pub(crate) fn named(expr: Expr, name: &str) -> Expr {
    let alias = Alias { expr, alias: Ident::new(name, Span::default()) };
    Expr::new(ExprKind::Alias(Box::new(alias)), Span::default())
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
