//! What each operator of a property filter means.

use jiff::{RoundMode, Unit, ZonedDateTime, ZonedDateTimeRound};
use serde_json::Value;

use super::{Compiler, FilterError, Target, is_blank, semver};
use crate::ast::{CompareOp, Constant, Expr, ExprKind};
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

/// Longest regular expression of a filter, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 10;
/// Largest compiled regular expression, in bytes.
const PROGRAM_BYTES_MAX: usize = 1 << 20;
/// Regular expressions in the filters of one request.
const PATTERNS_MAX: usize = 64;

/// Whether there is such an operator.
pub(super) fn is_known(operator: &str) -> bool {
    const OTHERS: [&str; 31] = [
        "exact",
        "is_not",
        "in",
        "not_in",
        "icontains",
        "not_icontains",
        "icontains_multi",
        "not_icontains_multi",
        "starts_with",
        "not_starts_with",
        "ends_with",
        "not_ends_with",
        "regex",
        "not_regex",
        "gt",
        "gte",
        "lt",
        "lte",
        "min",
        "max",
        "between",
        "not_between",
        "is_set",
        "is_not_set",
        "is_date_exact",
        "is_date_before",
        "is_date_after",
        "is_cleaned_path_exact",
        "semver_eq",
        "semver_neq",
        "flag_evaluates_to",
    ];
    OTHERS.contains(&operator) || operator.starts_with("semver_")
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
            let inner = Target::text(field(["element"]));
            let body = self.values(key, &inner, operator, value)?;
            if body == truth(true) {
                return Ok(body);
            }
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
            "between" | "not_between" if !value.is_null() => return between(target, operator, value),
            _ => {}
        }
        if is_blank(value) {
            return Ok(self.neutral(format!("The filter on '{key}' has no value and was ignored")));
        }
        let values: Vec<&Value> = each(value).collect();
        let negative = matches!(operator, "is_not" | "semver_neq") || operator.starts_with("not_");
        if matches!(operator, "exact" | "is_not" | "in" | "not_in")
            && values.len() > 1
            && target.ty.is_none_or(|ty| ty == PropertyType::String)
            && values.iter().all(|value| is_plain_text(value))
        {
            let members = values.iter().filter_map(|value| value.as_str()).map(string).collect();
            let op = if negative { CompareOp::NotIn } else { CompareOp::In };
            return Ok(compare(op, target.value.clone(), tuple(members)));
        }
        if matches!(operator, "regex" | "not_regex")
            && let Some(wrong) = self.wrong_pattern(&values)?
        {
            self.notice(wrong);
            return Ok(truth(false));
        }
        let parts = values.iter().map(|value| self.one(target, operator, value)).collect::<Result<Vec<_>, _>>()?;
        Ok(if negative { and(parts) } else { or(parts) })
    }

    /// What is wrong with one of the patterns: then nothing matches, even where it is asked what does not.
    fn wrong_pattern(&mut self, patterns: &[&Value]) -> Result<Option<String>, FilterError> {
        self.patterns += patterns.len();
        if self.patterns > PATTERNS_MAX {
            return Err(FilterError(format!("There are more than {PATTERNS_MAX} regular expressions")));
        }
        for pattern in patterns {
            let pattern = text_of(pattern);
            if pattern.len() > PATTERN_BYTES_MAX {
                return Ok(Some(format!("A pattern of {} bytes is too long and matches nothing", pattern.len())));
            }
            match regex::RegexBuilder::new(&pattern).size_limit(PROGRAM_BYTES_MAX).build() {
                Ok(_) => {}
                Err(regex::Error::CompiledTooBig(_)) => {
                    return Ok(Some(format!("The pattern '{pattern}' is too large and matches nothing")));
                }
                Err(_) => return Ok(Some(format!("The pattern '{pattern}' is not valid and matches nothing"))),
            }
        }
        Ok(None)
    }

    fn one(&self, target: &Target, operator: &str, value: &Value) -> Result<Expr, FilterError> {
        let shown = || text_of(value);
        let text = || call("toString", vec![target.value.clone()]);
        let like = |op: CompareOp, before: &str, after: &str| {
            compare(op, text(), string(format!("{before}{}{after}", escape_like(&text_of(value)))))
        };
        Ok(match operator {
            "exact" | "in" => self.exact(target, value, CompareOp::Eq)?,
            "is_not" | "not_in" => self.exact(target, value, CompareOp::NotEq)?,
            "icontains" | "icontains_multi" => like(CompareOp::ILike, "%", "%"),
            "not_icontains" | "not_icontains_multi" => like(CompareOp::NotILike, "%", "%"),
            "starts_with" => like(CompareOp::ILike, "", "%"),
            "not_starts_with" => like(CompareOp::NotILike, "", "%"),
            "ends_with" => like(CompareOp::ILike, "%", ""),
            "not_ends_with" => like(CompareOp::NotILike, "%", ""),
            "regex" => compare(CompareOp::Regex, text(), string(shown())),
            "not_regex" => compare(CompareOp::NotRegex, text(), string(shown())),
            "gt" => self.order(target, value, CompareOp::Greater)?,
            "gte" | "min" => self.order(target, value, CompareOp::GreaterEq)?,
            "lt" => self.order(target, value, CompareOp::Less)?,
            "lte" | "max" => self.order(target, value, CompareOp::LessEq)?,
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

    fn date(&self, target: &Target, operator: &str, text: &str) -> Result<Expr, FilterError> {
        let is_relative = dates::is_relative(text);
        let mut at = self.instant(text)?;
        if is_relative {
            at = at.round(ZonedDateTimeRound::new().smallest(Unit::Second).mode(RoundMode::Trunc)).unwrap_or(at);
        }
        let shown = call("toString", vec![target.value.clone()]);
        let (value, is_date) = match target.ty {
            Some(PropertyType::DateTime) => (target.value.clone(), truth(true)),
            // Every date has a year or seconds in it; small numbers are none.
            _ => (call("toDateTime", vec![shown.clone()]), compare(CompareOp::Regex, shown, string("[0-9]{4}"))),
        };
        let bare = text.trim().len() == 10 && !is_relative;
        let next =
            || at.checked_add(jiff::Span::new().days(1)).map_err(|_| FilterError(format!("'{text}' is not a date")));
        let condition = match operator {
            "is_date_before" => compare(CompareOp::Less, value, literal(&at)),
            "is_date_after" if bare => compare(CompareOp::GreaterEq, value, literal(&next()?)),
            "is_date_after" => compare(CompareOp::Greater, value, literal(&at)),
            _ if bare => and(vec![
                compare(CompareOp::GreaterEq, value.clone(), literal(&at)),
                compare(CompareOp::Less, value, literal(&next()?)),
            ]),
            _ => equal(call("toUnixTimestamp", vec![value]), int(at.timestamp().as_second())),
        };
        Ok(and(vec![is_date, condition]))
    }

    /// The instant that a value means.
    fn instant(&self, text: &str) -> Result<ZonedDateTime, FilterError> {
        dates::resolve(text, &self.context.local_now()).ok_or_else(|| FilterError(format!("'{text}' is not a date")))
    }

    fn exact(&self, target: &Target, value: &Value, op: CompareOp) -> Result<Expr, FilterError> {
        let text = text_of(value);
        let as_text = || compare(op, call("toString", vec![target.value.clone()]), string(&text));
        Ok(match target.ty {
            Some(PropertyType::Boolean) => match text.as_str() {
                "true" | "false" => compare(op, target.value.clone(), truth(text == "true")),
                _ => as_text(),
            },
            Some(PropertyType::Numeric) => match number(value) {
                Some(number) => compare(op, target.value.clone(), number),
                None => as_text(),
            },
            // A column of events is compared as what it is, a property with a definition as it is shown.
            Some(PropertyType::DateTime) if target.document.is_none() => {
                compare(op, target.value.clone(), literal(&self.instant(&text)?))
            }
            Some(PropertyType::DateTime) => as_text(),
            Some(PropertyType::String) | None => same(target, value, &text, op),
        })
    }

    /// By number if the value is one, else by text among properties that are no numbers.
    fn order(&self, target: &Target, value: &Value, op: CompareOp) -> Result<Expr, FilterError> {
        if target.ty == Some(PropertyType::DateTime) {
            let at = self.instant(&text_of(value))?;
            return Ok(compare(op, target.value.clone(), literal(&at)));
        }
        let as_number = if target.ty == Some(PropertyType::Numeric) {
            target.value.clone()
        } else {
            call("toFloat", vec![target.value.clone()])
        };
        // Text such as `inf` is no number.
        let is_number = || call("ifNull", vec![call("isFinite", vec![as_number.clone()]), int(0)]);
        Ok(match number(value) {
            Some(number) if target.ty.is_none() => and(vec![is_number(), compare(op, as_number.clone(), number)]),
            Some(number) => compare(op, as_number, number),
            None if target.ty == Some(PropertyType::Numeric) => truth(false),
            None => and(vec![
                not(is_number()),
                compare(op, call("toString", vec![target.value.clone()]), string(text_of(value))),
            ]),
        })
    }
}

fn literal(time: &ZonedDateTime) -> Expr {
    string(time.timestamp().to_string())
}

/// Equality by text, or by number where JSON wrote one of the two as a number.
fn same(target: &Target, value: &Value, text: &str, op: CompareOp) -> Expr {
    let by_text = |op| compare(op, target.value.clone(), string(text));
    let Some(number) = number(value) else { return by_text(op) };
    let by_number = |op| compare(op, call("toFloat", vec![target.value.clone()]), number.clone());
    if value.is_number() {
        // Whole numbers beyond what a double tells apart are compared by their digits.
        let is_near = value.is_f64() || value.as_f64().is_some_and(|number| number.abs() < EXACT);
        return if is_near { by_number(op) } else { by_text(op) };
    }
    // Numbers are shown in their shortest spelling, so text in another one needs another comparison.
    match (&target.document, &target.value.kind) {
        (Some(document), ExprKind::Field(chain)) if !is_plain_text(value) => {
            let key = chain.last().map(|ident| ident.name.clone()).unwrap_or_default();
            let kind = call("JSONType", vec![document.clone(), string(key)]);
            let is_number = compare(CompareOp::In, kind, tuple(["Int64", "UInt64", "Double"].map(string).to_vec()));
            let found = or(vec![by_text(CompareOp::Eq), and(vec![is_number, by_number(CompareOp::Eq)])]);
            negate(found, op == CompareOp::NotEq)
        }
        _ => by_text(op),
    }
}

/// The first whole number that a double cannot tell from its neighbour.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whether `value` is text that equals a property only if the property is shown as that text.
fn is_plain_text(value: &Value) -> bool {
    let Value::String(text) = value else { return false };
    let whole =
        text.parse::<i64>().map(|whole| whole.to_string()).or_else(|_| text.parse::<u64>().map(|w| w.to_string()));
    match (whole, text.parse::<f64>()) {
        (Ok(whole), _) => whole == *text,
        (_, Ok(number)) if number.is_finite() => (1e-4..1e15).contains(&number.abs()) && format!("{number}") == *text,
        _ => true,
    }
}

/// The values of a filter.
pub(super) fn each(value: &Value) -> impl Iterator<Item = &Value> {
    let one = std::slice::from_ref(value);
    let values = if let Value::Array(values) = value { values.as_slice() } else { one };
    values.iter().filter(|value| !value.is_null())
}

/// A JSON value as the text that properties are compared by: numbers in their shortest spelling.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())
        }
        other => other.to_string(),
    }
}

fn number(value: &Value) -> Option<Expr> {
    let text = text_of(value);
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(int(whole));
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| constant(Constant::Float(number)))
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
