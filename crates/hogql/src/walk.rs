//! Walks over syntax trees: every expression inside an expression or a query.

use crate::ast::{
    Alias, Cte, CteBody, Expr, ExprKind, From, GroupBy, JoinConstraint, Limit, OrderExpr, Over, Query, SelectQuery,
    Table, TableRef, TagValue, WindowSpec,
};

/// Calls `visit` with each direct operand of `expr`; queries inside are not entered.
pub(crate) fn operands<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::Constant(_)
        | ExprKind::Field(_)
        | ExprKind::Star(_)
        | ExprKind::ColumnsMatching(_)
        | ExprKind::Subquery(_)
        | ExprKind::Tag(_) => {}
        ExprKind::Call(call) => {
            call.params.iter().flatten().chain(&call.args).for_each(&mut *visit);
            call.order_by.iter().for_each(|order| visit(&order.expr));
            call.filter.iter().for_each(visit);
        }
        ExprKind::CallValue(call) => {
            visit(&call.callee);
            call.args.iter().for_each(visit);
        }
        ExprKind::Window(window) => {
            window.call.params.iter().flatten().chain(&window.call.args).for_each(&mut *visit);
            window.call.filter.iter().for_each(&mut *visit);
            if let Over::Window(spec) = &window.over {
                spec.partition_by.iter().for_each(&mut *visit);
                spec.order_by.iter().for_each(|order| visit(&order.expr));
            }
        }
        ExprKind::Compare(compare) => [&compare.left, &compare.right].into_iter().for_each(visit),
        ExprKind::DistinctFrom(compare) => [&compare.left, &compare.right].into_iter().for_each(visit),
        ExprKind::Arithmetic(operation) => [&operation.left, &operation.right].into_iter().for_each(visit),
        ExprKind::And(items)
        | ExprKind::Or(items)
        | ExprKind::Array(items)
        | ExprKind::Tuple(items)
        | ExprKind::Columns(items) => items.iter().for_each(visit),
        ExprKind::Not(inner) | ExprKind::Placeholder(inner) => visit(inner),
        ExprKind::Between(between) => [&between.expr, &between.low, &between.high].into_iter().for_each(visit),
        ExprKind::Dict(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).for_each(visit),
        ExprKind::Lambda(lambda) => visit(&lambda.body),
        ExprKind::ArrayAccess(access) => [&access.array, &access.property].into_iter().for_each(visit),
        ExprKind::Slice(slice) => std::iter::once(&slice.array).chain(&slice.from).chain(&slice.to).for_each(visit),
        ExprKind::TupleAccess(access) => visit(&access.tuple),
        ExprKind::Alias(alias) | ExprKind::NamedArgument(alias) => visit(&alias.expr),
        ExprKind::Cast(cast) => visit(&cast.expr),
    }
}

/// Every alias in `expr`, outermost first.
pub(crate) fn aliases<'a>(expr: &'a Expr, found: &mut Vec<&'a Alias>) {
    if let ExprKind::Alias(alias) = &expr.kind {
        found.push(alias);
    }
    let mut inner = Vec::new();
    operands(expr, &mut |operand| inner.push(operand));
    for operand in inner {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || aliases(operand, found));
    }
}

