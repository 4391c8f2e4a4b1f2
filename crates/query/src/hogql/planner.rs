//! What a plan is built from, and the check that it reads nothing else.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr as Df, LogicalPlan, TableSource};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use hogql::resolved::Expr;
use hogql::types::Name;
use parking_lot::Mutex;
use store::Snapshot;

use super::expr::fitted;
use super::refuse;
use super::rows::Tables;
use super::scope::{Answers, Raw, Scope};
use super::types::arrow_type;
use crate::table::Extent;

/// Builds the plan of one query over one snapshot.
pub(super) struct Planner<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// Which of its events are read.
    pub(super) extent: Extent,
    pub(super) tables: &'a Tables,
    pub(super) answers: Arc<Answers>,
    pub(super) partitions: usize,
    /// The project's time zone.
    pub(super) zone: &'a Name,
    /// Every source that a scan of this plan may have.
    pub(super) sources: Mutex<Vec<Arc<dyn TableSource>>>,
}

impl Planner<'_> {
    /// Registers a source of this project's rows.
    pub(super) fn own(&self, source: Arc<dyn TableSource>) -> Arc<dyn TableSource> {
        self.sources.lock().push(Arc::clone(&source));
        source
    }

    /// Refuses a plan that reads anything but the sources made for it: the last line between tenants.
    pub(super) fn check(&self, plan: &LogicalPlan) -> Result<()> {
        let sources = self.sources.lock();
        plan.apply_with_subqueries(|node| match node {
            LogicalPlan::TableScan(scan) if !sources.iter().any(|own| Arc::ptr_eq(own, &scan.source)) => {
                refuse(format!("the plan reads a table that is not the project's: {}", scan.table_name))
            }
            LogicalPlan::Ddl(_) | LogicalPlan::Dml(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_) => {
                refuse("the plan does more than read")
            }
            _ => Ok(TreeNodeRecursion::Continue),
        })?;
        Ok(())
    }
}

impl Scope {
    /// The value of a constant expression, as `kind`.
    pub(super) fn constant_as(&self, expr: &Expr, kind: &DataType) -> Result<ScalarValue> {
        let raw = self.raw(expr)?;
        let actual = if raw.kind == *kind { raw.kind.clone() } else { arrow_type(&expr.ty) };
        let planned = fitted(Raw::new(raw.expr, actual), kind);
        evaluate(planned)
    }
}

/// The value of an expression without columns.
pub(super) fn evaluate(expr: Df) -> Result<ScalarValue> {
    if let Df::Literal(value, _) = expr {
        return Ok(value);
    }
    let simplifier = ExprSimplifier::new(SimplifyContext::builder().build());
    let expr = simplifier.coerce(expr, &datafusion::common::DFSchema::empty())?;
    match simplifier.simplify(expr)? {
        Df::Literal(value, _) => Ok(value),
        other => refuse(format!("a constant was expected, not {other}")),
    }
}
