//! The tables of a project and their fields.

use crate::compile::compile;
use crate::context::{Context, Limits};
use crate::resolved::Table;
use crate::schema::{self, FieldKind, Owner, TableSchema};
use crate::types::{Base, Type};

use super::PropertyOwner;

/// A table.
#[derive(Debug, Clone)]
pub struct TableInfo {
    /// What it is called.
    pub name: &'static str,
    /// Its fields, those that `*` leaves out among them.
    pub fields: Vec<FieldInfo>,
}

/// A field of a table.
#[derive(Debug, Clone)]
pub struct FieldInfo {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub shape: FieldShape,
}

/// What a field is.
#[derive(Debug, Clone)]
pub enum FieldShape {
    /// A stored value.
    Value(Type),
    /// A value that is computed from others of the row.
    Expression(Type),
    /// Properties of one of these.
    Document(PropertyOwner),
    /// The row of another table.
    Table(&'static str),
    /// Some columns of this row, under a name of their own.
    Part(Vec<FieldInfo>),
    /// Another name for a field.
    Alias(String),
}

/// Every table, in the order of their names.
#[must_use]
pub fn tables(context: &Context) -> Vec<TableInfo> {
    let mut tables: Vec<TableInfo> = schema::names().filter_map(|name| table(name, context)).collect();
    tables.sort_unstable_by_key(|table| table.name);
    tables
}

/// The table called `name`.
pub(super) fn table(name: &str, context: &Context) -> Option<TableInfo> {
    if name == "sessions" {
        let fields = columns("select * from sessions", context).into_iter();
        let fields = fields.map(|(name, ty)| FieldInfo { name, shape: FieldShape::Value(ty) });
        return Some(TableInfo { name: "sessions", fields: fields.collect() });
    }
    let schema = schema::find(name)?;
    let mut fields: Vec<FieldInfo> = schema.fields.iter().map(|field| field_info(field, schema, context)).collect();
    if schema.table == Table::Events {
        let taken = |name: &String| schema.fields.iter().any(|field| field.name == name);
        let groups = context.project.group_types.iter().filter(|(_, name)| !taken(name));
        fields.extend(
            groups.map(|(index, name)| FieldInfo {
                name: name.clone(),
                shape: FieldShape::Alias(format!("group_{index}")),
            }),
        );
    }
    Some(TableInfo { name: schema.table.name(), fields })
}

/// The columns of a query and their types; none if it cannot be compiled.
pub(super) fn columns(text: &str, context: &Context) -> Vec<(String, Type)> {
    let context = Context { limits: Limits::NONE, ..context.clone() };
    let columns = compile(text, &context).map(|compiled| compiled.query.columns).unwrap_or_default();
    columns.into_iter().map(|(name, ty)| (name.to_string(), ty)).collect()
}

fn field_info(field: &schema::Field, schema: &TableSchema, context: &Context) -> FieldInfo {
    let zone = &context.project.timezone;
    let shape = match field.kind {
        FieldKind::Column(stored) => FieldShape::Value(stored.ty(zone)),
        FieldKind::TeamId => FieldShape::Value(Base::Int64.into()),
        FieldKind::EventPersonId => FieldShape::Value(Base::Uuid.into()),
        FieldKind::Document(owner) => FieldShape::Document(owner.into()),
        FieldKind::Macro(_) => {
            let text = format!("select {} from {}", crate::print::name(field.name), schema.table.name());
            let ty = columns(&text, context).pop().map_or_else(Type::string, |(_, ty)| ty);
            FieldShape::Expression(ty)
        }
        FieldKind::EventPerson => FieldShape::Table(Table::Persons.name()),
        FieldKind::PersonOnEvent => FieldShape::Part(person_on_event(context)),
        FieldKind::Lazy(lazy) => FieldShape::Table(lazy.table.name()),
        FieldKind::Group(_) => FieldShape::Table(Table::Groups.name()),
        FieldKind::Session => FieldShape::Table("sessions"),
    };
    FieldInfo { name: field.name.to_owned(), shape }
}

fn person_on_event(context: &Context) -> Vec<FieldInfo> {
    let field = |name: &str, shape| FieldInfo { name: name.to_owned(), shape };
    vec![
        field("id", FieldShape::Value(Base::Uuid.into())),
        field("created_at", FieldShape::Value(Type::timestamp(&context.project.timezone))),
        field("properties", FieldShape::Document(PropertyOwner::Person)),
    ]
}

impl From<Owner> for PropertyOwner {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Event => Self::Event,
            Owner::Person => Self::Person,
            Owner::Group(index) => Self::Group(index),
        }
    }
}
