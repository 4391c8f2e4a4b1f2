use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::geoip::tests::MADE_UP;
use crate::testing::{World, event};

fn world() -> World {
    let mut world = World::new();
    world.memory.geoip = Some(Arc::new(GeoIp::new(MADE_UP.to_vec()).unwrap()));
    world
}

#[test]
fn an_event_and_its_person_get_the_place_of_the_address() {
    let mut world = world();
    world.send(&[event("a", "u1", json!({"k": 1}))]);
    let stored = world.stored("a");
    assert_eq!((&stored["$geoip_city_name"], &stored["k"]), (&json!("Bern"), &json!(1)));
    assert_eq!(stored.get("$geoip_subdivision_2_code"), None);
    let person = world.properties("u1");
    assert_eq!((&person["$geoip_city_name"], &person["$initial_geoip_city_name"]), (&json!("Bern"), &json!("Bern")));
    assert_eq!(person["$geoip_subdivision_2_code"], Value::Null);
}

#[test]
fn a_move_clears_what_is_not_known_of_the_new_place() {
    let mut world = world();
    world.send(&[event("a", "u1", json!({})), event("b", "u1", json!({"$ip": "198.51.100.1"}))]);
    let person = world.properties("u1");
    assert_eq!((&person["$geoip_country_code"], &person["$geoip_city_name"]), (&json!("NZ"), &Value::Null));
    assert_eq!(person["$initial_geoip_city_name"], json!("Bern"));
}

#[test]
fn events_can_ask_not_to_be_placed_and_keep_what_they_say_themselves() {
    let mut world = world();
    world.send(&[event("a", "u1", json!({"$geoip_disable": true})), event("b", "u2", json!({"$ip": "192.0.2.1"}))]);
    for name in ["a", "b"] {
        assert_eq!(world.stored(name).get("$geoip_country_code"), None, "{name}");
    }
    world.send(&[event("c", "u3", json!({"$geoip_disable": 0, "$set": {"x": 1}, "$set_once": 5}))]);
    assert_eq!(world.stored("c")["$set"]["x"], json!(1));
    assert_eq!(world.properties("u3")["$initial_geoip_country_code"], json!("CH"));
}
