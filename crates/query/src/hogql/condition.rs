//! A condition on events, asked of chunks one by one.
//!
//! Lists read the parts of the store in order of time and stop when a page is full, which no plan over the whole table can
//! do. So a condition is planned like that of any query, and then evaluated over those rows of a chunk that everything else
//! has left. What it joins (groups, sessions, persons) is read once, before the first chunk, and looked up by key.
//!
//! A conjunct about one column is a test of the scan, which asks it once for each value. The others are asked one after the
//! other, each of the rows that are left and with no more columns than it needs.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, concat_batches, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Column, DFSchema, DataFusionError, Result, TableReference};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::{Expr as Df, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_expr::PhysicalExpr;
use futures::StreamExt as _;
use hogql::resolved::{Body, Expr, Join, JoinKind, Kind, Literal, RelationId, Select, Source, Strictness, Table};
use store::{Chunk, Selection, Snapshot};

use super::implied;
use super::planner::Planner;
use super::run::{Request, answers, planner};
use super::scope::Scope;
use super::source::relation;
use super::usage::{self, Usage};
use super::{join, refuse};
use crate::QueryError;
use crate::engine::{BATCH_ROWS, Core};
use crate::scan::ValueTest;
use crate::table::{self, Extent};

/// A condition that can be asked of chunks of the snapshot it was made for.
#[derive(Debug)]
pub(crate) struct Condition {
    /// Conjuncts about one column.
    pub(crate) tests: Vec<ValueTest>,
    /// The others.
    conjuncts: Vec<Conjunct>,
    /// The event names that meet it, if it names them.
    pub(crate) events: Option<Vec<String>>,
    memory_bytes: usize,
    /// What the tables take that are looked up in.
    _memory: MemoryReservation,
    /// Of its subqueries.
    _sets: MemoryReservation,
}

#[derive(Debug)]
struct Conjunct {
    sources: Vec<table::Source>,
    schema: SchemaRef,
    steps: Vec<Step>,
    holds: Arc<dyn PhysicalExpr>,
}

/// Adds the columns of a table to a row, by key.
#[derive(Debug)]
struct Step {
    keys: Vec<Arc<dyn PhysicalExpr>>,
    lookup: Arc<Lookup>,
    /// Columns so far, and those that are added.
    schema: SchemaRef,
}

/// A table by key.
#[derive(Debug)]
struct Lookup {
    columns: Vec<ArrayRef>,
    places: HashMap<Box<[u8]>, u32>,
    converter: RowConverter,
    kinds: Vec<DataType>,
}

/// A table that the condition joins, before it is read.
struct Joined {
    relations: Vec<RelationId>,
    plan: LogicalPlan,
    /// Of the rows that are known so far.
    left: Vec<Df>,
    right: Vec<Df>,
    /// The columns that the condition uses.
    columns: Vec<Column>,
}

impl Condition {
    /// The filter of the query of `request`, a SELECT from events, over `snapshot`. Subqueries and joined tables are read now.
    pub(crate) async fn new(core: &Core, snapshot: &Snapshot, request: &Request) -> Result<Self, QueryError> {
        let failed = |error| core.failed(error);
        let (answers, sets) = answers(core, &core.alive(request.pace), snapshot, request).await?;
        let shared = Arc::new(answers);
        let Body::Select(select) = &request.query.body else { return Err(failed(not_a_condition())) };
        let Planned { events, columns, mut joins, conditions } = {
            let planner = planner(core, snapshot, request, &shared, Extent::All);
            let planned = plan(&planner, select).map_err(failed)?;
            for join in &planned.joins {
                planner.check(&join.plan).map_err(failed)?;
            }
            planned
        };
        note_columns(&mut joins, &conditions);
        let memory = core.reserve("condition");
        let mut lookups = Vec::with_capacity(joins.len());
        for join in &joins {
            lookups.push(Arc::new(read(core, join, &memory).await?));
        }
        let maker = Maker { core, events, columns: &columns, joins: &joins, lookups: &lookups };
        let (mut tests, mut conjuncts) = (Vec::new(), Vec::new());
        for condition in &conditions {
            match maker.test(condition).map_err(failed)? {
                Some(test) => tests.push(test),
                None => conjuncts.push(maker.conjunct(condition).map_err(failed)?),
            }
        }
        // What costs most is asked last, of what is left by then.
        conjuncts.sort_by_key(|conjunct| (conjunct.steps.len(), conjunct.is_wide()));
        let events = select.filter.as_ref().and_then(implied::events);
        Ok(Self { tests, conjuncts, events, memory_bytes: core.settings.memory_bytes, _memory: memory, _sets: sets })
    }

