//! Rows of an answer as a file: lines of CSV or JSON, an Arrow stream, or Parquet.
//!
//! Arrow and Parquet hold what JSON would show: ids and addresses are text, as they are there, so that any reader takes them;
//! numbers, times and lists keep their types.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use hogql::types::{Base, Name, Type};
use store::ParquetStream;

use super::output::{JsonRows, write_csv_field};
use super::run::HANDED_BYTES;
use super::types::arrow_type;
use crate::QueryError;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values below a line of names.
    Csv,
    /// A JSON object a line.
    JsonLines,
    /// An Arrow IPC stream.
    Arrow,
    /// Parquet.
    Parquet,
}

impl Format {
    /// The format with this content type.
    #[must_use]
    pub fn of_content_type(name: &str) -> Option<Self> {
        Some(match name {
            "text/csv" => Self::Csv,
            "application/x-ndjson" => Self::JsonLines,
            "application/vnd.apache.arrow.stream" => Self::Arrow,
            "application/vnd.apache.parquet" => Self::Parquet,
            _ => return None,
        })
    }

    /// What it is called in an answer.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/x-ndjson",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// A file that is being written, piece by piece.
pub struct Encoder {
    columns: Vec<(Name, Type)>,
    state: State,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("columns", &self.columns).finish_non_exhaustive()
    }
}

enum State {
    Lines { is_csv: bool, begun: bool },
    Arrow(Box<StreamWriter<Vec<u8>>>),
    Parquet(Box<ParquetStream>),
}

impl Encoder {
    pub(super) fn new(format: Format, columns: &[(Name, Type)]) -> Result<Self, QueryError> {
        let state = match format {
            Format::Csv => State::Lines { is_csv: true, begun: false },
            Format::JsonLines => State::Lines { is_csv: false, begun: false },
            Format::Arrow => State::Arrow(Box::new(StreamWriter::try_new(Vec::new(), &schema(columns))?)),
            Format::Parquet => State::Parquet(Box::new(ParquetStream::new(schema(columns))?)),
        };
        Ok(Self { columns: columns.to_vec(), state })
    }

    /// What the file goes on with: the rows of `batch`, or of earlier ones that were held back.
    ///
    /// # Errors
    ///
    /// [`QueryError::Internal`] if a column is not of its type.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, QueryError> {
        match &mut self.state {
            State::Lines { is_csv, begun } => {
                let writer = JsonRows::new(self.columns.iter().map(|(_, ty)| ty));
                // About what most rows come to: beyond, text is copied to grow. Rows of a larger batch count all of it.
                let bytes = batch.get_array_memory_size().min(HANDED_BYTES);
                let mut text = String::with_capacity(bytes * 5 / 4);
                if *is_csv {
                    if !std::mem::replace(begun, true) {
                        text = names(&self.columns);
                    }
                    writer.write_csv(batch, &mut text)?;
                } else {
                    let names: Vec<Name> = self.columns.iter().map(|(name, _)| Arc::clone(name)).collect();
                    writer.write_objects(&names, batch, &mut text)?;
                }
                Ok(text.into_bytes())
            }
            State::Arrow(writer) => {
                writer.write(&shown(batch, &self.columns)?)?;
                Ok(std::mem::take(writer.get_mut()))
            }
            State::Parquet(stream) => Ok(stream.write(&shown(batch, &self.columns)?)?),
        }
    }

    /// What the file ends with.
    ///
    /// # Errors
    ///
    /// See [`Encoder::write`].
    pub fn finish(self) -> Result<Vec<u8>, QueryError> {
        match self.state {
            State::Lines { is_csv: true, begun: false } => Ok(names(&self.columns).into_bytes()),
            State::Lines { .. } => Ok(Vec::new()),
            State::Arrow(mut writer) => {
                writer.finish()?;
                Ok(std::mem::take(writer.get_mut()))
            }
            State::Parquet(stream) => Ok(stream.finish()?),
        }
    }

    /// Bytes of rows that are held back, about.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        match &self.state {
            State::Parquet(stream) => stream.held_bytes(),
            State::Lines { .. } | State::Arrow(_) => 0,
        }
    }
}

/// The first line of CSV.
fn names(columns: &[(Name, Type)]) -> String {
    let mut line = String::new();
    for (at, (name, _)) in columns.iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        write_csv_field(&mut line, name);
    }
    line.push_str("\r\n");
    line
}

/// Whether values of a type are written as text.
const fn is_text(base: &Base) -> bool {
    matches!(base, Base::Uuid | Base::IPv4 | Base::IPv6)
}

/// Columns of nothing have a type all the same.
fn shown_type(ty: &Type) -> DataType {
    match &ty.base {
        base if is_text(base) => DataType::Utf8,
        Base::Nothing => DataType::Utf8,
        _ => arrow_type(ty),
    }
}

fn schema(columns: &[(Name, Type)]) -> SchemaRef {
    let field = |(name, ty): &(Name, Type)| Field::new(name.to_string(), shown_type(ty), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn shown(batch: &RecordBatch, columns: &[(Name, Type)]) -> Result<RecordBatch, QueryError> {
    if batch.num_columns() != columns.len() {
        return Err(QueryError::Internal("an answer has other columns than its query".into()));
    }
    let arrays = batch.columns().iter().zip(columns).map(|(array, (_, ty))| -> Result<ArrayRef, QueryError> {
        if is_text(&ty.base) { texts(array, ty) } else { Ok(arrow::compute::cast(array, &shown_type(ty))?) }
    });
    let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema(columns), arrays, &options)?)
}

/// Values as the text that JSON has for them.
fn texts(array: &ArrayRef, ty: &Type) -> Result<ArrayRef, QueryError> {
    let writer = JsonRows::new([ty]);
    let mut texts = StringBuilder::with_capacity(array.len(), array.len() * 36);
    let column = writer.column(array)?;
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        column.plain(row, &mut text);
        texts.append_value(&text);
    }
    Ok(Arc::new(texts.finish()))
}
