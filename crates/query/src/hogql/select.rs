//! Queries and SELECTs, in their order of evaluation.
//!
//! The columns of every planned query are called `c0`, `c1`, …, so that the names people give them never meet.

use std::sync::Arc;

use datafusion::common::{Column, Result, UnnestOptions};
use datafusion::logical_expr::{Expr as Df, LogicalPlan, LogicalPlanBuilder, ident, lit};
use hogql::resolved::{ArrayJoin, Body, Expr, GroupBy, Kind, Query, Select, Set, SetOperation, Source, Table};
use hogql::types::Type;

use super::aggregate;
use super::call::present;
use super::kernel::{Kernel, call};
use super::order::{Finish, Keys};
use super::planner::Planner;
use super::scope::{Raw, Scope};
use super::types::{arrow_type, default_value, list_of};
use super::{source, usage, window};
use crate::table::{self, Extent};

/// The name of column `at` of a planned query.
pub(super) fn output(at: usize) -> String {
    format!("c{at}")
}

impl Planner<'_> {
    /// `query`, with columns of the types that it says.
    pub(super) fn query(&self, query: &Query) -> Result<LogicalPlan> {
        match &query.body {
            Body::Select(select) => self.select(select, false),
            Body::Set(set) => self.set(set, &query.columns),
        }
    }

    /// `query`, whose rows are written as JSON: properties that are only shown may come as JSON strings, in columns that
    /// say so ([`table::is_quoted`]).
    pub(super) fn written(&self, query: &Query) -> Result<LogicalPlan> {
        match &query.body {
            Body::Select(select) => self.select(select, true),
            Body::Set(_) => self.query(query),
        }
    }

    fn select(&self, select: &Select, is_written: bool) -> Result<LogicalPlan> {
        let mut scope = Scope::new(&self.answers);
        let usage = usage::of(select);
        let mut plan = match &select.source {
            Some(source) => self.source(source, &usage, &mut scope)?,
            None => LogicalPlanBuilder::empty(true).build()?,
        };
        for join in &select.array_joins {
            plan = array_join(plan, join, &mut scope)?;
        }
        // Rows that are named have been through the filter.
        if let Some(filter) = select.filter.as_ref().filter(|_| !matches!(self.extent, Extent::Only(_))) {
            plan = filtered(plan, scope.condition(filter)?)?;
        }
        if let Some(group_by) = &select.group_by {
            plan = self.grouped(plan, select, group_by, &mut scope)?;
        }
        if let Some(having) = &select.having {
            plan = filtered(plan, scope.condition(having)?)?;
        }
        for join in &select.late_array_joins {
            plan = array_join(plan, join, &mut scope)?;
        }
        plan = window::add(plan, select, &mut scope)?;
        if let Some(qualify) = &select.qualify {
            plan = filtered(plan, scope.condition(qualify)?)?;
        }
        let keys = Keys::of(select);
        let mut columns = keys.columns(select, &scope)?;
        if is_written {
            quote(&mut columns, select, &keys);
        }
        let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
        let finish = Finish {
            width: select.projection.len(),
            distinct: select.distinct,
            limit_by: select.limit_by.as_ref(),
            limit: &select.limit,
        };
        keys.finish(plan, &finish, &scope)
    }

    /// `plan` in groups: afterwards only keys and aggregates are in scope.
    fn grouped(
        &self,
        plan: LogicalPlan,
        select: &Select,
        group_by: &GroupBy,
        scope: &mut Scope,
    ) -> Result<LogicalPlan> {
        let mut calls: Vec<&Expr> = Vec::new();
        let mut find = |expr| aggregates(expr, &mut calls);
        select.having.iter().for_each(&mut find);
        select.late_array_joins.iter().flat_map(|join| &join.items).for_each(|item| find(&item.array));
        select.qualify.iter().for_each(&mut find);
        select.projection.iter().for_each(|column| find(&column.expr));
        select.order_by.iter().for_each(|order| find(&order.expr));
        select.limit_by.iter().flat_map(|limit| &limit.keys).for_each(&mut find);
        aggregate::group(plan, group_by, &calls, scope)
    }

    fn set(&self, set: &Set, columns: &[(hogql::types::Name, Type)]) -> Result<LogicalPlan> {
        let mut branches = set
            .branches
            .iter()
            .map(|branch| {
                let plan = self.query(branch)?;
                let cast = branch.columns.iter().zip(columns).enumerate().map(|(at, ((_, from), (_, to)))| {
                    let raw = Raw::new(ident(output(at)), arrow_type(from));
                    super::expr::fitted(raw, &arrow_type(to)).alias(output(at))
                });
                LogicalPlanBuilder::from(plan).project(cast.collect::<Vec<_>>())?.build()
            })
            .collect::<Result<Vec<_>>>()?
            .into_iter();
        let Some(first) = branches.next() else { return super::refuse("a set needs branches") };
        let mut plan = first;
        for branch in branches {
            plan = match set.operation {
                SetOperation::UnionAll | SetOperation::UnionDistinct => {
                    LogicalPlanBuilder::from(plan).union(branch)?.build()?
                }
                SetOperation::IntersectAll => LogicalPlanBuilder::intersect(plan, branch, true)?,
                SetOperation::IntersectDistinct => LogicalPlanBuilder::intersect(plan, branch, false)?,
                SetOperation::ExceptAll => LogicalPlanBuilder::except(plan, branch, true)?,
                SetOperation::ExceptDistinct => LogicalPlanBuilder::except(plan, branch, false)?,
            };
        }
        if set.operation == SetOperation::UnionDistinct {
            plan = LogicalPlanBuilder::from(plan).distinct()?.build()?;
        }
        // One plain list of columns, whatever the operation called them.
        let plain =
            plan.schema().columns().into_iter().enumerate().map(|(at, column)| Df::Column(column).alias(output(at)));
        let plan = LogicalPlanBuilder::from(plan.clone()).project(plain.collect::<Vec<_>>())?.build()?;
        let mut scope = Scope::new(&self.answers);
        for (at, (name, ty)) in columns.iter().enumerate() {
            let raw = Raw::new(ident(output(at)), arrow_type(ty));
            scope.columns.insert((set.relation, Arc::clone(name)), raw);
        }
        let keys = Keys::of_set(&set.order_by, columns.len());
        let plan = keys.add(plan, columns.len(), &scope)?;
        let finish = Finish { width: columns.len(), distinct: false, limit_by: None, limit: &set.limit };
        keys.finish(plan, &finish, &scope)
    }
}

