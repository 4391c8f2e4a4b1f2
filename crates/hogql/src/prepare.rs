//! What happens to a query before names are resolved: variables, filters and other placeholders get their values, and
//! every SELECT at the top its LIMIT.

use serde_json::Value;

use crate::Notice;
use crate::ast::{Constant, Expr, ExprKind, Limit, Query, SelectQuery, SelectSet, Span, Table};
use crate::build::{and, array, call, compare, constant, field, int, string, truth};
use crate::catalogue::closest;
use crate::context::Context;
use crate::fault::{ResolveError, Result};
use crate::filters::{self, Subject};
use crate::walk::{self, Node};
use crate::{ast, dates};

/// A query ready to be resolved.
pub(crate) struct Prepared {
    pub(crate) query: Query,
    /// How many rows the page has, if the query said nothing about it: one more is asked for.
    pub(crate) page: Option<u64>,
    pub(crate) warnings: Vec<Notice>,
}

/// Replaces placeholders and sets limits.
pub(crate) fn prepare(mut query: Query, context: &Context) -> Result<Prepared> {
    let mut pass = Pass { context, warnings: Vec::new(), fault: None };
    pass.query(&mut query);
    if let Some(fault) = pass.fault {
        return Err(fault);
    }
    let mut warnings = pass.warnings;
    let page = limits(&mut query, context, &mut warnings)?;
    Ok(Prepared { query, page, warnings })
}

struct Pass<'c> {
    context: &'c Context,
    warnings: Vec<Notice>,
    fault: Option<Box<ResolveError>>,
}

/// What a placeholder becomes.
enum Replacement {
    Expr(Expr),
    /// A bound that is not set: the comparison around it holds.
    Unset,
}

