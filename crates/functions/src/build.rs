//! How a kernel makes its answer: the loops over rows, and the arrays they fill.

use std::sync::Arc;

use arrow::array::builder::BooleanBufferBuilder;
use arrow::array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, PrimitiveArray, StringArray, UInt32Array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, TimeUnit};

use crate::call::Call;
use crate::error::FunctionError;

/// The longest text of one batch, all rows together. It bounds what a query may take beside its counted memory.
const BATCH_BYTES_MAX: usize = 32 << 20;
/// The most elements in the arrays of one batch.
const BATCH_ITEMS_MAX: usize = 1 << 22;

/// Texts under construction, side by side in one buffer.
#[derive(Debug)]
pub(crate) struct TextBuilder {
    function: &'static str,
    text: String,
    offsets: Vec<i32>,
    valid: Option<BooleanBufferBuilder>,
}

impl TextBuilder {
    pub(crate) fn new(function: &'static str, rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { function, text: String::with_capacity(rows * 16), offsets, valid: None }
    }

    /// How many texts are finished.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The buffer that the next text is appended to. What was there before must stay.
    pub(crate) fn text(&mut self) -> &mut String {
        &mut self.text
    }

    /// Ends the text that was appended.
    pub(crate) fn end(&mut self) -> Result<(), FunctionError> {
        bounded(self.function, &self.text)?;
        let end = i32::try_from(self.text.len()).map_err(|_| FunctionError::TooLarge(self.function))?;
        self.offsets.push(end);
        offset(self.function, self.offsets.len())?;
        if let Some(valid) = &mut self.valid {
            valid.append(true);
        }
        Ok(())
    }

    pub(crate) fn push(&mut self, text: &str) -> Result<(), FunctionError> {
        self.text.push_str(text);
        self.end()
    }

    pub(crate) fn null(&mut self) -> Result<(), FunctionError> {
        let rows = self.len();
        self.end()?;
        let valid = self.valid.get_or_insert_with(|| {
            let mut valid = BooleanBufferBuilder::new(rows + 1);
            valid.append_n(rows + 1, true);
            valid
        });
        valid.set_bit(rows, false);
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<StringArray, FunctionError> {
        let nulls = self.valid.as_mut().map(|valid| NullBuffer::new(valid.finish()));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Ok(StringArray::try_new(offsets, Buffer::from(self.text.into_bytes()), nulls)?)
    }
}

/// Lists of texts under construction.
#[derive(Debug)]
pub(crate) struct TextListBuilder {
    pub(crate) items: TextBuilder,
    offsets: Vec<i32>,
}

impl TextListBuilder {
    pub(crate) fn new(function: &'static str, rows: usize) -> Self {
        Self { items: TextBuilder::new(function, rows * 2), offsets: vec![0] }
    }

    /// Ends the list of what was pushed to `items`.
    pub(crate) fn end(&mut self) -> Result<(), FunctionError> {
        self.offsets.push(offset(self.items.function, self.items.len())?);
        Ok(())
    }

    pub(crate) fn finish(self, returns: &DataType) -> Result<ArrayRef, FunctionError> {
        let items: ArrayRef = Arc::new(self.items.finish()?);
        list(returns, self.offsets, items, None)
    }
}

/// Whether `text` may be that long; to be asked wherever it grows by more than what went in.
pub(crate) fn bounded(function: &'static str, text: &str) -> Result<(), FunctionError> {
    if text.len() > BATCH_BYTES_MAX { Err(FunctionError::TooLarge(function)) } else { Ok(()) }
}

/// The values of `column` at `places`, if their texts together are not too long.
pub(crate) fn taken(
    function: &'static str,
    column: &ArrayRef,
    places: &UInt32Array,
) -> Result<ArrayRef, FunctionError> {
    if let Some(texts) = column.as_string_opt::<i32>() {
        let length = |place: &u32| usize::try_from(*place).map_or(0, |place| texts.value(place).len());
        if places.values().iter().map(length).sum::<usize>() > BATCH_BYTES_MAX {
            return Err(FunctionError::TooLarge(function));
        }
    }
    Ok(take(column, places, None)?)
}

/// The only value of `constant` once for each of `rows` rows.
///
/// # Errors
///
/// When that is too large.
pub fn repeated(constant: &ArrayRef, rows: usize) -> Result<ArrayRef, FunctionError> {
    taken("array", constant, &UInt32Array::from_value(0, rows))
}

pub(crate) fn offset(function: &'static str, length: usize) -> Result<i32, FunctionError> {
    let fits = i32::try_from(length).ok().filter(|_| length <= BATCH_ITEMS_MAX);
    fits.ok_or(FunctionError::TooLarge(function))
}

/// A list array of type `returns`.
pub(crate) fn list(
    returns: &DataType,
    offsets: Vec<i32>,
    items: ArrayRef,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, FunctionError> {
    let DataType::List(field) = returns else {
        return Err(FunctionError::Contract { function: "array", message: format!("{returns} is no list") });
    };
    let items =
        if items.data_type() == field.data_type() { items } else { crate::convert::coerce(&items, field.data_type())? };
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, items, nulls)?))
}

/// Lists made of `values` at `indices`, row after row.
pub(crate) fn list_of_taken(
    returns: &DataType,
    offsets: Vec<i32>,
    values: &ArrayRef,
    indices: Vec<u32>,
) -> Result<ArrayRef, FunctionError> {
    list(returns, offsets, take(values, &UInt32Array::from(indices), None)?, None)
}

