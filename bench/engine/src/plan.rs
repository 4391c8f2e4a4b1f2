//! What it costs to understand a question: from its text to a plan that could start.
//!
//! The peer benchmark's questions (bench/peers/questions.py) in HogQL. Budget: 2 ms each. On a data directory planning
//! looks at its segments as well, which is part of the price.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use env::{Clock, Files, Lock, RealFiles};
use hogql::Context;
use hogql::context::PropertyType;
use meta::Meta;
use model::ProjectId;
use query::hogql::{Request, needs};
use query::{Engine, EngineSettings, Pace};
use store::{Contents, Store};

/// Budget of one question.
const BUDGET_MS: f64 = 2.0;
/// How often each question is planned.
pub(crate) const ROUNDS: usize = 200;
/// Whose events are asked about.
const PROJECT: ProjectId = ProjectId(1);
/// The end of the benchmark's data.
const NOW: &str = "2026-06-30T00:00:00Z";
/// Threads of every engine in the benchmark.
const THREADS: usize = 2;

/// The questions in order; Q13 is the export, which costs what its rows cost.
const QUESTIONS: [(&str, &str); 13] = [
    (
        "Q1",
        "select event, count() as c from events where timestamp >= '2026-05-31' and timestamp < '2026-06-30' group by event order by c desc, event",
    ),
    (
        "Q2",
        "select toDate(timestamp) as d, count(), count(distinct person_id) from events where event = '$pageview' group by d order by d",
    ),
    (
        "Q3",
        "select properties.$browser as b, count() as c from events where event = '$pageview' and timestamp >= '2026-05-31' and timestamp < '2026-06-30' group by b order by c desc, b",
    ),
    (
        "Q4",
        "select toDate(timestamp) as d, count() from events where properties.$current_url ilike '%/pricing%' group by d order by d",
    ),
    (
        "Q5",
        "select properties.plan as p, count(), round(sum(properties.amount), 2), round(avg(properties.amount), 4) from events where event = 'purchase_completed' group by p order by p",
    ),
    (
        "Q6",
        "select countIf(l >= 1), countIf(l >= 2), countIf(l >= 3) from (select person_id, multiIf(c and p, 3, c, 2, v, 1, 0) as l from (select person_id, countIf(event = '$pageview') > 0 as v, countIf(event = 'add_to_cart') > 0 as c, countIf(event = 'purchase_completed') > 0 as p from events where event in ('$pageview', 'add_to_cart', 'purchase_completed') group by person_id))",
    ),
    (
        "Q7",
        "select c, dateDiff('week', c, w) as k, count() from (select person_id, groupUniqArray(toMonday(timestamp)) as ws, arrayMin(ws) as c from events where event = '$pageview' group by person_id) array join ws as w group by c, k order by c, k",
    ),
    ("Q8", "select uuid, event, properties, timestamp, distinct_id from events order by timestamp desc limit 100"),
    (
        "Q9",
        "select uuid, event, properties, timestamp from events where distinct_id = 'user-1' order by timestamp desc limit 100",
    ),
    (
        "Q10",
        "select uuid, event, properties, timestamp from events where properties.rare = 'yes' order by timestamp desc limit 100",
    ),
    (
        "Q11",
        "select uuid, event, properties, timestamp from events where uuid = '0190a000-0000-7000-8000-000000000001'",
    ),
    (
        "Q12",
        "select properties.$current_url as v, count() as c from events where timestamp >= '2026-06-23' and timestamp < '2026-06-30' and v ilike '%check%' group by v order by c desc, v limit 10",
    ),
    (
        "Q14",
        "select quantile(0.5)(properties.$prev_pageview_duration), quantile(0.95)(properties.$prev_pageview_duration) from events where event = '$pageleave' and timestamp >= '2026-05-31' and timestamp < '2026-06-30'",
    ),
];

