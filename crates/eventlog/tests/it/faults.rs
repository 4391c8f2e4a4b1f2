//! One call of the disk fails, each in turn.

use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;
use env::{Files, Operation, SimDisk};
use eventlog::{AppendError, EventLog, Opened, Step, WriterEnd};

use crate::support::{Append, DIR, append, disk, open, record, records};

/// What one run with a fault has shown.
struct Run {
    disk: SimDisk,
    acknowledged: Vec<(u64, Vec<u8>)>,
    poisoned: bool,
}

/// Appends 40 records one by one, trims and closes, with the `nth` call of one kind failing. None when it did not
/// come to that call.
fn run(operation: Operation, nth: u64, error: ErrorKind) -> Option<Run> {
    let disk = SimDisk::new(nth);
    disk.fail(operation, nth, error);
    let mut run = Run { disk: disk.clone(), acknowledged: Vec::new(), poisoned: false };
    if let Ok(mut opened) = open(disk.clone()) {
        work(&mut opened, &mut run);
    }
    (disk.faults_fired() > 0).then_some(run)
}

fn work(opened: &mut Opened, run: &mut Run) {
    for id in 1..=40 {
        let record = record(id, 700);
        match append(opened, record.clone()) {
            Ok(sequence) => {
                assert!(!run.poisoned, "acknowledged after the failure");
                run.acknowledged.push((sequence, record));
            }
            Err(AppendError::Poisoned { durable_to, .. }) => {
                let last = run.acknowledged.last().map_or(0, |(sequence, _)| *sequence);
                assert_eq!(durable_to, last);
                run.poisoned = true;
            }
            Err(AppendError::Full) => assert!(!run.poisoned),
            Err(error) => panic!("{error}"),
        }
        if id == 30 {
            // Whatever it answers, the log's promises stand.
            drop(opened.log.trim(5));
        }
    }
    opened.log.close();
    let Step::Ended(end) = opened.writer.commit_next() else { panic!("a closed log ends") };
    run.poisoned |= matches!(end, WriterEnd::Poisoned(_));
    assert_eq!(opened.log.status().poisoned, run.poisoned);
}

/// Runs until the fault does not fire any more, and returns how many runs saw the log poisoned, and how many full.
fn at_every_call(operation: Operation, error: ErrorKind) -> (u64, u64) {
    let (mut fired, mut poisoned) = (0, 0);
    while let Some(run) = run(operation, fired + 1, error) {
        fired += 1;
        poisoned += u64::from(run.poisoned);
        // First with the page cache as it was, then with what the device holds after that recovery.
        let killed = run.disk.kill();
        let mut found = Vec::new();
        match open(killed.clone()) {
            Ok(opened) => found = check(&opened.log, &run),
            Err(_) => assert_eq!(operation, Operation::SyncDir, "only a disk that became read-only does not open"),
        }
        let again = check(&open(killed.power_cycle()).expect("a disk without faults").log, &run);
        assert!(again.starts_with(&found), "what was served is served again");
    }
    (fired, poisoned)
}

/// Everything acknowledged and not trimmed is there; returns all that is there.
fn check(log: &EventLog, run: &Run) -> Vec<(u64, Bytes)> {
    let found = records(log);
    for (sequence, record) in run.acknowledged.iter().filter(|(sequence, _)| *sequence > 5) {
        assert!(found.iter().any(|(at, bytes)| at == sequence && bytes == record));
    }
    found
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let (fired, poisoned) = at_every_call(Operation::SyncData, ErrorKind::Other);
    assert!(fired > 40, "one per record and one per segment: {fired}");
    assert_eq!(poisoned, fired - 1, "the first one keeps the log from opening");
}

#[test]
fn a_sync_that_fails_for_want_of_space_is_not_retried_either() {
    let (fired, poisoned) = at_every_call(Operation::SyncData, ErrorKind::StorageFull);
    assert_eq!(poisoned, fired - 1);
}

#[test]
fn after_a_failed_write_nothing_is_acknowledged_any_more() {
    let (fired, poisoned) = at_every_call(Operation::Write, ErrorKind::Other);
    assert!(fired > 40);
    assert_eq!(poisoned, fired - 1);
}

#[test]
fn after_a_failed_sync_of_the_directory_nothing_is_acknowledged_any_more() {
    let (fired, poisoned) = at_every_call(Operation::SyncDir, ErrorKind::Other);
    assert!(fired > 4);
    assert_eq!(poisoned, fired - 1);
}

#[test]
fn a_failed_cut_of_a_full_segment_stops_the_log() {
    let (fired, poisoned) = at_every_call(Operation::SetLen, ErrorKind::Other);
    assert!(fired > 3);
    assert_eq!(poisoned, fired);
}

