//! Writes text as JSON strings have it.

use super::reader::special_bytes;
use crate::is_plain;

/// Bytes of text that are looked at together.
const CHUNK: usize = 64;
/// Bytes that the escape of one byte takes at most: `\u001f`.
const ESCAPE: usize = 6;

/// Appends `text` to `out` as a quoted JSON string.
pub fn write_json_string(out: &mut String, text: &str) {
    out.push('"');
    write_json_escaped(out, text);
    out.push('"');
}

/// Appends `text` to `out` as it reads between the quotes of a JSON string.
///
/// Most that needs escapes is JSON itself, where a quote stands every few bytes: then a step for each byte, without a
/// decision, costs a quarter of looking for the next quote and copying what is before it.
pub fn write_json_escaped(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    out.reserve(text.len() + text.len() / 8);
    let mut escaped = [0; CHUNK * ESCAPE];
    let mut rest = text;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.floor_char_boundary(CHUNK));
        let length = escape(chunk.as_bytes(), &mut escaped);
        let escaped = str::from_utf8(&escaped[..length]).expect("escapes are put between characters, not into them");
        out.push_str(escaped);
        rest = after;
    }
}

/// Writes `bytes`, a chunk of them at most, to the begin of `out`; returns how many they are there.
fn escape(bytes: &[u8], out: &mut [u8; CHUNK * ESCAPE]) -> usize {
    let mut at = 0;
    let (words, last) = bytes.as_chunks::<8>();
    for word in words {
        if special_bytes(u64::from_le_bytes(*word)) == 0 {
            out[at..at + 8].copy_from_slice(word);
            at += 8;
        } else {
            word.iter().for_each(|byte| at += escape_byte(*byte, &mut out[at..]));
        }
    }
    last.iter().for_each(|byte| at += escape_byte(*byte, &mut out[at..]));
    at
}

fn escape_byte(byte: u8, out: &mut [u8]) -> usize {
    if byte < b' ' {
        return escape_control(byte, out);
    }
    let is_escaped = usize::from((byte == b'"') | (byte == b'\\'));
    out[0] = b'\\';
    out[is_escaped] = byte;
    is_escaped + 1
}

#[cold]
fn escape_control(byte: u8, out: &mut [u8]) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        _ => {
            let digit = |nibble: u8| HEX[usize::from(nibble)];
            out[..ESCAPE].copy_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return ESCAPE;
        }
    };
    out[..2].copy_from_slice(&[b'\\', short]);
    2
}
