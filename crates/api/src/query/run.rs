//! From the body of a request to the body of its answer.

use std::fmt::Write as _;
use std::sync::Arc;

use hogql::context::Limits;
use hogql::{CompileError, Compiled, Context, EventsQuery};
use meta::Project;
use query::QueryError;
use query::hogql::{Answer, Request, needs};
use serde_json::{Map, Value, json};

use super::{context::context, people};
use crate::app::App;
use crate::error::ApiError;

/// What `*` is in an `EventsQuery`.
const WHOLE: [&str; 9] = [
    "uuid",
    "event",
    "properties",
    "timestamp",
    "team_id",
    "distinct_id",
    "elements_chain",
    "created_at",
    "person_mode",
];
/// Rows of an `EventsQuery` unless it says otherwise.
const PAGE: u64 = 100;

/// A question that can be run.
struct Asked {
    context: Context,
    compiled: Compiled,
    /// The node that is answered, wrappers apart.
    query: Value,
    kind: Kind,
}

enum Kind {
    Hogql,
    Events(Box<EventsQuery>),
}

fn ask(app: &App, project: &Project, body: &Value, limits: Option<Limits>) -> Result<Asked, ApiError> {
    let query = bare(body)?;
    let mut context = context(app, project, body, &query)?;
    if let Some(limits) = limits {
        context.limits = limits;
    }
    let (compiled, kind) = match kind_of(&query) {
        "HogQLQuery" => {
            let text = query.get("query").and_then(Value::as_str).ok_or_else(|| ApiError::required("query"))?;
            (hogql::compile(text, &context).map_err(|error| refused(&error, text))?, Kind::Hogql)
        }
        "EventsQuery" => {
            context.limits.allow_offset = true;
            let events = serde_json::from_value::<EventsQuery>(query.clone());
            let events = events.map_err(|error| ApiError::invalid("query", error.to_string()))?;
            let tree = events.to_query(&context).map_err(|error| refused(&error, ""))?;
            let own = Context { limits: Limits { probe_more: false, ..Limits::NONE }, ..context.clone() };
            (hogql::compile_tree(tree, &own).map_err(|error| refused(&error, ""))?, Kind::Events(Box::new(events)))
        }
        "" => return Err(ApiError::invalid("query", "The field 'kind' is required.")),
        other => return Err(ApiError::invalid("query", format!("Unsupported query kind: {other}"))),
    };
    Ok(Asked { context, compiled, query, kind })
}

/// Kinds that answer rows; the others are charts.
const LISTS: [&str; 2] = ["HogQLQuery", "EventsQuery"];

/// The question, without what is wrapped around it.
fn bare(body: &Value) -> Result<Value, ApiError> {
    let mut query = body.get("query").cloned().unwrap_or_default();
    while matches!(kind_of(&query), "DataTableNode" | "InsightVizNode" | "DataVisualizationNode") {
        query = query.get("source").cloned().ok_or_else(|| ApiError::required("source"))?;
    }
    Ok(query)
}

/// The answer to a chart: its queries one after the other, and what their rows come to.
async fn chart(app: &App, project: &Project, body: &Value, query: &Value) -> Result<String, ApiError> {
    let context = context(app, project, body, query)?;
    let wrong = |error: CompileError| refused(&error, "");
    let chart = hogql::insights::plan(kind_of(query), query, &context).map_err(wrong)?;
    let compiled = chart.compile(&context).map_err(wrong)?;
    let texts: Vec<String> = compiled.iter().map(|compiled| compiled.hogql.clone()).collect();
    let mut results = Vec::with_capacity(compiled.len());
    for compiled in compiled {
        let asked = Asked { context: context.clone(), compiled, query: Value::Null, kind: Kind::Hogql };
        let mut rows = String::new();
        start(app, project, &asked).await?.write_rows(&mut rows, None).await.map_err(failed)?;
        results.push(serde_json::from_str(&rows).map_err(|error| ApiError::Internal(Box::new(error)))?);
    }
    let mut response = chart.respond(&results);
    let around = json!({
        "hogql": texts.join(";\n"),
        "timings": [],
        "modifiers": query.get("modifiers").cloned().unwrap_or_else(|| json!({})),
        "error": null,
        "timezone": project.timezone,
        "is_cached": false,
        "last_refresh": context.now.to_string(),
        "cache_key": null,
        "query_status": null,
    });
    if let (Value::Object(response), Value::Object(around)) = (&mut response, around) {
        for (name, value) in around {
            response.entry(name).or_insert(value);
        }
    }
    Ok(response.to_string())
}

