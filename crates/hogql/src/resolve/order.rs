//! ORDER BY, LIMIT, and what refers to columns by their position.

use super::{Resolver, Scope};
use crate::ast::{self, Direction, ExprKind, Nulls, Span};
use crate::fault::{ResolveError, Result};
use crate::resolved::{Expr, Fill, Limit, LimitBy, Order, Projected};

impl Resolver<'_> {
    /// Sort keys; a whole number is the position of a column of `projection`.
    pub(super) fn order(
        &mut self,
        keys: &[ast::OrderExpr],
        projection: &[Projected],
        scope: &mut Scope<'_>,
    ) -> Result<Vec<Order>> {
        let mut order = Vec::with_capacity(keys.len());
        for key in keys {
            let expr = self.positional(&key.expr, projection, scope)?;
            let fill = key.fill.as_ref().map(|fill| self.fill(fill, scope)).transpose()?;
            order.push(Order {
                expr,
                descending: key.direction == Direction::Desc,
                nulls_first: key.nulls == Some(Nulls::First),
                fill: fill.map(Box::new),
            });
        }
        Ok(order)
    }

    fn fill(&mut self, fill: &ast::WithFill, scope: &mut Scope<'_>) -> Result<Fill> {
        let mut bound = |expr: &Option<ast::Expr>| expr.as_ref().map(|expr| self.expr(expr, scope)).transpose();
        Ok(Fill { from: bound(&fill.from)?, to: bound(&fill.to)?, step: bound(&fill.step)? })
    }

    /// An expression, or the column at a position.
    pub(super) fn positional(
        &mut self,
        expr: &ast::Expr,
        projection: &[Projected],
        scope: &mut Scope<'_>,
    ) -> Result<Expr> {
        if let ExprKind::Constant(ast::Constant::Int(position)) = &expr.kind
            && !projection.is_empty()
        {
            let at = usize::try_from(*position).ok().and_then(|position| position.checked_sub(1));
            let column = at.and_then(|at| projection.get(at));
            return column.map(|column| column.expr.clone()).ok_or_else(|| {
                let message =
                    format!("Position {position} is not in the select list, which has {} columns", projection.len());
                ResolveError::input(message, expr.span)
            });
        }
        self.expr(expr, scope)
    }

    pub(super) fn limit(&mut self, limit: Option<&ast::Limit>, span: Span, scope: &mut Scope<'_>) -> Result<Limit> {
        let Some(limit) = limit else { return Ok(Limit::default()) };
        if limit.percent {
            return Err(ResolveError::input("LIMIT in percent is not supported yet", span));
        }
        let count = limit.count.as_ref().map(|count| self.row_count(count, scope)).transpose()?;
        let offset = limit.offset.as_ref().map(|offset| self.row_count(offset, scope)).transpose()?;
        Ok(Limit { limit: count, offset, with_ties: limit.with_ties })
    }

    /// WITH TIES compares sort keys, so there must be some.
    pub(super) fn check_ties(&self, limit: &Limit, order_by: &[Order], span: Span) -> Result<()> {
        if limit.with_ties && order_by.is_empty() {
            return Err(ResolveError::input("LIMIT … WITH TIES needs ORDER BY", span));
        }
        Ok(())
    }

    pub(super) fn limit_by(
        &mut self,
        limit: &ast::LimitBy,
        projection: &[Projected],
        scope: &mut Scope<'_>,
    ) -> Result<LimitBy> {
        let keys = limit.by.iter().map(|key| self.positional(key, projection, scope)).collect::<Result<_>>()?;
        let offset = limit.offset.as_ref().map(|offset| self.row_count(offset, scope)).transpose()?;
        Ok(LimitBy { limit: self.row_count(&limit.count, scope)?, offset, keys })
    }

    /// A number of rows: a constant, or an expression of constants.
    fn row_count(&mut self, count: &ast::Expr, scope: &mut Scope<'_>) -> Result<Expr> {
        let value = self.expr(count, scope)?;
        let refers = value
            .any(&|expr| !matches!(expr.kind, crate::resolved::Kind::Literal(_) | crate::resolved::Kind::Call { .. }));
        if refers || !value.ty.base.is_numeric() {
            return Err(ResolveError::input("LIMIT and OFFSET must be constant numbers", count.span));
        }
        Ok(value)
    }
}
