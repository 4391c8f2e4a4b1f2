//! The types of scalar calls.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::arithmetic::{self, Widening};
use super::{Fault, Nulls, Rule, aggregate_type, check, common, pair, table};
use crate::resolved::{Expr, Kind, Literal};
use crate::types::{Base, Name, Type, Unit, parse};

static RULES: LazyLock<HashMap<&'static str, Rule>> = LazyLock::new(|| table(include_str!("rules.tsv")));

/// The type of `function(arguments)` in ClickHouse. Where it depends on the session's time zone, that is `zone`.
pub(crate) fn call_type(function: &str, arguments: &[Expr], zone: &Name) -> Result<Type, Fault> {
    let rule = RULES.get(function).ok_or(Fault::Unknown)?;
    let types: Vec<&Type> = arguments.iter().map(|argument| &argument.ty).collect();
    check(rule, &types)?;
    if let Some(rule) = rule.result.strip_prefix('@')
        && let Some(ty) = own_nulls(rule, &types)?
    {
        return Ok(ty);
    }
    if rule.nulls == Nulls::Propagate && types.iter().any(|ty| ty.is_null()) {
        return Ok(Type::null());
    }
    let ty = match rule.result.strip_prefix('@') {
        Some(name) => by_rule(name, arguments, &types, zone)?,
        None => parse(rule.result, zone).ok_or(Fault::Unknown)?,
    };
    Ok(match rule.nulls {
        Nulls::Never => ty,
        Nulls::Always => ty.or_null(),
        Nulls::Propagate => ty.or_null_if(types.iter().any(|ty| ty.nullable)),
    })
}

/// The class of types that `function` takes at `at`, as a letter of the table.
pub(crate) fn expected(function: &str, at: usize) -> Option<char> {
    RULES.get(function).and_then(|rule| super::letter(rule, at))
}

/// Rules that treat NULL in their own way.
fn own_nulls(rule: &str, types: &[&Type]) -> Result<Option<Type>, Fault> {
    let common_of = |types: &[&Type]| common(types.iter().copied()).ok_or(Fault::NoCommonType);
    let all: Vec<&Type> = types.to_vec();
    let ty = match (rule, types) {
        ("if", [_, then, otherwise]) => pair(then, otherwise).ok_or(Fault::NoCommonType)?,
        ("multiIf", _) => {
            let values: Vec<&Type> = all
                .iter()
                .enumerate()
                .filter(|(at, _)| at % 2 == 1 || at + 1 == all.len())
                .map(|(_, ty)| *ty)
                .collect();
            common_of(&values)?
        }
        ("ifNull", [first, second]) => {
            if first.is_null() {
                (*second).clone()
            } else if first.nullable {
                pair(&(*first).clone().without_null(), second).ok_or(Fault::NoCommonType)?
            } else {
                (*first).clone()
            }
        }
        ("coalesce", _) => coalesce(&all)?,
        ("nullIf", [first, _]) => (*first).clone().or_null(),
        ("assume", [first]) => (*first).clone().without_null(),
        ("nullable", [first]) => (*first).clone().or_null(),
        ("least", _) => {
            let present: Vec<&Type> = all.iter().copied().filter(|ty| !ty.is_null()).collect();
            let ty = common_of(&present)?;
            let ty = if ty.base == Base::Bool { Type { base: Base::UInt8, ..ty } } else { ty };
            ty.or_null_if(all.iter().any(|ty| ty.nullable))
        }
        ("array", _) => Type::array(common_of(&all)?),
        ("tuple", _) => Type::tuple(types.iter().map(|ty| (*ty).clone())),
        ("constant", [_, value]) => Type::array((*value).clone()),
        ("push", [array, value]) => {
            Type::array(pair(array.element().ok_or(Fault::Argument(0))?, value).ok_or(Fault::NoCommonType)?)
        }
        ("dict", _) => {
            let every = |odd: usize| all.iter().enumerate().filter(move |(at, _)| at % 2 == odd).map(|(_, ty)| *ty);
            let (keys, values) = (common(every(0)), common(every(1)));
            let keys = keys.ok_or(Fault::NoCommonType)?;
            if keys.nullable {
                return Err(Fault::Argument(0));
            }
            Type::map(keys, values.ok_or(Fault::NoCommonType)?)
        }
        ("transform", [value, _, to, rest @ ..]) => {
            let to = to.element().ok_or(Fault::Argument(2))?;
            let other = rest.first().copied().unwrap_or(value);
            pair(to, other).ok_or(Fault::NoCommonType)?
        }
        ("fold", [_, .., start]) => (*start).clone(),
        _ => return Ok(None),
    };
    Ok(Some(ty))
}

