//! Runs queries: on threads of its own, within limits of time and memory.
//!
//! Evaluating a query keeps a thread busy for as long as it takes, so it never happens on the runtime that serves
//! connections. The engine has its own, and hands a caller nothing but the answer. A caller that goes away takes its
//! query with it: the work is aborted at the next batch.
//!
//! Memory is one budget for all queries at once. What the engine can put aside when it does not fit (sorts, groups) goes
//! to the disk, within a quota; a query that still does not fit fails instead of pushing the process over.

mod guard;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use datafusion::common::DFSchema;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, execute_stream};
use datafusion::prelude::SessionConfig;
use model::ProjectId;
use store::Store;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;

use crate::QueryError;
use crate::list::Recent;
use crate::tally;
pub(crate) use guard::{Alive, Stopped};

/// Rows handled at once. Small, because a row with its properties has a kilobyte or more.
pub(crate) const BATCH_ROWS: usize = 4096;

/// The stack of a thread that plans and evaluates; only what is touched is real memory.
const STACK_BYTES: usize = 32 << 20;

/// Limits of the engine.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Threads that evaluate queries. Variable `HEDGEROW_QUERY_THREADS`, default: one for each core.
    pub threads: usize,
    /// Memory for all queries together, in bytes. Variable `HEDGEROW_QUERY_MEMORY_BYTES`, default 256 MiB.
    pub memory_bytes: usize,
    /// Longest time for one query that somebody waits for, from its turn on. Variable `HEDGEROW_QUERY_TIMEOUT_MS`,
    /// default 60 s.
    pub timeout: Duration,
    /// The same for a query in the background. Variable `HEDGEROW_QUERY_BACKGROUND_TIMEOUT_MS`, default 600 s.
    pub background_timeout: Duration,
    /// Queries that run at once; more wait for their turn. Variable `HEDGEROW_QUERIES_MAX`, default 8.
    pub queries: usize,
    /// Longest wait for a turn. Variable `HEDGEROW_QUERY_WAIT_MS`, default 30 s.
    pub wait: Duration,
    /// Where queries may put aside what does not fit in memory, and how many bytes; none: nowhere.
    pub spill: Option<Spill>,
}

/// Room on the disk for what does not fit in memory.
#[derive(Debug, Clone)]
pub struct Spill {
    /// A directory that nothing else uses; what is left in it from before may be removed by the caller.
    pub directory: PathBuf,
    /// Bytes at most, for all queries together. Variable `HEDGEROW_QUERY_SPILL_BYTES`, default 1 GiB.
    pub bytes: u64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(2, usize::from),
            memory_bytes: 256 << 20,
            timeout: Duration::from_secs(60),
            background_timeout: Duration::from_secs(600),
            queries: 8,
            wait: Duration::from_secs(30),
            spill: None,
        }
    }
}

/// Answers questions about the events in a store. Made once; share it behind an `Arc`.
#[derive(Debug)]
pub struct Engine {
    pub(crate) store: Arc<Store>,
    pub(crate) core: Arc<Core>,
    /// Only `drop` takes it.
    runtime: Option<Runtime>,
}

/// What a running query needs besides data.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) settings: EngineSettings,
    /// Events listed lately.
    pub(crate) recent: Arc<Recent>,
    session: SessionState,
    turns: Semaphore,
    /// Queries that wait for their turn.
    waiting: AtomicUsize,
}

impl Engine {
    /// Starts the engine's threads.
    ///
    /// # Errors
    ///
    /// [`QueryError::Internal`] when the operating system gives no threads.
    pub fn new(store: Arc<Store>, settings: EngineSettings) -> Result<Self, QueryError> {
        let settings =
            EngineSettings { threads: settings.threads.max(1), queries: settings.queries.max(1), ..settings };
        let runtime = Builder::new_multi_thread()
            .thread_name("query")
            .worker_threads(settings.threads)
            // Plans of deep expressions recurse.
            .thread_stack_size(STACK_BYTES)
            // Each reads files for one part of a plan. A reader waits only for its own query to take what it read, so
            // queries cannot hold each other up for ever.
            .max_blocking_threads(settings.threads * 2)
            .enable_time()
            .build()
            .map_err(|error| QueryError::Internal(error.into()))?;
        let core = Core::new(settings)?;
        Ok(Self { store, core: Arc::new(core), runtime: Some(runtime) })
    }

