//! Functions of text as characters.

use arrow::array::ArrayRef;

use crate::call::Call;
use crate::error::FunctionError;
use crate::strings::window;
use crate::table::{Scalar, predicate, value};

pub(crate) const TABLE: &[Scalar] = &[
    value("lengthUTF8", |call| {
        let texts = call.texts(0)?;
        call.number(|row| count(texts.get(row)))
    }),
    value("lowerUTF8", |call| mapped(call, |c, out| out.extend(c.to_lowercase()))),
    value("upperUTF8", |call| mapped(call, |c, out| out.extend(c.to_uppercase()))),
    value("reverseUTF8", |call| {
        let texts = call.texts(0)?;
        call.write_texts(|row, out| {
            out.extend(texts.get(row).chars().rev());
            Ok(())
        })
    }),
    value("substringUTF8", substring),
    value("toValidUTF8", |call| {
        let texts = call.texts(0)?;
        call.write_texts(|row, out| {
            out.push_str(texts.get(row));
            Ok(())
        })
    }),
    predicate("isValidUTF8", |call| Ok(call.test(|_| true))),
];

fn count(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

fn mapped(call: &Call<'_>, map: fn(char, &mut String)) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        texts.get(row).chars().for_each(|c| map(c, out));
        Ok(())
    })
}

fn substring(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let (texts, offsets) = (call.texts(0)?, call.ints(1)?);
    let lengths = if call.has(2) { Some(call.ints(2)?) } else { None };
    call.write_texts(|row, out| {
        let text = texts.get(row);
        let length = lengths.as_ref().map(|lengths| lengths.get(row));
        let places = window(text.chars().count(), offsets.get(row), length);
        out.extend(text.chars().skip(places.start).take(places.len()));
        Ok(())
    })
}
