use super::*;

fn distinct_id(json: &str) -> Option<String> {
    of(json).map(Cow::into_owned)
}

#[test]
fn t36_other_values_become_compact_json_with_sorted_keys() {
    for (json, expected) in [
        ("23", "23"),
        ("23.4", "23.4"),
        ("true", "true"),
        (r#"[ "a", "b" ]"#, r#"["a","b"]"#),
        (r#"{"string":"a","number":3}"#, r#"{"number":3,"string":"a"}"#),
        (r#"{"b":[{"z":1,"a":null}],"a\"":{}}"#, r#"{"a\"":{},"b":[{"a":null,"z":1}]}"#),
        ("1e999", "1e999"),
    ] {
        assert_eq!(distinct_id(json).as_deref(), Some(expected), "{json}");
    }
}

#[test]
fn t34_null_and_blank_are_no_distinct_id() {
    for json in ["null", r#""""#, r#"" \t""#, r#""\u00a0\u2003""#] {
        assert_eq!(distinct_id(json), None, "{json}");
    }
    assert_eq!(distinct_id(r#"" a ""#).as_deref(), Some(" a "));
}

#[test]
fn t37_characters_are_counted_not_bytes() {
    for (text, expected) in [
        ("x".repeat(250), "x".repeat(200)),
        ("x".repeat(200), "x".repeat(200)),
        ("€".repeat(150), "€".repeat(150)),
        ("€".repeat(201), "€".repeat(200)),
    ] {
        assert_eq!(distinct_id(&format!("\"{text}\"")), Some(expected));
    }
}

#[test]
fn t38_nul_is_replaced() {
    assert_eq!(distinct_id(r#""a\u0000b""#).as_deref(), Some("a\u{fffd}b"));
    assert_eq!(distinct_id(r#"{"k\u0000":1}"#).as_deref(), Some(r#"{"k\u0000":1}"#));
}
