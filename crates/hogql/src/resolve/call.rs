//! Calls of functions by name.

use super::{Resolver, Scope};
use crate::ast::{self, CompareOp, ExprKind, Span};
use crate::catalogue::{self, Function, FunctionKind};
use crate::fault::{Code, ResolveError, Result};
use crate::resolved::{Expr, Kind};
use crate::types::Base;
use crate::typing::expected;

/// Functions that see a typed property as the text it is.
const TEXT_CONVERSIONS: [&str; 3] = ["toFloatOrZero", "toIntOrZero", "toFloatOrDefault"];

impl Resolver<'_> {
    /// A call as written.
    pub(super) fn function(&mut self, call: &ast::Call, span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        let function = look_up(call)?;
        match function.kind {
            FunctionKind::Aggregate => self.aggregate_expr(&function, call, span, scope),
            FunctionKind::Window => {
                let message = format!("Function '{}' needs a window: {0}(…) OVER (…)", function.name);
                Err(ResolveError::input(message, span))
            }
            FunctionKind::Table => {
                Err(ResolveError::input(format!("Function '{}' can only be used in FROM", function.name), span))
            }
            FunctionKind::Scalar => {
                plain(call, &function, span)?;
                self.scalar(&function, call, span, scope)
            }
        }
    }

    fn scalar(&mut self, function: &Function, call: &ast::Call, span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        if let Some(op) = operator(function.name) {
            let [left, right] = call.args.as_slice() else { return Err(missing(span)) };
            return match op {
                CompareOp::In | CompareOp::NotIn => self.is_in(left, right, op == CompareOp::NotIn, span, scope),
                _ => {
                    let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
                    self.compare(op, left, right, scope.plain, span)
                }
            };
        }
        match function.name {
            "matchesAction" => return self.matches_action(&call.args, span, scope),
            "cohort" => return Err(ResolveError::input("cohort() can only stand after IN", span)),
            "arrayJoin" => return self.unfold(&call.args, span, scope),
            "and" | "or" => {
                let operands = self.exprs(&call.args, scope)?;
                return self.combine(if function.name == "and" { "and" } else { "or" }, operands, span);
            }
            _ => {}
        }
        if call.args.iter().any(|argument| matches!(argument.kind, ExprKind::Lambda(_))) {
            if function.clickhouse.is_empty() || function.tier > 2 {
                return Err(unsupported(function, span));
            }
            let clickhouse = if function.name == "arrayReverseSort" { function.name } else { function.clickhouse };
            return self.higher(clickhouse, &call.args, span, scope);
        }
        let mut arguments = Vec::with_capacity(call.args.len());
        for argument in &call.args {
            scope.untyped = TEXT_CONVERSIONS.contains(&function.name);
            let value = self.expr(argument, scope);
            scope.untyped = false;
            arguments.push(value?);
        }
        self.call_hogql(function, arguments, span)
    }

    /// A function by HogQL's name, with resolved arguments.
    pub(super) fn call_named(&mut self, name: &str, arguments: Vec<Expr>, span: Span) -> Result<Expr> {
        let function = catalogue::find(name)
            .ok_or_else(|| ResolveError::input(format!("Unsupported function call '{name}(...)'"), span))?;
        self.call_hogql(&function, arguments, span)
    }

    fn call_hogql(&mut self, function: &Function, arguments: Vec<Expr>, span: Span) -> Result<Expr> {
        if let Some(lowered) = self.lower(function.name, &arguments, span)? {
            return Ok(lowered);
        }
        if function.tier > 2 || function.clickhouse.is_empty() {
            return Err(unsupported(function, span));
        }
        self.call_fitted(function.clickhouse, arguments, span)
    }

    /// A function by ClickHouse's name, its arguments made to fit where there is one way to: untyped properties as numbers or
    /// instants, constant text as instants, uuids as text.
    pub(super) fn call_fitted(&mut self, function: &'static str, arguments: Vec<Expr>, span: Span) -> Result<Expr> {
        let mut fitted = Vec::with_capacity(arguments.len());
        for (at, argument) in arguments.into_iter().enumerate() {
            let property = matches!(argument.kind, Kind::Property { .. });
            fitted.push(match (expected(function, at), &argument.ty.base) {
                (Some('N'), Base::String) if property => self.cast_or_null(argument, "Float64", span)?,
                (Some('I'), Base::String) if property => self.cast_or_null(argument, "Int64", span)?,
                (Some('T' | 'D'), Base::String) if property || argument.as_literal().is_some() => {
                    self.temporal(argument, span)?
                }
                (Some('S'), Base::Uuid) => self.call("toString", vec![argument], span)?,
                (Some('U'), Base::String) => self.cast_or_null(argument, "UUID", span)?,
                _ => argument,
            });
        }
        self.call(function, fitted, span)
    }

    /// `arrayJoin(array)`: a row for each element. Equal calls are one.
    fn unfold(&mut self, arguments: &[ast::Expr], span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        let [array] = arguments else { return Err(missing(span)) };
        let array = self.expr(array, scope)?;
        let Some(element) = array.ty.element().cloned() else {
            let message = format!("Illegal type {} of argument 1 of function arrayJoin", array.ty);
            return Err(ResolveError::new(Code::IllegalTypeOfArgument, message, span));
        };
        let known = scope.unfolded.iter().find(|join| join.items.iter().any(|item| item.array == array));
        let relation = match known {
            Some(join) => join.relation,
            None => {
                let relation = self.relation();
                let item = crate::resolved::ArrayJoinItem { name: super::name("element"), array };
                scope.unfolded.push(crate::resolved::ArrayJoin {
                    relation,
                    left: false,
                    inline: true,
                    items: vec![item],
                });
                relation
            }
        };
        Ok(Expr { kind: Kind::Column { relation, name: super::name("element") }, ty: element, span })
    }
}

