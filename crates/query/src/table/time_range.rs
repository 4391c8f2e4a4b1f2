//! Ranges of time, and the one that a condition leaves.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use model::Timestamp;

use crate::plan::column;

/// All instants from `earliest` to `latest`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub(crate) earliest: Timestamp,
    pub(crate) latest: Timestamp,
}

impl TimeRange {
    /// All of time.
    pub(crate) const ALL: Self =
        Self { earliest: Timestamp::from_micros(i64::MIN), latest: Timestamp::from_micros(i64::MAX) };

    /// One instant.
    pub(crate) fn at(instant: Timestamp) -> Self {
        Self { earliest: instant, latest: instant }
    }

    /// Widens the range to include `instant`.
    pub(crate) fn include(&mut self, instant: Timestamp) {
        self.earliest = self.earliest.min(instant);
        self.latest = self.latest.max(instant);
    }

    pub(crate) fn contains(self, instant: Timestamp) -> bool {
        self.earliest <= instant && instant <= self.latest
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.earliest <= other.latest && other.earliest <= self.latest
    }

    /// Every row for which all of `conditions` hold is in this range.
    pub(crate) fn of_conditions(conditions: &[Expr]) -> Self {
        let narrow = |range: Self, other: Self| Self {
            earliest: range.earliest.max(other.earliest),
            latest: range.latest.min(other.latest),
        };
        conditions.iter().filter_map(Self::of_condition).fold(Self::ALL, narrow)
    }

    /// The range that `condition` leaves, when it compares the timestamp with a constant. Strict comparisons give the
    /// same range as the others: a range may be too wide, never too narrow.
    pub(crate) fn of_condition(condition: &Expr) -> Option<Self> {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return None };
        let (op, constant) = match (left.as_ref(), right.as_ref()) {
            (Expr::Column(compared), constant) if compared.name == column::TIMESTAMP => (*op, constant),
            (constant, Expr::Column(compared)) if compared.name == column::TIMESTAMP => (op.swap()?, constant),
            _ => return None,
        };
        let Expr::Literal(ScalarValue::TimestampMicrosecond(Some(micros), _), _) = constant else { return None };
        let instant = Timestamp::from_micros(*micros);
        match op {
            Operator::Eq => Some(Self::at(instant)),
            Operator::Lt | Operator::LtEq => Some(Self { latest: instant, ..Self::ALL }),
            Operator::Gt | Operator::GtEq => Some(Self { earliest: instant, ..Self::ALL }),
            _ => None,
        }
    }
}
