//! Aggregate functions.

use super::call::{look_up, unsupported};
use super::{Resolver, Scope};
use crate::ast::{self, ExprKind, Span};
use crate::catalogue::{self, Function, FunctionKind};
use crate::fault::{Code, ResolveError, Result};
use crate::resolved::{Aggregate, Expr, Kind, Literal};
use crate::types::{Base, Type};
use crate::typing::{aggregate_type, expected_aggregate};

impl Resolver<'_> {
    /// An aggregate as written, outside a window.
    pub(super) fn aggregate_expr(
        &mut self,
        function: &Function,
        call: &ast::Call,
        span: Span,
        scope: &mut Scope<'_>,
    ) -> Result<Expr> {
        if let Some(outer) = &scope.aggregate {
            let message =
                format!("Aggregation '{}' cannot be nested inside another aggregation '{outer}'.", function.name);
            return Err(ResolveError::new(Code::IllegalAggregation, message, span));
        }
        scope.aggregate = Some(function.name.to_owned());
        let aggregate = self.aggregate_parts(function, call, span, scope);
        scope.aggregate = None;
        let aggregate = aggregate?;
        self.wrapped(function, aggregate, span)
    }

    /// Functions that are something done to an aggregate.
    fn wrapped(&mut self, function: &Function, mut aggregate: Aggregate, span: Span) -> Result<Expr> {
        match function.name {
            "every" => {
                aggregate.function = "min";
                let least = self.aggregated(aggregate, span)?;
                self.call("toBool", vec![least], span)
            }
            "json_agg" => {
                aggregate.function = "groupArray";
                let array = self.aggregated(aggregate, span)?;
                self.call("toJSONString", vec![array], span)
            }
            "string_agg" => {
                aggregate.function = "groupArray";
                let separator = aggregate.arguments.pop().filter(|separator| separator.as_string().is_some());
                let separator = separator
                    .ok_or_else(|| ResolveError::input("The separator of string_agg must be constant text", span))?;
                let array = self.aggregated(aggregate, span)?;
                self.call("arrayStringConcat", vec![array, separator], span)
            }
            _ => self.aggregated(aggregate, span),
        }
    }

    pub(super) fn aggregated(&mut self, aggregate: Aggregate, span: Span) -> Result<Expr> {
        let ty = self.type_of(&aggregate, span)?;
        if ty.is_null() {
            return Ok(Expr { span, ..Expr::null() });
        }
        Ok(Expr { kind: Kind::Aggregate(Box::new(aggregate)), ty, span })
    }

    pub(super) fn type_of(&mut self, aggregate: &Aggregate, span: Span) -> Result<Type> {
        self.count(1, span)?;
        let types: Vec<&Type> = aggregate.arguments.iter().map(|argument| &argument.ty).collect();
        aggregate_type(aggregate.function, &types, false, self.zone())
            .map_err(|fault| super::describe(&fault, aggregate.function, &types, span))
    }

    /// The parts of an aggregate call. A condition of `…If` joins the filter.
    pub(super) fn aggregate_parts(
        &mut self,
        function: &Function,
        call: &ast::Call,
        span: Span,
        scope: &mut Scope<'_>,
    ) -> Result<Aggregate> {
        if !call.within_group.is_empty() {
            return Err(ResolveError::input("WITHIN GROUP is not supported", span));
        }
        if function.tier > 2 {
            return Err(unsupported(function, span));
        }
        let star = matches!(call.args.as_slice(), [only] if matches!(only.kind, ExprKind::Star(_)));
        let mut arguments = if star { Vec::new() } else { self.exprs(&call.args, scope)? };
        let (base, conditional) = base_name(function);
        let mut filter = call.filter.as_ref().map(|filter| self.expr(filter, scope)).transpose()?;
        if conditional && let Some(condition) = arguments.pop() {
            filter = Some(match filter {
                Some(filter) => self.combine("and", vec![condition, filter], span)?,
                None => condition,
            });
        }
        let filter = filter.map(|filter| self.condition(filter, span)).transpose()?;
        let counted = matches!(base, "count" | "countDistinct");
        let distinct = call.distinct || base == "countDistinct";
        let clickhouse = if counted && distinct { "uniqExact" } else { base };
        if clickhouse == "uniqExact" && arguments.is_empty() {
            return Err(ResolveError::input("count(DISTINCT …) needs an argument", span));
        }
        let ignores = matches!(clickhouse, "uniqExact" | "uniq" | "min" | "max" | "any" | "groupUniqArray");
        let arguments = self.fit_aggregate(clickhouse, arguments, span)?;
        let parameters = self.parameters(call, scope)?;
        let order_by = self.order(&call.order_by, &[], scope)?;
        Ok(Aggregate { function: clickhouse, parameters, arguments, distinct: distinct && !ignores, order_by, filter })
    }

    fn fit_aggregate(&mut self, function: &'static str, arguments: Vec<Expr>, span: Span) -> Result<Vec<Expr>> {
        let quantile = matches!(function, "quantile" | "quantiles" | "median" | "medianExact");
        let fit = |(at, argument): (usize, Expr)| {
            let property = matches!(argument.kind, Kind::Property { .. });
            if property && (expected_aggregate(function, at) == Some('N') || quantile) {
                return self.cast_or_null(argument, "Float64", span);
            }
            Ok(argument)
        };
        arguments.into_iter().enumerate().map(fit).collect()
    }

    /// The parameters of a call, which must be constant.
    fn parameters(&mut self, call: &ast::Call, scope: &mut Scope<'_>) -> Result<Vec<Literal>> {
        let constant = |parameter: &ast::Expr| {
            let value = self.expr(parameter, scope)?;
            let literal = value.as_literal().cloned();
            literal.ok_or_else(|| {
                ResolveError::input(format!("Parameters of '{}' must be constant", call.name.name), parameter.span)
            })
        };
        call.params.iter().flatten().map(constant).collect()
    }

    /// A condition that is never NULL.
    pub(super) fn condition(&mut self, value: Expr, span: Span) -> Result<Expr> {
        if value.ty.is_null() {
            return Ok(super::expr::flag(false, span));
        }
        if !value.ty.base.is_numeric() {
            let message = format!("A condition must be a truth value, found {}", value.ty);
            return Err(ResolveError::new(Code::IllegalTypeOfArgument, message, value.span));
        }
        let value = if matches!(value.ty.base, Base::UInt8 | Base::Bool) {
            value
        } else {
            self.call("notEquals", vec![value, super::expr::flag(false, span)], span)?
        };
        if !value.ty.nullable {
            return Ok(value);
        }
        let no = if value.ty.base == Base::Bool {
            Expr::literal(Literal::Bool(false), Base::Bool.into())
        } else {
            super::expr::flag(false, span)
        };
        self.call("ifNull", vec![value, no], span)
    }
}

/// The aggregate without `If`, by ClickHouse's name, and whether its last argument is a condition.
fn base_name(function: &Function) -> (&'static str, bool) {
    let known = |name: &str| {
        name == "countDistinct" || catalogue::find(name).is_some_and(|base| base.kind == FunctionKind::Aggregate)
    };
    match function.clickhouse.strip_suffix("If") {
        Some(base) if known(base) => (base, true),
        _ => (function.clickhouse, false),
    }
}

/// The function of a call that must be an aggregate or window function.
pub(super) fn windowed(call: &ast::Call) -> Result<Function> {
    let function = look_up(call)?;
    match function.kind {
        FunctionKind::Aggregate | FunctionKind::Window => Ok(function),
        _ => Err(ResolveError::input(format!("Function '{}' cannot be used with OVER", function.name), call.name.span)),
    }
}
