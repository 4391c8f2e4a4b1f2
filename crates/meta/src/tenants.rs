//! Organisations, users, projects, and how the first of each come to be.

use std::collections::HashMap;
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
    /// Whether an event ever arrived.
    pub ingested_event: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// What its owner can choose besides.
    pub settings: ProjectSettings,
}

/// What the owner of a project can choose, apart from its name. Lists are JSON, as the API has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSettings {
    /// Day the week starts on: 0 is Sunday, 1 Monday.
    pub week_start_day: u8,
    /// Property filters that leave out test accounts.
    pub test_account_filters: String,
    /// Rules that make paths alike.
    pub path_cleaning_filters: String,
    /// Properties that a person is named by; none for the usual ones.
    pub person_display_name_properties: Option<String>,
    /// Which properties person filters compare, as the API names it.
    pub persons_on_events_mode: String,
    /// Whether client addresses are dropped.
    pub anonymize_ips: bool,
    /// For how many days events are kept; none is for ever.
    pub retention_days: Option<u32>,
    /// Events that arrive more seconds than that after they happened are dropped; none and 0 drop none.
    pub drop_older_than_seconds: Option<i64>,
    /// Whether visitors without cookies are taken, under an id that lasts for a day.
    pub takes_cookieless: bool,
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

/// Projects by their token.
#[derive(Debug, Default)]
pub(crate) struct ProjectCache {
    by_token: HashMap<String, Arc<Project>>,
    /// Counts the times one was forgotten.
    forgotten: u64,
}

const PROJECT_COLUMNS: &str =
    "id, uuid, organization, api_token, name, timezone, ingested_event, created_at, week_start_day, test_account_filters,
     path_cleaning_filters, person_display_name_properties, persons_on_events_mode, anonymize_ips, retention_days,
     drop_older_than_seconds, cookieless_mode";

fn project(row: &Row<'_>) -> rusqlite::Result<Project> {
    Ok(Project {
        id: ProjectId(row.get(0)?),
        uuid: row.get(1)?,
        organization: row.get(2)?,
        api_token: row.get(3)?,
        name: row.get(4)?,
        timezone: row.get(5)?,
        ingested_event: row.get(6)?,
        created_at: Timestamp::from_micros(row.get(7)?),
        settings: ProjectSettings {
            week_start_day: row.get(8)?,
            test_account_filters: row.get(9)?,
            path_cleaning_filters: row.get(10)?,
            person_display_name_properties: row.get(11)?,
            persons_on_events_mode: row.get(12)?,
            anonymize_ips: row.get(13)?,
            retention_days: row.get(14)?,
            drop_older_than_seconds: row.get(15)?,
            takes_cookieless: row.get::<_, i64>(16)? != 0,
        },
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
            insert_organization(tx, organization, "Default organization", now)?;
            let new = NewProject { organization, name: "Default project".to_owned(), timezone: "UTC".to_owned() };
            let project = insert_project(tx, &new, &token, now, random)?;
            let user = insert_user(tx, organization, "Owner", "owner@localhost", now, random)?;
            tx.execute("UPDATE users SET current_project = $1 WHERE id = $2", params![project.id.0, user])?;
            let new = NewKey { label: "First key".to_owned(), scopes: vec!["*".to_owned()], ..NewKey::default() };
            insert_key(tx, user, &new, &key, now, random)?;
            Ok(Some(Created { project_token: token, personal_api_key: key }))
        })
    }

    /// The project that owns a token. Known tokens are answered from memory.
    pub fn project_by_token(&self, token: &str) -> Result<Option<Project>, MetaError> {
        let forgotten = {
            let known = self.projects.read();
            if let Some(project) = known.by_token.get(token) {
                return Ok(Some(Project::clone(project)));
            }
            known.forgotten
        };
        let found = self.read(|c| {
            let sql = format!("SELECT {PROJECT_COLUMNS} FROM projects WHERE api_token = $1");
            Ok(c.prepare_cached(&sql)?.query_row(params![token], project).optional()?)
        })?;
        if let Some(project) = &found {
            let mut known = self.projects.write();
            // A project that was changed since it was read must not be remembered as it was.
            if known.forgotten == forgotten {
                known.by_token.insert(token.to_owned(), Arc::new(project.clone()));
            }
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

    /// The projects of an organisation, oldest first.
    pub fn projects_in(&self, organization: Uuid) -> Result<Vec<Project>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {PROJECT_COLUMNS} FROM projects WHERE organization = $1 ORDER BY id");
            Ok(c.prepare_cached(&sql)?.query_map(params![organization], project)?.collect::<Result<_, _>>()?)
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

    /// Members of an organisation, oldest first.
    pub fn members(&self, organization: Uuid) -> Result<Vec<User>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {USER_COLUMNS} FROM users WHERE organization = $1 ORDER BY id");
            Ok(c.prepare_cached(&sql)?.query_map(params![organization], user)?.collect::<Result<_, _>>()?)
        })
    }

    /// A user.
    pub fn user(&self, id: i64) -> Result<Option<User>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {USER_COLUMNS} FROM users WHERE id = $1");
            Ok(c.prepare_cached(&sql)?.query_row(params![id], user).optional()?)
        })
    }

    /// Stores a user's names and current project.
    pub fn update_user(&self, user: &User) -> Result<(), MetaError> {
        self.write(|tx| {
            tx.prepare_cached("UPDATE users SET first_name = $1, last_name = $2, current_project = $3 WHERE id = $4")?
                .execute(params![user.first_name, user.last_name, user.current_project.map(|id| id.0), user.id])?;
            Ok::<_, MetaError>(())
        })?;
        self.keys.lock().forget();
        Ok(())
    }

    /// Creates an organisation with its first member.
    pub fn create_organization(
        &self,
        name: &str,
        owner_email: &str,
        now: Timestamp,
        random: &Random,
    ) -> Result<User, MetaError> {
        let organization = new_uuid(random);
        self.write(|tx| {
            insert_organization(tx, organization, name, now)?;
            let user = insert_user(tx, organization, "Owner", owner_email, now, random)?;
            let sql = format!("SELECT {USER_COLUMNS} FROM users WHERE id = $1");
            Ok(tx.query_row(&sql, params![user], self::user)?)
        })
    }

    /// Renames an organisation.
    pub fn rename_organization(&self, id: Uuid, name: &str) -> Result<(), MetaError> {
        self.write(|tx| {
            tx.execute("UPDATE organizations SET name = $1 WHERE id = $2", params![name, id])?;
            Ok(())
        })
    }

    /// Stores a project's name, time zone and settings. In force with the next request and the next batch of events.
    pub fn update_project(&self, project: &Project) -> Result<(), MetaError> {
        let settings = &project.settings;
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE projects SET name = $1, timezone = $2, week_start_day = $3, test_account_filters = $4,
                 path_cleaning_filters = $5, person_display_name_properties = $6, persons_on_events_mode = $7,
                 anonymize_ips = $8, retention_days = $9, drop_older_than_seconds = $10, cookieless_mode = $11
                 WHERE id = $12",
            )?
            .execute(params![
                project.name,
                project.timezone,
                settings.week_start_day,
                settings.test_account_filters,
                settings.path_cleaning_filters,
                settings.person_display_name_properties,
                settings.persons_on_events_mode,
                settings.anonymize_ips,
                settings.retention_days,
                settings.drop_older_than_seconds,
                settings.takes_cookieless,
                project.id.0
            ])?;
            Ok::<_, MetaError>(())
        })?;
        let mut known = self.projects.write();
        known.by_token.remove(&project.api_token);
        known.forgotten += 1;
        Ok(())
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

