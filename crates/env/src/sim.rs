//! A disk that keeps no promise it was not asked for, in memory and reproducible from a seed.
//!
//! What was written but not synced is lost, kept, torn or reordered at a power cut, as the seed decides; so are names
//! that were created or removed without a sync of their directory. A failed sync behaves as on Linux: the pages count
//! as clean afterwards, still readable and possibly not on the device, so a retried sync succeeds without the data. A
//! failed sync of a directory aborts the file system, as journaling ones do: it is read-only until the power is cycled.
//! One assumption is made in the program's favour, the usual one: writing some bytes of a sector leaves its other
//! bytes as they were.
//!
//! A disk belongs to a simulated machine. [`SimDisk::power_cycle`] and [`SimDisk::kill`] stop that machine and return
//! the disk of the next one; whoever still holds the old disk only gets errors.

mod crash;
mod state;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::files::{File, Files, Lock};

use self::state::{Fate, State};

/// A simulated disk. Clones share it.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

/// What can be made to fail, and what a lying disk can leave undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// [`Files::create`].
    Create,
    /// [`Files::remove`].
    Remove,
    /// [`Files::sync_dir`].
    SyncDir,
    /// [`File::read_exact_at`].
    Read,
    /// [`File::write_all_at`].
    Write,
    /// [`File::sync_data`].
    SyncData,
    /// [`File::allocate`].
    Allocate,
    /// [`File::set_len`].
    SetLen,
}

impl SimDisk {
    /// An empty disk without limit. The same seed and the same calls give the same accidents.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State::new(seed, None))))
    }

    /// A disk on which calls of one kind report success and do nothing, in this machine and in all that follow.
    ///
    /// With `SyncData` or `SyncDir`, a correct program on this disk behaves like a program that forgot the call.
    #[must_use]
    pub fn lying(seed: u64, about: Operation) -> Self {
        Self(Arc::new(Mutex::new(State::new(seed, Some(about)))))
    }

    /// Limits the disk to this many bytes of files, now and later; what is stored already stays.
    pub fn set_capacity(&self, bytes: u64) {
        self.0.lock().capacity = bytes;
    }

    /// Makes the `nth` call from now (1 is the next) of one kind fail, once. Forgotten when the machine stops.
    pub fn fail(&self, operation: Operation, nth: u64, error: io::ErrorKind) {
        self.0.lock().plan_fault(operation, nth, error);
    }

    /// How many of the planned faults have happened, over all machines this disk was in.
    #[must_use]
    pub fn faults_fired(&self) -> u64 {
        self.0.lock().faults_fired
    }

    /// How many calls have changed or synced something, or tried to, in this machine.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Stops the machine in the middle of the operation after the next `operations`: it and all later ones fail. What
    /// stopped it, a dead process or a power cut, is decided by calling [`Self::kill`] or [`Self::power_cycle`] next.
    pub fn stop_after(&self, operations: u64) {
        let mut state = self.0.lock();
        state.stop_at = Some(state.operations.saturating_add(operations));
    }

    /// Whether the machine has stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.lock().stopped
    }

    /// Cuts the power and returns what the device holds afterwards, in a machine that was just started.
    #[must_use]
    pub fn power_cycle(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().power_cycle())))
    }

    /// Kills the process and returns the same disk, page cache included, for the next process.
    #[must_use]
    pub fn kill(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().kill())))
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimDisk").finish_non_exhaustive()
    }
}

/// An open simulated file; usable after its name is removed, like any file.
#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.0.lock().locks.remove(&self.path);
    }
}

impl File for SimFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        if let Fate::Fails(error, _) = state.begin(Operation::Read)? {
            return Err(error);
        }
        let cached = &state.inodes[self.inode].cached;
        let from = position(offset)?;
        if buffer.is_empty() {
            return Ok(());
        }
        let bytes = from.checked_add(buffer.len()).and_then(|to| cached.get(from..to));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        match state.begin(Operation::Write)? {
            Fate::Proceeds => state.write(self.inode, offset, bytes),
            Fate::Lied => Ok(()),
            Fate::Fails(error, _) => {
                let written = state.below(bytes.len() + 1);
                state.write(self.inode, offset, &bytes[..written])?;
                Err(error)
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        match state.begin(Operation::SyncData)? {
            Fate::Proceeds => state.sync_data(self.inode),
            Fate::Lied => {}
            Fate::Fails(error, stopping) => {
                state.fail_sync_data(self.inode, stopping);
                return Err(error);
            }
        }
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.change(Operation::Allocate, |state, inode| state.allocate(inode, len))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Operation::SetLen, |state, inode| state.set_len(inode, len))
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.disk.0.lock();
        state.check_running()?;
        Ok(state.inodes[self.inode].cached.len() as u64)
    }
}

impl SimFile {
    fn change(&self, operation: Operation, change: impl FnOnce(&mut State, usize) -> io::Result<()>) -> io::Result<()> {
        self.disk.all_or_nothing(operation, |state| change(state, self.inode)).map(|_| ())
    }
}

impl SimDisk {
    /// Runs a change that never happens by halves. When it is what the machine stops in, it may have happened.
    fn all_or_nothing<T>(
        &self,
        operation: Operation,
        change: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let mut state = self.0.lock();
        match state.begin(operation)? {
            Fate::Proceeds => change(&mut state).map(Some),
            Fate::Lied => Ok(None),
            Fate::Fails(error, stopping) => {
                if stopping && state.coin() {
                    change(&mut state)?;
                }
                Err(error)
            }
        }
    }
}

impl Files for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let inode = self.all_or_nothing(Operation::Create, |state| state.create(path))?;
        let inode = inode.ok_or_else(|| io::Error::other("a disk cannot lie about having created a file"))?;
        Ok(Arc::new(SimFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let state = self.0.lock();
        state.check_running()?;
        let inode = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { disk: self.clone(), inode }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.all_or_nothing(Operation::Remove, |state| state.remove(path)).map(|_| ())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.0.lock();
        state.check_running()?;
        state.check_dir(dir)?;
        let paths = state.names.keys().chain(&state.dirs);
        let mut names: Vec<_> = paths
            .filter(|path| path.parent() == Some(dir))
            .filter_map(|path| path.file_name())
            .map(PathBuf::from)
            .collect();
        names.sort();
        Ok(names)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.check_running()?;
        state.dirs.extend(dir.ancestors().map(Path::to_path_buf));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.check_dir(dir)?;
        match state.begin(Operation::SyncDir)? {
            Fate::Proceeds => state.sync_dir(dir),
            Fate::Lied => {}
            Fate::Fails(error, stopping) => {
                state.fail_sync_dir(dir, stopping);
                return Err(error);
            }
        }
        Ok(())
    }

    fn available_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let state = self.0.lock();
        state.check_running()?;
        Ok(state.available())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let mut state = self.0.lock();
        state.check_running()?;
        if !state.names.contains_key(path) {
            state.create(path)?;
        }
        if !state.locks.insert(path.to_path_buf()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_path_buf() }))
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

#[cfg(test)]
mod tests;
