//! Funnels and retention of stored events: scans fed into the kernels.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Int32Type, TimestampMicrosecondType, UInt32Type};
use model::ProjectId;
use store::{Chunk, Column, Part, Selection, Snapshot, TimeRange};

use super::funnel::{Extent, Funnel, FunnelBuilder};
use super::retention::RetentionBuilder;
use crate::QueryError;
use crate::aggregate::Interval;
use crate::engine::{Core, Engine};
use crate::scan::{self, Cancelled, Conditions, Narrowed};

/// How many persons did one event, then another in time, and so on.
#[derive(Debug, Clone)]
pub struct FunnelQuery {
    /// Whose events.
    pub project: ProjectId,
    /// Which events count at all; event names are those of the steps.
    pub conditions: Conditions,
    /// The event of each step: 1 to 32.
    pub steps: Vec<String>,
    /// From the first step to the last, at most, in microseconds.
    pub window: u64,
}

/// Who came back in which interval after the first.
#[derive(Debug, Clone)]
pub struct RetentionQuery {
    /// Whose events.
    pub project: ProjectId,
    /// Which events count.
    pub conditions: Conditions,
    /// The intervals.
    pub interval: Interval,
}

/// Persons of one cohort in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionCell {
    /// Start of the interval in which these persons came first, microseconds since 1970.
    pub cohort: i64,
    /// Intervals after that.
    pub offset: u32,
    /// How many came.
    pub persons: u64,
}

/// More intervals than this are refused: nobody reads such a table.
const INTERVALS_MAX: i64 = 10_000;

impl Engine {
    /// How many persons reached each step of a funnel, merges applied. Steps are as ClickHouse's `windowFunnel` has them.
    ///
    /// Cost: reads person and time of the steps' events. Memory: 8 to 16 bytes for each of them.
    ///
    /// # Errors
    ///
    /// See [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = query.project.0))]
    pub async fn funnel(&self, query: FunnelQuery) -> Result<Vec<u64>, QueryError> {
        let store = Arc::clone(&self.store);
        self.run(move |core| async move { funnel(&core, &store.snapshot(query.project), query).await }).await
    }

    /// Which persons came back when; cells without persons are left out.
    ///
    /// Cost: reads the person of every event asked for, and its time where a part spans intervals.
    ///
    /// # Errors
    ///
    /// [`QueryError::TooManyIntervals`], and see [`QueryError`].
    #[tracing::instrument(skip_all, fields(project = query.project.0))]
    pub async fn retention(&self, query: RetentionQuery) -> Result<Vec<RetentionCell>, QueryError> {
        let store = Arc::clone(&self.store);
        self.run(move |core| async move { retention(&core, &store.snapshot(query.project), query).await }).await
    }
}

async fn funnel(core: &Core, snapshot: &Snapshot, query: FunnelQuery) -> Result<Vec<u64>, QueryError> {
    let FunnelQuery { mut conditions, steps, window, .. } = query;
    conditions.events = Some(steps.clone());
    let asked = Narrowed::new(conditions, snapshot);
    let kernel = Funnel::new(steps.len(), window);
    let parts = wanted(snapshot, &asked)?;
    let extent = Extent {
        persons_max: snapshot.last_person()?,
        times: span(&parts).map_or(0..=0, |span| span.first..=span.last),
    };
    let threads = core.settings.threads;
    let states = scan::each(core.settings.threads, parts, Cancelled::default(), {
        let extent = extent.clone();
        move |state: &mut Option<FunnelBuilder>, part: &Part| {
            let builder = state.get_or_insert_with(|| FunnelBuilder::new(kernel, &extent));
            for chunk in part.chunks()? {
                let rows = scan::narrow(&chunk, &asked)?;
                push_steps(builder, &chunk, &rows, &steps)?;
            }
            Ok(())
        }
    });
    let mut all = FunnelBuilder::new(kernel, &extent);
    let memory = core.reserve("funnel");
    for builder in states.await?.into_iter().flatten() {
        all.merge(builder);
        memory.try_resize(all.bytes()).map_err(|error| core.failed(error))?;
    }
    let finished = tokio::task::spawn_blocking(move || all.finish(threads).reached().to_vec()).await;
    finished.map_err(|failed| QueryError::Internal(failed.into()))
}

