//! Funnels: how far each actor got. These are functions of ours; trees of insights call them, ClickHouse has none.
//!
//! `_funnel(steps, window, order, attribution, optional, values, events)` answers for each of `values` that the actor has a
//! run for: `(value, seconds)`, where `seconds` holds for each step how long it took since the one before, 0 for the first,
//! and -1 where the step was not taken.
//!
//! `_funnelTrends(steps, window, order, attribution, optional, values, events, from, to, starts)` answers for each of
//! `values` and each interval in which a run began that got to step `from`: `(value, interval, converted)`, where `converted`
//! is whether such a run got to step `to`. Intervals begin at `starts` (microseconds, ascending, one more than there are).
//!
//! `window` is in microseconds. `events` are `(time, bits[, value])` in any order: the lower 32 bits are the steps that an
//! event is, the upper 32 say which runs it ends, by how many steps they have taken. `optional` are steps as bits. With the
//! attribution `all_events`, only events with the value count; with `step_n`, the event of step n has it; otherwise values
//! are just passed on.

mod matching;

use std::sync::Arc;

use arrow::array::types::{Float64Type, UInt8Type, UInt32Type};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Fields};

use crate::call::{Call, ListsOf, ints};
use crate::error::FunctionError;
use crate::table::{Scalar, value};
use matching::{Asked, Event, Funnel, Matcher, Order, STEPS_MAX};

pub(crate) const TABLE: &[Scalar] =
    &[value("_funnel", runs).own_nulls(), value("_funnelTrends", conversions).own_nulls()];

/// How actors come by the value they count for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribution {
    Given,
    AllEvents,
    /// From 1.
    Step(usize),
}

/// The arguments that both functions have.
struct Arguments<'c> {
    funnel: Funnel,
    attribution: Attribution,
    values: ListsOf<'c>,
    names: &'c StringArray,
    events: ListsOf<'c>,
    times: std::borrow::Cow<'c, [i64]>,
    bits: std::borrow::Cow<'c, [i64]>,
    event_values: Option<&'c StringArray>,
}

impl<'c> Arguments<'c> {
    fn read(call: &Call<'c>) -> Result<Self, FunctionError> {
        let number = |at: usize| Ok::<_, FunctionError>(call.ints(at)?.get(0));
        let wrong = |what: &str| FunctionError::Argument(format!("a funnel has no such {what}"));
        let steps = usize::try_from(number(0)?).ok().filter(|steps| (1..=STEPS_MAX).contains(steps));
        let steps = steps.ok_or_else(|| wrong("number of steps"))?;
        let order = match call.constant_text(2)? {
            "ordered" => Order::Ordered,
            "strict" => Order::Strict,
            "unordered" => Order::Unordered,
            _ => return Err(wrong("order")),
        };
        let attribution = match call.constant_text(3)? {
            "all_events" => Attribution::AllEvents,
            text => match text.strip_prefix("step_").map(str::parse) {
                Some(step) => Attribution::Step(step.map_err(|_| wrong("attribution"))?),
                None => Attribution::Given,
            },
        };
        let optional = u32::try_from(number(4)?).map_err(|_| wrong("optional steps"))?;
        let values = call.lists(5)?;
        let names = values.values().as_string_opt::<i32>().ok_or_else(|| call.illegal(5))?;
        let events = call.lists(6)?;
        let tuples = events.values().as_struct_opt().ok_or_else(|| call.illegal(6))?;
        let column = |at: usize| tuples.columns().get(at).ok_or_else(|| call.illegal(6));
        let event_values = match tuples.columns().get(2) {
            Some(values) => Some(values.as_string_opt::<i32>().ok_or_else(|| call.illegal(6))?),
            None => None,
        };
        Ok(Self {
            funnel: Funnel { steps, window: number(1)?, order, optional },
            attribution,
            values,
            names,
            events,
            times: ints(column(0)?).ok_or_else(|| call.illegal(6))?,
            bits: ints(column(1)?).ok_or_else(|| call.illegal(6))?,
            event_values,
        })
    }

    /// The events of one row, in the order of time.
    fn events<'a>(&'a self, row: usize, events: &mut Vec<Event<'a>>) {
        events.clear();
        events.extend(self.events.range(row).map(|at| {
            let bits = self.bits[at].cast_unsigned();
            let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
            let (steps, ends) = (half(bits), half(bits >> u32::BITS));
            Event { at: self.times[at], steps, ends, value: self.event_values.map_or("", |values| values.value(at)) }
        }));
        events.sort_unstable();
    }

    /// Calls `each` with every value of a row, the events that count for it, and what its runs must be like.
    fn each_value<'a>(
        &'a self,
        row: usize,
        events: &[Event<'a>],
        mut each: impl FnMut(&'a str, &[Event<'a>], Option<(usize, &'a str)>),
    ) {
        for at in self.values.range(row) {
            let value = self.names.value(at);
            match self.attribution {
                Attribution::Given => each(value, events, None),
                Attribution::Step(step) => each(value, events, Some((step, value))),
                Attribution::AllEvents => {
                    let own: Vec<Event<'_>> = events.iter().filter(|event| event.value == value).copied().collect();
                    each(value, &own, None);
                }
            }
        }
    }
}

