//! Lists of events: finds which rows are first, then reads what is asked of them.
//!
//! A list shows whole events, a kilobyte each, of which nearly all are sorted away. So the keys and conditions are read
//! first, and everything else of the few rows that are left. Where time is the first key, events are looked at from the
//! list's end of time in windows that double, until there are enough: all rows of a window come before those of the next.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{UInt32Type, UInt64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, SortExpr, ident};
use futures::StreamExt as _;
use hogql::resolved::{Body, Kind, Query, RelationId, Select, Source, Table};
use store::{Selection, Snapshot, TimeRange};

use super::planner::Planner;
use super::scope::Scope;
use super::select::filtered;
use super::{order, usage};
use crate::QueryError;
use crate::engine::Core;
use crate::plan::column;
use crate::table::{self, Extent, Places};

/// Lists longer than this are read in one go.
const ROWS_MAX: usize = 50_000;
/// Stored events in the first window.
const FIRST_WINDOW_ROWS: u64 = 250_000;

/// A query that lists events.
pub(super) struct List<'q> {
    select: &'q Select,
    events: RelationId,
    /// Rows to find, those left out first included.
    count: usize,
    by_time: Option<Direction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl<'q> List<'q> {
    /// `query`, if it is nothing but a sorted list of the first few events.
    pub(super) fn of(query: &'q Query, scope: &Scope) -> Result<Option<Self>> {
        let Body::Select(select) = &query.body else { return Ok(None) };
        let Some(Source::Table { id, table: Table::Events, sample: None }) = &select.source else { return Ok(None) };
        let is_plain = select.array_joins.is_empty()
            && select.late_array_joins.is_empty()
            && select.group_by.is_none()
            && select.having.is_none()
            && select.qualify.is_none()
            && select.limit_by.is_none()
            && !select.distinct
            && !select.limit.with_ties;
        let mut has_window = false;
        usage::expressions(select, &mut |expr| has_window |= holds_window(expr));
        let Some(first) = select.order_by.first() else { return Ok(None) };
        let Some(limit) = &select.limit.limit else { return Ok(None) };
        if !is_plain || has_window || select.order_by.iter().any(|key| key.fill.is_some()) {
            return Ok(None);
        }
        let offset = select.limit.offset.as_ref().map(|expr| scope.count(expr)).transpose()?.unwrap_or(0);
        let count = scope.count(limit)?.saturating_add(offset);
        if count > ROWS_MAX {
            return Ok(None);
        }
        let is_time = |kind: &Kind| matches!(kind, Kind::Column { name, .. } if name.as_ref() == column::TIMESTAMP);
        let is_by_time = match &first.expr.kind {
            // Another zone is the same order.
            Kind::Call { function: "toTimeZone", arguments } => arguments.first().is_some_and(|of| is_time(&of.kind)),
            kind => is_time(kind),
        };
        let direction = if first.descending { Direction::Down } else { Direction::Up };
        Ok(Some(Self { select, events: *id, count, by_time: is_by_time.then_some(direction) }))
    }

    /// Where the rows of the list are. `plan` makes a plan for rows of some extent.
    pub(super) async fn find(
        &self,
        core: &Core,
        snapshot: &Snapshot,
        plan: impl Fn(Extent) -> Result<LogicalPlan, QueryError>,
    ) -> Result<Arc<Places>, QueryError> {
        let mut found = Vec::new();
        let parts = snapshot.parts().iter().map(|part| (part.time_range(), part.rows())).collect();
        let mut windows = Windows::new(parts, self.by_time, FIRST_WINDOW_ROWS);
        while found.len() < self.count
            && let Some(window) = windows.next()
        {
            let mut rows = core.start(&plan(Extent::Within(window))?).await?;
            while let Some(batch) = rows.next().await {
                let batch = batch.map_err(|error| core.failed(error))?;
                let chunks = batch.column(0).as_primitive::<UInt64Type>().values();
                let rows = batch.column(1).as_primitive::<UInt32Type>().values();
                found.extend(chunks.iter().copied().zip(rows.iter().copied()));
            }
        }
        found.sort_unstable();
        let mut places = Places::new();
        for rows in found.chunk_by(|a, b| a.0 == b.0) {
            if let Some((chunk, _)) = rows.first() {
                places.insert(*chunk, Selection::from_rows(rows.iter().map(|(_, row)| *row)));
            }
        }
        Ok(Arc::new(places))
    }
}

fn holds_window(expr: &hogql::resolved::Expr) -> bool {
    let mut holds = matches!(expr.kind, Kind::Window(_));
    expr.operands(&mut |operand| holds |= holds_window(operand));
    holds
}

