//! What the text is cut into.

use crate::ast::Span;

use super::keyword::Keyword;

/// What a token is. Its text is in the source, at its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// After the last token.
    End,
    /// A bare word.
    Word(Keyword),
    /// A name in double quotes or backticks.
    QuotedName,
    /// A text in single quotes.
    String,
    /// Digits only.
    Decimal,
    /// `0x1F`.
    Hexadecimal,
    /// `0b101`.
    Binary,
    /// A number with a point or an exponent.
    Float,

    /// `f'`.
    TemplateOpen,
    /// Text of a template, escapes and all.
    TemplateText,
    /// The `'` that ends a template.
    TemplateClose,

    /// The `<` of a tag.
    TagOpen,
    /// The `</` of a closing tag.
    TagCloseOpen,
    /// The `>` of a tag.
    TagEnd,
    /// `/>`.
    TagSelfEnd,
    /// Text between tags, as it is.
    TagText,

    OpenParen,
    CloseParen,
    OpenBracket,
    CloseBracket,
    OpenBrace,
    CloseBrace,

    Comma,
    Dot,
    NullDot,
    Colon,
    DoubleColon,
    ColonEq,
    Semicolon,
    Question,
    NullCoalesce,
    Arrow,

    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Concat,

    Eq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    NullSafeEq,
    Regex,
    NotRegex,
    IRegex,
    NotIRegex,
}

/// A token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// For an opening bracket, the index of the token that closes it; 0 if there is none, and for other tokens.
    pub(crate) partner: u32,
}

impl Kind {
    /// Whether an operand may end here, so that `<` compares and `.5` is a step into a tuple.
    pub(crate) const fn ends_operand(self) -> bool {
        match self {
            Self::Word(keyword) => !keyword.precedes_operand(),
            Self::QuotedName
            | Self::String
            | Self::Decimal
            | Self::Hexadecimal
            | Self::Binary
            | Self::Float
            | Self::TemplateClose
            | Self::TagSelfEnd
            | Self::TagEnd
            | Self::CloseParen
            | Self::CloseBracket
            | Self::CloseBrace => true,
            _ => false,
        }
    }

    /// Whether an operand may start here.
    pub(crate) const fn starts_operand(self) -> bool {
        matches!(
            self,
            Self::Word(_)
                | Self::QuotedName
                | Self::String
                | Self::Decimal
                | Self::Hexadecimal
                | Self::Binary
                | Self::Float
                | Self::TemplateOpen
                | Self::TagOpen
                | Self::OpenParen
                | Self::OpenBracket
                | Self::OpenBrace
                | Self::Plus
                | Self::Minus
                | Self::Star
        )
    }

    /// Whether this is a number without a sign.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Decimal | Self::Hexadecimal | Self::Binary | Self::Float)
    }
}
