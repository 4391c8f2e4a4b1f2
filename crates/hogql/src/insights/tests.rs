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
fn what_a_chart_does_not_know_is_refused_by_name() {
    let series = json!([{"kind": "EventsNode", "event": "$pageview", "name": "$pageview", "math": "total"}]);
    let cases = [
        ("TrendsQuery", "trendsFilter", json!({"series": series})),
        ("LifecycleQuery", "lifecycleFilter", json!({"series": series})),
        ("StickinessQuery", "stickinessFilter", json!({"series": series})),
        ("RetentionQuery", "retentionFilter", json!({})),
        ("FunnelsQuery", "funnelsFilter", json!({"series": [{"event": "a"}, {"event": "b"}]})),
    ];
    for (kind, filter, request) in cases {
        let with = |name: &str, value: Value| {
            let mut request = request.clone();
            request[name] = value;
            plan(kind, &request, &context(&json!({}))).map(|_| ()).map_err(|error| error.to_string())
        };
        let unsupported = |name: &str, of: &str| Err(format!("The option '{name}' of {of} is not supported"));
        assert_eq!(with("colour", json!(1)), unsupported("colour", kind));
        assert_eq!(with(filter, json!({"colour": 1})), unsupported("colour", filter));
        assert_eq!(with(filter, json!({"showLegend": true, "goalLines": []})), Ok(()), "{kind}");
        assert_eq!(with("tags", json!({})), Ok(()), "{kind}");
    }
    let multiplied = json!({"series": [{"event": "a", "math_multiplier": 2}]});
    assert!(refused("TrendsQuery", &multiplied).contains("'math_multiplier' of a series"));
    let entity = json!({"retentionFilter": {"targetEntity": {"id": "a", "aggregation": "sum"}}});
    assert!(refused("RetentionQuery", &entity).contains("'aggregation' of an entity"));
    let compared = json!({"series": series, "compareFilter": {"compare": true}});
    assert!(refused("StickinessQuery", &compared).contains("'compareFilter' of StickinessQuery"));
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
