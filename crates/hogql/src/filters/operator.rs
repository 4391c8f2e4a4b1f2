//! What each operator of a property filter means.

use serde_json::Value;

use super::{Compiler, FilterError, Target, semver};
use crate::ast::{CompareOp, Constant, Expr};
use crate::build::{
    and, array, call, compare, constant, equal, field, index, int, lambda, not, or, string, truth, tuple,
};
use crate::context::PropertyType;
use crate::dates;

/// `text` as it stands inside a LIKE pattern.
pub(crate) fn escape_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Event properties that hold lists; an operator holds if it does for some element.
const LISTS: [&str; 4] = ["$exception_types", "$exception_values", "$exception_sources", "$exception_functions"];

impl Compiler<'_> {
    pub(super) fn operator(
        &mut self,
        key: &str,
        target: &Target,
        operator: &str,
        value: &Value,
    ) -> Result<Expr, FilterError> {
        if LISTS.contains(&key) && !matches!(operator, "is_set" | "is_not_set") {
            let elements = call(
                "JSONExtract",
                vec![
                    call("ifNull", vec![call("toString", vec![target.value.clone()]), string("")]),
                    string("Array(String)"),
                ],
            );
            let inner = Target { value: field(["element"]), ty: None };
            let body = self.values(key, &inner, operator, value)?;
            return Ok(call("arrayExists", vec![lambda("element", body), elements]));
        }
        self.values(key, target, operator, value)
    }

    /// An operator over one value or several.
    fn values(&mut self, key: &str, target: &Target, operator: &str, value: &Value) -> Result<Expr, FilterError> {
        let null = || constant(Constant::Null);
        match operator {
            "is_set" => return Ok(compare(CompareOp::NotEq, target.value.clone(), null())),
            "is_not_set" => return Ok(equal(target.value.clone(), null())),
            "between" | "not_between" => return between(target, operator, value),
            _ => {}
        }
        let one = std::slice::from_ref(value);
        let values = match value {
            Value::Null => &[],
            Value::Array(values) => values.as_slice(),
            _ => one,
        };
        if values.is_empty() {
            self.notices.push(format!("The filter on '{key}' has no value and was ignored"));
            return Ok(truth(true));
        }
        let negative =
            matches!(operator, "is_not" | "not_in" | "not_regex" | "semver_neq") || operator.starts_with("not_");
        if matches!(operator, "exact" | "is_not" | "in" | "not_in")
            && values.len() > 1
            && target.ty.is_none_or(|ty| ty == PropertyType::String)
            && values.iter().all(|value| value.is_string())
        {
            let members = values.iter().filter_map(Value::as_str).map(string).collect();
            let op = if negative { CompareOp::NotIn } else { CompareOp::In };
            return Ok(compare(op, target.value.clone(), tuple(members)));
        }
        let parts = values.iter().map(|value| self.one(target, operator, value)).collect::<Result<Vec<_>, _>>()?;
        Ok(if negative { and(parts) } else { or(parts) })
    }

    fn one(&mut self, target: &Target, operator: &str, value: &Value) -> Result<Expr, FilterError> {
        let shown = || text_of(value);
        let text = || call("toString", vec![target.value.clone()]);
        let like = |op: CompareOp, before: &str, after: &str| {
            compare(op, text(), string(format!("{before}{}{after}", escape_like(&text_of(value)))))
        };
        Ok(match operator {
            "exact" | "in" => exact(target, value, CompareOp::Eq),
            "is_not" | "not_in" => exact(target, value, CompareOp::NotEq),
            "icontains" | "icontains_multi" => like(CompareOp::ILike, "%", "%"),
            "not_icontains" | "not_icontains_multi" => like(CompareOp::NotILike, "%", "%"),
            "starts_with" => like(CompareOp::ILike, "", "%"),
            "not_starts_with" => like(CompareOp::NotILike, "", "%"),
            "ends_with" => like(CompareOp::ILike, "%", ""),
            "not_ends_with" => like(CompareOp::NotILike, "%", ""),
            "regex" | "not_regex" => {
                let pattern = shown();
                if regex::Regex::new(&pattern).is_err() {
                    self.notices.push(format!("The pattern '{pattern}' is not valid and matches nothing"));
                    return Ok(truth(false));
                }
                compare(
                    if operator == "regex" { CompareOp::Regex } else { CompareOp::NotRegex },
                    text(),
                    string(pattern),
                )
            }
            "gt" => order(target, value, CompareOp::Greater),
            "gte" | "min" => order(target, value, CompareOp::GreaterEq),
            "lt" => order(target, value, CompareOp::Less),
            "lte" | "max" => order(target, value, CompareOp::LessEq),
            "is_date_exact" | "is_date_before" | "is_date_after" => self.date(target, operator, &shown())?,
            "is_cleaned_path_exact" => {
                let (left, right) = (self.cleaned(text()), self.cleaned(string(shown())));
                equal(left, right)
            }
            "flag_evaluates_to" => truth(true),
            _ => match operator.strip_prefix("semver_") {
                Some(kind) => semver::condition(&target.value, kind, &shown())?,
                None => return Err(FilterError(format!("Unknown operator '{operator}'"))),
            },
        })
    }

    /// Text after the project's rules for paths.
    fn cleaned(&self, text: Expr) -> Expr {
        let rules = &self.context.project.path_cleaning;
        rules
            .iter()
            .fold(text, |text, rule| call("replaceRegexpAll", vec![text, string(&rule.regex), string(&rule.alias)]))
    }

    fn date(&mut self, target: &Target, operator: &str, text: &str) -> Result<Expr, FilterError> {
        let now = self.context.local_now();
        let fault = || FilterError(format!("'{text}' is not a date"));
        let at = dates::resolve(text, &now).ok_or_else(fault)?;
        let value = match target.ty {
            Some(PropertyType::DateTime) => target.value.clone(),
            _ => call("toDateTime", vec![call("toString", vec![target.value.clone()])]),
        };
        let literal = |time: &jiff::ZonedDateTime| string(time.timestamp().to_string());
        let bare = text.trim().len() == 10 && !dates::is_relative(text);
        let next = || at.checked_add(jiff::Span::new().days(1)).map_err(|_| fault());
        Ok(match operator {
            "is_date_before" => compare(CompareOp::Less, value, literal(&at)),
            "is_date_after" if bare => compare(CompareOp::GreaterEq, value, literal(&next()?)),
            "is_date_after" => compare(CompareOp::Greater, value, literal(&at)),
            _ if bare => and(vec![
                compare(CompareOp::GreaterEq, value.clone(), literal(&at)),
                compare(CompareOp::Less, value, literal(&next()?)),
            ]),
            _ => equal(call("toUnixTimestamp", vec![value]), int(at.timestamp().as_second())),
        })
    }
}