impl Call<'_> {
    /// Text for each row, appended by `write` to what it gets; it must not touch what is there.
    pub(crate) fn write_texts(
        &self,
        mut write: impl FnMut(usize, &mut String) -> Result<(), FunctionError>,
    ) -> Result<ArrayRef, FunctionError> {
        let mut builder = TextBuilder::new(self.function, self.rows);
        for row in 0..self.rows {
            if !self.is_null(row) {
                write(row, builder.text())?;
            }
            builder.end()?;
        }
        Ok(Arc::new(builder.finish()?))
    }

    /// A list of texts for each row.
    pub(crate) fn write_text_lists(
        &self,
        mut write: impl FnMut(usize, &mut TextBuilder) -> Result<(), FunctionError>,
    ) -> Result<ArrayRef, FunctionError> {
        let mut builder = TextListBuilder::new(self.function, self.rows);
        for row in 0..self.rows {
            if !self.is_null(row) {
                write(row, &mut builder.items)?;
            }
            builder.end()?;
        }
        builder.finish(self.returns)
    }

    /// A truth value for each row. `test` is asked for NULL rows too, and must not fail there.
    pub(crate) fn test(&self, test: impl FnMut(usize) -> bool) -> ArrayRef {
        Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(self.rows, test), None))
    }

    /// Integers of the type to answer, wrapped round to fit. `number` is asked for NULL rows too, and must not fail there.
    pub(crate) fn number(&self, number: impl FnMut(usize) -> i64) -> Result<ArrayRef, FunctionError> {
        self.wrapped((0..self.rows).map(number).collect())
    }

    /// Integers of the type to answer, where each may fail.
    pub(crate) fn try_number(
        &self,
        mut number: impl FnMut(usize) -> Result<i64, FunctionError>,
    ) -> Result<ArrayRef, FunctionError> {
        let mut values = Vec::with_capacity(self.rows);
        for row in 0..self.rows {
            values.push(if self.is_null(row) { 0 } else { number(row)? });
        }
        self.wrapped(values)
    }

    /// Integers or NULL, of the type to answer.
    pub(crate) fn optional_number(
        &self,
        mut number: impl FnMut(usize) -> Option<i64>,
    ) -> Result<ArrayRef, FunctionError> {
        let mut valid = BooleanBufferBuilder::new(self.rows);
        let mut values = Vec::with_capacity(self.rows);
        for row in 0..self.rows {
            let value = if self.is_null(row) { None } else { number(row) };
            valid.append(value.is_some());
            values.push(value.unwrap_or_default());
        }
        with_nulls(&self.wrapped(values)?, Some(&NullBuffer::new(valid.finish())))
    }

    /// Floats of the type to answer. `number` is asked for NULL rows too.
    pub(crate) fn float(&self, number: impl FnMut(usize) -> f64) -> Result<ArrayRef, FunctionError> {
        self.floated((0..self.rows).map(number).collect())
    }

    /// `values` in the type to answer, wrapped round to fit.
    pub(crate) fn wrapped(&self, values: Vec<i64>) -> Result<ArrayRef, FunctionError> {
        wrapped(values, self.returns).ok_or_else(|| self.contract(format!("it does not answer {}", self.returns)))
    }

    /// `values` in the float type to answer.
    #[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is what is asked for")]
    pub(crate) fn floated(&self, values: Vec<f64>) -> Result<ArrayRef, FunctionError> {
        Ok(match self.returns {
            DataType::Float64 => primitive::<Float64Type>(values, self.returns),
            DataType::Float32 => primitive::<Float32Type>(values.iter().map(|v| *v as f32).collect(), self.returns),
            _ => return Err(self.contract(format!("it does not answer {}", self.returns))),
        })
    }
}

/// `array` with the NULLs of `nulls` added.
pub(crate) fn with_nulls(array: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<ArrayRef, FunctionError> {
    if nulls.is_none_or(|nulls| nulls.null_count() == 0) || array.data_type() == &DataType::Null {
        return Ok(Arc::clone(array));
    }
    let all = NullBuffer::union(array.nulls(), nulls);
    let data = array.to_data().into_builder().nulls(all).build()?;
    Ok(arrow::array::make_array(data))
}

fn primitive<T: ArrowPrimitiveType>(values: Vec<T::Native>, ty: &DataType) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None).with_data_type(ty.clone()))
}

/// `values` in the integer, date or timestamp type `ty`, wrapped round to fit.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "wrapping is what is asked for")]
pub(crate) fn wrapped(values: Vec<i64>, ty: &DataType) -> Option<ArrayRef> {
    macro_rules! narrow {
        ($arrow:ty, $native:ty) => {
            primitive::<$arrow>(values.iter().map(|value| *value as $native).collect(), ty)
        };
    }
    Some(match ty {
        DataType::Int64 => primitive::<Int64Type>(values, ty),
        DataType::Int32 => narrow!(Int32Type, i32),
        DataType::Int16 => narrow!(Int16Type, i16),
        DataType::Int8 => narrow!(Int8Type, i8),
        DataType::UInt64 => narrow!(UInt64Type, u64),
        DataType::UInt32 => narrow!(UInt32Type, u32),
        DataType::UInt16 => narrow!(UInt16Type, u16),
        DataType::UInt8 => narrow!(UInt8Type, u8),
        DataType::Boolean => Arc::new(values.iter().map(|value| Some(*value != 0)).collect::<BooleanArray>()),
        DataType::Date32 => narrow!(Date32Type, i32),
        DataType::Timestamp(TimeUnit::Second, _) => primitive::<TimestampSecondType>(values, ty),
        DataType::Timestamp(TimeUnit::Millisecond, _) => primitive::<TimestampMillisecondType>(values, ty),
        DataType::Timestamp(TimeUnit::Microsecond, _) => primitive::<TimestampMicrosecondType>(values, ty),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => primitive::<TimestampNanosecondType>(values, ty),
        _ => return None,
    })
}
