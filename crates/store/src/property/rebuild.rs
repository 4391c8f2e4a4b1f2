//! Puts the JSON of properties together again from columns and rest.

use arrow::array::{Array, DictionaryArray, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Int32Type;
use model::write_json_string;

use super::values::PropertyValues;

/// A column on its way into objects.
#[derive(Debug)]
struct Piece {
    /// `"key":`
    prefix: String,
    values: Prepared,
}

#[derive(Debug)]
enum Prepared {
    Plain(PropertyValues),
    /// A dictionary whose texts are JSON already.
    Quoted {
        keys: DictionaryArray<Int32Type>,
        texts: Vec<String>,
    },
}

/// The properties of `rows` rows as JSON objects: each column's key and values, and what is in `rest`.
pub(crate) fn objects(rows: usize, columns: Vec<(&str, PropertyValues)>, rest: &StringArray) -> StringArray {
    let pieces: Vec<Piece> = columns.into_iter().map(|(key, values)| Piece::new(key, values, rows)).collect();
    let mut text = String::with_capacity(rows * 1_024);
    let mut ends = Vec::with_capacity(rows);
    for row in 0..rows {
        let start = text.len();
        text.push('{');
        for piece in &pieces {
            piece.write(row, &mut text);
        }
        if rest.is_valid(row) {
            // `{...}` without its braces.
            let members = rest.value(row);
            text.push_str(members.get(1..members.len().saturating_sub(1)).unwrap_or_default());
        } else if text.len() > start + 1 {
            text.pop();
        }
        text.push('}');
        ends.push(text.len() - start);
    }
    StringArray::new(OffsetBuffer::from_lengths(ends), text.into_bytes().into(), None)
}

impl Piece {
    fn new(key: &str, values: PropertyValues, rows: usize) -> Self {
        let mut prefix = String::with_capacity(key.len() + 3);
        write_json_string(&mut prefix, key);
        prefix.push(':');
        let values = match values {
            // Worth it when each text is written several times.
            PropertyValues::Dictionary(keys) if keys.values().len() <= rows / 4 => {
                let texts = keys.values().as_any().downcast_ref::<StringArray>();
                let quoted = |text: Option<&str>| {
                    let mut out = String::new();
                    write_json_string(&mut out, text.unwrap_or_default());
                    out
                };
                let texts = texts.map(|texts| texts.iter().map(quoted).collect()).unwrap_or_default();
                Prepared::Quoted { keys, texts }
            }
            values => Prepared::Plain(values),
        };
        Self { prefix, values }
    }

    /// Appends `"key":value,` if the row has a value.
    fn write(&self, row: usize, out: &mut String) {
        match &self.values {
            Prepared::Quoted { keys, texts } => {
                if let Some(text) = keys.key(row).and_then(|key| texts.get(key)) {
                    out.push_str(&self.prefix);
                    out.push_str(text);
                    out.push(',');
                }
            }
            Prepared::Plain(values) => {
                let before = out.len();
                out.push_str(&self.prefix);
                if values.write_json(row, out) { out.push(',') } else { out.truncate(before) }
            }
        }
    }
}
