mod contents;
mod crash;
mod damage;
mod hidden;
mod support;

use std::path::Path;

use env::SimDisk;
use model::PersonNumber;
use uuid::Uuid;

use super::*;
use crate::property::{Document, PropertyKey, Spelling};
use crate::snapshot::{Part, PartKind};
use support::*;

/// How many rows have this uuid, and in how many parts they may be.
fn found(store: &Store, uuid: u128) -> (usize, usize) {
    let uuid = Uuid::from_u128(uuid);
    let snapshot = store.snapshot(PROJECT);
    let parts: Vec<&Part> = snapshot.parts().iter().filter(|part| part.may_hold_uuid(uuid).unwrap()).collect();
    let chunks = parts.iter().flat_map(|part| part.chunks().unwrap());
    let rows = chunks.flat_map(|chunk| rows_of(&chunk, chunk.live(), &TELLING)).filter(|row| row.uuid == uuid).count();
    (rows, parts.len())
}

#[test]
fn rows_are_found_by_uuid_in_memory_and_in_segments() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::new(Limits::default());
    let store = kept.open(&disk);
    kept.publish(&store, batch((0..5_000).map(|n| row(n, "a", "x", 5, "{}")).collect(), 1));
    assert_eq!((found(&store, 7).0, found(&store, 5_000).0), (1, 0));
    kept.seal(&store);
    assert_eq!(store.snapshot(PROJECT).parts()[0].kind(), PartKind::Segment);
    assert_eq!((found(&store, 7), found(&store, 4_999), found(&store, 5_000)), ((1, 1), (1, 1), (0, 0)));
    kept.publish(&store, batch(vec![row(7, "a", "x", 9, "{}")], 2));
    assert_eq!((found(&store, 7), store.snapshot(PROJECT).rows()), ((1, 2), 5_000));
    assert_eq!(store.snapshot(ProjectId(2)).rows(), 0);
}

#[test]
fn an_import_over_years_makes_few_files_and_full_days_get_their_own() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::new(Limits::default());
    let store = kept.open(&disk);
    let years = (0..1_500).map(|n| row(n, "a", "x", i64::try_from(n).unwrap() * DAY, "{}"));
    let full_day = (2_000..7_000).map(|n| row(n, "a", "x", 3 * DAY, "{}"));
    kept.publish(&store, batch(years.chain(full_day).collect(), 1));
    kept.seal(&store);
    assert_eq!(kept.segments.len(), 2);
}

#[test]
fn many_small_publications_make_few_batches() {
    let store = Kept::new(SMALL).open(&SimDisk::new(1));
    for n in 0..2_000 {
        store.publish(&batch(vec![row(n, "a", "x", 1, "{}")], 1)).unwrap();
    }
    assert_eq!(store.snapshot(PROJECT).rows(), 2_000);
    assert!(store.snapshot(PROJECT).parts().len() < 16);
}

#[test]
fn a_snapshot_is_one_instant() {
    let mut kept = Kept::new(SMALL);
    let store = kept.open(&SimDisk::new(1));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(store.snapshot(PROJECT).rows() % 10, 0, "a batch was seen in part");
            }
        });
        for n in 0..200 {
            let rows = (0..10).map(|at| row(n * 10 + at, "a", "x", 1, "{}")).collect();
            store.publish(&batch(rows, 1 + u64::try_from(n).unwrap())).unwrap();
            if n % 20 == 0 {
                kept.seal(&store);
                kept.compact_all(&store, &HashMap::new());
            }
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(visible(&store).len(), 2_000);
}

#[test]
fn what_has_to_go_goes_with_the_next_compaction() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::new(SMALL);
    let store = kept.open(&disk);
    kept.publish(
        &store,
        batch((0..40).map(|n| row(n, "a", "x", i64::try_from(n).unwrap() * DAY / 4, "{}")).collect(), 1),
    );
    kept.publish(&store, Batch { merges: vec![merge(1, 2, 3)], ..batch(vec![], 2) });
    kept.seal(&store);
    let persons = store.snapshot(PROJECT).numbers_of(PersonNumber(3));
    assert_eq!(persons.iter().collect::<Vec<_>>(), [2, 3]);
    let removals = Removals { expired_before: Some(Timestamp::from_micros(2 * DAY)), persons: Arc::new(persons) };
    let removals = HashMap::from([(PROJECT, removals)]);
    kept.compact_all(&store, &removals);
    let is_left = |row: &EventRow| row.timestamp.as_micros() >= 2 * DAY && row.person_number != PersonNumber(3);
    let left: Vec<EventRow> = expected_rows(&kept.log).into_iter().filter(is_left).collect();
    assert_eq!(visible(&store), lines(&left));
    assert_eq!(visible(&kept.open(&disk)), lines(&left));
    let everything = Removals { expired_before: Some(Timestamp::from_micros(i64::MAX)), ..Removals::default() };
    kept.compact_all(&store, &HashMap::from([(PROJECT, everything)]));
    assert_eq!((store.stats().segments, store.snapshot(PROJECT).rows(), kept.segments.len()), (0, 0, 0));
}

#[test]
fn slices_hold_what_each_is_read_as_alone_whatever_is_asked_between() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::new(Limits::default());
    let store = kept.open(&disk);
    // A text that repeats, one that does not, a number that only the later rows have, and a rare key.
    let properties = |n: u128| match n {
        0..300 => format!(r#"{{"plan":"p{}","note":"n{n}"}}"#, n % 3),
        _ => format!(r#"{{"plan":"p{}","note":"n{n}","seats":{n},"odd {}":1}}"#, n % 5, n / 50),
    };
    let rows =
        (0..600).map(|n| row(n, ["a", "b"][usize::from(n % 2 == 0)], "x", i64::try_from(n).unwrap(), &properties(n)));
    kept.publish(&store, batch(rows.collect(), 1));
    let key = PropertyKey::of_event("seats");
    for sealed in [false, true] {
        if sealed {
            kept.seal(&store);
        }
        for chunk in chunks(&store.snapshot(PROJECT)) {
            let asked = chunk.live().pick((0..chunk.live().len()).filter(|at| at % 7 != 3));
            let mut slices = chunk.slices(&asked, 40);
            let (mut at, mut read) = (0, 0);
            while let Some(mut slice) = slices.next() {
                let rows = slice.rows().clone();
                // Each column is left out by some slices, so that its reader has to start anew.
                if at % 3 != 1 {
                    assert_eq!(slice.read(&TELLING).unwrap(), chunk.read(&TELLING, &rows).unwrap(), "slice {at}");
                }
                if at % 4 != 2 {
                    let (ours, alone) = (slice.property(&key).unwrap(), chunk.property(&key, &rows).unwrap());
                    assert_eq!(format!("{ours:?}"), format!("{alone:?}"), "slice {at}");
                }
                if at % 2 == 0 {
                    let document = Document::Event;
                    let alone = chunk.properties(document, &rows).unwrap();
                    assert_eq!(slice.properties(document, Spelling::Json).unwrap(), alone, "slice {at}");
                    assert_eq!(slice.properties(document, Spelling::Json).unwrap(), alone, "slice {at}, asked twice");
                }
                (at, read) = (at + 1, read + rows.len());
            }
            assert_eq!(read, asked.len());
        }
    }
}
