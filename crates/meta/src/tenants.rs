//! Organisations, users, projects, and how the first of each come to be.

use std::sync::Arc;

use env::Random;
use model::{ProjectId, Timestamp};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use uuid::Uuid;

use crate::connection::Meta;
use crate::error::MetaError;
use crate::keys::{NewKey, insert_key};
use crate::tokens;

/// Who owns projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Public id.
    pub id: Uuid,
    /// Display name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A person who uses Hedgerow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Row id.
    pub id: i64,
    /// Public id.
    pub uuid: Uuid,
    /// Their own distinct id.
    pub distinct_id: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Address, unique.
    pub email: String,
    /// Whether they operate the installation.
    pub is_staff: bool,
    /// When they joined.
    pub date_joined: Timestamp,
    /// The organisation they are a member of.
    pub organization: Uuid,
    /// What `@current` means for them.
    pub current_project: Option<ProjectId>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its number.
    pub id: ProjectId,
    /// Public id.
    pub uuid: Uuid,
    /// Its owner.
    pub organization: Uuid,
    /// What SDKs send.
    pub api_token: String,
    /// Display name.
    pub name: String,
    /// IANA name of its time zone.
    pub timezone: String,
    /// Whether client addresses are dropped.
    pub anonymize_ips: bool,
    /// Whether an event ever arrived.
    pub ingested_event: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A project to be.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// Its owner.
    pub organization: Uuid,
    /// Display name.
    pub name: String,
    /// IANA name of its time zone.
    pub timezone: String,
}

/// Keys somebody chose for the first start; the others are generated.
#[derive(Debug, Clone, Default)]
pub struct Bootstrap {
    /// Token of project 1.
    pub project_token: Option<String>,
    /// The owner's key.
    pub personal_api_key: Option<String>,
}

/// What the first start made. The key is not kept and cannot be shown again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Token of project 1.
    pub project_token: String,
    /// The owner's key.
    pub personal_api_key: String,
}

const PROJECT_COLUMNS: &str =
    "id, uuid, organization, api_token, name, timezone, anonymize_ips, ingested_event, created_at";

fn project(row: &Row<'_>) -> rusqlite::Result<Project> {
    Ok(Project {
        id: ProjectId(row.get(0)?),
        uuid: row.get(1)?,
        organization: row.get(2)?,
        api_token: row.get(3)?,
        name: row.get(4)?,
        timezone: row.get(5)?,
        anonymize_ips: row.get(6)?,
        ingested_event: row.get(7)?,
        created_at: Timestamp::from_micros(row.get(8)?),
    })
}

