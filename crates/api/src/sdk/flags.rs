//! Feature flags, of which there are none.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use capture::{Endpoint, Limits};
use http::{HeaderValue, StatusCode, header};
use model::Timestamp;
use serde_json::{Value, json};

use super::{answer, config};
use crate::app::App;
use crate::auth::authenticate;
use crate::capture::body;
use crate::params::Params;

/// Largest body of a question about flags.
const LIMITS: Limits = Limits { body_bytes: 2 << 20, payload_bytes: 2 << 20, ..Limits::DEFAULT };
/// Names the one answer to who polls for definitions.
const ETAG: &str = "\"no-flags\"";

/// `POST /flags`: nobody has any flag. With `config=true` remote configuration comes along.
pub(super) async fn flags(State(app): State<App>, request: Request) -> Response {
    let params = params(&request);
    let token = match token(&app, request).await {
        Ok(token) => token,
        Err(status) => return status.into_response(),
    };
    let mut found = json!({
        "flags": {},
        "errorsWhileComputingFlags": false,
        "requestId": request_id(&app),
        "evaluatedAt": app.now().as_millis(),
    });
    if version(&params) < 2 {
        extend(&mut found, json!({"featureFlags": {}, "featureFlagPayloads": {}}));
    }
    if params.is_true("config") {
        extend(&mut found, config::of(token.as_deref().unwrap_or_default()));
    }
    answer(&found)
}

/// `POST /decide`: flags and configuration in one, for SDKs up to 2025.
pub(super) async fn decide(State(app): State<App>, request: Request) -> Response {
    let version = version(&params(&request));
    if let Err(status) = token(&app, request).await {
        return status.into_response();
    }
    let mut found = json!({
        "config": {"enable_collect_everything": true},
        "toolbarParams": {},
        "isAuthenticated": false,
        "supportedCompression": ["gzip", "gzip-js"],
        "featureFlags": if version < 2 { json!([]) } else { json!({}) },
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": false,
        "sessionRecording": false,
        "capturePerformance": false,
        "autocapture_opt_out": false,
        "autocaptureExceptions": false,
        "surveys": false,
        "heatmaps": false,
        "siteApps": [],
        "elementsChainAsString": true,
        "defaultIdentifiedOnly": true,
    });
    if version > 3 {
        extend(&mut found, json!({"flags": {}, "requestId": request_id(&app)}));
    }
    answer(&found)
}

/// `GET /flags/definitions`, formerly `/api/feature_flag/local_evaluation`: for servers that evaluate flags themselves,
/// and hold a personal key for it.
pub(super) async fn definitions(State(app): State<App>, request: Request) -> Response {
    if let Err(error) = authenticate(&app, request.headers(), &params(&request)) {
        return error.into_response();
    }
    let etag = [(header::ETAG, HeaderValue::from_static(ETAG))];
    if request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known == ETAG) {
        return (StatusCode::NOT_MODIFIED, etag).into_response();
    }
    (etag, answer(&json!({"flags": [], "group_type_mapping": {}, "cohorts": {}}))).into_response()
}

fn params(request: &Request) -> Params {
    Params::parse(request.uri().query().unwrap_or_default())
}

fn version(params: &Params) -> u32 {
    params.get("v").and_then(|version| version.parse().ok()).unwrap_or(1)
}

fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// An id for the answer, of version 7.
fn request_id(app: &App) -> String {
    let millis = u64::try_from(Timestamp::as_millis(app.now())).unwrap_or_default();
    let bytes = app.random.u128().to_be_bytes();
    let random = bytes.first_chunk().copied().unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

/// The token a question was asked with, if it can be found. The question itself changes nothing, so it is not checked.
async fn token(app: &App, request: Request) -> Result<Option<String>, StatusCode> {
    let (head, body) = request.into_parts();
    let (body, _in_flight) =
        body::read(app, &head.headers, body, LIMITS.body_bytes).await.map_err(|error| match error {
            body::NoBody::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            body::NoBody::Stalled => StatusCode::REQUEST_TIMEOUT,
            body::NoBody::Closing => StatusCode::SERVICE_UNAVAILABLE,
        })?;
    let text = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let request = capture::Request {
        endpoint: Endpoint::Legacy,
        query: head.uri.query().unwrap_or_default(),
        content_type: text(header::CONTENT_TYPE),
        content_encoding: text(header::CONTENT_ENCODING),
        sender: None,
        body: &body,
    };
    let payload = capture::payload(&request, LIMITS).ok();
    Ok(payload.and_then(|payload| capture::claimed_token(&payload)))
}
