//! An exact quantile as an aggregate of the query engine.
//!
//! The engine's own interpolates with too few digits. This one answers as ClickHouse's `quantileExactInclusive`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility};

use crate::insight::quantile::Quantiles;

/// The exact quantile `share` of `numbers`, interpolated between neighbours.
pub(crate) fn quantile(numbers: Expr, share: f64) -> Expr {
    let function = Quantile {
        name: format!("quantile_exact[{share}]"),
        share_bits: share.to_bits(),
        signature: Signature::exact(vec![DataType::Float64], Volatility::Immutable),
    };
    AggregateUDF::new_from_impl(function).call(vec![numbers])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Quantile {
    name: String,
    /// Of the share: doubles cannot be hashed.
    share_bits: u64,
    signature: Signature,
}

impl AggregateUDFImpl for Quantile {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let item = Field::new_list_field(DataType::Float64, true);
        Ok(vec![Arc::new(Field::new_list(format!("{}[numbers]", args.name), item, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Numbers { share: f64::from_bits(self.share_bits), numbers: Vec::new() }))
    }
}

/// The numbers of one group.
#[derive(Debug)]
struct Numbers {
    share: f64,
    numbers: Vec<f64>,
}

impl Numbers {
    fn extend(&mut self, array: &ArrayRef) -> Result<()> {
        let Some(numbers) = array.as_primitive_opt::<Float64Type>() else {
            return exec_err!("a quantile is of doubles, not of {}", array.data_type());
        };
        if numbers.null_count() == 0 {
            self.numbers.extend_from_slice(numbers.values());
        } else {
            self.numbers.extend(numbers.iter().flatten());
        }
        Ok(())
    }
}

impl Accumulator for Numbers {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().try_for_each(|array| self.extend(array))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut quantiles = Quantiles::default();
        quantiles.push(&self.numbers);
        Ok(ScalarValue::Float64(quantiles.quantile(self.share)))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.numbers.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers = arrow::array::Float64Array::from(std::mem::take(&mut self.numbers));
        Ok(vec![SingleRowListArrayBuilder::new(Arc::new(numbers)).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states {
            let Some(lists) = state.as_list_opt::<i32>() else {
                return exec_err!("the state of a quantile is a list, not {}", state.data_type());
            };
            lists.iter().flatten().try_for_each(|list| self.extend(&list))?;
        }
        Ok(())
    }
}