    /// Runs `query` on the engine's threads. Dropping the returned future aborts it.
    pub(crate) async fn run<T, Query, Answer>(&self, query: Query) -> Result<T, QueryError>
    where
        T: Send + 'static,
        Query: FnOnce(Arc<Core>) -> Answer + Send + 'static,
        Answer: Future<Output = Result<T, QueryError>> + Send + 'static,
    {
        let core = Arc::clone(&self.core);
        let limit = core.settings.timeout;
        let limited = async move {
            let turns = Arc::clone(&core);
            let _turn = turns.turn().await?;
            tokio::time::timeout(limit, query(core)).await.unwrap_or(Err(QueryError::Timeout { limit }))
        };
        let runtime = self.runtime.as_ref().expect("the runtime is only taken by drop");
        let mut task = AbortOnDrop(runtime.spawn(limited));
        (&mut task.0).await.unwrap_or_else(|failed| Err(QueryError::Internal(failed.into())))
    }
}

impl Engine {
    /// Starts `query` on the engine's threads, within the time of `pace`. It runs until it is done or what is returned is
    /// dropped; `late` hears when it gets no turn or its time is up.
    pub(crate) fn spawn<Query, Done>(
        &self,
        pace: Pace,
        query: Query,
        late: impl FnOnce(QueryError) + Send + 'static,
    ) -> Running
    where
        Query: FnOnce(Arc<Core>, Alive) -> Done + Send + 'static,
        Done: Future<Output = ()> + Send + 'static,
    {
        let core = Arc::clone(&self.core);
        let limit = core.limit(pace);
        let gone = Arc::new(AtomicBool::new(false));
        let is_gone = Arc::clone(&gone);
        let limited = async move {
            let turns = Arc::clone(&core);
            let _turn = match turns.turn().await {
                Ok(turn) => turn,
                Err(refused) => return late(refused),
            };
            if tokio::time::timeout(limit, query(core, Alive::new(limit, is_gone))).await.is_err() {
                late(QueryError::Timeout { limit });
            }
        };
        let runtime = self.runtime.as_ref().expect("the runtime is only taken by drop");
        Running { gone, _task: AbortOnDrop(runtime.spawn(limited)) }
    }
}

/// Who waits for a query, and so how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// A client with an open connection.
    #[default]
    Prompt,
    /// Nobody: the answer is kept, or taken as it comes.
    Background,
}

/// Queries at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Queries that run.
    pub running: usize,
    /// Queries that wait for their turn.
    pub waiting: usize,
    /// Memory that queries have reserved, in bytes.
    pub memory_bytes: usize,
    /// Disk that queries use, in bytes.
    pub spilled_bytes: u64,
}

impl Engine {
    /// Changes with everything that an answer about the project's events may show. Ask before the query, not after it.
    #[must_use]
    pub fn version(&self, project: ProjectId) -> u64 {
        self.store.version(project)
    }

    /// The time of the project's earliest event, in microseconds since the epoch; that of an event deleted lately, perhaps.
    #[must_use]
    pub fn earliest(&self, project: ProjectId) -> Option<i64> {
        self.store.snapshot(project).parts().iter().map(|part| part.time_range().first).min()
    }

    /// What the engine does at this moment.
    #[must_use]
    pub fn load(&self) -> Load {
        let environment = self.core.session.runtime_env();
        Load {
            running: self.core.settings.queries.saturating_sub(self.core.turns.available_permits()),
            waiting: self.core.waiting.load(Ordering::Relaxed),
            memory_bytes: environment.memory_pool.reserved(),
            spilled_bytes: environment.disk_manager.used_disk_space(),
        }
    }
}

