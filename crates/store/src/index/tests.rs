use env::SimDisk;

use super::facts::FactsBuilder;
use super::*;
use crate::identity::Identity;
use crate::property::RestBuilder;

fn probe(n: u64) -> Probe {
    let uuid = Uuid::from_u128(u128::from(n));
    Identity::of(&n.to_string(), "e", uuid).probe(uuid)
}

fn facts() -> Facts {
    let mut builder = FactsBuilder::default();
    builder.push("b", 7_200_000_000, 7, "ada");
    builder.push("b", -1, 70_000, "bob");
    builder.push("a", 0, 7, "ada");
    builder.finish(true, |rows| RoaringBitmap::from_iter([rows.start]), TailDirectory::default())
}

use roaring::RoaringBitmap;
use tails::TailDirectory;

fn written(disk: &SimDisk, path: &str, probes: Vec<Probe>) -> Index {
    write(
        disk,
        Path::new(path),
        &NewIndex { probes, facts: Arc::new(facts()), blocks: vec![7, 8], tails: b"tails".to_vec() },
    )
    .unwrap()
    .0
}

#[test]
fn every_event_is_found_and_no_other() {
    let disk = SimDisk::new(1);
    for count in [1, 2, 100, 20_000] {
        let path = format!("/{count}");
        let written = written(&disk, &path, (0..count).map(probe).collect());
        let opened = Index::open(&disk, Path::new(&path), count).unwrap();
        for index in [&written, &opened] {
            let filter = index.filter().unwrap();
            assert!((0..count).all(|n| filter.may_hold(probe(n).uuid_hash)), "{count}");
            assert!((0..count).all(|n| index.holds(&probe(n)).unwrap()), "{count}");
            assert!((0..count).all(|n| index.holds_uuid(probe(n).uuid_hash).unwrap()), "{count}");
            assert!((count..count + 5_000).all(|n| !index.holds(&probe(n)).unwrap()), "{count}");
            assert!(index.spans(Uuid::from_u128(0)) && !index.spans(Uuid::from_u128(u128::from(count))));
            assert_eq!(index.blocks().unwrap(), [7, 8]);
            let place =
                TailPlace { start: 1, stored_bytes: 3, checksum: short_checksum(b"ail"), ..TailPlace::default() };
            assert_eq!(index.tail(&place).unwrap(), b"ail");
            assert!(index.tail(&TailPlace { start: 2, ..place }).is_none());
        }
        assert!(Index::open(&disk, Path::new(&path), count + 1).is_none());
    }
}

#[test]
fn events_that_share_a_uuid_are_told_apart() {
    let disk = SimDisk::new(1);
    let uuid = Uuid::from_u128(5);
    let of = |n: u32| Identity::of(&n.to_string(), "e", uuid).probe(uuid);
    let index = written(&disk, "/x", (0..3_000).map(of).collect());
    assert!((0..3_000).all(|n| index.holds(&of(n)).unwrap()));
    let mistaken = (3_000..6_000).filter(|n| index.holds(&of(*n)).unwrap()).count();
    assert!(mistaken < 400, "{mistaken} of 3,000 others");
}

#[test]
fn facts_come_back() {
    let disk = SimDisk::new(1);
    written(&disk, "/x", vec![probe(1)]);
    let opened = Index::open(&disk, Path::new("/x"), 1).unwrap();
    let read = opened.facts().unwrap();
    assert_eq!(read.events, ["a".into(), "b".into()]);
    assert_eq!(read.hours, [(0, 0, 1), (1, -1, 1), (1, 2, 1)]);
    let runs: Vec<_> = read.runs.iter().map(|run| (run.event, run.rows.clone())).collect();
    assert_eq!(runs, [(1, 0..2), (0, 2..3)]);
    assert_eq!(read.persons, RoaringBitmap::from_iter([7, 70_000]));
    assert!(read.may_hold_distinct_id("ada") && !read.may_hold_distinct_id("eve"));
    assert_eq!((read.event("b"), read.event("c")), (Some(1), None));
}

#[test]
fn damage_is_noticed() {
    let disk = SimDisk::new(1);
    written(&disk, "/x", vec![probe(1)]);
    let file = disk.open(Path::new("/x")).unwrap();
    file.write_all_at(&[0xff], 110).unwrap();
    let index = Index::open(&disk, Path::new("/x"), 1).unwrap();
    assert!(index.filter().is_none() && index.facts().is_some());
    file.write_all_at(&[0xff], 20).unwrap();
    assert!(Index::open(&disk, Path::new("/x"), 1).is_none());
}

#[test]
fn rare_values_come_back_by_key() {
    let mut rest = RestBuilder::default();
    for row in 0..5_000_u32 {
        rest.push(row, &format!("key {}", row % 2_500), &format!("[{row}]"));
    }
    rest.push(4_999, "key 0", "null");
    let (directory, blocks) = tails::encode(&rest.finish(), 2_048);
    let block = |place: &TailPlace| {
        let start = usize::try_from(place.start).unwrap();
        blocks[start..start + usize::try_from(place.stored_bytes).unwrap()].to_vec()
    };
    let mut all = 0;
    for (key, place) in &directory.keys {
        let tail = place.decode(&block(place)).unwrap();
        all += tail.len();
        for (row, raw) in tail {
            assert!(
                raw.as_ref() == format!("[{row}]") && key.as_ref() == format!("key {}", row % 2_500) || &*raw == "null"
            );
        }
    }
    let others = directory.others.unwrap();
    others.decode_shared(&block(&others), |key, row, raw| {
        all += 1;
        assert_eq!((key, raw), (format!("key {}", row % 2_500).as_str(), format!("[{row}]").as_str()));
    });
    assert_eq!(all, 5_001);
    assert_eq!(directory.keys.get("key 0").map(|place| (place.count, place.valued)), Some((3, 2)));
}
