//! Text as numbers, dates, uuids and truth values.

use crate::zone::{civil, days, days_in_month};

/// An optional sign and digits, nothing else. What does not fit wraps round, or is no number if `exact`.
pub(super) fn integer(text: &str, signed: bool, exact: bool) -> Option<i128> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes.first()? {
        b'-' if signed => (true, bytes.get(1..)?),
        b'+' => (false, bytes.get(1..)?),
        _ => (false, bytes),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        let next = value.checked_mul(10).and_then(|value| value.checked_add(i128::from(digit - b'0')));
        value = match next {
            Some(next) => next,
            None if exact => return None,
            None => value.wrapping_mul(10).wrapping_add(i128::from(digit - b'0')),
        };
    }
    Some(if negative { value.wrapping_neg() } else { value })
}

/// A float; without spaces, and with `inf` and `nan`.
pub(super) fn float(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// Digits, perhaps a point, perhaps an exponent, cut to `scale` digits after the point.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.abs() < 1_000)?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let shift = i32::from(scale) + exponent - i32::try_from(fraction.len()).ok()?;
    let power = 10i128.checked_pow(shift.unsigned_abs());
    let value = if shift >= 0 { value.checked_mul(power?)? } else { power.map_or(0, |power| value / power) };
    let limit = decimal_limit(precision);
    (value < limit).then_some(if negative { -value } else { value })
}

/// Digits are limited by the integer that keeps them, not by the precision.
pub(super) fn decimal_limit(precision: u8) -> i128 {
    match precision {
        ..=9 => i128::from(i32::MAX),
        10..=18 => i128::from(i64::MAX),
        _ => i128::MAX,
    }
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" | "enable" | "enabled" => Some(true),
        "0" | "false" | "f" | "no" | "n" | "off" | "disable" | "disabled" => Some(false),
        _ => None,
    }
}

/// 36 characters with hyphens, or 32 without.
pub(super) fn uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 && text.len() != 32 {
        return None;
    }
    uuid::Uuid::try_parse(text).ok().map(uuid::Uuid::into_bytes)
}

/// Days since the epoch of `YYYY-MM-DD` or `YYYYMMDD`; a time after it is ignored.
pub(super) fn date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut number = |least: usize, most: usize| -> Option<i64> {
        let mut value = 0;
        let start = at;
        while at - start < most && bytes.get(at).is_some_and(u8::is_ascii_digit) {
            value = value * 10 + i64::from(bytes.get(at)? - b'0');
            at += 1;
        }
        (at - start >= least).then_some((value, at)).map(|(value, _)| value)
    };
    let year = number(4, 4)?;
    let separated = bytes.get(4).is_some_and(|byte| !byte.is_ascii_digit());
    let (month, day, end) = if separated {
        let mut rest = text.get(5..)?.splitn(2, |c: char| !c.is_ascii_digit());
        let month = rest.next()?;
        let day: String = rest.next()?.chars().take(2).take_while(char::is_ascii_digit).collect();
        let end = 5 + month.len() + 1 + day.len();
        if month.is_empty() || month.len() > 2 {
            return None;
        }
        (month.parse().ok()?, day.parse().ok()?, end)
    } else {
        (text.get(4..6)?.parse().ok()?, text.get(6..8)?.parse().ok()?, 8)
    };
    let exists = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    (exists && is_time_or_nothing(bytes.get(end..)?)).then(|| days(year, month, day))
}

/// Nothing, or ` hh:mm:ss` with an optional fraction.
fn is_time_or_nothing(rest: &[u8]) -> bool {
    let Some((separator, time)) = rest.split_first() else { return true };
    let shape = |(at, byte): (usize, &u8)| if at == 2 || at == 5 { *byte == b':' } else { byte.is_ascii_digit() };
    let (Some(time), fraction) = (time.get(..8), time.get(8..).unwrap_or_default()) else { return false };
    let fraction = match fraction.split_first() {
        None => true,
        Some((b'.', digits)) => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    matches!(separator, b' ' | b'T') && time.iter().enumerate().all(shape) && fraction
}

/// Nanoseconds may be asked of a year before 1970, so the year is needed of a time alone.
pub(super) fn year_of(day: i64) -> i64 {
    civil(day).year
}
