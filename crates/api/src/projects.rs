//! `/api/projects/`: the projects a caller can see, and new ones.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::tz::TimeZone;
use meta::{NewProject, Project};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, duration_seconds, duration_text, integer, nullable, optional, required, text};
use crate::paging::Page;
use crate::query::context::check_filters;
use crate::wire::{Json, timestamp_text_z, write_json};

/// How person filters read properties, in PostHog's words.
const MODES: &[&str] = &["person_id_override_properties_on_events", "person_id_override_properties_joined"];
/// Longest retention, in days: a hundred years.
const RETENTION_DAYS_MAX: i64 = 36_500;

/// What a new project is made of.
pub(crate) const NEW_FIELDS: &[Field] = &[required("name", Kind::Name(200)), optional("timezone", Kind::Text(100))];

/// What can be changed of a project.
pub(crate) const FIELDS: &[Field] = &[
    optional("name", Kind::Name(200)),
    optional("timezone", Kind::Text(100)),
    optional("week_start_day", Kind::Integer(0, 1)),
    optional("test_account_filters", Kind::List(&Kind::Object)),
    nullable("path_cleaning_filters", Kind::List(&Kind::Object)),
    nullable("person_display_name_properties", Kind::List(&Kind::Text(400))),
    nullable("modifiers", Kind::Object),
    optional("anonymize_ips", Kind::Flag),
    nullable("event_retention_days", Kind::Integer(1, RETENTION_DAYS_MAX)),
    nullable("drop_events_older_than", Kind::Duration),
    nullable("cookieless_server_hash_mode", Kind::Integer(0, 1)),
];

/// A project as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectBasic {
    id: i64,
    uuid: String,
    organization: String,
    project_id: i64,
    api_token: String,
    name: String,
    completed_snippet_onboarding: bool,
    #[schema(value_type = Object)]
    has_completed_onboarding_for: Json,
    ingested_event: bool,
    is_demo: bool,
    timezone: String,
    access_control: bool,
}

/// A project with its settings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectDetailed {
    #[serde(flatten)]
    basic: ProjectBasic,
    created_at: String,
    anonymize_ips: bool,
    /// 0 is Sunday, 1 Monday.
    week_start_day: u8,
    #[schema(value_type = Vec<Object>)]
    test_account_filters: Json,
    #[schema(value_type = Vec<Object>)]
    path_cleaning_filters: Json,
    #[schema(value_type = Option<Vec<String>>)]
    person_display_name_properties: Option<Json>,
    #[schema(value_type = Object)]
    modifiers: Json,
    /// For how many days events are kept; null is for ever.
    event_retention_days: Option<u32>,
    /// Events that arrive so long after they happened are dropped, as `days hh:mm:ss`; null and zero drop none.
    drop_events_older_than: Option<String>,
    /// Visitors without cookies: 0 drops their events, 1 gives each an id that lasts for a day.
    cookieless_server_hash_mode: u8,
}

/// A page of projects.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectPage {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<ProjectBasic>,
}

/// Lists the projects that the caller is a member of and the key reaches.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let page = Page::read(&call.params)?;
    let caller = call.caller()?;
    let mut visible = call.app.meta.projects_of(caller.user.id)?;
    visible.retain(|project| caller.key_reaches(project));
    let results = visible.iter().skip(page.offset).take(page.limit).map(basic).collect();
    let (next, previous) = call.links_within(page, visible.len());
    Ok(write_json(&ProjectPage { count: visible.len(), next, previous, results }))
}

/// Shows one project with its settings.
pub(crate) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    Ok(write_json(&detailed(call.project()?)))
}

/// Creates a project in the caller's organisation: `{"name", "timezone"}` gives its id and token.
pub(crate) async fn create(call: Call) -> Result<Response, ApiError> {
    let body = call.body(NEW_FIELDS)?;
    let name = text(&body, "name").unwrap_or_default().trim().to_owned();
    let timezone = checked_timezone(text(&body, "timezone").unwrap_or("UTC"))?;
    let new = NewProject { organization: call.caller()?.user.organization, name, timezone };
    let project = call.app.meta.create_project(&new, call.app.now(), &call.app.random)?;
    Ok((StatusCode::CREATED, write_json(&detailed(&project))).into_response())
}

/// Changes a project's settings. In force with the next request and the next batch of events.
pub(crate) async fn update(call: Call) -> Result<Response, ApiError> {
    let body = call.changes(FIELDS)?;
    let mut project = call.project()?.clone();
    change(&mut project, &body)?;
    call.app.meta.update_project(&project)?;
    Ok(write_json(&detailed(&project)))
}

