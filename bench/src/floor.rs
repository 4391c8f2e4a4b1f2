//! The floor: the least a durable HTTP service can do with a request.
//!
//! It reads the body, appends the raw bytes to the same event log with the same group commit, and answers 200. It
//! looks at nothing, so whatever Hedgerow takes longer is the price of understanding events.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use env::{Files, RealFiles};
use eventlog::EventLog;
use tokio::net::TcpListener;

use crate::flags::Flags;
use crate::report;

/// How often the log is trimmed, so that a long run does not fill the disk.
const TRIM_INTERVAL: Duration = Duration::from_millis(250);

/// Serves until the process is killed; tells its address on standard output.
///
/// # Errors
///
/// When the log cannot be opened or the address cannot be listened on.
pub(crate) fn serve(flags: &Flags) -> anyhow::Result<()> {
    let listen = flags.text("listen").context("--listen is needed")?;
    let dir = flags.path("dir", "target/bench-data/floor");
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    files.create_dir_all(&dir).with_context(|| format!("{} cannot be created", dir.display()))?;
    let opened = eventlog::open(files, &dir, eventlog::Settings::default()).context("the log cannot be opened")?;
    let (log, writer) = (opened.log, opened.writer);
    start("floor-log", move || drop(writer.run()))?;
    let trimmed = log.clone();
    start("floor-trim", move || trim(&trimmed))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("floor-http").enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        report::print(&format!("Floor is listening on http://{}\n", listener.local_addr()?))?;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        axum::serve(listener, router(log)).await.map_err(|error| anyhow!(error))
    })
}

fn router(log: EventLog) -> Router {
    Router::new().route("/_health", get(async || "ok")).route("/batch/", post(append)).with_state(log)
}

async fn append(State(log): State<EventLog>, body: Bytes) -> Result<&'static str, StatusCode> {
    match log.append([Bytes::new(), body]).await {
        Ok(_) => Ok("ok"),
        Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn trim(log: &EventLog) {
    while log.trim(log.status().durable).is_ok() {
        std::thread::sleep(TRIM_INTERVAL);
    }
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).context("a thread cannot be started")?;
    Ok(())
}
