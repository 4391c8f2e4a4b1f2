//! Operands: what stands between operators.

use crate::ast::{Arithmetic, ArithmeticOp, Constant, Expr, ExprKind, Lambda, Query, Span, Star};
use crate::lex::{Keyword, Kind};

use super::expr::UNARY;
use super::{Parsed, Parser};

/// The tightest level at which `NOT` is looser than what it negates.
const NEGATED: u8 = 4;

impl Parser<'_> {
    /// A prefix operator with its operand, or an operand with its postfix operators.
    pub(super) fn operand(&mut self) -> Parsed<Expr> {
        let start = self.span();
        match self.kind() {
            Kind::Minus if !self.is_signed_number() => self.negation(),
            Kind::Word(Keyword::Not) if self.negates() => {
                self.bump();
                let inner = self.operators(NEGATED)?;
                self.node(ExprKind::Not(Box::new(inner)), start)
            }
            _ => {
                let primary = self.primary()?;
                self.postfix(primary)
            }
        }
    }

    /// `-a` is `0 - a`.
    fn negation(&mut self) -> Parsed<Expr> {
        let start = self.bump().span;
        let left = self.node(ExprKind::Constant(Constant::Int(0)), start)?;
        let right = self.operators(UNARY)?;
        self.node(ExprKind::Arithmetic(Box::new(Arithmetic { op: ArithmeticOp::Sub, left, right })), start)
    }

    /// Whether the sign at hand belongs to a number.
    fn is_signed_number(&self) -> bool {
        self.kind_ahead(1).is_number()
            || matches!(self.keyword_ahead(1), Keyword::Inf | Keyword::Infinity | Keyword::Nan)
    }

    /// Whether the `NOT` at hand negates what follows. Before a parenthesis it is the function `not`, unless a query
    /// stands in the parentheses; before an operator it is a column of that name.
    fn negates(&self) -> bool {
        match self.kind_ahead(1) {
            Kind::OpenParen => self.starts_query(2),
            Kind::Arrow => false,
            Kind::Word(keyword) => !self.leaves_alone(1) || keyword == Keyword::Not,
            kind => kind.starts_operand() && kind != Kind::Star,
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let start = self.span();
        match self.kind() {
            Kind::Minus | Kind::Plus if self.is_signed_number() => self.signed_number(),
            Kind::Decimal | Kind::Hexadecimal | Kind::Binary | Kind::Float => self.number(start, false),
            Kind::String => self.string(),
            Kind::TemplateOpen => self.template(true),
            Kind::TagOpen => self.tag(),
            Kind::OpenParen => self.parenthesised(),
            Kind::OpenBracket => self.array(start),
            Kind::OpenBrace => self.braces(),
            Kind::Star => {
                self.bump();
                self.star(Vec::new(), start)
            }
            Kind::QuotedName => self.named_operand(),
            Kind::Word(keyword) => self.word(keyword),
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn word(&mut self, keyword: Keyword) -> Parsed<Expr> {
        let start = self.span();
        if self.kind_ahead(1) == Kind::Arrow && self.is_name(0) {
            return self.bare_lambda();
        }
        let constant = match keyword {
            Keyword::Null => Constant::Null,
            Keyword::Inf | Keyword::Infinity => Constant::Float(f64::INFINITY),
            Keyword::Nan => Constant::Float(f64::NAN),
            Keyword::True if !self.is_chain(1) => Constant::Bool(true),
            Keyword::False if !self.is_chain(1) => Constant::Bool(false),
            _ => return self.special(keyword),
        };
        self.bump();
        self.node(ExprKind::Constant(constant), start)
    }

    /// Whether a name or a call is made of the word at hand.
    fn is_chain(&self, places: usize) -> bool {
        match self.kind_ahead(places) {
            Kind::Dot => self.is_name(places + 1),
            Kind::OpenParen => true,
            _ => false,
        }
    }

    /// A name: a call if a parenthesis follows, else a field.
    pub(super) fn named_operand(&mut self) -> Parsed<Expr> {
        let name = self.name("an expression")?;
        if self.kind() == Kind::OpenParen {
            return self.call(name);
        }
        let start = name.span;
        let mut chain = vec![name];
        while self.kind() == Kind::Dot {
            if self.kind_ahead(1) == Kind::Star {
                self.bump();
                self.bump();
                return self.star(chain, start);
            }
            if !self.is_name(1) {
                break;
            }
            self.bump();
            chain.push(self.take_name());
        }
        self.node(ExprKind::Field(chain), start)
    }

    /// What may follow a `*`.
    fn star(&mut self, qualifier: Vec<crate::ast::Ident>, start: Span) -> Parsed<Expr> {
        let excludes = self.keyword() == Keyword::Exclude && self.kind_ahead(1) == Kind::OpenParen;
        let exclude = if excludes {
            self.bump();
            self.parenthesised_names("a column")?
        } else {
            Vec::new()
        };
        self.node(ExprKind::Star(Box::new(Star { qualifier, exclude })), start)
    }

    /// `x -> body`.
    fn bare_lambda(&mut self) -> Parsed<Expr> {
        let arg = self.take_name();
        self.bump();
        let body = self.lambda_body()?;
        let span = arg.span;
        self.node(ExprKind::Lambda(Box::new(Lambda { args: vec![arg], body })), span)
    }

    /// What stands in parentheses: the arguments of a lambda, a query, a tuple, or just an expression.
    fn parenthesised(&mut self) -> Parsed<Expr> {
        let start = self.span();
        if self.kind_behind_bracket(0) == Kind::Arrow {
            return self.parenthesised_lambda();
        }
        if self.starts_query(1) {
            self.bump();
            let query = self.query()?;
            self.expect(Kind::CloseParen, "`)` after the query")?;
            return self.node(ExprKind::Subquery(Box::new(query)), start);
        }
        self.bump();
        if self.kind() == Kind::CloseParen {
            return Err(self.unexpected("an expression in the parentheses"));
        }
        let first = self.expr()?;
        if self.continues_set() {
            return self.parenthesised_set(first, start);
        }
        if self.eat(Kind::CloseParen) {
            // Positions of an operand leave its parentheses out; it is the same node with and without them.
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat(Kind::Comma) && self.kind() != Kind::CloseParen {
            items.push(self.expr()?);
        }
        self.expect(Kind::CloseParen, "`,` or `)`")?;
        self.node(ExprKind::Tuple(items), start)
    }

    /// The rest of `((SELECT 1) UNION ALL SELECT 2)`, whose first branch was read as an expression.
    fn parenthesised_set(&mut self, first: Expr, start: Span) -> Parsed<Expr> {
        let ExprKind::Subquery(query) = first.kind else {
            return Err(self.unexpected("`,` or `)`"));
        };
        let query = self.query_after_branch(*query, first.span)?;
        self.expect(Kind::CloseParen, "`)` after the query")?;
        self.node(ExprKind::Subquery(Box::new(query)), start)
    }

    fn parenthesised_lambda(&mut self) -> Parsed<Expr> {
        let start = self.bump().span;
        let mut args = Vec::new();
        while self.kind() != Kind::CloseParen {
            args.push(self.name("the name of an argument")?);
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        self.expect(Kind::CloseParen, "`,` or `)` after the arguments of a lambda")?;
        self.expect(Kind::Arrow, "`->`")?;
        let body = self.lambda_body()?;
        self.node(ExprKind::Lambda(Box::new(Lambda { args, body })), start)
    }

    /// `[a, b]`.
    pub(super) fn array(&mut self, start: Span) -> Parsed<Expr> {
        self.bump();
        let items = self.items(Kind::CloseBracket, "`,` or `]`")?;
        self.node(ExprKind::Array(items), start)
    }

    /// Expressions up to a closing bracket, which is taken. A comma may stand before it.
    pub(super) fn items(&mut self, close: Kind, what: &str) -> Parsed<Vec<Expr>> {
        let mut items = Vec::new();
        while self.kind() != close {
            items.push(self.expr()?);
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        self.expect(close, what)?;
        Ok(items)
    }

    /// `{name}` is a placeholder; `{}` and `{key: value}` are dictionaries.
    pub(super) fn braces(&mut self) -> Parsed<Expr> {
        let start = self.bump().span;
        let mut items = Vec::new();
        while self.kind() != Kind::CloseBrace {
            let key = self.expr()?;
            if items.is_empty() && self.eat(Kind::CloseBrace) {
                return self.node(ExprKind::Placeholder(Box::new(key)), start);
            }
            self.expect(Kind::Colon, if items.is_empty() { "`}` or `:`" } else { "`:` after the key" })?;
            let value = self.expr()?;
            items.push((key, value));
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        self.expect(Kind::CloseBrace, "`,` or `}`")?;
        self.node(ExprKind::Dict(items), start)
    }

    /// Whether a query starts some places ahead, where a column named `select` or `with` might stand too.
    pub(super) fn starts_query(&self, places: usize) -> bool {
        let next = self.kind_ahead(places + 1);
        match self.keyword_ahead(places) {
            Keyword::Select => next.starts_operand() && !self.is_infix(places + 1),
            Keyword::With => {
                (matches!(next, Kind::Word(_)) && !self.is_infix(places + 1))
                    || matches!(next, Kind::QuotedName | Kind::String | Kind::OpenBrace)
                    || next.is_number()
                    || (next == Kind::OpenParen && self.starts_query(places + 2))
            }
            _ => false,
        }
    }

    /// A query in the place of an expression, without parentheses of its own.
    pub(super) fn bare_query(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let query: Query = self.query()?;
        self.node(ExprKind::Subquery(Box::new(query)), start)
    }
}
