//! Two projects, one of them full of unmistakable words: whatever the key of the other asks, not a byte of them is answered.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::{Value, json};
use testkit::{Answer, Server};

use crate::event;

/// In every word that must not be seen, and in nothing that is asked.
const MARK: &str = "zq7canary";
/// Different queries asked, and how many at once.
const QUERIES: usize = 5_000;
const CLIENTS: usize = 3;

const TEN: &str = "2026-01-10T10:00:00Z";

/// A server with a project of canaries, which is project 1, and another one with its own key and events.
struct Projects {
    server: Server,
    key: String,
    other: String,
}

impl Projects {
    fn ask(&self, project: &str, query: &Value) -> Answer {
        self.server.json_as(&self.key, "POST", &format!("/api/projects/{project}/query/"), &json!({"query": query}))
    }
}

fn word(what: &str) -> String {
    format!("{MARK}{what}")
}

fn projects() -> Projects {
    let server = Server::at(crate::BINARY, "2026-01-19T12:00:00Z");
    let group = word("group");
    let mut properties = json!({
        "$session_id": word("session"), "$current_url": format!("https://{MARK}.example/{MARK}"),
        "$groups": {word("type"): group}, "$set": {word("trait"): word("value"), "email": word("mail")},
        "tags": [word("tag")], "price": 7, "$elements_chain": format!("a:href=\"{MARK}\"text=\"{MARK}\""),
    });
    properties[word("property")] = json!(word("text"));
    let mut named = json!({"$group_type": word("type"), "$group_key": group});
    named["$group_set"] = json!({word("field"): word("content")});
    server.ingest(&[
        event(&word("event"), &word("person"), TEN, properties),
        event("$groupidentify", &word("person"), TEN, named),
        event("$identify", &word("named"), TEN, json!({"$anon_distinct_id": word("person")})),
    ]);
    let person = server.project(&format!("persons/?distinct_id={}", word("person"))).results()[0]["uuid"].clone();
    let rule = json!({"key": word("trait"), "value": word("value"), "type": "person", "operator": "exact"});
    let rule = json!({"properties": {"type": "AND", "values": [{"type": "AND", "values": [rule]}]}});
    for (path, body) in [
        ("cohorts", json!({"name": word("static"), "is_static": true, "_create_static_person_ids": [person]})),
        ("cohorts", json!({"name": word("cohort"), "filters": rule})),
        ("actions", json!({"name": word("action"), "steps": [{"event": word("event")}]})),
    ] {
        let made = server.post(&format!("/api/projects/1/{path}/"), &body);
        assert_eq!(made.status, 201, "{}", made.body);
    }
    assert_eq!(server.patch("/api/projects/1/", &json!({"name": word("project")})).status, 200);
    let secret = json!({
        "query": {"kind": "HogQLQuery", "query": "select event, properties from events"},
        "refresh": "async", "client_query_id": "shared",
    });
    assert_eq!(server.post("/api/projects/1/query/", &secret).status, 202);
    let made = server.post("/api/projects/", &json!({"name": "other"})).json();
    let other = made["id"].to_string();
    let own = [
        event("$pageview", "d1", TEN, json!({"$session_id": "s1", "$browser": "Chrome", "price": 5, "tags": ["x"]})),
        event("purchase", "d2", TEN, json!({"price": "12", "$groups": {"company": "acme"}, "$set": {"plan": "pro"}})),
    ];
    server.ingest_as(made["api_token"].as_str().unwrap(), &own);
    let body = json!({"label": "other", "scopes": ["*"], "scoped_teams": [made["id"]]});
    let key = server.post("/api/personal_api_keys/", &body).json()["value"].as_str().unwrap().to_owned();
    Projects { server, key, other }
}

/// Tables, and columns of each that hold text.
const TABLES: [(&str, &[&str]); 13] = [
    (
        "events",
        &[
            "event",
            "distinct_id",
            "properties",
            "elements_chain",
            "toString(person_id)",
            "person.properties",
            "poe.properties",
            "$group_0",
            "group_0.properties",
            "pdi.distinct_id",
            "session.$entry_current_url",
            "$session_id",
            "properties.$current_url",
            "person.properties.email",
        ],
    ),
    ("persons", &["properties", "properties.email", "toString(id)", "pdi.distinct_id"]),
    ("raw_persons", &["properties", "toString(id)"]),
    ("person_distinct_ids", &["distinct_id", "person.properties", "toString(person_id)"]),
    ("raw_person_distinct_ids", &["distinct_id", "toString(person_id)"]),
    ("person_distinct_id_overrides", &["distinct_id", "toString(person_id)"]),
    ("raw_person_distinct_id_overrides", &["distinct_id"]),
    ("groups", &["key", "properties"]),
    ("raw_groups", &["key", "properties"]),
    ("cohort_people", &["toString(person_id)", "person.properties", "toString(cohort_id)"]),
    ("raw_cohort_people", &["toString(person_id)", "person.properties"]),
    ("static_cohort_people", &["toString(person_id)", "person.properties"]),
    ("sessions", &["session_id", "distinct_id", "$entry_current_url", "$end_pathname", "toString($urls)"]),
];