/// Prints a line for each question, over `data_dir`, or over no events if that is none.
pub(crate) fn print(data_dir: Option<&Path>, runs: usize, mut out: impl Write) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let (engine, _lock) = match data_dir {
        Some(data_dir) => open(data_dir).map(|(engine, lock)| (engine, Some(lock)))?,
        None => {
            let store =
                Store::open(Arc::new(RealFiles), directory.path(), store::Settings::default(), Contents::default())?;
            (Engine::new(Arc::new(store), settings())?, None)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    writeln!(out, "{:4} {:>11} {:>11} {:>11}  of {BUDGET_MS} ms", "", "compile ms", "plan ms", "worst ms")?;
    let mut over = 0;
    for (name, text) in QUESTIONS {
        let mut rounds = Vec::with_capacity(runs);
        for _ in 0..runs {
            rounds.push(round(&engine, &runtime, text).with_context(|| name)?);
        }
        rounds.sort_by(|one, other| (one.0 + one.1).total_cmp(&(other.0 + other.1)));
        let (median, worst) = (rounds[runs / 2], rounds[runs - 1]);
        let is_over = median.0 + median.1 > BUDGET_MS;
        over += usize::from(is_over);
        let verdict = if is_over { "over" } else { "" };
        writeln!(out, "{name:4} {:11.3} {:11.3} {:11.3}  {verdict}", median.0, median.1, worst.0 + worst.1)?;
    }
    writeln!(out, "{} of {} questions within the budget", QUESTIONS.len() - over, QUESTIONS.len())?;
    Ok(())
}

/// The engine on a data directory, and the lock that keeps servers off it.
///
/// # Errors
///
/// When it cannot be opened or holds unsealed events: stop the server in order first.
fn open(data_dir: &Path) -> anyhow::Result<(Engine, Box<dyn Lock>)> {
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let lock = files.lock(&data_dir.join("lock")).context("a server has the data directory")?;
    let meta = Meta::open(&data_dir.join("meta.sqlite"))?;
    let positions = meta.positions()?;
    anyhow::ensure!(positions.applied == positions.flushed, "there are events that are not sealed");
    let catalog = meta.catalog()?;
    let contents = Contents {
        segments: catalog.segments,
        deleted: catalog.deleted,
        merges: catalog.merges,
        hidden: meta.deleted_persons()?,
    };
    let store = Store::open(files, data_dir.join("segments"), store::Settings::default(), contents)?;
    Ok((Engine::new(Arc::new(store), settings())?, lock))
}

/// The limits of every engine in the benchmark.
fn settings() -> EngineSettings {
    EngineSettings { threads: THREADS, ..EngineSettings::default() }
}

/// Milliseconds to compile `text`, and to plan what it came to.
fn round(engine: &Engine, runtime: &tokio::runtime::Runtime, text: &str) -> anyhow::Result<(f64, f64)> {
    let clock = Clock::System;
    let now: jiff::Timestamp = NOW.parse()?;
    let mut context = Context::new(1, "UTC", now);
    for name in ["amount", "$prev_pageview_duration"] {
        context.project.property_types.event.insert(name.to_owned(), PropertyType::Numeric);
    }
    let start = clock.instant();
    let compiled = hogql::compile(text, &context)?;
    let compile = clock.elapsed(start);
    let start = clock.instant();
    let wanted = needs(&compiled.query);
    anyhow::ensure!(wanted.tables.is_empty() && wanted.cohorts.is_empty(), "a question reads more than events");
    let request = Request {
        project: PROJECT,
        query: compiled.query,
        zone: Arc::clone(&context.project.timezone),
        now_micros: now.as_microsecond(),
        tables: query::hogql::Tables::default(),
        cohorts: std::collections::BTreeMap::new(),
        pace: Pace::Prompt,
        explain: true,
        is_written: false,
    };
    let answer = runtime.block_on(engine.hogql(request))?;
    anyhow::ensure!(!answer.plan.is_empty(), "there is no plan");
    Ok((compile.as_secs_f64() * 1e3, clock.elapsed(start).as_secs_f64() * 1e3))
}
