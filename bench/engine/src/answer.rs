//! The questions and the form of their answers.
//!
//! All of them are about project 1 (`team_id` 1), and "now" is 2026-06-30T00:00:00Z. Answers are CSV without a head, one
//! row per line, and are compared with those of the peers: strings may stand in quotes, numbers are compared to four
//! decimals, a value that is missing is an empty field, and the order of rows counts. A day is `2026-04-01`. A property is
//! its text: strings without quotes, anything else as it is written in JSON, and null is missing.
//!
//! | question | columns of a row | rows, in this order |
//! | --- | --- | --- |
//! | Q1 | event, count | events of the last 30 days by name; most first, then by name |
//! | Q2 | day, count, persons | `$pageview` by day: events and different persons; by day |
//! | Q3 | `$browser`, count | `$pageview` of the last 30 days; most first, then by browser |
//! | Q4 | day, count | all events whose `$current_url` contains `/pricing`, any case; by day |
//! | Q5 | `plan`, count, sum, mean | `purchase_completed`: of `amount`, to 2 and 4 decimals; by plan |
//! | Q6 | persons at steps 1, 2, 3 | one row: funnel `$pageview`, `add_to_cart`, `purchase_completed`, all in 14 days |
//! | Q7 | first week, weeks later, persons | `$pageview`; weeks are days (Mondays); by week, then by weeks later |
//! | Q12 | `$current_url`, count | last 7 days, URL contains `check`, any case; most first, then by URL; 10 rows |
//! | Q14 | median, 95th percentile | one row: `$prev_pageview_duration` of `$pageleave`, last 30 days, 6 decimals |
//!
//! "The last 30 days" are those from 2026-05-31T00:00:00Z on and before now; seven days begin on 2026-06-23. In Q5 and Q14
//! values that are no numbers do not count, and percentiles are exact, interpolated between neighbours. In Q6 a step
//! counts when the ones before it came earlier or at the same time, the first of them no more than 14 days ago.
//!
//! Q13 writes a file, the `out` of `ids.json`, and answers with its size in bytes: every event from 2026-06-20 on and
//! before 2026-06-25 as one JSON object per line, with `uuid event properties timestamp distinct_id elements_chain
//! created_at person_id person_properties`. Q8 to Q11 are asked over HTTP and not here.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use env::{Files, Lock, RealFiles};
use meta::Meta;
use model::{Day, ProjectId};
use parking_lot::Mutex;
use query::insight::{FunnelQuery, RetentionQuery};
use query::{
    AggregateRow, Aggregation, Conditions, Engine, EngineSettings, ExportQuery, Filter, Group, GroupValue, Interval,
    Measure, MeasureValue, TimeRange,
};
use serde::Serialize;
use store::{Contents, Store};

/// What is answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// Rows as CSV.
    Text(String),
    /// The size of the file that was written.
    Bytes(u64),
}

pub(crate) const PROJECT: ProjectId = ProjectId(1);
/// Threads of every engine in the comparison.
const THREADS: usize = 2;
pub(crate) const NOW: &str = "2026-06-30T00:00:00Z";

/// The engine on a data directory, opened as the server opens it.
pub(crate) struct Engines {
    engine: Engine,
    runtime: tokio::runtime::Runtime,
    out: PathBuf,
    _lock: Box<dyn Lock>,
}

