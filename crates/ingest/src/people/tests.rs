use meta::PersonEvents;
use model::person_uuid;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::testing::{NOW, PROJECT, World, event, event_at, identify, personless};

const ANON_1: &str = "cfa956a0-5af4-51c6-9ef5-cb3c80e09b69";
const USER_1: &str = "6931a681-6e90-500d-8294-14582dcc2e3f";
const P1: &str = "04244017-c829-574d-8faa-aa8e7378e88f";

fn uuid(text: &str) -> Uuid {
    text.parse().unwrap()
}

fn alias(distinct_id: &str, alias: &str) -> Value {
    event("$create_alias", distinct_id, json!({"alias": alias}))
}

fn merged_ids(world: &World) -> Vec<(Uuid, Uuid)> {
    world.merges.iter().map(|merge| (merge.from, merge.into)).collect()
}

/// Every stored row of a distinct id reads as the owner of that id, or as the id's own derivative if nobody owns it.
fn assert_history_follows_owners(world: &World) {
    for row in &world.rows {
        let owner =
            world.owner(&row.distinct_id).map_or_else(|| person_uuid(PROJECT, &row.distinct_id), |owner| owner.uuid);
        assert_eq!(world.read_as(row.person_id), owner, "{} of {}", row.event, row.distinct_id);
    }
}

#[test]
fn t67_identify_gives_the_anonymous_person_a_second_id() {
    let mut world = World::new();
    world.send(&[event("seen", "anon-1", json!({}))]).send(&[identify("user-1", "anon-1", json!({}))]);
    let [person] = world.persons().try_into().unwrap();
    assert_eq!((person.uuid, person.is_identified), (uuid(ANON_1), true));
    assert_eq!(person.distinct_ids, ["anon-1", "user-1"]);
    assert_eq!((world.row("seen").person_id, world.row("$identify").person_id), (uuid(ANON_1), uuid(ANON_1)));
    assert_eq!(world.merges, [], "nothing needs to be read as something else");
}

#[test]
fn t68_identify_of_two_unseen_ids_makes_one_person_named_after_the_target() {
    let mut world = World::new();
    world.send(&[identify("user-1", "anon-1", json!({"plan": "pro"}))]);
    let [person] = world.persons().try_into().unwrap();
    assert_eq!((person.uuid, person.is_identified), (uuid(USER_1), true));
    assert_eq!(world.properties("anon-1"), json!({"plan": "pro"}));
    assert_eq!(world.properties("user-1"), json!({"plan": "pro"}));
}

#[test]
fn t69_merging_keeps_the_target_and_fills_it_up_from_the_source() {
    let mut world = World::new();
    world.send(&[event_at("2025-01-01T00:00:00Z", "of a", "A", json!({"$set": {"x": 1, "y": 1}}))]);
    world.send(&[event("of b", "B", json!({"$set": {"y": 2}}))]);
    let (a, b) = (world.owner("A").unwrap(), world.owner("B").unwrap());
    world.send(&[identify("B", "A", json!({}))]);
    let [person] = world.persons().try_into().unwrap();
    assert_eq!((person.uuid, person.id, person.created_at), (b.uuid, b.id, a.created_at));
    assert_eq!(world.properties("A"), json!({"x": 1, "y": 2}));
    assert_eq!(merged_ids(&world), [(a.uuid, b.uuid)]);
    assert_history_follows_owners(&world);
}

#[test]
fn t69_the_version_of_the_survivor_is_above_both() {
    let mut world = World::new();
    for k in 0..5 {
        world.send(&[event("$set", "A", json!({"$set": {"k": k}}))]);
    }
    world.send(&[event("b", "B", json!({}))]).send(&[identify("B", "A", json!({}))]);
    let version = |world: &World| {
        let read = world.meta.ingest(|tx| tx.person_by_distinct_id(PROJECT, "B")).unwrap();
        read.unwrap().version
    };
    assert_eq!(version(&world), 5);
}

