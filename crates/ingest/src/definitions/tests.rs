use serde_json::{Value, json};

use meta::{EventDefinitionQuery, EventOrder, PropertyDefinitionQuery};

use super::*;
use crate::stats::Warning;
use crate::testing::{NOW, PROJECT, World, event};

fn kind_of(name: &str, value: &Value) -> String {
    let found = type_of(name, &value.to_string(), Timestamp::from_micros(NOW));
    found.map_or_else(|| "none".to_owned(), |kind| kind.to_string())
}

#[test]
fn types_are_found_by_name_and_value() {
    for (name, value, expected) in [
        ("k", json!(1), "Numeric"),
        ("k", json!(1.5), "Numeric"),
        ("k", json!("1"), "String"),
        ("k", json!(""), "String"),
        ("k", json!(true), "Boolean"),
        ("k", json!(" TRUE "), "Boolean"),
        ("k", json!("True"), "String"),
        ("k", json!(null), "none"),
        ("k", json!([1]), "none"),
        ("k", json!({"a": 1}), "none"),
        ("utm_source", json!(5), "String"),
        ("$initial_utm_source", json!(null), "String"),
        ("$feature/x", json!(true), "String"),
        ("$feature_flag_response", json!(true), "String"),
        ("$survey_response_1", json!(5), "String"),
        ("created_at", json!(1_767_268_800), "DateTime"),
        ("Signup Date", json!(1_767_268_800), "DateTime"),
        ("time", json!(12), "Numeric"),
        ("time", json!("12"), "String"),
        ("at", json!(1_767_268_800), "Numeric"),
        ("k", json!("2026-01-01"), "DateTime"),
        ("k", json!("2026/01/31"), "DateTime"),
        ("k", json!("01-31-2026"), "DateTime"),
        ("k", json!("01/31/2026 12:00:00"), "DateTime"),
        ("k", json!("2026-01-01T12:00:00.123Z"), "DateTime"),
        ("k", json!("2026-01-01 12:00:00"), "DateTime"),
        ("k", json!("Thu, 01 Jan 2026 12:00:00 GMT"), "DateTime"),
        ("k", json!("2026-13-01"), "String"),
        ("k", json!("2026-01-01x"), "String"),
        ("k", json!("31-01-2026"), "String"),
        ("k", json!("1234567890"), "String"),
    ] {
        assert_eq!(kind_of(name, &value), expected, "{name} {value}");
    }
}

/// Every definition, one per line; events with their properties.
fn defined(world: &World) -> Vec<String> {
    let events = EventDefinitionQuery { order: EventOrder::Name, limit: 1_000, ..EventDefinitionQuery::default() };
    let (events, _) = world.meta.event_definitions(PROJECT, &events).unwrap();
    let properties = |kind, event: Option<&str>| {
        let query = PropertyDefinitionQuery {
            event_names: event.into_iter().map(str::to_owned).collect(),
            only_on_events: event.is_some(),
            ..PropertyDefinitionQuery::all(kind, 100_000)
        };
        let (found, count) = world.meta.property_definitions(PROJECT, &query).unwrap();
        assert_eq!(found.len(), count);
        found.into_iter().filter(|property| !matches!(&*property.name, "$ip" | "$sent_at"))
    };
    let names = |event: &str| -> Vec<String> {
        properties(PropertyKind::Event, Some(event)).map(|property| property.name).collect()
    };
    let mut lines: Vec<String> =
        events.iter().map(|event| format!("event {}: {}", event.name, names(&event.name).join(" "))).collect();
    for (title, kind) in
        [("event", PropertyKind::Event), ("person", PropertyKind::Person), ("group", PropertyKind::Group(0))]
    {
        lines.extend(properties(kind, None).map(|property| {
            let kind = property.property_type.map_or("none", PropertyType::as_str);
            format!("{title} property {} {kind}", property.name)
        }));
    }
    lines
}

