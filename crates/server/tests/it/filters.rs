//! Filters of lists.

use serde_json::{Value, json};
use testkit::{Server, encode};

use crate::{event, fields, server};

const NOON: &str = "2026-01-01T11:00:00Z";

/// A server with one event per element of `properties`, named `0`, `1`, ….
fn with_properties(properties: &[Value]) -> Server {
    let server = server();
    let events: Vec<Value> = properties
        .iter()
        .enumerate()
        .map(|(at, p)| event(&at.to_string(), &format!("d{at}"), NOON, p.clone()))
        .collect();
    server.ingest(&events);
    server
}

/// Names of the events that pass `filter`, sorted.
fn matching(server: &Server, filter: &Value) -> String {
    let answer = server.project(&format!("events/?properties={}", encode(&filter.to_string())));
    let mut names: Vec<String> = fields(&answer.results(), "event").into_iter().map(str::to_owned).collect();
    names.sort();
    names.join(" ")
}

fn leaf(operator: &str, value: Value) -> Value {
    json!([{"key": "a", "operator": operator, "value": value}])
}

#[test]
fn c1_event_names_are_exact() {
    let server = server();
    server.ingest(&[event("event_name", "1", NOON, json!({})), event("other", "1", NOON, json!({}))]);
    for (query, count) in
        [("event=event_name", 1), ("event=EVENT_NAME", 0), ("event=", 2), ("distinct_id=", 0), ("distinct_id=1", 2)]
    {
        assert_eq!(server.project(&format!("events/?{query}")).results().len(), count, "{query}");
    }
}

#[test]
fn c2_person_id_means_all_of_a_persons_distinct_ids() {
    let server = server();
    server.ingest(&[
        event("a", "2", NOON, json!({})),
        event("$identify", "some-random-uid", NOON, json!({"$anon_distinct_id": "2"})),
        event("b", "some-other-one", NOON, json!({})),
    ]);
    let person = &server.project("persons/?distinct_id=2").results()[0];
    let uuid = person["uuid"].as_str().unwrap();
    assert_eq!(server.project(&format!("events/?person_id={uuid}")).results().len(), 2);
    // Integer ids count from one in the order persons appear.
    assert_eq!(server.project("events/?person_id=1").results().len(), 2);
    for unknown in ["5555555555", "99999999999999999999", "00000000-0000-0000-0000-000000000001"] {
        assert_eq!(server.project(&format!("events/?person_id={unknown}")).results().len(), 0, "{unknown}");
    }
    assert_eq!(server.project("events/?person_id=tom").status, 400);
}

#[test]
fn c3_projects_do_not_see_each_other() {
    let server = server();
    let other = server.post("/api/projects/", &json!({"name": "Other"})).json();
    server.ingest(&[event("mine", "1", NOON, json!({}))]);
    server.ingest_as(other["api_token"].as_str().unwrap(), &[event("theirs", "1", NOON, json!({"secret": "canary"}))]);
    assert_eq!(fields(&server.project("events/").results(), "event"), ["mine"]);
    assert!(!server.project("events/values/?key=secret").body.contains("canary"));
    let theirs = server.get(&format!("/api/projects/{}/events/", other["id"])).results();
    assert_eq!(fields(&theirs, "event"), ["theirs"]);
    let id = theirs[0]["id"].as_str().unwrap();
    assert_eq!(server.project(&format!("events/{id}/")).status, 404);
    // The token of the other project in the query wins over the path.
    let by_token = server.project(&format!("events/?token={}", other["api_token"].as_str().unwrap()));
    assert_eq!(fields(&by_token.results(), "event"), ["theirs"]);
    assert_eq!(server.project("events/?token=phc_unknown").status, 401);
}

#[test]
fn d1_exact_is_the_default_operator() {
    let server = with_properties(&[json!({"$browser": "Safari"}), json!({"$browser": "Chrome"})]);
    assert_eq!(matching(&server, &json!([{"key": "$browser", "value": "Safari"}])), "0");
    let refused = server.project("events/?properties=invalid_json");
    let expected = json!({"type": "validation_error", "code": "invalid_input", "detail": "Properties are unparsable!", "attr": null});
    assert_eq!((refused.status, refused.json()), (400, expected));
}

