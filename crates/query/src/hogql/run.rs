//! Runs a resolved query.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, RecordBatch, StructArray};
use datafusion::common::ScalarValue;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::LogicalPlan;
use futures::StreamExt as _;
use hogql::resolved::{Query, Table};
use hogql::types::{Name, Type};
use model::ProjectId;
use parking_lot::Mutex;
use store::Snapshot;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::encode::{Encoder, Format};
use super::late::List;
use super::members::Members;
use super::output::JsonRows;
use super::planner::Planner;
use super::refuse;
use super::rows::Tables;
use super::scope::{Answers, Scope};
use super::types::arrow_type;
use super::usage::Before;
use crate::QueryError;
use crate::engine::{Alive, Core, Engine, Pace, Running};
use crate::table::Extent;

/// A query and everything it reads beside stored events.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose events.
    pub project: ProjectId,
    /// What to compute.
    pub query: Query,
    /// The project's time zone.
    pub zone: Name,
    /// The time of the query, in microseconds since the epoch.
    pub now_micros: i64,
    /// The tables that [`needs`] names.
    pub tables: Tables,
    /// The persons in the cohorts that [`needs`] names.
    pub cohorts: BTreeMap<i64, Vec<Uuid>>,
    /// How long it may take.
    pub pace: Pace,
    /// Say what would be done instead of doing it.
    pub explain: bool,
    /// Rows are only written as lines of JSON, by [`Answer::encoder`].
    pub is_written: bool,
}

/// What a query reads beside stored events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Tables of persons, groups and so on.
    pub tables: BTreeSet<Table>,
    /// Cohorts asked about, and whether each is static.
    pub cohorts: BTreeMap<i64, bool>,
}

/// What `query` reads beside stored events.
#[must_use]
pub fn needs(query: &Query) -> Needs {
    let before = Before::of(query);
    let mut tables = before.tables;
    tables.remove(&Table::Events);
    Needs { tables, cohorts: before.cohorts }
}

/// The columns of a running query, and its rows as they come. Dropping it ends the query.
#[derive(Debug)]
pub struct Answer {
    /// Names and types, in order.
    pub columns: Vec<(Name, Type)>,
    /// What the engine does, in words.
    pub plan: String,
    core: Arc<Core>,
    batches: mpsc::Receiver<Result<RecordBatch, QueryError>>,
    /// Rows that were received and not handed on yet, and how many go at once.
    held: Option<(RecordBatch, usize)>,
    end: End,
    /// Counts the text that was made of rows.
    text: MemoryReservation,
    limit: Duration,
    /// When whoever waits gives up on a query that does not notice that its time is up.
    until: Instant,
    _running: Running,
}

/// How a query ended; nothing as long as it runs, or if it broke off.
type End = Arc<Mutex<Option<Result<(), QueryError>>>>;

/// What [`Answer::write_batch`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Rows, and there may be more.
    Rows,
    /// As many rows as were wanted, and there are more.
    Cut,
    /// There were no rows left.
    End,
}

impl Answer {
    /// The next rows, a few megabytes of them at most if they are more than one; `None` after the last.
    ///
    /// # Errors
    ///
    /// See [`QueryError`]; nothing comes after an error.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        if let Some(rows) = self.held_rows() {
            return Ok(Some(rows));
        }
        let (until, limit) = (self.until, self.limit);
        let next = tokio::time::timeout_at(until, self.batches.recv()).await;
        if let Some(batch) = next.map_err(|_| QueryError::Timeout { limit })? {
            let batch = batch?;
            let bytes = batch.get_array_memory_size() / batch.num_rows().max(1);
            self.held = Some((batch, (HANDED_BYTES / bytes.max(1)).max(1)));
            return Ok(self.held_rows());
        }
        // Rows that stop coming are all of them only if the query says so.
        let mut end = self.end.lock();
        match end.take() {
            Some(Ok(())) => {
                *end = Some(Ok(()));
                Ok(None)
            }
            Some(Err(error)) => Err(error),
            None => Err(QueryError::Internal("a query broke off before its last row".into())),
        }
    }

    /// What `work` comes to, if it does before this query must have ended.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, QueryError> {
        tokio::time::timeout_at(self.until, work).await.map_err(|_| QueryError::Timeout { limit: self.limit })
    }

    fn held_rows(&mut self) -> Option<RecordBatch> {
        let (batch, most) = self.held.take()?;
        if batch.num_rows() <= most {
            return Some(batch);
        }
        let rows = batch.slice(0, most);
        self.held = Some((batch.slice(most, batch.num_rows() - most), most));
        Some(rows)
    }

    /// Appends rows to `out` as a JSON array of arrays, at most so many; says whether there were more.
    ///
    /// # Errors
    ///
    /// See [`QueryError`]. The text counts as memory of queries for as long as this answer lives.
    pub async fn write_rows(&mut self, out: &mut String, most: Option<u64>) -> Result<bool, QueryError> {
        let mut left = most.unwrap_or(u64::MAX);
        let mut first = true;
        out.push('[');
        let progress = loop {
            match self.write_batch(out, &mut first, &mut left).await? {
                Progress::Rows => self.count_text(out.capacity())?,
                done => break done,
            }
        };
        out.push(']');
        Ok(progress == Progress::Cut)
    }

    /// Appends the next rows to `out`, each as a JSON array with a comma before it unless it is the `first`, and at most
    /// `left`, which shrinks by as many.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    pub async fn write_batch(
        &mut self,
        out: &mut String,
        first: &mut bool,
        left: &mut u64,
    ) -> Result<Progress, QueryError> {
        let writer = JsonRows::new(self.columns.iter().map(|(_, ty)| ty));
        let Some(mut batch) = self.next().await? else { return Ok(Progress::End) };
        let mut progress = Progress::Rows;
        if batch.num_rows() as u64 > *left {
            batch = batch.slice(0, usize::try_from(*left).unwrap_or(usize::MAX));
            progress = Progress::Cut;
        }
        *left -= batch.num_rows() as u64;
        writer.write(&batch, out, first)?;
        Ok(progress)
    }

    /// Counts text made of these rows as memory of queries, so many bytes in all, until this answer is dropped.
    ///
    /// # Errors
    ///
    /// [`QueryError::Memory`] if there is not so much.
    pub fn count_text(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.text.try_resize(bytes).map_err(|error| self.core.failed(error))
    }

    /// A file of these rows, of which nothing is written yet.
    ///
    /// # Errors
    ///
    /// [`QueryError::Internal`] if a column has a type that files of `format` cannot hold.
    pub fn encoder(&self, format: Format) -> Result<Encoder, QueryError> {
        Encoder::new(format, &self.columns)
    }

    /// All rows that are left.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    pub async fn collect(&mut self) -> Result<Vec<RecordBatch>, QueryError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await? {
            batches.push(batch);
        }
        Ok(batches)
    }
}