#[test]
fn t69_the_events_own_wishes_come_after_the_merge() {
    let mut world = World::new();
    world.send(&[event("a", "A", json!({"$set": {"x": 1, "gone": 1}})), event("b", "B", json!({"$set": {"y": 1}}))]);
    let properties =
        json!({"$anon_distinct_id": "A", "$set": {"y": 2}, "$set_once": {"x": 9, "z": 3}, "$unset": ["gone"]});
    world.send(&[event("$identify", "B", properties)]);
    assert_eq!(world.properties("B"), json!({"x": 1, "y": 2, "z": 3}));
    assert_eq!(world.snapshot("$identify"), json!({"x": 1, "y": 2, "z": 3}));
}

#[test]
fn t70_an_identified_person_is_not_merged_away_but_the_target_becomes_identified() {
    let mut world = World::new();
    world.send(&[identify("A", "anon", json!({})), event("b", "B", json!({}))]);
    world.send(&[identify("B", "A", json!({"k": 1}))]);
    assert_eq!(world.warnings, [Warning::AlreadyIdentified]);
    let (a, b) = (world.owner("A").unwrap(), world.owner("B").unwrap());
    assert_ne!(a.uuid, b.uuid);
    assert!(b.is_identified);
    assert_eq!((world.properties("B"), world.properties("A")), (json!({"k": 1}), json!({})));
    assert_eq!((world.row("$identify").person_id, world.merges.len()), (b.uuid, 0));
}

#[test]
fn t71_merge_dangerously_merges_an_identified_person() {
    let mut world = World::new();
    world.send(&[identify("A", "anon", json!({})), event("b", "B", json!({}))]);
    world.send(&[event("$merge_dangerously", "B", json!({"alias": "A"}))]);
    let [person] = world.persons().try_into().unwrap();
    assert_eq!(person.distinct_ids, ["A", "anon", "B"]);
    assert_eq!(world.warnings, []);
    assert_history_follows_owners(&world);
}

#[test]
fn t72_placeholders_are_not_merged_yet_the_event_counts_for_its_person() {
    for id in ["null", "Guest", "'undefined'"] {
        let mut world = World::new();
        world.send(&[identify(id, "a1", json!({"k": 1}))]);
        assert_eq!(world.warnings, [Warning::IllegalDistinctId], "{id}");
        assert_eq!(world.owner("a1"), None, "{id}");
        assert!(!world.owner(id).unwrap().is_identified, "{id}");
        assert_eq!(world.properties(id), json!({"k": 1}), "{id}");
        world.send(&[identify("u", id, json!({}))]);
        assert_eq!(world.warnings.len(), 2, "{id} as the anonymous id");
        assert_eq!(world.persons().len(), 2, "{id}");
    }
}

#[test]
fn t72_an_empty_anonymous_id_is_a_placeholder_and_an_empty_alias_is_none() {
    let mut world = World::new();
    world.send(&[identify("u", "", json!({})), identify("u", "  ", json!({}))]);
    assert_eq!(world.warnings, [Warning::IllegalDistinctId; 2]);
    world.send(&[alias("u", "")]);
    assert_eq!((world.warnings.len(), world.persons().len()), (2, 1));
}

#[test]
fn t73_python_aliases_are_refused_for_two_persons_and_attach_an_unseen_id() {
    let mut world = World::new();
    world.send(&[identify("user-1", "x", json!({})), event("seen", "anon-9", json!({}))]);
    world.send(&[alias("anon-9", "user-1")]);
    assert_eq!(world.warnings, [Warning::AlreadyIdentified]);
    assert_ne!(world.owner("anon-9").unwrap().uuid, world.owner("user-1").unwrap().uuid);
    world.send(&[alias("anon-10", "user-1")]);
    assert_eq!(world.owner("anon-10").unwrap().distinct_ids, ["user-1", "x", "anon-10"]);
    assert_eq!(world.warnings.len(), 1);
}

