//! Lost and damaged files: an index is made again and changes no answer; a damaged segment is reported and harms no other.

use std::path::PathBuf;

use env::Files as _;

use super::support::*;
use super::*;
use crate::codec::encode_bitmap;
use crate::property::{Document, PropertyKey};
use crate::schema::Column;
use crate::snapshot::Part;

/// Three segments, two fresh ones and a compacted one, with rare keys and deleted rows.
fn stored(disk: &SimDisk) -> Kept {
    let mut kept = Kept::new(Limits { fresh_segments_max: 2, ..SMALL });
    let store = kept.open(disk);
    let rows = |first: u128| {
        (first..first + 30).map(move |n| {
            let properties = format!(
                r#"{{"n":{n},"rare {}":"v{n}","odd":{},"x{n}":[{n}]}}"#,
                n % 9,
                ["1", "1.0", "null"][n as usize % 3]
            );
            row(n, ["a", "b"][n as usize % 2], "x", i64::try_from(n % 7).unwrap() * 3_600_000_000, &properties)
        })
    };
    for (at, first) in (0..).zip([0, 20, 100, 200]) {
        kept.publish(&store, batch(rows(first).collect(), at + 1));
        kept.seal(&store);
        if at == 1 {
            assert_eq!(kept.compact_all(&store, &HashMap::new()), 1);
        }
    }
    kept.publish(&store, batch(rows(0).take(5).collect(), 5));
    assert_eq!(kept.segments.len(), 3);
    kept
}

fn path_of(segment: SegmentId, extension: &str) -> PathBuf {
    Path::new(ROOT).join(format!("{PROJECT}/{:010}.{extension}", segment.0))
}

fn read(disk: &SimDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn put(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    disk.remove(path).ok();
    disk.create(path).unwrap().write_all_at(bytes, 0).unwrap();
}

/// What a part answers to every kind of question.
fn answers(part: &Part) -> Result<String, StoreError> {
    let mut answers = Vec::new();
    answers.push(format!("{:?}", part.event_names()?));
    answers.push(format!(
        "{:?}",
        part.hour_counts()?
            .map(|counts| counts.map(|count| (count.event.to_owned(), count.hour, count.rows)).collect::<Vec<_>>())
    ));
    for number in 0..8 {
        answers.push(format!("{}", part.may_hold_person(&RoaringBitmap::from_iter([number]))?));
    }
    answers.push(format!("{} {}", part.may_hold_distinct_id("x")?, part.may_hold_event(&["a"])?));
    for chunk in part.chunks()? {
        for array in chunk.read(&Column::ALL, chunk.live())? {
            answers.push(format!("{array:?}"));
        }
        for document in Document::ALL {
            let objects = chunk.properties(document, chunk.live())?;
            objects.iter().for_each(|object| answers.push(canonical(object.unwrap())));
        }
        for key in ["n", "odd", "rare 1", "rare 2", "x7", "x104", "x204", "none"] {
            let column = chunk.property(&PropertyKey::of_event(key), chunk.live())?;
            let raw = |at: usize| {
                let mut raw = String::new();
                column.write_json(at, &mut raw).then_some(raw)
            };
            let with = chunk.with_property(&PropertyKey::of_event(key), chunk.live())?;
            answers.push(format!("{key} {:?} {with:?}", (0..column.len()).map(raw).collect::<Vec<_>>()));
        }
        answers.push(format!("{:?} {:?}", chunk.of_events(&["a"], chunk.live())?, chunk.runs(chunk.live())?));
    }
    Ok(answers.join("\n"))
}

fn all_answers(store: &Store) -> Vec<Result<String, StoreError>> {
    store.snapshot(PROJECT).parts().iter().map(answers).collect()
}

fn right(store: &Store) -> Vec<String> {
    all_answers(store).into_iter().map(Result::unwrap).collect()
}

/// Every row is recognised when it comes again.
fn recognises_copies(store: &Store) -> bool {
    let rows = rows(&store.snapshot(PROJECT), &Column::ALL);
    let count = rows.len();
    let found =
        rows.iter().all(|row| store.snapshot(PROJECT).parts().iter().any(|part| part.may_hold_uuid(row.uuid).unwrap()));
    found && store.publish(&batch(rows, 9)).unwrap().replaced == count
}

#[test]
fn a_lost_or_damaged_index_is_made_again() {
    let disk = SimDisk::new(1);
    let kept = stored(&disk);
    let expected = right(&kept.open(&disk));
    for segment in kept.segments.keys() {
        let path = path_of(*segment, "idx");
        let good = read(&disk, &path);
        let cut = [0, 1, 50, good.len() / 2, good.len() - 1].map(|length| good[..length].to_vec());
        let flipped = (0..good.len()).step_by(61).map(|at| {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            bytes
        });
        for (case, bytes) in cut.into_iter().chain(flipped).enumerate() {
            put(&disk, &path, &bytes);
            let store = kept.open(&disk);
            assert_eq!(right(&store), expected, "segment {segment:?}, case {case}");
            assert!(recognises_copies(&store), "segment {segment:?}, case {case}");
        }
        disk.remove(&path).unwrap();
        let store = kept.open(&disk);
        assert_eq!(right(&store), expected);
        assert!(recognises_copies(&store));
        assert_eq!(read(&disk, &path), good, "the index is the one that was written with the segment");
    }
}

#[test]
fn an_index_that_is_damaged_while_it_is_open_is_made_again() {
    let disk = SimDisk::new(1);
    let kept = stored(&disk);
    let expected = right(&kept.open(&disk));
    for segment in kept.segments.keys() {
        let path = path_of(*segment, "idx");
        let length = read(&disk, &path).len();
        for at in (0..length).step_by(191) {
            let store = kept.open(&disk);
            // Facts and filter are in memory by now; entries and rare values are read when asked for.
            assert_eq!(right(&store), expected);
            store.publish(&batch(vec![row(0, "none", "none", 0, "{}")], 8)).unwrap();
            let file = disk.open(&path).unwrap();
            file.write_all_at(&vec![0x55; 191.min(length - at)], at as u64).unwrap();
            let segments = store
                .snapshot(PROJECT)
                .parts()
                .iter()
                .filter(|part| part.kind() == PartKind::Segment)
                .map(answers)
                .collect::<Result<Vec<_>, _>>();
            let segments = segments.unwrap();
            assert!(segments.iter().all(|answer| expected.contains(answer)), "segment {segment:?}, byte {at}");
            assert!(recognises_copies(&store), "segment {segment:?}, byte {at}");
        }
    }
}

/// Each part of the store answers as before, or says that just this segment is damaged; whether one did.
fn damage_is_told(kept: &Kept, disk: &SimDisk, damaged: SegmentId, expected: &[String]) -> bool {
    let store = kept.open_segments(disk).unwrap();
    let mut told = false;
    for answer in all_answers(&store) {
        match answer {
            Ok(answer) => assert!(expected.contains(&answer), "a wrong answer"),
            Err(StoreError::Damaged { segment, .. }) => {
                assert_eq!(segment, damaged);
                told = true;
            }
            Err(error) => panic!("{error}"),
        }
    }
    told
}

#[test]
fn a_damaged_segment_is_reported_and_harms_no_other() {
    let disk = SimDisk::new(1);
    let kept = stored(&disk);
    let expected = right(&kept.open_segments(&disk).unwrap());
    for segment in kept.segments.keys() {
        let path = path_of(*segment, "parquet");
        let good = read(&disk, &path);
        for length in [0, 3, 100, good.len() - 9, good.len() - 1] {
            put(&disk, &path, &good[..length]);
            assert!(damage_is_told(&kept, &disk, *segment, &expected), "{length} bytes left");
        }
        for at in (0..good.len()).step_by(307) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            put(&disk, &path, &bytes);
            damage_is_told(&kept, &disk, *segment, &expected);
        }
        put(&disk, &path, &good);
    }
    assert_eq!(right(&kept.open_segments(&disk).unwrap()), expected);
}

