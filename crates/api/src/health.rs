//! Health: is the process alive, and can it take events.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::app::App;

/// `GET /_liveness`: the process answers.
pub(crate) async fn alive() -> &'static str {
    "ok"
}

/// `GET /_health` and `/_readiness`: 200 while events can be made durable, 503 once the log has stopped.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    if app.log.status().poisoned {
        (StatusCode::SERVICE_UNAVAILABLE, "the event log has stopped").into_response()
    } else {
        "ok".into_response()
    }
}

/// `GET /`: what PostHog's own capture service answers here.
pub(crate) async fn root() -> &'static str {
    "capture"
}
