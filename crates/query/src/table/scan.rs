//! Reads parts as a leaf of a plan.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, make_array};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::scalar::copy_array_data;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use super::{Part, ReadError, TimeRange};
use crate::engine::BATCH_ROWS;
use crate::error::ReadFailure;
use crate::plan::column;

/// Batches that wait between the thread that reads a part and the one that evaluates.
const READ_AHEAD: usize = 1;

/// The scan of some parts of a snapshot.
#[derive(Debug)]
pub(super) struct EventsScan {
    partitions: Vec<Vec<Part>>,
    range: TimeRange,
    properties: Arc<PlanProperties>,
}

impl EventsScan {
    pub(super) fn new(parts: Vec<Part>, partitions: usize, schema: SchemaRef, range: TimeRange) -> Self {
        let mut dealt = vec![Vec::new(); partitions.min(parts.len()).max(1)];
        let count = dealt.len();
        for (at, part) in parts.into_iter().enumerate() {
            dealt[at % count].push(part);
        }
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(count),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { partitions: dealt, range, properties: Arc::new(properties) }
    }
}

impl DisplayAs for EventsScan {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let schema = self.properties.eq_properties.schema();
        let columns: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let parts: usize = self.partitions.iter().map(Vec::len).sum();
        write!(f, "EventsScan: parts={parts}, columns=[{}]", columns.join(", "))
    }
}

impl ExecutionPlan for EventsScan {
    fn name(&self) -> &'static str {
        "EventsScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a scan of events has no input") }
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(parts) = self.partitions.get(partition) else {
            return internal_err!("a scan of events has no partition {partition}");
        };
        Ok(stream(parts.clone(), Arc::clone(self.properties.eq_properties.schema()), self.range))
    }
}

/// Reads the columns of these names of one part, on a thread for blocking work.
pub(crate) fn read(part: &Part, columns: &[&str], range: TimeRange) -> Result<SendableRecordBatchStream> {
    let table = super::schema();
    let fields: std::result::Result<Vec<_>, _> =
        columns.iter().map(|name| table.field_with_name(name).cloned()).collect();
    Ok(stream(vec![part.clone()], Arc::new(Schema::new(fields?)), range))
}

/// Reads `parts` one after the other on a thread for blocking work, until the stream is dropped.
fn stream(parts: Vec<Part>, schema: SchemaRef, range: TimeRange) -> SendableRecordBatchStream {
    let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&schema), READ_AHEAD);
    let output = stream.tx();
    stream.spawn_blocking(move || {
        for part in &parts {
            // The part's number is not stored; timestamps are read when nothing else tells how many rows there are.
            let stored = schema.fields().iter().map(|field| field.name().as_str()).filter(|name| *name != column::PART);
            let mut columns: Vec<_> = stored.collect();
            if columns.is_empty() {
                columns.push(column::TIMESTAMP);
            }
            for batch in part.rows.read(&columns, range).map_err(failed)? {
                let batch = arranged(&batch.map_err(failed)?, part.number, &schema)?;
                // Rows in memory may come all at once; what is evaluated at once stays small.
                for start in (0..batch.num_rows()).step_by(BATCH_ROWS) {
                    let slice = detached(&batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start)))?;
                    if output.blocking_send(Ok(slice)).is_err() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    });
    stream.build()
}

/// `batch` with exactly the columns of `schema`.
fn arranged(batch: &RecordBatch, part: u32, schema: &SchemaRef) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let column = |name: &str| -> Result<ArrayRef> {
        if name == column::PART {
            return Ok(Arc::new(UInt32Array::from_value(part, rows)));
        }
        match batch.column_by_name(name) {
            Some(column) => Ok(Arc::clone(column)),
            None => internal_err!("the store left out the column {name}"),
        }
    };
    let columns: Result<Vec<_>> = schema.fields().iter().map(|field| column(field.name())).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns?, &options)?)
}

/// `slice` with its fixed-width columns copied. A sort keeps those, and would count the whole column that it is a slice
/// of against the memory limit. Text is not kept by anything that sorts, and too large to copy for nothing.
fn detached(slice: &RecordBatch) -> Result<RecordBatch> {
    let copy = |column: &ArrayRef| match column.data_type() {
        DataType::Timestamp(_, _) | DataType::FixedSizeBinary(_) | DataType::UInt32 => {
            make_array(copy_array_data(&column.to_data()))
        }
        _ => Arc::clone(column),
    };
    let options = RecordBatchOptions::new().with_row_count(Some(slice.num_rows()));
    let columns = slice.columns().iter().map(copy).collect();
    Ok(RecordBatch::try_new_with_options(slice.schema(), columns, &options)?)
}

fn failed(error: ReadError) -> DataFusionError {
    DataFusionError::External(Box::new(ReadFailure(error)))
}
