//! Keys, projects, persons taken apart, cohorts, actions and groups.

use model::PersonNumber;

use super::*;
use crate::{CohortMembers, GroupQuery, GroupRecord, NewAction, NewCohort, NewProject, Split, Visit};

fn person(meta: &Meta, distinct_ids: &[&str], properties: &str, created_at: i64) -> (Uuid, PersonNumber) {
    meta.ingest(|tx| {
        let new = NewPerson { properties, created_at: Timestamp::from_micros(created_at), ..new(distinct_ids) };
        let person = tx.create_person(PROJECT, &new)?;
        Ok::<_, MetaError>((person.uuid, person.number))
    })
    .unwrap()
}

#[test]
fn keys_are_changed_rolled_and_revoked_although_they_are_remembered() {
    let (_directory, _path, meta, created) = database();
    let user = meta.caller(&created.personal_api_key, NOW).unwrap().unwrap().user.id;
    let new = NewKey { label: "a".to_owned(), scopes: vec!["person:read".to_owned()], ..NewKey::default() };
    let (key, secret) = meta.create_key(user, &new, NOW, &Random::seeded(3)).unwrap();
    let scopes = |secret: &str| meta.caller(secret, NOW).unwrap().map(|caller| caller.key.scopes.unwrap().join(" "));
    assert_eq!(scopes(&secret).as_deref(), Some("person:read"));
    let wider = NewKey { scopes: vec!["query:read".to_owned()], scoped_teams: vec![1], ..new };
    assert_eq!(meta.update_key(user, &key.id, &wider).unwrap().unwrap().scoped_teams, [1]);
    assert_eq!(scopes(&secret).as_deref(), Some("query:read"));
    let (rolled, next) = meta.roll_key(user, &key.id, NOW, &Random::seeded(4)).unwrap().unwrap();
    assert_eq!((rolled.last_rolled_at, scopes(&secret)), (Some(NOW), None));
    assert_eq!(scopes(&next).as_deref(), Some("query:read"));
    assert!(meta.update_key(user + 1, &key.id, &wider).unwrap().is_none(), "not theirs");
    assert!(!meta.delete_key(user + 1, &key.id).unwrap());
    assert!(meta.delete_key(user, &key.id).unwrap());
    assert_eq!(scopes(&next), None);
}

#[test]
fn a_changed_project_is_not_remembered_as_it_was() {
    let (_directory, _path, meta, created) = database();
    let by_token = || meta.project_by_token(&created.project_token).unwrap().unwrap();
    let mut project = by_token();
    project.timezone = "Europe/Berlin".to_owned();
    project.settings.week_start_day = 1;
    meta.update_project(&project).unwrap();
    assert_eq!((by_token(), meta.project(PROJECT).unwrap().unwrap()), (project.clone(), project));
}

#[test]
fn organizations_do_not_see_each_other() {
    let (_directory, _path, meta, created) = database();
    let ours = meta.caller(&created.personal_api_key, NOW).unwrap().unwrap().user;
    let them = meta.create_organization("Theirs", "them@example.com", NOW, &Random::seeded(5)).unwrap();
    let new = NewProject { organization: them.organization, name: "P".to_owned(), timezone: "UTC".to_owned() };
    let project = meta.create_project(&new, NOW, &Random::seeded(6)).unwrap();
    assert!(meta.is_member(them.id, project.organization).unwrap());
    assert!(!meta.is_member(ours.id, project.organization).unwrap());
    assert_eq!(meta.projects_of(ours.id).unwrap().len(), 1);
    assert_eq!(meta.projects_in(them.organization).unwrap(), [project]);
    assert_eq!(meta.members(them.organization).unwrap(), [them]);
}

