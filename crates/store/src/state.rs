//! What readers see, per project; swapped in one step.

use std::collections::HashMap;
use std::sync::Arc;

use model::{ProjectId, SegmentId};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::memory::Memory;
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
    pub(crate) merges: Arc<HashMap<Uuid, Uuid>>,
}

impl ProjectState {
    pub(crate) fn deleted_of(&self, segment: SegmentId) -> Arc<RoaringBitmap> {
        self.deleted.get(&segment).map(Arc::clone).unwrap_or_default()
    }

    /// Makes `from` read as `into`, without chains: whatever read as `from` reads as `into` as well.
    pub(crate) fn merge(&mut self, from: Uuid, into: Uuid) {
        let merges = Arc::make_mut(&mut self.merges);
        for target in merges.values_mut().filter(|target| **target == from) {
            *target = into;
        }
        merges.remove(&into);
        merges.insert(from, into);
    }
}
