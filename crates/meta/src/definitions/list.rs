//! Definitions as people see them: listed, searched, described, hidden, deleted.

use model::{ProjectId, Timestamp};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, Row, ToSql, params, params_from_iter};
use uuid::Uuid;

use super::{PropertyKind, PropertyType};
use crate::connection::Meta;
use crate::error::MetaError;

/// The definition of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDefinition {
    /// Public id.
    pub id: Uuid,
    /// Of the event.
    pub name: String,
    /// When it first came.
    pub created_at: Timestamp,
    /// When it came last, to the hour; none if it was made by hand and never came.
    pub last_seen_at: Option<Timestamp>,
    /// What people say about it.
    pub about: About,
    /// What happens to events that do not match their schema: `allow`, `reject`.
    pub enforcement_mode: String,
    /// The property that says most about it.
    pub primary_property: Option<String>,
}

/// The definition of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyDefinition {
    /// Public id.
    pub id: Uuid,
    /// Of the property.
    pub name: String,
    /// What it holds, if that is known.
    pub property_type: Option<PropertyType>,
    /// When it first came, to the hour.
    pub created_at: Timestamp,
    /// When it came last, to the hour.
    pub last_seen_at: Timestamp,
    /// What people say about it.
    pub about: About,
    /// Whether one of the events that were asked about has it; none if none were.
    pub seen_on_events: Option<bool>,
}

/// What people say about a definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// In words.
    pub description: String,
    /// A JSON list of texts.
    pub tags: String,
    /// Whether somebody vouches for it.
    pub verified: bool,
    /// Whether it is left out where it would be in the way.
    pub hidden: bool,
    /// When that was said.
    pub updated_at: Option<Timestamp>,
    /// By which user.
    pub updated_by: Option<i64>,
}

/// Which names an event may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventNames {
    /// Any.
    #[default]
    All,
    /// Those that projects choose.
    Custom,
    /// Those of PostHog's libraries, which start with `$`.
    PostHog,
}

/// How event definitions are ordered; within equals by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventOrder {
    /// The one that came last first.
    #[default]
    LastSeen,
    /// The one that came last, last.
    LastSeenAscending,
    /// The newest first.
    Created,
    /// The oldest first.
    CreatedAscending,
    /// By name.
    Name,
    /// By name, backwards.
    NameDescending,
}

/// Which event definitions are asked for.
#[derive(Debug, Clone, Default)]
pub struct EventDefinitionQuery {
    /// All of these are part of the name, whatever their case.
    pub search: Vec<String>,
    /// The name is one of these, if there are any.
    pub names: Vec<String>,
    /// Kind of name.
    pub kind: EventNames,
    /// Tagged with one of these, if there are any.
    pub tags: Vec<String>,
    /// Those that did not come since then are left out.
    pub seen_since: Option<Timestamp>,
    /// Those that are hidden are left out.
    pub without_hidden: bool,
    /// Order.
    pub order: EventOrder,
    /// How many at most.
    pub limit: usize,
    /// How many are passed over.
    pub offset: usize,
}

/// Which property definitions are asked for.
#[derive(Debug, Clone)]
pub struct PropertyDefinitionQuery {
    /// Of what.
    pub kind: PropertyKind,
    /// All of these are part of the name, whatever their case.
    pub search: Vec<String>,
    /// The name is one of these, if there are any.
    pub names: Vec<String>,
    /// The name is none of these.
    pub excluded: Vec<String>,
    /// Only numbers, or everything but numbers.
    pub numerical: Option<bool>,
    /// Only feature flags, or everything but them.
    pub feature_flag: Option<bool>,
    /// Names with `$` are left out.
    pub without_core: bool,
    /// Those that are hidden are left out.
    pub without_hidden: bool,
    /// Events of which is told whether they have the property.
    pub event_names: Vec<String>,
    /// Properties that none of these events has are left out.
    pub only_on_events: bool,
    /// How many at most.
    pub limit: usize,
    /// How many are passed over.
    pub offset: usize,
}

impl PropertyDefinitionQuery {
    /// All properties of a kind.
    #[must_use]
    pub fn all(kind: PropertyKind, limit: usize) -> Self {
        Self {
            kind,
            search: Vec::new(),
            names: Vec::new(),
            excluded: Vec::new(),
            numerical: None,
            feature_flag: None,
            without_core: false,
            without_hidden: false,
            event_names: Vec::new(),
            only_on_events: false,
            limit,
            offset: 0,
        }
    }
}

