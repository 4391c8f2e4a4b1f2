//! The columns of a new segment, gathered from the chunks of old ones.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::compute::{cast, interleave};
use arrow::datatypes::DataType;
use env::Files;
use model::SegmentId;

use super::Row;
use crate::error::StoreError;
use crate::limits::Limits;
use crate::property::shred::Column as ColumnBuilder;
use crate::property::values::{PropertyColumn, PropertyValues};
use crate::property::{Kind, Plan, PlannedColumn, PropertyKey, Rest, RestBuilder};
use crate::schema::{COLUMNS, Column, REST, dictionary};
use crate::segment::Segment;
use crate::selection::Selection;
use crate::snapshot::Chunk;
use crate::write::{FACT_COLUMNS, Groups, Source};

/// Dictionaries are put together as they are up to this size: an array's text has 2 GiB at most.
const DICTIONARIES_BYTES_MAX: usize = 256 << 20;

pub(super) struct Gather<'a> {
    plan: &'a Plan,
    files: &'a dyn Files,
    pieces: Vec<Piece<'a>>,
    /// For each row of the output: its piece, and its place among the piece's rows.
    order: Vec<(usize, usize)>,
    rest: RestBuilder,
    group_rows: usize,
}

/// The rows that one chunk gives.
struct Piece<'a> {
    chunk: &'a Chunk,
    rows: Selection,
    /// By place among `rows`: the row of the output.
    outputs: Vec<u32>,
}

impl<'a> Gather<'a> {
    pub(super) fn new(
        chunks: &'a [Chunk],
        rows: &[Row],
        plan: &'a Plan,
        limits: &Limits,
        files: &'a dyn Files,
    ) -> Self {
        let mut by_chunk: Vec<Vec<(u32, u32)>> = vec![Vec::new(); chunks.len()];
        for (row, output) in rows.iter().zip(0..) {
            by_chunk[row.chunk as usize].push((row.row, output));
        }
        let mut order = vec![(0, 0); rows.len()];
        let mut pieces = Vec::new();
        for (chunk, mut taken) in chunks.iter().zip(by_chunk) {
            if taken.is_empty() {
                continue;
            }
            taken.sort_unstable();
            for (place, (_, output)) in taken.iter().enumerate() {
                order[*output as usize] = (pieces.len(), place);
            }
            let rows = Selection::from_rows(taken.iter().map(|(row, _)| *row));
            pieces.push(Piece { chunk, rows, outputs: taken.into_iter().map(|(_, output)| output).collect() });
        }
        Self { plan, files, pieces, order, rest: RestBuilder::default(), group_rows: limits.row_group_rows }
    }

