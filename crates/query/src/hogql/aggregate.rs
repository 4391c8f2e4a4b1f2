//! Groups and aggregate functions.
//!
//! A group's aggregates are the engine's where they mean the same, else ours. The engine answers NULL where a group has
//! no values; where the type has no NULL, the default of ClickHouse takes its place.

mod distinct;
mod numbers;
mod top;
mod uniq;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate as engine;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{
    AggregateUDF, Expr as Df, GroupingSet, LogicalPlan, LogicalPlanBuilder, SortExpr, ident, lit,
};
use hogql::resolved::{Aggregate, Expr, GroupBy, Kind, Literal};
use hogql::types::{Base, Type};

use super::call::present;
use super::expr::fitted;
use super::kernel::{Kernel, call};
use super::scope::{Raw, Scope};
use super::types::{arrow_type, default_value, list_of};
use super::{order, refuse};

/// An aggregate function of the engine, with everything that belongs to a call of it.
pub(super) struct Function {
    pub(super) udaf: Arc<AggregateUDF>,
    pub(super) arguments: Vec<Df>,
    pub(super) distinct: bool,
    pub(super) filter: Option<Df>,
    pub(super) order_by: Vec<SortExpr>,
    pub(super) ignore_nulls: bool,
    /// The type it answers.
    pub(super) kind: DataType,
    /// How many elements of an array stay.
    pub(super) keep: Option<usize>,
}

/// `plan` in groups by `group_by`, with the aggregates `calls`. Afterwards nothing else is in scope.
pub(super) fn group(plan: LogicalPlan, group_by: &GroupBy, calls: &[&Expr], scope: &mut Scope) -> Result<LogicalPlan> {
    let mut inputs = Inputs::default();
    let mut known = Vec::new();
    let mut functions = Vec::new();
    for (at, key) in group_by.keys.iter().enumerate() {
        let name = format!("k{at}");
        if let Some(number) = scope.person_number(key).filter(|_| group_by.sets.is_none()) {
            // Numbers are grouped faster. All rows of one have the same id, which is only read if it is shown.
            inputs.columns.push(number.alias(&name));
            let id = inputs.column(scope.value(key)?);
            let shown = format!("p{at}");
            functions.push(engine::first_last::first_value(id, Vec::new()).alias(&shown));
            known.push((key.clone(), Raw::new(ident(&shown), arrow_type(&key.ty))));
            continue;
        }
        inputs.columns.push(scope.value(key)?.alias(&name));
        let kind = arrow_type(&key.ty);
        let mut column = ident(&name);
        if group_by.sets.is_some() && !key.ty.nullable {
            column = present(column, lit(default_value(&key.ty)?));
        }
        known.push((key.clone(), Raw::new(column, kind)));
    }
    for (at, expr) in calls.iter().enumerate() {
        let Kind::Aggregate(aggregate) = &expr.kind else { continue };
        let function = inputs.call(aggregate, scope)?;
        let name = format!("a{at}");
        let mut value = fitted(Raw::new(function.kept(ident(&name)), function.kind.clone()), &arrow_type(&expr.ty));
        if !expr.ty.nullable {
            // A group without a condition has rows: what they have no extreme of is NaN.
            let is_never_empty = !group_by.keys.is_empty() && aggregate.filter.is_none();
            let is_extreme = matches!(aggregate.function, "min" | "max") && expr.ty.base == Base::Float64;
            let nothing = if is_never_empty && is_extreme {
                ScalarValue::Float64(Some(f64::NAN))
            } else {
                of_nothing(aggregate.function, &expr.ty)?
            };
            value = present(value, lit(nothing));
        }
        known.push(((*expr).clone(), Raw::new(value, arrow_type(&expr.ty))));
        functions.push(Df::AggregateFunction(function.planned()).alias(name));
    }
    let keys = keys(group_by);
    if keys.is_empty() && functions.is_empty() {
        functions.push(engine::expr_fn::count(lit(1_i64)).alias("rows"));
    }
    if inputs.columns.is_empty() {
        inputs.columns.push(lit(1_u8).alias("one"));
    }
    *scope = Scope::new(&scope.answers);
    scope.known.extend(known);
    LogicalPlanBuilder::from(plan).project(inputs.columns)?.aggregate(keys, functions)?.build()
}

/// The number of the persons that `aggregate` counts, if they have one.
fn counted_persons(aggregate: &Aggregate, scope: &Scope) -> Option<Df> {
    let is_count = match aggregate.function {
        "count" => aggregate.distinct,
        name => DISTINCT_COUNTS.contains(&name),
    };
    match aggregate.arguments.as_slice() {
        [person] if is_count => scope.person_number(person),
        _ => None,
    }
}

/// Functions that count distinct values; ours are all exact.
const DISTINCT_COUNTS: [&str; 4] = ["countDistinct", "uniq", "uniqExact", "uniqHLL12"];

