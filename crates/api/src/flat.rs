//! Rows of nested JSON as CSV.
//!
//! Keys of objects are joined with dots, items of lists stand under their number: `properties.tags.0`. The header is the
//! sorted union of all names; what a row does not have is an empty cell, and so is `null`. Booleans are `True` and `False`,
//! numbers as they were written. No rows give no header either.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use axum::response::{IntoResponse, Response};
use http::header;
use model::json::{self, Elements, Members};
use serde::Serialize;

use crate::error::ApiError;

/// Cells that a spreadsheet would take for a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Formulas {
    /// They stay.
    Kept,
    /// They begin with an apostrophe.
    Defused,
}

/// Answers 200 with `rows` as CSV.
pub(crate) fn write_csv(rows: &[impl Serialize], formulas: Formulas) -> Response {
    let texts: Result<Vec<String>, _> = rows.iter().map(serde_json::to_string).collect();
    let written = texts.map_err(csv::Error::from_json).and_then(|texts| to_csv(&texts, formulas));
    match written {
        Ok(text) => ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response(),
        Err(error) => ApiError::Internal(Box::new(error)).into_response(),
    }
}

/// Makes one kind of error of two.
trait FromJson {
    fn from_json(error: serde_json::Error) -> Self;
}

impl FromJson for csv::Error {
    fn from_json(error: serde_json::Error) -> Self {
        std::io::Error::other(error).into()
    }
}

fn to_csv(rows: &[String], formulas: Formulas) -> Result<String, csv::Error> {
    let mut header = Header::default();
    rows.iter().for_each(|row| header.add(row));
    let mut out = header.line()?;
    for row in rows {
        out.push_str(&header.row(row, formulas)?);
    }
    Ok(out)
}

/// The names of columns, gathered from all rows before the first is written.
#[derive(Debug, Default)]
pub(crate) struct Header(BTreeSet<String>);

impl Header {
    /// Notes the columns of `row`, a JSON object.
    pub(crate) fn add(&mut self, row: &str) {
        for name in cells_of(row).into_keys() {
            if !self.0.contains(&name) {
                self.0.insert(name);
            }
        }
    }

    /// The first line; nothing where there are no columns.
    pub(crate) fn line(&self) -> Result<String, csv::Error> {
        if self.0.is_empty() { Ok(String::new()) } else { line(self.0.iter().map(|name| Cow::Borrowed(name.as_str()))) }
    }

    /// The line of `row`, a JSON object.
    pub(crate) fn row(&self, row: &str, formulas: Formulas) -> Result<String, csv::Error> {
        let cells = cells_of(row);
        line(self.0.iter().map(|name| defused(cells.get(name).map_or("", AsRef::as_ref), formulas)))
    }
}

fn cells_of(row: &str) -> BTreeMap<String, Cow<'_, str>> {
    let mut cells = BTreeMap::new();
    flatten(String::new(), row, &mut cells);
    cells
}

fn line<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(cells.map(|cell| cell.into_owned()))?;
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    String::from_utf8(bytes).map_err(|error| std::io::Error::other(error).into())
}

fn defused(cell: &str, formulas: Formulas) -> Cow<'_, str> {
    if formulas == Formulas::Defused && cell.starts_with(['=', '+', '-', '@']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

fn flatten<'a>(name: String, raw: &'a str, cells: &mut BTreeMap<String, Cow<'a, str>>) {
    let raw = raw.trim_ascii();
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match raw.as_bytes().first() {
        Some(b'{') => {
            for (key, value) in Members::of(raw) {
                flatten(below(&json::unescape(key)), value, cells);
            }
        }
        Some(b'[') => {
            for (at, value) in Elements::of(raw).enumerate() {
                flatten(below(&at.to_string()), value, cells);
            }
        }
        Some(b'"') => drop(cells.insert(name, json::unescape(raw.get(1..raw.len() - 1).unwrap_or_default()))),
        Some(b'n') | None => drop(cells.insert(name, Cow::Borrowed(""))),
        Some(b't') => drop(cells.insert(name, Cow::Borrowed("True"))),
        Some(b'f') => drop(cells.insert(name, Cow::Borrowed("False"))),
        Some(_) => drop(cells.insert(name, Cow::Borrowed(raw))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(rows: &[&str], formulas: Formulas) -> String {
        let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
        to_csv(&rows, formulas).unwrap()
    }

    #[test]
    fn nested_rows_become_columns_in_order() {
        let rows = [r#"{"b":1.50,"tags":["x","y, \"z\""],"none":{}}"#, r#"{"a":true,"b":null}"#];
        let expected = "a,b,tags.0,tags.1\r\n,1.50,x,\"y, \"\"z\"\"\"\r\nTrue,,,\r\n";
        assert_eq!(csv(&rows, Formulas::Kept), expected);
        assert_eq!(csv(&[], Formulas::Kept), "");
        assert_eq!(csv(&[r#"{"a":"=1+1","b":"-x"}"#], Formulas::Defused), "a,b\r\n'=1+1,'-x\r\n");
    }
}
