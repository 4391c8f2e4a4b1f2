//! Funnels over HTTP, on dataset D2 of the HogQL specification. Tests are named by its cases; times are worked out by hand.

use serde_json::{Value, json};
use testkit::Server;

use crate::event;
use crate::insights::{ask, filled, refusal};

/// One line for each actor: events with their times on 2026-02-01, perhaps with a plan.
fn events(lines: &[(&str, &str)]) -> Vec<Value> {
    let mut events = Vec::new();
    for (who, line) in lines {
        for step in line.split(", ") {
            let mut words = step.split(' ');
            let (name, time) = (words.next().unwrap(), words.next().unwrap());
            let properties = words.next().map_or_else(|| json!({}), |plan| json!({"plan": plan}));
            events.push(event(name, who, &format!("2026-02-01T{time}:00Z"), properties));
        }
    }
    events
}

pub(crate) fn d2() -> Vec<Value> {
    events(&[
        ("u1", "su 10:00, view 10:10, buy 10:20"),
        ("u2", "su 10:00, view 11:00"),
        ("u3", "view 09:00, su 10:00, buy 10:05, view 10:30"),
        ("u4", "su 10:00, other 10:05, view 10:10, buy 10:15"),
        ("u5", "buy 10:00, view 10:01, su 10:02"),
        ("u6", "su 10:00, cancel 10:03, view 10:05, buy 10:06"),
    ])
}

/// Actors whose events have plans.
fn d3() -> Vec<Value> {
    events(&[
        ("a", "su 10:00 x, view 10:10 y, buy 10:20 y"),
        ("b", "su 10:00 x, view 11:00 x"),
        ("c", "su 10:00, view 11:00 y"),
    ])
}

pub(crate) fn funnel(filter: Value, more: Value) -> Value {
    let step = |name: &str| json!({"kind": "EventsNode", "event": name});
    let mut query = json!({
        "kind": "FunnelsQuery", "series": [step("su"), step("view"), step("buy")], "funnelsFilter": filter,
        "dateRange": {"date_from": "2026-02-01", "date_to": "2026-02-02"},
    });
    query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    query
}

/// `count`, `average_conversion_time` and `median_conversion_time` of each step.
fn steps(server: &Server, filter: Value) -> Value {
    let body = ask(server, funnel(filter, json!({})));
    let step = |step: &Value| json!([step["count"], step["average_conversion_time"], step["median_conversion_time"]]);
    body["results"].as_array().unwrap().iter().map(step).collect()
}

#[test]
fn t100_steps_in_order_within_two_weeks() {
    let server = filled(&d2());
    assert_eq!(steps(&server, json!({})), json!([[6, null, null], [5, 1380, 600], [3, 320, 300]]));
    let body = ask(&server, funnel(json!({}), json!({})));
    let first = &body["results"][0];
    assert_eq!(
        first,
        &json!({
            "action_id": "su", "name": "su", "custom_name": null, "order": 0, "people": [], "count": 6, "type": "events",
            "average_conversion_time": null, "median_conversion_time": null,
        })
    );
}

#[test]
fn t101_the_end_of_the_window_is_inside() {
    let server = filled(&d2());
    let half_hour = json!({"funnelWindowInterval": 30, "funnelWindowIntervalUnit": "minute"});
    assert_eq!(steps(&server, half_hour), json!([[6, null, null], [4, 825, 600], [3, 320, 300]]));
}

#[test]
fn t102_strict_steps_have_nothing_in_between() {
    let server = filled(&d2());
    let strict = json!({"funnelOrderType": "strict"});
    assert_eq!(steps(&server, strict), json!([[6, null, null], [2, 2100, 2100], [1, 600, 600]]));
}

#[test]
fn t103_unordered_steps_come_in_any_order() {
    let server = filled(&d2());
    let unordered = json!({"funnelOrderType": "unordered"});
    assert_eq!(steps(&server, unordered.clone()), json!([[6, null, null], [6, 1460, 600], [5, 264, 300]]));
    let body = ask(&server, funnel(unordered, json!({})));
    assert_eq!(body["results"][1]["name"], "Completed 2 steps");
}

