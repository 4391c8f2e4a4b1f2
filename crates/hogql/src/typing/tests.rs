//! Types agree with those that ClickHouse gave to thousands of calls (`compat/hogql/typeoracle.py`).

use std::sync::Arc;

use super::{aggregate_type, call_type};
use crate::resolved::{Expr, Kind, Literal, RelationId};
use crate::types::{Base, Name, Type, parse};

const ORACLE: &str = include_str!("../../test_data/types.tsv");

fn zone() -> Name {
    Arc::from("UTC")
}

/// An argument as the oracle's file writes it: a type, or a constant.
fn argument(text: &str) -> Option<Expr> {
    if let Some(text) = text.strip_prefix('\'') {
        return Some(Expr::string(text.trim_end_matches('\'')));
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(Expr::literal(Literal::UInt(number), Base::UInt8.into()));
    }
    if text.parse::<f64>().is_ok() {
        return Some(Expr::literal(Literal::Null, Base::Float64.into()));
    }
    if let Some(inner) = text.strip_prefix('[') {
        let element = if inner.starts_with('\'') { Base::String } else { Base::UInt8 };
        return Some(Expr::literal(Literal::Null, Type::array(element.into())));
    }
    if let Some(unit) = text.strip_prefix("toInterval") {
        let name = format!("Interval{}", unit.trim_end_matches("(2)"));
        return Some(Expr::literal(Literal::Null, parse(&name, &zone())?));
    }
    let kind = Kind::Column { relation: RelationId(0), name: Arc::from("c") };
    Some(Expr { kind, ty: parse(text, &zone())?, span: Default::default() })
}

fn ours(line: &str) -> Option<(String, String, String)> {
    let mut fields = line.split('\t');
    let (kind, function, arguments, theirs) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let arguments: Option<Vec<Expr>> = arguments.split('|').filter(|text| !text.is_empty()).map(argument).collect();
    let arguments = arguments?;
    let ty = if kind == "scalar" {
        call_type(function, &arguments, &zone())
    } else {
        aggregate_type(function, &arguments.iter().map(|argument| &argument.ty).collect::<Vec<_>>(), false, &zone())
    };
    let ours = ty.map_or_else(|fault| format!("{fault:?}"), |ty| ty.to_string());
    // A type without a zone has the session's, which is ours to choose.
    let theirs = theirs.replace("DateTime)", "DateTime('UTC'))").replace("DateTime64(3)", "DateTime64(3, 'UTC')");
    let theirs = if theirs == "DateTime" { "DateTime('UTC')".to_owned() } else { theirs };
    Some((line.to_owned(), ours, theirs))
}

/// What never reaches ClickHouse in this form, because the resolver writes it differently, or has another type here.
fn differs_on_purpose(line: &str) -> bool {
    let fields: Vec<&str> = line.split('\t').collect();
    let [_, function, arguments, theirs] = fields.as_slice() else { return true };
    match *function {
        // Lowered to `toStartOf…`, to text that is never NULL, and to an array join.
        "dateTrunc" | "concat" | "arrayJoin" => true,
        // Read as text, for want of enumerations; and refused, for want of a time of day.
        "JSONType" | "toTime" => true,
        // A date becomes an instant first.
        "addHours" | "addMinutes" | "addSeconds" | "subtractHours" | "subtractMinutes" | "subtractSeconds" => {
            arguments.starts_with("Date|") || arguments.starts_with("Nullable(Date)|")
        }
        // Integers beyond 64 bits, and integers that ClickHouse compares without a common type.
        "greatest" | "least" => {
            theirs.contains("128")
                || *arguments == "UInt64|Int64"
                || *arguments == "Int64|UInt64"
                || (arguments.contains("Nullable(Int64)") && arguments.contains("UInt64"))
        }
        // Tuples are never NULL here.
        _ => theirs.contains("Nullable(Tuple"),
    }
}

#[test]
fn types_agree_with_clickhouse() {
    let known: Vec<_> = ORACLE.lines().filter(|line| !differs_on_purpose(line)).filter_map(ours).collect();
    assert!(known.len() > 7_000, "the file shrank to {}", known.len());
    let differing: Vec<_> = known.iter().filter(|(_, ours, theirs)| ours != theirs).collect();
    let shown: Vec<_> = differing.iter().take(60).map(|(line, ours, _)| format!("{line}\n\tours {ours}")).collect();
    assert!(differing.is_empty(), "{} of {} differ:\n{}", differing.len(), known.len(), shown.join("\n"));
}
