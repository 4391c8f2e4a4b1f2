//! `SELECT` and its clauses.

use crate::ast::{ArrayJoin, ArrayJoinKind, Cte, CteBody, Expr, ExprKind, GroupBy, NamedWindow, Query, SelectQuery};
use crate::lex::{Keyword, Kind};

use super::{Parsed, Parser};

impl Parser<'_> {
    /// A query from its `SELECT` to its last clause.
    pub(super) fn select(&mut self) -> Parsed<Query> {
        let start = self.bump().span;
        let mut query = Box::new(SelectQuery::default());
        query.distinct = self.select_distinct()?;
        if self.keyword() == Keyword::Top && self.kind_ahead(1).is_number() {
            return self.unsupported("TOP is not supported", self.span(), "write `LIMIT n` at the end");
        }
        query.select = self.select_items()?;
        self.rows(&mut query)?;
        self.groups(&mut query)?;
        self.order(&mut query)?;
        self.refuse_trailing()?;
        query.span = start.to(self.last_span());
        Ok(Query::Select(query))
    }

    fn select_distinct(&mut self) -> Parsed<bool> {
        if self.kind_ahead(1) == Kind::CloseParen || !self.takes_distinct() {
            return Ok(false);
        }
        if self.keyword() == Keyword::On && self.kind_ahead(1) == Kind::OpenParen {
            let hint = "write `LIMIT 1 BY …` at the end";
            return self.unsupported("DISTINCT ON is not supported", self.span(), hint);
        }
        Ok(true)
    }

    fn select_items(&mut self) -> Parsed<Vec<Expr>> {
        let mut items = vec![self.apart(Self::select_item)?];
        while self.eat(Kind::Comma) && !self.at_clause() {
            items.push(self.apart(Self::select_item)?);
        }
        Ok(items)
    }

    fn select_item(&mut self) -> Parsed<Expr> {
        if self.keyword() == Keyword::From && self.names_implicitly(1) {
            return self.fail("Cannot use \"from\" before an implicit alias", self.span());
        }
        let expr = self.expr()?;
        self.refuse_output()?;
        if self.names_implicitly(0) { self.named(expr) } else { Ok(expr) }
    }

    /// Whether the word some places ahead names the column before it.
    fn names_implicitly(&self, places: usize) -> bool {
        match self.kind_ahead(places) {
            Kind::Word(keyword) => keyword.is_column_alias(),
            kind => kind == Kind::QuotedName,
        }
    }

    /// `FORMAT x` and `INTO OUTFILE` say where a result goes; that is not for a query to say.
    pub(super) fn refuse_output(&self) -> Parsed<()> {
        let next = self.kind_ahead(1);
        let word = self.written(self.span());
        if next == Kind::Word(Keyword::None) && word.eq_ignore_ascii_case("format") {
            return self.unsupported("FORMAT is not supported", self.span(), "ask for a format in the request");
        }
        if word.eq_ignore_ascii_case("into") && self.written(self.ahead(1).span).eq_ignore_ascii_case("outfile") {
            return self.unsupported("INTO OUTFILE is not supported", self.span(), "save the response instead");
        }
        Ok(())
    }

    /// Expressions of a clause. A comma may stand at the end.
    pub(super) fn clause_items(&mut self) -> Parsed<Vec<Expr>> {
        let mut items = vec![self.expr()?];
        while self.eat(Kind::Comma) && !self.at_clause() {
            items.push(self.expr()?);
        }
        Ok(items)
    }

    /// Whether, behind a comma, the list has ended: what follows is a clause and not a column named like one.
    fn at_clause(&self) -> bool {
        let next = self.kind_ahead(1);
        match self.kind() {
            Kind::End | Kind::Semicolon | Kind::CloseParen => true,
            Kind::Word(keyword) => match keyword {
                Keyword::From => self.is_name(1) || matches!(next, Kind::OpenParen | Kind::OpenBrace | Kind::TagOpen),
                Keyword::Where
                | Keyword::Prewhere
                | Keyword::Having
                | Keyword::Qualify
                | Keyword::Limit
                | Keyword::Offset => next.starts_operand() && next != Kind::Star && !self.leaves_alone(1),
                // What a frame begins with; else it is a name.
                Keyword::Rows | Keyword::Range => {
                    next.is_number()
                        || matches!(self.keyword_ahead(1), Keyword::Between | Keyword::Unbounded | Keyword::Current)
                }
                Keyword::Group | Keyword::Order | Keyword::Partition => self.keyword_ahead(1) == Keyword::By,
                Keyword::Window => self.is_name(1) && self.keyword_ahead(2) == Keyword::As,
                Keyword::Union => matches!(
                    next,
                    Kind::OpenParen
                        | Kind::OpenBrace
                        | Kind::Word(Keyword::All | Keyword::Distinct | Keyword::By | Keyword::Select)
                ),
                Keyword::Intersect | Keyword::Except => true,
                Keyword::Array | Keyword::Left | Keyword::Inner => self.array_join_kind().is_some(),
                _ => false,
            },
            _ => false,
        }
    }

    /// The clauses that say which rows there are.
    fn rows(&mut self, query: &mut SelectQuery) -> Parsed<()> {
        if self.eat_keyword(Keyword::From) {
            query.from = Some(self.from()?);
        }
        if let Some(kind) = self.array_join_kind() {
            query.array_join = Some(self.array_join(kind, query.from.is_some())?);
        }
        if self.eat_keyword(Keyword::Prewhere) {
            query.prewhere = Some(self.expr()?);
        }
        if self.eat_keyword(Keyword::Where) {
            query.filter = Some(self.expr()?);
        }
        Ok(())
    }

    /// The clauses that make groups of rows.
    fn groups(&mut self, query: &mut SelectQuery) -> Parsed<()> {
        if self.eat_keywords(Keyword::Group, Keyword::By) {
            query.group_by = Some(self.group_by()?);
        }
        if self.keyword() == Keyword::With {
            self.refuse_modifier()?;
        }
        if self.eat_keyword(Keyword::Having) {
            query.having = Some(self.expr()?);
        }
        if self.keyword() == Keyword::Window {
            query.windows = self.windows()?;
        }
        if self.eat_keyword(Keyword::Qualify) {
            query.qualify = Some(self.expr()?);
        }
        if self.keyword() == Keyword::Window && query.windows.is_empty() {
            query.windows = self.windows()?;
        }
        Ok(())
    }

    /// The clauses that order rows and leave some out.
    fn order(&mut self, query: &mut SelectQuery) -> Parsed<()> {
        if self.eat_keywords(Keyword::Order, Keyword::By) {
            query.order_by = self.order_terms()?;
            query.interpolate = self.interpolate()?;
        }
        let limits = self.limits()?;
        query.limit_by = limits.by;
        query.limit = limits.limit;
        Ok(())
    }

    /// What other dialects put behind the last clause, or what stands there by mistake.
    fn refuse_trailing(&self) -> Parsed<()> {
        let span = self.span();
        self.refuse_output()?;
        match self.keyword() {
            Keyword::Settings => self.unsupported("SETTINGS are not supported", span, "leave the clause out"),
            Keyword::Order if self.keyword_ahead(1) == Keyword::By => {
                self.fail("ORDER BY must stand before LIMIT", span)
            }
            Keyword::With if self.keyword_ahead(1) == Keyword::Ties => {
                self.fail("WITH TIES must follow LIMIT n, before OFFSET", span)
            }
            _ => Ok(()),
        }
    }

    fn group_by(&mut self) -> Parsed<GroupBy> {
        let ends = |kind: Kind| match kind {
            Kind::End | Kind::CloseParen | Kind::Semicolon => true,
            Kind::Word(keyword) => matches!(
                keyword,
                Keyword::Having
                    | Keyword::Window
                    | Keyword::Qualify
                    | Keyword::Order
                    | Keyword::Limit
                    | Keyword::Offset
                    | Keyword::Union
                    | Keyword::Intersect
                    | Keyword::Except
                    | Keyword::With
                    | Keyword::Settings
            ),
            _ => false,
        };
        let keyword = self.keyword();
        let is_only_call = self.kind_ahead(1) == Kind::OpenParen
            && self.kind_ahead(2) != Kind::CloseParen
            && ends(self.kind_behind_bracket(1));
        match keyword {
            Keyword::All if ends(self.kind_ahead(1)) => {
                self.bump();
                Ok(GroupBy::All)
            }
            Keyword::Rollup | Keyword::Cube if is_only_call => {
                self.bump();
                self.bump();
                let items = self.items(Kind::CloseParen, "`,` or `)`")?;
                Ok(if keyword == Keyword::Rollup { GroupBy::Rollup(items) } else { GroupBy::Cube(items) })
            }
            Keyword::Grouping if self.keyword_ahead(1) == Keyword::Sets => self.grouping_sets(),
            _ => Ok(GroupBy::List(self.clause_items()?)),
        }
    }

    fn grouping_sets(&mut self) -> Parsed<GroupBy> {
        self.bump();
        self.bump();
        self.expect(Kind::OpenParen, "`(` before grouping sets")?;
        let mut sets = Vec::new();
        loop {
            self.expect(Kind::OpenParen, "`(` before a grouping set")?;
            sets.push(self.items(Kind::CloseParen, "`,` or `)`")?);
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        self.expect(Kind::CloseParen, "`,` or `)`")?;
        Ok(GroupBy::Sets(sets))
    }

    /// `WITH ROLLUP` and its like would change the result; they must not be lost.
    fn refuse_modifier(&self) -> Parsed<()> {
        let span = self.span().to(self.ahead(1).span);
        match self.keyword_ahead(1) {
            Keyword::Totals => self.unsupported("WITH TOTALS is not supported", span, "query the totals separately"),
            Keyword::Rollup => self.unsupported("WITH ROLLUP is not supported", span, "write `GROUP BY ROLLUP(…)`"),
            Keyword::Cube => self.unsupported("WITH CUBE is not supported", span, "write `GROUP BY CUBE(…)`"),
            _ => Ok(()),
        }
    }

    fn windows(&mut self) -> Parsed<Vec<NamedWindow>> {
        self.bump();
        let mut windows: Vec<NamedWindow> = Vec::new();
        loop {
            let name = self.name("the name of a window")?;
            if windows.iter().any(|earlier| earlier.name.name == name.name) {
                return self.fail(format!("the window `{}` is defined twice", name.name), name.span);
            }
            self.expect_keyword(Keyword::As, "`AS` after the name of a window")?;
            windows.push(NamedWindow { name, window: self.window_spec()? });
            if !self.eat(Kind::Comma) {
                return Ok(windows);
            }
        }
    }

    pub(super) fn array_join_kind(&self) -> Option<ArrayJoinKind> {
        let (kind, places) = match self.keyword() {
            Keyword::Array => (ArrayJoinKind::Plain, 0),
            Keyword::Left => (ArrayJoinKind::Left, 1),
            Keyword::Inner => (ArrayJoinKind::Inner, 1),
            _ => return None,
        };
        let is_join = self.keyword_ahead(places) == Keyword::Array && self.keyword_ahead(places + 1) == Keyword::Join;
        is_join.then_some(kind)
    }

    fn array_join(&mut self, kind: ArrayJoinKind, has_from: bool) -> Parsed<ArrayJoin> {
        if !has_from {
            return self.fail("Using ARRAY JOIN without a FROM clause is not permitted", self.span());
        }
        while self.bump().kind != Kind::Word(Keyword::Join) {}
        let arrays = self.clause_items()?;
        if let Some(unnamed) = arrays.iter().find(|array| !matches!(array.kind, ExprKind::Alias(_))) {
            return self.fail("ARRAY JOIN arrays must have an alias", unnamed.span);
        }
        Ok(ArrayJoin { kind, arrays })
    }

    /// `WITH …`, up to the query it stands before.
    pub(super) fn with(&mut self) -> Parsed<Vec<Cte>> {
        self.bump();
        let recursive = self.keyword() == Keyword::Recursive && self.is_name(1) && self.keyword_ahead(1) != Keyword::As;
        if recursive {
            self.bump();
        }
        let mut ctes = vec![self.cte(recursive)?];
        while self.eat(Kind::Comma) && self.keyword() != Keyword::Select && self.kind() != Kind::End {
            ctes.push(self.cte(recursive)?);
        }
        Ok(ctes)
    }

    fn cte(&mut self, recursive: bool) -> Parsed<Cte> {
        let start = self.span();
        let (name, body) = if self.names_query() {
            let name = self.name("a name")?;
            (name, self.cte_query()?)
        } else {
            let expr = self.expr_before_as()?;
            self.expect_keyword(Keyword::As, "`AS` and a name")?;
            (self.name("a name")?, CteBody::Expr(expr))
        };
        Ok(Cte { span: start.to(self.last_span()), name, body, recursive })
    }

    /// Whether the name at hand stands for a query: `name [(columns)] [USING KEY (…)] AS [[NOT] MATERIALIZED] (`.
    fn names_query(&self) -> bool {
        if !self.is_name(0) {
            return false;
        }
        let mut places = 1;
        if self.kind_ahead(places) == Kind::OpenParen {
            let Some(close) = self.places_to_close(places) else { return false };
            places = close + 1;
        }
        if self.keyword_ahead(places) == Keyword::Using && self.keyword_ahead(places + 1) == Keyword::Key {
            return true;
        }
        if self.keyword_ahead(places) != Keyword::As {
            return false;
        }
        let after = self.kind_ahead(places + 1);
        after == Kind::OpenParen || after == Kind::Word(Keyword::Materialized) || {
            after == Kind::Word(Keyword::Not) && self.keyword_ahead(places + 2) == Keyword::Materialized
        }
    }

    fn cte_query(&mut self) -> Parsed<CteBody> {
        let columns = if self.kind() == Kind::OpenParen { self.parenthesised_names("a column")? } else { Vec::new() };
        let using_key = if self.eat_keywords(Keyword::Using, Keyword::Key) {
            self.parenthesised_names("a column")?
        } else {
            Vec::new()
        };
        self.expect_keyword(Keyword::As, "`AS`")?;
        let materialized = if self.eat_keyword(Keyword::Materialized) {
            Some(true)
        } else if self.eat_keywords(Keyword::Not, Keyword::Materialized) {
            Some(false)
        } else {
            None
        };
        self.expect(Kind::OpenParen, "`(` before the query")?;
        let query = self.query()?;
        self.expect(Kind::CloseParen, "`)` after the query")?;
        Ok(CteBody::Query { query, columns, materialized, using_key })
    }
}
