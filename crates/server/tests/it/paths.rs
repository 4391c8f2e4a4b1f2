//! Paths over HTTP. Edges and times are worked out by hand.

use serde_json::{Value, json};
use testkit::Server;

use crate::event;
use crate::insights::{ask, d1, filled, refusal};

fn paths(server: &Server, filter: Value, range: [&str; 2]) -> Value {
    let query = json!({
        "kind": "PathsQuery", "pathsFilter": filter, "dateRange": {"date_from": range[0], "date_to": range[1]},
    });
    ask(server, query)["results"].clone()
}

#[test]
fn t99_paths_lead_from_page_to_page_of_a_visit() {
    let server = filled(&d1());
    let edges = paths(&server, json!({"includeEventTypes": ["$pageview"]}), ["2026-01-10", "2026-01-13"]);
    let edge = json!({
        "source": "1_https://a.io/home?x=1", "target": "2_https://a.io/pricing", "value": 1,
        "average_conversion_time": 300_000,
    });
    assert_eq!(edges, json!([edge]));
}

/// Two visits of ann, one of bob; `b` comes twice in a row.
fn visits() -> Vec<Value> {
    let at = |who: &str, minute: u32, name: &str| {
        event(name, who, &format!("2026-02-01T{:02}:{:02}:00Z", 10 + minute / 60, minute % 60), json!({}))
    };
    vec![
        at("ann", 0, "a"),
        at("ann", 1, "b"),
        at("ann", 3, "b"),
        at("ann", 4, "c"),
        at("ann", 34, "a"),
        at("ann", 40, "d"),
        at("bob", 0, "a"),
        at("bob", 2, "b"),
        at("bob", 4, "c"),
        at("bob", 6, "d"),
        at("bob", 7, "e"),
        at("bob", 9, "f"),
    ]
}

/// Edges as text, `source>target value seconds`.
fn edges(server: &Server, filter: Value) -> Vec<String> {
    let all = paths(server, filter, ["2026-02-01", "2026-02-02"]);
    let edge = |edge: &Value| {
        let seconds = edge["average_conversion_time"].as_f64().unwrap() / 1e3;
        format!("{}>{} {} {seconds}", edge["source"].as_str().unwrap(), edge["target"].as_str().unwrap(), edge["value"])
    };
    all.as_array().unwrap().iter().map(edge).collect()
}

#[test]
fn a_visit_ends_after_half_an_hour_and_repeats_are_one_step() {
    let server = filled(&visits());
    // From a to the last b in a row: 3 min and 2 min. The pause of exactly 30 min ends the visit.
    assert_eq!(
        edges(&server, json!({})),
        ["1_a>2_b 2 150", "2_b>3_c 2 90", "1_a>2_d 1 360", "3_c>4_d 1 120", "4_d>5_e 1 60"]
    );
    assert_eq!(edges(&server, json!({"stepLimit": 2})), ["1_a>2_b 2 150", "1_a>2_d 1 360"]);
    assert_eq!(edges(&server, json!({"edgeLimit": 1})), ["1_a>2_b 2 150"]);
    assert_eq!(edges(&server, json!({"minEdgeWeight": 2})), ["1_a>2_b 2 150", "2_b>3_c 2 90"]);
    // Without the way there, nobody can see what they lead from.
    assert_eq!(edges(&server, json!({"maxEdgeWeight": 1})), ["1_a>2_d 1 360"]);
    assert_eq!(
        edges(&server, json!({"excludeEvents": ["b", "c"]})),
        ["1_a>2_d 2 360", "2_d>3_e 1 60", "3_e>4_f 1 120"]
    );
}

#[test]
fn paths_from_and_to_a_point() {
    let server = filled(&visits());
    assert_eq!(edges(&server, json!({"startPoint": "c"})), ["1_c>2_d 1 120", "2_d>3_e 1 60", "3_e>4_f 1 120"]);
    assert_eq!(edges(&server, json!({"endPoint": "c", "stepLimit": 2})), ["1_b>2_c 2 90"]);
    assert_eq!(
        edges(&server, json!({"startPoint": "a", "endPoint": "e"})),
        ["1_a>2_b 1 120", "2_b>3_c 1 120", "3_c>4_d 1 120", "4_d>5_e 1 60"]
    );
    // Five steps are more than three: one from either end.
    assert_eq!(
        edges(&server, json!({"startPoint": "a", "endPoint": "e", "stepLimit": 3})),
        ["1_a>2_... 1 120", "2_...>3_e 1 300"]
    );
}

#[test]
fn items_are_cleaned_grouped_and_computed() {
    let page = |who: &str, minute: u32, url: &str| {
        event("$pageview", who, &format!("2026-02-01T10:{minute:02}:00Z"), json!({"$current_url": url}))
    };
    let server = filled(&[
        page("ann", 0, "https://a.io/shop/1/"),
        page("ann", 1, "https://a.io/shop/2?x=1"),
        page("ann", 2, "https://a.io/cart"),
        event("bought", "ann", "2026-02-01T10:03:00Z", json!({"what": "tea"})),
    ]);
    let grouped = json!({"pathGroupings": ["/shop/*"]});
    assert_eq!(edges(&server, grouped), ["1_/shop/*>2_https://a.io/cart 1 60", "2_https://a.io/cart>3_bought 1 60"]);
    let cleaned = json!({"localPathCleaningFilters": [{"regex": "[0-9]+.*", "alias": "<id>"}], "includeEventTypes": ["$pageview"]});
    assert_eq!(edges(&server, cleaned), ["1_https://a.io/shop/<id>>2_https://a.io/cart 1 60"]);
    let custom = json!({"includeEventTypes": ["hogql"], "pathsHogQLExpression": "coalesce(properties.what, event)"});
    assert_eq!(edges(&server, custom), ["1_$pageview>2_tea 1 60"]);
}

#[test]
fn persons_of_an_edge_and_what_is_refused() {
    let server = filled(&visits());
    let who = |filter: Value| {
        let source = json!({
            "kind": "PathsQuery", "pathsFilter": filter, "dateRange": {"date_from": "2026-02-01", "date_to": "2026-02-02"},
        });
        let source = json!({"kind": "InsightActorsQuery", "source": source});
        let body = ask(
            &server,
            json!({"kind": "ActorsQuery", "select": ["actor", "event_count"], "source": source, "orderBy": ["created_at", "event_count"]}),
        );
        let row = |row: &Value| json!([row[0]["distinct_ids"][0], row[1]]);
        let mut rows: Vec<Value> = body["results"].as_array().unwrap().iter().map(row).collect();
        rows.sort_by_key(Value::to_string);
        Value::Array(rows)
    };
    assert_eq!(who(json!({"pathStartKey": "1_a", "pathEndKey": "2_d"})), json!([["ann", 1]]));
    assert_eq!(who(json!({"pathStartKey": "1_a"})), json!([["ann", 2], ["bob", 1]]));
    assert_eq!(who(json!({"pathDropoffKey": "3_c"})), json!([["ann", 1]]));
    let refused = |filter: Value| refusal(&server, json!({"kind": "PathsQuery", "pathsFilter": filter}));
    assert!(refused(json!({"colour": 1})).contains("'colour'"));
    assert!(refused(json!({"stepLimit": 0})).contains("stepLimit"));
    assert!(refused(json!({"includeEventTypes": ["hogql"]})).contains("pathsHogQLExpression"));
    let funnel = json!({"kind": "PathsQuery", "funnelPathsFilter": {"funnelPathType": "funnel_path_after_step"}});
    assert!(refusal(&server, funnel).contains("'funnelPathsFilter'"));
}