#[test]
fn events_define_themselves_their_properties_and_those_of_persons_and_groups() {
    let mut world = World::new();
    world.send(&[
        event(
            "a",
            "u",
            json!({"n": 1, "$browser": "x", "$set": {"plan": "pro"}, "$feature/f": true, "nul\u{0}l": null}),
        ),
        event("b", "u", json!({"n": "text", "$groups": {"company": "acme"}})),
        event(
            "$groupidentify",
            "u",
            json!({"$group_type": "company", "$group_key": "acme", "$group_set": {"size": 5}}),
        ),
        event("$$plugin_metrics", "u", json!({"never": 1})),
        event(&"x".repeat(201), "u", json!({})),
    ]);
    let expected = [
        "event $groupidentify: ",
        "event a: $browser n nul\u{fffd}l",
        "event b: n",
        "event property $browser String",
        "event property $feature/f String",
        "event property n Numeric",
        "event property nul\u{fffd}l none",
        "person property $browser String",
        "person property $initial_browser String",
        "person property plan String",
        "group property size Numeric",
    ];
    assert_eq!(defined(&world), expected);
}

#[test]
fn the_first_type_sticks_and_a_missing_one_is_filled_in() {
    let mut world = World::new();
    world.send(&[event("a", "u", json!({"k": null, "l": 1}))]);
    world.send(&[event("a", "u", json!({"k": null, "l": "text"})), event("a", "u", json!({"k": true, "l": []}))]);
    world.send(&[event("a", "u", json!({"k": "text"}))]);
    let types = ["event a: k l", "event property k Boolean", "event property l Numeric"];
    assert_eq!(defined(&world), types);
}

#[test]
fn personless_events_define_no_person_properties() {
    let mut world = World::new();
    world.send(&[event("a", "u", json!({"$process_person_profile": false, "$browser": "x", "$set": {"k": 1}}))]);
    assert_eq!(defined(&world), ["event a: $browser", "event property $browser String"]);
}

#[test]
fn what_is_known_costs_nothing_and_what_was_deleted_comes_back() {
    let mut world = World::new();
    let both = [event("a", "u", json!({"k": 1}))];
    world.send(&both).send(&both);
    let before = defined(&world);
    let (definitions, _) = world
        .meta
        .event_definitions(PROJECT, &EventDefinitionQuery { limit: 10, ..EventDefinitionQuery::default() })
        .unwrap();
    let id = definitions[0].id;
    assert_eq!(world.meta.event_definition(PROJECT, id).unwrap().unwrap(), definitions[0]);
    world.meta.delete_event_definition(PROJECT, id).unwrap();
    assert_eq!(world.meta.event_definition(PROJECT, id).unwrap(), None);
    assert_ne!(defined(&world), before);
    world.send(&both);
    assert_eq!(defined(&world), before);
}

#[test]
fn a_batch_that_fails_defines_nothing_and_is_noted_when_it_comes_again() {
    let mut world = World::new();
    let events = [event("a", "u", json!({"k": 1}))];
    world.fail(&events);
    assert_eq!(defined(&world), Vec::<String>::new());
    world.send(&events);
    assert_eq!(defined(&world), ["event a: k", "event property k Numeric"]);
}

#[test]
fn there_is_an_end_to_made_up_names() {
    let mut world = World::new();
    let keys = |from: usize, to: usize| -> Value { (from..to).map(|n| (format!("k{n}"), json!(1))).collect() };
    for at in 0..11 {
        world.send(&[event("a", "u", keys(at * 5_000, at * 5_000 + 5_000))]);
    }
    let query = PropertyDefinitionQuery::all(PropertyKind::Event, 1);
    assert_eq!(world.meta.property_definitions(PROJECT, &query).unwrap().1, PROPERTIES_MAX);
    assert!(world.warnings.contains(&Warning::DefinitionsFull));
    assert_eq!(world.rows.len(), 11, "events are stored all the same");
}