    /// Those of `rows`, which have passed the tests, that meet the condition.
    pub(crate) fn narrow(&self, chunk: &Chunk, mut rows: Selection) -> Result<Selection, QueryError> {
        for conjunct in &self.conjuncts {
            if rows.is_empty() {
                break;
            }
            let failed = |error| QueryError::from_engine(error, self.memory_bytes);
            let mut all = Vec::with_capacity(rows.len());
            for slice in rows.chunks(if conjunct.is_wide() { crate::scan::rows_at_once(chunk) } else { 8 * BATCH_ROWS })
            {
                let columns = conjunct.sources.iter().map(|source| source.array(chunk, &slice));
                let columns = columns.collect::<Result<Vec<_>, _>>()?;
                let answers = conjunct.answers(columns, slice.len()).map_err(failed)?;
                all.extend((0..answers.len()).map(|row| answers.is_valid(row) && answers.value(row)));
            }
            rows = rows.filter(&BooleanArray::new(BooleanBuffer::from(all), None));
        }
        Ok(rows)
    }
}

impl Conjunct {
    /// Whether whole objects are read for it.
    fn is_wide(&self) -> bool {
        use store::Column::{ElementsChain, PersonProperties};
        use table::Source::{Properties, Stored};
        self.sources.iter().any(|source| matches!(source, Properties | Stored(PersonProperties | ElementsChain)))
    }

    fn answers(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<BooleanArray> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let mut batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        for step in &self.steps {
            batch = step.add(&batch)?;
        }
        Ok(self.holds.evaluate(&batch)?.into_array(rows)?.as_boolean().clone())
    }
}

