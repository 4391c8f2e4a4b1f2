//! Builds every part once, connects them, and takes them down in order.
//!
//! Start: lock the directory, open metadata, log and store, rebuild the memory table from the log, then listen. Stop:
//! no new requests, let the others finish, close the log, let ingestion catch up and seal, then leave.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use api::{App, HidePersons, Parts};
use env::{Clock, Files, Lock, Priority, Random, RealFiles};
use eventlog::{EventLog, Writer, WriterEnd};
use ingest::{Compactor, GeoIp, Ingest, Sealer, SealerStop, StatsHandle, StopHandle};
use meta::{Bootstrap, Created, Meta};
use model::Timestamp;
use parking_lot::Mutex;
use query::{Engine, EngineSettings, Spill};
use store::{Contents, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::samples;
use crate::settings::ServeSettings;
use crate::tasks::Tasks;
use crate::{ballast, banner, listen};

/// Why `serve` ended other than by being asked to, by exit code.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A setting cannot be honoured.
    Settings(anyhow::Error),
    /// The data directory is locked, newer than this program, damaged, or out of reach.
    DataDirectory(anyhow::Error),
    /// A write to the log could not be made durable: recover from disk by starting again.
    Poisoned(anyhow::Error),
    /// Anything else.
    Failed(anyhow::Error),
}

const LOG_THREAD: &str = "hedgerow-log";
const INGEST_THREAD: &str = "hedgerow-ingest";
const SEAL_THREAD: &str = "hedgerow-seal";
const COMPACT_THREAD: &str = "hedgerow-compact";
const COHORT_THREAD: &str = "hedgerow-cohorts";

/// Runs the server until it is told to stop.
pub(crate) fn serve(settings: ServeSettings) -> Result<(), Stop> {
    let data = Data::open(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("hedgerow-http")
        .enable_all()
        .build()
        .context("the network runtime cannot be started")
        .map_err(Stop::Failed)?;
    runtime.block_on(run(settings, data))
}

/// Everything that lives in the data directory, opened and recovered.
struct Data {
    /// Held for as long as the process owns the directory.
    _lock: Box<dyn Lock>,
    meta: Arc<Meta>,
    store: Arc<Store>,
    log: EventLog,
    writer: Writer,
    ingest: Ingest,
    sealer: Sealer,
    created: Option<Created>,
}

impl Data {
    fn open(settings: &ServeSettings) -> Result<Self, Stop> {
        let dir = settings.data_dir.as_path();
        let files: Arc<dyn Files> = Arc::new(RealFiles);
        let lock = lock(files.as_ref(), dir).map_err(Stop::DataDirectory)?;
        if let Err(error) = ballast::adjust(files.as_ref(), dir, settings.ballast_bytes, settings.disk_reserve_bytes) {
            tracing::warn!(%error, "ballast neither made nor removed");
        }
        let meta = Meta::open(&dir.join("meta.sqlite")).context(at(dir)).map_err(Stop::DataDirectory)?;
        let created = bootstrap(&meta, settings)?;
        let geoip = geoip(settings).map_err(Stop::Settings)?;
        Self::open_events(settings, files, meta, lock, created, geoip).map_err(Stop::DataDirectory)
    }

    fn open_events(
        settings: &ServeSettings,
        files: Arc<dyn Files>,
        meta: Meta,
        lock: Box<dyn Lock>,
        created: Option<Created>,
        geoip: Option<Arc<GeoIp>>,
    ) -> anyhow::Result<Self> {
        let dir = settings.data_dir.as_path();
        let opened = eventlog::open(Arc::clone(&files), &dir.join("log"), log_settings(settings)).context(at(dir))?;
        tracing::info!(recovery = ?opened.recovery, "event log opened");
        let meta = Arc::new(meta);
        let catalog = meta.catalog().context(at(dir))?;
        let contents = Contents {
            segments: catalog.segments,
            deleted: catalog.deleted,
            merges: catalog.merges,
            hidden: meta.deleted_persons().context(at(dir))?,
        };
        let store = Store::open(files, dir.join("segments"), store_settings(settings), contents).context(at(dir))?;
        let store = Arc::new(store);
        let (mut ingest, sealer) = Ingest::open(
            Arc::clone(&meta),
            opened.log.clone(),
            Arc::clone(&store),
            settings.clock,
            Random::system(),
            ingest::Settings { seal_interval: settings.seal_interval, geoip, ..ingest::Settings::default() },
        )
        .context(at(dir))?;
        ingest.recover().context(at(dir))?;
        Ok(Self { _lock: lock, meta, store, log: opened.log, writer: opened.writer, ingest, sealer, created })
    }
}

fn at(dir: &Path) -> String {
    format!("data directory {}", dir.display())
}

/// Takes the directory for this process alone (rule R10).
fn lock(files: &dyn Files, dir: &Path) -> anyhow::Result<Box<dyn Lock>> {
    files.create_dir_all(dir).with_context(|| format!("{} cannot be created", at(dir)))?;
    files.lock(&dir.join("lock")).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => anyhow!("{} is in use by another process", at(dir)),
        _ => anyhow!(error).context(format!("{} cannot be locked", at(dir))),
    })
}