fn push_steps(
    builder: &mut FunnelBuilder,
    chunk: &Chunk,
    rows: &Selection,
    steps: &[String],
) -> Result<(), QueryError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mask =
        |event: &str| (0..).zip(steps).filter(|(_, step)| *step == event).fold(0_u32, |mask, (at, _)| mask | 1 << at);
    let runs = match chunk.runs(rows)? {
        Some(runs) => runs.into_iter().map(|(event, rows)| (Some(mask(&event)), rows)).collect(),
        None => vec![(None, rows.clone())],
    };
    for (same, rows) in runs {
        let columns = chunk.read(&[Column::PersonNumber, Column::Timestamp], &rows)?;
        let persons = columns[0].as_primitive::<UInt32Type>().values();
        let times = columns[1].as_primitive::<TimestampMicrosecondType>().values();
        let masks = match same {
            Some(mask) => vec![mask; persons.len()],
            None => {
                let events = chunk.read(&[Column::Event], &rows)?.remove(0);
                let events = events.as_dictionary::<Int32Type>();
                let masks: Vec<u32> =
                    events.values().as_string::<i32>().iter().map(|event| mask(event.unwrap_or_default())).collect();
                (0..persons.len())
                    .map(|row| events.key(row).and_then(|key| masks.get(key)).copied().unwrap_or(0))
                    .collect()
            }
        };
        builder.push(persons, times, &masks);
    }
    Ok(())
}

async fn retention(core: &Core, snapshot: &Snapshot, query: RetentionQuery) -> Result<Vec<RetentionCell>, QueryError> {
    let RetentionQuery { conditions, interval, .. } = query;
    let asked = Narrowed::new(conditions, snapshot);
    let parts = wanted(snapshot, &asked)?;
    let Some(span) = span(&parts) else { return Ok(Vec::new()) };
    let range = asked.conditions.range;
    let first = interval.number(span.first.max(range.first));
    let intervals = interval.number(span.last.min(range.last)) - first + 1;
    if intervals > INTERVALS_MAX {
        return Err(QueryError::TooManyIntervals { limit: INTERVALS_MAX });
    }
    let intervals = usize::try_from(intervals).unwrap_or(0);
    let states = scan::each(
        core.settings.threads,
        parts,
        Cancelled::default(),
        move |state: &mut Option<RetentionBuilder>, part: &Part| {
            let builder = state.get_or_insert_with(|| RetentionBuilder::new(intervals));
            let number = |at: i64| u32::try_from(interval.number(at) - first).unwrap_or(0);
            for chunk in part.chunks()? {
                let rows = scan::narrow(&chunk, &asked)?;
                if rows.is_empty() {
                    continue;
                }
                let persons = chunk.read(&[Column::PersonNumber], &rows)?.remove(0);
                let persons = persons.as_primitive::<UInt32Type>().values();
                let range = part.time_range();
                let numbers = if interval.number(range.first) == interval.number(range.last) {
                    vec![number(range.first); persons.len()]
                } else {
                    let times = chunk.read(&[Column::Timestamp], &rows)?.remove(0);
                    times.as_primitive::<TimestampMicrosecondType>().values().iter().map(|at| number(*at)).collect()
                };
                builder.push(persons, &numbers);
            }
            Ok(())
        },
    );
    let mut all = RetentionBuilder::new(intervals);
    let memory = core.reserve("retention");
    for builder in states.await?.into_iter().flatten() {
        all.merge(builder);
        memory.try_resize(all.bytes()).map_err(|error| core.failed(error))?;
    }
    let table = all.finish(core.settings.threads);
    let mut cells = Vec::new();
    for cohort in 0..table.periods() {
        for (offset, persons) in (0..).zip(table.cohort(cohort)).filter(|(_, persons)| **persons > 0) {
            let number = first + i64::try_from(cohort).unwrap_or(0);
            cells.push(RetentionCell { cohort: interval.start(number), offset, persons: *persons });
        }
    }
    Ok(cells)
}

/// The parts that may hold what is asked for.
fn wanted(snapshot: &Snapshot, asked: &Narrowed) -> Result<Vec<Part>, QueryError> {
    let mut parts = Vec::with_capacity(snapshot.parts().len());
    for part in snapshot.parts() {
        if asked.may_be_in(part)? {
            parts.push(part.clone());
        }
    }
    Ok(parts)
}

/// From the first to the last timestamp.
fn span(parts: &[Part]) -> Option<TimeRange> {
    parts
        .iter()
        .map(Part::time_range)
        .reduce(|a, b| TimeRange { first: a.first.min(b.first), last: a.last.max(b.last) })
}
