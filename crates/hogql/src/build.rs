//! Makes syntax trees by hand, for what stands in a query without having been written there.

use crate::ast::{ArrayAccess, Call, Compare, CompareOp, Constant, Expr, ExprKind, Ident, Lambda, Query, Span};

fn made(kind: ExprKind) -> Expr {
    Expr::new(kind, Span::default())
}

/// `a.b.c`.
pub(crate) fn field<'a>(chain: impl IntoIterator<Item = &'a str>) -> Expr {
    made(ExprKind::Field(chain.into_iter().map(|name| Ident::new(name, Span::default())).collect()))
}

pub(crate) fn constant(constant: Constant) -> Expr {
    made(ExprKind::Constant(constant))
}

pub(crate) fn string(text: impl Into<String>) -> Expr {
    constant(Constant::String(text.into()))
}

pub(crate) fn int(value: i64) -> Expr {
    constant(Constant::Int(value))
}

/// A condition that always holds, or never.
pub(crate) fn truth(value: bool) -> Expr {
    constant(Constant::Bool(value))
}

pub(crate) fn call(name: &str, args: Vec<Expr>) -> Expr {
    made(ExprKind::Call(Box::new(Call::new(Ident::new(name, Span::default()), args))))
}

pub(crate) fn compare(op: CompareOp, left: Expr, right: Expr) -> Expr {
    let is_null_style = matches!(right.as_constant(), Some(Constant::Null));
    made(ExprKind::Compare(Box::new(Compare { op, left, right, is_null_style })))
}

pub(crate) fn equal(left: Expr, right: Expr) -> Expr {
    compare(CompareOp::Eq, left, right)
}

pub(crate) fn not(expr: Expr) -> Expr {
    made(ExprKind::Not(Box::new(expr)))
}

/// A conjunction; nothing at all is true.
pub(crate) fn and(conditions: Vec<Expr>) -> Expr {
    joined(conditions, true)
}

/// An alternative; nothing at all is false.
pub(crate) fn or(conditions: Vec<Expr>) -> Expr {
    joined(conditions, false)
}

fn joined(conditions: Vec<Expr>, all: bool) -> Expr {
    let mut flat = Vec::with_capacity(conditions.len());
    for condition in conditions {
        match (condition.kind, all) {
            (ExprKind::And(inner), true) | (ExprKind::Or(inner), false) => flat.extend(inner),
            (ExprKind::Constant(Constant::Bool(value)), _) if value == all => {}
            (kind, _) => flat.push(Expr::new(kind, condition.span)),
        }
    }
    match flat.len() {
        0 => truth(all),
        1 => flat.pop().unwrap_or_else(|| truth(all)),
        _ => made(if all { ExprKind::And(flat) } else { ExprKind::Or(flat) }),
    }
}

pub(crate) fn tuple(items: Vec<Expr>) -> Expr {
    made(ExprKind::Tuple(items))
}

pub(crate) fn array(items: Vec<Expr>) -> Expr {
    made(ExprKind::Array(items))
}

pub(crate) fn index(array: Expr, at: Expr) -> Expr {
    made(ExprKind::ArrayAccess(Box::new(ArrayAccess { array, property: at, null_safe: false })))
}

pub(crate) fn lambda(argument: &str, body: Expr) -> Expr {
    made(ExprKind::Lambda(Box::new(Lambda { args: vec![Ident::new(argument, Span::default())], body })))
}

/// `(SELECT …)`.
pub(crate) fn subquery(query: Query) -> Expr {
    made(ExprKind::Subquery(Box::new(query)))
}
