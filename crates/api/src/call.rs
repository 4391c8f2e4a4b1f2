//! A REST request as handlers get it: proven by the guard, its parameters and body read.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts as _, OriginalUri, RawPathParams, Request};
use bytes::Bytes;
use http::{HeaderMap, Uri, header};
use http_body_util::BodyExt as _;
use meta::{Organization, Project};
use model::ProjectId;
use serde_json::Value;

use crate::app::App;
use crate::auth::{Caller, decimal};
use crate::error::ApiError;
use crate::fields::{self, Field};
use crate::guard::Proven;
use crate::paging::{Page, page_links};
use crate::params::Params;

/// One request of the REST API.
pub(crate) struct Call {
    pub(crate) app: App,
    pub(crate) params: Params,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    pub(crate) uri: Uri,
    proven: Proven,
    peer: SocketAddr,
    /// Names in the path and what stands there.
    names: Vec<(String, String)>,
}

impl FromRequest<App> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let missing = |what: &'static str| ApiError::Internal(format!("{what} of a request is missing").into());
        let names = RawPathParams::from_request_parts(&mut parts, app).await.map_err(|_| ApiError::not_found())?;
        let names = names.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().ok_or_else(|| missing("the peer"))?.0;
        let proven = parts.extensions.remove::<Proven>().ok_or_else(|| missing("the proof"))?;
        // The guard has read it within its limit.
        let bytes = body.collect().await.map_err(|error| ApiError::Internal(Box::new(error)))?.to_bytes();
        let params = Params::parse(parts.uri.query().unwrap_or_default());
        // Links lead to the path as it was requested, not to where that was led.
        let uri = parts.extensions.remove::<OriginalUri>().map_or(parts.uri, |original| original.0);
        Ok(Self { app: app.clone(), params, headers: parts.headers, bytes, uri, proven, peer, names })
    }
}

impl Call {
    /// Who asks.
    pub(crate) fn caller(&self) -> Result<&Caller, ApiError> {
        self.proven.caller.as_ref().ok_or(ApiError::NotAuthenticated)
    }

    /// The project that is asked about.
    pub(crate) fn project(&self) -> Result<&Project, ApiError> {
        self.proven.tenant.as_ref().map(|tenant| &tenant.project).ok_or_else(ApiError::project_not_found)
    }

    /// Its number.
    pub(crate) fn project_id(&self) -> Result<ProjectId, ApiError> {
        self.project().map(|project| project.id)
    }

    /// The organisation that is asked about.
    pub(crate) fn organization(&self) -> Result<&Organization, ApiError> {
        self.proven.organization.as_ref().ok_or_else(ApiError::not_found)
    }

    /// What stands in the path at `{name}`.
    pub(crate) fn name(&self, name: &str) -> &str {
        self.names.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// The row id in the path at `{id}`; anything but a number is an object that does not exist.
    pub(crate) fn id(&self) -> Result<i64, ApiError> {
        decimal(self.name("id")).ok_or_else(ApiError::not_found)
    }

    /// The JSON object in the body, checked against `fields`. An empty body is an empty object.
    pub(crate) fn body(&self, fields: &[Field]) -> Result<Value, ApiError> {
        fields::read(fields, &self.bytes, fields::Missing::IsError)
    }

    /// As [`Call::body`], for changes: nothing has to be there.
    pub(crate) fn changes(&self, fields: &[Field]) -> Result<Value, ApiError> {
        fields::read(fields, &self.bytes, fields::Missing::IsKept)
    }

    /// Scheme and host as the client sees them.
    pub(crate) fn base_url(&self) -> String {
        self.app.base_url(self.peer, &self.headers)
    }

    /// The links to the following and the previous page.
    pub(crate) fn page_links(&self, page: Page, more: bool) -> (Option<String>, Option<String>) {
        page_links(&self.base_url(), self.uri.path(), &self.params, page, more)
    }

    /// The same, for a list of so many rows.
    pub(crate) fn links_within(&self, page: Page, rows: usize) -> (Option<String>, Option<String>) {
        self.page_links(page, rows > page.offset.saturating_add(page.limit))
    }

    pub(crate) fn content_type(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