#[test]
fn d2_is_not_matches_what_has_no_value() {
    let server = with_properties(&[json!({"a": "b"}), json!({"a": "c"}), json!({})]);
    assert_eq!(matching(&server, &leaf("is_not", json!("b"))), "1 2");
    assert_eq!(matching(&server, &leaf("exact", json!(["b", "c"]))), "0 1");
    assert_eq!(matching(&server, &leaf("is_not", json!(["b", "c"]))), "2");
    assert_eq!(matching(&server, &leaf("in", json!(["b"]))), "0");
    assert_eq!(matching(&server, &leaf("not_in", json!(["b"]))), "1 2");
}

#[test]
fn d3_contains_ignores_case_and_takes_text_literally() {
    let server = with_properties(&[json!({"a": "demo"}), json!({"a": "100%"}), json!({})]);
    assert_eq!(matching(&server, &leaf("icontains", json!("MO"))), "0");
    assert_eq!(matching(&server, &leaf("not_icontains", json!("mo"))), "1 2");
    assert_eq!(matching(&server, &leaf("icontains", json!(["x", "mo"]))), "0");
    assert_eq!(matching(&server, &leaf("not_icontains", json!(["x", "mo"]))), "1 2");
    assert_eq!(matching(&server, &leaf("icontains", json!("0%"))), "1");
}

#[test]
fn d4_regular_expressions() {
    let server = with_properties(&[json!({"a": "abc"}), json!({"a": "Abc"}), json!({})]);
    assert_eq!(matching(&server, &leaf("regex", json!("^ab"))), "0");
    assert_eq!(matching(&server, &leaf("not_regex", json!("^ab"))), "1 2");
    assert_eq!(matching(&server, &leaf("regex", json!(["^z", "^a"]))), "0");
    assert_eq!(matching(&server, &leaf("regex", json!("("))), "");
    let answer = server.project(&format!("events/?properties={}", encode(&leaf("regex", json!("(")).to_string())));
    assert!(answer.header("x-posthog-warn").is_some());
}

#[test]
fn d5_order_is_numeric_where_both_are_numbers() {
    let server = with_properties(&[json!({"a": 5}), json!({"a": "10"}), json!({"a": "abc"}), json!({})]);
    for (operator, value, expected) in [
        ("gt", json!(9), "1"),
        ("lt", json!(9), "0"),
        ("gte", json!(5), "0 1"),
        ("lte", json!(5), "0"),
        ("between", json!([5, 10]), "0 1"),
        ("not_between", json!([6, 9]), "0 1"),
    ] {
        assert_eq!(matching(&server, &leaf(operator, value)), expected, "{operator}");
    }
    for value in [json!([10, 5]), json!(5)] {
        let path = format!("events/?properties={}", encode(&leaf("between", value).to_string()));
        assert_eq!(server.project(&path).status, 400);
    }
}

#[test]
fn d6_null_is_not_set_and_empty_text_is() {
    let server = with_properties(&[json!({"a": null}), json!({"a": ""}), json!({"a": 0}), json!({})]);
    assert_eq!(matching(&server, &json!([{"key": "a", "operator": "is_set"}])), "1 2");
    assert_eq!(matching(&server, &leaf("is_not_set", json!("x"))), "0 3");
}

#[test]
fn d9_booleans_and_their_text() {
    let server = with_properties(&[json!({"a": true}), json!({"a": "true"}), json!({"a": false})]);
    assert_eq!(matching(&server, &leaf("exact", json!("true"))), "0 1");
    assert_eq!(matching(&server, &leaf("exact", json!(true))), "0 1");
    assert_eq!(matching(&server, &leaf("exact", json!(["TRUE"]))), "");
}

#[test]
fn d10_groups_nest() {
    let server =
        with_properties(&[json!({"a": "1"}), json!({"b": "2", "c": "4"}), json!({"b": "2", "c": "3"}), json!({})]);
    let filter = json!({"type": "OR", "values": [
        {"key": "a", "value": "1"},
        {"type": "AND", "values": [{"key": "b", "value": "2"}, {"key": "c", "value": "3", "operator": "is_not"}]},
    ]});
    assert_eq!(matching(&server, &filter), "0 1");
    assert_eq!(matching(&server, &json!({"type": "AND", "values": []})), "0 1 2 3");
}

