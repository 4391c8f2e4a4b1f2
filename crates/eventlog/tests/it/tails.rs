//! Reading: only what is durable, in order, across segments, while the log moves on.

use std::future::Future;
use std::io::ErrorKind;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use env::{Files, Operation};
use eventlog::{ReadError, Step, Wait};

use crate::support::{Append, DIR, append, disk, file_names, open, record, records};

#[test]
fn only_durable_records_are_read() {
    let mut opened = open(disk()).unwrap();
    let mut tail = opened.log.tail(0);
    assert!(tail.read(1_000).unwrap().is_empty());
    let mut waiting = Append::start(&opened.log, "record");
    assert!(tail.read(1_000).unwrap().is_empty());
    opened.writer.commit_next();
    assert_eq!(waiting.poll().unwrap().unwrap(), 1);
    assert_eq!(tail.read(1_000).unwrap(), [(1, "record".into())]);
    assert!(tail.read(1_000).unwrap().is_empty());
    assert_eq!(tail.position(), 1);
}

#[test]
fn records_come_in_order_across_segments_from_any_position() {
    let mut opened = open(disk()).unwrap();
    for id in 1..=60 {
        append(&mut opened, record(id, usize::try_from(id).unwrap() * 30)).unwrap();
    }
    assert!(opened.log.status().segments > 4);
    for after in 0..=61 {
        for max_bytes in [0, 1, 500, 5_000, usize::MAX] {
            let mut tail = opened.log.tail(after);
            let mut next = after + 1;
            loop {
                let read = tail.read(max_bytes).unwrap();
                let bytes: usize = read.iter().map(|(_, record)| record.len()).sum();
                assert!(bytes <= max_bytes || read.len() == 1);
                if read.is_empty() {
                    break;
                }
                for (sequence, found) in read {
                    assert_eq!(
                        (sequence, found.as_ref()),
                        (next, &record(next, usize::try_from(next).unwrap() * 30)[..])
                    );
                    next += 1;
                }
            }
            assert_eq!(next, 61.max(after + 1));
        }
    }
}

#[test]
fn a_tail_in_a_trimmed_segment_says_where_the_log_begins() {
    let mut opened = open(disk()).unwrap();
    for id in 1..=40 {
        append(&mut opened, record(id, 700)).unwrap();
    }
    let mut tail = opened.log.tail(0);
    assert_eq!(tail.read(1_000).unwrap().len(), 1);
    opened.log.trim(30).unwrap();
    let first = opened.log.status().first;
    assert!(matches!(tail.read(1_000), Err(ReadError::Trimmed { first: at }) if at == first && first > 20));
    let mut tail = opened.log.tail(first - 1);
    assert_eq!(tail.read(1).unwrap()[0].0, first);
}

#[test]
fn damage_is_reported_after_the_records_before_it() {
    let disk = disk();
    let mut opened = open(disk.clone()).unwrap();
    for id in 1..=5 {
        append(&mut opened, record(id, 100)).unwrap();
    }
    let segment = Path::new(DIR).join(&file_names(&disk)[0]);
    let third = 1_024 + 2 * 144;
    disk.open(&segment).unwrap().write_all_at(b"!", third + 50).unwrap();
    let mut tail = opened.log.tail(0);
    assert_eq!(tail.read(10_000).unwrap().len(), 2);
    for _ in 0..2 {
        let damaged = tail.read(10_000);
        assert!(
            matches!(&damaged, Err(ReadError::Damaged { offset, sequence: 3, segment: at }) if *offset == third && *at == segment),
            "{damaged:?}"
        );
    }
    assert_eq!(opened.log.tail(3).read(10_000).unwrap().len(), 2, "the rest can be read");
}

#[test]
fn a_failed_read_can_be_tried_again() {
    let disk = disk();
    let mut opened = open(disk.clone()).unwrap();
    append(&mut opened, "record").unwrap();
    let mut tail = opened.log.tail(0);
    disk.fail(Operation::Read, 1, ErrorKind::Other);
    assert!(matches!(tail.read(100), Err(ReadError::Io { .. })));
    assert_eq!(tail.read(100).unwrap().len(), 1);
}

#[test]
fn a_wait_is_over_when_there_is_something_to_read_or_never_will_be() {
    let mut opened = open(disk()).unwrap();
    let mut tail = opened.log.tail(0);
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(tail.wait_blocking(Duration::ZERO), Wait::TimedOut);
    {
        let mut wait = pin!(tail.wait());
        assert!(wait.as_mut().poll(&mut context).is_pending());
        append(&mut opened, "record").unwrap();
        assert_eq!(wait.as_mut().poll(&mut context), Poll::Ready(Wait::Ready));
    }
    assert_eq!(tail.wait_blocking(Duration::ZERO), Wait::Ready);
    assert_eq!(tail.read(100).unwrap().len(), 1);
    opened.log.close();
    assert_eq!(tail.wait_blocking(Duration::ZERO), Wait::TimedOut, "the writer may still have something to write");
    assert!(matches!(opened.writer.commit_next(), Step::Ended(_)));
    assert_eq!(tail.wait_blocking(Duration::ZERO), Wait::Ended);
    assert_eq!(pin!(tail.wait()).poll(&mut context), Poll::Ready(Wait::Ended));
}

#[test]
fn closing_writes_what_was_accepted_and_refuses_what_comes_later() {
    let disk = disk();
    let mut opened = open(disk.clone()).unwrap();
    let mut accepted: Vec<_> = (1..=20).map(|id| Append::start(&opened.log, record(id, 500))).collect();
    opened.log.close();
    let mut late = Append::start(&opened.log, "late");
    assert!(matches!(late.poll(), Some(Err(eventlog::AppendError::Closed))));
    while !matches!(opened.writer.commit_next(), Step::Ended(eventlog::WriterEnd::Closed)) {}
    assert!(accepted.iter_mut().all(|append| matches!(append.poll(), Some(Ok(_)))));
    assert_eq!(records(&open(disk.power_cycle()).unwrap().log).len(), 20);
}

#[test]
fn dropping_the_last_handle_closes_the_log() {
    let opened = open(disk()).unwrap();
    let second = opened.log.clone();
    let mut tail = opened.log.tail(0);
    drop(opened.log);
    let mut writer = opened.writer;
    assert!(matches!(writer.commit_next(), Step::Idle));
    drop(second);
    assert!(matches!(writer.commit_next(), Step::Ended(eventlog::WriterEnd::Closed)));
    assert_eq!(tail.wait_blocking(Duration::ZERO), Wait::Ended);
}
