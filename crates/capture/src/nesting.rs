//! How deep JSON text is nested.
//!
//! Values are kept as text without being looked into, so nothing here stops at a depth by itself; parsers that read
//! the stored text later do, most of them at 128 levels. The question is therefore answered once, at the door.

/// Whether the JSON value `text` has more than `levels` levels of objects and arrays, itself included.
///
/// `text` is valid JSON. A value with few brackets cannot be deep, and counting brackets costs next to nothing; only
/// what has many is read with strings told from structure.
pub(crate) fn exceeds(text: &str, levels: usize) -> bool {
    brackets(text.as_bytes()) > levels && depth(text.as_bytes()) > levels
}

/// Opening brackets, those inside strings included. `[` and `{` differ in one bit.
///
/// Counting in bytes that cannot overflow lets the compiler do a whole register at once, which is ten times faster.
fn brackets(text: &[u8]) -> usize {
    let in_chunk = |chunk: &[u8]| chunk.iter().fold(0_u8, |n, byte| n.wrapping_add(u8::from(byte | 0x20 == b'{')));
    text.chunks(usize::from(u8::MAX)).map(|chunk| usize::from(in_chunk(chunk))).sum()
}

fn depth(mut text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    while let Some((byte, rest)) = text.split_first() {
        text = rest;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => text = after_string(rest),
            _ => {}
        }
    }
    deepest
}

/// What follows the string whose opening quote has just been read.
fn after_string(mut text: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', text) {
        let escape = text.get(at) == Some(&b'\\');
        text = text.get(at + 1 + usize::from(escape)..).unwrap_or_default();
        if !escape {
            return text;
        }
    }
    &[]
}

#[cfg(test)]
mod tests;
