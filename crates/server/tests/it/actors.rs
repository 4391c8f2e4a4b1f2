//! Persons and groups behind charts, over HTTP.

use serde_json::{Value, json};
use testkit::Server;

use crate::funnels::{d2, funnel};
use crate::insights::{ask, d1, filled, known_before, refusal};

/// The distinct ids of the persons that `source` describes, one of each.
fn behind(server: &Server, source: Value) -> Vec<String> {
    let body = ask(server, json!({"kind": "ActorsQuery", "select": ["actor"], "source": source}));
    let first = |row: &Value| row[0]["distinct_ids"][0].as_str().unwrap().to_owned();
    let mut ids: Vec<String> = body["results"].as_array().unwrap().iter().map(first).collect();
    ids.sort();
    ids
}

#[test]
fn persons_are_listed_with_their_distinct_ids() {
    let server = filled(&d1());
    let body = ask(&server, json!({"kind": "PersonsQuery", "orderBy": ["created_at"]}));
    assert_eq!(body["columns"], json!(["person", "id", "created_at", "person.$delete"]));
    assert_eq!((&body["hasMore"], &body["limit"], &body["offset"]), (&json!(false), &json!(100), &json!(0)));
    assert_eq!(body["missing_actors_count"], 0);
    let first = &body["results"][0];
    assert_eq!(first[0]["distinct_ids"], json!(["d1", "d1b"]));
    assert_eq!(first[0]["properties"]["email"], "ann@x.com");
    assert_eq!((&first[0]["id"], &first[1]), (&first[1], &first[0]["uuid"]));
    assert_eq!(first[2], "2025-12-01T00:00:00Z");
    assert_eq!(body["results"].as_array().unwrap().len(), 3);
}

#[test]
fn persons_are_searched_filtered_counted_and_paged() {
    let server = filled(&d1());
    let list = |more: Value| {
        let mut query = json!({"kind": "ActorsQuery", "select": ["properties.email"]});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask(&server, query)
    };
    let rows = |more: Value| list(more)["results"].clone();
    assert_eq!(rows(json!({"search": "BOB@"})), json!([["bob@y.org"]]));
    assert_eq!(rows(json!({"search": "d1b"})), json!([["ann@x.com"]]));
    assert_eq!(rows(json!({"search": "%"})), json!([]));
    let free = json!([{"key": "plan", "value": "free", "type": "person", "operator": "exact"}]);
    assert_eq!(rows(json!({"properties": free})), json!([["bob@y.org"]]));
    assert_eq!(rows(json!({"orderBy": ["properties.email DESC"]})), json!([["bob@y.org"], ["ann@x.com"], [null]]));
    let first = list(json!({"orderBy": ["properties.email"], "limit": 2}));
    assert_eq!((&first["results"], &first["hasMore"]), (&json!([["ann@x.com"], ["bob@y.org"]]), &json!(true)));
    let next = list(json!({"orderBy": ["properties.email"], "limit": 2, "offset": 2}));
    assert_eq!((&next["results"], &next["hasMore"]), (&json!([[null]]), &json!(false)));
    let counts = rows(json!({"select": ["properties.plan", "count()"], "orderBy": ["properties.plan"]}));
    assert_eq!(counts, json!([["free", 1], ["pro", 1], [null, 1]]));
}

