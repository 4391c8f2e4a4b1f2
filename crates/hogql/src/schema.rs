//! The tables of HogQL and their fields.
//!
//! A field is either a stored column, which a back-end provides under the same name, or a way to get there: another path, an
//! expression over the same row, or a table that is joined once somebody uses it.

use crate::resolved::Table;
use crate::types::{Base, Name, Type};

/// A table.
#[derive(Debug)]
pub(crate) struct TableSchema {
    pub(crate) table: Table,
    pub(crate) fields: &'static [Field],
}

/// A field of a table.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: FieldKind,
    /// Left out of `*`.
    pub(crate) hidden: bool,
}

/// What a field is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldKind {
    /// A stored column.
    Column(Stored),
    /// A stored JSON document.
    Document(Owner),
    /// The number of the project.
    TeamId,
    /// An expression in HogQL over the same row.
    Macro(&'static str),
    /// The person of an event.
    EventPerson,
    /// The id of the person of an event.
    EventPersonId,
    /// Columns of the person as stored on the event.
    PersonOnEvent,
    /// A table joined by a column of ours to a column of its own.
    Lazy(Lazy),
    /// The group of one type, by index.
    Group(u8),
    /// The session of an event.
    Session,
}

/// The type of a stored column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stored {
    Text,
    Uuid,
    Instant,
    UInt8,
    Int8,
    Int64,
    Bool,
}

/// Whose properties a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Event,
    Person,
    /// Groups; the index is known where the table was joined for one.
    Group(Option<u8>),
}

impl Owner {
    /// As it is shown before "property".
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Event => "Event",
            Self::Person => "Person",
            Self::Group(_) => "Group",
        }
    }
}

/// How a table is joined.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lazy {
    pub(crate) ours: &'static str,
    pub(crate) table: Table,
    pub(crate) theirs: &'static str,
}

impl Stored {
    pub(crate) fn ty(self, zone: &Name) -> Type {
        Type::new(match self {
            Self::Text => Base::String,
            Self::Uuid => Base::Uuid,
            Self::Instant => return Type::timestamp(zone),
            Self::UInt8 => Base::UInt8,
            Self::Int8 => Base::Int8,
            Self::Int64 => Base::Int64,
            Self::Bool => Base::Bool,
        })
    }
}

const fn column(name: &'static str, stored: Stored) -> Field {
    Field { name, kind: FieldKind::Column(stored), hidden: false }
}

const fn field(name: &'static str, kind: FieldKind) -> Field {
    Field { name, kind, hidden: false }
}

const fn hidden(name: &'static str, kind: FieldKind) -> Field {
    Field { name, kind, hidden: true }
}

const fn lazy(name: &'static str, ours: &'static str, table: Table, theirs: &'static str) -> Field {
    hidden(name, FieldKind::Lazy(Lazy { ours, table, theirs }))
}

use FieldKind::{Document, EventPerson, EventPersonId, Group, Macro, PersonOnEvent, Session, TeamId};
use Stored::{Bool, Instant, Int8, Int64, Text, UInt8, Uuid};

