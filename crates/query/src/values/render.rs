//! Turns raw property values into the names that auto-complete shows.
//!
//! An array stands for its elements, nested ones included; an object is written with sorted keys and a space after
//! each separator, as Python writes it; everything else is its own text.

use std::collections::BTreeMap;

use crate::filter::PropertyValue;
use model::json::{self, Elements, Members};

/// Nested levels that are taken apart; what lies deeper is shown as it was written.
const DEPTH_MAX: usize = 64;

/// Appends the names that the raw value `text` stands for, without those already there.
pub(crate) fn names(text: &str, out: &mut Vec<String>) {
    if text.starts_with(['[', '{']) && json::is_valid(text) {
        flatten(text, out, 0);
    } else {
        push(out, text.to_owned());
    }
}

fn flatten(value: &str, out: &mut Vec<String>, depth: usize) {
    match value.as_bytes().first() {
        Some(b'[') if depth < DEPTH_MAX => Elements::of(value).for_each(|element| flatten(element, out, depth + 1)),
        Some(b'[' | b'{') => {
            let mut text = String::with_capacity(value.len() + 16);
            spell(value, &mut text, depth);
            push(out, text);
        }
        _ => {
            if let Some(value) = PropertyValue::of(value) {
                push(out, value.text.into_owned());
            }
        }
    }
}

fn push(out: &mut Vec<String>, name: String) {
    if !out.contains(&name) {
        out.push(name);
    }
}

/// Writes `value` with sorted keys and `, ` and `: ` between the parts.
fn spell(value: &str, out: &mut String, depth: usize) {
    match value.as_bytes().first() {
        Some(b'[') if depth < DEPTH_MAX => {
            out.push('[');
            for (at, element) in Elements::of(value).enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                spell(element, out, depth + 1);
            }
            out.push(']');
        }
        Some(b'{') if depth < DEPTH_MAX => {
            let members: BTreeMap<_, _> = Members::of(value).map(|(key, value)| (json::unescape(key), value)).collect();
            out.push('{');
            for (at, (key, member)) in members.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                model::write_json_string(out, key);
                out.push_str(": ");
                spell(member, out, depth + 1);
            }
            out.push('}');
        }
        _ => json::write_compact(out, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        names(text, &mut out);
        out
    }

    #[test]
    fn values_become_names() {
        for (text, expected) in [
            ("asdf", &["asdf"][..]),
            ("", &[""]),
            ("true", &["true"]),
            ("1e3", &["1e3"]),
            ("[1e3, \"x\", true, null]", &["1000", "x", "true"]),
            (r#"["item1",["item2",["item1"]]]"#, &["item1", "item2"]),
            (r#"{"b":[1,{"d":"é","c":null}],"a":"x"}"#, &[r#"{"a": "x", "b": [1, {"c": null, "d": "é"}]}"#]),
            (r#"[{"b":1,"a":2}]"#, &[r#"{"a": 2, "b": 1}"#]),
            ("[not json", &["[not json"]),
            ("[]", &[]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_values_do_not_exhaust_the_stack() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(shown(&deep).len(), 1);
        assert_eq!(shown(&format!("[{{\"a\":{deep}}}]")).len(), 1);
    }
}
