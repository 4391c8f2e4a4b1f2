//! Names and texts, quoted where they must be.

use crate::ast::Ident;
use crate::lex::Keyword;

use super::Printer;

impl Printer {
    /// A name where an expression may stand: any word that could be taken for a part of the grammar is quoted.
    pub(super) fn name(&mut self, ident: &Ident) {
        let quoted = !is_word(&ident.name) || !is_plain(Keyword::of(&ident.name));
        self.name_or_quoted(&ident.name, quoted);
    }

    /// A name after a dot, where all words but the reserved ones are names.
    pub(super) fn step(&mut self, ident: &Ident) {
        let quoted = !is_word(&ident.name) || Keyword::of(&ident.name).is_reserved();
        self.name_or_quoted(&ident.name, quoted);
    }

    /// A name before the parenthesis of a call.
    pub(super) fn function(&mut self, ident: &Ident) {
        let keyword = Keyword::of(&ident.name);
        let quoted = !is_word(&ident.name)
            || keyword.is_reserved()
            || matches!(
                keyword,
                Keyword::Select
                    | Keyword::With
                    | Keyword::Distinct
                    | Keyword::Columns
                    | Keyword::On
                    | Keyword::Values
                    | Keyword::Rollup
                    | Keyword::Cube
                    | Keyword::Cast
                    | Keyword::TryCast
            );
        self.name_or_quoted(&ident.name, quoted);
    }

    pub(super) fn dotted(&mut self, chain: &[Ident]) {
        for (index, part) in chain.iter().enumerate() {
            if index == 0 {
                self.name(part);
            } else {
                self.put(".");
                self.step(part);
            }
        }
    }

    pub(super) fn parenthesised_names(&mut self, names: &[Ident]) {
        self.put("(");
        self.separated(names, ", ", Self::name);
        self.put(")");
    }

    pub(super) fn name_or_quoted(&mut self, name: &str, quoted: bool) {
        if quoted { self.quoted(name, '`') } else { self.put(name) }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.quoted(text, '\'');
    }

    fn quoted(&mut self, text: &str, quote: char) {
        self.out.push(quote);
        for character in text.chars() {
            match character {
                '\\' => self.put("\\\\"),
                '\n' => self.put("\\n"),
                '\r' => self.put("\\r"),
                '\t' => self.put("\\t"),
                '\0' => self.put("\\0"),
                '\u{7}' => self.put("\\a"),
                '\u{8}' => self.put("\\b"),
                '\u{b}' => self.put("\\v"),
                '\u{c}' => self.put("\\f"),
                '\'' if quote == '\'' => self.put("\\'"),
                '`' if quote == '`' => self.put("``"),
                _ => self.out.push(character),
            }
        }
        self.out.push(quote);
    }
}

/// Whether a name needs no quotes for its characters.
fn is_word(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    name.bytes().next().is_some_and(letter) && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}

/// Whether a word is a name wherever an expression may stand.
pub(super) fn is_plain(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::None
            | Keyword::Date
            | Keyword::Timestamp
            | Keyword::Time
            | Keyword::Id
            | Keyword::Key
            | Keyword::Name
            | Keyword::First
            | Keyword::Last
    )
}