fn bootstrap(meta: &Meta, settings: &ServeSettings) -> Result<Option<Created>, Stop> {
    let random = Random::system();
    let chosen = Bootstrap {
        project_token: settings.project_token.clone(),
        personal_api_key: settings.personal_api_key.clone(),
    };
    let now = Timestamp::from_micros(settings.clock.unix_micros());
    meta.bootstrap(now, &chosen, &random).map_err(|error| match error {
        meta::MetaError::InvalidKey { .. } => Stop::Settings(error.into()),
        error => Stop::DataDirectory(error.into()),
    })
}

/// The city database, read whole: it is asked for nearly every event.
#[expect(clippy::disallowed_methods, reason = "a file the operator names, outside of the data directory")]
fn geoip(settings: &ServeSettings) -> anyhow::Result<Option<Arc<GeoIp>>> {
    let Some(path) = &settings.geoip_database else { return Ok(None) };
    let file = std::fs::read(path).with_context(|| format!("geoip-database {} cannot be read", path.display()))?;
    let database = GeoIp::new(file).with_context(|| format!("geoip-database {} is not valid", path.display()))?;
    Ok(Some(Arc::new(database)))
}

fn log_settings(settings: &ServeSettings) -> eventlog::Settings {
    eventlog::Settings {
        segment_bytes: settings.log_segment_bytes,
        quota_bytes: settings.log_quota_bytes,
        reserve_bytes: settings.disk_reserve_bytes,
        ..eventlog::Settings::default()
    }
}

fn store_settings(settings: &ServeSettings) -> store::Settings {
    store::Settings { memory_bytes: settings.memory_bytes, ..store::Settings::default() }
}

/// Room for queries to put things aside, emptied of what a process that was killed left there.
fn spill(settings: &ServeSettings) -> Result<Option<Spill>, Stop> {
    if settings.query_spill_bytes == 0 {
        return Ok(None);
    }
    let directory = settings.data_dir.join("spill");
    env::make_empty(&directory).context(at(&directory)).map_err(Stop::DataDirectory)?;
    Ok(Some(Spill { directory, bytes: settings.query_spill_bytes }))
}

async fn run(settings: ServeSettings, data: Data) -> Result<(), Stop> {
    let engine = Engine::new(
        Arc::clone(&data.store),
        EngineSettings {
            threads: settings.query_threads,
            memory_bytes: settings.query_memory_bytes,
            timeout: settings.query_timeout,
            background_timeout: settings.query_background_timeout,
            queries: settings.queries_max,
            wait: settings.query_wait,
            spill: spill(&settings)?,
        },
    )
    .context("the query engine cannot be started")
    .map_err(Stop::Failed)?;
    let engine = Arc::new(engine);
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))
        .map_err(Stop::Settings)?;
    let address = listener.local_addr().context("the listening address is unknown").map_err(Stop::Failed)?;

    let compactor = Compactor::new(Arc::clone(&data.meta), Arc::clone(&data.store), settings.clock);
    let mut workers =
        Workers::start(data.log.clone(), data.writer, data.ingest, data.sealer, compactor).map_err(Stop::Failed)?;
    let meta = Arc::clone(&data.meta);
    let app = App::new(Parts {
        meta: data.meta,
        log: data.log.clone(),
        engine: Arc::clone(&engine),
        clock: settings.clock,
        random: Random::system(),
        samples: samples::of(data.log.clone(), Arc::clone(&data.store), engine, workers.ingest_stats.clone()),
        hide_persons: hide_persons(Arc::clone(&data.store)),
        settings: api_settings(&settings),
    });
    workers.refresh_cohorts(app.clone(), settings.clock, settings.cohort_refresh).map_err(Stop::Failed)?;
    // Before anybody can know that we run, so that being asked to stop never just kills.
    let asked = Signals::register().context("signals cannot be received").map_err(Stop::Failed)?;
    if let Err(error) = banner::write(&mut std::io::stdout(), address, data.created.as_ref()) {
        tracing::warn!(%error, "the start message cannot be written");
    }

    let mut died = None;
    listen::serve(listener, api::router(app), async {
        tokio::select! {
            () = asked.any() => tracing::info!("stopping"),
            name = workers.tasks.first_end() => died = Some(name),
        }
    })
    .await;
    tokio::task::block_in_place(|| {
        if let Err(error) = meta.flush_warnings() {
            tracing::warn!(%error, "the last ingestion warnings are lost");
        }
        workers.stop(died)?;
        // The next start finds nothing to do.
        if let Err(error) = meta.checkpoint() {
            tracing::warn!(%error, "the write-ahead log of the metadata stays");
        }
        Ok(())
    })
}

