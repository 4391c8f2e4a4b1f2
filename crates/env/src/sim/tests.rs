use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use crate::{File, Files, Operation, SimDisk};

const DIR: &str = "/d";
const PATH: &str = "/d/file";

/// A disk with one empty file whose name is durable.
fn disk(seed: u64) -> (SimDisk, std::sync::Arc<dyn File>) {
    let disk = SimDisk::new(seed);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let file = disk.create(Path::new(PATH)).unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    (disk, file)
}

fn content(disk: &SimDisk) -> Vec<u8> {
    let file = disk.open(Path::new(PATH)).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn synced_data_survives_a_power_cut() {
    for seed in 0..100 {
        let (disk, file) = disk(seed);
        file.write_all_at(b"kept", 0).unwrap();
        file.sync_data().unwrap();
        assert_eq!(content(&disk.power_cycle()), b"kept");
    }
}

#[test]
fn unsynced_writes_are_kept_lost_torn_and_reordered() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..2_000 {
        let (disk, file) = disk(seed);
        file.set_len(2_048).unwrap();
        file.sync_data().unwrap();
        file.write_all_at(&[1; 1_024], 0).unwrap();
        file.write_all_at(&[2; 1_024], 1_024).unwrap();
        outcomes.insert(content(&disk.power_cycle()));
    }
    let seen = |sectors: [u8; 4]| outcomes.iter().any(|bytes| [0, 512, 1_024, 1_536].map(|at| bytes[at]) == sectors);
    assert!(seen([0, 0, 0, 0]), "all lost");
    assert!(seen([1, 1, 2, 2]), "all kept");
    assert!(seen([0, 0, 2, 2]), "reordered");
    assert!(seen([1, 0, 2, 2]), "torn between sectors");
    assert!(outcomes.iter().any(|bytes| bytes[0] == 0 && bytes[512] == 1), "later sector first");
    assert!(outcomes.iter().any(|bytes| bytes[1_024] == 2 && bytes[1_500] == 0), "torn within a sector");
}

#[test]
fn names_need_a_sync_of_their_directory() {
    let mut created = BTreeSet::new();
    let mut removed = BTreeSet::new();
    for seed in 0..100 {
        let (disk, _file) = disk(seed);
        let other = Path::new("/d/other");
        disk.create(other).unwrap().sync_data().unwrap();
        disk.remove(Path::new(PATH)).unwrap();
        let after = disk.power_cycle();
        created.insert(after.open(other).is_ok());
        removed.insert(after.open(Path::new(PATH)).is_err());
    }
    assert_eq!((created.len(), removed.len()), (2, 2), "some lost, some kept");
}

#[test]
fn a_killed_process_leaves_the_page_cache_and_unsynced_changes() {
    let mut survived = BTreeSet::new();
    for seed in 0..100 {
        let (disk, file) = disk(seed);
        file.write_all_at(b"data", 0).unwrap();
        let killed = disk.kill();
        assert_eq!(content(&killed), b"data");
        assert!(file.sync_data().is_err(), "the dead process is gone");
        survived.insert(content(&killed.power_cycle()) == b"data");
    }
    assert_eq!(survived.len(), 2);
}

#[test]
fn a_sync_after_a_failed_one_succeeds_without_the_data() {
    let mut survived = BTreeSet::new();
    for seed in 0..100 {
        let (disk, file) = disk(seed);
        file.write_all_at(b"data", 0).unwrap();
        disk.fail(Operation::SyncData, 1, ErrorKind::Other);
        assert!(file.sync_data().is_err());
        assert_eq!(disk.faults_fired(), 1);
        file.sync_data().unwrap();
        assert_eq!(content(&disk), b"data", "still in the cache");
        survived.insert(content(&disk.power_cycle()) == b"data");
    }
    assert_eq!(survived.len(), 2);
}

