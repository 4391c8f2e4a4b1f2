//! The types of aggregates and window functions.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::arithmetic;
use super::{Fault, Nulls, Rule, check, table};
use crate::types::{Base, Element, Name, Type, parse};

static RULES: LazyLock<HashMap<&'static str, Rule>> = LazyLock::new(|| table(include_str!("aggregates.tsv")));

/// The type of an aggregate or window function, by ClickHouse's name without `If`. `condition` is whether there is a filter
/// that may be NULL: it makes the result nullable as an argument would.
pub(crate) fn aggregate_type(function: &str, types: &[&Type], condition: bool, zone: &Name) -> Result<Type, Fault> {
    let rule = RULES.get(function).ok_or(Fault::Unknown)?;
    check(rule, types)?;
    if rule.nulls == Nulls::Propagate && types.iter().any(|ty| ty.is_null()) {
        return Ok(Type::null());
    }
    let ty = match rule.result.strip_prefix('@') {
        Some(name) => by_rule(name, types)?,
        None => parse(rule.result, zone).ok_or(Fault::Unknown)?,
    };
    Ok(match rule.nulls {
        Nulls::Never => ty,
        Nulls::Always => ty.or_null(),
        Nulls::Propagate => ty.or_null_if(condition || types.iter().any(|ty| ty.nullable)),
    })
}

/// The class of types that an aggregate takes at `at`.
pub(crate) fn expected_aggregate(function: &str, at: usize) -> Option<char> {
    RULES.get(function).and_then(|rule| super::letter(rule, at))
}

fn by_rule(rule: &str, types: &[&Type]) -> Result<Type, Fault> {
    let first = types.first().copied().ok_or(Fault::Argument(0))?;
    let element = || first.element().ok_or(Fault::Argument(0));
    let fault = Fault::Argument(0);
    Ok(match rule {
        "same" | "same0" => first.clone().without_null(),
        "sum" => arithmetic::sum(first).ok_or(fault)?.into(),
        "array" => Type::array(first.clone().without_null()),
        "sumArray" => Type::array(arithmetic::sum(first).ok_or(fault)?.into()),
        "delta" => Type::new(if first.base == Base::Bool { Base::UInt8 } else { first.base.clone() }),
        "quantile" => quantile(first)?,
        "quantiles" => Type::array(quantile(first)?),
        "forEach" => Type::array(arithmetic::sum(element()?).ok_or(fault)?.into()),
        "sumMap" | "minMap" => {
            let value = |ty: &Type| -> Result<Type, Fault> {
                if rule == "minMap" {
                    Ok(ty.clone().without_null())
                } else {
                    Ok(arithmetic::sum(ty).ok_or(Fault::Argument(0))?.into())
                }
            };
            match (&first.base, types.get(1).and_then(|ty| ty.element())) {
                (Base::Map(key, values), _) => Type::map((**key).clone(), value(values)?),
                (_, Some(values)) => Type::tuple([first.clone(), Type::array(value(values)?)]),
                _ => return Err(fault),
            }
        }
        "regression" => {
            let named = |name: &str| Element { name: Some(Arc::from(name)), ty: Base::Float64.into() };
            Type::new(Base::Tuple(vec![named("k"), named("b")]))
        }
        "lag" => match types.get(2) {
            Some(default) => super::pair(first, default).ok_or(Fault::NoCommonType)?,
            None => first.clone(),
        },
        _ => return Err(Fault::Unknown),
    })
}

fn quantile(ty: &Type) -> Result<Type, Fault> {
    if ty.base.is_temporal() {
        return Ok(ty.clone().without_null());
    }
    if ty.base.is_numeric() { Ok(Base::Float64.into()) } else { Err(Fault::Argument(0)) }
}
