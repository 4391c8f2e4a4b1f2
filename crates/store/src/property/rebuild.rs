//! Puts the JSON of properties together again from columns and rest.

use arrow::array::{Array, AsArray, DictionaryArray, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::Int32Type;
use model::{is_plain, write_json_escaped, write_json_string};

use super::values::{PropertyValues, write_uuid};

/// How objects are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As JSON.
    Json,
    /// As the JSON string that has this JSON for its text, quotes included: what an answer in JSON shows of it. Cheaper
    /// than escaping the whole text afterwards, because keys and values that repeat are escaped once.
    Quoted,
}

/// Bytes of an object that are made room for. More than most need costs nothing as long as nothing is written there.
const ROW_BYTES: usize = 2_048;

/// A column on its way into objects.
struct Piece {
    /// `"key":`
    prefix: String,
    values: Prepared,
}

enum Prepared {
    /// Any values.
    Plain(PropertyValues),
    /// Few texts: members are there already, `"key":"text",`.
    Members { keys: DictionaryArray<Int32Type>, nulls: Option<NullBuffer>, members: Vec<String> },
}

/// Where objects are written.
struct Writer {
    text: String,
    spelling: Spelling,
}

/// The properties of `rows` rows as JSON objects: each column's key and values, and what is in `rest`.
pub(crate) fn objects(
    rows: usize,
    columns: Vec<(&str, PropertyValues)>,
    rest: &StringArray,
    spelling: Spelling,
) -> StringArray {
    let mut out = Writer { text: String::with_capacity(rows * ROW_BYTES), spelling };
    let pieces: Vec<Piece> = columns.into_iter().map(|(key, values)| out.piece(key, values, rows)).collect();
    let (open, close) = match spelling {
        Spelling::Json => ("{", "}"),
        Spelling::Quoted => ("\"{", "}\""),
    };
    let mut ends = Vec::with_capacity(rows);
    for row in 0..rows {
        let start = out.text.len();
        out.text.push_str(open);
        for piece in &pieces {
            out.member(piece, row);
        }
        if rest.is_valid(row) {
            // `{...}` without its braces.
            let members = rest.value(row);
            out.json(members.get(1..members.len().saturating_sub(1)).unwrap_or_default());
        } else if out.text.len() > start + open.len() {
            out.text.pop();
        }
        out.text.push_str(close);
        ends.push(out.text.len() - start);
    }
    // What is left over counts as memory of whoever keeps the array.
    out.text.shrink_to_fit();
    StringArray::new(OffsetBuffer::from_lengths(ends), out.text.into_bytes().into(), None)
}

/// Objects that are JSON already, in the spelling that is wanted.
pub(crate) fn spelled(objects: &StringArray, spelling: Spelling) -> StringArray {
    match spelling {
        Spelling::Json => objects.clone(),
        Spelling::Quoted => {
            let mut text = String::with_capacity(objects.value_data().len());
            let mut ends = Vec::with_capacity(objects.len());
            for row in 0..objects.len() {
                let start = text.len();
                write_json_string(&mut text, objects.value(row));
                ends.push(text.len() - start);
            }
            StringArray::new(OffsetBuffer::from_lengths(ends), text.into_bytes().into(), None)
        }
    }
}

impl Writer {
    /// Appends JSON.
    fn json(&mut self, json: &str) {
        match self.spelling {
            Spelling::Json => self.text.push_str(json),
            Spelling::Quoted => write_json_escaped(&mut self.text, json),
        }
    }

    /// Appends `text` as a JSON string.
    fn string(&mut self, text: &str) {
        let quote = self.spelling.quote();
        self.text.push_str(quote);
        match self.spelling {
            Spelling::Json => write_json_escaped(&mut self.text, text),
            Spelling::Quoted if is_plain(text) => self.text.push_str(text),
            Spelling::Quoted => {
                let mut escaped = String::with_capacity(text.len() + 16);
                write_json_escaped(&mut escaped, text);
                write_json_escaped(&mut self.text, &escaped);
            }
        }
        self.text.push_str(quote);
    }

    /// What `write` appends, and nothing of it here.
    fn apart(&mut self, write: impl FnOnce(&mut Self)) -> String {
        let start = self.text.len();
        write(self);
        self.text.split_off(start)
    }

    fn piece(&mut self, key: &str, values: PropertyValues, rows: usize) -> Piece {
        let prefix = self.apart(|out| {
            out.string(key);
            out.text.push(':');
        });
        let values = match values {
            // Worth it when each text is written several times.
            PropertyValues::Dictionary(keys) if keys.values().len() <= rows / 4 => {
                let texts = keys.values().as_string_opt::<i32>().into_iter().flatten();
                let member = |text: Option<&str>| {
                    self.apart(|out| {
                        out.text.push_str(&prefix);
                        out.string(text.unwrap_or_default());
                        out.text.push(',');
                    })
                };
                let members = texts.map(member).collect();
                Prepared::Members { nulls: keys.nulls().cloned(), keys, members }
            }
            values => Prepared::Plain(values),
        };
        Piece { prefix, values }
    }

    /// Appends `"key":value,` if the row has a value.
    fn member(&mut self, piece: &Piece, row: usize) {
        match &piece.values {
            Prepared::Members { keys, nulls, members } => {
                if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                    let key = keys.keys().values().get(row).and_then(|key| usize::try_from(*key).ok());
                    self.text.push_str(key.and_then(|key| members.get(key)).map_or("", String::as_str));
                }
            }
            Prepared::Plain(values) if values.is_valid(row) => {
                self.text.push_str(&piece.prefix);
                self.value(values, row);
                self.text.push(',');
            }
            Prepared::Plain(_) => {}
        }
    }

    /// Appends the value in `row`, which is there.
    fn value(&mut self, values: &PropertyValues, row: usize) {
        match values {
            PropertyValues::Dictionary(array) => {
                if let Some((texts, key)) = array.values().as_string_opt::<i32>().zip(array.key(row)) {
                    self.string(texts.value(key));
                }
            }
            PropertyValues::Text(array) => self.string(array.value(row)),
            PropertyValues::Json(array) => self.json(array.value(row)),
            PropertyValues::Uuid(array) => {
                let quote = self.spelling.quote();
                self.text.push_str(quote);
                write_uuid(&mut self.text, array.value(row));
                self.text.push_str(quote);
            }
            // None of them has a character that is escaped.
            PropertyValues::Int(_)
            | PropertyValues::Float(_)
            | PropertyValues::Bool(_)
            | PropertyValues::Missing(_) => {
                values.write_json(row, &mut self.text);
            }
        }
    }
}

impl Spelling {
    /// The quote of a string.
    fn quote(self) -> &'static str {
        match self {
            Self::Json => "\"",
            Self::Quoted => "\\\"",
        }
    }
}
