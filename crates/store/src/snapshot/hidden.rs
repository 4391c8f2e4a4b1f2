//! Rows of deleted persons: nobody sees them, although they stay stored until their segment is compacted.
//!
//! A part is asked for its chunks, and a chunk for its live rows, by everything that reads. So leaving such rows out of the
//! live ones hides them everywhere. It costs the column of person numbers of the chunks that may hold such rows, which
//! compaction soon makes none.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::UInt32Type;
use roaring::RoaringBitmap;

use super::Chunk;
use crate::error::StoreError;
use crate::merges::Merges;
use crate::schema::Column;

/// Deleted persons of one snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hidden {
    /// By their number.
    persons: Arc<RoaringBitmap>,
    /// Every number that reads as one of theirs, as stored.
    stored: Arc<RoaringBitmap>,
}

impl Hidden {
    pub(crate) fn of(persons: &Arc<RoaringBitmap>, merges: &Merges) -> Self {
        if persons.is_empty() {
            return Self::default();
        }
        let stored = if merges.is_empty() { Arc::clone(persons) } else { Arc::new(merges.all_numbers_of(persons)) };
        Self { persons: Arc::clone(persons), stored }
    }

    /// Whether rows of the persons numbered `stored` may be hidden.
    pub(crate) fn may_be_among(&self, stored: &RoaringBitmap) -> bool {
        !self.stored.is_disjoint(stored)
    }

    /// `chunk` without the rows of deleted persons.
    pub(crate) fn leave_out(&self, mut chunk: Chunk) -> Result<Chunk, StoreError> {
        if self.persons.is_empty() || chunk.live().is_empty() {
            return Ok(chunk);
        }
        let numbers = chunk.read(&[Column::PersonNumber], chunk.live())?.remove(0);
        let numbers = numbers.as_primitive::<UInt32Type>();
        let keep = BooleanArray::from_unary(numbers, |number| !self.persons.contains(number));
        let live = chunk.live().filter(&keep);
        chunk.set_live(live);
        Ok(chunk)
    }
}
