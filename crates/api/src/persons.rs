//! `GET /api/projects/:id/persons/`: who the events are about.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use meta::{Person, PersonQuery};
use model::Properties;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Scope, authenticate};
use crate::error::ApiError;
use crate::paging::{Page, page_links};
use crate::params::Params;
use crate::wire::{timestamp_text_z, write_json};

/// Properties a person is named by, the first that is not empty.
const NAME_PROPERTIES: [&str; 8] = ["email", "Email", "$email", "name", "Name", "username", "Username", "UserName"];

/// Lists persons, newest first, or those with a distinct id, an email, or a search text.
pub(crate) async fn list(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    Path(project): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    let tenant = authenticate(&app, &headers, &params)?.tenant(&app, &project, &params, Scope::read("person"))?;
    for (name, what) in [
        ("properties", "The parameter 'properties'"),
        ("cohort", "The parameter 'cohort'"),
        ("include_total", "The parameter 'include_total'"),
    ] {
        if params.non_empty(name).is_some() {
            return Err(ApiError::unsupported(name, what));
        }
    }
    if params.non_empty("format").is_some_and(|format| format != "json") {
        return Err(ApiError::unsupported("format", "A format other than 'json'"));
    }
    let page = Page::read(&params)?;
    let query = PersonQuery {
        distinct_id: params.non_empty("distinct_id").map(str::to_owned),
        email: params.non_empty("email").map(str::to_owned),
        search: params.non_empty("search").map(str::to_owned),
        limit: page.limit,
        offset: page.offset,
    };
    let (persons, more) = app.meta.list_persons(tenant.project.id, &query)?;
    let (next, previous) = page_links(&app.base_url(peer, &headers), uri.path(), &params, page, more);
    let results: Vec<PersonRow<'_>> = persons.iter().map(PersonRow::of).collect();
    Ok(write_json(&PersonPage { next, previous, results }))
}

#[derive(serde::Serialize)]
struct PersonPage<'a> {
    next: Option<String>,
    previous: Option<String>,
    results: Vec<PersonRow<'a>>,
}

#[derive(serde::Serialize)]
struct PersonRow<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: Uuid,
    uuid: Uuid,
    created_at: String,
    properties: Box<RawValue>,
    is_identified: bool,
    name: String,
    distinct_ids: Vec<&'a str>,
    matched_recordings: [(); 0],
    value_at_data_point: Option<()>,
    last_seen_at: Option<String>,
}

impl<'a> PersonRow<'a> {
    fn of(person: &'a Person) -> Self {
        let properties = Properties::parse(&person.properties).unwrap_or_default();
        let named = NAME_PROPERTIES.iter().filter_map(|key| properties.get_str(key)).find(|value| !value.is_empty());
        let first = person.distinct_ids.first().map(String::as_str);
        let mut distinct_ids: Vec<&str> = person.distinct_ids.iter().map(String::as_str).collect();
        distinct_ids.sort_by_key(|id| Uuid::parse_str(id).is_ok());
        Self {
            kind: "person",
            id: person.uuid,
            uuid: person.uuid,
            created_at: timestamp_text_z(person.created_at),
            properties: properties.to_raw(),
            is_identified: person.is_identified,
            name: named.map_or_else(|| first.unwrap_or_default().to_owned(), std::borrow::Cow::into_owned),
            distinct_ids,
            matched_recordings: [],
            value_at_data_point: None,
            last_seen_at: None,
        }
    }
}