/// Ways to ask for column `c` of table `t`, beside another column `d` of table `u`.
const SHAPES: [&str; 24] = [
    "select {c} from {t}{w}",
    "select * from {t}{w}",
    "select {c}, count() from {t}{w} group by {c}",
    "select groupArray({c}) from {t}{w}",
    "select groupUniqArray({c}), topK(5)({c}), any({c}), min({c}), max({c}), argMax({c}, 1) from {t}{w}",
    "select {c} from {t} where team_id = 1",
    "select {c} from {t} where team_id != 0 or 1 = 1",
    "select {c} from {t}{w} order by {c} desc limit 3",
    "select distinct {c} from {t}{w} limit 1 by {c}",
    "select x.v, y.w from (select {c} as v from {t}{w}) x cross join (select {d} as w from {u}) y",
    "select x.v, y.w from (select {c} as v from {t}{w}) x full join (select {d} as w from {u}) y on x.v = y.w",
    "select x.v from (select {c} as v from {t}{w}) x left anti join (select {d} as w from {u}) y on x.v = y.w",
    "select {c} from {t}{w} union all select {d} from {u}",
    "select {c} from {t}{w} except select {d} from {u}",
    "with x as (select {c} as v from {t}{w}) select v from x where v in (select {d} from {u})",
    "select (select max({c}) from {t}{w}), (select min({d}) from {u})",
    "select lag({c}) over (order by {c}), first_value({c}) over () from {t}{w}",
    "select arrayJoin(splitByChar(' ', {c})) from {t}{w}",
    "select concat({c}, '-', {c}), upper({c}), substring({c}, 1, 99), [{c}], ({c}, 1), map({c}, {c}) from {t}{w}",
    "select toInt({c}), toDate({c}), intDiv(1, length({c}) * 0) from {t}{w}",
    "select throwIf(1, {c}) from {t}{w}",
    "select {c} + 1 from {t}{w}",
    "select accurateCast({c}, 'Int64'), JSONExtract({c}, 'x', 'Array(Int64)') from {t}{w}",
    "select {c}.nothing.here, missing from {t}{w}",
];

/// Which rows to ask for.
const CONDITIONS: [&str; 12] = [
    "",
    " where {c} != ''",
    " where {c} is not null",
    " where {c} like '%a%'",
    " where {c} in (select {d} from {u})",
    " where {c} not in (select {d} from {u})",
    " where length({c}) > 3 or {c} = null",
    " where {c} =~ '.'",
    " where {c} > (select min({d}) from {u})",
    " where not ({c} = 'x' and 1 = 0)",
    " where coalesce({c}, '') ilike '%'",
    " where {c} between '' and 'zzzz'",
];

/// Ways to reach what is no table of the language, or to make the server talk.
const TRICKS: [&str; 32] = [
    "select * from system.tables",
    "select * from system.query_log",
    "select * from information_schema.tables",
    "select * from information_schema.columns",
    "select * from file('/etc/passwd')",
    "select * from file('segments/1/0000000001.parquet')",
    "select * from url('http://127.0.0.1/')",
    "select * from remote('127.0.0.1', 'd', 'events')",
    "select * from d.events",
    "select * from r1",
    "select * from `1`.events",
    "select * from events_1",
    "select * from datafusion.public.events",
    "show tables",
    "describe events",
    "explain select 1",
    "set team_id = 1",
    "select team_id from events settings team_id = 1",
    "select count() from events where person_id in cohort 1",
    "select count() from events where person_id in cohort 2",
    "select count() from events where person_id in cohort 'nothing'",
    "select count() from events where matchesAction(1)",
    "select count() from events where matchesAction('nothing')",
    "select cohort(1)",
    "select {filters}, {variables.x}, {nothing}",
    "select version(), currentDatabase(), hostName(), currentUser()",
    "select getSetting('x'), dictGet('d', 'a', 1)",
    "select joinGet('events', 'event', 1)",
    "select * from numbers(10) n left join events e on e.event = toString(n.number)",
    "select count() from events sample 1",
    "select",
    "select '",
];

