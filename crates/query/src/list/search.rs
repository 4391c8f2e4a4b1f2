//! Finds which rows come first, by reading no more than it takes.

use datafusion::common::Result as EngineResult;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident, lit};
use futures::TryStreamExt;
use model::Timestamp;

use super::{Bound, EventsQuery, Order, Position};
use crate::QueryError;
use crate::decode;
use crate::engine::Core;
use crate::plan::{self, column};
use crate::table::{self, Part};

/// Parts are visited in groups of as many as there are threads, then twice as many, up to this multiple of it.
const GROUP_GROWTH_MAX: usize = 8;

/// One row of the answer: its place in the order, and the part that holds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) position: Position,
    pub(super) part: u32,
}

/// The first rows that `query` asks for, in order: up to the end of its page and one more.
pub(super) async fn first(core: &Core, parts: &[Part], query: &EventsQuery) -> Result<Vec<Found>, QueryError> {
    let rows_in_range: usize = parts.iter().map(|part| part.count).fold(0, usize::saturating_add);
    let wanted = query.offset.saturating_add(query.limit).saturating_add(1).min(rows_in_range.max(1));
    let memory = core.reserve("rows found");
    let mut found: Vec<Found> = Vec::new();
    let mut left = in_order(parts, query);
    let mut group = core.settings.threads;
    while !left.is_empty() {
        let worst = found.get(wanted - 1).map(|last| last.position.timestamp);
        if worst.is_some_and(|worst| left.first().is_some_and(|part| query.order.is_past(worst, part))) {
            break;
        }
        let later = left.split_off(group.min(left.len()));
        let plan = search_plan(core, left, query, worst, wanted).map_err(|error| core.failed(error))?;
        let batches: Vec<_> = core.start(&plan).await?.try_collect().await.map_err(|error| core.failed(error))?;
        for batch in &batches {
            let positions = decode::positions(batch).map_err(|error| core.failed(error))?;
            let numbers = decode::part_numbers(batch).map_err(|error| core.failed(error))?;
            found.extend(positions.zip(numbers).map(|(position, part)| Found { position, part }));
        }
        match query.order {
            Order::Descending => found.sort_unstable_by_key(|row| std::cmp::Reverse((row.position, row.part))),
            Order::Ascending => found.sort_unstable_by_key(|row| (row.position, row.part)),
        }
        found.truncate(wanted);
        memory.try_resize(found.capacity() * size_of::<Found>()).map_err(|error| core.failed(error))?;
        left = later;
        group = (group * 2).min(core.settings.threads * GROUP_GROWTH_MAX);
    }
    Ok(found)
}

/// The parts that can hold what `query` asks for, those with its first rows first.
fn in_order(parts: &[Part], query: &EventsQuery) -> Vec<Part> {
    let in_range = |part: &&Part| {
        query.after.is_none_or(|bound| part.latest() >= bound.timestamp)
            && query.before.is_none_or(|bound| part.earliest() <= bound.timestamp)
    };
    let mut parts: Vec<_> = parts.iter().filter(in_range).cloned().collect();
    match query.order {
        Order::Descending => parts.sort_by_key(|part| std::cmp::Reverse(part.latest())),
        Order::Ascending => parts.sort_by_key(Part::earliest),
    }
    parts
}

impl Order {
    /// Whether every row of `part` comes after all rows at `timestamp`.
    fn is_past(self, timestamp: Timestamp, part: &Part) -> bool {
        match self {
            Self::Descending => part.latest() < timestamp,
            Self::Ascending => part.earliest() > timestamp,
        }
    }
}

/// Scan, filter, and keep the first `wanted`: timestamp, uuid and part number of each.
fn search_plan(
    core: &Core,
    parts: Vec<Part>,
    query: &EventsQuery,
    worst: Option<Timestamp>,
    wanted: usize,
) -> EngineResult<LogicalPlan> {
    let ascending = query.order == Order::Ascending;
    let sort = |name| ident(name).sort(ascending, false);
    let scan = LogicalPlanBuilder::scan("events", table::source(parts, core.settings.threads), None)?;
    let matching = match plan::all(conditions(query, worst)) {
        Some(condition) => scan.filter(condition)?,
        None => scan,
    };
    matching
        .project([ident(column::TIMESTAMP), ident(column::UUID), ident(column::PART)])?
        .sort_with_limit([sort(column::TIMESTAMP), sort(column::UUID)], Some(wanted))?
        .build()
}

fn conditions(query: &EventsQuery, worst: Option<Timestamp>) -> Vec<Expr> {
    let timestamp = || ident(column::TIMESTAMP);
    let mut conditions = Vec::new();
    // Rows beyond the worst one in hand cannot make it; those at the same instant can.
    conditions.extend(worst.map(|worst| match query.order {
        Order::Descending => timestamp().gt_eq(plan::timestamp(worst)),
        Order::Ascending => timestamp().lt_eq(plan::timestamp(worst)),
    }));
    if let Some(Bound { timestamp: at, id }) = query.after {
        let at = plan::timestamp(at);
        match id {
            None => conditions.push(timestamp().gt(at)),
            // Said twice, so that the range alone can be used to skip data.
            Some(id) => conditions
                .extend([timestamp().gt_eq(at.clone()), timestamp().gt(at).or(ident(column::UUID).gt(plan::uuid(id)))]),
        }
    }
    if let Some(Bound { timestamp: at, id }) = query.before {
        let at = plan::timestamp(at);
        match id {
            None => conditions.push(timestamp().lt(at)),
            Some(id) => conditions
                .extend([timestamp().lt_eq(at.clone()), timestamp().lt(at).or(ident(column::UUID).lt(plan::uuid(id)))]),
        }
    }
    conditions.extend(query.event.as_ref().map(|event| ident(column::EVENT).eq(lit(event.as_str()))));
    conditions.extend(query.distinct_id.as_ref().map(|id| ident(column::DISTINCT_ID).eq(lit(id.as_str()))));
    conditions.extend(query.person.map(|person| ident(column::PERSON_ID).eq(plan::uuid(person))));
    conditions.extend(plan::filter(&query.filter));
    conditions
}
