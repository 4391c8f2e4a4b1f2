pub(crate) mod naive;

use super::*;

/// The one place that knows the API: which of `events` (their properties) `filter` lets through, and its warnings.
fn ask(filter: &str, events: &[&str]) -> Result<(Vec<usize>, Vec<String>), FilterError> {
    let parsed = Filter::parse(filter)?;
    let passed = (0..events.len()).filter(|at| parsed.filter.matches(events[*at], "{}")).collect();
    Ok((passed, parsed.warnings))
}

/// Positions of the events that pass; panics on an error.
fn passed(filter: &str, events: &[&str]) -> Vec<usize> {
    ask(filter, events).unwrap().0
}

/// Asks `[{"key":"a", …}]` with the given operator and value.
fn by(operator: &str, value: &str, events: &[&str]) -> Vec<usize> {
    passed(&format!(r#"[{{"key":"a","operator":"{operator}","value":{value}}}]"#), events)
}

fn refused(filter: &str) -> String {
    Filter::parse(filter).unwrap_err().to_string()
}

#[test]
fn d1_a_list_filters_and_bad_json_is_refused() {
    let events = [r#"{"$browser":"Chrome"}"#, r#"{"$browser":"Safari"}"#];
    assert_eq!(passed(r#"[{"key":"$browser","value":"Safari"}]"#, &events), [1]);
    for bad in ["invalid_json", "[", "[{]", "{\"a\":1} x"] {
        assert_eq!(refused(bad), "Properties are unparsable!");
    }
}

#[test]
fn d2_equality_and_its_negation() {
    let events = [r#"{"a":"b"}"#, r#"{"a":"c"}"#, "{}"];
    assert_eq!(by("is_not", r#""b""#, &events), [1, 2]);
    assert_eq!(by("exact", r#"["b","c"]"#, &events), [0, 1]);
    assert_eq!(by("in", r#""b""#, &events), [0]);
    assert_eq!(by("is_not", r#"["b","c"]"#, &events), [2]);
    assert_eq!(by("not_in", r#"["b"]"#, &events), [1, 2]);
}

#[test]
fn d3_containing_ignores_case() {
    let events = [r#"{"a":"demo"}"#, "{}", r#"{"a":null}"#, r#"{"a":"50% off"}"#, r#"{"a":565}"#, r#"{"a":"ÉTÉ ſ K"}"#];
    assert_eq!(by("icontains", r#""MO""#, &events), [0]);
    assert_eq!(by("not_icontains", r#""mo""#, &events), [1, 2, 3, 4, 5]);
    assert_eq!(by("icontains", r#"["x","mo"]"#, &events), [0]);
    assert_eq!(by("not_icontains", r#"["x","mo"]"#, &events), [1, 2, 3, 4, 5]);
    assert_eq!(by("icontains_multi", r#"["x","mo"]"#, &events), [0]);
    assert_eq!(by("not_icontains_multi", r#"["x","mo"]"#, &events), [1, 2, 3, 4, 5]);
    assert_eq!(by("icontains", r#""0%""#, &events), [3], "nothing in the text is a wildcard");
    assert_eq!(by("icontains", r#"".""#, &events), Vec::<usize>::new());
    assert_eq!(by("icontains", "6", &events), [4]);
    assert_eq!(by("icontains", r#""été""#, &events), [5]);
    assert_eq!(by("icontains", r#""S k""#, &events), [5], "case folds as Unicode folds it");
}

#[test]
fn text_at_the_ends() {
    let events = [r#"{"a":"demo"}"#, r#"{"a":"Modem"}"#, "{}"];
    assert_eq!(by("starts_with", r#""MO""#, &events), [1]);
    assert_eq!(by("ends_with", r#""MO""#, &events), [0]);
    assert_eq!(by("not_starts_with", r#"["x","mo"]"#, &events), [0, 2]);
    assert_eq!(by("not_ends_with", r#"["mo","em"]"#, &events), [2]);
}

#[test]
fn d4_regular_expressions() {
    let events = [r#"{"a":"abc"}"#, r#"{"a":"Abc"}"#, "{}", r#"{"a":"x\nab"}"#];
    assert_eq!(by("regex", r#""^ab""#, &events), [0]);
    assert_eq!(by("not_regex", r#""^ab""#, &events), [1, 2, 3]);
    assert_eq!(by("regex", r#"["^z","^a"]"#, &events), [0]);
    assert_eq!(by("not_regex", r#"["^z","^a"]"#, &events), [1, 2, 3]);
    assert_eq!(by("regex", r#""x.ab""#, &events), [3], "a dot matches a line end");
    for operator in ["regex", "not_regex"] {
        let filter = format!(r#"[{{"key":"a","operator":"{operator}","value":"("}}]"#);
        let (passed, warnings) = ask(&filter, &events).unwrap();
        assert_eq!(passed, Vec::<usize>::new());
        assert_eq!(warnings, ["the regular expression for property 'a' is invalid, so no event matches it"]);
    }
}

#[test]
fn large_regular_expressions_match_nothing() {
    for pattern in [r"(\\w{500}){500}".to_owned(), "a".repeat(2000)] {
        let (passed, warnings) =
            ask(&format!(r#"[{{"key":"a","operator":"regex","value":"{pattern}"}}]"#), &[r#"{"a":"a"}"#]).unwrap();
        assert_eq!(passed, Vec::<usize>::new());
        assert_eq!(warnings, ["the regular expression for property 'a' is too large, so no event matches it"]);
    }
}

#[test]
fn d5_order_and_ranges() {
    let events = [r#"{"a":5}"#, r#"{"a":"10"}"#, r#"{"a":"abc"}"#, "{}"];
    assert_eq!(by("gt", "9", &events), [1]);
    assert_eq!(by("lt", "9", &events), [0]);
    assert_eq!(by("gte", "5", &events), [0, 1]);
    assert_eq!(by("min", "10", &events), [1]);
    assert_eq!(by("max", "5", &events), [0]);
    assert_eq!(by("lte", r#"["5","7"]"#, &events), [0]);
    assert_eq!(by("gt", r#""abb""#, &events), [2], "text compares with text");
    assert_eq!(by("between", "[5,10]", &events), [0, 1]);
    assert_eq!(by("not_between", "[6,9]", &events), [0, 1]);
    assert_eq!(by("not_between", "[5,10]", &events), Vec::<usize>::new());
    let range = |value| refused(&format!(r#"[{{"key":"a","operator":"between","value":{value}}}]"#));
    assert_eq!(range("[10,5]"), "between operator requires min value to be less than or equal to max value");
    assert_eq!(range("5"), "between operator requires a two-element array [min, max]");
    assert_eq!(range("[5]"), "between operator requires a two-element array [min, max]");
    assert_eq!(range(r#"[5,"x"]"#), "between operator requires numeric values");
}

#[test]
fn d6_set_and_not_set() {
    let events = [r#"{"a":null}"#, r#"{"a":""}"#, r#"{"a":0}"#, "{}"];
    assert_eq!(passed(r#"[{"key":"a","operator":"is_set"}]"#, &events), [1, 2]);
    assert_eq!(passed(r#"[{"key":"a","operator":"is_not_set"}]"#, &events), [0, 3]);
    assert_eq!(by("is_set", r#""is_set""#, &events), [1, 2]);
    assert_eq!(by("is_not_set", "[]", &events), [0, 3]);
}

#[test]
fn d9_booleans_are_their_text() {
    let events = [r#"{"a":true}"#, r#"{"a":"true"}"#, r#"{"a":false}"#];
    assert_eq!(by("exact", r#""true""#, &events), [0, 1]);
    assert_eq!(by("exact", "true", &events), [0, 1]);
    assert_eq!(by("exact", r#"["TRUE"]"#, &events), Vec::<usize>::new());
}

#[test]
fn d10_groups_nest() {
    let filter = r#"{"type":"OR","values":[{"key":"a","value":"1"},
        {"type":"AND","values":[{"key":"b","value":"2"},{"key":"c","value":"3","operator":"is_not"}]}]}"#;
    let events = [r#"{"a":1}"#, r#"{"b":"2"}"#, r#"{"b":2,"c":3}"#, r#"{"b":2,"c":4}"#, "{}"];
    assert_eq!(passed(filter, &events), [0, 1, 3]);
    assert_eq!(passed(&format!("[{filter}]"), &events), [0, 1, 3], "a group in a list is a group");
    for everything in [r#"{"type":"OR","values":[]}"#, r#"{"values":[]}"#, "[]", "{}", "", "  "] {
        assert_eq!(passed(everything, &events), [0, 1, 2, 3, 4]);
    }
    assert_eq!(passed(r#"{"values":[{"key":"b","value":"2"}]}"#, &events), [1, 2, 3]);
    assert_eq!(refused(r#"{"type":"XOR","values":[]}"#), "the type of a property group must be AND or OR, not 'XOR'");
}

#[test]
fn d11_incomplete_leaves_are_neutral() {
    for leaf in [
        "{}",
        r#"{"key":"a"}"#,
        r#"{"key":"a","value":null}"#,
        r#"{"key":"a","value":[]}"#,
        r#"{"key":"a","value":[null],"operator":"is_not"}"#,
        r#"{"key":"a","value":[],"operator":"between"}"#,
        r#"{"value":"x"}"#,
        r#"{"key":"a","value":"x","type":"group"}"#,
        r#"{"key":"id","type":"cohort"}"#,
    ] {
        let filter = format!("[{leaf}]");
        let (passed, warnings) = ask(&filter, &["{}"]).unwrap();
        assert_eq!((passed.len(), warnings.len()), (1, 1), "{leaf}");
        assert!(matches!(Filter::parse_strict(&filter), Err(FilterError::Incomplete(_))), "{leaf}");
        let (passed, _) = ask(&format!(r#"[{leaf},{{"key":"b","value":"1"}}]"#), &["{}", r#"{"b":"1"}"#]).unwrap();
        assert_eq!(passed, [1], "{leaf}");
    }
}

#[test]
fn d13_person_properties_are_asked_of_the_person() {
    let filter = Filter::parse(r#"[{"key":"email","value":"tom@posthog.com","type":"person"}]"#).unwrap().filter;
    let tom = r#"{"email":"tom@posthog.com"}"#;
    assert!(filter.matches("{}", tom));
    assert!(!filter.matches(tom, "{}"));
}

#[test]
fn ignored_shapes_filter_nothing_and_say_so() {
    for ignored in ["5", r#""text""#, "true", r#"{"type":"AND"}"#, r#"{"type":"OR","values":{}}"#] {
        let (passed, warnings) = ask(ignored, &["{}"]).unwrap();
        assert_eq!((passed.len(), warnings.len()), (1, 1), "{ignored}");
    }
    let (passed, warnings) = ask(r#"[{"key":"a","value":"1","colour":"red"}]"#, &[r#"{"a":"1"}"#, "{}"]).unwrap();
    assert_eq!(passed, [0]);
    assert_eq!(warnings, ["unknown key 'colour' in a property filter is ignored"]);
    let hints = r#"[{"key":"a","value":"1","label":"x","property_type":"DateTime","property_type_format":"y","cohort_name":""}]"#;
    assert_eq!(ask(hints, &["{}"]).unwrap().1, Vec::<String>::new());
}

#[test]
fn the_legacy_dictionary_filters_event_properties() {
    let events = [r#"{"a":"1","b":"demo"}"#, r#"{"a":"1","b":"x"}"#, r#"{"x__y":"z"}"#];
    assert_eq!(passed(r#"{"a":"1","b__icontains":"MO"}"#, &events), [0]);
    assert_eq!(passed(r#"{"b__is_not":"demo"}"#, &events), [1, 2]);
    assert_eq!(passed(r#"{"x__y":"z"}"#, &events), [2], "what is not an operator belongs to the key");
}

#[test]
fn what_cannot_be_answered_is_refused_by_name() {
    for (leaf, message) in [
        (r#""operator":"is_date_after""#, "operator 'is_date_after' is not supported in property filters"),
        (r#""operator":"semver_gt""#, "operator 'semver_gt' is not supported in property filters"),
        (r#""operator":"like""#, "unknown operator 'like' in property filter"),
        (r#""type":"cohort""#, "filter type 'cohort' is not supported in property filters"),
        (r#""type":"group","group_type_index":0"#, "filter type 'group' is not supported in property filters"),
        (r#""type":"hogql""#, "filter type 'hogql' is not supported in property filters"),
        (r#""type":"log_entry""#, "filter type 'log_entry' is not supported in property filters"),
        (r#""type":"events""#, "unknown filter type 'events' in property filter"),
        (r#""type":5"#, "'type' of a property filter must be a string"),
    ] {
        assert_eq!(refused(&format!(r#"[{{"key":"a","value":"1",{leaf}}}]"#)), message);
    }
    assert_eq!(refused("[5]"), "each property filter must be an object");
    assert_eq!(
        refused(r#"[{"key":"$elements_chain","value":"a"}]"#),
        "property '$elements_chain' is not supported in property filters"
    );
}

#[test]
fn filters_have_a_size() {
    let nested = |levels: usize| format!("{}{}", r#"{"values":["#.repeat(levels), "]}".repeat(levels));
    assert_eq!(refused(&nested(1000)), "property filters nest deeper than 32 levels");
    Filter::parse(&nested(30)).unwrap();
    let leaves = |count: usize| format!("[{}]", vec![r#"{"key":"a","value":"1"}"#; count].join(","));
    assert_eq!(refused(&leaves(501)), "more than 500 property filters");
    Filter::parse(&leaves(500)).unwrap();
    let needle = |bytes: usize| format!(r#"[{{"key":"a","operator":"icontains","value":"{}"}}]"#, "K".repeat(bytes));
    assert_eq!(refused(&needle(4097)), "the filter on property 'a' searches for more than 4096 bytes of text");
    Filter::parse(&needle(4096)).unwrap();
    let patterns = format!(r#"[{{"key":"a","operator":"regex","value":[{}]}}]"#, vec![r#""x""#; 65].join(","));
    assert_eq!(refused(&patterns), "more than 64 regular expressions");
}

#[test]
fn numbers_equal_by_value_when_one_side_is_a_number() {
    let events = [r#"{"a":1}"#, r#"{"a":1.0}"#, r#"{"a":"1.0"}"#, r#"{"a":"1"}"#, r#"{"a":"1 "}"#];
    assert_eq!(by("exact", "1", &events), [0, 1, 2, 3]);
    assert_eq!(by("exact", r#""1""#, &events), [0, 1, 3]);
    assert_eq!(by("exact", "1e0", &events), [0, 1, 2, 3]);
    assert_eq!(by("is_not", "1", &events), [4]);
    let large = [r#"{"a":9007199254740993}"#, r#"{"a":9007199254740992}"#];
    assert_eq!(by("exact", "9007199254740993", &large), [0]);
    assert_eq!(by("gt", "9007199254740992", &large), [0]);
}

#[test]
fn arrays_and_objects_compare_as_compact_json() {
    let events = [r#"{"a":[1, "x"]}"#, r#"{"a":{"b" : null}}"#, r#"{"a":"[1,\"x\"]"}"#];
    assert_eq!(by("exact", r#""[1,\"x\"]""#, &events), [0, 2]);
    assert_eq!(by("exact", r#"{"b":null}"#, &events), [1]);
    assert_eq!(by("icontains", r#""\"B\":""#, &events), [1]);
}

#[test]
fn quotes_and_escapes_compare_as_themselves() {
    let events = [r#"{"a":"say \"hi\" \u00e9"}"#];
    assert_eq!(by("exact", r#""say \"hi\" é""#, &events), [0]);
    assert_eq!(by("regex", r#""^say \"hi\" .$""#, &events), [0]);
}

#[test]
fn a_dot_is_part_of_the_key() {
    let events = [r#"{"a":{"b":"1"}}"#, r#"{"a.b":"1"}"#];
    assert_eq!(passed(r#"[{"key":"a.b","value":"1"}]"#, &events), [1]);
}

#[test]
fn property_parameters_are_json_or_text() {
    let events = [r#"{"a":"Value1"}"#, r#"{"a":true}"#, r#"{"a":5}"#, r#"{"a":""}"#, "{}"];
    let by = |value: &str| -> Vec<usize> {
        let filter = Filter::property_parameter("a", value);
        (0..events.len()).filter(|at| filter.matches(events[*at], "{}")).collect()
    };
    assert_eq!(by("Value1"), [0]);
    assert_eq!(by("value1"), Vec::<usize>::new());
    assert_eq!(by("TRUE"), [1]);
    assert_eq!(by("true"), [1]);
    assert_eq!(by("5.0"), [2]);
    assert_eq!(by(r#"["Value1", 5]"#), [0, 2]);
    assert_eq!(by("[]"), [0, 1, 2, 3, 4]);
    assert_eq!(by(""), [3]);
    assert_eq!(by(r#""Value1""#), [0]);
}
