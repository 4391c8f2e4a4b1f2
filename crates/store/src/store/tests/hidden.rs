//! Rows of deleted persons are seen by nobody, wherever they are and whatever is done to them meanwhile.

use super::*;

/// `count` events from `first` on; the person of each follows from its number.
fn events(first: u128, count: u128, at: i64) -> Vec<EventRow> {
    (first..first + count).map(|n| row(n, ["a", "b"][usize::from(n % 3 == 0)], "x", at, "{}")).collect()
}

/// What must be visible of the log when `hidden` persons are deleted.
fn expected_without(kept: &Kept, hidden: &[u32]) -> Vec<String> {
    let mut rows = expected_rows(&kept.log);
    rows.retain(|row| !hidden.contains(&row.person_number.0));
    lines(&rows)
}

/// How many rows statistics count, where they say anything.
fn counted(store: &Store) -> Option<u64> {
    let snapshot = store.snapshot(PROJECT);
    let mut total = 0;
    for part in snapshot.parts() {
        total += part.hour_counts().unwrap()?.map(|count| count.rows).sum::<u64>();
    }
    Some(total)
}

#[test]
fn a_deleted_persons_rows_vanish_from_memory_and_segments_at_once() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::new(SMALL);
    let store = kept.open(&disk);
    kept.publish(&store, batch(events(0, 60, 5), 1));
    kept.seal(&store);
    kept.publish(&store, batch(events(100, 30, 6), 2));
    let before = store.snapshot(PROJECT);
    kept.hide(&store, &[2]);
    assert_eq!(visible(&store), expected_without(&kept, &[2]));
    assert_eq!(rows(&before, &TELLING).len(), 90, "a snapshot in use does not change");
    assert_eq!(counted(&store), None, "statistics know nothing of hidden rows");
    // Also what comes later under the number, as from a batch that was applied before the deletion.
    kept.publish(&store, batch(events(200, 10, 7), 3));
    assert_eq!(visible(&store), expected_without(&kept, &[2]));
    kept.hide(&store, &[1, 3, 4, 5]);
    assert_eq!(visible(&store), Vec::<String>::new());
}

#[test]
fn hidden_rows_stay_hidden_while_they_move_and_are_gone_after_compaction() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::new(SMALL);
    let store = kept.open(&disk);
    kept.publish(&store, batch(events(0, 60, 5), 1));
    kept.seal(&store);
    kept.publish(&store, batch(events(100, 60, 6), 2));
    // Deleted while their rows are being sealed.
    store.freeze();
    let sealed = store.seal(|count| kept.reserve(count)).unwrap();
    kept.hide(&store, &[4]);
    assert_eq!(store.gone(PROJECT, &[PersonNumber(4)]).unwrap(), [], "a seal is under way");
    store
        .commit_seal(sealed, |added, deleted, through| {
            kept.note_seal(added, deleted, through);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(visible(&store), expected_without(&kept, &[4]));
    // Deleted while their segments are being compacted: the outputs were chosen before.
    let job = store.next_compaction(&kept.removals()).unwrap().expect("there is something to remove");
    let compacted = store.compact(job, |count| kept.reserve(count)).unwrap();
    kept.hide(&store, &[5]);
    store
        .commit_compaction(compacted, |gone, added, deleted| {
            kept.note_compaction(gone, added, deleted);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(visible(&store), expected_without(&kept, &[4, 5]));
    let deleted = [PersonNumber(4), PersonNumber(5)];
    kept.compact_all(&store, &kept.removals());
    assert_eq!(store.gone(PROJECT, &deleted).unwrap(), deleted);
    store.forget_hidden(PROJECT, &deleted);
    assert_eq!(visible(&store), expected_without(&kept, &[4, 5]), "nothing is left to be hidden");
    assert_eq!(counted(&store), Some(72), "statistics speak again");
}

#[test]
fn hidden_rows_stay_hidden_across_a_restart() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::new(SMALL);
    let store = kept.open(&disk);
    kept.publish(&store, batch(events(0, 60, 5), 1));
    kept.seal(&store);
    kept.publish(&store, batch(events(100, 30, 6), 2));
    kept.hide(&store, &[1]);
    drop(store);
    let store = kept.open(&disk);
    assert_eq!(visible(&store), expected_without(&kept, &[1]));
    kept.seal(&store);
    assert_eq!(visible(&store), expected_without(&kept, &[1]));
    kept.compact_all(&store, &kept.removals());
    assert_eq!(visible(&store), expected_without(&kept, &[1]));
    assert_eq!(store.gone(PROJECT, &[PersonNumber(1), PersonNumber(2)]).unwrap(), [PersonNumber(1)]);
}

#[test]
fn rows_of_ids_merged_into_a_deleted_person_are_hidden_too() {
    let disk = SimDisk::new(1);
    let mut kept = Kept::new(SMALL);
    let store = kept.open(&disk);
    kept.publish(&store, batch(events(0, 60, 5), 1));
    kept.seal(&store);
    let merged = Batch { rows: events(100, 30, 6), merges: vec![merge(1, 3, 2)], through: Sequence(2) };
    kept.publish(&store, merged);
    kept.hide(&store, &[2]);
    assert_eq!(visible(&store), expected_without(&kept, &[2]));
    assert_eq!(store.gone(PROJECT, &[PersonNumber(2)]).unwrap(), []);
    kept.seal(&store);
    kept.compact_all(&store, &kept.removals());
    assert_eq!(visible(&store), expected_without(&kept, &[2]));
    assert_eq!(store.gone(PROJECT, &[PersonNumber(2)]).unwrap(), [PersonNumber(2)]);
    kept.settle_merges(&store);
    assert_eq!(visible(&store), expected_without(&kept, &[2]));
}

/// Chance decides the order of publications, seals, compactions, merges, deletions and restarts.
#[test]
fn whatever_happens_deleted_persons_are_not_seen() {
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let disk = SimDisk::new(seed);
        let mut kept = Kept::new(SMALL);
        let mut store = kept.open(&disk);
        let mut deleted: Vec<u32> = Vec::new();
        let (mut next, mut through, mut merges) = (0_u128, 0, 0);
        for _ in 0..30 {
            match dice.below(7) {
                0..=2 => {
                    through += 1;
                    let at = i64::try_from(dice.below(3)).unwrap() * DAY;
                    let alive: Vec<u32> = (1..=5).filter(|number| !deleted.contains(number)).collect();
                    let mut merged = Vec::new();
                    let survivors = survivors(&kept.log);
                    let alive: Vec<u32> =
                        alive.into_iter().filter(|number| !survivors.contains_key(&PersonNumber(*number))).collect();
                    if let ([from, into, ..], true) = (alive.as_slice(), dice.below(4) == 0) {
                        merges += 1;
                        merged.push(merge(merges, *from, *into));
                    }
                    let rows = events(next, 8, at);
                    next += 8;
                    kept.publish(&store, Batch { rows, merges: merged, through: Sequence(through) });
                }
                3 => kept.seal(&store),
                4 => drop(kept.compact(&store, &kept.removals())),
                5 => {
                    let survivors = survivors(&kept.log);
                    let number = u32::try_from(dice.below(5)).unwrap() + 1;
                    // Ids that were merged away are nobody's to delete.
                    if !survivors.contains_key(&PersonNumber(number)) && !deleted.contains(&number) {
                        kept.hide(&store, &[number]);
                        deleted.push(number);
                    }
                }
                _ => {
                    drop(store);
                    store = kept.open(&disk);
                }
            }
            assert_eq!(visible(&store), expected_without(&kept, &deleted), "seed {seed}");
        }
    }
}
