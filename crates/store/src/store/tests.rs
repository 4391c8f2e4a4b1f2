use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use arrow::array::AsArray;
use env::SimDisk;
use model::{PersonMode, Timestamp};

use super::*;
use crate::schema::{column, schema};
use crate::snapshot::{PartKind, TimeRange};

const PROJECT: ProjectId = ProjectId(1);
const DAY: i64 = 86_400_000_000;

fn row(uuid: u128, event: &str, distinct_id: &str, at: i64, properties: &str) -> EventRow {
    EventRow {
        project: PROJECT,
        uuid: Uuid::from_u128(uuid),
        event: event.to_owned(),
        distinct_id: distinct_id.to_owned(),
        timestamp: Timestamp::from_micros(at),
        created_at: Timestamp::from_micros(at),
        person_id: Uuid::from_u128(uuid % 5),
        person_mode: PersonMode::Full,
        properties: properties.to_owned(),
        person_properties: "{}".into(),
        elements_chain: String::new(),
        groups: [None, Some(format!("é{uuid}")), None, None, None],
    }
}

/// What a catalog and a log would keep for the store.
#[derive(Default, Clone)]
struct Kept {
    segments: Vec<SegmentEntry>,
    deleted: BTreeMap<u64, DeletedRows>,
    merges: Vec<PersonMerge>,
    flushed: Sequence,
    next_segment: u64,
    log: Vec<Batch>,
}

impl Kept {
    fn open(&self, disk: &SimDisk) -> Store {
        let contents = Contents {
            segments: self.segments.clone(),
            deleted: self.deleted.values().cloned().collect(),
            merges: self.merges.clone(),
        };
        let settings = Settings { memory_bytes: 1 << 20, filter_cache_bytes: 256 };
        let store = Store::open(Arc::new(disk.clone()), "/data/segments", settings, contents).unwrap();
        for batch in self.log.iter().filter(|batch| batch.through > self.flushed) {
            store.publish(batch).unwrap();
        }
        store
    }

    fn seal(&mut self, store: &Store) -> Sealed {
        store
            .seal(|count| {
                self.next_segment += count;
                Ok::<_, StoreError>(SegmentId(self.next_segment - count + 1))
            })
            .unwrap()
    }

    fn commit(&mut self, sealed: &Sealed) {
        self.segments.extend(sealed.segments.iter().cloned());
        self.deleted.extend(sealed.deleted.iter().map(|rows| (rows.segment.0, rows.clone())));
        self.flushed = sealed.through;
    }
}

/// Every visible row, as text, sorted.
fn visible(store: &Store) -> Vec<String> {
    let mut rows = Vec::new();
    let all: Vec<usize> = (0..schema().fields().len()).collect();
    for part in store.snapshot(PROJECT).parts() {
        for batch in part.read(&all, TimeRange::ALL) {
            let batch = batch.unwrap();
            let text = |at: usize| batch.column(at).as_string::<i32>().clone();
            let (events, ids, properties, groups) =
                (text(column::EVENT), text(column::DISTINCT_ID), text(column::PROPERTIES), text(column::GROUP_0 + 1));
            let uuids = batch.column(column::UUID).as_fixed_size_binary();
            let persons = batch.column(column::PERSON_ID).as_fixed_size_binary();
            for at in 0..batch.num_rows() {
                let id = |bytes: &[u8]| Uuid::from_slice(bytes).unwrap().as_u128();
                rows.push(format!(
                    "{} {} {} {} {} {}",
                    id(uuids.value(at)),
                    events.value(at),
                    ids.value(at),
                    id(persons.value(at)),
                    properties.value(at),
                    groups.value(at)
                ));
            }
        }
    }
    rows.sort();
    rows
}

