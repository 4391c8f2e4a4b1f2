//! The table of contents: every path, grouped by who uses it.

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, Uri};
use tower::Layer as _;
use tower::util::MapRequestLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tracing::Instrument as _;

use crate::app::App;
use crate::error::ApiError;
use crate::operations::{lead, operations, routes};
use crate::{capture, etag, health, metrics, sdk};

/// Answers shorter than this are not worth compressing.
const COMPRESSED_BYTES_MIN: u64 = 1_024;

/// The whole HTTP service.
pub fn router(app: App) -> Router {
    let around = Router::new()
        .route("/", get(health::root))
        .route("/_health", get(health::ready))
        .route("/_readiness", get(health::ready))
        .route("/_liveness", get(health::alive))
        .route("/metrics", get(metrics::page));
    let all = Router::new()
        .merge(around)
        .merge(capture::routes())
        .merge(sdk::routes())
        .merge(rest(&app))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app);
    // Around all routes: a request is led elsewhere before it is routed.
    Router::new().fallback_service(MapRequestLayer::new(lead::<Body>).layer(all))
}

/// PostHog's REST API.
fn rest(app: &App) -> Router<App> {
    let compression = CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_BYTES_MIN));
    routes(app, operations()).layer(middleware::from_fn(etag::conditional)).layer(compression)
}

async fn not_found(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        ApiError::not_found().into_response()
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
