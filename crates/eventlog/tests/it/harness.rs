//! Lives of a log on a simulated disk: random work, random ends, and a check after each restart.
//!
//! The check is what the log promises. Every record that was acknowledged, or that a restarted log has shown, is there
//! at its sequence, byte for byte, until trimmed, and once only; no record is there that was never handed in or that was
//! refused. A harness that cannot see a broken log proves nothing, so its tests also run it on disks that behave like
//! three broken logs and expect it to object.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use env::{Files, Operation, Random, SimDisk};
use eventlog::{AppendError, EventLog, OpenError, Opened, ReadError, Settings, Step, Tail, WriterEnd};

use crate::support::{Append, DIR, record};

/// What happened, to show that it did.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Stats {
    pub(crate) acknowledged: u64,
    /// Records that were not acknowledged and found after a restart.
    pub(crate) recovered: u64,
    pub(crate) refused: u64,
    pub(crate) torn: u64,
    pub(crate) power_cuts: u64,
    pub(crate) kills: u64,
    pub(crate) poisoned: u64,
    pub(crate) faults_fired: u64,
    pub(crate) segments: u64,
    pub(crate) trimmed: u64,
}

impl Stats {
    pub(crate) fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.recovered += other.recovered;
        self.refused += other.refused;
        self.torn += other.torn;
        self.power_cuts += other.power_cuts;
        self.kills += other.kills;
        self.poisoned += other.poisoned;
        self.faults_fired += other.faults_fired;
        self.segments += other.segments;
        self.trimmed += other.trimmed;
    }
}

/// How the log sees the disk: as it is, or through something that breaks the log's rules for it.
pub(crate) type View = fn(SimDisk) -> Arc<dyn Files>;

pub(crate) fn as_it_is(disk: SimDisk) -> Arc<dyn Files> {
    Arc::new(disk)
}

/// Runs several generations of a log, each ended by a kill, a power cut or a fault. Err tells what promise was broken.
pub(crate) fn live(seed: u64, disk: SimDisk, view: View) -> Result<Stats, String> {
    let mut life = Life {
        random: Random::seeded(seed),
        disk,
        view,
        records: BTreeMap::new(),
        open: BTreeSet::new(),
        next_id: 1,
        trimmed_to: 0,
        epoch: 0,
        stats: Stats::default(),
    };
    for _ in 0..6 {
        life.generation()?;
    }
    // The last word: everything is there after an undisturbed start.
    life.disk = life.disk.power_cycle();
    if let Ok(opened) = life.start(false)? {
        drop(opened);
    }
    life.stats.faults_fired = life.disk.faults_fired();
    Ok(life.stats)
}

struct Life {
    random: Random,
    disk: SimDisk,
    view: View,
    /// What must be there: the record at each sequence.
    records: BTreeMap<u64, Vec<u8>>,
    /// Ids that were handed in and neither acknowledged, recovered nor refused.
    open: BTreeSet<u64>,
    next_id: u64,
    trimmed_to: u64,
    epoch: u64,
    stats: Stats,
}

impl Life {
    fn below(&mut self, limit: u64) -> u64 {
        u64::try_from(self.random.u128() % u128::from(limit)).expect("below a 64-bit number")
    }

    fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }

    fn generation(&mut self) -> Result<(), String> {
        self.plan_trouble();
        if let Ok(mut opened) = self.start(true)? {
            self.work(&mut opened)?;
        }
        // For the disk, a process that ended by itself is like one that was killed.
        self.disk = if self.one_in(2) {
            self.stats.kills += 1;
            self.disk.kill()
        } else {
            self.stats.power_cuts += 1;
            self.disk.power_cycle()
        };
        Ok(())
    }

    fn plan_trouble(&mut self) {
        if self.one_in(2) {
            let operations = self.below(120);
            self.disk.stop_after(operations);
        }
        if self.one_in(3) {
            let operations = [
                Operation::SyncData,
                Operation::SyncData,
                Operation::Write,
                Operation::SyncDir,
                Operation::Create,
                Operation::Allocate,
                Operation::SetLen,
                Operation::Remove,
            ];
            let operation = operations[usize::try_from(self.below(8)).expect("below 8")];
            let nth = 1 + self.below(if operation == Operation::SyncData { 25 } else { 6 });
            let error = if self.one_in(2) { ErrorKind::Other } else { ErrorKind::StorageFull };
            self.disk.fail(operation, nth, error);
        }
    }

    fn settings(&mut self) -> Settings {
        Settings {
            segment_bytes: 4_096 << self.below(3),
            quota_bytes: u64::MAX,
            reserve_bytes: 0,
            queue_bytes: 32 << 10,
            record_bytes_max: 6 << 10,
            commit_bytes: 1_024 << self.below(3),
        }
    }

    /// Opens the log and checks all it holds. The inner error is a disk that failed, which is nobody's fault.
    fn start(&mut self, disturbed: bool) -> Result<Result<Opened, ()>, String> {
        let settings = self.settings();
        let files = (self.view)(self.disk.clone());
        let opened = match eventlog::open(files, DIR.as_ref(), settings) {
            // It stopped when there was nothing left to do but create a segment, which may wait.
            Ok(_) if self.disk.is_stopped() => return Ok(Err(())),
            Ok(opened) => opened,
            Err(OpenError::Io { .. }) if disturbed => return Ok(Err(())),
            Err(error) => return Err(format!("does not open: {error:?}")),
        };
        if opened.recovery.epoch <= self.epoch {
            return Err(format!("epoch {} after epoch {}", opened.recovery.epoch, self.epoch));
        }
        if !opened.log.status().full {
            self.epoch = opened.recovery.epoch;
        }
        self.stats.torn += u64::from(opened.recovery.torn_bytes > 0);
        self.check(&opened.log)?;
        // What has not come back by now never may.
        self.open.clear();
        Ok(Ok(opened))
    }

    /// Compares everything in a log that was just opened with what must be there.
    fn check(&mut self, log: &EventLog) -> Result<(), String> {
        let status = log.status();
        if status.first > self.trimmed_to + 1 {
            return Err(format!("begins at {}, was trimmed to {}", status.first, self.trimmed_to));
        }
        let known_to = self.records.last_key_value().map_or(0, |(sequence, _)| *sequence);
        if status.durable < known_to {
            return Err(format!("ends at {}, had {known_to} records", status.durable));
        }
        let mut tail = log.tail(status.first - 1);
        while tail.position() < status.durable {
            let position = tail.position();
            // One at a time now and then, many at a time mostly.
            self.read(&mut tail, if position.is_multiple_of(7) { 1 } else { 9_000 })?;
            if tail.position() == position {
                return Err(format!("reads to {position}, should to {}", status.durable));
            }
        }
        Ok(())
    }

    /// Reads on, and checks each record.
    fn read(&mut self, tail: &mut Tail, max_bytes: usize) -> Result<(), String> {
        let position = tail.position();
        let read = match tail.read(max_bytes) {
            Ok(read) => read,
            Err(ReadError::Trimmed { .. }) if position < self.trimmed_to => return Ok(()),
            Err(ReadError::Io { .. }) if self.disk.is_stopped() => return Ok(()),
            Err(error) => return Err(format!("cannot be read: {error:?}")),
        };
        for (expected, (sequence, payload)) in (position + 1..).zip(read) {
            if sequence != expected {
                return Err(format!("sequence {sequence} where {expected} belongs"));
            }
            self.meet(sequence, &payload)?;
        }
        Ok(())
    }

    /// A record was read: it is one that must be there, or one of those whose fate was open.
    fn meet(&mut self, sequence: u64, payload: &Bytes) -> Result<(), String> {
        if let Some(record) = self.records.get(&sequence) {
            return if record == payload { Ok(()) } else { Err(format!("record {sequence} has changed")) };
        }
        let id = payload.first_chunk().map(|id| u64::from_le_bytes(*id)).ok_or("a record that nobody wrote")?;
        if *payload != record(id, payload.len()) || !self.open.remove(&id) {
            return Err(format!("record {sequence} was refused, is there twice, or was never written"));
        }
        self.stats.recovered += 1;
        self.records.insert(sequence, payload.to_vec());
        Ok(())
    }

    /// Random work until something ends it; now and then the log is closed in order.
    fn work(&mut self, opened: &mut Opened) -> Result<(), String> {
        let mut waiting = Vec::new();
        let mut tail = opened.log.tail(opened.log.status().first - 1);
        for _ in 0..self.below(60) {
            match self.below(10) {
                0..5 => self.append(&opened.log, &mut waiting),
                5..8 => {
                    if self.commit(opened, &mut waiting)? {
                        // Readers go on, and see no more than what is durable.
                        return self.read(&mut tail, 9_000);
                    }
                }
                8 => self.read(&mut tail, 2_000)?,
                _ => self.trim(opened),
            }
        }
        if self.one_in(3) {
            opened.log.close();
            while !self.commit(opened, &mut waiting)? {}
        }
        Ok(())
    }

    fn append(&mut self, log: &EventLog, waiting: &mut Vec<(Vec<u8>, Append)>) {
        for _ in 0..=self.below(4) {
            let len = match self.below(12) {
                0..8 => self.below(200),
                8..11 => self.below(2_000),
                _ => self.below(6_000),
            };
            let record = record(self.next_id, usize::try_from(len).expect("a small number"));
            self.open.insert(self.next_id);
            self.next_id += 1;
            let mut append = Append::start(log, record.clone());
            match append.poll() {
                None => waiting.push((record, append)),
                Some(answer) => self.answered(&record, &answer).expect("refused at once is not written"),
            }
        }
    }

    /// Lets the writer take a step. True when that was its last one.
    fn commit(&mut self, opened: &mut Opened, waiting: &mut Vec<(Vec<u8>, Append)>) -> Result<bool, String> {
        let step = opened.writer.commit_next();
        self.stats.segments = self.stats.segments.max(opened.log.status().segments as u64);
        let mut left = Vec::new();
        let mut last = 0;
        for (record, mut append) in waiting.drain(..) {
            match append.poll() {
                None => left.push((record, append)),
                Some(answer) => {
                    if let Ok(sequence) = answer {
                        if sequence <= last || !left.is_empty() {
                            return Err(format!("sequence {sequence} is out of order"));
                        }
                        last = sequence;
                    }
                    self.answered(&record, &answer)?;
                }
            }
        }
        *waiting = left;
        match step {
            Step::Ended(end) => {
                self.stats.poisoned += u64::from(matches!(end, WriterEnd::Poisoned(_)));
                if waiting.is_empty() { Ok(true) } else { Err("the log ended without an answer".into()) }
            }
            Step::Idle | Step::Committed(_) | Step::Refused => Ok(false),
        }
    }

    fn answered(&mut self, record: &[u8], answer: &Result<u64, AppendError>) -> Result<(), String> {
        let id = u64::from_le_bytes(*record.first_chunk().expect("a record begins with its id"));
        match answer {
            Ok(sequence) => {
                // A reader may have met it before its caller was told.
                let fresh = self.open.remove(&id);
                let before = self.records.insert(*sequence, record.to_vec());
                self.stats.acknowledged += 1;
                match before {
                    None if fresh => Ok(()),
                    Some(before) if before == record => Ok(()),
                    None | Some(_) => Err(format!("sequence {sequence} was given twice")),
                }
            }
            // It may or may not come back.
            Err(AppendError::Poisoned { .. }) => Ok(()),
            Err(_) => {
                self.stats.refused += 1;
                if self.open.remove(&id) { Ok(()) } else { Err("a refused record was read".into()) }
            }
        }
    }

    fn trim(&mut self, opened: &Opened) {
        let durable = opened.log.status().durable;
        let through = self.below(durable + 1);
        self.trimmed_to = self.trimmed_to.max(through);
        if let Ok(freed) = opened.log.trim(through) {
            self.stats.trimmed += u64::from(freed > 0);
        }
    }
}
