//! Who may do what: every operation of the document against every kind of key that must not get through.

use std::collections::BTreeSet;

use env::Random;
use meta::{Meta, NewProject};
use model::Timestamp;
use serde_json::{Map, Value, json};
use testkit::{Answer, KEY, Server, encode};

use crate::{event, server};

/// An operation as the document has it.
struct Operation {
    method: String,
    path: String,
    described: Value,
}

impl Operation {
    fn id(&self) -> &str {
        self.described["operationId"].as_str().unwrap()
    }

    fn tag(&self) -> &str {
        self.described["tags"][0].as_str().unwrap()
    }

    /// `person:read`, unless no single scope is enough.
    fn scope(&self) -> Option<&str> {
        self.described["security"][0]["personalApiKey"][0].as_str()
    }

    fn is_open(&self) -> bool {
        self.described["security"] == json!([])
    }

    fn names(&self, parameter: &str) -> bool {
        self.path.contains(&format!("{{{parameter}}}"))
    }

    /// Whether it is about what lies in a project.
    fn is_in_project(&self) -> bool {
        self.names("project")
    }

    /// With what is needed, and nothing else.
    fn send(&self, server: &Server, key: Option<&str>, project: &str, ids: &Ids) -> Answer {
        let id = match self.tag() {
            "events" => &ids.event,
            "persons" => &ids.person,
            "cohorts" => &ids.cohort,
            "actions" => &ids.action,
            _ => &ids.key,
        };
        let path = self.path.replace("{project}", project).replace("{organization}", "@current").replace("{id}", id);
        let parameters = self.described["parameters"].as_array().unwrap().iter();
        let required = parameters.filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
        let query: Vec<String> = required
            .map(|parameter| {
                let value = if parameter["schema"]["type"] == "integer" { "0" } else { "acme" };
                format!("{}={value}", encode(parameter["name"].as_str().unwrap()))
            })
            .collect();
        let path = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
        let body = &self.described["requestBody"]["content"]["application/json"]["schema"];
        let body = if body.is_null() { Value::Null } else { sample(body) };
        let bytes = if body.is_null() { String::new() } else { body.to_string() };
        let bearer = key.map(|key| format!("Bearer {key}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        server.send(&self.method, &path, &headers, bytes.as_bytes())
    }
}

/// The smallest value that a schema allows.
fn sample(schema: &Value) -> Value {
    let kind = if schema["type"].is_array() { &schema["type"][0] } else { &schema["type"] };
    match kind.as_str() {
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let fields = required.iter().map(|name| {
                let name = name.as_str().unwrap();
                (name.to_owned(), sample(&schema["properties"][name]))
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Some("array") => json!([]),
        Some("integer") => schema["minimum"].clone(),
        Some("boolean") => json!(true),
        Some("string") if schema["format"] == "uuid" => json!("00000000-0000-0000-0000-000000000001"),
        Some("string") => json!("x"),
        _ => json!(1),
    }
}

/// Objects of project 1.
struct Ids {
    event: String,
    person: String,
    cohort: String,
    action: String,
    key: String,
}

fn operations(server: &Server) -> Vec<Operation> {
    let document = server.send("GET", "/api/schema/", &[], b"").json();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            all.push(Operation { method: method.to_uppercase(), path: path.clone(), described: described.clone() });
        }
    }
    assert!(all.len() > 80, "the document has only {} operations", all.len());
    all
}

/// Replaces what a key may do.
fn allow(server: &Server, id: &str, scopes: &[&str], teams: &[i64]) {
    let changed = json!({"scopes": scopes, "scoped_teams": teams});
    let answer = server.patch(&format!("/api/personal_api_keys/{id}/"), &changed);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn project_with_objects(server: &Server) -> Ids {
    let group = json!({"$group_type": "company", "$group_key": "acme", "$group_set": {}});
    server.ingest(&[
        event("$groupidentify", "u", "2026-01-01T10:00:00Z", group),
        event("a", "u", "2026-01-01T11:00:00Z", json!({"$groups": {"company": "acme"}})),
    ]);
    let id = |answer: Answer| {
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["id"].to_string().trim_matches('"').to_owned()
    };
    Ids {
        event: server.project("events/").results()[0]["id"].as_str().unwrap().to_owned(),
        person: server.project("persons/").results()[0]["uuid"].as_str().unwrap().to_owned(),
        cohort: id(server.post("/api/projects/1/cohorts/", &json!({"name": "c", "is_static": true}))),
        action: id(server.post("/api/projects/1/actions/", &json!({"name": "a"}))),
        key: id(server.post("/api/personal_api_keys/", &json!({"label": "mine", "scopes": ["person:read"]}))),
    }
}

#[test]
fn no_operation_lets_a_key_do_what_it_may_not() {
    let server = server();
    let ids = project_with_objects(&server);
    let other = server.post("/api/projects/", &json!({"name": "Other"})).json()["id"].as_i64().unwrap();
    let probe = server.post("/api/personal_api_keys/", &json!({"label": "probe", "scopes": ["*"]})).json();
    let (probe_id, probe) = (probe["id"].as_str().unwrap().to_owned(), probe["value"].as_str().unwrap().to_owned());
    let revoked = server.post("/api/personal_api_keys/", &json!({"label": "r", "scopes": ["*"]})).json();
    let gone = server.delete(&format!("/api/personal_api_keys/{}/", revoked["id"].as_str().unwrap()));
    assert_eq!(gone.status, 204);
    let revoked = revoked["value"].as_str().unwrap();

    let operations = operations(&server);
    let guarded: Vec<&Operation> = operations.iter().filter(|operation| !operation.is_open()).collect();
    let told = |answer: &Answer| answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    for operation in &guarded {
        let none = operation.send(&server, None, "1", &ids);
        assert_eq!((none.status, &none.json()["code"]), (401, &json!("not_authenticated")), "{}", operation.id());
        let answer = operation.send(&server, Some(revoked), "1", &ids);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (401, &json!("authentication_failed")),
            "{}",
            operation.id()
        );
    }
    // A key with every scope but those of the operation's object.
    let mut objects: BTreeSet<String> = BTreeSet::new();
    objects.extend(guarded.iter().filter_map(|operation| Some(operation.scope()?.split_once(':')?.0.to_owned())));
    for object in &objects {
        let others: Vec<String> =
            objects.iter().filter(|other| *other != object).map(|o| format!("{o}:write")).collect();
        allow(&server, &probe_id, &others.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        let about =
            |operation: &&&Operation| operation.scope().is_some_and(|scope| scope.starts_with(&format!("{object}:")));
        for operation in guarded.iter().filter(about) {
            let answer = operation.send(&server, Some(&probe), "1", &ids);
            let expected = format!("API key missing required scope '{}'", operation.scope().unwrap());
            assert_eq!((answer.status, told(&answer)), (403, expected), "{}", operation.id());
        }
        // Reading only.
        allow(&server, &probe_id, &[&format!("{object}:read")], &[]);
        for operation in guarded.iter().filter(about) {
            let answer = operation.send(&server, Some(&probe), "1", &ids);
            let writes = operation.scope().unwrap().ends_with(":write");
            assert_eq!(answer.status == 403, writes, "{}: {}", operation.id(), answer.body);
            assert!(writes || answer.status == 200, "{}: {} {}", operation.id(), answer.status, answer.body);
        }
    }
    // Managing keys takes a key that may do everything; looking at oneself takes any.
    for operation in guarded.iter().filter(|operation| operation.scope().is_none()) {
        let answer = operation.send(&server, Some(&probe), "1", &ids);
        let expected = if operation.id() == "personal_api_keys_current" { 200 } else { 403 };
        assert_eq!(answer.status, expected, "{}", operation.id());
    }
    // A key that is limited to another project.
    allow(&server, &probe_id, &["*"], &[other]);
    for operation in &guarded {
        let answer = operation.send(&server, Some(&probe), "1", &ids);
        let allowed = ["projects_list", "users_me_retrieve", "users_me_update", "personal_api_keys_current"];
        if allowed.contains(&operation.id()) {
            assert_eq!(answer.status, 200, "{}", operation.id());
        } else {
            assert_eq!(
                (answer.status, &answer.json()["code"]),
                (403, &json!("permission_denied")),
                "{}",
                operation.id()
            );
        }
    }
    assert!(!server.get_as(&probe, "/api/projects/").body.contains("Default project"));
}

#[test]
fn no_operation_reaches_into_another_project() {
    let server = server();
    let ids = project_with_objects(&server);
    let other = server.post("/api/projects/", &json!({"name": "Other"})).json()["id"].to_string();
    let before = ["persons/", "cohorts/", "actions/", "groups/?group_type_index=0", "events/"];
    let before: Vec<String> = before.iter().map(|path| server.project(path).body).collect();
    for operation in operations(&server).iter().filter(|operation| operation.is_in_project()) {
        let answer = operation.send(&server, Some(KEY), &other, &ids);
        if operation.names("id") {
            assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("not_found")), "{}", operation.id());
        } else if operation.method == "GET" {
            for secret in [&ids.event, &ids.person, "acme", "\"a\""] {
                assert!(!answer.body.contains(secret), "{} shows {secret}: {}", operation.id(), answer.body);
            }
        }
    }
    let after = ["persons/", "cohorts/", "actions/", "groups/?group_type_index=0", "events/"];
    let after: Vec<String> = after.iter().map(|path| server.project(path).body).collect();
    assert_eq!(before, after);
}

#[test]
fn no_operation_reaches_a_project_of_which_its_caller_is_no_member() {
    let server = server();
    let ids = project_with_objects(&server);
    let meta = Meta::open(&server.data_dir().join("meta.sqlite")).unwrap();
    let now = Timestamp::from_micros(1);
    let stranger = meta.create_organization("Strangers", "them@example.com", now, &Random::system()).unwrap();
    let new = NewProject { organization: stranger.organization, name: "Theirs".to_owned(), timezone: "UTC".to_owned() };
    let theirs = meta.create_project(&new, now, &Random::system()).unwrap();
    for operation in operations(&server).iter().filter(|operation| operation.is_in_project()) {
        let answer = operation.send(&server, Some(KEY), &theirs.id.to_string(), &ids);
        assert_eq!(
            (answer.status, answer.json()["detail"].as_str()),
            (403, Some("You don't have access to the project.")),
            "{}",
            operation.id()
        );
    }
    let organization = format!("/api/organizations/{}/", stranger.organization);
    assert_eq!(server.get(&organization).status, 403);
    assert_eq!(server.get(&format!("{organization}members/")).status, 403);
    // A valid token of a project that is not the caller's changes nothing about that.
    let token = |path: &str, token: &str| server.get(&format!("/api/projects/1/{path}?token={token}"));
    for path in ["events/", "persons/", "cohorts/"] {
        assert_eq!(token(path, &theirs.api_token).status, 403, "{path}");
        let unknown = token(path, "phc_nobody");
        assert_eq!((unknown.status, &unknown.json()["code"]), (401, &json!("authentication_failed")), "{path}");
    }
}

#[test]
fn a_token_in_the_query_names_the_project_of_what_lies_in_one() {
    let server = server();
    project_with_objects(&server);
    let other = server.post("/api/projects/", &json!({"name": "Other"})).json();
    let token = other["api_token"].as_str().unwrap();
    assert_eq!(server.project("persons/").results().len(), 1);
    assert_eq!(server.project(&format!("persons/?token={token}")).results().len(), 0);
    assert_eq!(server.get(&format!("/api/projects/999/persons/?token={token}")).status, 200);
    // The project itself is the one in the path.
    assert_eq!(server.get(&format!("/api/projects/1/?token={token}")).json()["id"], json!(1));
}

#[test]
fn router_and_document_agree() {
    let server = server();
    let ids = project_with_objects(&server);
    let document = server.send("GET", "/api/schema/", &[], b"");
    assert_eq!(document.header("content-type"), Some("application/vnd.oai.openapi+json"));
    let document = document.json();
    assert_eq!(document["openapi"], json!("3.1.0"));
    let mut operation_ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let known: BTreeSet<String> = methods.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let filled = path.replace("{project}", "1").replace("{organization}", "@current").replace("{id}", &ids.person);
        for path in [filled.clone(), filled.trim_end_matches('/').to_owned()] {
            let answer = server.send("OPTIONS", &path, &[("authorization", &format!("Bearer {KEY}"))], b"");
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            let mut expected = known.clone();
            expected.insert("OPTIONS".to_owned());
            if known.contains("GET") {
                expected.insert("HEAD".to_owned());
            }
            let allowed = answer.header("allow").unwrap().split(", ").map(str::to_owned).collect::<BTreeSet<_>>();
            assert_eq!(allowed, expected, "{path}");
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"].iter().filter(|method| !known.contains(**method)) {
                let answer = server.send(method, &path, &[("authorization", &format!("Bearer {KEY}"))], b"");
                let detail = format!("Method \"{method}\" not allowed.");
                assert_eq!((answer.status, &answer.json()["detail"]), (405, &json!(detail)), "{path}");
                assert_eq!(answer.json()["attr"], Value::Null);
            }
        }
        for described in methods.as_object().unwrap().values() {
            assert!(operation_ids.insert(described["operationId"].as_str().unwrap().to_owned()), "an id is not unique");
            check_references(&document, described);
        }
    }
    let unauthenticated = server.send("OPTIONS", "/api/projects/1/events/", &[], b"");
    assert_eq!(unauthenticated.status, 401);
}

/// Every reference leads to something.
fn check_references(document: &Value, value: &Value) {
    match value {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                let pointer = reference.trim_start_matches('#');
                let target = document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"));
                check_references(document, target);
            }
            object.values().for_each(|value| check_references(document, value));
        }
        Value::Array(items) => items.iter().for_each(|item| check_references(document, item)),
        _ => {}
    }
}
