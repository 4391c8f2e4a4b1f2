//! A filter's leaf as a function of the query engine.
//!
//! Each leaf is its own function, named by what it asks, so that plans can be read and equal leaves are recognised.
//! A column with a dictionary is asked once per distinct value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::take;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use store::Document;

use super::column;
use crate::filter::{Filter, Leaf};
use crate::table::PROPERTIES;

/// The expression that `leaf` holds for the JSON objects in `properties`.
pub(super) fn holds(leaf: &Arc<Leaf>, properties: Expr) -> Expr {
    let function = LeafFunction {
        name: format!("property[{}]", leaf.description()),
        leaf: Arc::clone(leaf),
        signature: Signature::any(1, Volatility::Immutable),
    };
    ScalarUDF::new_from_impl(function).call(vec![properties])
}

/// The filter that `expression` is, if it is a leaf asked of the column its property is in.
pub(crate) fn leaf_of(expression: &Expr) -> Option<Filter> {
    let Expr::ScalarFunction(call) = expression else { return None };
    let function = call.func.inner().as_ref() as &dyn std::any::Any;
    let leaf = &function.downcast_ref::<LeafFunction>()?.leaf;
    let [Expr::Column(column)] = call.args.as_slice() else { return None };
    let asked = match leaf.key().document() {
        Document::Event => PROPERTIES,
        Document::Person => column::PERSON_PROPERTIES,
    };
    (column.name == asked).then(|| Filter::of(leaf))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LeafFunction {
    name: String,
    leaf: Arc<Leaf>,
    signature: Signature,
}

impl ScalarUDFImpl for LeafFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _argument_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [properties] = ColumnarValue::values_to_arrays(&args.args)?
            .try_into()
            .or_else(|arguments: Vec<_>| exec_err!("a property filter takes one column, not {}", arguments.len()))?;
        Ok(ColumnarValue::Array(answers(&self.leaf, &properties)?))
    }
}

fn answers(leaf: &Leaf, properties: &ArrayRef) -> Result<ArrayRef> {
    let answer = |object: Option<&str>| Some(leaf.matches(object.unwrap_or("{}")));
    let answers: BooleanArray = match properties.data_type() {
        DataType::Utf8 => properties.as_string::<i32>().iter().map(answer).collect(),
        DataType::LargeUtf8 => properties.as_string::<i64>().iter().map(answer).collect(),
        DataType::Utf8View => properties.as_string_view().iter().map(answer).collect(),
        DataType::Dictionary(_, _) => {
            let dictionary = properties.as_any_dictionary();
            return Ok(take(&answers(leaf, dictionary.values())?, dictionary.keys(), None)?);
        }
        other => return exec_err!("properties are text, not {other}"),
    };
    Ok(Arc::new(answers))
}
