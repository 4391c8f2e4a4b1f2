//! Text as dates and instants, read in the zone of the project.

use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::Resolver;
use crate::ast::Span;
use crate::fault::{ResolveError, Result};
use crate::resolved::{Expr, Literal};
use crate::types::{Base, Name, Type};

/// The zone called `name`; UTC if there is none, since a project's zone is checked when it is set.
pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// `YYYY-MM-DD` as days since the epoch.
pub(super) fn date(text: &str) -> Option<i32> {
    if text.len() != 10 {
        return None;
    }
    text.parse::<Date>().ok().and_then(days)
}

/// A date as days since the epoch.
pub(crate) fn days(date: Date) -> Option<i32> {
    date.since((jiff::Unit::Day, Date::constant(1970, 1, 1))).ok().map(|span| span.get_days())
}

/// Any ISO 8601 date or date and time as microseconds since the epoch: with an offset that instant, without one the local
/// time of `zone_name`.
pub(crate) fn instant(text: &str, zone_name: &str) -> Option<i64> {
    let text = text.trim();
    if !text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_microsecond());
    }
    let local = text.parse::<DateTime>().ok()?;
    zone(zone_name).to_timestamp(local).ok().map(jiff::Timestamp::as_microsecond)
}

/// `YYYY-MM-DD[ hh:mm:ss[.ffffff]]` in `zone_name`, and nothing else.
fn strict(text: &str, zone_name: &str) -> Option<Option<i64>> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let fraction = shape.strip_prefix("0000-00-00 00:00:00").and_then(|rest| rest.strip_prefix('.'));
    let plain = shape == "0000-00-00" || shape == "0000-00-00 00:00:00";
    let fractional =
        fraction.is_some_and(|digits| !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|b| b == b'0'));
    (plain || fractional).then(|| instant(text, zone_name))
}

impl Resolver<'_> {
    /// An instant as a constant.
    pub(super) fn instant_literal(&self, micros: i64, zone: &Name, span: Span) -> Expr {
        Expr { span, ..Expr::literal(Literal::Timestamp(micros), Type::timestamp(zone)) }
    }

    /// The local date, `back` days ago.
    pub(super) fn today(&self, back: i32, span: Span) -> Result<Expr> {
        let date = self.context.now.to_zoned_datetime(zone(self.zone())).date();
        let days = days(date).ok_or_else(|| ResolveError::input("The date is out of range", span))?;
        Ok(Expr { span, ..Expr::literal(Literal::Date(days - back), Base::Date.into()) })
    }

    /// `toDate`: text that is no date gives NULL.
    pub(super) fn as_date(&mut self, value: Expr, span: Span) -> Result<Expr> {
        if value.ty.base == Base::String {
            self.call("toDateOrNull", vec![value], span)
        } else {
            self.call("toDate", vec![value], span)
        }
    }

    /// `toDateTime`, in `zone_name` or that of the project.
    pub(super) fn as_instant(&mut self, value: Expr, zone_name: Option<Name>, span: Span) -> Result<Expr> {
        let zone_name = match zone_name {
            Some(given) => given,
            None => {
                let own = Arc::clone(self.zone());
                self.note_zone(&value, &own);
                own
            }
        };
        if let Some(text) = value.as_string() {
            if let Some(read) = strict(text, &zone_name) {
                let micros =
                    read.ok_or_else(|| ResolveError::input(format!("Cannot read '{text}' as a date and time"), span))?;
                return Ok(self.instant_literal(micros, &zone_name, span));
            }
            if let Some(micros) = instant(text, &zone_name) {
                return Ok(self.instant_literal(micros, &zone_name, span));
            }
        }
        if value.ty.base == Base::String {
            return self.parse_instant("parseDateTime64BestEffortOrNull", value, &zone_name, span);
        }
        if value.ty.is_null() {
            return Ok(value);
        }
        self.call("toDateTime", vec![value, Expr::string(zone_name)], span)
    }

    /// Text read in many forms; NULL for what is none of them.
    pub(super) fn parse_instant(
        &mut self,
        function: &'static str,
        value: Expr,
        zone: &Name,
        span: Span,
    ) -> Result<Expr> {
        let six = Expr::literal(Literal::UInt(6), Base::UInt8.into());
        self.call(function, vec![value, six, Expr::string(Arc::clone(zone))], span)
    }

    /// `value` as an instant if it is text: constants are read now, other text best-effort or NULL.
    pub(super) fn temporal(&mut self, value: Expr, span: Span) -> Result<Expr> {
        if value.ty.base == Base::String { self.as_instant(value, None, span) } else { Ok(value) }
    }

    /// Says in which zone a literal without one is read.
    pub(super) fn note_zone(&mut self, value: &Expr, zone_name: &str) {
        if let Some(text) = value.as_string()
            && text.trim().parse::<jiff::Timestamp>().is_err()
            && instant(text, zone_name).is_some()
        {
            self.note(value.span, || format!("'{text}' is read in the time zone of the project, {zone_name}."));
        }
    }
}

#[cfg(test)]
mod tests;
