//! What a simulated disk remembers: for each file what programs see, what the device holds, and what is on its way.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Operation, position};

/// The disk of one simulated machine.
pub(super) struct State {
    pub(super) rng: ChaCha12Rng,
    pub(super) inodes: Vec<Inode>,
    /// Names as programs see them.
    pub(super) names: BTreeMap<PathBuf, usize>,
    /// Names as the device holds them.
    pub(super) durable_names: BTreeMap<PathBuf, usize>,
    /// Changes to names that no sync of their directory has covered, oldest first.
    pub(super) name_changes: Vec<NameChange>,
    pub(super) dirs: BTreeSet<PathBuf>,
    pub(super) locks: BTreeSet<PathBuf>,
    pub(super) capacity: u64,
    pub(super) lie: Option<Operation>,
    pub(super) faults: Vec<Fault>,
    pub(super) faults_fired: u64,
    pub(super) operations: u64,
    pub(super) stop_at: Option<u64>,
    pub(super) stopped: bool,
    /// Set by a failed sync of a directory.
    pub(super) read_only: bool,
}

#[derive(Default)]
pub(super) struct Inode {
    /// What programs read: the page cache.
    pub(super) cached: Vec<u8>,
    /// What the device holds.
    pub(super) durable: Vec<u8>,
    /// Changes that the cache has and the device may not have, oldest first.
    pub(super) dirty: Vec<Change>,
}

#[derive(Clone)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone)]
pub(super) enum NameChange {
    Linked(PathBuf, usize),
    Removed(PathBuf),
}

pub(super) struct Fault {
    operation: Operation,
    calls_left: u64,
    error: io::ErrorKind,
}

/// How a call ends.
pub(super) enum Fate {
    Proceeds,
    /// It reports success and does nothing.
    Lied,
    /// With this error; true when the machine stops in the middle of it.
    Fails(io::Error, bool),
}

impl NameChange {
    fn path(&self) -> &Path {
        match self {
            Self::Linked(path, _) | Self::Removed(path) => path,
        }
    }

    pub(super) fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Linked(path, inode) => drop(names.insert(path, inode)),
            Self::Removed(path) => drop(names.remove(&path)),
        }
    }
}

impl Change {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Length(length) => content.resize(*length, 0),
            Self::Write { offset, bytes } => put(content, *offset, bytes),
        }
    }
}

/// Writes `bytes` at `offset`, with zeroes between the end of `content` and there.
pub(super) fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

impl State {
    pub(super) fn new(seed: u64, lie: Option<Operation>) -> Self {
        Self {
            rng: ChaCha12Rng::seed_from_u64(seed),
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            dirs: [PathBuf::from("/"), PathBuf::new()].into(),
            locks: BTreeSet::new(),
            capacity: u64::MAX,
            lie,
            faults: Vec::new(),
            faults_fired: 0,
            operations: 0,
            stop_at: None,
            stopped: false,
            read_only: false,
        }
    }

    pub(super) fn plan_fault(&mut self, operation: Operation, nth: u64, error: io::ErrorKind) {
        self.faults.push(Fault { operation, calls_left: nth, error });
    }

    /// A number below `limit`, which is not 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let drawn = self.rng.next_u64() % limit as u64;
        usize::try_from(drawn).expect("a number below a usize is a usize")
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(super) fn check_running(&self) -> io::Result<()> {
        if self.stopped { Err(stopped()) } else { Ok(()) }
    }

    pub(super) fn check_dir(&self, dir: &Path) -> io::Result<()> {
        if self.dirs.contains(dir) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Decides how a call ends, and counts it.
    pub(super) fn begin(&mut self, operation: Operation) -> io::Result<Fate> {
        self.check_running()?;
        if operation != Operation::Read {
            self.operations += 1;
            if self.stop_at.is_some_and(|stop_at| self.operations > stop_at) {
                self.stopped = true;
                return Ok(Fate::Fails(stopped(), true));
            }
        }
        if self.read_only && operation != Operation::Read {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        for fault in self.faults.iter_mut().filter(|fault| fault.operation == operation) {
            fault.calls_left = fault.calls_left.saturating_sub(1);
        }
        if let Some(due) = self.faults.iter().position(|fault| fault.calls_left == 0) {
            let fault = self.faults.swap_remove(due);
            self.faults_fired += 1;
            return Ok(Fate::Fails(io::Error::new(fault.error, "simulated fault"), false));
        }
        Ok(if self.lie == Some(operation) { Fate::Lied } else { Fate::Proceeds })
    }

    pub(super) fn available(&self) -> u64 {
        let used: usize = self.names.values().map(|inode| self.inodes[*inode].cached.len()).sum();
        self.capacity.saturating_sub(used as u64)
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<usize> {
        self.check_dir(path.parent().unwrap_or_else(|| Path::new("")))?;
        if self.names.contains_key(path) || self.dirs.contains(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.inodes.push(Inode::default());
        let inode = self.inodes.len() - 1;
        self.names.insert(path.to_path_buf(), inode);
        self.name_changes.push(NameChange::Linked(path.to_path_buf(), inode));
        Ok(inode)
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        self.name_changes.push(NameChange::Removed(path.to_path_buf()));
        Ok(())
    }

    pub(super) fn write(&mut self, inode: usize, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = position(offset)?;
        self.check_room(inode, offset.saturating_add(bytes.len()))?;
        self.change(inode, Change::Write { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    pub(super) fn allocate(&mut self, inode: usize, len: u64) -> io::Result<()> {
        if len > self.inodes[inode].cached.len() as u64 { self.set_len(inode, len) } else { Ok(()) }
    }

    pub(super) fn set_len(&mut self, inode: usize, len: u64) -> io::Result<()> {
        let len = position(len)?;
        self.check_room(inode, len)?;
        self.change(inode, Change::Length(len));
        Ok(())
    }

    pub(super) fn sync_data(&mut self, inode: usize) {
        let Inode { durable, dirty, .. } = &mut self.inodes[inode];
        for change in dirty.drain(..) {
            change.apply(durable);
        }
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        for change in self.take_name_changes(dir) {
            change.apply(&mut self.durable_names);
        }
    }

    /// Takes the unsynced changes to names in `dir`.
    pub(super) fn take_name_changes(&mut self, dir: &Path) -> Vec<NameChange> {
        let changes = std::mem::take(&mut self.name_changes).into_iter();
        let (taken, left) = changes.partition(|change| change.path().parent() == Some(dir));
        self.name_changes = left;
        taken
    }

    /// Refuses a file length that the disk has no room for.
    fn check_room(&self, inode: usize, len: usize) -> io::Result<()> {
        let growth = len.saturating_sub(self.inodes[inode].cached.len());
        if self.capacity != u64::MAX && growth as u64 > self.available() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn change(&mut self, inode: usize, change: Change) {
        let inode = &mut self.inodes[inode];
        change.apply(&mut inode.cached);
        inode.dirty.push(change);
    }
}

fn stopped() -> io::Error {
    io::Error::other("the simulated machine has stopped")
}
