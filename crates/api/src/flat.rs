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

fn to_csv(rows: &[String], formulas: Formulas) -> Result<Vec<u8>, csv::Error> {
    let rows: Vec<BTreeMap<String, Cow<'_, str>>> = rows
        .iter()
        .map(|row| {
            let mut cells = BTreeMap::new();
            flatten(String::new(), row, &mut cells);
            cells
        })
        .collect();
    let names: BTreeSet<&str> = rows.iter().flat_map(|cells| cells.keys().map(String::as_str)).collect();
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if !names.is_empty() {
        writer.write_record(&names)?;
    }
    for cells in &rows {
        let cell = |name: &&str| defused(cells.get(*name).map_or("", AsRef::as_ref), formulas);
        writer.write_record(names.iter().map(cell).map(|cell| cell.into_owned()))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
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
        String::from_utf8(to_csv(&rows, formulas).unwrap()).unwrap()
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
