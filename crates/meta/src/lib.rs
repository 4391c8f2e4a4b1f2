//! Metadata: projects, keys, persons, groups, positions and the segment catalog, in one SQLite database.

mod actions;
mod catalog;
mod cohorts;
mod connection;
mod definitions;
mod error;
mod groups;
mod ingestion;
mod keys;
mod packed;
mod persons;
mod split;
mod tenants;
mod tokens;
mod upkeep;
mod warnings;

pub use actions::{Action, NewAction};
pub use catalog::{Catalog, Positions, ResolvedBatch};
pub use cohorts::{Cohort, CohortMembers, NewCohort};
pub use connection::Meta;
pub use definitions::{
    About, EventDefinition, EventDefinitionQuery, EventNames, EventOrder, PropertyDefinition, PropertyDefinitionQuery,
    PropertyKind, PropertyType, SeenProperty,
};
pub use error::{MetaError, OpenError};
pub use groups::{Group, GroupQuery, GroupType};
pub use ingestion::{DerivedId, GroupRecord, IngestTx, IngestionRules, NewPerson, PersonKey, PersonRecord};
pub use keys::{Caller, NewKey, PersonalKey};
pub use persons::{Person, PersonFacts, PersonQuery, PersonRef, PersonSummary, Visit};
pub use split::Split;
pub use tenants::{Bootstrap, Created, NewProject, Organization, Project, ProjectSettings, User};
pub use upkeep::{DeletedPerson, DeletionQuery, PersonDeletion, PersonEvents};
pub use warnings::{Warning, WarningGroup};
