//! Loads a whole data set into an empty Hedgerow, as a customer would who moves in: over HTTP, with prepared bodies.
//!
//! `bench load` starts the server, sends every body once, waits until everything is listed and the server has nothing
//! left to do, stops it in order and leaves its data behind. What that cost goes to standard output as a JSON object.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use env::{Clock, Files as _, RealFiles};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::flags::Flags;
use crate::generate::BodyReader;
use crate::report;
use crate::server::{Metrics, Program, Server};
use crate::system::CpuTimes;

/// How long to leave a server alone that asked for it.
const BACK_OFF: Duration = Duration::from_millis(100);
const POLL: Duration = Duration::from_millis(50);
/// How long the server may take to list what it acknowledged, and then to finish what it put off.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// A server is idle when it used less than this share of one processor in each of several looks.
const IDLE_SHARE: f64 = 0.05;
const IDLE_LOOK: Duration = Duration::from_secs(1);
const IDLE_LOOKS: u32 = 3;

/// Names of the server's own figures.
const LAG: &str = "hedgerow_ingest_lag_records";
const STORED: &str = "hedgerow_ingest_events_total";

/// Sends everything and reports.
///
/// # Errors
///
/// When the server fails, refuses an event for good, or never comes to rest.
pub(crate) fn run(flags: &Flags) -> anyhow::Result<()> {
    let bodies = BodyReader::open(&flags.path("bodies", "target/bench-peers/bodies"))?;
    let hedgerow = flags.path("hedgerow", "target/release/hedgerow");
    let dir = flags.path("dir", "target/bench-peers/hedgerow");
    let connections = flags.number("connections", 4)?;
    ensure!(connections > 0, "--connections is 0, must be at least 1");
    ensure!(hedgerow.is_file(), "{} is missing: build it first", hedgerow.display());
    let is_empty = !dir.exists() || RealFiles.list(&dir)?.is_empty();
    ensure!(is_empty, "{} is not empty", dir.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let account = runtime.block_on(load(&Program::Hedgerow(hedgerow), &dir, bodies, connections))?;
    Ok(report::print(&account.json())?)
}

/// What a load came to.
#[derive(Debug, Default)]
struct Account {
    sent: Sent,
    /// From the first request to the last answer.
    sending: Duration,
    /// From then until everything was listed.
    listing: Duration,
    /// From then until the server was idle.
    settling: Duration,
    stopping: Duration,
    /// Processor seconds until the last answer, and until the server was idle.
    cpu_sending: f64,
    cpu: CpuTimes,
    client_cpu: f64,
    peak_bytes: u64,
    /// Events the server says it stored; `None` when it does not tell.
    stored: Option<f64>,
}

/// What connections did.
#[derive(Debug, Default)]
struct Sent {
    events: u64,
    requests: u64,
    /// Requests answered 503, which were sent again.
    refused: u64,
}

async fn load(program: &Program, dir: &Path, bodies: BodyReader, connections: usize) -> anyhow::Result<Account> {
    RealFiles.create_dir_all(dir).with_context(|| format!("{} cannot be created", dir.display()))?;
    let server = Server::start(program, dir, &dir.with_extension("stderr")).await?;
    let clock = Clock::System;
    let mut account = Account::default();
    let (client, start) = (CpuTimes::of(std::process::id())?, clock.instant());
    account.sent = send(&server, bodies, connections).await?;
    account.sending = clock.elapsed(start);
    account.client_cpu = CpuTimes::of(std::process::id())?.since(&client).total();
    account.cpu_sending = server.cpu()?.total();
    report::progress(&format!("{} events sent", account.sent.events));

    let start = clock.instant();
    while has_lag(&server.metrics().await?) {
        ensure!(clock.elapsed(start) < PATIENCE, "acknowledged events are not listed");
        tokio::time::sleep(POLL).await;
    }
    account.listing = clock.elapsed(start);
    report::progress("all of them are listed");

    let start = clock.instant();
    settle(&server).await?;
    account.settling = clock.elapsed(start).saturating_sub(IDLE_LOOK * IDLE_LOOKS);
    account.cpu = server.cpu()?;
    account.peak_bytes = server.memory()?.peak;
    account.stored = server.metrics().await?.value(STORED);

    let start = clock.instant();
    server.stop().await?;
    account.stopping = clock.elapsed(start);
    Ok(account)
}

/// Sends every body; connections take the next one as they become free.
async fn send(server: &Server, bodies: BodyReader, connections: usize) -> anyhow::Result<Sent> {
    let bodies = Arc::new(Mutex::new(bodies));
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        tasks.spawn(send_share(Connection::open(server.address).await?, Arc::clone(&bodies)));
    }
    let mut sum = Sent::default();
    while let Some(part) = tasks.join_next().await {
        let part = part.context("a connection's task ended early")??;
        sum.events += part.events;
        sum.requests += part.requests;
        sum.refused += part.refused;
    }
    Ok(sum)
}