fn coalesce(types: &[&Type]) -> Result<Type, Fault> {
    let mut used = Vec::new();
    for ty in types.iter().copied().filter(|ty| !ty.is_null()) {
        used.push(ty);
        if !ty.nullable {
            break;
        }
    }
    let nullable = used.iter().all(|ty| ty.nullable);
    let ty = common(used.iter().copied()).ok_or(Fault::NoCommonType)?;
    if used.is_empty() { Ok(Type::null()) } else { Ok(ty.without_null().or_null_if(nullable)) }
}

fn by_rule(rule: &str, arguments: &[Expr], types: &[&Type], zone: &Name) -> Result<Type, Fault> {
    let element = |at: usize| types.get(at).and_then(|ty| ty.element()).ok_or(Fault::Argument(at));
    let ty = match (rule, types) {
        ("same", [first, ..]) => (*first).clone().without_null(),
        ("logic", _) => {
            // One operand that is plainly Bool is enough, and Nullable(Bool) is not.
            let bools = types.iter().any(|ty| ty.base == Base::Bool && !ty.nullable);
            Type::new(if bools { Base::Bool } else { Base::UInt8 })
        }
        ("xor", _) => {
            let bools = types.iter().any(|ty| ty.base == Base::Bool);
            Type::new(if bools { Base::Bool } else { Base::UInt8 })
        }
        (
            "plus" | "minus" | "multiply" | "modulo" | "positiveModulo" | "intDiv" | "gcd" | "bits" | "shift",
            [left, right],
        ) => binary(rule, left, right)?,
        ("arrays", [one, other]) => {
            let elements: Vec<&Type> = [one, other].into_iter().filter_map(|ty| ty.element()).collect();
            if mixed(&elements) || common(elements).is_none() {
                return Err(Fault::NoCommonType);
            }
            Type::flag()
        }
        ("negate", [only]) => arithmetic::negate(only).ok_or(Fault::Argument(0))?.into(),
        ("abs", [only]) => arithmetic::abs(only).ok_or(Fault::Argument(0))?.into(),
        ("common", _) => common(types.iter().copied()).ok_or(Fault::NoCommonType)?.without_null(),
        ("pairs", _) => {
            let value = named_type(arguments.last(), zone)?;
            Type::array(Type::tuple([Type::string(), value]))
        }
        ("json" | "cast", _) => named_type(arguments.last(), zone)?,
        ("tupleElement", [tuple, _]) => tuple_element(tuple, arguments.get(1))?,
        ("element", [array, _]) => match &array.base {
            Base::Map(_, value) => (**value).clone(),
            _ => element(0)?.clone(),
        },
        ("concat" | "intersect" | "distinct" | "flatten" | "zip" | "range" | "keys" | "values" | "fromArrays", _) => {
            return collection(rule, types);
        }
        (
            "difference" | "sumElement" | "cumSum" | "extreme" | "map" | "splitArray" | "first" | "last" | "mapFilter"
            | "mapApply",
            _,
        ) => {
            return higher_order(rule, arguments, types);
        }
        ("reduce", [_, arrays @ ..]) => {
            let name = arguments.first().and_then(Expr::as_string).ok_or(Fault::Argument(0))?;
            let elements: Vec<Type> = arrays.iter().filter_map(|ty| ty.element().cloned()).collect();
            aggregate_type(name, &elements.iter().collect::<Vec<_>>(), false, zone)?
        }
        _ => temporal(rule, arguments, types, zone)?,
    };
    Ok(ty)
}

