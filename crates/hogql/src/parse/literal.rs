//! Numbers, texts and templates.

use crate::ast::{Call, Constant, Expr, ExprKind, Ident, Span};
use crate::lex::{Kind, literal};

use super::{Parsed, Parser, made_up};

impl Parser<'_> {
    /// The number at hand; its sign has been taken.
    pub(super) fn number(&mut self, start: Span, negative: bool) -> Parsed<Expr> {
        let token = self.bump();
        let written = self.written(token.span);
        let Some(constant) = literal::number(written, token.kind, negative) else {
            let base = if token.kind == Kind::Binary { "binary" } else { "hexadecimal" };
            let shown = literal::shortened(written);
            let message = format!("HogQL {base} integer literals are limited to 64 bits; got `{shown}`.");
            return self.fail(message, token.span);
        };
        self.node(ExprKind::Constant(constant), start)
    }

    /// A number with its sign.
    pub(super) fn signed_number(&mut self) -> Parsed<Expr> {
        let sign = self.bump();
        let negative = sign.kind == Kind::Minus;
        if self.kind().is_number() {
            return self.number(sign.span, negative);
        }
        let word = self.bump();
        let is_nan = self.written(word.span).eq_ignore_ascii_case("nan");
        let value = match (is_nan, negative) {
            (true, _) => f64::NAN,
            (false, true) => f64::NEG_INFINITY,
            (false, false) => f64::INFINITY,
        };
        self.node(ExprKind::Constant(Constant::Float(value)), sign.span)
    }

    pub(super) fn string(&mut self) -> Parsed<Expr> {
        let token = self.bump();
        let text = literal::unquote(self.written(token.span));
        self.node(ExprKind::Constant(Constant::String(text)), token.span)
    }

    /// A text in the place of a name, as in `a AS 'b'`.
    pub(super) fn string_name(&mut self) -> Ident {
        let token = self.bump();
        Ident::new(literal::unquote(self.written(token.span)), token.span)
    }

    /// A template: a call of `concat` over its parts, or the only part.
    pub(super) fn template(&mut self, quoted: bool) -> Parsed<Expr> {
        let start = self.bump().span;
        let mut parts = Vec::new();
        loop {
            let token = self.ahead(0);
            match token.kind {
                Kind::TemplateText => {
                    self.bump();
                    let text = literal::unescape_template(self.written(token.span), quoted);
                    parts.push(self.node(ExprKind::Constant(Constant::String(text)), token.span)?);
                }
                Kind::OpenBrace => {
                    self.bump();
                    parts.push(self.expr()?);
                    self.expect(Kind::CloseBrace, "`}` in a template string")?;
                }
                Kind::TemplateClose => {
                    self.bump();
                    break;
                }
                _ => return Err(self.unexpected("the end of the template string")),
            }
        }
        match (parts.pop(), parts.is_empty()) {
            (None, _) => self.node(ExprKind::Constant(Constant::String(String::new())), start),
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                parts.push(last);
                let name = made_up("concat", start);
                self.node(ExprKind::Call(Box::new(Call::new(name, parts))), start)
            }
        }
    }
}
