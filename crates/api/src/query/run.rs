//! From the body of a request to the body of its answer.

use std::sync::Arc;

use hogql::context::Limits;
use hogql::{CompileError, Compiled, Context, EventsQuery};
use meta::Project;
use query::hogql::{Answer, Request, needs};
use query::{Pace, QueryError};
use serde_json::{Map, Value, json};

use super::answer::Answered;
use super::{context::context, editor, events, people};
use crate::app::App;
use crate::error::ApiError;

/// A question that can be run.
pub(super) struct Asked {
    context: Context,
    pub(super) compiled: Compiled,
    /// The node that is answered, wrappers apart.
    pub(super) query: Value,
    kind: Kind,
    /// Whether to say how the answer came about.
    debug: bool,
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
    let debug = query.pointer("/modifiers/debug").and_then(Value::as_bool).unwrap_or(false);
    Ok(Asked { context, compiled, query, kind, debug })
}

/// Kinds that answer rows; the others are charts.
const LISTS: [&str; 2] = ["HogQLQuery", "EventsQuery"];

/// The question, without what is wrapped around it.
pub(super) fn bare(body: &Value) -> Result<Value, ApiError> {
    let mut query = body.get("query").cloned().unwrap_or_default();
    while matches!(kind_of(&query), "DataTableNode" | "InsightVizNode" | "DataVisualizationNode") {
        query = query.get("source").cloned().ok_or_else(|| ApiError::required("source"))?;
    }
    Ok(query)
}

/// The answer to a chart: its queries one after the other, and what their rows come to.
async fn chart(app: &App, project: &Project, body: &Value, query: &Value, pace: Pace) -> Result<Answered, ApiError> {
    let context = tokio::task::block_in_place(|| context(app, project, body, query))?;
    let wrong = |error: CompileError| refused(&error, "");
    let chart = hogql::insights::plan(kind_of(query), query, &context).map_err(wrong)?;
    let compiled = chart.compile(&context).map_err(wrong)?;
    let texts: Vec<String> = compiled.iter().map(|compiled| compiled.hogql.clone()).collect();
    let mut results = Vec::with_capacity(compiled.len());
    for compiled in compiled {
        let asked = Asked { context: context.clone(), compiled, query: Value::Null, kind: Kind::Hogql, debug: false };
        let mut rows = String::new();
        start(app, project, &asked, pace).await?.write_rows(&mut rows, None).await.map_err(failed)?;
        results.push(serde_json::from_str(&rows).map_err(|error| ApiError::Internal(Box::new(error)))?);
    }
    let mut response = chart.respond(&results);
    let mut around = around(project, query);
    around.insert("hogql".into(), texts.join(";\n").into());
    around.insert("timings".into(), json!([]));
    if let Value::Object(response) = &mut response {
        for (name, value) in around {
            response.entry(name).or_insert(value);
        }
    }
    Ok(Answered::object(response))
}

pub(super) fn kind_of(query: &Value) -> &str {
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

async fn start(app: &App, project: &Project, asked: &Asked, pace: Pace) -> Result<Answer, ApiError> {
    let wanted = needs(&asked.compiled.query);
    let request = Request {
        project: project.id,
        query: asked.compiled.query.clone(),
        zone: Arc::clone(&asked.context.project.timezone),
        now_micros: asked.context.now.as_microsecond(),
        tables: people::tables(app, project.id, &wanted),
        cohorts: people::cohorts(app, project, &wanted).await?,
        pace,
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
    let asked = tokio::task::block_in_place(|| ask(app, project, body, Some(Limits::NONE)))?;
    start(app, project, &asked, Pace::Background).await
}

/// Calculates the answer to `body`.
pub(super) async fn answer(app: &App, project: &Project, body: &Value, pace: Pace) -> Result<Answered, ApiError> {
    let began = app.clock.instant();
    let query = bare(body)?;
    let kind = kind_of(&query);
    if editor::KINDS.contains(&kind) {
        let answer = || editor::answer(app, project, body, &query);
        return tokio::task::block_in_place(answer).map(Answered::object);
    }
    if !kind.is_empty() && !LISTS.contains(&kind) {
        return chart(app, project, body, &query, pace).await;
    }
    // Reading a long text takes a while.
    let asked = tokio::task::block_in_place(|| ask(app, project, body, None))?;
    let compiled = app.clock.elapsed(began);
    let mut answer = start(app, project, &asked, pace).await?;
    let planned = app.clock.elapsed(began);
    let (results, more) = match &asked.kind {
        Kind::Hogql => {
            let mut results = String::new();
            let more = answer.write_rows(&mut results, asked.compiled.page).await.map_err(failed)?;
            (results, more)
        }
        Kind::Events(events) => events::rows(events, &mut answer).await?,
    };
    let timings = json!([
        {"k": "compile", "t": compiled.as_secs_f64()},
        {"k": "plan", "t": (planned - compiled).as_secs_f64()},
        {"k": "run", "t": (app.clock.elapsed(began) - planned).as_secs_f64()},
    ]);
    let head = head(project, &asked, &answer, more, timings);
    let warnings = asked.compiled.warnings.iter().map(|warning| warning.message.clone()).collect();
    Ok(Answered::new(head, Some(results), warnings))
}

/// What is said about the rows of an answer.
fn head(project: &Project, asked: &Asked, answer: &Answer, more: bool, timings: Value) -> Map<String, Value> {
    let types: Vec<Value> = match &asked.kind {
        Kind::Hogql => answer.columns.iter().map(|(name, ty)| json!([name, ty.to_string()])).collect(),
        Kind::Events(_) => answer.columns.iter().map(|(_, ty)| json!(ty.to_string())).collect(),
    };
    let columns: Vec<Value> = match &asked.kind {
        Kind::Hogql => answer.columns.iter().map(|(name, _)| json!(name)).collect(),
        Kind::Events(events) => events::labels(events).into_iter().map(Value::from).collect(),
    };
    let page = match &asked.kind {
        Kind::Hogql => asked.compiled.page,
        Kind::Events(events) => Some(events::page(events)),
    };
    let offset = match &asked.kind {
        Kind::Events(events) => Value::from(events.offset.unwrap_or(0)),
        Kind::Hogql if page.is_some() => Value::from(0),
        Kind::Hogql => Value::Null,
    };
    let explains = asked.query.get("explain").and_then(Value::as_bool).unwrap_or(false);
    let explain = explains.then(|| answer.plan.lines().map(str::to_owned).collect::<Vec<_>>());
    let mut head = around(project, &asked.query);
    head.insert("query".into(), asked.query.get("query").cloned().unwrap_or_default());
    head.insert("columns".into(), columns.into());
    head.insert("types".into(), types.into());
    head.insert("hogql".into(), asked.compiled.hogql.clone().into());
    head.insert("clickhouse".into(), answer.plan.clone().into());
    head.insert("hasMore".into(), if page.is_some() { more.into() } else { Value::Null });
    head.insert("limit".into(), page.into());
    head.insert("offset".into(), offset);
    head.insert("timings".into(), timings);
    head.insert("explain".into(), explain.into());
    head.insert("metadata".into(), if asked.debug { editor::said(asked) } else { Value::Null });
    head
}

/// What is in every answer.
fn around(project: &Project, query: &Value) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("modifiers".into(), query.get("modifiers").cloned().unwrap_or_else(|| json!({})));
    head.insert("error".into(), Value::Null);
    head.insert("timezone".into(), project.timezone.clone().into());
    head
}
