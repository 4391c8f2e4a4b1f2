//! Functions that take a lambda.
//!
//! The lambda is the caller's: only a planner can evaluate its body. The caller lays the lists side by side, evaluates the body
//! once over all their elements, and hands the flat result to the function, which puts the answer together:
//!
//! ```text
//! lists  = Lists::align(&[xs, ys], rows)         one offsets, flat values
//! body   over lists.values(), with columns from outside spread by lists.spread()
//! answer = higher_order("arrayFilter")?.call(&lists, &body, &returns, None)
//! ```
//!
//! Maps are lists of their keys and their values. `arrayFold` needs the lambda once per place of the longest list: see [`fold`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, MapArray, StructArray, UInt32Array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::{interleave, take};
use arrow::datatypes::DataType;

use crate::arrays::{Direction, place, sorted};
use crate::build::{list, offset, taken};
use crate::call::{Call, Value, range};
use crate::condition::booleans;
use crate::convert::coerce;
use crate::elements::default_value;
use crate::error::FunctionError;
use crate::show::entries;
use crate::table::scalar;

/// Lists of the same lengths, side by side.
#[derive(Debug, Clone)]
pub struct Lists {
    offsets: Vec<i32>,
    values: Vec<ArrayRef>,
    parents: UInt32Array,
}

impl Lists {
    /// Lays lists side by side; a map counts as two, its keys and its values.
    ///
    /// # Errors
    ///
    /// When the lists of a row differ in length, or an argument is no list.
    pub fn align(arguments: &[Value], rows: usize) -> Result<Self, FunctionError> {
        let (mut offsets, mut parents) = (Vec::with_capacity(rows + 1), Vec::new());
        let mut all: Vec<Vec<u32>> = vec![Vec::new(); arguments.len()];
        offsets.push(0);
        for row in 0..rows {
            let mut length = None;
            for (argument, indices) in arguments.iter().zip(&mut all) {
                let places = places(argument, row)?;
                if *length.get_or_insert_with(|| places.len()) != places.len() {
                    return Err(FunctionError::Argument("the arrays of a call differ in length".to_owned()));
                }
                for at in places {
                    indices.push(u32::try_from(at).map_err(|_| FunctionError::TooLarge("array"))?);
                }
            }
            let row = u32::try_from(row).map_err(|_| FunctionError::TooLarge("array"))?;
            parents.extend(std::iter::repeat_n(row, length.unwrap_or(0)));
            offsets.push(offset("array", parents.len())?);
        }
        let mut values = Vec::new();
        for (argument, indices) in arguments.iter().zip(all) {
            let indices = UInt32Array::from(indices);
            match argument.array().as_map_opt() {
                Some(maps) => {
                    values.push(taken("map", maps.keys(), &indices)?);
                    values.push(taken("map", maps.values(), &indices)?);
                }
                None => values.push(taken("array", argument.array().as_list::<i32>().values(), &indices)?),
            }
        }
        Ok(Self { offsets, values, parents: UInt32Array::from(parents) })
    }

    /// The elements of each list, all rows one after the other: the variables of the lambda.
    pub fn values(&self) -> &[ArrayRef] {
        &self.values
    }

    /// Where the elements of each row begin and end.
    pub fn offsets(&self) -> &[i32] {
        &self.offsets
    }

    /// `column`, a value for each row, as a value for each element.
    ///
    /// # Errors
    ///
    /// When that is too large.
    pub fn spread(&self, column: &ArrayRef) -> Result<ArrayRef, FunctionError> {
        taken("array", column, &self.parents)
    }