#[test]
fn a_split_gives_each_id_a_person_that_was_nobody_before() {
    let (_directory, _path, meta, _) = database();
    let (uuid, number) = person(&meta, &["a", "b", "c"], r#"{"x":1}"#, 5);
    let split = |main| meta.split_person(PROJECT, uuid, main, NOW).unwrap();
    assert_eq!(split(Some("z")), Split::NotItsId);
    let changes = || meta.positions().unwrap().person_changes;
    let before = changes();
    assert_eq!(split(Some("b")), Split::Done { persons: 2 });
    assert_eq!(changes(), before + 1, "cohorts have to be calculated again");
    assert_eq!(split(Some("b")), Split::Done { persons: 0 });
    let owners = meta.persons_by_distinct_ids(PROJECT, &["a", "b", "c", "d"].map(str::to_owned)).unwrap();
    assert_eq!((owners["b"].uuid, owners["b"].number, owners.len()), (uuid, number, 3));
    assert!(owners["a"].number != owners["c"].number && owners["a"].uuid != person_uuid(PROJECT, "a"));
    let kept = meta.person_by_uuid(PROJECT, uuid).unwrap().unwrap();
    assert_eq!((kept.distinct_ids, kept.properties.as_str()), (vec!["b".to_owned()], r#"{"x":1}"#));
    let (other, _) = person(&meta, &["e", "f"], r#"{"x":1}"#, 5);
    assert_eq!(meta.split_person(PROJECT, other, None, NOW).unwrap(), Split::Done { persons: 1 });
    assert_eq!(meta.person_by_uuid(PROJECT, other).unwrap().unwrap().properties, "{}");
    assert_eq!(meta.split_person(PROJECT, Uuid::nil(), None, NOW).unwrap(), Split::NoPerson);
}

#[test]
fn numbers_follow_merges_and_leave_the_deleted_out() {
    let (_directory, _path, meta, _) = database();
    let persons: Vec<_> = ["a", "b", "c"].map(|id| person(&meta, &[id], "{}", 1)).into();
    meta.ingest(|tx| {
        let from = tx.person_by_distinct_id(PROJECT, "a")?.unwrap().key();
        let into = tx.person_by_distinct_id(PROJECT, "b")?.unwrap().key();
        tx.merge_persons(PROJECT, from, into)
    })
    .unwrap();
    meta.delete_persons(PROJECT, &[persons[2].0], PersonEvents::Keep, None, NOW).unwrap();
    assert_eq!(meta.surviving_numbers(PROJECT, &[1, 3, 9]).unwrap(), [2]);
    let refs = meta.person_refs(PROJECT, &[persons[0].0, persons[1].0, persons[2].0]).unwrap();
    assert_eq!(refs.iter().map(|person| person.number.0).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn a_scan_sees_every_person_once_newest_first() {
    let (_directory, _path, meta, _) = database();
    // More than a page, with equal times at its edge.
    meta.ingest(|tx| {
        for n in 0..2_500 {
            let id = format!("u{n}");
            let created_at = Timestamp::from_micros(i64::from(n / 300));
            tx.create_person(PROJECT, &NewPerson { created_at, ..new(&[&id]) })?;
        }
        Ok::<_, MetaError>(())
    })
    .unwrap();
    let mut seen = Vec::new();
    let scan = |query: &PersonQuery, seen: &mut Vec<u32>, most: usize| {
        meta.scan_persons(PROJECT, query, |person| {
            seen.push(person.number.0);
            Ok::<_, MetaError>(if seen.len() == most { Visit::Enough } else { Visit::More })
        })
        .unwrap();
    };
    scan(&PersonQuery::default(), &mut seen, usize::MAX);
    assert_eq!(seen, (1..=2_500).rev().collect::<Vec<_>>());
    seen.clear();
    scan(&PersonQuery::default(), &mut seen, 3);
    assert_eq!(seen, [2_500, 2_499, 2_498]);
    seen.clear();
    let one = PersonQuery { distinct_id: Some("u7".to_owned()), ..PersonQuery::default() };
    scan(&one, &mut seen, usize::MAX);
    assert_eq!((seen, meta.count_listed_persons(PROJECT, &one).unwrap()), (vec![8], 1));
    assert_eq!(meta.count_persons(PROJECT).unwrap(), 2_500);
}

#[test]
fn members_of_an_older_definition_do_not_replace_newer_ones() {
    let (_directory, _path, meta, _) = database();
    let mut new = NewCohort {
        name: "c".to_owned(),
        description: String::new(),
        filters: "{}".to_owned(),
        groups: "[]".to_owned(),
        is_static: false,
        deleted: false,
    };
    let cohort = meta.create_cohort(PROJECT, &new, Some(1), NOW).unwrap();
    let save = |version: i64, bitmap: &[u8]| {
        let members = CohortMembers { bitmap: bitmap.to_vec(), count: 1, version, through: Sequence(5), changes: 0 };
        meta.save_cohort_members(PROJECT, cohort.id, &members, NOW).unwrap();
        meta.cohort_members(PROJECT, cohort.id).unwrap().unwrap()
    };
    assert_eq!(save(1, b"first"), b"first");
    new.name = "renamed".to_owned();
    assert_eq!(meta.update_cohort(PROJECT, cohort.id, &new).unwrap().unwrap().version, 1);
    new.filters = "[]".to_owned();
    assert_eq!(meta.update_cohort(PROJECT, cohort.id, &new).unwrap().unwrap().version, 2);
    assert_eq!(save(2, b"second"), b"second");
    assert_eq!(save(1, b"late"), b"second");
    meta.note_cohort_error(PROJECT, cohort.id, "why").unwrap();
    let failed = meta.cohort(PROJECT, cohort.id).unwrap().unwrap();
    assert_eq!((failed.errors, failed.last_error.as_deref()), (1, Some("why")));
    assert_eq!(meta.cohort(ProjectId(2), cohort.id).unwrap(), None, "another project's");
    assert_eq!(meta.update_cohort(ProjectId(2), cohort.id, &new).unwrap(), None);
    meta.change_cohort_members(PROJECT, cohort.id, NOW, |before| {
        assert_eq!(before.as_deref(), Some(&b"second"[..]));
        Ok::<_, MetaError>((b"third".to_vec(), 3))
    })
    .unwrap();
    assert_eq!(meta.cohort(PROJECT, cohort.id).unwrap().unwrap().count, Some(3));
    new.deleted = true;
    meta.update_cohort(PROJECT, cohort.id, &new).unwrap();
    assert!(meta.cohorts(PROJECT).unwrap().is_empty() && meta.all_cohorts().unwrap().is_empty());
}

#[test]
fn actions_are_kept_by_project() {
    let (_directory, _path, meta, _) = database();
    let mut new =
        NewAction { name: "b".to_owned(), steps: "[]".to_owned(), tags: "[]".to_owned(), ..NewAction::default() };
    let action = meta.create_action(PROJECT, &new, None, NOW).unwrap();
    meta.create_action(PROJECT, &NewAction { name: "a".to_owned(), ..new.clone() }, None, NOW).unwrap();
    let names = || meta.actions(PROJECT).unwrap().into_iter().map(|action| action.content.name).collect::<Vec<_>>();
    assert_eq!(names(), ["a", "b"]);
    new.deleted = true;
    assert_eq!(meta.update_action(ProjectId(2), action.id, &new, NOW).unwrap(), None);
    assert!(meta.update_action(PROJECT, action.id, &new, NOW).unwrap().unwrap().content.deleted);
    assert_eq!((names(), meta.action(ProjectId(2), action.id).unwrap()), (vec!["a".to_owned()], None));
}

#[test]
fn groups_are_paged_newest_first_and_then_by_key() {
    let (_directory, _path, meta, _) = database();
    meta.ingest(|tx| {
        assert_eq!(tx.group_type_index(PROJECT, "company", NOW)?, Some(0));
        for (key, created_at) in [("b", 1), ("a", 1), ("C%", 2), ("d", 0)] {
            let group =
                GroupRecord { properties: r#"{"n":"X"}"#.to_owned(), created_at: Timestamp::from_micros(created_at) };
            tx.save_group(PROJECT, 0, key, &group)?;
        }
        Ok::<_, MetaError>(())
    })
    .unwrap();
    let list = |query: GroupQuery| {
        let (groups, more) = meta.list_groups(PROJECT, &query).unwrap();
        (groups.into_iter().map(|group| group.key).collect::<String>(), more)
    };
    let all = GroupQuery { limit: 10, ..GroupQuery::default() };
    assert_eq!(list(all.clone()), ("C%abd".to_owned(), false));
    let page = |after: &str, at| GroupQuery {
        limit: 2,
        after: Some((Timestamp::from_micros(at), after.to_owned())),
        ..all.clone()
    };
    assert_eq!(list(page("C%", 2)), ("ab".to_owned(), true));
    assert_eq!(list(page("a", 1)), ("bd".to_owned(), false));
    assert_eq!(list(GroupQuery { key_contains: Some("c%".to_owned()), ..all.clone() }).0, "C%");
    assert_eq!(list(GroupQuery { search: Some("x".to_owned()), ..all.clone() }).0, "C%abd");
    assert_eq!(list(GroupQuery { index: 1, ..all }).0, "");
    let change =
        |key: &str| meta.change_group(PROJECT, 0, key, |before| Ok::<_, MetaError>(before.replace('X', "Y"))).unwrap();
    assert!(change("a") && !change("z"));
    assert_eq!(meta.group(PROJECT, 0, "a").unwrap().unwrap().properties, r#"{"n":"Y"}"#);
    let mut keys = String::new();
    meta.scan_groups(PROJECT, None, |group| {
        keys.push_str(&group.key);
        Visit::More
    })
    .unwrap();
    assert_eq!(keys, "C%abd");
    meta.name_group_types(PROJECT, &[(0, Some("firm".to_owned()), None)]).unwrap();
    assert_eq!(meta.group_types(PROJECT).unwrap()[0].name_singular.as_deref(), Some("firm"));
}

#[test]
fn a_database_of_the_first_format_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("meta.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(MIGRATIONS[0]).unwrap();
    connection
        .execute_batch(
            "INSERT INTO organizations VALUES (X'00000000000000000000000000000001', 'o', 1);
             INSERT INTO projects VALUES (1, X'00000000000000000000000000000002', X'00000000000000000000000000000001',
             'phc_old', 'p', 'UTC', TRUE, FALSE, 1, 30);",
        )
        .unwrap();
    connection.pragma_update(None, "user_version", FIRST_FORMAT).unwrap();
    drop(connection);
    let meta = Meta::open(&path).unwrap();
    let project = meta.project_by_token("phc_old").unwrap().unwrap();
    let settings = &project.settings;
    assert_eq!((settings.anonymize_ips, settings.retention_days, settings.week_start_day), (true, Some(30), 0));
    assert_eq!(
        (settings.test_account_filters.as_str(), settings.person_display_name_properties.as_deref()),
        ("[]", None)
    );
    drop(meta);
    assert_eq!(Meta::open(&path).unwrap().project(PROJECT).unwrap().unwrap(), project);
}