fn runs(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let arguments = Arguments::read(call)?;
    let mut matcher = Matcher::new(arguments.funnel);
    let (mut names, mut seconds, mut lengths) = (Vec::new(), Vec::new(), Vec::with_capacity(call.rows));
    let mut events = Vec::new();
    for row in 0..call.rows {
        let before = names.len();
        arguments.events(row, &mut events);
        arguments.each_value(row, &events, |name, events, value| {
            if let Some(times) = matcher.furthest(events, &Asked { begin: i64::MIN..i64::MAX, value }) {
                names.push(name);
                let mut earlier = None;
                for time in times {
                    seconds.push(time.map_or(-1.0, |time| seconds_between(earlier.unwrap_or(time), time)));
                    earlier = time.or(earlier);
                }
            }
        });
        lengths.push(names.len() - before);
    }
    let (fields, parts) = places(call)?;
    let [_, DataType::List(number)] = parts.as_slice() else { return Err(call.contract("it answers runs")) };
    let steps = OffsetBuffer::from_lengths(std::iter::repeat_n(arguments.funnel.steps, names.len()));
    let seconds = PrimitiveArray::<Float64Type>::from(seconds);
    let seconds = ListArray::try_new(Arc::clone(number), steps, Arc::new(seconds), None)?;
    lists(call, fields, vec![Arc::new(StringArray::from(names)), Arc::new(seconds)], lengths)
}

fn conversions(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let arguments = Arguments::read(call)?;
    let step = |at: usize| Ok::<_, FunctionError>(usize::try_from(call.ints(at)?.get(0)).unwrap_or(usize::MAX));
    let (from, to) = (step(7)?, step(8)?);
    let starts = call.lists(9)?;
    let starts = ints(starts.values()).ok_or_else(|| call.illegal(9))?;
    let mut matcher = Matcher::new(arguments.funnel);
    let mut names = Vec::new();
    let (mut intervals, mut converted): (Vec<u32>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut lengths = Vec::with_capacity(call.rows);
    let mut events = Vec::new();
    for row in 0..call.rows {
        let before = names.len();
        arguments.events(row, &mut events);
        arguments.each_value(row, &events, |name, events, value| {
            for (interval, begin) in begun(events, &starts) {
                let reach = begin.end.saturating_add(arguments.funnel.window);
                let first = events.partition_point(|event| event.at < begin.start);
                let last = events.partition_point(|event| event.at < reach);
                let own = events.get(first..last).unwrap_or_default();
                let Some(times) = matcher.furthest(own, &Asked { begin, value }) else { continue };
                let is_taken = |step: usize| step.checked_sub(1).and_then(|at| *times.get(at)?).is_some();
                if is_taken(from) {
                    names.push(name);
                    intervals.push(interval);
                    converted.push(u8::from(is_taken(to)));
                }
            }
        });
        lengths.push(names.len() - before);
    }
    let (fields, _) = places(call)?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(names)),
        Arc::new(PrimitiveArray::<UInt32Type>::from(intervals)),
        Arc::new(PrimitiveArray::<UInt8Type>::from(converted)),
    ];
    lists(call, fields, columns, lengths)
}

/// The intervals that events lie in, by number, and their bounds.
fn begun(events: &[Event<'_>], starts: &[i64]) -> Vec<(u32, std::ops::Range<i64>)> {
    let mut intervals = Vec::new();
    let mut next = 0;
    for event in events {
        let after = starts.partition_point(|start| *start <= event.at);
        if after <= next || after >= starts.len() {
            continue;
        }
        next = after;
        if let Ok(number) = u32::try_from(after - 1) {
            intervals.push((number, starts[after - 1]..starts[after]));
        }
    }
    intervals
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a window")]
fn seconds_between(from: i64, to: i64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

/// The fields of the tuples that the caller wants a list of, and their types.
fn places(call: &Call<'_>) -> Result<(Fields, Vec<DataType>), FunctionError> {
    if let DataType::List(element) = call.returns
        && let DataType::Struct(fields) = element.data_type()
    {
        return Ok((fields.clone(), fields.iter().map(|field| field.data_type().clone()).collect()));
    }
    Err(call.contract("it answers lists of tuples"))
}

fn lists(
    call: &Call<'_>,
    fields: Fields,
    columns: Vec<ArrayRef>,
    lengths: Vec<usize>,
) -> Result<ArrayRef, FunctionError> {
    let tuples = StructArray::try_new(fields, columns, None)?;
    if i32::try_from(tuples.len()).is_err() {
        return Err(FunctionError::TooLarge(call.function));
    }
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths).to_vec();
    crate::build::list(call.returns, offsets, Arc::new(tuples), None)
}

#[cfg(test)]
mod tests;
