//! Rows as columns, for readers that turn them into tables without looking at each.
//!
//! A frame is `rows: u32`, then seven columns of text (`uuid`, `event`, `properties`, `distinct_id`, `elements_chain`,
//! `person_id`, `person_properties`), each as `data_len: u64`, `rows + 1` offsets of `i32` and the data, then two columns
//! of `i64` microseconds: `timestamp`, `created_at`. All numbers are little-endian. Arrow arrays are made of the same
//! buffers.

use std::io;

use anyhow::Context as _;

use super::slice::Row;

const TEXTS: usize = 7;

/// Rows that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Frame {
    texts: [TextColumn; TEXTS],
    timestamps: Vec<i64>,
    created: Vec<i64>,
}

impl Frame {
    pub(super) fn rows(&self) -> usize {
        self.timestamps.len()
    }

    /// Appends a row.
    ///
    /// # Errors
    ///
    /// When a column outgrows its offsets.
    pub(super) fn push(&mut self, row: &Row) -> anyhow::Result<()> {
        let texts: [&str; TEXTS] = [
            &row.uuid,
            row.event,
            &row.properties,
            &row.distinct_id,
            &row.elements_chain,
            &row.person_id,
            &row.person_properties,
        ];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.push(text)?;
        }
        self.timestamps.push(row.timestamp_micros);
        self.created.push(row.created_micros);
        Ok(())
    }

    /// Forgets all rows and keeps the memory.
    pub(super) fn clear(&mut self) {
        for column in &mut self.texts {
            column.ends.clear();
            column.data.clear();
        }
        self.timestamps.clear();
        self.created.clear();
    }

    pub(super) fn write_to(&self, out: &mut impl io::Write) -> anyhow::Result<()> {
        let rows = u32::try_from(self.rows()).context("a frame has too many rows")?;
        out.write_all(&rows.to_le_bytes())?;
        for column in &self.texts {
            column.write_to(out)?;
        }
        for micros in self.timestamps.iter().chain(&self.created) {
            out.write_all(&micros.to_le_bytes())?;
        }
        Ok(())
    }
}

/// Texts one after the other, and where each ends.
#[derive(Debug, Default)]
struct TextColumn {
    ends: Vec<i32>,
    data: String,
}

impl TextColumn {
    fn push(&mut self, text: &str) -> anyhow::Result<()> {
        self.data.push_str(text);
        self.ends.push(i32::try_from(self.data.len()).context("a column of a frame has over 2 GiB")?);
        Ok(())
    }

    fn write_to(&self, out: &mut impl io::Write) -> io::Result<()> {
        out.write_all(&(self.data.len() as u64).to_le_bytes())?;
        out.write_all(&0_i32.to_le_bytes())?;
        for end in &self.ends {
            out.write_all(&end.to_le_bytes())?;
        }
        out.write_all(self.data.as_bytes())
    }
}
