//! The store itself: publishes rows, finds replaced ones, seals, and hands out snapshots.
//!
//! One thread publishes and one seals; any number read. What readers see changes under one write lock, held for
//! pointer updates only. `turn` orders publishing against the two moments of sealing that move rows.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use env::Files;
use model::{DeletedRows, EventRow, PersonMerge, ProjectId, SegmentEntry, SegmentId, Sequence};
use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::error::StoreError;
use crate::identity::Identity;
use crate::memory::{Memory, MemoryIndex};
use crate::schema::batch_of;
use crate::seal::{self, Sealed, SealedProject, encode_bitmap};
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
}

impl Default for Settings {
    fn default() -> Self {
        Self { memory_bytes: 64 << 20, filter_cache_bytes: 64 << 20 }
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
}

/// Events, in memory and in segments.
#[derive(Debug)]
pub struct Store {
    files: Arc<dyn Files>,
    root: PathBuf,
    settings: Settings,
    state: RwLock<State>,
    turn: Mutex<Turn>,
    replaced: AtomicU64,
    confirmations: AtomicU64,
    /// A deliberately broken store, which tests must catch: every row is taken for a new event.
    #[cfg(test)]
    blind: std::sync::atomic::AtomicBool,
}

/// What only the publisher and the sealer touch.
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

/// Rows of one project, ready to be made visible.
struct Prepared<'a> {
    project: ProjectId,
    rows: Vec<(Identity, &'a EventRow)>,
    replaced_in_segments: Vec<(SegmentId, Vec<u32>)>,
}

impl Store {
    /// Opens the segments of the catalog and removes files that are not in it.
    ///
    /// Such files were written by a seal that was not committed. One process owns the directory and none of its seals
    /// is under way yet, so nobody can be about to commit them.
    ///
    /// # Errors
    ///
    /// When a segment's file is missing or is not the one the catalog describes.
    pub fn open(
        files: Arc<dyn Files>,
        root: impl Into<PathBuf>,
        settings: Settings,
        contents: Contents,
    ) -> Result<Self, StoreError> {
        let root = root.into();
        files.create_dir_all(&root)?;
        let mut state = State::default();
        for entry in contents.segments {
            let project = state.projects.entry(entry.project).or_default();
            project.segments.push(Arc::new(Segment::open(files.as_ref(), &root, entry)?));
        }
        let owners: HashMap<SegmentId, ProjectId> = state
            .projects
            .values()
            .flat_map(|project| project.segments.iter().map(|segment| (segment.entry.id, segment.entry.project)))
            .collect();
        for rows in contents.deleted {
            let bitmap = RoaringBitmap::deserialize_from(rows.bitmap.as_slice()).map_err(|error| {
                StoreError::Damaged { segment: rows.segment, reason: format!("deleted rows: {error}") }
            })?;
            if let Some(project) = owners.get(&rows.segment).and_then(|project| state.projects.get_mut(project)) {
                project.deleted.insert(rows.segment, Arc::new(bitmap));
            }
        }
        for merge in contents.merges {
            state.projects.entry(merge.project).or_default().merge(merge.from, merge.into);
        }
        let store = Self {
            files,
            root,
            settings,
            state: RwLock::new(state),
            turn: Mutex::default(),
            replaced: AtomicU64::new(0),
            confirmations: AtomicU64::new(0),
            #[cfg(test)]
            blind: std::sync::atomic::AtomicBool::new(false),
        };
        store.remove_orphans(&owners)?;
        Ok(store)
    }

