//! Arrays as sets: membership, duplicates, intersections. NULL is equal to NULL here.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use foldhash::fast::RandomState;

use super::{item_type, joined, place, rearranged};
use crate::build::{list, offset, wrapped};
use crate::call::{Call, ListsOf, ints, is_integer};
use crate::convert::{coerce, common};
use crate::elements::Keys;
use crate::error::FunctionError;

/// Compares elements with needles of the same type.
enum Equality<'a> {
    Texts(&'a StringArray, &'a StringArray),
    Ints(Cow<'a, [i64]>, Cow<'a, [i64]>),
    Keys(Keys, Keys),
}

struct Same<'a> {
    by: Equality<'a>,
    nulls: (Option<NullBuffer>, Option<NullBuffer>),
}

impl<'a> Same<'a> {
    /// Both arrays are of one type.
    fn new(items: &'a ArrayRef, needles: &'a ArrayRef) -> Result<Self, FunctionError> {
        let nulls = (items.logical_nulls(), needles.logical_nulls());
        let by = match items.data_type() {
            DataType::Utf8 => Equality::Texts(items.as_string(), needles.as_string()),
            ty if is_integer(ty) => Equality::Ints(ints(items).unwrap_or_default(), ints(needles).unwrap_or_default()),
            _ => Equality::Keys(Keys::of(items)?, Keys::of(needles)?),
        };
        Ok(Self { by, nulls })
    }

    fn is(&self, item: usize, needle: usize) -> bool {
        let null = |nulls: &Option<NullBuffer>, at: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(at));
        match (null(&self.nulls.0, item), null(&self.nulls.1, needle)) {
            (false, false) => match &self.by {
                Equality::Texts(items, needles) => items.value(item) == needles.value(needle),
                Equality::Ints(items, needles) => items.get(item) == needles.get(needle),
                Equality::Keys(items, needles) => items.get(item) == needles.get(needle),
            },
            (one, other) => one && other,
        }
    }
}

/// The elements and what is looked for, in one type.
fn operands(call: &Call<'_>, needles: &ArrayRef) -> Result<(ArrayRef, ArrayRef), FunctionError> {
    let items = call.lists(0)?.values();
    let ty = common(items.data_type(), needles.data_type()).ok_or_else(|| call.illegal(1))?;
    Ok((coerce(items, &ty)?, coerce(needles, &ty)?))
}

pub(super) fn has(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (lists, needle) = (call.lists(0)?, call.argument(1)?);
    let (items, needles) = operands(call, needle.array())?;
    let same = Same::new(&items, &needles)?;
    Ok(call.test(|row| lists.range(row).any(|at| same.is(at, needle.index(row)))))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// The place of the first, from 1.
    First,
    /// How many.
    All,
}

