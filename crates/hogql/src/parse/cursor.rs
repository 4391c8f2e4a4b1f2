//! Looking at tokens, taking them, and saying what was expected.

use crate::ast::{Ident, Span};
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::lex::{Keyword, Kind, Token, literal};

use super::{Parsed, Parser};

const END: Token = Token { kind: Kind::End, span: Span::new(0, 0), partner: 0 };

impl<'text> Parser<'text> {
    /// The token some places ahead; the end of the text if there is none.
    pub(super) fn ahead(&self, places: usize) -> Token {
        self.token(self.at + places)
    }

    fn token(&self, index: usize) -> Token {
        self.tokens.get(index).or_else(|| self.tokens.last()).copied().unwrap_or(END)
    }

    pub(super) fn kind(&self) -> Kind {
        self.ahead(0).kind
    }

    pub(super) fn kind_ahead(&self, places: usize) -> Kind {
        self.ahead(places).kind
    }

    /// The keyword at hand; [`Keyword::None`] for anything else.
    pub(super) fn keyword(&self) -> Keyword {
        self.keyword_ahead(0)
    }

    pub(super) fn keyword_ahead(&self, places: usize) -> Keyword {
        match self.kind_ahead(places) {
            Kind::Word(keyword) => keyword,
            _ => Keyword::None,
        }
    }

    /// Whether the word some places ahead is an operator or a clause, so that a word before it stands alone. With a
    /// parenthesis behind it, it is a call: operators are functions too.
    pub(super) fn leaves_alone(&self, places: usize) -> bool {
        self.keyword_ahead(places).follows_operand() && self.kind_ahead(places + 1) != Kind::OpenParen
    }

    /// Whether the word some places ahead is an operator between two operands, and not a call of the function of that
    /// name.
    pub(super) fn is_infix(&self, places: usize) -> bool {
        self.keyword_ahead(places).is_infix_word() && self.kind_ahead(places + 1) != Kind::OpenParen
    }

    /// What follows the bracket that closes the one some places ahead.
    pub(super) fn kind_behind_bracket(&self, places: usize) -> Kind {
        match usize::try_from(self.ahead(places).partner) {
            Ok(close) if close > 0 => self.token(close + 1).kind,
            _ => Kind::End,
        }
    }

    /// How many places ahead the bracket some places ahead is closed.
    pub(super) fn places_to_close(&self, places: usize) -> Option<usize> {
        let close = usize::try_from(self.ahead(places).partner).ok()?;
        close.checked_sub(self.at).filter(|_| close > 0)
    }

    pub(super) fn span(&self) -> Span {
        self.ahead(0).span
    }

    pub(super) fn last_span(&self) -> Span {
        self.at.checked_sub(1).map_or_else(Span::default, |last| self.token(last).span)
    }

    pub(super) fn written(&self, span: Span) -> &'text str {
        let range = usize::try_from(span.start).unwrap_or(0)..usize::try_from(span.end).unwrap_or(0);
        self.text.get(range).unwrap_or_default()
    }

    pub(super) fn bump(&mut self) -> Token {
        let token = self.ahead(0);
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    /// Takes the token at hand if it is of this kind.
    pub(super) fn eat(&mut self, kind: Kind) -> bool {
        let taken = self.kind() == kind;
        if taken {
            self.bump();
        }
        taken
    }

    pub(super) fn eat_keyword(&mut self, keyword: Keyword) -> bool {
        self.eat(Kind::Word(keyword))
    }

    /// Takes two keywords if both stand here.
    pub(super) fn eat_keywords(&mut self, first: Keyword, second: Keyword) -> bool {
        let taken = self.keyword() == first && self.keyword_ahead(1) == second;
        if taken {
            self.bump();
            self.bump();
        }
        taken
    }

    pub(super) fn expect(&mut self, kind: Kind, what: &str) -> Parsed<()> {
        if self.eat(kind) { Ok(()) } else { Err(self.unexpected(what)) }
    }

    pub(super) fn expect_keyword(&mut self, keyword: Keyword, what: &str) -> Parsed<()> {
        self.expect(Kind::Word(keyword), what)
    }

    /// Whether the token some places ahead is a name.
    pub(super) fn is_name(&self, places: usize) -> bool {
        match self.kind_ahead(places) {
            Kind::Word(keyword) => !keyword.is_reserved(),
            Kind::QuotedName => true,
            _ => false,
        }
    }

    /// Takes a name, quoted or not.
    pub(super) fn name(&mut self, what: &str) -> Parsed<Ident> {
        if self.is_name(0) {
            return Ok(self.take_name());
        }
        let error = self.unexpected(what);
        if matches!(self.kind(), Kind::Word(_)) {
            let word = self.written(self.span());
            return Err(error.hinted(format!("`{word}` is a reserved word; as a name it is written \"{word}\"")));
        }
        Err(error)
    }

    /// Takes the token at hand as a name, whatever word it is.
    pub(super) fn take_name(&mut self) -> Ident {
        let token = self.bump();
        let written = self.written(token.span);
        let name = if token.kind == Kind::QuotedName { literal::unquote(written) } else { written.to_owned() };
        Ident::new(name, token.span)
    }

    /// Takes a name that columns and tables may get.
    pub(super) fn alias(&mut self) -> Parsed<Ident> {
        const TAKEN: [&str; 3] = ["team_id", "true", "false"];
        let alias = self.name("an alias")?;
        if TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(&alias.name)) {
            let message = format!("\"{}\" cannot be an alias or identifier, as it's a reserved keyword", alias.name);
            return Err(SyntaxError::new(SyntaxErrorKind::Syntax, message, alias.span));
        }
        Ok(alias)
    }

    /// Takes `(a, b)`. A comma may stand before the parenthesis.
    pub(super) fn parenthesised_names(&mut self, what: &str) -> Parsed<Vec<Ident>> {
        self.expect(Kind::OpenParen, "`(`")?;
        let mut names = vec![self.name(what)?];
        while self.eat(Kind::Comma) && self.kind() != Kind::CloseParen {
            names.push(self.name(what)?);
        }
        self.expect(Kind::CloseParen, "`,` or `)`")?;
        Ok(names)
    }

    /// The complaint that the token at hand is not what the grammar needs.
    pub(super) fn unexpected(&self, expected: &str) -> Box<SyntaxError> {
        let token = self.ahead(0);
        let message = match token.kind {
            Kind::End => format!("unexpected end of the text, expected {expected}"),
            _ => format!("unexpected `{}`, expected {expected}", literal::shortened(self.written(token.span))),
        };
        SyntaxError::new(SyntaxErrorKind::Syntax, message, token.span)
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>, span: Span) -> Parsed<T> {
        Err(SyntaxError::new(SyntaxErrorKind::Syntax, message, span))
    }

    pub(super) fn unsupported<T>(&self, message: impl Into<String>, span: Span, hint: &str) -> Parsed<T> {
        Err(SyntaxError::new(SyntaxErrorKind::Unsupported, message, span).hinted(hint))
    }
}
