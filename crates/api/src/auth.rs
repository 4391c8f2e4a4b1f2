//! Who is asking, and whether they may: personal API keys, scopes, restrictions, membership.
//!
//! The order of checks is part of the contract: credential (401), scope and key restriction (403), project exists
//! (404), membership (403). A handler names what it needs and gets a [`Caller`] or a [`Tenant`]; there is no other
//! way to a [`ProjectId`].

use http::{HeaderMap, header};
use meta::{Organization, Project, User};
use model::ProjectId;
use uuid::Uuid;

use crate::app::App;
use crate::error::ApiError;
use crate::params::Params;

/// What an endpoint touches: `query`, `person`, `project`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) object: &'static str,
    pub(crate) access: Access,
}

/// What an endpoint does to its object. Write access implies read access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Scope {
    pub(crate) const QUERY_READ: Self = Self::read("query");

    pub(crate) const fn read(object: &'static str) -> Self {
        Self { object, access: Access::Read }
    }

    pub(crate) const fn write(object: &'static str) -> Self {
        Self { object, access: Access::Write }
    }

    pub(crate) fn name(self) -> String {
        let access = match self.access {
            Access::Read => "read",
            Access::Write => "write",
        };
        format!("{}:{access}", self.object)
    }
}

/// A valid key and its owner.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) user: User,
    pub(crate) key: meta::PersonalKey,
}

/// A caller with proven access to one project.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) project: Project,
}

/// The caller behind a request's credential. Places are tried in PostHog's order; the first one found is final.
pub(crate) fn authenticate(app: &App, headers: &HeaderMap, params: &Params) -> Result<Caller, ApiError> {
    authenticate_in(app, headers, None, params)
}

/// As [`authenticate`], with the key that the body carries, if it carries one.
pub(crate) fn authenticate_in(
    app: &App,
    headers: &HeaderMap,
    in_body: Option<&str>,
    params: &Params,
) -> Result<Caller, ApiError> {
    if let Some(secret) = bearer_token(headers) {
        authenticate_secret(app, secret, "Authorization header")
    } else if let Some(secret) = in_body {
        authenticate_secret(app, secret, "body")
    } else if let Some(secret) = params.non_empty("personal_api_key") {
        authenticate_secret(app, secret, "query string")
    } else {
        Err(ApiError::NotAuthenticated)
    }
}

fn authenticate_secret(app: &App, secret: &str, place: &str) -> Result<Caller, ApiError> {
    match app.meta.caller(secret, app.now())? {
        Some(caller) => Ok(Caller { user: caller.user, key: caller.key }),
        None => Err(ApiError::AuthenticationFailed(format!("Personal API key found in request {place} is invalid."))),
    }
}

pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && key.len() >= 2).then_some(key)
}

impl Caller {
    /// Checks that the key carries `scope`.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), ApiError> {
        let granted = self.key.scopes.as_ref().is_none_or(|scopes| {
            scopes.iter().any(|granted| match granted.split_once(':') {
                None => granted == "*",
                Some((object, access)) => {
                    object == scope.object && (access == "write" || (access == "read" && scope.access == Access::Read))
                }
            })
        });
        if granted {
            Ok(())
        } else {
            Err(ApiError::PermissionDenied(format!("API key missing required scope '{}'", scope.name())))
        }
    }

    /// Checks that the key may do everything its owner may: what manages keys themselves needs that.
    pub(crate) fn require_everything(&self) -> Result<(), ApiError> {
        self.require_unrestricted()?;
        let everything = self.key.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|scope| scope == "*"));
        if everything {
            Ok(())
        } else {
            Err(ApiError::PermissionDenied("This action does not support personal API key access".to_owned()))
        }
    }

    /// Checks that the key is not limited to some projects, as endpoints outside any project require.
    pub(crate) fn require_unrestricted(&self) -> Result<(), ApiError> {
        if self.key.scoped_teams.is_empty() {
            return Ok(());
        }
        let detail = "API keys with scoped projects are only supported on project-based endpoints.";
        Err(ApiError::PermissionDenied(detail.to_owned()))
    }

    /// Whether the key's own restrictions leave `project` visible.
    pub(crate) fn key_reaches(&self, project: &Project) -> bool {
        let teams = &self.key.scoped_teams;
        let organizations = &self.key.scoped_organizations;
        (teams.is_empty() || teams.contains(&project.id.0))
            && (organizations.is_empty() || organizations.contains(&project.organization))
    }

    /// The project called `name` in the path (a number or `@current`), or the one whose token the query names.
    pub(crate) fn tenant(&self, app: &App, name: &str, params: &Params, scope: Scope) -> Result<Tenant, ApiError> {
        // A token is a credential: an unknown one is refused before anything else is looked at.
        let by_token =
            match params.non_empty("token").or_else(|| params.non_empty("api_key")) {
                None => None,
                Some(token) => Some(app.meta.project_by_token(token)?.ok_or_else(|| {
                    ApiError::AuthenticationFailed("Incorrect authentication credentials.".to_owned())
                })?),
            };
        self.require(scope)?;
        let wanted = match &by_token {
            Some(project) => Some(project.id),
            None if name == "@current" => self.user.current_project,
            None => decimal(name).map(ProjectId),
        };
        let Some(wanted) = wanted else { return Err(ApiError::project_not_found()) };
        if !self.key.scoped_teams.is_empty() && !self.key.scoped_teams.contains(&wanted.0) {
            return Err(ApiError::PermissionDenied(format!(
                "API key does not have access to the requested project: ID {wanted}."
            )));
        }
        let project = match by_token {
            Some(project) => project,
            None => app.meta.project(wanted)?.ok_or_else(ApiError::project_not_found)?,
        };
        self.require_organization(project.organization)?;
        if !app.meta.is_member(self.user.id, project.organization)? {
            return Err(ApiError::PermissionDenied("You don't have access to the project.".to_owned()));
        }
        Ok(Tenant { project })
    }

    /// The organisation called `name` in the path: a UUID or `@current`.
    pub(crate) fn organization(&self, app: &App, name: &str, scope: Scope) -> Result<Organization, ApiError> {
        self.require(scope)?;
        self.require_unrestricted()?;
        let not_found = || ApiError::NotFound("Organization not found.".to_owned());
        let id = match name {
            "@current" => self.user.organization,
            name => Uuid::parse_str(name).map_err(|_| not_found())?,
        };
        self.require_organization(id)?;
        let organization = app.meta.organization(id)?.ok_or_else(not_found)?;
        if !app.meta.is_member(self.user.id, id)? {
            return Err(ApiError::PermissionDenied("You don't have access to the organization.".to_owned()));
        }
        Ok(organization)
    }

    fn require_organization(&self, id: Uuid) -> Result<(), ApiError> {
        let limits = &self.key.scoped_organizations;
        if limits.is_empty() || limits.contains(&id) {
            return Ok(());
        }
        let detail = format!("API key does not have access to the requested organization: ID {id}.");
        Err(ApiError::PermissionDenied(detail))
    }
}

/// A number as paths have it: digits alone.
pub(crate) fn decimal(text: &str) -> Option<i64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}
