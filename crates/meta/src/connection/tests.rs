use std::path::PathBuf;

use env::Random;
use model::{
    DeletedRows, Level, MergeId, PersonMerge, ProjectId, SegmentEntry, SegmentId, Sequence, Timestamp, person_uuid,
};
use tempfile::TempDir;
use uuid::Uuid;

mod objects;

use super::*;
use crate::{Bootstrap, Created, DeletionQuery, NewKey, NewPerson, PersonEvents, PersonQuery};

const PROJECT: ProjectId = ProjectId(1);
const NOW: Timestamp = Timestamp::from_micros(1_767_268_800_000_000);

/// A person to be, of whom nothing is known but one distinct id.
fn new<'a>(distinct_ids: &'a [&'a str]) -> NewPerson<'a> {
    NewPerson {
        primary: distinct_ids[0],
        distinct_ids,
        properties: "{}",
        email: None,
        created_at: NOW,
        is_identified: false,
    }
}

fn entry(id: u64) -> SegmentEntry {
    SegmentEntry {
        id: SegmentId(id),
        project: PROJECT,
        level: Level::Fresh,
        rows: 5,
        file_bytes: 6,
        min_timestamp: NOW,
        max_timestamp: NOW,
        checksum: u64::MAX,
        merges_through: MergeId(id * 3),
    }
}

fn database() -> (TempDir, PathBuf, Meta, Created) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("meta.sqlite");
    let meta = Meta::open(&path).unwrap();
    let created = meta.bootstrap(NOW, &Bootstrap::default(), &Random::seeded(1)).unwrap().unwrap();
    (directory, path, meta, created)
}

#[test]
fn a_first_start_makes_a_project_and_a_key_once() {
    let (_directory, path, meta, created) = database();
    let project = meta.project_by_token(&created.project_token).unwrap().unwrap();
    assert_eq!((project.id, project.name.as_str()), (PROJECT, "Default project"));
    let caller = meta.caller(&created.personal_api_key, NOW).unwrap().unwrap();
    assert_eq!(caller.key.scopes, Some(vec!["*".to_owned()]));
    assert!(meta.is_member(caller.user.id, project.organization).unwrap());
    assert!(meta.caller("phx_other", NOW).unwrap().is_none());
    drop(meta);
    let meta = Meta::open(&path).unwrap();
    assert_eq!(meta.bootstrap(NOW, &Bootstrap::default(), &Random::seeded(2)).unwrap(), None);
    assert!(meta.caller(&created.personal_api_key, NOW).unwrap().is_some());
}

#[test]
fn a_checkpoint_empties_the_write_ahead_log_and_loses_nothing() {
    let (_directory, path, meta, created) = database();
    let log = path.with_file_name("meta.sqlite-wal");
    assert!(std::fs::metadata(&log).unwrap().len() > 0);
    // A reader that is there, but idle.
    assert!(meta.caller(&created.personal_api_key, NOW).unwrap().is_some());
    meta.checkpoint().unwrap();
    assert_eq!(std::fs::metadata(&log).unwrap().len(), 0);
    assert!(meta.caller(&created.personal_api_key, NOW).unwrap().is_some());
}

#[test]
fn chosen_tokens_must_look_like_tokens() {
    let directory = tempfile::tempdir().unwrap();
    let meta = Meta::open(&directory.path().join("m")).unwrap();
    for token in ["phx_a", "phc_", "phc_é", &format!("phc_{}", "x".repeat(61))] {
        let chosen = Bootstrap { project_token: Some(token.to_owned()), personal_api_key: None };
        let refused = meta.bootstrap(NOW, &chosen, &Random::seeded(1));
        assert!(matches!(refused, Err(MetaError::InvalidKey { .. })), "{token}");
    }
}

#[test]
fn a_newer_format_is_refused_untouched() {
    let (_directory, path, meta, _) = database();
    drop(meta);
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(Meta::open(&path), Err(OpenError::Newer { found: 99, .. })));
}

#[test]
fn a_format_from_before_the_first_release_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("meta.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let refused = Meta::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::Older { found: 1, oldest: 2 }));
    assert!(refused.to_string().contains("empty data directory"), "{refused}");
    let tables: i64 = connection.query_row("SELECT COUNT(*) FROM sqlite_master", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 0);
}

