//! What stands before every REST operation: who asks, whether they may, and whether they ask too often.
//!
//! Each operation states what it needs, and the guard proves it in one order for all: credential (401), scope and key
//! restriction (403), project or organisation exists (404), membership (403), rate limit (429). A handler cannot be
//! reached otherwise, and has no other way to a project than the one that was proven here.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;

use crate::app::App;
use crate::auth::{self, Caller, Scope, Tenant};
use crate::error::ApiError;
use crate::limits::LimitClass;
use crate::params::Params;

/// What an operation needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: anybody may.
    Nothing,
    /// Any valid key.
    Key,
    /// A key that may do everything its owner may.
    Everything,
    /// A scope, wherever the key is limited to: the answer shows no more than the key reaches.
    Anywhere(Scope),
    /// A scope, and a key that is not limited to projects.
    Unlimited(Scope),
    /// A scope for the organisation that the path names.
    Organization(Scope),
    /// A scope for the project that the path names.
    Project(Scope),
    /// A scope for what lies in a project: that of the path, or the one whose token the query names.
    Within(Scope),
}

/// What the guard of an operation knows about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) need: Need,
    pub(crate) class: LimitClass,
    /// Largest body.
    pub(crate) body_bytes: usize,
    pub(crate) formats: Formats,
}

/// In which forms an operation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Formats {
    /// JSON, and nothing else.
    Json,
    /// The handler decides.
    Own,
}

/// Who asks, and of which project or organisation, as far as the operation is about one.
#[derive(Debug, Clone)]
pub(crate) struct Proven {
    pub(crate) caller: Option<Caller>,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) organization: Option<meta::Organization>,
}

/// Checks what `rule` asks for, and hands the proof to the handler.
pub(crate) async fn guard(State((app, rule)): State<(App, Arc<Rule>)>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut unread = Some(body);
    match admit(&app, &rule, &mut parts, &mut unread).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(refusal) => {
            drain(&app, unread).await;
            refusal.into_response()
        }
    }
}

/// Leaves the proof with the request, and returns its body.
async fn admit(app: &App, rule: &Rule, parts: &mut Parts, unread: &mut Option<Body>) -> Result<Bytes, ApiError> {
    let mut bytes = None;
    let mut proven = Proven { caller: None, tenant: None, organization: None };
    if rule.need != Need::Nothing {
        let params = Params::parse(parts.uri.query().unwrap_or_default());
        if auth::bearer_token(&parts.headers).is_none() {
            // The body is the second place to look for a key, before the query.
            bytes = Some(read(app, unread, rule.body_bytes).await?);
        }
        let in_body = bytes.as_deref().and_then(key_in_body);
        let caller = auth::authenticate_in(app, &parts.headers, in_body.as_deref(), &params)?;
        let key = caller.key.id.clone();
        let names = RawPathParams::from_request_parts(parts, app).await.map_err(|_| ApiError::not_found())?;
        let owner = names.iter().next().map(|(_, value)| value).unwrap_or_default();
        proven = prove(app, rule.need, caller, owner, &params)?;
        app.throttle.pass(rule.class, &key).map_err(ApiError::Throttled)?;
        if rule.formats == Formats::Json && negotiate(&parts.headers, &params, &["json"])? != "json" {
            return Err(ApiError::NotAcceptable);
        }
    }
    parts.extensions.insert(proven);
    match bytes {
        Some(bytes) => Ok(bytes),
        None => read(app, unread, rule.body_bytes).await,
    }
}

/// Which of `formats`, `json` or `csv`, a client wants: by the parameter `format`, else by what it accepts, else JSON.
pub(crate) fn negotiate(
    headers: &HeaderMap,
    params: &Params,
    formats: &[&'static str],
) -> Result<&'static str, ApiError> {
    if let Some(wanted) = params.non_empty("format") {
        return formats.iter().find(|known| **known == wanted).copied().ok_or_else(ApiError::not_found);
    }
    let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else { return Ok("json") };
    let types: Vec<String> =
        accept.split(',').filter_map(|range| range.split(';').next()).map(|kind| kind.trim().to_lowercase()).collect();
    let has = |known: &[&str]| types.iter().any(|kind| known.contains(&kind.as_str()));
    if has(&["", "*/*", "application/*", "application/json", "application/vnd.oai.openapi+json"]) {
        Ok("json")
    } else if formats.contains(&"csv") && has(&["text/csv", "text/*"]) {
        Ok("csv")
    } else {
        Err(ApiError::NotAcceptable)
    }
}

/// Lets a client finish sending what nobody reads, within reason: many read no answer before they are done.
pub(crate) async fn drain(app: &App, body: Option<Body>) {
    const PATIENCE_BYTES: usize = 16 << 20;
    let Some(mut body) = body else { return };
    let mut drained = 0;
    while drained < PATIENCE_BYTES {
        match tokio::time::timeout(app.settings.body_stall, body.frame()).await {
            Ok(Some(Ok(frame))) => drained += frame.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
}

fn prove(app: &App, need: Need, caller: Caller, owner: &str, params: &Params) -> Result<Proven, ApiError> {
    let (mut tenant, mut organization) = (None, None);
    match need {
        Need::Nothing | Need::Key => {}
        Need::Everything => caller.require_everything()?,
        Need::Anywhere(scope) => caller.require(scope)?,
        Need::Unlimited(scope) => {
            caller.require(scope)?;
            caller.require_unrestricted()?;
        }
        Need::Organization(scope) => organization = Some(caller.organization(app, owner, scope)?),
        Need::Project(scope) => tenant = Some(caller.tenant(app, owner, &Params::default(), scope)?),
        Need::Within(scope) => tenant = Some(caller.tenant(app, owner, params, scope)?),
    }
    Ok(Proven { caller: Some(caller), tenant, organization })
}

/// Reads the body, which is left where it is when it turns out to be too large.
async fn read(app: &App, unread: &mut Option<Body>, limit_bytes: usize) -> Result<Bytes, ApiError> {
    let Some(body) = unread else { return Ok(Bytes::new()) };
    let mut bytes = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(app.settings.body_stall, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) | Err(_) => return Err(ApiError::bad_request("The request body ended early.")),
        };
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit_bytes {
            return Err(ApiError::BodyTooLarge { limit_bytes });
        }
        bytes.extend_from_slice(&data);
    }
    *unread = None;
    Ok(bytes.freeze())
}

/// The field `personal_api_key` of a JSON object or a form.
fn key_in_body(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.trim_start().starts_with('{') {
        let body: serde_json::Value = serde_json::from_str(text).ok()?;
        return body.get("personal_api_key")?.as_str().filter(|key| !key.is_empty()).map(str::to_owned);
    }
    Params::parse(text).non_empty("personal_api_key").map(str::to_owned)
}
