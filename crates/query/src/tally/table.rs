//! Groups as a table of the query engine.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DataFusionError, Result, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::stream;
use store::Part;

use super::Measure;
use super::groups::{Counting, Groups};
use super::key::{Base, Key};
use crate::QueryError;
use crate::scan::{self, Cancelled, Evaluation};
use crate::table::{EventsTable, unread};

/// The name of column `at`.
pub(super) fn column(at: usize) -> String {
    format!("t{at}")
}

/// The groups of the events for which conditions hold.
#[derive(Debug)]
pub(super) struct TallyTable {
    events: EventsTable,
    filters: Vec<Expr>,
    keys: Vec<(Base, Expr)>,
    measures: Vec<Measure>,
    shape: Shape,
    schema: SchemaRef,
}

/// What the rows of the table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One for each group: its keys, then its measures.
    Groups,
    /// One for each person: its number and its days. The key is the day, the measure its persons.
    DaysOfPersons,
}

impl TallyTable {
    pub(super) fn new(
        events: EventsTable,
        filters: Vec<Expr>,
        keys: Vec<(Base, Expr)>,
        measures: Vec<Measure>,
        shape: Shape,
        fields: &[FieldRef],
    ) -> Self {
        let field =
            |(at, field): (usize, &FieldRef)| Field::new(column(at), field.data_type().clone(), field.is_nullable());
        let schema = Arc::new(Schema::new(fields.iter().enumerate().map(field).collect::<Vec<_>>()));
        Self { events, filters, keys, measures, shape, schema }
    }
}

#[async_trait]
impl TableProvider for TallyTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let asked = self.events.narrowed(session, &plain(&self.filters)?)?;
        let mut keys = Vec::with_capacity(self.keys.len());
        for (base, expr) in &self.keys {
            let schema = base.source().schema();
            let [expr] = plain(std::slice::from_ref(expr))?.try_into().map_err(|_| internal("one key expected"))?;
            let expr = session.create_physical_expr(expr, &DFSchema::try_from(Arc::clone(&schema))?)?;
            let kind = expr.data_type(&schema)?;
            keys.push(Key::new(base.clone(), Evaluation::new(schema, expr), &kind)?);
        }
        let parts = self.events.parts(&asked).into_iter().map(|(_, part)| part).collect();
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let places = projection.unwrap_or(&all).clone();
        let schema = Arc::new(self.schema.project(&places)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Arc::new(TallyScan {
            counting: Arc::new(Counting { asked, keys, measures: self.measures.clone() }),
            shape: self.shape,
            parts,
            threads: session.config().target_partitions(),
            schema,
            places,
            properties: Arc::new(properties),
        }))
    }
}

fn internal(message: &str) -> DataFusionError {
    DataFusionError::Internal(message.to_owned())
}

/// Expressions over columns without the name of a table.
fn plain(expressions: &[Expr]) -> Result<Vec<Expr>> {
    Ok(datafusion::logical_expr::expr_rewriter::unnormalize_cols(expressions.iter().cloned()))
}

/// The scan that counts.
#[derive(Debug)]
struct TallyScan {
    counting: Arc<Counting>,
    shape: Shape,
    parts: Vec<Part>,
    threads: usize,
    schema: SchemaRef,
    places: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for TallyScan {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TallyScan: parts={}, keys={}", self.parts.len(), self.counting.keys.len())
    }
}

impl ExecutionPlan for TallyScan {
    fn name(&self) -> &'static str {
        "TallyScan"
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
        if children.is_empty() { Ok(self) } else { internal_err!("a tally of events has no input") }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition > 0 {
            return internal_err!("a tally of events has no partition {partition}");
        }
        let memory = Arc::new(MemoryConsumer::new("groups").register(context.memory_pool()));
        let (counting, parts, threads) = (Arc::clone(&self.counting), self.parts.clone(), self.threads);
        let shape = self.shape;
        let (schema, places) = (Arc::clone(&self.schema), self.places.clone());
        let rows = async move {
            let (shared, charged) = (Arc::clone(&counting), Arc::clone(&memory));
            let states = scan::each(threads, parts, Cancelled::default(), move |groups: &mut Groups, part: &Part| {
                shared.visit(groups, part)?;
                charged.try_grow(groups.grown()).map_err(|error| QueryError::from_engine(error, 0))
            });
            let mut all = Groups::default();
            for groups in states.await.map_err(unread)? {
                all.merge(groups);
            }
            memory.try_resize(all.bytes())?;
            let columns = match shape {
                Shape::Groups => counting.columns(all)?,
                Shape::DaysOfPersons => {
                    let days = counting.days(&all)?;
                    memory.try_grow(days.bytes())?;
                    days.columns()
                }
            };
            let rows = columns.first().map_or(0, |column| column.len());
            let columns = places.iter().zip(schema.fields()).filter_map(|(place, field)| {
                let column = columns.get(*place)?;
                Some(cast(column, field.data_type()).map_err(DataFusionError::from))
            });
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::once(rows))))
    }
}