impl Step {
    fn add(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let keys = self.keys.iter().map(|key| key.evaluate(batch)?.into_array(rows)).collect::<Result<Vec<_>>>()?;
        let places = self.lookup.places(&keys)?;
        let mut columns = batch.columns().to_vec();
        for column in &self.lookup.columns {
            columns.push(take(column, &places, None)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

impl Lookup {
    fn new(columns: Vec<ArrayRef>, keys: &[ArrayRef], kinds: Vec<DataType>) -> Result<Self> {
        let fields = kinds.iter().cloned().map(SortField::new).collect();
        let mut lookup = Self { columns, places: HashMap::new(), converter: RowConverter::new(fields)?, kinds };
        let (keys, is_null) = lookup.plain(keys)?;
        let rows = lookup.converter.convert_columns(&keys)?;
        for (place, row) in (0_u32..).zip(&rows) {
            if !is_null(place as usize) {
                lookup.places.entry(row.data().into()).or_insert(place);
            }
        }
        Ok(lookup)
    }

    /// The row of each key; null for keys that have none. NULL equals nothing.
    fn places(&self, keys: &[ArrayRef]) -> Result<UInt32Array> {
        let (keys, is_null) = self.plain(keys)?;
        let rows = self.converter.convert_columns(&keys)?;
        let places = rows.iter().enumerate().map(
            |(at, row)| {
                if is_null(at) { None } else { self.places.get(row.data()).copied() }
            },
        );
        Ok(places.collect())
    }

    /// `keys` in the types they are compared in, and which of them are NULL.
    fn plain(&self, keys: &[ArrayRef]) -> Result<(Vec<ArrayRef>, impl Fn(usize) -> bool + use<>)> {
        let keys = keys.iter().zip(&self.kinds).map(|(key, kind)| Ok(cast(key, kind)?)).collect::<Result<Vec<_>>>()?;
        let nulls: Vec<_> = keys.iter().filter_map(Array::logical_nulls).collect();
        Ok((keys, move |at| nulls.iter().any(|nulls| nulls.is_null(at))))
    }
}

struct Planned {
    events: RelationId,
    columns: Vec<table::Source>,
    joins: Vec<Joined>,
    conditions: Vec<Df>,
}

fn plan(planner: &Planner<'_>, select: &Select) -> Result<Planned> {
    if !select.array_joins.is_empty() || !select.late_array_joins.is_empty() || select.group_by.is_some() {
        return refuse("A condition is about one event: it cannot unfold arrays");
    }
    let mut scope = Scope::new(&planner.answers);
    let usage = usage::of(select);
    let Some(source) = &select.source else { return Err(not_a_condition()) };
    let mut joins = Vec::new();
    let (events, columns) = sources(planner, source, &usage, &mut scope, &mut joins)?;
    let mut parts = Vec::new();
    select.filter.iter().for_each(|filter| conjuncts(filter, &mut parts));
    let conditions = parts.into_iter().map(|part| scope.condition(part)).collect::<Result<_>>()?;
    Ok(Planned { events, columns, joins, conditions })
}

fn not_a_condition() -> DataFusionError {
    refuse::<()>("A condition is asked of events").expect_err("is one")
}

/// Brings what `source` reads into scope: events, and what is joined to them row by row.
fn sources(
    planner: &Planner<'_>,
    source: &Source,
    usage: &Usage,
    scope: &mut Scope,
    joins: &mut Vec<Joined>,
) -> Result<(RelationId, Vec<table::Source>)> {
    match source {
        Source::Table { id, table: Table::Events, sample: None } => {
            Ok((*id, table::columns(planner.events_in_scope(*id, usage, scope)?)))
        }
        Source::Join(join) if is_lookup(join) => {
            let events = sources(planner, &join.left, usage, scope, joins)?;
            let plan = planner.source(&join.right, usage, scope)?;
            let (left, right) = join::keys(join, scope)?;
            join::fill(&join.right, scope)?;
            joins.push(Joined { relations: join.right.relations(), plan, left, right, columns: Vec::new() });
            Ok(events)
        }
        _ => Err(not_a_condition()),
    }
}

/// At most one row for each on the left, which all stay.
fn is_lookup(join: &Join) -> bool {
    join.kind == JoinKind::Left && join.strictness == Strictness::Any && join.residual.is_none()
}

fn conjuncts<'q>(filter: &'q Expr, parts: &mut Vec<&'q Expr>) {
    match &filter.kind {
        Kind::Call { function: "and", arguments } => arguments.iter().for_each(|part| conjuncts(part, parts)),
        Kind::Literal(Literal::Bool(true)) => {}
        _ => parts.push(filter),
    }
}

/// Notes which columns of each join are used: by a condition, or by the keys of a later join.
fn note_columns(joins: &mut [Joined], conditions: &[Df]) {
    let mut used: BTreeSet<Column> = BTreeSet::new();
    for expr in conditions.iter().chain(joins.iter().flat_map(|join| &join.left)) {
        used.extend(expr.column_refs().into_iter().cloned());
    }
    for join in joins {
        let own = |column: &&Column| join.relations.iter().any(|id| is_of(column, *id));
        join.columns = used.iter().filter(own).cloned().collect();
    }
}

fn is_of(column: &Column, id: RelationId) -> bool {
    column.relation.as_ref().is_some_and(|known| known.table() == relation(id))
}

async fn read(core: &Core, join: &Joined, memory: &MemoryReservation) -> Result<Lookup, QueryError> {
    let failed = |error| core.failed(error);
    let columns = join.columns.iter().cloned().map(Df::Column);
    let keys = join.right.iter().enumerate().map(|(at, key)| key.clone().alias(format!("key{at}")));
    let plan = LogicalPlanBuilder::from(join.plan.clone()).project(columns.chain(keys).collect::<Vec<_>>());
    let plan = plan.and_then(LogicalPlanBuilder::build).map_err(failed)?;
    let schema = Arc::clone(plan.schema().inner());
    let mut rows = core.start(&plan).await?;
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(failed)?;
        memory.try_grow(batch.get_array_memory_size()).map_err(failed)?;
        batches.push(batch);
    }
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    let whole = concat_batches(&schema, &batches)?;
    let (columns, keys) = whole.columns().split_at(join.columns.len());
    let kinds = keys.iter().map(|key| plain_kind(key.data_type())).collect();
    Lookup::new(columns.to_vec(), keys, kinds).map_err(failed)
}

/// Without a dictionary.
fn plain_kind(kind: &DataType) -> DataType {
    match kind {
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        kind => kind.clone(),
    }
}

/// Makes conjuncts of what was planned and read.
struct Maker<'a> {
    core: &'a Core,
    events: RelationId,
    columns: &'a [table::Source],
    joins: &'a [Joined],
    lookups: &'a [Arc<Lookup>],
}

impl Maker<'_> {
    /// `condition` as a test of the scan, if it is about one column of events.
    fn test(&self, condition: &Df) -> Result<Option<ValueTest>> {
        let used = condition.column_refs();
        let mut used = used.iter();
        let (Some(column), None) = (used.next(), used.next()) else { return Ok(None) };
        let Some(source) = self.source(column).filter(|source| source.is_tested()) else { return Ok(None) };
        let alone = source.schema();
        let fields = alone.fields().iter().map(|field| (column.relation.clone(), Arc::clone(field)));
        let test = self.core.evaluated(condition.clone(), &schema(&fields.collect::<Vec<_>>())?)?;
        ValueTest::new(source.clone(), alone, test).map(Some)
    }