#[test]
fn t74_a_personless_event_makes_no_person() {
    let mut world = World::new();
    let properties = json!({"$process_person_profile": false, "$set": {"a": 1}, "$set_once": {"b": 1}, "$unset": ["c"],
        "$groups": {"company": "acme"}, "$group_0": "forged", "k": 1});
    world.send(&[event("a", "p1", properties)]);
    assert_eq!(world.persons().len(), 0);
    let row = world.row("a");
    assert_eq!((row.person_id, row.person_mode, &*row.person_properties), (uuid(P1), PersonMode::Propertyless, "{}"));
    assert_eq!(row.groups, [const { None }; 5], "groups are looked up for persons only");
    let mut stored = world.stored("a");
    stored.as_object_mut().unwrap().retain(|key, _| key != "$ip");
    assert_eq!(stored, json!({"$process_person_profile": false, "$groups": {"company": "acme"}, "k": 1}));
    let index = world.meta.ingest(|tx| tx.group_type_index(PROJECT, "other", Timestamp::from_micros(NOW))).unwrap();
    assert_eq!(index, Some(0), "a personless event assigns no group type");
}

#[test]
fn t75_an_identified_personless_id_gives_the_person_its_uuid() {
    let mut world = World::new();
    world.send(&[personless("before", "p1")]).send(&[identify("user-2", "p1", json!({}))]);
    assert_eq!(world.owner("user-2").unwrap().uuid, uuid(P1));
    assert_eq!(world.merges, []);
    assert_history_follows_owners(&world);
}

#[test]
fn t75_a_personless_id_that_joins_another_person_is_read_as_that_one() {
    let derived = person_uuid(PROJECT, "p3");
    for first in [identify("user-2", "x", json!({})), personless("quiet", "user-2")] {
        let mut world = World::new();
        world.send(&[personless("before", "p3"), first]).send(&[identify("user-2", "p3", json!({}))]);
        let owner = world.owner("p3").unwrap();
        assert_eq!(merged_ids(&world), [(derived, owner.uuid)]);
        assert_history_follows_owners(&world);
    }
}

#[test]
fn t75_a_personless_target_joins_the_person_of_the_source() {
    let mut world = World::new();
    world.send(&[event("a", "anon", json!({})), personless("quiet", "user-2")]);
    world.send(&[identify("user-2", "anon", json!({}))]);
    assert_eq!(world.persons().len(), 1);
    assert_history_follows_owners(&world);
}

#[test]
fn t76_a_personless_identify_is_dropped() {
    let mut world = World::new();
    for name in ["$identify", "$create_alias", "$merge_dangerously", "$groupidentify"] {
        world.send(&[event(name, "u", json!({"$anon_distinct_id": "a", "$process_person_profile": false}))]);
    }
    assert_eq!((world.rows.len(), world.dropped, world.persons().len()), (0, 4, 0));
    assert_eq!(world.warnings, [Warning::PersonlessIdentify; 4]);
}

#[test]
fn a_personless_event_of_a_known_person_belongs_to_it_without_a_snapshot() {
    let mut world = World::new();
    world.send(&[event_at("2026-01-01T10:00:00Z", "first", "u", json!({"$set": {"a": 1}}))]);
    let quiet = |at: &str, name: &str| event_at(at, name, "u", json!({"$process_person_profile": false}));
    world.send(&[quiet("2026-01-01T10:01:00Z", "soon"), quiet("2026-01-01T10:01:00.000001Z", "late")]);
    let person = world.owner("u").unwrap();
    for (name, mode) in [("soon", PersonMode::Propertyless), ("late", PersonMode::ForceUpgrade)] {
        let row = world.row(name);
        assert_eq!((row.person_id, row.person_mode, &*row.person_properties), (person.uuid, mode, "{}"), "{name}");
    }
}

#[test]
fn flag_calls_alone_make_no_person() {
    let mut world = World::new();
    let call = |id: &str, properties: Value| event("$feature_flag_called", id, properties);
    world.send(&[call("u", json!({}))]);
    assert_eq!((world.persons().len(), world.row("$feature_flag_called").person_mode), (0, PersonMode::Propertyless));
    assert_eq!(world.stored("$feature_flag_called")["$process_person_profile"], json!(false));
    world.send(&[call("v", json!({"$process_person_profile": true})), call("w", json!({"$groups": {"a": "b"}}))]);
    assert_eq!(world.persons().len(), 2);
    world.send(&[event("a", "u", json!({}))]).send(&[call("u", json!({}))]);
    assert_eq!(world.row("$feature_flag_called").person_mode, PersonMode::Full);
}