/// What must be visible after `log`: the last copy of each identity, with persons merged.
fn expected(log: &[Batch]) -> Vec<String> {
    let mut rows = BTreeMap::new();
    let mut merges: HashMap<Uuid, Uuid> = HashMap::new();
    for batch in log {
        for row in &batch.rows {
            rows.insert((row.uuid, row.event.clone(), row.distinct_id.clone()), row.clone());
        }
        for merge in &batch.merges {
            merges.values_mut().filter(|into| **into == merge.from).for_each(|into| *into = merge.into);
            merges.remove(&merge.into);
            merges.insert(merge.from, merge.into);
        }
    }
    let mut rows: Vec<String> = rows
        .into_values()
        .map(|row| {
            let person = merges.get(&row.person_id).unwrap_or(&row.person_id).as_u128();
            let group = row.groups[1].as_deref().unwrap();
            format!("{} {} {} {person} {} {group}", row.uuid.as_u128(), row.event, row.distinct_id, row.properties)
        })
        .collect();
    rows.sort();
    rows
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn random_batch(dice: &mut Dice, through: Sequence) -> Batch {
    let rows = (0..dice.below(30)).map(|_| {
        let uuid = u128::from(dice.below(60));
        let (event, id) =
            (["a", "b"][usize::try_from(dice.below(2)).unwrap()], ["x", "y"][usize::try_from(dice.below(2)).unwrap()]);
        let at = i64::try_from(dice.below(400)).unwrap() * DAY;
        row(uuid, event, id, at, &format!("{{\"n\":{}}}", dice.below(1_000_000)))
    });
    let rows = rows.collect();
    let mut merges = Vec::new();
    if dice.below(5) == 0 {
        let (from, into) = (dice.below(5), dice.below(5));
        if from != into {
            merges.push(PersonMerge {
                project: PROJECT,
                from: Uuid::from_u128(from.into()),
                into: Uuid::from_u128(into.into()),
            });
        }
    }
    Batch { rows, merges, through }
}

/// Publishes, seals and crashes at random; true if every state in between was the expected one.
fn survives(seed: u64, blind: bool) -> bool {
    let mut dice = Dice(seed);
    let mut disk = SimDisk::new(seed);
    let mut kept = Kept::default();
    let reopen = |kept: &Kept, disk: &SimDisk| {
        let store = Kept { log: Vec::new(), ..kept.clone() }.open(disk);
        store.blind.store(blind, Ordering::Relaxed);
        kept.log.iter().filter(|batch| batch.through > kept.flushed).for_each(|batch| {
            store.publish(batch).unwrap();
        });
        store
    };
    let mut store = reopen(&kept, &disk);
    for _ in 0..25 {
        let publish = |kept: &mut Kept, store: &Store, dice: &mut Dice| {
            let batch = random_batch(dice, Sequence(kept.log.len() as u64 + 1));
            store.publish(&batch).unwrap();
            kept.merges.extend(batch.merges.iter().copied());
            kept.log.push(batch);
        };
        match dice.below(6) {
            0..3 => publish(&mut kept, &store, &mut dice),
            action => {
                if store.freeze().is_some() {
                    if dice.below(2) == 0 {
                        publish(&mut kept, &store, &mut dice);
                    }
                    let sealed = kept.seal(&store);
                    if dice.below(2) == 0 {
                        publish(&mut kept, &store, &mut dice);
                    }
                    // 3: everything goes well; 4: a crash before the catalog knows; 5: a crash right after.
                    if action != 4 {
                        kept.commit(&sealed);
                    }
                    if action == 3 {
                        store.install(sealed);
                    } else {
                        disk = if dice.below(2) == 0 { disk.power_cycle() } else { disk.kill() };
                        store = reopen(&kept, &disk);
                    }
                }
            }
        }
        if visible(&store) != expected(&kept.log) {
            return false;
        }
    }
    true
}

#[test]
fn one_event_is_one_row_through_publishing_sealing_and_crashes() {
    for seed in 0..60 {
        assert!(survives(seed, false), "seed {seed}");
    }
}

#[test]
fn a_store_that_does_not_recognise_copies_is_caught() {
    assert!((0..10).any(|seed| !survives(seed, true)));
}

#[test]
fn rows_are_found_by_uuid_in_memory_and_in_segments() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::default();
    let store = kept.open(&disk);
    store
        .publish(&Batch {
            rows: (0..5_000).map(|n| row(n, "a", "x", 5, "{}")).collect(),
            merges: vec![],
            through: Sequence(1),
        })
        .unwrap();
    let count = |uuid: u128| {
        store.snapshot(PROJECT).find(Uuid::from_u128(uuid)).unwrap().iter().map(|b| b.num_rows()).sum::<usize>()
    };
    assert_eq!((count(7), count(5_000)), (1, 0));
    store.freeze().unwrap();
    let sealed = kept.seal(&store);
    store.install(sealed);
    assert_eq!(store.snapshot(PROJECT).parts()[0].kind(), PartKind::Segment);
    assert_eq!((count(7), count(4_999), count(5_000)), (1, 1, 0));
    store.publish(&Batch { rows: vec![row(7, "a", "x", 9, "{}")], merges: vec![], through: Sequence(2) }).unwrap();
    assert_eq!((count(7), store.snapshot(PROJECT).rows()), (1, 5_000));
    assert_eq!(store.snapshot(ProjectId(2)).rows(), 0);
}

