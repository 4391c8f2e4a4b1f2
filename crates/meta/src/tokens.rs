//! Project tokens and personal API keys: how they look, how they are made, how they are kept.

use env::Random;
use sha2::{Digest as _, Sha256};

use crate::error::MetaError;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 44 characters of 62: more than 256 bits.
const LENGTH: usize = 44;
const LENGTH_MAX: usize = 64;

/// A new token: `prefix` and over 256 random bits.
pub(crate) fn generate(prefix: &str, random: &Random) -> String {
    let mut token = String::from(prefix);
    let mut bytes = [0; 64];
    while token.len() < prefix.len() + LENGTH {
        random.fill(&mut bytes);
        // 248 is the largest multiple of 62 that fits a byte: beyond it the remainder would favour some letters.
        let letters = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        token.extend(letters.take(prefix.len() + LENGTH - token.len()));
    }
    token
}

/// Checks a token that somebody chose.
pub(crate) fn check(what: &'static str, prefix: &'static str, token: &str) -> Result<(), MetaError> {
    let sound = token.starts_with(prefix)
        && token.len() > prefix.len()
        && token.len() <= LENGTH_MAX
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if sound { Ok(()) } else { Err(MetaError::InvalidKey { what, prefix }) }
}

/// What is stored of a key. Unsalted, because keys are random and long.
pub(crate) fn hash(key: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256$");
    for byte in Sha256::digest(key.as_bytes()) {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

/// What is shown of a key afterwards: `phx_...abcd`.
pub(crate) fn mask(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    let (head, tail) = (letters.iter().take(4), letters.iter().skip(letters.len().saturating_sub(4)));
    head.chain("...".chars().collect::<Vec<_>>().iter()).chain(tail).collect()
}
