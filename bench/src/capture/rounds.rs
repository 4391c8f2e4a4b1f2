//! One case: both servers, several rounds, and the accounts of each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use env::Clock;

use super::{Case, Plan};
use crate::client::{self, Bodies, Load, Outcome};
use crate::events::{Encoding, Gzip, Ids, Request};
use crate::report;
use crate::server::{KEY, Program, Server};
use crate::stats;
use crate::system::{CpuTimes, Machine};

/// Different event texts; their ids are new each time they are sent.
const TEXTS: usize = 6_400;
/// Packed bodies for the floor, which does not look at them and may get them again.
const FLOOR_POOL: usize = 256;
/// Most requests in a round, and so most packed bodies in memory.
const REQUESTS_MAX: f64 = 400_000.0;
/// How long Hedgerow may take to list what it acknowledged in one round.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(5);

/// Threads that work on events after they were acknowledged, and what each part is called in the report. All other
/// threads count as the way to the acknowledgement.
const BACKGROUND: [(&str, &str); 3] =
    [("hedgerow-ingest", "ingest"), ("hedgerow-seal", "seal"), ("hedgerow-query", "query")];

/// Figures of both servers in one case.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) case: Case,
    pub(crate) floor: Measured,
    pub(crate) hedgerow: Measured,
}

/// Figures of one server in one case, over all timed rounds.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Events acknowledged.
    pub(crate) events: usize,
    /// Requests answered 503.
    pub(crate) refused: usize,
    /// Events acknowledged per second, by round.
    pub(crate) rates: Vec<f64>,
    /// Of all requests, in microseconds, sorted.
    pub(crate) latencies_us: Vec<u32>,
    /// Processor seconds on the way to the acknowledgement, by part.
    pub(crate) acknowledging: BTreeMap<&'static str, f64>,
    /// Processor seconds after it, by part.
    pub(crate) background: BTreeMap<&'static str, f64>,
    /// Processor seconds of the client.
    pub(crate) client: f64,
    /// Share of the processors' time that was left over, by round.
    pub(crate) idle: Vec<f64>,
    /// Events acknowledged and not yet listed when a round ended, by round.
    pub(crate) behind: Vec<f64>,
    /// Seconds until they were, by round.
    pub(crate) caught_up: Vec<f64>,
    /// Events per second from the first request of a round until the last event was listed, by round.
    pub(crate) listed_rates: Vec<f64>,
    /// Times the log was made durable; zero when the server does not tell.
    pub(crate) syncs: f64,
    /// The most memory the process had, in bytes.
    pub(crate) peak_bytes: u64,
}

/// Runs the rounds of one case in the plan's directory, which is empty. Hedgerow's data is left there.
pub(super) async fn compare(case: Case, plan: &Plan) -> anyhow::Result<Compared> {
    let [floor, hedgerow] = plan.programs();
    let mut floor = Subject::start(&floor, case, &plan.dir.join("floor")).await?;
    let mut hedgerow = Subject::start(&hedgerow, case, &plan.dir.join("hedgerow")).await?;
    floor.warm_up(plan.round).await?;
    hedgerow.warm_up(plan.round).await?;
    for number in 0..plan.rounds {
        // Whoever goes first finds the machine as the other one left it: take turns.
        if number % 2 == 0 {
            floor.round(plan.round).await?;
            hedgerow.round(plan.round).await?;
        } else {
            hedgerow.round(plan.round).await?;
            floor.round(plan.round).await?;
        }
    }
    let (floor, hedgerow) = (floor.finish().await?, hedgerow.finish().await?);
    let compared = Compared { case, floor, hedgerow };
    report::progress(&format!("{}: {:.0} % of the floor", report::name(case), 100.0 * compared.ratio()));
    Ok(compared)
}

/// A server and its account.
struct Subject {
    server: Server,
    case: Case,
    is_hedgerow: bool,
    texts: Arc<[Request]>,
    ids: Ids,
    /// Packed once, for the floor only.
    pool: Option<Arc<[Bytes]>>,
    requests_per_second: f64,
    last_uuid: Option<String>,
    before_rounds: CpuTimes,
    syncs_before: f64,
    measured: Measured,
}

