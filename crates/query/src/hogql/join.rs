//! Joins.
//!
//! The engine fills the columns of a missing side with NULL. Columns whose type has no NULL read as their default
//! instead, wherever they are used.

use std::sync::Arc;

use datafusion::common::{JoinType, Result};
use datafusion::functions_aggregate::expr_fn::first_value;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Expr as Df, ExprFunctionExt as _, LogicalPlan, LogicalPlanBuilder, SortExpr, cast, ident, lit,
};
use hogql::resolved::{Expr, Join, JoinKind, Kind, Source, Strictness};

use super::call::present;
use super::members::common_kind;
use super::planner::Planner;
use super::scope::{Raw, Scope};
use super::select::filtered;
use super::types::{arrow_type, default_value};
use super::usage::Usage;
use super::{expr::fitted, refuse};

impl Planner<'_> {
    pub(super) fn join(&self, join: &Join, usage: &Usage, scope: &mut Scope) -> Result<LogicalPlan> {
        let left = self.source(&join.left, usage, scope)?;
        let right = self.source(&join.right, usage, scope)?;
        if join.kind == JoinKind::Cross {
            return LogicalPlanBuilder::from(left).cross_join(right)?.build();
        }
        let plan = match join.strictness {
            Strictness::All => joined(left, right, kind_of(join.kind), conditions(join, scope)?)?,
            Strictness::Any => any(left, right, join, scope)?,
            Strictness::Semi | Strictness::Anti => half(left, right, join, scope)?,
            Strictness::Asof => asof(left, right, join, scope)?,
        };
        if join.strictness != Strictness::Semi {
            if matches!(join.kind, JoinKind::Left | JoinKind::Full) {
                fill(&join.right, scope)?;
            }
            if matches!(join.kind, JoinKind::Right | JoinKind::Full) {
                fill(&join.left, scope)?;
            }
        }
        Ok(plan)
    }
}

fn kind_of(kind: JoinKind) -> JoinType {
    match kind {
        JoinKind::Inner | JoinKind::Cross => JoinType::Inner,
        JoinKind::Left => JoinType::Left,
        JoinKind::Right => JoinType::Right,
        JoinKind::Full => JoinType::Full,
    }
}

fn joined(left: LogicalPlan, right: LogicalPlan, kind: JoinType, on: Vec<Df>) -> Result<LogicalPlan> {
    LogicalPlanBuilder::from(left).join_on(right, kind, on)?.build()
}

fn pair(left: &Expr, right: &Expr, scope: &Scope) -> Result<(Df, Df)> {
    let kind = common_kind(&arrow_type(&left.ty), &arrow_type(&right.ty));
    Ok((fitted(scope.raw(left)?, &kind), fitted(scope.raw(right)?, &kind)))
}

fn conditions(join: &Join, scope: &Scope) -> Result<Vec<Df>> {
    let mut on = Vec::new();
    for (left, right) in &join.equal {
        let (left, right) = pair(left, right, scope)?;
        on.push(left.eq(right));
    }
    if let Some(residual) = &join.residual {
        on.push(scope.condition(residual)?);
    }
    Ok(on)
}

/// One row for each of the keys, the others taken from one of the rows.
fn one_each(plan: LogicalPlan, keys: Vec<Df>) -> Result<LogicalPlan> {
    let columns = plan.schema().columns();
    let kept: Vec<Df> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| first_value(Df::Column(column.clone()), Vec::new()).alias(format!("v{at}")))
        .collect();
    let keys: Vec<Df> = keys.into_iter().enumerate().map(|(at, key)| key.alias(format!("j{at}"))).collect();
    let back = columns
        .into_iter()
        .enumerate()
        .map(|(at, column)| ident(format!("v{at}")).alias_qualified(column.relation, column.name));
    LogicalPlanBuilder::from(plan).aggregate(keys, kept)?.project(back.collect::<Vec<_>>())?.build()
}

pub(super) fn keys(join: &Join, scope: &Scope) -> Result<(Vec<Df>, Vec<Df>)> {
    let pairs = join.equal.iter().map(|(left, right)| pair(left, right, scope)).collect::<Result<Vec<_>>>()?;
    Ok(pairs.into_iter().unzip())
}

/// At most one match each.
fn any(left: LogicalPlan, right: LogicalPlan, join: &Join, scope: &Scope) -> Result<LogicalPlan> {
    if join.residual.is_some() {
        return refuse("ANY JOIN takes equalities only");
    }
    let on = conditions(join, scope)?;
    let (left_keys, right_keys) = keys(join, scope)?;
    let (left, right) = match join.kind {
        JoinKind::Left => (left, one_each(right, right_keys)?),
        JoinKind::Right => (one_each(left, left_keys)?, right),
        _ => (one_each(left, left_keys)?, one_each(right, right_keys)?),
    };
    joined(left, right, kind_of(join.kind), on)
}

