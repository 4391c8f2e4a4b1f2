//! What events are grouped by: the value of an expression over one column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int32Type, TimestampMicrosecondType};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::logical_expr::Expr;
use store::{Chunk, Column, Selection};

use crate::QueryError;
use crate::plan::column;
use crate::scan::{Evaluation, Kept};
use crate::table::{EventsTable, Source};

use super::Map;

/// Functions of time give one value within a slot, or another at its end than at its start: offsets of time zones are
/// quarters of an hour. Where they are not, the ends differ.
const SLOT: i64 = 900_000_000;
/// Slots of an hour.
pub(super) const SLOTS_PER_HOUR: i64 = 4;
/// Slots of a chunk looked at one by one; more are looked up by row.
const SLOTS_MAX: i64 = 1 << 16;

/// Functions of time that are constant between the boundaries of hours, days and so on, and repeat after an hour at the
/// earliest.
const OF_TIME: [&str; 24] = [
    "toDate",
    "toStartOfYear",
    "toStartOfISOYear",
    "toStartOfQuarter",
    "toStartOfMonth",
    "toMonday",
    "toStartOfWeek",
    "toStartOfDay",
    "toStartOfHour",
    "toStartOfFifteenMinutes",
    "toStartOfTenMinutes",
    "toStartOfFiveMinutes",
    "toStartOfMinute",
    "toStartOfInterval",
    "dateTrunc",
    "toYear",
    "toQuarter",
    "toMonth",
    "toDayOfMonth",
    "toDayOfWeek",
    "toDayOfYear",
    "toHour",
    "toYYYYMM",
    "toYYYYMMDD",
];

/// The column that a key is computed from.
#[derive(Debug, Clone)]
pub(super) enum Base {
    /// The event name, which whole runs of rows share.
    Event,
    /// Another column with a dictionary, or a property by its text.
    Texts(Source),
    /// Time.
    Time,
}

impl Base {
    /// What `expr` is computed from, if it can be a key.
    pub(super) fn of(expr: &Expr, events: &EventsTable) -> Option<Self> {
        let columns = expr.column_refs();
        let mut columns = columns.iter();
        let (Some(name), None) = (columns.next(), columns.next()) else { return None };
        if expr.is_volatile() {
            return None;
        }
        if name.name == column::TIMESTAMP {
            return is_of_time(expr).then_some(Self::Time);
        }
        match events.source(&name.name)? {
            Source::Stored(Column::Event) => Some(Self::Event),
            source @ (Source::Stored(Column::Group(_)) | Source::Property(_))
                if matches!(source.field().data_type(), DataType::Dictionary(..)) =>
            {
                Some(Self::Texts(source.clone()))
            }
            _ => None,
        }
    }
}

impl Base {
    /// The column.
    pub(super) fn source(&self) -> Source {
        match self {
            Self::Event => Source::Stored(Column::Event),
            Self::Texts(source) => source.clone(),
            Self::Time => Source::Stored(Column::Timestamp),
        }
    }
}

/// Whether every path from `expr` to the time goes through one of the functions above.
fn is_of_time(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) => false,
        Expr::Alias(alias) => is_of_time(&alias.expr),
        Expr::Cast(cast) => is_of_time(&cast.expr),
        Expr::TryCast(cast) => is_of_time(&cast.expr),
        Expr::ScalarFunction(call) => {
            let name = call.func.name();
            let name = name.split('[').next().unwrap_or(name);
            let is_known = OF_TIME.contains(&name);
            let holds_time = |argument: &&Expr| !argument.column_refs().is_empty();
            let mut arguments = call.args.iter().filter(holds_time);
            arguments.all(|argument| is_of_time(argument) || (is_known && is_time(argument)))
        }
        _ => false,
    }
}

/// Whether `expr` is the time, perhaps in another zone.
fn is_time(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) => true,
        Expr::Alias(alias) => is_time(&alias.expr),
        Expr::Cast(cast) => matches!(cast.field.data_type(), DataType::Timestamp(..)) && is_time(&cast.expr),
        Expr::ScalarFunction(call) => {
            call.func.name().starts_with("toTimeZone[") && call.args.first().is_some_and(is_time)
        }
        _ => false,
    }
}

