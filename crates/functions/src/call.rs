//! What a kernel is called with, and how it reads its arguments.
//!
//! A constant is an array of one value. Readers hide the difference: `get(row)` of a constant is its value in every row.

use std::borrow::Cow;
use std::ops::Range;

use arrow::array::types::{
    Date32Type, Decimal128Type, Float32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit};

use crate::error::FunctionError;

/// An argument or an answer.
#[derive(Debug, Clone)]
pub enum Value {
    /// One value for each row.
    Column(ArrayRef),
    /// The same value in every row: an array of length 1.
    Constant(ArrayRef),
}

/// One call of a function.
#[derive(Debug)]
pub struct Call<'a> {
    /// Its ClickHouse name, for messages.
    pub function: &'static str,
    /// The arguments, none of them a dictionary.
    pub arguments: &'a [Value],
    /// How many rows to answer.
    pub rows: usize,
    /// The type to answer; of a predicate, the answer is Boolean whatever this says.
    pub returns: &'a DataType,
    /// Microseconds since the epoch, the same for the whole query.
    pub now_micros: i64,
    /// Rows whose answer is NULL because an argument is. What a kernel answers there is ignored, but it must not fail.
    pub nulls: Option<NullBuffer>,
}

impl Value {
    /// The values: one for each row, or just one.
    pub fn array(&self) -> &ArrayRef {
        match self {
            Self::Column(array) | Self::Constant(array) => array,
        }
    }

    /// The type.
    pub fn data_type(&self) -> &DataType {
        self.array().data_type()
    }

    pub(crate) fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// Where the value of `row` lies in the array.
    pub(crate) fn index(&self, row: usize) -> usize {
        if self.is_constant() { 0 } else { row }
    }
}

/// Text, one for each row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts<'a> {
    array: &'a StringArray,
    constant: bool,
}

impl<'a> Texts<'a> {
    pub(crate) fn get(&self, row: usize) -> &'a str {
        self.array.value(if self.constant { 0 } else { row })
    }

    /// The value of every row, if it is known to be one.
    pub(crate) fn constant(&self) -> Option<&'a str> {
        (self.constant && self.array.is_valid(0)).then(|| self.array.value(0))
    }
}

/// Numbers, one for each row.
#[derive(Debug, Clone)]
pub(crate) struct Numbers<'a, T: Clone> {
    values: Cow<'a, [T]>,
    constant: bool,
}

impl<T: Copy> Numbers<'_, T> {
    pub(crate) fn get(&self, row: usize) -> T {
        self.values[if self.constant { 0 } else { row }]
    }

    /// The slice, one value for each row; `None` for a constant.
    pub(crate) fn column(&self) -> Option<&[T]> {
        (!self.constant).then_some(&*self.values)
    }
}

/// Lists, one for each row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListsOf<'a> {
    pub(crate) array: &'a ListArray,
    constant: bool,
}

impl<'a> ListsOf<'a> {
    /// The places of the list of `row` in the values; empty for NULL.
    pub(crate) fn range(&self, row: usize) -> Range<usize> {
        range(self.array, if self.constant { 0 } else { row })
    }

    /// The elements of all lists.
    pub(crate) fn values(&self) -> &'a ArrayRef {
        self.array.values()
    }
}

/// The places of list `at` in the values of `lists`; empty for NULL.
pub(crate) fn range(lists: &ListArray, at: usize) -> Range<usize> {
    if lists.is_null(at) {
        return 0..0;
    }
    let offsets = lists.value_offsets();
    let place = |at: usize| usize::try_from(offsets[at]).unwrap_or(0);
    place(at)..place(at + 1)
}

