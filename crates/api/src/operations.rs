//! The table of the REST API: every operation with its path, what it needs, and what it takes and answers.
//!
//! The router and the OpenAPI document are both made of this table, so neither can know what the other does not. Paths
//! answer with and without a trailing slash. What lies in a project is reachable below `/api/projects` and, as PostHog's
//! older clients have it, below `/api/environments`.

mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use axum::routing::{MethodRouter, on};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{Access, Scope};
use crate::error::ApiError;
use crate::fields::{self, Field, Missing};
use crate::guard::{Formats, Need, Rule, drain, guard};
use crate::limits::LimitClass;

pub(crate) use table::operations;

/// Largest body unless an operation says otherwise; the setting may be lower.
const BODY_BYTES: usize = 1 << 20;

/// One operation of the REST API.
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// With names in braces, without a trailing slash.
    pub(crate) path: String,
    pub(crate) rule: Rule,
    /// Unique in the document.
    pub(crate) id: String,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) query: Vec<Param>,
    pub(crate) body: Option<RequestBody>,
    pub(crate) answer: Answer,
    pub(crate) is_deprecated: bool,
    /// Whether it is another name for an operation, which requests are led to before they are routed.
    is_alias: bool,
    handler: MethodRouter<App>,
}

/// A parameter of the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: ParamKind,
    pub(crate) about: &'static str,
    pub(crate) is_required: bool,
}

/// What a parameter of the query holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ParamKind {
    Text,
    Integer(i64, i64),
    Flag,
    Uuid,
    Choice(&'static [&'static str]),
    /// JSON as text.
    Json,
    /// Given once for each value.
    Texts,
}

/// What a body holds.
#[derive(Debug, Clone)]
pub(crate) struct RequestBody {
    pub(crate) content_types: &'static [&'static str],
    pub(crate) schema: Value,
    /// Whether there has to be one.
    pub(crate) is_required: bool,
}

/// What comes back when all went well.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Name and schema, and the schemas that one needs; none for an empty body.
    pub(crate) shape: Option<Shape>,
    pub(crate) content_type: &'static str,
    /// Whether it can also be CSV.
    pub(crate) is_also_csv: bool,
    /// What comes back with 202 when it will be done in the background.
    pub(crate) later: Option<Shape>,
}

/// A schema with a name.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) schema: Value,
    pub(crate) nested: Vec<(String, Value)>,
    pub(crate) is_list: bool,
}

impl Shape {
    fn of<T: ToSchema>() -> Self {
        let mut nested = Vec::new();
        T::schemas(&mut nested);
        let value = |schema| serde_json::to_value(schema).unwrap_or_default();
        let nested = nested.into_iter().map(|(name, schema)| (name, value(schema))).collect();
        Self { name: T::name().into_owned(), schema: value(T::schema()), nested, is_list: false }
    }
}

/// An operation on an absolute path.
fn at<H, T>(method: Method, path: &str, need: Need, handler: H) -> Operation
where
    H: Handler<T, App>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
    Operation {
        rule: Rule { need, class: LimitClass::Other, body_bytes: BODY_BYTES, formats: Formats::Json },
        id: String::new(),
        tag: "",
        summary: "",
        query: Vec::new(),
        body: None,
        answer: Answer { status: 200, shape: None, content_type: "application/json", is_also_csv: false, later: None },
        is_deprecated: false,
        is_alias: false,
        handler: on(filter, handler),
        path: path.to_owned(),
        method,
    }
}

impl Operation {
    fn named(mut self, tag: &'static str, id: &str, summary: &'static str) -> Self {
        self.tag = tag;
        self.id = id.to_owned();
        self.summary = summary;
        self
    }

    fn class(mut self, class: LimitClass) -> Self {
        self.rule.class = class;
        self
    }

    fn query(mut self, params: &[Param]) -> Self {
        self.query.extend_from_slice(params);
        self
    }

    /// A JSON body in which every required field has to be.
    fn takes(mut self, fields: &[Field]) -> Self {
        let schema = fields::schema(fields, Missing::IsError);
        let is_required = fields.iter().any(|field| field.presence == fields::Presence::Required);
        self.body = Some(RequestBody { content_types: &["application/json"], schema, is_required });
        self
    }

    /// A JSON body in which no field has to be.
    fn changes(mut self, fields: &[Field]) -> Self {
        let schema = fields::schema(fields, Missing::IsKept);
        self.body = Some(RequestBody { content_types: &["application/json"], schema, is_required: false });
        self
    }

    /// A JSON list of objects.
    fn takes_list(mut self, fields: &[Field]) -> Self {
        let schema = serde_json::json!({"type": "array", "items": fields::schema(fields, Missing::IsError)});
        self.body = Some(RequestBody { content_types: &["application/json"], schema, is_required: true });
        self
    }

    /// A body of that many bytes at most, which may come as a form with files as well.
    fn takes_files(mut self, body_bytes: usize) -> Self {
        self.rule.body_bytes = body_bytes;
        if let Some(body) = &mut self.body {
            body.content_types = &["application/json", "multipart/form-data"];
        }
        self
    }

    fn answers<T: ToSchema>(mut self, status: u16) -> Self {
        self.answer.status = status;
        self.answer.shape = Some(Shape::of::<T>());
        self
    }

    /// Answered with 202 when it will be done in the background.
    fn or_later<T: ToSchema>(mut self) -> Self {
        self.answer.later = Some(Shape::of::<T>());
        self
    }