#[test]
fn d11_incomplete_leaves_filter_nothing_but_say_so() {
    let server = with_properties(&[json!({"a": "1"}), json!({})]);
    for filter in [json!([{}]), json!([{"key": "a"}]), json!([{"key": "a", "value": []}])] {
        assert_eq!(matching(&server, &filter), "0 1", "{filter}");
        let path = format!("events/?properties={}", encode(&filter.to_string()));
        assert!(server.project(&path).header("x-posthog-warn").is_some(), "{filter}");
        assert_eq!(server.project(&format!("{path}&strict=1")).status, 400, "{filter}");
    }
}

#[test]
fn d13_person_properties_as_of_the_event() {
    let server = server();
    server.ingest(&[
        event("a", "1", NOON, json!({"$set": {"email": "tom@posthog.com"}})),
        event("$identify", "2", NOON, json!({"$anon_distinct_id": "1"})),
        event("b", "2", NOON, json!({})),
        event("c", "3", NOON, json!({"$set": {"email": "ann@posthog.com"}})),
    ]);
    assert_eq!(
        matching(&server, &json!([{"type": "person", "key": "email", "value": "tom@posthog.com"}])),
        "$identify a b"
    );
}

/// A filter of a type on the property or column `key`.
fn typed(kind: &str, key: &str, operator: &str, value: Value) -> Value {
    json!([{"type": kind, "key": key, "operator": operator, "value": value}])
}

#[test]
fn c4_an_action_is_any_of_its_steps() {
    let server = server();
    server.ingest(&[
        event("sign up", "1", "2026-01-01T09:00:00Z", json!({})),
        event("sign up", "2", NOON, json!({"$current_url": "https://a.io/buy?x=1"})),
        event("other", "3", NOON, json!({})),
    ]);
    let action = |steps: Value| {
        server.post("/api/projects/1/actions/", &json!({"name": steps.to_string(), "steps": steps})).json()["id"]
            .clone()
    };
    let listed = |query: &str| {
        let answer = server.project(&format!("events/?{query}"));
        let mut ids: Vec<String> = fields(&answer.results(), "distinct_id").into_iter().map(str::to_owned).collect();
        ids.sort();
        ids.join(" ")
    };
    let (none, signs) = (action(json!([])), action(json!([{"event": "sign up"}])));
    let buys = action(json!([{"event": "sign up", "url": "/buy"}, {"event": "nothing"}]));
    assert_eq!(listed(&format!("action_id={none}")), "");
    assert_eq!(listed("action_id=987654"), "");
    assert_eq!(listed(&format!("action_id={signs}")), "1 2");
    assert_eq!(listed(&format!("action_id={signs}&after=2026-01-01T10:00:00Z")), "2");
    assert_eq!(listed(&format!("action_id={buys}")), "2");
    assert_eq!(listed(&format!("action_id={signs}&event=other")), "");
    let refused = server.project("events/?action_id=x");
    assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!("action_id")));
}

#[test]
fn d7_dates_are_compared_as_instants() {
    let at = |hour: i64| 1_325_894_400 + hour * 3_600;
    let server = with_properties(&[json!({"a": at(18)}), json!({"a": at(19)}), json!({"a": at(20)}), json!({})]);
    assert_eq!(matching(&server, &leaf("is_date_after", json!("2012-01-07 18:30:00"))), "1 2");
    assert_eq!(matching(&server, &leaf("is_date_before", json!("2012-01-07 18:30:00"))), "0");
    assert_eq!(matching(&server, &leaf("is_date_exact", json!("2012-01-07T19:00:00Z"))), "1");
    assert_eq!(matching(&server, &leaf("is_date_exact", json!("2012-01-07"))), "0 1 2");
    assert_eq!(matching(&server, &leaf("is_date_after", json!("2012-01-07"))), "");
    assert_eq!(matching(&server, &leaf("is_date_after", json!("2012-01-06"))), "0 1 2");
    let refused =
        server.project(&format!("events/?properties={}", encode(&leaf("is_date_after", json!("soon")).to_string())));
    assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!("properties")));
}