impl Planner<'_> {
    /// The places of the rows that `list` shows: of each its chunk and its number in it.
    pub(super) fn places(&self, list: &List<'_>) -> Result<LogicalPlan> {
        let mut scope = Scope::new(&self.answers);
        let select = list.select;
        let usage = usage::of_order(select);
        let Some(source) = &select.source else { return super::refuse("a list of events reads events") };
        let mut plan = self.source(source, &usage, &mut scope)?;
        if let Some(filter) = &select.filter {
            plan = filtered(plan, scope.condition(filter)?)?;
        }
        let place = [table::CHUNK, table::ROW];
        let mut columns: Vec<_> =
            place.iter().map(|name| super::source::column(list.events, name).alias(*name)).collect();
        let mut sort: Vec<SortExpr> = Vec::new();
        for (at, key) in select.order_by.iter().enumerate() {
            let name = format!("o{at}");
            columns.push(scope.value(&key.expr)?.alias(&name));
            sort.push(order::sort(ident(name), key));
        }
        LogicalPlanBuilder::from(plan)
            .project(columns)?
            .sort_with_limit(sort, Some(list.count))?
            .project(place.map(ident))?
            .build()
    }
}

/// Consecutive stretches of time that hold all of a snapshot's events, those that sort first coming first.
struct Windows {
    direction: Option<Direction>,
    /// What is left.
    rest: Option<TimeRange>,
    /// Of each part its time and rows, in the order in which they matter.
    parts: Vec<(TimeRange, u64)>,
    /// How many of them have been looked at.
    taken: usize,
    /// How many rows the next window should have at least.
    rows: u64,
}

impl Windows {
    /// Of `parts`, each with its time and rows; at least `rows` in the first window.
    fn new(mut parts: Vec<(TimeRange, u64)>, direction: Option<Direction>, rows: u64) -> Self {
        match direction {
            Some(Direction::Up) => parts.sort_unstable_by_key(|(range, _)| range.first),
            _ => parts.sort_unstable_by_key(|(range, _)| std::cmp::Reverse(range.last)),
        }
        Self { direction, rest: Some(TimeRange::ALL), parts, taken: 0, rows }
    }
}

impl Iterator for Windows {
    type Item = TimeRange;

    fn next(&mut self) -> Option<TimeRange> {
        let rest = self.rest.take()?;
        let Some(direction) = self.direction else { return Some(rest) };
        let mut rows = 0;
        loop {
            let Some((_, count)) = self.parts.get(self.taken) else { return Some(rest) };
            rows += count;
            self.taken += 1;
            let next = self.parts.get(self.taken).filter(|_| rows >= self.rows);
            // What lies before every part that is left: nothing else is there.
            let (window, left) = match (next, direction) {
                (None, _) => continue,
                (Some((next, _)), Direction::Down) => {
                    (TimeRange { first: next.last.saturating_add(1), ..rest }, TimeRange { last: next.last, ..rest })
                }
                (Some((next, _)), Direction::Up) => {
                    (TimeRange { last: next.first.saturating_sub(1), ..rest }, TimeRange { first: next.first, ..rest })
                }
            };
            if window.first <= window.last {
                self.rows = self.rows.saturating_mul(2);
                self.rest = Some(left);
                return Some(window);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn windows_hold_every_instant_once_and_in_order(
            parts in prop::collection::vec((-20..20_i64, 0..9_i64, 0..9_u64), 0..12),
            is_down: bool,
            rows in 0..20_u64,
        ) {
            let of = |(first, length, rows)| (TimeRange { first, last: first + length }, rows);
            let direction = if is_down { Direction::Down } else { Direction::Up };
            let parts: Vec<_> = parts.into_iter().map(of).collect();
            let mut windows: Vec<_> = Windows::new(parts.clone(), Some(direction), rows).collect();
            if is_down {
                windows.reverse();
            }
            prop_assert_eq!(windows.first().map(|window| window.first), Some(i64::MIN));
            prop_assert_eq!(windows.last().map(|window| window.last), Some(i64::MAX));
            for pair in windows.windows(2) {
                prop_assert_eq!(pair[0].last + 1, pair[1].first);
            }
            prop_assert!(windows.len() <= parts.len().max(1));
        }
    }

    #[test]
    fn windows_double_and_end_with_what_is_left() {
        let day = |day: i64| (TimeRange { first: day * 10, last: day * 10 + 9 }, 100);
        let windows = Windows::new((0..8).map(day).collect(), Some(Direction::Down), 100);
        let firsts: Vec<_> = windows.map(|window| window.first).collect();
        assert_eq!(firsts, [70, 50, 10, i64::MIN]);
    }
}
