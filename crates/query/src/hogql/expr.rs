//! Expressions.
//!
//! An expression is planned as a value, whose type is that of its resolved type, or as a condition, which is the
//! engine's Boolean. Comparisons give UInt8 in the language; they become Boolean only where a condition is wanted, so that
//! the engine sees plain comparisons and can push them down to the scan.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Expr as Df, cast, lit};
use hogql::resolved::{Expr, Kind, Literal, Members as Right, Step};
use hogql::types::{Base, Type};

use super::members::{self, Members};
use super::scope::{Raw, Scope};
use super::types::{arrow_type, constant};
use super::{call, compare, property, refuse, usage};
use crate::table::Form;

impl Scope {
    /// `expr` in exactly the type of its resolved type.
    pub(super) fn value(&self, expr: &Expr) -> Result<Df> {
        let raw = self.raw(expr)?;
        Ok(fitted(raw, &arrow_type(&expr.ty)))
    }

    /// `expr` in the type of `ty`, to which values of its type convert without loss.
    pub(super) fn value_as(&self, expr: &Expr, ty: &Type) -> Result<Df> {
        Ok(fitted(self.raw(expr)?, &arrow_type(ty)))
    }

    /// `expr` in whatever type is at hand.
    pub(super) fn raw(&self, expr: &Expr) -> Result<Raw> {
        if !self.known.is_empty()
            && let Some(known) = self.known.get(expr)
        {
            return Ok(known.clone());
        }
        let kind = arrow_type(&expr.ty);
        Ok(match &expr.kind {
            Kind::Literal(literal) => Raw::new(lit(constant(literal, &expr.ty)?), kind),
            Kind::Column { relation, name } => self.column(*relation, name)?,
            Kind::Variable(name) => match self.variables.get(name) {
                Some(raw) => raw.clone(),
                None => return refuse(format!("the variable {name} is not in scope")),
            },
            Kind::Property { document, path, keep_escapes } => self.property(expr, document, path, *keep_escapes)?,
            Kind::Call { function, arguments } => call::plan(self, function, arguments, expr)?,
            Kind::In { .. } | Kind::InCohort { .. } => {
                let condition = self.predicate(expr)?;
                if kind == DataType::Boolean {
                    Raw::new(condition, kind)
                } else {
                    Raw::new(cast(condition, kind.clone()), kind)
                }
            }
            Kind::Subquery(query) => match self.answers.values.get(query.as_ref()) {
                Some(value) => Raw::new(lit(value.clone()), value.data_type()),
                None => return refuse("a subquery has no answer"),
            },
            Kind::Lambda { .. } => return refuse("a lambda is no value"),
            Kind::Aggregate(aggregate) => {
                return refuse(format!("the aggregate {} is not possible here", aggregate.function));
            }
            Kind::Window(window) => {
                return refuse(format!("the window function {} is not possible here", window.call.function));
            }
        })
    }

    /// `expr` as a condition: Boolean, and NULL where the value is NULL.
    pub(super) fn predicate(&self, expr: &Expr) -> Result<Df> {
        if self.known.contains_key(expr) {
            return self.truth(expr);
        }
        match &expr.kind {
            Kind::Call { function, arguments } => match compare::predicate(self, function, arguments, expr)? {
                Some(condition) => Ok(condition),
                None => self.truth(expr),
            },
            Kind::In { left, right, negated } => {
                let condition = self.membership(left, right, *negated)?;
                // A list gives NULL for NULL, which is no member unless the list says so.
                Ok(if left.ty.nullable && !negated { condition.is_true() } else { condition })
            }
            Kind::InCohort { person, cohort, negated, .. } => match self.answers.cohorts.get(cohort) {
                Some(members) => Ok(maybe_not(members::contains(self.value(person)?, members), *negated)),
                None => refuse(format!("the members of cohort {cohort} are not known")),
            },
            Kind::Literal(Literal::Bool(value)) => Ok(lit(*value)),
            Kind::Literal(Literal::UInt(value)) => Ok(lit(*value != 0)),
            _ => self.truth(expr),
        }
    }

    /// `expr` as a condition of which only matters where it is true: NULL may be false.
    pub(super) fn condition(&self, expr: &Expr) -> Result<Df> {
        if let Kind::In { left, right, negated } = &expr.kind {
            return self.membership(left, right, *negated);
        }
        let Kind::Call { function, arguments } = &expr.kind else { return self.predicate(expr) };
        match (*function, arguments.as_slice()) {
            ("ifNull", [inner, otherwise]) if is_false(otherwise) => self.condition(inner),
            ("and", parts) => joined(parts.iter().map(|part| self.condition(part)), crate::plan::all),
            ("or", parts) => joined(parts.iter().map(|part| self.condition(part)), crate::plan::any),
            _ => self.predicate(expr),
        }
    }

