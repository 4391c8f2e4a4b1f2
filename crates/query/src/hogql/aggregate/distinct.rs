//! The different numbers of 32 bits that a group has, exactly: how many persons, or which days.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Builder, ListBuilder, UInt32Array, UInt32Builder, UInt64Array,
};
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef, UInt32Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use crate::uniques::Uniques;

/// How many persons, from their numbers.
pub(super) fn udaf() -> Arc<AggregateUDF> {
    distinct(DataType::UInt32, Answer::Count)
}

/// Which days, as an array that begins with the earliest.
pub(super) fn days() -> Arc<AggregateUDF> {
    distinct(DataType::Date32, Answer::Days)
}

fn distinct(argument: DataType, answer: Answer) -> Arc<AggregateUDF> {
    let signature = Signature::exact(vec![argument], Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(Distinct { signature, answer }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Answer {
    Count,
    Days,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Distinct {
    signature: Signature,
    answer: Answer,
}

impl AggregateUDFImpl for Distinct {
    fn name(&self) -> &str {
        match self.answer {
            Answer::Count => "persons",
            Answer::Days => "days",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.answer {
            Answer::Count => DataType::UInt64,
            Answer::Days => DataType::new_list(DataType::Date32, true),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let item = Field::new_list_field(DataType::UInt32, true);
        Ok(vec![Arc::new(Field::new_list(format!("{}[numbers]", args.name), item, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let mut groups = Groups::new(self.answer);
        groups.grow(1);
        Ok(Box::new(groups))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(self.answer)))
    }
}

/// The numbers of all groups.
#[derive(Debug)]
struct Groups {
    answer: Answer,
    persons: Uniques,
    /// Memory when it was last looked at, and the rows added since.
    bytes: usize,
    rows_since: usize,
}

/// Memory is looked at again after so many rows.
const ROWS_BETWEEN_LOOKS: usize = 1 << 18;
/// What a row takes at most.
const ROW_BYTES: usize = 16;

impl Groups {
    fn new(answer: Answer) -> Self {
        Self { answer, persons: Uniques::new(0), bytes: 0, rows_since: 0 }
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.persons.buckets() {
            self.bytes += (groups - self.persons.buckets()) * size_of::<Vec<u8>>();
            self.persons.resize(groups);
        }
    }

    fn added(&mut self, rows: usize) {
        self.rows_since += rows;
        if self.rows_since >= ROWS_BETWEEN_LOOKS {
            self.bytes = self.persons.bytes();
            self.rows_since = 0;
        }
    }

    fn add(&mut self, numbers: &UInt32Array, group_of: impl Fn(usize) -> Option<usize>) {
        for (at, number) in numbers.values().iter().enumerate() {
            if let Some(group) = group_of(at) {
                self.persons.push(group, std::slice::from_ref(number));
            }
        }
        self.added(numbers.len());
    }

    fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let [states] = states else { return exec_err!("one state expected") };
        let Some(lists) = states.as_list_opt::<i32>() else { return exec_err!("a list expected") };
        for (at, list) in lists.iter().enumerate() {
            let Some(list) = list else { continue };
            self.persons.push(group_of(at), list.as_primitive::<UInt32Type>().values());
        }
        self.added(lists.values().len());
        Ok(())
    }

    fn take(&mut self, emit_to: EmitTo) -> Uniques {
        let taken = match emit_to {
            EmitTo::All => self.persons.take_first(self.persons.buckets()),
            EmitTo::First(groups) => self.persons.take_first(groups),
        };
        self.bytes = self.persons.bytes();
        self.rows_since = 0;
        taken
    }
}

/// Persons as they are; days so that those near 1970, before and after, are small numbers.
fn numbers(values: &[ArrayRef]) -> Result<UInt32Array> {
    let Some(values) = values.first() else { return exec_err!("an argument expected") };
    if let Some(days) = values.as_primitive_opt::<Date32Type>() {
        return Ok(days.unary(|day| ((day << 1) ^ (day >> 31)).cast_unsigned()));
    }
    match values.as_primitive_opt::<UInt32Type>() {
        Some(numbers) => Ok(numbers.clone()),
        None => exec_err!("numbers of 32 bits expected"),
    }
}

fn days_of(groups: &Uniques) -> ArrayRef {
    let day = |number: u32| (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
    let mut lists = ListBuilder::new(Date32Builder::new());
    for group in 0..groups.buckets() {
        let mut days: Vec<i32> = groups.persons(group).map(day).collect();
        days.sort_unstable();
        lists.values().append_slice(&days);
        lists.append(true);
    }
    Arc::new(lists.finish())
}

fn state_of(persons: &Uniques) -> ArrayRef {
    let mut lists = ListBuilder::new(UInt32Builder::new());
    for group in 0..persons.buckets() {
        lists.values().extend(persons.persons(group).map(Some));
        lists.append(true);
    }
    Arc::new(lists.finish())
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total);
        let numbers = &numbers(values)?;
        self.add(numbers, |at| {
            let is_wanted = filter.is_none_or(|filter| filter.is_valid(at) && filter.value(at));
            if is_wanted && numbers.is_valid(at) { group_indices.get(at).copied() } else { None }
        });
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        self.merge(values, |at| group_indices.get(at).copied().unwrap_or_default())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let taken = self.take(emit_to);
        if self.answer == Answer::Days {
            return Ok(days_of(&taken));
        }
        Ok(Arc::new(UInt64Array::from_iter_values((0..taken.buckets()).map(|group| taken.count(group)))))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![state_of(&self.take(emit_to))])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let numbers = numbers(values)?;
        let mut lists = ListBuilder::new(UInt32Builder::new());
        for (at, number) in numbers.iter().enumerate() {
            if filter.is_none_or(|filter| filter.is_valid(at) && filter.value(at)) {
                lists.values().extend(number.map(Some));
            }
            lists.append(true);
        }
        Ok(vec![Arc::new(lists.finish())])
    }

    fn size(&self) -> usize {
        self.bytes + self.rows_since * ROW_BYTES
    }
}

/// A query without groups has one.
impl Accumulator for Groups {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let numbers = &numbers(values)?;
        self.add(numbers, |at| numbers.is_valid(at).then_some(0));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.answer {
            Answer::Count => Ok(ScalarValue::UInt64(Some(self.persons.count(0)))),
            Answer::Days => ScalarValue::try_from_array(&days_of(&self.persons), 0),
        }
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::try_from_array(&state_of(&self.persons), 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.merge(states, |_| 0)
    }
}
