//! Makes plans stop when their time is up or nobody waits for them any more.
//!
//! A query is stopped between two steps of its plan. Joins and unnesting make many rows of few, so they give way after
//! each batch that they make. A join by a condition may look at billions of pairs before it makes one: there the
//! condition itself asks, each time it is evaluated, whether it should go on.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use futures::StreamExt as _;
use tokio::time::Instant;

/// Rows for which arrays are made at once that are unnested then.
const SLICE_ROWS: usize = 64;

/// For how long a query is to run.
#[derive(Debug, Clone)]
pub(crate) struct Alive {
    until: Instant,
    limit: Duration,
    /// Whether nobody waits any more.
    gone: Arc<AtomicBool>,
}

/// The time of a query is up, or nobody waits for it.
#[derive(Debug, thiserror::Error)]
#[error("the query was stopped")]
pub(crate) struct Stopped {
    pub(crate) limit: Duration,
}

impl Alive {
    pub(crate) fn new(limit: Duration, gone: Arc<AtomicBool>) -> Self {
        Self { until: Instant::now() + limit, limit, gone }
    }

    fn check(&self) -> Result<()> {
        if self.gone.load(Ordering::Relaxed) || Instant::now() >= self.until {
            return Err(DataFusionError::External(Box::new(Stopped { limit: self.limit })));
        }
        Ok(())
    }
}

/// `plan`, which stops when `alive` says so.
pub(super) fn guarded(plan: Arc<dyn ExecutionPlan>, alive: &Alive) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_up(|node| {
        let is_unnest = node.is::<UnnestExec>();
        if is_unnest || node.is::<CrossJoinExec>() || node.is::<HashJoinExec>() {
            let node = if is_unnest { over_slices(node)? } else { node };
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>));
        }
        let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() else { return Ok(Transformed::no(node)) };
        let filter = join.filter().map(|filter| {
            let condition = Guarded { inner: Arc::clone(filter.expression()), alive: alive.clone() };
            JoinFilter::new(Arc::new(condition), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
        });
        let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
        let projection = join.projection().as_ref().map(|columns| columns.to_vec());
        let join = NestedLoopJoinExec::try_new(left, right, filter, join.join_type(), projection)?;
        Ok(Transformed::yes(Arc::new(CooperativeExec::new(Arc::new(join))) as Arc<dyn ExecutionPlan>))
    })?;
    Ok(plan.data)
}

/// `unnest`, where the arrays are made for a few rows at a time: the same array for each of thousands of rows is no longer
/// small.
fn over_slices(unnest: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let [arrays] = unnest.children()[..] else { return Ok(unnest) };
    let [rows] = arrays.children()[..] else { return Ok(unnest) };
    if !arrays.is::<ProjectionExec>() {
        return Ok(unnest);
    }
    let slices: Arc<dyn ExecutionPlan> = Arc::new(Slices { input: Arc::clone(rows) });
    let arrays = replace_children_if_necessary(Arc::clone(arrays), vec![slices])?;
    replace_children_if_necessary(unnest, vec![arrays])
}

/// The rows of its input in small batches.
#[derive(Debug)]
struct Slices {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for Slices {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slices")
    }
}

impl ExecutionPlan for Slices {
    fn name(&self) -> &'static str {
        "Slices"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self { input })),
            Err(_) => internal_err!("slices have one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let schema = input.schema();
        let slices = input.flat_map(|batch| {
            let slices = match batch {
                Ok(batch) => {
                    let starts = (0..batch.num_rows()).step_by(SLICE_ROWS);
                    let slice = |start: usize| batch.slice(start, SLICE_ROWS.min(batch.num_rows() - start));
                    starts.map(|start| Ok(slice(start))).collect()
                }
                Err(error) => vec![Err(error)],
            };
            futures::stream::iter(slices)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, slices)))
    }
}

/// A condition that fails when its query is to stop.
#[derive(Debug)]
struct Guarded {
    inner: Arc<dyn PhysicalExpr>,
    alive: Alive,
}

impl PartialEq for Guarded {
    fn eq(&self, other: &Self) -> bool {
        *self.inner == *other.inner
    }
}

impl Eq for Guarded {}

impl Hash for Guarded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl PhysicalExpr for Guarded {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.alive.check()?;
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 1]>::try_from(children) {
            Ok([inner]) => Ok(Arc::new(Self { inner, alive: self.alive.clone() })),
            Err(_) => internal_err!("a guarded condition is one condition"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
