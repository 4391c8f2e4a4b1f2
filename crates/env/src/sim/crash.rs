//! What is left of unsynced changes: after a power cut, after a failed sync, after the process died.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::path::Path;

use super::state::{Change, Inode, NameChange, State, put};

/// The unit in which a device writes; a tear inside one is drawn too.
const SECTOR_BYTES: usize = 512;

/// How much of what was on its way arrives. Drawn once per crash, so that the extremes are common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrives {
    All,
    Nothing,
    Some,
}

impl State {
    /// The disk after a power cut. This machine stops.
    pub(super) fn power_cycle(&mut self) -> Self {
        let mut next = self.next_machine();
        let arrives = self.draw_arrival();
        let mut names = mem::take(&mut self.durable_names);
        for change in mem::take(&mut self.name_changes) {
            if self.keeps(arrives) {
                change.apply(&mut names);
            }
        }
        for (path, inode) in names {
            let Inode { mut durable, dirty, .. } = mem::take(&mut self.inodes[inode]);
            for change in dirty {
                self.settle(arrives, &mut durable, &change);
            }
            next.names.insert(path, next.inodes.len());
            next.inodes.push(Inode { cached: durable.clone(), durable, dirty: Vec::new() });
        }
        next.durable_names = next.names.clone();
        next.rng = self.rng.clone();
        next
    }

    /// The disk after the process died: nothing is lost, nothing became durable. This machine stops.
    pub(super) fn kill(&mut self) -> Self {
        let mut next = self.next_machine();
        next.inodes = mem::take(&mut self.inodes);
        next.names = mem::take(&mut self.names);
        next.durable_names = mem::take(&mut self.durable_names);
        next.name_changes = mem::take(&mut self.name_changes);
        next.read_only = self.read_only;
        next
    }

    /// A sync that failed: some of the changes arrived, and all of them count as clean from now on. When the machine
    /// stopped in it instead, either it had done its work or it had not begun.
    pub(super) fn fail_sync_data(&mut self, inode: usize, stopping: bool) {
        if stopping {
            if self.coin() {
                self.sync_data(inode);
            }
            return;
        }
        let arrives = self.draw_arrival();
        let mut durable = mem::take(&mut self.inodes[inode].durable);
        for change in mem::take(&mut self.inodes[inode].dirty) {
            self.settle(arrives, &mut durable, &change);
        }
        self.inodes[inode].durable = durable;
    }

    /// A sync of a directory that failed: some of the changes arrived, and the file system gives up. When the machine
    /// stopped in it instead, as with [`Self::fail_sync_data`].
    pub(super) fn fail_sync_dir(&mut self, dir: &Path, stopping: bool) {
        if stopping {
            if self.coin() {
                self.sync_dir(dir);
            }
            return;
        }
        self.read_only = true;
        let arrives = self.draw_arrival();
        let changes: Vec<NameChange> = self.take_name_changes(dir);
        for change in changes {
            if self.keeps(arrives) {
                change.apply(&mut self.durable_names);
            }
        }
    }

    /// An empty disk that inherits what belongs to the device rather than to its content.
    fn next_machine(&mut self) -> Self {
        self.stopped = true;
        Self {
            rng: self.rng.clone(),
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            dirs: self.dirs.clone(),
            locks: BTreeSet::new(),
            capacity: self.capacity,
            lie: self.lie,
            faults: Vec::new(),
            faults_fired: self.faults_fired,
            operations: 0,
            stop_at: None,
            stopped: false,
            read_only: false,
        }
    }

    fn draw_arrival(&mut self) -> Arrives {
        match self.below(4) {
            0 => Arrives::All,
            1 => Arrives::Nothing,
            _ => Arrives::Some,
        }
    }

    fn keeps(&mut self, arrives: Arrives) -> bool {
        arrives == Arrives::All || (arrives == Arrives::Some && self.coin())
    }

    /// Applies what arrives of one change: each change on its own, so that a later one may arrive without an earlier.
    fn settle(&mut self, arrives: Arrives, durable: &mut Vec<u8>, change: &Change) {
        let (offset, bytes) = match change {
            _ if arrives == Arrives::Nothing => return,
            _ if arrives == Arrives::All => return change.apply(durable),
            Change::Write { offset, bytes } if !bytes.is_empty() => (*offset, bytes),
            Change::Write { .. } | Change::Length(_) => {
                if self.coin() {
                    change.apply(durable);
                }
                return;
            }
        };
        // The file may have grown before its data came.
        if self.coin() && durable.len() < offset + bytes.len() {
            durable.resize(offset + bytes.len(), 0);
        }
        match self.below(5) {
            0 => {}
            1 => put(durable, offset, bytes),
            2 => {
                let torn_at = self.below(bytes.len() + 1);
                put(durable, offset, &bytes[..torn_at]);
            }
            3 => {
                let torn_at = (offset + self.below(bytes.len() + 1)).next_multiple_of(SECTOR_BYTES) - offset;
                put(durable, offset, &bytes[..torn_at.min(bytes.len())]);
            }
            _ => self.scatter(durable, offset, bytes),
        }
    }

    /// Applies some sectors of a write and not others.
    fn scatter(&mut self, durable: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let sector_end = ((offset + at + 1).next_multiple_of(SECTOR_BYTES) - offset).min(bytes.len());
            if self.coin() {
                put(durable, offset + at, &bytes[at..sector_end]);
            }
            at = sector_end;
        }
    }
}