fn kind_of(query: &Value) -> &str {
    query.get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// The error for a text that cannot be compiled, with its place.
fn refused(error: &CompileError, text: &str) -> ApiError {
    let detail = match error {
        CompileError::Syntax(error) if !text.is_empty() => error.render(text),
        error => error.to_string(),
    };
    ApiError::Invalid { detail, attr: None, code: error.code() }
}

async fn start(app: &App, project: &Project, asked: &Asked) -> Result<Answer, ApiError> {
    let wanted = needs(&asked.compiled.query);
    let request = Request {
        project: project.id,
        query: asked.compiled.query.clone(),
        zone: Arc::clone(&asked.context.project.timezone),
        now_micros: asked.context.now.as_microsecond(),
        tables: people::tables(app, project, &wanted).await?,
        cohorts: people::cohorts(app, project, &wanted).await?,
        timeout: None,
        explain: false,
    };
    app.engine.hogql(request).await.map_err(failed)
}

/// The error for a query that was started.
pub(super) fn failed(error: QueryError) -> ApiError {
    match error {
        QueryError::Refused { code, message } => ApiError::Invalid { detail: message, attr: None, code },
        error => error.into(),
    }
}

/// Starts a question whose rows are all wanted.
pub(super) async fn start_all(app: &App, project: &Project, body: &Value) -> Result<Answer, ApiError> {
    let asked = ask(app, project, body, Some(Limits::NONE))?;
    start(app, project, &asked).await
}

/// The whole answer to `body` as JSON.
pub(super) async fn answer(app: &App, project: &Project, body: &Value) -> Result<String, ApiError> {
    let began = app.clock.instant();
    let query = bare(body)?;
    if !matches!(kind_of(&query), "") && !LISTS.contains(&kind_of(&query)) {
        return chart(app, project, body, &query).await;
    }
    let asked = ask(app, project, body, None)?;
    let compiled = app.clock.elapsed(began);
    let mut answer = start(app, project, &asked).await?;
    let planned = app.clock.elapsed(began);
    let mut results = String::new();
    let page = match &asked.kind {
        Kind::Hogql => asked.compiled.page,
        Kind::Events(events) => Some(events.limit.map_or(PAGE, u64::from)),
    };
    let more = answer.write_rows(&mut results, page).await.map_err(failed)?;
    let timings = json!([
        {"k": "compile", "t": compiled.as_secs_f64()},
        {"k": "plan", "t": (planned - compiled).as_secs_f64()},
        {"k": "run", "t": (app.clock.elapsed(began) - planned).as_secs_f64()},
    ]);
    let mut head = Map::new();
    let types: Vec<Value> = match &asked.kind {
        Kind::Hogql => answer.columns.iter().map(|(name, ty)| json!([name, ty.to_string()])).collect(),
        Kind::Events(_) => answer.columns.iter().map(|(_, ty)| json!(ty.to_string())).collect(),
    };
    let columns: Vec<Value> = match &asked.kind {
        Kind::Hogql => answer.columns.iter().map(|(name, _)| json!(name)).collect(),
        Kind::Events(events) => labels(events).into_iter().map(Value::from).collect(),
    };
    let paged = page.is_some();
    head.insert("query".into(), asked.query.get("query").cloned().unwrap_or_default());
    head.insert("columns".into(), columns.into());
    head.insert("types".into(), types.into());
    head.insert("hogql".into(), asked.compiled.hogql.into());
    head.insert("clickhouse".into(), answer.plan.clone().into());
    head.insert("hasMore".into(), if paged { more.into() } else { Value::Null });
    head.insert("limit".into(), page.into());
    let offset = match &asked.kind {
        Kind::Events(events) => Value::from(events.offset.unwrap_or(0)),
        Kind::Hogql if paged => Value::from(0),
        Kind::Hogql => Value::Null,
    };
    head.insert("offset".into(), offset);
    head.insert("timings".into(), timings);
    head.insert("modifiers".into(), asked.query.get("modifiers").cloned().unwrap_or_else(|| json!({})));
    for name in ["error", "explain", "metadata", "query_status", "cache_key"] {
        head.insert(name.into(), Value::Null);
    }
    head.insert("is_cached".into(), false.into());
    head.insert("last_refresh".into(), asked.context.now.to_string().into());
    head.insert("timezone".into(), project.timezone.clone().into());
    if let Kind::Events(events) = &asked.kind {
        results = objects(events, &results)?;
    }
    let mut out = serde_json::to_string(&head).map_err(|error| ApiError::Internal(Box::new(error)))?;
    out.pop();
    write!(out, ",\"results\":{results}}}").expect("writing to memory cannot fail");
    Ok(out)
}

/// The columns of an `EventsQuery` as they are reported: its strings, or what they are called.
fn labels(events: &EventsQuery) -> Vec<String> {
    let selected = if events.select.is_empty() { vec!["*".to_owned()] } else { events.select.clone() };
    let label = |text: String| {
        let lower = text.to_ascii_lowercase();
        match lower.rfind(" as ") {
            Some(at) => text.get(at + 4..).unwrap_or(&text).trim().to_owned(),
            None => text,
        }
    };
    selected.into_iter().map(label).collect()
}

/// Rows with `*` and `person` as objects.
fn objects(events: &EventsQuery, results: &str) -> Result<String, ApiError> {
    let selected = if events.select.is_empty() { vec!["*".to_owned()] } else { events.select.clone() };
    let bare = |text: &str| text.split(" -- ").next().unwrap_or(text).trim().to_owned();
    let whole = |name: &str| selected.iter().any(|text| bare(text) == name);
    if !whole("*") && !whole("person") {
        return Ok(results.to_owned());
    }
    let wrong = |error: serde_json::Error| ApiError::Internal(Box::new(error));
    let mut rows: Vec<Vec<Value>> = serde_json::from_str(results).map_err(wrong)?;
    for row in &mut rows {
        for (value, text) in row.iter_mut().zip(&selected) {
            match bare(text).as_str() {
                "*" => *value = event(value),
                "person" => *value = person(value),
                _ => {}
            }
        }
    }
    serde_json::to_string(&rows).map_err(wrong)
}

fn parsed(text: &Value) -> Value {
    text.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| json!({}))
}

fn event(value: &Value) -> Value {
    let Value::Array(values) = value else { return value.clone() };
    let pairs = WHOLE.iter().zip(values).map(|(name, value)| {
        let value = if *name == "properties" { parsed(value) } else { value.clone() };
        ((*name).to_owned(), value)
    });
    Value::Object(pairs.collect())
}

fn person(value: &Value) -> Value {
    let Some([distinct_id, id, created_at, properties]) = value.as_array().map(Vec::as_slice) else {
        return value.clone();
    };
    let nobody = uuid::Uuid::nil().to_string();
    match id.as_str() {
        Some(known) if !known.is_empty() && known != nobody => json!({
            "uuid": id, "created_at": created_at, "properties": parsed(properties), "distinct_id": distinct_id,
        }),
        _ => json!({"distinct_id": distinct_id}),
    }
}
