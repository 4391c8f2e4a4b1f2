//! Sets of values that a query asks membership of: what an IN subquery answered, a list, a cohort.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, Expr};

use super::kernel::{Kernel, call};

/// A set of values of one type. NULL may be in it, and equals NULL.
#[derive(Debug)]
pub(crate) struct Members {
    kind: DataType,
    rows: HashSet<Box<[u8]>>,
}

impl Members {
    pub(super) fn new(kind: &DataType) -> Self {
        Self { kind: kind.clone(), rows: HashSet::new() }
    }

    pub(super) fn of_values(kind: &DataType, values: Vec<ScalarValue>) -> Result<Arc<Self>> {
        let mut members = Self::new(kind);
        if !values.is_empty() {
            members.insert(&ScalarValue::iter_to_array(values)?)?;
        }
        Ok(Arc::new(members))
    }

    pub(super) fn kind(&self) -> &DataType {
        &self.kind
    }

    /// Adds values; says how many bytes they took.
    pub(super) fn insert(&mut self, values: &ArrayRef) -> Result<usize> {
        let values = cast(values, &self.kind)?;
        let converter = RowConverter::new(vec![SortField::new(self.kind.clone())])?;
        let rows = converter.convert_columns(&[normal(&values)])?;
        let mut bytes = 0;
        for row in &rows {
            if !self.rows.contains(row.data()) {
                bytes += row.data().len() + 48;
                self.rows.insert(row.data().into());
            }
        }
        Ok(bytes)
    }

    fn contains(&self, values: &ArrayRef) -> Result<ArrayRef> {
        if let DataType::Dictionary(_, _) = values.data_type() {
            let dictionary = values.as_any_dictionary();
            let inside = self.contains(dictionary.values())?;
            let answers = take(&inside, dictionary.keys(), None)?;
            let null = self.contains(&ScalarValue::try_from(&self.kind)?.to_array()?)?.as_boolean().value(0);
            let answers = answers.as_boolean();
            let bits =
                BooleanBuffer::collect_bool(
                    answers.len(),
                    |at| {
                        if answers.is_null(at) { null } else { answers.value(at) }
                    },
                );
            return Ok(Arc::new(BooleanArray::new(bits, None)));
        }
        let values = cast(values, &self.kind)?;
        let converter = RowConverter::new(vec![SortField::new(self.kind.clone())])?;
        let rows = converter.convert_columns(&[normal(&values)])?;
        let bits = BooleanBuffer::collect_bool(values.len(), |at| self.rows.contains(rows.row(at).data()));
        Ok(Arc::new(BooleanArray::new(bits, None)))
    }
}

/// Floats with one zero.
fn normal(values: &ArrayRef) -> ArrayRef {
    match values.as_primitive_opt::<arrow::datatypes::Float64Type>() {
        Some(floats) => Arc::new(floats.unary::<_, arrow::datatypes::Float64Type>(|value| value + 0.0)),
        None => Arc::clone(values),
    }
}

/// Whether `value` is in `members`.
pub(super) fn contains(value: Expr, members: &Arc<Members>) -> Expr {
    let shared = Arc::clone(members);
    let run = move |arguments: &[ColumnarValue], _rows: usize| match arguments {
        [ColumnarValue::Array(values)] => Ok(ColumnarValue::Array(shared.contains(values)?)),
        [ColumnarValue::Scalar(value)] => {
            let answer = shared.contains(&value.to_array()?)?;
            Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(answer.as_boolean().value(0)))))
        }
        _ => exec_err!("membership is asked of one value"),
    };
    // No two sets are at one address while a plan holds both.
    call(Kernel::new(format!("member_of[{:p}]", Arc::as_ptr(members)), DataType::Boolean, run), vec![value])
}

/// A type that values of both types convert to.
pub(super) fn common_kind(one: &DataType, other: &DataType) -> DataType {
    use DataType::{Float32, Float64, Int64, UInt64};
    if one == other {
        return one.clone();
    }
    match (one.is_numeric(), other.is_numeric()) {
        (true, true) => {
            let float = |kind: &DataType| matches!(kind, Float32 | Float64);
            if float(one) || float(other) {
                Float64
            } else if *one == UInt64 || *other == UInt64 {
                if one.is_unsigned_integer() && other.is_unsigned_integer() {
                    UInt64
                } else {
                    DataType::Decimal128(20, 0)
                }
            } else {
                Int64
            }
        }
        _ => other.clone(),
    }
}
