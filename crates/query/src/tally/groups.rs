//! Counts the rows of parts by group. Each thread has groups of its own, which are put together at the end.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, UInt64Array};
use arrow::datatypes::{Float64Type, UInt32Type};
use datafusion::common::Result;
use store::{Chunk, Column, Part, Selection, TimeRange};

use super::key::{Base, Codes, Key, Values};
use super::{Map, Measure};
use crate::QueryError;
use crate::scan::{self, Kept, Narrowed};
use crate::table::{Property, Source};
use crate::uniques::Uniques;

const HOUR: i64 = 3_600_000_000;
/// Codes counted in an array as they are; of more, only those that occur get a place.
const DENSE_CODES_MAX: u64 = 1 << 20;

/// What is counted.
#[derive(Debug)]
pub(super) struct Counting {
    pub(super) asked: Narrowed,
    pub(super) keys: Vec<Key>,
    pub(super) measures: Vec<Measure>,
}

/// Groups seen by one thread.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Of each key.
    values: Vec<Values>,
    places: Map<Box<[u32]>, usize>,
    counts: Vec<u64>,
    persons: Vec<Uniques>,
    /// Of each group, of each property that is summed: the sum, and of how many numbers.
    sums: Vec<Vec<(f64, u64)>>,
    /// Bytes that were told already.
    told_bytes: usize,
}

impl Groups {
    /// Bytes taken since this was last asked.
    pub(super) fn grown(&mut self) -> usize {
        let bytes = self.bytes();
        let grown = bytes.saturating_sub(self.told_bytes);
        self.told_bytes = self.told_bytes.max(bytes);
        grown
    }

    /// The persons of each group, by the number of its first key.
    pub(super) fn persons_by_key(&self) -> impl Iterator<Item = (u32, &Uniques)> {
        self.places.iter().filter_map(|(group, place)| Some((*group.first()?, &self.persons[*place])))
    }

    /// The values of the first key.
    pub(super) fn first_values(&self) -> Option<&Values> {
        self.values.first()
    }

    fn place(&mut self, group: Box<[u32]>) -> usize {
        let next = self.counts.len();
        let place = *self.places.entry(group).or_insert(next);
        if place == next {
            self.counts.push(0);
            self.persons.push(Uniques::new(1));
            self.sums.push(Vec::new());
        }
        place
    }

    /// Takes over the groups of another thread.
    pub(super) fn merge(&mut self, other: Self) {
        self.values.resize_with(self.values.len().max(other.values.len()), Values::default);
        let became: Vec<Vec<u32>> =
            self.values.iter_mut().zip(other.values).map(|(mine, theirs)| mine.merge(theirs)).collect();
        let mut persons: Vec<Option<Uniques>> = other.persons.into_iter().map(Some).collect();
        for (group, theirs) in other.places {
            let number = |(key, number): (usize, &u32)| became.get(key).and_then(|became| became.get(*number as usize));
            let ours = self.place(group.iter().enumerate().filter_map(number).copied().collect());
            self.counts[ours] += other.counts[theirs];
            if let Some(persons) = persons.get_mut(theirs).and_then(Option::take) {
                self.persons[ours].merge(persons);
            }
            add(&mut self.sums[ours], &other.sums[theirs]);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let values: usize = self.values.iter().map(Values::bytes).sum();
        values + self.persons.iter().map(Uniques::bytes).sum::<usize>() + self.places.len() * 160
    }
}

fn add(ours: &mut Vec<(f64, u64)>, theirs: &[(f64, u64)]) {
    ours.resize(ours.len().max(theirs.len()), (0.0, 0));
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours = (ours.0 + theirs.0, ours.1 + theirs.1);
    }
}

impl Counting {
    fn counts_persons(&self) -> bool {
        self.measures.iter().any(|measure| matches!(measure, Measure::Persons))
    }

    /// The properties that are summed.
    fn summed(&self) -> impl Iterator<Item = &Property> {
        self.measures.iter().filter_map(|measure| match measure {
            Measure::Sum(property) | Measure::Mean(property) => Some(property),
            Measure::Count | Measure::Persons => None,
        })
    }

    pub(super) fn visit(&self, groups: &mut Groups, part: &Part) -> Result<(), QueryError> {
        groups.values.resize_with(self.keys.len(), Values::default);
        if !self.asked.may_be_in(part)? || self.count_by_statistics(groups, part)? {
            return Ok(());
        }
        let by_event = self.keys.iter().any(|key| matches!(key.base, Base::Event));
        let bases: Vec<Source> = self.keys.iter().map(|key| key.base.source()).collect();
        for chunk in part.chunks()? {
            let (rows, kept) = scan::narrow_keeping(&chunk, &self.asked, &bases)?;
            if rows.is_empty() {
                continue;
            }
            let runs = if by_event { chunk.runs(&rows)? } else { None };
            match runs {
                Some(runs) => {
                    for (event, rows) in runs {
                        self.count(groups, &chunk, &rows, Some(&event), &Kept::default())?;
                    }
                }
                None => self.count(groups, &chunk, &rows, None, &kept)?,
            }
        }
        Ok(())
    }

