//! `POST /api/projects/:id/query/`: questions in HogQL, and lists of events described by fields.
//!
//! The request becomes a syntax tree, the tree one plan over one snapshot, and rows are written as they come. What
//! the language needs to know of the project is read first, as one plain value ([`context`]); persons, groups and
//! cohorts are read only if the query does ([`tables`]).

mod context;
mod tables;

use axum::response::{IntoResponse, Response};
use hogql::context::Context;
use hogql::{CompileError, Compiled, EventsQuery};
use http::{HeaderValue, StatusCode, header};
use query::hogql::output::{JsonRows, write_csv_field};
use query::hogql::{Answer, Request};
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, optional, required};
use crate::wire::write_json;

/// What a query may say.
pub(crate) const FIELDS: &[Field] = &[
    required("query", Kind::Object),
    optional("refresh", Kind::Any),
    optional("async", Kind::Any),
    optional("client_query_id", Kind::Any),
    optional("filters_override", Kind::Any),
    optional("variables_override", Kind::Any),
    optional("name", Kind::Any),
    optional("limit_context", Kind::Any),
];

/// Kinds whose `source` is the question.
const WRAPPERS: [&str; 3] = ["DataTableNode", "InsightVizNode", "DataVisualizationNode"];
/// Kinds that answer a list of rows; the others are charts.
const LISTS: [&str; 2] = ["HogQLQuery", "EventsQuery"];
/// Refresh modes that answer with the question's own answer.
const BLOCKING: [&str; 4] = ["blocking", "force_blocking", "async_except_on_cache_miss", "lazy_async"];

/// A question that can be run, and what its answer repeats.
struct Question {
    kind: &'static str,
    compiled: Compiled,
    asked: Value,
    /// The names of columns, where they are not those of the query.
    columns: Option<Vec<String>>,
    /// Rows of a page, and rows passed over: the query asks for one more.
    page: Option<(u64, u64)>,
}

/// Answers a query.
pub(crate) async fn ask(call: Call) -> Result<Response, ApiError> {
    let body = call.body(FIELDS)?;
    refuse_what_is_not_served(&body)?;
    let mut asked = body.get("query").cloned().unwrap_or_default();
    while let Some(kind) = asked.get("kind").and_then(Value::as_str)
        && WRAPPERS.contains(&kind)
    {
        asked = asked.get("source").cloned().ok_or_else(|| ApiError::required("query"))?;
    }
    let mut context = context::of(&call, &asked)?;
    let format = Format::of(&call);
    if format != Format::Json {
        context.limits =
            hogql::context::Limits { default_rows: None, max_rows: None, probe_more: false, ..context.limits };
    }
    let id = body.get("client_query_id").and_then(Value::as_str).map(str::to_owned);
    let id = id.unwrap_or_else(|| format!("{:032x}", call.app.random.u128()));
    let kind = asked.get("kind").and_then(Value::as_str).ok_or_else(|| ApiError::required("kind"))?;
    if !LISTS.contains(&kind) {
        return insight(&call, &context, &asked, kind, &id).await;
    }
    let question = question(asked, &mut context)?;
    let answer = run(&call, &context, &question.compiled).await?;
    match format {
        Format::Json => json_answer(&question, &context, answer, &id).await,
        Format::Csv | Format::Lines => lines_answer(format, answer).await,
    }
}

/// Starts a query.
async fn run(call: &Call, context: &Context, compiled: &Compiled) -> Result<Answer, ApiError> {
    let needs = query::hogql::needs(&compiled.query);
    let request = Request {
        project: call.project_id()?,
        query: compiled.query.clone(),
        zone: context.project.timezone.clone(),
        now_micros: context.now.as_microsecond(),
        tables: tables::of(call, &needs.tables),
        cohorts: tables::cohorts(call, &needs.cohorts).await?,
        timeout: None,
        explain: false,
    };
    Ok(call.app.engine.hogql(request).await?)
}

/// All rows of an answer, each a list of values.
async fn rows_of(answer: &mut Answer) -> Result<Vec<Vec<Value>>, ApiError> {
    let writer = JsonRows::new(answer.columns.iter().map(|(_, ty)| ty));
    let mut rows = String::from("[");
    let mut first = true;
    while let Some(batch) = answer.next().await? {
        writer.write(&batch, &mut rows, &mut first)?;
    }
    rows.push(']');
    serde_json::from_str(&rows).map_err(|error| ApiError::Internal(Box::new(error)))
}

