//! Limits: of a record, of the queue, of the log's quota, of the disk. Refusing comes before writing.

use std::path::Path;

use env::{Files, SimDisk};
use eventlog::{AppendError, OpenError, Settings, Step};

use crate::support::{Append, DIR, SETTINGS, append, disk, file_names, open, open_with, record, records};

#[test]
fn a_record_larger_than_the_limit_is_refused() {
    let mut opened = open(disk()).unwrap();
    let limit = SETTINGS.record_limit();
    let refused = append(&mut opened, record(1, limit + 1));
    assert!(matches!(refused, Err(AppendError::TooLarge { limit_bytes, .. }) if limit_bytes == limit));
    assert_eq!(append(&mut opened, record(2, limit)).unwrap(), 1);
}

#[test]
fn the_largest_record_fits_an_empty_segment() {
    let settings = Settings { record_bytes_max: usize::MAX, ..SETTINGS };
    let mut opened = open_with(disk(), settings).unwrap();
    for id in 1..=4 {
        assert_eq!(append(&mut opened, record(id, settings.record_limit())).unwrap(), id);
    }
    assert_eq!(records(&opened.log).len(), 4);
}

#[test]
fn segments_of_impossible_size_are_refused() {
    for segment_bytes in [0, 4_095, (2 << 30) + 1] {
        let refused = open_with(disk(), Settings { segment_bytes, ..SETTINGS });
        assert!(matches!(refused, Err(OpenError::SegmentBytes { .. })));
    }
}

#[test]
fn a_saturated_queue_refuses_until_the_writer_has_caught_up() {
    let settings = Settings { queue_bytes: 4_096, ..SETTINGS };
    let mut opened = open_with(disk(), settings).unwrap();
    let mut first = Append::start(&opened.log, record(1, 3_000));
    assert!(first.poll().is_none());
    let mut second = Append::start(&opened.log, record(2, 3_000));
    assert!(matches!(second.poll(), Some(Err(AppendError::Saturated { .. }))));
    assert!(opened.log.status().queue_bytes >= 3_000);
    opened.writer.commit_next();
    assert_eq!(first.poll().unwrap().unwrap(), 1);
    assert_eq!(opened.log.status().queue_bytes, 0);
    assert_eq!(append(&mut opened, record(3, 3_000)).unwrap(), 2);
}

#[test]
fn a_record_whose_caller_has_gone_is_not_written_if_that_can_be_helped() {
    let mut opened = open(disk()).unwrap();
    drop(Append::start(&opened.log, "abandoned"));
    assert_eq!(append(&mut opened, "wanted").unwrap(), 1);
    assert_eq!(opened.log.status().queue_bytes, 0);
}

/// Appends until the log is full; returns how many went in.
fn fill(opened: &mut eventlog::Opened) -> u64 {
    for id in 1.. {
        match append(opened, record(id, 700)) {
            Ok(_) => {}
            Err(AppendError::Full) => return id - 1,
            Err(error) => panic!("{error}"),
        }
    }
    0
}

#[test]
fn the_quota_holds_and_a_trim_makes_room() {
    let settings = Settings { quota_bytes: 5 * SETTINGS.segment_bytes, ..SETTINGS };
    let disk = disk();
    let mut opened = open_with(disk.clone(), settings).unwrap();
    let written = fill(&mut opened);
    let full = opened.log.status();
    assert!(full.full && full.bytes <= settings.quota_bytes && full.durable == written, "{full:?}");
    assert!(full.bytes > settings.quota_bytes - 2 * settings.segment_bytes, "the quota is used: {full:?}");
    let before = disk.operations();
    assert!(matches!(append(&mut opened, record(99, 700)), Err(AppendError::Full)));
    assert_eq!(disk.operations(), before, "nothing was written");
    assert_eq!(records(&opened.log).len() as u64, written, "it can be read");

    assert!(opened.log.trim(written / 2).unwrap() > 0);
    assert_eq!(append(&mut opened, "room again").unwrap(), written + 1);
    assert!(!opened.log.status().full);
}

#[test]
fn a_quota_below_two_segments_does_not_stop_the_log_for_good() {
    let settings = Settings { quota_bytes: 1, ..SETTINGS };
    let mut opened = open_with(disk(), settings).unwrap();
    for _ in 0..5 {
        let written = fill(&mut opened);
        assert!(written > 0);
        assert!(opened.log.trim(u64::MAX).unwrap() > 0);
    }
}

#[test]
fn nothing_is_accepted_below_the_reserve() {
    let disk = disk();
    disk.set_capacity(100_000);
    let settings = Settings { reserve_bytes: 50_000, ..SETTINGS };
    let mut opened = open_with(disk.clone(), settings).unwrap();
    append(&mut opened, "fits").unwrap();
    let other = disk.create(Path::new("/data/other")).unwrap();
    other.allocate(60_000).unwrap();
    assert!(matches!(append(&mut opened, "refused"), Err(AppendError::Full)));
    assert!(opened.log.status().full);
    other.set_len(0).unwrap();
    assert_eq!(append(&mut opened, "resumes").unwrap(), 2);
    assert!(!opened.log.status().full);
}

