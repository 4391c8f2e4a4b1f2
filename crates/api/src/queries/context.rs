//! What the language needs to know of a project and a request.

use std::collections::BTreeMap;

use hogql::context::{
    Action, ActionStep, Cohort, Context, Filters, Limits, Matching, PathCleaning, PersonsOnEvents, PropertyType,
    WeekStart,
};
use meta::{PropertyDefinitionQuery, PropertyKind};
use model::{GROUP_TYPES_MAX, ProjectId};
use serde_json::Value;

use crate::app::App;
use crate::call::Call;
use crate::error::ApiError;

/// Definitions read at most, of each kind.
const DEFINITIONS_MAX: usize = 50_000;

/// The context of one request that asks for `asked`.
pub(super) fn of(call: &Call, asked: &Value) -> Result<Context, ApiError> {
    let (app, project) = (&call.app, call.project()?);
    let now = jiff::Timestamp::from_microsecond(app.now().as_micros())
        .map_err(|error| ApiError::Internal(Box::new(error)))?;
    let id = u64::try_from(project.id.0).unwrap_or_default();
    let mut context = Context::new(id, &project.timezone, now);
    let settings = &project.settings;
    context.project.week_start = if settings.week_start_day == 1 { WeekStart::Monday } else { WeekStart::Sunday };
    context.project.test_account_filters = serde_json::from_str(&settings.test_account_filters).unwrap_or_default();
    context.project.path_cleaning = path_cleaning(&settings.path_cleaning_filters);
    let mode = asked.pointer("/modifiers/personsOnEventsMode").and_then(Value::as_str);
    context.modifiers.persons_on_events = match mode {
        None => PersonsOnEvents::parse(&settings.persons_on_events_mode).unwrap_or_default(),
        Some(mode) => PersonsOnEvents::parse(mode)
            .ok_or_else(|| ApiError::invalid("query", format!("'{mode}' is not a persons-on-events mode.")))?,
    };
    let escapes = asked.pointer("/modifiers/legacyPropertyEscapes").and_then(Value::as_bool);
    context.modifiers.legacy_property_escapes = escapes.unwrap_or(false);
    types(app, project.id, &mut context)?;
    for group in app.meta.group_types(project.id)? {
        context.project.group_types.insert(u8::try_from(group.index).unwrap_or(u8::MAX), group.name);
    }
    let cohorts = app.meta.cohorts(project.id)?;
    context.project.cohorts = cohorts
        .into_iter()
        .map(|cohort| Cohort { id: cohort.id, name: cohort.name, is_static: cohort.is_static })
        .collect();
    let actions = app.meta.actions(project.id)?;
    context.project.actions = actions.into_iter().map(action).collect();
    if let Some(values) = asked.get("values").and_then(Value::as_object) {
        context.values = values.iter().map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>();
    }
    if let Some(filters) = asked.get("filters").filter(|filters| !filters.is_null()) {
        let filters: Filters = serde_json::from_value(filters.clone())
            .map_err(|error| ApiError::invalid("filters", format!("Invalid filters: {error}")))?;
        context.filters = Some(filters);
    }
    // OFFSET reads what it throws away; pages are asked for by time instead.
    context.limits = Limits { allow_offset: false, ..Limits::QUERY };
    Ok(context)
}

fn types(app: &App, project: ProjectId, context: &mut Context) -> Result<(), ApiError> {
    let of = |kind: PropertyKind| -> Result<Vec<(String, PropertyType)>, ApiError> {
        let (found, _) =
            app.meta.property_definitions(project, &PropertyDefinitionQuery::all(kind, DEFINITIONS_MAX))?;
        let typed = found.into_iter().filter_map(|definition| {
            let kind = match definition.property_type? {
                meta::PropertyType::Numeric | meta::PropertyType::Duration => PropertyType::Numeric,
                meta::PropertyType::Boolean => PropertyType::Boolean,
                meta::PropertyType::DateTime => PropertyType::DateTime,
                meta::PropertyType::String => PropertyType::String,
            };
            Some((definition.name, kind))
        });
        Ok(typed.collect())
    };
    context.project.property_types.event.extend(of(PropertyKind::Event)?);
    context.project.property_types.person.extend(of(PropertyKind::Person)?);
    for index in 0..GROUP_TYPES_MAX {
        let Some(kind) = PropertyKind::group(index) else { continue };
        let index = u8::try_from(index).unwrap_or_default();
        let typed = of(kind)?.into_iter().map(|(name, kind)| ((index, name), kind));
        context.project.property_types.group.extend(typed);
    }
    Ok(())
}

fn path_cleaning(rules: &str) -> Vec<PathCleaning> {
    let rules: Vec<Value> = serde_json::from_str(rules).unwrap_or_default();
    let text = |rule: &Value, name: &str| rule.get(name).and_then(Value::as_str).map(str::to_owned);
    let rule = |rule: &Value| Some(PathCleaning { regex: text(rule, "regex")?, alias: text(rule, "alias")? });
    rules.iter().filter_map(rule).collect()
}

fn action(action: meta::Action) -> Action {
    let steps: Vec<Value> = serde_json::from_str(&action.content.steps).unwrap_or_default();
    Action { id: action.id, name: action.content.name, steps: steps.iter().map(step).collect() }
}

fn step(step: &Value) -> ActionStep {
    let text = |name: &str| step.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let matching = |name: &str, default: Matching| match step.get(name).and_then(Value::as_str) {
        Some("exact") => Matching::Exact,
        Some("contains") => Matching::Contains,
        Some("regex") => Matching::Regex,
        _ => default,
    };
    let compared = |name: &str, how: &str, default| text(name).map(|text| (text, matching(how, default)));
    ActionStep {
        event: text("event"),
        selector: text("selector"),
        tag_name: text("tag_name"),
        href: compared("href", "href_matching", Matching::Exact),
        text: compared("text", "text_matching", Matching::Exact),
        url: compared("url", "url_matching", Matching::Contains),
        properties: step.get("properties").and_then(Value::as_array).cloned().unwrap_or_default(),
    }
}
