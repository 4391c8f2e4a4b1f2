//! Functions that take a lambda.
//!
//! The body is an expression of the engine. It is evaluated once for all elements of all rows of a batch: the lists are
//! laid flat, and what the body takes from outside is repeated for each element.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{ColumnarValue, Expr as Df, ident};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::create_physical_expr;
use functions::{HigherOrder, HigherOrderCall, Lists, Value, higher_order, repeated};
use hogql::resolved::{Expr, Kind};
use hogql::types::{Name, Type};

use super::functions::{failed, value};
use super::kernel::{Kernel, call};
use super::refuse;
use super::scope::{Raw, Scope};
use super::types::arrow_type;

/// A lambda, ready to be evaluated.
#[derive(Debug, Clone)]
struct Body {
    expr: Df,
    /// The names of its columns: first the variables, then what is taken from outside.
    variables: Vec<String>,
    outside: usize,
    wanted: DataType,
}

fn variable(name: &Name) -> String {
    format!("variable {name}")
}

fn outside(at: usize) -> String {
    format!("outside {at}")
}

/// The lambda, and the columns it takes from outside.
fn body(scope: &Scope, variables: &[(Name, Type)], body: &Expr) -> Result<(Body, Vec<Df>)> {
    let mut inner = scope.clone();
    for (name, ty) in variables {
        let kind = arrow_type(ty);
        inner.variables.insert(Arc::clone(name), Raw::new(ident(variable(name)), kind));
    }
    let planned = inner.value(body)?;
    let own: Vec<String> = variables.iter().map(|(name, _)| variable(name)).collect();
    let mut places: HashMap<Column, usize> = HashMap::new();
    let mut captured = Vec::new();
    let planned = planned.transform_up(|expr| {
        let Df::Column(column) = &expr else { return Ok(Transformed::no(expr)) };
        if column.relation.is_none() && own.contains(&column.name) {
            return Ok(Transformed::no(expr));
        }
        let place = *places.entry(column.clone()).or_insert_with(|| {
            captured.push(expr.clone());
            captured.len() - 1
        });
        Ok(Transformed::yes(ident(outside(place))))
    })?;
    let outside = captured.len();
    Ok((Body { expr: planned.data, variables: own, outside, wanted: arrow_type(&body.ty) }, captured))
}

