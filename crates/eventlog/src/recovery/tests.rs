use std::path::PathBuf;

use bytes::Bytes;
use env::SimDisk;

use super::*;
use crate::frame::{HEADER_BYTES, frame_bytes};
use crate::{EventLog, Opened, Settings};

const DIR: &str = "/log";

/// Large enough for five records of the sizes below.
const SETTINGS: Settings = Settings {
    segment_bytes: 48 << 10,
    quota_bytes: u64::MAX,
    reserve_bytes: 0,
    queue_bytes: 1 << 20,
    record_bytes_max: 32 << 10,
    commit_bytes: 48 << 10,
};

/// The bytes of a record, none of them zero.
fn payload(sequence: u64, len: usize) -> Vec<u8> {
    (0..len).map(|at| 1 + u8::try_from((at as u64 * 31 + sequence * 7) % 255).expect("below 255")).collect()
}

/// Appends groups of records of these sizes, each group with one sync.
fn write(opened: &mut Opened, groups: &[&[usize]]) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut sequence = opened.log.status().durable;
    for lens in groups {
        let mut appends = Vec::new();
        for len in *lens {
            sequence += 1;
            let record = [Bytes::new(), Bytes::from(payload(sequence, *len))];
            let mut append = Box::pin(opened.log.append(record));
            assert!(append.as_mut().poll(&mut context).is_pending());
            appends.push(append);
        }
        opened.writer.commit_next();
    }
}

fn open(disk: &SimDisk) -> Result<Opened, OpenError> {
    crate::open(Arc::new(disk.clone()), Path::new(DIR), SETTINGS)
}

fn path(first: u64) -> PathBuf {
    Path::new(DIR).join(file_name(first))
}

fn content(disk: &SimDisk, first: u64) -> Vec<u8> {
    let file = disk.open(&path(first)).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// A disk with one segment of these bytes, all of them durable.
fn disk_with(bytes: &[u8]) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let file = disk.create(&path(1)).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    disk
}

/// The first segment after these groups were written and the process was killed, without preallocated bytes.
fn segment_of(groups: &[&[usize]]) -> Vec<u8> {
    let disk = SimDisk::new(1);
    let mut opened = open(&disk).unwrap();
    write(&mut opened, groups);
    let bytes: usize = groups.iter().flat_map(|lens| lens.iter()).map(|len| frame_bytes(*len)).sum();
    let mut segment = content(&disk, 1);
    segment.truncate(1_024 + bytes);
    segment
}

fn records(log: &EventLog) -> Vec<(u64, Vec<u8>)> {
    let mut tail = log.tail(log.status().first - 1);
    let read = tail.read(usize::MAX).unwrap();
    read.into_iter().map(|(sequence, bytes)| (sequence, bytes.to_vec())).collect()
}

/// Recovers a log of one segment and returns the number of its records, which must be those in `written`.
fn recovered(bytes: &[u8], lens: &[usize], written: &[u8]) -> usize {
    let disk = disk_with(bytes);
    let recovered = recover(&disk, Path::new(DIR)).unwrap();
    let records = usize::try_from(recovered.recovery.records).unwrap();
    let kept: usize = lens[..records].iter().map(|len| frame_bytes(*len)).sum();
    let content = content(&disk, 1);
    if records > 0 {
        assert_eq!(content.len(), 1_024 + kept, "the torn tail is gone");
        assert!(content[1_024..] == written[1_024..1_024 + kept]);
    }
    records
}

#[test]
fn a_last_record_torn_at_any_byte_is_trimmed_and_no_other() {
    for last in [4_100, 5_000, 8_001] {
        let lens = [30, 500, 8, 100, last];
        let groups: Vec<&[usize]> = lens.chunks(1).collect();
        let whole = segment_of(&groups);
        let start = whole.len() - frame_bytes(last);
        let payload_end = start + HEADER_BYTES + last;
        for torn_at in start..whole.len() {
            let left = if torn_at < payload_end { 4 } else { 5 };
            // Cut off; never written, in a preallocated file; overwritten with something else.
            let mut zeroed = whole.clone();
            zeroed[torn_at..].fill(0);
            zeroed.resize(whole.len() + 2_000, 0);
            assert_eq!(recovered(&zeroed, &lens, &whole), left, "zeroes from {torn_at}");
            if torn_at % 16 == 0 || torn_at < start + 100 {
                assert_eq!(recovered(&whole[..torn_at], &lens, &whole), 4, "cut at {torn_at}");
                let mut overwritten = whole.clone();
                overwritten[torn_at..].fill(0xa5);
                assert_eq!(recovered(&overwritten, &lens, &whole), left, "overwritten from {torn_at}");
            }
        }
        assert_eq!(recovered(&whole, &lens, &whole), 5);
    }
}

