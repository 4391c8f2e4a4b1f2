//! `POST /i/v1/analytics/events`: the protocol with a verdict for each event (`spec/capture.md` §6).

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use capture::v1::{Checked, Head, Refusal};
use capture::{Endpoint, Envelope};
use eventlog::AppendError;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::json;

use super::body::{self, NoBody};
use super::rejections;
use crate::app::{App, UnknownToken};

const REQUEST_ID: &str = "posthog-request-id";
/// Where a client's author reads on.
const ERROR_URI: &str = "https://posthog.com/docs/api";

/// Accepts events, each with a verdict of its own, and answers once every accepted one is durable.
#[tracing::instrument(skip_all, fields(body_bytes, project, events))]
pub(super) async fn events(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    match *request.method() {
        Method::POST => {}
        Method::OPTIONS => return StatusCode::OK.into_response(),
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
    let id = request.headers().get(REQUEST_ID).cloned();
    let (head, body) = request.into_parts();
    let mut response = match accept(&app, peer, &head.headers, body).await {
        Ok(checked) => ([(header::CONTENT_TYPE, "application/json")], results(&checked)).into_response(),
        Err(refusal) => {
            app.metrics.capture_refused(reason(&refusal));
            tracing::debug!(error = %refusal, "capture request refused");
            refused(&refusal)
        }
    };
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn accept(app: &App, peer: SocketAddr, headers: &HeaderMap, body: Body) -> Result<Checked, Refusal> {
    let head = match Head::read(|name| headers.get(name).map(HeaderValue::as_bytes)) {
        Ok(head) => head,
        Err(refusal) => {
            body::drain(app, body).await;
            return Err(refusal);
        }
    };
    let limits = app.settings.capture_v1;
    let (body, _in_flight) = body::read(app, headers, body, limits.body_bytes).await.map_err(|error| match error {
        NoBody::TooLarge => Refusal::PayloadTooLarge { what: "body", limit_bytes: limits.body_bytes },
        NoBody::Stalled => Refusal::BodyReadTimeout,
        NoBody::Closing => Refusal::Unavailable,
    })?;
    tracing::Span::current().record("body_bytes", body.len());
    let project = app.meta.project_by_token(head.token).map_err(|error| unavailable(&error))?;
    let project = project.map(|project| project.id);
    let request = capture::Request {
        endpoint: Endpoint::V1,
        query: "",
        content_type: None,
        content_encoding: head.content_encoding,
        sender: Some(head.sender),
        body: &body,
    };
    let checked = super::on_worker(body.len(), || {
        let text = capture::v1::payload(&request, limits)?;
        capture::v1::check(&text)
    });
    let checked = match (checked, project) {
        (Err(refusal), project) => {
            rejections::of_request(app, project, refusal.tag(), &refusal);
            return Err(refusal);
        }
        (Ok(checked), None) => {
            app.metrics.capture_unknown_token();
            return match app.settings.unknown_token {
                UnknownToken::Refuse => Err(Refusal::UnknownToken),
                UnknownToken::Accept => Ok(checked),
            };
        }
        (Ok(checked), Some(project)) => {
            let received = super::received(app, peer, headers);
            append(app, Envelope { project, received, request }, &body, &checked).await?;
            rejections::of_events(app, project, &checked);
            checked
        }
    };
    Ok(checked)
}

async fn append(app: &App, envelope: Envelope<'_>, body: &Bytes, checked: &Checked) -> Result<(), Refusal> {
    tracing::Span::current().record("project", envelope.project.0).record("events", checked.accepted);
    if checked.accepted == 0 {
        return Ok(());
    }
    let header = envelope.header();
    app.log.append([Bytes::from(header), body.clone()]).await.map_err(|error| match error {
        AppendError::TooLarge { limit_bytes, .. } => Refusal::PayloadTooLarge { what: "body", limit_bytes },
        error => unavailable(&error),
    })?;
    app.metrics.capture_accepted(checked.accepted, body.len());
    Ok(())
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::warn!(error, "events cannot be stored");
    Refusal::Unavailable
}

/// `{"results": {uuid: {"result", "details"}}}`, in the order of the request, which a map of JSON values would not keep.
fn results(checked: &Checked) -> String {
    let mut body = String::with_capacity(24 + checked.verdicts.len() * 64);
    body.push_str(r#"{"results":{"#);
    for (at, (uuid, verdict)) in checked.verdicts.iter().enumerate() {
        if at > 0 {
            body.push(',');
        }
        model::write_json_string(&mut body, uuid);
        let (result, details) = verdict.words();
        body.push_str(r#":{"result":""#);
        body.push_str(result);
        if let Some(details) = details {
            body.push_str(r#"","details":""#);
            body.push_str(details);
        }
        body.push_str(r#""}"#);
    }
    body.push_str("}}");
    body
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let body = json!({
        "error": refusal.tag(), "error_description": refusal.to_string(), "error_uri": ERROR_URI,
    });
    let mut response = (status, axum::Json(body)).into_response();
    if matches!(refusal, Refusal::BodyReadTimeout | Refusal::Unavailable) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A bounded set of words for the metrics.
fn reason(refusal: &Refusal) -> &'static str {
    match refusal.status() {
        401 => "token",
        408 => "stalled",
        413 => "too_large",
        503 => "unavailable",
        _ => "malformed",
    }
}