pub(super) fn count_places(call: &Call<'_>, count: Count) -> Result<ArrayRef, FunctionError> {
    let (lists, needle) = (call.lists(0)?, call.argument(1)?);
    let (items, needles) = operands(call, needle.array())?;
    let same = Same::new(&items, &needles)?;
    call.number(|row| {
        let mut found = lists.range(row).map(|at| same.is(at, needle.index(row)));
        let number = match count {
            Count::First => found.position(|is| is).map_or(0, |at| at + 1),
            Count::All => found.filter(|is| *is).count(),
        };
        i64::try_from(number).unwrap_or(i64::MAX)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    Any,
    /// All of them, side by side.
    Run,
}

pub(super) fn has_of(call: &Call<'_>, wanted: Wanted) -> Result<ArrayRef, FunctionError> {
    let (lists, others) = (call.lists(0)?, call.lists(1)?);
    let (items, needles) = operands(call, others.values())?;
    let same = Same::new(&items, &needles)?;
    Ok(call.test(|row| {
        let (places, needles) = (lists.range(row), others.range(row));
        let found = |needle: usize| places.clone().any(|at| same.is(at, needle));
        match wanted {
            Wanted::All => needles.clone().all(found),
            Wanted::Any => needles.clone().any(found),
            Wanted::Run => (0..=places.len()).any(|skip| {
                skip + needles.len() <= places.len()
                    && needles.clone().enumerate().all(|(at, needle)| same.is(places.start + skip + at, needle))
            }),
        }
    }))
}

/// The first of each value; NULL is left out.
pub(super) fn distinct(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let keys = Keys::of(lists.values())?;
    let nulls = lists.values().logical_nulls();
    let mut seen: HashMap<&[u8], (), RandomState> = HashMap::default();
    rearranged(call, lists.values(), |row, out| {
        seen.clear();
        for at in lists.range(row) {
            let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(at));
            if !null && seen.insert(keys.get(at), ()).is_none() {
                out.push(place(call, at)?);
            }
        }
        Ok(())
    })
}

/// Runs of one value become one.
pub(super) fn compact(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = call.lists(0)?;
    let keys = Keys::of(lists.values())?;
    rearranged(call, lists.values(), |row, out| {
        let places = lists.range(row);
        for at in places.clone() {
            if at == places.start || keys.get(at) != keys.get(at - 1) {
                out.push(place(call, at)?);
            }
        }
        Ok(())
    })
}

/// The values of the first list that are in all of them, each once.
pub(super) fn intersect(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let lists = (0..call.arguments.len()).map(|at| call.lists(at)).collect::<Result<Vec<_>, _>>()?;
    let values: Vec<&ArrayRef> = lists.iter().map(ListsOf::values).collect();
    let (values, starts) = joined(&values, item_type(call)?)?;
    let keys = Keys::of(&values)?;
    let mut counts: HashMap<&[u8], usize, RandomState> = HashMap::default();
    rearranged(call, &values, |row, out| {
        counts.clear();
        for (number, (list, start)) in lists.iter().zip(&starts).enumerate() {
            for at in list.range(row) {
                let count = counts.entry(keys.get(start + at)).or_insert(0);
                if *count == number {
                    *count += 1;
                }
            }
        }
        let Some(first) = lists.first() else { return Ok(()) };
        for at in first.range(row) {
            if counts.remove(keys.get(at)) == Some(lists.len()) {
                out.push(place(call, at)?);
            }
        }
        Ok(())
    })
}

/// Keys of the values at the same places of all lists, and the lists side by side.
fn tuples(call: &Call<'_>) -> Result<(crate::higher::Lists, Vec<Keys>), FunctionError> {
    let lists = crate::higher::Lists::align(call.arguments, call.rows)?;
    let keys = lists.values().iter().map(Keys::of).collect::<Result<Vec<_>, _>>()?;
    Ok((lists, keys))
}

fn tuple_at(keys: &[Keys], at: usize) -> Vec<&[u8]> {
    keys.iter().map(|keys| keys.get(at)).collect()
}

pub(super) fn uniq(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (lists, keys) = tuples(call)?;
    call.number(|row| {
        let mut seen: HashMap<Vec<&[u8]>, (), RandomState> = HashMap::default();
        let count = lists.range(row).filter(|at| seen.insert(tuple_at(&keys, *at), ()).is_none()).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    })
}

/// How elements are numbered, always from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering {
    Place,
    /// The number of the value, in the order of first appearance.
    Value,
    /// How often the value has appeared.
    Occurrence,
}

pub(super) fn enumerate(call: &Call<'_>, numbering: Numbering) -> Result<ArrayRef, FunctionError> {
    let (lists, keys) = tuples(call)?;
    let (mut numbers, mut offsets) = (Vec::with_capacity(lists.total()), vec![0]);
    let mut seen: HashMap<Vec<&[u8]>, i64, RandomState> = HashMap::default();
    for row in 0..call.rows {
        seen.clear();
        for (place, at) in lists.range(row).enumerate() {
            numbers.push(match numbering {
                Numbering::Place => i64::try_from(place + 1).unwrap_or(i64::MAX),
                Numbering::Value => {
                    let next = i64::try_from(seen.len() + 1).unwrap_or(i64::MAX);
                    *seen.entry(tuple_at(&keys, at)).or_insert(next)
                }
                Numbering::Occurrence => {
                    let count = seen.entry(tuple_at(&keys, at)).or_insert(0);
                    *count += 1;
                    *count
                }
            });
        }
        offsets.push(offset(call.function, numbers.len())?);
    }
    let items = wrapped(numbers, item_type(call)?).ok_or_else(|| call.contract("it answers numbers"))?;
    list(call.returns, offsets, items, None)
}
