//! The table itself, by object.

use axum::handler::Handler;
use http::Method;

use super::{Operation, Param, ParamKind, at};
use crate::app::App;
use crate::auth::Scope;
use crate::guard::Need;
use crate::limits::LimitClass;
use crate::{events, keys, openapi, persons, projects, users};

const LIMIT: Param = param("limit", ParamKind::Integer(1, 10_000), "Rows on a page (default 100).");
const OFFSET: Param = param("offset", ParamKind::Integer(0, i64::MAX), "Rows to skip.");
const FORMAT: Param = param("format", ParamKind::Choice(&["json"]), "How to answer.");

const fn param(name: &'static str, kind: ParamKind, about: &'static str) -> Param {
    Param { name, kind, about, is_required: false }
}

/// Every operation that is served.
pub(crate) fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    all.extend(keys());
    all.extend(tenants());
    for operation in [events(), persons()].into_iter().flatten() {
        all.push(operation.below_environments());
        all.push(operation);
    }
    all.push(
        at(Method::GET, "/api/schema", Need::Nothing, openapi::serve)
            .named("schema", "schema_retrieve", "This document.")
            .query(&[FORMAT]),
    );
    all
}

/// An operation on something in a project, below `/api/projects/{project}`.
fn within<H, T>(method: Method, path: &str, scope: Scope, handler: H) -> Operation
where
    H: Handler<T, App>,
    T: 'static,
{
    at(method, &format!("/api/projects/{{project}}/{path}"), Need::Within(scope), handler)
}

fn keys() -> Vec<Operation> {
    const PATH: &str = "/api/personal_api_keys";
    const ONE: &str = "/api/personal_api_keys/{id}";
    const TAG: &str = "personal_api_keys";
    vec![
        at(Method::GET, PATH, Need::Everything, keys::list)
            .named(TAG, "personal_api_keys_list", "Lists the caller's keys.")
            .answers_list::<keys::PersonalApiKey>(200),
        at(Method::POST, PATH, Need::Everything, keys::create)
            .named(TAG, "personal_api_keys_create", "Creates a key; its value is in this answer only.")
            .takes(keys::FIELDS)
            .answers::<keys::PersonalApiKey>(201),
        at(Method::GET, "/api/personal_api_keys/@current", Need::Key, keys::current)
            .named(TAG, "personal_api_keys_current", "Shows the key that asks.")
            .answers::<keys::PersonalApiKey>(200),
        at(Method::GET, ONE, Need::Everything, keys::retrieve)
            .named(TAG, "personal_api_keys_retrieve", "Shows a key.")
            .answers::<keys::PersonalApiKey>(200),
        at(Method::PATCH, ONE, Need::Everything, keys::update)
            .named(TAG, "personal_api_keys_update", "Changes what a key is for and may do.")
            .changes(keys::FIELDS)
            .answers::<keys::PersonalApiKey>(200),
        at(Method::DELETE, ONE, Need::Everything, keys::delete)
            .named(TAG, "personal_api_keys_destroy", "Revokes a key.")
            .answers_nothing(204),
        at(Method::POST, "/api/personal_api_keys/{id}/roll", Need::Everything, keys::roll)
            .named(TAG, "personal_api_keys_roll", "Gives a key a new value; the old one is void.")
            .answers::<keys::PersonalApiKey>(200),
    ]
}