/// Conditions and what they are about.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition in which `?` stands for `value`.
    fn with(&mut self, sql: &str, value: impl Into<Value>) {
        self.plain(sql);
        self.values.push(value.into());
    }

    fn plain(&mut self, sql: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
    }

    fn search(&mut self, terms: &[String]) {
        for term in terms {
            self.with("instr(lower(d.name), lower(?)) > 0", term.clone());
        }
    }

    fn one_of(&mut self, sql: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.with(sql, list(texts));
        }
    }
}

/// Texts as JSON, which SQLite takes apart again.
fn list(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}

const EVENT_COLUMNS: &str =
    "d.id, d.name, d.created_at, d.last_seen_at, d.description, d.tags, d.verified, d.hidden, d.updated_at,
     d.updated_by, d.enforcement_mode, d.primary_property";
const PROPERTY_COLUMNS: &str =
    "d.id, d.name, d.created_at, d.last_seen_at, d.description, d.tags, d.verified, d.hidden, d.updated_at,
     d.updated_by, d.property_type";

fn about(row: &Row<'_>) -> rusqlite::Result<About> {
    Ok(About {
        description: row.get(4)?,
        tags: row.get(5)?,
        verified: row.get(6)?,
        hidden: row.get(7)?,
        updated_at: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_micros),
        updated_by: row.get(9)?,
    })
}

fn event(row: &Row<'_>) -> rusqlite::Result<EventDefinition> {
    let created_at = Timestamp::from_micros(row.get(2)?);
    Ok(EventDefinition {
        id: public_id(row.get(0)?, created_at),
        name: row.get(1)?,
        created_at,
        last_seen_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_micros),
        about: about(row)?,
        enforcement_mode: row.get(10)?,
        primary_property: row.get(11)?,
    })
}

fn property(row: &Row<'_>) -> rusqlite::Result<PropertyDefinition> {
    let created_at = Timestamp::from_micros(row.get(2)?);
    Ok(PropertyDefinition {
        id: public_id(row.get(0)?, created_at),
        name: row.get(1)?,
        property_type: row.get::<_, Option<String>>(10)?.and_then(|name| PropertyType::from_name(&name)),
        created_at,
        last_seen_at: Timestamp::from_micros(row.get(3)?),
        about: about(row)?,
        seen_on_events: row.get(11)?,
    })
}

