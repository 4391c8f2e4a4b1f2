//! `POST /i/v0/ai`: one event of a language model, as a form whose long properties are parts of their own.

use std::borrow::Cow;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest as _, Multipart, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use capture::ai::{self, Part};
use capture::{CaptureError, Endpoint};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};

use super::{Refusal, answered, body, text};
use crate::app::App;

/// More parts than any event has long properties.
const PARTS_MAX: usize = 100;

/// Accepts the event and answers once it is durable.
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
    let (head, body) = request.into_parts();
    answered(&app, accept(&app, peer, &head.headers, body).await.map(|parts| axum::Json(parts).into_response()))
}

async fn accept(app: &App, peer: SocketAddr, headers: &HeaderMap, body: Body) -> Result<Value, Refusal> {
    let limits = app.settings.capture_ai;
    let (body, _in_flight) = body::read(app, headers, body, limits.body_bytes)
        .await
        .map_err(|error| Refusal::of_body(error, limits.body_bytes))?;
    let bearer = text(headers, header::AUTHORIZATION).and_then(|value| value.split_once(' '));
    let token = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let token = token.ok_or(CaptureError::MissingToken)?;
    let unpacked = super::on_worker(body.len(), || match ai::unpacked(&body, limits.payload_bytes)? {
        Cow::Borrowed(_) => Ok::<_, CaptureError>(body.clone()),
        Cow::Owned(inflated) => Ok(Bytes::from(inflated)),
    })?;
    let parts = read(headers, unpacked).await?;
    let borrowed: Vec<Part<'_>> = parts.iter().map(FormPart::borrowed).collect();
    let body = Bytes::from(super::on_worker(body.len(), || ai::assembled(token, &borrowed))?);
    let request = capture::Request {
        endpoint: Endpoint::Event,
        query: "",
        content_type: Some("application/json"),
        content_encoding: None,
        sender: None,
        body: &body,
    };
    super::store(app, peer, headers, request, &body, limits).await?;
    let accepted: Vec<Value> = parts.iter().map(FormPart::told).collect();
    Ok(json!({"accepted_parts": accepted}))
}

/// A part as it was read.
struct FormPart {
    name: String,
    content_type: Option<String>,
    content: Bytes,
}

impl FormPart {
    fn borrowed(&self) -> Part<'_> {
        Part { name: &self.name, content_type: self.content_type.as_deref(), content: &self.content }
    }

    fn told(&self) -> Value {
        json!({"name": self.name, "length": self.content.len(), "content-type": self.content_type, "content-encoding": null})
    }
}

async fn read(headers: &HeaderMap, body: Bytes) -> Result<Vec<FormPart>, CaptureError> {
    let malformed = |reason: String| CaptureError::MalformedForm { reason };
    let mut request = Request::new(Body::from(body));
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        request.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    // It has been read within its limit already.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| malformed(error.body_text()))?;
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|error| malformed(error.body_text()))? {
        if parts.len() == PARTS_MAX {
            return Err(malformed(format!("there are more than {PARTS_MAX} parts")));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let content_type = field.content_type().map(str::to_owned);
        let content = field.bytes().await.map_err(|error| malformed(error.body_text()))?;
        parts.push(FormPart { name, content_type, content });
    }
    Ok(parts)
}
