//! One SELECT.

use std::sync::Arc;

use std::cell::Cell;
use std::collections::HashSet;

use super::{Alias, AliasState, Env, Output, Relation, Resolver, Rows, Scope, name};
use crate::ast::{self, ExprKind, SelectQuery, Span};
use crate::fault::{Code, ResolveError, Result};
use crate::resolved::{ArrayJoin, ArrayJoinItem, Body, Expr, GroupBy, Kind, Projected, Query, RelationId, Select};
use crate::schema::{FieldKind, Owner};
use crate::types::Name;

/// A column of the select list before its name is settled.
struct Column {
    name: Name,
    expr: Expr,
    owner: Option<Owner>,
}

impl Resolver<'_> {
    /// Resolves a SELECT, of whose WITH the names in `ctes` are still to be introduced.
    pub(super) fn select<'q>(
        &mut self,
        select: &'q SelectQuery,
        ctes: &'q [ast::Cte],
        env: &'q Env<'q>,
        top: bool,
    ) -> Result<Output> {
        if let Some((cte, rest)) = ctes.split_first() {
            if cte.recursive {
                return Err(ResolveError::input("WITH RECURSIVE is not supported yet", cte.span));
            }
            let inner = Env::Cte { parent: env, cte };
            return self.deeper(cte.span, |this| this.select(select, rest, &inner, top));
        }
        let mut scope = Scope::new(env, &select.windows);
        let joins = self.from(select.from.as_ref(), &mut scope)?;
        self.collect_aliases(select, &mut scope)?;
        let mut array_joins: Vec<ArrayJoin> = match &select.array_join {
            Some(clause) => vec![self.array_join(clause, select.span, &mut scope)?],
            None => Vec::new(),
        };
        let columns = self.select_list(select, &mut scope)?;
        self.count_columns(columns.len(), select.span)?;
        scope.item = None;
        let projection: Vec<Projected> = columns
            .iter()
            .map(|column| Projected { name: Arc::clone(&column.name), expr: column.expr.clone() })
            .collect();
        let filter = self.filter(select, &mut scope)?;
        let group_by = self.group_by(select, &projection, &mut scope)?;
        let having = self.optional_condition(select.having.as_ref(), &mut scope)?;
        let qualify = self.optional_condition(select.qualify.as_ref(), &mut scope)?;
        let order_by = self.order(&select.order_by, &projection, &mut scope)?;
        if select.interpolate.is_some() {
            return Err(ResolveError::input("INTERPOLATE is not supported yet", select.span));
        }
        let limit_by =
            select.limit_by.as_ref().map(|limit| self.limit_by(limit, &projection, &mut scope)).transpose()?;
        let limit = self.limit(select.limit.as_ref(), select.span, &mut scope)?;
        self.check_ties(&limit, &order_by, select.span)?;

        let unfolded = std::mem::take(&mut scope.unfolded);
        let (late_array_joins, early): (Vec<_>, Vec<_>) =
            unfolded.into_iter().partition(|join| join.items.iter().any(|item| item.array.has_aggregate()));
        array_joins.extend(early);
        let source = joins.build(&mut scope)?;
        let documents = columns.iter().map(|column| column.owner).collect();
        let mut resolved = Select {
            source,
            array_joins,
            filter,
            group_by,
            having,
            late_array_joins,
            qualify,
            projection,
            distinct: select.distinct,
            order_by,
            limit_by,
            limit,
        };
        group(&mut resolved)?;
        if !top {
            make_unique(&mut resolved.projection);
        }
        super::sessions::prune(&mut resolved, &scope.relations);
        let columns =
            resolved.projection.iter().map(|column| (Arc::clone(&column.name), column.expr.ty.clone())).collect();
        Ok(Output { query: Query { body: Body::Select(Box::new(resolved)), columns }, documents })
    }

    /// Notes every alias of the select list, also those inside its expressions.
    fn collect_aliases<'q>(&mut self, select: &'q SelectQuery, scope: &mut Scope<'q>) -> Result<()> {
        for (item, expr) in select.select.iter().enumerate() {
            let mut found = Vec::new();
            crate::walk::aliases(expr, &mut found);
            for alias in found {
                if alias.alias.name == "team_id" {
                    return Err(ResolveError::input("Alias 'team_id' is a reserved keyword", alias.alias.span));
                }
                if scope.alias_places.insert(&alias.alias.name, scope.aliases.len()).is_some() {
                    let message = format!("Cannot redefine an alias with the name: {}", alias.alias.name);
                    return Err(ResolveError::input(message, alias.alias.span));
                }
                scope.aliases.push(Alias {
                    name: &alias.alias.name,
                    expr: &alias.expr,
                    item,
                    state: Cell::new(AliasState::Untouched),
                    resolved: None,
                    owner: None,
                });
            }
        }
        Ok(())
    }

    fn array_join(&mut self, clause: &ast::ArrayJoin, span: Span, scope: &mut Scope<'_>) -> Result<ArrayJoin> {
        let relation = self.relation();
        let mut items = Vec::with_capacity(clause.arrays.len());
        let mut columns = Vec::with_capacity(clause.arrays.len());
        for array in &clause.arrays {
            let (column, expr) = match &array.kind {
                ExprKind::Alias(alias) => (alias.alias.name.clone(), &alias.expr),
                _ => (output_name(array), array),
            };
            let value = self.expr(expr, scope)?;
            let Some(element) = value.ty.element().cloned() else {
                let message = format!("ARRAY JOIN needs an array, found {}", value.ty);
                return Err(ResolveError::new(Code::TypeMismatch, message, array.span));
            };
            columns.push((name(&column), element, None));
            items.push(ArrayJoinItem { name: name(&column), array: value });
        }
        if items.is_empty() {
            return Err(ResolveError::input("ARRAY JOIN needs an array", span));
        }
        scope.relations.push(Relation {
            id: relation,
            name: None,
            rows: Rows::Columns(columns),
            joined: Vec::new(),
            prune: false,
            over: true,
        });
        Ok(ArrayJoin { relation, left: clause.kind == ast::ArrayJoinKind::Left, inline: false, items })
    }

    fn select_list(&mut self, select: &SelectQuery, scope: &mut Scope<'_>) -> Result<Vec<Column>> {
        let mut columns = Vec::new();
        for (item, expr) in select.select.iter().enumerate() {
            scope.item = Some(item);
            match &expr.kind {
                ExprKind::Star(star) => self.star(star, expr.span, scope, &mut columns)?,
                ExprKind::ColumnsMatching(pattern) => self.matching(pattern, expr.span, scope, &mut columns)?,
                ExprKind::Columns(exprs) => {
                    for expr in exprs {
                        let (value, owner) = self.column(expr, scope)?;
                        columns.push(Column { name: name(&output_name(expr)), expr: value, owner });
                    }
                }
                _ => {
                    let (value, owner) = self.column(expr, scope)?;
                    columns.push(Column { name: name(&output_name(expr)), expr: value, owner });
                }
            }
        }
        Ok(columns)
    }

    /// The value of a column, and whose document it is, if it is one.
    fn column(&mut self, expr: &ast::Expr, scope: &mut Scope<'_>) -> Result<(Expr, Option<Owner>)> {
        let mut inner = expr;
        if let ExprKind::Alias(alias) = &expr.kind {
            let named = scope.alias_places.get(alias.alias.name.as_str()).copied();
            let is_this = |at: &usize| {
                scope.aliases.get(*at).is_some_and(|known| std::ptr::eq(known.expr, &raw const alias.expr))
            };
            if let Some(at) = named.filter(is_this) {
                // Resolved once, whether the column or a use of its name comes first.
                let ident = ast::Ident::new(alias.alias.name.clone(), expr.span);
                let place = self.alias_value(at, &ident, expr.span, scope)?;
                if let Some(found) = place {
                    return Ok(found);
                }
            }
            inner = &alias.expr;
        }
        let place = self.place(inner, scope)?;
        let owner = match &place {
            super::field::Place::Json { owner, path, .. } if path.is_empty() => Some(*owner),
            _ => None,
        };
        Ok((self.finish(place, false, inner.span)?, owner))
    }

    fn star(&mut self, star: &ast::Star, span: Span, scope: &mut Scope<'_>, columns: &mut Vec<Column>) -> Result<()> {
        let tables: Vec<usize> = match star.qualifier.as_slice() {
            [] => {
                let sources: Vec<usize> = (0..scope.relations.len())
                    .filter(|at| scope.relations.get(*at).is_some_and(|relation| !relation.over))
                    .collect();
                match sources.len() {
                    0 => return Err(ResolveError::input("Cannot use '*' when there are no tables in the query", span)),
                    1 => (0..scope.relations.len()).collect(),
                    _ => {
                        let message = "Cannot use '*' without table name when there are multiple tables in the query";
                        return Err(ResolveError::input(message, span));
                    }
                }
            }
            [table] => {
                let found = scope.relations.iter().position(|relation| relation.name.as_deref() == Some(&table.name));
                vec![found.ok_or_else(|| {
                    ResolveError::input(format!("Unable to resolve field: {}", table.name), table.span)
                })?]
            }
            _ => return Err(ResolveError::input("Only a table can stand before '.*'", span)),
        };
        for at in tables {
            for field in self.visible(at, scope) {
                if star.exclude.iter().any(|excluded| excluded.name == field) {
                    continue;
                }
                self.push_field(at, &field, span, scope, columns)?;
            }
        }
        Ok(())
    }

    fn matching(&mut self, pattern: &str, span: Span, scope: &mut Scope<'_>, columns: &mut Vec<Column>) -> Result<()> {
        let regex =
            regex::Regex::new(pattern).map_err(|error| ResolveError::input(format!("COLUMNS: {error}"), span))?;
        for at in 0..scope.relations.len() {
            for field in self.visible(at, scope).into_iter().filter(|field| regex.is_match(field)) {
                self.push_field(at, &field, span, scope, columns)?;
            }
        }
        Ok(())
    }

    fn push_field(
        &mut self,
        at: usize,
        field: &str,
        span: Span,
        scope: &mut Scope<'_>,
        columns: &mut Vec<Column>,
    ) -> Result<()> {
        let Some(relation) = scope.relations.get_mut(at) else { return Ok(()) };
        let chain = [ast::Ident::new(field, span)];
        let Some(place) = self.in_relation(relation, &chain, span)? else { return Ok(()) };
        let owner = match &place {
            super::field::Place::Json { owner, .. } => Some(*owner),
            super::field::Place::Value(_) => None,
        };
        columns.push(Column { name: name(field), expr: self.finish(place, false, span)?, owner });
        Ok(())
    }

    /// The fields of a relation that `*` means.
    fn visible(&self, at: usize, scope: &Scope<'_>) -> Vec<String> {
        match scope.relations.get(at).map(|relation| &relation.rows) {
            Some(Rows::Columns(columns)) => columns.iter().map(|(name, ..)| name.to_string()).collect(),
            Some(Rows::Table { schema, .. }) => schema
                .fields
                .iter()
                .filter(|field| !field.hidden && !matches!(field.kind, FieldKind::TeamId))
                .map(|field| field.name.to_owned())
                .collect(),
            None => Vec::new(),
        }
    }

    fn filter(&mut self, select: &SelectQuery, scope: &mut Scope<'_>) -> Result<Option<Expr>> {
        let mut conditions = Vec::new();
        for clause in [&select.prewhere, &select.filter].into_iter().flatten() {
            let condition = self.expr(clause, scope)?;
            if condition.has_aggregate() {
                return Err(ResolveError::new(
                    Code::IllegalAggregation,
                    "An aggregation cannot stand in WHERE; use HAVING",
                    clause.span,
                ));
            }
            if condition.has_window() {
                return Err(ResolveError::input("A window function cannot stand in WHERE; use QUALIFY", clause.span));
            }
            conditions.push(condition);
        }
        if conditions.is_empty() {
            return Ok(None);
        }
        let whole = self.combine("and", conditions, select.span)?;
        condition(whole).map(Some)
    }

    fn optional_condition(&mut self, clause: Option<&ast::Expr>, scope: &mut Scope<'_>) -> Result<Option<Expr>> {
        clause.map(|clause| self.expr(clause, scope).and_then(condition)).transpose()
    }

    fn group_by(
        &mut self,
        select: &SelectQuery,
        projection: &[Projected],
        scope: &mut Scope<'_>,
    ) -> Result<Option<GroupBy>> {
        let Some(clause) = &select.group_by else { return Ok(None) };
        let mut keys: Vec<Expr> = Vec::new();
        let mut place = |this: &mut Self, expr: &ast::Expr, scope: &mut Scope<'_>| -> Result<usize> {
            let key = this.positional(expr, projection, scope)?;
            if key.has_aggregate() || key.has_window() {
                return Err(ResolveError::new(
                    Code::IllegalAggregation,
                    "An aggregation cannot be a grouping key",
                    expr.span,
                ));
            }
            Ok(keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                keys.push(key);
                keys.len() - 1
            }))
        };
        let mut places = |this: &mut Self, exprs: &[ast::Expr], scope: &mut Scope<'_>| -> Result<Vec<usize>> {
            exprs.iter().map(|expr| place(this, expr, scope)).collect()
        };
        let sets = match clause {
            ast::GroupBy::List(exprs) => {
                places(self, exprs, scope)?;
                None
            }
            ast::GroupBy::Rollup(exprs) => {
                let all = places(self, exprs, scope)?;
                Some((0..=all.len()).rev().map(|length| all.iter().take(length).copied().collect()).collect())
            }
            ast::GroupBy::Cube(exprs) => {
                let all = places(self, exprs, scope)?;
                if all.len() > 10 {
                    return Err(ResolveError::input("CUBE takes at most 10 keys", select.span));
                }
                let subset = |mask: u32| {
                    all.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0).map(|(_, key)| *key).collect()
                };
                Some((0..1_u32 << all.len()).rev().map(subset).collect())
            }
            ast::GroupBy::Sets(sets) => {
                Some(sets.iter().map(|set| places(self, set, scope)).collect::<Result<Vec<_>>>()?)
            }
            ast::GroupBy::All => {
                for column in
                    projection.iter().filter(|column| !column.expr.has_aggregate() && !column.expr.has_window())
                {
                    if column.expr.as_literal().is_none() && !keys.contains(&column.expr) {
                        keys.push(column.expr.clone());
                    }
                }
                None
            }
        };
        Ok(Some(GroupBy { keys, sets }))
    }
}

