//! Window functions.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_window::expr_fn::{dense_rank, lag, lead, rank, row_number};
use datafusion::functions_window::nth_value::{first_value_udwf, last_value_udwf, nth_value_udwf};
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::{
    Expr as Df, ExprFunctionExt as _, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFrameBound, WindowFrameUnits,
    ident,
};
use hogql::resolved::{Bound, Expr, Frame, Kind, Select, Window};

use super::expr::fitted;
use super::scope::{Raw, Scope};
use super::types::{arrow_type, default_value};
use super::{aggregate, call, order, refuse};

mod sliding;

/// Adds the window functions of `select` to `plan`, as known columns.
pub(super) fn add(plan: LogicalPlan, select: &Select, scope: &mut Scope) -> Result<LogicalPlan> {
    let mut calls: Vec<&Expr> = Vec::new();
    let mut find = |expr| windows(expr, &mut calls);
    select.qualify.iter().for_each(&mut find);
    select.projection.iter().for_each(|column| find(&column.expr));
    select.order_by.iter().for_each(|order| find(&order.expr));
    select.limit_by.iter().flat_map(|limit| &limit.keys).for_each(&mut find);
    if calls.is_empty() {
        return Ok(plan);
    }
    let mut functions = Vec::new();
    let mut known = Vec::new();
    let mut keys = Keys::default();
    for expr in calls {
        let Kind::Window(window) = &expr.kind else { continue };
        let (function, kind) = plan_window(window, scope, &mut keys)?;
        let column = ident(function.schema_name().to_string());
        let wanted = arrow_type(&expr.ty);
        let mut value = fitted(Raw::new(column, kind), &wanted);
        if !expr.ty.nullable {
            value = call::present(value, datafusion::logical_expr::lit(default_value(&expr.ty)?));
        }
        known.push((expr.clone(), Raw::new(value, wanted)));
        if !functions.contains(&function) {
            functions.push(function);
        }
    }
    scope.known.extend(known);
    // Those with the same order share a step; the engine takes no others together.
    LogicalPlanBuilder::window_plan(keys.add(plan)?, functions)
}

/// What partitions and sorts windows, as columns: computed once, and nothing that the engine could rewrite in one function
/// and not in another that shares its step.
#[derive(Default)]
struct Keys(Vec<Df>);

impl Keys {
    fn column(&mut self, key: Df) -> Df {
        if matches!(key, Df::Column(_)) {
            return key;
        }
        let at = self.0.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.0.push(key);
            self.0.len() - 1
        });
        ident(Self::name(at))
    }

    fn name(at: usize) -> String {
        format!("window key {at}")
    }

    /// `plan` with the keys behind its columns.
    fn add(self, plan: LogicalPlan) -> Result<LogicalPlan> {
        if self.0.is_empty() {
            return Ok(plan);
        }
        let mut columns: Vec<Df> = plan.schema().columns().into_iter().map(Df::Column).collect();
        columns.extend(self.0.into_iter().enumerate().map(|(at, key)| key.alias(Self::name(at))));
        LogicalPlanBuilder::from(plan).project(columns)?.build()
    }
}

fn windows<'q>(expr: &'q Expr, calls: &mut Vec<&'q Expr>) {
    if let Kind::Window(_) = expr.kind {
        if !calls.contains(&expr) {
            calls.push(expr);
        }
    } else {
        expr.operands(&mut |operand| windows(operand, calls));
    }
}