/// The public id of a row: a UUID of version 7 whose random part is its number. Nothing about definitions is secret, and an id of
/// a row that was deleted is not that of a later one with the same number.
fn public_id(row: i64, created_at: Timestamp) -> Uuid {
    let millis = u64::try_from(created_at.as_millis()).unwrap_or_default();
    let number = u64::try_from(row).unwrap_or_default().to_be_bytes();
    let mut random = [0; 10];
    random.iter_mut().skip(2).zip(number).for_each(|(to, from)| *to = from);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The row that may have a public id. That it has is to be checked.
fn row_of(id: Uuid) -> i64 {
    // The first two bits say which variant of UUID it is.
    i64::try_from(id.as_u128() & ((1 << 62) - 1)).unwrap_or_default()
}

impl Meta {
    /// Definitions of events, and how many there are on all pages.
    pub fn event_definitions(
        &self,
        project: ProjectId,
        query: &EventDefinitionQuery,
    ) -> Result<(Vec<EventDefinition>, usize), MetaError> {
        let mut conditions = Conditions::default();
        conditions.search(&query.search);
        conditions.one_of("d.name IN (SELECT value FROM json_each(?))", &query.names);
        conditions.one_of(
            "EXISTS (SELECT 1 FROM json_each(d.tags) t WHERE t.value IN (SELECT value FROM json_each(?)))",
            &query.tags,
        );
        match query.kind {
            EventNames::All => {}
            EventNames::Custom => conditions.plain("substr(d.name, 1, 1) <> '$'"),
            EventNames::PostHog => conditions.plain("substr(d.name, 1, 1) = '$'"),
        }
        if let Some(since) = query.seen_since {
            conditions.with("COALESCE(d.last_seen_at, d.created_at) >= ?", since.as_micros());
        }
        if query.without_hidden {
            conditions.plain("NOT d.hidden");
        }
        let order = match query.order {
            EventOrder::LastSeen => "d.last_seen_at DESC, d.name",
            EventOrder::LastSeenAscending => "d.last_seen_at, d.name",
            EventOrder::Created => "d.created_at DESC, d.name",
            EventOrder::CreatedAscending => "d.created_at, d.name",
            EventOrder::Name => "d.name",
            EventOrder::NameDescending => "d.name DESC",
        };
        let from = format!("FROM event_definitions d WHERE d.project = ?{}", conditions.sql);
        let page = Page { columns: EVENT_COLUMNS, from, order, limit: query.limit, offset: query.offset };
        self.page(project, &page, &[], conditions.values, event)
    }

    /// Definitions of properties, and how many there are on all pages.
    pub fn property_definitions(
        &self,
        project: ProjectId,
        query: &PropertyDefinitionQuery,
    ) -> Result<(Vec<PropertyDefinition>, usize), MetaError> {
        // Asked for each row; the events of one question are few.
        const ON_EVENTS: &str = "EXISTS (SELECT 1 FROM event_properties ep JOIN event_definitions e ON e.id = ep.event
             WHERE ep.property = d.id AND e.project = d.project AND e.name IN (SELECT value FROM json_each(?)))";
        let (kind, group) = query.kind.codes();
        let mut conditions = Conditions::default();
        conditions.with("d.kind = ?", kind);
        conditions.with("d.group_index = ?", group);
        conditions.search(&query.search);
        conditions.one_of("d.name IN (SELECT value FROM json_each(?))", &query.names);
        conditions.one_of("d.name NOT IN (SELECT value FROM json_each(?))", &query.excluded);
        match query.numerical {
            None => {}
            Some(true) => conditions.plain("d.property_type = 'Numeric'"),
            Some(false) => conditions.plain("d.property_type IS NOT 'Numeric'"),
        }
        match query.feature_flag {
            None => {}
            Some(true) => conditions.plain("substr(d.name, 1, 9) = '$feature/'"),
            Some(false) => conditions.plain("substr(d.name, 1, 9) <> '$feature/'"),
        }
        if query.without_core {
            conditions.plain("substr(d.name, 1, 1) <> '$'");
        }
        if query.without_hidden {
            conditions.plain("NOT d.hidden");
        }
        if query.only_on_events {
            conditions.with(ON_EVENTS, list(&query.event_names));
        }
        let asked = !query.event_names.is_empty();
        let seen: Vec<Value> = if asked { vec![list(&query.event_names).into()] } else { Vec::new() };
        let columns = format!("{PROPERTY_COLUMNS}, {}", if asked { ON_EVENTS } else { "NULL" });
        let from = format!("FROM property_definitions d WHERE d.project = ?{}", conditions.sql);
        // What was seen on the events in question first.
        let order = if asked { "12 DESC, d.name" } else { "d.name" };
        let page = Page { columns: &columns, from, order, limit: query.limit, offset: query.offset };
        self.page(project, &page, &seen, conditions.values, property)
    }

    fn page<T>(
        &self,
        project: ProjectId,
        page: &Page<'_>,
        of_columns: &[Value],
        of_conditions: Vec<Value>,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<(Vec<T>, usize), MetaError> {
        let conditions: Vec<Value> = std::iter::once(project.0.into()).chain(of_conditions).collect();
        self.read(|c| {
            let sql = format!("SELECT COUNT(*) {}", page.from);
            let count = c.prepare(&sql)?.query_row(params_from_iter(&conditions), |row| row.get(0))?;
            let Page { columns, from, order, limit, offset } = page;
            let sql = format!("SELECT {columns} {from} ORDER BY {order} LIMIT {limit} OFFSET {offset}");
            let mut statement = c.prepare(&sql)?;
            let values = of_columns.iter().chain(&conditions);
            let rows = statement.query_map(params_from_iter(values), read)?.collect::<Result<_, _>>()?;
            Ok((rows, count))
        })
    }

    /// The definition of an event.
    pub fn event_definition(&self, project: ProjectId, id: Uuid) -> Result<Option<EventDefinition>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {EVENT_COLUMNS} FROM event_definitions d WHERE d.project = $1 AND d.id = $2");
            let found = c.prepare_cached(&sql)?.query_row(params![project.0, row_of(id)], event).optional()?;
            Ok(found.filter(|found| found.id == id))
        })
    }

    /// The definition of the event with this name.
    pub fn event_definition_by_name(
        &self,
        project: ProjectId,
        name: &str,
    ) -> Result<Option<EventDefinition>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {EVENT_COLUMNS} FROM event_definitions d WHERE d.project = $1 AND d.name = $2");
            Ok(c.prepare_cached(&sql)?.query_row(params![project.0, name], event).optional()?)
        })
    }

    /// The definition of a property.
    pub fn property_definition(&self, project: ProjectId, id: Uuid) -> Result<Option<PropertyDefinition>, MetaError> {
        self.read(|c| {
            let sql = format!(
                "SELECT {PROPERTY_COLUMNS}, NULL FROM property_definitions d WHERE d.project = $1 AND d.id = $2"
            );
            let found = c.prepare_cached(&sql)?.query_row(params![project.0, row_of(id)], property).optional()?;
            Ok(found.filter(|found| found.id == id))
        })
    }

    /// Makes a definition by hand; none if the name is taken.
    pub fn create_event_definition(
        &self,
        project: ProjectId,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<EventDefinition>, MetaError> {
        self.write(|tx| {
            let sql = "INSERT OR IGNORE INTO event_definitions (project, name, created_at) VALUES ($1, $2, $3)";
            if tx.execute(sql, params![project.0, name, now.as_micros()])? == 0 {
                return Ok(None);
            }
            let sql = format!("SELECT {EVENT_COLUMNS} FROM event_definitions d WHERE d.id = $1");
            Ok(Some(tx.query_row(&sql, params![tx.last_insert_rowid()], event)?))
        })
    }

    /// Stores what people say about an event.
    pub fn update_event_definition(&self, project: ProjectId, new: &EventDefinition) -> Result<(), MetaError> {
        let about = &new.about;
        self.write(|tx| {
            tx.execute(
                "UPDATE event_definitions SET description = $1, tags = $2, verified = $3, hidden = $4, updated_at = $5,
                 updated_by = $6, enforcement_mode = $7, primary_property = $8 WHERE project = $9 AND id = $10",
                params![
                    about.description,
                    about.tags,
                    about.verified,
                    about.hidden,
                    about.updated_at.map(Timestamp::as_micros),
                    about.updated_by,
                    new.enforcement_mode,
                    new.primary_property,
                    project.0,
                    row_of(new.id)
                ],
            )?;
            Ok(())
        })
    }

    /// Stores what people say about a property, and its type.
    pub fn update_property_definition(&self, project: ProjectId, new: &PropertyDefinition) -> Result<(), MetaError> {
        let about = &new.about;
        self.write(|tx| {
            tx.execute(
                "UPDATE property_definitions SET description = $1, tags = $2, verified = $3, hidden = $4, updated_at = $5,
                 updated_by = $6, property_type = $7 WHERE project = $8 AND id = $9",
                params![
                    about.description,
                    about.tags,
                    about.verified,
                    about.hidden,
                    about.updated_at.map(Timestamp::as_micros),
                    about.updated_by,
                    new.property_type,
                    project.0,
                    row_of(new.id)
                ],
            )?;
            Ok(())
        })
    }

    /// Deletes the definition of an event. It comes back with the next event of that name.
    pub fn delete_event_definition(&self, project: ProjectId, id: Uuid) -> Result<(), MetaError> {
        self.delete(project, id, ["event_definitions", "event"])
    }

    /// Deletes the definition of a property. It comes back with the next event that has it.
    pub fn delete_property_definition(&self, project: ProjectId, id: Uuid) -> Result<(), MetaError> {
        self.delete(project, id, ["property_definitions", "property"])
    }

    fn delete(&self, project: ProjectId, id: Uuid, [table, column]: [&str; 2]) -> Result<(), MetaError> {
        let row = row_of(id);
        let values: [&dyn ToSql; 2] = [&project.0, &row];
        self.write(|tx| {
            if tx.execute(&format!("DELETE FROM {table} WHERE project = $1 AND id = $2"), values)? > 0 {
                tx.execute(&format!("DELETE FROM event_properties WHERE {column} = $1"), params![row])?;
                self.note_deleted_definition();
            }
            Ok(())
        })
    }
}

/// A page of a list.
struct Page<'a> {
    columns: &'a str,
    from: String,
    order: &'a str,
    limit: usize,
    offset: usize,
}
