//! Remote configuration: what browsers ask for before they start. Without it they neither autocapture nor compress.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::{assets, javascript};
use crate::app::{App, UnknownToken};

/// Configuration changes with the version of Hedgerow only; a wrong token should not be remembered for long.
const CACHE: &str = "public, max-age=300";

/// `GET /array/:token/config`.
pub(super) async fn json(State(app): State<App>, Path(token): Path<String>) -> Response {
    match of_known(&app, &token) {
        Ok(config) => ([(header::CACHE_CONTROL, HeaderValue::from_static(CACHE))], axum::Json(config)).into_response(),
        Err(error) => error.into_response(),
    }
}

/// `GET /array/:token/config.js`: the same as a script, which is what browsers try first.
pub(super) async fn script(State(app): State<App>, Path(token): Path<String>) -> Response {
    match of_known(&app, &token) {
        Ok(config) => javascript(as_script(&token, &config), CACHE),
        Err(error) => error.into_response(),
    }
}

/// `GET /array/:token/array.js`: the library with its configuration.
pub(super) async fn library(State(app): State<App>, Path(token): Path<String>) -> Response {
    let config = match of_known(&app, &token) {
        Ok(config) => config,
        Err(error) => return error.into_response(),
    };
    match assets::find("array.js") {
        Some(library) => javascript([as_script(&token, &config).as_bytes(), b"\n", library].concat(), CACHE),
        None => assets::missing(),
    }
}

fn as_script(token: &str, config: &Value) -> String {
    let token = in_script(&Value::from(token));
    let config = in_script(config);
    format!(
        "(function(){{window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{{}};\
         window._POSTHOG_REMOTE_CONFIG[{token}]={{config:{config},siteApps:[]}}}})();"
    )
}

/// JSON that cannot end the script element it may stand in.
fn in_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Why a token has no configuration.
enum NoConfig {
    Unknown,
    Unavailable,
}

impl IntoResponse for NoConfig {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "API key is not valid: unknown").into_response(),
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

/// The configuration of a token that some project owns. For any other there is none, so that a typo is seen; the setting
/// that lets unknown tokens pass does so here too.
fn of_known(app: &App, token: &str) -> Result<Value, NoConfig> {
    match app.meta.project_by_token(token) {
        Ok(None) if app.settings.unknown_token == UnknownToken::Refuse => Err(NoConfig::Unknown),
        Ok(_) => Ok(of(token)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a token cannot be looked up");
            Err(NoConfig::Unavailable)
        }
    }
}

/// The configuration of a token: every feature off that is not served.
pub(super) fn of(token: &str) -> Value {
    json!({
        "token": token,
        "supportedCompression": ["gzip", "gzip-js"],
        "hasFeatureFlags": false,
        "autocapture_opt_out": false,
        "captureDeadClicks": false,
        "capturePerformance": false,
        "autocaptureExceptions": false,
        "errorTracking": {"autocaptureExceptions": false, "suppressionRules": []},
        "analytics": {"endpoint": "/i/v0/e/"},
        "elementsChainAsString": true,
        "sessionRecording": false,
        "heatmaps": false,
        "surveys": false,
        "productTours": false,
        "logs": {"captureConsoleLogs": false},
        "conversations": false,
        "defaultIdentifiedOnly": true,
        "siteApps": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_cannot_break_out_of_the_script() {
        let script = as_script("\"</script>\u{2028}", &of("t"));
        assert!(script.contains(r#"_POSTHOG_REMOTE_CONFIG["\"\u003c/script>\u2028"]={config:{"#), "{script}");
    }
}