/// Answers a chart: its queries one after the other, and what their rows come to.
async fn insight(call: &Call, context: &Context, asked: &Value, kind: &str, id: &str) -> Result<Response, ApiError> {
    let fail = |error: CompileError| ApiError::bad_request(error.to_string());
    let insight = hogql::insights::plan(kind, asked, context).map_err(fail)?;
    let compiled = insight.compile(context).map_err(fail)?;
    let mut results = Vec::with_capacity(compiled.len());
    for compiled in &compiled {
        results.push(rows_of(&mut run(call, context, compiled).await?).await?);
    }
    let mut response = insight.respond(&results);
    let texts: Vec<&str> = compiled.iter().map(|compiled| compiled.hogql.as_str()).collect();
    let around = json!({
        "hogql": texts.join(";\n"),
        "timings": [],
        "modifiers": asked.get("modifiers").cloned().unwrap_or_else(|| json!({})),
        "error": null,
        "timezone": context.project.timezone.to_string(),
        "is_cached": false,
        "last_refresh": context.now.to_string(),
        "cache_key": null,
        "query_status": null,
        "query_id": id,
    });
    if let (Value::Object(response), Value::Object(around)) = (&mut response, around) {
        for (name, value) in around {
            response.entry(name).or_insert(value);
        }
    }
    Ok(write_json(&response))
}

fn refuse_what_is_not_served(body: &Value) -> Result<(), ApiError> {
    let wants_async = body.get("async").and_then(Value::as_bool).unwrap_or(false);
    match body.get("refresh") {
        None | Some(Value::Null | Value::Bool(_)) if !wants_async => {}
        Some(Value::String(mode)) if BLOCKING.contains(&mode.as_str()) && !wants_async => {}
        _ => return Err(ApiError::unsupported("refresh", "An answer that is fetched later")),
    }
    for name in ["filters_override", "variables_override"] {
        if body.get(name).is_some_and(|value| !value.is_null() && *value != json!({})) {
            let attr = if name == "filters_override" { "filters_override" } else { "variables_override" };
            return Err(ApiError::unsupported(attr, "Overriding what a query says"));
        }
    }
    Ok(())
}

fn question(asked: Value, context: &mut Context) -> Result<Question, ApiError> {
    match asked.get("kind").and_then(Value::as_str) {
        Some("HogQLQuery") => {
            let text = asked.get("query").and_then(Value::as_str).ok_or_else(|| ApiError::required("query"))?;
            let compiled = hogql::compile(text, context).map_err(|error| refusal(&error, text))?;
            let page = compiled.page.map(|rows| (rows, 0));
            Ok(Question { kind: "HogQLQuery", compiled, asked, columns: None, page })
        }
        Some("EventsQuery") => {
            let query: EventsQuery = serde_json::from_value(asked.clone())
                .map_err(|error| ApiError::invalid("query", format!("EventsQuery: {error}")))?;
            let fail = |error: CompileError| ApiError::bad_request(error.to_string());
            let tree = query.to_query(context).map_err(fail)?;
            let most = context.limits.max_rows.unwrap_or(u64::MAX);
            let rows = query.limit.map_or(100, u64::from).min(most);
            // The page is one row longer than what is asked for, to learn whether there are more.
            context.limits.max_rows = context.limits.max_rows.map(|most| most + 1);
            context.limits.probe_more = false;
            let compiled = hogql::compile_tree(tree, context).map_err(fail)?;
            let star = ["*".to_owned()];
            let columns = if query.select.is_empty() { star.to_vec() } else { query.select.clone() };
            let page = Some((rows, query.offset.map_or(0, u64::from)));
            Ok(Question { kind: "EventsQuery", compiled, asked, columns: Some(columns), page })
        }
        Some(kind) => Err(ApiError::invalid("query", format!("Unsupported query kind: {kind}"))),
        None => Err(ApiError::required("kind")),
    }
}

/// A refusal that shows the place.
fn refusal(error: &CompileError, text: &str) -> ApiError {
    let detail = match error {
        CompileError::Syntax(error) => error.render(text),
        CompileError::Resolve(error) => error.message().to_owned(),
    };
    ApiError::Invalid { detail, attr: None, code: error.code() }
}

