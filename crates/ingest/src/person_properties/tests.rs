use super::*;

/// What a person looks like after `events`, each a name and properties; the first one creates it.
fn person_after(events: &[(&str, &str)]) -> String {
    let mut person: Option<StoredProperties> = None;
    for (event, properties) in events {
        let properties = Properties::parse(properties).unwrap();
        let wishes = Wishes::of(event, &properties);
        person = Some(match person {
            None => wishes.created(Uuid::nil()),
            Some(person) => wishes.apply(event, &person).unwrap_or(person),
        });
    }
    let person = person.unwrap();
    let mut person = person.to_properties();
    person.remove("$creator_event_uuid");
    person.to_json()
}

#[test]
fn t53_campaign_properties_are_lifted_with_their_first_values() {
    let person = person_after(&[("a", r#"{"utm_source":"news"}"#), ("a", r#"{"utm_source":"mail"}"#)]);
    assert_eq!(person, r#"{"$initial_utm_source":"news","utm_source":"mail"}"#);
}

#[test]
fn t54_a_servers_system_is_not_the_persons() {
    assert_eq!(person_after(&[("a", r#"{"$os":"Linux","$is_server":true}"#)]), "{}");
}

#[test]
fn t55_os_name_is_an_alias() {
    assert_eq!(person_after(&[("a", r#"{"$os_name":"iOS"}"#)]), r#"{"$initial_os":"iOS","$os":"iOS"}"#);
}

#[test]
fn t56_set_once_fills_in_for_null() {
    let events = [
        ("a", r#"{"$set_once":{"ref":null}}"#),
        ("a", r#"{"$set_once":{"ref":"x"}}"#),
        ("a", r#"{"$set_once":{"ref":"y"}}"#),
    ];
    assert_eq!(person_after(&events), r#"{"ref":"x"}"#);
}

#[test]
fn t57_unset_removes() {
    let unset = |how: &str| person_after(&[("a", r#"{"$set":{"a":1,"b":2}}"#), ("b", how)]);
    assert_eq!(unset(r#"{"$unset":["a","c"]}"#), r#"{"b":2}"#);
    assert_eq!(unset(r#"{"$unset":{"a":""}}"#), r#"{"b":2}"#);
}

#[test]
fn set_wins_over_set_once_and_malformed_ones_count_as_empty() {
    assert_eq!(person_after(&[("a", r#"{"$set":{"a":1},"$set_once":{"a":2,"b":3}}"#)]), r#"{"a":1,"b":3}"#);
    assert_eq!(person_after(&[("a", r#"{"$set":"x","$set_once":5}"#)]), "{}");
}

#[test]
fn noisy_changes_alone_are_not_kept() {
    let first = ("a", r#"{"$set":{"$browser":"Safari","plan":"free"}}"#);
    let quiet = person_after(&[first, ("a", r#"{"$set":{"$browser":"Firefox"}}"#)]);
    assert_eq!(quiet, r#"{"$browser":"Safari","plan":"free"}"#);
    let loud = person_after(&[first, ("a", r#"{"$set":{"$browser":"Firefox","plan":"pro"}}"#)]);
    assert_eq!(loud, r#"{"$browser":"Firefox","plan":"pro"}"#);
    let meant = person_after(&[first, ("$set", r#"{"$set":{"$browser":"Firefox"}}"#)]);
    assert_eq!(meant, r#"{"$browser":"Firefox","plan":"free"}"#);
}

#[test]
fn exceptions_do_not_change_persons() {
    assert_eq!(person_after(&[("a", "{}"), ("$exception", r#"{"$set":{"a":1}}"#)]), "{}");
}

#[test]
fn t69_the_survivor_of_a_merge_keeps_its_own_values() {
    let of = |text| StoredProperties::parse(text).unwrap();
    assert_eq!(&**merged(&of(r#"{"x":1,"y":1}"#), &of(r#"{"y":2}"#)).text(), r#"{"x":1,"y":2}"#);
}
