//! What names of a resolved SELECT mean in the plan that is being built.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Expr as Df;
use hogql::resolved::{Expr, Kind, Query, RelationId};
use hogql::types::Name;
use store::Document;

use super::members::Members;
use super::refuse;
use crate::plan::column;
use crate::table::Form;

/// An expression of the engine and the type its values really have, which for a column may differ from that of its
/// resolved type: a dictionary instead of strings, another zone.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) expr: Df,
    pub(super) kind: DataType,
}

impl Raw {
    pub(super) fn new(expr: Df, kind: DataType) -> Self {
        Self { expr, kind }
    }
}

/// What subqueries in expressions answered. They never depend on the row, so each is evaluated once, before the query.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) values: HashMap<Query, ScalarValue>,
    pub(super) members: HashMap<Query, Arc<Members>>,
    /// The members of cohorts.
    pub(super) cohorts: HashMap<i64, Arc<Members>>,
    /// The time of the query.
    pub(super) now_micros: i64,
}

/// The names in scope at one point of a SELECT.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) answers: Arc<Answers>,
    pub(super) columns: HashMap<(RelationId, Name), Raw>,
    /// Properties that have columns of their own.
    pub(super) properties: HashMap<(RelationId, Document, Name, Form), Raw>,
    /// The numbers of the persons in `person_id`, of relations that have them for every row.
    pub(super) persons: HashMap<RelationId, Df>,
    /// Arguments of lambdas.
    pub(super) variables: HashMap<Name, Raw>,
    /// Expressions that an earlier step of the plan has computed: keys, aggregates, windows.
    pub(super) known: HashMap<Expr, Raw>,
}

impl Scope {
    pub(super) fn new(answers: &Arc<Answers>) -> Self {
        Self {
            answers: Arc::clone(answers),
            columns: HashMap::new(),
            properties: HashMap::new(),
            persons: HashMap::new(),
            variables: HashMap::new(),
            known: HashMap::new(),
        }
    }

    /// The number of the person whose id `expr` is.
    pub(super) fn person_number(&self, expr: &Expr) -> Option<Df> {
        match &expr.kind {
            Kind::Column { relation, name } if name.as_ref() == column::PERSON_ID => {
                self.persons.get(relation).cloned()
            }
            _ => None,
        }
    }

    pub(super) fn column(&self, relation: RelationId, name: &Name) -> Result<Raw> {
        match self.columns.get(&(relation, Arc::clone(name))) {
            Some(raw) => Ok(raw.clone()),
            None => refuse(format!("column {name} of relation {} is not in scope", relation.0)),
        }
    }
}