/// Takes all properties as JSON strings where `select` shows them and does nothing else with them.
fn quote(columns: &mut [Df], select: &Select, keys: &Keys<'_>) {
    let Some(Source::Table { id, table: Table::Events, .. }) = &select.source else { return };
    let is_plain = select.group_by.is_none() && select.array_joins.is_empty() && select.late_array_joins.is_empty();
    if !is_plain || select.distinct {
        return;
    }
    for (at, (column, shown)) in columns.iter_mut().zip(&select.projection).enumerate() {
        if let Kind::Column { relation, name } = &shown.expr.kind
            && relation == id
            && !keys.use_output(at)
            && let Some(quoted) = table::quoted(name)
        {
            *column = source::column(*id, quoted).alias(output(at));
        }
    }
}

/// The rows of `plan` for which `condition` is true.
pub(super) fn filtered(plan: LogicalPlan, condition: Df) -> Result<LogicalPlan> {
    LogicalPlanBuilder::from(plan).filter(condition)?.build()
}

/// Adds the outermost aggregates of `expr` to `calls`, each once.
fn aggregates<'q>(expr: &'q Expr, calls: &mut Vec<&'q Expr>) {
    if let Kind::Aggregate(_) = expr.kind {
        if !calls.contains(&expr) {
            calls.push(expr);
        }
    } else {
        expr.operands(&mut |operand| aggregates(operand, calls));
    }
}

/// Unfolds the arrays of `join` side by side.
fn array_join(plan: LogicalPlan, join: &ArrayJoin, scope: &mut Scope) -> Result<LogicalPlan> {
    let mut columns: Vec<Df> = plan.schema().columns().into_iter().map(Df::Column).collect();
    let mut unfolded = Vec::new();
    for (at, item) in join.items.iter().enumerate() {
        let name = format!("r{}.{at}", join.relation.0);
        let element = item.array.ty.element().cloned().unwrap_or_else(Type::null);
        let mut array = scope.value(&item.array)?;
        if join.left {
            array = or_one(array, &element)?;
        }
        columns.push(array.alias(&name));
        unfolded.push(Column::new_unqualified(&name));
        scope.columns.insert((join.relation, Arc::clone(&item.name)), Raw::new(ident(&name), arrow_type(&element)));
    }
    let options = UnnestOptions::default().with_preserve_nulls(false);
    LogicalPlanBuilder::from(plan).project(columns)?.unnest_columns_with_options(unfolded, options)?.build()
}

/// `array`, or where it is empty the default of its elements in an array of one.
fn or_one(array: Df, element: &Type) -> Result<Df> {
    use arrow::array::{Array, AsArray};
    use datafusion::common::exec_err;
    use datafusion::logical_expr::ColumnarValue;
    let kind = arrow_type(element);
    let default = default_value(element)?.to_array()?;
    let whole = list_of(kind.clone());
    let run = {
        let whole = whole.clone();
        move |arguments: &[ColumnarValue], rows: usize| {
            let [argument] = arguments else { return exec_err!("one array expected") };
            let array = argument.to_array(rows)?;
            let lists = array.as_list::<i32>();
            let values: [&dyn Array; 2] = [lists.values(), &default];
            let offsets = lists.value_offsets();
            let mut places = Vec::new();
            let mut lengths = Vec::with_capacity(rows);
            for bounds in offsets.windows(2) {
                let [start, end] = bounds else { continue };
                let (start, end) = (*start as usize, *end as usize);
                if start == end {
                    places.push((1, 0));
                } else {
                    places.extend((start..end).map(|at| (0, at)));
                }
                lengths.push((end - start).max(1));
            }
            let values = arrow::compute::interleave(&values, &places)?;
            let arrow::datatypes::DataType::List(field) = &whole else { return exec_err!("a list is a list") };
            let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
            let list = arrow::array::ListArray::try_new(Arc::clone(field), offsets, values, None)?;
            Ok(ColumnarValue::Array(Arc::new(list)))
        }
    };
    let name = format!("or_one[{element}]");
    let filled = present(array, lit(default_value(&Type::array(element.clone()))?));
    Ok(call(Kernel::new(name, whole, run), vec![filled]))
}