/// SEMI and ANTI: the rows of one side that have, or have not, a match on the other.
fn half(left: LogicalPlan, right: LogicalPlan, join: &Join, scope: &mut Scope) -> Result<LogicalPlan> {
    let on = conditions(join, scope)?;
    let (left_keys, right_keys) = keys(join, scope)?;
    let keeps_left = join.kind != JoinKind::Right;
    if join.strictness == Strictness::Anti {
        let kind = if keeps_left { JoinType::LeftAnti } else { JoinType::RightAnti };
        // The other side has no rows here, so its columns are constants.
        let other = if keeps_left { &join.right } else { &join.left };
        for relation in other.relations() {
            for ((_, _), raw) in scope.columns.iter_mut().filter(|((of, _), _)| *of == relation) {
                raw.expr = cast(lit(datafusion::common::ScalarValue::Null), raw.kind.clone());
            }
        }
        return joined(left, right, kind, on);
    }
    if join.residual.is_some() {
        return refuse("SEMI JOIN takes equalities only");
    }
    let (left, right) =
        if keeps_left { (left, one_each(right, right_keys)?) } else { (one_each(left, left_keys)?, right) };
    joined(left, right, JoinType::Inner, on)
}

/// The nearest match by the last condition, which is an inequality.
fn asof(left: LogicalPlan, right: LogicalPlan, join: &Join, scope: &Scope) -> Result<LogicalPlan> {
    let (JoinKind::Inner | JoinKind::Left, Some(residual)) = (join.kind, &join.residual) else {
        return refuse("ASOF JOIN is INNER or LEFT, with an inequality");
    };
    let last = match &residual.kind {
        Kind::Call { function: "and", arguments } => arguments.last().unwrap_or(residual),
        _ => residual,
    };
    let Kind::Call { function, arguments } = &last.kind else { return refuse("ASOF JOIN needs an inequality") };
    let [a, b] = arguments.as_slice() else { return refuse("ASOF JOIN needs an inequality") };
    let of_right = |expr: &Expr| {
        let relations = join.right.relations();
        expr.any(&|part| matches!(&part.kind, Kind::Column { relation, .. } if relations.contains(relation)))
    };
    // The nearest from below is the largest that is still smaller.
    let (by, largest) = match (*function, of_right(b)) {
        ("greater" | "greaterOrEquals", true) => (b, true),
        ("less" | "lessOrEquals", true) => (b, false),
        ("greater" | "greaterOrEquals", false) => (a, false),
        ("less" | "lessOrEquals", false) => (a, true),
        _ => return refuse("ASOF JOIN needs an inequality"),
    };
    let number = row_number();
    let name = number.schema_name().to_string();
    let mut columns: Vec<Df> = left.schema().columns().into_iter().map(Df::Column).collect();
    let all: Vec<Df> = columns.iter().cloned().chain(right.schema().columns().into_iter().map(Df::Column)).collect();
    columns.push(ident(name).alias("asof"));
    let left = LogicalPlanBuilder::from(left).window(vec![number])?.project(columns)?.build()?;
    let on = conditions(join, scope)?;
    let plan = joined(left, right, kind_of(join.kind), on)?;
    let nearest = row_number()
        .partition_by(vec![ident("asof")])
        .order_by(vec![SortExpr::new(scope.value(by)?, !largest, false)])
        .build()?;
    let place = ident(nearest.schema_name().to_string());
    let plan = LogicalPlanBuilder::from(plan).window(vec![nearest])?.build()?;
    LogicalPlanBuilder::from(filtered(plan, place.eq(lit(1_u64)))?).project(all)?.build()
}

/// Lets the columns of `source` read as defaults where there is no row.
pub(super) fn fill(source: &Source, scope: &mut Scope) -> Result<()> {
    match source {
        Source::Join(join) => {
            fill(&join.left, scope)?;
            fill(&join.right, scope)
        }
        Source::Query { id, query } => {
            for (name, ty) in query.columns.iter().filter(|(_, ty)| !ty.nullable) {
                if let Some(raw) = scope.columns.get_mut(&(*id, Arc::clone(name))) {
                    raw.expr = present(raw.expr.clone(), lit(default_value(ty)?));
                }
            }
            Ok(())
        }
        Source::Table { id, table, .. } => {
            scope.persons.remove(id);
            let utc = hogql::types::Name::from("UTC");
            for (name, ty) in hogql::schema::columns(*table, &utc) {
                if let Some(raw) = scope.columns.get_mut(&(*id, name.into())) {
                    let kind = arrow_type(&ty);
                    let value = fitted(raw.clone(), &kind);
                    *raw = Raw::new(present(value, lit(default_value(&ty)?)), kind);
                }
            }
            Ok(())
        }
        Source::Numbers { id, .. } => {
            if let Some(raw) = scope.columns.get_mut(&(*id, "number".into())) {
                raw.expr = present(raw.expr.clone(), lit(0_u64));
            }
            Ok(())
        }
        Source::Values { id, columns, .. } => {
            for (name, ty) in columns.iter().filter(|(_, ty)| !ty.nullable) {
                if let Some(raw) = scope.columns.get_mut(&(*id, Arc::clone(name))) {
                    raw.expr = present(raw.expr.clone(), lit(default_value(ty)?));
                }
            }
            Ok(())
        }
    }
}