/// A key and how to compute it.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) base: Base,
    evaluation: Evaluation,
    converter: RowConverter,
    /// Its type without dictionary.
    kind: DataType,
}

/// The values of one key that a thread has met, numbered.
#[derive(Debug, Default)]
pub(super) struct Values {
    numbers: Map<Box<[u8]>, u32>,
    /// What events of a name come to.
    events: Map<Box<str>, u32>,
    /// What a slot of time comes to; `None` where its ends differ.
    slots: Map<i64, Option<u32>>,
}

/// What each row of a chunk comes to.
pub(super) enum Codes {
    /// The same for all.
    One(u32),
    /// A code for each row, and what codes mean.
    Many(Vec<u32>, Vec<u32>),
}

impl Key {
    /// The key that `evaluation` computes, of type `kind`.
    pub(super) fn new(base: Base, evaluation: Evaluation, kind: &DataType) -> Result<Self> {
        let kind = match kind {
            DataType::Dictionary(_, value) => value.as_ref().clone(),
            kind => kind.clone(),
        };
        let converter = RowConverter::new(vec![SortField::new(kind.clone())])?;
        Ok(Self { base, evaluation, converter, kind })
    }

    /// The numbers of `array`'s values.
    fn numbered(&self, values: &mut Values, array: &ArrayRef) -> Result<Vec<u32>> {
        let array = if *array.data_type() == self.kind { Arc::clone(array) } else { cast(array, &self.kind)? };
        let rows = self.converter.convert_columns(&[array])?;
        Ok(rows.iter().map(|row| values.number(row.data())).collect())
    }

    /// What the rows of a chunk come to.
    pub(super) fn codes(
        &self,
        values: &mut Values,
        chunk: &Chunk,
        rows: &Selection,
        kept: &Kept,
    ) -> Result<Codes, QueryError> {
        let failed = |error| QueryError::from_engine(error, 0);
        let source = self.base.source();
        let column = match kept.of(&source) {
            Some(column) => Arc::clone(column),
            None => source.array(chunk, rows)?,
        };
        if matches!(self.base, Base::Time) {
            return self.of_times(values, &column).map_err(failed);
        }
        let (codes, occurring) = occurring(column.as_dictionary::<Int32Type>()).map_err(failed)?;
        let meanings = self.evaluation.of_distinct(&occurring).and_then(|array| self.numbered(values, &array));
        Ok(Codes::Many(codes, meanings.map_err(failed)?))
    }

    /// What all events called `event` come to.
    pub(super) fn of_event(&self, values: &mut Values, event: &str) -> Result<u32, QueryError> {
        if let Some(number) = values.events.get(event) {
            return Ok(*number);
        }
        let name: DictionaryArray<Int32Type> = [event].into_iter().collect();
        let number = self.evaluation.of(Arc::new(name)).and_then(|array| self.numbered(values, &array));
        let number = number.map_err(|error| QueryError::from_engine(error, 0))?;
        let number = number.first().copied().unwrap_or_default();
        values.events.insert(event.into(), number);
        Ok(number)
    }

    fn of_times(&self, values: &mut Values, times: &ArrayRef) -> Result<Codes> {
        let micros = times.as_primitive::<TimestampMicrosecondType>().values();
        let slots = micros.iter().map(|at| at.div_euclid(SLOT));
        let (first, last) = slots.clone().fold((i64::MAX, i64::MIN), |(a, b), slot| (a.min(slot), b.max(slot)));
        if first > last {
            return Ok(Codes::Many(Vec::new(), Vec::new()));
        }
        if last - first < SLOTS_MAX {
            let meanings: Option<Vec<u32>> = self.of_slots(values, first..=last)?.into_iter().collect();
            if let Some(meanings) = meanings {
                return Ok(match meanings.as_slice() {
                    [one, rest @ ..] if rest.iter().all(|other| other == one) => Codes::One(*one),
                    _ => Codes::Many(slots.map(|slot| u32::try_from(slot - first).unwrap_or(0)).collect(), meanings),
                });
            }
        }
        let numbers = self.evaluation.of(Arc::clone(times)).and_then(|array| self.numbered(values, &array))?;
        let mut meanings: Vec<u32> = numbers.clone();
        meanings.sort_unstable();
        meanings.dedup();
        let code = |number: &u32| meanings.binary_search(number).ok().and_then(|at| u32::try_from(at).ok());
        let codes = numbers.iter().map(|number| code(number).unwrap_or(0)).collect();
        Ok(Codes::Many(codes, meanings))
    }

