//! How soon an acknowledged event can be read: at a steady rate, one event of every request is asked for by its id until
//! it is there.
//!
//! Requests are sent when they are due, not when the one before was answered. A lag ends when the answer that shows the
//! event has arrived, so it holds the time for asking, too.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use env::Clock;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::events::{Ids, Request};
use crate::report;
use crate::server::{KEY, Program, Server};

const EVENTS_PER_SECOND: u64 = 5_000;
const BATCH: u64 = 100;
const CONNECTIONS: usize = 4;
/// Different request texts for each connection.
const TEXTS: u64 = 16;
/// How long an event may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(2);

/// Lags at a steady rate.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// What was aimed at.
    pub(crate) events_per_second: u64,
    /// Events acknowledged, and how long that took.
    pub(crate) events: u64,
    pub(crate) elapsed: Duration,
    /// From acknowledged to seen, one per request, in microseconds, sorted.
    pub(crate) lags_us: Vec<u32>,
}

/// Sends events for `length` to a new server on `dir`.
pub(super) async fn measure(hedgerow: &Path, dir: &Path, length: Duration) -> anyhow::Result<Lag> {
    let server = Server::start(&Program::Hedgerow(hedgerow.to_owned()), dir, &dir.with_extension("log")).await?;
    let unix_ms = u64::try_from(Clock::System.unix_micros() / 1_000).unwrap_or(0);
    let plan = Arc::new(Pace {
        address: server.address,
        ids: Ids::new(unix_ms),
        gap: Duration::from_secs(1) * u32::try_from(BATCH)? / u32::try_from(EVENTS_PER_SECOND)?,
        requests: length.as_secs() * EVENTS_PER_SECOND / BATCH,
        taken: AtomicU64::new(0),
    });
    let (clock, batch) = (Clock::System, usize::try_from(BATCH)?);
    let start = clock.instant();
    let mut senders = JoinSet::new();
    for index in 0..CONNECTIONS as u64 {
        let texts = (0..TEXTS).map(|text| Request::new(index * TEXTS + text, batch, unix_ms)).collect();
        senders.spawn(send(Arc::clone(&plan), clock, start, texts));
    }
    let mut lag = Lag { events_per_second: EVENTS_PER_SECOND, ..Lag::default() };
    while let Some(sent) = senders.join_next().await {
        let (last, lags) = sent.context("a connection's task ended early")??;
        lag.elapsed = lag.elapsed.max(last);
        lag.lags_us.extend(lags);
    }
    lag.events = plan.requests * BATCH;
    lag.lags_us.sort_unstable();
    server.stop().await?;
    report::progress("lag: done");
    Ok(lag)
}

/// What is to be sent when.
struct Pace {
    address: SocketAddr,
    ids: Ids,
    gap: Duration,
    requests: u64,
    taken: AtomicU64,
}

/// Takes the next request that nobody has taken and sends it when it is due, until there is none; returns when the last
/// one was acknowledged, and the lags.
async fn send(
    pace: Arc<Pace>,
    clock: Clock,
    start: std::time::Instant,
    mut texts: Vec<Request>,
) -> anyhow::Result<(Duration, Vec<u32>)> {
    let mut connection = Connection::open(pace.address).await?;
    let mut seen = JoinSet::new();
    let mut last = Duration::ZERO;
    loop {
        let number = pace.taken.fetch_add(1, Ordering::Relaxed);
        if number >= pace.requests {
            break;
        }
        let due = pace.gap * u32::try_from(number)?;
        tokio::time::sleep(due.saturating_sub(clock.elapsed(start))).await;
        let index = usize::try_from(number)? % texts.len();
        let request = &mut texts[index];
        request.stamp(&pace.ids);
        let head = connection.exchange(request.bytes()).await?;
        ensure!(head.status == 200, "the server answered {}: {}", head.status, connection.text());
        last = clock.elapsed(start);
        seen.spawn(wait_for(pace.address, clock, request.last_uuid()));
    }
    let mut lags = Vec::new();
    while let Some(lag) = seen.join_next().await {
        lags.push(u32::try_from(lag.context("a reader's task ended early")??.as_micros()).unwrap_or(u32::MAX));
    }
    Ok((last, lags))
}

/// How long from now an event cannot be read.
async fn wait_for(address: SocketAddr, clock: Clock, uuid: String) -> anyhow::Result<Duration> {
    let start = clock.instant();
    let mut connection = Connection::open(address).await?;
    let request = format!(
        "GET /api/projects/@current/events/{uuid}/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    );
    loop {
        match connection.exchange(request.as_bytes()).await?.status {
            200 => return Ok(clock.elapsed(start)),
            404 => {}
            status => anyhow::bail!("the server answered {status}: {}", connection.text()),
        }
        ensure!(clock.elapsed(start) < PATIENCE, "the acknowledged event {uuid} cannot be read");
        tokio::time::sleep(POLL).await;
    }
}
