use super::*;

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn depth_counts_the_outermost_value() {
    for (text, expected) in [
        ("1", 0),
        ("[]", 1),
        (r#"{"a":[{}],"b":[]}"#, 3),
        (r#"{"[[[[":"{{{{"}"#, 1),
        (r#"["\"[[[[", "\\", [[]]]"#, 3),
        (r#"["\\\"[[", []]"#, 2),
    ] {
        assert_eq!(depth(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn the_limit_itself_is_allowed() {
    assert!(!exceeds(&nested(128), 128));
    assert!(exceeds(&nested(129), 128));
    assert!(!exceeds(&format!("[{}]", vec!["{}"; 1_000].join(",")), 2));
    assert!(!exceeds(&format!("[\"{}\"]", "[".repeat(1_000)), 1));
}

#[test]
fn every_bracket_is_counted() {
    for count in [0, 1, 254, 255, 256, 511, 10_000] {
        assert_eq!(brackets("[".repeat(count).as_bytes()), count);
        assert_eq!(brackets("{]}x\"".repeat(count).as_bytes()), count);
    }
}
