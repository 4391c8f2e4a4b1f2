//! Sizes, quantities and durations for people.

use std::fmt::Write as _;

use arrow::array::ArrayRef;

use crate::call::Call;
use crate::error::FunctionError;

/// `value` in the largest unit that leaves at least one, with two digits.
fn scaled(call: &Call<'_>, step: f64, units: &[&str]) -> Result<ArrayRef, FunctionError> {
    let values = call.floats(0)?;
    call.write_texts(|row, out| {
        let mut value = values.get(row);
        let mut unit = 0;
        while value.is_finite() && value.abs() >= step && unit + 1 < units.len() {
            value /= step;
            unit += 1;
        }
        if value.is_nan() {
            out.push_str("nan");
        } else {
            write!(out, "{value:.2}").unwrap_or_default();
        }
        out.push_str(units.get(unit).copied().unwrap_or_default());
        Ok(())
    })
}

pub(super) fn size(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    scaled(call, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB", " ZiB", " YiB"])
}

pub(super) fn decimal_size(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    scaled(call, 1000.0, &[" B", " KB", " MB", " GB", " TB", " PB", " EB", " ZB", " YB"])
}

pub(super) fn quantity(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let units = [
        "",
        " thousand",
        " million",
        " billion",
        " trillion",
        " quadrillion",
        " quintillion",
        " sextillion",
        " septillion",
    ];
    scaled(call, 1000.0, &units)
}

const UNITS: [(&str, f64); 9] = [
    ("year", 31_536_000.0),
    ("month", 2_635_200.0),
    ("day", 86_400.0),
    ("hour", 3_600.0),
    ("minute", 60.0),
    ("second", 1.0),
    ("millisecond", 1e-3),
    ("microsecond", 1e-6),
    ("nanosecond", 1e-9),
];

fn unit(name: &str) -> Result<usize, FunctionError> {
    let plural = |at: &usize| UNITS.get(*at).is_some_and(|(unit, _)| name.strip_suffix('s') == Some(unit));
    let wrong = || FunctionError::Argument(format!("formatReadableTimeDelta does not know the unit {name:?}"));
    (0..UNITS.len()).find(plural).ok_or_else(wrong)
}

/// `formatReadableTimeDelta(seconds[, largest unit[, smallest unit]])`.
pub(super) fn time_delta(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let values = call.floats(0)?;
    let largest = if call.has(1) { unit(call.constant_text(1)?)? } else { 0 };
    let smallest = if call.has(2) { unit(call.constant_text(2)?)? } else { 5.max(largest) };
    call.write_texts(|row, out| {
        write_delta(out, values.get(row), largest, smallest);
        Ok(())
    })
}

fn write_delta(out: &mut String, value: f64, largest: usize, smallest: usize) {
    if !value.is_finite() {
        crate::float::write_double(out, value);
        return;
    }
    if value < 0.0 {
        out.push_str("- ");
    }
    let mut rest = value.abs();
    let units = UNITS.get(largest..=smallest.min(UNITS.len() - 1)).unwrap_or_default();
    let mut parts: Vec<(f64, &str)> = Vec::new();
    for (at, (name, length)) in units.iter().enumerate() {
        let count = if *length < 1.0 { (rest / length).round() } else { (rest / length).floor() };
        let last = at + 1 == units.len();
        if count > 0.0 || (last && parts.is_empty()) {
            parts.push((count, name));
            rest = (rest - count * length).max(0.0);
        }
    }
    for (at, (count, name)) in parts.iter().enumerate() {
        if at > 0 {
            out.push_str(if at + 1 == parts.len() { " and " } else { ", " });
        }
        crate::float::write_double(out, *count);
        out.push(' ');
        out.push_str(name);
        if (*count - 1.0).abs() > f64::EPSILON {
            out.push('s');
        }
    }
}