impl Body {
    /// Its value for each element, given the columns of its variables and of what is taken from outside.
    fn evaluate(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef> {
        let names = self.variables.iter().cloned().chain((0..self.outside).map(outside));
        let fields = names.zip(&columns).map(|(name, column)| Field::new(name, column.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let named = Arc::new(DFSchema::try_from(Arc::clone(&schema))?);
        let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_schema(Arc::clone(&named)).build());
        let expr = simplifier.coerce(self.expr.clone(), &named)?;
        let expr = create_physical_expr(&expr, &named, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        let answer = match expr.evaluate(&batch)? {
            // A long constant for each element.
            ColumnarValue::Scalar(constant) => repeated(&constant.to_array()?, rows).map_err(failed)?,
            ColumnarValue::Array(answer) => answer,
        };
        if answer.data_type() == &self.wanted { Ok(answer) } else { Ok(arrow::compute::cast(&answer, &self.wanted)?) }
    }
}

/// `function(lambda, lists…)`, which is `expr`, if it is such a function.
pub(super) fn plan(scope: &Scope, function: &str, arguments: &[Expr], expr: &Expr) -> Result<Option<Raw>> {
    let [Expr { kind: Kind::Lambda { variables, body: inner }, .. }, lists @ ..] = arguments else { return Ok(None) };
    let (body, captured) = body(scope, variables, inner)?;
    let returns = arrow_type(&expr.ty);
    let mut values = lists.iter().map(|list| scope.value(list)).collect::<Result<Vec<_>>>()?;
    let count = values.len();
    values.extend(captured);
    let name = format!("{function}[{} -> {}: {}]", body.variables.join(", "), body.expr, expr.ty);
    if function == "arrayFold" {
        let kernel = Kernel::new(name, returns, move |arguments, rows| fold(&body, arguments, count, rows));
        return Ok(Some(Raw::new(call(kernel, values), arrow_type(&expr.ty))));
    }
    let Some(function) = higher_order(function) else {
        return refuse(format!("the function {function} does not take a lambda"));
    };
    let missing = expr.ty.nullable;
    let truth = matches!(function.name, "arrayExists" | "arrayAll");
    let kind = if truth { DataType::Boolean } else { returns.clone() };
    let run = move |arguments: &[ColumnarValue], rows: usize| {
        apply(function, &body, arguments, count, rows, &returns, missing)
    };
    Ok(Some(Raw::new(call(Kernel::new(name, kind.clone(), run), values), kind)))
}

fn apply(
    function: &HigherOrder,
    body: &Body,
    arguments: &[ColumnarValue],
    count: usize,
    rows: usize,
    returns: &DataType,
    missing: bool,
) -> Result<ColumnarValue> {
    let (lists, captured) = arguments.split_at(count.min(arguments.len()));
    let lists = lists.iter().map(value).collect::<Result<Vec<Value>>>()?;
    let lists = Lists::align(&lists, rows).map_err(failed)?;
    let mut columns = lists.values().to_vec();
    for column in captured {
        columns.push(lists.spread(&column.to_array(rows)?).map_err(failed)?);
    }
    let answers = body.evaluate(columns, lists.total())?;
    let null = missing.then(|| arrow::array::new_null_array(returns, 1));
    let call = HigherOrderCall { lists: &lists, body: &answers, returns, missing: null.as_ref() };
    Ok(ColumnarValue::Array(function.call(&call).map_err(failed)?))
}

/// `arrayFold`: all rows take one step at a time, as long as any has elements left.
fn fold(body: &Body, arguments: &[ColumnarValue], count: usize, rows: usize) -> Result<ColumnarValue> {
    let (values, captured) = arguments.split_at(count.min(arguments.len()));
    let [lists @ .., start] = values else { return refuse("arrayFold takes arrays and a start") };
    let mut state = start.to_array(rows)?;
    let lists = lists.iter().map(value).collect::<Result<Vec<Value>>>()?;
    let lists = Lists::align(&lists, rows).map_err(failed)?;
    let captured = captured.iter().map(|column| column.to_array(rows)).collect::<Result<Vec<_>>>()?;
    let offsets = lists.offsets();
    let bounds = |row: usize| {
        let at = |place: usize| offsets.get(place).and_then(|at| u64::try_from(*at).ok()).unwrap_or_default();
        (at(row), at(row + 1))
    };
    for step in 0.. {
        let active: Vec<u64> = (0..rows as u64)
            .filter(|row| usize::try_from(*row).is_ok_and(|row| bounds(row).0 + step < bounds(row).1))
            .collect();
        if active.is_empty() {
            break;
        }
        let elements: Vec<u64> =
            active.iter().filter_map(|row| usize::try_from(*row).ok()).map(|row| bounds(row).0 + step).collect();
        let (elements, active_rows) =
            (arrow::array::UInt64Array::from(elements), arrow::array::UInt64Array::from(active.clone()));
        let mut columns = vec![take(&state, &active_rows, None)?];
        for values in lists.values() {
            columns.push(take(values, &elements, None)?);
        }
        for column in &captured {
            columns.push(take(column, &active_rows, None)?);
        }
        let next = body.evaluate(columns, active.len())?;
        let next =
            if next.data_type() == state.data_type() { next } else { arrow::compute::cast(&next, state.data_type())? };
        let mut places: Vec<(usize, usize)> = (0..rows).map(|row| (0, row)).collect();
        for (at, row) in active.iter().enumerate() {
            if let Some(place) = usize::try_from(*row).ok().and_then(|row| places.get_mut(row)) {
                *place = (1, at);
            }
        }
        state = arrow::compute::interleave(&[state.as_ref(), next.as_ref()], &places)?;
    }
    Ok(ColumnarValue::Array(state))
}