/// The engine on a data directory, and the lock that keeps servers off it.
pub(crate) fn open(data_dir: &Path) -> anyhow::Result<(Engine, Box<dyn Lock>)> {
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

/// The limits of every engine in the comparison.
pub(crate) fn settings() -> EngineSettings {
    EngineSettings { threads: THREADS, ..EngineSettings::default() }
}

impl Engines {
    /// Opens `data_dir`, which no server must have open.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or holds unsealed events: stop the server in order first.
    pub(crate) fn open(data_dir: &Path, out: PathBuf) -> anyhow::Result<Self> {
        let (engine, lock) = open(data_dir)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self { engine, runtime, out, _lock: lock })
    }

    /// Answers `question`.
    ///
    /// # Errors
    ///
    /// When there is no such question, or it cannot be answered.
    pub(crate) fn answer(&self, question: &str) -> anyhow::Result<Answer> {
        let text = match question {
            "Q1" => self.counts(last_days(30)?, &[], Group::Event, 0)?,
            "Q2" => self.by_day("$pageview", &[Measure::Count, Measure::Persons])?,
            "Q3" => self.counts(last_days(30)?, &["$pageview"], property("$browser"), 0)?,
            "Q4" => self.containing()?,
            "Q5" => self.amounts()?,
            "Q6" => self.funnel()?,
            "Q7" => self.retention()?,
            "Q12" => self.urls()?,
            "Q14" => self.durations()?,
            "Q13" => return self.export(),
            _ => bail!("there is no question {question:?}"),
        };
        Ok(Answer::Text(text))
    }

    fn rows(
        &self,
        conditions: Conditions,
        groups: Vec<Group>,
        measures: &[Measure],
    ) -> anyhow::Result<Vec<AggregateRow>> {
        let aggregation = Aggregation { project: PROJECT, conditions, groups, measures: measures.to_vec() };
        Ok(self.runtime.block_on(self.engine.aggregate(aggregation))?)
    }

    /// Counts by group, the most frequent first; at most `limit` rows unless it is zero.
    fn counts(&self, range: TimeRange, events: &[&str], group: Group, limit: usize) -> anyhow::Result<String> {
        let rows = self.rows(of_events(range, events), vec![group], &[Measure::Count])?;
        Ok(ranked(rows, limit))
    }

    fn by_day(&self, event: &str, measures: &[Measure]) -> anyhow::Result<String> {
        let conditions = of_events(TimeRange::ALL, &[event]);
        Ok(lines(&self.rows(conditions, vec![Group::Interval(Interval::DAY)], measures)?, &[]))
    }

    fn containing(&self) -> anyhow::Result<String> {
        let conditions = Conditions { filter: contains("/pricing")?, ..Conditions::default() };
        Ok(lines(&self.rows(conditions, vec![Group::Interval(Interval::DAY)], &[Measure::Count])?, &[]))
    }

    fn amounts(&self) -> anyhow::Result<String> {
        let conditions = of_events(TimeRange::ALL, &["purchase_completed"]);
        let amount = || "amount".to_owned();
        let measures = [Measure::Count, Measure::Sum(amount()), Measure::Average(amount())];
        Ok(lines(&self.rows(conditions, vec![property("plan")], &measures)?, &[0, 2, 4]))
    }

    fn funnel(&self) -> anyhow::Result<String> {
        let steps = ["$pageview", "add_to_cart", "purchase_completed"].map(str::to_owned).to_vec();
        let window = 14 * Day::MICROS.unsigned_abs();
        let query = FunnelQuery { project: PROJECT, conditions: Conditions::default(), steps, window };
        let reached = self.runtime.block_on(self.engine.funnel(query))?;
        Ok(reached.iter().map(u64::to_string).collect::<Vec<_>>().join(",") + "\n")
    }

    fn retention(&self) -> anyhow::Result<String> {
        let conditions = of_events(TimeRange::ALL, &["$pageview"]);
        let query = RetentionQuery { project: PROJECT, conditions, interval: Interval::WEEK };
        let mut text = String::new();
        for cell in self.runtime.block_on(self.engine.retention(query))? {
            writeln!(text, "{},{},{}", day(cell.cohort), cell.offset, cell.persons)?;
        }
        Ok(text)
    }

    fn urls(&self) -> anyhow::Result<String> {
        let conditions = Conditions { range: last_days(7)?, filter: contains("check")?, ..Conditions::default() };
        Ok(ranked(self.rows(conditions, vec![property("$current_url")], &[Measure::Count])?, 10))
    }

    fn durations(&self) -> anyhow::Result<String> {
        let conditions = of_events(last_days(30)?, &["$pageleave"]);
        let duration = |share| Measure::Quantile("$prev_pageview_duration".to_owned(), share);
        Ok(lines(&self.rows(conditions, Vec::new(), &[duration(0.5), duration(0.95)])?, &[6, 6]))
    }

    fn export(&self) -> anyhow::Result<Answer> {
        #[expect(clippy::disallowed_methods, reason = "what the benchmark writes is not a file of the product")]
        let file = std::fs::File::create(&self.out).with_context(|| format!("{}", self.out.display()))?;
        let output = Arc::new(Mutex::new(BufWriter::new(file)));
        let range = TimeRange { first: micros("2026-06-20T00:00:00Z")?, last: micros("2026-06-25T00:00:00Z")? - 1 };
        let query = ExportQuery { project: PROJECT, conditions: of_events(range, &[]) };
        self.runtime.block_on(self.engine.export(query, Arc::clone(&output) as query::Output))?;
        output.lock().flush()?;
        Ok(Answer::Bytes(output.lock().get_ref().metadata()?.len()))
    }
}

