//! Queries: one SELECT, or several combined.

use std::sync::Arc;

use super::{Env, Output, Relation, Resolver, Rows, Scope};
use crate::ast::{self, SetKind, Span};
use crate::fault::{Code, ResolveError, Result};
use crate::resolved::{Body, Query, Set, SetOperation};
use crate::typing::pair;

impl Resolver<'_> {
    /// Resolves a query. Only at the `top` may two columns share a name.
    pub(super) fn query<'q>(&mut self, query: &'q ast::Query, env: &'q Env<'q>, top: bool) -> Result<Output> {
        match query {
            ast::Query::Select(select) => self.deeper(select.span, |this| this.select(select, &select.with, env, top)),
            ast::Query::Set(set) => self.deeper(set.span, |this| this.set(set, env, top)),
            ast::Query::Value(expr) => {
                let text = crate::print_expr(expr, crate::Style::Functions);
                Err(ResolveError::input(format!("A query was expected, found {text}"), expr.span))
            }
        }
    }

    fn set<'q>(&mut self, set: &'q ast::SelectSet, env: &'q Env<'q>, top: bool) -> Result<Output> {
        // INTERSECT binds tighter: first it joins its neighbours, then the rest goes from left to right.
        let mut terms: Vec<(Option<SetKind>, Output)> = vec![(None, self.query(&set.initial, env, top)?)];
        for (operator, query) in &set.subsequent {
            if operator.by_name {
                return Err(ResolveError::input("UNION BY NAME is not supported yet", set.span));
            }
            let right = self.query(query, env, top)?;
            match (operator.kind, terms.pop()) {
                (SetKind::Intersect | SetKind::IntersectAll, Some((before, left))) => {
                    let operation = operation(operator.kind);
                    terms.push((before, self.combined(operation, left, right, set.span)?));
                }
                (kind, last) => {
                    terms.extend(last);
                    terms.push((Some(kind), right));
                }
            }
        }
        let mut terms = terms.into_iter();
        let Some((_, mut whole)) = terms.next() else { return Err(ResolveError::input("Empty query", set.span)) };
        for (kind, right) in terms {
            let operation = operation(kind.unwrap_or(SetKind::UnionAll));
            whole = self.combined(operation, whole, right, set.span)?;
        }
        self.finish_set(set, env, whole)
    }

    /// ORDER BY and LIMIT of the whole set.
    fn finish_set<'q>(&mut self, set: &'q ast::SelectSet, env: &'q Env<'q>, mut whole: Output) -> Result<Output> {
        if set.order_by.is_empty() && set.limit.is_none() {
            return Ok(whole);
        }
        let Body::Set(resolved) = &mut whole.query.body else { return Ok(whole) };
        let columns = whole
            .query
            .columns
            .iter()
            .zip(&whole.documents)
            .map(|((name, ty), owner)| (Arc::clone(name), ty.clone(), *owner));
        let rows = Rows::Columns(columns.collect());
        let mut scope = Scope::new(env, &[]);
        let relation =
            Relation { id: resolved.relation, name: None, rows, joined: Vec::new(), prune: false, over: false };
        let projection: Vec<_> = whole
            .query
            .columns
            .iter()
            .map(|(name, ty)| crate::resolved::Projected {
                name: Arc::clone(name),
                expr: crate::resolved::Expr {
                    kind: crate::resolved::Kind::Column { relation: resolved.relation, name: Arc::clone(name) },
                    ty: ty.clone(),
                    span: Span::default(),
                },
            })
            .collect();
        scope.relations.push(relation);
        resolved.order_by = self.order(&set.order_by, &projection, &mut scope)?;
        resolved.limit = self.limit(set.limit.as_ref(), set.span, &mut scope)?;
        self.check_ties(&resolved.limit, &resolved.order_by, set.span)?;
        Ok(whole)
    }

    fn combined(&mut self, operation: SetOperation, left: Output, right: Output, span: Span) -> Result<Output> {
        if left.query.columns.len() != right.query.columns.len() {
            let (one, other) = (left.query.columns.len(), right.query.columns.len());
            return Err(ResolveError::new(
                Code::TypeMismatch,
                format!("Combined queries have {one} and {other} columns"),
                span,
            ));
        }
        let mut columns = Vec::with_capacity(left.query.columns.len());
        for ((name, one), (_, other)) in left.query.columns.iter().zip(&right.query.columns) {
            let ty = pair(one, other).ok_or_else(|| {
                ResolveError::new(
                    Code::NoCommonType,
                    format!("There is no common type for {one} and {other} in column {name}"),
                    span,
                )
            })?;
            columns.push((Arc::clone(name), ty));
        }
        let documents =
            left.documents.iter().zip(&right.documents).map(|(one, other)| one.filter(|_| one == other)).collect();
        // A run of one union is one node.
        let flat = matches!(operation, SetOperation::UnionAll | SetOperation::UnionDistinct);
        let branches = match left.query.body {
            Body::Set(set)
                if flat && set.operation == operation && set.order_by.is_empty() && set.limit == Default::default() =>
            {
                let mut branches = set.branches;
                branches.push(right.query);
                branches
            }
            body => vec![Query { body, columns: left.query.columns }, right.query],
        };
        let relation = self.relation();
        let set = Set { relation, operation, branches, order_by: Vec::new(), limit: Default::default() };
        Ok(Output { query: Query { body: Body::Set(Box::new(set)), columns }, documents })
    }
}

fn operation(kind: SetKind) -> SetOperation {
    match kind {
        SetKind::UnionAll => SetOperation::UnionAll,
        SetKind::UnionDistinct => SetOperation::UnionDistinct,
        SetKind::Intersect => SetOperation::IntersectDistinct,
        SetKind::IntersectAll => SetOperation::IntersectAll,
        SetKind::Except => SetOperation::ExceptDistinct,
        SetKind::ExceptAll => SetOperation::ExceptAll,
    }
}
