//! The log as it runs: a writer thread, many appenders, readers and a trimmer, on real files and through a power cut.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use env::{RealFiles, SimDisk};
use eventlog::{AppendError, EventLog, ReadError, Settings, Wait, WriterEnd};
use futures::future::join_all;

use crate::support::{SETTINGS, open, record, records};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without timers or sockets");
    runtime.block_on(future)
}

/// A record of some length.
fn sized(id: u64) -> Vec<u8> {
    record(id, usize::try_from(8 + id * 37 % 900).expect("a small number"))
}

async fn append(log: &EventLog, record: Vec<u8>) -> Result<u64, AppendError> {
    let mut head = Bytes::from(record);
    let body = head.split_off(8);
    log.append([head, body]).await
}

#[test]
fn concurrent_appends_share_syncs_and_survive_a_restart() {
    const THREADS: u64 = 8;
    const ROUNDS: u64 = 6;
    const TOGETHER: u64 = 8;
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 64 << 10, ..SETTINGS };
    let opened = eventlog::open(Arc::new(RealFiles), &dir.path().join("log"), settings).unwrap();
    let (log, writer) = (opened.log, opened.writer);
    let barrier = Barrier::new(usize::try_from(THREADS).unwrap() + 1);
    let total = THREADS * ROUNDS * TOGETHER;

    let sent: BTreeMap<u64, Vec<u8>> = thread::scope(|scope| {
        let (log, barrier) = (&log, &barrier);
        let writer = scope.spawn(move || {
            barrier.wait();
            writer.run()
        });
        let appenders: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let mut sent = Vec::new();
                    barrier.wait();
                    for round in 0..ROUNDS {
                        let ids = (0..TOGETHER).map(|index| 1 + index + TOGETHER * (round + ROUNDS * thread));
                        let batch: Vec<_> = ids.map(sized).collect();
                        let answers = block_on(join_all(batch.iter().map(|record| append(log, record.clone()))));
                        let sequences: Vec<u64> = answers.into_iter().map(|answer| answer.unwrap()).collect();
                        assert!(sequences.is_sorted(), "one caller's records keep their order");
                        sent.extend(sequences.into_iter().zip(batch));
                    }
                    sent
                })
            })
            .collect();
        let reader = scope.spawn(move || {
            let mut tail = log.tail(0);
            while tail.position() < total {
                let read = tail.read(3_000).unwrap();
                if read.is_empty() {
                    assert_eq!(tail.wait_blocking(Duration::from_secs(60)), Wait::Ready);
                }
            }
        });
        let sent = appenders.into_iter().flat_map(|appender| appender.join().unwrap()).collect();
        reader.join().unwrap();
        log.close();
        assert!(matches!(writer.join().unwrap(), WriterEnd::Closed));
        sent
    });

    let status = log.status();
    assert_eq!((sent.len() as u64, status.durable, status.records), (total, total, total), "each sequence once");
    assert!(status.syncs * 2 < total, "{} syncs for {total} records", status.syncs);
    assert!(status.segments > 2);

    let opened = eventlog::open(Arc::new(RealFiles), &dir.path().join("log"), settings).unwrap();
    let found: BTreeMap<_, _> = records(&opened.log).into_iter().map(|(at, bytes)| (at, bytes.to_vec())).collect();
    assert!(found == sent, "every record is there, byte for byte");
    assert!(opened.log.trim(total).unwrap() > 0);
    assert_eq!(opened.log.status().segments, 1);
}

#[test]
fn real_segments_are_preallocated_and_cut_when_they_are_full() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = eventlog::open(Arc::new(RealFiles), dir.path(), SETTINGS).unwrap();
    let len = |first: u64| dir.path().join(format!("{first:020}.log")).metadata().unwrap().len();
    assert_eq!(len(1), SETTINGS.segment_bytes);
    for id in 1..=10 {
        crate::support::append(&mut opened, record(id, 700)).unwrap();
    }
    let frame = (40_u64 + 700).next_multiple_of(8);
    assert_eq!(opened.log.status().segments, 2);
    assert_eq!((len(1) - 1_024) % frame, 0);
}

/// Appenders, a reader and a trimmer run until the power is cut under them; then every acknowledged record that was not
/// trimmed is there, and everything the reader has seen as well.
#[test]
fn a_power_cut_under_load_loses_nothing() {
    for seed in 0..12 {
        let disk = SimDisk::new(seed);
        let opened = open(disk.clone()).unwrap();
        let (log, writer) = (opened.log, opened.writer);
        let acknowledged = AtomicU64::new(0);
        let trimmed_to = AtomicU64::new(0);
        let off = AtomicBool::new(false);
        let (next, kept) = thread::scope(|scope| {
            let (log, acknowledged, trimmed_to, off, disk) = (&log, &acknowledged, &trimmed_to, &off, &disk);
            scope.spawn(move || writer.run());
            let appenders: Vec<_> = (0..4)
                .map(|thread| {
                    scope.spawn(move || {
                        let mut kept = Vec::new();
                        for id in 0.. {
                            let record = sized(1 + thread + 4 * id);
                            match block_on(append(log, record.clone())) {
                                Ok(sequence) => kept.push((sequence, record)),
                                Err(AppendError::Full) if !off.load(Ordering::SeqCst) => {}
                                Err(_) => break,
                            }
                            acknowledged.fetch_add(1, Ordering::SeqCst);
                        }
                        kept
                    })
                })
                .collect();
            let reader = scope.spawn(move || {
                let mut tail = log.tail(0);
                let mut seen = Vec::new();
                loop {
                    match tail.read(2_000) {
                        Ok(read) if read.is_empty() => match tail.wait_blocking(Duration::from_secs(60)) {
                            Wait::Ready => {}
                            Wait::Ended | Wait::TimedOut => return seen,
                        },
                        Ok(read) => {
                            seen.extend(read.into_iter().map(|(sequence, bytes)| (sequence, bytes.to_vec())));
                            let through = tail.position().saturating_sub(20);
                            trimmed_to.fetch_max(through, Ordering::SeqCst);
                            drop(log.trim(through));
                        }
                        Err(ReadError::Io { .. }) if off.load(Ordering::SeqCst) => return seen,
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
            while acknowledged.load(Ordering::SeqCst) < 150 + 10 * seed {
                thread::yield_now();
            }
            off.store(true, Ordering::SeqCst);
            let next = disk.power_cycle();
            log.close();
            let mut kept: Vec<_> = appenders.into_iter().flat_map(|appender| appender.join().unwrap()).collect();
            kept.extend(reader.join().unwrap());
            (next, kept)
        });
        let found: BTreeMap<_, _> = records(&open(next).unwrap().log).into_iter().collect();
        let trimmed_to = trimmed_to.load(Ordering::SeqCst);
        for (sequence, record) in kept.iter().filter(|(sequence, _)| *sequence > trimmed_to) {
            assert_eq!(found.get(sequence).map(Bytes::as_ref), Some(&record[..]), "seed {seed}, record {sequence}");
        }
        assert!(kept.len() >= 150);
    }
}
