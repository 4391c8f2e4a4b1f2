//! What is attached to an operand: steps into it, calls of it, casts.

use crate::ast::{ArrayAccess, CallValue, Cast, Constant, Expr, ExprKind, Slice, TupleAccess};
use crate::lex::{Kind, literal};

use super::{Parsed, Parser};

impl Parser<'_> {
    /// All that is attached to `expr`.
    pub(super) fn postfix(&mut self, mut expr: Expr) -> Parsed<Expr> {
        loop {
            let next = self.kind_ahead(1);
            expr = match self.kind() {
                Kind::Dot if next == Kind::Decimal => self.tuple_step(expr, false)?,
                Kind::NullDot if next == Kind::Decimal => self.tuple_step(expr, true)?,
                Kind::Dot if self.is_name(1) => self.name_step(expr, false)?,
                Kind::NullDot if self.is_name(1) => self.name_step(expr, true)?,
                Kind::NullDot if next == Kind::OpenBracket => {
                    self.bump();
                    self.bracket_step(expr, true)?
                }
                Kind::OpenBracket => self.bracket_step(expr, false)?,
                Kind::OpenParen => self.call_value(expr)?,
                Kind::DoubleColon => self.cast(expr)?,
                Kind::Dot | Kind::NullDot => {
                    self.bump();
                    return Err(self.unexpected("the name or the number of a step after `.`"));
                }
                _ => return Ok(expr),
            };
        }
    }

    fn tuple_step(&mut self, tuple: Expr, null_safe: bool) -> Parsed<Expr> {
        self.grow()?;
        self.bump();
        let token = self.bump();
        let Ok(index) = self.written(token.span).parse() else {
            return self.fail("the number of a step is too large", token.span);
        };
        let span = tuple.span;
        self.node(ExprKind::TupleAccess(Box::new(TupleAccess { tuple, index, null_safe })), span)
    }

    fn name_step(&mut self, array: Expr, null_safe: bool) -> Parsed<Expr> {
        self.grow()?;
        self.bump();
        let name = self.take_name();
        let property = self.node(ExprKind::Constant(Constant::String(name.name)), name.span)?;
        let span = array.span;
        self.node(ExprKind::ArrayAccess(Box::new(ArrayAccess { array, property, null_safe })), span)
    }

    /// `a[1]`, `a[1:2]`.
    fn bracket_step(&mut self, array: Expr, null_safe: bool) -> Parsed<Expr> {
        self.grow()?;
        self.bump();
        let span = array.span;
        let from = if self.kind() == Kind::Colon { None } else { Some(self.expr()?) };
        if !null_safe && self.eat(Kind::Colon) {
            let to = if self.kind() == Kind::CloseBracket { None } else { Some(self.expr()?) };
            self.expect(Kind::CloseBracket, "`]`")?;
            return self.node(ExprKind::Slice(Box::new(Slice { array, from, to })), span);
        }
        let Some(property) = from else { return Err(self.unexpected("a position or a key")) };
        self.expect(Kind::CloseBracket, "`]`")?;
        self.node(ExprKind::ArrayAccess(Box::new(ArrayAccess { array, property, null_safe })), span)
    }

    fn call_value(&mut self, callee: Expr) -> Parsed<Expr> {
        self.grow()?;
        let span = callee.span;
        self.bump();
        let args = self.args()?;
        self.node(ExprKind::CallValue(Box::new(CallValue { callee, args })), span)
    }

    /// `a::type`. The type is one word here; with parameters it needs `CAST`.
    fn cast(&mut self, expr: Expr) -> Parsed<Expr> {
        self.grow()?;
        self.bump();
        let type_name = self.plain_type()?;
        if self.kind() == Kind::OpenParen {
            let span = self.span();
            let shown = literal::shortened(self.written(expr.span));
            return self.unsupported(
                "a type after `::` cannot have parameters",
                span,
                &format!("write `CAST({shown} AS {type_name}(…))`"),
            );
        }
        let span = expr.span;
        self.node(ExprKind::Cast(Box::new(Cast { expr, type_name, is_try: false })), span)
    }
}
