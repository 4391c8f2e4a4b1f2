//! Group types and groups as the API reads and names them.

use model::{ProjectId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::connection::Meta;
use crate::error::MetaError;
use crate::persons::Visit;

/// A kind of group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupType {
    /// As events name it.
    pub name: String,
    /// Its place in events.
    pub index: usize,
    /// What one of them is called.
    pub name_singular: Option<String>,
    /// What several are called.
    pub name_plural: Option<String>,
    /// When it was first seen.
    pub created_at: Timestamp,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Which kind.
    pub index: usize,
    /// What events name it by.
    pub key: String,
    /// JSON object.
    pub properties: String,
    /// When it first appeared.
    pub created_at: Timestamp,
}

/// Which groups to list: newest first, then by key.
#[derive(Debug, Clone, Default)]
pub struct GroupQuery {
    /// Of this kind.
    pub index: usize,
    /// With this text in their key, whatever its case.
    pub key_contains: Option<String>,
    /// With this text in their key or properties, whatever its case.
    pub search: Option<String>,
    /// Behind this one.
    pub after: Option<(Timestamp, String)>,
    /// Rows at most.
    pub limit: usize,
}

const COLUMNS: &str = "type_index, key, properties, created_at";
/// Groups read at once by a scan.
const SCAN_PAGE: i64 = 2_000;

fn group(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        index: row.get(0)?,
        key: row.get(1)?,
        properties: row.get(2)?,
        created_at: Timestamp::from_micros(row.get(3)?),
    })
}

fn pattern(text: &str) -> String {
    format!("%{}%", text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_"))
}

impl Meta {
    /// The kinds of groups a project has, in order.
    pub fn group_types(&self, project: ProjectId) -> Result<Vec<GroupType>, MetaError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT name, type_index, name_singular, name_plural, created_at FROM group_types
                 WHERE project = $1 ORDER BY type_index",
            )?;
            let types = statement.query_map(params![project.0], |row| {
                Ok(GroupType {
                    name: row.get(0)?,
                    index: row.get(1)?,
                    name_singular: row.get(2)?,
                    name_plural: row.get(3)?,
                    created_at: Timestamp::from_micros(row.get(4)?),
                })
            })?;
            Ok(types.collect::<Result<_, _>>()?)
        })
    }

    /// Gives kinds of groups their display names; kinds that do not exist are passed over.
    pub fn name_group_types(
        &self,
        project: ProjectId,
        names: &[(usize, Option<String>, Option<String>)],
    ) -> Result<(), MetaError> {
        self.write(|tx| {
            for (index, singular, plural) in names {
                tx.prepare_cached(
                    "UPDATE group_types SET name_singular = $1, name_plural = $2 WHERE project = $3 AND type_index = $4",
                )?
                .execute(params![singular, plural, project.0, index])?;
            }
            Ok(())
        })
    }

    /// One group.
    pub fn group(&self, project: ProjectId, index: usize, key: &str) -> Result<Option<Group>, MetaError> {
        self.read(|c| find(c, project, index, key))
    }

    /// Groups, newest first, and whether more follow.
    pub fn list_groups(&self, project: ProjectId, query: &GroupQuery) -> Result<(Vec<Group>, bool), MetaError> {
        self.read(|c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM groups WHERE project = $1 AND type_index = $2
                 AND ($3 IS NULL OR LOWER(key) LIKE $3 ESCAPE '!')
                 AND ($4 IS NULL OR LOWER(key) LIKE $4 ESCAPE '!' OR LOWER(properties) LIKE $4 ESCAPE '!')
                 AND ($5 IS NULL OR created_at < $5 OR (created_at = $5 AND key > $6))
                 ORDER BY created_at DESC, key LIMIT $7"
            );
            let limit = i64::try_from(query.limit).unwrap_or(i64::MAX - 1);
            let values = params![
                project.0,
                query.index,
                query.key_contains.as_deref().map(pattern),
                query.search.as_deref().map(pattern),
                query.after.as_ref().map(|(at, _)| at.as_micros()),
                query.after.as_ref().map(|(_, key)| key.as_str()),
                limit + 1
            ];
            let mut groups: Vec<Group> = c.prepare_cached(&sql)?.query_map(values, group)?.collect::<Result<_, _>>()?;
            let more = groups.len() > query.limit;
            groups.truncate(query.limit);
            Ok((groups, more))
        })
    }

    /// Reads every group of a kind, or of all kinds, in bounded pages, until `visit` says that it has seen enough.
    pub fn scan_groups(
        &self,
        project: ProjectId,
        index: Option<usize>,
        mut visit: impl FnMut(&Group) -> Visit,
    ) -> Result<(), MetaError> {
        let mut after: Option<(usize, String)> = None;
        loop {
            let page = self.read(|c| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM groups WHERE project = $1 AND ($2 IS NULL OR type_index = $2)
                     AND ($3 IS NULL OR (type_index, key) > ($3, $4)) ORDER BY type_index, key LIMIT $5"
                );
                let (at, key) = after.as_ref().map_or((None, None), |(at, key)| (Some(*at), Some(key.as_str())));
                let values = params![project.0, index, at, key, SCAN_PAGE];
                Ok(c.prepare_cached(&sql)?.query_map(values, group)?.collect::<Result<Vec<_>, _>>()?)
            })?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.index, last.key.clone()));
            if page.iter().any(|group| visit(group) == Visit::Enough) {
                return Ok(());
            }
        }
    }

    /// Replaces a group's properties by what `change` makes of them; false when there is no such group.
    pub fn change_group<E: From<MetaError>>(
        &self,
        project: ProjectId,
        index: usize,
        key: &str,
        change: impl FnOnce(&str) -> Result<String, E>,
    ) -> Result<bool, E> {
        self.write_for(|tx| {
            let Some(found) = find(tx, project, index, key)? else { return Ok(false) };
            let changed = change(&found.properties)?;
            tx.prepare_cached("UPDATE groups SET properties = $1 WHERE project = $2 AND type_index = $3 AND key = $4")
                .and_then(|mut update| update.execute(params![changed, project.0, index, key]))
                .map_err(MetaError::from)?;
            Ok(true)
        })
    }
}

fn find(connection: &Connection, project: ProjectId, index: usize, key: &str) -> Result<Option<Group>, MetaError> {
    let sql = format!("SELECT {COLUMNS} FROM groups WHERE project = $1 AND type_index = $2 AND key = $3");
    Ok(connection.prepare_cached(&sql)?.query_row(params![project.0, index, key], group).optional()?)
}
