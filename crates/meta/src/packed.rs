//! Properties of persons as they lie in the database.
//!
//! There are nearly as many persons as visitors, most with the forty properties that SDKs set by themselves, a kilobyte of
//! JSON in which the keys are half. They are compressed one by one, with a dictionary that holds those keys and their common
//! values: about a fourth of the text is left. A row that is read costs 2 µs more, one that is written 3 µs, and takes a
//! fourth of the pages.
//!
//! A blob is the number of its dictionary (one byte), then a zstd frame. Text is JSON as it is: short objects, and rows
//! from before.

use std::cell::RefCell;
use std::sync::LazyLock;

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::get_frame_content_size;

/// Shorter texts do not get shorter.
const PACKED_BYTES_MIN: usize = 96;
/// What a blob may claim to unpack to; no request is as large.
const TEXT_BYTES_MAX: u64 = 1 << 30;
const LEVEL: i32 = 3;

/// The dictionary that blobs are written with. What was written with it needs it for ever: a better one gets a number of
/// its own beside it.
const DICTIONARY: &[u8] = include_bytes!("packed.dictionary");
const DICTIONARY_NUMBER: u8 = 1;

static ENCODER: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

// Making one costs as much as its work on a person, and neither keeps anything from one text to the next.
thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A JSON object on its way into the database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed<'a>(pub(crate) &'a str);

/// A JSON object from the database.
#[derive(Debug)]
pub(crate) struct Unpacked(pub(crate) String);

impl ToSql for Packed<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match pack(self.0) {
            Some(blob) => ToSqlOutput::from(blob),
            None => ToSqlOutput::from(self.0),
        })
    }
}

impl FromSql for Unpacked {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Blob(blob) => unpack(blob).map(Self).map_err(|error| FromSqlError::Other(error.into())),
            text => text.as_str().map(|text| Self(text.to_owned())),
        }
    }
}

/// `text` compressed, if that makes it shorter.
fn pack(text: &str) -> Option<Vec<u8>> {
    if text.len() < PACKED_BYTES_MIN {
        return None;
    }
    COMPRESSOR.with_borrow_mut(|compressor| {
        if compressor.is_none() {
            *compressor = Compressor::with_prepared_dictionary(&ENCODER).ok();
        }
        let frame = compressor.as_mut()?.compress(text.as_bytes()).ok()?;
        let mut blob = Vec::with_capacity(frame.len() + 1);
        blob.push(DICTIONARY_NUMBER);
        blob.extend_from_slice(&frame);
        (blob.len() < text.len()).then_some(blob)
    })
}

fn unpack(blob: &[u8]) -> Result<String, &'static str> {
    const DAMAGED: &str = "properties of a person cannot be unpacked";
    let frame = match blob.split_first() {
        Some((&DICTIONARY_NUMBER, frame)) => frame,
        _ => return Err("properties of a person were packed by a newer version"),
    };
    let bytes = get_frame_content_size(frame).ok().flatten().filter(|bytes| *bytes <= TEXT_BYTES_MAX);
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or(DAMAGED)?;
    let text = DECOMPRESSOR.with_borrow_mut(|decompressor| {
        if decompressor.is_none() {
            *decompressor = Decompressor::with_prepared_dictionary(&DECODER).ok();
        }
        decompressor.as_mut()?.decompress(frame, bytes).ok()
    });
    text.and_then(|text| String::from_utf8(text).ok()).ok_or(DAMAGED)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn stored_and_read(text: &str) -> (String, usize, String) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (properties TEXT NOT NULL)").unwrap();
        connection.execute("INSERT INTO t VALUES ($1)", [Packed(text)]).unwrap();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, Unpacked>(2)?.0));
        connection.query_row("SELECT typeof(properties), length(properties), properties FROM t", [], read).unwrap()
    }

    #[test]
    fn what_goes_in_comes_out() {
        let long = format!(r#"{{"$initial_os":"Mac OS X","$browser":"Chrome","note":"{}"}}"#, "häufig ".repeat(40));
        let (kind, bytes, text) = stored_and_read(&long);
        assert_eq!((kind.as_str(), text), ("blob", long.clone()));
        assert!(bytes < long.len() / 3, "{bytes} of {}", long.len());
        let (kind, _, text) = stored_and_read("{}");
        assert_eq!((kind.as_str(), text.as_str()), ("text", "{}"));
        // Noise: the blob would be longer.
        let noise: String =
            (0..400_u32).map(|n| char::from(33 + (n.wrapping_mul(2_654_435_761) >> 25) as u8 % 90)).collect();
        let (_, bytes, text) = stored_and_read(&noise);
        assert!(text == noise && bytes <= noise.len());
    }

    #[test]
    fn damage_and_newer_versions_are_errors() {
        let blob = pack(&r#"{"$browser":"Chrome"}"#.repeat(20)).unwrap();
        assert!(unpack(&blob).is_ok());
        let mut newer = blob.clone();
        newer[0] = 2;
        for broken in [&newer, &blob[..blob.len() / 2], &blob[..1], &[][..]] {
            assert!(unpack(broken).is_err());
        }
    }
}
