//! Constants and their types: the smallest that fits, and the type of the other side where a comparison asks for it.

use std::sync::Arc;

use super::{Resolver, name, time};
use crate::ast::{Constant, Span};
use crate::fault::{Code, ResolveError, Result};
use crate::resolved::{Expr, Float, Kind, Literal};
use crate::types::{Base, Type};
use crate::typing::common;

/// A constant as written.
pub(super) fn literal(constant: &Constant, span: Span) -> Expr {
    let (literal, ty) = match constant {
        Constant::Null => (Literal::Null, Type::null()),
        Constant::Bool(value) => (Literal::Bool(*value), Base::Bool.into()),
        Constant::Int(value) => integer(*value),
        Constant::BigInt(digits) => match digits.parse::<u64>() {
            Ok(value) => (Literal::UInt(value), Base::UInt64.into()),
            Err(_) => (Literal::Float(Float(digits.parse().unwrap_or(f64::INFINITY))), Base::Float64.into()),
        },
        Constant::Float(value) => (Literal::Float(Float(*value)), Base::Float64.into()),
        Constant::String(text) => (Literal::String(name(text)), Type::string()),
    };
    Expr { kind: Kind::Literal(literal), ty, span }
}

/// An integer in the smallest type.
pub(super) fn integer(value: i64) -> (Literal, Type) {
    match u64::try_from(value) {
        Ok(value) => {
            let bits = [8, 16, 32, 64].into_iter().find(|bits| *bits == 64 || value >> bits == 0).unwrap_or(64);
            (Literal::UInt(value), Base::integer(false, bits).into())
        }
        Err(_) => {
            let bits =
                [8, 16, 32, 64].into_iter().find(|bits| *bits == 64 || value >= -(1_i64 << (bits - 1))).unwrap_or(64);
            (Literal::Int(value), Base::integer(true, bits).into())
        }
    }
}

impl Resolver<'_> {
    /// The constant `expr` as a value of type `base`, if it is a constant and has that value exactly.
    ///
    /// # Errors
    ///
    /// For text that should be a uuid or an instant and is none.
    pub(super) fn convert(&self, expr: &Expr, base: &Base) -> Result<Option<Expr>> {
        let Kind::Literal(literal) = &expr.kind else { return Ok(None) };
        if expr.ty.base == *base {
            return Ok(Some(expr.clone()));
        }
        let converted = match (literal, base) {
            (Literal::Null, _) => Some(Literal::Null),
            (Literal::String(text), _) => return self.convert_text(text, expr.span, base),
            (Literal::UInt(_) | Literal::Int(_) | Literal::Float(_) | Literal::Bool(_), _) => number(literal, base),
            _ => None,
        };
        Ok(converted.map(|literal| retyped(literal, base, expr.span)))
    }

    fn convert_text(&self, text: &str, span: Span, base: &Base) -> Result<Option<Expr>> {
        let fault = |what: &str| ResolveError::new(Code::TypeMismatch, format!("Cannot read '{text}' as {what}"), span);
        let literal = match base {
            Base::Uuid => Literal::Uuid(uuid::Uuid::try_parse(text).map_err(|_| {
                ResolveError::new(Code::CannotParseUuid, format!("Cannot parse UUID from '{text}'"), span)
            })?),
            Base::Date => match time::date(text) {
                Some(days) => Literal::Date(days),
                // An instant that is no midnight equals no date, and is still before or after some.
                None => return self.convert_text(text, span, &Base::DateTime64(6, Arc::clone(self.zone()))),
            },
            Base::DateTime(_) | Base::DateTime64(..) => {
                let micros = time::instant(text, self.zone()).ok_or_else(|| fault("a date and time"))?;
                let base = Base::DateTime64(6, Arc::clone(self.zone()));
                return Ok(Some(retyped(Literal::Timestamp(micros), &base, span)));
            }
            Base::Bool => match text {
                "true" | "1" => Literal::Bool(true),
                "false" | "0" => Literal::Bool(false),
                _ => return Err(fault("a truth value")),
            },
            base if base.is_numeric() => {
                let (literal, ty) = match (text.parse::<i64>(), text.parse::<f64>()) {
                    (Ok(value), _) => integer(value),
                    (_, Ok(value)) => (Literal::Float(Float(value)), Base::Float64.into()),
                    _ => return Err(fault("a number")),
                };
                let found = Expr { kind: Kind::Literal(literal), ty, span };
                return Ok(Some(self.convert(&found, base)?.unwrap_or(found)));
            }
            _ => return Ok(None),
        };
        Ok(Some(retyped(literal, base, span)))
    }

    /// Values in one type, for `if`, arrays and the like: constants are rewritten, and 64-bit integers beside floats are
    /// converted, for which ClickHouse has no common type.
    pub(super) fn unify(&mut self, mut exprs: Vec<Expr>, span: Span) -> Result<Vec<Expr>> {
        if exprs.iter().any(|expr| expr.ty.base.is_temporal()) {
            for expr in exprs.iter_mut().filter(|expr| expr.ty.base == Base::String && expr.as_literal().is_some()) {
                let zone = Arc::clone(self.zone());
                if let Some(converted) = self.convert(expr, &Base::DateTime64(6, zone))? {
                    *expr = converted;
                }
            }
        }
        let Some(ty) = common(exprs.iter().map(|expr| &expr.ty)) else {
            let types: Vec<String> = exprs.iter().map(|expr| expr.ty.to_string()).collect();
            let message = format!("There is no common type for {}", types.join(", "));
            return Err(ResolveError::new(Code::NoCommonType, message, span));
        };
        exprs.into_iter().map(|expr| self.widen(expr, &ty.base)).collect()
    }

    /// `expr` in the type `base`, where ClickHouse would not find it by itself.
    pub(super) fn widen(&mut self, expr: Expr, base: &Base) -> Result<Expr> {
        let span = expr.span;
        let wide = |other: &Base| matches!(other, Base::UInt32 | Base::Int32 | Base::UInt64 | Base::Int64);
        match (&expr.ty.base, base) {
            (from, Base::Float64) if wide(from) => match self.convert(&expr, base)? {
                Some(literal) => Ok(literal),
                None => self.call("toFloat64", vec![expr], span),
            },
            (Base::UInt64, Base::Int64) => match self.convert(&expr, base)? {
                Some(literal) => Ok(literal),
                None => self.call("toInt64", vec![expr], span),
            },
            _ => Ok(expr),
        }
    }
}

fn retyped(literal: Literal, base: &Base, span: Span) -> Expr {
    let nullable = literal == Literal::Null;
    Expr { kind: Kind::Literal(literal), ty: Type::new(base.clone()).or_null_if(nullable), span }
}

/// A number in another numeric type, if it fits.
fn number(literal: &Literal, base: &Base) -> Option<Literal> {
    let exact = match literal {
        Literal::UInt(value) => i128::from(*value),
        Literal::Int(value) => i128::from(*value),
        Literal::Bool(value) => i128::from(*value),
        Literal::Float(Float(value)) => {
            return base.is_float().then_some(Literal::Float(Float(*value)));
        }
        _ => return None,
    };
    if base.is_float() {
        #[expect(clippy::cast_precision_loss, reason = "as ClickHouse does")]
        return Some(Literal::Float(Float(exact as f64)));
    }
    let (signed, bits) = base.integer_bits()?;
    let (least, most) =
        if signed { (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1) } else { (0, (1_i128 << bits) - 1) };
    if exact < least || exact > most {
        return None;
    }
    if signed { i64::try_from(exact).ok().map(Literal::Int) } else { u64::try_from(exact).ok().map(Literal::UInt) }
}
