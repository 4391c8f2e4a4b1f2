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
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::TableSource;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::PartitionStream;
use hogql::resolved::Table;
use hogql::types::{Base, Name, Type};
use uuid::Uuid;

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

/// A value of a row that a request brings along.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text, or JSON.
    Text(String),
    /// A uuid.
    Uuid(Uuid),
    /// Microseconds since the epoch.
    Instant(i64),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Bool(bool),
}

/// Pages of rows.
pub type Pages = Box<dyn Iterator<Item = std::result::Result<Vec<Vec<Cell>>, RowsError>> + Send>;

impl Rows {
    /// The rows of `table` that `open` gives, page by page, with their cells in the order of [`schema`].
    pub fn of_cells(table: Table, open: impl Fn() -> Pages + Send + Sync + 'static) -> Self {
        Self::new(move || {
            let schema = schema(table);
            Box::new(open().map(move |page| batch(&schema, &page?)))
        })
    }
}

/// One page as columns.
fn batch(schema: &SchemaRef, rows: &[Vec<Cell>]) -> std::result::Result<RecordBatch, RowsError> {
    let columns = schema.fields().iter().enumerate().map(|(at, field)| {
        let scalars = rows.iter().map(|row| scalar(row.get(at), field));
        ScalarValue::iter_to_array(scalars.collect::<Result<Vec<_>>>()?)
    });
    if rows.is_empty() {
        return Ok(RecordBatch::new_empty(Arc::clone(schema)));
    }
    Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_>>()?)?)
}

fn scalar(cell: Option<&Cell>, field: &Field) -> Result<ScalarValue> {
    let unsuited = || DataFusionError::Internal(format!("{cell:?} does not suit the column {}", field.name()));
    let narrow = |whole: i64| i8::try_from(whole).map_err(|_| unsuited());
    Ok(match (cell, field.data_type()) {
        (Some(Cell::Text(text)), DataType::Utf8) => ScalarValue::Utf8(Some(text.clone())),
        (Some(Cell::Uuid(uuid)), DataType::FixedSizeBinary(16)) => {
            ScalarValue::FixedSizeBinary(16, Some(uuid.as_bytes().to_vec()))
        }
        (Some(Cell::Instant(at)), DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
            ScalarValue::TimestampMicrosecond(Some(*at), zone.clone())
        }
        (Some(Cell::Integer(whole)), DataType::Int64) => ScalarValue::Int64(Some(*whole)),
        (Some(Cell::Integer(whole)), DataType::UInt8) => {
            ScalarValue::UInt8(Some(u8::try_from(*whole).map_err(|_| unsuited())?))
        }
        (Some(Cell::Integer(whole)), DataType::Int8) => ScalarValue::Int8(Some(narrow(*whole)?)),
        (Some(Cell::Bool(is)), DataType::Boolean) => ScalarValue::Boolean(Some(*is)),
        _ => return Err(unsuited()),
    })
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