#[test]
fn persons_behind_a_number_of_a_chart() {
    let server = filled(&d1());
    let point = |series: Value, more: Value, point: Value| {
        let mut source = json!({
            "kind": "TrendsQuery", "series": series, "dateRange": {"date_from": "2026-01-10", "date_to": "2026-01-13"},
        });
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut query = json!({"kind": "InsightActorsQuery", "source": source});
        query.as_object_mut().unwrap().extend(point.as_object().unwrap().clone());
        query
    };
    let none = || json!({});
    let at = |series: Value, day: &str| behind(&server, point(series, none(), json!({"day": day})));
    assert_eq!(at(json!([{"event": "$pageview"}]), "2026-01-10"), ["d1", "d2"]);
    assert_eq!(at(json!([{"event": "$pageview"}]), "2026-01-13"), ["d3"]);
    assert_eq!(at(json!([{"math": "weekly_active"}]), "2026-01-13"), ["d1", "d2", "d3"]);
    assert_eq!(at(json!([{"event": "$pageview", "math": "first_time_for_user"}]), "2026-01-11"), [""; 0]);
    assert_eq!(at(json!([{"event": "$pageview", "math": "first_time_for_user"}]), "2026-01-10"), ["d1", "d2"]);
    let browsers = json!({"breakdownFilter": {"breakdown": "$browser", "breakdown_type": "event"}});
    let firefox = json!({"day": "2026-01-10", "breakdown": "Firefox"});
    assert_eq!(behind(&server, point(json!([{"event": "$pageview"}]), browsers, firefox)), ["d2"]);
    let previous = json!({"day": "2026-01-06", "compare": "previous"});
    let compared =
        json!({"compareFilter": {"compare": true}, "dateRange": {"date_from": "2026-01-14", "date_to": "2026-01-17"}});
    assert_eq!(
        behind(&server, point(json!([{}]), compared.clone(), json!({"day": "2026-01-13", "compare": "previous"}))),
        ["d3"]
    );
    let wrong = point(json!([{}]), compared, previous);
    assert!(refusal(&server, json!({"kind": "ActorsQuery", "source": wrong})).contains("2026-01-06"));
    let second = json!({"day": "2026-01-12", "series": 1});
    assert_eq!(behind(&server, point(json!([{"event": "$pageview"}, {"event": "purchase"}]), none(), second)), ["d2"]);
    let source = point(json!([{"event": "$pageview"}]), none(), json!({"day": "2026-01-10"}));
    let counted = json!({"kind": "ActorsQuery", "select": ["event_count", "properties.plan"], "source": source, "orderBy": ["event_count DESC"]});
    assert_eq!(ask(&server, counted)["results"], json!([[2, "pro"], [1, "free"]]));
}

#[test]
fn groups_behind_a_number_of_a_chart() {
    let server = filled(&d1());
    let set = |key: &str| {
        let body = json!({"group_type_index": 0, "group_key": key, "group_properties": {"tier": key}});
        let made = server.post("/api/projects/1/groups/", &body);
        assert!(made.status < 300, "{}", made.body);
    };
    set("acme");
    let trends = json!({
        "kind": "TrendsQuery", "dateRange": {"date_from": "2026-01-10", "date_to": "2026-01-13"},
        "series": [{"math": "unique_group", "math_group_type_index": 0}],
    });
    let on = |day: &str| {
        let source = json!({"kind": "InsightActorsQuery", "source": trends, "day": day});
        ask(&server, json!({"kind": "ActorsQuery", "select": ["group", "properties.tier"], "source": source}))
    };
    let acme = on("2026-01-10");
    assert_eq!((&acme["results"][0][0]["group_key"], &acme["results"][0][1]), (&json!("acme"), &json!("acme")));
    assert_eq!(acme["missing_actors_count"], 0);
    // Events name beta; nobody has made it.
    let beta = on("2026-01-12");
    assert_eq!((&beta["results"], &beta["missing_actors_count"]), (&json!([]), &json!(1)));
}

#[test]
fn persons_of_a_lifecycle_of_stickiness_and_of_retention() {
    let server = filled(&known_before());
    let chart = |kind: &str, more: Value| {
        let mut source =
            json!({"kind": kind, "series": [{}], "dateRange": {"date_from": "2026-01-10", "date_to": "2026-01-13"}});
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        source
    };
    let status = |day: &str, status: &str| {
        let source = chart("LifecycleQuery", json!({}));
        behind(&server, json!({"kind": "InsightActorsQuery", "source": source, "day": day, "status": status}))
    };
    assert_eq!(status("2026-01-10", "new"), ["d2"]);
    assert_eq!(status("2026-01-10", "resurrecting"), ["d1"]);
    assert_eq!(status("2026-01-11", "returning"), ["d1", "d2"]);
    assert_eq!(status("2026-01-13", "resurrecting"), ["d3"]);
    assert_eq!(status("2026-01-12", "dormant"), ["d1"]);
    let days = |count: u32, more: Value| {
        let source = chart("StickinessQuery", more);
        behind(&server, json!({"kind": "InsightActorsQuery", "source": source, "day": count}))
    };
    assert_eq!(days(2, json!({})), ["d1"]);
    assert_eq!(days(2, json!({"stickinessFilter": {"computedAs": "cumulative"}})), ["d1", "d2"]);
    let all = json!({"id": null, "type": "events"});
    let retention = json!({
        "kind": "RetentionQuery", "dateRange": {"date_to": "2026-01-13"},
        "retentionFilter": {"totalIntervals": 4, "period": "Day", "targetEntity": all, "returningEntity": all},
    });
    let cohort = |at: u32| behind(&server, json!({"kind": "InsightActorsQuery", "source": retention, "interval": at}));
    assert_eq!((cohort(2), cohort(3)), (vec!["d2".to_owned()], vec!["d3".to_owned()]));
}

