//! Comparisons of versions.

use super::FilterError;
use super::operator::{numbers, version};
use crate::ast::{CompareOp, Expr};
use crate::build::{and, call, compare, not, or, string};

/// `value` is a version that is in the relation `kind` to `text`.
pub(super) fn condition(value: &Expr, kind: &str, text: &str) -> Result<Expr, FilterError> {
    let fault = || FilterError(format!("'{text}' is not a version"));
    let shape = compare(CompareOp::Regex, call("toString", vec![value.clone()]), string(r"^[0-9]+(\.[0-9]+)*(-.*)?$"));
    let test = |op: CompareOp, bound: &[i64]| {
        let width = i64::try_from(bound.len()).unwrap_or(3);
        compare(op, version(value, width), numbers(bound))
    };
    let range = |low: &[i64], high: &[i64]| vec![test(CompareOp::GreaterEq, low), test(CompareOp::Less, high)];
    let op = match kind {
        "eq" => CompareOp::Eq,
        "neq" => {
            let triple = triple(text).ok_or_else(fault)?;
            return Ok(or(vec![not(shape), test(CompareOp::NotEq, &triple)]));
        }
        "gt" => CompareOp::Greater,
        "gte" => CompareOp::GreaterEq,
        "lt" => CompareOp::Less,
        "lte" => CompareOp::LessEq,
        "tilde" | "caret" | "wildcard" => {
            let (low, high) = bounds(kind, text).ok_or_else(fault)?;
            let mut conditions = vec![shape];
            conditions.extend(range(&low, &high));
            return Ok(and(conditions));
        }
        _ => return Err(FilterError(format!("Unknown operator 'semver_{kind}'"))),
    };
    let triple = triple(text).ok_or_else(fault)?;
    Ok(and(vec![shape, test(op, &triple)]))
}

/// The parts as written, without what follows a dash.
fn parts(text: &str) -> Option<Vec<i64>> {
    let head = text.trim().split('-').next()?;
    head.split('.').map(|part| part.parse().ok().filter(|part| *part >= 0)).collect()
}

fn triple(text: &str) -> Option<Vec<i64>> {
    let mut parts = parts(text)?;
    parts.resize(3, 0);
    Some(parts)
}

/// The half-open range of `~`, `^` and `*`.
fn bounds(kind: &str, text: &str) -> Option<(Vec<i64>, Vec<i64>)> {
    if kind == "wildcard" {
        let mut low = parts(text.trim().strip_suffix(".*")?)?;
        let mut high = low.clone();
        *high.last_mut()? += 1;
        let width = if low.len() > 2 { low.len() + 1 } else { 3 };
        low.resize(width, 0);
        high.resize(width, 0);
        return Some((low, high));
    }
    let written = parts(text)?.len();
    let low = triple(text)?;
    let at = if kind == "tilde" {
        usize::from(written > 1)
    } else {
        low.iter().position(|part| *part > 0).unwrap_or(2).min(2)
    };
    let mut high = low.clone();
    for (place, part) in high.iter_mut().enumerate() {
        match place.cmp(&at) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => *part += 1,
            std::cmp::Ordering::Greater => *part = 0,
        }
    }
    Some((low, high))
}