/// A JSON value as the text that properties are compared by.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn number(value: &Value) -> Option<Expr> {
    let text = text_of(value);
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(int(whole));
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| constant(Constant::Float(number)))
}

fn exact(target: &Target, value: &Value, op: CompareOp) -> Expr {
    let text = text_of(value);
    let as_text = || compare(op, call("toString", vec![target.value.clone()]), string(&text));
    match (target.ty, value) {
        (Some(PropertyType::Boolean), _) => match text.as_str() {
            "true" | "false" => compare(op, target.value.clone(), truth(text == "true")),
            _ => as_text(),
        },
        (Some(PropertyType::Numeric), _) => match number(value) {
            Some(number) => compare(op, target.value.clone(), number),
            None => as_text(),
        },
        (Some(PropertyType::DateTime), _) => as_text(),
        (_, Value::Number(_)) => match number(value) {
            Some(number) => compare(op, target.value.clone(), number),
            None => as_text(),
        },
        _ => compare(op, target.value.clone(), string(text)),
    }
}

/// By number if the value is one, else by text among properties that are no numbers.
fn order(target: &Target, value: &Value, op: CompareOp) -> Expr {
    if target.ty == Some(PropertyType::DateTime) {
        return compare(op, target.value.clone(), string(text_of(value)));
    }
    let as_number = if target.ty == Some(PropertyType::Numeric) {
        target.value.clone()
    } else {
        call("toFloat", vec![target.value.clone()])
    };
    match number(value) {
        Some(number) => compare(op, as_number, number),
        None if target.ty == Some(PropertyType::Numeric) => truth(false),
        None => and(vec![
            equal(as_number, constant(Constant::Null)),
            compare(op, call("toString", vec![target.value.clone()]), string(text_of(value))),
        ]),
    }
}

fn between(target: &Target, operator: &str, value: &Value) -> Result<Expr, FilterError> {
    let fault = |what: &str| FilterError(format!("Operator '{operator}' requires {what}"));
    let Some([low, high]) = value.as_array().map(Vec::as_slice) else {
        return Err(fault("a two-element array [min, max]"));
    };
    let (Some(from), Some(to)) = (number(low), number(high)) else { return Err(fault("numeric values")) };
    let float = |value: &Value| text_of(value).trim().parse::<f64>().unwrap_or(f64::NAN);
    if float(low) > float(high) {
        return Err(fault("min value to be less than or equal to max value"));
    }
    let number = if target.ty == Some(PropertyType::Numeric) {
        target.value.clone()
    } else {
        call("toFloat", vec![target.value.clone()])
    };
    Ok(if operator == "between" {
        and(vec![compare(CompareOp::GreaterEq, number.clone(), from), compare(CompareOp::LessEq, number, to)])
    } else {
        or(vec![compare(CompareOp::Less, number.clone(), from), compare(CompareOp::Greater, number, to)])
    })
}

/// Helpers that other modules of filters use.
pub(super) fn negate(condition: Expr, negated: bool) -> Expr {
    if negated { not(condition) } else { condition }
}

/// The whole numbers of a version, padded to `parts`.
pub(super) fn version(value: &Expr, parts: i64) -> Expr {
    let text = call("ifNull", vec![call("toString", vec![value.clone()]), string("")]);
    let head = index(call("splitByChar", vec![string("-"), text]), int(1));
    let numbers = call(
        "arrayMap",
        vec![lambda("part", call("toIntOrZero", vec![field(["part"])])), call("splitByChar", vec![string("."), head])],
    );
    call("arrayResize", vec![numbers, int(parts)])
}

/// An array of whole numbers.
pub(super) fn numbers(values: &[i64]) -> Expr {
    array(values.iter().copied().map(int).collect())
}
