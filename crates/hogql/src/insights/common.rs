//! What insights share: the range and its intervals, series, and reading rows.

use std::collections::BTreeMap;

use jiff::civil::Time;
use jiff::{RoundMode, Span, Unit, ZonedDateTime, ZonedDateTimeRound};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::template;
use crate::ast::{self, CompareOp, Expr};
use crate::build::{and, call, compare, equal, field, int, string};
use crate::compile::CompileError;
use crate::context::{Context, DateRange, WeekStart};
use crate::fault::ResolveError;
use crate::filters::{self, Subject};
use crate::{actions, dates};

/// Intervals of a chart at most.
const INTERVALS_MAX: usize = 10_000;

pub(crate) fn fault(message: impl Into<String>) -> CompileError {
    CompileError::Resolve(ResolveError::input(message, ast::Span::default()))
}

/// Reads a request.
pub(crate) fn read<T: DeserializeOwned>(json: &Value) -> Result<T, CompileError> {
    serde_json::from_value(json.clone()).map_err(|error| fault(error.to_string()))
}

/// Fields that are null are fields that are not given.
pub(crate) fn without_nulls(json: &Value) -> Value {
    match json {
        Value::Object(map) => {
            let given = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        _ => json.clone(),
    }
}

/// The length of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Interval {
    #[serde(alias = "Minute")]
    Minute,
    #[serde(alias = "Hour")]
    Hour,
    #[default]
    #[serde(alias = "Day")]
    Day,
    #[serde(alias = "Week")]
    Week,
    #[serde(alias = "Month")]
    Month,
}

impl Interval {
    pub(super) const fn is_short(self) -> bool {
        matches!(self, Self::Minute | Self::Hour)
    }

    fn span(self, count: i64) -> Span {
        match self {
            Self::Minute => Span::new().minutes(count),
            Self::Hour => Span::new().hours(count),
            Self::Day => Span::new().days(count),
            Self::Week => Span::new().weeks(count),
            Self::Month => Span::new().months(count),
        }
    }

    /// `time` moved by `count` intervals; `None` beyond the calendar.
    pub(super) fn moved(self, time: &ZonedDateTime, count: i64) -> Option<ZonedDateTime> {
        time.checked_add(self.span(count)).ok()
    }

    /// The start of the interval around `time`.
    pub(super) fn floor(self, time: &ZonedDateTime, week: WeekStart) -> Option<ZonedDateTime> {
        let date = time.date();
        let date = match self {
            Self::Minute | Self::Hour => {
                let unit = if self == Self::Hour { Unit::Hour } else { Unit::Minute };
                return time.round(ZonedDateTimeRound::new().smallest(unit).mode(RoundMode::Trunc)).ok();
            }
            Self::Day => date,
            Self::Week => {
                let weekday = date.weekday();
                let back = match week {
                    WeekStart::Sunday => weekday.to_sunday_zero_offset(),
                    WeekStart::Monday => weekday.to_monday_zero_offset(),
                };
                date.checked_sub(Span::new().days(back)).ok()?
            }
            Self::Month => date.first_of_month(),
        };
        date.to_zoned_datetime(time.time_zone().clone()).ok()
    }

    /// The name of the bucket that starts at `start`, as [`Interval::bucket`] computes it.
    pub(super) fn key(self, start: &ZonedDateTime) -> String {
        if self.is_short() { start.timestamp().as_second().to_string() } else { start.date().to_string() }
    }

    /// The name of the bucket of a time: its local date, or the seconds since 1970 of its start. Names sort by time.
    pub(super) fn bucket(self, time: Expr) -> Expr {
        let start = match self {
            Self::Minute => call("toUnixTimestamp", vec![call("toStartOfMinute", vec![time])]),
            Self::Hour => call("toUnixTimestamp", vec![call("toStartOfHour", vec![time])]),
            Self::Day => call("toDate", vec![time]),
            Self::Week => call("toStartOfWeek", vec![time]),
            Self::Month => call("toStartOfMonth", vec![time]),
        };
        call("toString", vec![start])
    }