impl Pass<'_> {
    fn query(&mut self, query: &mut Query) {
        match query {
            Query::Select(select) => self.select(select),
            Query::Set(set) => stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.set(set)),
            Query::Value(expr) => {
                self.expr(expr, None);
            }
        }
    }

    fn set(&mut self, set: &mut SelectSet) {
        self.query(&mut set.initial);
        for (_, query) in &mut set.subsequent {
            self.query(query);
        }
        walk::orders(&mut set.order_by, &mut |node| self.node(node, None));
        walk::limit(set.limit.as_mut(), &mut |node| self.node(node, None));
    }

    fn select(&mut self, select: &mut SelectQuery) {
        let subject = subject(select);
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || walk::select_mut(select, &mut |node| self.node(node, subject)));
    }

    fn node(&mut self, node: Node<'_>, subject: Option<Subject>) {
        match node {
            Node::Query(query) => self.query(query),
            Node::Expr(expr) => {
                if self.expr(expr, subject) {
                    self.fail(ResolveError::input(
                        "A bound of {filters.dateRange} that is not set needs a comparison around it",
                        expr.span,
                    ));
                }
            }
        }
    }

    /// Replaces placeholders in `expr`; whether one of them is a bound that is not set.
    fn expr(&mut self, expr: &mut Expr, subject: Option<Subject>) -> bool {
        if self.fault.is_some() {
            return false;
        }
        if let ExprKind::Placeholder(inner) = &expr.kind {
            return match self.placeholder(inner, expr.span, subject) {
                Ok(Replacement::Expr(value)) => {
                    *expr = Expr::new(value.kind, expr.span);
                    false
                }
                Ok(Replacement::Unset) => true,
                Err(fault) => {
                    self.fail(fault);
                    false
                }
            };
        }
        let mut unset = false;
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            walk::operands_mut(expr, &mut |node| match node {
                Node::Query(query) => self.query(query),
                Node::Expr(operand) => unset |= self.expr(operand, subject),
            });
        });
        let comparison = matches!(expr.kind, ExprKind::Compare(_) | ExprKind::Between(_) | ExprKind::DistinctFrom(_));
        if unset && comparison {
            *expr = Expr::new(truth(true).kind, expr.span);
            return false;
        }
        unset
    }

    fn fail(&mut self, fault: Box<ResolveError>) {
        self.fault.get_or_insert(fault);
    }

    fn placeholder(&mut self, inner: &Expr, span: Span, subject: Option<Subject>) -> Result<Replacement> {
        let unresolved = || {
            ResolveError::input(
                format!("Unresolved placeholder: {{{}}}", crate::print_expr(inner, crate::Style::Functions)),
                span,
            )
        };
        let ExprKind::Field(chain) = &inner.kind else { return Err(unresolved()) };
        let names: Vec<&str> = chain.iter().map(|ident| ident.name.as_str()).collect();
        match names.as_slice() {
            ["variables", code] => self.variable(code, span).map(Replacement::Expr),
            ["filters"] if !self.context.values.contains_key("filters") => {
                self.filters(subject, span).map(Replacement::Expr)
            }
            ["filters", "dateRange", bound @ ("from" | "to")] => {
                let range = self.context.filters.as_ref().and_then(|filters| filters.date_range.as_ref());
                let (from, to) = range.map_or((None, None), |range| dates::filter_bounds(range, self.context));
                let bound = if *bound == "from" { from } else { to };
                Ok(bound.map_or(Replacement::Unset, |time| Replacement::Expr(string(time.timestamp().to_string()))))
            }
            ["filters", ..] => {
                let message = format!(
                    "Unknown placeholder {{{}}}. Supported are {{filters}}, {{filters.dateRange.from}} and {{filters.dateRange.to}}",
                    names.join(".")
                );
                Err(ResolveError::input(message, span))
            }
            [name] => match self.context.values.get(*name) {
                Some(value) => literal(value).map(Replacement::Expr).ok_or_else(unresolved),
                None => Err(unresolved()),
            },
            _ => Err(unresolved()),
        }
    }

    fn variable(&self, code: &str, span: Span) -> Result<Expr> {
        if let Some(variable) = self.context.variables.get(code) {
            let fault = || ResolveError::input(format!("Variable {code} has a value that is not supported"), span);
            return literal(&variable.value).ok_or_else(fault);
        }
        let similar = closest(code, self.context.variables.keys().map(String::as_str));
        let hint = similar.map_or_else(String::new, |similar| format!(". Perhaps you meant {similar}?"));
        Err(ResolveError::input(format!("Variable {code} is missing from query{hint}"), span))
    }

    /// What `{filters}` stands for in a SELECT over `subject`.
    fn filters(&mut self, subject: Option<Subject>, span: Span) -> Result<Expr> {
        let Some(subject) = subject else {
            let message = "Placeholder {filters} can only be used in a SELECT that reads events, sessions or groups";
            return Err(ResolveError::input(message, span));
        };
        let Some(filters) = &self.context.filters else { return Ok(truth(true)) };
        let column = match subject {
            Subject::Sessions => "$start_timestamp",
            Subject::Groups(_) | Subject::Persons => "created_at",
            Subject::Events => "timestamp",
        };
        let mut conditions = Vec::new();
        let compiled = filters::compile(&filters.properties, subject, self.context)
            .map_err(|error| ResolveError::input(error.0, span))?;
        conditions.push(compiled.condition);
        self.warnings.extend(compiled.notices.into_iter().map(|message| Notice { message, span }));
        if let Some(range) = &filters.date_range {
            let (from, to) = dates::filter_bounds(range, self.context);
            let bound =
                |op, time: jiff::ZonedDateTime| compare(op, field([column]), string(time.timestamp().to_string()));
            conditions.extend(to.map(|time| bound(ast::CompareOp::Less, time)));
            conditions.extend(from.map(|time| bound(ast::CompareOp::GreaterEq, time)));
        }
        if filters.filter_test_accounts == Some(true) {
            let list = Value::Array(self.context.project.test_account_filters.clone());
            let compiled =
                filters::compile(&list, subject, self.context).map_err(|error| ResolveError::input(error.0, span))?;
            conditions.push(compiled.condition);
        }
        Ok(and(conditions))
    }
}

/// What a SELECT reads, for filters.
fn subject(select: &SelectQuery) -> Option<Subject> {
    let from = select.from.as_ref()?;
    let tables = std::iter::once(&from.first).chain(from.joins.iter().map(|join| &join.table));
    tables
        .filter_map(|table| match &table.table {
            Table::Name(path) => path.last(),
            _ => None,
        })
        .find_map(|name| match name.name.as_str() {
            "events" => Some(Subject::Events),
            "sessions" => Some(Subject::Sessions),
            "groups" => Some(Subject::Groups(0)),
            "persons" => Some(Subject::Persons),
            _ => None,
        })
}

