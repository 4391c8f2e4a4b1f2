//! Rows that a request brings along: persons, groups and whatever else is not among the stored events.
//!
//! A table is a way to open an iterator over batches. It is opened once per scan, on a thread that may wait, so a table of
//! millions of rows costs the memory of a few batches.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::TableSource;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::PartitionStream;
use hogql::resolved::Table;
use hogql::types::{Base, Name, Type};

use super::types::arrow_type;
use crate::engine::BATCH_ROWS;
use crate::error::ReadFailure;

/// What can go wrong while rows are fetched.
pub type RowsError = Box<dyn std::error::Error + Send + Sync>;
/// Batches of rows, of the schema of [`schema`].
pub type Batches = Box<dyn Iterator<Item = std::result::Result<RecordBatch, RowsError>> + Send>;

/// A table that can be read any number of times.
#[derive(Clone)]
pub struct Rows {
    open: Arc<dyn Fn() -> Batches + Send + Sync>,
}

/// The tables that a request brings along.
pub type Tables = BTreeMap<Table, Rows>;

impl Rows {
    /// The rows that `open` gives. It is called on a thread that may wait.
    pub fn new(open: impl Fn() -> Batches + Send + Sync + 'static) -> Self {
        Self { open: Arc::new(open) }
    }

    /// Rows at hand.
    #[must_use]
    pub fn of(batches: Vec<RecordBatch>) -> Self {
        Self::new(move || Box::new(batches.clone().into_iter().map(Ok)))
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows")
    }
}

/// The columns that batches of `table` must have: those of the language, with instants in microseconds of UTC.
#[must_use]
pub fn schema(table: Table) -> SchemaRef {
    let zone = Name::from("UTC");
    let columns = hogql::schema::columns(table, &zone);
    Arc::new(Schema::new(
        columns.iter().map(|(name, ty)| Field::new(*name, stored_type(ty), false)).collect::<Vec<_>>(),
    ))
}

fn stored_type(ty: &Type) -> DataType {
    match ty.base {
        Base::DateTime64(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => arrow_type(ty),
    }
}

/// `rows` as a source for plans.
pub(super) fn source(table: Table, rows: &Rows) -> Result<Arc<dyn TableSource>> {
    let schema = schema(table);
    let open = Arc::clone(&rows.open);
    streamed(schema, Arc::new(move || open()))
}

/// `numbers(start, count)`.
pub(super) fn numbers(start: u64, count: u64) -> Result<Arc<dyn TableSource>> {
    let schema = Arc::new(Schema::new(vec![Field::new("number", DataType::UInt64, false)]));
    let own = Arc::clone(&schema);
    let open = move || -> Batches {
        let schema = Arc::clone(&own);
        let size = BATCH_ROWS as u64;
        Box::new((0..count.div_ceil(size)).map(move |at| {
            let first = at * size;
            let last = count.min(first + size);
            let numbers: UInt64Array = (first..last).map(|number| start.wrapping_add(number)).collect();
            let column: ArrayRef = Arc::new(numbers);
            Ok(RecordBatch::try_new(Arc::clone(&schema), vec![column])?)
        }))
    };
    streamed(schema, Arc::new(open))
}

fn streamed(schema: SchemaRef, open: Arc<dyn Fn() -> Batches + Send + Sync>) -> Result<Arc<dyn TableSource>> {
    let stream = OneStream { schema: Arc::clone(&schema), open };
    Ok(provider_as_source(Arc::new(StreamingTable::try_new(schema, vec![Arc::new(stream)])?)))
}

struct OneStream {
    schema: SchemaRef,
    open: Arc<dyn Fn() -> Batches + Send + Sync>,
}

impl fmt::Debug for OneStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for OneStream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), 2);
        let (output, open, schema) = (stream.tx(), Arc::clone(&self.open), Arc::clone(&self.schema));
        stream.spawn_blocking(move || {
            for batch in open() {
                let batch = batch.map_err(|error| DataFusionError::External(Box::new(ReadFailure(error))))?;
                let batch = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())?;
                if output.blocking_send(Ok(batch)).is_err() {
                    break;
                }
            }
            Ok(())
        });
        stream.build()
    }
}