/// Refuses a condition that is no truth value.
fn condition(expr: Expr) -> Result<Expr> {
    if expr.ty.base.is_numeric() || expr.ty.is_null() {
        return Ok(expr);
    }
    let message = format!("A condition must be a truth value, found {}", expr.ty);
    Err(ResolveError::new(Code::IllegalTypeOfArgument, message, expr.span))
}

/// Makes the SELECT an aggregation if it has an aggregate, and checks that what is outside aggregates is a grouping key.
fn group(select: &mut Select) -> Result<()> {
    let outputs = |select: &Select| -> Vec<Expr> {
        let mut exprs: Vec<Expr> = select.projection.iter().map(|column| column.expr.clone()).collect();
        exprs.extend(select.having.iter().cloned());
        exprs.extend(select.qualify.iter().cloned());
        exprs.extend(select.order_by.iter().map(|order| order.expr.clone()));
        exprs.extend(select.limit_by.iter().flat_map(|limit| limit.keys.iter().cloned()));
        exprs.extend(select.late_array_joins.iter().flat_map(|join| join.items.iter().map(|item| item.array.clone())));
        exprs
    };
    let exprs = outputs(select);
    if select.group_by.is_none() && exprs.iter().any(Expr::has_aggregate) {
        select.group_by = Some(GroupBy { keys: Vec::new(), sets: None });
    }
    let Some(group_by) = &select.group_by else { return Ok(()) };
    let late: HashSet<RelationId> = select.late_array_joins.iter().map(|join| join.relation).collect();
    exprs.iter().try_for_each(|expr| grouped(expr, &group_by.keys, &late))
}

