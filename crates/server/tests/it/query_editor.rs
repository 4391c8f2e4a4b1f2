//! What editors ask the query endpoint: whether a text is valid, what there is, and what may come next.

use serde_json::{Value, json};
use testkit::Server;

use crate::{event, server};

const TEN: &str = "2026-01-01T10:00:00Z";

fn ask(server: &Server, query: Value) -> Value {
    let answer = server.post("/api/projects/1/query/", &json!({"query": query}));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn metadata(server: &Server, fields: Value) -> Value {
    let mut query = fields;
    query["kind"] = json!("HogQLMetadata");
    ask(server, query)
}

#[test]
fn a_query_is_checked_without_being_run() {
    let server = server();
    let valid = metadata(&server, json!({"language": "hogQL", "query": "select event from events"}));
    assert_eq!((&valid["isValid"], &valid["errors"]), (&json!(true), &json!([])));
    assert_eq!(valid["table_names"], json!(["events"]));
    assert_eq!(
        valid["notices"],
        json!([{"message": "Field 'event' is of type 'String'.", "start": 7, "end": 12, "fix": null}])
    );
    // Places count characters, not bytes.
    let wrong = metadata(&server, json!({"language": "hogQL", "query": "select 'é' as x, evnt from events"}));
    assert_eq!(wrong["isValid"], false);
    assert_eq!(
        wrong["errors"],
        json!([{"message": "Unable to resolve field: evnt", "start": 17, "end": 21, "fix": "event"}])
    );
    let syntax = metadata(&server, json!({"select": "select 1 from"}));
    assert_eq!((&syntax["isValid"], &syntax["errors"][0]["start"]), (&json!(false), &json!(13)), "{syntax}");
    let warned = metadata(&server, json!({"language": "hogQL", "query": "select number from numbers(9) limit 60000"}));
    assert_eq!((&warned["isValid"], warned["warnings"].as_array().unwrap().len()), (&json!(true), 1), "{warned}");
}

#[test]
fn an_expression_is_checked_over_events_or_over_its_source() {
    let server = server();
    let expr = |text: &str, source: Value| {
        metadata(&server, json!({"language": "hogQLExpr", "query": text, "sourceQuery": source}))["isValid"].clone()
    };
    assert_eq!(expr("properties.plan = 'pro'", Value::Null), true);
    assert_eq!(expr("count() > 5", Value::Null), true);
    assert_eq!(expr("is_identified", Value::Null), false);
    let persons = json!({"kind": "HogQLQuery", "query": "select id from persons"});
    assert_eq!(expr("is_identified", persons.clone()), true);
    assert_eq!(expr("is_identified", json!({"kind": "DataTableNode", "source": persons})), true);
    assert_eq!(metadata(&server, json!({"expr": "even"}))["errors"][0]["fix"], "event");
    let template = |text: &str| metadata(&server, json!({"language": "hogTemplate", "query": text}))["isValid"].clone();
    assert_eq!((template("Hello {person.name}"), template("Hello {")), (json!(true), json!(false)));
}

#[test]
fn filters_and_variables_are_part_of_what_is_checked() {
    let server = server();
    let text = "select count() from events where {filters} and event = {variables.name}";
    let variables = json!({"v1": {"code_name": "name", "variableId": "v1", "value": "signup"}});
    let check = |variables: &Value, filters: Value| {
        metadata(&server, json!({"language": "hogQL", "query": text, "variables": variables, "filters": filters}))
    };
    assert_eq!(check(&variables, Value::Null)["isValid"], true);
    let missing = check(&json!({}), Value::Null);
    assert_eq!(missing["errors"][0]["message"], "Variable name is missing from query");
    assert_eq!((&missing["errors"][0]["start"], &missing["errors"][0]["end"]), (&json!(55), &json!(71)));
    let incomplete = json!({"properties": [{"type": "event", "key": "plan", "operator": "exact"}]});
    let warned = check(&variables, incomplete);
    assert_eq!(warned["isValid"], true, "{warned}");
    assert_eq!(warned["warnings"][0]["start"], 33, "{warned}");
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let server = server();
    for (query, reason) in [
        (json!({"kind": "HogQLMetadata"}), "required"),
        (json!({"kind": "HogQLMetadata", "language": "hog", "query": "return 1"}), "not supported yet"),
        (json!({"kind": "HogQLMetadata", "language": "cobol", "query": "x"}), "valid language"),
        (
            json!({"kind": "HogQLMetadata", "language": "hogQLExpr", "query": "x", "sourceQuery": {"kind": "PathsQuery"}}),
            "not supported yet",
        ),
        (json!({"kind": "HogQLAutocomplete", "language": "hogQL", "query": "select", "startPosition": 1}), "required"),
    ] {
        let answer = server.post("/api/projects/1/query/", &json!({"query": query}));
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        assert!(answer.json()["detail"].as_str().unwrap().contains(reason), "{query}: {}", answer.body);
    }
}

#[test]
fn the_schema_names_every_table_and_what_its_fields_lead_to() {
    let server = server();
    server.ingest(&[event("$groupidentify", "d", TEN, json!({"$group_type": "company", "$group_key": "acme"}))]);
    let schema = ask(&server, json!({"kind": "DatabaseSchemaQuery"}));
    let tables = schema["tables"].as_object().unwrap();
    for name in ["events", "persons", "sessions", "groups", "person_distinct_ids", "cohort_people"] {
        assert_eq!(tables[name]["name"], name);
        assert_eq!(tables[name]["type"], "posthog");
    }
    let field = |table: &str, name: &str| &tables[table]["fields"][name];
    assert_eq!(field("events", "timestamp")["type"], "datetime");
    assert_eq!(field("events", "properties")["type"], "json");
    assert_eq!(field("events", "$group_0")["hogql_value"], "$group_0");
    assert_eq!(
        (&field("events", "person")["type"], &field("events", "person")["table"]),
        (&json!("lazy_table"), &json!("persons"))
    );
    assert_eq!(field("events", "poe")["fields"], json!(["id", "created_at", "properties"]));
    assert_eq!(
        (&field("events", "company")["type"], &field("events", "company")["chain"]),
        (&json!("field_traverser"), &json!(["group_0"]))
    );
    assert_eq!(field("sessions", "$session_duration")["type"], "integer");
    // Every stored field of every table that the schema names can be asked for.
    for (name, table) in tables
        .iter()
        .filter(|(name, _)| ["events", "persons", "person_distinct_ids", "groups"].contains(&name.as_str()))
    {
        for field in table["fields"].as_object().unwrap().values() {
            let ty = field["type"].as_str().unwrap();
            if !ty.ends_with("table") && ty != "field_traverser" {
                let text = format!("select {} from {name} limit 1", field["hogql_value"].as_str().unwrap());
                ask(&server, json!({"kind": "HogQLQuery", "query": text}));
            }
        }
    }
}

#[test]
fn what_may_come_next_is_suggested() {
    let server = server();
    server.ingest(&[event("e", "d", TEN, json!({"plan": "pro", "planet": 3, "$set": {"plan_of_person": "x"}}))]);
    // Definitions are noted after events are visible.
    server.wait_until("the property is defined", || {
        server.project("property_definitions/?search=planet").results().len() == 1
    });
    let suggest = |text: &str| -> Vec<Value> {
        let end = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let before = text.get(..end).unwrap();
        let word = before.chars().rev().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$')).count();
        let end = before.chars().count();
        let start = end - word;
        let query = json!({
            "kind": "HogQLAutocomplete", "language": "hogQL", "query": text, "startPosition": start, "endPosition": end,
        });
        let answer = ask(&server, query);
        assert_eq!(answer["incomplete_list"], false);
        answer["suggestions"].as_array().unwrap().clone()
    };
    let labels = |text: &str| -> Vec<String> {
        suggest(text).iter().map(|suggestion| suggestion["label"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(labels("select 'é', properties.plan| from events"), ["plan", "planet"]);
    assert_eq!(labels("select e.person.properties.| from events as e"), ["plan_of_person"]);
    assert_eq!(labels("select * from session|"), ["sessions"]);
    let function = &suggest("select toStartOfFift|")[0];
    assert_eq!((&function["insertText"], &function["kind"]), (&json!("toStartOfFifteenMinutes()"), &json!("Function")));
    let planet = suggest("select properties.planet| from events");
    assert_eq!((&planet[0]["detail"], &planet[0]["kind"]), (&json!("Float"), &json!("Variable")));
}
