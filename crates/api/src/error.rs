//! The one place where errors meet status codes and PostHog's error bodies.
//!
//! Every error of the REST API is `{"type", "code", "detail", "attr"}`. Capture routes answer errors as plain text
//! instead; that mapping is in [`crate::capture`].

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::wire::write_json;

/// A refusal, as the client will read it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// 400 about the request as a whole, or about the parameter `attr`.
    #[error("{detail}")]
    Invalid { detail: String, attr: Option<&'static str>, code: &'static str },

    /// 400 for a malformed event id. Upstream's body has no `attr` key.
    #[error("Invalid UUID")]
    InvalidUuid,

    /// 401, no credential in any of the three places.
    #[error("Authentication credentials were not provided.")]
    NotAuthenticated,

    /// 401, a credential that is not valid.
    #[error("{0}")]
    AuthenticationFailed(String),

    /// 403.
    #[error("{0}")]
    PermissionDenied(String),

    /// 404.
    #[error("{0}")]
    NotFound(String),

    /// 405.
    #[error("Method \"{0}\" not allowed.")]
    MethodNotAllowed(String),

    /// 406.
    #[error("Could not satisfy the request Accept header.")]
    NotAcceptable,

    /// 413 for a REST request body.
    #[error("Request body is larger than {limit_bytes} bytes.")]
    BodyTooLarge { limit_bytes: usize },

    /// 429: come back after that time.
    #[error("Request was throttled. Expected available in {}.", seconds(*.0))]
    Throttled(Duration),

    /// 503: metadata or storage cannot answer now.
    #[error("The event store is unavailable, please retry.")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// 503: as many queries run as may; come back after a moment.
    #[error("Queries are a little too busy right now. {0}")]
    QueriesBusy(String),

    /// 504: the query ran into its time limit.
    #[error("Query has hit the max execution time before completing. {0}")]
    QueryTooSlow(String),

    /// 513, as PostHog has it: the query ran into its memory limit.
    #[error("{0}")]
    QueryTooLarge(String),

    /// 500: our fault. The cause is logged, never shown.
    #[error("A server error occurred.")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ApiError {
    /// A 400 about the parameter or field `attr`.
    pub(crate) fn invalid(attr: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { detail: detail.into(), attr: Some(attr), code: "invalid_input" }
    }

    /// A 400 about the request as a whole.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::Invalid { detail: detail.into(), attr: None, code: "invalid_input" }
    }

    /// A 400 for a missing body field.
    pub(crate) fn required(attr: &'static str) -> Self {
        Self::Invalid { detail: "This field is required.".to_owned(), attr: Some(attr), code: "required" }
    }

    /// The 400 for what PostHog knows and this version does not.
    pub(crate) fn unsupported(attr: &'static str, what: &str) -> Self {
        Self::invalid(attr, format!("{what} is not supported yet."))
    }

    /// The 404 for an object that does not exist, or not in this project.
    pub(crate) fn not_found() -> Self {
        Self::NotFound("Not found.".to_owned())
    }

    /// The 404 for a project that does not exist, or whose name is not a number.
    pub(crate) fn project_not_found() -> Self {
        Self::NotFound("Project not found.".to_owned())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Invalid { .. } | Self::InvalidUuid => StatusCode::BAD_REQUEST,
            Self::NotAuthenticated | Self::AuthenticationFailed(_) => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::QueriesBusy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::QueryTooSlow(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::QueryTooLarge(_) => StatusCode::from_u16(513).unwrap_or(StatusCode::INSUFFICIENT_STORAGE),
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn kind_and_code(&self) -> (&'static str, &'static str) {
        match self {
            Self::Invalid { code, .. } => ("validation_error", code),
            Self::InvalidUuid => ("validation_error", "invalid"),
            Self::NotAuthenticated => ("authentication_error", "not_authenticated"),
            Self::AuthenticationFailed(_) => ("authentication_error", "authentication_failed"),
            Self::PermissionDenied(_) => ("authentication_error", "permission_denied"),
            Self::NotFound(_) => ("invalid_request", "not_found"),
            Self::MethodNotAllowed(_) => ("invalid_request", "method_not_allowed"),
            Self::NotAcceptable => ("invalid_request", "not_acceptable"),
            Self::BodyTooLarge { .. } => ("invalid_request", "request_too_large"),
            Self::Throttled(_) => ("throttled_error", "throttled"),
            Self::QueryTooLarge(_) => ("server_error", "clickhouse_memory_limit_exceeded"),
            Self::Unavailable(_) | Self::QueriesBusy(_) | Self::QueryTooSlow(_) | Self::Internal(_) => {
                ("server_error", "error")
            }
        }
    }
}

/// An error with everything that led to it, for the log.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl From<meta::MetaError> for ApiError {
    fn from(error: meta::MetaError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<query::FilterError> for ApiError {
    fn from(error: query::FilterError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<query::QueryError> for ApiError {
    fn from(error: query::QueryError) -> Self {
        use query::QueryError;
        match &error {
            QueryError::Busy { .. } => Self::QueriesBusy(format!("Please try again later: {error}.")),
            QueryError::Timeout { .. } => Self::QueryTooSlow(format!("Narrow the time range and try again: {error}.")),
            QueryError::Memory { .. } => {
                Self::QueryTooLarge(format!("Query not answered: {error}. Narrow the time range and try again."))
            }
            QueryError::Refused { code, message } => Self::Invalid { detail: message.clone(), attr: None, code },
            QueryError::UnknownColumn(_) | QueryError::SearchTooLong { .. } => Self::bad_request(error.to_string()),
            _ => Self::Internal(Box::new(error)),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.respond(None)
    }
}

impl ApiError {
    /// The answer to the query of that id.
    pub(crate) fn of_query(self, id: &str) -> Response {
        self.respond(Some(id))
    }

    fn respond(self, query_id: Option<&str>) -> Response {
        match &self {
            Self::Internal(source) => {
                tracing::error!(error = causes(source.as_ref()), "request failed")
            }
            Self::Unavailable(source) => {
                tracing::warn!(error = causes(source.as_ref()), "storage is unavailable");
            }
            _ => {}
        }
        let detail = self.to_string();
        let mut response = if matches!(self, Self::InvalidUuid) {
            let body = r#"{"detail":"Invalid UUID","code":"invalid","type":"validation_error"}"#;
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        } else {
            let (kind, code) = self.kind_and_code();
            let attr = if let Self::Invalid { attr, .. } = &self { *attr } else { None };
            let mut body = serde_json::json!({"type": kind, "code": code, "detail": detail, "attr": attr});
            if let (Some(id), Some(body)) = (query_id, body.as_object_mut()) {
                body.insert("extra".to_owned(), serde_json::json!({"query_id": id}));
            }
            write_json(&body)
        };
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        match self {
            Self::Unavailable(_) | Self::QueriesBusy(_) => {
                drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1")));
            }
            Self::Throttled(wait) => drop(headers.insert(header::RETRY_AFTER, whole_seconds(wait).into())),
            _ => {}
        }
        response
    }
}

/// Seconds after which the wait is over.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn seconds(wait: Duration) -> String {
    match whole_seconds(wait) {
        1 => "1 second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}
