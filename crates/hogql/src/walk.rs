//! Walks over syntax trees: every expression inside an expression or a query.

use crate::ast::{
    Alias, Cte, CteBody, Expr, ExprKind, From, GroupBy, JoinConstraint, Limit, OrderExpr, Over, Query, SelectQuery, Table, TableRef, TagValue,
    WindowSpec,
};

/// Calls `visit` with each direct operand of `expr`; queries inside are not entered.
pub(crate) fn operands<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::Constant(_) | ExprKind::Field(_) | ExprKind::Star(_) | ExprKind::ColumnsMatching(_) | ExprKind::Subquery(_) | ExprKind::Tag(_) => {}
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
        ExprKind::And(items) | ExprKind::Or(items) | ExprKind::Array(items) | ExprKind::Tuple(items) | ExprKind::Columns(items) => items.iter().for_each(visit),
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

/// Calls `visit` with each direct operand of `expr`, and with each expression of the queries in it.
pub(crate) fn operands_mut(expr: &mut Expr, visit: &mut dyn FnMut(&mut Expr)) {
    match &mut expr.kind {
        ExprKind::Constant(_) | ExprKind::Field(_) | ExprKind::Star(_) | ExprKind::ColumnsMatching(_) => {}
        ExprKind::Call(call) => {
            call.params.iter_mut().flatten().chain(&mut call.args).for_each(&mut *visit);
            orders(&mut call.order_by, visit);
            orders(&mut call.within_group, visit);
            call.filter.iter_mut().for_each(visit);
        }
        ExprKind::CallValue(call) => {
            visit(&mut call.callee);
            call.args.iter_mut().for_each(visit);
        }
        ExprKind::Window(window) => {
            window.call.params.iter_mut().flatten().chain(&mut window.call.args).for_each(&mut *visit);
            window.call.filter.iter_mut().for_each(&mut *visit);
            if let Over::Window(spec) = &mut window.over {
                window_spec(spec, visit);
            }
        }
        ExprKind::Compare(compare) => [&mut compare.left, &mut compare.right].into_iter().for_each(visit),
        ExprKind::DistinctFrom(compare) => [&mut compare.left, &mut compare.right].into_iter().for_each(visit),
        ExprKind::Arithmetic(operation) => [&mut operation.left, &mut operation.right].into_iter().for_each(visit),
        ExprKind::And(items) | ExprKind::Or(items) | ExprKind::Array(items) | ExprKind::Tuple(items) | ExprKind::Columns(items) => items.iter_mut().for_each(visit),
        ExprKind::Not(inner) | ExprKind::Placeholder(inner) => visit(inner),
        ExprKind::Between(between) => [&mut between.expr, &mut between.low, &mut between.high].into_iter().for_each(visit),
        ExprKind::Dict(pairs) => pairs.iter_mut().for_each(|(key, value)| {
            visit(key);
            visit(value);
        }),
        ExprKind::Lambda(lambda) => visit(&mut lambda.body),
        ExprKind::ArrayAccess(access) => [&mut access.array, &mut access.property].into_iter().for_each(visit),
        ExprKind::Slice(slice) => {
            visit(&mut slice.array);
            slice.from.iter_mut().chain(&mut slice.to).for_each(visit);
        }
        ExprKind::TupleAccess(access) => visit(&mut access.tuple),
        ExprKind::Alias(alias) | ExprKind::NamedArgument(alias) => visit(&mut alias.expr),
        ExprKind::Cast(cast) => visit(&mut cast.expr),
        ExprKind::Subquery(query) => query_mut(query, visit),
        ExprKind::Tag(tag) => {
            for attribute in &mut tag.attributes {
                match &mut attribute.value {
                    TagValue::Expr(value) => visit(value),
                    TagValue::Children(children) => children.iter_mut().for_each(&mut *visit),
                }
            }
        }
    }
}

/// Calls `visit` with each outermost expression of `query` and its subqueries.
pub(crate) fn query_mut(query: &mut Query, visit: &mut dyn FnMut(&mut Expr)) {
    match query {
        Query::Select(select) => select_mut(select, visit),
        Query::Set(set) => {
            query_mut(&mut set.initial, visit);
            set.subsequent.iter_mut().for_each(|(_, query)| query_mut(query, visit));
            orders(&mut set.order_by, visit);
            limit(set.limit.as_mut(), visit);
        }
        Query::Value(expr) => visit(expr),
    }
}

/// Calls `visit` with each outermost expression of `select` and its subqueries.
pub(crate) fn select_mut(select: &mut SelectQuery, visit: &mut dyn FnMut(&mut Expr)) {
    for Cte { body, .. } in &mut select.with {
        match body {
            CteBody::Query { query, .. } => query_mut(query, visit),
            CteBody::Expr(expr) => visit(expr),
        }
    }
    select.select.iter_mut().for_each(&mut *visit);
    if let Some(From { first, joins }) = &mut select.from {
        table(first, visit);
        for join in joins {
            table(&mut join.table, visit);
            match &mut join.constraint {
                Some(JoinConstraint::On(condition)) => visit(condition),
                Some(JoinConstraint::Using(columns)) => columns.iter_mut().for_each(&mut *visit),
                None => {}
            }
        }
    }
    select.array_join.iter_mut().flat_map(|join| &mut join.arrays).for_each(&mut *visit);
    select.prewhere.iter_mut().chain(&mut select.filter).for_each(&mut *visit);
    match &mut select.group_by {
        Some(GroupBy::List(keys) | GroupBy::Rollup(keys) | GroupBy::Cube(keys)) => keys.iter_mut().for_each(&mut *visit),
        Some(GroupBy::Sets(sets)) => sets.iter_mut().flatten().for_each(&mut *visit),
        Some(GroupBy::All) | None => {}
    }
    select.having.iter_mut().chain(&mut select.qualify).for_each(&mut *visit);
    select.windows.iter_mut().for_each(|window| window_spec(&mut window.window, visit));
    orders(&mut select.order_by, visit);
    if let Some(by) = &mut select.limit_by {
        visit(&mut by.count);
        by.offset.iter_mut().chain(&mut by.by).for_each(&mut *visit);
    }
    limit(select.limit.as_mut(), visit);
}

fn table(table: &mut TableRef, visit: &mut dyn FnMut(&mut Expr)) {
    match &mut table.table {
        Table::Function { args, .. } => args.iter_mut().for_each(visit),
        Table::Query(query) => query_mut(query, visit),
        Table::Values(rows) => rows.iter_mut().flatten().for_each(visit),
        Table::Value(expr) => visit(expr),
        Table::Name(_) | Table::Pivot(_) | Table::Unpivot(_) => {}
    }
}

fn window_spec(spec: &mut WindowSpec, visit: &mut dyn FnMut(&mut Expr)) {
    spec.partition_by.iter_mut().for_each(&mut *visit);
    orders(&mut spec.order_by, visit);
}

fn orders(keys: &mut [OrderExpr], visit: &mut dyn FnMut(&mut Expr)) {
    keys.iter_mut().for_each(|key| visit(&mut key.expr));
}

fn limit(limit: Option<&mut Limit>, visit: &mut dyn FnMut(&mut Expr)) {
    if let Some(limit) = limit {
        limit.count.iter_mut().chain(&mut limit.offset).for_each(visit);
    }
}
