//! `JSON_VALUE(document, '$.a.b[0]')`.

use arrow::array::ArrayRef;

use super::scan::{Items, is_valid};
use super::{item, member, text_of};
use crate::call::Call;
use crate::error::FunctionError;

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Key(String),
    /// From 0.
    Place(i64),
    /// The first that leads to a value.
    Any,
}

/// A scalar at the path, as text; nothing if there is none.
pub(super) fn json_value(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let documents = call.texts(0)?;
    let parts = parse(call.constant_text(1)?)?;
    call.write_texts(|row, out| {
        let document = documents.get(row);
        if is_valid(document)
            && let Some(value) = find(document.trim_ascii(), &parts)
        {
            out.push_str(&text_of(value).unwrap_or_else(|| value.into()));
        }
        Ok(())
    })
}

fn find<'a>(value: &'a str, parts: &[Part]) -> Option<&'a str> {
    let Some((part, rest)) = parts.split_first() else {
        return (!value.starts_with(['{', '['])).then_some(value);
    };
    match part {
        Part::Key(name) => find(member(value, name)?, rest),
        Part::Place(at) => {
            let list = value.starts_with('[').then_some(value)?;
            find(item(list, at + 1)?, rest)
        }
        Part::Any => Items::of(value).filter(|items| !items.is_object())?.find_map(|(_, value)| find(value, rest)),
    }
}

fn parse(path: &str) -> Result<Vec<Part>, FunctionError> {
    let wrong = || FunctionError::Argument(format!("JSON path {path:?} is not understood"));
    let mut rest = path.trim().strip_prefix('$').ok_or_else(wrong)?;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let (key, next) = if let Some(quoted) = after.strip_prefix('"') {
                quoted.split_once('"').ok_or_else(wrong)?
            } else {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                (after.get(..end).unwrap_or_default(), after.get(end..).unwrap_or_default())
            };
            if key.is_empty() {
                return Err(wrong());
            }
            parts.push(Part::Key(key.to_owned()));
            rest = next;
        } else {
            let (inside, next) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(wrong)?;
            let quoted = inside.strip_prefix(['"', '\'']).and_then(|inside| inside.strip_suffix(['"', '\'']));
            parts.push(match (quoted, inside) {
                (Some(key), _) => Part::Key(key.to_owned()),
                (None, "*") => Part::Any,
                (None, place) => Part::Place(place.parse().map_err(|_| wrong())?),
            });
            rest = next;
        }
    }
    Ok(parts)
}
