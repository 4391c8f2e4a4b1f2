//! Kills and power cuts at random and at every moment, and the broken logs that this must expose.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use env::{File, Files, Lock, Operation, SimDisk};
use eventlog::Step;

use crate::harness::{Stats, View, as_it_is, live};
use crate::support::{Append, append, disk, open, record, records};

#[test]
fn acknowledged_records_survive_crashes_and_faults() {
    let mut total = Stats::default();
    for seed in 0..600 {
        match live(seed, SimDisk::new(seed), as_it_is) {
            Ok(stats) => total.add(stats),
            Err(broken) => panic!("seed {seed}: {broken}"),
        }
    }
    println!("{total:?}");
    for (what, count) in [
        ("acknowledged", total.acknowledged),
        ("recovered though not acknowledged", total.recovered),
        ("refused", total.refused),
        ("torn", total.torn),
        ("power cuts", total.power_cuts),
        ("kills", total.kills),
        ("poisoned", total.poisoned),
        ("faults", total.faults_fired),
        ("trimmed", total.trimmed),
    ] {
        assert!(count > 100, "{what}: {count}");
    }
}

/// How many of 100 lives end with a broken promise.
fn caught(disk: fn(u64) -> SimDisk, view: View) -> usize {
    (0..100).filter(|seed| live(*seed, disk(*seed), view).is_err()).count()
}

#[test]
fn a_log_that_acknowledges_before_the_sync_is_caught() {
    assert!(caught(|seed| SimDisk::lying(seed, Operation::SyncData), as_it_is) > 0);
}

#[test]
fn a_log_that_forgets_to_sync_the_directory_is_caught() {
    assert!(caught(|seed| SimDisk::lying(seed, Operation::SyncDir), as_it_is) > 0);
}

#[test]
fn a_log_that_retries_a_failed_sync_is_caught() {
    assert!(caught(SimDisk::new, |disk| Arc::new(RetriesSyncs(disk))) > 0);
}

/// Makes any log on it one that retries a failed sync and believes the second answer.
#[derive(Debug)]
struct RetriesSyncs(SimDisk);

#[derive(Debug)]
struct RetryingFile(Arc<dyn File>);

impl File for RetryingFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data().or_else(|_| self.0.sync_data())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.0.allocate(len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}

impl Files for RetriesSyncs {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(RetryingFile(self.0.create(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(RetryingFile(self.0.open(path)?)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.0.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.0.create_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.sync_dir(dir)
    }

    fn available_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.0.available_bytes(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.0.lock(path)
    }
}

/// Appends in groups, rolls, trims and reopens; returns the acknowledged records and how far they were trimmed.
fn fixed_work(disk: &SimDisk) -> (Vec<(u64, Vec<u8>)>, u64) {
    let mut acknowledged = Vec::new();
    let mut trimmed_to = 0;
    let mut id = 0;
    for _ in 0..2 {
        let Ok(mut opened) = open(disk.clone()) else { return (acknowledged, trimmed_to) };
        for round in 0..6 {
            let mut group = Vec::new();
            for len in [10, 700, 1_500] {
                id += 1;
                let record = record(id, len);
                group.push((Append::start(&opened.log, record.clone()), record));
            }
            while matches!(opened.writer.commit_next(), Step::Committed(_)) {}
            for (mut append, record) in group {
                if let Some(Ok(sequence)) = append.poll() {
                    acknowledged.push((sequence, record));
                }
            }
            if round == 4 {
                trimmed_to = opened.log.status().durable.saturating_sub(2);
                drop(opened.log.trim(trimmed_to));
            }
        }
        if opened.log.status().poisoned {
            break;
        }
    }
    (acknowledged, trimmed_to)
}

#[test]
fn nothing_is_lost_whenever_the_machine_stops() {
    let undisturbed = disk();
    let (all, _) = fixed_work(&undisturbed);
    assert_eq!(all.len(), 36);
    let operations = undisturbed.operations();
    for stop_after in 0..=operations {
        for seed in 0..24 {
            let disk = SimDisk::new(seed);
            disk.stop_after(stop_after);
            let (acknowledged, trimmed_to) = fixed_work(&disk);
            let next = if seed % 4 == 0 { disk.kill() } else { disk.power_cycle() };
            let what = format!("stop after {stop_after} operations, seed {seed}");
            let mut opened = open(next.clone()).unwrap_or_else(|error| panic!("{what}: {error:?}"));
            let first_read = records(&opened.log);
            for (sequence, record) in acknowledged.iter().filter(|(sequence, _)| *sequence > trimmed_to) {
                assert!(first_read.iter().any(|(at, bytes)| at == sequence && bytes == record), "{what}: {sequence}");
            }
            let sequence = append(&mut opened, "after the crash").expect("the log goes on");
            assert_eq!(sequence, opened.recovery.durable + 1);
            // What was served once is served again, whatever happens.
            let opened = open(next.power_cycle()).unwrap_or_else(|error| panic!("{what}, then a cut: {error:?}"));
            let again = records(&opened.log);
            assert_eq!(again[..again.len() - 1], first_read, "{what}");
        }
    }
}
