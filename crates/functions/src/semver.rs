//! Versions as lists of numbers, which order as versions do.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};

use crate::build::{list, offset};
use crate::call::Call;
use crate::error::FunctionError;
use crate::table::{Scalar, value};

pub(crate) const TABLE: &[Scalar] = &[value("sortableSemver", sortable)];

/// The numbers of the first run of digits and points, as HogQL expands `sortableSemver`.
///
/// Upstream takes the first match of `(\d+(\.\d+)+)`, cuts it at the points, and reads each part, of which one that is too
/// large counts as 0. No match is `[0]`, because the empty text is one part.
fn sortable(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    let (mut offsets, mut items) = (vec![0], Vec::new());
    for row in 0..call.rows {
        if !call.is_null(row) {
            let version = version(texts.get(row));
            items.extend(version.split('.').map(|part| part.parse::<i64>().unwrap_or(0)));
        }
        offsets.push(offset(call.function, items.len())?);
    }
    list(call.returns, offsets, Arc::new(Int64Array::from(items)), None)
}

/// The first digits with at least one point and further digits.
fn version(text: &str) -> &str {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let digits =
            |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
        let first = digits(at);
        if first == 0 {
            at += 1;
            continue;
        }
        let mut end = at + first;
        while bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        if end > at + first {
            return text.get(at..end).unwrap_or_default();
        }
        at = end;
    }
    ""
}
