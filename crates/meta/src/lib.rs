//! Metadata: projects, keys, persons, groups, positions and the segment catalog, in one SQLite database.

mod catalog;
mod connection;
mod definitions;
mod error;
mod ingestion;
mod keys;
mod persons;
mod tenants;
mod tokens;
mod upkeep;
mod warnings;

pub use catalog::{Catalog, Positions, ResolvedBatch};
pub use connection::Meta;
pub use definitions::{
    About, EventDefinition, EventDefinitionQuery, EventNames, EventOrder, PropertyDefinition, PropertyDefinitionQuery,
    PropertyKind, PropertyType, SeenProperty,
};
pub use error::{MetaError, OpenError};
pub use ingestion::{DerivedId, GroupRecord, IngestTx, IngestionRules, NewPerson, PersonKey, PersonRecord};
pub use keys::{Caller, NewKey, PersonalKey};
pub use persons::{Person, PersonQuery, PersonSummary};
pub use tenants::{Bootstrap, Created, NewProject, Organization, Project, User};
pub use upkeep::PersonEvents;
pub use warnings::{Warning, WarningGroup};
