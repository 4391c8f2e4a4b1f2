//! Functions of HogQL that are something else in ClickHouse.

use std::sync::Arc;

use super::Resolver;
use super::call::missing;
use crate::ast::{CompareOp, Span};
use crate::fault::{ResolveError, Result};
use crate::resolved::{Expr, Kind, Literal};
use crate::types::{Base, Name, Type, Unit};

impl Resolver<'_> {
    /// What a call by HogQL's name becomes; `None` if it is ClickHouse's function with the same arguments.
    pub(super) fn lower(&mut self, function: &str, arguments: &[Expr], span: Span) -> Result<Option<Expr>> {
        if let Some(lowered) = self.lower_conditional(function, arguments, span)? {
            return Ok(Some(lowered));
        }
        if let Some(lowered) = self.lower_conversion(function, arguments, span)? {
            return Ok(Some(lowered));
        }
        if let Some(lowered) = self.lower_time(function, arguments, span)? {
            return Ok(Some(lowered));
        }
        if let [value] = arguments
            && let Some(found) = self.look_up_channel(function, value, span)?
        {
            return Ok(Some(found));
        }
        let first = || arguments.first().cloned().ok_or_else(|| missing(span));
        let second = || arguments.get(1).cloned().ok_or_else(|| missing(span));
        let lowered = match function {
            "plus" => self.arithmetic_named("plus", first()?, second()?, span),
            "minus" => self.arithmetic_named("minus", first()?, second()?, span),
            "multiply" => self.arithmetic_named("multiply", first()?, second()?, span),
            "divide" => self.arithmetic_named("divide", first()?, second()?, span),
            "modulo" => self.arithmetic_named("modulo", first()?, second()?, span),
            "concat" => self.concat(arguments, span),
            "array" => {
                let items = self.unify(arguments.to_vec(), span)?;
                self.call("array", items, span)
            }
            "arrayReverseSort" => self.call("arrayReverseSort", arguments.to_vec(), span),
            "JSONType" => {
                let kind = self.call("JSONType", arguments.to_vec(), span)?;
                self.call("toString", vec![kind], span)
            }
            "JSONExtract"
            | "JSONExtractArrayRaw"
            | "JSONExtractKeys"
            | "JSONExtractKeysAndValues"
            | "JSONExtractKeysAndValuesRaw" => {
                return self.json(function, arguments, span);
            }
            "min2" | "least" => self.extreme("least", arguments, span),
            "max2" | "greatest" => self.extreme("greatest", arguments, span),
            "sortableSemver" => self.semver(first()?, span),
            "split_part" => {
                let parts = self.call_fitted("splitByString", vec![second()?, first()?], span)?;
                let at = arguments.get(2).cloned().ok_or_else(|| missing(span))?;
                self.call("arrayElement", vec![parts, at], span)
            }
            "has" | "indexOf" | "countEqual" | "arrayPushBack" | "arrayPushFront" => {
                return self.element_function(function, first()?, second()?, span).map(Some);
            }
            "not" => self.call("not", vec![first()?], span),
            _ => return Ok(None),
        };
        lowered.map(Some)
    }

    fn lower_conditional(&mut self, function: &str, arguments: &[Expr], span: Span) -> Result<Option<Expr>> {
        let lowered = match (function, arguments) {
            ("if", [condition, then, otherwise]) => {
                if condition.ty.is_null() {
                    return Ok(Some(otherwise.clone()));
                }
                let values = self.unify(vec![then.clone(), otherwise.clone()], span)?;
                let condition = self.condition(condition.clone(), span)?;
                self.call("if", std::iter::once(condition).chain(values).collect(), span)
            }
            ("multiIf", _) => self.multi_if(arguments, span),
            ("_caseWithExpression", [value, branches @ ..]) => {
                let mut conditions = Vec::with_capacity(branches.len());
                for (at, branch) in branches.iter().enumerate() {
                    let tested = at % 2 == 0 && at + 1 < branches.len();
                    conditions.push(if tested {
                        self.compare(CompareOp::Eq, value.clone(), branch.clone(), false, span)?
                    } else {
                        branch.clone()
                    });
                }
                self.multi_if(&conditions, span)
            }
            ("ifNull" | "ifnull", [value, _]) if value.ty.is_null() => {
                Ok(arguments.get(1).cloned().unwrap_or_else(Expr::null))
            }
            ("ifNull" | "ifnull", _) => {
                let values = self.unify(arguments.to_vec(), span)?;
                self.call("ifNull", values, span)
            }
            ("coalesce", _) => {
                let present: Vec<Expr> = arguments.iter().filter(|argument| !argument.ty.is_null()).cloned().collect();
                let values = self.unify(present, span)?;
                match values.as_slice() {
                    [] => Ok(Expr { span, ..Expr::null() }),
                    [only] => Ok(only.clone()),
                    _ => self.call("coalesce", values, span),
                }
            }
            ("nullIf" | "nullif", [value, other]) => {
                if value.ty.is_null() || other.ty.is_null() {
                    return Ok(Some(Expr { ty: value.ty.clone().or_null(), ..value.clone() }));
                }
                let (value, other) = self.align(value.clone(), other.clone(), span)?;
                self.call("nullIf", vec![value, other], span)
            }
            ("isNull" | "isnull", [value]) => self.call("isNull", vec![value.clone()], span),
            ("transform", [value, from, to, other]) => {
                let to_elements = to.ty.element().cloned();
                let widened = match to_elements {
                    Some(element) => self.widen(other.clone(), &element.base)?,
                    None => other.clone(),
                };
                self.call_fitted("transform", vec![value.clone(), from.clone(), to.clone(), widened], span)
            }
            _ => return Ok(None),
        };
        lowered.map(Some)
    }

    fn multi_if(&mut self, arguments: &[Expr], span: Span) -> Result<Expr> {
        if arguments.len().is_multiple_of(2) {
            return Err(ResolveError::input("multiIf takes pairs of a condition and a value, and a last value", span));
        }
        let is_value = |at: usize| at % 2 == 1 || at + 1 == arguments.len();
        let values: Vec<Expr> =
            arguments.iter().enumerate().filter(|(at, _)| is_value(*at)).map(|(_, value)| value.clone()).collect();
        let mut values = self.unify(values, span)?.into_iter();
        let mut all = Vec::with_capacity(arguments.len());
        for (at, argument) in arguments.iter().enumerate() {
            if is_value(at) {
                all.extend(values.next());
            } else {
                all.push(self.condition(argument.clone(), span)?);
            }
        }
        self.call("multiIf", all, span)
    }

    fn lower_conversion(&mut self, function: &str, arguments: &[Expr], span: Span) -> Result<Option<Expr>> {
        let Some(first) = arguments.first().cloned() else { return Ok(None) };
        let text = matches!(first.ty.base, Base::String);
        let lowered = match function {
            "toFloat" => self.cast_or_null(first, "Float64", span),
            "toInt" => self.cast_or_null(first, "Int64", span),
            "toUUID" => self.cast_or_null(first, "UUID", span),
            "toDecimal" => {
                let scale = match arguments.get(1).and_then(Expr::as_literal) {
                    Some(Literal::UInt(scale)) if *scale <= 18 => *scale,
                    _ => {
                        return Err(ResolveError::input(
                            "The scale of toDecimal must be a constant from 0 to 18",
                            span,
                        ));
                    }
                };
                self.cast_or_null(first, &format!("Decimal(18, {scale})"), span)
            }
            "toFloatOrZero" | "toIntOrZero" => {
                let first = if text { first } else { self.as_text(first, span)? };
                self.call(
                    if function == "toFloatOrZero" { "toFloat64OrZero" } else { "toInt64OrZero" },
                    vec![first],
                    span,
                )
            }
            "toFloatOrDefault" => {
                let first = if text { first } else { self.as_text(first, span)? };
                let mut all = vec![first];
                if let Some(default) = arguments.get(1) {
                    all.push(match self.convert(default, &Base::Float64)? {
                        Some(literal) => literal,
                        None => self.call("toFloat64", vec![default.clone()], span)?,
                    });
                }
                self.call("toFloat64OrDefault", all, span)
            }
            "toString" if arguments.len() == 1 => self.as_text(first, span),
            "toBool" if text => self.text_to_bool(&first, span),
            "toNullable" if !first.ty.base.may_be_null() => Ok(first),
            "assumeNotNull" if first.ty.is_null() => Ok(first),
            "toTypeName" => Ok(Expr { span, ..Expr::string(first.ty.to_string()) }),
            _ => return Ok(None),
        };
        lowered.map(Some)
    }

    /// A value as text.
    pub(super) fn as_text(&mut self, value: Expr, span: Span) -> Result<Expr> {
        if value.ty.base == Base::String { Ok(value) } else { self.call("toString", vec![value], span) }
    }

    /// Text of each part, with nothing for NULL.
    fn concat(&mut self, arguments: &[Expr], span: Span) -> Result<Expr> {
        let mut parts = Vec::with_capacity(arguments.len());
        for argument in arguments {
            // `a || b || c` is one concatenation.
            if let Kind::Call { function: "concat", arguments } = &argument.kind {
                parts.extend(arguments.iter().cloned());
                continue;
            }
            if argument.ty.is_null() {
                parts.push(Expr { span, ..Expr::string("") });
                continue;
            }
            let text = self.as_text(argument.clone(), span)?;
            parts.push(if text.ty.nullable { self.call("ifNull", vec![text, Expr::string("")], span)? } else { text });
        }
        self.call("concat", parts, span)
    }

    /// Functions that read arrays out of documents; a NULL document is an empty one, since arrays are never NULL.
    fn json(&mut self, function: &str, arguments: &[Expr], span: Span) -> Result<Option<Expr>> {
        let Some(first) = arguments.first() else { return Ok(None) };
        if !first.ty.nullable || first.ty.is_null() {
            return Ok(None);
        }
        let as_array = function != "JSONExtract"
            || arguments
                .last()
                .and_then(Expr::as_string)
                .is_some_and(|ty| ["Array", "Tuple", "Map"].iter().any(|start| ty.starts_with(start)));
        if !as_array {
            return Ok(None);
        }
        let document = self.call("ifNull", vec![first.clone(), Expr::string("")], span)?;
        let all = std::iter::once(document).chain(arguments.iter().skip(1).cloned()).collect();
        self.call_named(function, all, span).map(Some)
    }

    fn extreme(&mut self, function: &'static str, arguments: &[Expr], span: Span) -> Result<Expr> {
        let mut present: Vec<Expr> = arguments.iter().filter(|argument| !argument.ty.is_null()).cloned().collect();
        if let ([left, right], true) = (present.as_slice(), present.len() == 2) {
            let (left, right) = self.align(left.clone(), right.clone(), span)?;
            present = self.unify(vec![left, right], span)?;
        }
        match present.as_slice() {
            [] => Ok(Expr { span, ..Expr::null() }),
            [only] => Ok(only.clone()),
            _ => self.call(function, present, span),
        }
    }

    /// `1.2.3` as an array of whole numbers.
    fn semver(&mut self, text: Expr, span: Span) -> Result<Expr> {
        let text = self.as_text(text, span)?;
        let text = if text.ty.nullable { self.call("ifNull", vec![text, Expr::string("")], span)? } else { text };
        let version = self.call("extract", vec![text, Expr::string(r"(\d+(\.\d+)+)")], span)?;
        let parts = self.call("splitByChar", vec![Expr::string("."), version], span)?;
        let variable = self.variable("part");
        let part = Expr { kind: Kind::Variable(Arc::clone(&variable)), ty: Type::string(), span };
        let body = Box::new(self.call("toInt64OrZero", vec![part], span)?);
        let variables = vec![(variable, Type::string())];
        let lambda = Expr { kind: Kind::Lambda { variables, body }, ty: Base::Function.into(), span };
        self.call("arrayMap", vec![lambda, parts], span)
    }

    /// Functions of an array and a value like its elements.
    fn element_function(&mut self, function: &str, array: Expr, value: Expr, span: Span) -> Result<Expr> {
        let function = match function {
            "has" => "has",
            "indexOf" => "indexOf",
            "countEqual" => "countEqual",
            "arrayPushBack" => "arrayPushBack",
            _ => "arrayPushFront",
        };
        let value = match array.ty.element() {
            Some(element) => {
                self.convert(&value, &element.base)?.filter(|_| value.ty.base == Base::String).unwrap_or(value)
            }
            None => value,
        };
        self.call_fitted(function, vec![array, value], span)
    }

    fn lower_time(&mut self, function: &str, arguments: &[Expr], span: Span) -> Result<Option<Expr>> {
        let get = |at: usize| arguments.get(at).cloned().ok_or_else(|| missing(span));
        let zone_at = |at: usize| arguments.get(at).and_then(Expr::as_string).cloned();
        let zone = Arc::clone(self.zone());
        let lowered = match function {
            "now" | "current_timestamp" => {
                let zone = zone_at(0).unwrap_or(zone);
                Ok(self.instant_literal(self.context.now.as_microsecond(), &zone, span))
            }
            "today" | "current_date" => self.today(0, span),
            "yesterday" => self.today(1, span),
            "toDate" | "to_date" => self.as_date(get(0)?, span),
            "_toDate" => self.as_date(get(0)?, span),
            "toDateTime" | "to_timestamp" => self.as_instant(get(0)?, zone_at(1), span),
            "toDateTimeUS" => {
                self.parse_instant("parseDateTime64BestEffortUSOrNull", get(0)?, &zone_at(1).unwrap_or(zone), span)
            }
            "parseDateTimeBestEffort" => {
                let text = self.as_text(get(0)?, span)?;
                self.parse_instant("parseDateTime64BestEffortOrNull", text, &zone_at(1).unwrap_or(zone), span)
            }
            "parseDateTime" => {
                let all = vec![get(0)?, get(1)?, Expr::string(zone_at(2).unwrap_or(zone))];
                self.call("parseDateTimeOrNull", all, span)
            }
            "toDateTime64" => {
                let precision =
                    arguments.get(1).cloned().unwrap_or_else(|| Expr::literal(Literal::UInt(6), Base::UInt8.into()));
                self.call("toDateTime64", vec![get(0)?, precision, Expr::string(zone_at(2).unwrap_or(zone))], span)
            }
            "fromUnixTimestamp" => self.call("toDateTime", vec![get(0)?, Expr::string(zone)], span),
            "fromUnixTimestamp64Milli" => {
                self.call("fromUnixTimestamp64Milli", vec![get(0)?, Expr::string(zone)], span)
            }
            "UUIDv7ToDateTime" => self.call_fitted("UUIDv7ToDateTime", vec![get(0)?, Expr::string(zone)], span),
            "make_timestamp" => {
                let mut all = arguments.get(..6).unwrap_or_default().to_vec();
                all.push(Expr::string(zone_at(6).unwrap_or(zone)));
                self.call("makeDateTime", all, span)
            }
            _ => return self.lower_calendar(function, arguments, span),
        };
        lowered.map(Some)
    }

    /// What cuts, measures and moves time.
    fn lower_calendar(&mut self, function: &str, arguments: &[Expr], span: Span) -> Result<Option<Expr>> {
        let get = |at: usize| arguments.get(at).cloned().ok_or_else(|| missing(span));
        let zone_at = |at: usize| arguments.get(at).and_then(Expr::as_string).cloned();
        let zone = Arc::clone(self.zone());
        let lowered = match function {
            "toTimeZone" => {
                let time = self.temporal(get(0)?, span)?;
                self.call("toTimeZone", vec![time, Expr::string(zone_at(1).unwrap_or(zone))], span)
            }
            "timezone" => {
                let time = self.temporal(get(1)?, span)?;
                self.call("toTimeZone", vec![time, get(0)?], span)
            }
            "toStartOfWeek" | "toLastDayOfWeek" if arguments.len() == 1 => {
                let monday = self.context.project.week_start == crate::context::WeekStart::Monday;
                let mode = Expr::literal(Literal::UInt(if monday { 3 } else { 0 }), Base::UInt8.into());
                let time = self.temporal(get(0)?, span)?;
                self.call(
                    if function == "toStartOfWeek" { "toStartOfWeek" } else { "toLastDayOfWeek" },
                    vec![time, mode],
                    span,
                )
            }
            "toStartOfDay" => {
                let time = self.temporal(get(0)?, span)?;
                let zone = zone_at(1).or_else(|| (time.ty.base == Base::Date).then_some(zone));
                self.call("toStartOfDay", std::iter::once(time).chain(zone.map(Expr::string)).collect(), span)
            }
            "toStartOfInterval" | "date_bin" => {
                let (step, time) = if function == "date_bin" { (get(0)?, get(1)?) } else { (get(1)?, get(0)?) };
                let mut time = self.temporal(time, span)?;
                if time.ty.base == Base::Date && matches!(step.ty.base, Base::Interval(unit) if unit <= Unit::Day) {
                    let six = Expr::literal(Literal::UInt(6), Base::UInt8.into());
                    time = self.call("toDateTime64", vec![time, six, Expr::string(zone)], span)?;
                }
                self.call("toStartOfInterval", vec![time, step], span)
            }
            "dateTrunc" | "date_trunc" => self.truncate(&get(0)?, get(1)?, zone_at(2), span),
            "dateDiff" | "date_diff" | "age" => {
                let unit = self.unit(&get(0)?)?;
                let (from, to) = (self.temporal(get(1)?, span)?, self.temporal(get(2)?, span)?);
                let unit = Expr::string(unit.name().to_ascii_lowercase());
                self.call(if function == "age" { "age" } else { "dateDiff" }, vec![unit, from, to], span)
            }
            "dateAdd" | "date_add" | "dateSub" | "date_subtract" => {
                let subtract = matches!(function, "dateSub" | "date_subtract");
                match arguments {
                    [unit, amount, time] => {
                        let unit = self.unit(unit)?;
                        self.move_units(time.clone(), unit, amount.clone(), subtract, span)
                    }
                    _ => self.move_by(get(0)?, &get(1)?, subtract, span),
                }
            }
            "toIntervalSecond" | "toIntervalMinute" | "toIntervalHour" | "toIntervalDay" | "toIntervalWeek"
            | "toIntervalMonth" | "toIntervalQuarter" | "toIntervalYear" => self.interval(function, get(0)?, span),
            name if name.starts_with("add") || name.starts_with("subtract") => {
                return self.shifted(name, arguments, span);
            }
            _ => return Ok(None),
        };
        lowered.map(Some)
    }

    /// `INTERVAL '1' day` has its number as text.
    fn interval(&mut self, function: &str, amount: Expr, span: Span) -> Result<Expr> {
        let amount =
            if amount.as_string().is_some() { self.convert(&amount, &Base::Int64)?.unwrap_or(amount) } else { amount };
        let amount = self.number(amount, span)?;
        let unit = function.strip_prefix("toInterval").and_then(Unit::parse).unwrap_or(Unit::Day);
        let function = match unit {
            Unit::Second => "toIntervalSecond",
            Unit::Minute => "toIntervalMinute",
            Unit::Hour => "toIntervalHour",
            Unit::Day => "toIntervalDay",
            Unit::Week => "toIntervalWeek",
            Unit::Month => "toIntervalMonth",
            Unit::Quarter => "toIntervalQuarter",
            Unit::Year => "toIntervalYear",
        };
        self.call(function, vec![amount], span)
    }

    fn shifted(&mut self, function: &str, arguments: &[Expr], span: Span) -> Result<Option<Expr>> {
        let (subtract, unit) = match function.strip_prefix("subtract") {
            Some(unit) => (true, unit),
            None => (false, function.strip_prefix("add").unwrap_or_default()),
        };
        let (Some(unit), [time, amount]) = (Unit::parse(unit), arguments) else { return Ok(None) };
        self.move_units(time.clone(), unit, amount.clone(), subtract, span).map(Some)
    }

    fn unit(&self, unit: &Expr) -> Result<Unit> {
        let text = unit.as_string().ok_or_else(|| ResolveError::input("The unit must be constant text", unit.span))?;
        Unit::parse(text).ok_or_else(|| ResolveError::input(format!("Unknown unit '{text}'"), unit.span))
    }

    /// The start of a unit: a Date from weeks on, an instant below.
    fn truncate(&mut self, unit: &Expr, time: Expr, zone: Option<Name>, span: Span) -> Result<Expr> {
        let unit = self.unit(unit)?;
        let mut time = self.temporal(time, span)?;
        if let Some(zone) = zone {
            time = self.call("toTimeZone", vec![time, Expr::string(zone)], span)?;
        }
        let function = match unit {
            Unit::Year => "toStartOfYear",
            Unit::Quarter => "toStartOfQuarter",
            Unit::Month => "toStartOfMonth",
            Unit::Week => "toMonday",
            Unit::Day => return self.lower_time("toStartOfDay", &[time], span)?.ok_or_else(|| missing(span)),
            Unit::Hour => "toStartOfHour",
            Unit::Minute => "toStartOfMinute",
            Unit::Second => "toStartOfSecond",
        };
        self.call(function, vec![time], span)
    }
}
