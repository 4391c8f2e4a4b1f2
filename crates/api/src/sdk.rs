//! What SDKs ask for besides capture: remote configuration, flags, surveys, the browser library itself.
//!
//! None of these features is served, but an SDK that gets no answer logs errors, stops compressing, or never starts
//! autocapture. So every question has the well-formed answer "nothing of that kind" (`spec/capture.md` §8). Tokens are
//! project tokens, which are public; all answers carry CORS headers.

mod assets;
mod config;
mod flags;
mod replay;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use crate::app::App;
use crate::capture::cors;

/// Every path, with and without slash.
pub(crate) fn routes() -> Router<App> {
    let mut router = Router::new();
    for path in ["/flags", "/decide"] {
        router = both(router, path, if path == "/flags" { any(flags::flags) } else { any(flags::decide) });
    }
    for path in ["/flags/definitions", "/api/feature_flag/local_evaluation"] {
        router = both(router, path, any(flags::definitions));
    }
    router = both(router, "/array/{token}/config", any(config::json));
    router = both(router, "/array/{token}/config.js", any(config::script));
    router = both(router, "/array/{token}/array.js", any(config::library));
    router = router.route("/static/{*path}", any(assets::file));
    router = both(router, "/s", any(replay::discard));
    for (path, key) in [
        ("/api/surveys", "surveys"),
        ("/api/web_experiments", "experiments"),
        ("/api/early_access_features", "earlyAccessFeatures"),
        ("/api/product_tours", "product_tours"),
    ] {
        router = both(router, path, any(move || async move { answer(&json!({ key: [] })) }));
    }
    router.layer(middleware::from_fn(preflight)).layer(middleware::from_fn(cors))
}

fn both(router: Router<App>, path: &str, method: axum::routing::MethodRouter<App>) -> Router<App> {
    router.route(path, method.clone()).route(&format!("{path}/"), method)
}

/// Answers preflights, and lets only the methods through that the answers here are for.
async fn preflight(request: Request, next: Next) -> Response {
    match *request.method() {
        Method::OPTIONS => StatusCode::OK.into_response(),
        Method::GET | Method::HEAD | Method::POST => next.run(request).await,
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn answer(body: &Value) -> Response {
    axum::Json(body).into_response()
}

fn javascript(text: impl Into<axum::body::Body>, seconds: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/javascript")),
        (header::CACHE_CONTROL, HeaderValue::from_static(seconds)),
    ];
    (headers, text.into()).into_response()
}