fn binary(rule: &str, left: &Type, right: &Type) -> Result<Type, Fault> {
    let base = match rule {
        "plus" => arithmetic::arithmetic(Widening::Plus, left, right),
        "minus" => arithmetic::arithmetic(Widening::Minus, left, right),
        "modulo" => arithmetic::modulo(left, right, false),
        "positiveModulo" => arithmetic::modulo(left, right, true),
        "intDiv" => arithmetic::int_div(left, right),
        "bits" | "shift" => arithmetic::bits(left, right),
        _ => arithmetic::arithmetic(Widening::Multiply, left, right),
    };
    base.map(Type::new).ok_or(Fault::Argument(1))
}

fn tuple_element(tuple: &Type, index: Option<&Expr>) -> Result<Type, Fault> {
    let Base::Tuple(elements) = &tuple.base else { return Err(Fault::Argument(0)) };
    let found = match index.and_then(Expr::as_literal) {
        Some(Literal::UInt(at)) => usize::try_from(*at).ok().and_then(|at| elements.get(at.checked_sub(1)?)),
        Some(Literal::String(name)) => elements.iter().find(|element| element.name.as_ref() == Some(name)),
        _ => None,
    };
    found.map(|element| element.ty.clone()).ok_or(Fault::Argument(1))
}

fn collection(rule: &str, types: &[&Type]) -> Result<Type, Fault> {
    let elements: Vec<&Type> = types.iter().filter_map(|ty| ty.element()).collect();
    let first = || elements.first().copied().cloned().ok_or(Fault::Argument(0));
    Ok(match (rule, types) {
        ("concat", _) if mixed(&elements) => return Err(Fault::NoCommonType),
        ("concat", _) => Type::array(common(elements.iter().copied()).ok_or(Fault::NoCommonType)?),
        ("intersect", _) => {
            let nullable = elements.iter().all(|ty| ty.nullable);
            let narrowest = elements.iter().min_by_key(|ty| width(&ty.base)).copied().ok_or(Fault::Argument(0))?;
            Type::array(narrowest.clone().without_null().or_null_if(nullable))
        }
        ("distinct", _) => Type::array(first()?.without_null()),
        ("flatten", _) => {
            let mut ty = first()?;
            while let Base::Array(inner) = ty.base {
                ty = *inner;
            }
            Type::array(ty)
        }
        ("zip", _) => Type::array(Type::tuple(elements.iter().map(|ty| (*ty).clone()))),
        ("range", _) => {
            let ty = common(types.iter().copied()).ok_or(Fault::NoCommonType)?;
            Type::array(ty.without_null())
        }
        ("keys" | "values", [Type { base: Base::Map(key, value), .. }]) => {
            Type::array(if rule == "keys" { (**key).clone() } else { (**value).clone() })
        }
        ("fromArrays", _) => {
            let [key, value] = elements.as_slice() else { return Err(Fault::Argument(0)) };
            Type::map((*key).clone().without_null(), (*value).clone())
        }
        _ => return Err(Fault::Unknown),
    })
}

/// Whether there are floats beside integers that floats cannot hold.
fn mixed(types: &[&Type]) -> bool {
    types.iter().any(|ty| ty.base.is_float())
        && types.iter().any(|ty| ty.base.integer_bits().is_some_and(|(_, bits)| bits > 32))
}

/// An order of numeric types in which the narrower comes first.
fn width(base: &Base) -> u32 {
    base.integer_bits()
        .map_or(if *base == Base::Float32 { 100 } else { 101 }, |(signed, bits)| bits + u32::from(signed))
}

