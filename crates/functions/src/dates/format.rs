//! Times as text, by a pattern or by name.

use arrow::array::ArrayRef;

use super::{Local, Times, parts};
use crate::call::Call;
use crate::error::FunctionError;
use crate::show::{two, write_date, write_padded, write_time};
use crate::zone::{civil, weekday};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or_default()
}

fn day_name(day: i64) -> &'static str {
    usize::try_from(weekday(day) - 1).ok().and_then(|at| DAYS.get(at)).copied().unwrap_or_default()
}

/// What `dateName` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Year,
    Quarter,
    Month,
    DayOfYear,
    Day,
    Week,
    Weekday,
    Hour,
    Minute,
    Second,
}

impl Name {
    fn parse(text: &str) -> Result<Self, FunctionError> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "year" => Self::Year,
            "quarter" => Self::Quarter,
            "month" => Self::Month,
            "dayofyear" => Self::DayOfYear,
            "day" => Self::Day,
            "week" => Self::Week,
            "weekday" => Self::Weekday,
            "hour" => Self::Hour,
            "minute" => Self::Minute,
            "second" => Self::Second,
            _ => return Err(FunctionError::Argument(format!("dateName does not know the part {text:?}"))),
        })
    }

    fn write(self, out: &mut String, local: Local) {
        let number = match self {
            Self::Month => return out.push_str(month_name(parts::month(local))),
            Self::Weekday => return out.push_str(day_name(local.day)),
            Self::Year => parts::year(local),
            Self::Quarter => parts::quarter(local),
            Self::DayOfYear => parts::day_of_year(local),
            Self::Day => parts::day_of_month(local),
            Self::Week => parts::iso_week(local),
            Self::Hour => local.second / 3600,
            Self::Minute => local.second / 60 % 60,
            Self::Second => local.second % 60,
        };
        write_padded(out, number, 1);
    }
}

/// `dateName(part, time[, zone])`, or with a part `monthName(time)`.
pub(super) fn named(call: &Call<'_>, part: Option<Name>) -> Result<ArrayRef, FunctionError> {
    let (part, times) = match part {
        Some(part) => (part, Times::of(call, 0, 1)?),
        None => (Name::parse(call.constant_text(0)?)?, Times::of(call, 1, 2)?),
    };
    call.write_texts(|row, out| {
        part.write(out, times.local(row));
        Ok(())
    })
}

/// `formatDateTime(time, pattern[, zone])`.
pub(super) fn format_date_time(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let times = Times::of(call, 0, 2)?;
    let pieces = pieces(call.constant_text(1)?)?;
    call.write_texts(|row, out| {
        let local = times.local(row);
        for piece in &pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Part(part) => write_part(out, *part, local, &times, row),
            }
        }
        Ok(())
    })
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Part(char),
}

fn pieces(pattern: &str) -> Result<Vec<Piece>, FunctionError> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => text.push('%'),
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some(part) if "abcCdDeEfFgGhHiIjklmMpQrRsSTuVwWyYz".contains(part) && part != 'E' => {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Part(part));
            }
            Some(part) => {
                return Err(FunctionError::Argument(format!("formatDateTime does not know %{part} in {pattern:?}")));
            }
            None => return Err(FunctionError::Argument("a pattern of formatDateTime ends with %".to_owned())),
        }
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

fn write_part(out: &mut String, part: char, local: Local, times: &Times<'_>, row: usize) {
    let date = civil(local.day);
    let (hour, minute, second) = (local.second / 3600, local.second / 60 % 60, local.second % 60);
    let hour_of_12 = (hour + 11) % 12 + 1;
    match part {
        'a' => out.extend(day_name(local.day).chars().take(3)),
        'b' => out.extend(month_name(date.month).chars().take(3)),
        'c' | 'm' => two(out, date.month),
        'C' => two(out, date.year / 100),
        'd' => two(out, date.day),
        'D' => {
            two(out, date.month);
            out.push('/');
            two(out, date.day);
            out.push('/');
            two(out, date.year % 100);
        }
        'e' => write_padded(out, date.day, 1),
        'f' => write_fraction(out, times, row),
        'F' => write_date(out, local.day),
        'g' => two(out, parts::iso_year(local) % 100),
        'G' => write_padded(out, parts::iso_year(local), 4),
        'h' | 'I' | 'l' => two(out, hour_of_12),
        'H' | 'k' => two(out, hour),
        'i' => two(out, minute),
        'j' => write_padded(out, parts::day_of_year(local), 3),
        'M' => out.push_str(month_name(date.month)),
        'p' => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        'Q' => write_padded(out, parts::quarter(local), 1),
        'r' => {
            two(out, hour_of_12);
            out.push(':');
            two(out, minute);
            out.push_str(if hour < 12 { " AM" } else { " PM" });
        }
        'R' => {
            two(out, hour);
            out.push(':');
            two(out, minute);
        }
        's' | 'S' => two(out, second),
        'T' => write_time(out, local.second),
        'u' => write_padded(out, weekday(local.day), 1),
        'V' => two(out, parts::iso_week(local)),
        'w' => write_padded(out, weekday(local.day) % 7, 1),
        'W' => out.push_str(day_name(local.day)),
        'y' => two(out, date.year % 100),
        'Y' => write_padded(out, date.year, 4),
        _ => {
            let offset = if times.is_date() { 0 } else { times.zone.offset(times.second(row)) };
            out.push(if offset < 0 { '-' } else { '+' });
            two(out, offset.abs() / 3600);
            two(out, offset.abs() / 60 % 60);
        }
    }
}

/// As many digits as the type has, or six zeros.
fn write_fraction(out: &mut String, times: &Times<'_>, row: usize) {
    match times.ticks() {
        1 => out.push_str("000000"),
        ticks => write_padded(out, times.fraction(row), ticks.ilog10() as usize),
    }
}