#[test]
fn identify_without_an_anonymous_id_only_sets_properties() {
    let mut world = World::new();
    world.send(&[event("$identify", "u", json!({"$set": {"a": 1}}))]);
    world.send(&[event("$identify", "u", json!({"$set": {"a": 2}, "$anon_distinct_id": null}))]);
    assert!(!world.owner("u").unwrap().is_identified);
    assert_eq!((world.properties("u"), world.warnings.len()), (json!({"a": 2}), 0));
}

#[test]
fn identifying_an_id_with_itself_does_nothing() {
    let mut world = World::new();
    world.send(&[identify("u", "u", json!({"a": 1}))]);
    assert!(!world.owner("u").unwrap().is_identified);
    assert_eq!(world.properties("u"), json!({"a": 1}));
}

#[test]
fn identifying_again_marks_the_person_identified() {
    let mut world = World::new();
    world.send(&[event("a", "A", json!({})), event("b", "B", json!({}))]);
    world.send(&[alias("B", "A"), identify("B", "A", json!({"k": 1}))]);
    let person = world.owner("A").unwrap();
    assert!(person.is_identified);
    assert_eq!((world.properties("A"), world.persons().len()), (json!({"k": 1}), 1));
}

#[test]
fn persons_begin_with_their_first_event() {
    let mut world = World::new();
    let mut first =
        event_at("2024-02-29T00:00:00Z", "a", "u", json!({"$set": {"x": 1}, "$set_once": {"x": 2, "y": 2}}));
    first["uuid"] = json!("01890000-0000-7000-8000-000000000001");
    world.send(&[first, event_at("2023-01-01T00:00:00Z", "b", "u", json!({}))]);
    let person = world.owner("u").unwrap();
    assert_eq!(person.created_at.as_micros(), 1_709_164_800_000_000);
    let properties: Value = serde_json::from_str(&person.properties).unwrap();
    let creator = "01890000-0000-7000-8000-000000000001";
    assert_eq!(properties, json!({"x": 1, "y": 2, "$creator_event_uuid": creator}));
}

#[test]
fn a_person_changed_by_a_thousand_events_of_a_batch_is_written_once() {
    let mut world = World::new();
    world.send(&[event("$set", "u", json!({"$set": {"k": -1}}))]);
    let events: Vec<Value> = (0..1_000).map(|k| event("$set", "u", json!({"$set": {"k": k}}))).collect();
    world.send(&events);
    assert_eq!(world.properties("u"), json!({"k": 999}));
    let stored = world.meta.ingest(|tx| tx.person_by_distinct_id(PROJECT, "u")).unwrap().unwrap();
    assert_eq!(stored.version, 1, "versions count writes");
    let snapshots: Vec<Value> =
        world.rows.iter().skip(1).map(|row| serde_json::from_str(&row.person_properties).unwrap()).collect();
    assert!(
        snapshots.iter().zip(0..).all(|(snapshot, k)| snapshot["k"] == json!(k)),
        "each event has its own snapshot"
    );
}

/// A reproducible choice.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// Events of a few ids that do everything ids can do to each other.
fn random_events(dice: &mut Dice, count: usize) -> Vec<Value> {
    const IDS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "null"];
    let mut events = Vec::with_capacity(count);
    for at in 0..count {
        let (id, other) = (IDS[dice.below(IDS.len())], IDS[dice.below(IDS.len())]);
        let set = json!({format!("k{}", dice.below(4)): at, "$browser": dice.below(3)});
        let (name, properties) = match dice.below(10) {
            0..=2 => ("$identify", json!({"$anon_distinct_id": other, "$set": set})),
            3 => ("$create_alias", json!({"alias": other, "$set_once": set})),
            4 => ("$merge_dangerously", json!({"alias": other, "$unset": ["k0"]})),
            5 | 6 => ("quiet", json!({"$process_person_profile": false})),
            7 => ("$feature_flag_called", json!({})),
            8 => ("seen", json!({"$set": set})),
            _ => ("seen", json!({"$set_once": set, "$groups": {format!("type{}", dice.below(7)): "key"}})),
        };
        let minute = dice.below(60);
        let mut event = event_at(&format!("2026-01-01T11:{minute:02}:00Z"), name, id, properties);
        event["uuid"] = json!(format!("01890000-0000-7000-8000-{at:012x}"));
        events.push(event);
    }
    events
}

