//! The table itself, by object.

use axum::handler::Handler;
use http::Method;

use super::{Operation, Param, ParamKind, at};
use crate::app::App;
use crate::auth::Scope;
use crate::guard::Need;
use crate::limits::LimitClass;
use crate::{actions, cohorts, definitions, empty, events, groups, keys, openapi, persons, projects, query, users};

const LIMIT: Param = param("limit", ParamKind::Integer(0, 10_000), "Rows on a page (default 100, also for 0).");
const OFFSET: Param = param("offset", ParamKind::Integer(0, i64::MAX), "Rows to skip.");
const FORMAT: Param = param("format", ParamKind::Choice(&["json"]), "How to answer.");
const CSV_FORMAT: Param = param("format", ParamKind::Choice(&["json", "csv"]), "How to answer.");

const fn param(name: &'static str, kind: ParamKind, about: &'static str) -> Param {
    Param { name, kind, about, is_required: false }
}

/// Every operation that is served.
pub(crate) fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    all.extend(keys());
    all.extend(tenants());
    all.extend(events().iter().map(Operation::flat));
    let in_projects = [
        events(),
        persons(),
        cohorts(),
        actions(),
        groups(),
        event_definitions(),
        property_definitions(),
        queries(),
        others(),
    ];
    for operation in in_projects.into_iter().flatten() {
        all.push(operation.below_environments());
        all.push(operation);
    }
    all.push(
        at(Method::GET, "/api/schema", Need::Nothing, openapi::serve)
            .named("schema", "schema_retrieve", "This document.")
            .own_formats()
            .content_type(openapi::CONTENT_TYPE)
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
        param("action_id", ParamKind::Text, "Only events that match this action."),
        param("properties", ParamKind::Json, "Property filters: a list, or groups of AND and OR."),
        param("strict", ParamKind::Flag, "Whether filters that do not say enough are errors (default false)."),
        param(
            "orderBy",
            ParamKind::Json,
            "[\"-timestamp\"] (default) or [\"timestamp\"]; with select any expressions.",
        ),
        param("limit", ParamKind::Integer(1, 50_000), "Rows on a page (default 100; 1,000 for CSV)."),
        param("offset", ParamKind::Integer(0, i64::MAX), "Rows to skip."),
        param("include_person", ParamKind::Flag, "Whether to show persons (default true)."),
        param("select", ParamKind::Json, "Columns in HogQL, instead of whole events."),
        param("where", ParamKind::Json, "Conditions in HogQL, with select."),
        param("all", ParamKind::Flag, "Whether CSV holds the whole range instead of a page (default false)."),
        param("csv_safe", ParamKind::Flag, "Whether cells of CSV that look like formulas are defused (default false)."),
        CSV_FORMAT,
    ];
    vec![
        within(Method::GET, "events", reads, events::list)
            .named("events", "events_list", "Lists events.")
            .class(LimitClass::Events)
            .query(&list)
            .answers::<events::EventsAnswer>(200)
            .or_csv(),
        within(Method::GET, "events/values", reads, events::values)
            .named("events", "events_values_list", "Lists values of a property seen in the last seven days.")
            .class(LimitClass::Values)
            .own_formats()
            .query(&[
                Param { is_required: true, ..param("key", ParamKind::Text, "The property.") },
                param("value", ParamKind::Text, "Only values with this text in them."),
                param("event_name", ParamKind::Texts, "Only values of these events."),
                param("is_column", ParamKind::Flag, "Whether the key is a column of events."),
                param("envelope", ParamKind::Flag, "Whether to put the list into an object."),
                FORMAT,
            ])
            .answers::<events::ValuesAnswer>(200),
        within(Method::GET, "events/{id}", reads, events::retrieve)
            .named("events", "events_retrieve", "Shows an event.")
            .class(LimitClass::Events)
            .query(&[
                param("include_person", ParamKind::Flag, "Whether to show its person (default false)."),
                CSV_FORMAT,
            ])
            .answers::<events::EventShape>(200)
            .or_csv(),
    ]
}

