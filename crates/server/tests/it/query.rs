//! The query endpoint. Tests are named by the cases of the HogQL specification where there is one.

use serde_json::{Value, json};
use testkit::Server;

use crate::event;

/// A server of January 2026 with the events of dataset D1, as far as capture can make them.
fn d1() -> Server {
    let server = Server::at(crate::BINARY, "2026-01-19T12:00:00Z");
    let person = |who: &str| match who {
        "d1" => json!({"email": "ann@x.com", "plan": "pro", "age": 31}),
        "d2" => json!({"email": "bob@y.org", "plan": "free"}),
        _ => json!({}),
    };
    let row = |name: &str, who: &str, at: &str, properties: Value| {
        let mut all = properties;
        all["$set"] = person(who);
        event(name, who, at, all)
    };
    let browser = |name: &str, price: Value| json!({"$browser": name, "price": price});
    server.ingest(&[
        row("$pageview", "d1", "2026-01-10T09:00:00Z", browser("Chrome", json!(10))),
        row("$pageview", "d1", "2026-01-10T09:05:00Z", browser("Chrome", json!(20.5))),
        row("purchase", "d1", "2026-01-10T09:10:00Z", browser("Chrome", json!(30))),
        row("$pageview", "d2", "2026-01-10T23:30:00Z", browser("Firefox", Value::Null)),
        row("signup", "d2", "2026-01-11T00:15:00Z", json!({"$browser": "Firefox"})),
        row("$pageview", "d1", "2026-01-11T12:00:00Z", browser("Safari", json!(-5))),
        row("purchase", "d2", "2026-01-12T10:00:00Z", browser("null", json!(100))),
        row("$pageview", "d3", "2026-01-13T10:00:00Z", json!({})),
        row("signup", "d3", "2026-01-13T10:00:00Z", browser("", json!(0))),
        row("$pageview", "d1", "2026-01-19T10:00:00Z", browser("Chrome", json!(7))),
    ]);
    server
}

