//! What every maker of plans needs: the names of an event's columns, and conditions joined to one.

use datafusion::logical_expr::Expr;

/// The column names of stored events that expressions use.
pub(crate) mod column {
    pub(crate) const EVENT: &str = "event";
    pub(crate) const DISTINCT_ID: &str = "distinct_id";
    pub(crate) const TIMESTAMP: &str = "timestamp";
    pub(crate) const PERSON_ID: &str = "person_id";
    pub(crate) const PERSON_NUMBER: &str = "person_number";
    pub(crate) const PERSON_PROPERTIES: &str = "person_properties";
}

/// All of `conditions`; `None` when there are none. Balanced, so that hundreds of them do not nest hundreds deep.
pub(crate) fn all(conditions: Vec<Expr>) -> Option<Expr> {
    balanced(conditions, Expr::and)
}

/// Any of `conditions`; `None` when there are none.
pub(crate) fn any(conditions: Vec<Expr>) -> Option<Expr> {
    balanced(conditions, Expr::or)
}

fn balanced(mut conditions: Vec<Expr>, join: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        count => {
            let right = balanced(conditions.split_off(count / 2), join)?;
            balanced(conditions, join).map(|left| join(left, right))
        }
    }
}
