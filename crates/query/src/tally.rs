//! Counts, persons, sums and means by group, straight from chunks.
//!
//! A plan of the engine hashes every row. Most questions are about groups that have few values in a chunk: names, texts
//! that stand in a dictionary, days. Then the value of a group is computed once per entry of the dictionary or quarter of an
//! hour, rows are counted by small codes, and whole hours need no rows at all: their counts are in the statistics.
//!
//! [`rewrite`] finds aggregates of an optimised plan that can be had this way, and puts a scan of a [`table`] in their
//! place. Nothing else changes, so the same query always means the same.

mod days;
mod groups;
mod key;
mod table;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::catalog::default_table_source::source_as_provider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column as Name, Result};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, Projection};

use crate::plan::column;
use crate::table::{EventsTable, Form, Source};

use key::Base;
use table::{Shape, TallyTable};

/// Groups come from queries, so their hashes are seeded.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What is measured of a group.
#[derive(Debug, Clone)]
enum Measure {
    /// Events.
    Count,
    /// Different persons.
    Persons,
    /// Sum of a property's numbers.
    Sum(crate::table::Property),
    /// Their mean.
    Mean(crate::table::Property),
}

/// `plan` with every aggregate that can be counted from chunks replaced.
pub(crate) fn rewrite(plan: LogicalPlan) -> Result<LogicalPlan> {
    let replaced = plan.transform_down(|node| {
        let LogicalPlan::Aggregate(aggregate) = &node else { return Ok(Transformed::no(node)) };
        match tally(aggregate)? {
            Some(tally) => Ok(Transformed::new(tally, true, TreeNodeRecursion::Jump)),
            None => Ok(Transformed::no(node)),
        }
    })?;
    Ok(replaced.data)
}

fn tally(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let mut projections = Vec::new();
    let mut input = aggregate.input.as_ref();
    while let LogicalPlan::Projection(projection) = input {
        projections.push(projection);
        input = projection.input.as_ref();
    }
    let LogicalPlan::TableScan(scan) = input else { return Ok(None) };
    if scan.fetch.is_some() {
        return Ok(None);
    }
    let provider = source_as_provider(&scan.source)?;
    let Some(events) = provider.downcast_ref::<EventsTable>() else { return Ok(None) };
    if events.only().is_some() {
        return Ok(None);
    }
    let of_events = |expr: &Expr| {
        let plain = expr.clone().unalias_nested().data;
        projections.iter().try_fold(plain, |expr, projection| through(expr, projection))
    };
    if aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_))) {
        return Ok(None);
    }
    if let Some(day) = day_of_persons(aggregate, events, &of_events)? {
        let table = TallyTable::new(
            events.clone(),
            scan.filters.clone(),
            vec![(Base::Time, day)],
            vec![Measure::Persons],
            Shape::DaysOfPersons,
            &fields(aggregate),
        );
        return plan_of(table, aggregate).map(Some);
    }
    let mut keys = Vec::with_capacity(aggregate.group_expr.len());
    for expr in &aggregate.group_expr {
        let expr = of_events(expr)?;
        let Some(base) = Base::of(&expr, events) else { return Ok(None) };
        keys.push((base, expr));
    }
    let mut measures = Vec::with_capacity(aggregate.aggr_expr.len());
    for expr in &aggregate.aggr_expr {
        let Some(measure) = measure(&expr.clone().unalias_nested().data, events, &of_events)? else { return Ok(None) };
        measures.push(measure);
    }
    let table =
        TallyTable::new(events.clone(), scan.filters.clone(), keys, measures, Shape::Groups, &fields(aggregate));
    plan_of(table, aggregate).map(Some)
}

fn fields(aggregate: &Aggregate) -> Vec<FieldRef> {
    aggregate.schema.iter().map(|(_, field)| Arc::clone(field)).collect()
}

/// A scan of `table` in place of `aggregate`, with its names.
fn plan_of(table: TallyTable, aggregate: &Aggregate) -> Result<LogicalPlan> {
    let columns = aggregate.schema.iter().enumerate().map(|(at, (relation, field))| {
        Expr::Column(Name::new(Some("tally"), table::column(at))).alias_qualified(relation.cloned(), field.name())
    });
    let columns: Vec<Expr> = columns.collect();
    let source = provider_as_source(Arc::new(table));
    LogicalPlanBuilder::scan("tally", source, None)?.project(columns)?.build()
}

/// The day whose different values `aggregate` gathers of each person, if that is all it does.
///
/// Days are few and persons are many, so it is done the other way round: the persons of each day.
fn day_of_persons(
    aggregate: &Aggregate,
    events: &EventsTable,
    of_events: &dyn Fn(&Expr) -> Result<Expr>,
) -> Result<Option<Expr>> {
    let ([key], [gathered]) = (aggregate.group_expr.as_slice(), aggregate.aggr_expr.as_slice()) else {
        return Ok(None);
    };
    let is_person = matches!(of_events(key)?, Expr::Column(name) if name.name == column::PERSON_NUMBER);
    let Expr::AggregateFunction(function) = gathered.clone().unalias_nested().data else { return Ok(None) };
    let call = &function.params;
    let is_plain = !call.distinct && call.filter.is_none() && call.order_by.is_empty();
    let [day] = call.args.as_slice() else { return Ok(None) };
    if !is_person || !is_plain || function.func.name() != "days" {
        return Ok(None);
    }
    let day = of_events(day)?;
    Ok(matches!(Base::of(&day, events), Some(Base::Time)).then_some(day))
}

/// What `expr` over the columns of `projection` is over its input.
fn through(expr: Expr, projection: &Projection) -> Result<Expr> {
    let found = expr.transform_down(|inner| {
        let Expr::Column(name) = &inner else { return Ok(Transformed::no(inner)) };
        let place = projection.schema.index_of_column(name)?;
        Ok(match projection.expr.get(place) {
            Some(source) => Transformed::new(source.clone().unalias_nested().data, true, TreeNodeRecursion::Jump),
            None => Transformed::no(inner),
        })
    })?;
    Ok(found.data)
}

fn measure(expr: &Expr, events: &EventsTable, of_events: &dyn Fn(&Expr) -> Result<Expr>) -> Result<Option<Measure>> {
    let Expr::AggregateFunction(function) = expr else { return Ok(None) };
    let call = &function.params;
    if call.distinct || call.filter.is_some() || !call.order_by.is_empty() {
        return Ok(None);
    }
    let [argument] = call.args.as_slice() else { return Ok(None) };
    let argument = of_events(argument)?;
    Ok(match (function.func.name(), &argument) {
        ("count", Expr::Literal(value, _)) if !value.is_null() => Some(Measure::Count),
        ("persons", Expr::Column(name)) if name.name == column::PERSON_NUMBER => Some(Measure::Persons),
        (name @ ("sum" | "avg"), Expr::Column(argument)) => match events.source(&argument.name) {
            Some(Source::Property(property)) if property.form == Form::Real => {
                let property = property.as_ref().clone();
                Some(if name == "sum" { Measure::Sum(property) } else { Measure::Mean(property) })
            }
            _ => None,
        },
        _ => None,
    })
}
