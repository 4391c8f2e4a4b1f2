//! The list in HogQL: `select` and `where`.

use serde_json::{Value, json};
use testkit::{Server, encode};

use crate::{event, server};

fn filled() -> Server {
    let server = server();
    let of = |name: &str, key: &str, minute: u32| {
        event(name, &format!("d{minute}"), &format!("2026-01-01T11:{minute:02}:00Z"), json!({"key": key}))
    };
    server.ingest(&[
        of("sign up", "test_val1", 1),
        of("sign out", "test_val2", 2),
        of("sign out", "test_val2", 3),
        of("sign out", "test_val3", 4),
    ]);
    server
}

fn ask(server: &Server, parameters: &[(&str, &str)]) -> testkit::Answer {
    let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    server.project(&format!("events/?{}", query.join("&")))
}

fn selected(server: &Server, parameters: &[(&str, &str)]) -> Value {
    let answer = ask(server, parameters);
    assert_eq!(answer.status, 200, "{parameters:?}: {}", answer.body);
    answer.json()
}

#[test]
fn s1_columns_are_expressions() {
    let server = filled();
    let select = r#"["properties.key","event","distinct_id","concat(event, ' ', properties.key)"]"#;
    let answer = selected(&server, &[("select", select)]);
    assert_eq!(answer["columns"], serde_json::from_str::<Value>(select).unwrap());
    let rows = json!([
        ["test_val1", "sign up", "d1", "sign up test_val1"],
        ["test_val2", "sign out", "d2", "sign out test_val2"],
        ["test_val2", "sign out", "d3", "sign out test_val2"],
        ["test_val3", "sign out", "d4", "sign out test_val3"],
    ]);
    let mut results = answer["results"].as_array().unwrap().clone();
    results.sort_by_key(ToString::to_string);
    assert_eq!(json!(results), rows);
    assert_eq!(answer["results"][0][0], json!("test_val1"));
    assert_eq!((&answer["hasMore"], &answer["next"]), (&json!(false), &Value::Null));
    assert_eq!((&answer["limit"], &answer["offset"]), (&json!(100), &json!(0)));
    assert_eq!(answer["types"], json!(["Nullable(String)", "String", "String", "String"]));
}

#[test]
fn s2_aggregates_group_by_the_other_columns() {
    let answer = selected(&filled(), &[("select", r#"["count()","event"]"#)]);
    assert_eq!(answer["results"], json!([[3, "sign out"], [1, "sign up"]]));
    assert_eq!(answer["types"], json!(["UInt64", "String"]));
}

#[test]
fn s3_conditions_and_order_are_expressions() {
    let answer = selected(
        &filled(),
        &[
            ("select", r#"["count()","event"]"#),
            ("where", r#"["event == 'sign up' or like(properties.key, '%val2')"]"#),
            ("orderBy", r#"["count() DESC","event"]"#),
        ],
    );
    assert_eq!(answer["results"], json!([[2, "sign out"], [1, "sign up"]]));
}

#[test]
fn s4_conditions_on_aggregates_come_after_grouping() {
    let answer = selected(&filled(), &[("select", r#"["properties.key","count()"]"#), ("where", r#"["count() > 1"]"#)]);
    assert_eq!(answer["results"], json!([["test_val2", 2]]));
}

#[test]
fn s5_where_needs_select() {
    let refused = ask(&filled(), &[("where", r#"["1 = 1"]"#)]);
    assert_eq!((refused.status, &refused.json()["detail"]), (400, &json!("Cannot use 'where' without 'select'")));
}

#[test]
fn selected_columns_obey_the_other_parameters() {
    let server = filled();
    let count = |more: &[(&str, &str)]| {
        let mut parameters = vec![("select", r#"["count()"]"#)];
        parameters.extend_from_slice(more);
        selected(&server, &parameters)["results"][0][0].as_u64().unwrap()
    };
    let filter = r#"[{"key":"key","operator":"icontains","value":"VAL2"}]"#;
    for (name, value, expected) in [
        ("event", "sign up", 1),
        ("distinct_id", "d2", 1),
        ("distinct_id", "it's", 0),
        ("properties", filter, 2),
        ("after", "2026-01-01T11:02:00Z", 2),
        ("after", "all", 4),
        ("before", "2026-01-01T11:02:00Z", 1),
        ("action_id", "987654", 0),
        ("person_id", "5555555555", 0),
    ] {
        assert_eq!(count(&[(name, value)]), expected, "{name}={value}");
    }
    // Unlike whole events, columns are of the last day unless the request says otherwise.
    server.ingest(&[event("old", "d1", "2025-06-01T00:00:00Z", json!({}))]);
    assert_eq!((count(&[]), count(&[("after", "all")])), (4, 5));
    assert_eq!(count(&[("person_id", "1"), ("after", "all")]), 2);
}

#[test]
fn selected_rows_are_paged_by_offset() {
    let server = filled();
    let mut path =
        format!("/api/projects/1/events/?select={}&limit=3&orderBy=-timestamp", encode(r#"["distinct_id"]"#));
    let mut rows = Vec::new();
    loop {
        let page = server.get(&path).json();
        rows.extend(page["results"].as_array().unwrap().clone());
        assert_eq!(page["hasMore"], json!(page["next"].is_string()));
        let Some(next) = page["next"].as_str().map(str::to_owned) else { break };
        path = next;
    }
    assert_eq!(json!(rows), json!([["d4"], ["d3"], ["d2"], ["d1"]]));
}

#[test]
fn whole_events_and_persons_are_objects() {
    let server = server();
    let elements = json!([{"tag_name": "a", "$el_text": "x"}]);
    server.ingest(&[event(
        "$autocapture",
        "d1",
        "2026-01-01T11:00:00Z",
        json!({"k": 1, "$elements": elements, "$set": {"email": "a@b.c"}}),
    )]);
    let answer = selected(&server, &[("select", r#"["*","person","event -- its name"]"#)]);
    let row = &answer["results"][0];
    assert_eq!((&row[0]["event"], &row[0]["properties"]["k"]), (&json!("$autocapture"), &json!(1)));
    assert_eq!(row[0]["elements"][0]["tag_name"], json!("a"));
    assert_eq!((&row[1]["distinct_id"], &row[1]["properties"]["email"]), (&json!("d1"), &json!("a@b.c")));
    assert_eq!((&row[2], &answer["columns"][2]), (&json!("$autocapture"), &json!("event -- its name")));
    assert_eq!(selected(&server, &[("select", "[]")])["columns"], json!(["*"]));
}

#[test]
fn selected_rows_come_as_csv_too() {
    let answer = ask(&filled(), &[("select", r#"["event","count()"]"#), ("format", "csv")]);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(answer.body, "event,count()\r\nsign out,3\r\nsign up,1\r\n");
}

#[test]
fn what_is_no_hogql_is_refused() {
    let server = filled();
    for parameters in [
        [("select", "event"), ("limit", "1")],
        [("select", "[1]"), ("limit", "1")],
        [("select", r#"["event"]"#), ("where", "{}")],
        [("select", r#"["nonsense"]"#), ("limit", "1")],
        [("select", r#"["event +"]"#), ("limit", "1")],
        [("select", r#"["event"]"#), ("orderBy", r#"["nonsense"]"#)],
        [("select", r#"["event"]"#), ("limit", "x")],
    ] {
        let refused = ask(&server, &parameters);
        assert_eq!((refused.status, &refused.json()["type"]), (400, &json!("validation_error")), "{parameters:?}");
    }
}
