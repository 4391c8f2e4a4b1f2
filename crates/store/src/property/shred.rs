//! Takes the JSON of properties apart into columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int64Builder, StringBuilder};
use foldhash::fast::FixedState;
use model::json::{self, Members};

use super::key::{Document, address};
use super::kind::{Kind, Shape, unescaped};
use super::plan::{Plan, PlannedColumn};
use super::rest::{Rest, RestBuilder};

/// Collects rows into the columns of a plan.
#[derive(Debug)]
pub(crate) struct Shredder {
    columns: Vec<Column>,
    /// By document.
    keys: [Keys; 2],
    rest: RestBuilder,
    rows: u32,
}

/// Finds the columns of one document's keys.
#[derive(Debug, Default)]
struct Keys {
    /// Columns by key, as keys are spelled in JSON when nothing in them is escaped.
    places: HashMap<String, usize, FixedState>,
    /// The column of the member that stood at this place in the row before: usually the next row's too.
    guesses: Vec<usize>,
}

/// One column under construction.
#[derive(Debug)]
pub(crate) struct Column {
    key: String,
    values: Values,
    /// Rows that have a value or a null by now.
    rows: u32,
}

#[derive(Debug)]
enum Values {
    Text(StringBuilder),
    Uuid(FixedSizeBinaryBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Json(StringBuilder),
}

const NO_COLUMN: usize = usize::MAX;

impl Shredder {
    pub(crate) fn new(plan: &Plan, rows: usize) -> Self {
        let mut keys: [Keys; 2] = Default::default();
        for (at, column) in plan.columns.iter().enumerate() {
            keys[column.document.place()].places.insert(column.key.clone(), at);
        }
        let columns = plan.columns.iter().map(|column| Column::new(column, rows)).collect();
        Self { columns, keys, rest: RestBuilder::default(), rows: 0 }
    }

    /// Adds the next row: the event's properties and the person's, JSON objects without duplicate keys.
    pub(crate) fn push(&mut self, objects: [&str; 2]) {
        let row = self.rows;
        for ((document, keys), object) in Document::ALL.into_iter().zip(&mut self.keys).zip(objects) {
            for (at, (key, raw)) in Members::of(object).enumerate() {
                let place = keys.place(&self.columns, at, key);
                let taken = self.columns.get_mut(place).is_some_and(|column| column.push(row, raw));
                if !taken {
                    self.rest.push(row, &address(document, &json::unescape(key)), raw);
                }
            }
        }
        self.rows += 1;
    }

    /// The columns in the order of the plan, each as long as there were rows, and what went into none.
    pub(crate) fn finish(self) -> (Vec<ArrayRef>, Rest) {
        let rows = self.rows;
        (self.columns.into_iter().map(|column| column.finish(rows)).collect(), self.rest.finish())
    }
}

impl Keys {
    fn place(&mut self, columns: &[Column], at: usize, key: &str) -> usize {
        if let Some(guess) = self.guesses.get(at)
            && columns.get(*guess).is_some_and(|column| column.key == key)
        {
            return *guess;
        }
        let place = if memchr::memchr(b'\\', key.as_bytes()).is_none() {
            self.places.get(key).copied()
        } else {
            self.places.get(json::unescape(key).as_ref()).copied()
        };
        let place = place.unwrap_or(NO_COLUMN);
        match self.guesses.get_mut(at) {
            Some(guess) => *guess = place,
            None => self.guesses.push(place),
        }
        place
    }
}

impl Column {
    /// A column of `rows` rows.
    pub(crate) fn new(planned: &PlannedColumn, rows: usize) -> Self {
        let texts = || StringBuilder::with_capacity(rows, 1_024);
        let values = match planned.kind {
            Kind::Text => Values::Text(texts()),
            Kind::Uuid => Values::Uuid(FixedSizeBinaryBuilder::with_capacity(rows, 16)),
            Kind::Int => Values::Int(Int64Builder::with_capacity(rows)),
            Kind::Float => Values::Float(Float64Builder::with_capacity(rows)),
            Kind::Bool => Values::Bool(BooleanBuilder::with_capacity(rows)),
            Kind::Json => Values::Json(texts()),
        };
        Self { key: planned.key.clone(), values, rows: 0 }
    }

    /// Puts `raw` into row `row`, at or after the last one; false when the column cannot give it back.
    pub(crate) fn push(&mut self, row: u32, raw: &str) -> bool {
        if row < self.rows {
            return false;
        }
        match &self.values {
            // Explicit nulls are told from missing values by standing in the rest.
            Values::Json(_) if raw == "null" => return false,
            Values::Json(_) => {}
            Values::Text(_) => {
                // Nearly every value of a text column is a plain string: told without looking twice.
                let plain = raw.as_bytes().first() == Some(&b'"') && memchr::memchr(b'\\', raw.as_bytes()).is_none();
                if !plain && !matches!(Shape::of(raw), Shape::Text | Shape::Uuid(_)) {
                    return false;
                }
            }
            _ => return self.push_shape(row, raw),
        }
        self.pad(row);
        match &mut self.values {
            Values::Json(builder) => builder.append_value(raw),
            Values::Text(builder) => builder.append_value(unescaped(raw)),
            _ => return false,
        }
        self.rows = row + 1;
        true
    }

    fn push_shape(&mut self, row: u32, raw: &str) -> bool {
        let shape = Shape::of(raw);
        let fits = match (&self.values, shape) {
            (Values::Float(_), shape) => shape.as_float().is_some(),
            (Values::Uuid(_), Shape::Uuid(_)) | (Values::Int(_), Shape::Int(_)) | (Values::Bool(_), Shape::Bool(_)) => {
                true
            }
            _ => false,
        };
        if !fits {
            return false;
        }
        self.pad(row);
        match (&mut self.values, shape) {
            (Values::Uuid(builder), Shape::Uuid(bytes)) => {
                builder.append_value(bytes).expect("a UUID has 16 bytes");
            }
            (Values::Int(builder), Shape::Int(whole)) => builder.append_value(whole),
            (Values::Float(builder), shape) => builder.append_option(shape.as_float()),
            (Values::Bool(builder), Shape::Bool(bool)) => builder.append_value(bool),
            _ => {}
        }
        self.rows = row + 1;
        true
    }

    /// Nulls up to `row`.
    fn pad(&mut self, row: u32) {
        let missing = row.saturating_sub(self.rows) as usize;
        if missing == 0 {
            return;
        }
        match &mut self.values {
            Values::Text(builder) | Values::Json(builder) => builder.append_nulls(missing),
            Values::Uuid(builder) => builder.append_nulls(missing),
            Values::Int(builder) => builder.append_nulls(missing),
            Values::Float(builder) => builder.append_nulls(missing),
            Values::Bool(builder) => builder.append_nulls(missing),
        }
        self.rows = row;
    }

    pub(crate) fn finish(mut self, rows: u32) -> ArrayRef {
        self.pad(rows);
        match self.values {
            Values::Text(mut builder) | Values::Json(mut builder) => Arc::new(builder.finish()),
            Values::Uuid(mut builder) => Arc::new(builder.finish()),
            Values::Int(mut builder) => Arc::new(builder.finish()),
            Values::Float(mut builder) => Arc::new(builder.finish()),
            Values::Bool(mut builder) => Arc::new(builder.finish()),
        }
    }
}
