//! Quantiles, exact: of all numbers of a group, of which no more is sorted than it takes. Also means and medians of the numbers in arrays.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr as Df, Signature, Volatility};
use hogql::resolved::Aggregate;

use super::super::types::list_of;
use super::{Function, share};
use crate::hogql::refuse;

/// `quantile(share)`, `quantiles(share, …)` or a median of `arguments`, which are doubles.
pub(super) fn function(aggregate: &Aggregate, arguments: Vec<Df>) -> Result<Function> {
    let many = aggregate.function == "quantiles";
    let mut shares = aggregate.parameters.iter().map(share).collect::<Option<Vec<f64>>>();
    if let Some(shares) = &mut shares
        && shares.is_empty()
    {
        shares.push(0.5);
    }
    let Some(shares) = shares.filter(|shares| shares.iter().all(|share| (0.0..=1.0).contains(share))) else {
        return refuse("the parameters of a quantile are numbers between 0 and 1");
    };
    let what = match aggregate.function {
        "medianExact" => What::Element,
        "avgArrayOrNull" => What::Mean,
        _ => What::Between,
    };
    let kind = if many { list_of(DataType::Float64) } else { DataType::Float64 };
    let udaf = Quantile {
        name: format!("{}{shares:?}", aggregate.function),
        shares: shares.iter().map(|share| share.to_bits()).collect(),
        many,
        what,
        signature: Signature::any(1, Volatility::Immutable),
    };
    let mut planned = Function::new(Arc::new(AggregateUDF::new_from_impl(udaf)), arguments, kind);
    planned.distinct = aggregate.distinct;
    Ok(planned)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Quantile {
    name: String,
    /// As bits: doubles cannot be hashed.
    shares: Vec<u64>,
    many: bool,
    what: What,
    signature: Signature,
}

/// What is asked of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    /// The place of a share, between two numbers if need be.
    Between,
    /// The number at or after the place of a share.
    Element,
    /// Their mean.
    Mean,
}

impl AggregateUDFImpl for Quantile {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(if self.many { list_of(DataType::Float64) } else { DataType::Float64 })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let item = Field::new_list_field(DataType::Float64, true);
        Ok(vec![Arc::new(Field::new_list(format!("{}[numbers]", args.name), item, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Numbers {
            shares: self.shares.iter().map(|bits| f64::from_bits(*bits)).collect(),
            many: self.many,
            what: self.what,
            numbers: Vec::new(),
        }))
    }
}

/// The numbers of one group.
#[derive(Debug)]
struct Numbers {
    shares: Vec<f64>,
    many: bool,
    what: What,
    numbers: Vec<f64>,
}

impl Numbers {
    fn extend(&mut self, array: &ArrayRef) -> Result<()> {
        if let Some(lists) = array.as_list_opt::<i32>() {
            return lists.iter().flatten().try_for_each(|list| self.extend(&list));
        }
        let Some(numbers) = array.as_primitive_opt::<Float64Type>() else {
            return exec_err!("a quantile is of doubles, not of {}", array.data_type());
        };
        let keeps_nan = self.what == What::Mean;
        if numbers.null_count() == 0 && (keeps_nan || !numbers.values().iter().any(|number| number.is_nan())) {
            self.numbers.extend_from_slice(numbers.values());
        } else {
            self.numbers.extend(numbers.iter().flatten().filter(|number| keeps_nan || !number.is_nan()));
        }
        Ok(())
    }

    /// The value at `share` of the numbers in order, of which few are put in order for it.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in memory"
    )]
    fn at(&mut self, share: f64) -> Option<f64> {
        let last = self.numbers.len().checked_sub(1)?;
        match self.what {
            What::Between => {}
            What::Element => {
                let place = ((share * self.numbers.len() as f64) as usize).min(last);
                return Some(*self.numbers.select_nth_unstable_by(place, f64::total_cmp).1);
            }
            What::Mean => {
                // From small to large, so that the sum does not depend on the order of rows.
                self.numbers.sort_unstable_by(f64::total_cmp);
                return Some(self.numbers.iter().sum::<f64>() / self.numbers.len() as f64);
            }
        }
        let place = share * last as f64;
        let below = place.floor();
        let (_, low, above) = self.numbers.select_nth_unstable_by(below as usize, f64::total_cmp);
        let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(*low);
        Some(if *low == high { *low } else { *low + (high - *low) * (place - below) })
    }
}

impl Accumulator for Numbers {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().try_for_each(|array| self.extend(array))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let shares = std::mem::take(&mut self.shares);
        let found: Vec<Option<f64>> = shares.iter().map(|share| self.at(*share)).collect();
        self.shares = shares;
        if !self.many {
            return Ok(ScalarValue::Float64(found.first().copied().flatten()));
        }
        let found: Float64Array = found.into_iter().map(|number| Some(number.unwrap_or(f64::NAN))).collect();
        Ok(SingleRowListArrayBuilder::new(Arc::new(found)).build_list_scalar())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.numbers.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers = Float64Array::from(std::mem::take(&mut self.numbers));
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
