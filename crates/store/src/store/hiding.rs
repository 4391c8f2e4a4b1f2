//! Hiding: the events of deleted persons are seen by nobody until compaction has removed them.

use std::sync::Arc;

use model::{PersonNumber, ProjectId};
use roaring::RoaringBitmap;

use super::Store;
use crate::error::StoreError;

impl Store {
    /// Makes the events of deleted persons invisible: those that are stored, and those still to come under their numbers.
    /// In force for every snapshot from now on; those that are in use do not change.
    pub fn hide_persons(&self, project: ProjectId, persons: &[PersonNumber]) {
        let mut state = self.state.write();
        let visible = state.projects.entry(project).or_default();
        visible.version += 1;
        Arc::make_mut(&mut visible.hidden).extend(persons.iter().map(|person| person.0));
    }

    /// Forgets deleted persons of whom nothing is stored any more.
    pub fn forget_hidden(&self, project: ProjectId, persons: &[PersonNumber]) {
        let mut state = self.state.write();
        let Some(project) = state.projects.get_mut(&project) else { return };
        let gone: RoaringBitmap = persons.iter().map(|person| person.0).collect();
        *Arc::make_mut(&mut project.hidden) -= gone;
    }

    /// Those of `persons` of whom no segment holds events. None of them while a seal is under way.
    ///
    /// # Errors
    ///
    /// When a segment's index cannot be read.
    pub fn gone(&self, project: ProjectId, persons: &[PersonNumber]) -> Result<Vec<PersonNumber>, StoreError> {
        if self.turn.lock().sealing.frozen {
            return Ok(Vec::new());
        }
        let visible = self.state.read().projects.get(&project).cloned().unwrap_or_default();
        let wanted: RoaringBitmap = persons.iter().map(|person| person.0).collect();
        let stored = visible.merges.all_numbers_of(&wanted);
        let mut held = RoaringBitmap::new();
        for segment in &visible.segments {
            held |= &segment.facts(self.files.as_ref())?.persons & &stored;
        }
        let is_gone = |person: &&PersonNumber| {
            // Numbers merged into the person count as the person's.
            held.is_empty() || visible.merges.numbers_of(person.0).is_disjoint(&held)
        };
        Ok(persons.iter().filter(is_gone).copied().collect())
    }
}