fn plan_window(window: &Window, scope: &Scope, keys: &mut Keys) -> Result<(Df, DataType)> {
    let call = &window.call;
    let mut key = |expr| scope.value(expr).map(|value| keys.column(value));
    let partition_by = window.partition_by.iter().map(&mut key).collect::<Result<Vec<_>>>()?;
    let order_by =
        window.order_by.iter().map(|order| Ok(order::sort(key(&order.expr)?, order))).collect::<Result<Vec<_>>>()?;
    let arguments = call.arguments.iter().map(|argument| scope.value(argument)).collect::<Result<Vec<_>>>()?;
    let kind = call.arguments.first().map_or(DataType::Null, |argument| arrow_type(&argument.ty));
    let first = arguments.first().cloned();
    let mut filter = call.filter.as_ref().map(|condition| scope.condition(condition)).transpose()?;
    let mut ignore_nulls = false;
    let mut distinct = false;
    let offset = call.arguments.get(1).map(|expr| scope.constant_as(expr, &DataType::Int64)).transpose()?;
    let offset = match offset {
        Some(ScalarValue::Int64(Some(offset))) => Some(offset),
        None => None,
        Some(_) => return refuse("the offset of a window function is a constant number"),
    };
    let (function, kind) = match (call.function, first) {
        ("row_number", _) => (row_number(), DataType::UInt64),
        ("rank", _) => (rank(), DataType::UInt64),
        ("dense_rank", _) => (dense_rank(), DataType::UInt64),
        ("first_value", Some(value)) => (windowed(first_value_udwf(), vec![value]), kind),
        ("last_value", Some(value)) => (windowed(last_value_udwf(), vec![value]), kind),
        ("nth_value", Some(value)) => {
            let nth = datafusion::logical_expr::lit(offset.unwrap_or(1));
            (windowed(nth_value_udwf(), vec![value, nth]), kind)
        }
        ("lagInFrame" | "leadInFrame", Some(value)) => {
            let default = match call.arguments.get(2) {
                Some(default) => Some(scope.constant_as(default, &kind)?),
                None => outside(&call.arguments, &kind)?,
            };
            let function = if call.function == "lagInFrame" { lag } else { lead };
            (function(value, offset.or(Some(1)), default), kind)
        }
        _ => {
            let function = aggregate::function(call, arguments)?;
            let kind = function.kind.clone();
            filter = match (function.filter, filter) {
                (Some(own), Some(filter)) => Some(own.and(filter)),
                (own, filter) => own.or(filter),
            };
            if !function.order_by.is_empty() || function.keep.is_some() {
                return refuse(format!("{} is not available over a window yet", call.function));
            }
            (distinct, ignore_nulls) = (function.distinct, function.ignore_nulls);
            let planned = WindowFunction::new(sliding::udaf(function.udaf), function.arguments);
            (Df::WindowFunction(Box::new(planned)), kind)
        }
    };
    let frame = frame(&window.frame, window.order_by.first().map(|order| arrow_type(&order.expr.ty)).as_ref());
    let mut planned = function.partition_by(partition_by).order_by(order_by).window_frame(frame);
    if ignore_nulls {
        planned = planned.null_treatment(NullTreatment::IgnoreNulls);
    }
    if distinct {
        planned = planned.distinct();
    }
    if let Some(filter) = filter {
        planned = planned.filter(filter);
    }
    Ok((planned.build()?, kind))
}

/// What `lagInFrame` gives outside of the frame: NULL, or the default of a type that has none.
fn outside(arguments: &[Expr], kind: &DataType) -> Result<Option<ScalarValue>> {
    let Some(argument) = arguments.first() else { return Ok(None) };
    if argument.ty.nullable { Ok(Some(ScalarValue::try_from(kind)?)) } else { default_value(&argument.ty).map(Some) }
}

fn windowed(function: Arc<datafusion::logical_expr::WindowUDF>, arguments: Vec<Df>) -> Df {
    Df::WindowFunction(Box::new(WindowFunction::new(function, arguments)))
}

/// `frame` over rows that are sorted by keys of which the first has the type `key`.
fn frame(frame: &Frame, key: Option<&DataType>) -> WindowFrame {
    let is_free = !matches!(frame.start, Bound::Preceding(_) | Bound::Following(_))
        && !matches!(frame.end, Bound::Preceding(_) | Bound::Following(_));
    let units = match key {
        _ if frame.rows => WindowFrameUnits::Rows,
        // Without an order all rows of a partition are peers.
        None => {
            return WindowFrame::new_bounds(
                WindowFrameUnits::Rows,
                WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
                WindowFrameBound::Following(ScalarValue::UInt64(None)),
            );
        }
        // Peers are the same either way, and the engine has ranges of few types only.
        Some(DataType::FixedSizeBinary(_) | DataType::Struct(_)) if is_free => WindowFrameUnits::Groups,
        Some(_) => WindowFrameUnits::Range,
    };
    let bound = |bound: &Bound| {
        let count = |count: u64| {
            if frame.rows { ScalarValue::UInt64(Some(count)) } else { ScalarValue::Int64(i64::try_from(count).ok()) }
        };
        match bound {
            Bound::UnboundedPreceding => WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
            Bound::Preceding(rows) => WindowFrameBound::Preceding(count(*rows)),
            Bound::CurrentRow => WindowFrameBound::CurrentRow,
            Bound::Following(rows) => WindowFrameBound::Following(count(*rows)),
            Bound::UnboundedFollowing => WindowFrameBound::Following(ScalarValue::UInt64(None)),
        }
    };
    WindowFrame::new_bounds(units, bound(&frame.start), bound(&frame.end))
}
