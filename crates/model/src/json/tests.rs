use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn find<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    Key::new(key).find(object)
}

#[test]
fn values_are_found_as_they_were_written() {
    let object = r#" { "a" : 1.0 , "b":"x,\"}y", "c":{"a":[1,{"d":"]"}]} ,"d":null,"e":[ ],"f.g":true }"#;
    assert_eq!(find(object, "a"), Some("1.0"));
    assert_eq!(find(object, "b"), Some(r#""x,\"}y""#));
    assert_eq!(find(object, "c"), Some(r#"{"a":[1,{"d":"]"}]}"#));
    assert_eq!(find(object, "d"), Some("null"));
    assert_eq!(find(object, "e"), Some("[ ]"));
    assert_eq!(find(object, "f.g"), Some("true"));
    assert_eq!(find(object, "f"), None);
    assert_eq!(find("{}", "a"), None);
}

#[test]
fn the_last_of_duplicate_keys_wins() {
    assert_eq!(find(r#"{"a":1,"b":2,"a":3}"#, "a"), Some("3"));
    assert_eq!(find(r#"{"a":1,"\u0061":3}"#, "a"), Some("3"));
}

#[test]
fn escaped_keys_are_found() {
    assert_eq!(find(r#"{"\u0061\n\"":1}"#, "a\n\""), Some("1"));
    assert_eq!(find(r#"{"a\/b":1}"#, "a/b"), Some("1"));
    assert_eq!(find(r#"{"é":1}"#, "é"), Some("1"));
    assert_eq!(find(r#"{"a\\\"":1,"a\"":2}"#, "a\\\""), Some("1"), "a key is not compared with its escaped form");
}

#[test]
fn half_a_surrogate_pair_is_replaced() {
    assert_eq!(unescape(r"a\ud83d\ude00b\ud83dc\n"), "a😀b\u{fffd}c\n");
    assert_eq!(unescape(r"\u12"), "\u{fffd}12");
}

#[test]
fn compact_text_has_one_spelling() {
    let mut out = String::new();
    write_compact(&mut out, " { \"a \" : [ 1.0 , \"\\u00e9 \\/\" , null ] }\n");
    assert_eq!(out, r#"{"a ":[1.0,"é /",null]}"#);
}

#[test]
fn elements_of_an_array_are_listed() {
    let listed: Vec<_> = Elements::of(r#" [ 1 , "a,b",[2,3],{"x":[]} ] "#).collect();
    assert_eq!(listed, ["1", r#""a,b""#, "[2,3]", r#"{"x":[]}"#]);
    assert_eq!(Elements::of("[]").count(), 0);
}

proptest! {
    #[test]
    fn quotes_and_backslashes_are_found_wherever_they_are(bytes in prop::collection::vec(
        prop_oneof![8 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\'), 2 => Just(b'"' ^ 1), 2 => Just(b'"' + 0x80)], 0..80,
    )) {
        let naive = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        prop_assert_eq!(quote_or_backslash(&bytes), naive);
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,8}".prop_map(Value::from),
        r#"[\\"{}\[\],: ]{0,8}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(key(), inner, 0..5).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{1,2}", r#"[a"\\{}:,]{0,3}"#, ".{0,3}"]
}

proptest! {
    /// On every object the scanner sees what a full parser sees, however the text is laid out.
    #[test]
    fn scanning_agrees_with_parsing(
        entries in prop::collection::vec((key(), value()), 0..6),
        wanted in key(),
        pretty in any::<bool>(),
    ) {
        let show = |value: &Value| if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        let members: Vec<_> =
            entries.iter().map(|(k, v)| format!("{}:{}", show(&json!(k)).unwrap(), show(v).unwrap())).collect();
        let text = format!("{{{}}}", members.join(if pretty { " ,\n" } else { "," }));
        for key in entries.iter().map(|(key, _)| key).chain([&wanted]) {
            let expected = entries.iter().rev().find(|(k, _)| k == key).map(|(_, v)| show(v).unwrap());
            prop_assert_eq!(find(&text, key), expected.as_deref());
        }
    }

    /// Compact text means what the value means.
    #[test]
    fn compacting_keeps_the_value(value in value()) {
        let mut out = String::new();
        write_compact(&mut out, &serde_json::to_string_pretty(&value).unwrap());
        prop_assert_eq!(out, serde_json::to_string(&value).unwrap());
    }

    /// Whatever the text is, scanning ends without a panic.
    #[test]
    fn scanning_is_total(text in r#"[\\"{}\[\],:ua0-9é ]{0,24}"#, key in key()) {
        let _found = find(&text, &key);
        let _elements = Elements::of(&text).count();
        let mut out = String::new();
        write_compact(&mut out, &text);
        let _unescaped = unescape(&text);
    }
}

#[test]
fn text_is_unescaped_and_only_strings_have_it() {
    for (json, expected) in [
        (r#""""#, Some("")),
        (r#""a b""#, Some("a b")),
        (r#""a\"\u00e9""#, Some("a\"é")),
        (r#""\"""#, Some("\"")),
        ("1", None),
        ("null", None),
        (r#"["a"]"#, None),
    ] {
        assert_eq!(text(json).as_deref(), expected, "{json}");
    }
}

#[test]
fn falsy_is_what_javascript_says() {
    for json in ["null", "false", "\"\"", "0", "-0", "0.0", "0e5"] {
        assert!(is_falsy(json), "{json}");
    }
    for json in ["true", "\"0\"", "\" \"", "1", "0.1", "[]", "{}"] {
        assert!(!is_falsy(json), "{json}");
    }
}
