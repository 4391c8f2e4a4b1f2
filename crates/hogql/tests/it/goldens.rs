//! The trees of the reference parser, recorded once in `compat/hogql/golden.jsonl`, against ours.
//!
//! Where we differ on purpose, the text is listed in `compat/hogql/differences.md` under its reason. A listed text that
//! no longer differs fails this test as much as a difference that is not listed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::reference;

const GOLDEN: &str = include_str!("../../../../compat/hogql/golden.jsonl");
const DIFFERENCES: &str = include_str!("../../../../compat/hogql/differences.md");

/// One text of the corpus: a letter for what it is parsed as, then the text.
struct Case {
    text: String,
    expected: Value,
}

pub(crate) fn corpus() -> Vec<(char, String)> {
    cases().into_iter().map(|case| split(&case.text)).collect()
}

fn cases() -> Vec<Case> {
    let parse = |line: &str| -> Case {
        let mut golden: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = golden["text"].as_str().expect("a text").to_owned();
        let mut expected = golden["tree"].take();
        normalise(&mut expected);
        if expected.is_null() {
            expected = json!({ "refused": golden["refused"] });
        }
        Case { text, expected }
    };
    GOLDEN.lines().map(parse).collect()
}

fn split(text: &str) -> (char, String) {
    let mode = text.chars().next().expect("a mode");
    (mode, text.get(2..).unwrap_or_default().to_owned())
}

/// Spellings of the reference that mean the same.
fn normalise(tree: &mut Value) {
    match tree {
        Value::Object(fields) => {
            if let Some(Value::String(kind)) = fields.get_mut("join_type") {
                *kind = kind.replace("OUTER ", "").replace("INNER ", "");
            }
            if let Some(Value::String(operator)) = fields.get_mut("set_operator") {
                *operator = operator.replace("INTERSECT DISTINCT", "INTERSECT");
            }
            fields.values_mut().for_each(normalise);
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        _ => {}
    }
}

/// The one place that knows the API: our tree in the shape of the reference, or that we refuse.
fn ours(text: &str) -> Value {
    let (mode, text) = split(text);
    let parsed = match mode {
        's' => hogql::parse_select(&text).map(|query| reference::query(&query)),
        'e' => hogql::parse_expr(&text).map(|expr| reference::expr(&expr)),
        'o' => hogql::parse_order_expr(&text).map(|term| reference::order_expr(&term)),
        't' => hogql::parse_template(&text).map(|expr| reference::expr(&expr)),
        other => panic!("no mode {other}"),
    };
    let kind = |error: hogql::SyntaxError| match error.kind() {
        hogql::SyntaxErrorKind::Unsupported => json!({ "refused": "NotImplementedError" }),
        _ => json!({ "refused": "SyntaxError" }),
    };
    parsed.unwrap_or_else(kind)
}

/// Texts that are listed as different, with their headings.
fn listed() -> BTreeMap<String, String> {
    let mut listed = BTreeMap::new();
    let mut heading = String::new();
    for line in DIFFERENCES.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.to_owned();
        } else if let Some(text) = line.strip_prefix("    ") {
            let earlier = listed.insert(text.replace('⏎', "\n"), heading.clone());
            assert!(earlier.is_none(), "listed twice: {text}");
        }
    }
    listed
}

#[test]
fn trees_are_those_of_the_reference_or_listed_as_different() {
    let mut listed = listed();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    let mut agreed = 0;
    let cases = cases();
    for case in &cases {
        assert!(seen.insert(&case.text), "twice in the corpus: {}", case.text);
        let ours = ours(&case.text);
        match (ours == case.expected, listed.remove(&case.text)) {
            (true, None) => agreed += 1,
            (false, Some(_)) => {}
            (true, Some(heading)) => wrong.push(format!("{}\n    no longer differs: {heading}", case.text)),
            (false, None) => wrong.push(format!("{}\n    ours   {ours}\n    theirs {}", case.text, case.expected)),
        }
    }
    wrong.extend(listed.keys().map(|text| format!("{text}\n    listed as different, but not in the corpus")));
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    println!("{agreed} of {} trees agree", cases.len());
}