fn insert_organization(tx: &Transaction<'_>, id: Uuid, name: &str, now: Timestamp) -> Result<(), rusqlite::Error> {
    let sql = "INSERT INTO organizations (id, name, created_at) VALUES ($1, $2, $3)";
    tx.execute(sql, params![id, name, now.as_micros()]).map(drop)
}

/// Returns the row id.
fn insert_user(
    tx: &Transaction<'_>,
    organization: Uuid,
    first_name: &str,
    email: &str,
    now: Timestamp,
    random: &Random,
) -> Result<i64, rusqlite::Error> {
    tx.execute(
        "INSERT INTO users (uuid, distinct_id, first_name, last_name, email, is_staff, date_joined, organization)
         VALUES ($1, $2, $3, '', $4, $5, $6, $7)",
        params![new_uuid(random), new_uuid(random).to_string(), first_name, email, true, now.as_micros(), organization],
    )?;
    Ok(tx.last_insert_rowid())
}

const USER_COLUMNS: &str =
    "id, uuid, distinct_id, first_name, last_name, email, is_staff, date_joined, organization, current_project";

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    user_at(row, 0)
}

/// A user whose columns begin at `first`.
pub(crate) fn user_at(row: &Row<'_>, first: usize) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(first)?,
        uuid: row.get(first + 1)?,
        distinct_id: row.get(first + 2)?,
        first_name: row.get(first + 3)?,
        last_name: row.get(first + 4)?,
        email: row.get(first + 5)?,
        is_staff: row.get(first + 6)?,
        date_joined: Timestamp::from_micros(row.get(first + 7)?),
        organization: row.get(first + 8)?,
        current_project: row.get::<_, Option<i64>>(first + 9)?.map(ProjectId),
    })
}

pub(crate) fn new_uuid(random: &Random) -> Uuid {
    uuid::Builder::from_random_bytes(random.u128().to_le_bytes()).into_uuid()
}
