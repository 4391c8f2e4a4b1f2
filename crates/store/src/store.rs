//! The store itself: publishes rows, finds replaced ones, seals, and hands out snapshots.
//!
//! One thread publishes, one seals, one compacts; any number read. What readers see changes under one write lock, held
//! for pointer updates only. `turn` orders publishing against the moments that move rows. `committing` makes what the
//! catalog learns and what readers see one step: a seal and a compaction never commit across each other, so a deletion
//! is recorded against the segment that holds the row at that moment.

mod compacting;
mod hiding;
mod publishing;
mod sealing;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use env::Files;
use model::{
    DeletedRows, EventRow, PersonMerge, PersonNumber, ProjectId, SegmentEntry, SegmentId, Sequence, Timestamp,
};
use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;

use crate::error::StoreError;
use crate::limits::Limits;
use crate::memory::MemoryIndex;
use crate::pages::Unpackers;
use crate::segment::{Segment, directory};
use crate::snapshot::Snapshot;
use crate::state::{ProjectState, State};

/// Sizes of the store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of unsealed rows at which they should be sealed. Twice as many are the most there can be.
    pub memory_bytes: usize,
    /// Bytes of identity filters kept in memory.
    pub filter_cache_bytes: usize,
    /// Sizes of segments.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self { memory_bytes: 32 << 20, filter_cache_bytes: 64 << 20, limits: Limits::default() }
    }
}

/// What the catalog knows when the store opens.
#[derive(Debug, Default)]
pub struct Contents {
    /// Every sealed segment.
    pub segments: Vec<SegmentEntry>,
    /// Their deleted rows.
    pub deleted: Vec<DeletedRows>,
    /// Person ids that read as others.
    pub merges: Vec<PersonMerge>,
    /// Deleted persons of whom events may still be stored.
    pub hidden: Vec<(ProjectId, PersonNumber)>,
}

/// What has to go from one project's segments when they are compacted.
#[derive(Debug, Clone, Default)]
pub struct Removals {
    /// Events before this instant have expired.
    pub expired_before: Option<Timestamp>,
    /// Persons, by number as stored, whose events are to be removed.
    pub persons: Arc<RoaringBitmap>,
}

/// Rows to publish together.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    /// In the order they arrived; of the same identity the last stays.
    pub rows: Vec<EventRow>,
    /// In the order they happened.
    pub merges: Vec<PersonMerge>,
    /// Last log record they came from.
    pub through: Sequence,
}

/// What a publication did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// Rows that are visible now.
    pub rows: usize,
    /// Earlier copies of the same events that are not visible any more.
    pub replaced: usize,
}

/// Whether memory is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// There is room.
    None,
    /// Time to seal.
    Seal,
    /// Sealing has not kept up: publish nothing until it has.
    Wait,
}

/// Figures for operators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Unsealed rows.
    pub memory_rows: u64,
    /// Bytes they take.
    pub memory_bytes: usize,
    /// Sealed segments.
    pub segments: usize,
    /// Bytes of their files.
    pub segment_bytes: u64,
    /// Rows in them, deleted ones included.
    pub segment_rows: u64,
    /// Deleted rows in them.
    pub deleted_rows: u64,
    /// Earlier copies replaced since the start.
    pub replaced: u64,
    /// Segments read to confirm a replacement since the start.
    pub confirmations: u64,
    /// Segments that compaction has not touched.
    pub fresh_segments: usize,
    /// Merged persons that are looked up on reading.
    pub merges: usize,
    /// Bytes of Parquet that sealing wrote since the start.
    pub sealed_bytes: u64,
    /// Bytes of Parquet that compaction read since the start.
    pub compaction_read_bytes: u64,
    /// Bytes of Parquet that compaction wrote since the start: its share of write amplification.
    pub compaction_written_bytes: u64,
    /// Compactions since the start.
    pub compactions: u64,
}

/// Events, in memory and in segments.
#[derive(Debug)]
pub struct Store {
    files: Arc<dyn Files>,
    root: PathBuf,
    settings: Settings,
    state: RwLock<State>,
    turn: Mutex<Turn>,
    committing: Mutex<()>,
    counters: Counters,
    unpackers: Arc<Unpackers>,
    #[cfg(test)]
    mutant: std::sync::OnceLock<Mutant>,
}

/// Deliberately broken stores, which tests must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    /// Every row is taken for a new event.
    Blind,
    /// What is deleted while a compaction runs comes back with it.
    ForgetsDeletions,
    /// Merges end although segments still need them.
    SettlesEarly,
}

/// Figures since the start.
#[derive(Debug, Default)]
struct Counters {
    replaced: AtomicU64,
    confirmations: AtomicU64,
    sealed_bytes: AtomicU64,
    compaction_read_bytes: AtomicU64,
    compaction_written_bytes: AtomicU64,
    compactions: AtomicU64,
}

/// What only the publisher, the sealer and the compactor touch.
#[derive(Debug, Default)]
struct Turn {
    active: Generation,
    sealing: Generation,
    /// Segments with deletions that the catalog does not know.
    dirty: HashSet<(ProjectId, SegmentId)>,
}

#[derive(Debug, Default)]
struct Generation {
    index: HashMap<ProjectId, MemoryIndex>,
    through: Sequence,
    frozen: bool,
}