#[test]
fn an_eleventh_key_is_refused() {
    let (_directory, _path, meta, created) = database();
    let user = meta.caller(&created.personal_api_key, NOW).unwrap().unwrap().user.id;
    let new = NewKey { label: "x".to_owned(), scopes: vec!["query:read".to_owned()], ..NewKey::default() };
    for _ in 0..9 {
        let (_, secret) = meta.create_key(user, &new, NOW, &Random::system()).unwrap();
        assert_eq!(meta.caller(&secret, NOW).unwrap().unwrap().key.scopes, Some(new.scopes.clone()));
    }
    let refused = meta.create_key(user, &new, NOW, &Random::system());
    assert!(matches!(refused, Err(MetaError::TooManyKeys { limit: 10 })));
    assert_eq!(meta.keys(user).unwrap().len(), 10);
}

#[test]
fn merges_leave_no_chains_and_every_id_one_owner() {
    let (_directory, _path, meta, _) = database();
    let mut state: u64 = 5;
    let mut dice = move |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let ids: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    meta.ingest(|tx| {
        for id in &ids {
            tx.create_person(PROJECT, &new(&[id]))?;
        }
        for _ in 0..60 {
            let pick = |n: u64| ids[usize::try_from(n).unwrap()].as_str();
            let from = tx.person_by_distinct_id(PROJECT, pick(dice(20)))?.unwrap();
            let into = tx.person_by_distinct_id(PROJECT, pick(dice(20)))?.unwrap();
            if from.id != into.id && dice(3) == 0 {
                tx.merge_persons(PROJECT, from.key(), into.key())?;
            }
        }
        Ok::<_, MetaError>(())
    })
    .unwrap();
    let (people, more) = meta.list_persons(PROJECT, &PersonQuery { limit: 100, ..PersonQuery::default() }).unwrap();
    assert!(!more && people.len() < 20);
    assert_eq!(people.iter().map(|person| person.distinct_ids.len()).sum::<usize>(), 20);
    let merges = meta.catalog().unwrap().merges;
    assert_eq!(merges.len(), 20 - people.len());
    for PersonMerge { from, into, .. } in merges {
        assert!(people.iter().any(|person| person.uuid == into) && people.iter().all(|person| person.uuid != from));
        let found = meta.persons_by_uuids(PROJECT, &[from, Uuid::from_u128(1)]).unwrap();
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [from]);
        assert_eq!(meta.surviving_person(PROJECT, from).unwrap(), into);
    }
}

#[test]
fn a_failed_batch_leaves_nothing() {
    let (_directory, _path, meta, _) = database();
    let failed = meta.ingest(|tx| {
        tx.begin(Sequence(1), Sequence(3))?;
        tx.create_person(PROJECT, &new(&["x"]))?;
        tx.keep_resolved(b"blob")?;
        Err::<(), _>(MetaError::Unreadable("test"))
    });
    assert!(failed.is_err());
    assert_eq!(meta.positions().unwrap().applied, Sequence(0));
    assert!(meta.list_persons(PROJECT, &PersonQuery { limit: 1, ..PersonQuery::default() }).unwrap().0.is_empty());
}

fn batch(meta: &Meta, first: u64, last: u64) {
    meta.ingest(|tx| {
        tx.begin(Sequence(first), Sequence(last))?;
        tx.keep_resolved(b"blob")
    })
    .unwrap();
}

#[test]
fn a_seal_moves_everything_at_once() {
    let (_directory, _path, meta, _) = database();
    for (first, last) in [(1, 3), (4, 4), (5, 9)] {
        batch(&meta, first, last);
    }
    assert_eq!(meta.reserve_segment_ids(2).unwrap(), SegmentId(1));
    assert_eq!(meta.reserve_segment_ids(1).unwrap(), SegmentId(3));
    let entry = entry(2);
    meta.commit_seal(std::slice::from_ref(&entry), &[], Sequence(4)).unwrap();
    let deleted = DeletedRows { segment: SegmentId(2), bitmap: vec![1, 2] };
    meta.commit_seal(&[], std::slice::from_ref(&deleted), Sequence(4)).unwrap();
    let catalog = meta.catalog().unwrap();
    assert_eq!((catalog.segments, catalog.deleted), (vec![entry], vec![deleted]));
    let next = meta.resolved_after(Sequence(4)).unwrap().unwrap();
    assert_eq!((next.first, next.last), (Sequence(5), Sequence(9)));
    assert_eq!(meta.resolved_after(Sequence(0)).unwrap().unwrap().first, Sequence(5), "sealed ones are forgotten");
}