    /// Whether a number is not zero.
    fn truth(&self, expr: &Expr) -> Result<Df> {
        let raw = self.raw(expr)?;
        Ok(match &raw.kind {
            DataType::Boolean => raw.expr,
            DataType::Null => lit(ScalarValue::Boolean(None)),
            DataType::Float32 | DataType::Float64 => compare::floats("notEquals", raw.expr, lit(0.0)),
            kind => raw.expr.not_eq(lit(ScalarValue::new_zero(kind)?)),
        })
    }

    fn property(&self, expr: &Expr, document: &Expr, path: &[Step], keep_escapes: bool) -> Result<Raw> {
        if let Some(((relation, of), [Step::Key(key), rest @ ..])) = usage::own_property(expr) {
            let form = if rest.is_empty() { Form::Shown } else { Form::Json };
            if let Some(raw) = self.properties.get(&(relation, of, Arc::clone(key), form)) {
                if rest.is_empty() {
                    return Ok(raw.clone());
                }
                return Ok(Raw::new(property::read(raw.expr.clone(), rest, false), DataType::Utf8));
            }
        }
        let document = self.raw(document)?;
        if document.kind == DataType::Null {
            return Ok(Raw::new(lit(ScalarValue::Utf8(None)), DataType::Utf8));
        }
        Ok(Raw::new(property::read(document.expr, path, keep_escapes), DataType::Utf8))
    }

    fn membership(&self, left: &Expr, right: &Right, negated: bool) -> Result<Df> {
        let list = match right {
            Right::Query(query) => {
                let Some(members) = self.answers.members.get(query.as_ref()) else {
                    return refuse("a subquery has no answer");
                };
                let value = fitted(self.raw(left)?, members.kind());
                return Ok(maybe_not(members::contains(value, members), negated));
            }
            Right::List(list) => list,
        };
        let holds_null =
            list.iter().any(|member| member.ty.is_null() || matches!(member.as_literal(), Some(Literal::Null)));
        let present: Vec<&Expr> = list
            .iter()
            .filter(|member| !member.ty.is_null() && !matches!(member.as_literal(), Some(Literal::Null)))
            .collect();
        let Some(first) = present.first() else {
            let is_null = self.raw(left)?.expr.is_null();
            return Ok(if !holds_null { lit(negated) } else { maybe_not(is_null, negated) });
        };
        let plain = matches!(first.ty.base, Base::String | Base::Uuid | Base::Date)
            || first.ty.base.is_integer()
            || first.ty.base == Base::Bool;
        let same = left.ty.base == first.ty.base;
        if plain && same && present.iter().all(|member| member.as_literal().is_some()) {
            let left = self.raw(left)?;
            let values = present.iter().map(|member| self.value(member)).collect::<Result<Vec<_>>>()?;
            let inside = left.expr.clone().in_list(values, false);
            return Ok(match (holds_null, negated) {
                (false, false) => inside,
                (false, true) => inside.is_not_true(),
                (true, false) => left.expr.is_null().or(inside),
                (true, true) => left.expr.is_null().or(inside).is_not_true(),
            });
        }
        let kind = members::common_kind(&arrow_type(&left.ty), &arrow_type(&first.ty));
        let values = list.iter().map(|member| self.constant_as(member, &kind)).collect::<Result<Vec<ScalarValue>>>()?;
        let members = Members::of_values(&kind, values)?;
        let value = fitted(self.raw(left)?, &kind);
        Ok(maybe_not(members::contains(value, &members), negated))
    }
}

/// `raw` as values of `kind`.
pub(super) fn fitted(raw: Raw, kind: &DataType) -> Df {
    if raw.kind == *kind {
        return raw.expr;
    }
    match raw.expr {
        Df::Literal(value, _) => match value.cast_to(kind) {
            Ok(value) => lit(value),
            Err(_) => cast(lit(value), kind.clone()),
        },
        // Days are whole numbers first.
        expr if matches!(
            (&raw.kind, kind),
            (DataType::Date32, DataType::Float64) | (DataType::Float64, DataType::Date32)
        ) =>
        {
            cast(cast(expr, DataType::Int32), kind.clone())
        }
        expr => cast(expr, kind.clone()),
    }
}

pub(super) fn maybe_not(condition: Df, negated: bool) -> Df {
    if negated { datafusion::logical_expr::not(condition) } else { condition }
}

/// Whether `expr` is the constant 0 or false.
pub(super) fn is_false(expr: &Expr) -> bool {
    matches!(expr.as_literal(), Some(Literal::UInt(0) | Literal::Int(0) | Literal::Bool(false)))
}

pub(super) fn is_true(expr: &Expr) -> bool {
    matches!(expr.as_literal(), Some(Literal::UInt(1) | Literal::Int(1) | Literal::Bool(true)))
}

pub(super) fn joined(parts: impl Iterator<Item = Result<Df>>, join: fn(Vec<Df>) -> Option<Df>) -> Result<Df> {
    let parts = parts.collect::<Result<Vec<_>>>()?;
    match join(parts) {
        Some(all) => Ok(all),
        None => refuse("and and or need an argument"),
    }
}