#[test]
fn d7_dates_come_in_many_spellings() {
    let server = with_properties(&[
        json!({"a": "2025-12-24"}),
        json!({"a": "2025-12-24T23:59:59Z"}),
        json!({"a": "2025-12-25 00:00:01"}),
        json!({"a": "2025-12-25T00:30:00+01:00"}),
        json!({"a": "1766620800123"}),
        json!({"a": 1_766_620_800.5}),
        json!({"a": "Thu, 25 Dec 2025 10:00:00 +0000"}),
        json!({"a": "not a date"}),
        json!({"a": true}),
        json!({"a": null}),
    ]);
    assert_eq!(matching(&server, &leaf("is_date_before", json!("2025-12-25"))), "0 1 3");
    assert_eq!(matching(&server, &leaf("is_date_after", json!("2025-12-24"))), "2 4 5 6");
    // A week before the server's clock, to the second.
    assert_eq!(matching(&server, &leaf("is_date_before", json!("-7d"))), "0 1 2 3 4 5 6");
    assert_eq!(matching(&server, &leaf("is_date_before", json!("-8d"))), "0");
}

#[test]
fn d8_hints_for_web_pages_are_no_conditions() {
    let server = with_properties(&[json!({"a": 1_639_427_152.339}), json!({"a": 3_278_854_304.678})]);
    let filter = json!([{"key": "a", "operator": "is_date_before", "value": "2021-12-25 12:00:00", "type": "event",
        "property_type": "DateTime", "property_type_format": "unix_timestamp"}]);
    assert_eq!(matching(&server, &filter), "0");
    let answer = server.project(&format!("events/?properties={}", encode(&filter.to_string())));
    assert_eq!(answer.header("x-posthog-warn"), None);
}

#[test]
fn d12_cohorts_are_sets_of_persons() {
    let server = server();
    let set = |id: &str, value: &str| event("e", id, NOON, json!({"$set": {"key": value}}));
    server.ingest(&[
        set("p1", "value"),
        set("p2", "value"),
        set("p3", "other"),
        event("e", "nobody", NOON, json!({"$process_person_profile": false})),
    ]);
    let made = server.post(
        "/api/projects/1/cohorts/",
        &json!({"name": "c", "filters": {"properties": {"type": "OR", "values": [{"type": "AND", "values": [
            {"key": "key", "value": "value", "type": "person", "operator": "exact"},
        ]}]}}}),
    );
    let id = made.json()["id"].clone();
    let listed = |filter: Value| {
        let answer = server.project(&format!("events/?properties={}", encode(&filter.to_string())));
        let mut ids: Vec<String> = fields(&answer.results(), "distinct_id").into_iter().map(str::to_owned).collect();
        ids.sort();
        ids.join(" ")
    };
    for kind in ["cohort", "static-cohort", "precalculated-cohort", "dynamic-cohort"] {
        assert_eq!(listed(json!([{"key": "id", "value": id, "type": kind}])), "p1 p2", "{kind}");
    }
    assert_eq!(listed(json!([{"key": "id", "value": [id.to_string()], "type": "cohort"}])), "p1 p2");
    let without = "nobody p3";
    assert_eq!(listed(json!([{"key": "id", "value": id, "type": "cohort", "operator": "not_in"}])), without);
    assert_eq!(listed(json!([{"key": "id", "value": id, "type": "cohort", "negation": true}])), without);
    for value in [json!([id, id]), json!(987_654), json!("x")] {
        let filter = json!([{"key": "id", "value": value, "type": "cohort"}]).to_string();
        assert_eq!(server.project(&format!("events/?properties={}", encode(&filter))).status, 400, "{filter}");
    }
}

#[test]
fn d13_group_properties_are_those_of_the_events_group() {
    let server = server();
    let group = |key: &str, industry: &str| {
        event(
            "$groupidentify",
            "1",
            NOON,
            json!({"$group_type": "company", "$group_key": key, "$group_set": {"industry": industry}}),
        )
    };
    let of = |name: &str, key: &str| event(name, "1", NOON, json!({"$groups": {"company": key}}));
    server.ingest(&[group("acme", "tech"), group("beta", "food")]);
    server.ingest(&[of("a", "acme"), of("b", "beta"), of("c", "gamma"), event("d", "1", NOON, json!({}))]);
    let filter = |operator: &str, value: Value| {
        let filter =
            json!([{"type": "group", "group_type_index": 0, "key": "industry", "operator": operator, "value": value}]);
        matching(
            &server,
            &json!({"type": "AND", "values": [filter[0], {"key": "$group_set", "operator": "is_not_set"}]}),
        )
    };
    assert_eq!(filter("exact", json!("tech")), "a");
    assert_eq!(filter("is_not", json!("tech")), "b c d");
    assert_eq!(filter("is_set", json!(null)), "a b");
    assert_eq!(filter("icontains", json!(["ECH", "oo"])), "a b");
}

