//! `GET /api/schema/`: the OpenAPI 3.1 document of what is served, made of the table of operations.

mod examples;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::error::ApiError;
use crate::fields;
use crate::guard::{Need, negotiate};
use crate::operations::{Operation, Param, ParamKind, RequestBody, Shape, operations};

/// What an OpenAPI document calls itself.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.oai.openapi+json";

/// The document, as text.
pub(crate) async fn serve(call: Call) -> Result<Response, ApiError> {
    negotiate(&call.headers, &call.params, &["json"])?;
    let text = Arc::clone(call.app.schema.get_or_init(|| document(&operations()).to_string().into()));
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text.to_string()).into_response())
}

/// The document of `operations`.
pub(crate) fn document(operations: &[Operation]) -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    schemas.insert("Error".to_owned(), error_schema());
    for operation in operations {
        let path = paths.entry(format!("{}/", operation.path)).or_default();
        path.insert(operation.method.as_str().to_lowercase(), describe(operation));
        for shape in operation.answer.shape.iter().chain(&operation.answer.later) {
            schemas.extend(shape.nested.iter().cloned());
            schemas.insert(shape.name.clone(), shape.schema.clone());
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hedgerow",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Product-analytics events over PostHog's HTTP API. Every path also answers without its trailing slash.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "personalApiKey": {"type": "http", "scheme": "bearer", "description": "A personal API key, phx_…"},
                "personalApiKeyInQuery": {"type": "apiKey", "in": "query", "name": "personal_api_key"},
            },
        },
    })
}

fn describe(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> =
        path_names(&operation.path).into_iter().map(|name| path_parameter(name, operation.tag)).collect();
    parameters.extend(operation.query.iter().map(|param| query_parameter(&operation.id, param)));
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation),
    });
    let Some(object) = described.as_object_mut() else { return described };
    if let Some(body) = &operation.body {
        let content: Map<String, Value> =
            body.content_types.iter().map(|kind| content(operation, body, kind)).collect();
        object.insert("requestBody".to_owned(), json!({"content": content, "required": body.is_required}));
    }
    if operation.is_deprecated {
        object.insert("deprecated".to_owned(), json!(true));
    }
    let security = match scope_of(operation.rule.need) {
        None if operation.rule.need == Need::Nothing => json!([]),
        None => json!([{"personalApiKey": []}, {"personalApiKeyInQuery": []}]),
        // OpenAPI 3.1 lets any kind of scheme name the roles it takes.
        Some(scope) => json!([{"personalApiKey": [scope]}, {"personalApiKeyInQuery": [scope]}]),
    };
    object.insert("security".to_owned(), security);
    described
}

/// One form of a body, by its content type.
fn content(operation: &Operation, body: &RequestBody, kind: &str) -> (String, Value) {
    let mut content = json!({"schema": body.schema});
    if kind == "application/json" {
        add_examples(&mut content, examples::of_body(&operation.id));
    }
    (kind.to_owned(), content)
}

fn add_examples(described: &mut Value, examples: Vec<(&str, Value)>) {
    if !examples.is_empty() {
        let examples = examples.into_iter().map(|(name, value)| (name.to_owned(), json!({"value": value})));
        described["examples"] = Value::Object(examples.collect());
    }
}

/// The scope an operation needs, by name.
pub(crate) fn scope_of(need: Need) -> Option<String> {
    match need {
        Need::Nothing | Need::Key | Need::Everything => None,
        Need::Anywhere(scope)
        | Need::Unlimited(scope)
        | Need::Organization(scope)
        | Need::Project(scope)
        | Need::Within(scope) => Some(scope.name()),
    }
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let answer = &operation.answer;
    let mut done = match &answer.shape {
        Some(shape) => {
            let one = reference(shape);
            let schema = if shape.is_list { json!({"type": "array", "items": one}) } else { one };
            json!({"description": "Done.", "content": {answer.content_type: {"schema": schema}}})
        }
        None if answer.content_type.is_empty() => json!({"description": "Done."}),
        None => json!({"description": "Done.", "content": {answer.content_type: {"schema": {}}}}),
    };
    if answer.is_also_csv
        && let Some(content) = done["content"].as_object_mut()
    {
        content.insert("text/csv".to_owned(), json!({"schema": {"type": "string"}}));
    }
    responses.insert(answer.status.to_string(), done);
    if let Some(shape) = &answer.later {
        let content = json!({"application/json": {"schema": reference(shape)}});
        responses.insert("202".to_owned(), json!({"description": "It is being done.", "content": content}));
    }
    let mut refusals = vec![(400, "The request is not valid.")];
    if operation.rule.need != Need::Nothing {
        refusals.push((401, "There is no valid key."));
        refusals.push((403, "The key or its owner may not do that."));
        refusals.push((429, "The key asks too often."));
    }
    refusals.push((404, "There is no such thing, or no such project."));
    refusals.push((406, "There is no answer in a form that the client accepts."));
    if operation.body.is_some() {
        refusals.push((413, "The body is too large."));
    }
    refusals.push((503, "Storage cannot answer now."));
    for (status, description) in refusals {
        let schema = json!({"$ref": "#/components/schemas/Error"});
        let content = json!({"application/json": {"schema": schema}});
        responses.insert(status.to_string(), json!({"description": description, "content": content}));
    }
    Value::Object(responses)
}

fn reference(shape: &Shape) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", shape.name)})
}

/// Names in braces.
pub(crate) fn path_names(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect()
}

fn path_parameter(name: &str, tag: &str) -> Value {
    let (schema, about) = match (name, tag) {
        ("project", _) => {
            (json!({"type": "string", "pattern": r"^(\d+|@current)$"}), "A project's number, or @current.")
        }
        ("organization", _) => {
            let schema = json!({"anyOf": [{"type": "string", "format": "uuid"}, {"const": "@current"}]});
            (schema, "An organisation's UUID, or @current.")
        }
        (_, "events") => (json!({"type": "string", "format": "uuid"}), "The event's UUID."),
        (_, "persons") => {
            let number = json!({"type": "string", "pattern": r"^\d+$"});
            (json!({"anyOf": [number, {"type": "string", "format": "uuid"}]}), "The person's number or UUID.")
        }
        (_, "cohorts" | "actions") => (json!({"type": "string", "pattern": r"^\d+$"}), "Its number."),
        _ => (json!({"type": "string", "minLength": 1}), "What names it."),
    };
    json!({"name": name, "in": "path", "required": true, "schema": schema, "description": about})
}

fn query_parameter(operation: &str, param: &Param) -> Value {
    let schema = match param.kind {
        // An empty one counts as missing.
        ParamKind::Text if param.is_required => json!({"type": "string", "minLength": 1}),
        ParamKind::Text | ParamKind::Json => json!({"type": "string"}),
        ParamKind::Integer(least, most) => fields::kind_schema(fields::Kind::Integer(least, most)),
        ParamKind::Flag => json!({"type": "boolean"}),
        ParamKind::Uuid => fields::kind_schema(fields::Kind::Uuid),
        ParamKind::Choice(choices) => fields::kind_schema(fields::Kind::Choice(choices)),
        ParamKind::Texts => json!({"type": "array", "items": {"type": "string"}}),
    };
    let mut described = json!({
        "name": param.name,
        "in": "query",
        "required": param.is_required,
        "schema": schema,
        "description": param.about,
    });
    add_examples(&mut described, examples::of_parameter(operation, param.name));
    described
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["type", "code", "detail"],
        "properties": {
            "type": {"type": "string"},
            "code": {"type": "string"},
            "detail": {"type": "string"},
            "attr": {"type": ["string", "null"]},
        },
    })
}