fn persons() -> Vec<Operation> {
    const TAG: &str = "persons";
    let (reads, writes) = (Scope::read("person"), Scope::write("person"));
    let list = [
        param("distinct_id", ParamKind::Text, "Only the owner of this distinct id."),
        param("email", ParamKind::Text, "Only persons with exactly this email."),
        param(
            "search",
            ParamKind::Text,
            "Only persons with this text in their email, or with exactly this distinct id.",
        ),
        param("properties", ParamKind::Json, "Filters on properties of persons."),
        param("cohort", ParamKind::Integer(1, i64::MAX), "Only persons in this cohort."),
        param("include_total", ParamKind::Flag, "Whether to count all pages."),
        LIMIT,
        OFFSET,
        param("format", ParamKind::Choice(&["json", "csv"]), "How to answer; CSV has 10,000 rows by default."),
        param("csv_safe", ParamKind::Flag, "Whether cells of CSV that look like formulas begin with an apostrophe."),
    ];
    let status = [
        param("person_uuid", ParamKind::Uuid, "Only receipts of this person."),
        param("status", ParamKind::Choice(&["all", "pending", "completed"]), "Only such receipts."),
        LIMIT,
        OFFSET,
    ];
    let deletes = [param("delete_events", ParamKind::Flag, "Whether the events go as well.")];
    let value = param("value", ParamKind::Text, "Only values with this text in them.");
    let all = vec![
        within(Method::GET, "persons", reads, persons::list)
            .named(TAG, "persons_list", "Lists persons, newest first.")
            .query(&list)
            .answers::<persons::PersonPage>(200)
            .or_csv(),
        within(Method::GET, "persons/values", reads, persons::values)
            .named(TAG, "persons_values_list", "Lists the most frequent values of a property.")
            .query(&[Param { is_required: true, ..param("key", ParamKind::Text, "The property.") }, value])
            .answers_list::<persons::ValueCount>(200),
        within(Method::GET, "persons/deletion_status", reads, persons::deletion_status)
            .named(TAG, "persons_deletion_status", "Lists receipts of deletions, newest first.")
            .query(&status)
            .answers::<persons::DeletionPage>(200),
        within(Method::POST, "persons/bulk_delete", writes, persons::bulk_delete)
            .named(TAG, "persons_bulk_delete", "Deletes up to a thousand persons.")
            .query(&deletes)
            .takes(persons::BULK_DELETE_FIELDS)
            .answers::<persons::BulkDeleted>(202),
        within(Method::GET, "persons/{id}", reads, persons::retrieve)
            .named(TAG, "persons_retrieve", "Shows a person.")
            .answers::<persons::PersonDetailed>(200),
        within(Method::PATCH, "persons/{id}", writes, persons::update)
            .named(TAG, "persons_update", "Sets properties of a person.")
            .takes(persons::UPDATE_FIELDS)
            .answers_nothing(202),
        within(Method::DELETE, "persons/{id}", writes, persons::delete)
            .named(TAG, "persons_destroy", "Deletes a person.")
            .query(&deletes)
            .answers_nothing(202),
        within(Method::POST, "persons/{id}/update_property", writes, persons::update_property)
            .named(TAG, "persons_update_property", "Sets one property of a person.")
            .takes(persons::UPDATE_PROPERTY_FIELDS)
            .answers_nothing(202),
        within(Method::POST, "persons/{id}/delete_property", writes, persons::delete_property)
            .named(TAG, "persons_delete_property", "Removes one property of a person.")
            .takes(persons::DELETE_PROPERTY_FIELDS)
            .answers::<persons::Success>(201),
        within(Method::POST, "persons/{id}/split", writes, persons::split)
            .named(TAG, "persons_split", "Makes a person of each of its distinct ids.")
            .takes(persons::SPLIT_FIELDS)
            .answers::<persons::Success>(201),
    ];
    all.into_iter().map(|operation| operation.class(LimitClass::Persons)).collect()
}

