use proptest::prelude::*;

use super::*;

fn repair(text: &str) -> String {
    repaired(Cow::Borrowed(text)).into_owned()
}

#[test]
fn halves_are_replaced_and_pairs_are_kept() {
    for (text, expected) in [
        (r#""\ud83d""#, r#""\ufffd""#),
        (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
        (r#""\uD83D\uDE00""#, r#""\uD83D\uDE00""#),
        (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
        (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
        (r#""\ud83dx\ude00""#, r#""\ufffdx\ufffd""#),
        (r#""\ud7ff\ue000\ud55c""#, r#""\ud7ff\ue000\ud55c""#),
        (r#""\ud83d\n""#, r#""\ufffd\n""#),
    ] {
        assert_eq!(repair(text), expected, "{text}");
    }
}

#[test]
fn an_escaped_backslash_starts_no_escape() {
    for text in [r#""\\ud83d""#, r#""\\\\ud83d""#, r#""\ud83d\\ude00""#] {
        let expected = text.replace(r"\ud83d\\", r"\ufffd\\");
        assert_eq!(repair(text), expected, "{text}");
    }
    assert_eq!(repair(r#""\\\ud83d""#), r#""\\\ufffd""#);
}

#[test]
fn text_without_halves_is_not_copied() {
    assert!(matches!(repaired(Cow::Borrowed(r#"{"a":"\u00e9\ud83d\ude00"}"#)), Cow::Borrowed(_)));
}

proptest! {
    /// After repair, whatever JSON accepts as a raw value it also accepts as a string.
    #[test]
    fn repaired_strings_can_be_read(parts in prop::collection::vec(
        prop::sample::select(vec![r"\ud83d", r"\ude00", r"\u0041", r"\\", r"\n", "u", "d83d", "é", r"\uDBFF", r"\uDC00"]), 0..12)) {
        let text = repair(&format!("\"{}\"", parts.concat()));
        prop_assert!(serde_json::from_str::<String>(&text).is_ok(), "{}", text);
    }

    #[test]
    fn repair_is_total(text in "[\\\\ud83e0-9\"]{0,40}") {
        prop_assert_eq!(repair(&text).len(), text.len());
    }
}
