//! Compacting: some segments give way to others with the same rows, and merges and deletions end that nothing needs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{DeletedRows, MergeId, PersonMerge, ProjectId, SegmentEntry, SegmentId, Timestamp};
use roaring::RoaringBitmap;

use super::{Mutant, Removals, Store};
use crate::codec::encode_bitmap;
use crate::compact::choose::{self, Candidate};
use crate::compact::{self, Compacted, Job};
use crate::error::StoreError;
use crate::snapshot::{Context, Part};
use crate::state::ProjectState;

impl Store {
    /// The next segments worth merging, of any project; none when all is as it should be. `removals` says what has to go.
    ///
    /// # Errors
    ///
    /// When a segment's index cannot be read.
    pub fn next_compaction(&self, removals: &HashMap<ProjectId, Removals>) -> Result<Option<Job>, StoreError> {
        let projects: Vec<(ProjectId, ProjectState)> =
            self.state.read().projects.iter().map(|(id, project)| (*id, project.clone())).collect();
        let none = Removals::default();
        for (id, project) in projects {
            let removals = removals.get(&id).unwrap_or(&none);
            let expired_before = removals.expired_before.map_or(i64::MIN, Timestamp::as_micros);
            let persons = project.merges.all_numbers_of(&removals.persons);
            let mut candidates = Vec::with_capacity(project.segments.len());
            for segment in &project.segments {
                let facts = segment.facts(self.files.as_ref())?;
                candidates.push(Candidate {
                    segment: Arc::clone(segment),
                    deleted: project.deleted_of(segment.entry.id).len(),
                    must_go: segment.time_range().first < expired_before || !facts.persons.is_disjoint(&persons),
                    holds_merged: project.merges.sources().any(|(number, _)| facts.persons.contains(number)),
                });
            }
            let newest = project.newest().unwrap_or(Timestamp::from_micros(i64::MIN));
            let Some(chosen) = choose::next(&candidates, newest, &project.merges, &self.settings.limits) else {
                continue;
            };
            let context = Context::of(&project, Arc::clone(&self.files));
            let inputs = chosen
                .into_iter()
                .map(|segment| {
                    let deleted = project.deleted_of(segment.entry.id);
                    Part::of_segment(segment, deleted, context.clone())
                })
                .collect();
            return Ok(Some(Job {
                project: id,
                inputs,
                merges_through: project.merges.through,
                context,
                expired_before,
                deleted_persons: Arc::clone(&removals.persons),
            }));
        }
        Ok(None)
    }

    /// Writes the segments that `job` makes and syncs them. `reserve` gives that many new, consecutive segment ids.
    ///
    /// # Errors
    ///
    /// Nothing changed. Files written so far are removed at the next start.
    #[expect(clippy::needless_pass_by_value, reason = "a job is done once")]
    pub fn compact<E: From<StoreError>>(
        &self,
        job: Job,
        reserve: impl FnOnce(u64) -> Result<SegmentId, E>,
    ) -> Result<Compacted, E> {
        compact::run(&self.root, &job, &self.settings.limits, &self.unpackers, reserve)
    }

    /// Shows the compacted segments instead of those they were made of, once `commit` has put into the catalog, in one
    /// transaction: which segments are gone, which are new, and the deleted rows of the new ones.
    ///
    /// # Errors
    ///
    /// As `commit`; nothing changes then.
    pub fn commit_compaction<E>(
        &self,
        compacted: Compacted,
        commit: impl FnOnce(&[SegmentId], &[SegmentEntry], &[DeletedRows]) -> Result<(), E>,
    ) -> Result<(), E> {
        let _committing = self.committing.lock();
        let deleted = {
            let state = self.state.read();
            state.projects.get(&compacted.project).map(|project| self.moved(&compacted, project)).unwrap_or_default()
        };
        let rows: Vec<DeletedRows> = deleted
            .iter()
            .map(|(segment, bitmap)| DeletedRows { segment: *segment, bitmap: encode_bitmap(bitmap) })
            .collect();
        commit(&compacted.removed, &compacted.added, &rows)?;
        let (read, written) = compacted.bytes;
        self.counters.compaction_read_bytes.fetch_add(read, Ordering::Relaxed);
        self.counters.compaction_written_bytes.fetch_add(written, Ordering::Relaxed);
        self.counters.compactions.fetch_add(1, Ordering::Relaxed);
        self.replace(compacted, &deleted);
        Ok(())
    }

    fn replace(&self, compacted: Compacted, committed: &HashMap<SegmentId, RoaringBitmap>) {
        let mut turn = self.turn.lock();
        let mut state = self.state.write();
        let Some(project) = state.projects.get_mut(&compacted.project) else { return };
        // Rows replaced since the catalog was told.
        for (segment, bitmap) in self.moved(&compacted, project) {
            if committed.get(&segment) != Some(&bitmap) {
                turn.dirty.insert((compacted.project, segment));
            }
            project.deleted.insert(segment, Arc::new(bitmap));
        }
        let (gone, mut left): (Vec<_>, Vec<_>) =
            project.segments.drain(..).partition(|segment| compacted.removed.contains(&segment.entry.id));
        left.extend(compacted.segments);
        project.segments = left;
        // What has expired is gone.
        project.version += 1;
        for segment in gone {
            segment.retire(Arc::clone(&self.files));
            project.deleted.remove(&segment.entry.id);
            turn.dirty.remove(&(compacted.project, segment.entry.id));
        }
    }

    /// Rows of the compacted segments that were deleted from their inputs since the compaction began.
    fn moved(&self, compacted: &Compacted, project: &ProjectState) -> HashMap<SegmentId, RoaringBitmap> {
        let mut moved: HashMap<SegmentId, RoaringBitmap> = HashMap::new();
        if self.is(Mutant::ForgetsDeletions) {
            return moved;
        }
        for (input, places) in &compacted.places {
            for row in project.deleted_of(*input).iter() {
                if let Some(Some((segment, row))) = places.get(row as usize) {
                    moved.entry(*segment).or_default().insert(*row);
                }
            }
        }
        moved
    }

    /// Up to which merge no stored row of `project` carries a person that was merged away; none when there are none.
    /// Such merges may be forgotten once the rows that were in the log when they happened are sealed.
    ///
    /// # Errors
    ///
    /// When a segment's index cannot be read.
    pub fn merges_settled(&self, project: ProjectId) -> Result<Option<MergeId>, StoreError> {
        let visible = {
            let turn = self.turn.lock();
            // A seal under way may hold rows that no segment shows yet.
            if turn.sealing.frozen {
                return Ok(None);
            }
            self.state.read().projects.get(&project).cloned().unwrap_or_default()
        };
        let mut settled = visible.merges.through;
        for (number, id) in visible.merges.sources() {
            for segment in &visible.segments {
                let is_older = segment.entry.merges_through < id && !self.is(Mutant::SettlesEarly);
                if is_older && segment.facts(self.files.as_ref())?.persons.contains(number) {
                    settled = settled.min(MergeId(id.0.saturating_sub(1)));
                }
            }
        }
        Ok((!visible.merges.is_empty() && settled > MergeId::default()).then_some(settled))
    }

    /// Forgets merges that the catalog has forgotten.
    pub fn forget_merges(&self, project: ProjectId, gone: &[PersonMerge]) {
        let mut state = self.state.write();
        if let Some(project) = state.projects.get_mut(&project) {
            Arc::make_mut(&mut project.merges).retire(gone);
        }
    }
}