    /// How many elements there are.
    pub fn total(&self) -> usize {
        self.parents.len()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(crate) fn range(&self, row: usize) -> std::ops::Range<usize> {
        let at = |row: usize| self.offsets.get(row).and_then(|at| usize::try_from(*at).ok()).unwrap_or(0);
        at(row)..at(row + 1)
    }
}

/// `arrayFold`: `step` gets, for the rows that have an element at the next place, what was accumulated so far, the elements, and
/// the rows, and answers what is accumulated now.
///
/// It is called as often as the longest list has elements, and a row costs as many steps as it has elements.
///
/// # Errors
///
/// Those of `step`, and when it answers another number of values or another type.
pub fn fold<E: From<FunctionError>>(
    lists: &Lists,
    initial: &ArrayRef,
    mut step: impl FnMut(&ArrayRef, &[ArrayRef], &UInt32Array) -> Result<ArrayRef, E>,
) -> Result<ArrayRef, E> {
    let mut accumulated = Arc::clone(initial);
    let longest = (0..lists.rows()).map(|row| lists.range(row).len()).max().unwrap_or(0);
    for at in 0..longest {
        let present = (0..lists.rows()).filter(|row| lists.range(*row).len() > at);
        let (rows, elements): (Vec<u32>, Vec<u32>) = present
            .filter_map(|row| Some((u32::try_from(row).ok()?, u32::try_from(lists.range(row).start + at).ok()?)))
            .unzip();
        let (rows, elements) = (UInt32Array::from(rows), UInt32Array::from(elements));
        let taken = |array: &ArrayRef, places: &UInt32Array| take(array, places, None).map_err(FunctionError::from);
        let variables = lists.values.iter().map(|array| taken(array, &elements)).collect::<Result<Vec<_>, _>>()?;
        let next = step(&taken(&accumulated, &rows)?, &variables, &rows)?;
        if next.len() != rows.len() || next.data_type() != accumulated.data_type() {
            return Err(contract("a step of a fold answered something else than it was given").into());
        }
        let mut picks: Vec<_> = (0..lists.rows()).map(|row| (0, row)).collect();
        for (place, row) in rows.values().iter().enumerate() {
            if let Some(pick) = picks.get_mut(*row as usize) {
                *pick = (1, place);
            }
        }
        accumulated = interleave(&[accumulated.as_ref(), next.as_ref()], &picks).map_err(FunctionError::from)?;
    }
    Ok(accumulated)
}

fn places(argument: &Value, row: usize) -> Result<std::ops::Range<usize>, FunctionError> {
    let (array, row) = (argument.array(), argument.index(row));
    match array.data_type() {
        DataType::List(_) => Ok(range(array.as_list(), row)),
        DataType::Map(_, _) => Ok(entries(array.as_map(), row)),
        found => Err(FunctionError::ArgumentType { function: "lambda", position: 1, found: found.clone() }),
    }
}

/// One call of a function with a lambda.
#[derive(Debug)]
pub struct HigherOrderCall<'a> {
    /// The lists.
    pub lists: &'a Lists,
    /// What the lambda answered for each element.
    pub body: &'a ArrayRef,
    /// The type to answer.
    pub returns: &'a DataType,
    /// What `arrayFirst` and `arrayLast` answer if no element fits: NULL if elements may be, else `None`, the default.
    pub missing: Option<&'a ArrayRef>,
}

/// A function that takes a lambda.
#[derive(Debug, Clone, Copy)]
pub struct HigherOrder {
    /// Its ClickHouse name.
    pub name: &'static str,
    /// Puts the answer together, one value for each row.
    pub evaluate: fn(&HigherOrderCall<'_>) -> Result<ArrayRef, FunctionError>,
}

impl HigherOrder {
    /// Answers the call: one value of type `returns` for each row, Boolean for `arrayExists` and `arrayAll`.
    ///
    /// # Errors
    ///
    /// When the body is not of a type that the function takes, or not of the length of the lists.
    pub fn call(&self, call: &HigherOrderCall<'_>) -> Result<ArrayRef, FunctionError> {
        if call.body.len() != call.lists.total() {
            let message = format!("{} results for {} elements", call.body.len(), call.lists.total());
            return Err(FunctionError::Contract { function: self.name, message });
        }
        (self.evaluate)(call)
    }
}

/// The function with this ClickHouse name, if it takes a lambda.
pub fn higher_order(name: &str) -> Option<&'static HigherOrder> {
    TABLE.iter().find(|function| function.name == name)
}

