//! Words with a grammar of their own: `CASE`, `CAST`, `INTERVAL`, `TRIM`, `COLUMNS`, `lambda`.
//!
//! Each of them is also a plain name. What follows decides: a rule here applies only where a name could not stand.

use crate::ast::{Call, Cast, Constant, Expr, ExprKind, Ident, Lambda, Span};
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::lex::{Keyword, Kind};

use super::{Parsed, Parser, made_up};

impl Parser<'_> {
    /// An operand that starts with a word.
    pub(super) fn special(&mut self, keyword: Keyword) -> Parsed<Expr> {
        let next = self.kind_ahead(1);
        match keyword {
            Keyword::Case if self.starts_case() => self.case(),
            Keyword::Interval if self.starts_interval() => self.interval(),
            Keyword::Cast | Keyword::TryCast if next == Kind::OpenParen => self.cast_call(keyword == Keyword::TryCast),
            Keyword::Trim if next == Kind::OpenParen && self.is_trim_from() => self.trim(),
            Keyword::Columns if next == Kind::OpenParen => self.columns(),
            Keyword::Array if next == Kind::OpenBracket => {
                let start = self.bump().span;
                self.array(start)
            }
            Keyword::Lambda if self.is_name(1) && matches!(self.kind_ahead(2), Kind::Colon | Kind::Comma) => {
                self.lambda_word()
            }
            Keyword::Date | Keyword::Timestamp if next == Kind::String => self.typed_literal(keyword),
            _ => self.named_operand(),
        }
    }

    /// Whether the `CASE` at hand is not just a name.
    fn starts_case(&self) -> bool {
        let when = Kind::Word(Keyword::When);
        match self.kind_ahead(1) {
            Kind::Word(Keyword::When) => self.kind_ahead(2).starts_operand(),
            Kind::OpenParen | Kind::OpenBracket => self.kind_behind_bracket(1) == when,
            Kind::Minus | Kind::Plus => self.kind_ahead(2).is_number() && self.kind_ahead(3) == when,
            Kind::Word(keyword) if keyword.follows_operand() => {
                self.kind_ahead(2) == when || self.kind_behind_bracket(2) == when
            }
            Kind::Word(_) => true,
            Kind::Star => false,
            kind => kind.starts_operand(),
        }
    }

    /// `CASE` is a call: of `if`, of `multiIf`, or of `_caseWithExpression`.
    fn case(&mut self) -> Parsed<Expr> {
        let start = self.bump().span;
        let mut args = Vec::new();
        let has_subject =
            self.keyword() != Keyword::When || self.keyword_ahead(1) == Keyword::When && self.subject_is_when();
        if has_subject {
            args.push(self.expr()?);
        }
        let mut branches = 0;
        while self.eat_keyword(Keyword::When) {
            args.push(self.expr()?);
            self.expect_keyword(Keyword::Then, "`THEN`")?;
            args.push(self.expr()?);
            branches += 1;
        }
        if branches == 0 {
            return Err(self.unexpected("`WHEN`"));
        }
        if self.eat_keyword(Keyword::Else) {
            args.push(self.expr()?);
        } else {
            let missing = self.span();
            args.push(self.node(ExprKind::Constant(Constant::Null), missing)?);
        }
        self.expect_keyword(Keyword::End, "`WHEN`, `ELSE` or `END`")?;
        let name = match (has_subject, branches) {
            (true, _) => "_caseWithExpression",
            (false, 1) => "if",
            (false, _) => "multiIf",
        };
        self.node(ExprKind::Call(Box::new(Call::new(made_up(name, start), args))), start)
    }

    /// Whether of two `WHEN`s the first is a column: if the second were, a `THEN` would follow it.
    fn subject_is_when(&self) -> bool {
        self.keyword_ahead(2) != Keyword::Then
    }

    /// Whether the `INTERVAL` at hand is not just a name. Where an operator or a bracket follows, a unit must close
    /// what may be the amount.
    fn starts_interval(&self) -> bool {
        let is_unit = |kind: Kind| matches!(kind, Kind::Word(keyword) if keyword.interval_function().is_some());
        match self.kind_ahead(1) {
            Kind::OpenParen | Kind::OpenBracket => is_unit(self.kind_behind_bracket(1)),
            Kind::Minus | Kind::Plus => is_unit(self.kind_ahead(3)),
            Kind::Word(keyword) if self.leaves_alone(1) => is_unit(self.kind_ahead(2)) || keyword == Keyword::Not,
            Kind::Word(_) => {
                let after = self.kind_ahead(2);
                is_unit(after)
                    || after == Kind::Dot
                    || after == Kind::OpenParen
                    || matches!(after, Kind::Plus | Kind::Minus | Kind::Star | Kind::Slash | Kind::OpenBracket)
            }
            Kind::Star => false,
            kind => kind.starts_operand(),
        }
    }

    /// `INTERVAL 1 day`, `INTERVAL '1 day'`.
    fn interval(&mut self) -> Parsed<Expr> {
        let start = self.bump().span;
        let is_text = self.kind() == Kind::String && self.keyword_ahead(1).interval_function().is_none();
        if is_text {
            return self.text_interval(start);
        }
        let amount = self.expr()?;
        let Some(function) = self.keyword().interval_function() else {
            let error = self.unexpected("a unit of time such as `day`");
            let word = self.written(self.span()).to_ascii_lowercase();
            return Err(match word.strip_suffix('s').filter(|unit| Keyword::of(unit).interval_function().is_some()) {
                Some(unit) => error.hinted(format!("write `{unit}`, without the s")),
                None => error,
            });
        };
        self.bump();
        self.node(ExprKind::Call(Box::new(Call::new(made_up(function, start), vec![amount]))), start)
    }

    /// The amount and the unit in one text.
    fn text_interval(&mut self, start: Span) -> Parsed<Expr> {
        let text = self.string_name();
        let unsupported = |message: String| Err(SyntaxError::new(SyntaxErrorKind::Unsupported, message, text.span));
        let Some((count, unit)) = text.name.split_once(' ') else {
            let message = "Unsupported interval type: must be in the format '<count> <unit>'";
            return unsupported(message.to_owned());
        };
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return unsupported(format!("Unsupported interval count: '{count}' is not a valid integer"));
        }
        let Ok(amount) = count.parse() else {
            return unsupported(format!("Unsupported interval count: '{count}' is too large"));
        };
        let singular = unit.strip_suffix('s').unwrap_or(unit);
        let is_lower = unit.bytes().all(|byte| byte.is_ascii_lowercase());
        let Some(function) = Keyword::of(singular).interval_function().filter(|_| is_lower) else {
            return unsupported(format!("Unsupported interval unit: {unit}"));
        };
        let amount = self.node(ExprKind::Constant(Constant::Int(amount)), text.span)?;
        self.node(ExprKind::Call(Box::new(Call::new(made_up(function, start), vec![amount]))), start)
    }

    /// `CAST(a AS type)`. Without `AS` it is a call like any other.
    fn cast_call(&mut self, is_try: bool) -> Parsed<Expr> {
        let name = self.take_name();
        let start = name.span;
        if self.kind_ahead(1) == Kind::CloseParen || self.starts_query(1) {
            return self.call(name);
        }
        self.bump();
        let mut expr = self.expr_before_as()?;
        while self.keyword() == Keyword::As && self.is_name(1) && self.keyword_ahead(2) == Keyword::As {
            self.bump();
            expr = self.named(expr)?;
        }
        if !self.eat_keyword(Keyword::As) {
            return self.cast_with_commas(name, expr);
        }
        let type_name = self.cast_type()?;
        self.expect(Kind::CloseParen, "`)` after the type")?;
        self.node(ExprKind::Cast(Box::new(Cast { expr, type_name, is_try })), start)
    }

    fn cast_with_commas(&mut self, name: Ident, first: Expr) -> Parsed<Expr> {
        let mut args = vec![first];
        if self.eat(Kind::Comma) {
            args.extend(self.items(Kind::CloseParen, "`,` or `)`")?);
        } else {
            self.expect(Kind::CloseParen, "`AS` and a type")?;
        }
        let start = name.span;
        self.node(ExprKind::Call(Box::new(Call::new(name, args))), start)
    }

    fn is_trim_from(&self) -> bool {
        matches!(self.keyword_ahead(2), Keyword::Both | Keyword::Leading | Keyword::Trailing)
            && matches!(self.kind_ahead(3), Kind::String | Kind::TemplateOpen)
    }

    /// `TRIM(BOTH 'x' FROM a)`.
    fn trim(&mut self) -> Parsed<Expr> {
        let start = self.bump().span;
        self.bump();
        let function = match self.bump().kind {
            Kind::Word(Keyword::Leading) => "trimLeft",
            Kind::Word(Keyword::Trailing) => "trimRight",
            _ => "trim",
        };
        let what = if self.kind() == Kind::String { self.string()? } else { self.template(true)? };
        self.expect_keyword(Keyword::From, "`FROM`")?;
        let from = self.expr()?;
        self.expect(Kind::CloseParen, "`)`")?;
        self.node(ExprKind::Call(Box::new(Call::new(made_up(function, start), vec![from, what]))), start)
    }

    /// `COLUMNS('regex')`, `COLUMNS(a, b)`.
    fn columns(&mut self) -> Parsed<Expr> {
        let start = self.bump().span;
        self.bump();
        if self.kind() == Kind::String && self.kind_ahead(1) == Kind::CloseParen {
            let pattern = self.string_name().name;
            self.bump();
            return self.node(ExprKind::ColumnsMatching(pattern), start);
        }
        let columns = self.items(Kind::CloseParen, "`,` or `)`")?;
        if columns.is_empty() {
            return self.fail("`COLUMNS` needs a pattern or a list of columns", self.last_span());
        }
        self.node(ExprKind::Columns(columns), start)
    }

    /// `lambda x, y: body`.
    fn lambda_word(&mut self) -> Parsed<Expr> {
        let start = self.bump().span;
        let mut args = vec![self.name("the name of an argument")?];
        while self.eat(Kind::Comma) {
            args.push(self.name("the name of an argument")?);
        }
        self.expect(Kind::Colon, "`:` after the arguments of a lambda")?;
        let body = self.lambda_body()?;
        self.node(ExprKind::Lambda(Box::new(Lambda { args, body })), start)
    }

    /// `DATE '2026-01-01'`: refused with the call to use.
    fn typed_literal(&mut self, keyword: Keyword) -> Parsed<Expr> {
        let start = self.bump().span;
        let text = self.written(self.span());
        let function = if keyword == Keyword::Date { "toDate" } else { "toDateTime" };
        let span = start.to(self.span());
        self.unsupported(
            "literals with a type before them are not supported",
            span,
            &format!("write `{function}({text})`"),
        )
    }
}
