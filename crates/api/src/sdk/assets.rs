//! The browser library, for pages that load it from the host they send to.
//!
//! The files are those of the npm package `posthog-js`, put into the program when it is built; `build.rs` says how. A
//! program built without them answers 404 and says why.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::javascript;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A new version of Hedgerow may bring another one of the library under the same name.
const CACHE: &str = "public, max-age=3600";

/// `GET /static/array.js`, `/static/:version/surveys.js`, and so on: only the name counts, there is one version.
pub(super) async fn file(Path(path): Path<String>) -> Response {
    let name = path.rsplit('/').next().unwrap_or_default();
    match find(name) {
        Some(bytes) => javascript(bytes, CACHE),
        None => missing(),
    }
}

pub(super) fn find(name: &str) -> Option<&'static [u8]> {
    ASSETS.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

pub(super) fn missing() -> Response {
    let reason = if ASSETS.is_empty() {
        "this build of Hedgerow does not contain posthog-js: run `make assets` before building, or use the npm package"
    } else {
        "posthog-js is here, but not this part of it: what it belongs to is not served"
    };
    (StatusCode::NOT_FOUND, reason).into_response()
}