    /// What `column` is, if it is one of events.
    fn source(&self, column: &Column) -> Option<&table::Source> {
        let mut sources = self.columns.iter().filter(|_| is_of(column, self.events));
        sources.find(|source| *source.field().name() == column.name)
    }

    fn conjunct(&self, condition: &Df) -> Result<Conjunct> {
        let mut used: BTreeSet<Column> = condition.column_refs().into_iter().cloned().collect();
        let mut needed = vec![false; self.joins.len()];
        for (at, join) in self.joins.iter().enumerate().rev() {
            if used.iter().any(|column| join.relations.iter().any(|id| is_of(column, *id))) {
                needed[at] = true;
                used.extend(join.left.iter().flat_map(Df::column_refs).cloned());
            }
        }
        let sources: Vec<table::Source> = used.iter().filter_map(|column| self.source(column)).cloned().collect();
        let events = TableReference::bare(relation(self.events));
        // A stored column that holds no NULL may be read as one that could.
        let nullable = |source: &table::Source| Arc::new(source.field().as_ref().clone().with_nullable(true));
        let mut fields: Vec<(Option<TableReference>, Arc<Field>)> =
            sources.iter().map(|source| (Some(events.clone()), nullable(source))).collect();
        let plain = |fields: &[(Option<TableReference>, Arc<Field>)]| {
            Arc::new(Schema::new(fields.iter().map(|(_, field)| Arc::clone(field)).collect::<Vec<_>>()))
        };
        let own = plain(&fields);
        let mut steps = Vec::new();
        for ((join, lookup), _) in self.joins.iter().zip(self.lookups).zip(&needed).filter(|(_, needed)| **needed) {
            let known = schema(&fields)?;
            let keys = join.left.iter().map(|key| self.core.evaluated(key.clone(), &known)).collect::<Result<_>>()?;
            for (column, array) in join.columns.iter().zip(&lookup.columns) {
                let field = Field::new(&column.name, array.data_type().clone(), true);
                fields.push((column.relation.clone(), Arc::new(field)));
            }
            steps.push(Step { keys, lookup: Arc::clone(lookup), schema: plain(&fields) });
        }
        let holds = self.core.evaluated(condition.clone(), &schema(&fields)?)?;
        Ok(Conjunct { sources, schema: own, steps, holds })
    }
}

fn schema(fields: &[(Option<TableReference>, Arc<Field>)]) -> Result<DFSchema> {
    DFSchema::new_with_metadata(fields.to_vec(), HashMap::new())
}