#[test]
fn a_segment_that_cannot_be_created_or_allocated_is_made_later() {
    for operation in [Operation::Create, Operation::Allocate] {
        let (fired, poisoned) = at_every_call(operation, ErrorKind::StorageFull);
        assert!(fired > 4);
        assert_eq!(poisoned, 0);
    }
}

#[test]
fn a_segment_that_cannot_be_removed_is_removed_by_the_next_trim() {
    let disk = disk();
    let mut opened = open(disk.clone()).unwrap();
    for id in 1..=30 {
        append(&mut opened, record(id, 700)).unwrap();
    }
    disk.fail(Operation::Remove, 1, ErrorKind::Other);
    assert!(opened.log.trim(20).is_err());
    assert_eq!(opened.log.status().first, 1);
    assert!(opened.log.trim(20).unwrap() > 0);
    assert!(opened.log.status().first > 10);
    append(&mut opened, "goes on").unwrap();
}

#[test]
fn a_poisoned_log_answers_everyone_who_waits_and_everyone_who_comes() {
    let disk = disk();
    let mut opened = open(disk.clone()).unwrap();
    append(&mut opened, "durable").unwrap();
    disk.fail(Operation::SyncData, 1, ErrorKind::Other);
    let mut waiting: Vec<_> = (1..=30).map(|id| Append::start(&opened.log, record(id, 500))).collect();
    assert!(matches!(opened.writer.commit_next(), Step::Ended(WriterEnd::Poisoned(_))));
    waiting.push(Append::start(&opened.log, "late"));
    for append in &mut waiting {
        assert!(matches!(append.poll(), Some(Err(AppendError::Poisoned { durable_to: 1, .. }))));
    }
    assert_eq!(opened.log.tail(0).read(1_000).unwrap().len(), 1, "what is durable can still be read");
    let status = opened.log.status();
    assert!(status.poisoned && status.queue_bytes == 0 && status.durable == 1);
}

#[test]
fn a_writer_that_goes_away_stops_the_log() {
    let opened = open(disk()).unwrap();
    let mut waiting = Append::start(&opened.log, "waits");
    drop(opened.writer);
    assert!(matches!(waiting.poll(), Some(Err(AppendError::Poisoned { durable_to: 0, .. }))));
}

#[test]
fn a_failed_trim_that_leaves_the_directory_in_doubt_stops_the_log() {
    let disk = disk();
    let mut opened = open(disk.clone()).unwrap();
    for id in 1..=30 {
        append(&mut opened, record(id, 700)).unwrap();
    }
    disk.fail(Operation::SyncDir, 1, ErrorKind::Other);
    assert!(opened.log.trim(20).is_err());
    assert!(matches!(append(&mut opened, "more"), Err(AppendError::Poisoned { durable_to: 30, .. })));
}

/// A log whose only segment is empty and has to remember sequence and epoch alone.
#[test]
fn the_epoch_grows_wherever_the_start_of_an_empty_log_is_cut_off() {
    for seed in 0..400 {
        let disk = SimDisk::new(seed);
        let mut opened = open(disk.clone()).unwrap();
        for id in 1..=20 {
            append(&mut opened, record(id, 700)).unwrap();
        }
        opened.log.close();
        assert!(matches!(opened.writer.commit_next(), Step::Ended(WriterEnd::Closed)));
        opened.log.trim(20).unwrap();
        assert_eq!(opened.log.status().segments, 1);
        let (mut disk, mut epoch) = (disk.kill(), 1);
        for round in 0..12 {
            if (seed + round) % 3 == 0 {
                disk.fail(Operation::SyncData, 1 + round % 3, ErrorKind::Other);
            } else {
                disk.stop_after((seed + round) % 7);
            }
            if let Ok(opened) = open(disk.clone()) {
                assert!(opened.recovery.epoch > epoch, "seed {seed}, round {round}");
                assert_eq!((opened.recovery.first, opened.recovery.durable), (21, 20));
                epoch = opened.recovery.epoch;
            }
            disk = if round % 2 == 0 { disk.kill() } else { disk.power_cycle() };
        }
    }
}

#[test]
fn the_epoch_is_not_trimmed_away_while_the_next_segment_has_no_header() {
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        let mut opened = open(disk.clone()).unwrap();
        append(&mut opened, "one").unwrap();
        let disk = disk.kill();
        disk.fail(Operation::Write, 2, ErrorKind::StorageFull);
        let opened = open(disk.clone()).unwrap();
        assert_eq!((disk.faults_fired(), opened.log.status().full), (1, true));
        assert_eq!(opened.log.trim(1).unwrap(), 0);
        drop(opened);
        assert!(open(disk.power_cycle()).unwrap().recovery.epoch >= 2);
        assert!(disk.list(Path::new(DIR)).is_err(), "that machine is gone");
    }
}
