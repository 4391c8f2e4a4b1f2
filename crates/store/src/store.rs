//! The store itself: publishes rows, finds replaced ones, seals, and hands out snapshots.
//!
//! One thread publishes, one seals, one compacts; any number read. What readers see changes under one write lock, held
//! for pointer updates only. `turn` orders publishing against the moments that move rows. `committing` makes what the
//! catalog learns and what readers see one step: a seal and a compaction never commit across each other, so a deletion
//! is recorded against the segment that holds the row at that moment.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use env::Files;
use model::{
    DeletedRows, EventRow, MergeId, PersonMerge, PersonNumber, ProjectId, SegmentEntry, SegmentId, Sequence, Timestamp,
};
use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::codec::encode_bitmap;
use crate::compact::choose::{self, Candidate};
use crate::compact::{self, Compacted, Job};
use crate::error::StoreError;
use crate::identity::{Identity, Probe};
use crate::limits::Limits;
use crate::memory::{Memory, MemoryIndex};
use crate::schema::batch_of;
use crate::seal::{self, Sealed, SealedProject};
use crate::segment::{Segment, directory};
use crate::snapshot::{Context, Part, Snapshot};
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

/// Rows of one project, ready to be made visible.
struct Prepared<'a> {
    project: ProjectId,
    rows: Vec<(Identity, &'a EventRow)>,
    replaced_in_segments: Vec<(SegmentId, Vec<u32>)>,
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
        let mut state = State::default();
        for entry in contents.segments {
            let project = state.projects.entry(entry.project).or_default();
            project.segments.push(Arc::new(Segment::new(entry, &root, &settings.limits)));
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
            Arc::make_mut(&mut state.projects.entry(merge.project).or_default().merges).add(merge);
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

    #[cfg(test)]
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant.get() == Some(&mutant)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests break the store, nobody else does")]
    fn is(&self, _mutant: Mutant) -> bool {
        false
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
        compact::run(&self.root, &job, &self.settings.limits, reserve)
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

    /// Makes the events of deleted persons invisible: those that are stored, and those still to come under their numbers.
    /// In force for every snapshot from now on; those that are in use do not change.
    pub fn hide_persons(&self, project: ProjectId, persons: &[PersonNumber]) {
        let mut state = self.state.write();
        let hidden = &mut state.projects.entry(project).or_default().hidden;
        Arc::make_mut(hidden).extend(persons.iter().map(|person| person.0));
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

    /// The project's newest event by its own time.
    #[must_use]
    pub fn newest(&self, project: ProjectId) -> Option<Timestamp> {
        self.state.read().projects.get(&project).and_then(ProjectState::newest)
    }

    /// Forgets merges that the catalog has forgotten.
    pub fn forget_merges(&self, project: ProjectId, gone: &[PersonMerge]) {
        let mut state = self.state.write();
        if let Some(project) = state.projects.get_mut(&project) {
            Arc::make_mut(&mut project.merges).retire(gone);
        }
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

#[cfg(test)]
mod tests;
