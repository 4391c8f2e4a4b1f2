//! `/api/projects/:id/groups/` and `groups_types`: what events belong to besides persons.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use meta::{Group, GroupQuery, GroupType, Visit};
use model::{GROUP_TYPES_MAX, Properties, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, integer, nullable, optional, required, text};
use crate::internal;
use crate::paging::Page;
use crate::persons::Counting;
use crate::wire::{Json, timestamp_text_z, write_json};

const KEY_MAX: usize = 400;
/// Values in the answer to [`property_values`].
const VALUES_MAX: usize = 20;

pub(crate) const NEW_FIELDS: &[Field] = &[
    required("group_type_index", Kind::Integer(0, GROUP_TYPES_MAX as i64 - 1)),
    required("group_key", Kind::Name(KEY_MAX)),
    nullable("group_properties", Kind::Object),
];
pub(crate) const UPDATE_PROPERTY_FIELDS: &[Field] =
    &[required("key", Kind::Name(KEY_MAX)), required("value", Kind::Any)];
pub(crate) const DELETE_PROPERTY_FIELDS: &[Field] = &[required("$unset", Kind::Name(KEY_MAX))];
pub(crate) const TYPE_FIELDS: &[Field] = &[
    required("group_type_index", Kind::Integer(0, GROUP_TYPES_MAX as i64 - 1)),
    nullable("name_singular", Kind::Text(KEY_MAX)),
    nullable("name_plural", Kind::Text(KEY_MAX)),
    optional("group_type", Kind::Text(KEY_MAX)),
];

/// A kind of group on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupTypeShape {
    group_type: String,
    group_type_index: usize,
    name_singular: Option<String>,
    name_plural: Option<String>,
    detail_dashboard: Option<i64>,
    default_columns: Option<Vec<String>>,
    created_at: String,
}

/// A group on the wire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupShape {
    group_type_index: usize,
    group_key: String,
    #[schema(value_type = Object)]
    group_properties: Json,
    created_at: String,
}

/// A page of groups.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupPage {
    next: Option<String>,
    previous: Option<String>,
    results: Vec<GroupShape>,
}

/// A property of groups, and how many have it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PropertyCount {
    name: String,
    count: u64,
}

/// Properties by kind of group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PropertiesByType(BTreeMap<String, Vec<PropertyCount>>);

impl GroupTypeShape {
    fn of(kind: &GroupType) -> Self {
        Self {
            group_type: kind.name.clone(),
            group_type_index: kind.index,
            name_singular: kind.name_singular.clone(),
            name_plural: kind.name_plural.clone(),
            detail_dashboard: None,
            default_columns: None,
            created_at: timestamp_text_z(kind.created_at),
        }
    }
}

impl GroupShape {
    fn of(group: &Group) -> Self {
        Self {
            group_type_index: group.index,
            group_key: group.key.clone(),
            group_properties: Json::of(&group.properties),
            created_at: timestamp_text_z(group.created_at),
        }
    }
}

/// Lists the kinds of groups, in order.
pub(crate) async fn types(call: Call) -> Result<Response, ApiError> {
    let types = call.app.meta.group_types(call.project_id()?)?;
    Ok(write_json(&types.iter().map(GroupTypeShape::of).collect::<Vec<_>>()))
}

/// Gives kinds of groups their display names: a bare list of `{"group_type_index", "name_singular", "name_plural"}`.
pub(crate) async fn name_types(call: Call) -> Result<Response, ApiError> {
    let parsed: Result<Vec<Value>, _> = serde_json::from_slice(&call.bytes);
    let Ok(items) = parsed else { return Err(ApiError::bad_request("Expected a list of items.")) };
    let mut names = Vec::with_capacity(items.len());
    for item in &items {
        let item = crate::fields::read(TYPE_FIELDS, item.to_string().as_bytes(), crate::fields::Missing::IsError)?;
        let index = integer(&item, "group_type_index").and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
        let name = |name: &str| text(&item, name).map(str::to_owned);
        names.push((index, name("name_singular"), name("name_plural")));
    }
    let project = call.project_id()?;
    call.app.meta.name_group_types(project, &names)?;
    types(call).await
}

/// Lists groups of a kind, newest first.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let page = Page::read(&call.params)?;
    let after = match call.params.non_empty("cursor") {
        None => None,
        Some(cursor) => Some(read_cursor(cursor).ok_or_else(|| ApiError::invalid("cursor", "Invalid cursor"))?),
    };
    let asked = GroupQuery {
        index: read_index(&call)?,
        key_contains: call.params.non_empty("group_key").map(str::to_owned),
        search: call.params.non_empty("search").map(str::to_owned),
        after,
        limit: page.limit,
    };
    let (groups, more) = call.app.meta.list_groups(call.project_id()?, &asked)?;
    let next = groups.last().filter(|_| more).map(|last| {
        let mut params = call.params.clone();
        params.set("cursor", format!("{}_{}", last.created_at.as_micros(), last.key));
        format!("{}{}?{}", call.base_url(), call.uri.path(), params.encode())
    });
    Ok(write_json(&GroupPage { next, previous: None, results: groups.iter().map(GroupShape::of).collect() }))
}

fn read_cursor(cursor: &str) -> Option<(Timestamp, String)> {
    let (at, key) = cursor.split_once('_')?;
    Some((Timestamp::from_micros(at.parse().ok()?), key.to_owned()))
}