fn micros(instant: &str) -> anyhow::Result<i64> {
    Ok(instant.parse::<jiff::Timestamp>()?.as_microsecond())
}

fn last_days(days: i64) -> anyhow::Result<TimeRange> {
    let now = micros(NOW)?;
    Ok(TimeRange { first: now - days * Day::MICROS, last: now - 1 })
}

fn of_events(range: TimeRange, events: &[&str]) -> Conditions {
    let events = (!events.is_empty()).then(|| events.iter().map(|event| (*event).to_owned()).collect());
    Conditions { range, events, ..Conditions::default() }
}

fn property(key: &str) -> Group {
    Group::Property(key.to_owned())
}

fn contains(text: &str) -> anyhow::Result<Filter> {
    let leaf = serde_json::json!([{ "key": "$current_url", "operator": "icontains", "value": text }]);
    Ok(Filter::parse(&leaf.to_string())?.filter)
}

fn day(at: i64) -> String {
    let instant = jiff::Timestamp::from_microsecond(at).unwrap_or_default();
    instant.strftime("%Y-%m-%d").to_string()
}

/// Rows by their first measure, the largest first, then by group.
fn ranked(mut rows: Vec<AggregateRow>, limit: usize) -> String {
    let count = |row: &AggregateRow| match row.measures.first() {
        Some(MeasureValue::Count(count)) => *count,
        _ => 0,
    };
    // ClickHouse and DuckDB put what is missing last.
    let missing = |row: &AggregateRow| matches!(row.groups.first(), Some(GroupValue::Text(None)));
    rows.sort_by(|a, b| (count(b), missing(a), &a.groups).cmp(&(count(a), missing(b), &b.groups)));
    if limit > 0 {
        rows.truncate(limit);
    }
    lines(&rows, &[])
}

/// Rows as CSV, with so many decimals for each measure that is no count.
fn lines(rows: &[AggregateRow], decimals: &[usize]) -> String {
    let mut rows: Vec<&AggregateRow> = rows.iter().collect();
    // A missing group comes last.
    rows.sort_by_key(|row| matches!(row.groups.first(), Some(GroupValue::Text(None))));
    let mut text = String::new();
    for row in rows {
        let groups = row.groups.iter().map(|group| match group {
            GroupValue::Interval(at) => day(*at),
            GroupValue::Text(text) => {
                text.as_deref().map(|text| format!("\"{}\"", text.replace('"', "\"\""))).unwrap_or_default()
            }
        });
        let measures = row.measures.iter().enumerate().map(|(at, measure)| match measure {
            MeasureValue::Count(count) => count.to_string(),
            MeasureValue::Number(None) => String::new(),
            MeasureValue::Number(Some(number)) => format!("{number:.*}", decimals.get(at).copied().unwrap_or(6)),
        });
        text.push_str(&groups.chain(measures).collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}
