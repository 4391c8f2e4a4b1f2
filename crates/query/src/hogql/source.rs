//! Where rows come from: tables, subqueries, numbers, rows written out.
//!
//! Relation `n` is called `r<n>` in the plan.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr as Df, LogicalPlan, LogicalPlanBuilder, Operator, binary_expr, cast, lit};
use hogql::resolved::{Expr, RelationId, Sample, Source, Table};
use hogql::types::{Name, Type};
use store::PropertyKey;

use super::call::present;
use super::planner::Planner;
use super::scope::{Raw, Scope};
use super::select::{filtered, output};
use super::types::arrow_type;
use super::usage::Usage;
use super::{compare, functions as kernels, refuse, rows};
use crate::plan::column as names;
use crate::table::{self, Property};

pub(super) fn relation(id: RelationId) -> String {
    format!("r{}", id.0)
}

pub(super) fn column(id: RelationId, name: &str) -> Df {
    Df::Column(Column::new(Some(relation(id)), name))
}

/// Whether the hash of `distinct_id` lies in the sampled part of all hashes.
fn sampled(sample: &Sample, distinct_id: Df) -> Result<Df> {
    const ALL: f64 = 18_446_744_073_709_551_616.0;
    let hash = kernels::city_hash(distinct_id)?;
    let place = binary_expr(cast(hash, DataType::Float64), Operator::Divide, lit(ALL));
    let (start, end) = (sample.offset.0, sample.offset.0 + sample.ratio.0);
    Ok(compare::floats("greaterOrEquals", place.clone(), lit(start)).and(compare::floats("less", place, lit(end))))
}

impl Planner<'_> {
    pub(super) fn source(&self, source: &Source, usage: &Usage, scope: &mut Scope) -> Result<LogicalPlan> {
        match source {
            Source::Table { id, table: Table::Events, sample } => self.events(*id, sample.as_ref(), usage, scope),
            Source::Table { id, table, sample } => {
                if sample.is_some() {
                    return refuse("SAMPLE is for events");
                }
                self.table(*id, *table, scope)
            }
            Source::Query { id, query } => {
                let plan = self.query(query)?;
                for (at, (name, ty)) in query.columns.iter().enumerate() {
                    let raw = Raw::new(column(*id, &output(at)), arrow_type(ty));
                    scope.columns.insert((*id, Arc::clone(name)), raw);
                }
                LogicalPlanBuilder::from(plan).alias(relation(*id))?.build()
            }
            Source::Numbers { id, start, count } => {
                let constants = Scope::new(&self.answers);
                let (start, count) = (constants.count(start)?, constants.count(count)?);
                let source = self.own(rows::numbers(start as u64, count as u64)?);
                scope.columns.insert((*id, Name::from("number")), Raw::new(column(*id, "number"), DataType::UInt64));
                LogicalPlanBuilder::scan(relation(*id), source, None)?.build()
            }
            Source::Values { id, columns, rows } => self.values(*id, columns, rows, scope),
            Source::Join(join) => self.join(join, usage, scope),
        }
    }

    fn events(&self, id: RelationId, sample: Option<&Sample>, usage: &Usage, scope: &mut Scope) -> Result<LogicalPlan> {
        let properties = self.events_in_scope(id, usage, scope)?;
        let source = self.own(table::source(self.snapshot.clone(), self.extent.clone(), properties, self.partitions));
        let plan = LogicalPlanBuilder::scan(relation(id), source, None)?.build()?;
        match sample {
            Some(sample) => filtered(plan, sampled(sample, column(id, "distinct_id"))?),
            None => Ok(plan),
        }
    }

    /// Brings the columns of events into scope; returns the properties that have columns of their own.
    pub(super) fn events_in_scope(&self, id: RelationId, usage: &Usage, scope: &mut Scope) -> Result<Vec<Property>> {
        let mut properties = Vec::new();
        for (document, key, form) in usage.get(&id).into_iter().flatten() {
            let property = Property { key: PropertyKey::new(*document, key), form: *form };
            let raw = Raw::new(column(id, &property.name()), form.data_type());
            scope.properties.insert((id, *document, Arc::clone(key), *form), raw);
            properties.push(property);
        }
        let columns = table::columns(Vec::new());
        for (name, _) in hogql::schema::columns(Table::Events, self.zone) {
            let stored = name.strip_prefix('$').unwrap_or(name);
            let Some(field) = columns.iter().map(table::Source::field).find(|field| field.name() == stored) else {
                return refuse(format!("events have no column {name}"));
            };
            let mut raw = Raw::new(column(id, stored), field.data_type().clone());
            if name.starts_with('$') {
                // A group that an event does not have.
                let text = super::expr::fitted(raw, &DataType::Utf8);
                raw = Raw::new(present(text, lit("")), DataType::Utf8);
            }
            scope.columns.insert((id, Name::from(name)), raw);
        }
        scope.persons.insert(id, column(id, names::PERSON_NUMBER));
        Ok(properties)
    }

    fn table(&self, id: RelationId, table: Table, scope: &mut Scope) -> Result<LogicalPlan> {
        let Some(rows) = self.tables.get(&table) else {
            return refuse(format!("the table {} was not provided", table.name()));
        };
        let source = self.own(rows::source(table, rows)?);
        for field in source.schema().fields() {
            let raw = Raw::new(column(id, field.name()), field.data_type().clone());
            scope.columns.insert((id, Name::from(field.name().as_str())), raw);
        }
        LogicalPlanBuilder::scan(relation(id), source, None)?.build()
    }

    fn values(
        &self,
        id: RelationId,
        columns: &[(Name, Type)],
        rows: &[Vec<Expr>],
        scope: &mut Scope,
    ) -> Result<LogicalPlan> {
        let constants = Scope::new(&self.answers);
        let rows = rows
            .iter()
            .map(|row| {
                let values = row.iter().zip(columns);
                values.map(|(expr, (_, ty))| Ok(lit(constants.constant_as(expr, &arrow_type(ty))?))).collect()
            })
            .collect::<Result<Vec<Vec<Df>>>>()?;
        for (at, (name, ty)) in columns.iter().enumerate() {
            let raw = Raw::new(column(id, &format!("column{}", at + 1)), arrow_type(ty));
            scope.columns.insert((id, Arc::clone(name)), raw);
        }
        LogicalPlanBuilder::values(rows)?.alias(relation(id))?.build()
    }
}
