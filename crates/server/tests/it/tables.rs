//! The tables of HogQL and what they join by themselves, over HTTP.

use serde_json::{Value, json};
use testkit::Server;

use crate::event;

const NINE: &str = "2026-01-10T09:00:00Z";
const TEN: &str = "2026-01-10T10:00:00Z";

fn rows(server: &Server, text: &str) -> Value {
    let body = json!({"query": {"kind": "HogQLQuery", "query": text}});
    let answer = server.post("/api/projects/1/query/", &body);
    assert_eq!(answer.status, 200, "{text}: {}", answer.body);
    answer.json()["results"].clone()
}

/// Two persons, one of them merged from two; a group; a cohort of each kind; an action.
fn filled() -> Server {
    let server = Server::at(crate::BINARY, "2026-01-19T12:00:00Z");
    let group = json!({"$group_type": "company", "$group_key": "acme", "$group_set": {"tier": "gold"}});
    server.ingest(&[
        event("view", "visitor", NINE, json!({"$set": {"plan": "free"}})),
        event("$identify", "ann", NINE, json!({"$anon_distinct_id": "visitor", "$set": {"plan": "pro"}})),
        event("view", "bob", TEN, json!({"$groups": {"company": "acme"}, "$set": {"plan": "free"}})),
        event("$groupidentify", "bob", TEN, group),
    ]);
    let ann = server.project("persons/?distinct_id=ann").results()[0]["uuid"].clone();
    let free = json!({"key": "plan", "value": "free", "type": "person", "operator": "exact"});
    let rule = json!({"properties": {"type": "AND", "values": [{"type": "AND", "values": [free]}]}});
    for (path, body) in [
        ("cohorts", json!({"name": "given", "is_static": true, "_create_static_person_ids": [ann]})),
        ("cohorts", json!({"name": "free", "filters": rule})),
        ("actions", json!({"name": "seen", "steps": [{"event": "view"}]})),
    ] {
        let made = server.post(&format!("/api/projects/1/{path}/"), &body);
        assert_eq!(made.status, 201, "{}", made.body);
    }
    server
}

#[test]
fn every_table_of_the_language_has_its_rows() {
    let server = filled();
    let persons = "select properties.plan, is_identified";
    for (text, expected) in [
        (format!("{persons} from persons order by properties.plan"), json!([["free", false], ["pro", true]])),
        (
            format!("{persons}, is_deleted, version from raw_persons order by properties.plan"),
            json!([["free", false, false, 0], ["pro", true, false, 0]]),
        ),
        (
            "select distinct_id, person.properties.plan from person_distinct_ids order by distinct_id".into(),
            json!([["ann", "pro"], ["bob", "free"], ["visitor", "pro"]]),
        ),
        (
            "select distinct_id, is_deleted, version from raw_person_distinct_ids order by distinct_id".into(),
            json!([["ann", false, 0], ["bob", false, 0], ["visitor", false, 0]]),
        ),
        ("select count() from person_distinct_id_overrides".into(), json!([[1]])),
        ("select count(), sum(version) from raw_person_distinct_id_overrides".into(), json!([[1, 0]])),
        ("select `index`, key, properties.tier from groups".into(), json!([[0, "acme", "gold"]])),
        ("select key, properties.tier from raw_groups".into(), json!([["acme", "gold"]])),
        ("select cohort_id, person.properties.plan from cohort_people".into(), json!([[2, "free"]])),
        ("select cohort_id, sign, version from raw_cohort_people".into(), json!([[2, 1, 0]])),
        ("select cohort_id, person.properties.plan from static_cohort_people".into(), json!([[1, "pro"]])),
        ("select number from numbers(2, 3)".into(), json!([[2], [3], [4]])),
    ] {
        assert_eq!(rows(&server, &text), expected, "{text}");
    }
}

#[test]
fn what_events_join_is_there_when_it_is_used() {
    let server = filled();
    for (text, expected) in [
        (
            "select distinct_id, pdi.person.properties.plan from events order by distinct_id limit 1 by distinct_id",
            json!([["ann", "pro"], ["bob", "free"], ["visitor", "pro"]]),
        ),
        (
            "select distinct_id, poe.properties.plan from events where event = 'view' order by distinct_id",
            json!([["bob", "free"], ["visitor", "free"]]),
        ),
        (
            "select company.properties.tier, group_0.key, count() from events where event = 'view' group by 1, 2 order by 2",
            json!([[null, "", 1], ["gold", "acme", 1]]),
        ),
        ("select countIf(matchesAction('seen')), countIf(matchesAction(1)) from events", json!([[2, 2]])),
        (
            "select countIf(person_id in cohort 1), countIf(person_id in cohort 'free'), countIf(person_id not in cohort 2) from events",
            json!([[2, 2, 2]]),
        ),
    ] {
        assert_eq!(rows(&server, text), expected, "{text}");
    }
}

#[test]
fn sessions_know_their_channel() {
    let server = Server::at(crate::BINARY, "2026-01-19T12:00:00Z");
    let visits = [
        ("a", json!({"$referring_domain": "www.google.com"}), "Organic Search"),
        ("b", json!({"$referring_domain": "www.google.com", "gclid": "x"}), "Paid Search"),
        ("c", json!({"$referring_domain": "$direct"}), "Direct"),
        ("d", json!({"$referring_domain": "blog.example"}), "Referral"),
        ("e", json!({"utm_source": "newsletter", "utm_medium": "email"}), "Email"),
        ("f", json!({"utm_source": "Facebook", "utm_medium": "cpc"}), "Paid Social"),
        ("g", json!({"utm_campaign": "cross-network", "gclid": "y"}), "Cross Network"),
        ("h", json!({"utm_medium": "ppc"}), "Paid Unknown"),
        ("i", json!({}), "Unknown"),
        ("j", json!({"$referring_domain": "www.youtube.com"}), "Organic Video"),
        ("k", json!({"utm_campaign": "summer shopping", "utm_medium": "cpc"}), "Paid Shopping"),
    ];
    let events: Vec<Value> = visits
        .iter()
        .map(|(session, properties, _)| {
            let mut properties = properties.clone();
            properties["$session_id"] = json!(session);
            event("$pageview", "d", TEN, properties)
        })
        .collect();
    server.ingest(&events);
    let expected: Vec<Value> = visits.iter().map(|(session, _, channel)| json!([session, channel])).collect();
    assert_eq!(rows(&server, "select session_id, $channel_type from sessions order by session_id"), json!(expected));
    assert_eq!(
        rows(&server, "select session.$channel_type as c, count() from events group by c order by c limit 1"),
        json!([["Cross Network", 1]])
    );
    assert_eq!(
        rows(
            &server,
            "select lookupDomainType('youtube.com'), lookupPaidSourceType('BING'), lookupOrganicMediumType('x')"
        ),
        json!([["Video", "Paid Search", null]])
    );
}
