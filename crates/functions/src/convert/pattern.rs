//! `parseDateTime`: instants by a pattern of MySQL.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

use super::Way;
use crate::call::Call;
use crate::error::{FunctionError, unparsed};
use crate::zone::{DAY, Zone, days, days_in_month};

/// `parseDateTime(text, pattern[, zone])`; the zone is that of the type to answer.
pub(super) fn parsed(call: &Call<'_>, way: Way) -> Result<ArrayRef, FunctionError> {
    let DataType::Timestamp(unit, zone) = call.returns else { return Err(call.contract("it answers an instant")) };
    let zone = Zone::named(zone.as_deref().unwrap_or("UTC"))?;
    let ticks = crate::arithmetic::ticks(*unit);
    let texts = call.texts(0)?;
    let pattern = call.constant_text(1)?;
    check(pattern)?;
    let read = |row: usize| {
        let fields = read(texts.get(row), pattern)?;
        Some(fields.second(&zone)?.saturating_mul(ticks))
    };
    if way == Way::ExactOrNull {
        return call.optional_number(read);
    }
    call.try_number(|row| read(row).ok_or_else(|| unparsed(texts.get(row), "DateTime")))
}

fn check(pattern: &str) -> Result<(), FunctionError> {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let known = c != '%' || chars.next().is_some_and(|c| "abcdDeFfGhHIijklMmnpQRrSsTtuVwWYyz%".contains(c));
        if !known {
            return Err(FunctionError::Argument(format!("parseDateTime does not know all of {pattern:?}")));
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Fields {
    year: Option<i64>,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    afternoon: Option<bool>,
    offset: Option<i64>,
}

impl Fields {
    fn second(&self, zone: &Zone) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let (month, day) = (self.month.max(1), if self.day == 0 { 1 } else { self.day });
        if !(1970..=2106).contains(&year) || day > days_in_month(year, month) {
            return None;
        }
        let day = match self.day_of_year {
            Some(of_year) => days(year, 1, 1) + of_year - 1,
            None => days(year, month, day),
        };
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let local = day * DAY + hour * 3600 + self.minute * 60 + self.second;
        Some(match self.offset {
            Some(offset) => local - offset,
            None => zone.instant(local),
        })
    }
}

/// Text that is left to read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// Exactly `width` digits, within bounds.
    fn number(&mut self, width: usize, allowed: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let digits = self.0.get(..width).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        self.0 = self.0.get(width..)?;
        digits.parse().ok().filter(|value| allowed.contains(value))
    }

    /// One of `names`, or its first three letters; answers its place.
    fn name(&mut self, names: &[&str], short: bool) -> Option<i64> {
        let matches = |name: &&str| {
            let name = if short { name.get(..3).unwrap_or(name) } else { name };
            self.0.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        let at = names.iter().position(matches)?;
        let length = if short { 3 } else { names.get(at)?.len() };
        self.0 = self.0.get(length..)?;
        i64::try_from(at + 1).ok()
    }

    fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn spaces(&mut self) {
        self.0 = self.0.trim_start_matches(' ');
    }
}

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

fn read(text: &str, pattern: &str) -> Option<Fields> {
    let (mut rest, mut fields) = (Rest(text), Fields::default());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '%' {
            field(&mut rest, &mut fields, chars.next()?)?;
        } else {
            rest.literal(c.encode_utf8(&mut [0; 4]))?;
        }
    }
    rest.0.is_empty().then_some(fields)
}

fn field(rest: &mut Rest<'_>, fields: &mut Fields, part: char) -> Option<()> {
    match part {
        'a' => drop(rest.name(&DAYS, true)?),
        'W' => drop(rest.name(&DAYS, false)?),
        'b' => fields.month = rest.name(&MONTHS, true)?,
        'M' => fields.month = rest.name(&MONTHS, false)?,
        'c' | 'm' => fields.month = rest.number(2, 1..=12)?,
        'd' => fields.day = rest.number(2, 1..=31)?,
        'e' => {
            rest.spaces();
            fields.day = rest.number(2, 1..=31).or_else(|| rest.number(1, 1..=9))?;
        }
        'D' => all(rest, fields, "%m/%d/%y")?,
        'F' => all(rest, fields, "%Y-%m-%d")?,
        'T' => all(rest, fields, "%H:%i:%S")?,
        'R' => all(rest, fields, "%H:%i")?,
        'r' => all(rest, fields, "%I:%i %p")?,
        'j' => fields.day_of_year = Some(rest.number(3, 1..=366)?),
        'H' => fields.hour = rest.number(2, 0..=23)?,
        'k' => {
            rest.spaces();
            fields.hour = rest.number(2, 0..=23).or_else(|| rest.number(1, 0..=9))?;
        }
        'h' | 'I' => fields.hour = rest.number(2, 1..=12)?,
        'l' => {
            rest.spaces();
            fields.hour = rest.number(2, 1..=12).or_else(|| rest.number(1, 1..=9))?;
        }
        'i' => fields.minute = rest.number(2, 0..=59)?,
        's' | 'S' => fields.second = rest.number(2, 0..=59)?,
        'f' => {
            let digits = rest.0.bytes().take(6).take_while(u8::is_ascii_digit).count();
            rest.0 = rest.0.get(digits..)?;
        }
        'p' => fields.afternoon = Some(rest.name(&["AM", "PM"], false)? == 2),
        'Y' => fields.year = Some(rest.number(4, 0..=9999)?),
        'y' => {
            fields.year = Some(rest.number(2, 0..=99).map(|year| if year >= 70 { 1900 + year } else { 2000 + year })?)
        }
        'z' => {
            let sign = if rest.literal("-").is_some() { -1 } else { rest.literal("+").map(|()| 1)? };
            let (hour, minute) = (rest.number(2, 0..=14)?, rest.number(2, 0..=59)?);
            fields.offset = Some(sign * (hour * 3600 + minute * 60));
        }
        'n' => rest.literal("\n")?,
        't' => rest.literal("\t")?,
        '%' => rest.literal("%")?,
        _ => return None,
    }
    Some(())
}

fn all(rest: &mut Rest<'_>, fields: &mut Fields, pattern: &str) -> Option<()> {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '%' {
            field(rest, fields, chars.next()?)?;
        } else {
            rest.literal(c.encode_utf8(&mut [0; 4]))?;
        }
    }
    Some(())
}