/// Functions that take a lambda and arrays, or arrays alone.
fn higher_order(rule: &str, arguments: &[Expr], types: &[&Type]) -> Result<Type, Fault> {
    let body = match arguments.first().map(|argument| &argument.kind) {
        Some(Kind::Lambda { body, .. }) => Some(&body.ty),
        _ => None,
    };
    let skip = usize::from(body.is_some());
    let array = types.get(skip).copied().ok_or(Fault::Argument(0))?;
    if let ("mapFilter" | "mapApply", Base::Map(..)) = (rule, &array.base) {
        return map_order(rule, array, body);
    }
    let element = array.element().ok_or(Fault::Argument(skip))?;
    let value = body.unwrap_or(element);
    let fault = Fault::Argument(0);
    Ok(match rule {
        "map" => Type::array(body.ok_or(fault)?.clone()),
        "first" => element.clone(),
        "last" => (*array).clone(),
        "splitArray" => Type::array((*array).clone()),
        "extreme" => value.clone(),
        "sumElement" => Type::new(arithmetic::sum(value).ok_or(fault)?),
        "cumSum" => Type::array(arithmetic::sum(value).ok_or(fault)?.into()),
        "difference" => Type::array(arithmetic::arithmetic(Widening::Minus, value, value).ok_or(fault)?.into()),
        _ => return Err(Fault::Unknown),
    })
}

fn map_order(rule: &str, map: &Type, body: Option<&Type>) -> Result<Type, Fault> {
    match (rule, body.map(|ty| &ty.base)) {
        ("mapApply", Some(Base::Tuple(elements))) => match elements.as_slice() {
            [key, value] => Ok(Type::map(key.ty.clone(), value.ty.clone())),
            _ => Err(Fault::Argument(0)),
        },
        ("mapFilter", Some(_)) => Ok(map.clone()),
        _ => Err(Fault::Argument(0)),
    }
}

fn temporal(rule: &str, arguments: &[Expr], types: &[&Type], zone: &Name) -> Result<Type, Fault> {
    let text = |at: usize| arguments.get(at).and_then(Expr::as_string).map(Arc::clone);
    let own = types.first().and_then(|ty| zone_of(ty)).unwrap_or_else(|| Arc::clone(zone));
    let precision = || match arguments.get(usize::from(rule != "now64")).and_then(Expr::as_literal) {
        Some(Literal::UInt(digits)) if *digits <= 9 => u8::try_from(*digits).map_err(|_| Fault::Argument(1)),
        _ => Err(Fault::Argument(1)),
    };
    let base = match rule {
        "dateTime" => Base::DateTime(text(1).unwrap_or(own)),
        "dateTime64" | "parse64" => Base::DateTime64(precision()?, text(2).unwrap_or(own)),
        "now64" => Base::DateTime64(precision()?, text(1).unwrap_or_else(|| Arc::clone(zone))),
        "parse" => Base::DateTime(
            text(arguments.len().saturating_sub(1)).filter(|_| arguments.len() > 2).unwrap_or_else(|| Arc::clone(zone)),
        ),
        "made" => Base::DateTime(text(6).unwrap_or_else(|| Arc::clone(zone))),
        "millis" => Base::DateTime64(3, text(1).unwrap_or_else(|| Arc::clone(zone))),
        "uuidTime" => Base::DateTime64(3, text(1).unwrap_or_else(|| Arc::clone(zone))),
        "seconds" => Base::DateTime(text(1).unwrap_or(own)),
        "zone" => match types.first().map(|ty| &ty.base) {
            Some(Base::DateTime64(precision, _)) => Base::DateTime64(*precision, text(1).ok_or(Fault::Argument(1))?),
            _ => Base::DateTime(text(1).ok_or(Fault::Argument(1))?),
        },
        "add" => types.first().map(|ty| ty.base.clone()).ok_or(Fault::Argument(0))?,
        "interval" => match types.get(1).map(|ty| &ty.base) {
            Some(Base::Interval(Unit::Week | Unit::Month | Unit::Quarter | Unit::Year)) => Base::Date,
            _ => Base::DateTime(text(2).unwrap_or(own)),
        },
        _ => return Err(Fault::Unknown),
    };
    Ok(Type::new(base))
}

fn zone_of(ty: &Type) -> Option<Name> {
    match &ty.base {
        Base::DateTime(zone) | Base::DateTime64(_, zone) => Some(Arc::clone(zone)),
        _ => None,
    }
}

fn named_type(name: Option<&Expr>, zone: &Name) -> Result<Type, Fault> {
    let name = name.and_then(Expr::as_string).ok_or(Fault::Argument(1))?;
    parse(name, zone).ok_or(Fault::Argument(1))
}
