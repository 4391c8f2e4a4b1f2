//! What HogQL has to know about a project, gathered into one plain value.

use std::collections::BTreeMap;

use hogql::Context;
use hogql::context::{
    Action, ActionStep, Cohort, Filters, Limits, Matching, PathCleaning, PersonsOnEvents, PropertyType, Variable,
    WeekStart,
};
use hogql::filters::{FilterError, Subject};
use meta::{Project, PropertyDefinitionQuery, PropertyKind};
use serde_json::Value;

use crate::app::App;
use crate::error::ApiError;

/// Definitions of properties that are read.
const DEFINITIONS_MAX: usize = 10_000;
/// How many kinds of groups there are.
const GROUP_TYPES: u8 = 5;

/// The context of filters on `project`'s events. Properties compare by what their values are, whatever their definition
/// says, so definitions are not read.
pub(crate) fn of_filters(app: &App, project: &Project) -> Result<Context, ApiError> {
    let now = jiff::Timestamp::from_microsecond(app.now().as_micros()).unwrap_or_default();
    let id = u64::try_from(project.id.0).unwrap_or_default();
    let mut context = Context::new(id, &project.timezone, now);
    describe(app, project, &mut context)?;
    context.modifiers.persons_on_events =
        PersonsOnEvents::parse(&project.settings.persons_on_events_mode).unwrap_or_default();
    context.limits = Limits::NONE;
    Ok(context)
}

/// Says what is wrong with filters on events that are to be kept, if they can never mean anything.
pub(crate) fn check_filters(filters: &Value) -> Result<(), FilterError> {
    // Whether a filter means something depends neither on the project nor on the time.
    let context = Context::new(0, "UTC", jiff::Timestamp::UNIX_EPOCH);
    hogql::filters::compile(filters, Subject::Events, &context).map(|_| ())
}

/// 2015: as upstream, `all` begins no earlier, whatever a broken clock sent.
const ALL_FROM_MICROS: i64 = 1_420_070_400_000_000;

/// The context of `query`, asked about `project` with `body`.
pub(super) fn context(app: &App, project: &Project, body: &Value, query: &Value) -> Result<Context, ApiError> {
    let mut context = of_filters(app, project)?;
    type_properties(app, project, &mut context)?;
    let earliest = app.engine.earliest(project.id).map(|micros| micros.max(ALL_FROM_MICROS));
    context.project.earliest_event = earliest.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    super::modifiers::read(query, &mut context.modifiers)?;
    // Whoever asks has a personal key.
    context.limits = Limits { allow_offset: false, ..Limits::QUERY };
    if let Some(Value::Object(values)) = query.get("values") {
        context.values = values.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    }
    let filters = body.get("filters_override").filter(|filters| !filters.is_null()).or_else(|| query.get("filters"));
    if let Some(filters) = filters.filter(|filters| !filters.is_null()) {
        let read = serde_json::from_value::<Filters>(filters.clone());
        context.filters = Some(read.map_err(|error| ApiError::invalid("query", format!("filters: {error}")))?);
    }
    for given in [query.get("variables"), body.get("variables_override")] {
        context.variables.extend(variables(given)?);
    }
    Ok(context)
}

fn describe(app: &App, project: &Project, context: &mut Context) -> Result<(), ApiError> {
    let known = &mut context.project;
    known.week_start = if project.settings.week_start_day == 1 { WeekStart::Monday } else { WeekStart::Sunday };
    let list = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap_or_default();
    known.test_account_filters = list(&project.settings.test_account_filters);
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    known.path_cleaning = list(&project.settings.path_cleaning_filters)
        .iter()
        .filter_map(|rule| Some(PathCleaning { regex: text(rule, "regex")?, alias: text(rule, "alias")? }))
        .collect();
    for group in app.meta.group_types(project.id)? {
        if let Some(index) = u8::try_from(group.index).ok().filter(|index| *index < GROUP_TYPES) {
            known.group_types.insert(index, group.name);
        }
    }
    let cohorts = app.meta.cohorts(project.id)?;
    known.cohorts = cohorts
        .into_iter()
        .map(|cohort| Cohort { id: cohort.id, name: cohort.name, is_static: cohort.is_static })
        .collect();
    known.actions = app.meta.actions(project.id)?.into_iter().map(action).collect();
    Ok(())
}

/// Types of properties by their definitions.
fn type_properties(app: &App, project: &Project, context: &mut Context) -> Result<(), ApiError> {
    let known = &mut context.project;
    let types = |kind: PropertyKind| -> Result<BTreeMap<String, PropertyType>, ApiError> {
        let query = PropertyDefinitionQuery::all(kind, DEFINITIONS_MAX);
        let (definitions, _) = app.meta.property_definitions(project.id, &query)?;
        let typed = definitions
            .into_iter()
            .filter_map(|definition| Some((definition.name, property_type(definition.property_type?))));
        Ok(typed.collect())
    };
    known.property_types.event = types(PropertyKind::Event)?;
    known.property_types.person = types(PropertyKind::Person)?;
    let indexes: Vec<u8> = known.group_types.keys().copied().collect();
    for index in indexes {
        for (name, ty) in types(PropertyKind::Group(index))? {
            known.property_types.group.insert((index, name), ty);
        }
    }
    Ok(())
}

/// What a definition says about the values of a property.
pub(super) fn property_type(ty: meta::PropertyType) -> PropertyType {
    match ty {
        meta::PropertyType::String | meta::PropertyType::Duration => PropertyType::String,
        meta::PropertyType::Numeric => PropertyType::Numeric,
        meta::PropertyType::Boolean => PropertyType::Boolean,
        meta::PropertyType::DateTime => PropertyType::DateTime,
    }
}

fn action(action: meta::Action) -> Action {
    let steps = serde_json::from_str::<Vec<Value>>(&action.content.steps).unwrap_or_default();
    Action { id: action.id, name: action.content.name, steps: steps.iter().map(step).collect() }
}

fn step(step: &Value) -> ActionStep {
    let text = |name: &str| {
        let value = step.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
        value.map(str::to_owned)
    };
    let matching = |name: &str, otherwise: Matching| match step.get(name).and_then(Value::as_str) {
        Some("exact") => Matching::Exact,
        Some("contains") => Matching::Contains,
        Some("regex") => Matching::Regex,
        _ => otherwise,
    };
    let pair = |name: &str, how: &str, otherwise: Matching| Some((text(name)?, matching(how, otherwise)));
    ActionStep {
        event: text("event"),
        selector: text("selector"),
        tag_name: text("tag_name"),
        href: pair("href", "href_matching", Matching::Exact),
        text: pair("text", "text_matching", Matching::Exact),
        url: pair("url", "url_matching", Matching::Contains),
        properties: step.get("properties").and_then(Value::as_array).cloned().unwrap_or_default(),
    }
}

/// Variables by the name that queries use.
fn variables(given: Option<&Value>) -> Result<BTreeMap<String, Variable>, ApiError> {
    let given = match given {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(given)) => given,
        Some(_) => return Err(ApiError::invalid("query", "variables: Expected a dictionary of items.")),
    };
    let read = |(id, variable): (&String, &Value)| {
        let name = variable.get("code_name").and_then(Value::as_str);
        let unnamed = || ApiError::invalid("query", format!("variables.{id}: the field 'code_name' is required"));
        let name = name.ok_or_else(unnamed)?.to_owned();
        let is_null = variable.get("isNull").and_then(Value::as_bool).unwrap_or(false);
        let value = if is_null { Value::Null } else { variable.get("value").cloned().unwrap_or_default() };
        Ok((name, Variable { value }))
    };
    given.iter().map(read).collect()
}
