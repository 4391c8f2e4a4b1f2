//! What was seen to be right on ClickHouse stays as it was seen (`compat/hogql/insights.py --write`).

use serde_json::{Value, json};

use super::{Rows, plan};
use crate::ActorsQuery;
use crate::compile::tests::context;
use crate::context::{Context, Limits};

const INSIGHTS: &str = include_str!("../../test_data/insights.jsonl");

#[test]
fn acceptance_cases_give_the_statements_and_responses_that_were_right_on_clickhouse() {
    let context = context(&json!({}));
    let mut cases = 0;
    for line in INSIGHTS.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        if let Some(actors) = case.get("actors") {
            assert_eq!(json!(statements_of(actors, &context)), case["statements"], "{}", case["id"]);
            cases += 1;
            continue;
        }
        let insight = plan(case["insight"]["kind"].as_str().unwrap(), &case["insight"], &context).unwrap();
        let statements: Vec<Value> = insight.compile(&context).unwrap().iter().map(statement).collect();
        assert_eq!(json!(statements), case["statements"], "{}", case["id"]);
        let rows: Vec<Rows> = serde_json::from_value(case["rows"].clone()).unwrap();
        assert_eq!(insight.respond(&rows), case["response"], "{}", case["id"]);
        cases += 1;
    }
    assert!(cases >= 46, "the file shrank to {cases}");
}

fn statement(compiled: &crate::Compiled) -> Value {
    let statement = crate::clickhouse::print(&compiled.query);
    json!({"sql": statement.sql, "parameters": statement.parameters})
}

/// The list of actors, and what it leaves out.
fn statements_of(actors: &Value, context: &Context) -> Vec<Value> {
    let list = ActorsQuery::plan(actors, context).unwrap();
    let own = Context { limits: Limits::NONE, ..context.clone() };
    let queries = std::iter::once(list.query).chain(list.missing);
    queries.map(|query| statement(&crate::compile_tree(query, &own).unwrap())).collect()
}

/// The message for a request that means nothing.
fn refused(kind: &str, json: &Value) -> String {
    plan(kind, json, &context(&json!({}))).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn requests_that_mean_nothing_are_refused_with_the_reason() {
    let trends = |series: Value| refused("TrendsQuery", &json!({"series": [series]}));
    assert_eq!(refused("NopeQuery", &json!({})), "Unsupported query kind: NopeQuery");
    assert_eq!(refused("TrendsQuery", &json!({})), "TrendsQuery needs at least one series");
    assert_eq!(trends(json!({"math": "mode"})), "Unknown math 'mode'");
    assert_eq!(trends(json!({"math": "mode_count_per_actor"})), "Unknown math 'mode_count_per_actor'");
    assert_eq!(trends(json!({"math": "sum"})), "Math 'sum' needs math_property");
    assert_eq!(trends(json!({"kind": "DataWarehouseNode"})), "Series of kind 'DataWarehouseNode' are not supported");
    assert_eq!(trends(json!({"kind": "ActionsNode", "id": 7})), "Action does not exist");
    let formula = |text: &str| refused("TrendsQuery", &json!({"series": [{}], "trendsFilter": {"formula": text}}));
    assert_eq!(formula("A/B"), "Formula 'A/B' has no series B");
    assert_eq!(formula("(A"), "Formula '(A' has a ( without )");
    assert_eq!(formula("A)"), "Formula 'A)' has a ) without (");
    assert_eq!(formula("A+"), "Formula 'A+' is not complete");
}

#[test]
fn formulas_bind_as_arithmetic_does() {
    let value = |text: &str| {
        let formula = super::trends::Formula::parse(text, None, 2).unwrap();
        formula.evaluate(|series| [6.0, 4.0][series])
    };
    assert_eq!(value("A - B - 1"), 1.0);
    assert_eq!(value("A + B * 2"), 14.0);
    assert_eq!(value("-(A + B) / 5"), -2.0);
    assert_eq!(value("2 * -a"), -12.0);
    assert_eq!(value("A / (B - 4)"), 0.0);
}