#[test]
fn an_import_over_years_makes_few_files_and_full_days_get_their_own() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::default();
    let store = kept.open(&disk);
    let years = (0..1_500).map(|n| row(n, "a", "x", i64::try_from(n).unwrap() * DAY, "{}"));
    let full_day = (2_000..7_000).map(|n| row(n, "a", "x", 3 * DAY, "{}"));
    store.publish(&Batch { rows: years.chain(full_day).collect(), merges: vec![], through: Sequence(1) }).unwrap();
    store.freeze().unwrap();
    assert_eq!(kept.seal(&store).segments.len(), 2);
}

#[test]
fn many_small_publications_make_few_batches() {
    let store = Kept::default().open(&SimDisk::new(1));
    for n in 0..2_000 {
        store.publish(&Batch { rows: vec![row(n, "a", "x", 1, "{}")], merges: vec![], through: Sequence(1) }).unwrap();
    }
    assert_eq!(store.snapshot(PROJECT).rows(), 2_000);
    assert!(store.snapshot(PROJECT).parts().len() < 16);
}

#[test]
fn a_lost_filter_is_made_again_and_unfinished_files_are_removed() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::default();
    let store = kept.open(&disk);
    store.publish(&Batch { rows: vec![row(1, "a", "x", 1, "{}")], merges: vec![], through: Sequence(1) }).unwrap();
    store.freeze().unwrap();
    let sealed = kept.seal(&store);
    kept.commit(&sealed);
    store.install(sealed);
    let directory = std::path::Path::new("/data/segments/1");
    disk.remove(&directory.join("0000000001.ids")).unwrap();
    disk.create(&directory.join("0000000009.parquet")).unwrap();
    let store = kept.open(&disk);
    assert_eq!(disk.list(directory).unwrap().len(), 1, "the unfinished file is gone");
    let published =
        store.publish(&Batch { rows: vec![row(1, "a", "x", 2, "{}")], merges: vec![], through: Sequence(2) }).unwrap();
    assert_eq!((published.replaced, store.snapshot(PROJECT).rows()), (1, 1));
}

#[test]
fn damage_is_reported_and_does_not_spread() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::default();
    let store = kept.open(&disk);
    store.publish(&Batch { rows: vec![row(1, "a", "x", 1, "{}")], merges: vec![], through: Sequence(1) }).unwrap();
    store.freeze().unwrap();
    let sealed = kept.seal(&store);
    kept.commit(&sealed);
    let path = std::path::Path::new("/data/segments/1/0000000001.parquet");
    disk.open(path).unwrap().set_len(100).unwrap();
    let contents = Contents { segments: kept.segments.clone(), ..Contents::default() };
    let opened = Store::open(Arc::new(disk), "/data/segments", Settings::default(), contents);
    assert!(matches!(opened, Err(StoreError::Damaged { segment: SegmentId(1), .. })));
}

#[test]
fn a_snapshot_is_one_instant() {
    let store = Kept::default().open(&SimDisk::new(1));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(store.snapshot(PROJECT).rows() % 10, 0, "a batch was seen in part");
            }
        });
        let mut next = 0;
        for n in 0..200 {
            store
                .publish(&Batch {
                    rows: (0..10).map(|at| row(n * 10 + at, "a", "x", 1, "{}")).collect(),
                    merges: vec![],
                    through: Sequence(1 + u64::try_from(n).unwrap()),
                })
                .unwrap();
            if n % 20 == 0 && store.freeze().is_some() {
                let sealed = store
                    .seal(|count| {
                        next += count;
                        Ok::<_, StoreError>(SegmentId(next - count + 1))
                    })
                    .unwrap();
                store.install(sealed);
            }
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(visible(&store).len(), 2_000);
}
