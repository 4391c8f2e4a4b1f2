use std::path::PathBuf;

use env::Random;
use model::{DeletedRows, PersonMerge, ProjectId, SegmentEntry, SegmentId, Sequence, Timestamp, person_uuid};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::{Bootstrap, Created, NewKey, PersonQuery};

const PROJECT: ProjectId = ProjectId(1);
const NOW: Timestamp = Timestamp::from_micros(1_767_268_800_000_000);

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
    assert!(matches!(Meta::open(&path), Err(OpenError::Newer { found: 99, known: 1 })));
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
            tx.create_person(PROJECT, person_uuid(PROJECT, id), "{}", NOW, false, &[id])?;
        }
        for _ in 0..60 {
            let pick = |n: u64| ids[usize::try_from(n).unwrap()].as_str();
            let from = tx.person_by_distinct_id(PROJECT, pick(dice(20)))?.unwrap();
            let into = tx.person_by_distinct_id(PROJECT, pick(dice(20)))?.unwrap();
            if from.id != into.id && dice(3) == 0 {
                tx.merge_persons(PROJECT, &from, &into)?;
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
        tx.create_person(PROJECT, Uuid::from_u128(9), "{}", NOW, false, &["x"])?;
        tx.applied(Sequence(1), Sequence(3), b"blob")?;
        Err::<(), _>(MetaError::Unreadable("test"))
    });
    assert!(failed.is_err());
    assert_eq!(meta.positions().unwrap().applied, Sequence(0));
    assert!(meta.list_persons(PROJECT, &PersonQuery { limit: 1, ..PersonQuery::default() }).unwrap().0.is_empty());
}

#[test]
fn a_seal_moves_everything_at_once() {
    let (_directory, _path, meta, _) = database();
    for (first, last) in [(1, 3), (4, 4), (5, 9)] {
        meta.ingest(|tx| tx.applied(Sequence(first), Sequence(last), b"blob")).unwrap();
    }
    assert_eq!(meta.reserve_segment_ids(2).unwrap(), SegmentId(1));
    assert_eq!(meta.reserve_segment_ids(1).unwrap(), SegmentId(3));
    let entry = SegmentEntry {
        id: SegmentId(2),
        project: PROJECT,
        rows: 5,
        file_bytes: 6,
        min_timestamp: NOW,
        max_timestamp: NOW,
        checksum: u64::MAX,
    };
    meta.commit_seal(std::slice::from_ref(&entry), &[], Sequence(4)).unwrap();
    let deleted = DeletedRows { segment: SegmentId(2), bitmap: vec![1, 2] };
    meta.commit_seal(&[], std::slice::from_ref(&deleted), Sequence(4)).unwrap();
    let catalog = meta.catalog().unwrap();
    assert_eq!((catalog.segments, catalog.deleted), (vec![entry], vec![deleted]));
    let next = meta.resolved_after(Sequence(4)).unwrap().unwrap();
    assert_eq!((next.first, next.last), (Sequence(5), Sequence(9)));
    assert_eq!(meta.resolved_after(Sequence(0)).unwrap().unwrap().first, Sequence(5), "sealed ones are forgotten");
}
