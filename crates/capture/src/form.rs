//! `application/x-www-form-urlencoded` text, as it appears in query strings and in form bodies.
//!
//! Nothing here fails: what cannot be read is not there, because a bad parameter must not cost an event (D3).

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The first value of the field `name`, with percent escapes and `+` decoded.
pub(crate) fn field<'a>(encoded: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    encoded.split(|byte| *byte == b'&').find_map(|pair| {
        let (key, value) = match memchr::memchr(b'=', pair) {
            Some(at) => (pair.get(..at)?, pair.get(at + 1..)?),
            None => (pair, &[][..]),
        };
        (*decoded(key) == *name.as_bytes()).then(|| decoded(value))
    })
}

/// The first value of the field `name` when it is an integer.
pub(crate) fn integer(query: &str, name: &str) -> Option<i64> {
    std::str::from_utf8(&field(query.as_bytes(), name)?).ok()?.parse().ok()
}

fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'+', b'%', text).is_none() {
        return Cow::Borrowed(text);
    }
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

#[cfg(test)]
mod tests;
