//! The end of a SELECT: DISTINCT, ORDER BY, LIMIT BY, LIMIT.

use arrow::array::{AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::functions_aggregate::expr_fn::first_value;
use datafusion::functions_window::expr_fn::{rank, row_number};
use datafusion::logical_expr::{
    ColumnarValue, Expr as Df, ExprFunctionExt as _, LogicalPlan, LogicalPlanBuilder, SortExpr, WindowFrame, ident, lit,
};
use hogql::resolved::{Expr, Limit, LimitBy, Order, Select};
use std::sync::Arc;

use super::kernel::{Kernel, call};
use super::refuse;
use super::scope::Scope;
use super::select::output;

/// What rows are sorted and counted by, beside the columns of the result.
pub(super) struct Keys<'q> {
    order: Vec<(Key<'q>, &'q Order)>,
    limit_by: Vec<Key<'q>>,
}

/// A column of the result, or an expression of its own.
enum Key<'q> {
    Output(usize),
    Own(&'q Expr, String),
}

impl Key<'_> {
    fn column(&self) -> Df {
        match self {
            Self::Output(at) => ident(output(*at)),
            Self::Own(_, name) => ident(name),
        }
    }
}

/// What is left to do once the columns are there.
pub(super) struct Finish<'q> {
    pub(super) width: usize,
    pub(super) distinct: bool,
    pub(super) limit_by: Option<&'q LimitBy>,
    pub(super) limit: &'q Limit,
}

impl<'q> Keys<'q> {
    pub(super) fn of(select: &'q Select) -> Self {
        let key = |expr: &'q Expr, name: String| match select.projection.iter().position(|column| column.expr == *expr)
        {
            Some(at) => Key::Output(at),
            None => Key::Own(expr, name),
        };
        let order = select.order_by.iter().enumerate().map(|(at, order)| (key(&order.expr, format!("o{at}")), order));
        let by = select.limit_by.iter().flat_map(|limit| &limit.keys).enumerate();
        Self { order: order.collect(), limit_by: by.map(|(at, expr)| key(expr, format!("l{at}"))).collect() }
    }

    pub(super) fn of_set(order_by: &'q [Order], _width: usize) -> Self {
        let order = order_by.iter().enumerate().map(|(at, order)| (Key::Own(&order.expr, format!("o{at}")), order));
        Self { order: order.collect(), limit_by: Vec::new() }
    }

    /// Whether rows are sorted or counted by the column of the result in place `at`.
    pub(super) fn use_output(&self, at: usize) -> bool {
        self.order
            .iter()
            .map(|(key, _)| key)
            .chain(&self.limit_by)
            .any(|key| matches!(key, Key::Output(place) if *place == at))
    }

    /// The columns of the result and the keys that are none of them.
    pub(super) fn columns(&self, select: &Select, scope: &Scope) -> Result<Vec<Df>> {
        let outputs =
            select.projection.iter().enumerate().map(|(at, column)| Ok(scope.value(&column.expr)?.alias(output(at))));
        outputs.chain(self.own(scope)).collect()
    }

    /// Adds the keys to a plan that has the columns of the result.
    pub(super) fn add(&self, plan: LogicalPlan, width: usize, scope: &Scope) -> Result<LogicalPlan> {
        let outputs = (0..width).map(|at| Ok(ident(output(at))));
        LogicalPlanBuilder::from(plan).project(outputs.chain(self.own(scope)).collect::<Result<Vec<_>>>()?)?.build()
    }