    pub(super) fn day(self, start: &ZonedDateTime) -> String {
        start.strftime(if self.is_short() { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d" }).to_string()
    }

    fn label(self, start: &ZonedDateTime) -> String {
        let format = match self {
            Self::Minute | Self::Hour => "%-d-%b %H:%M",
            Self::Month => "%b %Y",
            Self::Day | Self::Week => "%-d-%b-%Y",
        };
        start.strftime(format).to_string()
    }
}

/// A range of time and its buckets.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) interval: Interval,
    /// The first instant asked for.
    pub(super) from: ZonedDateTime,
    /// The last.
    pub(super) to: ZonedDateTime,
    /// The starts of the buckets.
    pub(super) starts: Vec<ZonedDateTime>,
    positions: BTreeMap<String, usize>,
}

impl Range {
    /// The range that a request means.
    pub(super) fn of(request: &DateRange, interval: Interval, context: &Context) -> Result<Self, CompileError> {
        let now = context.local_now();
        let exact = request.explicit_date == Some(true);
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let edge =
            |time: &ZonedDateTime, at| time.date().to_datetime(at).to_zoned_datetime(time.time_zone().clone()).ok();
        let first = given(&request.date_from).unwrap_or_else(|| "-7d".to_owned());
        let from = if first == "all" {
            context.project.earliest_event.map(|time| time.to_zoned_datetime(now.time_zone().clone()))
        } else {
            dates::resolve(&first, &now)
        };
        let from = from.unwrap_or_else(|| now.clone());
        let fine = first.ends_with(['h', 'H', 'M', 's']) || !dates::is_relative(&first);
        let from = if exact || fine { Some(from) } else { edge(&from, Time::midnight()) };
        let last = given(&request.date_to);
        let to = last.as_deref().and_then(|text| dates::resolve(text, &now)).unwrap_or_else(|| now.clone());
        let whole_day = !interval.is_short() || last.as_ref().is_some_and(|text| text.len() == 10);
        let to = match (exact, whole_day) {
            (true, _) => Some(to),
            (false, true) => edge(&to, Time::constant(23, 59, 59, 999_999_000)),
            (false, false) if interval == Interval::Hour => Interval::Hour
                .floor(&to, WeekStart::Sunday)
                .and_then(|hour| hour.checked_add(Span::new().minutes(59).seconds(59).microseconds(999_999)).ok()),
            (false, false) => Some(to),
        };
        let (Some(from), Some(to)) = (from, to) else { return Err(fault("The date range is beyond the calendar")) };
        Self::between(from, to, interval, context)
    }

