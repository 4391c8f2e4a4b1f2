//! Functions of ours as functions of the engine.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

type Run = dyn Fn(&[ColumnarValue], usize) -> Result<ColumnarValue> + Send + Sync;

/// A function of values. Its name says everything about what it computes: equal names are equal functions.
#[derive(Clone)]
pub(super) struct Kernel {
    name: String,
    returns: DataType,
    run: Arc<Run>,
    signature: Signature,
    grows: bool,
}

impl Kernel {
    /// `run` gets the arguments as they are and the number of rows.
    pub(super) fn new(
        name: impl Into<String>,
        returns: DataType,
        run: impl Fn(&[ColumnarValue], usize) -> Result<ColumnarValue> + Send + Sync + 'static,
    ) -> Self {
        let any = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
        let signature = Signature::one_of(any, Volatility::Immutable);
        Self { name: name.into(), returns, run: Arc::new(run), signature, grows: false }
    }

    /// This function, whose answers may be much larger than its arguments if `grows`.
    pub(super) const fn growing(mut self, grows: bool) -> Self {
        self.grows = grows;
        self
    }
}

/// Whether answers of `function` may be much larger than its arguments.
pub(crate) fn grows(function: &ScalarUDF) -> bool {
    function.inner().downcast_ref::<Kernel>().is_some_and(|kernel| kernel.grows)
}

/// `kernel` called with `arguments`.
pub(super) fn call(kernel: Kernel, arguments: Vec<Expr>) -> Expr {
    ScalarUDF::new_from_impl(kernel).call(arguments)
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("name", &self.name).field("returns", &self.returns).finish_non_exhaustive()
    }
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.returns == other.returns
    }
}

impl Eq for Kernel {}

impl Hash for Kernel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.returns.hash(state);
    }
}

impl ScalarUDFImpl for Kernel {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        (self.run)(&args.args, args.number_rows)
    }
}