#[test]
fn how_events_are_cut_into_batches_makes_no_difference() {
    for seed in 1..=24_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let events = random_events(&mut dice, 60);
        let (mut apart, mut together) = (World::new(), World::new());
        for event in &events {
            apart.send(std::slice::from_ref(event));
        }
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            let (request, more) = rest.split_at(1 + dice.below(rest.len().min(25)));
            let (head, tail) = request.split_at(dice.below(request.len()));
            let requests: Vec<Vec<Value>> =
                [head, tail].into_iter().filter(|events| !events.is_empty()).map(<[Value]>::to_vec).collect();
            together.send_together(&requests);
            rest = more;
        }
        for world in [&mut apart, &mut together] {
            world.rows.iter_mut().for_each(|row| row.properties.clear());
            assert_history_follows_owners(world);
        }
        assert_eq!(apart.rows, together.rows, "seed {seed}");
        assert_eq!(apart.persons(), together.persons(), "seed {seed}");
        assert_eq!((&apart.merges, &apart.warnings), (&together.merges, &together.warnings), "seed {seed}");
    }
}

#[test]
fn what_is_remembered_of_persons_makes_no_difference() {
    for seed in 1..=24_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let events = random_events(&mut dice, 80);
        // Everything, hardly anything, nothing; the second one fails now and then, too.
        let mut worlds = [World::remembering(1 << 20), World::remembering(6 << 10), World::remembering(0)];
        for batch in events.chunks(1 + dice.below(9)) {
            let (fails, deletes) = (dice.below(4) == 0, dice.below(6) == 0);
            for (at, world) in worlds.iter_mut().enumerate() {
                if fails && at == 1 {
                    world.fail(batch);
                }
                world.send(batch);
            }
            if deletes {
                let nth = dice.below(4);
                for world in &mut worlds {
                    if let Some(person) = world.persons().get(nth) {
                        let now = Timestamp::from_micros(NOW);
                        let gone = world
                            .meta
                            .delete_persons(PROJECT, &[person.uuid], PersonEvents::Delete, None, now)
                            .unwrap();
                        assert_eq!(gone.len(), 1);
                    }
                }
            }
        }
        let [full, small, none] = &worlds;
        for other in [small, none] {
            assert_eq!(full.rows, other.rows, "seed {seed}");
            assert_eq!(full.persons(), other.persons(), "seed {seed}");
            assert_eq!((&full.merges, &full.warnings), (&other.merges, &other.warnings), "seed {seed}");
            assert_eq!(full.meta.deleted_persons().unwrap(), other.meta.deleted_persons().unwrap(), "seed {seed}");
            assert_eq!(full.meta.catalog().unwrap().merges, other.meta.catalog().unwrap().merges, "seed {seed}");
        }
    }
}

#[test]
fn a_changed_email_is_one_to_be_found_by() {
    let mut world = World::new();
    let set = |email: &str| event("$set", "u", json!({"$set": {"email": email}}));
    let found = |world: &World, email: &str| {
        let query = meta::PersonQuery { email: Some(email.to_owned()), limit: 2, ..meta::PersonQuery::default() };
        world.meta.list_persons(PROJECT, &query).unwrap().0.len()
    };
    world.send(&[event("seen", "u", json!({}))]).send(&[set("a@x.test")]).send(&[set("b@x.test")]);
    assert_eq!((found(&world, "a@x.test"), found(&world, "b@x.test")), (0, 1));
    world.send(&[event("seen", "u", json!({"$unset": ["email"]}))]);
    assert_eq!(found(&world, "b@x.test"), 0);
    world.send(&[event("v", "v", json!({"$set": {"email": "c@x.test"}})), identify("u", "v", json!({}))]);
    assert_eq!((found(&world, "c@x.test"), world.persons().len()), (1, 1));
}