fn grouped(expr: &Expr, keys: &[Expr], late: &HashSet<RelationId>) -> Result<()> {
    if keys.contains(expr) {
        return Ok(());
    }
    let what = match &expr.kind {
        Kind::Aggregate(_) => return Ok(()),
        Kind::Column { relation, .. } if late.contains(relation) => return Ok(()),
        Kind::Column { name, .. } => name.to_string(),
        Kind::Property { path, .. } => path
            .iter()
            .map(|step| match step {
                crate::resolved::Step::Key(key) => key.to_string(),
                crate::resolved::Step::Index(at) => at.to_string(),
            })
            .collect::<Vec<_>>()
            .join("."),
        _ => {
            let mut result = Ok(());
            expr.operands(&mut |operand| {
                if result.is_ok() {
                    result = grouped(operand, keys, late);
                }
            });
            return result;
        }
    };
    let message = format!("Column '{what}' is not under an aggregate function and not in GROUP BY");
    Err(ResolveError::new(Code::NotAnAggregate, message, expr.span))
}

/// Gives a column that shares its name with one before it another name.
fn make_unique(projection: &mut [Projected]) {
    let mut taken: HashSet<Name> = HashSet::new();
    for column in projection {
        let mut candidate = Arc::clone(&column.name);
        let mut count = 1;
        while !taken.insert(Arc::clone(&candidate)) {
            count += 1;
            candidate = name(&format!("{}_{count}", column.name));
        }
        column.name = candidate;
    }
}

