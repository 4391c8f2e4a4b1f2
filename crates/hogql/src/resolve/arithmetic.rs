//! Sums, differences, products: of numbers, and of dates with intervals and with each other.

use std::sync::Arc;

use super::Resolver;
use crate::ast::{ArithmeticOp, Span};
use crate::fault::{Code, ResolveError, Result};
use crate::resolved::{Expr, Kind};
use crate::types::{Base, Unit};

/// The functions that add and subtract a unit.
pub(super) fn shift(unit: Unit, subtract: bool) -> &'static str {
    match (unit, subtract) {
        (Unit::Second, false) => "addSeconds",
        (Unit::Minute, false) => "addMinutes",
        (Unit::Hour, false) => "addHours",
        (Unit::Day, false) => "addDays",
        (Unit::Week, false) => "addWeeks",
        (Unit::Month, false) => "addMonths",
        (Unit::Quarter, false) => "addQuarters",
        (Unit::Year, false) => "addYears",
        (Unit::Second, true) => "subtractSeconds",
        (Unit::Minute, true) => "subtractMinutes",
        (Unit::Hour, true) => "subtractHours",
        (Unit::Day, true) => "subtractDays",
        (Unit::Week, true) => "subtractWeeks",
        (Unit::Month, true) => "subtractMonths",
        (Unit::Quarter, true) => "subtractQuarters",
        (Unit::Year, true) => "subtractYears",
    }
}

impl Resolver<'_> {
    pub(super) fn arithmetic(&mut self, op: ArithmeticOp, left: Expr, right: Expr, span: Span) -> Result<Expr> {
        let function = match op {
            ArithmeticOp::Add => "plus",
            ArithmeticOp::Sub => "minus",
            ArithmeticOp::Mul => "multiply",
            ArithmeticOp::Div => "divide",
            ArithmeticOp::Mod => "modulo",
        };
        self.arithmetic_named(function, left, right, span)
    }

    pub(super) fn arithmetic_named(
        &mut self,
        function: &'static str,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Result<Expr> {
        if let Some(moved) = self.temporal_arithmetic(function, &left, &right, span)? {
            return Ok(moved);
        }
        let (left, right) = (self.number(left, span)?, self.number(right, span)?);
        self.call(function, vec![left, right], span)
    }

    /// An untyped property as a number.
    pub(super) fn number(&mut self, value: Expr, span: Span) -> Result<Expr> {
        if matches!(value.kind, Kind::Property { .. }) { self.cast_or_null(value, "Float64", span) } else { Ok(value) }
    }

    fn temporal_arithmetic(
        &mut self,
        function: &'static str,
        left: &Expr,
        right: &Expr,
        span: Span,
    ) -> Result<Option<Expr>> {
        let subtract = match function {
            "plus" => false,
            "minus" => true,
            _ => return Ok(None),
        };
        let interval = |expr: &Expr| matches!(expr.ty.base, Base::Interval(_));
        if interval(right) {
            return self.move_by(left.clone(), right, subtract, span).map(Some);
        }
        if interval(left) && !subtract {
            return self.move_by(right.clone(), left, false, span).map(Some);
        }
        let (one, other) = (&left.ty.base, &right.ty.base);
        if one.is_temporal() && other.is_temporal() {
            if !subtract {
                return Err(ResolveError::new(Code::IllegalTypeOfArgument, "Two points in time cannot be added", span));
            }
            if *one == Base::Date && *other == Base::Date {
                return Ok(None);
            }
            let arguments = vec![Expr::string("second"), right.clone(), left.clone()];
            return self.call("dateDiff", arguments, span).map(Some);
        }
        let days = |base: &Base| if *base == Base::Date { Unit::Day } else { Unit::Second };
        if one.is_temporal() && other.is_numeric() {
            return self.call(shift(days(one), subtract), vec![left.clone(), right.clone()], span).map(Some);
        }
        if other.is_temporal() && one.is_numeric() && !subtract {
            return self.call(shift(days(other), false), vec![right.clone(), left.clone()], span).map(Some);
        }
        Ok(None)
    }

    /// A date or instant moved by an interval.
    pub(super) fn move_by(&mut self, time: Expr, interval: &Expr, subtract: bool, span: Span) -> Result<Expr> {
        let (Base::Interval(unit), Kind::Call { arguments, .. }) = (&interval.ty.base, &interval.kind) else {
            return Err(ResolveError::new(
                Code::IllegalTypeOfArgument,
                "Only an interval written here can be added",
                span,
            ));
        };
        let Some(amount) = arguments.first().cloned() else {
            return Err(ResolveError::new(Code::IllegalTypeOfArgument, "The interval is empty", span));
        };
        self.move_units(time, *unit, amount, subtract, span)
    }

    pub(super) fn move_units(
        &mut self,
        time: Expr,
        unit: Unit,
        amount: Expr,
        subtract: bool,
        span: Span,
    ) -> Result<Expr> {
        let mut time = self.temporal(time, span)?;
        if time.ty.base == Base::Date && unit < Unit::Day {
            // A date becomes the first instant of the day, in the zone of the project.
            let six = Expr::literal(crate::resolved::Literal::UInt(6), Base::UInt8.into());
            time = self.call("toDateTime64", vec![time, six, Expr::string(Arc::clone(self.zone()))], span)?;
        }
        let amount = self.number(amount, span)?;
        self.call(shift(unit, subtract), vec![time, amount], span)
    }
}