fn queries() -> Vec<Operation> {
    const TAG: &str = "query";
    let reads = Scope::read("query");
    let all = vec![
        within(Method::POST, "query", reads, query::create)
            .named(TAG, "query_create", "Answers a question in HogQL.")
            .own_formats()
            .takes(query::FIELDS)
            .answers::<query::QueryAnswer>(200)
            .or_later::<query::QueryStatusAnswer>(),
        within(Method::POST, "query/check_auth_for_async", reads, query::check_auth)
            .named(TAG, "query_check_auth_for_async_create", "Whether questions may be asked.")
            .answers::<query::QueryUser>(200),
        within(Method::POST, "query/upgrade", reads, query::upgrade)
            .named(TAG, "query_upgrade_create", "The newest form of a question.")
            .takes(query::UPGRADE_FIELDS)
            .answers::<query::UpgradedQuery>(200),
        within(Method::POST, "query/{id}", reads, query::create_kind)
            .named(TAG, "query_create_kind", "Answers a question of the kind in the path.")
            .own_formats()
            .takes(query::FIELDS)
            .answers::<query::QueryAnswer>(200),
        within(Method::GET, "query/{id}", reads, query::retrieve)
            .named(TAG, "query_retrieve", "What became of a question asked in the background.")
            .answers::<query::QueryStatusAnswer>(200),
        within(Method::DELETE, "query/{id}", reads, query::cancel)
            .named(TAG, "query_destroy", "Stops a question asked in the background.")
            .answers::<query::QueryStopped>(200),
    ];
    all.into_iter().map(|operation| operation.class(LimitClass::Query)).collect()
}

const NAME_SEARCH: Param = param("search", ParamKind::Text, "Only names with all of these words in them.");
const WITHOUT_HIDDEN: Param = param("exclude_hidden", ParamKind::Flag, "Whether to leave hidden ones out.");

fn event_definitions() -> Vec<Operation> {
    const EVENTS: &str = "event_definitions";
    let (reads, writes) = (Scope::read("event_definition"), Scope::write("event_definition"));
    let of_events = [
        NAME_SEARCH,
        param("names", ParamKind::Texts, "Only these names."),
        param("event_type", ParamKind::Choice(&["event", "event_custom", "event_posthog"]), "Only such names."),
        param("ordering", ParamKind::Text, "name, last_seen_at or created_at, with - for descending."),
        param("tags", ParamKind::Json, "Only those with one of these tags."),
        param("exclude_stale", ParamKind::Flag, "Whether to leave out what did not come for a month."),
        WITHOUT_HIDDEN,
        LIMIT,
        OFFSET,
    ];
    vec![
        within(Method::GET, EVENTS, reads, definitions::events::list)
            .named(EVENTS, "event_definitions_list", "Lists the events that came, the latest first.")
            .query(&of_events)
            .answers::<definitions::events::EventDefinitionPage>(200),
        within(Method::POST, EVENTS, writes, definitions::events::create)
            .named(EVENTS, "event_definitions_create", "Describes an event that is still to come.")
            .takes(definitions::events::NEW_FIELDS)
            .answers::<definitions::events::EventDefinitionShape>(201),
        within(Method::GET, "event_definitions/by_name", reads, definitions::events::by_name)
            .named(EVENTS, "event_definitions_by_name", "Shows the definition of the event with this name.")
            .query(&[Param { is_required: true, ..param("name", ParamKind::Text, "The event.") }])
            .answers::<definitions::events::EventDefinitionShape>(200),
        within(Method::GET, "event_definitions/{id}", reads, definitions::events::retrieve)
            .named(EVENTS, "event_definitions_retrieve", "Shows the definition of an event.")
            .answers::<definitions::events::EventDefinitionShape>(200),
        within(Method::PATCH, "event_definitions/{id}", writes, definitions::events::update)
            .named(EVENTS, "event_definitions_update", "Describes, tags, verifies or hides an event.")
            .changes(definitions::events::FIELDS)
            .answers::<definitions::events::EventDefinitionShape>(200),
        within(Method::DELETE, "event_definitions/{id}", writes, definitions::events::delete)
            .named(EVENTS, "event_definitions_destroy", "Forgets a definition until the event comes again.")
            .answers_nothing(204),
        within(Method::GET, "ingestion_warnings", Scope::read("project"), definitions::warnings::list)
            .named(
                "ingestion_warnings",
                "ingestion_warnings_list",
                "Tells what became of events that were not simply stored.",
            )
            .query(&[param("q", ParamKind::Text, "Only kinds and reports with this text in them.")])
            .answers::<definitions::warnings::WarningList>(200),
    ]
}

