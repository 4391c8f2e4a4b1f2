//! What a Hedgerow takes up when nobody asks anything of it, and how soon it is there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use env::Clock;

use crate::client::{Bodies, Load};
use crate::events::{Ids, Request};
use crate::report;
use crate::server::{Program, Server};
use crate::stats;
use crate::system::Memory;

const STARTS: usize = 5;
const REST: Duration = Duration::from_secs(2);
/// Requests of 100 events that wait in the log when the power goes.
const REPLAYED_REQUESTS: usize = 200;
const BATCH: usize = 100;

/// Size, memory and start-up times.
#[derive(Debug)]
pub(crate) struct Footprint {
    pub(crate) binary_bytes: u64,
    /// After a rest on an empty directory.
    pub(crate) idle: Memory,
    /// After a rest on the data of the last case.
    pub(crate) idle_with_data: Memory,
    pub(crate) start_empty: Duration,
    /// On the data of the last case, after an orderly stop.
    pub(crate) start_with_data: Duration,
    /// On the same data and `replayed_events` more that were never sealed, after being killed.
    pub(crate) start_killed: Duration,
    pub(crate) replayed_events: usize,
    pub(crate) data_bytes: u64,
}

/// Measures the binary `hedgerow`, on empty directories and on the data that the last case left in `dir`.
pub(super) async fn measure(hedgerow: &Path, dir: &Path) -> anyhow::Result<Footprint> {
    let program = Program::Hedgerow(hedgerow.to_owned());
    let log = dir.join("startup.log");
    let with_data = dir.join("hedgerow");
    let binary_bytes = std::fs::metadata(hedgerow).context("the binary's size is unknown")?.len();

    let mut empty = Vec::new();
    let mut idle = Memory::default();
    for number in 0..STARTS {
        let server = Server::start(&program, &dir.join(format!("empty-{number}")), &log).await?;
        empty.push(server.start_up.as_secs_f64());
        if number == 0 {
            tokio::time::sleep(REST).await;
            idle = server.memory()?;
        }
        server.stop().await?;
    }

    let data_bytes = bytes_in(&with_data)?;
    let mut stopped = Vec::new();
    let mut idle_with_data = Memory::default();
    for number in 0..STARTS {
        let server = Server::start(&program, &with_data, &log).await?;
        stopped.push(server.start_up.as_secs_f64());
        if number == 0 {
            tokio::time::sleep(REST).await;
            idle_with_data = server.memory()?;
        }
        server.stop().await?;
    }

    fill_and_kill(&program, &with_data, &log).await?;
    let mut killed = Vec::new();
    for _ in 0..STARTS {
        let server = Server::start(&program, &with_data, &log).await?;
        killed.push(server.start_up.as_secs_f64());
        drop(server);
    }
    report::progress("start-up: done");
    let typical = |seconds| Duration::from_secs_f64(stats::median(seconds));
    Ok(Footprint {
        binary_bytes,
        idle,
        idle_with_data,
        start_empty: typical(empty),
        start_with_data: typical(stopped),
        start_killed: typical(killed),
        replayed_events: REPLAYED_REQUESTS * BATCH,
        data_bytes,
    })
}

/// Leaves acknowledged events in the log that are in no segment.
async fn fill_and_kill(program: &Program, dir: &Path, log: &Path) -> anyhow::Result<()> {
    let server = Server::start(program, dir, log).await?;
    let unix_ms = u64::try_from(Clock::System.unix_micros() / 1_000).unwrap_or(0);
    let requests: Arc<[Request]> = (0..16).map(|seed| Request::new(seed, BATCH, unix_ms)).collect();
    let bodies = Bodies::Stamped { requests, ids: Ids::new(unix_ms) };
    Load { address: server.address, connections: 4, requests: REPLAYED_REQUESTS, bodies }.run().await?;
    drop(server);
    Ok(())
}

/// Size of all files below `dir`.
fn bytes_in(dir: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    #[expect(clippy::disallowed_methods, reason = "adds up what another process wrote")]
    let entries = std::fs::read_dir(dir).with_context(|| format!("{} cannot be listed", dir.display()))?;
    for entry in entries {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { bytes_in(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
