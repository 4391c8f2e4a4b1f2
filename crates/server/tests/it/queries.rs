//! `POST /query/`: HogQL and `EventsQuery` over HTTP, against events that were captured a moment ago.

use serde_json::{Value, json};
use testkit::Server;

use crate::{event, server};

const TEN: &str = "2026-01-01T10:00:00Z";
const ELEVEN: &str = "2026-01-01T11:00:00Z";

fn ask(server: &Server, query: Value) -> (u16, Value) {
    let answer = server.post("/api/projects/@current/query/", &json!({"query": query}));
    (answer.status, answer.json())
}

fn hogql(server: &Server, text: &str) -> Value {
    let (status, body) = ask(server, json!({"kind": "HogQLQuery", "query": text}));
    assert_eq!(status, 200, "{text}: {body}");
    body["results"].clone()
}

fn filled() -> Server {
    let server = server();
    server.ingest(&[
        event("$pageview", "d1", TEN, json!({"$browser": "Chrome", "price": 10, "$set": {"plan": "pro"}})),
        event("$pageview", "d1", ELEVEN, json!({"$browser": "Firefox", "price": "20.5"})),
        event("purchase", "d2", ELEVEN, json!({"price": 30, "tags": ["x", "y"]})),
    ]);
    server
}

#[test]
fn events_are_counted_grouped_and_joined_with_persons() {
    let server = filled();
    assert_eq!(hogql(&server, "select count() from events"), json!([[3]]));
    assert_eq!(
        hogql(
            &server,
            "select event, count() as c, count(distinct person_id) from events group by event order by c desc"
        ),
        json!([["$pageview", 2, 1], ["purchase", 1, 1]])
    );
    assert_eq!(
        hogql(&server, "select person.properties.plan as p, count() from events group by p order by p"),
        json!([["pro", 2], [null, 1]])
    );
    assert_eq!(hogql(&server, "select count(), countIf(properties.plan = 'pro') from persons"), json!([[2, 1]]));
    assert_eq!(
        hogql(&server, "select distinct_id from person_distinct_ids order by distinct_id"),
        json!([["d1"], ["d2"]])
    );
    assert_eq!(
        hogql(
            &server,
            "select x from events array join JSONExtract(properties, 'tags', 'Array(String)') as x order by x"
        ),
        json!([["x"], ["y"]])
    );
}

#[test]
fn an_answer_names_its_columns_types_and_limits() {
    let server = filled();
    let (_, body) =
        ask(&server, json!({"kind": "HogQLQuery", "query": "select event, timestamp from events order by timestamp"}));
    assert_eq!(body["columns"], json!(["event", "timestamp"]));
    assert_eq!(body["types"], json!([["event", "String"], ["timestamp", "DateTime64(6, 'UTC')"]]));
    assert_eq!((&body["hasMore"], &body["limit"], &body["offset"]), (&json!(false), &json!(100), &json!(0)));
    assert_eq!(body["results"][0], json!(["$pageview", "2026-01-01T10:00:00Z"]));
    let (_, body) = ask(&server, json!({"kind": "HogQLQuery", "query": "select {a}", "values": {"a": 7}}));
    assert_eq!(body["results"], json!([[7]]));
}

#[test]
fn t72_what_cannot_be_run_is_refused_with_a_reason() {
    let server = filled();
    for (text, reason) in [
        ("select foo from events", "Unable to resolve field: foo"),
        ("select 1 from nope", "nope"),
        ("select coun(1)", "count"),
        ("select lower('a','b')", "expects 1 argument, found 2"),
        ("insert into events values (1)", ""),
        ("select event from events final", "FINAL"),
        ("select", ""),
    ] {
        let (status, body) = ask(&server, json!({"kind": "HogQLQuery", "query": text}));
        assert_eq!((status, body["type"].as_str()), (400, Some("validation_error")), "{text}: {body}");
        assert!(body["detail"].as_str().unwrap().contains(reason), "{text}: {body}");
    }
    let (status, _) = ask(&server, json!({"kind": "NoSuchQuery"}));
    assert_eq!(status, 400);
}

#[test]
fn t77_offset_is_refused_for_keys() {
    let server = filled();
    let (status, body) =
        ask(&server, json!({"kind": "HogQLQuery", "query": "select event from events limit 1 offset 1"}));
    assert_eq!(status, 400);
    assert!(body["detail"].as_str().unwrap().contains("timestamp"), "{body}");
}

#[test]
fn an_events_query_lists_whole_events_and_counts() {
    let server = filled();
    let (status, body) =
        ask(&server, json!({"kind": "EventsQuery", "select": ["*"], "event": "purchase", "after": "all"}));
    assert_eq!(status, 200, "{body}");
    let event = &body["results"][0][0];
    assert_eq!((&event["event"], &event["distinct_id"]), (&json!("purchase"), &json!("d2")));
    assert_eq!(event["properties"]["price"], json!(30));
    let counts = json!({"kind": "EventsQuery", "select": ["event", "count()"], "after": "all"});
    let (_, body) = ask(&server, counts);
    assert_eq!(body["results"], json!([["$pageview", 2], ["purchase", 1]]));
}

#[test]
fn rows_come_as_csv_and_as_lines() {
    let server = filled();
    let body = json!({"query": {"kind": "HogQLQuery", "query": "select event, count() as c from events group by event order by c"}});
    let authorization = format!("Bearer {}", testkit::KEY);
    let fetch = |accept: &str| {
        let headers =
            [("Authorization", authorization.as_str()), ("Content-Type", "application/json"), ("Accept", accept)];
        server.send("POST", "/api/projects/@current/query/", &headers, body.to_string().as_bytes()).body
    };
    assert_eq!(fetch("text/csv"), "event,c\r\npurchase,1\r\n$pageview,2\r\n");
    assert_eq!(fetch("application/x-ndjson"), "{\"event\":\"purchase\",\"c\":1}\n{\"event\":\"$pageview\",\"c\":2}\n");
}

#[test]
fn t89_trends_count_events_by_day() {
    let server = filled();
    let query = json!({
        "kind": "TrendsQuery",
        "series": [{"kind": "EventsNode", "event": "$pageview"}],
        "dateRange": {"date_from": "2025-12-31", "date_to": "2026-01-01"},
        "interval": "day",
    });
    let (status, body) = ask(&server, query.clone());
    assert_eq!(status, 200, "{body}");
    let series = &body["results"][0];
    assert_eq!(series["data"], json!([0, 2]), "{body}");
    assert_eq!((&series["days"], &series["label"]), (&json!(["2025-12-31", "2026-01-01"]), &json!("$pageview")));
    let (_, wrapped) = ask(&server, json!({"kind": "InsightVizNode", "source": query}));
    assert_eq!(wrapped["results"], body["results"]);
}