/// Bytes of rows, about, that are made text at once.
pub(super) const HANDED_BYTES: usize = 4 << 20;
/// How long a query may take to notice that its time is up. Making a plan, and one step of it, cannot be interrupted: then
/// it goes on for nobody, and keeps its turn until it notices.
const GRACE: Duration = Duration::from_millis(500);
/// Batches that wait for whoever reads the answer.
const AHEAD: usize = 2;

impl Engine {
    /// Starts `request`, from one snapshot of the store. Returns once the plan is made and its turn has come.
    ///
    /// Cost: each subquery in an expression runs once, before the query. Memory: what the engine's operators need, spilling
    /// sorts and groups, within the budget of all queries; sets of subqueries are kept in memory within that budget too.
    ///
    /// # Errors
    ///
    /// [`QueryError::Refused`] for a query that cannot be run as it is written, and see [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = request.project.0))]
    pub async fn hogql(&self, request: Request) -> Result<Answer, QueryError> {
        let snapshot = self.store.snapshot(request.project);
        let (begin, begun) = oneshot::channel();
        let (started, start) = oneshot::channel();
        let (output, batches) = mpsc::channel(AHEAD);
        let (pace, limit) = (request.pace, self.core.limit(request.pace));
        let open = output.clone();
        let end = End::default();
        let (ended, late) = (Arc::clone(&end), Arc::clone(&end));
        let running = self.spawn(
            pace,
            move |core, alive| async move {
                begin.send(()).ok();
                let how = work(&core, &alive, &snapshot, request, started, &output).await;
                *ended.lock() = Some(how);
            },
            move |error| {
                *late.lock() = Some(Err(error));
                // Until now, so that nobody looks for the end too early.
                drop(open);
            },
        );
        let (core, text) = (Arc::clone(&self.core), self.core.reserve("answer"));
        let (columns, plan) = (Vec::new(), String::new());
        let mut answer = Answer {
            columns,
            plan,
            core,
            batches,
            held: None,
            end,
            text,
            limit,
            until: Instant::now(),
            _running: running,
        };
        // Its time counts from its turn on.
        begun.await.ok();
        answer.until = Instant::now() + limit + GRACE;
        match answer.in_time(start).await? {
            Ok((columns, plan)) => {
                answer.columns = columns;
                answer.plan = plan;
                Ok(answer)
            }
            // It failed before it began, and says why.
            Err(_) => match answer.next().await {
                Err(error) => Err(error),
                Ok(_) => Err(QueryError::Internal("a query ended before it began".into())),
            },
        }
    }
}

type Started = oneshot::Sender<(Vec<(Name, Type)>, String)>;

