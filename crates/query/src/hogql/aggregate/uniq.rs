//! How many distinct values a group has, exactly.
//!
//! One set for all groups: its entries are the group's number and the value's bytes, so that many small groups cost no
//! more than a few large ones.

use std::collections::HashSet;
use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, ListBuilder, UInt64Array};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

pub(super) fn udaf() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Uniq { signature: Signature::variadic_any(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Uniq {
    signature: Signature,
}

impl AggregateUDFImpl for Uniq {
    fn name(&self) -> &str {
        "uniq"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let item = Field::new_list_field(DataType::Binary, true);
        Ok(vec![Arc::new(Field::new_list(format!("{}[values]", args.name), item, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup { sets: Sets::new(&args)? }))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Sets::new(&args)?))
    }
}

/// A group's number and one of its values.
type Entry = (u32, Box<[u8]>);

/// The values of all groups.
#[derive(Debug)]
struct Sets {
    converter: RowConverter,
    /// Groups and values; a group is the place it had when it was added, less what has been emitted since.
    values: HashSet<(u32, Box<[u8]>)>,
    counts: Vec<u64>,
    bytes: usize,
}

impl Sets {
    fn new(args: &AccumulatorArgs<'_>) -> Result<Self> {
        let fields = args.expr_fields.iter().map(|field| SortField::new(field.data_type().clone()));
        Ok(Self {
            converter: RowConverter::new(fields.collect())?,
            values: HashSet::new(),
            counts: Vec::new(),
            bytes: 0,
        })
    }

    fn insert(&mut self, group: usize, value: &[u8]) -> Result<()> {
        let Ok(number) = u32::try_from(group) else { return exec_err!("too many groups") };
        if self.values.insert((number, value.into())) {
            self.bytes += value.len() + size_of::<(u32, Box<[u8]>)>() + 2 * size_of::<usize>();
            if let Some(count) = self.counts.get_mut(group) {
                *count += 1;
            }
        }
        Ok(())
    }

    fn update(&mut self, arrays: &[ArrayRef], group_of: impl Fn(usize) -> Option<usize>) -> Result<()> {
        let rows = self.converter.convert_columns(arrays)?;
        let nulls = arrays.iter().fold(None, |nulls, array| {
            arrow::buffer::NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref())
        });
        for (at, row) in rows.iter().enumerate() {
            let Some(group) = group_of(at) else { continue };
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(at)) {
                self.insert(group, row.data())?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let [states] = states else { return exec_err!("one state expected") };
        let Some(lists) = states.as_list_opt::<i32>() else { return exec_err!("a list expected") };
        for (at, list) in lists.iter().enumerate() {
            let Some(list) = list else { continue };
            for value in list.as_binary::<i32>().iter().flatten() {
                self.insert(group_of(at), value)?;
            }
        }
        Ok(())
    }

    /// Takes the groups that `emit_to` names out of the set.
    fn take(&mut self, emit_to: EmitTo) -> (Vec<u64>, Vec<Entry>) {
        let counts = emit_to.take_needed(&mut self.counts);
        let emitted = u32::try_from(counts.len()).unwrap_or(u32::MAX);
        let all = std::mem::take(&mut self.values);
        let (taken, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|(group, _)| *group < emitted);
        self.values = left.into_iter().map(|(group, value)| (group - emitted, value)).collect();
        if self.values.is_empty() {
            self.bytes = 0;
        }
        (counts, taken)
    }
}

impl GroupsAccumulator for Sets {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.counts.resize(total, 0);
        self.update(values, |at| {
            let wanted = filter.is_none_or(|filter| filter.is_valid(at) && filter.value(at));
            if wanted { group_indices.get(at).copied() } else { None }
        })
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total: usize) -> Result<()> {
        self.counts.resize(total, 0);
        self.merge(values, |at| group_indices.get(at).copied().unwrap_or_default())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(Arc::new(UInt64Array::from(self.take(emit_to).0)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (counts, mut values) = self.take(emit_to);
        values.sort_unstable();
        let mut lists = ListBuilder::new(BinaryBuilder::new());
        let mut values = values.into_iter().peekable();
        for group in 0..counts.len() {
            while let Some((_, value)) = values.next_if(|(of, _)| *of as usize == group) {
                lists.values().append_value(value);
            }
            lists.append(true);
        }
        Ok(vec![Arc::new(lists.finish())])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = self.converter.convert_columns(values)?;
        let mut lists = ListBuilder::new(BinaryBuilder::new());
        for (at, row) in rows.iter().enumerate() {
            let wanted = filter.is_none_or(|filter| filter.is_valid(at) && filter.value(at));
            if wanted && values.iter().all(|array| !array.is_null(at)) {
                lists.values().append_value(row.data());
            }
            lists.append(true);
        }
        Ok(vec![Arc::new(lists.finish())])
    }

    fn size(&self) -> usize {
        self.bytes + self.counts.capacity() * size_of::<u64>() + self.converter.size()
    }
}

/// The same for a query without groups.
#[derive(Debug)]
struct OneGroup {
    sets: Sets,
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sets.counts.resize(1, 0);
        self.sets.update(values, |_| Some(0))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::UInt64(Some(self.sets.counts.first().copied().unwrap_or(0))))
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(&self.sets)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.sets.counts.resize(1, 0);
        let states = GroupsAccumulator::state(&mut self.sets, EmitTo::All)?;
        states.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.sets.counts.resize(1, 0);
        self.sets.merge(states, |_| 0)
    }
}
