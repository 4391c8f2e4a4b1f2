//! Measures as a plan of the query engine.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use datafusion::common::{Result as EngineResult, ScalarValue};
use datafusion::functions_aggregate::expr_fn::{avg, count, count_distinct, sum};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast as cast_expr, ident, lit};
use futures::TryStreamExt;
use store::Snapshot;

use super::{AggregateRow, Aggregation, Group, GroupValue, Interval, Measure, MeasureValue};
use crate::QueryError;
use crate::engine::Core;
use crate::plan::{self, column};
use crate::table::{self, Form, Property};

pub(super) async fn rows(
    core: &Core,
    snapshot: Snapshot,
    aggregation: &Aggregation,
) -> Result<Vec<AggregateRow>, QueryError> {
    let plan = build(core, snapshot, aggregation).map_err(|error| core.failed(error))?;
    let batches: Vec<RecordBatch> = core.start(&plan).await?.try_collect().await.map_err(|error| core.failed(error))?;
    let mut rows = Vec::new();
    for batch in &batches {
        read(batch, aggregation, &mut rows)?;
    }
    Ok(rows)
}

fn build(core: &Core, snapshot: Snapshot, aggregation: &Aggregation) -> EngineResult<LogicalPlan> {
    let mut properties: Vec<Property> = Vec::new();
    let mut place = |key: &str, form| {
        let property = Property::new(key, form);
        let name = property.name();
        if !properties.iter().any(|known| known.name() == name) {
            properties.push(property);
        }
        ident(name)
    };
    let mut groups = Vec::with_capacity(aggregation.groups.len());
    for (at, group) in aggregation.groups.iter().enumerate() {
        let expression = match group {
            Group::Event => ident(column::EVENT),
            Group::Interval(interval) => interval_number(*interval),
            Group::Property(key) => place(key, Form::Text),
        };
        groups.push(expression.alias(format!("group {at}")));
    }
    let mut measures = Vec::with_capacity(aggregation.measures.len());
    for (at, measure) in aggregation.measures.iter().enumerate() {
        let expression = match measure {
            Measure::Count => count(lit(1_i64)),
            Measure::Persons => count_distinct(ident(column::PERSON_NUMBER)),
            Measure::Sum(key) => sum(place(key, Form::Number)),
            Measure::Average(key) => avg(place(key, Form::Number)),
            Measure::Quantile(key, share) => plan::quantile(place(key, Form::Number), *share),
        };
        measures.push(expression.alias(format!("measure {at}")));
    }
    let source = table::source(snapshot, properties, core.settings.threads);
    let scan = LogicalPlanBuilder::scan("events", source, None)?;
    let matching = match plan::conditions(&aggregation.conditions) {
        Some(condition) => scan.filter(condition)?,
        None => scan,
    };
    matching.aggregate(groups, measures)?.build()
}

/// The number of the interval that the timestamp is in, rounding down also before the origin.
fn interval_number(interval: Interval) -> Expr {
    let int = |value: i64| lit(ScalarValue::Int64(Some(value)));
    let since = cast_expr(ident(column::TIMESTAMP), DataType::Int64) - int(interval.origin);
    let rest = ((since.clone() % int(interval.length)) + int(interval.length)) % int(interval.length);
    (since - rest) / int(interval.length)
}

fn read(batch: &RecordBatch, aggregation: &Aggregation, rows: &mut Vec<AggregateRow>) -> Result<(), QueryError> {
    let (groups, measures) = batch.columns().split_at(aggregation.groups.len());
    let groups: Vec<ArrayRef> = groups
        .iter()
        .zip(&aggregation.groups)
        .map(|(column, group)| match group {
            Group::Interval(_) => Ok(Arc::clone(column)),
            Group::Event | Group::Property(_) => cast(column, &DataType::Utf8),
        })
        .collect::<Result<_, _>>()?;
    let measures: Vec<ArrayRef> = measures
        .iter()
        .zip(&aggregation.measures)
        .map(|(column, measure)| match measure {
            Measure::Count | Measure::Persons => cast(column, &DataType::UInt64),
            _ => cast(column, &DataType::Float64),
        })
        .collect::<Result<_, _>>()?;
    for row in 0..batch.num_rows() {
        let group = |(column, group): (&ArrayRef, &Group)| match group {
            Group::Interval(interval) => {
                GroupValue::Interval(interval.start(column.as_primitive::<Int64Type>().value(row)))
            }
            Group::Event | Group::Property(_) => {
                let texts = column.as_string::<i32>();
                GroupValue::Text(texts.is_valid(row).then(|| texts.value(row).to_owned()))
            }
        };
        let measure = |(column, measure): (&ArrayRef, &Measure)| match measure {
            Measure::Count | Measure::Persons => MeasureValue::Count(column.as_primitive::<UInt64Type>().value(row)),
            _ => {
                let numbers = column.as_primitive::<Float64Type>();
                MeasureValue::Number(numbers.is_valid(row).then(|| numbers.value(row)))
            }
        };
        rows.push(AggregateRow {
            groups: groups.iter().zip(&aggregation.groups).map(group).collect(),
            measures: measures.iter().zip(&aggregation.measures).map(measure).collect(),
        });
    }
    Ok(())
}
