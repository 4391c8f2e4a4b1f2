//! Queries combined by set operators, and where a trailing `ORDER BY` or `LIMIT` belongs.
//!
//! After a bare last branch such a clause was read as a part of that branch. After a parenthesised one it belongs to
//! the whole: to the set, or to the only query there is, unless that query has a `LIMIT` already, which must come first.

use crate::ast::{Expr, Limit, OrderExpr, Query, SelectSet, SetKind, SetOperator, Span};
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::lex::{Keyword, Kind};

use super::{Parsed, Parser};

/// One query of a set.
struct Branch {
    query: Query,
    parenthesised: bool,
}

impl Parser<'_> {
    /// A query and the `;` that may follow a statement.
    pub(super) fn statement(&mut self) -> Parsed<Query> {
        let query = self.query()?;
        if self.eat(Kind::Semicolon) && self.kind() != Kind::End {
            let hint = "only one statement can be run at a time";
            return Err(self.unexpected("the end of the text after `;`").hinted(hint));
        }
        Ok(query)
    }

    /// A query without parentheses around it, up to where it ends.
    pub(super) fn query(&mut self) -> Parsed<Query> {
        self.nested(|parser| {
            let start = parser.span();
            let branch = parser.branch()?;
            parser.after_branch(branch, start)
        })
    }

    /// The rest of a query whose first branch, a parenthesised one, is done.
    pub(super) fn query_after_branch(&mut self, query: Query, start: Span) -> Parsed<Query> {
        self.after_branch(Branch { query, parenthesised: true }, start)
    }

    /// Whether what follows makes a query of the parenthesised one before it.
    pub(super) fn continues_set(&self) -> bool {
        match self.keyword() {
            Keyword::Union | Keyword::Intersect | Keyword::Except => true,
            Keyword::Order => self.keyword_ahead(1) == Keyword::By,
            Keyword::Limit | Keyword::Offset => self.kind_ahead(1).starts_operand(),
            _ => false,
        }
    }

    fn branch(&mut self) -> Parsed<Branch> {
        let ctes = if self.keyword() == Keyword::With { self.with()? } else { Vec::new() };
        let mut branch = match self.kind() {
            Kind::OpenParen => {
                self.bump();
                let query = self.query()?;
                self.expect(Kind::CloseParen, "`)` after the query")?;
                Branch { query, parenthesised: true }
            }
            Kind::Word(Keyword::Select) => Branch { query: self.select()?, parenthesised: false },
            Kind::OpenBrace if ctes.is_empty() => Branch { query: value(self.braces()?), parenthesised: false },
            Kind::TagOpen if ctes.is_empty() => Branch { query: value(self.tag()?), parenthesised: false },
            _ => return Err(self.not_a_query()),
        };
        if !ctes.is_empty() {
            let Some(with) = first_with(&mut branch.query) else { return Err(self.unexpected("`SELECT`")) };
            with.splice(0..0, ctes);
        }
        Ok(branch)
    }

    fn not_a_query(&self) -> Box<SyntaxError> {
        const STATEMENTS: &[&str] = &[
            "insert", "create", "alter", "drop", "delete", "update", "truncate", "set", "use", "show", "explain",
            "describe", "values", "from",
        ];
        let word = self.written(self.span()).to_ascii_lowercase();
        let error = self.unexpected("`SELECT`");
        if STATEMENTS.contains(&word.as_str()) {
            return error.hinted("only queries can be run, and a query starts with `SELECT` or `WITH`");
        }
        error
    }

    fn after_branch(&mut self, first: Branch, start: Span) -> Parsed<Query> {
        let Branch { query: initial, mut parenthesised } = first;
        let mut subsequent = Vec::new();
        while let Some(operator) = self.set_operator()? {
            let branch = self.branch()?;
            parenthesised = branch.parenthesised;
            subsequent.push((operator, branch.query));
        }
        let (order_by, limit) = if parenthesised { self.trailing_clauses()? } else { (Vec::new(), None) };
        if subsequent.is_empty() {
            return self.with_trailing(initial, order_by, limit);
        }
        self.grow()?;
        let span = start.to(self.last_span());
        Ok(Query::Set(Box::new(SelectSet { span, initial, subsequent, order_by, limit })))
    }

    fn set_operator(&mut self) -> Parsed<Option<SetOperator>> {
        let keyword = self.keyword();
        if !matches!(keyword, Keyword::Union | Keyword::Intersect | Keyword::Except) {
            return Ok(None);
        }
        self.bump();
        let all = self.eat_keyword(Keyword::All);
        if !all && self.keyword() == Keyword::Distinct {
            if keyword == Keyword::Except {
                return Err(self.unexpected("`SELECT`").hinted("`EXCEPT` is distinct by itself"));
            }
            self.bump();
        }
        let kind = match (keyword, all) {
            (Keyword::Union, true) => SetKind::UnionAll,
            (Keyword::Union, false) => SetKind::UnionDistinct,
            (Keyword::Intersect, true) => SetKind::IntersectAll,
            (Keyword::Intersect, false) => SetKind::Intersect,
            (_, true) => SetKind::ExceptAll,
            (_, false) => SetKind::Except,
        };
        let by_name = self.eat_keywords(Keyword::By, Keyword::Name);
        Ok(Some(SetOperator { kind, by_name }))
    }

    fn trailing_clauses(&mut self) -> Parsed<(Vec<OrderExpr>, Option<Limit>)> {
        let mut order_by = Vec::new();
        if self.eat_keywords(Keyword::Order, Keyword::By) {
            order_by = self.order_terms()?;
        }
        let limits = self.limits()?;
        if let Some(by) = limits.by.as_ref().and_then(|by| by.by.first()) {
            return self.unsupported("LIMIT BY after parentheses is not supported", by.span, "put it inside");
        }
        Ok((order_by, limits.limit))
    }

    /// Gives clauses that follow the parentheses of a query to that query.
    fn with_trailing(&mut self, mut query: Query, order: Vec<OrderExpr>, limit: Option<Limit>) -> Parsed<Query> {
        if order.is_empty() && limit.is_none() {
            return Ok(query);
        }
        let (order_by, own_limit, limits_by) = match &mut query {
            Query::Select(select) => (&mut select.order_by, &mut select.limit, select.limit_by.is_some()),
            Query::Set(set) => (&mut set.order_by, &mut set.limit, false),
            Query::Value(value) => {
                let hint = "write `SELECT * FROM …` around it";
                return self.unsupported("clauses after a placeholder are not supported", value.span, hint);
            }
        };
        if own_limit.is_some() || (limits_by && !order.is_empty()) {
            let error = SyntaxError::new(
                SyntaxErrorKind::Unsupported,
                "the query in parentheses has a LIMIT already",
                self.last_span(),
            );
            return Err(error.hinted("write `SELECT * FROM (…)` around it to order or limit its result again"));
        }
        if !order.is_empty() {
            *order_by = order;
        }
        *own_limit = limit;
        Ok(query)
    }
}

fn value(expr: Expr) -> Query {
    Query::Value(Box::new(expr))
}

/// Where the names of a `WITH` before `query` belong.
fn first_with(query: &mut Query) -> Option<&mut Vec<crate::ast::Cte>> {
    match query {
        Query::Select(select) => Some(&mut select.with),
        Query::Set(set) => first_with(&mut set.initial),
        Query::Value(_) => None,
    }
}