#[test]
fn a_person_that_would_grow_too_large_stays_as_it_was() {
    let mut world = World::new();
    let large = "x".repeat(400 << 10);
    world.send(&[event("a", "u", json!({"$set": {"a": large, "k": 1}}))]);
    world.send(&[event("b", "u", json!({"$set": {"b": large, "k": 2}}))]);
    assert_eq!(world.warnings, [Warning::PersonTooLarge]);
    let person = world.properties("u");
    assert_eq!((&person["k"], person.get("b"), world.rows.len()), (&json!(1), None, 2));
    world.send(&[event("c", "u", json!({"$set": {"k": 3}}))]);
    assert_eq!(world.properties("u")["k"], json!(3));
}

#[test]
fn events_older_than_their_project_takes_are_dropped() {
    let mut world = World::new();
    world.settings(|settings| settings.drop_older_than_seconds = Some(7_200));
    world.send(&[
        event_at("2026-01-01T10:00:00Z", "kept", "u", json!({})),
        event_at("2026-01-01T09:59:59Z", "dropped", "v", json!({})),
    ]);
    assert_eq!((world.warnings.as_slice(), world.rows.len()), (&[Warning::TooOld][..], 1));
    assert_eq!(world.owner("v"), None);
    // A limit of nothing would drop everything: it is none.
    world.settings(|settings| settings.drop_older_than_seconds = Some(0));
    world.send(&[event_at("2025-01-01T09:59:59Z", "kept too", "u", json!({}))]);
    assert_eq!(world.rows.len(), 2);
}

#[test]
fn what_is_odd_about_an_event_is_told_though_it_is_stored() {
    let mut world = World::new();
    let mut foreign = event("a", "u", json!({"$lib": "my-library"}));
    foreign["uuid"] = json!("66e93ea9-a35f-4311-ac76-5892dc9cc515");
    let mut own = event("a", "u", json!({"$lib": "posthog-python"}));
    own["uuid"] = json!("4ced6cee-0455-40ac-93de-baf312a63009");
    world.send(&[
        foreign,
        own,
        event_at("never", "a", "u", json!({})),
        event_at("2026-06-01T00:00:00Z", "a", "u", json!({})),
    ]);
    assert_eq!(world.warnings, [Warning::UuidNotV7, Warning::UnreadableTimestamp, Warning::FutureTimestamp]);
    assert_eq!(world.rows.len(), 4);
}

#[test]
fn warnings_are_kept_with_their_batch_and_say_what_they_are_about() {
    let mut world = World::new();
    world.send(&[identify("A", "anon", json!({})), event("b", "B", json!({})), identify("B", "A", json!({}))]);
    let message = json!({"$$client_ingestion_warning_message": "too fast"});
    let mut many: Vec<_> = (0..20).map(|_| event("$$client_ingestion_warning", "u", message.clone())).collect();
    world.send(&many);
    many.truncate(1);
    world.fail(&many);
    let groups = world.meta.warnings(PROJECT, Timestamp::from_micros(0)).unwrap();
    let told: Vec<_> = groups.iter().map(|group| (group.kind.as_str(), group.count, group.samples.len())).collect();
    assert_eq!(told, [("cannot_merge_already_identified", 1, 1), ("client_ingestion_warning", 20, 5)]);
    let details: Value = serde_json::from_str(&groups[1].samples[0].1).unwrap();
    assert_eq!((&details["message"], &details["distinctId"]), (&json!("too fast"), &json!("u")));
    let details: Value = serde_json::from_str(&groups[0].samples[0].1).unwrap();
    assert_eq!((&details["sourcePersonDistinctId"], &details["targetPersonDistinctId"]), (&json!("A"), &json!("B")));
}
