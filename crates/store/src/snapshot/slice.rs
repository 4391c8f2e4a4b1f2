//! The values of some rows of a chunk.
//!
//! Rows that are too large to be read all at once are read slice by slice. A column is then read in one go over all
//! slices, so that what they share is read and unpacked once: dictionaries, and pages on their edges.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder, StringArray, StringBuilder, UInt32Array,
};
use arrow::compute::{cast, concat};
use arrow::datatypes::{Int32Type, UInt32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use roaring::RoaringBitmap;

use super::chunk::{Chunk, Rows};
use crate::error::StoreError;
use crate::property::values::{PropertyColumn, PropertyValues};
use crate::property::{Document, Kind, PropertyKey, Spelling, rebuild};
use crate::schema::{Column, PERSON_REST, PROPERTIES, REST, dictionary};
use crate::segment::{Segment, uuid_at};
use crate::selection::Selection;

/// Rows of a chunk in slices, which are read one after the other.
#[derive(Debug)]
pub struct Slices<'a> {
    chunk: &'a Chunk,
    slices: Vec<Selection>,
    at_once: usize,
    next: usize,
    columns: HashMap<usize, Followed>,
}

/// A column that is read slice by slice.
struct Followed {
    reader: ParquetRecordBatchReader,
    /// The slice that `array` is of.
    at: usize,
    array: ArrayRef,
}

/// Rows of a chunk that are read together.
#[derive(Debug)]
pub struct Slice<'a> {
    chunk: &'a Chunk,
    rows: &'a Selection,
    /// What is kept from slice to slice, and which slices these rows and those after them are.
    kept: Option<Kept<'a>>,
}

#[derive(Debug)]
struct Kept<'a> {
    columns: &'a mut HashMap<usize, Followed>,
    slices: &'a [Selection],
    at: usize,
    at_once: usize,
}

impl std::fmt::Debug for Followed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Followed").field("at", &self.at).finish_non_exhaustive()
    }
}

impl<'a> Slices<'a> {
    pub(super) fn new(chunk: &'a Chunk, rows: &Selection, at_once: usize) -> Self {
        Self { chunk, slices: rows.chunks(at_once), at_once, next: 0, columns: HashMap::new() }
    }

    /// The next slice, until there are no more rows.
    #[expect(
        clippy::should_implement_trait,
        reason = "a slice borrows what the next one uses, which no iterator can say"
    )]
    pub fn next(&mut self) -> Option<Slice<'_>> {
        let at = self.next;
        let rows = self.slices.get(at)?;
        self.next += 1;
        let kept = Kept { columns: &mut self.columns, slices: &self.slices, at, at_once: self.at_once };
        Some(Slice { chunk: self.chunk, rows, kept: Some(kept) })
    }
}

