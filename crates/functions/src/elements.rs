//! Values of any type as bytes that compare and hash like the values, and the default of a type.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, StringArray, StructArray, new_empty_array, new_null_array,
};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};

use crate::error::FunctionError;

/// The values of an array as comparable bytes. NULL is equal to NULL and greater than everything; NaN comes just before it.
#[derive(Debug)]
pub(crate) struct Keys {
    rows: Rows,
}

impl Keys {
    pub(crate) fn of(array: &ArrayRef) -> Result<Self, FunctionError> {
        Self::ordered(array, false)
    }

    /// Keys that sort by value, the greatest first if `descending`; NULL and NaN last in any case.
    pub(crate) fn ordered(array: &ArrayRef, descending: bool) -> Result<Self, FunctionError> {
        let (array, descending) = match array.data_type() {
            DataType::Float64 | DataType::Float32 => (normal_floats(array, descending)?, false),
            _ => (Arc::clone(array), descending),
        };
        let options = SortOptions { descending, nulls_first: false };
        let field = SortField::new_with_options(array.data_type().clone(), options);
        let converter = RowConverter::new(vec![field])?;
        Ok(Self { rows: converter.convert_columns(&[array])? })
    }

    pub(crate) fn get(&self, at: usize) -> &[u8] {
        self.rows.row(at).data()
    }
}

/// Floats with one zero and one NaN, turned about if the order is.
fn normal_floats(array: &ArrayRef, descending: bool) -> Result<ArrayRef, FunctionError> {
    use arrow::array::AsArray;
    use arrow::datatypes::Float64Type;

    let floats = cast(array, &DataType::Float64)?;
    let normal = floats.as_primitive::<Float64Type>().unary::<_, Float64Type>(|value| match value {
        value if value.is_nan() => f64::NAN,
        0.0 => 0.0,
        value if descending => -value,
        value => value,
    });
    Ok(Arc::new(normal))
}

/// One default value of `ty`: 0, '', the epoch, an empty list.
pub(crate) fn default_value(ty: &DataType) -> Result<ArrayRef, FunctionError> {
    Ok(match ty {
        DataType::Utf8 => Arc::new(StringArray::from(vec![""])),
        DataType::Boolean => Arc::new(BooleanArray::from(vec![false])),
        DataType::FixedSizeBinary(width) => {
            let zeros = vec![0u8; usize::try_from(*width).unwrap_or(0)];
            Arc::new(FixedSizeBinaryArray::try_from_iter(std::iter::once(zeros))?)
        }
        DataType::List(_) | DataType::Map(_, _) => {
            let data = new_null_array(ty, 1).to_data().into_builder().nulls(None).null_count(0).build()?;
            arrow::array::make_array(data)
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|field| default_value(field.data_type())).collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, None, 1)?)
        }
        DataType::Null => new_null_array(ty, 1),
        _ => {
            let zero = new_null_array(ty, 1).to_data().into_builder().nulls(None).null_count(0).build()?;
            arrow::array::make_array(zero)
        }
    })
}

/// No values of `ty`.
pub(crate) fn none_of(ty: &DataType) -> ArrayRef {
    new_empty_array(ty)
}