fn keys(group_by: &GroupBy) -> Vec<Df> {
    let key = |at: usize| ident(format!("k{at}"));
    match &group_by.sets {
        None => (0..group_by.keys.len()).map(key).collect(),
        Some(sets) => {
            let sets = sets.iter().map(|set| set.iter().map(|at| key(*at)).collect()).collect();
            vec![Df::GroupingSet(GroupingSet::GroupingSets(sets))]
        }
    }
}

/// What aggregates read, computed once before grouping.
#[derive(Default)]
struct Inputs {
    columns: Vec<Df>,
    named: Vec<(Df, String)>,
}

impl Inputs {
    fn column(&mut self, expr: Df) -> Df {
        if matches!(expr, Df::Literal(..)) {
            return expr;
        }
        if let Some((_, name)) = self.named.iter().find(|(known, _)| *known == expr) {
            return ident(name);
        }
        let name = format!("x{}", self.named.len());
        self.columns.push(expr.clone().alias(&name));
        self.named.push((expr, name.clone()));
        ident(name)
    }

    fn call(&mut self, aggregate: &Aggregate, scope: &Scope) -> Result<Function> {
        let mut function = match counted_persons(aggregate, scope) {
            Some(number) => Function::new(distinct::udaf(), vec![self.column(number)], DataType::UInt64),
            None => {
                let arguments = aggregate
                    .arguments
                    .iter()
                    .map(|argument| Ok(self.column(scope.value(argument)?)))
                    .collect::<Result<Vec<_>>>()?;
                function(aggregate, arguments)?
            }
        };
        if let Some(filter) = &aggregate.filter {
            let filter = self.column(scope.condition(filter)?);
            function.filter = Some(match function.filter {
                Some(other) => other.and(filter),
                None => filter,
            });
        }
        for key in &aggregate.order_by {
            let column = self.column(scope.value(&key.expr)?);
            function.order_by.push(order::sort(column, key));
        }
        Ok(function)
    }
}

impl Function {
    fn new(udaf: Arc<AggregateUDF>, arguments: Vec<Df>, kind: DataType) -> Self {
        Self {
            udaf,
            arguments,
            distinct: false,
            filter: None,
            order_by: Vec::new(),
            ignore_nulls: false,
            kind,
            keep: None,
        }
    }

    fn planned(self) -> AggregateFunction {
        let nulls = self.ignore_nulls.then_some(NullTreatment::IgnoreNulls);
        let filter = self.filter.map(Box::new);
        AggregateFunction::new_udf(self.udaf, self.arguments, self.distinct, filter, self.order_by, nulls)
    }

    /// The answer `array` cut to how much of it stays.
    pub(super) fn kept(&self, array: Df) -> Df {
        match self.keep {
            Some(keep) => call(top::first(keep, &self.kind), vec![array]),
            None => array,
        }
    }
}

/// What a function without NULL answers where there are no values.
fn of_nothing(function: &str, ty: &Type) -> Result<ScalarValue> {
    let undefined = ["avg", "avgWeighted", "median", "quantile", "corr", "covarSamp", "stddevSamp", "varSamp"];
    let population = ["stddevPop", "varPop", "covarPop", "medianExact"];
    match ty.base {
        Base::Float64 if undefined.contains(&function) || population.contains(&function) => {
            Ok(ScalarValue::Float64(Some(f64::NAN)))
        }
        _ => default_value(ty),
    }
}