fn change(project: &mut Project, body: &Value) -> Result<(), ApiError> {
    if let Some(name) = text(body, "name") {
        project.name = name.trim().to_owned();
    }
    if let Some(timezone) = text(body, "timezone") {
        project.timezone = checked_timezone(timezone)?;
    }
    let settings = &mut project.settings;
    if let Some(day) = integer(body, "week_start_day") {
        settings.week_start_day = u8::try_from(day).unwrap_or_default();
    }
    if let Some(filters) = body.get("test_account_filters") {
        check_filters(filters).map_err(|error| ApiError::invalid("test_account_filters", error.to_string()))?;
        settings.test_account_filters = filters.to_string();
    }
    if let Some(rules) = body.get("path_cleaning_filters") {
        settings.path_cleaning_filters = checked_rules(rules)?;
    }
    if let Some(names) = body.get("person_display_name_properties") {
        settings.person_display_name_properties = names.is_array().then(|| names.to_string());
    }
    if let Some(modifiers) = body.get("modifiers") {
        let mode = match modifiers.get("personsOnEventsMode") {
            None | Some(Value::Null) => MODES[0],
            Some(mode) => *MODES.iter().find(|known| mode.as_str() == Some(*known)).ok_or_else(|| {
                ApiError::invalid("modifiers", format!("{mode} is not a valid choice for personsOnEventsMode."))
            })?,
        };
        settings.persons_on_events_mode = mode.to_owned();
    }
    if let Some(anonymize) = body.get("anonymize_ips").and_then(Value::as_bool) {
        settings.anonymize_ips = anonymize;
    }
    if body.get("event_retention_days").is_some() {
        settings.retention_days = integer(body, "event_retention_days").and_then(|days| u32::try_from(days).ok());
    }
    if let Some(age) = body.get("drop_events_older_than") {
        settings.drop_older_than_seconds = duration_seconds(age);
    }
    if body.get("cookieless_server_hash_mode").is_some() {
        settings.takes_cookieless = integer(body, "cookieless_server_hash_mode") == Some(1);
    }
    Ok(())
}

fn checked_timezone(name: &str) -> Result<String, ApiError> {
    match TimeZone::get(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err(ApiError::invalid("timezone", format!("\"{name}\" is not a valid choice."))),
    }
}

/// Rules `{"regex", "alias"}`, each with an expression that can be compiled.
fn checked_rules(rules: &Value) -> Result<String, ApiError> {
    const ATTR: &str = "path_cleaning_filters";
    for rule in rules.as_array().into_iter().flatten() {
        let regex = rule.get("regex").and_then(Value::as_str);
        let Some(regex) = regex else { return Err(ApiError::invalid(ATTR, "Each rule needs a regex.")) };
        if rule.get("alias").is_some_and(|alias| !alias.is_string() && !alias.is_null()) {
            return Err(ApiError::invalid(ATTR, "The alias of a rule must be a string."));
        }
        if let Err(error) = regex::Regex::new(regex) {
            return Err(ApiError::invalid(ATTR, format!("'{regex}' is not a regular expression: {error}")));
        }
    }
    Ok(if rules.is_array() { rules.to_string() } else { "[]".to_owned() })
}

/// The shape projects have in lists.
pub(crate) fn basic(project: &Project) -> ProjectBasic {
    ProjectBasic {
        id: project.id.0,
        uuid: project.uuid.to_string(),
        organization: project.organization.to_string(),
        project_id: project.id.0,
        api_token: project.api_token.clone(),
        name: project.name.clone(),
        completed_snippet_onboarding: project.ingested_event,
        has_completed_onboarding_for: Json::object(),
        ingested_event: project.ingested_event,
        is_demo: false,
        timezone: project.timezone.clone(),
        access_control: false,
    }
}

fn detailed(project: &Project) -> ProjectDetailed {
    let settings = &project.settings;
    ProjectDetailed {
        basic: basic(project),
        created_at: timestamp_text_z(project.created_at),
        anonymize_ips: settings.anonymize_ips,
        week_start_day: settings.week_start_day,
        test_account_filters: Json::of(&settings.test_account_filters),
        path_cleaning_filters: Json::of(&settings.path_cleaning_filters),
        person_display_name_properties: settings.person_display_name_properties.as_deref().map(Json::of),
        modifiers: Json::from(serde_json::json!({"personsOnEventsMode": settings.persons_on_events_mode})),
        event_retention_days: settings.retention_days,
        drop_events_older_than: settings.drop_older_than_seconds.map(duration_text),
        cookieless_server_hash_mode: u8::from(settings.takes_cookieless),
    }
}
