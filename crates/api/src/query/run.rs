//! From the body of a request to the body of its answer.

use std::sync::Arc;

use hogql::context::Limits;
use hogql::{ActorsQuery, CompileError, Compiled, Context, EventsQuery};
use meta::Project;
use query::hogql::{Answer, Progress, Request, needs};
use query::{Pace, QueryError};
use serde_json::{Map, Value, json};

use super::answer::Answered;
use super::context::context;
use super::{editor, people, shape};
use crate::app::App;
use crate::error::ApiError;

/// Rows of an `EventsQuery` unless it says otherwise.
const PAGE: u64 = 100;

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
    Actors(Box<ActorsQuery>),
}

impl Asked {
    /// Rows of a page; `None` if all are wanted.
    fn page(&self) -> Option<u64> {
        match &self.kind {
            Kind::Hogql => self.compiled.page,
            Kind::Events(events) => Some(events.limit.map_or(PAGE, u64::from)),
            Kind::Actors(actors) => Some(actors.limit),
        }
    }

    fn columns(&self, answer: &Answer) -> Value {
        match &self.kind {
            Kind::Hogql => answer.columns.iter().map(|(name, _)| json!(name)).collect(),
            Kind::Events(events) => shape::labels(&events.select).into_iter().map(Value::from).collect(),
            Kind::Actors(actors) => shape::labels(&actors.columns).into_iter().map(Value::from).collect(),
        }
    }

    fn types(&self, answer: &Answer) -> Value {
        match &self.kind {
            Kind::Hogql => answer.columns.iter().map(|(name, ty)| json!([name, ty.to_string()])).collect(),
            Kind::Events(_) | Kind::Actors(_) => answer.columns.iter().map(|(_, ty)| json!(ty.to_string())).collect(),
        }
    }

    fn offset(&self) -> Value {
        match &self.kind {
            Kind::Events(events) => Value::from(events.offset.unwrap_or(0)),
            Kind::Actors(actors) => Value::from(actors.offset),
            Kind::Hogql => self.page().map_or(Value::Null, |_| Value::from(0)),
        }
    }
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
            let events = serde_json::from_value::<EventsQuery>(query.clone());
            let events = events.map_err(|error| ApiError::invalid("query", error.to_string()))?;
            (compile_events(&events, &mut context)?, Kind::Events(Box::new(events)))
        }
        "ActorsQuery" | "PersonsQuery" => {
            context.limits.allow_offset = true;
            let actors = ActorsQuery::plan(&query, &context).map_err(|error| refused(&error, ""))?;
            let compiled = unpaged(actors.query.clone(), &context)?;
            (compiled, Kind::Actors(Box::new(actors)))
        }
        "" => return Err(ApiError::invalid("query", "The field 'kind' is required.")),
        other => return Err(ApiError::invalid("query", format!("Unsupported query kind: {other}"))),
    };
    let debug = query.pointer("/modifiers/debug").and_then(Value::as_bool).unwrap_or(false);
    Ok(Asked { context, compiled, query, kind, debug })
}

fn compile_events(events: &EventsQuery, context: &mut Context) -> Result<Compiled, ApiError> {
    context.limits.allow_offset = true;
    let tree = events.to_query(context).map_err(|error| refused(&error, ""))?;
    unpaged(tree, context)
}

/// A tree that has its own LIMIT.
fn unpaged(tree: hogql::ast::Query, context: &Context) -> Result<Compiled, ApiError> {
    let own = Context { limits: Limits { probe_more: false, ..Limits::NONE }, ..context.clone() };
    hogql::compile_tree(tree, &own).map_err(|error| refused(&error, ""))
}

/// Starts a list of events described by columns. It gives one row more than the page, if there are more.
pub(crate) async fn start_events(app: &App, project: &Project, events: EventsQuery) -> Result<Answer, ApiError> {
    let mut context = context(app, project, &Value::Null, &Value::Null)?;
    let compiled = compile_events(&events, &mut context)?;
    let kind = Kind::Events(Box::new(events));
    start(app, project, &Asked { context, compiled, query: Value::Null, kind, debug: false }, Pace::Prompt).await
}

/// Kinds that answer rows; the others are charts.
const LISTS: [&str; 4] = ["HogQLQuery", "EventsQuery", "ActorsQuery", "PersonsQuery"];

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
        results.push(all_rows(app, project, &context, compiled, pace).await?);
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

/// The rows of a query of ours.
async fn all_rows(
    app: &App,
    project: &Project,
    context: &Context,
    compiled: Compiled,
    pace: Pace,
) -> Result<Vec<Vec<Value>>, ApiError> {
    let asked = Asked { context: context.clone(), compiled, query: Value::Null, kind: Kind::Hogql, debug: false };
    let mut rows = String::new();
    start(app, project, &asked, pace).await?.write_rows(&mut rows, None).await.map_err(failed)?;
    serde_json::from_str(&rows).map_err(|error| ApiError::Internal(Box::new(error)))
}