/// A query that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    gone: Arc<AtomicBool>,
    _task: AbortOnDrop<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where it does not wait for anything, it asks.
        self.gone.store(true, Ordering::Relaxed);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A plain drop would wait for running queries, which an async caller must not do.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Core {
    pub(crate) fn new(settings: EngineSettings) -> Result<Self, QueryError> {
        let session = session(&settings).map_err(|error| QueryError::Internal(error.into()))?;
        let turns = Semaphore::new(settings.queries);
        Ok(Self { settings, recent: Arc::default(), session, turns, waiting: AtomicUsize::new(0) })
    }

    /// A turn, once there is one.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, QueryError> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let _waiting = Counted::new(&self.waiting);
        let waited = self.settings.wait;
        let turn = tokio::time::timeout(waited, self.turns.acquire()).await.map_err(|_| QueryError::Busy { waited })?;
        turn.map_err(|closed| QueryError::Internal(closed.into()))
    }

    /// For how long a query may run from now on, if somebody waits for it to the end.
    pub(crate) fn alive(&self, pace: Pace) -> Alive {
        Alive::new(self.limit(pace), Arc::default())
    }

    pub(crate) fn limit(&self, pace: Pace) -> Duration {
        match pace {
            Pace::Prompt => self.settings.timeout,
            Pace::Background => self.settings.background_timeout.max(self.settings.timeout),
        }
    }

    /// Optimises `plan` and starts it. Batches come in no particular order unless the plan sorts.
    pub(crate) async fn start(&self, plan: &LogicalPlan) -> Result<SendableRecordBatchStream, QueryError> {
        let plan = self.physical_plan(plan).await.map_err(|error| self.failed(error))?;
        execute_stream(plan, self.session.task_ctx()).map_err(|error| self.failed(error))
    }

    async fn physical_plan(&self, plan: &LogicalPlan) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let plan = tally::rewrite(self.session.optimize(plan)?)?;
        self.session.query_planner().create_physical_plan(&plan, &self.session).await
    }

    /// As [`Core::start`], for a plan that may make many rows of few; says what it does.
    pub(crate) async fn start_guarded(
        &self,
        plan: &LogicalPlan,
        alive: &Alive,
    ) -> Result<(SendableRecordBatchStream, String), QueryError> {
        let plan = self.physical_plan(plan).await.map_err(|error| self.failed(error))?;
        let words = datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string();
        let plan = guard::guarded(plan, alive).map_err(|error| self.failed(error))?;
        let rows = execute_stream(plan, self.session.task_ctx()).map_err(|error| self.failed(error))?;
        Ok((rows, words))
    }

    /// `expr` as it is evaluated over rows of `schema`.
    pub(crate) fn evaluated(&self, expr: Expr, schema: &DFSchema) -> datafusion::error::Result<Arc<dyn PhysicalExpr>> {
        let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone())).build();
        let simplifier = ExprSimplifier::new(context);
        let expr = simplifier.simplify(simplifier.coerce(expr, schema)?)?;
        self.session.create_physical_expr(expr, schema)
    }

    /// Starts `plan` without rewrites of ours.
    #[cfg(test)]
    pub(crate) async fn start_as_planned(
        &self,
        plan: &LogicalPlan,
    ) -> datafusion::error::Result<SendableRecordBatchStream> {
        execute_stream(self.session.create_physical_plan(plan).await?, self.session.task_ctx())
    }

    /// What `plan` does, in words.
    #[cfg(test)]
    pub(crate) async fn explain(&self, plan: &LogicalPlan) -> String {
        let plan = self.physical_plan(plan).await.unwrap();
        datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string()
    }

    /// Memory that `holder` keeps outside the engine, counted against the same budget.
    pub(crate) fn reserve(&self, holder: &str) -> MemoryReservation {
        MemoryConsumer::new(holder).register(&self.session.runtime_env().memory_pool)
    }

    pub(crate) fn failed(&self, error: datafusion::error::DataFusionError) -> QueryError {
        QueryError::from_engine(error, self.settings.memory_bytes)
    }
}

fn session(settings: &EngineSettings) -> datafusion::error::Result<SessionState> {
    // Consumers that can put something aside share what the others leave.
    let pool: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(settings.memory_bytes));
    let disk = match &settings.spill {
        // What does not fit fails.
        None => DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
        // The quota keeps queries from filling the disk that the event log needs.
        Some(spill) => DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![spill.directory.clone()]))
            .with_max_temp_directory_size(spill.bytes),
    };
    let environment = RuntimeEnvBuilder::new().with_memory_pool(pool).with_disk_manager_builder(disk).build_arc()?;
    let mut config = SessionConfig::new().with_target_partitions(settings.threads).with_batch_size(BATCH_ROWS);
    // It gathers rows until there are many, however large they are, and stored events are read in parallel anyway.
    config.options_mut().optimizer.enable_round_robin_repartition = false;
    // Plans and operators disagree on whether `x IS NOT TRUE` may be NULL, and the check takes that for a mistake.
    config.options_mut().execution.skip_physical_aggregate_schema_check = true;
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(environment)
        .with_optimizer_rules(logical_rules())
        .with_physical_optimizer_rules(physical_rules())
        .build())
}

/// The rules by which the library improves plans, without those for what no plan of ours has: lateral joins, comparisons with
/// all rows of a subquery, files that take filters or an order. Each rule walks every plan, up to three times.
fn logical_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    const IDLE: [&str; 6] = [
        "rewrite_set_comparison",
        "unions_to_filter",
        "decorrelate_lateral_join",
        "filter_null_join_keys",
        "extract_leaf_expressions",
        "push_down_leaf_projections",
    ];
    Optimizer::new().rules.into_iter().filter(|rule| !IDLE.contains(&rule.name())).collect()
}

fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    const IDLE: [&str; 6] = [
        "FilterPushdown",
        "FilterPushdown(Post)",
        "WindowTopN",
        "HashJoinBuffering",
        "TopKRepartition",
        "PushdownSort",
    ];
    PhysicalOptimizer::new().rules.into_iter().filter(|rule| !IDLE.contains(&rule.name())).collect()
}

/// Counts as one for as long as it lives.
struct Counted<'c>(&'c AtomicUsize);

impl<'c> Counted<'c> {
    fn new(count: &'c AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
