//! The capture routes: a request's bytes become durable events, or an error the SDK understands.
//!
//! Answers are those of `spec/capture.md` §1.8. 200 is sent only once the request is on disk (promise P1). CORS headers
//! are on every answer, errors included, because a browser reports an answer without them as no answer at all.

mod ai;
pub(crate) mod body;
mod rejections;
mod v1;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use capture::{CaptureError, Endpoint, Envelope, Limits, Received};
use eventlog::AppendError;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use self::body::NoBody;
use crate::app::{App, UnknownToken};

const OK_BODY: &str = r#"{"status":"Ok"}"#;

/// Bodies above this size are decoded where the runtime knows that it takes a while.
const LONG_BODY_BYTES: usize = 128 * 1_024;

/// Every capture path, with and without slash.
pub(crate) fn routes() -> Router<App> {
    let mut router = Router::new();
    for (path, endpoint, lane) in [
        ("/i/v0/e", Endpoint::Event, Lane::Events),
        ("/batch", Endpoint::Event, Lane::Events),
        ("/i/v0/ai/batch", Endpoint::Event, Lane::Ai),
        ("/e", Endpoint::Legacy, Lane::Events),
        ("/capture", Endpoint::Legacy, Lane::Events),
        ("/track", Endpoint::Legacy, Lane::Events),
        ("/engage", Endpoint::Engage, Lane::Events),
    ] {
        let handler = move |State(app): State<App>, peer: ConnectInfo<SocketAddr>, request: Request| {
            let limits = match lane {
                Lane::Events => app.settings.capture,
                Lane::Ai => app.settings.capture_ai,
            };
            capture(app, peer, endpoint, limits, request)
        };
        router = router.route(path, any(handler)).route(&format!("{path}/"), any(handler));
    }
    let v1 = "/i/v1/analytics/events";
    router = router.route(v1, any(v1::events)).route(&format!("{v1}/"), any(v1::events));
    router = router.route("/i/v0/ai", any(ai::events)).route("/i/v0/ai/", any(ai::events));
    router.layer(middleware::from_fn(cors))
}

/// Which limits go with a path.
#[derive(Debug, Clone, Copy)]
enum Lane {
    Events,
    Ai,
}

/// Accepts events and answers once every one of them is durable.
#[tracing::instrument(skip_all, fields(body_bytes, project, events))]
async fn capture(
    app: App,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    endpoint: Endpoint,
    limits: Limits,
    request: Request,
) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    match *request.method() {
        Method::POST | Method::GET => {}
        Method::OPTIONS => return StatusCode::OK.into_response(),
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
    let done = accept(&app, peer, endpoint, limits, &query, request).await.map(|()| {
        if capture::wants_no_content(&query) {
            StatusCode::NO_CONTENT.into_response()
        } else {
            ([(header::CONTENT_TYPE, "application/json")], OK_BODY).into_response()
        }
    });
    answered(&app, done)
}

/// What a request is answered with; refusals are counted.
fn answered(app: &App, done: Result<Response, Refusal>) -> Response {
    done.unwrap_or_else(|refusal| {
        app.metrics.capture_refused(refusal.reason());
        tracing::debug!(error = %refusal, "capture request refused");
        refusal.into_response()
    })
}

async fn accept(
    app: &App,
    peer: SocketAddr,
    endpoint: Endpoint,
    limits: Limits,
    query: &str,
    request: Request,
) -> Result<(), Refusal> {
    let (head, body) = request.into_parts();
    let limit_bytes = limits.body_bytes;
    let (body, _in_flight) = body::read(app, &head.headers, body, limit_bytes)
        .await
        .map_err(|error| Refusal::of_body(error, limit_bytes))?;
    let request = capture::Request {
        endpoint,
        query,
        content_type: text(&head.headers, header::CONTENT_TYPE),
        content_encoding: text(&head.headers, header::CONTENT_ENCODING),
        sender: None,
        body: &body,
    };
    store(app, peer, &head.headers, request, &body, limits).await
}

/// Stores the events of a request whose body is `body`, if all of them are acceptable.
async fn store(
    app: &App,
    peer: SocketAddr,
    headers: &HeaderMap,
    request: capture::Request<'_>,
    body: &Bytes,
    limits: Limits,
) -> Result<(), Refusal> {
    tracing::Span::current().record("body_bytes", body.len());
    let checked = on_worker(body.len(), || check(app, &request, limits))?;
    let Some(token) = checked.token.filter(|_| checked.events > 0) else { return Ok(()) };
    let Some(project) = app.meta.project_by_token(&token).map_err(Refusal::Metadata)? else {
        app.metrics.capture_unknown_token();
        tracing::warn!(token, "events with a token that no project owns");
        return match app.settings.unknown_token {
            UnknownToken::Refuse => Err(Refusal::UnknownToken),
            UnknownToken::Accept => Ok(()),
        };
    };
    tracing::Span::current().record("project", project.id.0).record("events", checked.events);
    let header = Envelope { project: project.id, received: received(app, peer, headers), request }.header();
    app.log.append([Bytes::from(header), body.clone()]).await.map_err(Refusal::Log)?;
    app.metrics.capture_accepted(checked.events, body.len());
    Ok(())
}

/// The whole verdict on a request: whatever it accepts, ingestion can read back from the log.
fn check(app: &App, request: &capture::Request<'_>, limits: Limits) -> Result<capture::Checked, Refusal> {
    let payload = capture::payload(request, limits)?;
    capture::validate(&payload, request, limits).map_err(|error| {
        rejections::of_text(app, &payload, &error);
        Refusal::Capture(error)
    })
}

/// What the server adds to a request.
fn received(app: &App, peer: SocketAddr, headers: &HeaderMap) -> Received {
    Received { at: app.now(), ip: app.client_ip(peer, headers), uuid_seed: app.random.u128() }
}

/// Runs `work` where it does not hold up others, if the body it is about is a long one.
fn on_worker<T>(body_bytes: usize, work: impl FnOnce() -> T) -> T {
    if body_bytes > LONG_BODY_BYTES { tokio::task::block_in_place(work) } else { work() }
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
    fn of_body(error: NoBody, limit_bytes: usize) -> Self {
        match error {
            NoBody::TooLarge => Self::Capture(CaptureError::TooLarge { what: "request body", limit_bytes }),
            NoBody::Stalled => Self::Stalled,
            NoBody::Closing => Self::Log(AppendError::Closed),
        }
    }

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
