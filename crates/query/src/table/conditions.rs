//! Which of a plan's conditions the scan evaluates itself.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use store::TimeRange;

use crate::plan;
use crate::scan::Conditions;

/// Whether the scan evaluates `condition`, exactly.
pub(super) fn understands(condition: &Expr) -> bool {
    one(condition).is_some()
}

/// All of `conditions`, each of which is understood.
pub(super) fn of(conditions: &[Expr]) -> Conditions {
    let mut all = Conditions::default();
    for condition in conditions.iter().filter_map(one) {
        all.range = all.range.and(condition.range);
        all.events = match (all.events.take(), condition.events) {
            (Some(before), Some(names)) => Some(before.into_iter().filter(|name| names.contains(name)).collect()),
            (before, names) => before.or(names),
        };
        if conflicts(&all.distinct_id, &condition.distinct_id) {
            // Equal to two different values: nothing is.
            all.range = TimeRange { first: i64::MAX, last: i64::MIN };
        }
        all.distinct_id = all.distinct_id.take().or(condition.distinct_id);
    }
    all
}

fn conflicts<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

fn one(condition: &Expr) -> Option<Conditions> {
    match condition {
        // What the engine makes of a short list of names.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let mut events = names(left)?;
            events.extend(names(right)?);
            Some(Conditions { events: Some(events), ..Conditions::default() })
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) => compared(&column.name, *op, value),
            (Expr::Literal(value, _), Expr::Column(column)) => compared(&column.name, op.swap()?, value),
            _ => None,
        },
        Expr::InList(InList { expr, list, negated: false }) => {
            let Expr::Column(column) = expr.as_ref() else { return None };
            let names = list.iter().map(|value| match value {
                Expr::Literal(value, _) => text(value),
                _ => None,
            });
            let events = (column.name == plan::column::EVENT).then(|| names.collect::<Option<Vec<_>>>())??;
            Some(Conditions { events: Some(events), ..Conditions::default() })
        }
        _ => None,
    }
}

/// The event names that `condition` allows, if it is about nothing else.
fn names(condition: &Expr) -> Option<Vec<String>> {
    let is_about_names = |condition: &Expr| match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => [left, right]
            .iter()
            .any(|side| matches!(side.as_ref(), Expr::Column(column) if column.name == plan::column::EVENT)),
        Expr::BinaryExpr(BinaryExpr { op, .. }) => *op == Operator::Or,
        Expr::InList(_) => true,
        _ => false,
    };
    if is_about_names(condition) { one(condition)?.events } else { None }
}

fn compared(column: &str, op: Operator, value: &ScalarValue) -> Option<Conditions> {
    match (column, op) {
        (plan::column::TIMESTAMP, op) => Some(Conditions { range: range(op, value)?, ..Conditions::default() }),
        (plan::column::EVENT, Operator::Eq) => {
            Some(Conditions { events: Some(vec![text(value)?]), ..Conditions::default() })
        }
        (plan::column::DISTINCT_ID, Operator::Eq) => {
            Some(Conditions { distinct_id: Some(text(value)?), ..Conditions::default() })
        }
        _ => None,
    }
}

fn range(op: Operator, value: &ScalarValue) -> Option<TimeRange> {
    let ScalarValue::TimestampMicrosecond(Some(at), _) = value else { return None };
    let at = *at;
    Some(match op {
        Operator::Eq => TimeRange { first: at, last: at },
        Operator::Lt => TimeRange { last: at.checked_sub(1)?, ..TimeRange::ALL },
        Operator::LtEq => TimeRange { last: at, ..TimeRange::ALL },
        Operator::Gt => TimeRange { first: at.checked_add(1)?, ..TimeRange::ALL },
        Operator::GtEq => TimeRange { first: at, ..TimeRange::ALL },
        _ => return None,
    })
}

/// A string, also one that the engine has made a dictionary of.
fn text(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)) => {
            Some(text.clone())
        }
        ScalarValue::Dictionary(_, value) => text(value),
        _ => None,
    }
}