    fn remove_orphans(&self, known: &HashMap<SegmentId, ProjectId>) -> Result<(), StoreError> {
        for project in self.files.list(&self.root)? {
            let Some(id) = project.to_str().and_then(|name| name.parse().ok()).map(ProjectId) else { continue };
            let directory = directory(&self.root, id);
            for name in self.files.list(&directory)? {
                let number = name.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
                let Some(segment) = number.map(SegmentId) else { continue };
                if known.get(&segment) != Some(&id) {
                    tracing::info!(file = %directory.join(&name).display(), "removing a file of an unfinished seal");
                    self.files.remove(&directory.join(&name))?;
                }
            }
        }
        Ok(())
    }

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
            published.replaced += turn.show(visible, project, columns)?;
        }
        for merge in &batch.merges {
            state.projects.entry(merge.project).or_default().merge(merge.from, merge.into);
        }
        drop(state);
        turn.active.through = turn.active.through.max(batch.through);
        self.replaced.fetch_add(published.replaced as u64, Ordering::Relaxed);
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

    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "tests break it"))]
    fn identity_of(&self, row: &EventRow) -> Identity {
        #[cfg(test)]
        if self.blind.load(Ordering::Relaxed) {
            return Identity(std::ptr::from_ref(row).addr() as u128);
        }
        Identity::of(&row.distinct_id, &row.event, row.uuid)
    }

    fn find_in_segments(
        &self,
        segments: &[Arc<Segment>],
        rows: &[(Identity, &EventRow)],
    ) -> Result<Vec<(SegmentId, Vec<u32>)>, StoreError> {
        let mut found = Vec::new();
        let mut cached_bytes = 0;
        for segment in segments.iter().rev() {
            let identities = segment.identities(self.files.as_ref())?;
            let mut wanted: Vec<(Identity, Uuid)> = Vec::new();
            for (identity, row) in rows {
                if identities.hold(*identity)? {
                    wanted.push((*identity, row.uuid));
                }
            }
            cached_bytes += identities.bloom.bytes();
            if cached_bytes > self.settings.filter_cache_bytes {
                segment.cache(None);
            }
            if !wanted.is_empty() {
                self.confirmations.fetch_add(1, Ordering::Relaxed);
                found.push((segment.entry.id, segment.rows_of(&wanted)?));
            }
        }
        Ok(found)
    }

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
        let (through, frozen, deleted_bitmaps) = {
            let turn = self.turn.lock();
            let state = self.state.read();
            let frozen: Vec<(ProjectId, Memory)> = state
                .projects
                .iter()
                .filter(|(_, project)| project.sealing.live_rows() > 0)
                .map(|(id, project)| (*id, project.sealing.clone()))
                .collect();
            let dirty = turn.dirty.iter().filter_map(|(project, segment)| {
                Some((*project, *segment, state.projects.get(project)?.deleted_of(*segment)))
            });
            (turn.sealing.through, frozen, dirty.collect::<Vec<_>>())
        };
        let mut plans = Vec::new();
        for (project, memory) in &frozen {
            plans.extend(seal::plan(*project, memory)?);
        }
        let mut next = if plans.is_empty() { SegmentId(0) } else { reserve(plans.len() as u64)? };
        let mut sealed = Sealed {
            segments: Vec::with_capacity(plans.len()),
            deleted: deleted_bitmaps
                .iter()
                .map(|(_, segment, bitmap)| DeletedRows { segment: *segment, bitmap: encode_bitmap(bitmap) })
                .collect(),
            through,
            projects: HashMap::new(),
            deleted_bitmaps,
        };
        for plan in &plans {
            let project: &mut SealedProject = sealed.projects.entry(plan.project).or_default();
            sealed.segments.push(seal::write(self.files.as_ref(), &self.root, next, plan, project)?);
            next = SegmentId(next.0 + 1);
        }
        Ok(sealed)
    }

    /// Shows the sealed segments instead of the rows they were written from. Call after the catalog has them.
    pub fn install(&self, sealed: Sealed) {
        let mut turn = self.turn.lock();
        let mut state = self.state.write();
        for (project, segment, bitmap) in &sealed.deleted_bitmaps {
            let now = state.projects.get(project).map(|state| state.deleted_of(*segment));
            if now.is_some_and(|now| Arc::ptr_eq(&now, bitmap)) {
                turn.dirty.remove(&(*project, *segment));
            }
        }
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

    /// One project's events at this instant. Cost: pointers, whatever the number of rows.
    #[must_use]
    pub fn snapshot(&self, project: ProjectId) -> Snapshot {
        let state = self.state.read().projects.get(&project).cloned().unwrap_or_default();
        Snapshot::of(&state)
    }

    /// Figures for operators.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = self.state.read();
        let mut stats = Stats {
            replaced: self.replaced.load(Ordering::Relaxed),
            confirmations: self.confirmations.load(Ordering::Relaxed),
            ..Stats::default()
        };
        for project in state.projects.values() {
            stats.memory_rows += project.active.live_rows() + project.sealing.live_rows();
            stats.memory_bytes += project.active.bytes() + project.sealing.bytes();
            stats.segments += project.segments.len();
            stats.segment_bytes += project.segments.iter().map(|segment| segment.entry.file_bytes).sum::<u64>();
            stats.segment_rows += project.segments.iter().map(|segment| segment.entry.rows).sum::<u64>();
            stats.deleted_rows += project.deleted.values().map(|bitmap| bitmap.len()).sum::<u64>();
        }
        stats
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

#[cfg(test)]
mod tests;