/// The query of number `n`, of a kind that depends on it.
fn question(n: usize) -> Value {
    if n % 8 == 7 {
        return Value::from(TRICKS[n / 8 % TRICKS.len()]);
    }
    // A step that meets every combination in turn.
    let at = n.wrapping_mul(2_654_435_761);
    let (table, columns) = TABLES[n % TABLES.len()];
    let (other, others) = TABLES[at / 7 % TABLES.len()];
    let shape = SHAPES[n / TABLES.len() % SHAPES.len()];
    let text = shape
        .replace("{w}", CONDITIONS[at / 11 % CONDITIONS.len()])
        .replace("{c}", columns[at / 3 % columns.len()])
        .replace("{d}", others[at / 5 % others.len()])
        .replace("{t}", table)
        .replace("{u}", other);
    Value::from(text)
}

/// So many different queries.
fn questions() -> Vec<Value> {
    let mut seen = HashSet::new();
    (0..).map(question).filter(|text| seen.insert(text.to_string())).take(QUERIES).collect()
}

/// A node that asks `text`: mostly a query, else what speaks about one.
fn node(n: usize, text: &Value) -> Value {
    match n % 16 {
        3 => json!({"kind": "HogQLMetadata", "language": "hogQL", "query": text}),
        6 => {
            json!({"kind": "HogQLAutocomplete", "language": "hogQL", "query": text, "startPosition": 7, "endPosition": 9})
        }
        9 => json!({"kind": "DataVisualizationNode", "source": {"kind": "HogQLQuery", "query": text}}),
        11 => json!({"kind": "EventsQuery", "select": ["*", "person"], "where": [text], "after": "all"}),
        _ => json!({"kind": "HogQLQuery", "query": text}),
    }
}

/// Questions of every other kind.
fn charts() -> Vec<Value> {
    let series = json!([{"kind": "EventsNode", "event": null}]);
    let range = json!({"date_from": "2026-01-01", "date_to": "2026-01-19"});
    let action = json!([{"kind": "ActionsNode", "id": 1}]);
    let cohort = json!([{"key": "id", "value": 1, "type": "cohort"}]);
    let mut all = vec![
        json!({"kind": "EventsQuery", "select": ["*"], "after": "all"}),
        json!({"kind": "EventsQuery", "select": ["person"], "after": "all"}),
        json!({"kind": "EventsQuery", "select": ["event"], "after": "all", "actionId": 1}),
        json!({"kind": "EventsQuery", "select": ["event"], "after": "all", "properties": cohort}),
        json!({"kind": "DatabaseSchemaQuery"}),
        json!({"kind": "PersonsQuery"}),
        json!({"kind": "ActorsQuery", "select": ["person", "created_at"]}),
        json!({"kind": "ActorsQuery", "select": ["person"], "fixedProperties": cohort}),
        json!({"kind": "GroupsQuery", "group_type_index": 0, "select": ["group_name", "key"]}),
        json!({"kind": "SessionsTimelineQuery"}),
        json!({"kind": "EventTaxonomyQuery", "event": "$pageview"}),
        json!({"kind": "TeamTaxonomyQuery"}),
        json!({"kind": "ActorsPropertyTaxonomyQuery", "property": "email"}),
        json!({"kind": "WebOverviewQuery", "properties": [], "dateRange": range}),
        json!({"kind": "SavedInsightNode", "shortId": "1"}),
    ];
    for kind in ["TrendsQuery", "FunnelsQuery", "LifecycleQuery", "StickinessQuery", "RetentionQuery", "PathsQuery"] {
        for breakdown in [
            json!(null),
            json!({"breakdown": "$current_url", "breakdown_type": "event"}),
            json!({"breakdown": [1, 2], "breakdown_type": "cohort"}),
        ] {
            for series in [&series, &action] {
                let chart = json!({"kind": kind, "series": series, "dateRange": range, "breakdownFilter": breakdown});
                all.push(json!({"kind": "InsightActorsQuery", "source": chart}));
                all.push(chart);
            }
        }
    }
    all
}

/// Lists and objects of a project.
const PATHS: [&str; 34] = [
    "events/",
    "events/?limit=1000",
    "events/?event=$identify",
    "events/values/?key=$current_url",
    "events/values/?key=email",
    "events/1/",
    "persons/",
    "persons/?search=a",
    "persons/?cohort=1",
    "persons/?cohort=2",
    "persons/values/?key=email",
    "persons/1/",
    "persons/?format=csv",
    "cohorts/",
    "cohorts/1/",
    "cohorts/2/",
    "cohorts/1/persons/",
    "cohorts/2/persons/",
    "actions/",
    "actions/1/",
    "groups/?group_type_index=0",
    "groups_types/",
    "groups/property_definitions/",
    "groups/property_values/?group_type_index=0&key=name",
    "property_definitions/?limit=1000",
    "property_definitions/?type=person",
    "property_definitions/?type=group&group_type_index=0",
    "event_definitions/?limit=1000",
    "",
    "ingestion_warnings/",
    "persons/deletion_status/",
    "query/shared/",
    "sessions/",
    "schema/",
];

