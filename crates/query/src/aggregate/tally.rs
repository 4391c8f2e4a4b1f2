//! Counts events and persons by group.
//!
//! Within a chunk each group is a small code: the run a row lies in, its interval, its place in the dictionary. Codes are
//! counted in an array; only what occurs is looked up by its value afterwards.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, DictionaryArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType, UInt32Type};
use store::{Chunk, Column, Part, PropertyKey, Selection, Snapshot, TimeRange};

use super::{AggregateRow, Aggregation, Group, GroupValue, Interval, Measure, MeasureValue};
use crate::QueryError;
use crate::engine::Core;
use crate::insight::uniques::Uniques;
use crate::scan::{self, Cancelled, Narrowed};

const HOUR: i64 = 3_600_000_000;
/// Codes counted in an array; more are counted by hash.
const DENSE_CODES_MAX: u64 = 1 << 20;

pub(super) async fn rows(
    core: &Core,
    snapshot: &Snapshot,
    aggregation: Aggregation,
) -> Result<Vec<AggregateRow>, QueryError> {
    let Aggregation { conditions, groups, measures, .. } = aggregation;
    let keys = groups
        .iter()
        .map(|group| match group {
            Group::Property(key) => Some(PropertyKey::of_event(key)),
            Group::Event | Group::Interval(_) => None,
        })
        .collect();
    let counting = Arc::new(Counting {
        asked: Narrowed::new(conditions, snapshot),
        counts_persons: measures.contains(&Measure::Persons),
        groups,
        keys,
    });
    let shared = Arc::clone(&counting);
    let states = scan::each(
        core.settings.threads,
        snapshot.parts().to_vec(),
        Cancelled::default(),
        move |state: &mut State, part| shared.visit(state, part),
    );
    let mut all = State::default();
    let memory = core.reserve("groups");
    for state in states.await? {
        all.merge(state);
        memory.try_resize(all.bytes()).map_err(|error| core.failed(error))?;
    }
    if counting.groups.is_empty() {
        // One group, also of no events.
        all.place(Vec::new());
    }
    let row = |(groups, place): (Vec<GroupValue>, usize)| {
        let measure = |measure: &Measure| match measure {
            Measure::Persons => MeasureValue::Count(all.persons.get(place).map_or(0, |persons| persons.count(0))),
            _ => MeasureValue::Count(all.counts.get(place).copied().unwrap_or(0)),
        };
        AggregateRow { groups, measures: measures.iter().map(measure).collect() }
    };
    let places: Vec<_> = std::mem::take(&mut all.places).into_iter().collect();
    Ok(places.into_iter().map(row).collect())
}

struct Counting {
    asked: Narrowed,
    groups: Vec<Group>,
    /// The property of each group that is one.
    keys: Vec<Option<PropertyKey>>,
    counts_persons: bool,
}

/// Groups seen by one thread.
#[derive(Debug, Default)]
struct State {
    places: HashMap<Vec<GroupValue>, usize>,
    counts: Vec<u64>,
    persons: Vec<Uniques>,
}

impl State {
    fn place(&mut self, groups: Vec<GroupValue>) -> usize {
        let next = self.counts.len();
        let place = *self.places.entry(groups).or_insert(next);
        if place == next {
            self.counts.push(0);
            self.persons.push(Uniques::new(1));
        }
        place
    }

    fn merge(&mut self, other: Self) {
        let mut persons: Vec<Option<Uniques>> = other.persons.into_iter().map(Some).collect();
        for (groups, theirs) in other.places {
            let ours = self.place(groups);
            self.counts[ours] += other.counts[theirs];
            if let Some(persons) = persons.get_mut(theirs).and_then(Option::take) {
                self.persons[ours].merge(persons);
            }
        }
    }

    fn bytes(&self) -> usize {
        self.persons.iter().map(Uniques::bytes).sum::<usize>() + self.places.len() * 128
    }
}

/// What one group can be within some rows.
enum Codes {
    /// The same for all.
    One(GroupValue),
    /// A code for each row, and what codes mean.
    Many(Vec<u32>, Vec<GroupValue>),
}

