//! One token at a time, in each mode.

use crate::error::SyntaxError;

use super::{Keyword, Kind, Lexer, Mode, Step, literal};

impl Lexer<'_> {
    pub(super) fn code(&mut self) -> Step {
        let Some(byte) = self.peek(0) else { return Ok(()) };
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {
                self.at += 1;
                Ok(())
            }
            b'#' => self.line_comment(),
            b'-' if self.peek(1) == Some(b'-') => self.line_comment(),
            b'/' if self.peek(1) == Some(b'/') => self.line_comment(),
            b'/' if self.peek(1) == Some(b'*') => self.block_comment(),
            b'\'' => self.quoted(Kind::String, byte, "string"),
            b'"' | b'`' => self.quoted(Kind::QuotedName, byte, "quoted name"),
            b'f' if self.peek(1) == Some(b'\'') => {
                self.modes.push(Mode::Template { ends_at_quote: true });
                self.advance(Kind::TemplateOpen, 2)
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) && !self.after_operand() => self.number(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' => self.word(),
            b'{' => {
                self.modes.push(Mode::Braces);
                self.advance(Kind::OpenBrace, 1)
            }
            b'}' => {
                if self.mode() == Mode::Braces {
                    self.modes.pop();
                }
                self.advance(Kind::CloseBrace, 1)
            }
            b'<' if self.opens_tag() => {
                self.modes.push(Mode::TagHead { closing: false });
                self.advance(Kind::TagOpen, 1)
            }
            _ => self.symbol(),
        }
    }

    fn after_operand(&self) -> bool {
        self.last_kind().is_some_and(Kind::ends_operand)
    }

    /// Whether the `<` at hand opens a tag: an operand may start here, and a name follows.
    fn opens_tag(&self) -> bool {
        let name = self.rest().get(1..).unwrap_or_default().trim_start();
        !self.after_operand() && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
    }

    fn line_comment(&mut self) -> Step {
        self.at += self.rest().find('\n').unwrap_or_else(|| self.rest().len());
        Ok(())
    }

    fn block_comment(&mut self) -> Step {
        match self.rest().get(2..).unwrap_or_default().find("*/") {
            Some(length) => {
                self.at += length + 4;
                Ok(())
            }
            None => self.error("unterminated comment", self.at, self.at + 2),
        }
    }

    /// A text between quotes; a doubled quote and a backslash keep it open.
    fn quoted(&mut self, kind: Kind, quote: u8, what: &str) -> Step {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        loop {
            match bytes.get(at) {
                None => return self.error(format!("unterminated {what}"), start, start + 1),
                Some(b'\\') => {
                    let length = literal::escape_length(bytes.get(at + 1..).unwrap_or_default(), quote);
                    if length == 0 {
                        return self.unknown_escape(at);
                    }
                    at += 1 + length;
                }
                Some(byte) if *byte == quote => {
                    if bytes.get(at + 1) != Some(&quote) {
                        self.at = at + 1;
                        self.push(kind, start);
                        return Ok(());
                    }
                    at += 2;
                }
                Some(_) => at += 1,
            }
        }
    }

    fn unknown_escape(&self, at: usize) -> Step {
        let escaped = self.text.get(at + 1..).and_then(|rest| rest.chars().next());
        let length = escaped.map_or(0, char::len_utf8);
        let shown = escaped.map(String::from).unwrap_or_default();
        self.error(format!("unknown escape `\\{shown}`"), at, at + 1 + length)
            .map_err(|error: Box<SyntaxError>| error.hinted(format!("a backslash itself is written `\\\\{shown}`")))
    }

    fn number(&mut self) -> Step {
        let after_dot = matches!(self.last_kind(), Some(Kind::Dot | Kind::NullDot));
        let scanned = literal::scan_number(self.rest().as_bytes(), after_dot);
        let end = self.at + scanned.bytes;
        let glued = self.text.get(end..).unwrap_or_default();
        let glued =
            glued.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')).count();
        if glued > 0 {
            let written = self.text.get(self.at..end + glued).unwrap_or_default();
            let lower = written.to_ascii_lowercase();
            let message = if lower.starts_with("0o") {
                format!(
                    "HogQL does not support `0o`-prefixed octal integer literals; got `{lower}`. \
                     Use a plain decimal literal instead."
                )
            } else {
                format!("`{}` is not a number", literal::shortened(written))
            };
            return self.error(message, self.at, end + glued);
        }
        self.advance(scanned.kind, scanned.bytes)
    }

    fn word(&mut self) -> Step {
        let rest = self.rest();
        let length =
            rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')).count();
        let keyword = Keyword::of(rest.get(..length).unwrap_or_default());
        self.advance(Kind::Word(keyword), length)
    }

    fn symbol(&mut self) -> Step {
        // Longer symbols first.
        const SYMBOLS: &[(&str, Kind)] = &[
            ("<=>", Kind::NullSafeEq),
            ("=~*", Kind::IRegex),
            ("!~*", Kind::NotIRegex),
            ("->", Kind::Arrow),
            ("::", Kind::DoubleColon),
            (":=", Kind::ColonEq),
            ("?.", Kind::NullDot),
            ("??", Kind::NullCoalesce),
            ("==", Kind::Eq),
            ("=~", Kind::Regex),
            ("!=", Kind::NotEq),
            ("!~", Kind::NotRegex),
            ("<>", Kind::NotEq),
            ("<=", Kind::LessEq),
            (">=", Kind::GreaterEq),
            ("~*", Kind::IRegex),
            ("||", Kind::Concat),
            ("(", Kind::OpenParen),
            (")", Kind::CloseParen),
            ("[", Kind::OpenBracket),
            ("]", Kind::CloseBracket),
            (",", Kind::Comma),
            (".", Kind::Dot),
            (":", Kind::Colon),
            (";", Kind::Semicolon),
            ("?", Kind::Question),
            ("+", Kind::Plus),
            ("-", Kind::Minus),
            ("*", Kind::Star),
            ("/", Kind::Slash),
            ("%", Kind::Percent),
            ("=", Kind::Eq),
            ("<", Kind::Less),
            (">", Kind::Greater),
            ("~", Kind::Regex),
        ];
        let rest = self.rest();
        match SYMBOLS.iter().find(|(symbol, _)| rest.starts_with(symbol)) {
            Some((symbol, kind)) => self.advance(*kind, symbol.len()),
            None => self.unexpected_character(),
        }
    }

    fn unexpected_character(&self) -> Step {
        let Some(character) = self.rest().chars().next() else { return Ok(()) };
        let code = u32::from(character);
        let message = if character.is_ascii_graphic() {
            format!("Unexpected character '{character}' (U+{code:04X})")
        } else {
            format!("Unexpected character U+{code:04X}")
        };
        let hint = match character {
            '!' => "negation is written `NOT a`",
            '&' => "both conditions: `a AND b`",
            '|' => "one of two conditions: `a OR b`; joined texts: `a || b`",
            '@' => "a value from outside is written `{name}`",
            _ if !character.is_ascii() => "a name with such characters must be quoted: `` `é` ``",
            _ => return self.error(message, self.at, self.at + character.len_utf8()),
        };
        self.error(message, self.at, self.at + character.len_utf8())
            .map_err(|error: Box<SyntaxError>| error.hinted(hint))
    }

    pub(super) fn template(&mut self) -> Step {
        let ends_at_quote = self.mode() == (Mode::Template { ends_at_quote: true });
        let start = self.at;
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                None if ends_at_quote => return self.error("unterminated template string", start, start),
                Some(b'\'') if ends_at_quote && self.peek(1) != Some(b'\'') => {
                    self.template_text(start);
                    self.modes.pop();
                    return self.advance(Kind::TemplateClose, 1);
                }
                Some(b'\'') if ends_at_quote => self.at += 2,
                Some(b'{') => {
                    self.template_text(start);
                    self.modes.push(Mode::Braces);
                    return self.advance(Kind::OpenBrace, 1);
                }
                Some(b'\\') => {
                    let length = literal::escape_length(bytes.get(self.at + 1..).unwrap_or_default(), b'{');
                    if length == 0 {
                        return self.unknown_escape(self.at);
                    }
                    self.at += 1 + length;
                }
                None => {
                    self.template_text(start);
                    return Ok(());
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn template_text(&mut self, start: usize) {
        if self.at > start {
            self.push(Kind::TemplateText, start);
        }
    }

    pub(super) fn tag_head(&mut self) -> Step {
        let Some(byte) = self.peek(0) else { return Ok(()) };
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {
                self.at += 1;
                Ok(())
            }
            b'>' => {
                let closing = self.mode() == (Mode::TagHead { closing: true });
                self.modes.pop();
                if closing {
                    self.modes.pop(); // the body
                } else {
                    self.modes.push(Mode::TagBody);
                }
                self.advance(Kind::TagEnd, 1)
            }
            b'/' if self.peek(1) == Some(b'>') => {
                self.modes.pop();
                self.advance(Kind::TagSelfEnd, 2)
            }
            b'=' => self.advance(Kind::Eq, 1),
            b'{' => {
                self.modes.push(Mode::Braces);
                self.advance(Kind::OpenBrace, 1)
            }
            b'\'' => self.quoted(Kind::String, byte, "string"),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' => {
                let name = self.rest().bytes();
                let length = name.take_while(|byte| byte.is_ascii_alphanumeric() || b"_$-".contains(byte)).count();
                self.advance(Kind::Word(Keyword::None), length)
            }
            _ => self.unexpected_character_in_tag(),
        }
    }

    fn unexpected_character_in_tag(&self) -> Step {
        let character = self.rest().chars().next().unwrap_or_default();
        let code = u32::from(character);
        let message = format!("Unexpected character '{character}' (U+{code:04X})");
        self.error(message, self.at, self.at + character.len_utf8()).map_err(|error: Box<SyntaxError>| {
            error.hinted("a tag's attribute is written `name={value}` or `name='text'`")
        })
    }

    pub(super) fn tag_body(&mut self) -> Step {
        let start = self.at;
        let length = self.rest().find(['<', '{']).unwrap_or_else(|| self.rest().len());
        if length > 0 {
            self.at += length;
            self.push(Kind::TagText, start);
        }
        match (self.peek(0), self.peek(1)) {
            (Some(b'{'), _) => {
                self.modes.push(Mode::Braces);
                self.advance(Kind::OpenBrace, 1)
            }
            (Some(b'<'), Some(b'/')) => {
                self.modes.push(Mode::TagHead { closing: true });
                self.advance(Kind::TagCloseOpen, 2)
            }
            (Some(b'<'), Some(next)) if next.is_ascii_alphabetic() || next == b'_' => {
                self.modes.push(Mode::TagHead { closing: false });
                self.advance(Kind::TagOpen, 1)
            }
            (Some(_), _) => self.unexpected_character_in_tag(),
            (None, _) => Ok(()),
        }
    }
}