#[test]
fn d14_elements_are_found_in_the_chain() {
    let server = server();
    let elements = json!([{"tag_name": "button", "$el_text": "something"}, {"tag_name": "div", "attr__class": "x y"}]);
    server.ingest(&[event("a", "1", NOON, json!({"$elements": elements})), event("b", "1", NOON, json!({}))]);
    for (key, operator, value, expected) in [
        ("tag_name", "exact", json!("div"), "a"),
        ("tag_name", "exact", json!(["p", "div"]), "a"),
        ("tag_name", "is_not", json!("div"), "b"),
        ("tag_name", "is_not", json!(["p", "q"]), "a b"),
        ("text", "icontains", json!("SOME"), "a"),
        ("text", "exact", json!("some"), ""),
        ("selector", "exact", json!("div > button"), "a"),
        ("selector", "exact", json!("div.y button"), "a"),
        ("selector", "exact", json!("button > div"), ""),
        ("selector", "is_not", json!("div > button"), "b"),
        ("href", "is_not_set", json!(null), "a b"),
    ] {
        assert_eq!(matching(&server, &typed("element", key, operator, value)), expected, "{key} {operator}");
    }
    for filter in [typed("element", "id", "exact", json!("x")), typed("element", "tag_name", "icontains", json!("x"))] {
        assert_eq!(
            server.project(&format!("events/?properties={}", encode(&filter.to_string()))).status,
            400,
            "{filter}"
        );
    }
}

#[test]
fn d15_conditions_in_hogql() {
    let server = with_properties(&[json!({"key": "test_val1"}), json!({"key": "test_val2"}), json!({})]);
    let hogql = |text: &str| json!([{"type": "hogql", "key": text}]);
    assert_eq!(matching(&server, &hogql("properties.key == 'test_val2'")), "1");
    assert_eq!(matching(&server, &hogql("person.properties.x is null and event in ('0', '2')")), "0 2");
    assert_eq!(matching(&server, &hogql("session.$pageview_count > 0")), "");
    for text in ["count() > 1", "properties.", "nonsense = 1", "arrayJoin([1, 2]) = 1"] {
        let path = format!("events/?properties={}", encode(&hogql(text).to_string()));
        let refused = server.project(&path);
        assert_eq!((refused.status, &refused.json()["type"]), (400, &json!("validation_error")), "{text}");
    }
}

#[test]
fn columns_of_events_are_filtered_as_metadata() {
    let server = server();
    server.ingest(&[
        event("a", "x1", "2026-01-01T09:00:00Z", json!({})),
        event("b", "x2", NOON, json!({"$groups": {"company": "acme"}})),
    ]);
    let id = server.project("events/?event=a").results()[0]["id"].clone();
    for (key, operator, value, expected) in [
        ("event", "exact", json!("a"), "a"),
        ("event", "is_not", json!(["a", "c"]), "b"),
        ("distinct_id", "icontains", json!("X"), "a b"),
        ("uuid", "exact", id, "a"),
        ("uuid", "exact", json!("no uuid"), ""),
        ("timestamp", "gt", json!("2026-01-01T10:00:00Z"), "b"),
        ("timestamp", "is_date_before", json!("2026-01-01 10:00:00"), "a"),
        ("$group_0", "exact", json!("acme"), "b"),
        ("$group_0", "is_not_set", json!(null), "a"),
    ] {
        assert_eq!(matching(&server, &typed("event_metadata", key, operator, value)), expected, "{key} {operator}");
    }
}

