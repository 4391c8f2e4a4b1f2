//! Expressions.

use super::field::Place;
use super::{Resolver, Scope, name};
use crate::ast::{self, ArithmeticOp, CompareOp, ExprKind, Span};
use crate::fault::{Code, ResolveError, Result};
use crate::resolved::{Expr, Kind, Literal};
use crate::types::{Base, Type};

impl Resolver<'_> {
    /// Resolves one expression.
    pub(super) fn expr(&mut self, expr: &ast::Expr, scope: &mut Scope<'_>) -> Result<Expr> {
        self.deeper(expr.span, |this| this.expr_here(expr, scope))
    }

    fn expr_here(&mut self, expr: &ast::Expr, scope: &mut Scope<'_>) -> Result<Expr> {
        let span = expr.span;
        // Only the direct operand of a function that converts text is read as text.
        let untyped = std::mem::take(&mut scope.untyped);
        match &expr.kind {
            ExprKind::Constant(constant) => Ok(super::constant::literal(constant, span)),
            ExprKind::Field(_) | ExprKind::ArrayAccess(_) | ExprKind::TupleAccess(_) => {
                let place = self.place(expr, scope)?;
                self.finish(place, untyped, span)
            }
            ExprKind::Alias(alias) => {
                scope.untyped = untyped;
                self.expr(&alias.expr, scope)
            }
            ExprKind::Call(call) => self.function(call, span, scope),
            ExprKind::Window(window) => self.window(window, span, scope),
            ExprKind::Compare(compare) => self.compare_expr(compare, span, scope),
            ExprKind::DistinctFrom(distinct) => {
                let op = if distinct.negated { CompareOp::Eq } else { CompareOp::NotEq };
                let (left, right) = (self.expr(&distinct.left, scope)?, self.expr(&distinct.right, scope)?);
                self.compare(op, left, right, false, span)
            }
            ExprKind::Arithmetic(operation) => self.arithmetic_chain(operation, span, scope),
            ExprKind::And(operands) => self.logic("and", operands, span, scope),
            ExprKind::Or(operands) => self.logic("or", operands, span, scope),
            ExprKind::Not(operand) => {
                let operand = self.expr(operand, scope)?;
                self.call("not", vec![operand], span)
            }
            ExprKind::Between(between) => self.between(between, span, scope),
            ExprKind::Array(items) => {
                let items = self.exprs(items, scope)?;
                let items = self.unify(items, span)?;
                self.call("array", items, span)
            }
            ExprKind::Tuple(items) => {
                let items = self.exprs(items, scope)?;
                self.call("tuple", items, span)
            }
            ExprKind::Dict(pairs) => self.dict(pairs, span, scope),
            ExprKind::Slice(slice) => self.slice(slice, span, scope),
            ExprKind::Cast(cast) => self.cast(cast, span, scope),
            ExprKind::Subquery(query) => self.scalar_subquery(query, span, scope),
            ExprKind::Placeholder(inner) => {
                let text = crate::print_expr(inner, crate::Style::Functions);
                Err(ResolveError::input(format!("Unresolved placeholder: {{{text}}}"), span))
            }
            ExprKind::Lambda(_) => {
                Err(ResolveError::input("A lambda can only be an argument of an array function", span))
            }
            ExprKind::Star(_) => Err(ResolveError::input("'*' can only stand in a select list or in count()", span)),
            ExprKind::Columns(_) | ExprKind::ColumnsMatching(_) => {
                Err(ResolveError::input("COLUMNS can only stand in a select list", span))
            }
            ExprKind::NamedArgument(_) => Err(ResolveError::input("Arguments are given by position", span)),
            ExprKind::CallValue(_) => Err(ResolveError::input("Only functions can be called", span)),
            ExprKind::Tag(tag) => {
                Err(ResolveError::input(format!("Tag <{}> is not supported yet", tag.kind.name), span))
            }
        }
    }

    pub(super) fn exprs(&mut self, exprs: &[ast::Expr], scope: &mut Scope<'_>) -> Result<Vec<Expr>> {
        exprs.iter().map(|expr| self.expr(expr, scope)).collect()
    }

    /// AND and OR: constants that decide or do not matter are folded.
    fn logic(
        &mut self,
        function: &'static str,
        operands: &[ast::Expr],
        span: Span,
        scope: &mut Scope<'_>,
    ) -> Result<Expr> {
        let operands = self.exprs(operands, scope)?;
        self.combine(function, operands, span)
    }

    /// `and` or `or` of conditions, of which there may be any number.
    pub(super) fn combine(&mut self, function: &'static str, operands: Vec<Expr>, span: Span) -> Result<Expr> {
        let decisive = function == "or";
        let mut kept = Vec::with_capacity(operands.len());
        for operand in operands {
            match truth(&operand) {
                Some(value) if value == decisive => return Ok(flag(decisive, span)),
                Some(_) => {}
                None => kept.push(operand),
            }
        }
        if kept.len() > 1 {
            return self.call(function, kept, span);
        }
        match kept.pop() {
            None => Ok(flag(!decisive, span)),
            Some(only) if matches!(only.ty.base, Base::UInt8 | Base::Bool) => Ok(only),
            Some(only) => {
                let neutral = flag(!decisive, span);
                self.call(function, vec![only, neutral], span)
            }
        }
    }

    fn dict(&mut self, pairs: &[(ast::Expr, ast::Expr)], span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        let mut keys = Vec::with_capacity(pairs.len());
        let mut values = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            keys.push(self.expr(key, scope)?);
            values.push(self.expr(value, scope)?);
        }
        let (keys, values) = (self.unify(keys, span)?, self.unify(values, span)?);
        let arguments = keys.into_iter().zip(values).flat_map(|(key, value)| [key, value]).collect();
        self.call("map", arguments, span)
    }

    /// `a[from:to]`, both ends included.
    fn slice(&mut self, slice: &ast::Slice, span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        let array = self.expr(&slice.array, scope)?;
        let one = Expr::literal(Literal::UInt(1), Base::UInt8.into());
        let from = slice.from.as_ref().map(|from| self.expr(from, scope)).transpose()?.unwrap_or_else(|| one.clone());
        let Some(to) = &slice.to else { return self.call("arraySlice", vec![array, from], span) };
        let to = self.expr(to, scope)?;
        let distance = self.call("minus", vec![to, from.clone()], span)?;
        let length = self.call("plus", vec![distance, one], span)?;
        self.call("arraySlice", vec![array, from, length], span)
    }

    fn cast(&mut self, cast: &ast::Cast, span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        let value = self.expr(&cast.expr, scope)?;
        let written = cast.type_name.trim();
        let lowered = written.to_ascii_lowercase();
        let inner = lowered.strip_prefix("nullable(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(&lowered);
        match inner {
            "string" | "text" | "varchar" | "char" => self.as_text(value, span),
            "date" => self.as_date(value, span),
            "datetime" | "timestamp" | "timestamptz" | "datetime64" => self.as_instant(value, None, span),
            "bool" | "boolean" => self.call_named("toBool", vec![value], span),
            _ => {
                let target = match inner {
                    "int" | "integer" | "bigint" | "int64" => "Int64",
                    "smallint" | "int16" => "Int16",
                    "tinyint" | "int8" => "Int8",
                    "int32" => "Int32",
                    "uint8" => "UInt8",
                    "uint16" => "UInt16",
                    "uint32" => "UInt32",
                    "uint64" => "UInt64",
                    "float" | "double" | "double precision" | "real" | "float64" | "numeric" => "Float64",
                    "float32" => "Float32",
                    "uuid" => "UUID",
                    "decimal" => "Decimal(18, 6)",
                    _ => return self.cast_to(value, inner, written, span),
                };
                self.cast_or_null(value, target, span)
            }
        }
    }

    fn cast_to(&mut self, value: Expr, inner: &str, written: &str, span: Span) -> Result<Expr> {
        let Some(ty) = crate::types::parse_any_case(inner, self.zone()) else {
            return Err(ResolveError::input(format!("Unknown type '{written}'"), span));
        };
        if !ty.base.may_be_null() {
            return self.call("accurateCast", vec![value, Expr::string(name(&ty.to_string()))], span);
        }
        self.cast_or_null(value, &ty.without_null().to_string(), span)
    }

    /// `accurateCastOrNull(value, 'type')`.
    pub(super) fn cast_or_null(&mut self, value: Expr, ty: &str, span: Span) -> Result<Expr> {
        self.call("accurateCastOrNull", vec![value, Expr::string(name(ty))], span)
    }

    fn scalar_subquery(&mut self, query: &ast::Query, span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        let output = self.query(query, scope.env, false)?;
        let [(_, ty)] = output.query.columns.as_slice() else {
            return Err(ResolveError::input("A subquery used as a value must have one column", span));
        };
        let ty = ty.clone().or_null();
        Ok(Expr { kind: Kind::Subquery(Box::new(output.query)), ty, span })
    }

    /// Indexes an array, map or tuple.
    pub(super) fn index(&mut self, value: Expr, index: Expr, span: Span) -> Result<Expr> {
        match &value.ty.base {
            Base::Tuple(_) => self.call("tupleElement", vec![value, index], span),
            Base::Array(_) | Base::Map(..) => self.call("arrayElement", vec![value, index], span),
            Base::String => {
                // Text that holds JSON is read like a document.
                let step = super::field::step(&index).ok_or_else(|| {
                    ResolveError::new(Code::IllegalTypeOfArgument, "A property is named by a constant", span)
                })?;
                Ok(self.property(value, vec![step], span))
            }
            other => {
                let message = format!("Cannot take an element of a value of type {other}");
                Err(ResolveError::new(Code::IllegalTypeOfArgument, message, span))
            }
        }
    }

    pub(super) fn place_of(value: Expr) -> Place {
        Place::Value(value)
    }

    /// The operators that chain to the left, walked without recursion.
    fn arithmetic_chain(&mut self, operation: &ast::Arithmetic, span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        let mut pending: Vec<(ArithmeticOp, &ast::Expr, Span)> = vec![(operation.op, &operation.right, span)];
        let mut leftmost = &operation.left;
        while let ExprKind::Arithmetic(inner) = &leftmost.kind {
            pending.push((inner.op, &inner.right, leftmost.span));
            leftmost = &inner.left;
        }
        if pending.len() > crate::MAX_DEPTH as usize {
            return Err(ResolveError::input("Query is nested too deeply", span));
        }
        let mut left = self.expr(leftmost, scope)?;
        for (op, right, span) in pending.into_iter().rev() {
            let right = self.expr(right, scope)?;
            left = self.arithmetic(op, left, right, span)?;
        }
        Ok(left)
    }
}

/// The truth value of a constant.
pub(super) fn truth(expr: &Expr) -> Option<bool> {
    match expr.as_literal()? {
        Literal::Bool(value) => Some(*value),
        Literal::UInt(value) => Some(*value != 0),
        Literal::Int(value) => Some(*value != 0),
        _ => None,
    }
}

/// 1 or 0.
pub(super) fn flag(value: bool, span: Span) -> Expr {
    Expr { span, ..Expr::literal(Literal::UInt(u64::from(value)), Type::flag()) }
}