/// The function of a call, with its arity checked.
pub(super) fn look_up(call: &ast::Call) -> Result<Function> {
    let name = call.name.name.as_str();
    let span = call.name.span;
    let Some(function) = catalogue::find(name) else {
        let similar = catalogue::suggest(name);
        let message = match similar {
            Some(suggestion) => {
                format!("Unsupported function call '{name}(...)'. Perhaps you meant '{suggestion}(...)'?")
            }
            None => format!("Unsupported function call '{name}(...)'"),
        };
        return Err(ResolveError::input(message, span).fixed_by(similar.map(str::to_owned)));
    };
    let star =
        matches!(call.args.as_slice(), [only] if matches!(only.kind, ExprKind::Star(_))) && function.name == "count";
    let found = if star { 0 } else { call.args.len() };
    let parameters = call.params.as_ref().map_or(0, Vec::len);
    let fault = catalogue::arity_fault(name, function.kind, "argument", function.arguments, found)
        .or_else(|| catalogue::arity_fault(name, function.kind, "parameter", function.parameters, parameters));
    match fault {
        Some(message) => Err(ResolveError::new(Code::InvalidInput, message, span)),
        None => Ok(function),
    }
}

/// Refuses the clauses that only aggregates have.
fn plain(call: &ast::Call, function: &Function, span: Span) -> Result<()> {
    if call.distinct || call.filter.is_some() || !call.order_by.is_empty() || !call.within_group.is_empty() {
        let message =
            format!("Function '{}' is no aggregation, so DISTINCT, ORDER BY and FILTER do not apply", function.name);
        return Err(ResolveError::input(message, span));
    }
    Ok(())
}

pub(super) fn unsupported(function: &Function, span: Span) -> Box<ResolveError> {
    ResolveError::new(Code::UnknownFunction, format!("Function '{}' is not supported yet", function.name), span)
}

/// An argument that the arity promised is not there.
pub(super) fn missing(span: Span) -> Box<ResolveError> {
    ResolveError::new(Code::NumberOfArgumentsDoesntMatch, "An argument is missing", span)
}

/// The operator that a function call is another form of.
fn operator(name: &str) -> Option<CompareOp> {
    Some(match name {
        "equals" => CompareOp::Eq,
        "notEquals" => CompareOp::NotEq,
        "less" => CompareOp::Less,
        "greater" => CompareOp::Greater,
        "lessOrEquals" => CompareOp::LessEq,
        "greaterOrEquals" => CompareOp::GreaterEq,
        "like" => CompareOp::Like,
        "ilike" => CompareOp::ILike,
        "notLike" => CompareOp::NotLike,
        "notILike" => CompareOp::NotILike,
        "in" => CompareOp::In,
        "notIn" => CompareOp::NotIn,
        _ => return None,
    })
}
