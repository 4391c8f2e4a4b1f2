//! Rows that are read together: a batch in memory or a row group of a segment.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder, RecordBatch, StringArray,
    StringBuilder, UInt32Array,
};
use arrow::compute::{cast, concat};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType, UInt32Type};
use model::SegmentId;
use roaring::RoaringBitmap;
use uuid::Uuid;

use super::{Context, TimeRange};
use crate::error::StoreError;
use crate::property::values::{PropertyColumn, PropertyValues};
use crate::property::{Document, Kind, PropertyKey, rebuild};
use crate::schema::{Column, PERSON_REST, PROPERTIES, REST, dictionary};
use crate::segment::{Opened, Segment, uuid_at};
use crate::selection::Selection;

/// Rows that are read together, numbered from 0. Cheap to clone. Reading blocks on the disk.
#[derive(Debug, Clone)]
pub struct Chunk {
    rows: Rows,
    live: Selection,
    context: Context,
}

#[derive(Debug, Clone)]
enum Rows {
    Memory(RecordBatch),
    /// A row group, and its rows by their number in the segment.
    Group {
        segment: Arc<Segment>,
        group: usize,
        range: Range<u32>,
    },
}

impl Chunk {
    pub(super) fn memory(batch: RecordBatch, first: u32, deleted: &RoaringBitmap, context: Context) -> Self {
        let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
        Self { live: Selection::live(first, rows, deleted), rows: Rows::Memory(batch), context }
    }

    pub(super) fn group(
        segment: Arc<Segment>,
        group: usize,
        range: Range<u32>,
        deleted: &RoaringBitmap,
        context: Context,
    ) -> Self {
        let live = Selection::live(range.start, range.end - range.start, deleted);
        Self { live, rows: Rows::Group { segment, group, range }, context }
    }

    /// The segment of a row group, its number there, and its rows by their number in the segment.
    pub(crate) fn place(&self) -> Option<(&Arc<Segment>, usize, Range<u32>)> {
        match &self.rows {
            Rows::Memory(_) => None,
            Rows::Group { segment, group, range } => Some((segment, *group, range.clone())),
        }
    }

    /// The segment that a row group belongs to, and the number of its first row there: what names a row for ever. None for
    /// memory.
    #[must_use]
    pub fn segment(&self) -> Option<(SegmentId, u32)> {
        self.place().map(|(segment, _, range)| (segment.entry.id, range.start))
    }

    /// Who the person `id` reads as.
    #[must_use]
    pub fn surviving_person(&self, id: Uuid) -> Uuid {
        self.context.merges.target(id).unwrap_or(id)
    }

    /// The rows that are not deleted, and not of a deleted person.
    #[must_use]
    pub fn live(&self) -> &Selection {
        &self.live
    }

    pub(super) fn set_live(&mut self, live: Selection) {
        self.live = live;
    }

