//! `/api/users/@me/` and `/api/organizations/`: the owner of the key, and who they work with.

use axum::response::Response;
use meta::{Organization, User};
use model::ProjectId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Field, Kind, integer, optional, text};
use crate::paging::Page;
use crate::projects::{ProjectBasic, basic};
use crate::wire::{timestamp_text_z, write_json};

/// What users can change of themselves.
pub(crate) const FIELDS: &[Field] = &[
    optional("first_name", Kind::Name(150)),
    optional("last_name", Kind::Text(150)),
    optional("set_current_team", Kind::Integer(1, i64::MAX)),
];

/// What can be changed of an organisation.
pub(crate) const ORGANIZATION_FIELDS: &[Field] = &[optional("name", Kind::Name(64))];

/// A user as the author of something.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UserBasic {
    id: i64,
    uuid: String,
    distinct_id: String,
    first_name: String,
    last_name: String,
    email: String,
}

/// The owner of the key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserDetailed {
    uuid: String,
    distinct_id: String,
    first_name: String,
    last_name: String,
    email: String,
    is_staff: bool,
    date_joined: String,
    team: Option<ProjectBasic>,
    organization: Option<OrganizationBasic>,
    organizations: Vec<OrganizationBasic>,
}

/// An organisation as its members show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct OrganizationBasic {
    id: String,
    name: String,
    slug: String,
    created_at: String,
    membership_level: u8,
}

/// An organisation with its projects.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrganizationDetailed {
    #[serde(flatten)]
    basic: OrganizationBasic,
    member_count: usize,
    teams: Vec<ProjectBasic>,
    projects: Vec<ProjectName>,
}

/// A project by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectName {
    id: i64,
    organization_id: String,
    name: String,
}

/// A member of an organisation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    id: String,
    user: UserBasic,
    level: u8,
    joined_at: String,
    updated_at: String,
}

/// A page of organisations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrganizationPage {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<OrganizationBasic>,
}

/// A page of members.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberPage {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<Member>,
}

/// Every member is an owner, in PostHog's numbers.
const OWNER: u8 = 15;

impl UserBasic {
    pub(crate) fn of(user: &User) -> Self {
        Self {
            id: user.id,
            uuid: user.uuid.to_string(),
            distinct_id: user.distinct_id.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            email: user.email.clone(),
        }
    }
}

impl OrganizationBasic {
    fn of(organization: &Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            name: organization.name.clone(),
            slug: slug(&organization.name),
            created_at: timestamp_text_z(organization.created_at),
            membership_level: OWNER,
        }
    }
}

fn slug(name: &str) -> String {
    let dashed: String = name.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    dashed.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Shows the user behind the key, with their current project and organisation.
pub(crate) async fn me(call: Call) -> Result<Response, ApiError> {
    Ok(write_json(&shown(&call, &call.caller()?.user)?))
}

/// Changes names, and which project is the current one.
pub(crate) async fn update(call: Call) -> Result<Response, ApiError> {
    let body = call.changes(FIELDS)?;
    let mut user = call.caller()?.user.clone();
    if let Some(name) = text(&body, "first_name") {
        user.first_name = name.trim().to_owned();
    }
    if let Some(name) = text(&body, "last_name") {
        user.last_name = name.trim().to_owned();
    }
    if let Some(id) = integer(&body, "set_current_team") {
        if !call.app.meta.projects_of(user.id)?.iter().any(|project| project.id.0 == id) {
            return Err(ApiError::invalid("set_current_team", format!("Object with id {id} does not exist.")));
        }
        user.current_project = Some(ProjectId(id));
    }
    call.app.meta.update_user(&user)?;
    Ok(write_json(&shown(&call, &user)?))
}

fn shown(call: &Call, user: &User) -> Result<UserDetailed, ApiError> {
    let project = match user.current_project {
        Some(id) => call.app.meta.project(id)?,
        None => None,
    };
    // A key shows no more than it reaches, whoever it belongs to.
    let caller = call.caller()?;
    let project = project.filter(|project| caller.key_reaches(project));
    let organization = call.app.meta.organization(user.organization)?;
    let organization = organization.as_ref().map(OrganizationBasic::of);
    Ok(UserDetailed {
        uuid: user.uuid.to_string(),
        distinct_id: user.distinct_id.clone(),
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        email: user.email.clone(),
        is_staff: user.is_staff,
        date_joined: timestamp_text_z(user.date_joined),
        team: project.as_ref().map(basic),
        organizations: organization.iter().cloned().collect(),
        organization,
    })
}

/// Lists the organisations of the caller.
pub(crate) async fn organizations(call: Call) -> Result<Response, ApiError> {
    let page = Page::read(&call.params)?;
    let caller = call.caller()?;
    let limits = &caller.key.scoped_organizations;
    let own = call.app.meta.organization(caller.user.organization)?;
    let reached = own.filter(|own| limits.is_empty() || limits.contains(&own.id));
    let all: Vec<OrganizationBasic> = reached.iter().map(OrganizationBasic::of).collect();
    let (next, previous) = call.links_within(page, all.len());
    let results = all.iter().skip(page.offset).take(page.limit).cloned().collect();
    Ok(write_json(&OrganizationPage { count: all.len(), next, previous, results }))
}

/// Shows an organisation with its projects.
pub(crate) async fn organization(call: Call) -> Result<Response, ApiError> {
    Ok(write_json(&organization_shown(&call, call.organization()?)?))
}

/// Renames an organisation.
pub(crate) async fn update_organization(call: Call) -> Result<Response, ApiError> {
    let body = call.changes(ORGANIZATION_FIELDS)?;
    let mut organization = call.organization()?.clone();
    if let Some(name) = text(&body, "name") {
        organization.name = name.trim().to_owned();
        call.app.meta.rename_organization(organization.id, &organization.name)?;
    }
    Ok(write_json(&organization_shown(&call, &organization)?))
}

fn organization_shown(call: &Call, organization: &Organization) -> Result<OrganizationDetailed, ApiError> {
    let caller = call.caller()?;
    let mut projects = call.app.meta.projects_in(organization.id)?;
    projects.retain(|project| caller.key_reaches(project));
    Ok(OrganizationDetailed {
        basic: OrganizationBasic::of(organization),
        member_count: call.app.meta.members(organization.id)?.len(),
        teams: projects.iter().map(basic).collect(),
        projects: projects
            .iter()
            .map(|project| ProjectName {
                id: project.id.0,
                organization_id: organization.id.to_string(),
                name: project.name.clone(),
            })
            .collect(),
    })
}

/// Lists the members of an organisation.
pub(crate) async fn members(call: Call) -> Result<Response, ApiError> {
    let page = Page::read(&call.params)?;
    let members = call.app.meta.members(call.organization()?.id)?;
    let shown = |user: &User| Member {
        id: user.uuid.to_string(),
        user: UserBasic::of(user),
        level: OWNER,
        joined_at: timestamp_text_z(user.date_joined),
        updated_at: timestamp_text_z(user.date_joined),
    };
    let results = members.iter().skip(page.offset).take(page.limit).map(shown).collect();
    let (next, previous) = call.links_within(page, members.len());
    Ok(write_json(&MemberPage { count: members.len(), next, previous, results }))
}
