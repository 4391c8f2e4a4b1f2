//! JSON bodies of management requests.

use http::HeaderMap;
use serde_json::Value;

use crate::app::App;
use crate::error::ApiError;

/// The JSON object in `body`. An empty body is an empty object, so that missing fields are named.
///
/// Without any credential the request is refused before the body is looked at.
pub(crate) fn json_object(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Value, ApiError> {
    let limit_bytes = app.settings.rest_body_bytes;
    if body.len() > limit_bytes {
        return Err(ApiError::BodyTooLarge { limit_bytes });
    }
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ if !headers.contains_key(http::header::AUTHORIZATION) => Err(ApiError::NotAuthenticated),
        Ok(_) => Err(ApiError::bad_request("Invalid data. Expected a dictionary.")),
        Err(error) => {
            Err(ApiError::Invalid { detail: format!("JSON parse error - {error}"), attr: None, code: "parse_error" })
        }
    }
}

/// A string field that must be there.
pub(crate) fn required_text<'a>(body: &'a Value, name: &'static str) -> Result<&'a str, ApiError> {
    match body.get(name) {
        None => Err(ApiError::required(name)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(ApiError::invalid(name, "Not a valid string.")),
    }
}

/// A string field that may be missing or null.
pub(crate) fn optional_text(body: &Value, name: &'static str) -> Result<Option<String>, ApiError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ApiError::invalid(name, "Not a valid string.")),
    }
}

/// A list field; missing and null are the empty list.
pub(crate) fn list<T>(
    body: &Value,
    name: &'static str,
    item: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, ApiError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|value| item(value).ok_or_else(|| ApiError::invalid(name, format!("{value} is not valid here."))))
            .collect(),
        Some(_) => Err(ApiError::invalid(name, "Expected a list of items.")),
    }
}