    /// The rows of the output, by row group, from the pieces' arrays.
    ///
    /// Dictionaries stay what they are as long as they are small: written out, the text of a column that repeats can be
    /// a hundred times as large.
    fn interleaved(&self, mut arrays: Vec<ArrayRef>) -> Result<Groups<'_>, StoreError> {
        let mixed = arrays.windows(2).any(|pair| pair[0].data_type() != pair[1].data_type());
        if mixed || dictionary_bytes(&arrays) > DICTIONARIES_BYTES_MAX {
            arrays = arrays.into_iter().map(plain).collect::<Result<_, _>>()?;
        }
        Ok(Box::new(self.order.chunks(self.group_rows).map(move |order| {
            let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            Ok(interleave(&arrays, order)?)
        })))
    }

    /// Leaves what the columns of `plan` do not take: values of rare keys, of columns that are none any more, and nulls.
    fn leave_others(&mut self) -> Result<(), StoreError> {
        let addresses: Vec<Cow<'_, str>> = self.plan.columns.iter().map(PlannedColumn::address).collect();
        let planned: HashSet<&str> = addresses.iter().map(AsRef::as_ref).collect();
        let mut outputs: HashMap<SegmentId, (Arc<Segment>, HashMap<u32, u32>)> = HashMap::new();
        for piece in &self.pieces {
            let Some((segment, group, range)) = piece.chunk.place() else { continue };
            let known = outputs.entry(segment.entry.id).or_insert_with(|| (Arc::clone(segment), HashMap::new()));
            known.1.extend(piece.rows.rows().zip(&piece.outputs).map(|(row, output)| (range.start + row, *output)));
            let opened = segment.opened(self.files)?;
            let columns = opened.columns.iter().enumerate();
            let demoted = columns.filter(|(at, column)| {
                !planned.contains(column.address().as_ref()) && !opened.is_empty(group, REST + 1 + at)
            });
            for (_, column) in demoted {
                let key = column.address();
                let column = piece.chunk.property(&PropertyKey::new(column.document, &column.key), &piece.rows)?;
                let mut raw = String::new();
                for (at, output) in piece.outputs.iter().enumerate() {
                    raw.clear();
                    // What stands in the rest already comes with the rest.
                    if column.values.write_json(at, &mut raw) {
                        self.rest.push(*output, &key, &raw);
                    }
                }
            }
        }
        for (segment, outputs) in outputs.values() {
            for (key, values) in segment.tails(self.files)? {
                let is_planned = planned.contains(key.as_ref());
                for (row, raw) in values {
                    if let Some(output) = outputs.get(&row).filter(|_| raw.as_ref() == "null" || !is_planned) {
                        self.rest.push(*output, &key, &raw);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Source for Gather<'_> {
    fn column(&mut self, column: Column) -> Result<Vec<ArrayRef>, StoreError> {
        debug_assert!(column.place() < COLUMNS, "every column has a place");
        let mut arrays = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let array = piece.chunk.read(&[column], &piece.rows)?.remove(0);
            arrays.push(if FACT_COLUMNS.contains(&column) { plain(array)? } else { array });
        }
        self.interleaved(arrays)?.collect()
    }

    fn property(&mut self, place: usize) -> Result<Groups<'_>, StoreError> {
        let planned = &self.plan.columns[place];
        let key = PropertyKey::new(planned.document, &planned.key);
        let address = planned.address();
        let mut arrays = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let column = piece.chunk.property(&key, &piece.rows)?;
            let (array, left) = typed(column, planned)?;
            for (at, raw) in left {
                self.rest.push(piece.outputs[at as usize], &address, &raw);
            }
            arrays.push(array);
        }
        self.interleaved(arrays)
    }

    fn rest(&mut self) -> Result<Rest, StoreError> {
        self.leave_others()?;
        Ok(std::mem::take(&mut self.rest).finish())
    }
}

/// `column` as the column that is planned, and the values it cannot take.
#[expect(clippy::type_complexity, reason = "an array, and values by place")]
fn typed(column: PropertyColumn, planned: &PlannedColumn) -> Result<(ArrayRef, Vec<(u32, Box<str>)>), StoreError> {
    let rows = column.len();
    let as_it_is: Option<ArrayRef> = match (&column.values, planned.kind) {
        (PropertyValues::Missing(rows), Kind::Text) if column.strays.is_empty() => {
            Some(new_null_array(&dictionary(), *rows))
        }
        (PropertyValues::Dictionary(array), Kind::Text) => Some(Arc::new(array.clone())),
        (PropertyValues::Text(array), Kind::Text) | (PropertyValues::Json(array), Kind::Json) => {
            Some(Arc::new(array.clone()))
        }
        (PropertyValues::Uuid(array), Kind::Uuid) => Some(Arc::new(array.clone())),
        (PropertyValues::Int(array), Kind::Int) => Some(Arc::new(array.clone())),
        (PropertyValues::Float(array), Kind::Float) => Some(Arc::new(array.clone())),
        (PropertyValues::Bool(array), Kind::Bool) => Some(Arc::new(array.clone())),
        _ => None,
    };
    if let Some(array) = as_it_is {
        return Ok((array, column.strays));
    }
    let mut builder = ColumnBuilder::new(planned, rows);
    let mut left = Vec::new();
    let mut raw = String::new();
    for row in 0..u32::try_from(rows).unwrap_or(u32::MAX) {
        raw.clear();
        if column.write_json(row as usize, &mut raw) && !builder.push(row, &raw) {
            left.push((row, raw.as_str().into()));
        }
    }
    Ok((builder.finish(u32::try_from(rows).unwrap_or(u32::MAX)), left))
}

/// Bytes of the distinct values of dictionaries.
fn dictionary_bytes(arrays: &[ArrayRef]) -> usize {
    let values = arrays.iter().filter_map(|array| array.as_any_dictionary_opt()).map(|array| array.values());
    values.filter_map(|values| values.as_string_opt::<i32>()).map(|values| values.values().len()).sum()
}

/// Text without a dictionary.
fn plain(array: ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    if *array.data_type() == dictionary() { cast(&array, &DataType::Utf8) } else { Ok(array) }
}
