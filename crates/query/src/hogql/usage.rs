//! What a SELECT reads of its relations, so that scans provide that and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hogql::resolved::{Body, Expr, Kind, Members, Query, RelationId, Select, Source, Step, Table};
use hogql::types::Name;
use store::Document;

use crate::plan::column;
use crate::table::{Form, PROPERTIES};

/// The properties read of each relation, from its columns `properties` and `person_properties`.
pub(super) type Usage = BTreeMap<RelationId, BTreeSet<(Document, Name, Form)>>;

/// What `select` reads, subqueries apart.
pub(super) fn of(select: &Select) -> Usage {
    let mut usage = Usage::new();
    expressions(select, &mut |expr| read(expr, &mut usage));
    usage
}

/// What the filter and the order of `select` read.
pub(super) fn of_order(select: &Select) -> Usage {
    let mut usage = Usage::new();
    select.filter.iter().for_each(|expr| read(expr, &mut usage));
    select.order_by.iter().for_each(|order| read(&order.expr, &mut usage));
    usage
}

fn read(expr: &Expr, usage: &mut Usage) {
    let mut note = |(relation, document): (RelationId, Document), key: &Name, form| {
        usage.entry(relation).or_default().insert((document, Arc::clone(key), form));
    };
    if let Some((of, [Step::Key(key)])) = is_real(expr).and_then(own_property) {
        note(of, key, Form::Real);
        return;
    }
    match own_property(expr) {
        Some((of, [Step::Key(key)])) => note(of, key, Form::Shown),
        Some((of, [Step::Key(key), ..])) => note(of, key, Form::Json),
        _ => expr.operands(&mut |operand| read(operand, usage)),
    }
}

/// What is converted, if `expr` is a conversion to Float64 that gives NULL where it fails.
fn is_real(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        Kind::Call { function: "accurateCastOrNull", arguments } => match arguments.as_slice() {
            [inner, to] if to.as_string().is_some_and(|to| to.as_ref() == "Float64") => Some(inner),
            _ => None,
        },
        _ => None,
    }
}

/// The document and path, if `expr` reads a property of one of a relation's own documents.
pub(super) fn own_property(expr: &Expr) -> Option<((RelationId, Document), &[Step])> {
    let Kind::Property { document, path, keep_escapes: false } = &expr.kind else { return None };
    let Kind::Column { relation, name } = &document.kind else { return None };
    let document = match name.as_ref() {
        PROPERTIES => Document::Event,
        column::PERSON_PROPERTIES => Document::Person,
        _ => return None,
    };
    Some(((*relation, document), path))
}

/// Calls `visit` with each expression of `select` itself.
pub(super) fn expressions<'q>(select: &'q Select, visit: &mut dyn FnMut(&'q Expr)) {
    if let Some(source) = &select.source {
        of_source(source, visit);
    }
    for join in select.array_joins.iter().chain(&select.late_array_joins) {
        join.items.iter().for_each(|item| visit(&item.array));
    }
    select.filter.iter().for_each(&mut *visit);
    select.group_by.iter().flat_map(|group| &group.keys).for_each(&mut *visit);
    select.having.iter().for_each(&mut *visit);
    select.qualify.iter().for_each(&mut *visit);
    select.projection.iter().for_each(|column| visit(&column.expr));
    select.order_by.iter().for_each(|order| visit(&order.expr));
    select.limit_by.iter().flat_map(|limit| &limit.keys).for_each(&mut *visit);
}

fn of_source<'q>(source: &'q Source, visit: &mut dyn FnMut(&'q Expr)) {
    if let Source::Join(join) = source {
        of_source(&join.left, visit);
        of_source(&join.right, visit);
        join.equal.iter().for_each(|(left, right)| {
            visit(left);
            visit(right);
        });
        join.residual.iter().for_each(visit);
    }
}

/// What must be evaluated before a query is planned.
#[derive(Debug, Default)]
pub(super) struct Before<'q> {
    /// Subqueries in expressions, those inside others first; whether each is a set or a value.
    pub(super) subqueries: Vec<(&'q Query, bool)>,
    /// Tables read.
    pub(super) tables: BTreeSet<Table>,
    /// Cohorts asked about, and whether each is static.
    pub(super) cohorts: BTreeMap<i64, bool>,
}

impl<'q> Before<'q> {
    pub(super) fn of(query: &'q Query) -> Self {
        let mut before = Self::default();
        before.query(query);
        before
    }

    fn query(&mut self, query: &'q Query) {
        match &query.body {
            Body::Select(select) => {
                select.source.iter().for_each(|source| self.source(source));
                expressions(select, &mut |expr| self.expr(expr));
            }
            Body::Set(set) => {
                set.branches.iter().for_each(|branch| self.query(branch));
            }
        }
    }

    fn source(&mut self, source: &'q Source) {
        match source {
            Source::Table { table, .. } => {
                self.tables.insert(*table);
            }
            Source::Query { query, .. } => self.query(query),
            Source::Join(join) => {
                self.source(&join.left);
                self.source(&join.right);
            }
            Source::Numbers { .. } | Source::Values { .. } => {}
        }
    }

    fn expr(&mut self, expr: &'q Expr) {
        match &expr.kind {
            Kind::Subquery(query) => self.subquery(query, false),
            Kind::In { right: Members::Query(query), .. } => self.subquery(query, true),
            Kind::InCohort { cohort, is_static, .. } => {
                self.cohorts.insert(*cohort, *is_static);
            }
            _ => {}
        }
        expr.operands(&mut |operand| self.expr(operand));
    }

    fn subquery(&mut self, query: &'q Query, is_set: bool) {
        self.query(query);
        if !self.subqueries.iter().any(|(known, known_set)| *known_set == is_set && std::ptr::eq(*known, query)) {
            self.subqueries.push((query, is_set));
        }
    }
}