async fn send_share(mut connection: Connection, bodies: Arc<Mutex<BodyReader>>) -> anyhow::Result<Sent> {
    let mut sent = Sent::default();
    loop {
        let Some(request) = bodies.lock().await.next()? else { return Ok(sent) };
        loop {
            match connection.exchange(&request.bytes).await?.status {
                200 => break,
                503 => {
                    sent.refused += 1;
                    tokio::time::sleep(BACK_OFF).await;
                }
                status => bail!("the server answered {status}: {}", connection.text()),
            }
        }
        sent.events += u64::from(request.events);
        sent.requests += 1;
    }
}

/// Whether acknowledged events are missing from lists.
fn has_lag(metrics: &Metrics) -> bool {
    metrics.value(LAG).is_some_and(|records| records > 0.0)
}

/// Waits until the server has nothing to do, which its use of the processor tells whatever its figures are called.
async fn settle(server: &Server) -> anyhow::Result<()> {
    let clock = Clock::System;
    let start = clock.instant();
    let mut idle_looks = 0;
    while idle_looks < IDLE_LOOKS {
        ensure!(clock.elapsed(start) < PATIENCE, "the server does not come to rest");
        let (before, since) = (server.cpu()?, clock.instant());
        tokio::time::sleep(IDLE_LOOK).await;
        let share = server.cpu()?.since(&before).total() / clock.elapsed(since).as_secs_f64();
        idle_looks = if share < IDLE_SHARE { idle_looks + 1 } else { 0 };
    }
    Ok(())
}

impl Account {
    /// One object on one line. Numbers only, so nothing needs escaping.
    fn json(&self) -> String {
        let events = self.sent.events.max(1) as f64;
        let seconds = self.cpu.total();
        let listed = (self.sending + self.listing).as_secs_f64();
        let fields = [
            ("events", self.sent.events as f64),
            ("requests", self.sent.requests as f64),
            ("refused_requests", self.sent.refused as f64),
            ("stored_events", self.stored.unwrap_or(-1.0)),
            ("sending_s", self.sending.as_secs_f64()),
            ("listing_s", self.listing.as_secs_f64()),
            ("settling_s", self.settling.as_secs_f64()),
            ("stopping_s", self.stopping.as_secs_f64()),
            ("events_per_s", events / self.sending.as_secs_f64()),
            ("listed_events_per_s", events / listed),
            ("cpu_sending_s", self.cpu_sending),
            ("cpu_s", seconds),
            ("cpu_s_per_million", seconds * 1e6 / events),
            ("client_cpu_s", self.client_cpu),
            ("peak_rss_mb", self.peak_bytes as f64 / f64::from(1 << 20)),
        ];
        let fields = fields.map(|(name, value)| format!("\"{name}\": {value:.3}"));
        format!("{{{}}}\n", fields.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_one_json_object() {
        let account = Account { sending: Duration::from_secs(2), ..Account::default() };
        let account = Account { sent: Sent { events: 1_000, requests: 4, refused: 0 }, ..account };
        let read: serde_json::Value = serde_json::from_str(&account.json()).unwrap();
        assert_eq!(read["events_per_s"], 500.0);
        assert_eq!(read["stored_events"], -1.0);
    }
}