    /// A bare list.
    fn answers_list<T: ToSchema>(mut self, status: u16) -> Self {
        self.answer.status = status;
        self.answer.shape = Some(Shape { is_list: true, ..Shape::of::<T>() });
        self
    }

    /// CSV as well: the handler decides.
    fn or_csv(mut self) -> Self {
        self.answer.is_also_csv = true;
        self.own_formats()
    }

    /// JSON that goes by another name.
    fn content_type(mut self, content_type: &'static str) -> Self {
        self.answer.content_type = content_type;
        self
    }

    /// The handler decides in which form it answers.
    fn own_formats(mut self) -> Self {
        self.rule.formats = Formats::Own;
        self
    }

    /// An empty body.
    fn answers_nothing(mut self, status: u16) -> Self {
        self.answer = Answer { status, shape: None, content_type: "", is_also_csv: false, later: None };
        self
    }

    /// The same below `/api/environments`.
    fn below_environments(&self) -> Self {
        let path = self.path.replacen("/api/projects/", "/api/environments/", 1);
        self.elsewhere(path, format!("environments_{}", self.id), false)
    }

    /// The same of the current project, under the path of the oldest clients.
    fn flat(&self) -> Self {
        let path = self.path.replacen("/api/projects/{project}/events", FLAT, 1);
        self.elsewhere(path, format!("flat_{}", self.id), true)
    }

    fn elsewhere(&self, path: String, id: String, is_alias: bool) -> Self {
        Self {
            method: self.method.clone(),
            path,
            rule: self.rule,
            id,
            tag: self.tag,
            summary: self.summary,
            query: self.query.clone(),
            body: self.body.clone(),
            answer: self.answer.clone(),
            is_deprecated: true,
            is_alias,
            handler: self.handler.clone(),
        }
    }
}

/// Where the oldest clients look for the events of the current project.
const FLAT: &str = "/api/event";
const FLAT_TARGET: &str = "/api/projects/@current/events";

/// Leads requests for [`FLAT`] paths to where these are served. Links are made from the path as it was requested.
pub(crate) fn lead<B>(mut request: http::Request<B>) -> http::Request<B> {
    let uri = request.uri();
    let rest = uri.path().strip_prefix(FLAT).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some(rest) = rest else { return request };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(target) = format!("{FLAT_TARGET}{rest}{query}").parse() {
        *request.uri_mut() = target;
    }
    request
}

/// The routes of `operations`, each behind its guard.
pub(crate) fn routes(app: &App, operations: Vec<Operation>) -> Router<App> {
    let mut paths: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
    for operation in operations.into_iter().filter(|operation| !operation.is_alias) {
        paths.entry(operation.path.clone()).or_default().push(operation);
    }
    let mut router = Router::new();
    for (path, operations) in paths {
        let methods = methods(app, operations);
        router = router.route(&path, methods.clone()).route(&format!("{path}/"), methods);
    }
    router
}

fn methods(app: &App, operations: Vec<Operation>) -> MethodRouter<App> {
    let allowed = allowed(&operations);
    let shown = allowed.clone();
    let read = operations.iter().find(|operation| operation.method == Method::GET).or_else(|| operations.first());
    let need = read.map_or(Need::Key, |operation| reading(operation.rule.need));
    let rule = Rule { need, class: LimitClass::Other, body_bytes: BODY_BYTES, formats: Formats::Own };
    let tell = move || async move { tell_methods(&allowed) };
    let mut methods = guarded(app, rule, on(MethodFilter::OPTIONS, tell));
    for operation in operations {
        methods = methods.merge(guarded(app, operation.rule, operation.handler));
    }
    let app = app.clone();
    methods.fallback(move |request: Request| async move {
        let (parts, body) = request.into_parts();
        drain(&app, Some(body)).await;
        let mut refusal = ApiError::MethodNotAllowed(parts.method.to_string()).into_response();
        refusal.headers_mut().insert(header::ALLOW, shown);
        refusal
    })
}

fn guarded(app: &App, mut rule: Rule, methods: MethodRouter<App>) -> MethodRouter<App> {
    if rule.body_bytes <= BODY_BYTES {
        rule.body_bytes = rule.body_bytes.min(app.settings.rest_body_bytes);
    }
    methods.route_layer(middleware::from_fn_with_state((app.clone(), Arc::new(rule)), guard))
}

/// What looking at something needs that can be changed with `need`.
fn reading(need: Need) -> Need {
    let read = |scope: Scope| Scope { access: Access::Read, ..scope };
    match need {
        Need::Nothing | Need::Key | Need::Everything => need,
        Need::Anywhere(scope) => Need::Anywhere(read(scope)),
        Need::Unlimited(scope) => Need::Unlimited(read(scope)),
        Need::Organization(scope) => Need::Organization(read(scope)),
        Need::Project(scope) => Need::Project(read(scope)),
        Need::Within(scope) => Need::Within(read(scope)),
    }
}

fn allowed(operations: &[Operation]) -> HeaderValue {
    let mut names: Vec<&str> = operations.iter().map(|operation| operation.method.as_str()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    HeaderValue::from_str(&names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static("OPTIONS"))
}

/// What can be done here. No CORS headers: private routes are not for other origins.
fn tell_methods(allowed: &HeaderValue) -> Response {
    let json = HeaderValue::from_static("application/json");
    (StatusCode::OK, [(header::ALLOW, allowed.clone()), (header::CONTENT_TYPE, json)], "{}").into_response()
}
