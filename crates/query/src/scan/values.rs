//! Expressions of the query engine over one column, evaluated once per distinct value where values repeat.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, RecordBatch, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Int32Type, SchemaRef};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use store::{Chunk, PropertyKey, Selection};

use crate::QueryError;
use crate::table::Source;

/// An expression of a single column.
#[derive(Debug, Clone)]
pub(crate) struct Evaluation {
    schema: SchemaRef,
    expr: Arc<dyn PhysicalExpr>,
}

impl Evaluation {
    /// `expr`, over batches of `schema`, which has one column.
    pub(crate) fn new(schema: SchemaRef, expr: Arc<dyn PhysicalExpr>) -> Self {
        Self { schema, expr }
    }

    /// Its value for each row of `column`.
    pub(crate) fn of(&self, column: ArrayRef) -> Result<ArrayRef> {
        let rows = column.len();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![column])?;
        self.expr.evaluate(&batch)?.into_array(rows)
    }

    /// Its value for each distinct value of `column`, and for NULL behind them.
    pub(crate) fn of_distinct(&self, column: &DictionaryArray<Int32Type>) -> Result<ArrayRef> {
        let count = i32::try_from(column.values().len()).unwrap_or(i32::MAX);
        let keys: Int32Array = (0..count).map(Some).chain([None]).collect();
        self.of(Arc::new(DictionaryArray::try_new(keys, Arc::clone(column.values()))?))
    }
}

/// A condition on the values of one column.
#[derive(Debug, Clone)]
pub(crate) struct ValueTest {
    source: Source,
    test: Evaluation,
    accepts_missing: bool,
}

impl ValueTest {
    /// `test` of `source`, the only column of `schema`, which may be NULL.
    pub(crate) fn new(source: Source, schema: SchemaRef, test: Arc<dyn PhysicalExpr>) -> Result<Self> {
        let kind = source.field().data_type().clone();
        let test = Evaluation::new(schema, test);
        let missing = test.of(new_null_array(&kind, 1))?;
        let accepts_missing = truths(&missing).is_ok_and(|truths| truths.value(0));
        Ok(Self { source, test, accepts_missing })
    }

    /// The property, if no event without it can pass.
    pub(crate) fn required(&self) -> Option<&PropertyKey> {
        match &self.source {
            Source::Property(property) if !self.accepts_missing => Some(&property.key),
            _ => None,
        }
    }

    /// The column that is tested.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The values of `rows`, and which of the rows pass.
    pub(crate) fn passing(
        &self,
        chunk: &Chunk,
        rows: &Selection,
    ) -> std::result::Result<(ArrayRef, BooleanArray), QueryError> {
        let failed = |error| QueryError::from_engine(error, 0);
        let values = self.source.array(chunk, rows)?;
        let passes = match values.data_type() {
            DataType::Dictionary(..) => {
                let column = values.as_dictionary::<Int32Type>();
                let known = self.test.of_distinct(column).and_then(|answers| truths(&answers)).map_err(failed)?;
                let known: Vec<bool> = known.values().iter().collect();
                let missing = known.last().copied().unwrap_or_default();
                let keys = column.keys();
                let passes = |row: usize| {
                    let key = usize::try_from(keys.values()[row]).unwrap_or(usize::MAX);
                    if keys.is_null(row) { missing } else { known.get(key).copied().unwrap_or(missing) }
                };
                BooleanArray::new(BooleanBuffer::collect_bool(keys.len(), passes), None)
            }
            _ => self.test.of(Arc::clone(&values)).and_then(|answers| truths(&answers)).map_err(failed)?,
        };
        Ok((values, passes))
    }
}

/// Which of `answers` are true.
fn truths(answers: &ArrayRef) -> Result<BooleanArray> {
    let answers = arrow::compute::cast(answers, &DataType::Boolean)?;
    let answers = answers.as_boolean();
    Ok(if answers.null_count() > 0 { arrow::compute::prep_null_mask_filter(answers) } else { answers.clone() })
}