#[test]
fn a_full_disk_refuses_before_writing_and_resumes_by_itself() {
    let disk = disk();
    disk.set_capacity(5 * SETTINGS.segment_bytes);
    let mut opened = open(disk.clone()).unwrap();
    let written = fill(&mut opened);
    assert_eq!(opened.log.status().durable, written);
    assert!(!opened.log.status().poisoned, "the disk was full at a roll, not in a write");
    opened.log.trim(written / 2).unwrap();
    assert_eq!(append(&mut opened, "room again").unwrap(), written + 1);
    disk.set_capacity(u64::MAX);
    assert_eq!(append(&mut opened, "more room").unwrap(), written + 2);
    assert_eq!(records(&open(disk.power_cycle()).unwrap().log).last().unwrap().0, written + 2);
}

#[test]
fn a_log_opens_and_is_read_on_a_full_disk() {
    let disk = disk();
    let mut opened = open(disk.clone()).unwrap();
    append(&mut opened, "before").unwrap();
    let disk = disk.kill();
    disk.set_capacity(1);
    let mut opened = open(disk.clone()).unwrap();
    assert_eq!(records(&opened.log).len(), 1);
    assert!(matches!(append(&mut opened, "full"), Err(AppendError::Full)));
    disk.set_capacity(u64::MAX);
    assert_eq!(append(&mut opened, "room").unwrap(), 2);
}

#[test]
fn a_log_that_is_opened_again_and_again_does_not_grow() {
    let disk = disk();
    for epoch in 1..=5 {
        let opened = open(disk.clone()).unwrap();
        assert_eq!(opened.recovery.epoch, epoch);
        assert_eq!(file_names(&disk), ["00000000000000000001.log"]);
    }
}

#[test]
fn the_next_segment_is_made_before_it_is_needed() {
    let mut opened = open(disk()).unwrap();
    let mut written = 1_024;
    let mut id = 0;
    while opened.log.status().segments == 1 {
        id += 1;
        append(&mut opened, record(id, 664)).unwrap();
        written += 664 + 40;
    }
    assert!(written + 664 + 40 < SETTINGS.segment_bytes, "one more would have fitted");
}

#[test]
fn only_whole_segments_are_trimmed_and_never_the_last() {
    let disk = disk();
    let mut opened = open(disk.clone()).unwrap();
    for id in 1..=40 {
        append(&mut opened, record(id, 700)).unwrap();
    }
    let files = file_names(&disk);
    let second: u64 = files[1].trim_end_matches(".log").parse().unwrap();
    assert_eq!(opened.log.trim(second - 2).unwrap(), 0);
    assert!(opened.log.trim(second - 1).unwrap() > 0);
    assert_eq!(file_names(&disk), files[1..]);
    opened.log.trim(u64::MAX).unwrap();
    assert_eq!(file_names(&disk).len(), 1);
    assert_eq!(append(&mut opened, "next").unwrap(), 41);
    assert_eq!(open(SimDisk::power_cycle(&disk)).unwrap().recovery.durable, 41, "the sequence goes on");
}

#[test]
fn small_and_large_records_share_a_group_and_a_sync() {
    let settings = Settings {
        segment_bytes: 4 << 20,
        record_bytes_max: 2 << 20,
        commit_bytes: 3 << 20,
        queue_bytes: 8 << 20,
        ..SETTINGS
    };
    let disk = disk();
    let mut opened = open_with(disk.clone(), settings).unwrap();
    let lengths = [0, 100, 1 << 20, 5, 300_000, 1 << 20, 8];
    let sent: Vec<_> = (1..).zip(lengths).map(|(id, len)| record(id, len)).collect();
    let mut appends: Vec<_> = sent.iter().map(|record| Append::start(&opened.log, record.clone())).collect();
    assert!(matches!(opened.writer.commit_next(), Step::Committed(7)));
    for (append, sequence) in appends.iter_mut().zip(1..) {
        assert_eq!(append.poll().unwrap().unwrap(), sequence);
    }
    assert_eq!(opened.log.status().syncs, 1);
    let opened = open_with(disk.power_cycle(), settings).unwrap();
    let found = records(&opened.log);
    assert!(found.iter().map(|(_, bytes)| bytes.as_ref()).eq(sent.iter().map(Vec::as_slice)));
    assert!(disk.list(Path::new(DIR)).is_err());
}

#[test]
fn an_empty_record_is_a_record() {
    let disk = disk();
    let mut opened = open(disk.clone()).unwrap();
    assert_eq!(append(&mut opened, "").unwrap(), 1);
    assert_eq!(append(&mut opened, "").unwrap(), 2);
    let opened = open(disk.power_cycle()).unwrap();
    assert_eq!(records(&opened.log).len(), 2);
}
