//! Publishing, sealing, compacting, settling merges, and crashes, at random, against a naive model.

use env::Operation;

use super::support::*;
use super::*;
use crate::schema::Column;

const STEPS: usize = 18;

/// How a seal or a compaction ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Well,
    /// The machine stops while files are written.
    Midway,
    /// It stops before the catalog knows.
    Uncommitted,
    /// It stops once the catalog knows, before the store does.
    Committed,
    /// A write or a sync fails, and the store goes on.
    Fault,
}

struct Run {
    dice: Dice,
    disk: SimDisk,
    kept: Kept,
    store: Store,
    mutant: Option<Mutant>,
    /// Snapshots that are read to the end of the machine, with what they showed at first.
    held: Vec<(Snapshot, Vec<String>)>,
    persons: u32,
    last_merge: u64,
    compactions: usize,
    retired: usize,
    faults: u64,
    planned: u64,
}

impl Run {
    fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let (disk, kept) = (SimDisk::new(seed), Kept::new(SMALL));
        let store = kept.open_segments(&disk).unwrap();
        let mut run = Self {
            dice: Dice(seed),
            disk,
            kept,
            store,
            mutant,
            held: Vec::new(),
            persons: 4,
            last_merge: 0,
            compactions: 0,
            retired: 0,
            faults: 0,
            planned: 0,
        };
        run.reopen();
        run
    }

    fn reopen(&mut self) {
        self.held.clear();
        self.store = self.kept.open_segments(&self.disk).unwrap();
        if let Some(mutant) = self.mutant {
            self.store.mutant.set(mutant).ok();
        }
        // Merges that were applied are in the catalog; hearing of them again changes nothing.
        self.kept.replay(&self.store, self.dice.coin());
    }

    fn crash(&mut self) {
        self.planned = self.disk.faults_fired();
        self.disk = if self.dice.coin() { self.disk.power_cycle() } else { self.disk.kill() };
        self.reopen();
    }

    fn random_batch(&mut self) -> Batch {
        let dice = &mut self.dice;
        let survivors = survivors(&self.kept.log);
        self.persons += 1;
        let rows = (0..dice.below(16)).map(|_| {
            let at = i64::try_from(dice.below(4) * dice.below(8)).unwrap() * DAY / 3;
            let properties = match dice.below(4) {
                0 => format!("{{\"n\":{},\"rare {}\":null}}", dice.below(1_000_000), dice.below(20)),
                1 => format!("{{\"n\":\"{}\",\"rare {}\":1.0}}", dice.below(9), dice.below(20)),
                _ => format!("{{\"n\":{}.5,\"m\":true}}", dice.below(100)),
            };
            let new = row(dice.below(30).into(), dice.of(&["a", "b", "c"]), dice.of(&["x", "y"]), at, &properties);
            let number = PersonNumber(u32::try_from(dice.below(self.persons.into())).unwrap() + 1);
            let (person_id, person_number) = person(survivors.get(&number).unwrap_or(&number).0);
            EventRow { person_id, person_number, ..new }
        });
        let rows = rows.collect();
        let mut merges = Vec::new();
        if dice.below(3) == 0 {
            let alive: Vec<u32> =
                (1..=self.persons).filter(|number| !survivors.contains_key(&PersonNumber(*number))).collect();
            let (from, into) = (dice.of(&alive), dice.of(&alive));
            if from != into {
                self.last_merge += 1;
                merges.push(merge(self.last_merge, from, into));
            }
        }
        Batch { rows, merges, through: Sequence(self.kept.log.len() as u64 + 1) }
    }

    fn publish(&mut self) {
        let batch = self.random_batch();
        self.kept.publish(&self.store, batch);
    }

    fn maybe_publish(&mut self) {
        if self.dice.coin() {
            self.publish();
        }
    }

    fn end(&mut self) -> End {
        let end =
            self.dice.of(&[End::Well, End::Well, End::Well, End::Midway, End::Uncommitted, End::Committed, End::Fault]);
        match end {
            End::Midway => self.disk.stop_after(self.dice.below(12)),
            // One at a time: of two that are due together the second would hit whatever call comes next.
            End::Fault if self.planned == self.disk.faults_fired() => {
                self.planned += 1;
                let operation = self.dice.of(&[Operation::Create, Operation::Write, Operation::SyncData]);
                self.disk.fail(operation, 1 + self.dice.below(4), std::io::ErrorKind::StorageFull);
            }
            _ => {}
        }
        end
    }

    fn seal(&mut self, end: End) {
        if self.store.freeze().is_none() {
            return;
        }
        if end != End::Midway {
            self.maybe_publish();
        }
        let Ok(sealed) = self.store.seal(|count| self.kept.reserve(count)) else {
            return self.assert_disk_failed();
        };
        if matches!(end, End::Midway | End::Uncommitted) {
            return;
        }
        self.maybe_publish();
        // What is published while the catalog commits is known to nobody but the log.
        let late = self.dice.coin().then(|| self.random_batch());
        let (store, kept) = (&self.store, &mut self.kept);
        let committed = store.commit_seal(sealed, |added, deleted, through| {
            kept.note_seal(added, deleted, through);
            if let Some(batch) = late {
                kept.publish(store, batch);
            }
            if end == End::Committed { Err(()) } else { Ok(()) }
        });
        assert_eq!(committed.is_err(), end == End::Committed);
    }

    /// A fault may come later than it was planned, so any seal or compaction can be the one that fails.
    fn assert_disk_failed(&mut self) {
        let fired = self.disk.faults_fired();
        assert!(self.disk.is_stopped() || fired > self.faults, "a failure without a cause");
        self.faults = fired;
    }

    fn compact(&mut self, end: End) {
        let Some(job) = self.store.next_compaction(&HashMap::new()).unwrap() else { return };
        if end != End::Midway {
            self.maybe_publish();
        }
        let Ok(compacted) = self.store.compact(job, |count| self.kept.reserve(count)) else {
            return self.assert_disk_failed();
        };
        if matches!(end, End::Midway | End::Uncommitted) {
            return;
        }
        self.maybe_publish();
        if self.dice.coin() {
            self.seal(End::Well);
        }
        let late = self.dice.coin().then(|| self.random_batch());
        let (store, kept) = (&self.store, &mut self.kept);
        let committed = store.commit_compaction(compacted, |gone, added, deleted| {
            kept.note_compaction(gone, added, deleted);
            if let Some(batch) = late {
                kept.publish(store, batch);
            }
            if end == End::Committed { Err(()) } else { Ok(()) }
        });
        assert_eq!(committed.is_err(), end == End::Committed);
        self.compactions += 1;
    }

    fn step(&mut self) {
        let action = self.dice.below(8);
        match action {
            0..3 => self.publish(),
            3..7 => {
                let end = self.end();
                if action < 5 {
                    self.seal(end)
                } else {
                    self.compact(end)
                }
                if matches!(end, End::Midway | End::Uncommitted | End::Committed) {
                    self.crash();
                }
            }
            _ => self.retired += self.kept.settle_merges(&self.store),
        }
    }

    fn is_right(&mut self, columns: &[Column]) -> bool {
        let snapshot = self.store.snapshot(PROJECT);
        let seen = rows(&snapshot, columns);
        let expected: Vec<EventRow> =
            expected_rows(&self.kept.log).into_iter().map(|row| narrowed(row, columns)).collect();
        let lines = lines(&seen);
        let is_right = persons(&seen) == persons(&expected) && lines == self::lines(&expected);
        if self.dice.below(6) == 0 {
            self.held.push((snapshot, lines));
        }
        is_right
    }

    /// A reader that began a while ago still sees what it saw then.
    fn held_are_right(&mut self) -> bool {
        std::mem::take(&mut self.held).into_iter().all(|(snapshot, seen)| lines(&rows(&snapshot, &TELLING)) == seen)
    }

    /// Nothing but the segments that are shown is on the disk once nobody reads any more.
    fn leaves_nothing_behind(&mut self) -> bool {
        self.held.clear();
        self.reopen();
        let directory = Path::new(ROOT).join(PROJECT.to_string());
        let files = self.disk.list(&directory).unwrap_or_default().len();
        files == 2 * self.kept.segments.len() && self.store.stats().segments == self.kept.segments.len()
    }
}

