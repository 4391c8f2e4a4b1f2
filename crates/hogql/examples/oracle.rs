//! Prints ClickHouse text for HogQL, one JSON object a line in and out, for `compat/hogql/oracle.py`.
//!
//! In: `{"query", "timezone"?, "week"?, "now"?, "filters"?, "values"?, "api_key"?, "limits"?, "project"?}`, where `project` is
//! `{"types", "groups", "cohorts", "actions"}` instead of what the acceptance cases have. Out: `{"sql", "parameters", "columns",
//! "hogql", "page"}` or, for `{"insight", "rows"?}`, `{"statements", "response"}`, for `{"actors"}` the statements of the list
//! and of what it leaves out, or `{"error", "code", "start"}`.

#![expect(clippy::print_stdout, reason = "this is its output")]

use std::io::BufRead as _;

use hogql::context::{Action, ActionStep, Cohort, Context, Filters, Limits, Project, PropertyType, WeekStart};
use serde_json::{Value, json};

fn main() {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        println!("{}", answer(&request));
    }
}

fn answer(request: &Value) -> Value {
    let context = context(request);
    if let Some(json) = request.get("insight") {
        return insight(json, request.get("rows"), &context)
            .unwrap_or_else(|error| json!({"error": error.to_string()}));
    }
    if let Some(json) = request.get("actors") {
        return actors(json, &context).unwrap_or_else(|error| json!({"error": error.to_string()}));
    }
    let text = request.get("query").and_then(Value::as_str).unwrap_or_default();
    let compiled = match request.get("events_query") {
        Some(events) => serde_json::from_value::<hogql::EventsQuery>(events.clone())
            .map_err(|error| error.to_string())
            .and_then(|events| events.to_query(&context).map_err(|error| error.to_string()))
            .map_or_else(|error| hogql::compile(&error, &context), |query| hogql::compile_tree(query, &context)),
        None => hogql::compile(text, &context),
    };
    match compiled {
        Ok(compiled) => {
            let statement = hogql::clickhouse::print(&compiled.query);
            let columns: Vec<Value> =
                compiled.query.columns.iter().map(|(name, ty)| json!([&**name, ty.to_string()])).collect();
            json!({"sql": statement.sql, "parameters": statement.parameters, "columns": columns, "hogql": compiled.hogql, "page": compiled.page})
        }
        Err(error) => json!({"error": error.to_string(), "code": error.code(), "start": error.span().start}),
    }
}

/// What to run for an insight; with the rows of that, also the response.
fn insight(json: &Value, rows: Option<&Value>, context: &Context) -> Result<Value, hogql::CompileError> {
    let kind = json.get("kind").and_then(Value::as_str).unwrap_or_default();
    let insight = hogql::insights::plan(kind, json, context)?;
    let compiled = insight.compile(context)?;
    let statements: Vec<Value> = compiled
        .iter()
        .map(|compiled| {
            let statement = hogql::clickhouse::print(&compiled.query);
            json!({"sql": statement.sql, "parameters": statement.parameters})
        })
        .collect();
    let rows = rows.and_then(|rows| serde_json::from_value::<Vec<hogql::insights::Rows>>(rows.clone()).ok());
    Ok(json!({"statements": statements, "response": rows.map(|rows| insight.respond(&rows))}))
}

/// What to run for a list of actors.
fn actors(json: &Value, context: &Context) -> Result<Value, hogql::CompileError> {
    let list = hogql::ActorsQuery::plan(json, context)?;
    let context = Context { limits: Limits::NONE, ..context.clone() };
    let mut statements = Vec::new();
    for query in std::iter::once(list.query).chain(list.missing) {
        let statement = hogql::clickhouse::print(&hogql::compile_tree(query, &context)?.query);
        statements.push(json!({"sql": statement.sql, "parameters": statement.parameters}));
    }
    Ok(json!({"statements": statements}))
}

/// The project of the acceptance cases.
fn acceptance(project: &mut Project) {
    for (name, ty) in
        [("price", PropertyType::Numeric), ("is_vip", PropertyType::Boolean), ("signup_at", PropertyType::DateTime)]
    {
        project.property_types.event.insert(name.to_owned(), ty);
    }
    project.property_types.person.insert("age".to_owned(), PropertyType::Numeric);
    project.group_types.insert(0, "company".to_owned());
    project.cohorts.push(Cohort { id: 5, name: "Pros".to_owned(), is_static: true });
}

/// A project as it is: `types` by owner (`event`, `person` or the index of a group) and name, `groups` in the order of
/// their indexes, `cohorts` and `actions` with ids and names. An action is the name of its event.
fn describe(given: &Value, project: &mut Project) {
    let list = |name: &str| given.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = |value: &Value| value.get("id").and_then(Value::as_i64).unwrap_or_default();
    for (owner, types) in given.get("types").and_then(Value::as_object).into_iter().flatten() {
        for (name, ty) in types.as_object().into_iter().flatten() {
            let ty = match ty.as_str() {
                Some("Numeric") => PropertyType::Numeric,
                Some("Boolean") => PropertyType::Boolean,
                Some("DateTime") => PropertyType::DateTime,
                _ => PropertyType::String,
            };
            let known = &mut project.property_types;
            match owner.as_str() {
                "event" => known.event.insert(name.clone(), ty),
                "person" => known.person.insert(name.clone(), ty),
                group => known.group.insert((group.parse().unwrap_or_default(), name.clone()), ty),
            };
        }
    }
    for (at, name) in (0..).zip(list("groups")) {
        project.group_types.insert(at, name.as_str().unwrap_or_default().to_owned());
    }
    for cohort in list("cohorts") {
        let is_static = cohort.get("is_static").and_then(Value::as_bool).unwrap_or(false);
        project.cohorts.push(Cohort { id: id(&cohort), name: text(&cohort, "name"), is_static });
    }
    for action in list("actions") {
        let step = ActionStep { event: Some(text(&action, "event")), ..ActionStep::default() };
        project.actions.push(Action { id: id(&action), name: text(&action, "name"), steps: vec![step] });
    }
}

fn context(request: &Value) -> Context {
    let text = |name: &str, default: &str| request.get(name).and_then(Value::as_str).unwrap_or(default).to_owned();
    let now = text("now", "2026-01-20T00:00:00Z").parse().unwrap_or_default();
    let mut context = Context::new(1, &text("timezone", "UTC"), now);
    match request.get("project") {
        Some(given) => describe(given, &mut context.project),
        None => acceptance(&mut context.project),
    }
    if text("week", "sunday") == "monday" {
        context.project.week_start = WeekStart::Monday;
    }
    if let Some(mode) = hogql::context::PersonsOnEvents::parse(&text("persons", "")) {
        context.modifiers.persons_on_events = mode;
    }
    context.modifiers.legacy_property_escapes = request.get("legacy").and_then(Value::as_bool).unwrap_or(false);
    context.limits.allow_offset = !request.get("api_key").and_then(Value::as_bool).unwrap_or(false);
    if request.get("limits").and_then(Value::as_str) == Some("none") {
        context.limits = Limits::NONE;
    }
    context.filters =
        request.get("filters").and_then(|filters| serde_json::from_value::<Filters>(filters.clone()).ok());
    if let Some(Value::Object(values)) = request.get("values") {
        context.values = values.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    }
    context
}
