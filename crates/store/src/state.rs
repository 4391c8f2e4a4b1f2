//! What readers see, per project; swapped in one step.

use std::collections::HashMap;
use std::sync::Arc;

use model::{ProjectId, SegmentId, Timestamp};
use roaring::RoaringBitmap;

use crate::memory::Memory;
use crate::merges::Merges;
use crate::segment::Segment;

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) projects: HashMap<ProjectId, ProjectState>,
}

/// One project's rows. Cloning it copies lists of pointers, no rows.
#[derive(Debug, Default, Clone)]
pub(crate) struct ProjectState {
    pub(crate) active: Memory,
    /// Rows being written to segments. Visible here until the segments are.
    pub(crate) sealing: Memory,
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Deleted rows by segment.
    pub(crate) deleted: HashMap<SegmentId, Arc<RoaringBitmap>>,
    /// Person ids that read as others.
    pub(crate) merges: Arc<Merges>,
    /// Numbers of deleted persons, whose rows nobody sees although they are still there.
    pub(crate) hidden: Arc<RoaringBitmap>,
    /// Counts changes of what a reader sees.
    pub(crate) version: u64,
}

impl ProjectState {
    /// The newest event in segments and memory; memory counts by its batches.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        let sealed = self.segments.iter().map(|segment| segment.entry.max_timestamp);
        let memory = [&self.active, &self.sealing].into_iter().filter_map(|memory| memory.newest);
        sealed.chain(memory).max()
    }

    pub(crate) fn deleted_of(&self, segment: SegmentId) -> Arc<RoaringBitmap> {
        self.deleted.get(&segment).map(Arc::clone).unwrap_or_default()
    }
}
