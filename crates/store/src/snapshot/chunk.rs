//! Rows that are read together: a batch in memory or a row group of a segment.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use model::SegmentId;
use roaring::RoaringBitmap;
use uuid::Uuid;

use super::slice::{Slice, Slices};
use super::{Context, TimeRange};
use crate::error::StoreError;
use crate::property::values::PropertyColumn;
use crate::property::{Document, PropertyKey, Spelling};
use crate::schema::{Column, PROPERTIES, REST};
use crate::segment::{Opened, Segment};
use crate::selection::Selection;

/// Rows that are read together, numbered from 0. Cheap to clone. Reading blocks on the disk.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub(super) rows: Rows,
    live: Selection,
    pub(super) context: Context,
}

#[derive(Debug, Clone)]
pub(super) enum Rows {
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

    pub(super) fn opened<'a>(&self, segment: &'a Segment) -> Result<&'a Opened, StoreError> {
        segment.opened(self.context.files.as_ref())
    }

    /// The columns of the selected rows, each one array of the type of [`Column::field`]. Person ids and numbers are
    /// those of the surviving persons.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] or [`StoreError::Io`] when the segment cannot be read.
    pub fn read(&self, columns: &[Column], rows: &Selection) -> Result<Vec<ArrayRef>, StoreError> {
        Slice::alone(self, rows).read(columns)
    }

    /// The values of one property in the selected rows.
    ///
    /// # Errors
    ///
    /// As [`Chunk::read`].
    pub fn property(&self, key: &PropertyKey, rows: &Selection) -> Result<PropertyColumn, StoreError> {
        Slice::alone(self, rows).property(key)
    }

    /// The properties of the selected rows as JSON objects: the event's, or the person's.
    ///
    /// # Errors
    ///
    /// As [`Chunk::read`].
    pub fn properties(&self, document: Document, rows: &Selection) -> Result<StringArray, StoreError> {
        Slice::alone(self, rows).properties(document, Spelling::Json)
    }

    /// The selected rows in slices of `at_once` rows, to be read one after the other.
    #[must_use]
    pub fn slices(&self, rows: &Selection, at_once: usize) -> Slices<'_> {
        Slices::new(self, rows, at_once)
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
}

/// Where `texts`, a dictionary, has one of these values.
fn equal_to_any(texts: &ArrayRef, wanted: &[&str]) -> BooleanArray {
    let dictionary = texts.as_dictionary::<Int32Type>();
    let values = dictionary.values().as_string::<i32>();
    let is_wanted: Vec<bool> = values.iter().map(|value| value.is_some_and(|value| wanted.contains(&value))).collect();
    let wanted = |key: Option<usize>| key.is_some_and(|key| is_wanted.get(key).copied().unwrap_or(false));
    (0..dictionary.len()).map(|row| Some(wanted(dictionary.key(row)))).collect()
}