impl Meta {
    /// Creates organisation, project 1, its owner and an all-scope key; none when that was done before.
    pub fn bootstrap(&self, now: Timestamp, chosen: &Bootstrap, random: &Random) -> Result<Option<Created>, MetaError> {
        let token = match &chosen.project_token {
            Some(token) => tokens::check("project token", "phc_", token).map(|()| token.clone())?,
            None => tokens::generate("phc_", random),
        };
        let key = match &chosen.personal_api_key {
            Some(key) => tokens::check("personal API key", "phx_", key).map(|()| key.clone())?,
            None => tokens::generate("phx_", random),
        };
        self.write(|tx| {
            let done: i64 = tx.query_row("SELECT COUNT(*) FROM users", [], |row| row.get(0))?;
            if done > 0 {
                return Ok(None);
            }
            let organization = new_uuid(random);
            tx.execute(
                "INSERT INTO organizations (id, name, created_at) VALUES ($1, $2, $3)",
                params![organization, "Default organization", now.as_micros()],
            )?;
            let new = NewProject { organization, name: "Default project".to_owned(), timezone: "UTC".to_owned() };
            let project = insert_project(tx, &new, &token, now, random)?;
            tx.execute(
                "INSERT INTO users (uuid, distinct_id, first_name, last_name, email, is_staff, date_joined, organization, current_project)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                params![
                    new_uuid(random),
                    new_uuid(random).to_string(),
                    "Owner",
                    "",
                    "owner@localhost",
                    true,
                    now.as_micros(),
                    organization,
                    project.id.0
                ],
            )?;
            let user = tx.last_insert_rowid();
            let new = NewKey { label: "First key".to_owned(), scopes: vec!["*".to_owned()], ..NewKey::default() };
            insert_key(tx, user, &new, &key, now, random)?;
            Ok(Some(Created { project_token: token, personal_api_key: key }))
        })
    }

    /// The project that owns a token. Known tokens are answered from memory.
    pub fn project_by_token(&self, token: &str) -> Result<Option<Project>, MetaError> {
        if let Some(project) = self.projects.read().get(token) {
            return Ok(Some(Project::clone(project)));
        }
        let found = self.read(|c| {
            let sql = format!("SELECT {PROJECT_COLUMNS} FROM projects WHERE api_token = $1");
            Ok(c.prepare_cached(&sql)?.query_row(params![token], project).optional()?)
        })?;
        if let Some(project) = &found {
            self.projects.write().insert(token.to_owned(), Arc::new(project.clone()));
        }
        Ok(found)
    }

    /// The project with this number.
    pub fn project(&self, id: ProjectId) -> Result<Option<Project>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {PROJECT_COLUMNS} FROM projects WHERE id = $1");
            Ok(c.prepare_cached(&sql)?.query_row(params![id.0], project).optional()?)
        })
    }

    /// Chooses which events a project drops when they arrive late, and whether it takes those of visitors without cookies.
    pub fn set_ingestion_rules(
        &self,
        id: ProjectId,
        drop_older_than_seconds: Option<i64>,
        takes_cookieless: bool,
    ) -> Result<(), MetaError> {
        self.write(|tx| {
            tx.prepare_cached("UPDATE projects SET drop_older_than_seconds = $1, cookieless_mode = $2 WHERE id = $3")?
                .execute(params![drop_older_than_seconds, takes_cookieless, id.0])?;
            Ok(())
        })
    }

    /// The projects a user is a member of, oldest first.
    pub fn projects_of(&self, user: i64) -> Result<Vec<Project>, MetaError> {
        self.read(|c| {
            let sql = format!(
                "SELECT {PROJECT_COLUMNS} FROM projects WHERE organization IN (SELECT organization FROM users WHERE id = $1) ORDER BY id"
            );
            Ok(c.prepare_cached(&sql)?.query_map(params![user], project)?.collect::<Result<_, _>>()?)
        })
    }

    /// Whether a user is a member of an organisation.
    pub fn is_member(&self, user: i64, organization: Uuid) -> Result<bool, MetaError> {
        self.read(|c| {
            Ok(c.prepare_cached("SELECT 1 FROM users WHERE id = $1 AND organization = $2")?
                .exists(params![user, organization])?)
        })
    }

    /// An organisation.
    pub fn organization(&self, id: Uuid) -> Result<Option<Organization>, MetaError> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT id, name, created_at FROM organizations WHERE id = $1")?;
            Ok(statement
                .query_row(params![id], |row| {
                    Ok(Organization {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        created_at: Timestamp::from_micros(row.get(2)?),
                    })
                })
                .optional()?)
        })
    }

    /// Creates a project with a new token.
    pub fn create_project(&self, new: &NewProject, now: Timestamp, random: &Random) -> Result<Project, MetaError> {
        let token = tokens::generate("phc_", random);
        self.write(|tx| insert_project(tx, new, &token, now, random))
    }
}

fn insert_project(
    tx: &Transaction<'_>,
    new: &NewProject,
    token: &str,
    now: Timestamp,
    random: &Random,
) -> Result<Project, MetaError> {
    let sql = format!(
        "INSERT INTO projects (uuid, organization, api_token, name, timezone, anonymize_ips, ingested_event, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {PROJECT_COLUMNS}"
    );
    Ok(tx.query_row(
        &sql,
        params![new_uuid(random), new.organization, token, new.name, new.timezone, false, false, now.as_micros()],
        project,
    )?)
}

pub(crate) fn new_uuid(random: &Random) -> Uuid {
    uuid::Builder::from_random_bytes(random.u128().to_le_bytes()).into_uuid()
}