async fn work(
    core: &Core,
    alive: &Alive,
    snapshot: &Snapshot,
    request: Request,
    started: Started,
    output: &mpsc::Sender<Result<RecordBatch, QueryError>>,
) -> Result<(), QueryError> {
    let (answers, _memory) = answers(core, alive, snapshot, &request).await?;
    let answers = Arc::new(answers);
    let list = List::of(&request.query, &Scope::new(&answers)).map_err(|error| core.failed(error))?;
    let planner = |extent| planner(core, snapshot, &request, &answers, extent);
    let extent = match list.filter(|_| !request.explain) {
        None => Extent::All,
        Some(list) => {
            let places = |extent| checked(core, &planner(extent), |planner| planner.places(&list));
            Extent::Only(list.find(core, snapshot, places).await?)
        }
    };
    let plan = checked(core, &planner(extent), |planner| match request.is_written {
        true => planner.written(&request.query),
        false => planner.query(&request.query),
    })?;
    let (mut rows, words) = core.start_guarded(&plan, alive).await?;
    if started.send((request.query.columns.clone(), words)).is_err() {
        return Ok(());
    }
    if request.explain {
        return Ok(());
    }
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|error| core.failed(error));
        let failed = batch.is_err();
        if output.send(batch).await.is_err() || failed {
            break;
        }
    }
    Ok(())
}

pub(super) fn planner<'a>(
    core: &Core,
    snapshot: &'a Snapshot,
    request: &'a Request,
    answers: &Arc<Answers>,
    extent: Extent,
) -> Planner<'a> {
    Planner {
        snapshot,
        extent,
        tables: &request.tables,
        answers: Arc::clone(answers),
        partitions: core.settings.threads,
        zone: &request.zone,
        sources: Mutex::default(),
    }
}

/// The plan that `make` makes, if it may run.
fn checked<'a>(
    core: &Core,
    planner: &Planner<'a>,
    make: impl FnOnce(&Planner<'a>) -> datafusion::common::Result<LogicalPlan>,
) -> Result<LogicalPlan, QueryError> {
    let plan = make(planner).and_then(|plan| planner.check(&plan).map(|()| plan));
    plan.map_err(|error| core.failed(error))
}

/// Evaluates every subquery in an expression, inner ones first. Their sets take memory for as long as they are in use.
pub(super) async fn answers(
    core: &Core,
    alive: &Alive,
    snapshot: &Snapshot,
    request: &Request,
) -> Result<(Answers, MemoryReservation), QueryError> {
    let before = Before::of(&request.query);
    let mut answers = Answers { now_micros: request.now_micros, ..Answers::default() };
    for (cohort, persons) in &request.cohorts {
        let members = cohort_members(persons).map_err(|error| core.failed(error))?;
        answers.cohorts.insert(*cohort, members);
    }
    let memory = core.reserve("hogql subqueries");
    for (query, is_set) in before.subqueries {
        let shared = Arc::new(std::mem::take(&mut answers));
        let plan = {
            let planner = planner(core, snapshot, request, &shared, Extent::All);
            checked(core, &planner, |planner| planner.query(query))?
        };
        let (mut rows, _) = core.start_guarded(&plan, alive).await?;
        answers = Arc::into_inner(shared).ok_or_else(|| QueryError::Internal("a plan outlived its making".into()))?;
        let kind = row_kind(query);
        let mut members = Members::new(&kind);
        let mut value = None;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|error| core.failed(error))?;
            let column = one_column(&batch, &kind).map_err(|error| core.failed(error))?;
            if is_set {
                let bytes = members.insert(&column).map_err(|error| core.failed(error))?;
                memory.try_grow(bytes).map_err(|error| core.failed(error))?;
            } else if !column.is_empty() {
                if value.is_some() || column.len() > 1 {
                    return Err(
                        core.failed(refuse::<()>("Scalar subquery returned more than one row").expect_err("is one"))
                    );
                }
                value = Some(ScalarValue::try_from_array(&column, 0).map_err(|error| core.failed(error))?);
            }
        }
        if is_set {
            answers.members.insert(query.clone(), Arc::new(members));
        } else {
            let null = ScalarValue::try_from(&kind).map_err(|error| core.failed(error))?;
            answers.values.insert(query.clone(), value.unwrap_or(null));
        }
    }
    Ok((answers, memory))
}

fn cohort_members(persons: &[Uuid]) -> datafusion::common::Result<Arc<Members>> {
    let mut ids = arrow::array::FixedSizeBinaryBuilder::with_capacity(persons.len(), 16);
    for person in persons {
        ids.append_value(person.as_bytes())?;
    }
    let ids: ArrayRef = Arc::new(ids.finish());
    let mut members = Members::new(ids.data_type());
    members.insert(&ids)?;
    Ok(Arc::new(members))
}

/// The type of a row of `query`: that of its only column, or a tuple of all.
fn row_kind(query: &Query) -> arrow::datatypes::DataType {
    match query.columns.as_slice() {
        [(_, ty)] => arrow_type(ty),
        columns => arrow_type(&Type::tuple(columns.iter().map(|(_, ty)| ty.clone()))),
    }
}

fn one_column(batch: &RecordBatch, kind: &arrow::datatypes::DataType) -> datafusion::common::Result<ArrayRef> {
    match (batch.columns(), kind) {
        ([column], _) => Ok(Arc::clone(column)),
        (columns, arrow::datatypes::DataType::Struct(fields)) => {
            let rows = batch.num_rows();
            Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns.to_vec(), None, rows)?))
        }
        _ => refuse("a subquery needs a column"),
    }
}