fn tenants() -> Vec<Operation> {
    let (reads, writes) = (Scope::read("project"), Scope::write("project"));
    let (reads_organization, writes_organization) = (Scope::read("organization"), Scope::write("organization"));
    const PROJECT: &str = "/api/projects/{project}";
    const ORGANIZATION: &str = "/api/organizations/{organization}";
    vec![
        at(Method::GET, "/api/projects", Need::Anywhere(reads), projects::list)
            .named("projects", "projects_list", "Lists the projects that the caller and the key reach.")
            .query(&[LIMIT, OFFSET])
            .answers::<projects::ProjectPage>(200),
        at(Method::POST, "/api/projects", Need::Unlimited(writes), projects::create)
            .named("projects", "projects_create", "Creates a project in the caller's organisation.")
            .takes(projects::NEW_FIELDS)
            .answers::<projects::ProjectDetailed>(201),
        at(Method::GET, PROJECT, Need::Project(reads), projects::retrieve)
            .named("projects", "projects_retrieve", "Shows a project with its settings.")
            .answers::<projects::ProjectDetailed>(200),
        at(Method::PATCH, PROJECT, Need::Project(writes), projects::update)
            .named("projects", "projects_update", "Changes a project's settings.")
            .changes(projects::FIELDS)
            .answers::<projects::ProjectDetailed>(200),
        at(Method::GET, "/api/users/@me", Need::Anywhere(Scope::read("user")), users::me)
            .named("users", "users_me_retrieve", "Shows the owner of the key.")
            .answers::<users::UserDetailed>(200),
        at(Method::PATCH, "/api/users/@me", Need::Anywhere(Scope::write("user")), users::update)
            .named("users", "users_me_update", "Changes the owner's names and current project.")
            .changes(users::FIELDS)
            .answers::<users::UserDetailed>(200),
        at(Method::GET, "/api/organizations", Need::Unlimited(reads_organization), users::organizations)
            .named("organizations", "organizations_list", "Lists the caller's organisations.")
            .query(&[LIMIT, OFFSET])
            .answers::<users::OrganizationPage>(200),
        at(Method::GET, ORGANIZATION, Need::Organization(reads_organization), users::organization)
            .named("organizations", "organizations_retrieve", "Shows an organisation with its projects.")
            .answers::<users::OrganizationDetailed>(200),
        at(Method::PATCH, ORGANIZATION, Need::Organization(writes_organization), users::update_organization)
            .named("organizations", "organizations_update", "Renames an organisation.")
            .changes(users::ORGANIZATION_FIELDS)
            .answers::<users::OrganizationDetailed>(200),
        at(
            Method::GET,
            &format!("{ORGANIZATION}/members"),
            Need::Organization(Scope::read("organization_member")),
            users::members,
        )
        .named("organizations", "organizations_members_list", "Lists the members of an organisation.")
        .query(&[LIMIT, OFFSET])
        .answers::<users::MemberPage>(200),
    ]
}

fn events() -> Vec<Operation> {
    let reads = Scope::QUERY_READ;
    let list = [
        param("after", ParamKind::Text, "Only later events: ISO 8601, or relative such as -7d."),
        param("before", ParamKind::Text, "Only earlier events."),
        param("event", ParamKind::Text, "Only events of this name."),
        param("distinct_id", ParamKind::Text, "Only events of this distinct id."),
        param("person_id", ParamKind::Text, "Only events of this person: a number or a UUID."),
        param("properties", ParamKind::Json, "Property filters."),
        param("orderBy", ParamKind::Json, "[\"-timestamp\"] (default) or [\"timestamp\"]."),
        param("limit", ParamKind::Integer(1, 50_000), "Rows on a page (default 100)."),
        param("offset", ParamKind::Integer(0, i64::MAX), "Rows to skip."),
        param("include_person", ParamKind::Flag, "Whether to show persons (default true)."),
        FORMAT,
    ];
    vec![
        within(Method::GET, "events", reads, events::list)
            .named("events", "events_list", "Lists events.")
            .class(LimitClass::Events)
            .query(&list),
        within(Method::GET, "events/values", reads, events::values)
            .named("events", "events_values_list", "Lists values of a property seen in the last seven days.")
            .class(LimitClass::Values)
            .query(&[
                Param { is_required: true, ..param("key", ParamKind::Text, "The property.") },
                param("value", ParamKind::Text, "Only values with this text in them."),
                param("event_name", ParamKind::Texts, "Only values of these events."),
                param("is_column", ParamKind::Flag, "Whether the key is a column of events."),
                param("envelope", ParamKind::Flag, "Whether to put the list into an object."),
                FORMAT,
            ]),
        within(Method::GET, "events/{id}", reads, events::retrieve)
            .named("events", "events_retrieve", "Shows an event.")
            .class(LimitClass::Events)
            .query(&[param("include_person", ParamKind::Flag, "Whether to show its person (default false)."), FORMAT]),
    ]
}

fn persons() -> Vec<Operation> {
    vec![
        within(Method::GET, "persons", Scope::read("person"), persons::list)
            .named("persons", "persons_list", "Lists persons, newest first.")
            .class(LimitClass::Persons)
            .query(&[LIMIT, OFFSET]),
    ]
}
