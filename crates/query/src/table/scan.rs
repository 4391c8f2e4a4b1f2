//! Reads parts as a leaf of a plan.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use store::{Part, Selection};

use super::read::{Reader, failed};
use crate::scan::{self, Narrowed};

/// Batches that wait between the thread that reads a part and the one that evaluates.
const READ_AHEAD: usize = 2;

/// The scan of some parts of a snapshot.
#[derive(Debug)]
pub(super) struct EventsScan {
    partitions: Vec<Vec<Part>>,
    properties: Arc<PlanProperties>,
    work: Arc<Work>,
}

/// What is read of each part.
#[derive(Debug)]
struct Work {
    reader: Reader,
    asked: Narrowed,
    limit: Option<usize>,
}

impl EventsScan {
    pub(super) fn new(
        parts: Vec<Part>,
        partitions: usize,
        reader: Reader,
        asked: Narrowed,
        limit: Option<usize>,
    ) -> Self {
        let mut dealt = vec![Vec::new(); partitions.min(parts.len()).max(1)];
        let count = dealt.len();
        for (at, part) in parts.into_iter().enumerate() {
            dealt[at % count].push(part);
        }
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&reader.schema)),
            Partitioning::UnknownPartitioning(count),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let work = Work { reader, asked, limit };
        Self { partitions: dealt, properties: Arc::new(properties), work: Arc::new(work) }
    }
}

impl DisplayAs for EventsScan {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns: Vec<_> = self.work.reader.schema.fields().iter().map(|field| field.name().as_str()).collect();
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
        let Some(parts) = self.partitions.get(partition).cloned() else {
            return internal_err!("a scan of events has no partition {partition}");
        };
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.work.reader.schema), READ_AHEAD);
        let (output, work) = (stream.tx(), Arc::clone(&self.work));
        stream.spawn_blocking(move || {
            let mut left = work.limit.unwrap_or(usize::MAX);
            for part in &parts {
                if left == 0 {
                    break;
                }
                if !work.asked.may_be_in(part).map_err(failed)? {
                    continue;
                }
                for chunk in part.chunks().map_err(failed)? {
                    let rows = scan::narrow(&chunk, &work.asked).map_err(failed)?;
                    for slice in rows.chunks(work.reader.slice_rows()) {
                        let slice = first(slice, left);
                        left -= slice.len();
                        if !slice.is_empty() && output.blocking_send(work.reader.read(&chunk, &slice)).is_err() {
                            return Ok(());
                        }
                    }
                }
            }
            Ok(())
        });
        Ok(stream.build())
    }
}

/// The first `limit` of `rows`.
fn first(rows: Selection, limit: usize) -> Selection {
    if rows.len() <= limit { rows } else { rows.chunks(limit).into_iter().next().unwrap_or_default() }
}
