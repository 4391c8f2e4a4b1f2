//! Which events and properties a project has: kept up by ingestion, described and hidden by people.

mod list;

use std::fmt;

use model::{ProjectId, Timestamp};
use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{OptionalExtension as _, params};

use crate::error::MetaError;
use crate::ingestion::IngestTx;

pub use list::{
    About, EventDefinition, EventDefinitionQuery, EventNames, EventOrder, PropertyDefinition, PropertyDefinitionQuery,
};

/// What a property belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PropertyKind {
    /// Events.
    Event,
    /// Persons.
    Person,
    /// Groups of the type with this index.
    Group(u8),
}

impl PropertyKind {
    /// Properties of the groups of a type.
    #[must_use]
    pub fn group(index: usize) -> Option<Self> {
        u8::try_from(index).ok().map(Self::Group)
    }

    /// As the database has it: kind and group index.
    pub(crate) fn codes(self) -> (i64, i64) {
        match self {
            Self::Event => (1, -1),
            Self::Person => (2, -1),
            Self::Group(index) => (3, i64::from(index)),
        }
    }
}

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PropertyType {
    /// Text.
    String,
    /// Numbers.
    Numeric,
    /// True and false, perhaps as text.
    Boolean,
    /// Instants and dates.
    DateTime,
    /// Never found, but can be chosen.
    Duration,
}

impl PropertyType {
    /// PostHog's name for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Numeric => "Numeric",
            Self::Boolean => "Boolean",
            Self::DateTime => "DateTime",
            Self::Duration => "Duration",
        }
    }

    /// The type called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::String, Self::Numeric, Self::Boolean, Self::DateTime, Self::Duration]
            .into_iter()
            .find(|known| known.as_str() == name)
    }
}

impl fmt::Display for PropertyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ToSql for PropertyType {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

/// A property's definition as ingestion finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenProperty {
    /// Its row.
    pub id: i64,
    /// Whether its type is known by now.
    pub has_type: bool,
    /// Whether it was not there before.
    pub is_new: bool,
}

impl IngestTx<'_> {
    /// How many definitions a project has, of events and of properties.
    pub fn count_definitions(&mut self, project: ProjectId) -> Result<(usize, usize), MetaError> {
        let count = |table: &str| {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE project = $1");
            self.transaction().prepare_cached(&sql)?.query_row(params![project.0], |row| row.get(0))
        };
        Ok((count("event_definitions")?, count("property_definitions")?))
    }

    /// An event with this name came. Gives the row of its definition, and whether it is new; none if there is none and no
    /// `room` for one.
    pub fn see_event_definition(
        &mut self,
        project: ProjectId,
        name: &str,
        hour: Timestamp,
        now: Timestamp,
        room: bool,
    ) -> Result<Option<(i64, bool)>, MetaError> {
        let tx = self.transaction();
        let known = tx
            .prepare_cached(
                "UPDATE event_definitions SET last_seen_at = MAX(COALESCE(last_seen_at, $1), $1)
                 WHERE project = $2 AND name = $3 RETURNING id",
            )?
            .query_row(params![hour.as_micros(), project.0, name], |row| row.get(0))
            .optional()?;
        if known.is_some() || !room {
            return Ok(known.map(|id| (id, false)));
        }
        tx.prepare_cached(
            "INSERT INTO event_definitions (project, name, created_at, last_seen_at) VALUES ($1, $2, $3, $4)",
        )?
        .execute(params![project.0, name, now.as_micros(), hour.as_micros()])?;
        Ok(Some((tx.last_insert_rowid(), true)))
    }

    /// A property with this name came, and perhaps told its type; the first type sticks. None if there is no definition and no
    /// `room` for one.
    pub fn see_property_definition(
        &mut self,
        project: ProjectId,
        kind: PropertyKind,
        name: &str,
        found: Option<PropertyType>,
        hour: Timestamp,
        room: bool,
    ) -> Result<Option<SeenProperty>, MetaError> {
        let (kind, group) = kind.codes();
        let tx = self.transaction();
        let known = tx
            .prepare_cached(
                "UPDATE property_definitions SET last_seen_at = MAX(last_seen_at, $1),
                 property_type = COALESCE(property_type, $2)
                 WHERE project = $3 AND kind = $4 AND group_index = $5 AND name = $6
                 RETURNING id, property_type IS NOT NULL",
            )?
            .query_row(params![hour.as_micros(), found, project.0, kind, group, name], |row| {
                Ok(SeenProperty { id: row.get(0)?, has_type: row.get(1)?, is_new: false })
            })
            .optional()?;
        if known.is_some() || !room {
            return Ok(known);
        }
        tx.prepare_cached(
            "INSERT INTO property_definitions (project, kind, group_index, name, property_type, created_at, last_seen_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6)",
        )?
        .execute(params![project.0, kind, group, name, found, hour.as_micros()])?;
        Ok(Some(SeenProperty { id: tx.last_insert_rowid(), has_type: found.is_some(), is_new: true }))
    }

    /// An event came with a property, both named by the rows of their definitions.
    pub fn see_event_property(&mut self, event: i64, property: i64) -> Result<(), MetaError> {
        self.transaction()
            .prepare_cached("INSERT OR IGNORE INTO event_properties (event, property) VALUES ($1, $2)")?
            .execute(params![event, property])?;
        Ok(())
    }
}
