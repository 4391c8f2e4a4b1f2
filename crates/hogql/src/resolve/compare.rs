//! Comparisons, which give 1 or 0 and never NULL.

use std::sync::Arc;

use super::expr::flag;
use super::{Env, Resolver, Scope, name};
use crate::ast::{self, CompareOp, ExprKind, Span};
use crate::fault::{Code, ResolveError, Result};
use crate::resolved::{Expr, Kind, Literal, Members};
use crate::types::{Base, Type};
use crate::typing::pair;

impl Resolver<'_> {
    pub(super) fn compare_expr(&mut self, compare: &ast::Compare, span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        match compare.op {
            CompareOp::In => self.is_in(&compare.left, &compare.right, false, span, scope),
            CompareOp::NotIn => self.is_in(&compare.left, &compare.right, true, span, scope),
            CompareOp::InCohort => self.in_cohort(&compare.left, &compare.right, false, span, scope),
            CompareOp::NotInCohort => self.in_cohort(&compare.left, &compare.right, true, span, scope),
            op => {
                let (left, right) = (self.expr(&compare.left, scope)?, self.expr(&compare.right, scope)?);
                self.compare(op, left, right, scope.plain, span)
            }
        }
    }

    /// One comparison. With `plain`, NULL on either side gives NULL.
    pub(super) fn compare(&mut self, op: CompareOp, left: Expr, right: Expr, plain: bool, span: Span) -> Result<Expr> {
        if left.ty.is_null() || right.ty.is_null() {
            return self.compare_null(op, left, right, span);
        }
        let (left, right) = match op {
            CompareOp::Eq
            | CompareOp::NotEq
            | CompareOp::Less
            | CompareOp::LessEq
            | CompareOp::Greater
            | CompareOp::GreaterEq => self.align(left, right, span)?,
            _ => (self.like_operand(left, span)?, self.like_operand(right, span)?),
        };
        let both = self.both_null(&left, &right, op, span)?;
        let (function, right) = match op {
            CompareOp::Eq => ("equals", right),
            CompareOp::NotEq => ("notEquals", right),
            CompareOp::Less => ("less", right),
            CompareOp::LessEq => ("lessOrEquals", right),
            CompareOp::Greater => ("greater", right),
            CompareOp::GreaterEq => ("greaterOrEquals", right),
            CompareOp::Like => ("like", right),
            CompareOp::ILike => ("ilike", right),
            CompareOp::NotLike => ("notLike", right),
            CompareOp::NotILike => ("notILike", right),
            CompareOp::IRegex | CompareOp::NotIRegex => ("match", self.any_case(right, span)?),
            _ => ("match", right),
        };
        let mut test = self.call(function, vec![left, right], span)?;
        if matches!(op, CompareOp::NotRegex | CompareOp::NotIRegex) {
            test = self.call("not", vec![test], span)?;
        }
        if plain || !test.ty.nullable {
            return Ok(test);
        }
        self.call("ifNull", vec![test, both], span)
    }

    /// What a comparison gives when a side is NULL.
    fn both_null(&mut self, left: &Expr, right: &Expr, op: CompareOp, span: Span) -> Result<Expr> {
        let equality =
            matches!(op, CompareOp::Eq | CompareOp::Like | CompareOp::ILike | CompareOp::Regex | CompareOp::IRegex);
        let inequality = matches!(
            op,
            CompareOp::NotEq | CompareOp::NotLike | CompareOp::NotILike | CompareOp::NotRegex | CompareOp::NotIRegex
        );
        if !(left.ty.nullable && right.ty.nullable) || !(equality || inequality) {
            return Ok(flag(inequality, span));
        }
        let (test, join) = if equality { ("isNull", "and") } else { ("isNotNull", "or") };
        let (left, right) = (self.call(test, vec![left.clone()], span)?, self.call(test, vec![right.clone()], span)?);
        self.call(join, vec![left, right], span)
    }

    /// A comparison with a NULL constant.
    fn compare_null(&mut self, op: CompareOp, left: Expr, right: Expr, span: Span) -> Result<Expr> {
        let (equality, inequality) = match op {
            CompareOp::Eq | CompareOp::Like | CompareOp::ILike | CompareOp::Regex | CompareOp::IRegex => (true, false),
            CompareOp::Less | CompareOp::LessEq | CompareOp::Greater | CompareOp::GreaterEq => (false, false),
            _ => (false, true),
        };
        if !equality && !inequality {
            return Ok(flag(false, span));
        }
        let other = if left.ty.is_null() { right } else { left };
        match other.as_literal() {
            Some(literal) => Ok(flag((*literal == Literal::Null) == equality, span)),
            None if other.ty.is_null() => Ok(flag(equality, span)),
            None => self.call(if equality { "isNull" } else { "isNotNull" }, vec![other], span),
        }
    }

    fn any_case(&mut self, pattern: Expr, span: Span) -> Result<Expr> {
        match pattern.as_string() {
            Some(text) => Ok(Expr { span, ..Expr::string(name(&format!("(?i){text}"))) }),
            None => self.call("concat", vec![Expr::string("(?i)"), pattern], span),
        }
    }

    /// Patterns match text; uuids have an obvious one.
    fn like_operand(&mut self, value: Expr, span: Span) -> Result<Expr> {
        if value.ty.base == Base::Uuid { self.call("toString", vec![value], span) } else { Ok(value) }
    }

    /// Both sides in types that compare: constants are read in the type of the other side, untyped properties as numbers,
    /// instants or uuids where the other side is one.
    pub(super) fn align(&mut self, left: Expr, right: Expr, span: Span) -> Result<(Expr, Expr)> {
        let right = self.align_to(right, &left, span)?;
        let left = self.align_to(left, &right, span)?;
        if comparable(&left.ty.base, &right.ty.base) {
            return Ok((left, right));
        }
        let message = format!("There is no common type for {} and {} to compare them", left.ty, right.ty);
        Err(ResolveError::new(Code::NoCommonType, message, span))
    }

    fn align_to(&mut self, expr: Expr, other: &Expr, span: Span) -> Result<Expr> {
        let (from, to) = (&expr.ty.base, &other.ty.base);
        if *to == Base::String {
            // Text beside a property of another type: the constant gives way, or else the value becomes text.
            return match (expr.as_literal(), &other.kind) {
                (Some(Literal::Bool(value)), _) => {
                    Ok(Expr { span, ..Expr::string(if *value { "true" } else { "false" }) })
                }
                _ if *from == Base::Uuid && other.as_literal().is_none() => self.call("toString", vec![expr], span),
                _ => Ok(expr),
            };
        }
        if *from != Base::String {
            return Ok(expr);
        }
        if expr.as_literal().is_some() {
            if matches!(to, Base::DateTime(_) | Base::DateTime64(..)) {
                let zone = Arc::clone(self.zone());
                self.note_zone(&expr, &zone);
            }
            return Ok(self.convert(&expr, to)?.unwrap_or(expr));
        }
        if !matches!(expr.kind, Kind::Property { .. }) {
            return Ok(expr);
        }
        match to {
            Base::Bool => {
                if other.as_literal().is_some() {
                    // The constant becomes text instead.
                    return Ok(expr);
                }
                self.text_to_bool(&expr, span)
            }
            Base::Uuid => self.cast_or_null(expr, "UUID", span),
            to if to.is_numeric() => self.cast_or_null(expr, "Float64", span),
            to if to.is_temporal() => self.temporal(expr, span),
            _ => Ok(expr),
        }
    }

    pub(super) fn between(&mut self, between: &ast::Between, span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        let value = self.expr(&between.expr, scope)?;
        let (low, high) = (self.expr(&between.low, scope)?, self.expr(&between.high, scope)?);
        if value.ty.is_null() || low.ty.is_null() || high.ty.is_null() {
            return Ok(flag(false, span));
        }
        let (from, low) = self.align(value.clone(), low, span)?;
        let (to, high) = self.align(value, high, span)?;
        let (above, below) =
            (self.call("greaterOrEquals", vec![from, low], span)?, self.call("lessOrEquals", vec![to, high], span)?);
        let mut test = self.call("and", vec![above, below], span)?;
        if between.negated {
            test = self.call("not", vec![test], span)?;
        }
        if scope.plain || !test.ty.nullable {
            return Ok(test);
        }
        self.call("ifNull", vec![test, flag(false, span)], span)
    }

    pub(super) fn is_in(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        negated: bool,
        span: Span,
        scope: &mut Scope<'_>,
    ) -> Result<Expr> {
        if let ExprKind::Call(call) = &right.kind
            && call.name.name == "cohort"
            && let [cohort] = call.args.as_slice()
        {
            return self.in_cohort(left, cohort, negated, span, scope);
        }
        let left = self.expr(left, scope)?;
        if let Some(query) = self.in_query(right, scope)? {
            return self.in_rows(left, query, negated, span);
        }
        let items: Vec<Expr> = match &right.kind {
            ExprKind::Tuple(items) | ExprKind::Array(items) => self.exprs(items, scope)?,
            ExprKind::Call(call) if matches!(call.name.name.as_str(), "tuple" | "array") => {
                self.exprs(&call.args, scope)?
            }
            _ => {
                let value = self.expr(right, scope)?;
                match (&value.ty.base, value.kind) {
                    (Base::Array(_), Kind::Call { function: "array", arguments }) => arguments,
                    (Base::Array(_), kind) => {
                        let array = Expr { kind, ty: value.ty, span };
                        let has = self.call("has", vec![array, left], span)?;
                        return if negated { self.call("not", vec![has], span) } else { Ok(has) };
                    }
                    (_, kind) => vec![Expr { kind, ty: value.ty, span: value.span }],
                }
            }
        };
        // `(a, b) IN (1, 2)` is one tuple, not two values.
        let whole =
            matches!(&left.ty.base, Base::Tuple(_)) && !items.iter().any(|item| matches!(item.ty.base, Base::Tuple(_)));
        let items = if whole { vec![self.call("tuple", items, span)?] } else { items };
        self.in_list(left, items, negated, span)
    }

    /// The query on the right side of IN, if it is one: written out, or by the name of a CTE.
    fn in_query(&mut self, right: &ast::Expr, scope: &Scope<'_>) -> Result<Option<crate::resolved::Query>> {
        match &right.kind {
            ExprKind::Subquery(query) => Ok(Some(self.query(query, scope.env, false)?.query)),
            ExprKind::Field(chain) if chain.len() == 1 => {
                let found = chain.first().and_then(|first| scope.env.find(&first.name));
                let Some((cte, env)) = found else { return Ok(None) };
                match &cte.body {
                    ast::CteBody::Query { query, .. } => Ok(Some(self.query(query, env, false)?.query)),
                    ast::CteBody::Expr(_) => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    fn in_rows(&mut self, left: Expr, query: crate::resolved::Query, negated: bool, span: Span) -> Result<Expr> {
        let wanted = if let Base::Tuple(elements) = &left.ty.base { elements.len() } else { 1 };
        if query.columns.len() != wanted {
            let message = format!(
                "A subquery after IN must have {wanted} column{}, found {}",
                if wanted == 1 { "" } else { "s" },
                query.columns.len()
            );
            return Err(ResolveError::new(Code::TypeMismatch, message, span));
        }
        let mut left = left;
        if let [(_, ty)] = query.columns.as_slice() {
            let kind = Kind::Literal(Literal::Null);
            let other = Expr { kind: Kind::Variable(name("row")), ty: ty.clone(), span };
            left = self.align_to(left, &other, span)?;
            if left.ty.base == Base::Uuid && ty.base == Base::String {
                left = self.call("toString", vec![left], span)?;
            }
            let _ = kind;
            if !comparable(&left.ty.base, &ty.base) {
                let message = format!("There is no common type for {} and {ty} to compare them", left.ty);
                return Err(ResolveError::new(Code::NoCommonType, message, span));
            }
        }
        let kind = Kind::In { left: Box::new(left), right: Members::Query(Box::new(query)), negated };
        Ok(Expr { kind, ty: Type::flag(), span })
    }

    /// Membership in a list of constants; a list that holds anything else becomes comparisons.
    pub(super) fn in_list(&mut self, left: Expr, items: Vec<Expr>, negated: bool, span: Span) -> Result<Expr> {
        if items.iter().any(|item| !constant(item)) {
            let tests: Vec<Expr> = items
                .into_iter()
                .map(|item| self.compare(CompareOp::Eq, left.clone(), item, false, span))
                .collect::<Result<_>>()?;
            let any = self.combine("or", tests, span)?;
            return if negated { self.call("not", vec![any], span) } else { Ok(any) };
        }
        if left.ty.is_null() {
            let found = items.iter().any(|item| item.ty.is_null());
            return Ok(flag(found != negated, span));
        }
        let mut left = left;
        let mut common = left.ty.clone();
        for item in items.iter().filter(|item| !item.ty.is_null()) {
            let (aligned, item) = self.align(left, item.clone(), span)?;
            left = aligned;
            if !matches!(common.base, Base::Tuple(_)) {
                common = pair(&left.ty, &item.ty).unwrap_or(item.ty);
            }
        }
        let left = self.widen(left, &common.base)?;
        let members = items
            .into_iter()
            .map(|item| if item.ty.is_null() { Ok(item) } else { self.member(item, &left, &common.base, span) })
            .collect::<Result<_>>()?;
        let kind = Kind::In { left: Box::new(left), right: Members::List(members), negated };
        Ok(Expr { kind, ty: Type::flag(), span })
    }

    /// A member of a list in the type of the list.
    fn member(&mut self, item: Expr, left: &Expr, base: &Base, span: Span) -> Result<Expr> {
        if let (Kind::Call { function: "tuple", arguments }, Base::Tuple(elements)) = (&item.kind, &left.ty.base) {
            let places = arguments.iter().zip(elements);
            let values = places
                .map(|(value, element)| Ok(self.convert(value, &element.ty.base)?.unwrap_or_else(|| value.clone())));
            let values = values.collect::<Result<Vec<_>>>()?;
            return self.call("tuple", values, span);
        }
        let item = self.align_to(item, left, span)?;
        Ok(self.convert(&item, base)?.unwrap_or(item))
    }

    pub(super) fn in_cohort(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        negated: bool,
        span: Span,
        scope: &mut Scope<'_>,
    ) -> Result<Expr> {
        let person = self.expr(left, scope)?;
        let cohorts = &self.context.project.cohorts;
        let cohort = match right.as_constant() {
            Some(ast::Constant::Int(id)) => cohorts
                .iter()
                .find(|cohort| cohort.id == *id)
                .ok_or_else(|| ResolveError::input(format!("Could not find cohort with ID {id}"), right.span))?,
            Some(ast::Constant::String(name)) => {
                let mut found = cohorts.iter().filter(|cohort| cohort.name == *name);
                match (found.next(), found.next()) {
                    (Some(cohort), None) => cohort,
                    (None, _) => {
                        let message = format!("Could not find a cohort with the name '{name}'");
                        return Err(ResolveError::input(message, right.span));
                    }
                    _ => {
                        return Err(ResolveError::input(
                            format!("Found multiple cohorts with name '{name}'"),
                            right.span,
                        ));
                    }
                }
            }
            _ => return Err(ResolveError::input("cohort() takes only constant arguments", right.span)),
        };
        if person.ty.base != Base::Uuid {
            let message = format!("Only a person id can be in a cohort, found {}", person.ty);
            return Err(ResolveError::new(Code::IllegalTypeOfArgument, message, span));
        }
        let kind = Kind::InCohort { person: Box::new(person), cohort: cohort.id, is_static: cohort.is_static, negated };
        Ok(Expr { kind, ty: Type::flag(), span })
    }
}

impl<'q> Env<'q> {
    /// The CTE called `name`, and what its own body sees.
    pub(super) fn find(&self, name: &str) -> Option<(&'q ast::Cte, &'q Self)> {
        let mut env = *self;
        while let Env::Cte { parent, cte } = env {
            if cte.name.name == name {
                return Some((cte, parent));
            }
            env = *parent;
        }
        None
    }
}

/// A literal, or a tuple of them.
fn constant(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Literal(_) => true,
        Kind::Call { function: "tuple", arguments } => arguments.iter().all(constant),
        _ => false,
    }
}

/// Whether ClickHouse compares values of these types.
fn comparable(left: &Base, right: &Base) -> bool {
    match (left, right) {
        (Base::Tuple(left), Base::Tuple(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(a, b)| a.ty.is_null() || b.ty.is_null() || comparable(&a.ty.base, &b.ty.base))
        }
        (Base::Array(left), Base::Array(right)) => {
            left.base == Base::Nothing || right.base == Base::Nothing || comparable(&left.base, &right.base)
        }
        _ => left == right || (left.is_numeric() && right.is_numeric()) || (left.is_temporal() && right.is_temporal()),
    }
}