#[test]
fn t104_an_excluded_event_takes_its_actor_out() {
    let server = filled(&d2());
    let exclusion = json!({"kind": "EventsNode", "event": "cancel", "funnelFromStep": 0, "funnelToStep": 1});
    let answer = steps(&server, json!({"exclusions": [exclusion]}));
    assert_eq!(answer, json!([[5, null, null], [4, 1650, 1200], [2, 450, 450]]));
    // Between the second step and the third there is no such event.
    let later = json!({"event": "cancel", "funnelFromStep": 1, "funnelToStep": 2});
    let answer = steps(&server, json!({"exclusions": [later]}));
    assert_eq!(answer, json!([[6, null, null], [5, 1380, 600], [3, 320, 300]]));
}

/// The breakdown value and the counts of each part of a funnel.
fn parts(server: &Server, filter: Value, breakdown: Value) -> Value {
    let body = ask(server, funnel(filter, json!({"breakdownFilter": breakdown})));
    let part = |part: &Value| {
        let counts: Vec<&Value> = part.as_array().unwrap().iter().map(|step| &step["count"]).collect();
        json!([part[0]["breakdown_value"], counts])
    };
    body["results"].as_array().unwrap().iter().map(part).collect()
}

#[test]
fn funnels_by_a_property_count_actors_where_it_is_attributed() {
    let server = filled(&d3());
    let plan = json!({"breakdown": "plan", "breakdown_type": "event"});
    let by = |attribution: Value| parts(&server, attribution, plan.clone());
    assert_eq!(by(json!({})), json!([[["x"], [2, 2, 1]], [["y"], [1, 1, 0]]]));
    let last = json!({"breakdownAttributionType": "last_touch"});
    assert_eq!(by(last), json!([[["y"], [2, 2, 1]], [["x"], [1, 1, 0]]]));
    let every = json!({"breakdownAttributionType": "all_events"});
    assert_eq!(by(every), json!([[["x"], [2, 1, 0]], [[""], [1, 0, 0]]]));
    let second = json!({"breakdownAttributionType": "step", "breakdownAttributionValue": 1});
    assert_eq!(by(second), json!([[["y"], [2, 2, 1]], [["x"], [1, 1, 0]]]));
    let one = json!({"breakdown": "plan", "breakdown_type": "event", "breakdown_limit": 1});
    assert_eq!(parts(&server, json!({}), one), json!([[["x"], [2, 2, 1]], [["Other"], [1, 1, 0]]]));
    let several =
        json!({"breakdowns": [{"property": "plan", "type": "event"}, {"property": "nope", "type": "person"}]});
    assert_eq!(parts(&server, json!({}), several), json!([[["x", ""], [2, 2, 1]], [["y", ""], [1, 1, 0]]]));
}

#[test]
fn funnels_by_cohort_count_the_members_of_each() {
    let server = filled(&d3());
    let who = server.project("persons/?distinct_id=a").results()[0]["uuid"].clone();
    let body = json!({"name": "Ann", "is_static": true, "_create_static_person_ids": [who]});
    let id = server.post("/api/projects/1/cohorts/", &body).json()["id"].clone();
    let cohorts = json!({"breakdown": [id, "all"], "breakdown_type": "cohort"});
    assert_eq!(parts(&server, json!({}), cohorts), json!([[id, [1, 1, 1]], ["all", [3, 3, 1]]]));
}

