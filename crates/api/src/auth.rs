//! Who is asking, and whether they may: personal API keys, scopes, restrictions, membership.
//!
//! The order of checks is part of the contract: credential (401), scope and key restriction (403), project exists
//! (404), membership (403). A handler names what it needs and gets a [`Caller`] or a [`Tenant`]; there is no other
//! way to a [`ProjectId`].

use http::{HeaderMap, header};
use meta::{Project, User};
use model::ProjectId;

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
    pub(crate) const QUERY_READ: Self = Self { object: "query", access: Access::Read };
    pub(crate) const PERSON_READ: Self = Self { object: "person", access: Access::Read };
    pub(crate) const PROJECT_READ: Self = Self { object: "project", access: Access::Read };
    pub(crate) const PROJECT_WRITE: Self = Self { object: "project", access: Access::Write };
    pub(crate) const USER_READ: Self = Self { object: "user", access: Access::Read };

    fn name(self) -> String {
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
    let (secret, place) = if let Some(secret) = bearer_token(headers) {
        (secret, "Authorization header")
    } else if let Some(secret) = params.non_empty("personal_api_key") {
        (secret, "query string")
    } else {
        return Err(ApiError::NotAuthenticated);
    };
    authenticate_secret(app, secret, place)
}

/// As [`authenticate`], for requests with a JSON body, which may carry the key as `personal_api_key`.
pub(crate) fn authenticate_with_body(
    app: &App,
    headers: &HeaderMap,
    params: &Params,
    body: &serde_json::Value,
) -> Result<Caller, ApiError> {
    match body.get("personal_api_key").and_then(serde_json::Value::as_str) {
        Some(secret) if bearer_token(headers).is_none() && !secret.is_empty() => {
            authenticate_secret(app, secret, "body")
        }
        _ => authenticate(app, headers, params),
    }
}

fn authenticate_secret(app: &App, secret: &str, place: &str) -> Result<Caller, ApiError> {
    match app.meta.caller(secret, app.now())? {
        Some(caller) => Ok(Caller { user: caller.user, key: caller.key }),
        None => Err(ApiError::AuthenticationFailed(format!("Personal API key found in request {place} is invalid."))),
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
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
        self.require(scope)?;
        let by_token =
            match params.non_empty("token").or_else(|| params.non_empty("api_key")) {
                None => None,
                Some(token) => Some(app.meta.project_by_token(token)?.ok_or_else(|| {
                    ApiError::AuthenticationFailed("Incorrect authentication credentials.".to_owned())
                })?),
            };
        let wanted = match &by_token {
            Some(project) => Some(project.id),
            None if name == "@current" => self.user.current_project,
            None => name.parse().ok().map(ProjectId),
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
        if !self.key_reaches(&project) {
            return Err(ApiError::PermissionDenied(format!(
                "API key does not have access to the requested organization: ID {}.",
                project.organization
            )));
        }
        if !app.meta.is_member(self.user.id, project.organization)? {
            return Err(ApiError::PermissionDenied("You don't have access to the project.".to_owned()));
        }
        Ok(Tenant { project })
    }
}