/// The parameter `group_type_index`, which has to be there.
fn read_index(call: &Call) -> Result<usize, ApiError> {
    const NAME: &str = "group_type_index";
    let Some(text) = call.params.non_empty(NAME) else {
        return Err(ApiError::invalid(NAME, "You must pass ?group_type_index= in this request"));
    };
    let index = text.parse().ok().filter(|index| *index < GROUP_TYPES_MAX);
    index.ok_or_else(|| ApiError::invalid(NAME, format!("'{text}' is not the index of a group type.")))
}

/// Shows one group.
pub(crate) async fn find(call: Call) -> Result<Response, ApiError> {
    Ok(write_json(&GroupShape::of(&named(&call)?)))
}

/// The group that the parameters name.
fn named(call: &Call) -> Result<Group, ApiError> {
    let index = read_index(call)?;
    let Some(key) = call.params.get("group_key") else {
        return Err(ApiError::invalid("group_key", "You must pass ?group_key= in this request"));
    };
    call.app.meta.group(call.project_id()?, index, key)?.ok_or_else(ApiError::not_found)
}

/// Creates a group.
pub(crate) async fn create(call: Call) -> Result<Response, ApiError> {
    let body = call.body(NEW_FIELDS)?;
    let index = integer(&body, "group_type_index").and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
    let key = text(&body, "group_key").unwrap_or_default();
    if call.app.meta.group(call.project_id()?, index, key)?.is_some() {
        return Err(ApiError::bad_request("A group with this key already exists"));
    }
    let properties = body.get("group_properties").filter(|properties| properties.is_object()).cloned();
    identify(&call, index, key, &properties.unwrap_or_else(|| json!({}))).await?;
    let group = call.app.meta.group(call.project_id()?, index, key)?;
    let group = group.ok_or_else(|| ApiError::Internal("a group was not created in time".into()))?;
    Ok((StatusCode::CREATED, write_json(&GroupShape::of(&group))).into_response())
}

/// Sets properties of a group by an event, as clients do.
async fn identify(call: &Call, index: usize, key: &str, set: &Value) -> Result<(), ApiError> {
    let project = call.project()?;
    let types = call.app.meta.group_types(project.id)?;
    let Some(kind) = types.iter().find(|kind| kind.index == index) else {
        return Err(ApiError::invalid("group_type_index", format!("There is no group type {index} in this project.")));
    };
    let properties = json!({"$group_type": kind.name, "$group_key": key, "$group_set": set});
    let sender = format!("${}_{key}", kind.name);
    internal::send(&call.app, project, "$groupidentify", &sender, &properties).await
}

/// Sets one property of a group.
pub(crate) async fn update_property(call: Call) -> Result<Response, ApiError> {
    let body = call.body(UPDATE_PROPERTY_FIELDS)?;
    let group = named(&call)?;
    let name = text(&body, "key").unwrap_or_default();
    identify(&call, group.index, &group.key, &json!({name: body["value"]})).await?;
    Ok(write_json(&GroupShape::of(&named(&call)?)))
}

/// Removes one property of a group.
pub(crate) async fn delete_property(call: Call) -> Result<Response, ApiError> {
    let body = call.body(DELETE_PROPERTY_FIELDS)?;
    let group = named(&call)?;
    let name = text(&body, "$unset").unwrap_or_default();
    call.app.meta.change_group(call.project_id()?, group.index, &group.key, |properties| {
        let mut properties =
            Properties::parse(properties).map_err(|error| ApiError::Internal(error.to_string().into()))?;
        properties.remove(name);
        Ok::<_, ApiError>(properties.to_json())
    })?;
    Ok(write_json(&GroupShape::of(&named(&call)?)))
}

/// Lists the properties that groups have, by kind of group, the most frequent first.
pub(crate) async fn property_definitions(call: Call) -> Result<Response, ApiError> {
    let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    tokio::task::block_in_place(|| {
        call.app.meta.scan_groups(call.project_id()?, None, |group| {
            let of_type = counts.entry(group.index.to_string()).or_default();
            let properties = Properties::parse(&group.properties).unwrap_or_default();
            properties.iter().for_each(|(name, _)| *of_type.entry(name.to_owned()).or_default() += 1);
            Visit::More
        })?;
        Ok::<_, ApiError>(())
    })?;
    let shown = counts.into_iter().map(|(index, counts)| {
        let mut counts: Vec<PropertyCount> =
            counts.into_iter().map(|(name, count)| PropertyCount { name, count }).collect();
        counts.sort_by_key(|property| std::cmp::Reverse(property.count));
        (index, counts)
    });
    Ok(write_json(&PropertiesByType(shown.collect())))
}

/// Lists the most frequent values of a property of a kind of group.
pub(crate) async fn property_values(call: Call) -> Result<Response, ApiError> {
    let index = read_index(&call)?;
    let key = call.params.non_empty("key").ok_or_else(|| ApiError::invalid("key", "You must provide a key"))?;
    let counting = &mut Counting::new(key, call.params.non_empty("value"));
    tokio::task::block_in_place(|| {
        call.app.meta.scan_groups(call.project_id()?, Some(index), |group| {
            counting.add(&group.properties);
            Visit::More
        })?;
        Ok::<_, ApiError>(())
    })?;
    Ok(write_json(&counting.most_frequent(VALUES_MAX)))
}
