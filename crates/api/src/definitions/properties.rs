//! Definitions of properties.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use meta::{PropertyDefinition, PropertyDefinitionQuery, PropertyKind, PropertyType};
use model::{GROUP_TYPES_MAX, ProjectId};
use serde_json::{Value, json};

use super::{Asked, about_fields, change_about, id_of, merged, not_found};
use crate::app::App;
use crate::auth::Access;
use crate::body::json_object;
use crate::error::ApiError;
use crate::paging::Page;
use crate::wire::write_json;

const OBJECT: &str = "property_definition";
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

/// Lists, searches and filters.
pub(super) async fn list(
    State(app): State<App>,
    Path(project): Path<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (project, _) = asked.project(&app, &project, OBJECT, Access::Read)?;
    let page = Page::read(&asked.params)?;
    let Some(kind) = kind(&asked)? else { return Ok(asked.answer(&app, page, 0, &[])) };
    let mut excluded = asked.json_texts("excluded_properties")?;
    excluded.extend(NEVER.map(str::to_owned));
    let event_names = asked.json_texts("event_names")?;
    let query = PropertyDefinitionQuery {
        search: asked.search(),
        names: asked.texts("properties"),
        excluded,
        numerical: asked.flag("is_numerical")?,
        feature_flag: asked.flag("is_feature_flag")?,
        without_core: asked.flag("exclude_core_properties")?.unwrap_or(false),
        without_hidden: asked.flag("exclude_hidden")?.unwrap_or(false),
        only_on_events: asked.flag("filter_by_event_names")?.unwrap_or(false) && !event_names.is_empty(),
        event_names,
        offset: page.offset,
        ..PropertyDefinitionQuery::all(kind, page.limit)
    };
    let (found, count) = app.meta.property_definitions(project, &query)?;
    Ok(asked.answer(&app, page, count, &found.iter().map(shape).collect::<Vec<_>>()))
}

/// Of what; none for sessions, which have no definitions here.
fn kind(asked: &Asked) -> Result<Option<PropertyKind>, ApiError> {
    let index = asked.params.non_empty("group_type_index");
    match asked.params.non_empty("type") {
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
pub(super) async fn retrieve(
    State(app): State<App>,
    Path((project, id)): Path<(String, String)>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (project, _) = asked.project(&app, &project, OBJECT, Access::Read)?;
    Ok(write_json(&shape(&find(&app, project, &id)?)))
}

/// Describes a property, or corrects its type.
pub(super) async fn update(
    State(app): State<App>,
    Path((project, id)): Path<(String, String)>,
    asked: Asked,
    body: Bytes,
) -> Result<Response, ApiError> {
    let (project, user) = asked.project(&app, &project, OBJECT, Access::Write)?;
    let body = json_object(&app, &asked.headers, &body)?;
    let mut definition = find(&app, project, &id)?;
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
    definition.about.updated_at = Some(app.now());
    definition.about.updated_by = Some(user);
    app.meta.update_property_definition(project, &definition)?;
    Ok(write_json(&shape(&definition)))
}

/// Forgets a definition. It comes back with the next event that has the property.
pub(super) async fn delete(
    State(app): State<App>,
    Path((project, id)): Path<(String, String)>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (project, _) = asked.project(&app, &project, OBJECT, Access::Write)?;
    app.meta.delete_property_definition(project, find(&app, project, &id)?.id)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn find(app: &App, project: ProjectId, id: &str) -> Result<PropertyDefinition, ApiError> {
    app.meta.property_definition(project, id_of(id)?)?.ok_or_else(not_found)
}

fn shape(definition: &PropertyDefinition) -> Value {
    let own = json!({
        "id": definition.id,
        "name": definition.name,
        "is_numerical": definition.property_type == Some(PropertyType::Numeric),
        "property_type": definition.property_type.map(PropertyType::as_str),
        "is_seen_on_filtered_events": definition.seen_on_events,
    });
    merged(own, about_fields(&definition.about))
}
