//! The capture bench: events per second that are acknowledged once they are durable, and what they cost.
//!
//! Hedgerow and the floor run side by side, and rounds alternate between them, so that a disk or a neighbour that gets
//! slower does so for both. A round is a number of requests, not a time: packed bodies can then be prepared before, none
//! of them twice. After its round Hedgerow may finish what it put off; that work is measured apart, and nobody else's
//! round begins before it is done.

mod lag;
mod rounds;
mod startup;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use env::{Clock, Files as _, RealFiles};

use crate::events::Encoding;
use crate::flags::Flags;
use crate::report;
use crate::server::Program;
use crate::stats;

pub(crate) use lag::Lag;
pub(crate) use rounds::{Compared, Measured};
pub(crate) use startup::Footprint;

/// How long events come in at a steady rate while their lag is measured.
const LAG: Duration = Duration::from_secs(60);
const LAG_QUICK: Duration = Duration::from_secs(10);
const SYNCS: usize = 200;
const SYNC_BYTES: usize = 4_096;

/// One combination of what is sent and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) encoding: Encoding,
    pub(crate) batch: usize,
    pub(crate) connections: usize,
}

/// How thoroughly to measure, and what, and where.
#[derive(Debug)]
struct Plan {
    hedgerow: PathBuf,
    dir: PathBuf,
    rounds: usize,
    round: Duration,
    /// For how long the lag is measured.
    lag: Duration,
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
    pub(crate) sync: Duration,
    pub(crate) in_memory: bool,
    pub(crate) cases: Vec<Compared>,
    pub(crate) lag: Lag,
    pub(crate) footprint: Footprint,
}

/// Measures and reports.
///
/// # Errors
///
/// When a server fails, or an acknowledged event cannot be read back.
pub(crate) fn run(flags: &Flags) -> anyhow::Result<()> {
    let quick = flags.has("quick");
    let seconds = flags.number("seconds", if quick { 1.0 } else { 3.5 })?;
    let plan = Plan {
        hedgerow: flags.path("hedgerow", "target/release/hedgerow"),
        dir: flags.path("dir", "target/bench-data"),
        rounds: flags.number("rounds", if quick { 2 } else { 5 })?,
        round: Duration::try_from_secs_f64(seconds).context("--seconds is not a length of time")?,
        lag: if quick { LAG_QUICK } else { LAG },
    };
    ensure!(plan.rounds > 0, "--rounds is 0, must be at least 1");
    ensure!(plan.hedgerow.is_file(), "{} is missing: build it first", plan.hedgerow.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(measure(&plan))?;
    let page = report::page(&findings);
    report::print(&page)?;
    if let Some(out) = flags.text("out") {
        write(Path::new(out), &page)?;
    }
    empty(&plan.dir)
}

/// Measures and reports the lag alone.
///
/// # Errors
///
/// When the server fails, or an acknowledged event cannot be read.
pub(crate) fn run_lag(flags: &Flags) -> anyhow::Result<()> {
    let hedgerow = flags.path("hedgerow", "target/release/hedgerow");
    let dir = flags.path("dir", "target/bench-data");
    let length = Duration::from_secs(flags.number("seconds", LAG.as_secs())?);
    empty(&dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lag = runtime.block_on(lag::measure(&hedgerow, &dir.join("lag"), length))?;
    report::print(&report::lag(&lag))?;
    empty(&dir)
}

async fn measure(plan: &Plan) -> anyhow::Result<Findings> {
    empty(&plan.dir)?;
    let sync = sync_time(&plan.dir)?;
    let mut cases = Vec::new();
    for encoding in [Encoding::Plain, Encoding::Gzip] {
        for batch in [1, 100] {
            for connections in [1, 32] {
                let case = Case { encoding, batch, connections };
                // The last case's data stays for the start-up times.
                empty(&plan.dir)?;
                cases.push(rounds::compare(case, plan).await.with_context(|| format!("{case:?}"))?);
            }
        }
    }
    let lag = lag::measure(&plan.hedgerow, &plan.dir.join("lag"), plan.lag).await.context("lag")?;
    let footprint = startup::measure(&plan.hedgerow, &plan.dir).await.context("start-up")?;
    Ok(Findings {
        rounds: plan.rounds,
        round: plan.round,
        sync,
        in_memory: in_memory(&plan.dir)?,
        cases,
        lag,
        footprint,
    })
}

impl Plan {
    fn programs(&self) -> [Program; 2] {
        [Program::Floor, Program::Hedgerow(self.hedgerow.clone())]
    }
}

/// How long this disk takes to make a page durable.
fn sync_time(dir: &Path) -> anyhow::Result<Duration> {
    let path = dir.join("sync-test");
    let file = RealFiles.create(&path)?;
    file.allocate((SYNC_BYTES * SYNCS) as u64)?;
    file.sync_data()?;
    let clock = Clock::System;
    let mut seconds = Vec::new();
    for index in 0..SYNCS {
        let start = clock.instant();
        file.write_all_at(&[1; SYNC_BYTES], (index * SYNC_BYTES) as u64)?;
        file.sync_data()?;
        seconds.push(clock.elapsed(start).as_secs_f64());
    }
    RealFiles.remove(&path)?;
    Ok(Duration::from_secs_f64(stats::median(seconds)))
}

/// Whether `dir` lies in memory, where syncing costs nothing and no figure means anything.
fn in_memory(dir: &Path) -> anyhow::Result<bool> {
    const TMPFS: u64 = 0x0102_1994;
    let disk = rustix::fs::statfs(dir)?;
    Ok(u64::try_from(disk.f_type) == Ok(TMPFS))
}

fn empty(dir: &Path) -> anyhow::Result<()> {
    if dir.exists() {
        std::fs::remove_dir_all(dir).with_context(|| format!("{} cannot be emptied", dir.display()))?;
    }
    RealFiles.create_dir_all(dir).with_context(|| format!("{} cannot be created", dir.display()))
}

fn write(path: &Path, page: &str) -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a report is not a file of the product")]
    std::fs::write(path, page).with_context(|| format!("{} cannot be written", path.display()))
}