fn assert_clean(asked: &str, answer: &Answer) {
    let told = answer.body.to_lowercase().contains(MARK)
        || answer.headers.iter().any(|(name, value)| name.contains(MARK) || value.to_lowercase().contains(MARK));
    assert!(!told, "{asked}: {}", answer.body);
    // What the server did not foresee says nothing either, but is a mistake of its own.
    assert_ne!(answer.status, 500, "{asked}: {}", answer.body);
}

#[test]
fn no_word_of_a_project_reaches_the_key_of_another() {
    let projects = projects();
    let server = &projects.server;
    every_word_is_seen_by_its_owner(server);
    for project in ["1", projects.other.as_str(), "@current", "999"] {
        for path in PATHS {
            let path = format!("/api/projects/{project}/{path}");
            assert_clean(&path, &server.get_as(&projects.key, &path));
        }
        for node in charts() {
            assert_clean(&node.to_string(), &projects.ask(project, &node));
        }
        let direct = json!({"kind": "HogQLQuery", "query": "select event, properties from events"});
        assert_clean(project, &projects.ask(project, &direct));
    }
    for path in
        ["/api/users/@me/", "/api/projects/", "/api/organizations/", "/api/personal_api_keys/", "/metrics", "/_health"]
    {
        assert_clean(path, &server.get_as(&projects.key, path));
    }
    let questions = questions();
    let next = AtomicUsize::new(0);
    let (answered, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let leaks = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Relaxed);
                    let Some(text) = questions.get(n).filter(|_| leaks.lock().unwrap().len() < 6) else { break };
                    let node = node(n, text);
                    let answer = projects.ask(&projects.other, &node);
                    let tally = if answer.status == 200 { &answered } else { &refused };
                    tally.fetch_add(1, Relaxed);
                    if answer.body.contains(MARK) || answer.status >= 500 {
                        leaks.lock().unwrap().push(format!("{node}: {} {}", answer.status, answer.body));
                    }
                }
            });
        }
    });
    let leaks = leaks.into_inner().unwrap();
    assert!(leaks.is_empty(), "{leaks:#?}");
    // Both ends of every path are met: rows and refusals.
    let (answered, refused) = (answered.into_inner(), refused.into_inner());
    assert!(answered > QUERIES / 3 && refused > QUERIES / 20, "{answered} answered, {refused} refused");
}

#[test]
fn a_limited_key_does_not_show_the_current_project_of_its_owner() {
    let projects = projects();
    let me = projects.server.get_as(&projects.key, "/api/users/@me/").json();
    assert_eq!(me["team"], Value::Null, "{me}");
    let own = projects.server.get("/api/users/@me/").json();
    assert_eq!(own["team"]["name"], json!(word("project")));
}

fn every_word_is_seen_by_its_owner(server: &Server) {
    let seen = |path: &str, what: &str| {
        let answer = server.project(path);
        assert!(answer.body.contains(&word(what)), "{path} does not show {what}: {}", answer.body);
    };
    for what in ["event", "person", "property", "text", "tag"] {
        seen("events/", what);
    }
    for what in ["trait", "value", "mail", "named"] {
        seen("persons/", what);
    }
    seen("cohorts/", "static");
    seen("cohorts/", "cohort");
    seen("actions/", "action");
    seen("groups/?group_type_index=0", "group");
    seen("groups_types/", "type");
    seen("", "project");
    server.wait_until("the question in the background is answered", || {
        server.project("query/shared/").body.contains(&word("event"))
    });
    for (table, columns) in TABLES {
        let node = json!({"kind": "HogQLQuery", "query": format!("select * from {table}")});
        let answer = server.post("/api/projects/1/query/", &json!({"query": node}));
        assert_eq!(answer.status, 200, "{table}: {}", answer.body);
        assert_ne!(answer.json()["results"], json!([]), "{table} has no rows to see");
        assert!(!columns.is_empty());
    }
    for text in [
        "select event, person.properties, group_0.properties, session.$entry_current_url from events",
        "select properties from persons",
        "select distinct_id from person_distinct_id_overrides",
        "select person.properties from cohort_people",
        "select person.properties from static_cohort_people",
        "select $entry_current_url from sessions",
        "select properties from groups",
    ] {
        let node = json!({"kind": "HogQLQuery", "query": text});
        let answer = server.post("/api/projects/1/query/", &json!({"query": node}));
        assert!(answer.body.contains(MARK), "{text}: {}", answer.body);
    }
}