const EVENTS: &[Field] = &[
    column("uuid", Uuid),
    column("event", Text),
    field("properties", Document(Owner::Event)),
    column("timestamp", Instant),
    hidden("team_id", TeamId),
    column("distinct_id", Text),
    column("elements_chain", Text),
    column("created_at", Instant),
    field("$session_id", Macro("ifNull(properties.$session_id, '')")),
    field("$window_id", Macro("ifNull(properties.$window_id, '')")),
    column("person_mode", Text),
    column("$group_0", Text),
    column("$group_1", Text),
    column("$group_2", Text),
    column("$group_3", Text),
    column("$group_4", Text),
    field("elements_chain_href", Macro(r#"extract(elements_chain, '(?::|")href="(.*?)"')"#)),
    field("elements_chain_texts", Macro(r#"arrayDistinct(extractAll(elements_chain, '(?::|")text="(.*?)"'))"#)),
    field("elements_chain_ids", Macro(r#"arrayDistinct(extractAll(elements_chain, '(?::|")attr_id="(.*?)"'))"#)),
    field(
        "elements_chain_elements",
        Macro(
            r"arrayDistinct(extractAll(elements_chain, '(?:^|;)(a|button|form|input|select|textarea|label)(?:\\.|$|:)'))",
        ),
    ),
    field("person_id", EventPersonId),
    hidden("person", EventPerson),
    lazy("pdi", "distinct_id", Table::PersonDistinctIds, "distinct_id"),
    hidden("poe", PersonOnEvent),
    hidden("group_0", Group(0)),
    hidden("group_1", Group(1)),
    hidden("group_2", Group(2)),
    hidden("group_3", Group(3)),
    hidden("group_4", Group(4)),
    hidden("goe_0", Group(0)),
    hidden("goe_1", Group(1)),
    hidden("goe_2", Group(2)),
    hidden("goe_3", Group(3)),
    hidden("goe_4", Group(4)),
    hidden("session", Session),
];

const PERSONS: &[Field] = &[
    column("id", Uuid),
    column("created_at", Instant),
    hidden("team_id", TeamId),
    field("properties", Document(Owner::Person)),
    column("is_identified", Bool),
    lazy("pdi", "id", Table::PersonDistinctIds, "person_id"),
];

const RAW_PERSONS: &[Field] = &[
    column("id", Uuid),
    column("created_at", Instant),
    hidden("team_id", TeamId),
    field("properties", Document(Owner::Person)),
    column("is_identified", Bool),
    column("is_deleted", Bool),
    column("version", Int64),
];

const DISTINCT_IDS: &[Field] = &[
    hidden("team_id", TeamId),
    column("distinct_id", Text),
    column("person_id", Uuid),
    lazy("person", "person_id", Table::Persons, "id"),
];

const RAW_DISTINCT_IDS: &[Field] = &[
    hidden("team_id", TeamId),
    column("distinct_id", Text),
    column("person_id", Uuid),
    column("is_deleted", Bool),
    column("version", Int64),
];

const GROUPS: &[Field] = &[
    column("index", UInt8),
    hidden("team_id", TeamId),
    column("key", Text),
    column("created_at", Instant),
    column("updated_at", Instant),
    field("properties", Document(Owner::Group(None))),
];

const COHORT_PEOPLE: &[Field] = &[
    column("person_id", Uuid),
    column("cohort_id", Int64),
    hidden("team_id", TeamId),
    lazy("person", "person_id", Table::Persons, "id"),
];

const RAW_COHORT_PEOPLE: &[Field] = &[
    column("person_id", Uuid),
    column("cohort_id", Int64),
    hidden("team_id", TeamId),
    column("sign", Int8),
    column("version", Int64),
    lazy("person", "person_id", Table::Persons, "id"),
];

static TABLES: [TableSchema; 12] = [
    TableSchema { table: Table::Events, fields: EVENTS },
    TableSchema { table: Table::Persons, fields: PERSONS },
    TableSchema { table: Table::RawPersons, fields: RAW_PERSONS },
    TableSchema { table: Table::PersonDistinctIds, fields: DISTINCT_IDS },
    TableSchema { table: Table::RawPersonDistinctIds, fields: RAW_DISTINCT_IDS },
    TableSchema { table: Table::PersonDistinctIdOverrides, fields: DISTINCT_IDS },
    TableSchema { table: Table::RawPersonDistinctIdOverrides, fields: RAW_DISTINCT_IDS },
    TableSchema { table: Table::Groups, fields: GROUPS },
    TableSchema { table: Table::RawGroups, fields: GROUPS },
    TableSchema { table: Table::CohortPeople, fields: COHORT_PEOPLE },
    TableSchema { table: Table::RawCohortPeople, fields: RAW_COHORT_PEOPLE },
    TableSchema { table: Table::StaticCohortPeople, fields: COHORT_PEOPLE },
];

/// The table called `name`.
pub(crate) fn find(name: &str) -> Option<&'static TableSchema> {
    TABLES.iter().find(|schema| schema.table.name() == name)
}

/// The schema of a table.
pub(crate) fn of(table: Table) -> &'static TableSchema {
    TABLES.iter().find(|schema| schema.table == table).unwrap_or(&TABLES[0])
}

/// The names of all tables, `sessions` included.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|schema| schema.table.name()).chain(["sessions"])
}

/// The stored columns of `table` and their types: what a back-end provides. `person_properties` of events is among them.
#[must_use]
pub fn columns(table: Table, zone: &Name) -> Vec<(&'static str, Type)> {
    let mut columns: Vec<_> = of(table)
        .fields
        .iter()
        .filter_map(|field| match field.kind {
            FieldKind::Column(stored) => Some((field.name, stored.ty(zone))),
            Document(_) => Some((field.name, Type::string())),
            EventPersonId => Some((field.name, Base::Uuid.into())),
            _ => None,
        })
        .collect();
    if table == Table::Events {
        columns.push(("person_properties", Type::string()));
    }
    columns
}
