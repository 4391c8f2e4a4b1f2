//! Functions of tuples.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StructArray};
use arrow::datatypes::DataType;

use crate::call::{Call, Value};
use crate::condition::expand;
use crate::convert::coerce;
use crate::error::FunctionError;
use crate::table::{Scalar, value};

pub(crate) const TABLE: &[Scalar] = &[value("tuple", tuple).own_nulls(), value("tupleElement", element).own_nulls()];

fn tuple(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let DataType::Struct(fields) = call.returns else { return Err(call.contract("it answers tuples")) };
    let mut columns = Vec::with_capacity(fields.len());
    for (value, field) in call.arguments.iter().zip(fields) {
        columns.push(coerce(&expand(value, call.rows)?, field.data_type())?);
    }
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, None, call.rows)?))
}

/// One place of a tuple, by number from 1 or by name; of a list of tuples, a list of them.
fn element(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let value = call.argument(0)?;
    let which = call.argument(1)?;
    let array = match value.data_type() {
        DataType::Struct(_) => place(call, value.array(), which)?,
        DataType::List(_) => {
            let lists = value.array().as_list::<i32>();
            let items = place(call, lists.values(), which)?;
            crate::build::list(call.returns, lists.value_offsets().to_vec(), items, None)?
        }
        _ => return Err(call.illegal(0)),
    };
    let array = coerce(&array, call.returns)?;
    expand(&if value.is_constant() { Value::Constant(array) } else { Value::Column(array) }, call.rows)
}

fn place(call: &Call<'_>, tuples: &ArrayRef, which: &Value) -> Result<ArrayRef, FunctionError> {
    let tuples = tuples.as_struct_opt().ok_or_else(|| call.illegal(0))?;
    let missing = || FunctionError::Argument("the tuple has no such element".to_owned());
    if which.data_type() == &DataType::Utf8 {
        return tuples.column_by_name(call.constant_text(1)?).cloned().ok_or_else(missing);
    }
    let number = call.ints(1)?.get(0);
    let width = i64::try_from(tuples.num_columns()).unwrap_or(0);
    let at = if number < 0 { width + number } else { number - 1 };
    usize::try_from(at).ok().and_then(|at| tuples.columns().get(at)).cloned().ok_or_else(missing)
}
