use super::*;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
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
        assert_eq!(text(&raw(json)).as_deref(), expected, "{json}");
    }
}

#[test]
fn falsy_is_what_javascript_says() {
    for json in ["null", "false", "\"\"", "0", "-0", "0.0", "0e5"] {
        assert!(is_falsy(&raw(json)), "{json}");
    }
    for json in ["true", "\"0\"", "\" \"", "1", "0.1", "[]", "{}"] {
        assert!(!is_falsy(&raw(json)), "{json}");
    }
}
