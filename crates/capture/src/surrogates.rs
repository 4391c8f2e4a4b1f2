//! Repairs text whose JSON escapes name half a character.
//!
//! `"\ud83d"` is half of an emoji: JavaScript makes it when it cuts a string in two. JSON allows it, Rust strings
//! do not, so it becomes U+FFFD before anything parses the text. The repaired escape has the same length.

use std::borrow::Cow;

const REPLACEMENT: &[u8; 4] = b"fffd";

/// `text` with every escape of an unpaired surrogate replaced by `\ufffd`. Text without any is not copied.
///
/// Cost: one vectorised search. Escapes are told from escaped backslashes, also in text that is not valid JSON.
pub(crate) fn repaired(text: Cow<'_, str>) -> Cow<'_, str> {
    let lone = lone_surrogates(text.as_bytes());
    if lone.is_empty() {
        return text;
    }
    let mut bytes = text.into_owned().into_bytes();
    for at in lone {
        if let Some(digits) = bytes.get_mut(at + 2..at + 6) {
            digits.copy_from_slice(REPLACEMENT);
        }
    }
    Cow::Owned(String::from_utf8(bytes).expect("ASCII digits were replaced by ASCII digits"))
}

/// Where the escapes of unpaired surrogates start.
fn lone_surrogates(text: &[u8]) -> Vec<usize> {
    let mut lone = Vec::new();
    let mut paired_until = 0;
    for at in memchr::memmem::find_iter(text, b"\\u") {
        if at < paired_until || !matches!(text.get(at + 2), Some(b'd' | b'D')) || is_escaped(text, at) {
            continue;
        }
        match surrogate(text, at) {
            Some(Half::High) if surrogate(text, at + 6) == Some(Half::Low) => paired_until = at + 12,
            Some(_) => lone.push(at),
            None => {}
        }
    }
    lone
}

#[derive(Debug, PartialEq)]
enum Half {
    High,
    Low,
}

/// Which half the escape at `at` names, if it is an escape of a surrogate.
fn surrogate(text: &[u8], at: usize) -> Option<Half> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    match u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

/// Whether the backslash at `at` is itself escaped: an odd number of backslashes stand before it.
fn is_escaped(text: &[u8], at: usize) -> bool {
    text.get(..at).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests;