/// How many actors of a source have no row.
async fn missing(
    app: &App,
    project: &Project,
    context: &Context,
    actors: &ActorsQuery,
    pace: Pace,
) -> Result<Value, ApiError> {
    let Some(missing) = &actors.missing else { return Ok(Value::from(0)) };
    let rows = all_rows(app, project, context, unpaged(missing.clone(), context)?, pace).await?;
    Ok(rows.into_iter().flatten().next().unwrap_or_default())
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
    let request = request(app, project, asked, pace).await?;
    app.engine.hogql(request).await.map_err(failed)
}

async fn request(app: &App, project: &Project, asked: &Asked, pace: Pace) -> Result<Request, ApiError> {
    let wanted = needs(&asked.compiled.query);
    Ok(Request {
        project: project.id,
        query: asked.compiled.query.clone(),
        zone: Arc::clone(&asked.context.project.timezone),
        now_micros: asked.context.now.as_microsecond(),
        tables: people::tables(app, project, &wanted).await?,
        cohorts: people::cohorts(app, project, &wanted).await?,
        pace,
        explain: false,
        is_written: false,
    })
}

/// The error for a query that was started.
pub(crate) fn failed(error: QueryError) -> ApiError {
    match error {
        QueryError::Refused { code, message } => ApiError::Invalid { detail: message, attr: None, code },
        error => error.into(),
    }
}

/// Starts a question whose rows are all wanted, perhaps only to be written as lines of JSON.
pub(super) async fn start_all(
    app: &App,
    project: &Project,
    body: &Value,
    is_written: bool,
) -> Result<Answer, ApiError> {
    let asked = tokio::task::block_in_place(|| ask(app, project, body, Some(Limits::NONE)))?;
    let request = request(app, project, &asked, Pace::Background).await?;
    app.engine.hogql(Request { is_written, ..request }).await.map_err(failed)
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
    let (mut results, more) = rows(&asked, &mut answer).await?;
    let timings = json!([
        {"k": "compile", "t": compiled.as_secs_f64()},
        {"k": "plan", "t": (planned - compiled).as_secs_f64()},
        {"k": "run", "t": (app.clock.elapsed(began) - planned).as_secs_f64()},
    ]);
    let mut head = head(project, &asked, &answer, more, timings);
    if let Kind::Actors(actors) = &asked.kind {
        results = shape::actors(actors, results, &app.meta, project.id)?;
        let missing = missing(app, project, &asked.context, actors, pace).await?;
        head.insert("missing_actors_count".into(), missing);
    }
    let warnings = asked.compiled.warnings.iter().map(|warning| warning.message.clone()).collect();
    Ok(Answered::new(head, Some(results), warnings))
}

/// The rows of an answer as JSON, and whether there are more. Those of events are made objects batch by batch: as values
/// they take several times the memory of their text.
async fn rows(asked: &Asked, answer: &mut Answer) -> Result<(String, bool), ApiError> {
    let mut out = String::new();
    let Kind::Events(events) = &asked.kind else {
        let more = answer.write_rows(&mut out, asked.page()).await.map_err(failed)?;
        return Ok((out, more));
    };
    let mut left = asked.page().unwrap_or(u64::MAX);
    out.push('[');
    let progress = loop {
        let mut batch = String::from("[");
        let progress = answer.write_batch(&mut batch, &mut true, &mut left).await.map_err(failed)?;
        batch.push(']');
        let batch = shape::events(events, batch)?;
        let rows = batch.strip_prefix('[').and_then(|rows| rows.strip_suffix(']')).unwrap_or_default();
        if !rows.is_empty() && out.len() > 1 {
            out.push(',');
        }
        out.push_str(rows);
        answer.count_text(out.capacity() + batch.len()).map_err(failed)?;
        if progress != Progress::Rows {
            break progress;
        }
    };
    out.push(']');
    Ok((out, progress == Progress::Cut))
}

/// What is said about the rows of an answer.
fn head(project: &Project, asked: &Asked, answer: &Answer, more: bool, timings: Value) -> Map<String, Value> {
    let page = asked.page();
    let explains = asked.query.get("explain").and_then(Value::as_bool).unwrap_or(false);
    let explain = explains.then(|| answer.plan.lines().map(str::to_owned).collect::<Vec<_>>());
    let mut head = around(project, &asked.query);
    head.insert("query".into(), asked.query.get("query").cloned().unwrap_or_default());
    head.insert("columns".into(), asked.columns(answer));
    head.insert("types".into(), asked.types(answer));
    head.insert("hogql".into(), asked.compiled.hogql.clone().into());
    head.insert("clickhouse".into(), answer.plan.clone().into());
    head.insert("hasMore".into(), if page.is_some() { more.into() } else { Value::Null });
    head.insert("limit".into(), page.into());
    head.insert("offset".into(), asked.offset());
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
