use env::{Files, SimDisk};

use super::*;

const EPOCH: u64 = 5;

fn file() -> std::sync::Arc<dyn File> {
    SimDisk::new(1).create(Path::new("segment")).unwrap()
}

fn slot(file: &dyn File, index: usize) -> [u8; SLOT_BYTES] {
    read_slots(file).unwrap()[index]
}

#[test]
fn names_hold_the_first_sequence() {
    assert_eq!(file_name(1), "00000000000000000001.log");
    for first in [1, 42, u64::MAX] {
        assert_eq!(first_of(Path::new(&file_name(first))), Some(first));
    }
    for name in ["1.log", "00000000000000000001", "0000000000000000000x.log", "+0000000000000000001.log", "lock"] {
        assert_eq!(first_of(Path::new(name)), None, "{name}");
    }
}

#[test]
fn a_new_segment_has_two_equal_headers_and_its_size() {
    let file = file();
    let key = prepare(file.as_ref(), 7, EPOCH, 9_000).unwrap();
    assert_eq!(file.len().unwrap(), 9_000);
    assert_eq!(key.epoch, EPOCH);
    assert_eq!(slot(file.as_ref(), 0), slot(file.as_ref(), 1));
    assert_eq!(read_header(file.as_ref(), 7).unwrap(), Found::Key(key));
    assert_eq!(read_header(file.as_ref(), 8).unwrap(), Found::Nothing, "that is not its name");
}

#[test]
fn one_damaged_header_does_no_harm() {
    for at in SLOTS {
        let file = file();
        let key = prepare(file.as_ref(), 7, EPOCH, 9_000).unwrap();
        file.write_all_at(b"!", at + 20).unwrap();
        assert_eq!(read_header(file.as_ref(), 7).unwrap(), Found::Key(key));
        let renewed = prepare(file.as_ref(), 7, EPOCH + 1, 9_000).unwrap();
        assert_eq!(read_header(file.as_ref(), 7).unwrap(), Found::Key(renewed));
        assert_eq!(slot(file.as_ref(), 0), slot(file.as_ref(), 1));
    }
}

#[test]
fn every_preparation_gives_another_key() {
    let file = file();
    let first = prepare(file.as_ref(), 7, EPOCH, 9_000).unwrap();
    let second = prepare(file.as_ref(), 7, EPOCH + 1, 9_000).unwrap();
    assert_ne!(first.salt, second.salt);
    assert_eq!(read_header(file.as_ref(), 7).unwrap(), Found::Key(second));
}

#[test]
fn a_header_can_be_read_wherever_a_preparation_is_cut_off() {
    for seed in 0..600 {
        for damaged in SLOTS {
            let disk = SimDisk::new(seed);
            let path = Path::new("segment");
            let file = disk.create(path).unwrap();
            disk.sync_dir(Path::new("")).unwrap();
            prepare(file.as_ref(), 7, EPOCH, 4_096).unwrap();
            file.write_all_at(b"!", damaged + 20).unwrap();
            file.sync_data().unwrap();
            disk.stop_after(seed % 7);
            let done = prepare(file.as_ref(), 7, EPOCH + 1, 4_096).is_ok();
            let file = disk.power_cycle().open(path).unwrap();
            let Found::Key(key) = read_header(file.as_ref(), 7).unwrap() else { panic!("seed {seed}: no header") };
            assert!(key.epoch == EPOCH + 1 || (key.epoch == EPOCH && !done), "seed {seed}");
        }
    }
}

#[test]
fn a_short_or_empty_file_has_no_header() {
    let file = file();
    assert_eq!(read_header(file.as_ref(), 7).unwrap(), Found::Nothing);
    file.write_all_at(&[1; 30], 0).unwrap();
    assert_eq!(read_header(file.as_ref(), 7).unwrap(), Found::Nothing);
}

#[test]
fn a_later_format_is_recognised() {
    let file = file();
    let mut slot = encode(7, Key { epoch: EPOCH, salt: 1 });
    slot[8] = 2;
    let check = crc32c::crc32c(&slot[..CHECKED_BYTES]);
    slot[CHECKED_BYTES..].copy_from_slice(&check.to_le_bytes());
    file.write_all_at(&slot, 0).unwrap();
    assert_eq!(read_header(file.as_ref(), 7).unwrap(), Found::Newer(2));
}

/// The layout is a promise to every later version.
#[test]
fn the_layout_stays() {
    let slot = encode(0x1122, Key { epoch: 0x3344, salt: 0x5566 });
    let text: String = slot.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, LAYOUT);
}

const LAYOUT: &str = concat!(
    "68656467656c6f67010000000000000022110000000000004433000000000000",
    "665500000000000000000000000000000000000000000000000000003c1b6842",
);