#[test]
fn persons_of_the_steps_of_a_funnel() {
    let server = filled(&d2());
    let step = |step: i64| {
        let source = funnel(json!({}), json!({}));
        behind(&server, json!({"kind": "FunnelsActorsQuery", "source": source, "funnelStep": step}))
    };
    assert_eq!(step(1), ["u1", "u2", "u3", "u4", "u5", "u6"]);
    assert_eq!(step(3), ["u1", "u4", "u6"]);
    assert_eq!(step(-2), ["u5"]);
    assert_eq!(step(-3), ["u2", "u3"]);
    let trends = |drop_off: bool| {
        let source = funnel(json!({"funnelVizType": "trends"}), json!({}));
        let query = json!({
            "kind": "FunnelsActorsQuery", "source": source, "funnelTrendsDropOff": drop_off,
            "funnelTrendsEntrancePeriodStart": "2026-02-01",
        });
        behind(&server, query)
    };
    assert_eq!(trends(false), ["u1", "u4", "u6"]);
    assert_eq!(trends(true), ["u2", "u3", "u5"]);
    let none = json!({"kind": "FunnelsActorsQuery", "source": funnel(json!({}), json!({})), "funnelStep": 4});
    assert!(refusal(&server, json!({"kind": "ActorsQuery", "source": none})).contains("funnelStep 4"));
    let other =
        json!({"kind": "FunnelsActorsQuery", "source": funnel(json!({}), json!({})), "funnelStepBreakdown": ["Other"]});
    assert!(refusal(&server, json!({"kind": "ActorsQuery", "source": other})).contains("'Other'"));
}

#[test]
fn a_source_may_be_hogql_and_others_are_refused_by_name() {
    let server = filled(&d1());
    let buyers =
        json!({"kind": "HogQLQuery", "query": "select distinct person_id from events where event = 'purchase'"});
    assert_eq!(behind(&server, buyers), ["d1", "d2"]);
    let refused = |source: Value| refusal(&server, json!({"kind": "ActorsQuery", "source": source}));
    assert!(refused(json!({"kind": "SessionsTimelineQuery"})).contains("'SessionsTimelineQuery'"));
    assert!(refused(json!({"kind": "HogQLQuery", "query": "select event from events"})).contains("actor_id"));
    assert!(refusal(&server, json!({"kind": "ActorsQuery", "colour": 1})).contains("'colour'"));
    let recordings = json!({"kind": "InsightActorsQuery", "source": {"kind": "TrendsQuery", "series": [{}]}, "includeRecordings": true});
    assert!(refused(recordings).contains("'includeRecordings'"));
}

#[test]
fn a_page_as_lines_has_as_many_rows_as_its_limit() {
    let server = filled(&d1());
    let authorization = format!("Bearer {}", testkit::KEY);
    let lines = |query: Value| {
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
            ("Accept", "application/x-ndjson"),
        ];
        let body = json!({"query": query}).to_string();
        server.send("POST", "/api/projects/1/query/", &headers, body.as_bytes()).body
    };
    let actors =
        json!({"kind": "ActorsQuery", "select": ["properties.plan"], "orderBy": ["properties.plan"], "limit": 1});
    assert_eq!(lines(actors), "{\"plan\":\"free\"}\n");
    let events = json!({"kind": "EventsQuery", "select": ["event"], "after": "all", "limit": 2, "orderBy": ["event"]});
    assert_eq!(lines(events), "{\"event\":\"$create_alias\"}\n{\"event\":\"$pageview\"}\n");
}
