use datafusion::common::ScalarValue;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ident, lit};
use futures::TryStreamExt;

use super::*;
use crate::plan::column;
use crate::testing::{self, Row, Stored};

fn micros(at: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into())))
}

fn stored() -> Stored {
    let slices: Vec<_> = (0..4_u8)
        .map(|at| {
            let properties = format!(r#"{{"n":{at},"s":"v{at}","mixed":{}}}"#, if at % 2 == 0 { "1" } else { "\"2\"" });
            vec![Row::at(i64::from(at), u128::from(at)).with(if at == 3 { "x" } else { "y" }, &properties)]
        })
        .collect();
    Stored::of(&slices)
}

fn plan(condition: Expr, columns: &[&str]) -> LogicalPlan {
    let property = |key, form| Property { key: PropertyKey::of_event(key), form };
    let properties =
        ["n", "s", "mixed"].iter().flat_map(|key| [Form::Shown, Form::Real].map(|form| property(key, form)));
    let events = source(stored().snapshot(), Extent::All, properties.collect(), 2);
    LogicalPlanBuilder::scan("events", events, None)
        .unwrap()
        .filter(condition)
        .unwrap()
        .project(columns.iter().map(|name| ident(*name)))
        .unwrap()
        .build()
        .unwrap()
}

#[test]
fn conditions_the_scan_understands_are_its_own() {
    for condition in [
        ident(column::TIMESTAMP).gt_eq(micros(2)),
        micros(9).gt(ident(column::TIMESTAMP)),
        ident(column::EVENT).eq(lit("x")),
        ident(column::EVENT).in_list(vec![lit("x"), lit("z")], false),
        ident(column::DISTINCT_ID).eq(lit("someone")),
        ident("shown(properties.s)").eq(lit("v2")),
        ident("real(properties.n)").gt(lit(1.5)),
    ] {
        let shown = testing::run(async |core| core.explain(&plan(condition.clone(), &["event"])).await);
        assert!(!shown.contains("FilterExec"), "{condition}: {shown}");
        assert!(shown.contains("columns=[event]"), "{shown}");
    }
    let other = ident("real(properties.n)").gt(ident(column::PERSON_NUMBER));
    let shown = testing::run(async |core| core.explain(&plan(other, &["event"])).await);
    assert!(shown.contains("FilterExec") && shown.contains("real(properties.n)]"), "{shown}");
}

/// Values of the columns of a plan, as text.
fn rows(condition: Expr, columns: &[&str]) -> Vec<String> {
    let mut rows = testing::run(async |core| {
        let batches: Vec<_> = core.start(&plan(condition, columns)).await.unwrap().try_collect().await.unwrap();
        let shown = batches.iter().flat_map(|batch| {
            (0..batch.num_rows()).map(|row| {
                let value = |column: &ArrayRef| ScalarValue::try_from_array(column, row).unwrap().to_string();
                batch.columns().iter().map(value).collect::<Vec<_>>().join(" ")
            })
        });
        shown.collect::<Vec<_>>()
    });
    rows.sort();
    rows
}

#[test]
fn a_plan_reads_properties_as_columns() {
    let columns = ["shown(properties.s)", "real(properties.n)", "shown(properties.mixed)", "real(properties.mixed)"];
    let all = ident(column::TIMESTAMP).gt_eq(micros(0));
    assert_eq!(rows(all, &columns), ["v0 0 1 1", "v1 1 2 2", "v2 2 1 1", "v3 3 2 2"]);
    assert_eq!(rows(ident(column::TIMESTAMP).gt(micros(2)), &["shown(properties.s)"]), ["v3"]);
    assert_eq!(rows(ident(column::TIMESTAMP).lt(micros(1)), &["shown(properties.s)"]), ["v0"]);
    assert_eq!(rows(ident(column::EVENT).eq(lit("x")), &["event", "shown(properties.n)"]), ["x 3"]);
    let both = ident(column::EVENT).eq(lit("x")).and(ident(column::EVENT).eq(lit("y")));
    assert_eq!(rows(both, &["event"]), Vec::<String>::new());
    assert_eq!(rows(ident("shown(properties.mixed)").eq(lit("2")), &["shown(properties.s)"]), ["v1", "v3"]);
}