#[test]
fn a_compaction_changes_everything_at_once_or_nothing() {
    let (_directory, _path, meta, _) = database();
    let bitmap = |segment| DeletedRows { segment: SegmentId(segment), bitmap: vec![7] };
    meta.commit_seal(&[entry(1), entry(2), entry(3)], &[bitmap(3)], Sequence(0)).unwrap();
    let before = meta.catalog().unwrap();
    let compacted = SegmentEntry { level: Level::Compacted, ..entry(4) };
    let added = std::slice::from_ref(&compacted);
    for (removed, deleted) in [(9, 3), (2, 9), (2, 2)] {
        let removed = [SegmentId(1), SegmentId(removed)];
        let refused = meta.commit_compaction(&removed, added, &[bitmap(4), bitmap(deleted)]);
        assert!(matches!(refused, Err(MetaError::MissingSegment(SegmentId(2 | 9)))), "{removed:?} {deleted}");
        let after = meta.catalog().unwrap();
        assert_eq!((&after.segments, &after.deleted), (&before.segments, &before.deleted));
    }
    meta.commit_compaction(&[SegmentId(1), SegmentId(2)], added, &[bitmap(4)]).unwrap();
    let catalog = meta.catalog().unwrap();
    assert_eq!(catalog.segments, [entry(3), compacted]);
    assert_eq!(catalog.deleted, [bitmap(3), bitmap(4)]);
}

/// Merges the owner of `from` into the owner of `into` in the batch that ends with `last`.
fn merge(meta: &Meta, last: u64, from: &str, into: &str) -> PersonMerge {
    meta.ingest(|tx| {
        tx.begin(Sequence(last), Sequence(last))?;
        let owner = |tx: &mut crate::IngestTx<'_>, id| tx.person_by_distinct_id(PROJECT, id).map(Option::unwrap);
        let (from, into) = (owner(tx, from)?, owner(tx, into)?);
        let merge = tx.merge_persons(PROJECT, from.key(), into.key())?;
        tx.keep_resolved(b"blob")?;
        Ok::<_, MetaError>(merge)
    })
    .unwrap()
}

#[test]
fn merges_end_once_no_row_can_carry_the_old_id_but_the_old_id_still_leads_to_the_person() {
    let (_directory, _path, meta, _) = database();
    meta.ingest(|tx| ["a", "b", "c", "d"].iter().try_for_each(|id| tx.create_person(PROJECT, &new(&[id])).map(drop)))
        .unwrap();
    let a_to_b = merge(&meta, 1, "a", "b");
    assert_eq!((a_to_b.id, a_to_b.from_number.0, a_to_b.into_number.0), (MergeId(1), 1, 2));
    let flush = |through| meta.commit_seal(&[], &[], Sequence(through)).unwrap();
    assert_eq!(meta.retire_merges(PROJECT, MergeId(9)).unwrap(), [], "rows from before it are in memory");
    flush(1);
    assert_eq!(meta.retire_merges(PROJECT, MergeId(0)).unwrap(), [], "segments have not caught up");
    assert_eq!(meta.retire_merges(ProjectId(2), MergeId(9)).unwrap(), []);

    let b_to_c = merge(&meta, 2, "b", "c");
    let redirected = PersonMerge { id: b_to_c.id, into: b_to_c.into, into_number: b_to_c.into_number, ..a_to_b };
    assert_eq!(meta.catalog().unwrap().merges, [redirected, b_to_c]);
    assert_eq!(meta.retire_merges(PROJECT, MergeId(9)).unwrap(), [], "a redirected merge is a new one");
    flush(2);
    let c_to_d = merge(&meta, 3, "d", "c");
    assert_eq!(meta.retire_merges(PROJECT, c_to_d.id).unwrap(), [redirected, b_to_c], "only what is flushed");
    assert_eq!(meta.catalog().unwrap().merges, [c_to_d]);
    assert_eq!(meta.retire_merges(PROJECT, c_to_d.id).unwrap(), [], "nothing ends twice");
    assert_eq!(meta.surviving_person(PROJECT, a_to_b.from).unwrap(), b_to_c.into);
    assert_eq!(meta.persons_by_uuids(PROJECT, &[a_to_b.from]).unwrap().len(), 1);
}

