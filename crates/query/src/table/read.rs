//! Reads columns of the table for some rows of a chunk.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result};
use store::{Chunk, Column, Document, Selection, StoreError};

use super::{Form, Source};
use crate::engine::BATCH_ROWS;
use crate::error::ReadFailure;
use crate::hogql::property;
use crate::scan;

/// Which columns to read.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) schema: SchemaRef,
    pub(super) sources: Vec<Source>,
}

impl Reader {
    /// Reads `sources`, in this order.
    pub(crate) fn of(sources: Vec<Source>) -> Self {
        let schema = Arc::new(Schema::new(sources.iter().map(Source::field).collect::<Vec<_>>()));
        Self { schema, sources }
    }

    /// Rows read at once: many of narrow columns, few where whole objects come along.
    pub(crate) fn slice_rows(&self) -> usize {
        if self.is_wide() { BATCH_ROWS } else { 8 * BATCH_ROWS }
    }

    /// Whether whole objects are read.
    pub(crate) fn is_wide(&self) -> bool {
        let is_wide = |source: &Source| {
            matches!(source, Source::Properties | Source::Stored(Column::PersonProperties | Column::ElementsChain))
        };
        self.sources.iter().any(is_wide)
    }

    /// The columns of `rows` of the chunk with that number.
    pub(crate) fn read(&self, chunk: &Chunk, number: u64, rows: &Selection) -> Result<RecordBatch> {
        let stored: Vec<Column> = self
            .sources
            .iter()
            .filter_map(|source| match source {
                Source::Stored(column) => Some(*column),
                _ => None,
            })
            .collect();
        let mut stored = chunk.read(&stored, rows).map_err(failed)?.into_iter();
        let mut columns = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            let column: Option<ArrayRef> = match source {
                Source::Stored(_) => stored.next(),
                Source::Chunk => Some(Arc::new(UInt64Array::from_value(number, rows.len()))),
                Source::Row => Some(Arc::new(UInt32Array::from_iter_values(rows.rows()))),
                Source::Properties => Some(Arc::new(chunk.properties(Document::Event, rows).map_err(failed)?)),
                Source::Property(property) => {
                    let values = chunk.property(&property.key, rows).map_err(failed)?;
                    Some(match property.form {
                        Form::Text => Arc::new(scan::texts(&values)?),
                        Form::Number => Arc::new(scan::numbers(&values)),
                        Form::Shown => Arc::new(property::shown(&values)?),
                        Form::Real => Arc::new(property::real(&values)),
                        Form::Json => Arc::new(property::json(&values)),
                    })
                }
            };
            columns.extend(column);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

pub(super) fn failed(error: StoreError) -> DataFusionError {
    DataFusionError::External(Box::new(ReadFailure(error.into())))
}
