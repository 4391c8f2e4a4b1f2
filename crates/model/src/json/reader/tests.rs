use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

/// The value that `text` is, by our rules and by those of `serde_json`.
fn both(text: &str) -> (Option<&str>, Option<&str>) {
    let mut reader = Reader::new(text);
    let ours = reader.value().and_then(|raw| reader.finish().map(|()| raw)).ok();
    (ours, serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get))
}

/// Every value of `text`, taken apart down to what is neither object nor array, with keys.
fn taken_apart(reader: &mut Reader<'_>, out: &mut Vec<String>) -> Result<(), Invalid> {
    if reader.object() {
        while let Some(key) = reader.member()? {
            out.push(format!("{key}:"));
            taken_apart(reader, out)?;
        }
        out.push("}".to_owned());
    } else if reader.array() {
        while reader.element()? {
            taken_apart(reader, out)?;
        }
        out.push("]".to_owned());
    } else {
        out.push(reader.value()?.to_owned());
    }
    Ok(())
}

fn walked(text: &str) -> Option<Vec<String>> {
    let (mut reader, mut out) = (Reader::new(text), Vec::new());
    taken_apart(&mut reader, &mut out).and_then(|()| reader.finish()).ok().map(|()| out)
}

#[test]
fn what_is_json_and_what_is_not() {
    for text in [
        "0",
        "-0",
        "1.50e+10",
        "-1E-2",
        "true",
        "null",
        "\"\"",
        "\"\\u00e9\\n\\\"\"",
        "\"é\u{7f}\"",
        "[]",
        "{}",
        " [ 1 , [ ] , { } ] ",
        "{\"a\":{\"b\":[null]},\"a\":0}",
        "\t\r\n 1 \n",
        "\"\\ud800\"",
    ] {
        assert_eq!(both(text), (Some(text.trim_ascii()), Some(text.trim_ascii())), "{text}");
    }
    for text in [
        "",
        " ",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "nul",
        "truee",
        "True",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\\",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{\"a\" 1}",
        "{1:1}",
        "[1}",
        "{\"a\":1]",
        "1 1",
        "\u{a0}1",
        "NaN",
        "{\"a\":1}}",
    ] {
        assert_eq!(both(text), (None, None), "{text}");
        assert_eq!(walked(text), None, "{text}");
    }
}

#[test]
fn members_and_elements_come_in_order() {
    let text = r#" { "a" : [ 1 , "x" , { } ] , "b\n" : { "c" : null } } "#;
    let expected = ["a:", "1", "\"x\"", "}", "]", "b\n:", "c:", "null", "}", "}"];
    assert_eq!(walked(text).unwrap(), expected);
}

#[test]
fn nesting_is_followed_as_deep_as_it_goes() {
    for levels in [63, 64, 65, 128, 129, 100_000] {
        let text = "[{\"a\":".repeat(levels) + "0" + &"}]".repeat(levels);
        assert_eq!(both(&text).0, Some(text.as_str()));
        assert_eq!(both(text.get(..text.len() - 1).unwrap()).0, None);
        let crossed = text.replacen("}]", "]}", 1);
        assert_eq!(both(&crossed).0, None);
    }
}

/// JSON in any spelling, or nearly JSON.
fn texts() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
        "\"([ -!#-\\[\\]-~é\u{7f}😀]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,60}\"",
    ];
    let space = "[ \t\r\n]{0,2}";
    let value = leaf.prop_recursive(6, 64, 5, move |inner| {
        let array = (prop::collection::vec((inner.clone(), space), 0..5), space).prop_map(|(items, end)| {
            format!("[{}{end}]", items.into_iter().map(|(v, s)| s + &v).collect::<Vec<_>>().join(","))
        });
        let member = (space, "\"[a-c\\\\n]{0,3}\"", space, inner, space)
            .prop_map(|(a, key, b, value, c)| format!("{a}{key}{b}:{value}{c}"));
        let object = prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")));
        prop_oneof![array, object]
    });
    // Some with a byte more, less or changed.
    let harm = prop::option::weighted(
        0.5,
        (
            any::<prop::sample::Index>(),
            prop::option::of(prop::sample::select(b" \"\\{}[],:0-.eEtu\n\x01".to_vec())),
            any::<bool>(),
        ),
    );
    (value, harm).prop_map(|(text, harm)| {
        let Some((at, byte, insert)) = harm else { return text };
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        match byte {
            Some(byte) if insert => bytes.insert(at, byte),
            Some(byte) => bytes[at] = byte,
            None => drop(bytes.remove(at)),
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_rules_are_those_of_serde_json(text in texts()) {
        let (ours, theirs) = both(&text);
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(walked(&text).is_some(), theirs.is_some());
    }

    #[test]
    fn whatever_the_characters(text in "[\\[\\]{}\",:\\\\ 0-9tfnrue.+\\-\u{1}é]{0,12}") {
        let (ours, theirs) = both(&text);
        prop_assert_eq!(ours, theirs);
    }
}
