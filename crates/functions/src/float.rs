//! Floats as ClickHouse prints them: the shortest digits that read back, with an exponent below 1e-6 and from 1e21.

use std::fmt::Write as _;

pub(crate) fn write_double(out: &mut String, value: f64) {
    if !special(out, value) {
        let mut digits = Small::default();
        write!(digits, "{:e}", value.abs()).unwrap_or_default();
        positional(out, digits.as_str());
    }
}

pub(crate) fn write_single(out: &mut String, value: f32) {
    if !special(out, f64::from(value)) {
        let mut digits = Small::default();
        write!(digits, "{:e}", value.abs()).unwrap_or_default();
        positional(out, digits.as_str());
    }
}

/// Writes the sign, and the value if it has no digits.
fn special(out: &mut String, value: f64) -> bool {
    if value.is_nan() {
        out.push_str("nan");
        return true;
    }
    if value.is_sign_negative() {
        out.push('-');
    }
    if value.is_infinite() {
        out.push_str("inf");
        return true;
    }
    // Most numbers in data are small and whole.
    #[expect(clippy::cast_possible_truncation, reason = "it was just compared")]
    if value.trunc() == value && value.abs() < 1e15 {
        write!(out, "{}", value.abs() as i64).unwrap_or_default();
        return true;
    }
    false
}

/// Writes what Rust spells `1.234e5` as 123400, or with an exponent if that is long.
fn positional(out: &mut String, scientific: &str) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = || mantissa.chars().filter(|c| *c != '.');
    let count = i32::try_from(digits().count()).unwrap_or(0);
    if !(-6..21).contains(&exponent) {
        write!(out, "{mantissa}e{exponent}").unwrap_or_default();
        return;
    }
    if exponent < 0 {
        out.push_str("0.");
        (1..-exponent).for_each(|_| out.push('0'));
        out.extend(digits());
        return;
    }
    for (at, digit) in digits().enumerate() {
        if i32::try_from(at).unwrap_or(0) == exponent + 1 {
            out.push('.');
        }
        out.push(digit);
    }
    (count..=exponent).for_each(|_| out.push('0'));
}

/// Text on the stack: the digits of a float are at most 25 bytes.
#[derive(Debug, Default)]
struct Small {
    bytes: [u8; 32],
    length: usize,
}

impl Small {
    fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl std::fmt::Write for Small {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        let Some(room) = self.bytes.get_mut(self.length..end) else { return Err(std::fmt::Error) };
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
