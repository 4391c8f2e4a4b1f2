//! The text that filters become. That it selects the right rows is tested in `test_data/acceptance.jsonl`.

use serde_json::{Value, json};

use super::{Subject, compile};
use crate::context::{Action, ActionStep, Context, Matching, PathCleaning};
use crate::{Style, print_expr};

fn context() -> Context {
    let mut context = Context::new(1, "America/New_York", "2026-01-20T12:00:00Z".parse().unwrap());
    context.project.path_cleaning.push(PathCleaning { regex: "/[0-9]+".to_owned(), alias: "/:id".to_owned() });
    context
}

/// The condition as text, or the error, or the notices where nothing is left.
fn compiled(filters: &Value) -> String {
    match compile(filters, Subject::Events, &context()) {
        Ok(compiled) if compiled.notices.is_empty() => print_expr(&compiled.condition, Style::Operators),
        Ok(compiled) => {
            format!("{} ({})", print_expr(&compiled.condition, Style::Operators), compiled.notices.join("; "))
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn shapes_of_filters() {
    assert_eq!(compiled(&json!([])), "true");
    assert_eq!(compiled(&json!({})), "true");
    assert_eq!(compiled(&json!({"plan": "pro"})), "properties.plan = 'pro'");
    assert_eq!(compiled(&json!({"plan__icontains": "pr"})), "toString(properties.plan) ILIKE '%pr%'");
    let leaf = json!({"key": "a", "value": "1"});
    assert_eq!(
        compiled(&json!([{"type": "OR", "values": [leaf, leaf]}, leaf])),
        "(properties.a = '1' OR properties.a = '1') AND properties.a = '1'"
    );
    assert_eq!(
        compiled(&json!({"type": "XOR", "values": [leaf]})),
        "error: Unknown group of filters 'XOR', expected AND or OR"
    );
}

#[test]
fn incomplete_filters_hold_and_are_noted() {
    assert_eq!(compiled(&json!([{"key": "a"}])), "true (The filter on 'a' has no value and was ignored)");
    assert_eq!(compiled(&json!([{"key": "a", "value": []}])), "true (The filter on 'a' has no value and was ignored)");
    assert_eq!(
        compiled(&json!([{"key": "a", "value": 1, "type": "group"}])),
        "true (The filter on 'a' is incomplete and was ignored)"
    );
    assert_eq!(compiled(&json!([{}])), "true (A filter without a key was ignored)");
}

#[test]
fn filters_without_a_meaning_are_errors() {
    assert_eq!(compiled(&json!([{"key": "a", "value": 1, "operator": "around"}])), "error: Unknown operator 'around'");
    assert_eq!(
        compiled(&json!([{"key": "a", "value": [1], "operator": "between"}])),
        "error: Operator 'between' requires a two-element array [min, max]"
    );
    assert_eq!(
        compiled(&json!([{"key": "nope", "value": 1, "type": "event_metadata"}])),
        "error: Unknown event column 'nope'"
    );
    assert_eq!(
        compiled(&json!([{"key": "id", "value": [1, 2], "type": "cohort"}])),
        "error: Cohort property value must be a cohort ID"
    );
    assert_eq!(
        compiled(&json!([{"key": "v", "value": "one", "operator": "semver_gt"}])),
        "error: 'one' is not a version"
    );
    assert_eq!(
        compiled(&json!([{"key": "d", "value": "soon", "operator": "is_date_before"}])),
        "error: 'soon' is not a date"
    );
}

#[test]
fn dates_are_read_in_the_zone_of_the_project() {
    let date = |value: &str| compiled(&json!([{"key": "d", "value": value, "operator": "is_date_before"}]));
    let before = |instant: &str| {
        format!("toString(properties.d) =~ '[0-9]{{4}}' AND toDateTime(toString(properties.d)) < '{instant}'")
    };
    assert_eq!(date("2026-01-10"), before("2026-01-10T05:00:00Z"));
    assert_eq!(date("-7d"), before("2026-01-13T12:00:00Z"));
}

#[test]
fn paths_are_cleaned_on_both_sides() {
    assert_eq!(
        compiled(&json!([{"key": "p", "value": "/a/1", "operator": "is_cleaned_path_exact"}])),
        "replaceRegexpAll(toString(properties.p), '/[0-9]+', '/:id') = replaceRegexpAll('/a/1', '/[0-9]+', '/:id')"
    );
}

#[test]
fn selectors_match_chains_innermost_first() {
    let matches = |selector: &str, chain: &str| {
        let text = compiled(&json!([{"key": "selector", "value": selector, "type": "element"}]));
        let pattern = text.split_once(" =~ '").unwrap().1.trim_end_matches('\'').replace("\\\\", "\\");
        regex::Regex::new(&pattern).unwrap().is_match(chain)
    };
    let chain = r#"span.icon:nth-child="1"text="x;y";button.big.btn:attr__data-id="7"attr_id="go"nth-child="2";div.card.wide:nth-child="1""#;
    for selector in [
        "span",
        ".icon",
        "button.btn",
        "button.big.btn",
        "#go",
        "button[data-id=\"7\"]",
        "div span",
        "div > button > span",
        "div.wide button:nth-child(2)",
    ] {
        assert!(matches(selector, chain), "{selector}");
    }
    for selector in ["a", ".ico", "button > div", "div > span", "#gone", "button:nth-child(1)", "span button"] {
        assert!(!matches(selector, chain), "{selector}");
    }
}

#[test]
fn an_action_is_any_of_its_steps() {
    let step = |event: &str| ActionStep { event: Some(event.to_owned()), ..ActionStep::default() };
    let url = ActionStep { url: Some(("/a_b".to_owned(), Matching::Contains)), ..step("$pageview") };
    let action = Action { id: 1, name: "buy".to_owned(), steps: vec![step("purchase"), url] };
    let context = context();
    let mut compiler = super::Compiler::new(&context, Subject::Events);
    let condition = crate::actions::condition(&action, &mut compiler).unwrap();
    assert_eq!(
        print_expr(&condition, Style::Operators),
        r"event = 'purchase' OR event = '$pageview' AND properties.$current_url LIKE '%/a\\_b%'"
    );
}