impl<'a> Slice<'a> {
    /// Rows that no others follow.
    pub(crate) fn alone(chunk: &'a Chunk, rows: &'a Selection) -> Self {
        Self { chunk, rows, kept: None }
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &Selection {
        self.rows
    }

    /// The columns, each one array of the type of [`Column::field`]. Person ids and numbers are those of the surviving
    /// persons.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] or [`StoreError::Io`] when the segment cannot be read.
    pub fn read(&mut self, columns: &[Column]) -> Result<Vec<ArrayRef>, StoreError> {
        columns.iter().map(|column| self.column(*column)).collect()
    }

    fn column(&mut self, column: Column) -> Result<ArrayRef, StoreError> {
        if column == Column::PersonProperties {
            return Ok(Arc::new(self.properties(Document::Person, Spelling::Json)?));
        }
        let array = match &self.chunk.rows {
            Rows::Memory(batch) => {
                let array = taken(batch.column(column.place()), self.rows)?;
                if column.is_dictionary() { cast(&array, &dictionary())? } else { array }
            }
            Rows::Group { segment, group, .. } => self.stored(segment, *group, column.place())?,
        };
        match column {
            Column::PersonId => self.surviving_ids(&array),
            Column::PersonNumber => Ok(self.surviving_numbers(&array)),
            _ => Ok(array),
        }
    }

    /// The column at `place` of all columns of the file.
    fn stored(&mut self, segment: &Segment, group: usize, place: usize) -> Result<ArrayRef, StoreError> {
        let opened = self.chunk.opened(segment)?;
        let Some(kept) = self.kept.as_mut().filter(|kept| kept.slices.len() > 1) else {
            return opened.column(group, place, self.rows, segment);
        };
        let mut followed = match kept.columns.remove(&place) {
            Some(followed) if followed.at == kept.at => {
                let array = Arc::clone(&followed.array);
                kept.columns.insert(place, followed);
                return Ok(array);
            }
            Some(followed) if followed.at + 1 == kept.at => followed.reader,
            // It was not asked for so far, or a slice did without it.
            _ => {
                let left = kept.slices.iter().skip(kept.at).flat_map(Selection::ranges).cloned();
                opened.reader(group, place, &Selection::from_ranges(left), kept.at_once, segment)?
            }
        };
        let array = opened.next_of(&mut followed, place, self.rows.len(), segment)?;
        kept.columns.insert(place, Followed { reader: followed, at: kept.at, array: Arc::clone(&array) });
        Ok(array)
    }

    fn surviving_numbers(&self, numbers: &ArrayRef) -> ArrayRef {
        let overrides = self.chunk.context.merges.dense();
        if overrides.is_empty() {
            return Arc::clone(numbers);
        }
        let numbers = numbers.as_primitive::<UInt32Type>();
        let surviving = |number: u32| overrides.get(number as usize).copied().unwrap_or(number);
        let remapped: UInt32Array = numbers.unary(surviving);
        Arc::new(remapped)
    }

    fn surviving_ids(&self, ids: &ArrayRef) -> Result<ArrayRef, StoreError> {
        let merges = &self.chunk.context.merges;
        let array: &FixedSizeBinaryArray = ids.as_fixed_size_binary();
        if merges.is_empty() || !(0..array.len()).any(|row| merges.target(uuid_at(array, row)).is_some()) {
            return Ok(Arc::clone(ids));
        }
        let mut builder = FixedSizeBinaryBuilder::with_capacity(array.len(), 16);
        for row in 0..array.len() {
            let id = uuid_at(array, row);
            builder.append_value(merges.target(id).unwrap_or(id).as_bytes())?;
        }
        Ok(Arc::new(builder.finish()))
    }

    /// The values of one property.
    ///
    /// # Errors
    ///
    /// As [`Slice::read`].
    pub fn property(&mut self, key: &PropertyKey) -> Result<PropertyColumn, StoreError> {
        match &self.chunk.rows {
            Rows::Memory(batch) => {
                let place = match key.document() {
                    Document::Event => PROPERTIES,
                    Document::Person => PERSON_REST,
                };
                let texts = batch.column(place).as_string::<i32>();
                let mut builder = StringBuilder::new();
                for row in self.rows.rows() {
                    builder.append_option(key.key().find(texts.value(row as usize)).filter(|raw| *raw != "null"));
                }
                Ok(PropertyColumn { values: PropertyValues::Json(builder.finish()), strays: Vec::new() })
            }
            Rows::Group { segment, group, range } => {
                let opened = self.chunk.opened(segment)?;
                let place = opened.property(key.address());
                let values = match place {
                    Some(place) if !opened.is_empty(*group, REST + 1 + place) => {
                        let array = self.stored(segment, *group, REST + 1 + place)?;
                        values_of(&array, opened.columns[place].kind)
                    }
                    _ => PropertyValues::Missing(self.rows.len()),
                };
                let tail = segment.tail(self.chunk.context.files.as_ref(), key.address())?;
                Ok(PropertyColumn { values, strays: placed(tail, range, self.rows) })
            }
        }
    }

    /// The properties as JSON objects, spelled in some way: the event's, or the person's.
    ///
    /// # Errors
    ///
    /// As [`Slice::read`].
    pub fn properties(&mut self, document: Document, spelling: Spelling) -> Result<StringArray, StoreError> {
        let rest_place = match document {
            Document::Event => REST,
            Document::Person => PERSON_REST,
        };
        match &self.chunk.rows {
            Rows::Memory(batch) => {
                let objects = taken(batch.column(rest_place), self.rows)?;
                Ok(rebuild::spelled(objects.as_string(), spelling))
            }
            Rows::Group { segment, group, range } => {
                let opened = self.chunk.opened(segment)?;
                let filled = self.filled(segment, range)?;
                let used: Vec<usize> = (0..opened.columns.len())
                    .filter(|place| {
                        let number = u32::try_from(*place).unwrap_or(u32::MAX);
                        let of = opened.columns.get(*place).map(|column| column.document);
                        of == Some(document)
                            && filled.as_ref().is_none_or(|filled| filled.contains(number))
                            && !opened.is_empty(*group, REST + 1 + place)
                    })
                    .collect();
                let rest = self.stored(segment, *group, rest_place)?;
                let arrays: Vec<ArrayRef> = used
                    .iter()
                    .map(|place| self.stored(segment, *group, REST + 1 + place))
                    .collect::<Result<_, _>>()?;
                let columns = used.iter().zip(&arrays).map(|(place, array)| {
                    let column = &opened.columns[*place];
                    (column.key.as_str(), values_of(array, column.kind))
                });
                Ok(rebuild::objects(self.rows.len(), columns.collect(), rest.as_string(), spelling))
            }
        }
    }

    /// Property columns with values in any of the events of the rows; none when that is not known.
    fn filled(&self, segment: &Segment, range: &Range<u32>) -> Result<Option<RoaringBitmap>, StoreError> {
        let facts = segment.facts(self.chunk.context.files.as_ref())?;
        if facts.runs.is_empty() {
            return Ok(None);
        }
        let mut filled = RoaringBitmap::new();
        let mut wanted =
            self.rows.ranges().iter().map(|wanted| wanted.start + range.start..wanted.end + range.start).peekable();
        for run in &facts.runs {
            while wanted.next_if(|wanted| wanted.end <= run.rows.start).is_some() {}
            if wanted.peek().is_some_and(|wanted| wanted.start < run.rows.end) {
                filled |= &run.columns;
            }
        }
        Ok(Some(filled))
    }
}

/// The selected rows of `array`.
fn taken(array: &ArrayRef, rows: &Selection) -> Result<ArrayRef, StoreError> {
    if rows.len() == array.len() {
        return Ok(Arc::clone(array));
    }
    if let [range] = rows.ranges() {
        return Ok(array.slice(range.start as usize, range.len()));
    }
    if rows.is_empty() {
        return Ok(array.slice(0, 0));
    }
    if rows.ranges().len() * 8 > rows.len() {
        let places: UInt32Array = rows.rows().collect();
        return Ok(arrow::compute::take(array, &places, None)?);
    }
    let slices: Vec<ArrayRef> =
        rows.ranges().iter().map(|range| array.slice(range.start as usize, range.len())).collect();
    Ok(concat(&slices.iter().map(AsRef::as_ref).collect::<Vec<_>>())?)
}

fn values_of(array: &ArrayRef, kind: Kind) -> PropertyValues {
    match kind {
        Kind::Text => match array.as_any_dictionary_opt() {
            Some(_) => PropertyValues::Dictionary(array.as_dictionary::<Int32Type>().clone()),
            None => PropertyValues::Text(array.as_string::<i32>().clone()),
        },
        Kind::Uuid => PropertyValues::Uuid(array.as_fixed_size_binary().clone()),
        Kind::Int => PropertyValues::Int(array.as_primitive().clone()),
        Kind::Float => PropertyValues::Float(array.as_primitive().clone()),
        Kind::Bool => PropertyValues::Bool(array.as_boolean().clone()),
        Kind::Json => PropertyValues::Json(array.as_string::<i32>().clone()),
    }
}

/// Values by row of the segment, as values by place among the selected rows. Of several in one row the last stays.
fn placed(tail: Vec<(u32, Box<str>)>, range: &Range<u32>, rows: &Selection) -> Vec<(u32, Box<str>)> {
    let mut placed: Vec<(u32, Box<str>)> = Vec::new();
    let mut ranges = rows.ranges().iter();
    let mut current = ranges.next();
    let mut before = 0_u32;
    for (row, raw) in tail {
        let Some(row) = row.checked_sub(range.start).filter(|_| row < range.end) else { continue };
        while let Some(selected) = current.filter(|selected| selected.end <= row) {
            before += selected.end - selected.start;
            current = ranges.next();
        }
        let Some(selected) = current.filter(|selected| selected.contains(&row)) else { continue };
        let place = before + (row - selected.start);
        match placed.last_mut() {
            Some(last) if last.0 == place => last.1 = raw,
            _ => placed.push((place, raw)),
        }
    }
    placed
}
