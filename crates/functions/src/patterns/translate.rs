//! A pattern of RE2 in the words of the `regex` crate.
//!
//! Both agree on nearly everything. They differ in classes such as `\d`, which are ASCII in RE2; in brackets, where RE2 knows
//! no nested classes and no operators; in braces that count nothing; and in `\Q…\E`, `\C` and `\<`.

use std::fmt::Write as _;

/// Rewrites `pattern`; what is wrong in it stays wrong.
pub(super) fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('Q') => quoted(&mut out, pattern, &mut chars),
                Some(c) => {
                    escape(&mut out, c, false);
                    if matches!(c, 'p' | 'P' | 'x') {
                        braces(&mut out, &mut chars);
                    }
                }
                None => out.push('\\'),
            },
            '[' => bracket(&mut out, pattern, &mut chars),
            '{' if !counts(pattern.get(at..).unwrap_or_default()) => out.push_str("\\{"),
            c => out.push(c),
        }
    }
    out
}

type Chars<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

/// `\Q…\E`: everything in between stands for itself.
fn quoted(out: &mut String, pattern: &str, chars: &mut Chars<'_>) {
    let Some(start) = chars.peek().map(|(at, _)| *at) else { return };
    let rest = pattern.get(start..).unwrap_or_default();
    let length = rest.find("\\E").unwrap_or(rest.len());
    out.push_str(&regex::escape(rest.get(..length).unwrap_or_default()));
    while chars.next_if(|(at, _)| *at < start + length + 2).is_some() {}
}

/// An escape, within brackets or outside.
fn escape(out: &mut String, c: char, inside: bool) {
    let class = match c {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => "\\t\\n\\f\\r ",
        'D' => return out.push_str("[^0-9]"),
        'W' => return out.push_str("[^0-9A-Za-z_]"),
        'S' => return out.push_str("[^\\t\\n\\f\\r ]"),
        'b' if !inside => return out.push_str("(?-u:\\b)"),
        // Not a boundary of ASCII words: spelled so that it never lies within a character.
        'B' if !inside => return out.push_str("(?:\\B)"),
        'C' if !inside => return out.push('.'),
        '<' | '>' => return out.push(c),
        c => {
            write!(out, "\\{c}").unwrap_or_default();
            return;
        }
    };
    if inside {
        out.push_str(class);
    } else {
        write!(out, "[{class}]").unwrap_or_default();
    }
}

/// The braces of `\p{Greek}`, as they are.
fn braces(out: &mut String, chars: &mut Chars<'_>) {
    if chars.peek().is_some_and(|(_, c)| *c == '{') {
        for (_, c) in chars.by_ref() {
            out.push(c);
            if c == '}' {
                return;
            }
        }
    }
}

/// A class in brackets, from after the opening one.
fn bracket(out: &mut String, pattern: &str, chars: &mut Chars<'_>) {
    out.push('[');
    if chars.next_if(|(_, c)| *c == '^').is_some() {
        out.push('^');
    }
    // A closing bracket that comes first is a character.
    if chars.next_if(|(_, c)| *c == ']').is_some() {
        out.push_str("\\]");
    }
    while let Some((place, c)) = chars.next() {
        match c {
            ']' => {
                out.push(']');
                return;
            }
            '\\' => match chars.next().map(|(_, c)| c) {
                Some(c) => escape(out, c, true),
                None => out.push('\\'),
            },
            '[' if pattern.get(place..).is_some_and(|rest| rest.starts_with("[:")) => {
                let rest = pattern.get(place..).unwrap_or_default();
                let Some(length) = rest.find(":]") else {
                    out.push_str("\\[");
                    continue;
                };
                out.push_str(rest.get(..length + 2).unwrap_or_default());
                while chars.next_if(|(at, _)| *at < place + length + 2).is_some() {}
            }
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
}

/// Whether what begins with `{` is a count.
fn counts(rest: &str) -> bool {
    let Some(inner) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(inner, _)| inner) else {
        return false;
    };
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    !least.is_empty() && least.bytes().chain(most.bytes()).all(|byte| byte.is_ascii_digit())
}