    /// Bytes of a row with all its columns, about.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        match &self.rows {
            Rows::Memory(batch) => {
                let bytes = batch.column(PROPERTIES).as_string::<i32>().values().len();
                bytes / batch.num_rows().max(1)
            }
            Rows::Group { segment, group, .. } => self.opened(segment).map_or(1_024, |opened| opened.row_bytes(*group)),
        }
    }

    fn opened<'a>(&self, segment: &'a Segment) -> Result<&'a Opened, StoreError> {
        segment.opened(self.context.files.as_ref())
    }

    /// The columns of the selected rows, each one array of the type of [`Column::field`]. Person ids and numbers are
    /// those of the surviving persons.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] or [`StoreError::Io`] when the segment cannot be read.
    pub fn read(&self, columns: &[Column], rows: &Selection) -> Result<Vec<ArrayRef>, StoreError> {
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<usize> = columns.iter().map(|column| column.place()).collect();
        let mut arrays = match &self.rows {
            Rows::Memory(batch) => {
                let arrays = places.iter().map(|place| taken(batch.column(*place), rows));
                let arrays: Vec<ArrayRef> = arrays.collect::<Result<_, _>>()?;
                let typed = |(column, array): (&Column, ArrayRef)| {
                    if column.is_dictionary() { cast(&array, &dictionary()) } else { Ok(array) }
                };
                columns.iter().zip(arrays).map(typed).collect::<Result<_, _>>()?
            }
            Rows::Group { segment, group, .. } => self.opened(segment)?.read(*group, &places, rows, segment)?,
        };
        for (column, array) in columns.iter().zip(&mut arrays) {
            match column {
                Column::PersonId => *array = self.surviving_ids(array)?,
                Column::PersonNumber => *array = self.surviving_numbers(array),
                Column::PersonProperties => *array = Arc::new(self.properties(Document::Person, rows)?),
                _ => {}
            }
        }
        Ok(arrays)
    }

    fn surviving_numbers(&self, numbers: &ArrayRef) -> ArrayRef {
        let overrides = self.context.merges.dense();
        if overrides.is_empty() {
            return Arc::clone(numbers);
        }
        let numbers = numbers.as_primitive::<UInt32Type>();
        let surviving = |number: u32| overrides.get(number as usize).copied().unwrap_or(number);
        let remapped: UInt32Array = numbers.unary(surviving);
        Arc::new(remapped)
    }

    fn surviving_ids(&self, ids: &ArrayRef) -> Result<ArrayRef, StoreError> {
        let merges = &self.context.merges;
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

    /// Those of `rows` whose timestamp is in `range`.
    ///
    /// # Errors
    ///
    /// As [`Chunk::read`].
    pub fn within(&self, range: TimeRange, rows: &Selection) -> Result<Selection, StoreError> {
        if rows.is_empty() {
            return Ok(Selection::default());
        }
        if let Rows::Group { segment, .. } = &self.rows {
            let all = segment.time_range();
            if range.covers(all) {
                return Ok(rows.clone());
            }
            if !range.overlaps(all) {
                return Ok(Selection::default());
            }
        }
        let timestamps = self.read(&[Column::Timestamp], rows)?.remove(0);
        let timestamps = timestamps.as_primitive::<TimestampMicrosecondType>();
        let keep = BooleanArray::from_unary(timestamps, |at| range.first <= at && at <= range.last);
        Ok(rows.filter(&keep))
    }

    /// Those of `rows` whose event has one of these names. Reads nothing where rows lie by event.
    ///
    /// # Errors
    ///
    /// As [`Chunk::read`].
    pub fn of_events(&self, names: &[&str], rows: &Selection) -> Result<Selection, StoreError> {
        if let Rows::Group { segment, range, .. } = &self.rows {
            let facts = segment.facts(self.context.files.as_ref())?;
            let wanted: Vec<u32> = names.iter().filter_map(|name| facts.event(name)).collect();
            if wanted.is_empty() {
                return Ok(Selection::default());
            }
            if !facts.runs.is_empty() {
                let runs = facts.runs.iter().filter(|run| wanted.contains(&run.event));
                let here = runs.map(|run| {
                    let clamp = |row: u32| row.clamp(range.start, range.end) - range.start;
                    clamp(run.rows.start)..clamp(run.rows.end)
                });
                return Ok(rows.and(&Selection::from_ranges(here)));
            }
        }
        let events = self.read(&[Column::Event], rows)?.remove(0);
        Ok(rows.filter(&equal_to_any(&events, names)))
    }

    /// The runs of rows of one event within `rows`, where rows lie by event: place of the event, and its rows.
    ///
    /// # Errors
    ///
    /// As [`Chunk::read`].
    #[expect(clippy::type_complexity, reason = "names and rows, where there are any")]
    pub fn runs(&self, rows: &Selection) -> Result<Option<Vec<(Box<str>, Selection)>>, StoreError> {
        let Rows::Group { segment, range, .. } = &self.rows else { return Ok(None) };
        let facts = segment.facts(self.context.files.as_ref())?;
        if facts.runs.is_empty() {
            return Ok(None);
        }
        let mut runs = Vec::new();
        for run in &facts.runs {
            let clamp = |row: u32| row.clamp(range.start, range.end) - range.start;
            let here = rows.and(&Selection::of(clamp(run.rows.start)..clamp(run.rows.end)));
            if !here.is_empty() {
                let name = facts.events.get(run.event as usize).cloned().unwrap_or_default();
                runs.push((name, here));
            }
        }
        Ok(Some(runs))
    }

    /// The values of one property in the selected rows.
    ///
    /// # Errors
    ///
    /// As [`Chunk::read`].
    pub fn property(&self, key: &PropertyKey, rows: &Selection) -> Result<PropertyColumn, StoreError> {
        match &self.rows {
            Rows::Memory(batch) => {
                let place = match key.document() {
                    Document::Event => PROPERTIES,
                    Document::Person => PERSON_REST,
                };
                let texts = batch.column(place).as_string::<i32>();
                let mut builder = StringBuilder::new();
                for row in rows.rows() {
                    builder.append_option(key.key().find(texts.value(row as usize)).filter(|raw| *raw != "null"));
                }
                Ok(PropertyColumn { values: PropertyValues::Json(builder.finish()), strays: Vec::new() })
            }
            Rows::Group { segment, group, range } => {
                let opened = self.opened(segment)?;
                let place = opened.property(key.address());
                let values = match place {
                    Some(place) if !opened.is_empty(*group, REST + 1 + place) => {
                        let array = opened.read(*group, &[REST + 1 + place], rows, segment)?.remove(0);
                        values_of(&array, opened.columns[place].kind)
                    }
                    _ => PropertyValues::Missing(rows.len()),
                };
                let tail = segment.tail(self.context.files.as_ref(), key.address())?;
                Ok(PropertyColumn { values, strays: placed(tail, range, rows) })
            }
        }
    }

    /// Those of `rows` that may have a value of property `key`: far fewer than all where the key is rare.
    ///
    /// # Errors
    ///
    /// As [`Chunk::read`].
    pub fn with_property(&self, key: &PropertyKey, rows: &Selection) -> Result<Selection, StoreError> {
        let Rows::Group { segment, group, range } = &self.rows else { return Ok(rows.clone()) };
        let opened = self.opened(segment)?;
        let place = opened.property(key.address()).filter(|place| !opened.is_empty(*group, REST + 1 + place));
        let facts = segment.facts(self.context.files.as_ref())?;
        let Some(place) = place else {
            let tail = segment.tail(self.context.files.as_ref(), key.address())?;
            let mut here: Vec<u32> = tail
                .iter()
                .map(|(row, _)| *row)
                .filter(|row| range.contains(row))
                .map(|row| row - range.start)
                .collect();
            here.dedup();
            return Ok(rows.and(&Selection::from_rows(here)));
        };
        let rare = facts.tails.keys.contains_key(key.address()) || facts.tails.others.is_some();
        if rare || facts.runs.is_empty() {
            return Ok(rows.clone());
        }
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let runs = facts.runs.iter().filter(|run| run.columns.contains(place)).map(|run| {
            let clamp = |row: u32| row.clamp(range.start, range.end) - range.start;
            clamp(run.rows.start)..clamp(run.rows.end)
        });
        Ok(rows.and(&Selection::from_ranges(runs)))
    }

    /// The properties of the selected rows as JSON objects: the event's, or the person's.
    ///
    /// # Errors
    ///
    /// As [`Chunk::read`].
    pub fn properties(&self, document: Document, rows: &Selection) -> Result<StringArray, StoreError> {
        let rest_place = match document {
            Document::Event => REST,
            Document::Person => PERSON_REST,
        };
        match &self.rows {
            Rows::Memory(batch) => Ok(taken(batch.column(rest_place), rows)?.as_string::<i32>().clone()),
            Rows::Group { segment, group, range } => {
                let opened = self.opened(segment)?;
                let filled = self.filled(segment, range, rows)?;
                let used: Vec<usize> = (0..opened.columns.len())
                    .filter(|place| {
                        let number = u32::try_from(*place).unwrap_or(u32::MAX);
                        let of = opened.columns.get(*place).map(|column| column.document);
                        of == Some(document)
                            && filled.as_ref().is_none_or(|filled| filled.contains(number))
                            && !opened.is_empty(*group, REST + 1 + place)
                    })
                    .collect();
                let mut places: Vec<usize> = used.iter().map(|place| REST + 1 + place).collect();
                places.push(rest_place);
                let mut arrays = opened.read(*group, &places, rows, segment)?;
                let rest = arrays
                    .pop()
                    .map(|rest| rest.as_string::<i32>().clone())
                    .unwrap_or_else(|| StringArray::new_null(rows.len()));
                let columns = used.iter().zip(&arrays).map(|(place, array)| {
                    let column = &opened.columns[*place];
                    (column.key.as_str(), values_of(array, column.kind))
                });
                Ok(rebuild::objects(rows.len(), columns.collect(), &rest))
            }
        }
    }

    /// Property columns with values in any of the events of `rows`; none when that is not known.
    fn filled(
        &self,
        segment: &Segment,
        range: &Range<u32>,
        rows: &Selection,
    ) -> Result<Option<RoaringBitmap>, StoreError> {
        let facts = segment.facts(self.context.files.as_ref())?;
        if facts.runs.is_empty() {
            return Ok(None);
        }
        let mut filled = RoaringBitmap::new();
        let mut wanted =
            rows.ranges().iter().map(|wanted| wanted.start + range.start..wanted.end + range.start).peekable();
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

/// Where `texts`, a dictionary, has one of these values.
fn equal_to_any(texts: &ArrayRef, wanted: &[&str]) -> BooleanArray {
    let dictionary = texts.as_dictionary::<Int32Type>();
    let values = dictionary.values().as_string::<i32>();
    let is_wanted: Vec<bool> = values.iter().map(|value| value.is_some_and(|value| wanted.contains(&value))).collect();
    let wanted = |key: Option<usize>| key.is_some_and(|key| is_wanted.get(key).copied().unwrap_or(false));
    (0..dictionary.len()).map(|row| Some(wanted(dictionary.key(row)))).collect()
}
