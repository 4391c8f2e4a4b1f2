//! `ORDER BY`, `LIMIT`, `OFFSET` and `LIMIT BY`.

use crate::ast::{Direction, Expr, ExprKind, Interpolate, Limit, LimitBy, Nulls, OrderExpr, WithFill};
use crate::lex::{Keyword, Kind};

use super::{Parsed, Parser};

/// The clauses that start with `LIMIT` or `OFFSET`.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) by: Option<LimitBy>,
    pub(super) limit: Option<Limit>,
}

/// One `LIMIT` with what follows it.
struct LimitClause {
    count: Expr,
    percent: bool,
    with_ties: bool,
    /// The second number of `LIMIT a, b`.
    after_comma: Option<Expr>,
    offset: Option<Expr>,
}

impl Parser<'_> {
    pub(super) fn order_terms(&mut self) -> Parsed<Vec<OrderExpr>> {
        let mut terms = vec![self.order_term()?];
        while self.eat(Kind::Comma) {
            terms.push(self.order_term()?);
        }
        Ok(terms)
    }

    pub(super) fn order_term(&mut self) -> Parsed<OrderExpr> {
        let start = self.span();
        let expr = self.expr()?;
        let direction = match self.keyword() {
            Keyword::Asc | Keyword::Ascending => Some(Direction::Asc),
            Keyword::Desc | Keyword::Descending => Some(Direction::Desc),
            _ => None,
        };
        if direction.is_some() {
            self.bump();
        }
        let nulls = self.nulls()?;
        if self.keyword() == Keyword::Collate && self.kind_ahead(1) == Kind::String {
            let span = self.bump().span.to(self.bump().span);
            self.notice("COLLATE is ignored: texts are ordered by their bytes", span);
        }
        let fill = if self.eat_keywords(Keyword::With, Keyword::Fill) { Some(self.fill()?) } else { None };
        let span = start.to(self.last_span());
        Ok(OrderExpr { span, expr, direction: direction.unwrap_or(Direction::Asc), nulls, fill })
    }

    fn nulls(&mut self) -> Parsed<Option<Nulls>> {
        if !self.eat_keyword(Keyword::Nulls) {
            return Ok(None);
        }
        let nulls = match self.keyword() {
            Keyword::First => Nulls::First,
            Keyword::Last => Nulls::Last,
            _ => return Err(self.unexpected("`FIRST` or `LAST` after `NULLS`")),
        };
        self.bump();
        Ok(Some(nulls))
    }

    fn fill(&mut self) -> Parsed<WithFill> {
        let mut fill = WithFill::default();
        if self.eat_keyword(Keyword::From) {
            fill.from = Some(self.expr()?);
        }
        if self.eat_keyword(Keyword::To) {
            fill.to = Some(self.expr()?);
        }
        if self.eat_keyword(Keyword::Step) {
            fill.step = Some(self.expr()?);
        }
        Ok(fill)
    }

    /// `INTERPOLATE (a AS b, c)`, if it is here.
    pub(super) fn interpolate(&mut self) -> Parsed<Option<Vec<Interpolate>>> {
        if !self.eat_keyword(Keyword::Interpolate) {
            return Ok(None);
        }
        let mut columns = Vec::new();
        if self.eat(Kind::OpenParen) {
            loop {
                let column = self.expr_before_as()?;
                if !matches!(column.kind, ExprKind::Field(_)) {
                    return self.fail("INTERPOLATE takes columns: `(column AS value)`", column.span);
                }
                let value = if self.eat_keyword(Keyword::As) { Some(self.expr()?) } else { None };
                columns.push(Interpolate { column, value });
                if !self.eat(Kind::Comma) {
                    break;
                }
            }
            self.expect(Kind::CloseParen, "`,` or `)`")?;
        }
        Ok(Some(columns))
    }

    /// All clauses that start with `LIMIT` or `OFFSET`: at most one `LIMIT BY`, then at most one `LIMIT`.
    pub(super) fn limits(&mut self) -> Parsed<Limits> {
        let mut limits = Limits::default();
        if self.eat_keyword(Keyword::Limit) {
            let mut clause = self.limit_clause()?;
            if self.keyword() == Keyword::By && !clause.percent && !clause.with_ties {
                limits.by = Some(self.limit_by(clause)?);
                if !self.eat_keyword(Keyword::Limit) {
                    limits.limit = self.bare_offset()?;
                    return Ok(limits);
                }
                clause = self.limit_clause()?;
            }
            limits.limit = Some(self.limit(clause)?);
        } else if let Some(offset) = self.bare_offset()? {
            limits.limit = Some(self.limit_after_offset(offset)?);
        }
        if matches!(self.keyword(), Keyword::Limit | Keyword::Offset) && self.kind_ahead(1).starts_operand() {
            return self.fail("a query has one LIMIT and one OFFSET", self.span());
        }
        Ok(limits)
    }

    fn bare_offset(&mut self) -> Parsed<Option<Limit>> {
        if !self.eat_keyword(Keyword::Offset) {
            return Ok(None);
        }
        let offset = Some(self.expr()?);
        Ok(Some(Limit { count: None, offset, percent: false, with_ties: false }))
    }

    /// `OFFSET m LIMIT n`.
    fn limit_after_offset(&mut self, offset: Limit) -> Parsed<Limit> {
        if !self.eat_keyword(Keyword::Limit) {
            return Ok(offset);
        }
        let (count, percent) = self.count()?;
        Ok(Limit { count: Some(count), percent, ..offset })
    }

    /// A number of rows, and whether a percent sign follows it.
    fn count(&mut self) -> Parsed<(Expr, bool)> {
        let outside = std::mem::replace(&mut self.percent_ends, true);
        let count = self.expr()?;
        self.percent_ends = outside;
        Ok((count, self.eat(Kind::Percent)))
    }

    /// What follows `LIMIT`.
    fn limit_clause(&mut self) -> Parsed<LimitClause> {
        let (count, percent) = self.count()?;
        let mut clause = LimitClause { count, percent, with_ties: false, after_comma: None, offset: None };
        if self.eat(Kind::Comma) {
            clause.after_comma = Some(self.expr()?);
        }
        clause.with_ties = self.eat_keywords(Keyword::With, Keyword::Ties);
        if clause.after_comma.is_none() && self.keyword() == Keyword::Offset && self.kind_ahead(1).starts_operand() {
            self.bump();
            clause.offset = Some(self.expr()?);
        }
        Ok(clause)
    }

    /// `LIMIT n BY a, b`. With a comma the first number is the offset, unlike without `BY`.
    fn limit_by(&mut self, clause: LimitClause) -> Parsed<LimitBy> {
        self.bump();
        let by = self.clause_items()?;
        let LimitClause { count, after_comma, offset, .. } = clause;
        Ok(match after_comma {
            Some(rows) => LimitBy { count: rows, offset: Some(count), by },
            None => LimitBy { count, offset, by },
        })
    }

    fn limit(&mut self, clause: LimitClause) -> Parsed<Limit> {
        let LimitClause { count, percent, with_ties, after_comma, offset } = clause;
        if let Some(second) = &after_comma {
            let span = count.span.to(second.span);
            self.notice("`LIMIT a, b` takes b as the offset; write `LIMIT a OFFSET b`", span);
        }
        Ok(Limit { count: Some(count), offset: after_comma.or(offset), percent, with_ties })
    }
}
