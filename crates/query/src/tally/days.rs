//! The different days of each person, from the persons of each day.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array, ListArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Date32Type, Field};
use datafusion::common::Result;

use super::groups::{Counting, Groups};
use crate::uniques::Uniques;

/// Days with their persons, in the order of days.
pub(super) struct Days<'a>(Vec<(i32, &'a Uniques)>);

impl Counting {
    /// The days that `groups`, whose only key is a day, have persons of.
    pub(super) fn days<'a>(&self, groups: &'a Groups) -> Result<Days<'a>> {
        let mut days = Vec::new();
        if let ([key], Some(values)) = (self.keys.as_slice(), groups.first_values()) {
            let (numbers, persons): (Vec<u32>, Vec<&Uniques>) = groups.persons_by_key().unzip();
            let decoded = key.decoded(values, numbers.into_iter())?;
            let decoded = decoded.as_primitive::<Date32Type>();
            let known = decoded.iter().zip(persons);
            days.extend(known.filter_map(|(day, persons)| Some((day?, persons))));
        }
        days.sort_by_key(|(day, _)| *day);
        Ok(Days(days))
    }
}

impl Days<'_> {
    /// Bytes that the columns take, and what is needed to make them.
    pub(super) fn bytes(&self) -> usize {
        let pairs: u64 = self.0.iter().map(|(_, persons)| persons.count(0)).sum();
        let pairs = usize::try_from(pairs).unwrap_or(usize::MAX);
        (self.numbers() * 2).saturating_add(pairs.saturating_mul(3)).saturating_mul(size_of::<u32>())
    }

    /// One more than the highest number of a person.
    fn numbers(&self) -> usize {
        let highest = |(_, persons): &(i32, &Uniques)| persons.highest(0).map(|number| number as usize + 1);
        self.0.iter().filter_map(highest).max().unwrap_or(0)
    }

    /// Persons by number, and their days, the earliest first.
    pub(super) fn columns(&self) -> Vec<ArrayRef> {
        let mut counts = vec![0_u32; self.numbers()];
        for (_, persons) in &self.0 {
            persons.persons(0).for_each(|person| counts[person as usize] += 1);
        }
        let present = (0_u32..).zip(&counts).filter(|(_, count)| **count > 0);
        let persons: UInt32Array = present.map(|(person, _)| person).collect::<Vec<_>>().into();
        let lengths: Vec<usize> = counts.iter().filter(|count| **count > 0).map(|count| *count as usize).collect();
        // From here on, of each person, where its next day goes.
        let mut next = 0;
        for count in &mut counts {
            next += std::mem::replace(count, next);
        }
        let mut days = vec![0_i32; next as usize];
        for (day, persons) in &self.0 {
            for person in persons.persons(0) {
                let place = &mut counts[person as usize];
                days[*place as usize] = *day;
                *place += 1;
            }
        }
        let item = Arc::new(Field::new_list_field(DataType::Date32, true));
        let lists = ListArray::new(item, OffsetBuffer::from_lengths(lengths), Arc::new(Date32Array::from(days)), None);
        vec![Arc::new(persons), Arc::new(lists)]
    }
}