#[test]
fn sessions_are_filtered_by_what_they_hold() {
    let server = server();
    let (one, other) = ("019b7a00-0000-7000-8000-000000000001", "019b7a00-0000-7000-8000-000000000002");
    let of = |name: &str, time: &str, session: &str, url: &str| {
        event(name, "1", time, json!({"$session_id": session, "$current_url": url, "mark": name}))
    };
    server.ingest(&[
        of("$pageview", "2026-01-01T09:00:00Z", one, "https://a.io/in"),
        of("$pageview", "2026-01-01T09:01:30Z", one, "https://a.io/out"),
        of("click", "2026-01-01T10:00:00Z", other, "https://a.io/in"),
        event("alone", "1", NOON, json!({})),
    ]);
    for (key, operator, value, expected) in [
        ("$session_duration", "exact", json!(90), "$pageview $pageview"),
        ("$session_duration", "lt", json!(90), "click"),
        ("$pageview_count", "gte", json!(2), "$pageview $pageview"),
        ("$pageview_count", "lt", json!(1), "click"),
        ("$entry_current_url", "exact", json!("https://a.io/in"), "$pageview $pageview click"),
        ("$exit_current_url", "icontains", json!("OUT"), "$pageview $pageview"),
        ("$start_timestamp", "is_date_after", json!("2026-01-01 09:30:00"), "click"),
        ("$session_duration", "is_not_set", json!(null), "alone"),
    ] {
        assert_eq!(matching(&server, &typed("session", key, operator, value)), expected, "{key} {operator}");
    }
    let unknown = typed("session", "$colour", "exact", json!(1));
    assert_eq!(server.project(&format!("events/?properties={}", encode(&unknown.to_string()))).status, 400);
}

#[test]
fn versions_compare_part_by_part() {
    let server = with_properties(&[
        json!({"a": "1.2.3"}),
        json!({"a": "1.10.0"}),
        json!({"a": "2.0.0-beta"}),
        json!({"a": "0.2.5"}),
        json!({"a": "x.y"}),
        json!({}),
    ]);
    for (operator, value, expected) in [
        ("semver_eq", "1.2.3", "0"),
        ("semver_neq", "1.2.3", "1 2 3 4 5"),
        ("semver_gt", "1.9", "1 2"),
        ("semver_gte", "2", "2"),
        ("semver_lt", "1.2.3", "3"),
        ("semver_lte", "1.2.3", "0 3"),
        ("semver_tilde", "1.2", "0"),
        ("semver_tilde", "1", "0 1"),
        ("semver_caret", "1.2.3", "0 1"),
        ("semver_caret", "0.2.3", "3"),
        ("semver_wildcard", "1.*", "0 1"),
        ("semver_wildcard", "1.2.*", "0"),
    ] {
        assert_eq!(matching(&server, &leaf(operator, json!(value))), expected, "{operator} {value}");
    }
    let path = format!("events/?properties={}", encode(&leaf("semver_gt", json!("x")).to_string()));
    assert_eq!(server.project(&path).status, 400);
}

#[test]
fn paths_are_compared_as_the_project_cleans_them() {
    let server =
        with_properties(&[json!({"a": "/users/12/edit"}), json!({"a": "/users/9/edit"}), json!({"a": "/users"})]);
    let filter = leaf("is_cleaned_path_exact", json!("/users/12/edit"));
    assert_eq!(matching(&server, &filter), "0");
    let rules = json!({"path_cleaning_filters": [{"regex": "/[0-9]+/", "alias": "/:id/"}]});
    assert_eq!(server.patch("/api/projects/1/", &rules).status, 200);
    assert_eq!(matching(&server, &filter), "0 1");
    assert_eq!(matching(&server, &leaf("is_cleaned_path_exact", json!("/users/:id/edit"))), "0 1");
}

#[test]
fn lists_of_exceptions_match_by_any_of_their_elements() {
    let server = with_properties(&[
        json!({"$exception_types": ["TypeError", "IOError"]}),
        json!({"$exception_types": ["KeyError"]}),
        json!({}),
    ]);
    for (operator, value, expected) in [
        ("exact", json!("IOError"), "0"),
        ("icontains", json!("error"), "0 1"),
        ("is_not", json!("TypeError"), "0 1"),
        ("is_set", json!(null), "0 1"),
    ] {
        let filter = typed("event", "$exception_types", operator, value);
        assert_eq!(matching(&server, &filter), expected, "{operator}");
    }
}