fn property_definitions() -> Vec<Operation> {
    const PROPERTIES: &str = "property_definitions";
    let (reads, writes) = (Scope::read("property_definition"), Scope::write("property_definition"));
    let of_properties = [
        param("type", ParamKind::Choice(&["event", "person", "group", "session"]), "Of what (default event)."),
        param("group_type_index", ParamKind::Integer(0, 4), "Of which kind of group."),
        NAME_SEARCH,
        param("properties", ParamKind::Text, "Only these names, separated by commas."),
        param("is_numerical", ParamKind::Flag, "Whether they are numbers."),
        param("is_feature_flag", ParamKind::Flag, "Whether they are feature flags."),
        param("event_names", ParamKind::Json, "Events of which is told whether they have the property."),
        param("filter_by_event_names", ParamKind::Flag, "Whether to leave out what none of these events has."),
        param("excluded_properties", ParamKind::Json, "Names to leave out."),
        param("exclude_core_properties", ParamKind::Flag, "Whether to leave out names with $."),
        WITHOUT_HIDDEN,
        LIMIT,
        OFFSET,
    ];
    vec![
        within(Method::GET, PROPERTIES, reads, definitions::properties::list)
            .named(PROPERTIES, "property_definitions_list", "Lists the properties that came.")
            .query(&of_properties)
            .answers::<definitions::properties::PropertyDefinitionPage>(200),
        within(Method::GET, "property_definitions/{id}", reads, definitions::properties::retrieve)
            .named(PROPERTIES, "property_definitions_retrieve", "Shows the definition of a property.")
            .answers::<definitions::properties::PropertyDefinitionShape>(200),
        within(Method::PATCH, "property_definitions/{id}", writes, definitions::properties::update)
            .named(PROPERTIES, "property_definitions_update", "Describes a property, or corrects its type.")
            .changes(definitions::properties::FIELDS)
            .answers::<definitions::properties::PropertyDefinitionShape>(200),
        within(Method::DELETE, "property_definitions/{id}", writes, definitions::properties::delete)
            .named(PROPERTIES, "property_definitions_destroy", "Forgets a definition until the property comes again.")
            .answers_nothing(204),
    ]
}

fn cohorts() -> Vec<Operation> {
    const TAG: &str = "cohorts";
    /// A file of a few million ids.
    const FILE_BYTES: usize = 64 << 20;
    let (reads, writes) = (Scope::read("cohort"), Scope::write("cohort"));
    vec![
        within(Method::GET, "cohorts", reads, cohorts::list)
            .named(TAG, "cohorts_list", "Lists cohorts, newest first.")
            .query(&[param("search", ParamKind::Text, "Only cohorts with this text in their name."), LIMIT, OFFSET])
            .answers::<cohorts::CohortPage>(200),
        within(Method::POST, "cohorts", writes, cohorts::create)
            .named(TAG, "cohorts_create", "Creates a cohort: by a definition, from persons, or from a CSV file.")
            .takes(cohorts::FIELDS)
            .takes_files(FILE_BYTES)
            .answers::<cohorts::CohortShape>(201),
        within(Method::GET, "cohorts/{id}", reads, cohorts::retrieve)
            .named(TAG, "cohorts_retrieve", "Shows a cohort.")
            .answers::<cohorts::CohortShape>(200),
        within(Method::PATCH, "cohorts/{id}", writes, cohorts::update)
            .named(TAG, "cohorts_update", "Changes a cohort, or deletes it.")
            .changes(cohorts::FIELDS)
            .takes_files(FILE_BYTES)
            .answers::<cohorts::CohortShape>(200),
        within(Method::GET, "cohorts/{id}/persons", reads, cohorts::persons)
            .named(TAG, "cohorts_persons_list", "Lists the persons in a cohort, newest first.")
            .query(&[LIMIT, OFFSET])
            .answers::<persons::PersonPage>(200),
        within(Method::PATCH, "cohorts/{id}/add_persons_to_static_cohort", writes, cohorts::add_persons)
            .named(TAG, "cohorts_add_persons", "Adds persons to a static cohort.")
            .takes(cohorts::ADD_FIELDS)
            .answers::<cohorts::CohortShape>(200),
        within(Method::PATCH, "cohorts/{id}/remove_person_from_static_cohort", writes, cohorts::remove_person)
            .named(TAG, "cohorts_remove_person", "Removes a person from a static cohort.")
            .takes(cohorts::REMOVE_FIELDS)
            .answers::<cohorts::CohortShape>(200),
    ]
}