/// Every state in between was the expected one; how many compactions there were, and merges retired.
fn survives(seed: u64, mutant: Option<Mutant>) -> Option<(usize, usize)> {
    let mut run = Run::new(seed, mutant);
    for _ in 0..STEPS {
        run.step();
        if !run.is_right(&TELLING) || (run.held.len() > 2 && !run.held_are_right()) {
            return None;
        }
    }
    if !run.held_are_right() {
        return None;
    }
    // Planned faults end with the machine.
    run.crash();
    run.seal(End::Well);
    run.compactions += run.kept.compact_all(&run.store, &HashMap::new());
    run.retired += run.kept.settle_merges(&run.store);
    let is_right = run.is_right(&Column::ALL) && run.leaves_nothing_behind() && run.is_right(&Column::ALL);
    is_right.then_some((run.compactions, run.retired))
}

#[test]
fn one_event_is_one_row_through_publishing_sealing_compacting_and_crashes() {
    let every_other = |first: u64| {
        let done = (first..60).step_by(2).map(|seed| survives(seed, None).unwrap_or_else(|| panic!("seed {seed}")));
        done.fold((0, 0), |all, done| (all.0 + done.0, all.1 + done.1))
    };
    let (even, odd) = std::thread::scope(|scope| {
        let odd = scope.spawn(|| every_other(1));
        (every_other(0), odd.join().unwrap())
    });
    let (compactions, retired) = (even.0 + odd.0, even.1 + odd.1);
    assert!(compactions > 120 && retired > 100, "{compactions} compactions, {retired} merges retired");
}

#[test]
fn a_store_that_does_not_recognise_copies_is_caught() {
    assert!((0..10).any(|seed| survives(seed, Some(Mutant::Blind)).is_none()));
}

#[test]
fn a_compaction_that_forgets_later_deletions_is_caught() {
    assert!((0..10).any(|seed| survives(seed, Some(Mutant::ForgetsDeletions)).is_none()));
}

#[test]
fn merges_that_end_too_early_are_caught() {
    assert!((0..20).any(|seed| survives(seed, Some(Mutant::SettlesEarly)).is_none()));
}
