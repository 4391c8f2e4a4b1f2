//! Conditional requests: an answer that the client has already is not sent again.
//!
//! Weak tags, because the same answer may go out compressed or not. Only whole answers of moderate size are tagged: a page
//! of events changes with every event anyway, and is not worth reading twice.

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use xxhash_rust::xxh3::xxh3_128;

/// Larger answers are sent without a tag.
const TAGGED_BYTES_MAX: u64 = 256 << 10;

/// Tags the answer to a GET, or says that nothing has changed.
pub(crate) async fn conditional(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    let size = response.body().size_hint().exact();
    let is_whole = size.is_some_and(|bytes| bytes > 0 && bytes <= TAGGED_BYTES_MAX);
    if !reads || response.status() != StatusCode::OK || !is_whole {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(collected) = body.collect().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let bytes = collected.to_bytes();
    let tag = format!("W/\"{:032x}\"", xxh3_128(&bytes));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if known.is_some_and(|known| names(&known, &tag)) {
        let mut headers = HeaderMap::new();
        for name in [header::ETAG, header::CACHE_CONTROL, header::VARY] {
            if let Some(value) = parts.headers.remove(&name) {
                headers.insert(name, value);
            }
        }
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Whether `If-None-Match` names `tag`; weakness does not matter here.
fn names(known: &HeaderValue, tag: &str) -> bool {
    let Ok(known) = known.to_str() else { return false };
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.trim() == "*" || known.split(',').any(|candidate| opaque(candidate) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        let names = |known: &'static str| names(&HeaderValue::from_static(known), "W/\"a\"");
        assert!(names("W/\"a\"") && names("\"a\"") && names("\"b\", W/\"a\"") && names("*"));
        assert!(!names("\"b\"") && !names("a"));
    }
}
