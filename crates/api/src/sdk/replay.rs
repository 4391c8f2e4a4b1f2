//! `/s`: session replay, which is taken and thrown away.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::answer;
use crate::app::App;
use crate::capture::body::{self, NoBody};

/// Largest recording in one request.
const BODY_BYTES_MAX: usize = 25 << 20;

/// Reads a recording without keeping it. The answer makes the recorder pause, which it otherwise would not.
pub(super) async fn discard(State(app): State<App>, request: Request) -> Response {
    match body::discard(&app, request.into_body(), BODY_BYTES_MAX).await {
        Ok(()) => answer(&json!({"status": "Ok", "quota_limited": ["recordings"]})),
        Err(NoBody::TooLarge) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("maximum event size exceeded: recording is larger than {BODY_BYTES_MAX} bytes"),
        )
            .into_response(),
        Err(NoBody::Stalled | NoBody::Closing) => {
            (StatusCode::REQUEST_TIMEOUT, "client stopped sending data").into_response()
        }
    }
}