#[test]
fn a_flipped_byte_in_the_last_record_trims_it_and_no_other() {
    let lens = [30, 500, 8, 100, 3_000];
    let groups: Vec<&[usize]> = lens.chunks(1).collect();
    let whole = segment_of(&groups);
    let start = whole.len() - frame_bytes(3_000);
    for at in start..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x40;
        let left = if at < start + HEADER_BYTES + 3_000 { 4 } else { 5 };
        assert_eq!(recovered(&flipped, &lens, &whole), left, "byte {at}");
    }
}

#[test]
fn a_flipped_byte_below_the_watermark_is_damage_and_nothing_is_changed() {
    let lens = [30, 500, 8, 100, 50];
    let groups: Vec<&[usize]> = lens.chunks(1).collect();
    let whole = segment_of(&groups);
    let mut start = 1_024;
    for (expected, len) in (1..).zip(&lens[..4]) {
        for at in start..start + HEADER_BYTES + len {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x01;
            let disk = disk_with(&flipped);
            let before = disk.operations();
            let refused = open(&disk);
            assert!(
                matches!(&refused, Err(OpenError::Damaged { segment, offset, sequence, damage: Damage::Record })
                    if *segment == path(1) && *offset == start as u64 && *sequence == expected),
                "byte {at}: {refused:?}"
            );
            assert_eq!(disk.operations(), before);
            assert!(content(&disk, 1) == flipped);
        }
        start += frame_bytes(*len);
    }
}

#[test]
fn a_lost_sector_below_the_watermark_is_damage() {
    let whole = segment_of(&[&[2_000], &[2_000], &[100]]);
    for sector in 2..6 {
        let mut lost = whole.clone();
        lost[sector * 512..][..512].fill(0);
        assert!(matches!(open(&disk_with(&lost)), Err(OpenError::Damaged { damage: Damage::Record, .. })), "{sector}");
    }
}

#[test]
fn valid_frames_after_a_torn_one_of_the_same_group_are_trimmed_with_it() {
    let lens = [100, 200, 300, 400];
    let whole = segment_of(&[&lens[..1], &lens[1..]]);
    let second = 1_024 + frame_bytes(100);
    for at in [second, second + 4, second + 8, second + HEADER_BYTES + 10] {
        let mut torn = whole.clone();
        torn[at] ^= 0xff;
        assert_eq!(recovered(&torn, &lens, &whole), 1);
    }
    let mut hole = whole.clone();
    hole[second..second + 500].fill(0);
    assert_eq!(recovered(&hole, &lens, &whole), 1);
}

#[test]
fn frames_in_the_wrong_place_are_not_records() {
    let whole = segment_of(&[&[100], &[100], &[100]]);
    let (frame, start) = (frame_bytes(100), 1_024 + frame_bytes(100));
    let mut swapped = whole[..start].to_vec();
    swapped.extend_from_slice(&whole[start + frame..]);
    swapped.extend_from_slice(&whole[start..start + frame]);
    assert!(matches!(open(&disk_with(&swapped)), Err(OpenError::Damaged { sequence: 2, .. })));
    let mut repeated = whole.clone();
    repeated.extend_from_slice(&whole[start..start + frame]);
    assert_eq!(recovered(&repeated, &[100, 100, 100], &whole), 3);
}

#[test]
fn frames_inside_a_torn_record_prove_nothing() {
    // A client that knew the format, and even another segment of this log, sends frames as its payload.
    let forged = segment_of(&[&[8], &[8], &[8]])[1_024..].to_vec();
    let disk = SimDisk::new(1);
    let mut opened = open(&disk).unwrap();
    let mut append = Box::pin(opened.log.append([Bytes::new(), Bytes::from(forged)]));
    assert!(append.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending());
    opened.writer.commit_next();
    let mut torn = content(&disk, 1);
    torn[1_024] ^= 1;
    assert_eq!(recovered(&torn, &[], &[]), 0);
}

#[test]
fn after_a_torn_tail_the_log_goes_on_where_it_was_good() {
    let whole = segment_of(&[&[100], &[200]]);
    let disk = disk_with(&whole[..whole.len() - 50]);
    let mut opened = open(&disk).unwrap();
    assert_eq!(opened.recovery.durable, 1);
    assert!(opened.recovery.torn_bytes > 0);
    write(&mut opened, &[&[300]]);
    let opened = open(&disk.power_cycle()).unwrap();
    assert_eq!(records(&opened.log), [(1, payload(1, 100)), (2, payload(2, 300))]);
    assert_eq!((opened.recovery.torn_bytes, opened.recovery.epoch), (0, 3));
}

#[test]
fn one_damaged_header_is_survived_and_two_are_damage() {
    let whole = segment_of(&[&[100], &[100]]);
    for at in [0, 512] {
        let mut damaged = whole.clone();
        damaged[at + 30] ^= 1;
        assert_eq!(recovered(&damaged, &[100, 100], &whole), 2);
    }
    let mut damaged = whole.clone();
    damaged[30] ^= 1;
    damaged[542] ^= 1;
    let refused = open(&disk_with(&damaged));
    assert!(matches!(refused, Err(OpenError::Damaged { offset: 0, sequence: 1, damage: Damage::Header, .. })));
}