/// The name of a column: its alias, the last part of a field, the steps of a property, or the text of the expression.
pub(super) fn output_name(expr: &ast::Expr) -> String {
    fn steps(expr: &ast::Expr) -> Option<Vec<String>> {
        match &expr.kind {
            ExprKind::Field(chain) => Some(chain.iter().map(|ident| ident.name.clone()).collect()),
            ExprKind::ArrayAccess(access) => {
                let mut names = steps(&access.array)?;
                names.push(match access.property.as_constant()? {
                    ast::Constant::String(key) => key.clone(),
                    ast::Constant::Int(at) => at.to_string(),
                    _ => return None,
                });
                Some(names)
            }
            ExprKind::TupleAccess(access) => {
                let mut names = steps(&access.tuple)?;
                names.push(access.index.to_string());
                Some(names)
            }
            _ => None,
        }
    }
    if let ExprKind::Alias(alias) = &expr.kind {
        return alias.alias.name.clone();
    }
    if let Some(names) = steps(expr) {
        if let Some(at) = names.iter().position(|name| name == "properties")
            && at + 1 < names.len()
        {
            return names.get(at + 1..).unwrap_or_default().join("__");
        }
        if matches!(expr.kind, ExprKind::Field(_)) {
            return names.last().cloned().unwrap_or_default();
        }
    }
    crate::print_expr(expr, crate::Style::Functions)
}
