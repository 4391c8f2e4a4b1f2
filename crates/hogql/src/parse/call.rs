//! Calls of named functions, with their aggregate and window clauses.

use crate::ast::{
    Alias, Call, Expr, ExprKind, FrameBound, FrameUnit, Ident, OrderExpr, Over, WindowCall, WindowFrame, WindowSpec,
};
use crate::lex::{Keyword, Kind};

use super::{Parsed, Parser};

/// What stands between the parentheses of a call.
struct ArgList {
    distinct: bool,
    args: Vec<Expr>,
    order_by: Vec<OrderExpr>,
    /// A query without parentheses of its own: such a list is never that of parameters.
    is_query: bool,
}

impl ArgList {
    fn may_be_params(&self) -> bool {
        !self.distinct && self.order_by.is_empty() && !self.is_query
    }
}

impl Parser<'_> {
    /// A call; its name has been taken.
    pub(super) fn call(&mut self, name: Ident) -> Parsed<Expr> {
        let start = name.span;
        let mut list = self.arg_list()?;
        let mut call = Call::new(name, Vec::new());
        if self.keyword() == Keyword::Within && self.keyword_ahead(1) == Keyword::Group && list.may_be_params() {
            call.params = Some(list.args);
            call.within_group = self.within_group()?;
            return self.node(ExprKind::Call(Box::new(call)), start);
        }
        if list.may_be_params() && self.kind() == Kind::OpenParen {
            call.params = Some(list.args);
            list = self.arg_list()?;
        }
        let may_have_window = list.may_be_params();
        call.args = list.args;
        call.distinct = list.distinct;
        call.order_by = list.order_by;
        if self.keyword() == Keyword::Filter && self.kind_ahead(1) == Kind::OpenParen {
            call.filter = Some(self.filter()?);
        }
        if self.keyword() == Keyword::Over && may_have_window {
            let over = self.over()?;
            return self.node(ExprKind::Window(Box::new(WindowCall { call, over })), start);
        }
        self.node(ExprKind::Call(Box::new(call)), start)
    }

    /// The arguments of a call of a value; the parenthesis has been taken.
    pub(super) fn args(&mut self) -> Parsed<Vec<Expr>> {
        if self.starts_query(0) {
            let query = self.bare_query()?;
            self.expect(Kind::CloseParen, "`)` after the query")?;
            return Ok(vec![query]);
        }
        self.items(Kind::CloseParen, "`,` or `)`")
    }

    fn arg_list(&mut self) -> Parsed<ArgList> {
        self.bump();
        let mut list = ArgList { distinct: false, args: Vec::new(), order_by: Vec::new(), is_query: false };
        if self.starts_query(0) {
            list.is_query = true;
            list.args.push(self.bare_query()?);
            self.expect(Kind::CloseParen, "`)` after the query")?;
            return Ok(list);
        }
        list.distinct = self.takes_distinct();
        while self.kind() != Kind::CloseParen && !self.at_order_by() {
            list.args.push(self.arg()?);
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        if self.continues_set() && self.set_in_args(&mut list)? {
            return Ok(list);
        }
        if self.at_order_by() {
            self.bump();
            self.bump();
            list.order_by = self.order_terms()?;
        }
        self.refuse_null_treatment()?;
        if matches!(self.keyword(), Keyword::From | Keyword::For) && !list.args.is_empty() {
            let hint = "separate the arguments by commas";
            return self.unsupported("arguments separated by words are not supported", self.span(), hint);
        }
        self.expect(Kind::CloseParen, "`,` or `)` in a list of arguments")?;
        Ok(list)
    }

    /// The rest of `f((SELECT 1) UNION ALL (SELECT 2))`. Gives whether it was that.
    fn set_in_args(&mut self, list: &mut ArgList) -> Parsed<bool> {
        let [Expr { kind: ExprKind::Subquery(_), .. }] = list.args.as_slice() else { return Ok(false) };
        let Some(Expr { kind: ExprKind::Subquery(query), span }) = list.args.pop() else { return Ok(false) };
        let query = self.query_after_branch(*query, span)?;
        self.expect(Kind::CloseParen, "`)` after the query")?;
        list.args.push(self.node(ExprKind::Subquery(Box::new(query)), span)?);
        list.is_query = true;
        Ok(true)
    }

    fn at_order_by(&self) -> bool {
        self.keyword() == Keyword::Order && self.keyword_ahead(1) == Keyword::By
    }

    /// Takes `DISTINCT`, unless it is the name of a column.
    pub(super) fn takes_distinct(&mut self) -> bool {
        if self.keyword() != Keyword::Distinct {
            return false;
        }
        let takes = match self.kind_ahead(1) {
            Kind::CloseParen => true,
            Kind::Word(keyword) => !self.is_infix(1) && keyword != Keyword::From,
            kind => kind.starts_operand(),
        };
        takes && self.eat_keyword(Keyword::Distinct)
    }

    fn arg(&mut self) -> Parsed<Expr> {
        if !(self.is_name(0) && self.kind_ahead(1) == Kind::ColonEq) {
            return self.expr();
        }
        let alias = self.take_name();
        self.bump();
        let expr = self.expr()?;
        let span = alias.span;
        self.node(ExprKind::NamedArgument(Box::new(Alias { expr, alias })), span)
    }

    /// `IGNORE NULLS` would change the result; it must not be lost.
    fn refuse_null_treatment(&self) -> Parsed<()> {
        let word = self.written(self.span());
        if self.keyword_ahead(1) == Keyword::Nulls
            && ["ignore", "respect"].iter().any(|it| word.eq_ignore_ascii_case(it))
        {
            let message = format!("{} NULLS is not supported", word.to_ascii_uppercase());
            return self.unsupported(message, self.span(), "aggregates skip NULL by themselves");
        }
        Ok(())
    }

    fn filter(&mut self) -> Parsed<Expr> {
        self.bump();
        self.bump();
        self.expect_keyword(Keyword::Where, "`WHERE` in `FILTER`")?;
        let condition = self.expr()?;
        self.expect(Kind::CloseParen, "`)` after the condition of `FILTER`")?;
        Ok(condition)
    }

    fn within_group(&mut self) -> Parsed<Vec<OrderExpr>> {
        self.bump();
        self.bump();
        self.expect(Kind::OpenParen, "`(` after `WITHIN GROUP`")?;
        self.expect_keyword(Keyword::Order, "`ORDER BY`")?;
        self.expect_keyword(Keyword::By, "`BY`")?;
        let terms = self.order_terms()?;
        self.expect(Kind::CloseParen, "`)`")?;
        Ok(terms)
    }

    fn over(&mut self) -> Parsed<Over> {
        self.bump();
        self.refuse_null_treatment()?;
        if self.kind() == Kind::OpenParen {
            return Ok(Over::Window(self.window_spec()?));
        }
        Ok(Over::Name(self.name("a window after `OVER`")?))
    }

    /// `(PARTITION BY … ORDER BY … ROWS …)`.
    pub(super) fn window_spec(&mut self) -> Parsed<WindowSpec> {
        self.nested(|parser| {
            let start = parser.span();
            parser.expect(Kind::OpenParen, "`(` before a window")?;
            let mut window = WindowSpec::default();
            if parser.eat_keywords(Keyword::Partition, Keyword::By) {
                window.partition_by = parser.clause_items()?;
            }
            if parser.eat_keywords(Keyword::Order, Keyword::By) {
                window.order_by = parser.order_terms()?;
            }
            let unit = match parser.keyword() {
                Keyword::Rows => Some(FrameUnit::Rows),
                Keyword::Range => Some(FrameUnit::Range),
                _ => None,
            };
            if let Some(unit) = unit {
                parser.bump();
                window.frame = Some(parser.frame(unit)?);
            }
            parser.expect(Kind::CloseParen, "`)` after a window")?;
            window.span = start.to(parser.last_span());
            Ok(window)
        })
    }

    fn frame(&mut self, unit: FrameUnit) -> Parsed<WindowFrame> {
        if !self.eat_keyword(Keyword::Between) {
            return Ok(WindowFrame { unit, start: self.frame_bound()?, end: None });
        }
        let start = self.frame_bound()?;
        self.expect_keyword(Keyword::And, "`AND` between the bounds of a frame")?;
        Ok(WindowFrame { unit, start, end: Some(self.frame_bound()?) })
    }

    fn frame_bound(&mut self) -> Parsed<FrameBound> {
        if self.eat_keywords(Keyword::Current, Keyword::Row) {
            return Ok(FrameBound::CurrentRow);
        }
        let distance = if self.eat_keyword(Keyword::Unbounded) { None } else { Some(self.expr_before_as()?) };
        let bound = match self.keyword() {
            Keyword::Preceding => FrameBound::Preceding(distance),
            Keyword::Following => FrameBound::Following(distance),
            _ => return Err(self.unexpected("`PRECEDING` or `FOLLOWING`")),
        };
        self.bump();
        Ok(bound)
    }
}