const fn function(
    name: &'static str,
    evaluate: fn(&HigherOrderCall<'_>) -> Result<ArrayRef, FunctionError>,
) -> HigherOrder {
    HigherOrder { name, evaluate }
}

const TABLE: &[HigherOrder] = &[
    function("arrayMap", |call| list(call.returns, call.lists.offsets.clone(), coerce(call.body, item(call)?)?, None)),
    function("arrayFilter", filter),
    function("arrayExists", |call| test(call, |mut truths| truths.any(|is| is))),
    function("arrayAll", |call| test(call, |mut truths| truths.all(|is| is))),
    function("arrayCount", |call| number(call, |truths| truths.filter(|is| *is).count())),
    function("arrayFirstIndex", |call| number(call, |mut truths| truths.position(|is| is).map_or(0, |at| at + 1))),
    function("arrayLastIndex", last_index),
    function("arrayFirst", |call| one(call, true)),
    function("arrayLast", |call| one(call, false)),
    function("arraySort", |call| sort(call, Direction::Ascending)),
    function("arrayReverseSort", |call| sort(call, Direction::Descending)),
    function("arrayFill", |call| fill(call, false)),
    function("arrayReverseFill", |call| fill(call, true)),
    function("arraySplit", |call| split(call, false)),
    function("arrayReverseSplit", |call| split(call, true)),
    function("arraySum", |call| reduced(call, "arraySum")),
    function("arrayAvg", |call| reduced(call, "arrayAvg")),
    function("arrayMin", |call| reduced(call, "arrayMin")),
    function("arrayMax", |call| reduced(call, "arrayMax")),
    function("arrayProduct", |call| reduced(call, "arrayProduct")),
    function("arrayDifference", |call| reduced(call, "arrayDifference")),
    function("arrayCumSum", |call| reduced(call, "arrayCumSum")),
    function("arrayCumSumNonNegative", |call| reduced(call, "arrayCumSumNonNegative")),
    function("mapFilter", map_filter),
    function("mapApply", map_apply),
];

fn contract(message: &str) -> FunctionError {
    FunctionError::Contract { function: "lambda", message: message.to_owned() }
}

/// The type of the elements to answer.
fn item<'a>(call: &HigherOrderCall<'a>) -> Result<&'a DataType, FunctionError> {
    match call.returns {
        DataType::List(field) => Ok(field.data_type()),
        _ => Err(contract("it answers lists")),
    }
}

fn first<'a>(call: &HigherOrderCall<'a>) -> Result<&'a ArrayRef, FunctionError> {
    call.lists.values.first().ok_or_else(|| contract("it takes a list"))
}

/// The body as truth values; NULL is false.
fn truths(call: &HigherOrderCall<'_>) -> Result<BooleanArray, FunctionError> {
    let body = booleans(call.body).ok_or_else(|| contract("the lambda must answer truth values"))?;
    Ok(match body.nulls() {
        Some(nulls) => BooleanArray::new(body.values() & nulls.inner(), None),
        None => body,
    })
}

/// A call of a plain function, for those that rearrange.
fn plain<'a>(call: &HigherOrderCall<'a>, function: &'static str) -> Call<'a> {
    Call { function, arguments: &[], rows: call.lists.rows(), returns: call.returns, now_micros: 0, nulls: None }
}

type Truths<'a> = dyn DoubleEndedIterator<Item = bool> + 'a;

fn test(call: &HigherOrderCall<'_>, of: fn(Box<Truths<'_>>) -> bool) -> Result<ArrayRef, FunctionError> {
    let truths = truths(call)?;
    Ok(plain(call, "arrayExists").test(|row| of(Box::new(call.lists.range(row).map(|at| truths.value(at))))))
}

fn number(call: &HigherOrderCall<'_>, of: fn(Box<Truths<'_>>) -> usize) -> Result<ArrayRef, FunctionError> {
    let truths = truths(call)?;
    plain(call, "arrayCount").number(|row| {
        let number = of(Box::new(call.lists.range(row).map(|at| truths.value(at))));
        i64::try_from(number).unwrap_or(i64::MAX)
    })
}

fn last_index(call: &HigherOrderCall<'_>) -> Result<ArrayRef, FunctionError> {
    let truths = truths(call)?;
    plain(call, "arrayLastIndex").number(|row| {
        let places = call.lists.range(row);
        let found = places.clone().rev().find(|at| truths.value(*at));
        found.and_then(|at| i64::try_from(at - places.start + 1).ok()).unwrap_or(0)
    })
}

fn filter(call: &HigherOrderCall<'_>) -> Result<ArrayRef, FunctionError> {
    let truths = truths(call)?;
    let mut offsets = vec![0];
    let mut kept = 0;
    for row in 0..call.lists.rows() {
        kept += call.lists.range(row).filter(|at| truths.value(*at)).count();
        offsets.push(offset("arrayFilter", kept)?);
    }
    let items = arrow::compute::filter(first(call)?, &truths)?;
    list(call.returns, offsets, coerce(&items, item(call)?)?, None)
}

fn one(call: &HigherOrderCall<'_>, from_start: bool) -> Result<ArrayRef, FunctionError> {
    let (truths, values) = (truths(call)?, coerce(first(call)?, call.returns)?);
    let missing = match call.missing {
        Some(missing) => coerce(missing, call.returns)?,
        None => default_value(call.returns)?,
    };
    let picks: Vec<_> = (0..call.lists.rows())
        .map(|row| {
            let mut places = call.lists.range(row).filter(|at| truths.value(*at));
            let found = if from_start { places.next() } else { places.next_back() };
            found.map_or((1, 0), |at| (0, at))
        })
        .collect();
    Ok(interleave(&[values.as_ref(), missing.as_ref()], &picks)?)
}