    /// Counts without reading a row; false where that cannot be.
    fn count_by_statistics(&self, groups: &mut Groups, part: &Part) -> Result<bool, QueryError> {
        let asked = &self.asked.conditions;
        let is_known = |key: &Key| matches!(key.base, Base::Event | Base::Time);
        let whole_hours = |range: TimeRange| {
            (range.first <= part.time_range().first || range.first % HOUR == 0)
                && (range.last >= part.time_range().last || range.last.wrapping_add(1) % HOUR == 0)
        };
        let counts_only = self.measures.iter().all(|measure| matches!(measure, Measure::Count));
        if !counts_only || self.asked.has_more() || !self.keys.iter().all(is_known) || !whole_hours(asked.range) {
            return Ok(false);
        }
        let Some(hours) = part.hour_counts()? else { return Ok(false) };
        let mut found = Vec::new();
        for hour in hours {
            let in_range = asked.range.first <= hour.hour.saturating_add(HOUR - 1) && hour.hour <= asked.range.last;
            let is_wanted = asked.events.as_ref().is_none_or(|events| events.iter().any(|event| event == hour.event));
            if !in_range || !is_wanted {
                continue;
            }
            let mut group = Vec::with_capacity(self.keys.len());
            for (key, values) in self.keys.iter().zip(&mut groups.values) {
                let number = match key.base {
                    Base::Time => key.of_hour(values, hour.hour).map_err(|error| QueryError::from_engine(error, 0))?,
                    _ => Some(key.of_event(values, hour.event)?),
                };
                let Some(number) = number else { return Ok(false) };
                group.push(number);
            }
            found.push((group, hour.rows));
        }
        for (group, rows) in found {
            let place = groups.place(group.into());
            groups.counts[place] += rows;
        }
        Ok(true)
    }

    /// Counts `rows`, all of the event `event` if it is given. What was `kept` of them is not read again.
    fn count(
        &self,
        groups: &mut Groups,
        chunk: &Chunk,
        rows: &Selection,
        event: Option<&str>,
        kept: &Kept,
    ) -> Result<(), QueryError> {
        let mut codes = Vec::with_capacity(self.keys.len());
        for (key, values) in self.keys.iter().zip(&mut groups.values) {
            codes.push(match (&key.base, event) {
                (Base::Event, Some(event)) => Codes::One(key.of_event(values, event)?),
                _ => key.codes(values, chunk, rows, kept)?,
            });
        }
        let persons = match self.counts_persons() {
            true => Some(chunk.read(&[Column::PersonNumber], rows)?.remove(0)),
            false => None,
        };
        let persons = persons.as_ref().map(|array| array.as_primitive::<UInt32Type>().values().as_ref());
        let mut summed = Vec::new();
        for property in self.summed() {
            summed.push(property.form.array(&chunk.property(&property.key, rows)?)?);
        }
        let summed: Vec<&Float64Array> = summed.iter().map(|array| array.as_primitive::<Float64Type>()).collect();
        let (codes, meanings) = combine(codes, rows.len());
        // Of each code, the group it means; found when it first occurs.
        let counts = counted(&codes, meanings.size);
        let mut places = vec![usize::MAX; counts.len()];
        for (code, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let place = groups.place(meanings.group(code));
            places[code] = place;
            groups.counts[place] += count;
        }
        if let Some(persons) = persons {
            for (place, numbers) in by_code(&codes, persons, &counts, &places) {
                groups.persons[place].push(0, &numbers);
            }
        }
        for (at, numbers) in summed.iter().enumerate() {
            let mut sums = vec![(0.0, 0_u64); counts.len()];
            for (row, code) in codes.iter().enumerate().filter(|(row, _)| numbers.is_valid(*row)) {
                let sum = &mut sums[*code as usize];
                *sum = (sum.0 + numbers.value(row), sum.1 + 1);
            }
            for (place, sum) in places.iter().zip(sums).filter(|(_, sum)| sum.1 > 0) {
                let group = &mut groups.sums[*place];
                group.resize(group.len().max(at + 1), (0.0, 0));
                group[at] = (group[at].0 + sum.0, group[at].1 + sum.1);
            }
        }
        Ok(())
    }

