//! Definitions of properties.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use meta::{PropertyDefinition, PropertyDefinitionQuery, PropertyKind, PropertyType};
use model::GROUP_TYPES_MAX;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{UpdatedBy, change_about, flag, id_of, json_texts, search, texts};
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, nullable, optional};
use crate::paging::Page;
use crate::wire::{Json, timestamp_text_z, write_json};

pub(crate) const FIELDS: &[Field] = &[
    nullable("description", Kind::Text(400)),
    optional("tags", Kind::List(&Kind::Text(255))),
    optional("verified", Kind::Flag),
    optional("hidden", Kind::Flag),
    optional("is_numerical", Kind::Flag),
    nullable("property_type", Kind::Choice(&["String", "Numeric", "Boolean", "DateTime", "Duration"])),
];

/// Never listed: they are not what events say, but how they say it.
const NEVER: [&str; 12] = [
    "distinct_id",
    "$set",
    "$set_once",
    "$groups",
    "$group_type",
    "$group_key",
    "$group_set",
    "$group_0",
    "$group_1",
    "$group_2",
    "$group_3",
    "$group_4",
];

/// The definition of a property on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PropertyDefinitionShape {
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    name: String,
    description: String,
    #[schema(value_type = Vec<String>)]
    tags: Json,
    is_numerical: bool,
    property_type: Option<&'static str>,
    is_seen_on_filtered_events: Option<bool>,
    updated_at: Option<String>,
    updated_by: Option<UpdatedBy>,
    verified: bool,
    hidden: bool,
}

/// A page of definitions of properties.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PropertyDefinitionPage {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<PropertyDefinitionShape>,
}

impl PropertyDefinitionShape {
    fn of(definition: &PropertyDefinition) -> Self {
        let about = &definition.about;
        Self {
            id: definition.id,
            name: definition.name.clone(),
            description: about.description.clone(),
            tags: Json::of(&about.tags),
            is_numerical: definition.property_type == Some(PropertyType::Numeric),
            property_type: definition.property_type.map(PropertyType::as_str),
            is_seen_on_filtered_events: definition.seen_on_events,
            updated_at: about.updated_at.map(timestamp_text_z),
            updated_by: UpdatedBy::of(about),
            verified: about.verified,
            hidden: about.hidden,
        }
    }
}

/// Lists, searches and filters.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let page = Page::read(&call.params)?;
    let Some(kind) = kind(&call)? else { return Ok(shown(&call, page, 0, &[])) };
    let mut excluded = json_texts(&call, "excluded_properties")?;
    excluded.extend(NEVER.map(str::to_owned));
    let event_names = json_texts(&call, "event_names")?;
    let query = PropertyDefinitionQuery {
        search: search(&call),
        names: texts(&call, "properties"),
        excluded,
        numerical: flag(&call, "is_numerical")?,
        feature_flag: flag(&call, "is_feature_flag")?,
        without_core: flag(&call, "exclude_core_properties")?.unwrap_or(false),
        without_hidden: flag(&call, "exclude_hidden")?.unwrap_or(false),
        only_on_events: flag(&call, "filter_by_event_names")?.unwrap_or(false) && !event_names.is_empty(),
        event_names,
        offset: page.offset,
        ..PropertyDefinitionQuery::all(kind, page.limit)
    };
    let (found, count) = call.app.meta.property_definitions(project, &query)?;
    Ok(shown(&call, page, count, &found))
}

fn shown(call: &Call, page: Page, count: usize, found: &[PropertyDefinition]) -> Response {
    let (next, previous) = call.links_within(page, count);
    let results = found.iter().map(PropertyDefinitionShape::of).collect();
    write_json(&PropertyDefinitionPage { count, next, previous, results })
}

/// Of what; none for sessions, which have no definitions here.
fn kind(call: &Call) -> Result<Option<PropertyKind>, ApiError> {
    let index = call.params.non_empty("group_type_index");
    match call.params.non_empty("type") {
        Some("group") => {
            let index = index.ok_or_else(|| ApiError::required("group_type_index"))?;
            let known = index.parse().ok().filter(|index| *index < GROUP_TYPES_MAX).and_then(PropertyKind::group);
            known
                .map(Some)
                .ok_or_else(|| ApiError::invalid("group_type_index", format!("'{index}' is not a group type.")))
        }
        _ if index.is_some() => {
            Err(ApiError::invalid("group_type_index", "Only properties of groups have a group type."))
        }
        None | Some("event") => Ok(Some(PropertyKind::Event)),
        Some("person") => Ok(Some(PropertyKind::Person)),
        Some("session") => Ok(None),
        Some(other) => Err(ApiError::invalid("type", format!("'{other}' is not a valid type."))),
    }
}

/// One definition.
pub(crate) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    Ok(write_json(&PropertyDefinitionShape::of(&find(&call)?)))
}

/// Describes a property, or corrects its type.
pub(crate) async fn update(call: Call) -> Result<Response, ApiError> {
    let (project, user) = (call.project_id()?, call.caller()?.user.id);
    let body = call.changes(FIELDS)?;
    let mut definition = find(&call)?;
    change_about(&mut definition.about, &body)?;
    let chosen = match body.get("property_type") {
        None => definition.property_type,
        Some(Value::Null) => None,
        Some(named) => {
            let known = named.as_str().and_then(PropertyType::from_name);
            Some(known.ok_or_else(|| ApiError::invalid("property_type", format!("{named} is not a valid choice.")))?)
        }
    };
    definition.property_type = match body.get("is_numerical") {
        None => chosen,
        Some(Value::Bool(true)) => Some(PropertyType::Numeric),
        Some(Value::Bool(false)) => chosen.filter(|chosen| *chosen != PropertyType::Numeric),
        Some(_) => return Err(ApiError::invalid("is_numerical", "Must be a valid boolean.")),
    };
    definition.about.updated_at = Some(call.app.now());
    definition.about.updated_by = Some(user);
    call.app.meta.update_property_definition(project, &definition)?;
    Ok(write_json(&PropertyDefinitionShape::of(&definition)))
}

/// Forgets a definition. It comes back with the next event that has the property.
pub(crate) async fn delete(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    call.app.meta.delete_property_definition(project, find(&call)?.id)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn find(call: &Call) -> Result<PropertyDefinition, ApiError> {
    call.app.meta.property_definition(call.project_id()?, id_of(call)?)?.ok_or_else(ApiError::not_found)
}
