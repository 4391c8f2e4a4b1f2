//! Unpacks `lz-string` text, the compression that browsers without `CompressionStream` used.
//!
//! A stream of 6-bit base64 digits, most significant bit first, holds codes of a growing width, least significant bit
//! first. A code is a new character (0: 8 bits, 1: 16 bits), the end (2), or an entry of a dictionary in which each
//! entry is the previous phrase and one more character.
//!
//! Such a phrase always stands in the output already, next to its last character, so an entry is a span of the output.
//! That keeps memory linear in the output, which a dictionary of copied phrases does not: a hostile stream makes it
//! grow with the square. The output itself stops at a limit.

/// What is wrong with packed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LzStringError {
    /// Not `lz-string`, or cut off.
    Invalid,
    /// It unpacks to more than the limit.
    TooLarge,
}

const CODE_8_BITS: u32 = 0;
const CODE_16_BITS: u32 = 1;
const CODE_END: u32 = 2;
/// Codes from here on name dictionary entries.
const CODE_FIRST_ENTRY: usize = 3;

/// Unpacks the base64 form of `lz-string`. Unpaired surrogates become U+FFFD.
///
/// # Errors
///
/// Stops as soon as the text is longer than `limit_bytes`.
pub(crate) fn decode(packed: &[u8], limit_bytes: usize) -> Result<String, LzStringError> {
    let units = decode_units(packed, limit_bytes)?;
    let mut text = String::with_capacity(units.len());
    for unit in char::decode_utf16(units) {
        text.push(unit.unwrap_or(char::REPLACEMENT_CHARACTER));
        if text.len() > limit_bytes {
            return Err(LzStringError::TooLarge);
        }
    }
    Ok(text)
}

/// A phrase: where it stands in the output.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    len: usize,
}

fn decode_units(packed: &[u8], limit: usize) -> Result<Vec<u16>, LzStringError> {
    let mut bits = Bits { digits: packed.iter(), digit: 0, left: 0 };
    let mut output: Vec<u16> = Vec::new();
    let mut entries: Vec<Span> = Vec::new();
    let mut width = Width { bits: 2, room: 1 };
    let mut previous: Option<Span> = None;
    loop {
        let code = bits.read(width.bits)?;
        let start = output.len();
        match code {
            CODE_END => return Ok(output),
            CODE_8_BITS | CODE_16_BITS => {
                let unit = bits.read(if code == CODE_8_BITS { 8 } else { 16 })?;
                output.push(u16::try_from(unit).map_err(|_| LzStringError::Invalid)?);
                entries.push(Span { start, len: 1 });
                width.use_one();
            }
            _ => copy_phrase(&mut output, &entries, previous, code, limit)?,
        }
        if output.len() > limit {
            return Err(LzStringError::TooLarge);
        }
        if let Some(Span { start, len }) = previous {
            entries.push(Span { start, len: len + 1 });
            width.use_one();
        }
        previous = Some(Span { start, len: output.len() - start });
    }
}

/// Appends the phrase that `code` names. The entry about to be made may be named too: it is the previous phrase,
/// followed by its own first character.
fn copy_phrase(
    output: &mut Vec<u16>,
    entries: &[Span],
    previous: Option<Span>,
    code: u32,
    limit: usize,
) -> Result<(), LzStringError> {
    let entry = usize::try_from(code).ok().and_then(|code| code.checked_sub(CODE_FIRST_ENTRY));
    let entry = entry.ok_or(LzStringError::Invalid)?;
    let (span, repeat_first) = match entries.get(entry) {
        Some(span) => (*span, false),
        None if entry == entries.len() => (previous.ok_or(LzStringError::Invalid)?, true),
        None => return Err(LzStringError::Invalid),
    };
    if output.len() + span.len > limit {
        return Err(LzStringError::TooLarge);
    }
    output.extend_from_within(span.start..span.start + span.len);
    if repeat_first {
        output.extend_from_within(span.start..=span.start);
    }
    Ok(())
}

/// Width of the next code, and how many entries may be made before codes get one bit wider.
struct Width {
    bits: u32,
    room: u64,
}

impl Width {
    fn use_one(&mut self) {
        self.room -= 1;
        if self.room == 0 {
            self.room = 1 << self.bits;
            self.bits += 1;
        }
    }
}

struct Bits<'a> {
    digits: std::slice::Iter<'a, u8>,
    digit: u32,
    left: u32,
}

impl Bits<'_> {
    fn read(&mut self, count: u32) -> Result<u32, LzStringError> {
        let mut value = 0;
        for place in 0..count {
            if self.left == 0 {
                self.digit = self.digits.next().and_then(|digit| base64_digit(*digit)).ok_or(LzStringError::Invalid)?;
                self.left = 6;
            }
            self.left -= 1;
            value |= ((self.digit >> self.left) & 1) << place;
        }
        Ok(value)
    }
}

fn base64_digit(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests;
