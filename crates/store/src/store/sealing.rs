//! Sealing: rows move from memory to segments, and readers never see them twice or not at all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{DeletedRows, ProjectId, SegmentEntry, SegmentId, Sequence};
use roaring::RoaringBitmap;

use super::{Generation, Pressure, Store, Turn};
use crate::codec::encode_bitmap;
use crate::error::StoreError;
use crate::memory::Memory;
use crate::seal::{self, Sealed, SealedProject};
use crate::state::State;

impl Store {
    /// Whether it is time to seal, or to wait for a seal.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        let state = self.state.read();
        let active: usize = state.projects.values().map(|project| project.active.bytes()).sum();
        if active < self.settings.memory_bytes {
            return Pressure::None;
        }
        let sealing = state.projects.values().any(|project| project.sealing.rows > 0);
        if sealing { Pressure::Wait } else { Pressure::Seal }
    }

    /// Sets the present rows apart to be sealed; later ones go to a new generation. None when there are no rows.
    ///
    /// Freezing again before the seal is installed changes nothing.
    pub fn freeze(&self) -> Option<Sequence> {
        let mut turn = self.turn.lock();
        if !turn.sealing.frozen {
            if turn.active.through == Sequence::default() || turn.active.through <= turn.sealing.through {
                return None;
            }
            let mut state = self.state.write();
            for project in state.projects.values_mut() {
                project.sealing = std::mem::take(&mut project.active);
            }
            let through = turn.active.through;
            turn.sealing = std::mem::take(&mut turn.active);
            turn.sealing.frozen = true;
            turn.active.through = through;
        }
        Some(turn.sealing.through)
    }

    /// Writes the frozen rows to segment files and syncs them. `reserve` gives that many new, consecutive segment ids.
    ///
    /// # Errors
    ///
    /// The rows stay where they are; seal again. Files written so far are removed at the next start.
    pub fn seal<E: From<StoreError>>(&self, reserve: impl FnOnce(u64) -> Result<SegmentId, E>) -> Result<Sealed, E> {
        let (through, frozen) = {
            let turn = self.turn.lock();
            let state = self.state.read();
            let frozen: Vec<_> = state
                .projects
                .iter()
                .filter(|(_, project)| project.sealing.live_rows() > 0)
                .map(|(id, project)| (*id, project.sealing.clone(), Arc::clone(&project.merges)))
                .collect();
            (turn.sealing.through, frozen)
        };
        let mut plans = Vec::new();
        for (project, memory, merges) in &frozen {
            plans.extend(seal::plan(*project, memory, merges, &self.settings.limits));
        }
        let mut next = if plans.is_empty() { SegmentId(0) } else { reserve(plans.len() as u64)? };
        let mut sealed = Sealed { segments: Vec::with_capacity(plans.len()), through, projects: HashMap::new() };
        for plan in &plans {
            let project: &mut SealedProject = sealed.projects.entry(plan.project).or_default();
            sealed.segments.push(seal::write(
                self.files.as_ref(),
                &self.root,
                next,
                plan,
                project,
                &self.settings.limits,
                &self.unpackers,
            )?);
            next = SegmentId(next.0 + 1);
        }
        Ok(sealed)
    }

    /// Shows the sealed segments instead of the rows they were written from, once `commit` has put into the catalog, in
    /// one transaction: the new segments, the deleted rows of segments (complete for each), and the flushed position.
    ///
    /// # Errors
    ///
    /// As `commit`; nothing changes then, seal again.
    pub fn commit_seal<E>(
        &self,
        sealed: Sealed,
        commit: impl FnOnce(&[SegmentEntry], &[DeletedRows], Sequence) -> Result<(), E>,
    ) -> Result<(), E> {
        let _committing = self.committing.lock();
        let deleted: Vec<(ProjectId, SegmentId, Arc<RoaringBitmap>)> = {
            let turn = self.turn.lock();
            let state = self.state.read();
            let dirty = turn.dirty.iter().filter_map(|(project, segment)| {
                Some((*project, *segment, state.projects.get(project)?.deleted_of(*segment)))
            });
            dirty.collect()
        };
        let rows: Vec<DeletedRows> = deleted
            .iter()
            .map(|(_, segment, bitmap)| DeletedRows { segment: *segment, bitmap: encode_bitmap(bitmap) })
            .collect();
        commit(&sealed.segments, &rows, sealed.through)?;
        let bytes: u64 = sealed.segments.iter().map(|segment| segment.file_bytes).sum();
        self.counters.sealed_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.install(sealed, &deleted);
        Ok(())
    }

    fn install(&self, sealed: Sealed, committed: &[(ProjectId, SegmentId, Arc<RoaringBitmap>)]) {
        let mut turn = self.turn.lock();
        let mut state = self.state.write();
        turn.forget_committed(&state, committed);
        for (id, project) in sealed.projects {
            let Some(visible) = state.projects.get_mut(&id) else { continue };
            visible.segments.extend(project.segments);
            // Rows replaced while the files were being written.
            for row in visible.sealing.deleted.iter() {
                if let Some((segment, row)) = project.places.get(&row) {
                    Arc::make_mut(visible.deleted.entry(*segment).or_default()).insert(*row);
                    turn.dirty.insert((id, *segment));
                }
            }
        }
        for project in state.projects.values_mut() {
            project.sealing = Memory::default();
        }
        let through = turn.sealing.through;
        turn.sealing = Generation { through, ..Generation::default() };
    }
}

impl Turn {
    /// Deletions that the catalog has now, unless more came since.
    fn forget_committed(&mut self, state: &State, committed: &[(ProjectId, SegmentId, Arc<RoaringBitmap>)]) {
        for (project, segment, bitmap) in committed {
            let now = state.projects.get(project).map(|state| state.deleted_of(*segment));
            if now.is_some_and(|now| Arc::ptr_eq(&now, bitmap)) {
                self.dirty.remove(&(*project, *segment));
            }
        }
    }
}