fn actions() -> Vec<Operation> {
    const TAG: &str = "actions";
    let (reads, writes) = (Scope::read("action"), Scope::write("action"));
    vec![
        within(Method::GET, "actions", reads, actions::list)
            .named(TAG, "actions_list", "Lists actions by name.")
            .query(&[param("search", ParamKind::Text, "Only actions with this text in their name."), LIMIT, OFFSET])
            .answers::<actions::ActionPage>(200),
        within(Method::POST, "actions", writes, actions::create)
            .named(TAG, "actions_create", "Creates an action.")
            .takes(actions::FIELDS)
            .answers::<actions::ActionShape>(201),
        within(Method::GET, "actions/{id}", reads, actions::retrieve)
            .named(TAG, "actions_retrieve", "Shows an action.")
            .answers::<actions::ActionShape>(200),
        within(Method::PATCH, "actions/{id}", writes, actions::update)
            .named(TAG, "actions_update", "Changes an action, or deletes it.")
            .changes(actions::FIELDS)
            .answers::<actions::ActionShape>(200),
    ]
}

fn groups() -> Vec<Operation> {
    const TAG: &str = "groups";
    let (reads, writes) = (Scope::read("group"), Scope::write("group"));
    let index =
        Param { is_required: true, ..param("group_type_index", ParamKind::Integer(0, 4), "Which kind of group.") };
    let key = Param { is_required: true, ..param("group_key", ParamKind::Text, "Which group.") };
    vec![
        within(Method::GET, "groups_types", reads, groups::types)
            .named(TAG, "groups_types_list", "Lists the kinds of groups.")
            .answers_list::<groups::GroupTypeShape>(200),
        within(Method::PATCH, "groups_types/update_metadata", writes, groups::name_types)
            .named(TAG, "groups_types_update_metadata", "Gives kinds of groups their display names.")
            .takes_list(groups::TYPE_FIELDS)
            .answers_list::<groups::GroupTypeShape>(200),
        within(Method::GET, "groups", reads, groups::list)
            .named(TAG, "groups_list", "Lists groups of a kind, newest first.")
            .query(&[
                index,
                param("group_key", ParamKind::Text, "Only groups with this text in their key."),
                param("search", ParamKind::Text, "Only groups with this text in their key or properties."),
                param("cursor", ParamKind::Text, "As in the link to the next page."),
                LIMIT,
            ])
            .answers::<groups::GroupPage>(200),
        within(Method::POST, "groups", writes, groups::create)
            .named(TAG, "groups_create", "Creates a group.")
            .takes(groups::NEW_FIELDS)
            .answers::<groups::GroupShape>(201),
        within(Method::GET, "groups/find", reads, groups::find)
            .named(TAG, "groups_find", "Shows a group.")
            .query(&[index, key])
            .answers::<groups::GroupShape>(200),
        within(Method::GET, "groups/property_definitions", reads, groups::property_definitions)
            .named(TAG, "groups_property_definitions", "Lists the properties that groups have, by kind.")
            .answers::<groups::PropertiesByType>(200),
        within(Method::GET, "groups/property_values", reads, groups::property_values)
            .named(TAG, "groups_property_values", "Lists the most frequent values of a property.")
            .query(&[
                index,
                Param { is_required: true, ..param("key", ParamKind::Text, "The property.") },
                param("value", ParamKind::Text, "Only values with this text in them."),
            ])
            .answers_list::<persons::ValueCount>(200),
        within(Method::POST, "groups/update_property", writes, groups::update_property)
            .named(TAG, "groups_update_property", "Sets one property of a group.")
            .query(&[index, key])
            .takes(groups::UPDATE_PROPERTY_FIELDS)
            .answers::<groups::GroupShape>(200),
        within(Method::POST, "groups/delete_property", writes, groups::delete_property)
            .named(TAG, "groups_delete_property", "Removes one property of a group.")
            .query(&[index, key])
            .takes(groups::DELETE_PROPERTY_FIELDS)
            .answers::<groups::GroupShape>(200),
    ]
}

/// Lists of what there is none of.
fn others() -> Vec<Operation> {
    let objects = [
        ("annotations", "annotation"),
        ("insights", "insight"),
        ("dashboards", "dashboard"),
        ("feature_flags", "feature_flag"),
        ("experiments", "experiment"),
    ];
    let list = |(path, object): (&'static str, &'static str)| {
        within(Method::GET, path, Scope::read(object), empty::list)
            .named(path, &format!("{path}_list"), "Lists none: Hedgerow has no such objects.")
            .query(&[LIMIT, OFFSET])
            .answers::<empty::EmptyPage>(200)
    };
    objects.into_iter().map(list).collect()
}