impl Subject {
    async fn start(program: &Program, case: Case, dir: &Path) -> anyhow::Result<Self> {
        let server = Server::start(program, dir, &dir.with_extension("log")).await?;
        let unix_ms = u64::try_from(Clock::System.unix_micros() / 1_000).unwrap_or(0);
        let texts = (0..TEXTS / case.batch).map(|seed| Request::new(seed as u64, case.batch, unix_ms)).collect();
        let subject = Self {
            server,
            case,
            is_hedgerow: matches!(program, Program::Hedgerow(_)),
            texts,
            ids: Ids::new(unix_ms),
            pool: None,
            requests_per_second: 0.0,
            last_uuid: None,
            before_rounds: CpuTimes::default(),
            syncs_before: 0.0,
            measured: Measured::default(),
        };
        Ok(subject)
    }

    /// Finds out how fast the server is, and lets it reach its stride.
    async fn warm_up(&mut self, round: Duration) -> anyhow::Result<()> {
        self.requests_per_second = (self.case.connections * 20) as f64 / round.as_secs_f64();
        for share in [1, 4, 2] {
            let outcome = self.load(round / share).await?;
            self.learn(&outcome);
            self.catch_up().await?;
        }
        self.before_rounds = self.server.cpu()?;
        self.syncs_before = self.syncs().await?;
        Ok(())
    }

    /// One timed round, and the wait until everything it sent is listed.
    async fn round(&mut self, round: Duration) -> anyhow::Result<()> {
        let bodies = self.bodies(self.requests(round));
        let (machine, client, server) = (Machine::now()?, CpuTimes::of(std::process::id())?, self.server.cpu()?);
        let outcome = self.send(self.requests(round), bodies).await?;
        let used = self.server.cpu()?.since(&server);
        let client = CpuTimes::of(std::process::id())?.since(&client);
        let idle = Machine::now()?.idle_since(&machine);
        let behind = self.behind().await?;
        let caught_up = self.catch_up().await?;

        let measured = &mut self.measured;
        let events = outcome.acknowledged * self.case.batch;
        measured.events += events;
        measured.refused += outcome.refused;
        measured.rates.push(events as f64 / outcome.elapsed.as_secs_f64());
        measured.client += client.total();
        measured.idle.push(idle);
        measured.behind.push(behind);
        measured.caught_up.push(caught_up.as_secs_f64());
        measured.listed_rates.push(events as f64 / (outcome.elapsed + caught_up).as_secs_f64());
        for (part, seconds) in acknowledging(&used) {
            *measured.acknowledging.entry(part).or_insert(0.0) += seconds;
        }
        self.learn(&outcome);
        self.measured.latencies_us.extend(outcome.latencies_us);
        Ok(())
    }

    /// Closes the account: background work is counted over all rounds, because it does not keep to them.
    async fn finish(mut self) -> anyhow::Result<Measured> {
        self.read_back().await?;
        let used = self.server.cpu()?.since(&self.before_rounds);
        for (thread, part) in BACKGROUND {
            self.measured.background.insert(part, used.sum(|name| name == thread));
        }
        self.measured.syncs = self.syncs().await? - self.syncs_before;
        self.measured.peak_bytes = self.server.memory()?.peak;
        self.measured.latencies_us.sort_unstable();
        if self.is_hedgerow {
            self.server.stop().await?;
        }
        Ok(self.measured)
    }

    async fn load(&mut self, round: Duration) -> anyhow::Result<Outcome> {
        let requests = self.requests(round);
        let bodies = self.bodies(requests);
        self.send(requests, bodies).await
    }

    async fn send(&mut self, requests: usize, bodies: Bodies) -> anyhow::Result<Outcome> {
        let load = Load { address: self.server.address, connections: self.case.connections, requests, bodies };
        let mut outcome = load.run().await?;
        ensure!(outcome.acknowledged > 0, "the server refused every request");
        self.last_uuid = outcome.last_uuid.take().or_else(|| self.last_uuid.take());
        Ok(outcome)
    }

    /// The next round is as long as this one would have had to be.
    fn learn(&mut self, outcome: &Outcome) {
        self.requests_per_second = outcome.acknowledged as f64 / outcome.elapsed.as_secs_f64();
    }