fn hide_persons(store: Arc<Store>) -> HidePersons {
    Arc::new(move |project, persons| store.hide_persons(project, persons))
}

fn api_settings(settings: &ServeSettings) -> api::Settings {
    api::Settings {
        capture: capture::Limits::DEFAULT,
        capture_ai: capture::Limits::AI,
        capture_v1: capture::Limits::V1,
        capture_in_flight_bytes: 256 << 20,
        body_stall: Duration::from_secs(30),
        unknown_token: settings.unknown_token,
        trusted_proxies: settings.trusted_proxies.clone(),
        rest_body_bytes: 1 << 20,
        rate_limits: settings.rate_limits.clone(),
        query_cache_bytes: settings.query_cache_bytes,
        values_shape: settings.values_shape,
    }
}

/// SIGTERM and SIGINT, received instead of ending the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn register() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Completes when one of them arrives.
    async fn any(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The threads behind the HTTP surface.
struct Workers {
    tasks: Tasks,
    log: EventLog,
    ingest_stop: StopHandle,
    sealer_stop: SealerStop,
    compactor_stop: StopHandle,
    cohort_stop: StopHandle,
    ingest_stats: StatsHandle,
    log_end: Arc<Mutex<Option<WriterEnd>>>,
}

impl Workers {
    fn start(
        log: EventLog,
        writer: Writer,
        ingest: Ingest,
        sealer: Sealer,
        compactor: Compactor,
    ) -> anyhow::Result<Self> {
        let mut workers = Self {
            tasks: Tasks::new(),
            log,
            ingest_stop: StopHandle::default(),
            sealer_stop: sealer.stop_handle(),
            compactor_stop: StopHandle::default(),
            cohort_stop: StopHandle::default(),
            ingest_stats: ingest.stats(),
            log_end: Arc::default(),
        };
        let log_end = Arc::clone(&workers.log_end);
        let ingest_stop = workers.ingest_stop.clone();
        let thread = |name| format!("the thread {name} cannot be started");
        workers
            .tasks
            .start(LOG_THREAD, move || *log_end.lock() = Some(writer.run()))
            .with_context(|| thread(LOG_THREAD))?;
        // What is in the log is only late when these wait; a request that waits may be lost.
        workers
            .tasks
            .start_with(Priority::Behind, INGEST_THREAD, move || ingest.run(&ingest_stop))
            .with_context(|| thread(INGEST_THREAD))?;
        workers
            .tasks
            .start_with(Priority::Behind, SEAL_THREAD, move || sealer.run())
            .with_context(|| thread(SEAL_THREAD))?;
        let compactor_stop = workers.compactor_stop.clone();
        workers
            .tasks
            .start_with(Priority::Last, COMPACT_THREAD, move || compactor.run(&compactor_stop))
            .with_context(|| thread(COMPACT_THREAD))?;
        Ok(workers)
    }

    /// Keeps the members of cohorts up to date, for a tenth of the time at the most.
    fn refresh_cohorts(&mut self, app: App, clock: Clock, pause: Duration) -> anyhow::Result<()> {
        let (runtime, stop) = (tokio::runtime::Handle::current(), self.cohort_stop.clone());
        let work = move || {
            let mut took = Duration::ZERO;
            loop {
                stop.wait(pause.max(took * 9));
                if stop.is_set() {
                    return;
                }
                let start = clock.instant();
                runtime.block_on(api::refresh_cohorts(&app));
                took = clock.elapsed(start);
            }
        };
        self.tasks.start(COHORT_THREAD, work).with_context(|| format!("the thread {COHORT_THREAD} cannot be started"))
    }

    /// Takes the threads down in the order of the data: log, ingestion, sealing. `died` ended before it was asked to.
    fn stop(mut self, died: Option<&'static str>) -> Result<(), Stop> {
        self.log.close();
        // Not waited for: a compaction that is not committed has changed nothing.
        self.compactor_stop.set();
        self.cohort_stop.set();
        let mut sound = self.tasks.join(LOG_THREAD);
        if let Some(WriterEnd::Poisoned(error)) = self.log_end.lock().take() {
            // Nothing in memory may be sealed on top of a log that lies: the next start recovers from disk.
            return Err(Stop::Poisoned(anyhow!("the event log stopped after a failed write: {error}")));
        }
        self.ingest_stop.set();
        sound &= self.tasks.join(INGEST_THREAD);
        self.sealer_stop.set();
        sound &= self.tasks.join(SEAL_THREAD);
        match died {
            Some(name) => Err(Stop::Failed(anyhow!("the thread {name} ended unexpectedly"))),
            None if !sound => Err(Stop::Failed(anyhow!("a thread failed while stopping"))),
            None => Ok(()),
        }
    }
}
