//! What lists described by fields have in common: pages, aggregates among columns, and order.

use crate::ast::{Direction, Expr, ExprKind, Limit, OrderExpr, Span};
use crate::build::int;
use crate::catalogue::{self, FunctionKind};
use crate::compile::CompileError;
use crate::context::Context;
use crate::walk;

/// Rows of a page unless the request says otherwise.
const ROWS: u64 = 100;

/// How many rows a page has.
pub(crate) fn rows(asked: Option<u32>, context: &Context) -> u64 {
    asked.map_or(ROWS, u64::from).min(context.limits.max_rows.unwrap_or(u64::MAX))
}

/// The rows of a page, and one more where the caller wants to learn whether there are more.
pub(crate) fn page(rows: u64, offset: Option<u32>, context: &Context) -> Limit {
    let rows = rows.saturating_add(u64::from(context.limits.probe_more));
    Limit {
        count: Some(int(i64::try_from(rows).unwrap_or(i64::MAX))),
        offset: offset.filter(|offset| *offset > 0).map(|offset| int(i64::from(offset))),
        percent: false,
        with_ties: false,
    }
}

/// As `given`; else by count, by the first aggregate, by the column `time`, newest first, or by the first column.
pub(crate) fn order(given: &[String], columns: &[Expr], time: &str) -> Result<Vec<OrderExpr>, CompileError> {
    if !given.is_empty() {
        return Ok(given.iter().map(|text| crate::parse_order_expr(text)).collect::<Result<Vec<_>, _>>()?);
    }
    let count = |column: &&Expr| matches!(&bare(column).kind, ExprKind::Call(call) if call.name.name == "count" && call.args.is_empty());
    let is_time = |column: &&Expr| matches!(&bare(column).kind, ExprKind::Field(chain) if chain.iter().map(|ident| ident.name.as_str()).eq([time]));
    let largest = columns.iter().find(count).or_else(|| columns.iter().find(|column| is_aggregate(column)));
    let largest = largest.or_else(|| columns.iter().find(is_time));
    Ok(match (largest, columns.first()) {
        (Some(column), _) => vec![by(bare(column).clone(), Direction::Desc)],
        (None, Some(column)) => vec![by(bare(column).clone(), Direction::Asc)],
        (None, None) => Vec::new(),
    })
}

pub(crate) fn by(expr: Expr, direction: Direction) -> OrderExpr {
    OrderExpr { span: Span::default(), expr, direction, nulls: None, fill: None }
}

/// Without its alias.
fn bare(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Alias(alias) => &alias.expr,
        _ => expr,
    }
}

pub(crate) fn is_aggregate(expr: &Expr) -> bool {
    if let ExprKind::Call(call) = &expr.kind
        && catalogue::find(&call.name.name).is_some_and(|function| function.kind == FunctionKind::Aggregate)
    {
        return true;
    }
    let mut found = false;
    walk::operands(expr, &mut |operand| found = found || is_aggregate(operand));
    found
}
