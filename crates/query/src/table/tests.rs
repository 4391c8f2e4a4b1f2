use datafusion::logical_expr::ident;

use super::*;
use crate::plan;
use crate::testing::{self, Row};

fn micros(at: i64) -> Expr {
    plan::timestamp(Timestamp::from_micros(at))
}

fn range(earliest: i64, latest: i64) -> TimeRange {
    TimeRange { earliest: Timestamp::from_micros(earliest), latest: Timestamp::from_micros(latest) }
}

#[test]
fn conditions_on_the_timestamp_leave_a_range() {
    let timestamp = || ident(column::TIMESTAMP);
    let conditions = [timestamp().gt(micros(3)), micros(9).gt_eq(timestamp()), timestamp().lt(micros(20))];
    assert_eq!(TimeRange::of_conditions(&conditions), range(3, 9));
    assert_eq!(TimeRange::of_condition(&timestamp().eq(micros(5))), Some(range(5, 5)));
    for other in [timestamp().not_eq(micros(5)), ident("created_at").gt(micros(5)), timestamp().gt(timestamp())] {
        assert_eq!(TimeRange::of_condition(&other), None);
    }
}

#[test]
fn ranges_know_what_they_share() {
    assert!(range(3, 9).overlaps(range(9, 12)));
    assert!(!range(3, 9).overlaps(range(10, 12)));
    assert!(range(3, 9).contains(Timestamp::from_micros(9)));
    assert!(!range(3, 9).contains(Timestamp::from_micros(2)));
}

#[test]
fn a_plan_reads_the_columns_it_uses_and_the_parts_in_range() {
    let slices: Vec<_> = (0..4).map(|at| vec![Row::at(at, 1)]).collect();
    let shown = testing::run(async |core| {
        let plan =
            datafusion::logical_expr::LogicalPlanBuilder::scan("events", source(testing::parts(&slices), 2), None)
                .unwrap()
                .filter(ident(column::TIMESTAMP).gt_eq(micros(2)))
                .unwrap()
                .project([ident(column::EVENT)])
                .unwrap()
                .build()
                .unwrap();
        core.explain(&plan).await
    });
    assert!(shown.contains("EventsScan: parts=2, columns=[event, timestamp]"), "{shown}");
    assert!(shown.contains("FilterExec: timestamp"), "the engine checks the condition itself: {shown}");
}
