//! The capture routes: a request's bytes become durable events, or an error the SDK understands.
//!
//! Answers are those of `spec/capture.md` §1.8. 200 is sent only once the request is on disk (promise P1). CORS headers
//! are on every answer, errors included, because a browser reports an answer without them as no answer at all.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::{Bytes, BytesMut};
use capture::{CaptureError, Endpoint, Envelope, Received};
use eventlog::AppendError;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::{App, UnknownToken};

const OK_BODY: &str = r#"{"status":"Ok"}"#;

/// Bodies above this size are decoded where the runtime knows that it takes a while.
const LONG_BODY_BYTES: usize = 128 * 1_024;

/// Every capture path, with and without slash.
pub(crate) fn routes() -> Router<App> {
    let mut router = Router::new();
    for (path, endpoint) in [
        ("/i/v0/e", Endpoint::Event),
        ("/batch", Endpoint::Event),
        ("/e", Endpoint::Legacy),
        ("/capture", Endpoint::Legacy),
        ("/track", Endpoint::Legacy),
        ("/engage", Endpoint::Engage),
    ] {
        let handler = move |state: State<App>, peer: ConnectInfo<SocketAddr>, request: Request| {
            capture(state, peer, endpoint, request)
        };
        router = router.route(path, any(handler)).route(&format!("{path}/"), any(handler));
    }
    router.layer(middleware::from_fn(cors))
}

/// Accepts events and answers once every one of them is durable.
#[tracing::instrument(skip_all, fields(body_bytes, project, events))]
async fn capture(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    endpoint: Endpoint,
    request: Request,
) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    match *request.method() {
        Method::POST | Method::GET => {}
        Method::OPTIONS => return StatusCode::OK.into_response(),
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
    match accept(&app, peer, endpoint, &query, request).await {
        Ok(()) if capture::wants_no_content(&query) => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => ([(header::CONTENT_TYPE, "application/json")], OK_BODY).into_response(),
        Err(refusal) => {
            app.metrics.capture_refused(refusal.reason());
            tracing::debug!(error = %refusal, "capture request refused");
            refusal.into_response()
        }
    }
}

async fn accept(app: &App, peer: SocketAddr, endpoint: Endpoint, query: &str, request: Request) -> Result<(), Refusal> {
    let (head, body) = request.into_parts();
    let (body, _in_flight) = read_body(app, &head.headers, body).await?;
    tracing::Span::current().record("body_bytes", body.len());
    let request = capture::Request {
        endpoint,
        query,
        content_type: text(&head.headers, header::CONTENT_TYPE),
        content_encoding: text(&head.headers, header::CONTENT_ENCODING),
        body: &body,
    };
    let checked = if body.len() > LONG_BODY_BYTES {
        tokio::task::block_in_place(|| check(app, &request))?
    } else {
        check(app, &request)?
    };
    let Some(token) = checked.token.filter(|_| checked.events > 0) else { return Ok(()) };
    let Some(project) = app.meta.project_by_token(&token).map_err(Refusal::Metadata)? else {
        app.metrics.capture_unknown_token();
        return match app.settings.unknown_token {
            UnknownToken::Refuse => Err(Refusal::UnknownToken),
            UnknownToken::Accept => Ok(()),
        };
    };
    tracing::Span::current().record("project", project.id.0).record("events", checked.events);
    let received = Received { at: app.now(), ip: app.client_ip(peer, &head.headers), uuid_seed: app.random.u128() };
    let header = Envelope { project: project.id, received, request }.header();
    app.log.append([Bytes::from(header), body.clone()]).await.map_err(Refusal::Log)?;
    app.metrics.capture_accepted(checked.events, body.len());
    Ok(())
}

/// The whole verdict on a request: whatever it accepts, ingestion can read back from the log.
fn check(app: &App, request: &capture::Request<'_>) -> Result<capture::Checked, Refusal> {
    let payload = capture::payload(request, app.settings.capture)?;
    Ok(capture::validate(&payload, request, app.settings.capture)?)
}

/// Reads the body within its limits; the permit keeps the total of bodies in memory bounded.
async fn read_body(app: &App, headers: &HeaderMap, body: Body) -> Result<(Bytes, OwnedSemaphorePermit), Refusal> {
    let limit = app.settings.capture.payload_bytes;
    let too_large = || Refusal::Capture(CaptureError::TooLarge { what: "request body", limit_bytes: limit });
    let announced = text(headers, header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        drain(app, body).await;
        return Err(too_large());
    }
    let kib = u32::try_from(announced.unwrap_or(limit).div_ceil(1_024)).unwrap_or(u32::MAX);
    let permit =
        Arc::clone(&app.in_flight).acquire_many_owned(kib).await.map_err(|_| Refusal::Log(AppendError::Closed))?;
    let mut body = body;
    let mut read = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(app.settings.body_stall, body.frame()).await {
            Err(_) => return Err(Refusal::Stalled),
            Ok(None) => return Ok((read.freeze(), permit)),
            Ok(Some(Err(_))) => return Err(Refusal::Stalled),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > limit {
            drop(read);
            drain(app, body).await;
            return Err(too_large());
        }
        if read.is_empty() && announced == Some(data.len()) {
            return Ok((data, permit));
        }
        read.extend_from_slice(&data);
    }
}

/// Lets a client finish sending what will be refused, within reason: most read no answer before they are done.
async fn drain(app: &App, mut body: Body) {
    const PATIENCE_BYTES: usize = 64 << 20;
    let mut drained = 0;
    while drained < PATIENCE_BYTES {
        match tokio::time::timeout(app.settings.body_stall, body.frame()).await {
            Ok(Some(Ok(frame))) => drained += frame.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Why a capture request was not accepted.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error("API key is not valid: unknown")]
    UnknownToken,
    #[error("client stopped sending data")]
    Stalled,
    #[error("transient error, please retry")]
    Log(#[source] AppendError),
    #[error("transient error, please retry")]
    Metadata(#[source] meta::MetaError),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Capture(error) => StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST),
            Self::UnknownToken => StatusCode::UNAUTHORIZED,
            Self::Stalled => StatusCode::REQUEST_TIMEOUT,
            Self::Log(AppendError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Log(_) | Self::Metadata(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A bounded set of words for the metrics.
    fn reason(&self) -> &'static str {
        match self.status() {
            StatusCode::UNAUTHORIZED => "token",
            StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            StatusCode::REQUEST_TIMEOUT => "stalled",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            _ => "malformed",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Self::Log(AppendError::TooLarge { limit_bytes, .. }) = self {
            let error = CaptureError::TooLarge { what: "request body", limit_bytes };
            return (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).into_response();
        }
        let status = self.status();
        let mut response = (status, self.to_string()).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Mirrors the request's origin on every answer; capture never reads cookies, so nothing is given away.
pub(crate) async fn cors(request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let wanted_headers = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin, access-control-request-headers"));
    let Some(origin) = origin else { return response };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST,OPTIONS"));
        if let Some(wanted) = wanted_headers {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
        }
    }
    response
}
