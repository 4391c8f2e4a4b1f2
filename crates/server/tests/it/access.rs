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
        if self.tag() == "query" && self.path.contains("{id}") && self.method != "POST" {
            // It may have been stopped by the operation before.
            let asked = json!({"query": question(), "refresh": "force_async", "client_query_id": QUESTION});
            assert_eq!(server.post("/api/projects/1/query/", &asked).status, 202);
            server.wait_until("the question is answered", || {
                server.get(&format!("/api/projects/1/query/{QUESTION}/")).status == 200
            });
        }
        let id = match self.tag() {
            // A question of the kind in the path.
            "query" if self.method == "POST" => "HogQLQuery",
            "query" => QUESTION,
            "events" => &ids.event,
            "persons" => &ids.person,
            "cohorts" => &ids.cohort,
            "actions" => &ids.action,
            "event_definitions" => &ids.event_definition,
            "property_definitions" => &ids.property_definition,
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
        let mut body = if body.is_null() { Value::Null } else { sample(body) };
        if self.tag() == "query" && !body.is_null() {
            body = json!({"query": question()});
        }
        let bytes = if body.is_null() { String::new() } else { body.to_string() };
        let bearer = key.map(|key| format!("Bearer {key}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        server.send(&self.method, &path, &headers, bytes.as_bytes())
    }
}

/// The id of a question asked in the background.
const QUESTION: &str = "0190a000000070008000000000000001";

fn question() -> Value {
    json!({"kind": "HogQLQuery", "query": "select 1"})
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
    event_definition: String,
    property_definition: String,
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
        event_definition: id(server.post("/api/projects/1/event_definitions/", &json!({"name": "acme"}))),
        property_definition: server.project("property_definitions/").results()[0]["id"].as_str().unwrap().to_owned(),
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
        // What stands in the path of a question is its kind.
        if operation.names("id") && !operation.id().ends_with("query_create_kind") {
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

#[test]
fn answers_are_what_the_document_says() {
    let server = server();
    let ids = project_with_objects(&server);
    let document = server.send("GET", "/api/schema/", &[], b"").json();
    let mut checked = 0;
    // What deletes comes last.
    let mut operations = operations(&server);
    operations.sort_by_key(|operation| operation.method == "DELETE" || operation.id().contains("bulk_delete"));
    for operation in &operations {
        // These need what no schema tells: an id of another kind, or persons.
        let needs_more = [
            "split",
            "add_persons",
            "remove_person",
            "cohorts_create",
            "groups_create",
            "bulk_delete",
            // The name is taken when it is made a second time.
            "environments_event_definitions_create",
        ];
        let key_of_its_own = operation.path.starts_with("/api/personal_api_keys/{id}");
        let is_own = operation.method == "GET" || !needs_more.iter().any(|id| operation.id().contains(id));
        let deletes_again = operation.id().starts_with("environments_") && operation.id().ends_with("_destroy");
        if !is_own || deletes_again || (key_of_its_own && operation.method != "GET") {
            continue;
        }
        let answer = operation.send(&server, Some(KEY), "1", &ids);
        let described = &operation.described["responses"][answer.status.to_string()];
        assert!(answer.status < 300 && !described.is_null(), "{}: {} {}", operation.id(), answer.status, answer.body);
        let schema = &described["content"]["application/json"]["schema"];
        if schema.is_null() {
            assert!(
                answer.body.is_empty() || operation.id() == "schema_retrieve",
                "{}: {}",
                operation.id(),
                answer.body
            );
        } else {
            let wrong = mismatch(&document, schema, &answer.json(), String::new());
            assert_eq!(wrong, None, "{}: {}", operation.id(), answer.body);
        }
        checked += 1;
    }
    assert!(checked > 60, "{checked}");
}

/// A schema with what it refers to and what it is composed of put into it.
fn resolved(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return resolved(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    let Some(parts) = schema["allOf"].as_array() else { return schema.clone() };
    let mut all = json!({"type": "object", "properties": {}, "required": []});
    for part in parts {
        let part = resolved(document, part);
        let properties = part["properties"].as_object().cloned().unwrap_or_default();
        all["properties"].as_object_mut().unwrap().extend(properties);
        let required = part["required"].as_array().cloned().unwrap_or_default();
        all["required"].as_array_mut().unwrap().extend(required);
    }
    all
}

/// Where `value` is not what `schema` says, as far as our schemas say anything.
fn mismatch(document: &Value, schema: &Value, value: &Value, at: String) -> Option<String> {
    let schema = &resolved(document, schema);
    let choices = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
    if let Some(choices) = choices {
        let wrong: Vec<_> = choices.iter().map(|choice| mismatch(document, choice, value, at.clone())).collect();
        return if wrong.iter().any(Option::is_none) { None } else { wrong.into_iter().flatten().next() };
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind)) {
        return Some(format!("{at} is not {kinds:?}: {value}"));
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|name| value.is_object() && value.get(*name).is_none()) {
        return Some(format!("{at}.{missing} is missing"));
    }
    if let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, value) in object {
            let Some(schema) = properties.get(name) else { return Some(format!("{at}.{name} is not described")) };
            if let Some(wrong) = mismatch(document, schema, value, format!("{at}.{name}")) {
                return Some(wrong);
            }
        }
    }
    let items = value.as_array().into_iter().flatten().enumerate();
    let wrong = |(place, item)| mismatch(document, &schema["items"], item, format!("{at}[{place}]"));
    if schema["items"].is_object() { items.into_iter().find_map(wrong) } else { None }
}

#[test]
fn a_wrong_answer_is_recognised() {
    let document =
        json!({"s": {"P": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}}});
    let schema = json!({"type": "object", "required": ["list"], "properties": {
        "list": {"type": "array", "items": {"allOf": [{"$ref": "#/s/P"}, {"properties": {"name": {"type": ["string", "null"]}}}]}},
        "any": {"anyOf": [{"type": "null"}, {"$ref": "#/s/P"}]}}});
    let wrong = |value: Value| mismatch(&document, &schema, &value, String::new());
    assert_eq!(wrong(json!({"list": [{"id": 1, "name": null}], "any": {"id": 2}})), None);
    for (value, expected) in [
        (json!([]), "is not [\"object\"]"),
        (json!({}), ".list is missing"),
        (json!({"list": [{"id": 1}, {"id": "1"}]}), ".list[1].id is not"),
        (json!({"list": [{"name": "x"}]}), ".list[0].id is missing"),
        (json!({"list": [{"id": 1, "other": 1}]}), ".list[0].other is not described"),
        (json!({"list": [], "any": {}}), ".any"),
    ] {
        let found = wrong(value.clone()).unwrap_or_default();
        assert!(found.contains(expected), "{value}: {found}");
    }
}