fn sort(call: &HigherOrderCall<'_>, direction: Direction) -> Result<ArrayRef, FunctionError> {
    sorted(&plain(call, "arraySort"), first(call)?, call.body, |row| call.lists.range(row), direction)
}

/// An element for which the lambda is false is replaced by the one before it, or after it if `backwards`.
fn fill(call: &HigherOrderCall<'_>, backwards: bool) -> Result<ArrayRef, FunctionError> {
    let truths = truths(call)?;
    let plain = plain(call, "arrayFill");
    crate::arrays::rearranged(&plain, first(call)?, |row, out| {
        let (places, start) = (call.lists.range(row), out.len());
        let order: Box<dyn Iterator<Item = usize>> = if backwards { Box::new(places.rev()) } else { Box::new(places) };
        for at in order {
            let at = place(&plain, at)?;
            let before = if out.len() > start { out.last().copied() } else { None };
            out.push(if truths.value(at as usize) { at } else { before.unwrap_or(at) });
        }
        if backwards && let Some(added) = out.get_mut(start..) {
            added.reverse();
        }
        Ok(())
    })
}

/// Cuts before each element for which the lambda is true, or after it if `backwards`.
fn split(call: &HigherOrderCall<'_>, backwards: bool) -> Result<ArrayRef, FunctionError> {
    let truths = truths(call)?;
    let (mut inner, mut outer) = (vec![0], vec![0]);
    for row in 0..call.lists.rows() {
        let places = call.lists.range(row);
        for at in places.clone() {
            let cut = if backwards {
                at > places.start && truths.value(at - 1)
            } else {
                at > places.start && truths.value(at)
            };
            if cut {
                inner.push(offset("arraySplit", at)?);
            }
        }
        if !places.is_empty() {
            inner.push(offset("arraySplit", places.end)?);
        }
        outer.push(offset("arraySplit", inner.len() - 1)?);
    }
    let DataType::List(piece) = item(call)? else { return Err(contract("it answers lists of lists")) };
    let values = coerce(first(call)?, piece.data_type())?;
    list(call.returns, outer, list(item(call)?, inner, values, None)?, None)
}

/// The plain function of the lists that the lambda made.
fn reduced(call: &HigherOrderCall<'_>, name: &'static str) -> Result<ArrayRef, FunctionError> {
    let ty = DataType::List(Arc::new(arrow::datatypes::Field::new_list_field(call.body.data_type().clone(), true)));
    let made = list(&ty, call.lists.offsets.clone(), Arc::clone(call.body), None)?;
    let function = scalar(name).ok_or_else(|| contract("it is unknown"))?;
    let answer = function.call(&[Value::Column(made)], call.lists.rows(), call.returns, 0)?;
    Ok(Arc::clone(answer.array()))
}

/// A map of type `returns`.
fn map_of(call: &HigherOrderCall<'_>, offsets: Vec<i32>, entries: &ArrayRef) -> Result<ArrayRef, FunctionError> {
    let DataType::Map(field, ordered) = call.returns else { return Err(contract("it answers maps")) };
    let entries = coerce(entries, field.data_type())?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries.as_struct().clone(), None, *ordered)?))
}

fn map_filter(call: &HigherOrderCall<'_>) -> Result<ArrayRef, FunctionError> {
    let truths = truths(call)?;
    let mut offsets = vec![0];
    let mut kept = 0;
    for row in 0..call.lists.rows() {
        kept += call.lists.range(row).filter(|at| truths.value(*at)).count();
        offsets.push(offset("mapFilter", kept)?);
    }
    let [keys, values] = call.lists.values() else { return Err(contract("it takes one map")) };
    let (keys, values) = (arrow::compute::filter(keys, &truths)?, arrow::compute::filter(values, &truths)?);
    let fields = vec![
        arrow::datatypes::Field::new("key", keys.data_type().clone(), false),
        arrow::datatypes::Field::new("value", values.data_type().clone(), true),
    ];
    let entries: ArrayRef = Arc::new(StructArray::try_new(fields.into(), vec![keys, values], None)?);
    map_of(call, offsets, &entries)
}

/// The lambda answers pairs of a key and a value.
fn map_apply(call: &HigherOrderCall<'_>) -> Result<ArrayRef, FunctionError> {
    map_of(call, call.lists.offsets.clone(), call.body)
}