#[test]
fn numbers_are_equal_by_value_and_texts_by_spelling() {
    let server = with_properties(&[
        json!({"a": 1}),
        json!({"a": "1"}),
        json!({"a": "1.0"}),
        json!({"a": 9_007_199_254_740_993_i64}),
        json!({"a": 9_007_199_254_740_992_i64}),
        json!({"a": "inf"}),
    ]);
    for (operator, value, expected) in [
        ("exact", json!(1), "0 1 2"),
        ("exact", json!(1.0), "0 1 2"),
        ("exact", json!("1"), "0 1"),
        ("exact", json!("1.0"), "0 2"),
        ("is_not", json!("1.0"), "1 3 4 5"),
        ("exact", json!(["1.0", "x"]), "0 2"),
        ("exact", json!(9_007_199_254_740_993_i64), "3"),
        ("gt", json!(2), "3 4"),
        ("lt", json!("z"), "5"),
    ] {
        assert_eq!(matching(&server, &leaf(operator, value.clone())), expected, "{operator} {value}");
    }
}

#[test]
fn the_old_form_of_filters_is_a_dictionary() {
    let server = with_properties(&[json!({"a": "x", "b__c": "1"}), json!({"a": "y"})]);
    assert_eq!(matching(&server, &json!({"a": "x"})), "0");
    assert_eq!(matching(&server, &json!({"a__is_not": "x"})), "1");
    assert_eq!(matching(&server, &json!({"b__c": "1"})), "0");
    assert_eq!(matching(&server, &json!({})), "0 1");
}

#[test]
fn what_means_nothing_is_refused_and_never_ignored() {
    let server = with_properties(&[json!({"a": "1"})]);
    for kind in ["recording", "log", "behavioral", "data_warehouse", "span", "nonsense"] {
        let refused = server
            .project(&format!("events/?properties={}", encode(&typed(kind, "a", "exact", json!("1")).to_string())));
        assert_eq!((refused.status, &refused.json()["attr"]), (400, &json!("properties")), "{kind}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(kind), "{}", refused.body);
    }
    for filter in [
        leaf("nonsense", json!("1")),
        typed("event_metadata", "nonsense", "exact", json!("1")),
        json!({"type": "XOR", "values": [{"key": "a", "value": "1"}]}),
        json!([{"key": 1, "value": "1"}]),
    ] {
        assert_eq!(
            server.project(&format!("events/?properties={}", encode(&filter.to_string()))).status,
            400,
            "{filter}"
        );
    }
    for filter in [json!(1), json!("x"), json!({"type": "AND"}), json!([{"type": "flag", "key": "a", "value": true}])] {
        let answer = server.project(&format!("events/?properties={}", encode(&filter.to_string())));
        assert_eq!(answer.results().len(), 1, "{filter}");
        assert!(answer.header("x-posthog-warn").is_some(), "{filter}");
    }
    let hinted = json!([{"key": "a", "value": "1", "colour": "red"}]).to_string();
    let answer = server.project(&format!("events/?properties={}", encode(&hinted)));
    assert!(answer.header("x-posthog-warn").unwrap().contains("colour"));
    assert_eq!(server.project("events/?unknown=1").results().len(), 1);
}

#[test]
fn a_filtered_list_is_paged_exactly() {
    let server = server();
    let events: Vec<Value> = (0..300)
        .map(|at| {
            let time = format!("2026-01-01T{:02}:{:02}:00Z", 5 + at / 60, at % 60);
            event("e", &at.to_string(), &time, json!({"n": at, "$groups": {"company": (at % 3).to_string()}}))
        })
        .collect();
    server.ingest(&events);
    let filter = json!({"type": "OR", "values": [
        {"key": "n", "operator": "gte", "value": 250},
        {"type": "AND", "values": [
            {"type": "event_metadata", "key": "$group_0", "value": "1"},
            {"type": "hogql", "key": "toInt(distinct_id) % 2 = 0"},
        ]},
    ]});
    let expected: Vec<String> =
        (0..300).filter(|at| *at >= 250 || (at % 3 == 1 && at % 2 == 0)).map(|at| at.to_string()).collect();
    for (order, limit) in [("timestamp", 7), ("timestamp", 1_000), ("-timestamp", 7), ("-timestamp", 45)] {
        let path =
            format!("/api/projects/1/events/?limit={limit}&orderBy={order}&properties={}", encode(&filter.to_string()));
        let listed = server.follow(&path);
        let mut ids = fields(&listed, "distinct_id");
        if order == "-timestamp" {
            ids.reverse();
        }
        assert_eq!(ids, expected, "{order} {limit}");
    }
}