#[test]
fn an_ended_merge_is_redirected_without_coming_back() {
    let (_directory, _path, meta, _) = database();
    meta.ingest(|tx| ["a", "b", "c"].iter().try_for_each(|id| tx.create_person(PROJECT, &new(&[id])).map(drop)))
        .unwrap();
    let a_to_b = merge(&meta, 1, "a", "b");
    meta.commit_seal(&[], &[], Sequence(1)).unwrap();
    assert_eq!(meta.retire_merges(PROJECT, a_to_b.id).unwrap(), [a_to_b]);
    let b_to_c = merge(&meta, 2, "b", "c");
    assert_eq!(meta.catalog().unwrap().merges, [b_to_c]);
    assert_eq!(meta.surviving_person(PROJECT, a_to_b.from).unwrap(), b_to_c.into);
}

#[test]
fn a_deleted_person_leaves_its_ids_to_somebody_new() {
    let (_directory, _path, meta, _) = database();
    let first = meta
        .ingest(|tx| {
            let (derived, number) = tx.use_personless(PROJECT, "u")?;
            let person = tx.create_person(PROJECT, &new(&["u", "v"]))?;
            assert_eq!((person.uuid, person.number), (derived, number), "one id, one number");
            Ok::<_, MetaError>(person)
        })
        .unwrap();
    batch(&meta, 1, 5);
    let delete = |uuid, events| {
        meta.delete_persons(PROJECT, &[uuid], events, Some(1), NOW).unwrap().pop().map(|gone| gone.number)
    };
    let before = meta.ingest(|tx| Ok::<_, MetaError>(tx.foreign_changes())).unwrap();
    assert_eq!(delete(first.uuid, PersonEvents::Delete), Some(first.number));
    assert_eq!(delete(first.uuid, PersonEvents::Delete), None);
    assert_eq!(meta.deleted_persons().unwrap(), [(PROJECT, first.number)]);
    let (second, third) = meta
        .ingest(|tx| {
            assert_ne!(tx.foreign_changes(), before);
            assert_eq!(tx.person_by_distinct_id(PROJECT, "v")?, None);
            let used = tx.use_personless(PROJECT, "u")?;
            let person = tx.create_person(PROJECT, &new(&["u"]))?;
            assert_eq!((person.uuid, person.number), used);
            Ok::<_, MetaError>((person, tx.create_person(PROJECT, &new(&["v"]))?))
        })
        .unwrap();
    assert_eq!([first.number.0, second.number.0, third.number.0], [1, 2, 3]);
    assert!(first.uuid != second.uuid && third.uuid != person_uuid(PROJECT, "v"));
    assert_eq!(delete(second.uuid, PersonEvents::Keep), Some(second.number));

    let finished = |finished| {
        let asked = DeletionQuery { finished, limit: 10, ..DeletionQuery::default() };
        let (receipts, more) = meta.person_deletions(PROJECT, &asked).unwrap();
        assert!(!more);
        receipts.iter().map(|receipt| receipt.person).collect::<Vec<_>>()
    };
    assert_eq!(finished(None), [second.uuid, first.uuid]);
    assert_eq!((finished(Some(true)), finished(Some(false))), (vec![second.uuid], vec![first.uuid]));
    let forget = |flushed| meta.forget_deleted_persons(PROJECT, &[first.number], Sequence(flushed), NOW).unwrap();
    assert_eq!(forget(4), [], "rows of it may still be in memory");
    assert_eq!(meta.deleted_persons().unwrap().len(), 1);
    assert_eq!(forget(5), [first.number]);
    assert_eq!(meta.deleted_persons().unwrap(), []);
    assert!(finished(Some(false)).is_empty());
}

#[test]
fn retention_is_per_project() {
    let (_directory, _path, meta, _) = database();
    assert_eq!(meta.retention().unwrap(), []);
    let keep = |days| {
        let mut project = meta.project(PROJECT).unwrap().unwrap();
        project.settings.retention_days = days;
        meta.update_project(&project).unwrap();
    };
    keep(Some(90));
    assert_eq!(meta.retention().unwrap(), [(PROJECT, 90)]);
    keep(None);
    assert_eq!(meta.retention().unwrap(), []);
}