impl<'a> Call<'a> {
    /// Whether the answer of `row` is NULL whatever the kernel says.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    pub(crate) fn argument(&self, at: usize) -> Result<&'a Value, FunctionError> {
        let found = self.arguments.len();
        self.arguments.get(at).ok_or_else(|| self.contract(format!("argument {} of {found} is missing", at + 1)))
    }

    pub(crate) fn contract(&self, message: impl Into<String>) -> FunctionError {
        FunctionError::Contract { function: self.function, message: message.into() }
    }

    /// The argument at `at` is of a type that the function does not take.
    pub(crate) fn illegal(&self, at: usize) -> FunctionError {
        let found = self.arguments.get(at).map_or(DataType::Null, |value| value.data_type().clone());
        FunctionError::ArgumentType { function: self.function, position: at + 1, found }
    }

    pub(crate) fn has(&self, at: usize) -> bool {
        at < self.arguments.len()
    }

    pub(crate) fn texts(&self, at: usize) -> Result<Texts<'a>, FunctionError> {
        let value = self.argument(at)?;
        let array = value.array().as_string_opt::<i32>().ok_or_else(|| self.illegal(at))?;
        Ok(Texts { array, constant: value.is_constant() })
    }

    /// The text of an argument that must be the same in every row.
    pub(crate) fn constant_text(&self, at: usize) -> Result<&'a str, FunctionError> {
        let texts = self.texts(at)?;
        if let Some(text) = texts.constant() {
            return Ok(text);
        }
        // A column of one repeated value will do, so that callers need not fold constants.
        let mut rows =
            (0..texts.array.len()).filter(|row| texts.array.is_valid(*row)).map(|row| texts.array.value(row));
        let first = rows.next().unwrap_or_default();
        if rows.all(|text| text == first) {
            return Ok(first);
        }
        Err(FunctionError::Argument(format!("argument {} of function {} must be constant", at + 1, self.function)))
    }

    pub(crate) fn lists(&self, at: usize) -> Result<ListsOf<'a>, FunctionError> {
        let value = self.argument(at)?;
        let array = value.array().as_list_opt::<i32>().ok_or_else(|| self.illegal(at))?;
        Ok(ListsOf { array, constant: value.is_constant() })
    }

    /// The integers of an argument, those above `i64::MAX` wrapped round.
    pub(crate) fn ints(&self, at: usize) -> Result<Numbers<'a, i64>, FunctionError> {
        let value = self.argument(at)?;
        let values = ints(value.array()).ok_or_else(|| self.illegal(at))?;
        Ok(Numbers { values, constant: value.is_constant() })
    }

    /// The numbers of an argument, as floats.
    pub(crate) fn floats(&self, at: usize) -> Result<Numbers<'a, f64>, FunctionError> {
        let value = self.argument(at)?;
        let values = floats(value.array()).ok_or_else(|| self.illegal(at))?;
        Ok(Numbers { values, constant: value.is_constant() })
    }
}

/// The integers of `array`, those above `i64::MAX` wrapped round; of a decimal, its digits. NULL is any number.
pub(crate) fn ints(array: &ArrayRef) -> Option<Cow<'_, [i64]>> {
    macro_rules! widen {
        ($ty:ty) => {
            Cow::Owned(array.as_primitive::<$ty>().values().iter().map(|value| i64::from(*value)).collect())
        };
    }
    Some(match array.data_type() {
        DataType::Int64 => Cow::Borrowed(array.as_primitive::<Int64Type>().values()),
        DataType::Int32 => widen!(Int32Type),
        DataType::Int16 => widen!(Int16Type),
        DataType::Int8 => widen!(Int8Type),
        DataType::UInt32 => widen!(UInt32Type),
        DataType::UInt16 => widen!(UInt16Type),
        DataType::UInt8 => widen!(UInt8Type),
        DataType::UInt64 => {
            Cow::Owned(array.as_primitive::<UInt64Type>().values().iter().map(|v| v.cast_signed()).collect())
        }
        DataType::Boolean => Cow::Owned(array.as_boolean().values().iter().map(i64::from).collect()),
        DataType::Date32 => widen!(Date32Type),
        DataType::Timestamp(TimeUnit::Second, _) => Cow::Borrowed(array.as_primitive::<TimestampSecondType>().values()),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Cow::Borrowed(array.as_primitive::<TimestampMillisecondType>().values())
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Cow::Borrowed(array.as_primitive::<TimestampMicrosecondType>().values())
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Cow::Borrowed(array.as_primitive::<TimestampNanosecondType>().values())
        }
        DataType::Null => Cow::Owned(vec![0; array.len()]),
        _ => return None,
    })
}

/// The numbers of `array` as floats. NULL is any number.
#[expect(clippy::cast_precision_loss, reason = "what a conversion to Float64 means")]
pub(crate) fn floats(array: &ArrayRef) -> Option<Cow<'_, [f64]>> {
    Some(match array.data_type() {
        DataType::Float64 => Cow::Borrowed(array.as_primitive::<Float64Type>().values()),
        DataType::Float32 => {
            Cow::Owned(array.as_primitive::<Float32Type>().values().iter().map(|v| f64::from(*v)).collect())
        }
        DataType::UInt64 => Cow::Owned(array.as_primitive::<UInt64Type>().values().iter().map(|v| *v as f64).collect()),
        DataType::Decimal128(_, scale) => {
            let unit = 10f64.powi(i32::from(*scale));
            Cow::Owned(array.as_primitive::<Decimal128Type>().values().iter().map(|v| *v as f64 / unit).collect())
        }
        DataType::Decimal256(_, _) => {
            let floats = cast(array, &DataType::Float64).ok()?;
            Cow::Owned(floats.as_primitive::<Float64Type>().values().to_vec())
        }
        DataType::Date32 | DataType::Timestamp(_, _) => return None,
        _ => Cow::Owned(ints(array)?.iter().map(|v| *v as f64).collect()),
    })
}

/// Whether `ty` is an integer or Boolean.
pub(crate) fn is_integer(ty: &DataType) -> bool {
    ty.is_integer() || matches!(ty, DataType::Boolean | DataType::Null)
}