/// A JSON value as a constant, or a list of constants.
fn literal(value: &Value) -> Option<Expr> {
    Some(match value {
        Value::Null => constant(Constant::Null),
        Value::Bool(value) => truth(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => int(whole),
            (None, Some(float)) if number.is_f64() => constant(Constant::Float(float)),
            _ => constant(Constant::BigInt(number.to_string())),
        },
        Value::String(text) => string(text),
        Value::Array(items) => array(items.iter().map(literal).collect::<Option<_>>()?),
        Value::Object(_) => return None,
    })
}

/// Sets the limits of the SELECTs at the top; how many rows a page has, if the query does not say.
fn limits(query: &mut Query, context: &Context, warnings: &mut Vec<Notice>) -> Result<Option<u64>> {
    if !context.limits.allow_offset {
        refuse_offset(query)?;
    }
    let single = matches!(query, Query::Select(select) if select.limit.is_none());
    let page = context.limits.default_rows.filter(|_| single && context.limits.probe_more);
    apply(query, context, u64::from(page.is_some()), warnings);
    Ok(page)
}

fn apply(query: &mut Query, context: &Context, more: u64, warnings: &mut Vec<Notice>) {
    match query {
        Query::Select(select) => clamp(&mut select.limit, context, more, warnings),
        Query::Set(set) => {
            apply(&mut set.initial, context, 0, warnings);
            set.subsequent.iter_mut().for_each(|(_, query)| apply(query, context, 0, warnings));
            if set.limit.is_some() {
                clamp(&mut set.limit, context, 0, warnings);
            }
        }
        Query::Value(_) => {}
    }
}

fn clamp(limit: &mut Option<Limit>, context: &Context, more: u64, warnings: &mut Vec<Notice>) {
    let rows = |rows: u64| int(i64::try_from(rows).unwrap_or(i64::MAX));
    let (default, most) = (context.limits.default_rows, context.limits.max_rows);
    let Some(limit) = limit else {
        if let Some(default) = default {
            *limit = Some(Limit { count: Some(rows(default + more)), offset: None, percent: false, with_ties: false });
        }
        return;
    };
    let Some(count) = &mut limit.count else {
        limit.count = default.map(rows);
        return;
    };
    let Some(most) = most else { return };
    let is_more = match count.as_constant() {
        Some(Constant::Int(wanted)) => u64::try_from(*wanted).is_ok_and(|wanted| wanted > most),
        Some(Constant::BigInt(_)) => true,
        _ => false,
    };
    match count.as_constant() {
        Some(_) if is_more => {
            let message = format!("An answer has {most} rows at most; a download has no limit");
            warnings.push(Notice { message, span: count.span });
            *count = rows(most);
        }
        Some(_) => {}
        None => {
            let inner = std::mem::replace(count, int(0));
            *count = call("min2", vec![rows(most), inner]);
        }
    }
}

/// API keys page by timestamp.
fn refuse_offset(query: &mut Query) -> Result<()> {
    const MESSAGE: &str = "OFFSET is not supported for personal API keys. Use keyset pagination on timestamp instead: \
                           ORDER BY timestamp, and continue WHERE timestamp is beyond the last one seen";
    fn has_offset(query: &mut Query) -> Option<Span> {
        let of =
            |limit: &Option<Limit>| limit.as_ref().and_then(|limit| limit.offset.as_ref()).map(|offset| offset.span);
        match query {
            Query::Select(select) => {
                let by = select.limit_by.as_ref().and_then(|by| by.offset.as_ref()).map(|offset| offset.span);
                let mut found = of(&select.limit).or(by);
                walk::select_mut(select, &mut |node| found = found.or_else(|| nested(node)));
                found
            }
            Query::Set(set) => {
                let own = of(&set.limit);
                own.or_else(|| has_offset(&mut set.initial))
                    .or_else(|| set.subsequent.iter_mut().find_map(|(_, query)| has_offset(query)))
            }
            Query::Value(_) => None,
        }
    }
    fn nested(node: Node<'_>) -> Option<Span> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match node {
            Node::Query(query) => has_offset(query),
            Node::Expr(expr) => {
                let mut found = None;
                walk::operands_mut(expr, &mut |node| found = found.or_else(|| nested(node)));
                found
            }
        })
    }
    has_offset(query).map_or(Ok(()), |span| Err(ResolveError::input(MESSAGE, span)))
}