async fn json_answer(
    question: &Question,
    context: &Context,
    mut answer: Answer,
    id: &str,
) -> Result<Response, ApiError> {
    let mut results = rows_of(&mut answer).await?;
    let mut has_more = Value::Null;
    if let Some((limit, _)) = question.page {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        has_more = json!(results.len() > limit);
        results.truncate(limit);
    }
    let is_events = question.kind == "EventsQuery";
    let names: Vec<String> = match &question.columns {
        Some(columns) => columns.clone(),
        None => answer.columns.iter().map(|(name, _)| name.to_string()).collect(),
    };
    if is_events {
        shape_events(&names, &mut results);
    }
    let types: Vec<Value> = answer
        .columns
        .iter()
        .map(|(name, ty)| if is_events { json!(ty.to_string()) } else { json!([name.to_string(), ty.to_string()]) })
        .collect();
    let (limit, offset) =
        question.page.map_or((Value::Null, Value::Null), |(limit, offset)| (json!(limit), json!(offset)));
    let now = context.now.to_string();
    Ok(write_json(&json!({
        "query": question.asked.get("query"),
        "hogql": question.compiled.hogql,
        "clickhouse": answer.plan,
        "columns": names,
        "types": types,
        "results": results,
        "hasMore": has_more,
        "limit": limit,
        "offset": offset,
        "timings": [],
        "modifiers": question.asked.get("modifiers").cloned().unwrap_or_else(|| json!({})),
        "error": null,
        "explain": null,
        "metadata": null,
        "notices": question.compiled.notices,
        "timezone": context.project.timezone.to_string(),
        "is_cached": false,
        "last_refresh": now,
        "cache_key": null,
        "query_status": null,
        "query_id": id,
    })))
}

/// The columns of `*`, in its tuple.
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

/// The tuple of `*` becomes an object, with properties as an object of their own.
fn shape_events(names: &[String], results: &mut [Vec<Value>]) {
    for (at, _) in names.iter().enumerate().filter(|(_, name)| name.trim() == "*") {
        for row in results.iter_mut() {
            let Some(cell) = row.get_mut(at) else { continue };
            let Value::Array(values) = std::mem::take(cell) else { continue };
            let mut object = serde_json::Map::new();
            for (name, value) in WHOLE.iter().zip(values) {
                let value = match (*name, value) {
                    ("properties", Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                    (_, value) => value,
                };
                object.insert((*name).to_owned(), value);
            }
            *cell = Value::Object(object);
        }
    }
}

/// How rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
    /// An object on each line.
    Lines,
}

impl Format {
    fn of(call: &Call) -> Self {
        let accept = call.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accept.starts_with("text/csv") {
            return Self::Csv;
        }
        if accept.starts_with("application/x-ndjson") { Self::Lines } else { Self::Json }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Lines => "application/x-ndjson",
        })
    }
}

/// All rows, without the limits of JSON answers, as they come.
async fn lines_answer(format: Format, mut answer: Answer) -> Result<Response, ApiError> {
    let writer = JsonRows::new(answer.columns.iter().map(|(_, ty)| ty));
    let names: Vec<_> = answer.columns.iter().map(|(name, _)| name.clone()).collect();
    let mut head = String::new();
    if format == Format::Csv {
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                head.push(',');
            }
            write_csv_field(&mut head, name);
        }
        head.push_str("\r\n");
    }
    // What is wrong from the start still becomes an error; later the connection breaks off.
    let mut pending = answer.next().await?;
    let stream = async_stream(move |output| async move {
        if output.send(Ok(head.into())).await.is_err() {
            return;
        }
        loop {
            let batch = match pending.take() {
                Some(batch) => batch,
                None => match answer.next().await {
                    Ok(Some(batch)) => batch,
                    Ok(None) => return,
                    Err(error) => {
                        output.send(Err(std::io::Error::other(error))).await.ok();
                        return;
                    }
                },
            };
            let mut text = String::new();
            let written = match format {
                Format::Csv => writer.write_csv(&batch, &mut text),
                Format::Json | Format::Lines => writer.write_objects(&names, &batch, &mut text),
            };
            let chunk = written.map(|()| text.into()).map_err(std::io::Error::other);
            let failed = chunk.is_err();
            if output.send(chunk).await.is_err() || failed {
                return;
            }
        }
    });
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, format.content_type())], axum::body::Body::from_stream(stream))
        .into_response())
}

type Chunk = Result<bytes::Bytes, std::io::Error>;

/// What `produce` sends, as a stream that drives it: nothing is produced that nobody reads.
fn async_stream<F, Done>(produce: F) -> impl futures::Stream<Item = Chunk>
where
    F: FnOnce(tokio::sync::mpsc::Sender<Chunk>) -> Done,
    Done: Future<Output = ()> + Send + 'static,
{
    let (output, mut chunks) = tokio::sync::mpsc::channel(1);
    let mut producing = Box::pin(produce(output));
    let mut is_done = false;
    futures::stream::poll_fn(move |context| {
        if !is_done && producing.as_mut().poll(context).is_ready() {
            is_done = true;
        }
        chunks.poll_recv(context)
    })
}