/// `aggregate` with `arguments`, each of the type of its resolved argument.
pub(super) fn function(aggregate: &Aggregate, arguments: Vec<Df>) -> Result<Function> {
    let types: Vec<&Type> = aggregate.arguments.iter().map(|argument| &argument.ty).collect();
    let kinds: Vec<DataType> = types.iter().map(|ty| arrow_type(ty)).collect();
    let cast = |kind: DataType| -> Vec<Df> {
        let raw = arguments.iter().zip(&kinds).map(|(argument, from)| Raw::new(argument.clone(), from.clone()));
        raw.map(|raw| fitted(raw, &kind)).collect()
    };
    let doubles = || cast(DataType::Float64);
    let first = kinds.first().cloned().unwrap_or(DataType::Null);
    let float = |udaf: Arc<AggregateUDF>| Function::new(udaf, doubles(), DataType::Float64);
    let mut planned = match (aggregate.function, arguments.as_slice()) {
        ("count", []) => Function::new(engine::count::count_udaf(), vec![lit(1_i64)], DataType::Int64),
        ("count", [argument]) if !aggregate.distinct => {
            Function::new(engine::count::count_udaf(), vec![argument.clone()], DataType::Int64)
        }
        ("count" | "countDistinct" | "uniq" | "uniqExact" | "uniqHLL12", [_, ..]) => {
            return Ok(Function::new(uniq::udaf(), arguments, DataType::UInt64));
        }
        ("sum", [_]) => {
            let kind = sum_kind(types.first().copied());
            Function::new(engine::sum::sum_udaf(), cast(kind.clone()), kind)
        }
        ("avg", [_]) => float(engine::average::avg_udaf()),
        ("min", [argument]) => Function::new(engine::min_max::min_udaf(), vec![ordered(argument, &first)], first),
        ("max", [argument]) => Function::new(engine::min_max::max_udaf(), vec![ordered(argument, &first)], first),
        ("any" | "anyHeavy", [argument]) => picked(engine::first_last::first_value_udaf(), argument, first),
        ("anyLast", [argument]) => picked(engine::first_last::last_value_udaf(), argument, first),
        ("argMin" | "argMax", [value, by]) => {
            let mut function = picked(engine::first_last::first_value_udaf(), value, first);
            function.filter = Some(value.clone().is_not_null().and(by.clone().is_not_null()));
            function.order_by = vec![SortExpr::new(by.clone(), aggregate.function == "argMin", false)];
            function
        }
        ("groupArray" | "groupUniqArray" | "groupArraySample", [argument]) => gathered(aggregate, argument, first),
        ("topK", [argument]) => {
            let keep = parameter(aggregate, 0).unwrap_or(10);
            Function::new(top::udaf(keep, &first), vec![argument.clone()], list_of(first))
        }
        ("quantile" | "median" | "quantiles" | "medianExact", [_]) => return numbers::function(aggregate, doubles()),
        ("avgArrayOrNull" | "medianArrayOrNull", [_]) => {
            return numbers::function(aggregate, cast(list_of(DataType::Float64)));
        }
        ("stddevPop", [_]) => float(engine::stddev::stddev_pop_udaf()),
        ("stddevSamp", [_]) => float(engine::stddev::stddev_udaf()),
        ("varPop", [_]) => float(engine::variance::var_pop_udaf()),
        ("varSamp", [_]) => float(engine::variance::var_samp_udaf()),
        ("covarPop", [_, _]) => float(engine::covariance::covar_pop_udaf()),
        ("covarSamp", [_, _]) => float(engine::covariance::covar_samp_udaf()),
        ("corr", [_, _]) => float(engine::correlation::corr_udaf()),
        ("groupBitAnd", [argument]) => {
            Function::new(engine::bit_and_or_xor::bit_and_udaf(), vec![argument.clone()], first)
        }
        ("groupBitOr", [argument]) => {
            Function::new(engine::bit_and_or_xor::bit_or_udaf(), vec![argument.clone()], first)
        }
        ("groupBitXor", [argument]) => {
            Function::new(engine::bit_and_or_xor::bit_xor_udaf(), vec![argument.clone()], first)
        }
        (name, _) => return refuse(format!("the aggregate function {name} is not available yet")),
    };
    planned.distinct |= aggregate.distinct;
    Ok(planned)
}

/// `argument` without NaN, which is neither more nor less than any number.
fn ordered(argument: &Df, kind: &DataType) -> Df {
    if *kind == DataType::Float64 { order::without_nan(argument.clone()) } else { argument.clone() }
}

/// The values of `argument` as an array.
fn gathered(aggregate: &Aggregate, argument: &Df, kind: DataType) -> Function {
    let is_set = aggregate.function == "groupUniqArray";
    if is_set && kind == DataType::Date32 && parameter(aggregate, 0).is_none() {
        return Function::new(distinct::days(), vec![argument.clone()], list_of(kind));
    }
    let mut function = Function::new(engine::array_agg::array_agg_udaf(), vec![argument.clone()], list_of(kind));
    function.ignore_nulls = true;
    function.distinct = is_set;
    function.keep = parameter(aggregate, 0);
    function
}

fn picked(udaf: Arc<AggregateUDF>, argument: &Df, kind: DataType) -> Function {
    let mut function = Function::new(udaf, vec![argument.clone()], kind);
    function.ignore_nulls = true;
    function
}

fn sum_kind(ty: Option<&Type>) -> DataType {
    match ty.map(|ty| &ty.base) {
        Some(Base::Float32 | Base::Float64) => DataType::Float64,
        Some(Base::Decimal(_, scale)) => DataType::Decimal128(38, i8::try_from(*scale).unwrap_or(i8::MAX)),
        Some(base) if base.integer_bits().is_some_and(|(signed, _)| signed) => DataType::Int64,
        _ => DataType::UInt64,
    }
}

fn parameter(aggregate: &Aggregate, at: usize) -> Option<usize> {
    match aggregate.parameters.get(at)? {
        Literal::UInt(value) => usize::try_from(*value).ok(),
        Literal::Int(value) => usize::try_from(*value).ok(),
        _ => None,
    }
}

/// A number among the parameters.
fn share(literal: &Literal) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "shares are between 0 and 1")]
    match literal {
        Literal::UInt(value) => Some(*value as f64),
        Literal::Int(value) => Some(*value as f64),
        Literal::Float(value) => Some(value.0),
        _ => None,
    }
}

/// A kernel that `top` and others use to cut arrays.
fn cut(
    name: String,
    kind: &DataType,
    run: impl Fn(&[datafusion::logical_expr::ColumnarValue], usize) -> Result<datafusion::logical_expr::ColumnarValue>
    + Send
    + Sync
    + 'static,
) -> Kernel {
    Kernel::new(name, kind.clone(), run)
}
