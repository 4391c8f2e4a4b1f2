//! Parameters of the query string, and of the fragment where it looks like one.

use arrow::array::ArrayRef;

use crate::call::Call;
use crate::error::FunctionError;

/// Where the value of the parameter `name` begins: `name=` after `?`, `#` or `&`.
fn find(url: &str, name: &str) -> Option<usize> {
    let mut at = url.find(['?', '#'])? + 1;
    loop {
        let rest = url.get(at..)?;
        if rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')) {
            return Some(at + name.len() + 1);
        }
        at += rest.find(['&', '?', '#'])? + 1;
    }
}

/// `extractURLParameter(url, name)`.
pub(super) fn one(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, names) = (call.texts(0)?, call.texts(1)?);
    call.write_texts(|row, out| {
        let url = texts.get(row);
        let value = find(url, names.get(row)).and_then(|start| url.get(start..)).unwrap_or_default();
        out.push_str(value.split(['&', '#']).next().unwrap_or_default());
        Ok(())
    })
}

/// What to show of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Name,
}

/// All parameters after the first `?` or `#`; the last one needs a value.
pub(super) fn all(call: &Call<'_>, part: Part) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_text_lists(|row, out| {
        let mut rest = texts.get(row).split_once(['?', '#']).map_or("", |(_, rest)| rest);
        while let Some(at) = rest.find(['=', '&', '#', '?']) {
            let (name, mark, after) = (rest.get(..at), rest.as_bytes().get(at), rest.get(at + 1..).unwrap_or_default());
            let name = name.unwrap_or_default();
            match mark {
                Some(b'?') => rest = after,
                Some(b'=') => {
                    let length = after.find(['&', '#']).unwrap_or(after.len());
                    let whole = rest.get(..at + 1 + length).unwrap_or_default();
                    out.push(if part == Part::Whole { whole } else { name })?;
                    rest = after.get(length + 1..).unwrap_or_default();
                }
                _ => {
                    out.push(name)?;
                    rest = after;
                }
            }
        }
        Ok(())
    })
}

/// `cutURLParameter(url, name)`, or a list of names.
pub(super) fn cut(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    if call.argument(1)?.data_type() == &arrow::datatypes::DataType::Utf8 {
        let names = call.texts(1)?;
        return call.write_texts(|row, out| {
            out.push_str(&without(texts.get(row), names.get(row)));
            Ok(())
        });
    }
    let lists = call.lists(1)?;
    let names = arrow::array::AsArray::as_string_opt::<i32>(lists.values()).ok_or_else(|| call.illegal(1))?;
    call.write_texts(|row, out| {
        let mut url = texts.get(row).to_owned();
        for at in lists.range(row) {
            url = without(&url, names.value(at));
        }
        out.push_str(&url);
        Ok(())
    })
}

/// The URL without the first parameter of this name, and without the separator that it leaves.
fn without(url: &str, name: &str) -> String {
    let Some(value) = find(url, name) else { return url.to_owned() };
    let start = value - name.len() - 1;
    let rest = url.get(value..).unwrap_or_default();
    let end = rest.find(['&', '#']).map_or(url.len(), |at| value + at);
    let (head, tail) = (url.get(..start).unwrap_or_default(), url.get(end..).unwrap_or_default());
    match tail.strip_prefix('&') {
        Some(tail) => format!("{head}{tail}"),
        None => format!("{}{tail}", head.strip_suffix('&').unwrap_or(head)),
    }
}