    fn own<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = Result<Df>> + 'a {
        let keys = self.order.iter().map(|(key, _)| key).chain(&self.limit_by);
        keys.filter_map(move |key| match key {
            Key::Output(_) => None,
            Key::Own(expr, name) => Some(scope.value(expr).map(|value| value.alias(name))),
        })
    }

    pub(super) fn finish(&self, mut plan: LogicalPlan, finish: &Finish<'_>, scope: &Scope) -> Result<LogicalPlan> {
        if self.order.iter().any(|(_, order)| order.fill.is_some()) {
            return refuse("ORDER BY … WITH FILL is not available yet");
        }
        if finish.distinct {
            plan = self.distinct(plan, finish.width)?;
        }
        let sort: Vec<SortExpr> = self.order.iter().map(|(key, order)| sort(key.column(), order)).collect();
        if let Some(limit_by) = finish.limit_by {
            plan = self.limited_by(plan, limit_by, &sort, scope)?;
        }
        let limit = finish.limit.limit.as_ref().map(|expr| scope.count(expr)).transpose()?;
        let offset = finish.limit.offset.as_ref().map(|expr| scope.count(expr)).transpose()?.unwrap_or(0);
        if finish.limit.with_ties
            && let Some(count) = limit
        {
            plan = with_ties(plan, &sort, offset, count)?;
        }
        let mut builder = LogicalPlanBuilder::from(plan);
        if !sort.is_empty() {
            builder = builder.sort(sort)?;
        }
        if !finish.limit.with_ties && (limit.is_some() || offset > 0) {
            builder = builder.limit(offset, limit)?;
        }
        builder.project((0..finish.width).map(|at| ident(output(at))).collect::<Vec<_>>())?.build()
    }

    /// Distinct columns; other keys take the value of one of the rows.
    fn distinct(&self, plan: LogicalPlan, width: usize) -> Result<LogicalPlan> {
        let outputs: Vec<Df> = (0..width).map(|at| ident(output(at))).collect();
        let keys = self.order.iter().map(|(key, _)| key).chain(&self.limit_by);
        let own: Vec<Df> = keys
            .filter_map(|key| match key {
                Key::Output(_) => None,
                Key::Own(_, name) => Some(first_value(ident(name), Vec::new()).alias(name)),
            })
            .collect();
        if own.is_empty() {
            return LogicalPlanBuilder::from(plan).distinct()?.build();
        }
        LogicalPlanBuilder::from(plan).aggregate(outputs, own)?.build()
    }

    fn limited_by(
        &self,
        plan: LogicalPlan,
        limit_by: &LimitBy,
        sort: &[SortExpr],
        scope: &Scope,
    ) -> Result<LogicalPlan> {
        let limit = scope.count(&limit_by.limit)?;
        let offset = limit_by.offset.as_ref().map(|expr| scope.count(expr)).transpose()?.unwrap_or(0);
        let mut number =
            row_number().partition_by(self.limit_by.iter().map(Key::column).collect()).order_by(sort.to_vec());
        if sort.is_empty() {
            number = number.window_frame(WindowFrame::new(None));
        }
        let number = number.build()?;
        numbered(plan, number, offset, Some(limit))
    }
}

/// The rows of `plan` whose number, as `number` counts from 1, is after `offset` and among the next `limit`.
fn numbered(plan: LogicalPlan, number: Df, offset: usize, limit: Option<usize>) -> Result<LogicalPlan> {
    let columns: Vec<Df> = plan.schema().columns().into_iter().map(Df::Column).collect();
    let place = ident(number.schema_name().to_string());
    let mut builder = LogicalPlanBuilder::from(plan).window(vec![number])?;
    builder = builder.filter(place.clone().gt(lit(offset as u64)))?;
    if let Some(limit) = limit {
        builder = builder.filter(place.lt_eq(lit(offset.saturating_add(limit) as u64)))?;
    }
    builder.project(columns)?.build()
}

fn with_ties(plan: LogicalPlan, sort: &[SortExpr], offset: usize, limit: usize) -> Result<LogicalPlan> {
    if sort.is_empty() {
        return refuse("LIMIT … WITH TIES needs ORDER BY");
    }
    let ranked = rank().order_by(sort.to_vec()).build()?;
    let plan = numbered(plan, ranked, 0, Some(offset.saturating_add(limit)))?;
    if offset == 0 {
        return Ok(plan);
    }
    let number = row_number().order_by(sort.to_vec()).build()?;
    numbered(plan, number, offset, None)
}

/// How the engine sorts by `key`, so that NULL and NaN are at one end.
pub(super) fn sort(key: Df, order: &Order) -> SortExpr {
    let key = if order.expr.ty.base.is_float() { without_nan(key) } else { key };
    SortExpr::new(key, !order.descending, order.nulls_first)
}

/// `key` with NULL in place of NaN.
pub(super) fn without_nan(key: Df) -> Df {
    let run = |arguments: &[ColumnarValue], rows: usize| {
        let [argument] = arguments else { return exec_err!("one number expected") };
        let numbers = arrow::compute::cast(&argument.to_array(rows)?, &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        let numbers: Float64Array = numbers.iter().map(|number| number.filter(|number| !number.is_nan())).collect();
        Ok(ColumnarValue::Array(Arc::new(numbers)))
    };
    call(Kernel::new("nan_to_null", DataType::Float64, run), vec![key])
}

impl Scope {
    /// A constant that counts rows.
    pub(super) fn count(&self, expr: &Expr) -> Result<usize> {
        let value = self.constant_as(expr, &DataType::Int64)?;
        match value {
            ScalarValue::Int64(Some(count)) if count >= 0 => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
            other => refuse(format!("LIMIT and OFFSET take whole numbers that are not negative, not {other}")),
        }
    }
}
