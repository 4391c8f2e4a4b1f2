//! The table of contents: every path, grouped by who uses it.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use tracing::Instrument as _;

use crate::app::App;
use crate::error::ApiError;
use crate::{capture, definitions, events, health, keys, metrics, persons, projects, sdk, users};

/// The whole HTTP service.
pub fn router(app: App) -> Router {
    let operations = Router::new()
        .route("/", get(health::root))
        .route("/_health", get(health::ready))
        .route("/_readiness", get(health::ready))
        .route("/_liveness", get(health::alive))
        .route("/metrics", get(metrics::page));
    Router::new()
        .merge(operations)
        .merge(capture::routes())
        .merge(sdk::routes())
        .merge(rest())
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// PostHog's REST API. Every path answers with and without its trailing slash.
fn rest() -> Router<App> {
    let mut router = Router::new();
    for root in ["/api/projects", "/api/environments"] {
        router = both(router, &format!("{root}/{{project}}/events"), get(events::list));
        router = both(router, &format!("{root}/{{project}}/events/values"), get(events::values));
        router = both(router, &format!("{root}/{{project}}/events/{{id}}"), get(events::retrieve));
        router = both(router, &format!("{root}/{{project}}/persons"), get(persons::list));
    }
    router = both(router, "/api/projects", get(projects::list).post(projects::create));
    router = both(router, "/api/projects/{project}", get(projects::retrieve));
    router = both(router, "/api/personal_api_keys", get(keys::list).post(keys::create));
    router = both(router, "/api/users/@me", get(users::me));
    router.merge(definitions::routes()).layer(middleware::from_fn(options))
}

fn both(router: Router<App>, path: &str, methods: MethodRouter<App>) -> Router<App> {
    let methods = methods.fallback(method_not_allowed);
    router.route(path, methods.clone()).route(&format!("{path}/"), methods)
}

async fn method_not_allowed(method: Method) -> ApiError {
    ApiError::MethodNotAllowed(method.to_string())
}

/// `OPTIONS` on a REST path: what can be done here. No CORS headers: private routes are not for other origins.
async fn options(request: Request, next: Next) -> Response {
    let asks = request.method() == Method::OPTIONS;
    let response = next.run(request).await;
    if !asks || response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let allow = allow.unwrap_or_else(|| HeaderValue::from_static("GET, HEAD, OPTIONS"));
    (
        StatusCode::OK,
        [(header::ALLOW, allow), (header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        "{}",
    )
        .into_response()
}

async fn not_found(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        ApiError::NotFound("Not found.".to_owned()).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// Gives every request an id, a span, a log line and its place in the metrics.
async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let id = request_id(&app, &request);
    let start = app.clock.instant();
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), method = %request.method(), route);
    let mut response = next.run(request).instrument(span.clone()).await;
    let took = app.clock.elapsed(start);
    app.metrics.answered(&route, response.status(), took);
    tracing::debug!(parent: &span, status = response.status().as_u16(), ms = took.as_secs_f64() * 1e3, "answered");
    response.headers_mut().insert("x-request-id", id);
    response
}

/// The client's own request id if it is a sane one, else a new one.
fn request_id(app: &App, request: &Request) -> HeaderValue {
    let sane = |id: &&HeaderValue| id.len() <= 64 && id.to_str().is_ok_and(|id| !id.is_empty());
    match request.headers().get("x-request-id").filter(sane) {
        Some(id) => id.clone(),
        None => HeaderValue::from_str(&format!("{:032x}", app.random.u128()))
            .expect("hexadecimal digits are a header value"),
    }
}