    /// The range between two instants, both inclusive.
    pub(super) fn between(
        from: ZonedDateTime,
        to: ZonedDateTime,
        interval: Interval,
        context: &Context,
    ) -> Result<Self, CompileError> {
        let beyond = || fault("The date range is beyond the calendar");
        let first = interval.floor(&from, context.project.week_start).ok_or_else(beyond)?;
        let mut starts = Vec::new();
        for count in 0.. {
            let start = interval.moved(&first, count).ok_or_else(beyond)?;
            if start > to {
                break;
            }
            if starts.len() == INTERVALS_MAX {
                return Err(fault(format!("The date range has more than {INTERVALS_MAX} intervals")));
            }
            starts.push(start);
        }
        let positions = starts.iter().enumerate().map(|(at, start)| (interval.key(start), at)).collect();
        Ok(Self { interval, from, to, starts, positions })
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Which bucket a date of a request lies in.
    pub(super) fn position_at(&self, text: &str, context: &Context) -> Option<usize> {
        let time = dates::resolve(text, &context.local_now())?;
        self.position(&self.interval.key(&self.interval.floor(&time, context.project.week_start)?))
    }

    /// Which bucket has this name.
    pub(super) fn position(&self, key: &str) -> Option<usize> {
        self.positions.get(key).copied()
    }

    /// Which bucket a cell names.
    pub(super) fn position_of(&self, cell: Option<&Value>) -> Option<usize> {
        cell.and_then(Value::as_str).and_then(|key| self.position(key))
    }

    pub(super) fn days(&self) -> Vec<String> {
        self.starts.iter().map(|start| self.interval.day(start)).collect()
    }

    pub(super) fn labels(&self) -> Vec<String> {
        self.starts.iter().map(|start| self.interval.label(start)).collect()
    }

    /// The first instant of the first bucket.
    pub(super) fn start(&self) -> &ZonedDateTime {
        self.starts.first().unwrap_or(&self.from)
    }

    /// From the start of the first bucket to the last instant.
    pub(super) fn condition(&self) -> Expr {
        and(vec![time_is(CompareOp::GreaterEq, self.start()), time_is(CompareOp::LessEq, &self.to)])
    }
}

/// `timestamp` compared with an instant.
pub(super) fn time_is(op: CompareOp, time: &ZonedDateTime) -> Expr {
    compare(op, field(["timestamp"]), string(time.timestamp().to_string()))
}

/// Fields that every insight has.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Common {
    pub(super) date_range: DateRange,
    pub(super) interval: Interval,
    properties: Value,
    filter_test_accounts: bool,
    #[serde(rename = "aggregation_group_type_index")]
    pub(super) group_type: Option<u8>,
    pub(super) series: Vec<Series>,
}

impl Common {
    pub(super) fn range(&self, context: &Context) -> Result<Range, CompileError> {
        Range::of(&self.date_range, self.interval, context)
    }

    /// Whom the insight counts.
    pub(super) fn actor(&self) -> Expr {
        self.group_type.map_or_else(|| field(["person_id"]), group)
    }

    /// When that person or group was created.
    pub(super) fn created(&self) -> Expr {
        match self.group_type {
            Some(index) => field([format!("group_{index}").as_str(), "created_at"]),
            None => field(["person", "created_at"]),
        }
    }

    /// The filters of the whole insight.
    pub(super) fn condition(&self, context: &Context) -> Result<Expr, CompileError> {
        let mut conditions = vec![filter(&self.properties, context)?];
        if self.filter_test_accounts {
            conditions.push(filter(&Value::Array(context.project.test_account_filters.clone()), context)?);
        }
        if let Some(index) = self.group_type {
            conditions.push(compare(CompareOp::NotEq, group(index), string("")));
        }
        Ok(and(conditions))
    }
}

/// `$group_0`.
pub(super) fn group(index: u8) -> Expr {
    field([format!("$group_{index}").as_str()])
}

pub(super) fn filter(filters: &Value, context: &Context) -> Result<Expr, CompileError> {
    Ok(filters::compile(filters, Subject::Events, context).map_err(|error| fault(error.0))?.condition)
}

/// Which events one line of a chart is about, and what is computed of them.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Series {
    pub(super) kind: String,
    #[serde(rename = "type")]
    kind_of_entity: String,
    event: Option<String>,
    id: Value,
    name: Option<String>,
    pub(super) custom_name: Option<String>,
    properties: Value,
    #[serde(rename = "fixedProperties")]
    fixed_properties: Value,
    pub(super) math: Option<String>,
    pub(super) math_property: Option<String>,
    pub(super) math_property_type: Option<String>,
    pub(super) math_hogql: Option<String>,
    pub(super) math_group_type_index: Option<u8>,
    #[serde(rename = "optionalInFunnel")]
    pub(super) optional: bool,
}

impl Series {
    /// The series about one event.
    pub(super) fn event(name: &str) -> Self {
        Self { event: Some(name.to_owned()), ..Self::default() }
    }

    pub(super) fn is_action(&self) -> bool {
        self.kind == "ActionsNode" || self.kind_of_entity == "actions"
    }

