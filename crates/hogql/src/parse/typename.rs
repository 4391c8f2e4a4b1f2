//! The names of types, kept as normalised text.

use crate::lex::{Keyword, Kind};

use super::{Parsed, Parser};

impl Parser<'_> {
    /// A type without parameters, in lower case.
    pub(super) fn plain_type(&mut self) -> Parsed<String> {
        let allowed = match self.kind() {
            Kind::Word(keyword) => keyword.is_type_name(),
            kind => kind == Kind::QuotedName,
        };
        if !allowed {
            return Err(self.unexpected("the name of a type"));
        }
        let mut name = self.type_word()?;
        self.zone_suffix(&mut name);
        Ok(name)
    }

    /// A type of `CAST`: `decimal(10, 2)`, `Array(Nullable(String))`, `double precision`, `int[]`.
    pub(super) fn cast_type(&mut self) -> Parsed<String> {
        self.nested(|parser| {
            let mut name = parser.type_word()?;
            parser.zone_suffix(&mut name);
            while parser.is_name(0) {
                name.push(' ');
                name.push_str(&parser.type_word()?);
            }
            if parser.eat(Kind::OpenParen) {
                name.push('(');
                parser.type_parameters(&mut name)?;
                name.push(')');
            }
            while parser.kind() == Kind::OpenBracket && parser.kind_ahead(1) == Kind::CloseBracket {
                parser.bump();
                parser.bump();
                name.push_str("[]");
            }
            Ok(name)
        })
    }

    fn type_parameters(&mut self, into: &mut String) -> Parsed<()> {
        while self.kind() != Kind::CloseParen {
            match self.kind() {
                Kind::Decimal | Kind::String => self.type_literal(into)?,
                _ => into.push_str(&self.cast_type()?),
            }
            if !self.eat(Kind::Comma) {
                break;
            }
            into.push_str(", ");
        }
        self.expect(Kind::CloseParen, "`,` or `)` in the parameters of a type")
    }

    fn type_literal(&mut self, into: &mut String) -> Parsed<()> {
        let token = self.bump();
        if self.kind() == Kind::Eq {
            return self.unsupported("enumerations are not supported as types", token.span, "cast to `String`");
        }
        into.push_str(self.written(token.span));
        Ok(())
    }

    /// A word of a type. Quotes around it say nothing: its text must make the same type again without them.
    fn type_word(&mut self) -> Parsed<String> {
        let name = self.name("the name of a type")?;
        let lower = name.name.to_ascii_lowercase();
        let is_words = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ');
        if lower.bytes().all(is_words) && lower.split(' ').all(is_type_word) {
            return Ok(lower);
        }
        self.fail("the name of a type is made of words", name.span)
    }

    /// `with time zone` after `timestamp`.
    fn zone_suffix(&mut self, name: &mut String) {
        let with = self.keyword() == Keyword::With || self.written(self.span()).eq_ignore_ascii_case("without");
        if with && self.keyword_ahead(1) == Keyword::Time && self.keyword_ahead(2) == Keyword::Zone {
            for _ in 0..3 {
                let word = self.take_name();
                name.push(' ');
                name.push_str(&word.name.to_lowercase());
            }
        }
    }
}

fn is_type_word(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && !Keyword::of(word).is_reserved()
}