    /// What slots of time come to.
    pub(super) fn of_slots(
        &self,
        values: &mut Values,
        slots: std::ops::RangeInclusive<i64>,
    ) -> Result<Vec<Option<u32>>> {
        let unknown: Vec<i64> = slots.clone().filter(|slot| !values.slots.contains_key(slot)).collect();
        if !unknown.is_empty() {
            let ends = unknown.iter().flat_map(|slot| {
                let start = slot.saturating_mul(SLOT);
                [start, start.saturating_add(SLOT - 1)]
            });
            let ends = TimestampMicrosecondArray::from_iter_values(ends).with_timezone("UTC");
            let array = self.evaluation.of(Arc::new(ends))?;
            let numbers = self.numbered(values, &array)?;
            for (slot, ends) in unknown.iter().zip(numbers.chunks(2)) {
                let same = matches!(ends, [start, end] if start == end);
                values.slots.insert(*slot, ends.first().copied().filter(|_| same));
            }
        }
        Ok(slots.map(|slot| values.slots.get(&slot).copied().flatten()).collect())
    }

    /// What the hour that begins at `hour` comes to, if it is one value.
    pub(super) fn of_hour(&self, values: &mut Values, hour: i64) -> Result<Option<u32>> {
        let first = hour.div_euclid(SLOT);
        let slots = self.of_slots(values, first..=first + SLOTS_PER_HOUR - 1)?;
        Ok(match slots.as_slice() {
            [one, rest @ ..] if rest.iter().all(|other| other == one) => *one,
            _ => None,
        })
    }

    /// The values of some numbers.
    pub(super) fn decoded(&self, values: &Values, numbers: impl Iterator<Item = u32>) -> Result<ArrayRef> {
        let mut spelled: Vec<&[u8]> = vec![&[]; values.numbers.len()];
        for (bytes, number) in &values.numbers {
            if let Some(place) = spelled.get_mut(*number as usize) {
                *place = bytes;
            }
        }
        let parser = self.converter.parser();
        let rows = numbers.filter_map(|number| spelled.get(number as usize)).map(|bytes| parser.parse(bytes));
        Ok(self.converter.convert_rows(rows)?.remove(0))
    }
}

/// A code for each row of `column`, and a dictionary of the values that have one; NULL has the one behind them.
///
/// The rows that conditions leave use few of a chunk's values, and the others would cost as much.
fn occurring(column: &DictionaryArray<Int32Type>) -> Result<(Vec<u32>, DictionaryArray<Int32Type>)> {
    const UNUSED: u32 = u32::MAX;
    let keys = column.keys();
    let places = |row: usize| usize::try_from(keys.values()[row]).ok().filter(|_| keys.is_valid(row));
    let mut codes = vec![UNUSED; column.values().len()];
    let mut used: Vec<u32> = Vec::new();
    for place in (0..keys.len()).filter_map(places) {
        let code = &mut codes[place];
        if *code == UNUSED {
            *code = u32::try_from(used.len()).unwrap_or(UNUSED);
            used.push(u32::try_from(place).unwrap_or(UNUSED));
        }
    }
    let missing = u32::try_from(used.len()).unwrap_or(UNUSED);
    let codes = (0..keys.len()).map(|row| places(row).map_or(missing, |place| codes[place])).collect();
    let values = take(column.values(), &UInt32Array::from(used), None)?;
    Ok((codes, DictionaryArray::try_new(Int32Array::new_null(0), values)?))
}

impl Values {
    fn number(&mut self, value: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(value.into(), next);
        next
    }

    /// Takes over the values of another thread; tells which number each of its numbers becomes.
    pub(super) fn merge(&mut self, other: Self) -> Vec<u32> {
        let mut became = vec![0; other.numbers.len()];
        for (value, number) in other.numbers {
            if let Some(place) = became.get_mut(number as usize) {
                *place = self.number(&value);
            }
        }
        became
    }

    pub(super) fn bytes(&self) -> usize {
        self.numbers.keys().map(|value| value.len() + 48).sum()
    }
}