    /// One row for each group: keys, then measures.
    pub(super) fn columns(&self, mut groups: Groups) -> Result<Vec<ArrayRef>> {
        groups.values.resize_with(self.keys.len(), Values::default);
        if self.keys.is_empty() {
            // One group, also of no events.
            groups.place(Box::default());
        }
        let all: Vec<(Box<[u32]>, usize)> = std::mem::take(&mut groups.places).into_iter().collect();
        let mut columns = Vec::with_capacity(self.keys.len() + self.measures.len());
        for (at, (key, values)) in self.keys.iter().zip(&groups.values).enumerate() {
            columns.push(key.decoded(values, all.iter().filter_map(|(group, _)| group.get(at).copied()))?);
        }
        let places = || all.iter().map(|(_, place)| *place);
        let mut sum = 0;
        for measure in &self.measures {
            let column: ArrayRef = match measure {
                Measure::Count => {
                    let counts = places().map(|place| i64::try_from(groups.counts[place]).unwrap_or(i64::MAX));
                    Arc::new(Int64Array::from_iter_values(counts))
                }
                Measure::Persons => {
                    Arc::new(UInt64Array::from_iter_values(places().map(|place| groups.persons[place].count(0))))
                }
                Measure::Sum(_) | Measure::Mean(_) => {
                    let of = |place: usize| groups.sums[place].get(sum).copied().filter(|(_, count)| *count > 0);
                    let is_mean = matches!(measure, Measure::Mean(_));
                    #[expect(clippy::cast_precision_loss, reason = "a mean is a double")]
                    let value = |(sum, count): (f64, u64)| if is_mean { sum / count as f64 } else { sum };
                    let column: Float64Array = places().map(|place| of(place).map(value)).collect();
                    sum += 1;
                    Arc::new(column)
                }
            };
            columns.push(column);
        }
        Ok(columns)
    }
}

/// What combined codes mean: the number of each key's value.
struct Meanings {
    /// Of each key, what its codes mean.
    keys: Vec<Vec<u32>>,
    /// The combined code that each code stands for, if only those that occur have one.
    sparse: Option<Vec<u64>>,
    size: usize,
}

impl Meanings {
    fn group(&self, code: usize) -> Box<[u32]> {
        let mut rest = match &self.sparse {
            Some(codes) => codes.get(code).copied().unwrap_or_default(),
            None => code as u64,
        };
        let number = |meanings: &Vec<u32>| {
            let size = (meanings.len() as u64).max(1);
            let at = usize::try_from(rest % size).unwrap_or(0);
            rest /= size;
            meanings.get(at).copied().unwrap_or_default()
        };
        self.keys.iter().map(number).collect()
    }
}

/// One code for each row from those of every key.
fn combine(keys: Vec<Codes>, rows: usize) -> (Vec<u32>, Meanings) {
    let mut combined: Option<Vec<u64>> = None;
    let mut meanings = Vec::with_capacity(keys.len());
    let mut size = 1_u64;
    for key in keys {
        match key {
            Codes::One(number) => meanings.push(vec![number]),
            Codes::Many(codes, numbers) => {
                combined = Some(match combined {
                    None => codes.iter().map(|code| u64::from(*code) * size).collect(),
                    Some(mut before) => {
                        before.iter_mut().zip(&codes).for_each(|(code, row)| *code += u64::from(*row) * size);
                        before
                    }
                });
                size = size.saturating_mul((numbers.len() as u64).max(1));
                meanings.push(numbers);
            }
        }
    }
    let narrow = |code: u64| u32::try_from(code).unwrap_or(u32::MAX);
    let Some(combined) = combined else {
        return (vec![0; rows], Meanings { keys: meanings, sparse: None, size: 1 });
    };
    if size <= DENSE_CODES_MAX {
        let codes = combined.into_iter().map(narrow).collect();
        return (codes, Meanings { keys: meanings, sparse: None, size: usize::try_from(size).unwrap_or(usize::MAX) });
    }
    let mut places: Map<u64, u32> = Map::default();
    let mut sparse = Vec::new();
    let codes = combined.into_iter().map(|code| {
        *places.entry(code).or_insert_with(|| {
            sparse.push(code);
            narrow(sparse.len() as u64 - 1)
        })
    });
    let codes = codes.collect();
    let size = sparse.len();
    (codes, Meanings { keys: meanings, sparse: Some(sparse), size })
}

fn counted(codes: &[u32], size: usize) -> Vec<u64> {
    let mut counts = vec![0_u64; size];
    for code in codes {
        counts[*code as usize] += 1;
    }
    counts
}

/// Persons in the order of their code, so that each group takes its own in one go.
fn by_code(codes: &[u32], persons: &[u32], counts: &[u64], places: &[usize]) -> Vec<(usize, Vec<u32>)> {
    let mut sorted = vec![0_u32; persons.len()];
    let mut ends = vec![0_usize; counts.len()];
    let mut end = 0;
    let count = |count: &u64| usize::try_from(*count).unwrap_or(usize::MAX);
    for (start, of) in ends.iter_mut().zip(counts) {
        *start = end;
        end += count(of);
    }
    for (code, person) in codes.iter().zip(persons) {
        let end = &mut ends[*code as usize];
        sorted[*end] = *person;
        *end += 1;
    }
    let of_code = |((end, of), place): ((&usize, &u64), &usize)| {
        let numbers = sorted.get(end - count(of)..*end).unwrap_or_default().to_vec();
        (*place, numbers)
    };
    ends.iter().zip(counts).zip(places).filter(|((_, of), _)| **of > 0).map(of_code).collect()
}