    fn requests(&self, round: Duration) -> usize {
        let least = (self.case.connections * 4) as f64;
        let wanted = (self.requests_per_second * round.as_secs_f64()).clamp(least, REQUESTS_MAX);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to a small range above zero"
        )]
        let requests = wanted as usize;
        requests
    }

    /// What to send in a round of `requests`.
    fn bodies(&mut self, requests: usize) -> Bodies {
        if self.case.encoding == Encoding::Plain {
            return Bodies::Stamped { requests: Arc::clone(&self.texts), ids: self.ids.clone() };
        }
        if let Some(pool) = &self.pool {
            return Bodies::Finished(Arc::clone(pool));
        }
        let count = if self.is_hedgerow { requests } else { FLOOR_POOL };
        let (pool, last_uuid) = pack(&self.texts, &self.ids, count);
        self.last_uuid = last_uuid;
        if !self.is_hedgerow {
            self.pool = Some(Arc::clone(&pool));
        }
        Bodies::Finished(pool)
    }

    /// Events acknowledged and not yet listed.
    async fn behind(&self) -> anyhow::Result<f64> {
        if !self.is_hedgerow {
            return Ok(0.0);
        }
        let metrics = self.server.metrics().await?;
        let position = |name| metrics.value(name).with_context(|| format!("/metrics has no {name}"));
        let records = position(DURABLE)? - position(APPLIED)?;
        Ok(records.max(0.0) * self.case.batch as f64)
    }

    /// Waits until everything acknowledged is listed; returns how long that took.
    async fn catch_up(&self) -> anyhow::Result<Duration> {
        let clock = Clock::System;
        let start = clock.instant();
        while self.behind().await? > 0.0 {
            ensure!(clock.elapsed(start) < CATCH_UP_PATIENCE, "acknowledged events are not listed");
            tokio::time::sleep(POLL).await;
        }
        Ok(clock.elapsed(start))
    }

    async fn syncs(&self) -> anyhow::Result<f64> {
        if !self.is_hedgerow {
            return Ok(0.0);
        }
        Ok(self.server.metrics().await?.value(SYNCS).unwrap_or(0.0))
    }

    /// A fast answer is worth nothing if the event is not there: looks one up that was sent last.
    async fn read_back(&self) -> anyhow::Result<()> {
        if !self.is_hedgerow {
            return Ok(());
        }
        let uuid = self.last_uuid.as_deref().context("no event was sent")?;
        let path = format!("/api/projects/@current/events/{uuid}/");
        let (status, answer) = client::get(self.server.address, &path, Some(KEY)).await?;
        ensure!(status == 200, "the acknowledged event {uuid} cannot be read back: {status} {answer}");
        Ok(())
    }
}

/// Names of the server's own figures.
const DURABLE: &str = "hedgerow_log_durable_sequence";
const APPLIED: &str = "hedgerow_ingest_applied_sequence";
const SYNCS: &str = "hedgerow_log_syncs_total";

/// `count` packed requests, and the id of an event in the last one.
fn pack(texts: &[Request], ids: &Ids, count: usize) -> (Arc<[Bytes]>, Option<String>) {
    let mut gzip = Gzip::new();
    let mut texts = texts.to_vec();
    let mut pool = Vec::with_capacity(count);
    let mut last_uuid = None;
    for number in 0..count {
        let index = number % texts.len();
        texts[index].stamp(ids);
        pool.push(gzip.packed(&texts[index]));
        last_uuid = Some(texts[index].last_uuid());
    }
    (pool.into(), last_uuid)
}

/// Divides what was used during a round: network threads, the log's writer, and whatever else is not background.
fn acknowledging(used: &CpuTimes) -> [(&'static str, f64); 3] {
    let background = |name: &str| BACKGROUND.iter().any(|(thread, _)| *thread == name);
    let http = used.sum(|name| name.ends_with("-http"));
    let log = used.sum(|name| name.ends_with("-log"));
    let foreground = used.sum(|name| !background(name));
    [("http", http), ("log", log), ("other", (foreground - http - log).max(0.0))]
}

impl Compared {
    /// Hedgerow's throughput as a share of the floor's, by round: the two that ran one after the other.
    pub(crate) fn ratios(&self) -> impl Iterator<Item = f64> {
        self.hedgerow.rates.iter().zip(&self.floor.rates).map(|(hedgerow, floor)| hedgerow / floor)
    }

    /// The median of these shares.
    pub(crate) fn ratio(&self) -> f64 {
        stats::median(self.ratios())
    }
}

impl Measured {
    /// Processor seconds per million events that `seconds` in this case come to.
    pub(crate) fn per_million(&self, seconds: f64) -> f64 {
        seconds * 1e6 / (self.events.max(1) as f64)
    }

    /// The rate at which events were listed as a share of that at which they were acknowledged, the median of the rounds.
    pub(crate) fn pipeline(&self) -> f64 {
        stats::median(self.listed_rates.iter().zip(&self.rates).map(|(listed, acknowledged)| listed / acknowledged))
    }

    /// Events per second, the median of the rounds.
    pub(crate) fn rate(&self) -> f64 {
        stats::median(self.rates.iter().copied())
    }
}