impl Counting {
    fn visit(&self, state: &mut State, part: &Part) -> Result<(), QueryError> {
        if !self.asked.may_be_in(part)? || self.count_by_statistics(state, part)? {
            return Ok(());
        }
        let by_event = self.groups.contains(&Group::Event);
        for chunk in part.chunks()? {
            let rows = scan::narrow(&chunk, &self.asked)?;
            if rows.is_empty() {
                continue;
            }
            match chunk.runs(&rows)?.filter(|_| by_event) {
                Some(runs) => {
                    for (event, rows) in runs {
                        self.count(state, &chunk, part.time_range(), &rows, Some(&event))?;
                    }
                }
                None => self.count(state, &chunk, part.time_range(), &rows, None)?,
            }
        }
        Ok(())
    }

    /// Counts without reading a row; false where that cannot be.
    fn count_by_statistics(&self, state: &mut State, part: &Part) -> Result<bool, QueryError> {
        let asked = &self.asked.conditions;
        let is_known = |group: &Group| match group {
            Group::Event => true,
            Group::Interval(interval) => interval.length % HOUR == 0 && interval.origin % HOUR == 0,
            Group::Property(_) => false,
        };
        let whole_hours = |range: TimeRange| {
            (range.first <= part.time_range().first || range.first % HOUR == 0)
                && (range.last >= part.time_range().last || range.last.wrapping_add(1) % HOUR == 0)
        };
        if self.counts_persons
            || asked.distinct_id.is_some()
            || asked.person.is_some()
            || !asked.filter.is_trivial()
            || !self.groups.iter().all(is_known)
            || !whole_hours(asked.range)
        {
            return Ok(false);
        }
        let Some(counts) = part.hour_counts()? else { return Ok(false) };
        for count in counts {
            let in_range = asked.range.first <= count.hour.saturating_add(HOUR - 1) && count.hour <= asked.range.last;
            let is_wanted = asked.events.as_ref().is_none_or(|events| events.iter().any(|event| event == count.event));
            if in_range && is_wanted {
                let value = |group: &Group| match group {
                    Group::Interval(interval) => GroupValue::Interval(interval.start(interval.number(count.hour))),
                    Group::Event | Group::Property(_) => GroupValue::Text(Some(count.event.to_owned())),
                };
                let place = state.place(self.groups.iter().map(value).collect());
                state.counts[place] += count.rows;
            }
        }
        Ok(true)
    }

    /// Counts `rows`, all of the event `event` if it is given.
    fn count(
        &self,
        state: &mut State,
        chunk: &Chunk,
        range: TimeRange,
        rows: &Selection,
        event: Option<&str>,
    ) -> Result<(), QueryError> {
        let mut codes = Vec::with_capacity(self.groups.len());
        for (group, key) in self.groups.iter().zip(&self.keys) {
            codes.push(match (group, key, event) {
                (Group::Event, _, Some(event)) => Codes::One(GroupValue::Text(Some(event.to_owned()))),
                (Group::Interval(interval), ..) => intervals(chunk, range, rows, *interval)?,
                (Group::Property(_), Some(key), _) => by_dictionary(&scan::texts(&chunk.property(key, rows)?)?),
                _ => by_dictionary(chunk.read(&[Column::Event], rows)?.remove(0).as_dictionary::<Int32Type>()),
            });
        }
        let persons = match self.counts_persons {
            true => Some(chunk.read(&[Column::PersonNumber], rows)?.remove(0)),
            false => None,
        };
        let persons = persons.as_ref().map(|array| array.as_primitive::<UInt32Type>().values().as_ref());
        let (combined, meanings) = combine(codes);
        match combined {
            None => {
                let place = state.place(meaning(&meanings, 0));
                state.counts[place] += rows.len() as u64;
                if let Some(persons) = persons {
                    state.persons[place].push(0, persons);
                }
            }
            Some(combined) => count_codes(state, &combined, &meanings, persons),
        }
        Ok(())
    }
}