#[test]
fn a_later_format_is_refused_by_name() {
    let mut whole = segment_of(&[&[100]]);
    for slot in [0, 512] {
        whole[slot + 8] = 9;
        let check = crc32c::crc32c(&whole[slot..slot + 60]);
        whole[slot + 60..slot + 64].copy_from_slice(&check.to_le_bytes());
    }
    let refused = open(&disk_with(&whole));
    assert!(matches!(refused, Err(OpenError::NewerFormat { version: 9, supported: 1, .. })));
}

/// A disk with a log of several segments, and the sequences at which they begin.
fn several_segments() -> (SimDisk, Vec<u64>) {
    let disk = SimDisk::new(1);
    let mut opened = open(&disk).unwrap();
    write(&mut opened, &[&[20_000; 2], &[20_000; 2], &[20_000; 2], &[20_000; 2]]);
    let firsts = disk.list(Path::new(DIR)).unwrap().iter().filter_map(|name| first_of(name)).collect();
    (disk.kill(), firsts)
}

#[test]
fn a_bad_record_in_a_sealed_segment_is_damage_even_at_its_end() {
    let (disk, firsts) = several_segments();
    assert!(firsts.len() >= 3);
    let last_frame = content(&disk, firsts[0]).len() - 100;
    disk.open(&path(firsts[0])).unwrap().write_all_at(b"!", last_frame as u64).unwrap();
    let refused = open(&disk);
    assert!(matches!(&refused, Err(OpenError::Damaged { segment, sequence, .. })
        if *segment == path(firsts[0]) && *sequence == firsts[1] - 1));
}

#[test]
fn a_sealed_segment_cut_short_misses_records() {
    let (disk, firsts) = several_segments();
    disk.open(&path(firsts[0])).unwrap().set_len(1_024 + frame_bytes(20_000) as u64).unwrap();
    let refused = open(&disk);
    assert!(matches!(refused, Err(OpenError::Damaged { sequence: 2, damage: Damage::Missing { last }, .. })
        if last == firsts[1] - 1));
}

#[test]
fn a_missing_segment_is_damage_unless_it_is_the_oldest() {
    let (disk, firsts) = several_segments();
    disk.remove(&path(firsts[0])).unwrap();
    assert_eq!(open(&disk).unwrap().recovery.first, firsts[1]);

    let (disk, firsts) = several_segments();
    disk.remove(&path(firsts[1])).unwrap();
    let refused = open(&disk);
    assert!(matches!(&refused, Err(OpenError::Damaged { segment, sequence, damage: Damage::Missing { .. }, .. })
        if *segment == path(firsts[0]) && *sequence == firsts[1]));
}

#[test]
fn a_last_segment_whose_header_was_never_written_is_taken_over() {
    for header in [&b""[..], &[0; 3_000], &b"hedgelo"[..]] {
        let disk = SimDisk::new(1);
        let mut opened = open(&disk).unwrap();
        write(&mut opened, &[&[100], &[200]]);
        let disk = disk.kill();
        disk.create(&path(3)).unwrap().write_all_at(header, 0).unwrap();
        let mut opened = open(&disk).unwrap();
        write(&mut opened, &[&[300]]);
        assert_eq!(records(&opened.log).len(), 3);
        assert_eq!(content(&disk, 3).len() as u64, SETTINGS.segment_bytes);
    }
}

#[test]
fn a_last_segment_without_header_but_with_content_is_damage() {
    let disk = disk_with(&segment_of(&[&[100]]));
    disk.create(&path(2)).unwrap().write_all_at(b"something", 5_000).unwrap();
    assert!(matches!(open(&disk), Err(OpenError::Damaged { sequence: 2, damage: Damage::Header, .. })));
}

#[test]
fn what_recovery_shows_is_on_the_device() {
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let mut opened = open(&disk).unwrap();
        write(&mut opened, &[&[100], &[200]]);
        disk.fail(env::Operation::SyncData, 1, io::ErrorKind::Other);
        write(&mut opened, &[&[300, 3_000]]);
        assert!(opened.log.status().poisoned);
        // The next process sees the page cache, which holds the group that never reached the device.
        let disk = disk.kill();
        let opened = open(&disk).unwrap();
        let seen = records(&opened.log);
        assert_eq!(seen.len(), 4);
        assert_eq!(records(&open(&disk.power_cycle()).unwrap().log), seen, "seed {seed}");
    }
}

#[test]
fn other_files_are_left_alone() {
    let disk = disk_with(&segment_of(&[&[100]]));
    disk.create(&Path::new(DIR).join("notes.txt")).unwrap();
    assert_eq!(open(&disk).unwrap().recovery.records, 1);
    assert!(disk.open(&Path::new(DIR).join("notes.txt")).is_ok());
}
