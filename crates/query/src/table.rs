//! Stored events as a table of the query engine.
//!
//! The table is one snapshot of one project: which project is settled when the snapshot is taken, never by a condition
//! that a plan could lose. Its parts are dealt out to as many partitions as there are threads, so memory grows with
//! threads and not with parts. Only the columns a plan uses are read, and conditions on the timestamp skip parts, and
//! what a part can skip inside; the engine checks them again row by row.

mod scan;
mod time_range;

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableSource, TableType};
use datafusion::physical_plan::ExecutionPlan;
use model::Timestamp;

use crate::plan::column;

pub(crate) use scan::read;
pub(crate) use time_range::TimeRange;

/// What reading a part can fail with.
pub(crate) type ReadError = Box<dyn std::error::Error + Send + Sync>;
/// Batches of a part, read one after the other on the caller's thread.
pub(crate) type Batches = Box<dyn Iterator<Item = std::result::Result<RecordBatch, ReadError>> + Send>;

/// Where the rows of a part are: in the store, or in a test's hands.
pub(crate) trait Rows: Debug + Send + Sync {
    /// Reads the columns of these names, in any order, of at least all rows within `range`.
    fn read(&self, columns: &[&str], range: TimeRange) -> std::result::Result<Batches, ReadError>;
}

/// One part of a snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) number: u32,
    pub(crate) count: usize,
    pub(crate) range: TimeRange,
    pub(crate) rows: Arc<dyn Rows>,
}

impl Part {
    pub(crate) fn earliest(&self) -> Timestamp {
        self.range.earliest
    }

    pub(crate) fn latest(&self) -> Timestamp {
        self.range.latest
    }
}

/// The parts of `snapshot`, numbered.
pub(crate) fn parts(snapshot: &store::Snapshot) -> Vec<Part> {
    let part = |(number, stored): (u32, &store::Part)| {
        let range = stored.time_range();
        Part {
            number,
            count: usize::try_from(stored.rows()).unwrap_or(usize::MAX),
            range: TimeRange {
                earliest: Timestamp::from_micros(range.first),
                latest: Timestamp::from_micros(range.last),
            },
            rows: Arc::new(Stored(stored.clone())),
        }
    };
    (0..).zip(snapshot.parts()).map(part).collect()
}

/// The table of `parts`, for the builder of a plan that runs in at most `partitions` partitions.
pub(crate) fn source(parts: Vec<Part>, partitions: usize) -> Arc<dyn TableSource> {
    provider_as_source(Arc::new(EventsTable { schema: schema(), parts, partitions }))
}

/// The stored columns, and the part that a row comes from.
fn schema() -> SchemaRef {
    let stored = store::schema();
    let mut fields: Vec<_> = stored.fields().iter().map(Arc::clone).collect();
    fields.push(Arc::new(Field::new(column::PART, DataType::UInt32, false)));
    Arc::new(Schema::new(fields))
}

/// A part of the store.
#[derive(Debug)]
struct Stored(store::Part);

impl Rows for Stored {
    fn read(&self, columns: &[&str], range: TimeRange) -> std::result::Result<Batches, ReadError> {
        let schema = store::schema();
        let mut projection =
            columns.iter().map(|name| schema.index_of(name)).collect::<std::result::Result<Vec<_>, _>>()?;
        projection.sort_unstable();
        let range = store::TimeRange { first: range.earliest.as_micros(), last: range.latest.as_micros() };
        Ok(Box::new(self.0.read(&projection, range).map(|batch| batch.map_err(ReadError::from))))
    }
}

#[derive(Debug)]
struct EventsTable {
    schema: SchemaRef,
    parts: Vec<Part>,
    partitions: usize,
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let range = TimeRange::of_conditions(filters);
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let in_range = self.parts.iter().filter(|part| part.range.overlaps(range)).cloned();
        Ok(Arc::new(scan::EventsScan::new(in_range.collect(), self.partitions, schema, range)))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| match TimeRange::of_condition(filter) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(answer).collect())
    }
}

#[cfg(test)]
mod tests;