#[test]
fn a_histogram_shows_how_long_conversions_took() {
    let server = filled(&d2());
    let times = |more: Value| {
        let mut filter = json!({"funnelVizType": "time_to_convert"});
        filter.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask(&server, funnel(filter, json!({})))["results"].clone()
    };
    // 300, 600, 600, 1800 and 3600 s from the first step to the second.
    let first = times(json!({"funnelFromStep": 0, "funnelToStep": 1}));
    assert_eq!(first, json!({"bins": [[300, 4], [1950, 0], [3600, 1]], "average_conversion_time": 1380}));
    // 360, 900 and 1200 s from the first to the last.
    let all = times(json!({"binCount": 4}));
    assert_eq!(
        all,
        json!({"bins": [[360, 1], [570, 0], [780, 1], [990, 0], [1200, 1]], "average_conversion_time": 820})
    );
}

#[test]
fn conversion_over_time_belongs_to_the_day_of_the_first_step() {
    let mut all = d2();
    all.push(event("su", "u1", "2026-02-02T00:00:00Z", json!({})));
    let server = filled(&all);
    let trends = json!({"funnelVizType": "trends"});
    let body = ask(&server, funnel(trends, json!({"interval": "day"})));
    let item = &body["results"][0];
    assert_eq!((&item["data"], &item["count"]), (&json!([50, 0]), &json!(3)));
    assert_eq!(
        (&item["days"], &item["labels"]),
        (&json!(["2026-02-01", "2026-02-02"]), &json!(["1-Feb-2026", "2-Feb-2026"]))
    );
    let first = json!({"funnelVizType": "trends", "funnelToStep": 1});
    assert_eq!(ask(&server, funnel(first, json!({})))["results"][0]["data"], json!([83.33, 0]));
}

#[test]
fn optional_steps_and_other_aggregations() {
    let server = filled(&d2());
    let series = json!([{"event": "su"}, {"event": "view", "optionalInFunnel": true}, {"event": "buy"}]);
    let body = ask(&server, funnel(json!({}), json!({"series": series})));
    let counts: Vec<&Value> = body["results"].as_array().unwrap().iter().map(|step| &step["count"]).collect();
    // u3 buys without a view in between.
    assert_eq!(counts, [6, 4, 4]);
    let by_hour = json!({"funnelAggregateByHogQL": "toHour(timestamp)"});
    // At 10 everything happens, at 9 and 11 only views.
    assert_eq!(steps(&server, by_hour)[0], json!([1, null, null]));
}

#[test]
fn what_a_funnel_does_not_know_is_refused_by_name() {
    let server = filled(&d2());
    let refused = |filter: Value, more: Value| refusal(&server, funnel(filter, more));
    assert!(refused(json!({}), json!({"series": [{"event": "su"}]})).contains("2 to 32 series"));
    let first = json!({"series": [{"event": "su", "math": "first_time_for_user"}, {"event": "view"}]});
    assert!(refused(json!({}), first).contains("'first_time_for_user'"));
    assert!(refused(json!({"funnelVizType": "flow"}), json!({})).contains("flow"));
    assert!(refused(json!({"colour": 1}), json!({})).contains("'colour'"));
    assert!(refused(json!({}), json!({"compareFilter": {"compare": true}})).contains("'compareFilter'"));
    let partial =
        json!({"funnelOrderType": "unordered", "exclusions": [{"event": "x", "funnelFromStep": 0, "funnelToStep": 1}]});
    assert!(refused(partial, json!({})).contains("Partial Exclusions not allowed in unordered funnels"));
    let step = json!({"exclusions": [{"event": "view", "funnelFromStep": 0, "funnelToStep": 1}]});
    assert!(refused(step, json!({})).contains("part of funnel steps"));
    assert!(refused(json!({"binCount": 0}), json!({})).contains("binCount"));
    let cleaned = json!({"breakdownFilter": {"breakdown": "plan", "breakdown_path_cleaning": true}});
    assert!(refused(json!({}), cleaned).contains("breakdown_path_cleaning"));
    let slow = json!({"funnelVizType": "time_to_convert"});
    assert!(refused(slow, json!({"breakdownFilter": {"breakdown": "plan"}})).contains("breakdownFilter"));
}