impl Store {
    /// Opens the segments of the catalog and removes files that are not in it.
    ///
    /// Such files were written by a seal or a compaction that was not committed, or replaced by one that was. One process
    /// owns the directory and nothing is under way in it yet, so nobody can be about to commit them. Segments are not
    /// opened before somebody reads them: the cost is one look at the names in each project's directory.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read, a segment's file is missing, or deletions are not what they should be.
    pub fn open(
        files: Arc<dyn Files>,
        root: impl Into<PathBuf>,
        settings: Settings,
        contents: Contents,
    ) -> Result<Self, StoreError> {
        let root = root.into();
        files.create_dir_all(&root)?;
        let unpackers = Arc::default();
        let mut state = State::default();
        for entry in contents.segments {
            let project = state.projects.entry(entry.project).or_default();
            project.segments.push(Arc::new(Segment::new(entry, &root, &settings.limits, &unpackers)));
        }
        let owners: HashMap<SegmentId, (ProjectId, u64)> = state
            .projects
            .values()
            .flat_map(|project| project.segments.iter())
            .map(|segment| (segment.entry.id, (segment.entry.project, segment.entry.rows)))
            .collect();
        for rows in contents.deleted {
            let bitmap = RoaringBitmap::deserialize_from(rows.bitmap.as_slice()).map_err(|error| {
                StoreError::Damaged { segment: rows.segment, reason: format!("deleted rows: {error}") }
            })?;
            let Some((project, count)) = owners.get(&rows.segment) else { continue };
            if bitmap.max().is_some_and(|last| u64::from(last) >= *count) {
                let reason = format!("row {:?} of {count} is deleted", bitmap.max());
                return Err(StoreError::Damaged { segment: rows.segment, reason });
            }
            let project = state.projects.entry(*project).or_default();
            project.deleted.insert(rows.segment, Arc::new(bitmap));
        }
        for merge in contents.merges {
            Arc::make_mut(&mut state.projects.entry(merge.project).or_default().merges).add(&merge);
        }
        for (project, person) in contents.hidden {
            Arc::make_mut(&mut state.projects.entry(project).or_default().hidden).insert(person.0);
        }
        let store = Self {
            files,
            root,
            settings,
            state: RwLock::new(state),
            turn: Mutex::default(),
            committing: Mutex::default(),
            counters: Counters::default(),
            unpackers,
            #[cfg(test)]
            mutant: std::sync::OnceLock::new(),
        };
        store.remove_orphans(&owners)?;
        Ok(store)
    }

    fn remove_orphans(&self, known: &HashMap<SegmentId, (ProjectId, u64)>) -> Result<(), StoreError> {
        let mut missing: HashSet<SegmentId> = known.keys().copied().collect();
        for project in self.files.list(&self.root)? {
            let Some(id) = project.to_str().and_then(|name| name.parse().ok()).map(ProjectId) else { continue };
            let directory = directory(&self.root, id);
            for name in self.files.list(&directory)? {
                let number = name.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
                let Some(segment) = number.map(SegmentId) else { continue };
                if name.extension().is_some_and(|extension| extension == "parquet") {
                    missing.remove(&segment);
                }
                if known.get(&segment).is_none_or(|(project, _)| *project != id) {
                    tracing::info!(file = %directory.join(&name).display(), "removing a file of an unfinished seal");
                    self.files.remove(&directory.join(&name))?;
                }
            }
        }
        match missing.into_iter().min() {
            Some(segment) => Err(StoreError::Damaged { segment, reason: "its file is missing".to_owned() }),
            None => Ok(()),
        }
    }

    #[cfg(test)]
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant.get() == Some(&mutant)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests break the store, nobody else does")]
    fn is(&self, _mutant: Mutant) -> bool {
        false
    }

    /// The project's newest event by its own time.
    #[must_use]
    pub fn newest(&self, project: ProjectId) -> Option<Timestamp> {
        self.state.read().projects.get(&project).and_then(ProjectState::newest)
    }

    /// Projects with stored events.
    #[must_use]
    pub fn projects(&self) -> Vec<ProjectId> {
        self.state.read().projects.keys().copied().collect()
    }

    /// One project's events at this instant. Cost: pointers, whatever the number of rows.
    #[must_use]
    pub fn snapshot(&self, project: ProjectId) -> Snapshot {
        let state = self.state.read().projects.get(&project).cloned().unwrap_or_default();
        Snapshot::of(&state, Arc::clone(&self.files))
    }

    /// Changes whenever a reader may see something else of the project, and starts anew with the process.
    #[must_use]
    pub fn version(&self, project: ProjectId) -> u64 {
        self.state.read().projects.get(&project).map_or(0, |project| project.version)
    }

    /// Figures for operators.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = self.state.read();
        let mut stats = Stats {
            replaced: self.counters.replaced.load(Ordering::Relaxed),
            confirmations: self.counters.confirmations.load(Ordering::Relaxed),
            sealed_bytes: self.counters.sealed_bytes.load(Ordering::Relaxed),
            compaction_read_bytes: self.counters.compaction_read_bytes.load(Ordering::Relaxed),
            compaction_written_bytes: self.counters.compaction_written_bytes.load(Ordering::Relaxed),
            compactions: self.counters.compactions.load(Ordering::Relaxed),
            ..Stats::default()
        };
        for project in state.projects.values() {
            stats.memory_rows += project.active.live_rows() + project.sealing.live_rows();
            stats.memory_bytes += project.active.bytes() + project.sealing.bytes();
            stats.segments += project.segments.len();
            let fresh = |segment: &&Arc<Segment>| segment.entry.level == model::Level::Fresh;
            stats.fresh_segments += project.segments.iter().filter(fresh).count();
            stats.merges += project.merges.len();
            stats.segment_bytes += project.segments.iter().map(|segment| segment.entry.file_bytes).sum::<u64>();
            stats.segment_rows += project.segments.iter().map(|segment| segment.entry.rows).sum::<u64>();
            stats.deleted_rows += project.deleted.values().map(|bitmap| bitmap.len()).sum::<u64>();
        }
        stats
    }
}

#[cfg(test)]
mod tests;
