//! Actions: named conditions on events, made of steps.

use model::{ProjectId, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};

use crate::connection::Meta;
use crate::error::MetaError;

/// An action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Row id.
    pub id: i64,
    /// What the API can change.
    pub content: NewAction,
    /// User who made it.
    pub created_by: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An action to be, or what becomes of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewAction {
    /// Display name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// JSON list of texts.
    pub tags: String,
    /// JSON list of steps, as the API has them.
    pub steps: String,
    /// Kept for clients; nothing is posted.
    pub post_to_slack: bool,
    /// Kept for clients.
    pub slack_message_format: String,
    /// Whether it was deleted.
    pub deleted: bool,
    /// When it was pinned.
    pub pinned_at: Option<Timestamp>,
}

const COLUMNS: &str =
    "id, name, description, tags, steps, post_to_slack, slack_message_format, deleted, pinned_at, created_by,
     created_at, updated_at";

fn action(row: &Row<'_>) -> rusqlite::Result<Action> {
    Ok(Action {
        id: row.get(0)?,
        content: NewAction {
            name: row.get(1)?,
            description: row.get(2)?,
            tags: row.get(3)?,
            steps: row.get(4)?,
            post_to_slack: row.get(5)?,
            slack_message_format: row.get(6)?,
            deleted: row.get(7)?,
            pinned_at: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_micros),
        },
        created_by: row.get(9)?,
        created_at: Timestamp::from_micros(row.get(10)?),
        updated_at: Timestamp::from_micros(row.get(11)?),
    })
}

impl Meta {
    /// Creates an action.
    pub fn create_action(
        &self,
        project: ProjectId,
        new: &NewAction,
        created_by: Option<i64>,
        now: Timestamp,
    ) -> Result<Action, MetaError> {
        self.write(|tx| {
            let sql = format!(
                "INSERT INTO actions (project, name, description, tags, steps, post_to_slack, slack_message_format, deleted,
                 pinned_at, created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
                 RETURNING {COLUMNS}"
            );
            let values = params![
                project.0,
                new.name,
                new.description,
                new.tags,
                new.steps,
                new.post_to_slack,
                new.slack_message_format,
                new.deleted,
                new.pinned_at.map(Timestamp::as_micros),
                created_by,
                now.as_micros()
            ];
            Ok(tx.prepare_cached(&sql)?.query_row(values, action)?)
        })
    }

    /// Stores a changed action; none when there is no such action.
    pub fn update_action(
        &self,
        project: ProjectId,
        id: i64,
        new: &NewAction,
        now: Timestamp,
    ) -> Result<Option<Action>, MetaError> {
        self.write(|tx| {
            let sql = format!(
                "UPDATE actions SET name = $1, description = $2, tags = $3, steps = $4, post_to_slack = $5,
                 slack_message_format = $6, deleted = $7, pinned_at = $8, updated_at = $9
                 WHERE project = $10 AND id = $11 RETURNING {COLUMNS}"
            );
            let values = params![
                new.name,
                new.description,
                new.tags,
                new.steps,
                new.post_to_slack,
                new.slack_message_format,
                new.deleted,
                new.pinned_at.map(Timestamp::as_micros),
                now.as_micros(),
                project.0,
                id
            ];
            Ok(tx.prepare_cached(&sql)?.query_row(values, action).optional()?)
        })
    }

    /// An action, also a deleted one.
    pub fn action(&self, project: ProjectId, id: i64) -> Result<Option<Action>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM actions WHERE project = $1 AND id = $2");
            Ok(c.prepare_cached(&sql)?.query_row(params![project.0, id], action).optional()?)
        })
    }

    /// Actions that are not deleted, by name.
    pub fn actions(&self, project: ProjectId) -> Result<Vec<Action>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM actions WHERE project = $1 AND NOT deleted ORDER BY name, id");
            Ok(c.prepare_cached(&sql)?.query_map(params![project.0], action)?.collect::<Result<_, _>>()?)
        })
    }
}
