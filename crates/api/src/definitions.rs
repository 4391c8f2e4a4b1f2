//! `event_definitions` and `property_definitions`: what a project's events are called, what they carry, and what people say
//! about both. Ingestion keeps the lists; here they are read, described, hidden and deleted.

mod events;
mod properties;
mod warnings;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use http::request::Parts;
use http::{HeaderMap, Method, Uri};
use meta::About;
use model::ProjectId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Access, Scope, authenticate};
use crate::error::ApiError;
use crate::paging::{Page, page_links};
use crate::params::Params;
use crate::wire::{timestamp_text_z, write_json};

/// Longest description and tag, in characters.
const TEXT_CHARS_MAX: usize = 400;
const TAG_CHARS_MAX: usize = 255;

/// Every path, with and without slash.
pub(crate) fn routes() -> Router<App> {
    let mut router = Router::new();
    for root in ["/api/projects/{project}", "/api/environments/{project}"] {
        for (path, methods) in [
            ("event_definitions", get(events::list).post(events::create)),
            ("event_definitions/by_name", get(events::by_name)),
            ("event_definitions/{id}", get(events::retrieve).patch(events::update).delete(events::delete)),
            ("property_definitions", get(properties::list)),
            (
                "property_definitions/{id}",
                get(properties::retrieve).patch(properties::update).delete(properties::delete),
            ),
            ("ingestion_warnings", get(warnings::list)),
        ] {
            let methods: MethodRouter<App> = methods.fallback(not_allowed);
            let path = format!("{root}/{path}");
            router = router.route(&path, methods.clone()).route(&format!("{path}/"), methods);
        }
    }
    router
}

async fn not_allowed(method: Method) -> ApiError {
    ApiError::MethodNotAllowed(method.to_string())
}

/// What a request says apart from its path and body.
struct Asked {
    params: Params,
    headers: HeaderMap,
    uri: Uri,
    peer: SocketAddr,
}

impl FromRequestParts<App> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
        Ok(Self {
            params: Params::parse(parts.uri.query().unwrap_or_default()),
            headers: parts.headers.clone(),
            uri: parts.uri.clone(),
            peer: peer.ok_or_else(|| ApiError::Internal("the peer of a request is missing".into()))?,
        })
    }
}

impl Asked {
    /// The project in the path, if who asks may do this to it, and who that is.
    fn project(
        &self,
        app: &App,
        project: &str,
        object: &'static str,
        access: Access,
    ) -> Result<(ProjectId, i64), ApiError> {
        let caller = authenticate(app, &self.headers, &self.params)?;
        let tenant = caller.tenant(app, project, &self.params, Scope { object, access })?;
        Ok((tenant.project.id, caller.user.id))
    }

    fn texts(&self, name: &'static str) -> Vec<String> {
        let texts = self.params.all(name).flat_map(|value| value.split(','));
        texts.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }

    /// A parameter that is a JSON list of texts.
    fn json_texts(&self, name: &'static str) -> Result<Vec<String>, ApiError> {
        let Some(text) = self.params.non_empty(name) else { return Ok(Vec::new()) };
        serde_json::from_str(text).map_err(|_| ApiError::invalid(name, "Expected a JSON list of strings."))
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, ApiError> {
        match self.params.non_empty(name) {
            None => Ok(None),
            Some(text) if text == "1" || text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text == "0" || text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(ApiError::invalid(name, format!("'{text}' is not a valid boolean."))),
        }
    }

    fn search(&self) -> Vec<String> {
        self.params.get("search").unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    /// A page of a list of `count` rows.
    fn answer(&self, app: &App, page: Page, count: usize, results: &[Value]) -> Response {
        let more = count > page.offset.saturating_add(page.limit);
        let base = app.base_url(self.peer, &self.headers);
        let (next, previous) = page_links(&base, self.uri.path(), &self.params, page, more);
        write_json(&json!({"count": count, "next": next, "previous": previous, "results": results}))
    }
}

/// The id in a path. What is none names nothing.
fn id_of(text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text).map_err(|_| not_found())
}

fn not_found() -> ApiError {
    ApiError::NotFound("Not found.".to_owned())
}

/// What both kinds say about themselves.
fn about_fields(about: &About) -> Value {
    let tags: Value = serde_json::from_str(&about.tags).unwrap_or_else(|_| json!([]));
    json!({
        "description": about.description,
        "tags": tags,
        "verified": about.verified,
        "hidden": about.hidden,
        "updated_at": about.updated_at.map(timestamp_text_z),
        "updated_by": about.updated_by.map(|id| json!({"id": id})),
    })
}

/// Applies the fields of a change that both kinds have.
fn change_about(about: &mut About, body: &Value) -> Result<(), ApiError> {
    if let Some(description) = body.get("description") {
        about.description = match description {
            Value::Null => String::new(),
            Value::String(text) if text.chars().count() <= TEXT_CHARS_MAX => text.clone(),
            Value::String(_) => return Err(too_long("description", TEXT_CHARS_MAX)),
            _ => return Err(ApiError::invalid("description", "Not a valid string.")),
        };
    }
    if let Some(tags) = body.get("tags") {
        let list = || ApiError::invalid("tags", "Expected a list of strings.");
        let mut texts: Vec<&str> = Vec::new();
        for tag in tags.as_array().ok_or_else(list)? {
            let tag = tag.as_str().ok_or_else(list)?.trim();
            if tag.chars().count() > TAG_CHARS_MAX {
                return Err(too_long("tags", TAG_CHARS_MAX));
            }
            texts.push(tag);
        }
        texts.sort_unstable();
        texts.dedup();
        about.tags = json!(texts).to_string();
    }
    for (name, flag) in [("verified", &mut about.verified), ("hidden", &mut about.hidden)] {
        if let Some(value) = body.get(name) {
            *flag = value.as_bool().ok_or_else(|| ApiError::invalid(name, "Must be a valid boolean."))?;
        }
    }
    if about.verified && about.hidden {
        return Err(ApiError::invalid("hidden", "A definition cannot be both verified and hidden."));
    }
    Ok(())
}

fn too_long(attr: &'static str, limit: usize) -> ApiError {
    ApiError::invalid(attr, format!("Ensure this field has no more than {limit} characters."))
}

fn merged(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}
