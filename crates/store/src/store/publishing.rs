//! Publishing: rows become visible, and the earlier copies they replace do not.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{EventRow, ProjectId, SegmentId};
use uuid::Uuid;

use super::{Batch, Mutant, Published, Store, Turn};
use crate::error::StoreError;
use crate::identity::{Identity, Probe};
use crate::schema::batch_of;
use crate::segment::Segment;
use crate::state::ProjectState;

/// Rows of one project, ready to be made visible.
struct Prepared<'a> {
    project: ProjectId,
    rows: Vec<(Identity, &'a EventRow)>,
    replaced_in_segments: Vec<(SegmentId, Vec<u32>)>,
}

impl Store {
    /// Makes the rows and merges of `batch` visible in one step, and earlier copies of the same events invisible.
    ///
    /// # Errors
    ///
    /// Nothing is visible then; publish the same batch again.
    pub fn publish(&self, batch: &Batch) -> Result<Published, StoreError> {
        let mut turn = self.turn.lock();
        let prepared = self.prepare(&batch.rows)?;
        let mut published = Published::default();
        let mut columns = Vec::with_capacity(prepared.len());
        for project in &prepared {
            columns.push(batch_of(project.rows.iter().map(|(_, row)| *row))?);
        }
        let mut state = self.state.write();
        for (project, columns) in prepared.into_iter().zip(columns) {
            published.rows += project.rows.len();
            let visible = state.projects.entry(project.project).or_default();
            visible.version += 1;
            published.replaced += turn.show(visible, project, columns)?;
        }
        for merge in &batch.merges {
            let visible = state.projects.entry(merge.project).or_default();
            visible.version += 1;
            Arc::make_mut(&mut visible.merges).add(merge);
        }
        drop(state);
        turn.active.through = turn.active.through.max(batch.through);
        self.counters.replaced.fetch_add(published.replaced as u64, Ordering::Relaxed);
        Ok(published)
    }

    /// Groups rows by project, keeps the last of each identity, and looks for earlier copies in segments.
    fn prepare<'a>(&self, rows: &'a [EventRow]) -> Result<Vec<Prepared<'a>>, StoreError> {
        let mut projects: HashMap<ProjectId, Vec<(Identity, &'a EventRow)>> = HashMap::new();
        for row in rows {
            let identity = self.identity_of(row);
            projects.entry(row.project).or_default().push((identity, row));
        }
        let mut prepared = Vec::with_capacity(projects.len());
        for (project, mut rows) in projects {
            let mut seen = HashSet::with_capacity(rows.len());
            rows.reverse();
            rows.retain(|(identity, _)| seen.insert(*identity));
            rows.reverse();
            let segments =
                self.state.read().projects.get(&project).map(|state| state.segments.clone()).unwrap_or_default();
            let replaced_in_segments = self.find_in_segments(&segments, &rows)?;
            prepared.push(Prepared { project, rows, replaced_in_segments });
        }
        Ok(prepared)
    }

    fn identity_of(&self, row: &EventRow) -> Identity {
        if self.is(Mutant::Blind) {
            return Identity(std::ptr::from_ref(row).addr() as u128);
        }
        Identity::of(&row.distinct_id, &row.event, row.uuid)
    }

    fn find_in_segments(
        &self,
        segments: &[Arc<Segment>],
        rows: &[(Identity, &EventRow)],
    ) -> Result<Vec<(SegmentId, Vec<u32>)>, StoreError> {
        let files = self.files.as_ref();
        let probes: Vec<Probe> = rows.iter().map(|(identity, row)| identity.probe(row.uuid)).collect();
        let mut found = Vec::new();
        let mut cached_bytes = 0;
        for segment in segments.iter().rev() {
            let may_hold = segment.may_hold(files, &probes)?;
            let wanted: Vec<(Identity, Uuid)> = rows
                .iter()
                .zip(may_hold)
                .filter(|(_, may_hold)| *may_hold)
                .map(|((identity, row), _)| (*identity, row.uuid))
                .collect();
            cached_bytes += segment.filter_bytes();
            if cached_bytes > self.settings.filter_cache_bytes {
                segment.forget_filter();
            }
            if !wanted.is_empty() {
                self.counters.confirmations.fetch_add(1, Ordering::Relaxed);
                found.push((segment.entry.id, segment.rows_of(files, &wanted)?));
            }
        }
        Ok(found)
    }
}

impl Turn {
    /// Adds prepared rows to what is visible and takes away what they replace; returns how many that were.
    fn show(
        &mut self,
        visible: &mut ProjectState,
        prepared: Prepared<'_>,
        columns: arrow::array::RecordBatch,
    ) -> Result<usize, StoreError> {
        let mut replaced = 0;
        let first = visible.active.push(columns)?;
        let index = self.active.index.entry(prepared.project).or_default();
        let sealing = self.sealing.index.get(&prepared.project);
        for ((identity, _), row) in prepared.rows.iter().zip(first..) {
            if let Some(before) = index.note(*identity, row) {
                visible.active.delete(before);
                replaced += 1;
            }
            if let Some(before) = sealing.and_then(|index| index.get(*identity))
                && !visible.sealing.deleted.contains(before)
            {
                visible.sealing.delete(before);
                replaced += 1;
            }
        }
        for (segment, rows) in prepared.replaced_in_segments {
            let deleted = visible.deleted.entry(segment).or_default();
            for row in rows.into_iter().filter(|row| !deleted.contains(*row)).collect::<Vec<_>>() {
                Arc::make_mut(deleted).insert(row);
                self.dirty.insert((prepared.project, segment));
                replaced += 1;
            }
        }
        Ok(replaced)
    }
}
