use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> String {
    match Properties::parse(text) {
        Ok(properties) => properties.to_json(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn values_keep_their_spelling() {
    let text = r#"{"a":1.10,"b":18446744073709551616,"c":"\u00e9","d":{"x":[1e3, 2]},"e":null}"#;
    assert_eq!(parsed(text), text);
}

#[test]
fn the_last_of_duplicate_keys_wins_among_few_and_among_many() {
    assert_eq!(parsed(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
    let mut text = String::from("{");
    for n in 0..1_000 {
        text.push_str(&format!("\"k{n}\":{n},"));
    }
    text.push_str("\"k0\":\"last\",\"k999\":\"last\"}");
    let properties = Properties::parse(&text).unwrap();
    assert_eq!(properties.len(), 1_000);
    assert_eq!(properties.get_str("k0").unwrap(), "last");
    assert_eq!(properties.get_str("k999").unwrap(), "last");
}

#[test]
fn keys_are_compared_unescaped() {
    let properties = Properties::parse(r#"{"\u0061":"x\"y"}"#).unwrap();
    assert_eq!(properties.get_str("a").unwrap(), "x\"y");
}

#[test]
fn only_an_object_is_accepted() {
    for text in ["[]", "1", "null", "{", "{}x", ""] {
        assert!(parsed(text).starts_with("error: "), "{text}");
    }
    assert_eq!(parsed(" { } "), "{}");
}

#[test]
fn set_replaces_in_place_and_remove_forgets() {
    let mut properties = Properties::parse(r#"{"a":1,"b":2}"#).unwrap();
    properties.set_str("a", "x");
    properties.set_str("c", "z");
    assert!(properties.remove("b").is_some());
    assert_eq!(properties.to_json(), r#"{"a":"x","c":"z"}"#);
}

proptest! {
    #[test]
    fn strings_are_escaped_as_serde_json_does(text in prop_oneof![".{0,600}", "[\u{0}-\u{30}\"\\\\a-dé\u{7f}]{0,600}"]) {
        let mut written = String::from("x");
        write_json_string(&mut written, &text);
        prop_assert_eq!(written, format!("x{}", serde_json::to_string(&text).unwrap()));
    }
}
