//! Makes plans stop when their time is up or nobody waits for them any more.
//!
//! And keeps what they make of few rows small.
//!
//! A query is stopped between two steps of its plan. Joins and unnesting make many rows of few, so they give way after
//! each batch that they make. A join by a condition may look at billions of pairs before it makes one: there the
//! condition itself asks, each time it is evaluated, whether it should go on.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err, resources_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use futures::StreamExt as _;
use tokio::time::Instant;

use crate::hogql;

/// Rows for which large values are made of small ones at once.
const SLICE_ROWS: usize = 32;
/// A constant of more bytes than this is a large value.
const LONG_BYTES: usize = 4 << 10;
/// Bytes, about, that unnesting makes at once.
const UNNESTED_BYTES: usize = 8 << 20;
/// The most that it makes of one row.
const UNNESTED_BYTES_MAX: usize = 128 << 20;

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
        let node = match rows_at_once(&node)? {
            Some(rows) => over_slices(node, Cut::Rows(rows))?,
            None => node,
        };
        if node.is::<UnnestExec>() {
            let node = over_slices(node, Cut::Unnested)?;
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>));
        }
        if node.is::<CrossJoinExec>() || node.is::<HashJoinExec>() {
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>));
        }
        let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() else { return Ok(Transformed::yes(node)) };
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

/// For how many rows `node` may evaluate its expressions at once, if it makes large values of small ones: by functions
/// whose answers may be much larger than their arguments, and by long constants, of which each row gets its own.
fn rows_at_once(node: &Arc<dyn ExecutionPlan>) -> Result<Option<usize>> {
    let mut most = None;
    node.apply_expressions(&mut |expr| {
        let bytes = match expr.downcast_ref::<Literal>().map(Literal::value) {
            Some(ScalarValue::List(list)) => list.get_array_memory_size(),
            Some(ScalarValue::Utf8(Some(text))) => text.len(),
            _ => 0,
        };
        if bytes > LONG_BYTES {
            most = Some((UNNESTED_BYTES / bytes).clamp(1, most.unwrap_or(SLICE_ROWS)));
        }
        expr.apply(|expr| {
            if expr.downcast_ref::<ScalarFunctionExpr>().is_some_and(|call| hogql::grows(call.fun())) {
                most = Some(most.unwrap_or(SLICE_ROWS));
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(most)
}

/// `node`, if it has one input, over small batches of it.
fn over_slices(node: Arc<dyn ExecutionPlan>, cut: Cut) -> Result<Arc<dyn ExecutionPlan>> {
    let [input] = node.children()[..] else { return Ok(node) };
    let slices: Arc<dyn ExecutionPlan> = Arc::new(Slices { input: Arc::clone(input), cut });
    replace_children_if_necessary(node, vec![slices])
}

/// Where batches are cut.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// After so many rows.
    Rows(usize),
    /// After what is not too large once its arrays are unnested.
    Unnested,
}

impl Cut {
    /// The first and last row and one of each small batch of `batch`.
    fn of(self, batch: &RecordBatch) -> Result<Vec<Range<usize>>> {
        let rows = batch.num_rows();
        match self {
            Self::Rows(few) => Ok((0..rows).step_by(few).map(|at| at..rows.min(at + few)).collect()),
            Self::Unnested => unnested(batch),
        }
    }
}

/// Where `batch` is cut so that little is made at once when its arrays are unnested: all other columns are repeated.
fn unnested(batch: &RecordBatch) -> Result<Vec<Range<usize>>> {
    let (mut cuts, mut start, mut bytes) = (Vec::new(), 0, 0_usize);
    for row in 0..batch.num_rows() {
        let (mut width, mut length) = (0_usize, 1_usize);
        for column in batch.columns() {
            if let Some(lists) = column.as_list_opt::<i32>() {
                length = length.max(usize::try_from(lists.value_length(row)).unwrap_or(0));
                width += 8;
            } else if let Some(texts) = column.as_string_opt::<i32>() {
                width += usize::try_from(texts.value_length(row)).unwrap_or(0);
            } else {
                width += 8;
            }
        }
        let made = width.saturating_mul(length);
        if made > UNNESTED_BYTES_MAX {
            return resources_err!("Failed to allocate {made} bytes for an array that is unnested");
        }
        if bytes > 0 && bytes + made > UNNESTED_BYTES {
            cuts.push(start..row);
            (start, bytes) = (row, 0);
        }
        bytes += made;
    }
    if start < batch.num_rows() {
        cuts.push(start..batch.num_rows());
    }
    Ok(cuts)
}

/// The rows of its input in small batches.
#[derive(Debug)]
struct Slices {
    input: Arc<dyn ExecutionPlan>,
    cut: Cut,
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
            Ok([input]) => Ok(Arc::new(Self { input, cut: self.cut })),
            Err(_) => internal_err!("slices have one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let (schema, cut) = (input.schema(), self.cut);
        let slices = input.flat_map(move |batch| {
            let slices = match batch.and_then(|batch| cut.of(&batch).map(|cuts| (batch, cuts))) {
                Ok((batch, cuts)) => cuts.into_iter().map(|rows| Ok(batch.slice(rows.start, rows.len()))).collect(),
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
