//! The most frequent values of a group.

use std::collections::HashMap;
use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature, Volatility};

use super::super::kernel::Kernel;
use super::super::types::{list_of, nothing};

pub(super) fn udaf(keep: usize, kind: &DataType) -> Arc<AggregateUDF> {
    let signature = Signature::any(1, Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(TopK { name: format!("topK[{keep}]"), keep, kind: kind.clone(), signature }))
}

/// A kernel that cuts arrays of `kind` to their first `keep` elements.
pub(super) fn first(keep: usize, kind: &DataType) -> Kernel {
    super::cut(format!("first[{keep}]"), kind, move |arguments, rows| {
        let [argument] = arguments else { return exec_err!("one array expected") };
        let array = argument.to_array(rows)?;
        let lists = array.as_list::<i32>();
        let mut places = Vec::new();
        let mut lengths = Vec::with_capacity(lists.len());
        for bounds in lists.value_offsets().windows(2) {
            let [start, end] = bounds else { continue };
            let length = ((end - start) as usize).min(keep);
            places.extend((0..length).map(|at| *start as u64 + at as u64));
            lengths.push(length);
        }
        let values = arrow::compute::take(lists.values(), &arrow::array::UInt64Array::from(places), None)?;
        let DataType::List(field) = lists.data_type() else { return exec_err!("a list is a list") };
        let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
        let cut = arrow::array::ListArray::try_new(Arc::clone(field), offsets, values, lists.nulls().cloned())?;
        Ok(ColumnarValue::Array(Arc::new(cut)))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TopK {
    name: String,
    keep: usize,
    kind: DataType,
    signature: Signature,
}

impl AggregateUDFImpl for TopK {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(list_of(self.kind.clone()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let values = Field::new_list_field(self.kind.clone(), true);
        let counts = Field::new_list_field(DataType::UInt64, true);
        Ok(vec![
            Arc::new(Field::new_list(format!("{}[values]", args.name), values, true)),
            Arc::new(Field::new_list(format!("{}[counts]", args.name), counts, true)),
        ])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Counts { keep: self.keep, kind: self.kind.clone(), counts: HashMap::new(), bytes: 0 }))
    }
}

/// How often each value of one group occurs.
#[derive(Debug)]
struct Counts {
    keep: usize,
    kind: DataType,
    counts: HashMap<ScalarValue, u64>,
    bytes: usize,
}

impl Counts {
    fn add(&mut self, value: ScalarValue, count: u64) {
        if value.is_null() {
            return;
        }
        let size = value.size();
        let known = self.counts.entry(value).or_insert(0);
        if *known == 0 {
            self.bytes += size + size_of::<u64>();
        }
        *known += count;
    }

    fn list(&self, values: Vec<ScalarValue>) -> Result<ScalarValue> {
        let values = if values.is_empty() { nothing(&self.kind) } else { ScalarValue::iter_to_array(values)? };
        Ok(SingleRowListArrayBuilder::new(values).build_list_scalar())
    }
}

impl Accumulator for Counts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values] = values else { return exec_err!("topK takes one argument") };
        for at in 0..values.len() {
            self.add(ScalarValue::try_from_array(values, at)?, 1);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut counts: Vec<_> = std::mem::take(&mut self.counts).into_iter().collect();
        // Ties by value, so that the answer does not depend on how rows were dealt out.
        counts.sort_by(|(a, left), (b, right)| {
            right.cmp(left).then_with(|| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
        });
        self.list(counts.into_iter().take(self.keep).map(|(value, _)| value).collect())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (values, counts): (Vec<_>, Vec<_>) = std::mem::take(&mut self.counts).into_iter().unzip();
        let counts = arrow::array::UInt64Array::from(counts);
        Ok(vec![self.list(values)?, SingleRowListArrayBuilder::new(Arc::new(counts)).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, counts] = states else { return exec_err!("topK has two states") };
        for (values, counts) in values.as_list::<i32>().iter().zip(counts.as_list::<i32>().iter()) {
            let (Some(values), Some(counts)) = (values, counts) else { continue };
            let counts = counts.as_primitive::<arrow::datatypes::UInt64Type>();
            for (at, count) in counts.values().iter().enumerate() {
                self.add(ScalarValue::try_from_array(&values, at)?, *count);
            }
        }
        Ok(())
    }
}
