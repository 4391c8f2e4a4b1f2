//! From the body of a request to the body of its answer.

use std::fmt::Write as _;
use std::sync::Arc;

use hogql::context::Limits;
use hogql::{ActorsQuery, CompileError, Compiled, Context, EventsQuery};
use meta::Project;
use query::QueryError;
use query::hogql::{Answer, Request, needs};
use serde_json::{Map, Value, json};

use super::context::context;
use super::{people, shape};
use crate::app::App;
use crate::error::ApiError;

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
    Ok(Asked { context, compiled, query, kind })
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
    start(app, project, &Asked { context, compiled, query: Value::Null, kind: Kind::Events(Box::new(events)) }).await
}

/// Kinds that answer rows; the others are charts.
const LISTS: [&str; 4] = ["HogQLQuery", "EventsQuery", "ActorsQuery", "PersonsQuery"];

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
        results.push(all_rows(app, project, &context, compiled).await?);
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

/// The rows of a query of ours.
async fn all_rows(
    app: &App,
    project: &Project,
    context: &Context,
    compiled: Compiled,
) -> Result<Vec<Vec<Value>>, ApiError> {
    let asked = Asked { context: context.clone(), compiled, query: Value::Null, kind: Kind::Hogql };
    let mut rows = String::new();
    start(app, project, &asked).await?.write_rows(&mut rows, None).await.map_err(failed)?;
    serde_json::from_str(&rows).map_err(|error| ApiError::Internal(Box::new(error)))
}

/// How many actors of a source have no row.
async fn missing(app: &App, project: &Project, context: &Context, actors: &ActorsQuery) -> Result<Value, ApiError> {
    let Some(missing) = &actors.missing else { return Ok(Value::from(0)) };
    let rows = all_rows(app, project, context, unpaged(missing.clone(), context)?).await?;
    Ok(rows.into_iter().flatten().next().unwrap_or_default())
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
pub(crate) fn failed(error: QueryError) -> ApiError {
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
    let page = asked.page();
    let more = answer.write_rows(&mut results, page).await.map_err(failed)?;
    let timings = json!([
        {"k": "compile", "t": compiled.as_secs_f64()},
        {"k": "plan", "t": (planned - compiled).as_secs_f64()},
        {"k": "run", "t": (app.clock.elapsed(began) - planned).as_secs_f64()},
    ]);
    let mut head = Map::new();
    let paged = page.is_some();
    head.insert("query".into(), asked.query.get("query").cloned().unwrap_or_default());
    head.insert("columns".into(), asked.columns(&answer));
    head.insert("types".into(), asked.types(&answer));
    head.insert("hogql".into(), asked.compiled.hogql.clone().into());
    head.insert("clickhouse".into(), answer.plan.clone().into());
    head.insert("hasMore".into(), if paged { more.into() } else { Value::Null });
    head.insert("limit".into(), page.into());
    head.insert("offset".into(), asked.offset());
    head.insert("timings".into(), timings);
    head.insert("modifiers".into(), asked.query.get("modifiers").cloned().unwrap_or_else(|| json!({})));
    for name in ["error", "explain", "metadata", "query_status", "cache_key"] {
        head.insert(name.into(), Value::Null);
    }
    head.insert("is_cached".into(), false.into());
    head.insert("last_refresh".into(), asked.context.now.to_string().into());
    head.insert("timezone".into(), project.timezone.clone().into());
    match &asked.kind {
        Kind::Hogql => {}
        Kind::Events(events) => results = shape::events(events, results)?,
        Kind::Actors(actors) => {
            results = shape::actors(actors, results, &app.meta, project.id)?;
            let missing = missing(app, project, &asked.context, actors).await?;
            head.insert("missing_actors_count".into(), missing);
        }
    }
    let mut out = serde_json::to_string(&head).map_err(|error| ApiError::Internal(Box::new(error)))?;
    out.pop();
    write!(out, ",\"results\":{results}}}").expect("writing to memory cannot fail");
    Ok(out)
}
