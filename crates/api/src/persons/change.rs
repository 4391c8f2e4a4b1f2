//! Changes of persons: properties, by events of our own, and taking them apart.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use meta::Split;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::find;
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, nullable, required, text};
use crate::internal;
use crate::wire::write_json;

/// Longest key of a property, in characters.
const KEY_MAX: usize = 400;

pub(crate) const UPDATE_FIELDS: &[Field] = &[required("properties", Kind::Object)];
pub(crate) const UPDATE_PROPERTY_FIELDS: &[Field] =
    &[required("key", Kind::Name(KEY_MAX)), required("value", Kind::Any)];
pub(crate) const DELETE_PROPERTY_FIELDS: &[Field] = &[required("$unset", Kind::Name(KEY_MAX))];
pub(crate) const SPLIT_FIELDS: &[Field] = &[nullable("main_distinct_id", Kind::Text(400))];

/// It is done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Success {
    success: bool,
}

/// Sets properties; those that are not named stay.
pub(crate) async fn update(call: Call) -> Result<Response, ApiError> {
    let body = call.body(UPDATE_FIELDS)?;
    set(&call, body["properties"].clone()).await
}

/// Sets one property.
pub(crate) async fn update_property(call: Call) -> Result<Response, ApiError> {
    let body = call.body(UPDATE_PROPERTY_FIELDS)?;
    let key = text(&body, "key").unwrap_or_default();
    set(&call, json!({key: body["value"]})).await
}

async fn set(call: &Call, properties: Value) -> Result<Response, ApiError> {
    change(call, "$set", &json!({"$set": properties})).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Removes one property.
pub(crate) async fn delete_property(call: Call) -> Result<Response, ApiError> {
    let body = call.body(DELETE_PROPERTY_FIELDS)?;
    change(&call, "$delete_person_property", &json!({"$unset": [body["$unset"]]})).await?;
    Ok((StatusCode::CREATED, write_json(&Success { success: true })).into_response())
}

async fn change(call: &Call, event: &str, properties: &Value) -> Result<(), ApiError> {
    let person = find(call)?;
    let distinct_id = person.distinct_ids.first().ok_or_else(ApiError::not_found)?;
    internal::send(&call.app, call.project()?, event, distinct_id, properties).await
}

/// Leaves a person one distinct id; each of the others becomes a person of its own. Events stay where they are.
pub(crate) async fn split(call: Call) -> Result<Response, ApiError> {
    let body = call.body(SPLIT_FIELDS)?;
    let main = text(&body, "main_distinct_id");
    let person = find(&call)?;
    match call.app.meta.split_person(call.project_id()?, person.uuid, main, call.app.now())? {
        Split::Done { .. } => Ok((StatusCode::CREATED, write_json(&Success { success: true })).into_response()),
        Split::NoPerson => Err(ApiError::not_found()),
        Split::NotItsId => Err(ApiError::invalid("main_distinct_id", "The person does not have this distinct id.")),
    }
}
