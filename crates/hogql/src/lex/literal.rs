//! Numbers and escapes: where they end, and what they mean.

use crate::ast::Constant;

use super::Kind;

/// A number's kind and length.
pub(super) struct Number {
    pub(super) kind: Kind,
    pub(super) bytes: usize,
}

/// The number that `text` starts with. After a dot only plain digits count: `a.1.2` is two steps into a tuple.
pub(super) fn scan_number(text: &[u8], after_dot: bool) -> Number {
    let whole = digits(text, 0, u8::is_ascii_digit);
    if after_dot {
        return Number { kind: Kind::Decimal, bytes: whole };
    }
    if let Some(prefixed) = scan_prefixed(text) {
        return prefixed;
    }
    let mut end = whole;
    if text.get(end) == Some(&b'.') && !starts_name_after_dot(text, end) {
        end += 1;
        end += digits(text, end, u8::is_ascii_digit);
    }
    end += exponent(text, end);
    let kind = if end == whole { Kind::Decimal } else { Kind::Float };
    Number { kind, bytes: end }
}

fn scan_prefixed(text: &[u8]) -> Option<Number> {
    let (kind, is_digit): (Kind, fn(&u8) -> bool) = match text {
        [b'0', b'x' | b'X', ..] => (Kind::Hexadecimal, u8::is_ascii_hexdigit),
        [b'0', b'b' | b'B', ..] => (Kind::Binary, |byte| matches!(byte, b'0' | b'1')),
        _ => return None,
    };
    let length = digits(text, 2, is_digit);
    (length > 0).then_some(Number { kind, bytes: 2 + length })
}

/// Whether what follows the point is the name of a field, as in `1.a`, and not an exponent, as in `1.e3`.
fn starts_name_after_dot(text: &[u8], dot: usize) -> bool {
    let first = text.get(dot + 1).copied().unwrap_or(b' ');
    (first.is_ascii_alphabetic() || matches!(first, b'_' | b'$' | b'"' | b'`')) && exponent(text, dot + 1) == 0
}

fn exponent(text: &[u8], at: usize) -> usize {
    let sign = match (text.get(at), text.get(at + 1)) {
        (Some(b'e' | b'E'), Some(b'+' | b'-')) => 2,
        (Some(b'e' | b'E'), Some(_)) => 1,
        _ => return 0,
    };
    match digits(text, at + sign, u8::is_ascii_digit) {
        0 => 0,
        length => sign + length,
    }
}

fn digits(text: &[u8], from: usize, is_digit: impl Fn(&u8) -> bool) -> usize {
    text.get(from..).unwrap_or_default().iter().take_while(|byte| is_digit(byte)).count()
}

/// How many bytes after a backslash belong to the escape: 0 if it is none. `extra` is the one further character that
/// may be escaped, the quote of a quoted text and the brace of a template.
pub(super) fn escape_length(after: &[u8], extra: u8) -> usize {
    match after {
        [b'b' | b'f' | b'n' | b'r' | b't' | b'0' | b'a' | b'v' | b'\\' | b'\'', ..] => 1,
        [b'}', ..] if extra == b'{' => 1,
        [first, ..] if *first == extra => 1,
        [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => 3,
        _ => 0,
    }
}

/// The meaning of a quoted text or name, quotes included.
pub(crate) fn unquote(written: &str) -> String {
    let mut inner = written.chars();
    let quote = inner.next();
    inner.next_back();
    unescape(inner.as_str(), quote)
}

/// The meaning of a template's text.
pub(crate) fn unescape_template(written: &str, quoted: bool) -> String {
    unescape(written, quoted.then_some('\''))
}

fn unescape(written: &str, quote: Option<char>) -> String {
    let mut text = String::with_capacity(written.len());
    let mut characters = written.chars();
    while let Some(character) = characters.next() {
        if Some(character) == quote {
            characters.next(); // a doubled quote
            text.push(character);
        } else if character == '\\' {
            match characters.next() {
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                Some('a') => text.push('\u{7}'),
                Some('v') => text.push('\u{b}'),
                Some('x') => text.push_str("\\x"), // accepted, and left as it is
                Some(other) => text.push(other),
                None => text.push('\\'),
            }
        } else {
            text.push(character);
        }
    }
    text
}

/// The value of a number without a sign, or with a minus sign that stood before it. `None` for one that is too long.
pub(crate) fn number(written: &str, kind: Kind, negative: bool) -> Option<Constant> {
    let sign = if negative { "-" } else { "" };
    match kind {
        Kind::Hexadecimal => radix(written, 16, negative),
        Kind::Binary => radix(written, 2, negative),
        Kind::Float => format!("{sign}{written}").parse().ok().map(Constant::Float),
        _ => {
            let significant = written.trim_start_matches('0');
            let digits = if significant.is_empty() { "0" } else { significant };
            Some(whole(format!("{sign}{digits}")))
        }
    }
}

fn radix(written: &str, radix: u32, negative: bool) -> Option<Constant> {
    let value = u64::from_str_radix(written.get(2..)?, radix).ok()?;
    let sign = if negative { "-" } else { "" };
    Some(whole(format!("{sign}{value}")))
}

fn whole(digits: String) -> Constant {
    match digits.parse() {
        Ok(value) => Constant::Int(value),
        Err(_) => Constant::BigInt(digits),
    }
}

/// The start of a text for a message.
pub(crate) fn shortened(text: &str) -> String {
    const CHARS: usize = 40;
    match text.char_indices().nth(CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