/// Counts rows by their code, whose groups `meanings` tell.
fn count_codes(state: &mut State, codes: &[u64], meanings: &[Vec<GroupValue>], persons: Option<&[u32]>) {
    let size: u64 = meanings.iter().fold(1, |size, meaning| size.saturating_mul(meaning.len() as u64));
    if size > DENSE_CODES_MAX {
        let mut counts: HashMap<u64, Vec<u32>> = HashMap::new();
        for (row, code) in codes.iter().enumerate() {
            counts.entry(*code).or_default().push(persons.map_or(0, |persons| persons[row]));
        }
        for (code, numbers) in counts {
            let place = state.place(meaning(meanings, code));
            state.counts[place] += numbers.len() as u64;
            if persons.is_some() {
                state.persons[place].push(0, &numbers);
            }
        }
        return;
    }
    let at = |code: u64| usize::try_from(code).unwrap_or(usize::MAX);
    let mut counts = vec![0_u64; at(size)];
    for code in codes {
        counts[at(*code)] += 1;
    }
    // Persons in the order of their code, so that each group takes its own in one go.
    let mut ends = vec![0; counts.len()];
    let mut sorted = vec![0_u32; persons.map_or(0, <[u32]>::len)];
    if let Some(persons) = persons {
        let mut end = 0;
        for (start, count) in ends.iter_mut().zip(&counts) {
            *start = end;
            end += at(*count);
        }
        for (code, person) in codes.iter().zip(persons) {
            let place = &mut ends[at(*code)];
            sorted[*place] = *person;
            *place += 1;
        }
    }
    for (code, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let place = state.place(meaning(meanings, code as u64));
        state.counts[place] += count;
        if persons.is_some() {
            let numbers = sorted.get(ends[code] - at(*count)..ends[code]).unwrap_or_default();
            state.persons[place].push(0, numbers);
        }
    }
}

/// One code for each row from those of every group; none when all rows have the same.
fn combine(codes: Vec<Codes>) -> (Option<Vec<u64>>, Vec<Vec<GroupValue>>) {
    let mut combined: Option<Vec<u64>> = None;
    let mut meanings = Vec::with_capacity(codes.len());
    let mut factor = 1_u64;
    for group in codes {
        match group {
            Codes::One(value) => meanings.push(vec![value]),
            Codes::Many(rows, values) => {
                combined = Some(match combined {
                    None => rows.iter().map(|code| u64::from(*code) * factor).collect(),
                    Some(mut before) => {
                        before.iter_mut().zip(&rows).for_each(|(code, row)| *code += u64::from(*row) * factor);
                        before
                    }
                });
                factor = factor.saturating_mul(values.len() as u64);
                meanings.push(values);
            }
        }
    }
    (combined, meanings)
}

/// The groups that a code stands for.
fn meaning(meanings: &[Vec<GroupValue>], mut code: u64) -> Vec<GroupValue> {
    let mut groups = Vec::with_capacity(meanings.len());
    for values in meanings {
        let size = values.len() as u64;
        let at = usize::try_from(code % size.max(1)).unwrap_or(0);
        groups.extend(values.get(at).cloned());
        code /= size.max(1);
    }
    groups
}

fn by_dictionary(texts: &DictionaryArray<Int32Type>) -> Codes {
    let values = texts.values().as_string::<i32>();
    let mut meanings: Vec<GroupValue> = values.iter().map(|value| GroupValue::Text(value.map(str::to_owned))).collect();
    let missing = u32::try_from(meanings.len()).unwrap_or(u32::MAX);
    meanings.push(GroupValue::Text(None));
    let keys = texts.keys();
    let code = |row: usize| if keys.is_null(row) { missing } else { u32::try_from(keys.value(row)).unwrap_or(missing) };
    Codes::Many((0..keys.len()).map(code).collect(), meanings)
}

fn intervals(chunk: &Chunk, range: TimeRange, rows: &Selection, interval: Interval) -> Result<Codes, QueryError> {
    let (first, last) = (interval.number(range.first), interval.number(range.last));
    if first == last {
        return Ok(Codes::One(GroupValue::Interval(interval.start(first))));
    }
    let timestamps = chunk.read(&[Column::Timestamp], rows)?.remove(0);
    let timestamps = timestamps.as_primitive::<TimestampMicrosecondType>();
    let numbers: Vec<i64> = timestamps.values().iter().map(|at| interval.number(*at)).collect();
    let first = numbers.iter().copied().min().unwrap_or(0);
    let last = numbers.iter().copied().max().unwrap_or(0);
    if last - first < 1 << 16 {
        let codes = numbers.iter().map(|number| u32::try_from(number - first).unwrap_or(0)).collect();
        let values = (first..=last).map(|number| GroupValue::Interval(interval.start(number))).collect();
        return Ok(Codes::Many(codes, values));
    }
    // Sparse: only the intervals that occur.
    let mut places: HashMap<i64, u32> = HashMap::new();
    let mut values = Vec::new();
    let mut codes = Vec::with_capacity(numbers.len());
    for number in numbers {
        let next = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let code = *places.entry(number).or_insert(next);
        if code == next {
            values.push(GroupValue::Interval(interval.start(number)));
        }
        codes.push(code);
    }
    Ok(Codes::Many(codes, values))
}
