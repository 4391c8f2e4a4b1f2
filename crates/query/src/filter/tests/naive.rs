//! The comparison rules once more, written straight from the specification on parsed JSON, to hold against the real
//! ones.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::Filter;

/// Canonical text of a value; `None` for null.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        // Of the numbers generated here, none is so large or small that it takes an exponent.
        Value::Number(number) if number.is_f64() => number.as_f64().map(|number| number.to_string()),
        other => Some(other.to_string()),
    }
}

fn number(text: &str) -> Option<f64> {
    let is_decimal = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    text.parse().ok().filter(|n: &f64| is_decimal && n.is_finite())
}

fn equal(property: &Value, operand: &Value) -> bool {
    let (Some(p), Some(o)) = (text(property), text(operand)) else { return false };
    let numbers = property.is_number() || operand.is_number();
    p == o || numbers && number(&p).is_some() && number(&p) == number(&o)
}

fn ordered(property: &Value, operand: &Value, accepts: impl Fn(std::cmp::Ordering) -> bool) -> bool {
    let (Some(p), Some(o)) = (text(property), text(operand)) else { return false };
    match (number(&p), number(&o)) {
        (Some(p), Some(o)) => accepts(p.partial_cmp(&o).unwrap()),
        (None, None) => accepts(p.chars().cmp(o.chars())),
        _ => false,
    }
}

fn contains(property: &Value, operand: &Value) -> bool {
    text(property).unwrap().to_lowercase().contains(&text(operand).unwrap().to_lowercase())
}

fn leaf(operator: &str, property: &Value, operands: &[Value]) -> bool {
    let any = |test: &dyn Fn(&Value) -> bool| !property.is_null() && operands.iter().any(test);
    match operator {
        "exact" | "in" => any(&|o| equal(property, o)),
        "is_not" | "not_in" => !any(&|o| equal(property, o)),
        "icontains" => any(&|o| contains(property, o)),
        "not_icontains" => !any(&|o| contains(property, o)),
        "regex" => any(&|o| regex::Regex::new(&text(o).unwrap()).unwrap().is_match(&text(property).unwrap())),
        "not_regex" => !any(&|o| regex::Regex::new(&text(o).unwrap()).unwrap().is_match(&text(property).unwrap())),
        "gt" => any(&|o| ordered(property, o, |c| c.is_gt())),
        "gte" | "min" => any(&|o| ordered(property, o, |c| c.is_ge())),
        "lt" => any(&|o| ordered(property, o, |c| c.is_lt())),
        "lte" | "max" => any(&|o| ordered(property, o, |c| c.is_le())),
        "is_set" => !property.is_null(),
        "is_not_set" => property.is_null(),
        other => panic!("no rule for {other}"),
    }
}

/// What the specification says `node`, as the API takes it, answers for an event with `properties`.
pub(crate) fn holds(node: &Value, properties: &Value, person: &Value) -> bool {
    match node {
        Value::Array(nodes) => nodes.iter().all(|node| holds(node, properties, person)),
        Value::Object(group) if group.contains_key("values") => {
            let nodes = group["values"].as_array().unwrap();
            let mut answers = nodes.iter().map(|node| holds(node, properties, person));
            if group["type"] == "OR" && !nodes.is_empty() {
                answers.any(|holds| holds)
            } else {
                answers.all(|holds| holds)
            }
        }
        comparison => {
            let owner = if comparison["type"] == "person" { person } else { properties };
            let property = owner.get(comparison["key"].as_str().unwrap()).unwrap_or(&Value::Null);
            let operands = match &comparison["value"] {
                Value::Array(values) => values.clone(),
                value => vec![value.clone()],
            };
            leaf(comparison["operator"].as_str().unwrap(), property, &operands)
        }
    }
}

const OPERATORS: [&str; 16] = [
    "exact",
    "in",
    "is_not",
    "not_in",
    "icontains",
    "not_icontains",
    "regex",
    "not_regex",
    "gt",
    "gte",
    "min",
    "lt",
    "lte",
    "max",
    "is_set",
    "is_not_set",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3_i64..13).prop_map(Value::from),
        prop::sample::select(vec![1.5, 1.0, -2.0, 10.0, 3e10]).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec!["", "a", "ab", "AB", "b", "1", "1.0", "10", "true", "é\"\\", "x y"])
            .prop_map(Value::from),
    ]
}

/// Keys of properties.
pub(crate) const KEYS: [&str; 3] = ["a", "b", "$c\""];

/// A property value: scalars, null, and some nesting.
pub(crate) fn property() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => scalar(),
        1 => Just(Value::Null),
        1 => prop::collection::vec(scalar(), 0..3).prop_map(Value::from),
        1 => scalar().prop_map(|value| json!({ "b": value })),
    ]
}

/// Properties of an event: a few keys, each often missing.
pub(crate) fn properties() -> impl Strategy<Value = Value> {
    prop::collection::hash_map(prop::sample::select(KEYS.to_vec()), property(), 0..4)
        .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A filter as the API takes it.
pub(crate) fn filter() -> impl Strategy<Value = Value> {
    let value = prop_oneof![3 => scalar(), 1 => prop::collection::vec(scalar(), 1..4).prop_map(Value::from)];
    let leaf = (
        prop::sample::select(KEYS.to_vec()),
        prop::sample::select(OPERATORS.to_vec()),
        value,
        prop::sample::select(vec!["event", "event", "event", "feature", "person"]),
    )
        .prop_map(|(key, operator, value, kind)| {
            let value = if operator.ends_with("regex") { as_patterns(&value) } else { value };
            json!({ "key": key, "operator": operator, "value": value, "type": kind })
        });
    leaf.prop_recursive(3, 12, 4, |inner| {
        (prop::sample::select(vec!["AND", "OR"]), prop::collection::vec(inner, 0..4))
            .prop_map(|(kind, values)| json!({ "type": kind, "values": values }))
    })
    .prop_map(|node| if node.get("values").is_some() { node } else { json!([node]) })
}

/// Any value as a regular expression that means its text.
fn as_patterns(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(as_patterns).collect(),
        value => Value::from(regex::escape(&text(value).unwrap())),
    }
}

proptest! {
    /// Filters answer as the specification does.
    #[test]
    fn filters_follow_the_specification(filter in filter(), properties in properties(), person in properties()) {
        let parsed = Filter::parse(&filter.to_string()).unwrap();
        prop_assert_eq!(&parsed.warnings, &Vec::<String>::new());
        for text in [properties.to_string(), serde_json::to_string_pretty(&properties).unwrap()] {
            let answer = parsed.filter.matches(&text, &person.to_string());
            prop_assert_eq!(answer, holds(&filter, &properties, &person), "{} of {}", filter, text);
        }
    }

    /// Whatever a client sends, parsing answers; it never panics.
    #[test]
    fn parsing_is_total(text in r#"([\[{}\],:]|"key"|"value"|"values"|"type"|"OR"|"operator"|"gt"|1|null| ){0,16}"#) {
        let _answer = Filter::parse(&text);
    }
}