/// An expression or a query inside another.
pub(crate) enum Node<'a> {
    Expr(&'a mut Expr),
    Query(&'a mut Query),
}

type Visit<'v> = &'v mut dyn FnMut(Node<'_>);

/// Calls `visit` with each direct operand of `expr`, queries among them.
pub(crate) fn operands_mut(expr: &mut Expr, visit: Visit<'_>) {
    match &mut expr.kind {
        ExprKind::Constant(_) | ExprKind::Field(_) | ExprKind::Star(_) | ExprKind::ColumnsMatching(_) => {}
        ExprKind::Call(call) => {
            call.params.iter_mut().flatten().chain(&mut call.args).for_each(|expr| visit(Node::Expr(expr)));
            orders(&mut call.order_by, visit);
            orders(&mut call.within_group, visit);
            call.filter.iter_mut().for_each(|expr| visit(Node::Expr(expr)));
        }
        ExprKind::CallValue(call) => {
            visit(Node::Expr(&mut call.callee));
            call.args.iter_mut().for_each(|expr| visit(Node::Expr(expr)));
        }
        ExprKind::Window(window) => {
            window
                .call
                .params
                .iter_mut()
                .flatten()
                .chain(&mut window.call.args)
                .for_each(|expr| visit(Node::Expr(expr)));
            window.call.filter.iter_mut().for_each(|expr| visit(Node::Expr(expr)));
            if let Over::Window(spec) = &mut window.over {
                window_spec(spec, visit);
            }
        }
        ExprKind::Compare(compare) => {
            [&mut compare.left, &mut compare.right].into_iter().for_each(|expr| visit(Node::Expr(expr)))
        }
        ExprKind::DistinctFrom(compare) => {
            [&mut compare.left, &mut compare.right].into_iter().for_each(|expr| visit(Node::Expr(expr)))
        }
        ExprKind::Arithmetic(operation) => {
            [&mut operation.left, &mut operation.right].into_iter().for_each(|expr| visit(Node::Expr(expr)))
        }
        ExprKind::And(items)
        | ExprKind::Or(items)
        | ExprKind::Array(items)
        | ExprKind::Tuple(items)
        | ExprKind::Columns(items) => items.iter_mut().for_each(|expr| visit(Node::Expr(expr))),
        ExprKind::Not(inner) | ExprKind::Placeholder(inner) => visit(Node::Expr(inner)),
        ExprKind::Between(between) => [&mut between.expr, &mut between.low, &mut between.high]
            .into_iter()
            .for_each(|expr| visit(Node::Expr(expr))),
        ExprKind::Dict(pairs) => pairs.iter_mut().for_each(|(key, value)| {
            visit(Node::Expr(key));
            visit(Node::Expr(value));
        }),
        ExprKind::Lambda(lambda) => visit(Node::Expr(&mut lambda.body)),
        ExprKind::ArrayAccess(access) => {
            [&mut access.array, &mut access.property].into_iter().for_each(|expr| visit(Node::Expr(expr)))
        }
        ExprKind::Slice(slice) => {
            visit(Node::Expr(&mut slice.array));
            slice.from.iter_mut().chain(&mut slice.to).for_each(|expr| visit(Node::Expr(expr)));
        }
        ExprKind::TupleAccess(access) => visit(Node::Expr(&mut access.tuple)),
        ExprKind::Alias(alias) | ExprKind::NamedArgument(alias) => visit(Node::Expr(&mut alias.expr)),
        ExprKind::Cast(cast) => visit(Node::Expr(&mut cast.expr)),
        ExprKind::Subquery(query) => visit(Node::Query(query)),
        ExprKind::Tag(tag) => {
            for attribute in &mut tag.attributes {
                match &mut attribute.value {
                    TagValue::Expr(value) => visit(Node::Expr(value)),
                    TagValue::Children(children) => children.iter_mut().for_each(|expr| visit(Node::Expr(expr))),
                }
            }
        }
    }
}

/// Calls `visit` with each outermost expression of `select`, and each query in its clauses.
pub(crate) fn select_mut(select: &mut SelectQuery, visit: Visit<'_>) {
    for Cte { body, .. } in &mut select.with {
        match body {
            CteBody::Query { query, .. } => visit(Node::Query(query)),
            CteBody::Expr(expr) => visit(Node::Expr(expr)),
        }
    }
    select.select.iter_mut().for_each(|expr| visit(Node::Expr(expr)));
    if let Some(From { first, joins }) = &mut select.from {
        table(first, visit);
        for join in joins {
            table(&mut join.table, visit);
            match &mut join.constraint {
                Some(JoinConstraint::On(condition)) => visit(Node::Expr(condition)),
                Some(JoinConstraint::Using(columns)) => columns.iter_mut().for_each(|expr| visit(Node::Expr(expr))),
                None => {}
            }
        }
    }
    select.array_join.iter_mut().flat_map(|join| &mut join.arrays).for_each(|expr| visit(Node::Expr(expr)));
    select.prewhere.iter_mut().chain(&mut select.filter).for_each(|expr| visit(Node::Expr(expr)));
    match &mut select.group_by {
        Some(GroupBy::List(keys) | GroupBy::Rollup(keys) | GroupBy::Cube(keys)) => {
            keys.iter_mut().for_each(|expr| visit(Node::Expr(expr)))
        }
        Some(GroupBy::Sets(sets)) => sets.iter_mut().flatten().for_each(|expr| visit(Node::Expr(expr))),
        Some(GroupBy::All) | None => {}
    }
    select.having.iter_mut().chain(&mut select.qualify).for_each(|expr| visit(Node::Expr(expr)));
    select.windows.iter_mut().for_each(|window| window_spec(&mut window.window, visit));
    orders(&mut select.order_by, visit);
    if let Some(by) = &mut select.limit_by {
        visit(Node::Expr(&mut by.count));
        by.offset.iter_mut().chain(&mut by.by).for_each(|expr| visit(Node::Expr(expr)));
    }
    limit(select.limit.as_mut(), visit);
}

fn table(table: &mut TableRef, visit: Visit<'_>) {
    match &mut table.table {
        Table::Function { args, .. } => args.iter_mut().for_each(|expr| visit(Node::Expr(expr))),
        Table::Query(query) => visit(Node::Query(query)),
        Table::Values(rows) => rows.iter_mut().flatten().for_each(|expr| visit(Node::Expr(expr))),
        Table::Value(expr) => visit(Node::Expr(expr)),
        Table::Name(_) | Table::Pivot(_) | Table::Unpivot(_) => {}
    }
}

fn window_spec(spec: &mut WindowSpec, visit: Visit<'_>) {
    spec.partition_by.iter_mut().for_each(|expr| visit(Node::Expr(expr)));
    orders(&mut spec.order_by, visit);
}

pub(crate) fn orders(keys: &mut [OrderExpr], visit: Visit<'_>) {
    keys.iter_mut().for_each(|key| visit(Node::Expr(&mut key.expr)));
}

pub(crate) fn limit(limit: Option<&mut Limit>, visit: Visit<'_>) {
    if let Some(limit) = limit {
        limit.count.iter_mut().chain(&mut limit.offset).for_each(|expr| visit(Node::Expr(expr)));
    }
}