    /// The event; `None` is all events.
    fn event_name(&self) -> Option<&str> {
        self.event.as_deref().or_else(|| self.id.as_str()).filter(|name| !name.is_empty())
    }

    /// That an event is one, whatever its properties.
    pub(super) fn is_entity(&self, context: &Context) -> Result<Expr, CompileError> {
        if self.is_action() {
            let id = self.id.as_i64().or_else(|| self.id.as_str()?.parse().ok());
            let action = context.project.actions.iter().find(|action| Some(action.id) == id);
            let action = action.ok_or_else(|| fault("Action does not exist"))?;
            let mut compiler = filters::Compiler::new(context, Subject::Events);
            return actions::condition(action, &mut compiler).map_err(|error| fault(error.0));
        }
        if !matches!(self.kind.as_str(), "" | "EventsNode") {
            return Err(fault(format!("Series of kind '{}' are not supported", self.kind)));
        }
        Ok(self.event_name().map_or_else(|| and(Vec::new()), |name| equal(field(["event"]), string(name))))
    }

    /// Whether every event of `other` is one of this series, as far as names tell.
    pub(super) fn is_wider_than(&self, other: &Self) -> bool {
        let is_bare = |filters: &Value| filters.as_array().is_none_or(Vec::is_empty);
        let same = self.is_action() == other.is_action() && self.id() == other.id();
        same && is_bare(&self.properties) && is_bare(&self.fixed_properties)
    }

    /// The filters of this series.
    pub(super) fn filters(&self, context: &Context) -> Result<Expr, CompileError> {
        Ok(and(vec![filter(&self.properties, context)?, filter(&self.fixed_properties, context)?]))
    }

    pub(super) fn condition(&self, context: &Context) -> Result<Expr, CompileError> {
        Ok(and(vec![self.is_entity(context)?, self.filters(context)?]))
    }

    pub(super) fn label(&self) -> String {
        let name = if self.is_action() { self.name.as_deref() } else { self.event_name().or(self.name.as_deref()) };
        name.unwrap_or("All events").to_owned()
    }

    /// The event or the number of the action.
    pub(super) fn id(&self) -> Value {
        if self.is_action() { self.id.clone() } else { json!(self.event_name()) }
    }

    /// How responses describe the series.
    pub(super) fn action(&self, order: usize) -> Value {
        json!({
            "id": self.id(), "type": if self.is_action() { "actions" } else { "events" }, "order": order,
            "name": self.name.clone().unwrap_or_else(|| self.label()), "custom_name": self.custom_name,
            "math": self.math, "math_property": self.math_property, "math_hogql": self.math_hogql,
            "math_group_type_index": self.math_group_type_index, "properties": {},
        })
    }
}

/// A number in a cell; NULL and what is no number are 0.
pub(super) fn number(cell: Option<&Value>) -> f64 {
    let number = |cell: &Value| cell.as_f64().or_else(|| cell.as_str()?.parse().ok());
    cell.and_then(number).filter(|number: &f64| number.is_finite()).unwrap_or(0.0)
}

/// Numbers of a response: whole ones are written as such.
pub(super) fn numeral(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

/// The names in a list joined by commas.
pub(super) fn names(cell: Option<&Value>) -> impl Iterator<Item = &str> {
    cell.and_then(Value::as_str).unwrap_or_default().split(',').filter(|name| !name.is_empty())
}

/// A comparison as requests write it, `{operator, value}`.
#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct Criterion {
    operator: String,
    value: i64,
}

impl Criterion {
    pub(super) fn holds(&self, value: Expr) -> Result<Expr, CompileError> {
        let op = match self.operator.as_str() {
            "gte" => ">=",
            "lte" => "<=",
            "exact" | "eq" => "=",
            "gt" => ">",
            "lt" => "<",
            other => return Err(fault(format!("Unknown operator '{other}', expected gte, lte or exact"))),
        };
        template::expr(&format!("{{value}} {op} {{bound}}"), &[("value", value), ("bound", int(self.value))])
    }
}
