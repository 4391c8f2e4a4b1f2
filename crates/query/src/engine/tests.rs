use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use env::{Files, RealFiles};

use super::*;
use crate::testing;

fn engine(settings: EngineSettings) -> Engine {
    Engine::new(testing::store().1, settings).unwrap()
}

fn outside<T>(work: impl Future<Output = T>) -> T {
    Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Tells when it is dropped.
struct Dropped(SyncSender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

fn told() -> (Dropped, Receiver<()>) {
    let (tell, told) = sync_channel(1);
    (Dropped(tell), told)
}

#[test]
fn a_query_runs_on_the_engines_threads() {
    let engine = engine(testing::settings());
    let name = outside(engine.run(async |_core| Ok(std::thread::current().name().map(str::to_owned))));
    assert_eq!(name.unwrap().as_deref(), Some("query"));
}

#[test]
fn a_query_that_takes_too_long_is_stopped() {
    let limit = Duration::from_millis(20);
    let engine = engine(EngineSettings { timeout: limit, ..testing::settings() });
    let (dropped, told) = told();
    let never = engine.run(move |_core| async move {
        let _dropped = dropped;
        std::future::pending::<Result<(), QueryError>>().await
    });
    let error = outside(never).unwrap_err();
    assert!(matches!(error, QueryError::Timeout { limit: told } if told == limit));
    assert_eq!(error.to_string(), "query exceeded the time limit of 0.02 s");
    told.recv().unwrap();
}

#[test]
fn a_caller_that_goes_away_takes_its_query_with_it() {
    let engine = engine(testing::settings());
    let (dropped, told) = told();
    let (start, started) = tokio::sync::oneshot::channel();
    outside(async {
        let never = engine.run(move |_core| async move {
            let _dropped = dropped;
            start.send(()).unwrap();
            std::future::pending::<Result<(), QueryError>>().await
        });
        tokio::select! {
            _ = never => unreachable!("it never answers"),
            _ = started => {}
        }
    });
    told.recv().unwrap();
}

#[test]
fn a_running_query_holds_one_turn() {
    let engine = engine(EngineSettings { queries: 3, ..testing::settings() });
    let left = outside(engine.run(async |core: Arc<Core>| Ok(core.turns.available_permits())));
    assert_eq!(left.unwrap(), 2);
    assert_eq!(engine.core.turns.available_permits(), 3);
}

#[test]
fn a_query_waits_for_its_turn_as_long_as_it_may() {
    let wait = Duration::from_millis(20);
    let engine = engine(EngineSettings { queries: 1, wait, timeout: Duration::ZERO, ..testing::settings() });
    let taken = engine.core.turns.try_acquire().unwrap();
    assert_eq!((engine.load().running, engine.load().waiting), (1, 0));
    let waited = outside(engine.run(async |_core| Ok(()))).unwrap_err();
    assert!(matches!(waited, QueryError::Busy { waited } if waited == wait));
    assert_eq!(waited.to_string(), "no query ended within 0.02 s, and no more may run at once");
    drop(taken);
    // Waiting is no part of the time it may take.
    outside(engine.run(async |_core| Ok(()))).unwrap();
}

#[test]
fn a_query_in_the_background_may_take_longer() {
    let core = Core::new(testing::settings()).unwrap();
    assert_eq!(core.limit(Pace::Prompt), Duration::from_secs(60));
    assert_eq!(core.limit(Pace::Background), Duration::from_secs(600));
}

/// Sorts `rows` rows of a kilobyte by a column that says nothing.
fn sort(settings: EngineSettings, rows: u32) -> Result<usize, QueryError> {
    use datafusion::logical_expr::{LogicalPlanBuilder, ident};
    use futures::TryStreamExt;
    let filler = "x".repeat(1_000);
    let rows: Vec<_> = (0..rows)
        .map(|at| {
            let row = testing::Row::at(i64::from(at), u128::from(at.wrapping_mul(2_654_435_761)));
            row.with("e", &format!(r#"{{"n":{at},"filler":"{filler}{at}"}}"#))
        })
        .collect();
    let mut stored = testing::Stored::empty();
    stored.publish(1, &rows);
    stored.seal();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async {
        let core = Core::new(settings).unwrap();
        let source = crate::table::source(stored.snapshot(), crate::table::Extent::All, Vec::new(), 2);
        let plan = LogicalPlanBuilder::scan("events", source, None)
            .and_then(|scan| scan.project([ident("uuid"), ident("properties")]))
            .and_then(|scan| scan.sort([ident("uuid").sort(true, false)]))
            .and_then(LogicalPlanBuilder::build)
            .unwrap();
        let batches = core.start(&plan).await?;
        let rows: Vec<_> = batches.map_ok(|batch| batch.num_rows()).try_collect().await.map_err(|e| core.failed(e))?;
        Ok(rows.into_iter().sum())
    })
}

#[test]
fn what_does_not_fit_in_memory_goes_to_disk_within_its_quota() {
    let directory = tempfile::tempdir().unwrap();
    let with = |bytes| {
        let spill = Some(Spill { directory: directory.path().to_owned(), bytes });
        EngineSettings { memory_bytes: 24 << 20, spill, ..testing::settings() }
    };
    assert_eq!(sort(with(1 << 30), 40_000).unwrap(), 40_000);
    for refused in [with(1 << 20), EngineSettings { spill: None, ..with(0) }] {
        let error = sort(refused, 40_000).unwrap_err();
        assert!(matches!(error, QueryError::Memory { .. }), "{error:?}");
    }
    let left = RealFiles.list(directory.path()).unwrap();
    assert!(left.is_empty(), "nothing stays on the disk: {left:?}");
}

#[test]
fn a_query_that_panics_fails_alone() {
    let engine = engine(testing::settings());
    outside(async {
        let failed = engine.run(async |_core| -> Result<(), QueryError> { panic!("a mistake") }).await;
        assert!(matches!(failed, Err(QueryError::Internal(_))));
        engine.run(async |_core| Ok(())).await.unwrap();
    });
}

#[test]
fn an_engine_may_be_dropped_inside_another_runtime() {
    outside(async { drop(engine(testing::settings())) });
}

#[test]
fn a_refusal_of_memory_names_the_operator() {
    let message = "Failed to allocate additional 1024.0 KB for GroupedHashAggregateStream[0] (count(1)) with 62.3 MB \
                   already allocated for this reservation";
    let error = datafusion::error::DataFusionError::ResourcesExhausted(message.to_owned());
    let error = QueryError::from_engine(error, 64 << 20);
    assert_eq!(
        error.to_string(),
        "query exceeded the memory limit of 67108864 bytes for queries, in GroupedHashAggregateStream"
    );
}