#[test]
fn a_missing_file_is_damage_at_the_start_and_later() {
    let disk = SimDisk::new(1);
    let kept = stored(&disk);
    let store = kept.open_segments(&disk).unwrap();
    let expected = right(&store);
    let segment = *kept.segments.keys().next().unwrap();
    let bytes = read(&disk, &path_of(segment, "parquet"));
    let store = kept.open_segments(&disk).unwrap();
    disk.remove(&path_of(segment, "parquet")).unwrap();
    let damaged = |answer: &Result<String, StoreError>| matches!(answer, Err(StoreError::Damaged { .. }));
    assert_eq!(all_answers(&store).iter().filter(|answer| damaged(answer)).count(), 1);
    let opened = kept.open_segments(&disk);
    assert!(matches!(opened, Err(StoreError::Damaged { segment: found, .. }) if found == segment));
    put(&disk, &path_of(segment, "parquet"), &bytes);
    assert_eq!(right(&kept.open_segments(&disk).unwrap()), expected);
}

#[test]
fn unfinished_files_are_removed_and_deletions_must_fit() {
    let disk = SimDisk::new(1);
    let mut kept = stored(&disk);
    disk.create(&path_of(SegmentId(900), "parquet")).unwrap();
    disk.create(&path_of(SegmentId(901), "idx")).unwrap();
    let store = kept.open(&disk);
    let directory = Path::new(ROOT).join(PROJECT.to_string());
    assert_eq!(disk.list(&directory).unwrap().len(), 6, "the unfinished files are gone");
    drop(store);
    let segment = *kept.segments.keys().next().unwrap();
    for bitmap in [vec![1, 2, 3], encode_bitmap(&RoaringBitmap::from_iter([1_000_000]))] {
        kept.deleted.insert(segment, DeletedRows { segment, bitmap });
        let opened = kept.open_segments(&disk);
        assert!(matches!(opened, Err(StoreError::Damaged { segment: found, .. }) if found == segment));
    }
}
