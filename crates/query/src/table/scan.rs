//! Reads parts as a leaf of a plan.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, UInt64Array};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use store::{Chunk, Column, Document, Part, Selection, Slice, Spelling, StoreError};

use super::{Places, Source, chunk_number};
use crate::QueryError;
use crate::engine::BATCH_ROWS;
use crate::error::ReadFailure;
use crate::hogql::Refusal;
use crate::scan::{self, Kept, Narrowed};

/// Batches that wait between the thread that reads a part and the one that evaluates.
const READ_AHEAD: usize = 2;

/// The scan of some parts of a snapshot.
#[derive(Debug)]
pub(super) struct EventsScan {
    partitions: Vec<Vec<(usize, Part)>>,
    properties: Arc<PlanProperties>,
    work: Arc<Work>,
}

/// What is read of each part.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) schema: SchemaRef,
    pub(super) sources: Vec<Source>,
    pub(super) asked: Narrowed,
    /// None but these rows.
    pub(super) only: Option<Arc<Places>>,
    pub(super) limit: Option<usize>,
}

impl EventsScan {
    /// The scan of `parts`, which are numbered by their place in the snapshot.
    pub(super) fn new(parts: Vec<(usize, Part)>, partitions: usize, work: Work) -> Self {
        let mut dealt = vec![Vec::new(); partitions.min(parts.len()).max(1)];
        let count = dealt.len();
        for (at, part) in parts.into_iter().enumerate() {
            dealt[at % count].push(part);
        }
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&work.schema)),
            Partitioning::UnknownPartitioning(count),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { partitions: dealt, properties: Arc::new(properties), work: Arc::new(work) }
    }
}

impl DisplayAs for EventsScan {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns: Vec<_> = self.work.schema.fields().iter().map(|field| field.name().as_str()).collect();
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
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.work.schema), READ_AHEAD);
        let (output, work) = (stream.tx(), Arc::clone(&self.work));
        stream.spawn_blocking(move || {
            let mut left = work.limit.unwrap_or(usize::MAX);
            for (number, part) in &parts {
                if left == 0 {
                    break;
                }
                if !work.asked.may_be_in(part).map_err(failed)? {
                    continue;
                }
                for (at, chunk) in part.chunks().map_err(failed)?.iter().enumerate() {
                    let at = chunk_number(*number, at);
                    let (rows, kept) = work.rows(chunk, at).map_err(unread)?;
                    let rows = first(rows, left);
                    left -= rows.len();
                    let mut slices = chunk.slices(&rows, work.rows_at_once(chunk));
                    let mut done = 0;
                    while let Some(mut slice) = slices.next() {
                        let kept = kept.slice(done, slice.rows().len());
                        done += slice.rows().len();
                        if output.blocking_send(work.read(&mut slice, at, &kept)).is_err() {
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

impl Work {
    /// Rows read at once: many of narrow columns, few where whole objects come along.
    fn rows_at_once(&self, chunk: &Chunk) -> usize {
        let is_wide = |source: &Source| {
            matches!(
                source,
                Source::Properties
                    | Source::Quoted(_)
                    | Source::Stored(Column::PersonProperties | Column::ElementsChain)
            )
        };
        if self.sources.iter().any(is_wide) { scan::rows_at_once(chunk) } else { 8 * BATCH_ROWS }
    }

    /// The rows of a chunk that are asked for, and what was read to find them.
    fn rows(&self, chunk: &Chunk, number: u64) -> std::result::Result<(Selection, Kept), QueryError> {
        let range = self.asked.conditions.range;
        match &self.only {
            None => scan::narrow_keeping(chunk, &self.asked, &self.sources),
            Some(places) => {
                let rows = match places.get(&number) {
                    Some(rows) => scan::narrow_within(chunk, &self.asked, range, rows.clone())?,
                    None => Selection::default(),
                };
                Ok((rows, Kept::default()))
            }
        }
    }

    /// A slice of the chunk with this number, of which some columns are `kept`.
    fn read(&self, slice: &mut Slice<'_>, number: u64, kept: &Kept) -> Result<RecordBatch> {
        let stored: Vec<Column> = self
            .sources
            .iter()
            .filter_map(|source| match source {
                Source::Stored(column) => Some(*column),
                _ => None,
            })
            .collect();
        let mut stored = slice.read(&stored).map_err(failed)?.into_iter();
        let rows = slice.rows().clone();
        let mut columns = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            let column: Option<ArrayRef> = match source {
                Source::Stored(_) => stored.next(),
                Source::Chunk => Some(Arc::new(UInt64Array::from_value(number, rows.len()))),
                Source::Row => Some(Arc::new(UInt32Array::from_iter_values(rows.rows()))),
                Source::Properties => {
                    Some(Arc::new(slice.properties(Document::Event, Spelling::Json).map_err(failed)?))
                }
                Source::Quoted(document) => {
                    Some(Arc::new(slice.properties(*document, Spelling::Quoted).map_err(failed)?))
                }
                Source::Property(property) => match kept.of(source) {
                    Some(values) => Some(Arc::clone(values)),
                    None => Some(property.form.array(&slice.property(&property.key).map_err(failed)?)?),
                },
            };
            columns.extend(column);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// The first `limit` of `rows`.
fn first(rows: Selection, limit: usize) -> Selection {
    if rows.len() <= limit { rows } else { rows.chunks(limit).into_iter().next().unwrap_or_default() }
}

/// A failure to read on its way through the engine.
pub(crate) fn unread(error: QueryError) -> DataFusionError {
    match error {
        QueryError::Store(error) => DataFusionError::External(Box::new(ReadFailure(error))),
        QueryError::Memory { operator, .. } => {
            let what = operator.unwrap_or_else(|| "reading".to_owned());
            DataFusionError::ResourcesExhausted(format!("No memory for {what}"))
        }
        QueryError::Refused { code, message } => DataFusionError::External(Box::new(Refusal { code, message })),
        error => DataFusionError::External(Box::new(error)),
    }
}

fn failed(error: StoreError) -> DataFusionError {
    DataFusionError::External(Box::new(ReadFailure(error.into())))
}