#[test]
fn a_failed_sync_of_a_directory_leaves_the_disk_read_only_until_the_power_is_cycled() {
    let (disk, file) = disk(1);
    disk.fail(Operation::SyncDir, 1, ErrorKind::Other);
    assert!(disk.sync_dir(Path::new(DIR)).is_err());
    let errors = [file.write_all_at(b"a", 0), file.sync_data(), disk.sync_dir(Path::new(DIR))];
    assert!(errors.into_iter().all(|error| error.unwrap_err().kind() == ErrorKind::ReadOnlyFilesystem));
    let killed = disk.kill();
    assert_eq!(killed.remove(Path::new(PATH)).unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    killed.power_cycle().remove(Path::new(PATH)).unwrap();
}

#[test]
fn the_nth_call_of_a_kind_fails_once() {
    let (disk, file) = disk(1);
    disk.fail(Operation::Write, 2, ErrorKind::StorageFull);
    file.write_all_at(b"a", 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(file.write_all_at(b"b", 1).unwrap_err().kind(), ErrorKind::StorageFull);
    file.write_all_at(b"c", 2).unwrap();
    assert_eq!(disk.faults_fired(), 1);
}

#[test]
fn capacity_bounds_what_files_hold() {
    let (disk, file) = disk(1);
    disk.set_capacity(100);
    file.allocate(60).unwrap();
    assert_eq!(disk.available_bytes(Path::new(DIR)).unwrap(), 40);
    assert_eq!(file.write_all_at(&[1; 101], 0).unwrap_err().kind(), ErrorKind::StorageFull);
    let other = disk.create(Path::new("/d/other")).unwrap();
    assert_eq!(other.allocate(41).unwrap_err().kind(), ErrorKind::StorageFull);
    disk.remove(Path::new(PATH)).unwrap();
    other.allocate(41).unwrap();
}

#[test]
fn a_lying_disk_loses_what_it_said_was_synced() {
    let lost = (0..50).any(|seed| {
        let disk = SimDisk::lying(seed, Operation::SyncData);
        disk.create_dir_all(Path::new(DIR)).unwrap();
        let file = disk.create(Path::new(PATH)).unwrap();
        disk.sync_dir(Path::new(DIR)).unwrap();
        file.write_all_at(b"data", 0).unwrap();
        file.sync_data().unwrap();
        content(&disk.power_cycle()) != b"data"
    });
    assert!(lost);
}

#[test]
fn a_lock_is_held_by_one_until_released_or_the_machine_stops() {
    let (disk, _file) = disk(1);
    let path = Path::new("/d/lock");
    let held = disk.lock(path).unwrap();
    assert_eq!(disk.lock(path).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(held);
    let held = disk.lock(path).unwrap();
    let next = disk.kill();
    next.lock(path).unwrap();
    drop(held);
}

#[test]
fn the_machine_stops_where_it_is_told_to() {
    let (disk, file) = disk(1);
    disk.stop_after(1);
    file.write_all_at(b"a", 0).unwrap();
    assert!(!disk.is_stopped());
    assert!(file.write_all_at(b"b", 1).is_err());
    assert!(disk.is_stopped() && file.len().is_err() && disk.list(Path::new(DIR)).is_err());
}

#[test]
fn the_same_seed_gives_the_same_accident() {
    let run = |seed| {
        let (disk, file) = disk(seed);
        for at in 0..20 {
            file.write_all_at(&[7; 700], at * 700).unwrap();
        }
        content(&disk.power_cycle())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_file_is_an_ordinary_file_until_something_happens() {
    let (disk, file) = disk(1);
    assert_eq!(disk.create(Path::new(PATH)).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(disk.open(Path::new("/d/none")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.list(Path::new("/none")).unwrap_err().kind(), ErrorKind::NotFound);
    file.write_all_at(b"xyz", 2).unwrap();
    assert_eq!(content(&disk), b"\0\0xyz");
    file.set_len(3).unwrap();
    file.allocate(2).unwrap();
    assert_eq!(content(&disk), b"\0\0x");
    assert_eq!(file.read_exact_at(&mut [0; 2], 2).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    disk.create_dir_all(Path::new("/d/sub")).unwrap();
    assert_eq!(disk.list(Path::new(DIR)).unwrap(), [Path::new("file"), Path::new("sub")]);
    disk.remove(Path::new(PATH)).unwrap();
    assert_eq!(file.len().unwrap(), 3, "open files outlive their name");
}
