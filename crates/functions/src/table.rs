//! All functions by name, and what is done for each of them alike: NULL, dictionaries, constants.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int32Type};

use crate::build::with_nulls;
use crate::call::{Call, Value};
use crate::error::FunctionError;

/// What a function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value of the type that the caller asks for.
    Value,
    /// Booleans, which are UInt8 in ClickHouse: the caller casts where a number is wanted.
    Predicate,
}

/// What NULL among the arguments means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// The answer is NULL.
    Propagate,
    /// The function decides.
    Own,
}

/// A function.
#[derive(Debug, Clone, Copy)]
pub struct Scalar {
    /// Its ClickHouse name.
    pub name: &'static str,
    /// What it answers.
    pub kind: Kind,
    /// The kernel: sees no dictionaries, and need not look after NULL unless `nulls` says so.
    pub evaluate: fn(&Call<'_>) -> Result<ArrayRef, FunctionError>,
    /// What NULL among the arguments means.
    pub nulls: Nulls,
    /// Whether an answer may be many times as large as its arguments: better asked for a few rows at a time.
    pub grows: bool,
}

/// A kernel.
pub(crate) type Evaluate = fn(&Call<'_>) -> Result<ArrayRef, FunctionError>;

/// A function that answers values.
pub(crate) const fn value(name: &'static str, evaluate: Evaluate) -> Scalar {
    Scalar { name, kind: Kind::Value, evaluate, nulls: Nulls::Propagate, grows: false }
}

/// A function that answers Booleans.
pub(crate) const fn predicate(name: &'static str, evaluate: Evaluate) -> Scalar {
    Scalar { name, kind: Kind::Predicate, evaluate, nulls: Nulls::Propagate, grows: false }
}

impl Scalar {
    pub(crate) const fn own_nulls(mut self) -> Self {
        self.nulls = Nulls::Own;
        self
    }

    pub(crate) const fn grows(mut self) -> Self {
        self.grows = true;
        self
    }

    /// Answers the call: one value for each of `rows` rows, or a constant if all arguments are.
    ///
    /// The answer is exactly of type `returns`, or Boolean for a predicate. Text may come as a dictionary with Int32 keys;
    /// each of its values is then looked at once. `now_micros` is the time of the query since the epoch.
    ///
    /// # Errors
    ///
    /// When an argument is of a type, or has a value, that the function does not take.
    pub fn call(
        &self,
        arguments: &[Value],
        rows: usize,
        returns: &DataType,
        now_micros: i64,
    ) -> Result<Value, FunctionError> {
        if arguments.iter().all(Value::is_constant) {
            let answer = self.plain(arguments, 1, returns, now_micros)?;
            return Ok(Value::Constant(answer));
        }
        if rows == 0 {
            let ty = if self.kind == Kind::Predicate { &DataType::Boolean } else { returns };
            return Ok(Value::Column(crate::elements::none_of(ty)));
        }
        if let Some(answer) = self.by_dictionary(arguments, rows, returns, now_micros) {
            return Ok(Value::Column(answer));
        }
        Ok(Value::Column(self.plain(arguments, rows, returns, now_micros)?))
    }

    /// Evaluates the values of the only column, if it is a dictionary worth it.
    fn by_dictionary(&self, arguments: &[Value], rows: usize, returns: &DataType, now_micros: i64) -> Option<ArrayRef> {
        let mut columns = arguments.iter().enumerate().filter(|(_, value)| !value.is_constant());
        let (at, column) = columns.next()?;
        if columns.next().is_some() || self.nulls == Nulls::Own || !is_dictionary(column.data_type()) {
            return None;
        }
        let dictionary = column.array().as_dictionary_opt::<Int32Type>()?;
        let values = dictionary.values();
        // Lists are never NULL, so a missing key has an answer too.
        if values.len() > rows || (returns.is_nested() && dictionary.keys().null_count() > 0) {
            return None;
        }
        let mut inner = arguments.to_vec();
        *inner.get_mut(at)? = Value::Column(Arc::clone(values));
        // A value that no row has may be one that the function refuses: then the rows decide.
        let answers = self.plain(&inner, values.len(), returns, now_micros).ok()?;
        take(&answers, dictionary.keys(), None).ok()
    }

    fn plain(
        &self,
        arguments: &[Value],
        rows: usize,
        returns: &DataType,
        now_micros: i64,
    ) -> Result<ArrayRef, FunctionError> {
        let arguments = arguments.iter().map(undictionary).collect::<Result<Vec<_>, _>>()?;
        let wanted = if self.kind == Kind::Predicate { &DataType::Boolean } else { returns };
        let nulls = match self.nulls {
            Nulls::Own => None,
            Nulls::Propagate => match combined_nulls(&arguments, rows) {
                Combined::All => return nothing(wanted, rows),
                Combined::Some(nulls) => Some(nulls),
                Combined::None => None,
            },
        };
        let call = Call { function: self.name, arguments: &arguments, rows, returns, now_micros, nulls };
        let mut answer = (self.evaluate)(&call)?;
        if !wanted.is_nested() {
            answer = with_nulls(&answer, call.nulls.as_ref())?;
        }
        if answer.data_type() != wanted || answer.len() != rows {
            return Err(call.contract(format!(
                "{} rows of {} for {rows} of {wanted}",
                answer.len(),
                answer.data_type()
            )));
        }
        Ok(answer)
    }
}

/// NULL in every row, or where the type has none, as that of lists, the default.
fn nothing(ty: &DataType, rows: usize) -> Result<ArrayRef, FunctionError> {
    if !ty.is_nested() {
        return Ok(new_null_array(ty, rows));
    }
    crate::condition::expand(&Value::Constant(crate::elements::default_value(ty)?), rows)
}

fn is_dictionary(ty: &DataType) -> bool {
    matches!(ty, DataType::Dictionary(_, _))
}

/// `value` as a kernel wants it: text as Utf8.
fn undictionary(value: &Value) -> Result<Value, FunctionError> {
    let plain = |array: &ArrayRef| -> Result<ArrayRef, FunctionError> {
        Ok(match array.data_type() {
            DataType::Dictionary(_, inner) => cast(array, inner)?,
            DataType::LargeUtf8 | DataType::Utf8View => cast(array, &DataType::Utf8)?,
            _ => Arc::clone(array),
        })
    };
    Ok(match value {
        Value::Column(array) => Value::Column(plain(array)?),
        Value::Constant(array) => Value::Constant(plain(array)?),
    })
}

enum Combined {
    None,
    Some(NullBuffer),
    All,
}

fn combined_nulls(arguments: &[Value], rows: usize) -> Combined {
    let mut all: Option<NullBuffer> = None;
    for value in arguments {
        let array = value.array();
        if array.data_type() == &DataType::Null && !array.is_empty() {
            return Combined::All;
        }
        match value {
            Value::Constant(array) if array.is_null(0) => return Combined::All,
            Value::Constant(_) => {}
            Value::Column(array) => all = NullBuffer::union(all.as_ref(), array.nulls()),
        }
    }
    match all {
        Some(nulls) if nulls.null_count() == rows && rows > 0 => Combined::All,
        Some(nulls) if nulls.null_count() > 0 => Combined::Some(nulls),
        _ => Combined::None,
    }
}

/// The tables of the modules.
const TABLES: &[&[Scalar]] = &[
    crate::arithmetic::TABLE,
    crate::arrays::TABLE,
    crate::bits::TABLE,
    crate::city::TABLE,
    crate::compare::TABLE,
    crate::condition::TABLE,
    crate::convert::TABLE,
    crate::dates::TABLE,
    crate::encode::TABLE,
    crate::funnel::TABLE,
    crate::json::TABLE,
    crate::maps::TABLE,
    crate::maths::TABLE,
    crate::patterns::TABLE,
    crate::search::TABLE,
    crate::semver::TABLE,
    crate::show::TABLE,
    crate::strings::TABLE,
    crate::tuples::TABLE,
    crate::url::TABLE,
    crate::utf8::TABLE,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Scalar>> =
    LazyLock::new(|| scalars().map(|scalar| (scalar.name, scalar)).collect());

/// The function with this ClickHouse name.
pub fn scalar(name: &str) -> Option<&'static Scalar> {
    BY_NAME.get(name).copied()
}

/// Every function.
pub fn scalars() -> impl Iterator<Item = &'static Scalar> {
    TABLES.iter().flat_map(|table| table.iter())
}