fn ask(server: &Server, query: Value) -> Value {
    let answer = server.post("/api/projects/1/query/", &json!({"query": query}));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn hogql(server: &Server, text: &str) -> Value {
    ask(server, json!({"kind": "HogQLQuery", "query": text}))
}

fn rows(server: &Server, text: &str) -> Value {
    hogql(server, text)["results"].clone()
}

fn refusal(server: &Server, body: Value) -> String {
    let answer = server.post("/api/projects/1/query/", &body);
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(answer.json()["type"], "validation_error");
    answer.json()["detail"].as_str().unwrap().to_owned()
}

#[test]
fn t26_groups_come_with_their_types_and_columns() {
    let server = d1();
    let answer = hogql(&server, "select event, count() as c from events group by event order by c desc, event");
    assert_eq!(answer["results"], json!([["$pageview", 6], ["purchase", 2], ["signup", 2]]));
    assert_eq!(answer["columns"], json!(["event", "c"]));
    assert_eq!(answer["types"], json!([["event", "String"], ["c", "UInt64"]]));
    assert_eq!(answer["timezone"], "UTC");
    assert!(answer["clickhouse"].as_str().unwrap().contains("TallyScan"), "{answer}");
}

#[test]
fn t28_persons_are_read_as_of_the_event_and_as_a_table() {
    let server = d1();
    let text = "select person.properties.email as e, count() from events group by e order by count() desc, e";
    assert_eq!(rows(&server, text), json!([["ann@x.com", 5], ["bob@y.org", 3], [null, 2]]));
    let text = "select properties.email, pdi.distinct_id from persons order by pdi.distinct_id";
    assert_eq!(rows(&server, text), json!([["ann@x.com", "d1"], ["bob@y.org", "d2"], [null, "d3"]]));
}

#[test]
fn t33_a_cohort_is_a_set_of_persons() {
    let server = d1();
    let ann = server.project("persons/?distinct_id=d1").results()[0]["uuid"].clone();
    let body = json!({"name": "Pros", "is_static": true, "_create_static_person_ids": [ann]});
    let cohort = server.post("/api/projects/1/cohorts/", &body);
    assert_eq!(cohort.status, 201, "{}", cohort.body);
    let id = cohort.json()["id"].clone();
    assert_eq!(rows(&server, &format!("select count() from events where person_id in cohort {id}")), json!([[5]]));
    assert_eq!(rows(&server, "select count() from events where person_id not in cohort 'Pros'"), json!([[5]]));
}

#[test]
fn t73_t74_a_page_of_a_hundred_unless_the_query_has_a_limit() {
    let server = Server::at(crate::BINARY, "2026-01-19T12:00:00Z");
    let events: Vec<Value> = (0..150)
        .map(|n| event("e", "d", &format!("2026-01-18T10:{:02}:{:02}Z", n / 60, n % 60), json!({"n": n})))
        .collect();
    server.ingest(&events);
    let page = hogql(&server, "select event from events");
    assert_eq!(page["results"].as_array().unwrap().len(), 100);
    assert_eq!((&page["hasMore"], &page["limit"], &page["offset"]), (&json!(true), &json!(100), &json!(0)));
    assert!(page["hogql"].as_str().unwrap().contains("LIMIT 101"), "{}", page["hogql"]);
    let own = hogql(&server, "select event from events limit 120");
    assert_eq!(own["results"].as_array().unwrap().len(), 120);
    assert_eq!((&own["hasMore"], &own["limit"], &own["offset"]), (&Value::Null, &Value::Null, &Value::Null));
}

#[test]
fn t75_no_more_than_fifty_thousand_rows_at_once() {
    let server = d1();
    let answer = rows(&server, "select number from numbers(60000) limit 60000");
    assert_eq!(answer.as_array().unwrap().len(), 50_000);
}

#[test]
fn t76_each_branch_of_a_set_has_a_page_of_its_own() {
    let server = d1();
    let text = "select number from numbers(150) union all select number from numbers(150)";
    assert_eq!(rows(&server, text).as_array().unwrap().len(), 200);
}

#[test]
fn t71_t72_t77_t78_what_cannot_be_run_is_refused_with_a_reason() {
    let server = d1();
    let detail = |text: &str| refusal(&server, json!({"query": {"kind": "HogQLQuery", "query": text}}));
    assert!(detail("select event from events final").contains("FINAL"));
    detail("select event from events settings max_threads = 1");
    detail("insert into events values (1)");
    assert!(detail("select foo from events").contains("Unable to resolve field: foo"));
    detail("select 1 from nope");
    assert!(detail("select coun(1)").contains("count"));
    assert!(detail("select lower('a','b')").contains("Function 'lower' expects 1 argument, found 2"));
    assert!(detail("select event from events limit 1 offset 1").contains("timestamp"));
    let query = json!({"kind": "HogQLQuery", "query": "select {a}, {b}", "values": {"a": 1}});
    assert!(refusal(&server, json!({"query": query})).contains('b'));
    assert!(refusal(&server, json!({"query": {"kind": "NoQuery"}})).contains("Unsupported query kind: NoQuery"));
    assert!(detail("select intDiv(1, number) from numbers(2)").contains("division by zero"));
}

#[test]
fn t79_t80_filters_stand_where_the_query_says() {
    let server = d1();
    let filters = json!({"dateRange": {"date_from": "2026-01-11", "date_to": "2026-01-13"}});
    let query =
        json!({"kind": "HogQLQuery", "query": "select count() from events where {filters}", "filters": filters});
    assert_eq!(ask(&server, query)["results"], json!([[3]]));
    assert_eq!(rows(&server, "select count() from events where timestamp > {filters.dateRange.from}"), json!([[10]]));
}

#[test]
fn t81_t82_a_question_in_the_background_is_asked_about_by_its_id() {
    let server = d1();
    let query = json!({"kind": "HogQLQuery", "query": "select count() from events"});
    let body = json!({"query": query, "refresh": "async", "client_query_id": "q1"});
    let started = server.post("/api/projects/1/query/", &body);
    assert_eq!(started.status, 202, "{}", started.body);
    assert_eq!(started.json()["query_status"]["id"], "q1");
    let mut done = Value::Null;
    server.wait_until("the question is answered", || {
        let status = server.get("/api/projects/1/query/q1/");
        if status.status == 200 {
            done = status.json();
            return true;
        }
        assert_eq!(status.status, 202, "{}", status.body);
        false
    });
    assert_eq!(done["query_status"]["complete"], true);
    assert_eq!(done["query_status"]["results"]["results"], json!([[10]]));
    assert_eq!(server.get("/api/projects/1/query/nope/").status, 404);
    assert_eq!(server.delete("/api/projects/1/query/q1/").status, 200);
    assert_eq!(server.get("/api/projects/1/query/q1/").status, 404);
}

#[test]
fn t83_to_t88_lists_of_events_described_by_fields() {
    let server = d1();
    let events = |mut query: Value| {
        query["kind"] = json!("EventsQuery");
        ask(&server, query)
    };
    let one = events(json!({"select": ["*"], "after": "2026-01-12", "before": "2026-01-13"}));
    let row = &one["results"][0][0];
    assert_eq!(one["results"].as_array().unwrap().len(), 1, "{one}");
    assert_eq!(row["event"], "purchase");
    assert_eq!(row["properties"]["price"], 100);
    for key in ["uuid", "timestamp", "team_id", "distinct_id", "elements_chain", "created_at", "person_mode"] {
        assert!(row.get(key).is_some(), "{row} has no {key}");
    }
    let counts = events(json!({"select": ["event", "count()"], "after": "all", "before": "2027-01-01"}));
    assert_eq!(counts["results"][0], json!(["$pageview", 6]));
    assert_eq!(counts["results"].as_array().unwrap().len(), 3);
    let dear =
        events(json!({"select": ["event", "timestamp"], "where": ["toFloat(properties.price) > 10"], "after": "all"}));
    let times: Vec<&str> = dear["results"].as_array().unwrap().iter().map(|row| row[1].as_str().unwrap()).collect();
    assert_eq!(times, ["2026-01-12T10:00:00Z", "2026-01-10T09:10:00Z", "2026-01-10T09:05:00Z"]);
    let many = events(json!({"select": ["event", "count()"], "where": ["count() > 2"], "after": "all"}));
    assert_eq!(many["results"], json!([["$pageview", 6]]));
    let who = events(json!({"select": ["person"], "after": "2026-01-19", "before": "2026-01-20"}));
    let person = &who["results"][0][0];
    assert_eq!((&person["distinct_id"], &person["properties"]["email"]), (&json!("d1"), &json!("ann@x.com")));
    assert!(person["uuid"].as_str().is_some(), "{who}");
    let late = Server::at(crate::BINARY, "2026-03-01T12:00:00Z");
    late.ingest(&[event("old", "d", "2026-02-01T00:00:00Z", json!({}))]);
    assert_eq!(ask(&late, json!({"kind": "EventsQuery", "select": ["*"]}))["results"], json!([]));
}

#[test]
fn a_wrapper_runs_its_source() {
    let server = d1();
    let source = json!({"kind": "HogQLQuery", "query": "select 1"});
    assert_eq!(ask(&server, json!({"kind": "DataVisualizationNode", "source": source}))["results"], json!([[1]]));
}

#[test]
fn a_project_reads_nothing_of_another() {
    let server = d1();
    let made = server.post("/api/projects/", &json!({"name": "other"}));
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["id"].clone();
    for text in ["select count() from events", "select count() from persons", "select count() from person_distinct_ids"]
    {
        let body = json!({"query": {"kind": "HogQLQuery", "query": text}});
        let answer = server.post(&format!("/api/projects/{id}/query/"), &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["results"], json!([[0]]), "{text}");
    }
}
