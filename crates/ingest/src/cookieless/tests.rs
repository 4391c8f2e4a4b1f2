#![expect(clippy::needless_pass_by_value, reason = "callers write `json!` in place")]

use serde_json::{Value, json};

use super::*;
use crate::testing::{NOW, World, event_at};

const NOON: &str = "2026-01-01T11:00:00Z";

fn world() -> World {
    let world = World::new();
    world.settings(|settings| settings.takes_cookieless = true);
    world
}

/// An event of a browser without cookies, with other properties.
fn visit(name: &str, at: &str, changes: Value) -> Value {
    let mut properties = json!({
        "$cookieless_mode": true, "$raw_user_agent": "agent", "$host": "www.example.com:8080", "$device_id": null,
        "distinct_id": SENTINEL, "$process_person_profile": false,
    });
    properties.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    event_at(at, name, SENTINEL, properties)
}

fn id(world: &World, name: &str) -> String {
    world.row(name).distinct_id.clone()
}

#[test]
fn a_visitor_has_one_id_and_one_session_a_day_and_leaves_no_trace() {
    let mut world = world();
    world.send(&[
        visit("first", NOON, json!({})),
        visit("again", "2026-01-01T09:00:00Z", json!({"$host": "shop.example.com"})),
        visit("other agent", NOON, json!({"$raw_user_agent": "other"})),
        visit("other address", NOON, json!({"$ip": "192.0.2.1"})),
        visit("other site", NOON, json!({"$host": "example.org"})),
        visit("other extra", NOON, json!({"$cookieless_extra": "x"})),
        visit("the day before", "2025-12-31T23:59:59Z", json!({})),
        visit("the day before there", NOON, json!({"$timezone": "Pacific/Midway"})),
    ]);
    assert_eq!((world.dropped, world.warnings.len()), (0, 0));
    let first = id(&world, "first");
    assert!(first.starts_with("cookieless_") && first.len() == 11 + 32, "{first}");
    assert_eq!(id(&world, "again"), first);
    let others = ["other agent", "other address", "other site", "other extra", "the day before"];
    for name in others {
        assert_ne!(id(&world, name), first, "{name}");
    }
    let stored = world.stored("first");
    for key in ["$ip", "$raw_user_agent", "$cookieless_extra"] {
        assert_eq!(stored.get(key), None, "{key}");
    }
    assert_eq!((&stored["distinct_id"], &stored["$device_id"]), (&json!(first), &json!(first)));
    assert_eq!(stored["$session_id"], world.stored("again")["$session_id"]);
    assert_eq!(stored["$session_id"].as_str().unwrap().as_bytes()[14], b'7');
    assert_ne!(stored["$session_id"], world.stored("the day before")["$session_id"]);
    // Eleven in the morning in Greenwich is midnight of the same day in Midway.
    assert_eq!(id(&world, "the day before there"), first);
}

#[test]
fn the_same_visitor_is_another_one_in_another_installation() {
    let (mut one, mut other) = (world(), world());
    other.memory.cookieless = Cookieless::new(Random::seeded(4));
    one.send(&[visit("a", NOON, json!({}))]);
    other.send(&[visit("a", NOON, json!({}))]);
    assert_ne!(id(&one, "a"), id(&other, "a"));
}

#[test]
fn a_salt_outlives_a_restart_and_is_forgotten_after_its_day() {
    let mut world = world();
    world.send(&[visit("a", NOON, json!({}))]);
    world.memory.forget();
    world.memory.cookieless = Cookieless::new(Random::seeded(5));
    world.send(&[visit("b", NOON, json!({}))]);
    assert_eq!(id(&world, "a"), id(&world, "b"));
    let salt = |forgotten| {
        let day = Timestamp::from_micros(NOW).day().0;
        world.meta.ingest(|tx| tx.cookieless_salt(day, forgotten, || [7; 16])).unwrap()
    };
    assert_ne!(salt(0), [7; 16]);
    assert_eq!(salt(Timestamp::from_micros(NOW).day().0), [7; 16], "gone, and made anew");
}

#[test]
fn a_visitor_that_cannot_be_told_from_others_is_dropped_with_a_warning() {
    let mut world = world();
    world.send(&[
        visit("a", NOON, json!({"$raw_user_agent": null})),
        visit("a", NOON, json!({"$host": ""})),
        visit("a", "2025-12-01T00:00:00Z", json!({})),
        visit("$identify", NOON, json!({"$anon_distinct_id": "x", "$process_person_profile": true})),
        visit("$create_alias", NOON, json!({"alias": "x", "$process_person_profile": true})),
    ]);
    let expected = [
        Warning::CookielessMissingUserAgent,
        Warning::CookielessMissingHost,
        Warning::CookielessOutOfRange,
        Warning::CookielessIdentity,
        Warning::CookielessIdentity,
    ];
    assert_eq!(world.warnings, expected);
    assert_eq!((world.rows.len(), world.persons().len()), (0, 0));
}

#[test]
fn a_project_that_does_not_want_them_drops_them_and_never_stores_the_sentinel() {
    let mut world = World::new();
    let bare = event_at(NOON, "b", SENTINEL, json!({}));
    world.send(&[visit("a", NOON, json!({})), bare]);
    assert_eq!(world.warnings, [Warning::CookielessDisabled; 2]);
    assert_eq!(world.rows.len(), 0);
}

#[test]
fn sub_domains_share_a_root() {
    for (host, expected) in [
        ("www.Example.com", "example.com"),
        ("example.com", "example.com"),
        ("a.b.example.co.uk:443", "example.co.uk"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("[2001:db8::1]:80", "[2001:db8::1]"),
        ("localhost", "localhost"),
    ] {
        assert_eq!(root(host), expected, "{host}");
    }
}
