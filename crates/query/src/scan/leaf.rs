//! Asks a filter's leaf of a property column: once per distinct value where values repeat, else value by value.

use std::collections::HashMap;
use std::hash::Hash;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, StringArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Int32Type;
use store::{PropertyColumn, PropertyValues};
use uuid::Uuid;

use crate::filter::{Leaf, PropertyValue};

/// For which rows of `column` the leaf holds.
pub(crate) fn accepts(leaf: &Leaf, column: &PropertyColumn) -> BooleanArray {
    let missing = leaf.accepts_missing();
    let text = |text: &str| leaf.accepts(Some(&PropertyValue::text(text)));
    let json = |raw: &str| leaf.accepts(PropertyValue::of(raw).as_ref());
    let rows = column.len();
    let mut answers: Vec<bool> = match &column.values {
        PropertyValues::Missing(_) => vec![missing; rows],
        PropertyValues::Dictionary(array) => by_dictionary(array, missing, text),
        PropertyValues::Text(array) => array.iter().map(|value| value.map_or(missing, text)).collect(),
        PropertyValues::Json(array) => array.iter().map(|value| value.map_or(missing, json)).collect(),
        PropertyValues::Uuid(array) => {
            let mut buffer = Uuid::encode_buffer();
            let spelled = array.iter().map(|value| {
                value.map_or(missing, |bytes| {
                    let id = Uuid::from_slice(bytes).unwrap_or_default();
                    text(id.hyphenated().encode_lower(&mut buffer))
                })
            });
            spelled.collect()
        }
        PropertyValues::Int(array) => {
            remembered(array.iter(), missing, |whole| *whole, |whole| json(&whole.to_string()))
        }
        PropertyValues::Float(array) => {
            remembered(array.iter(), missing, |real| real.to_bits(), |real| json(&real.to_string()))
        }
        PropertyValues::Bool(array) => {
            let (yes, no) = (json("true"), json("false"));
            array.iter().map(|value| value.map_or(missing, |value| if value { yes } else { no })).collect()
        }
    };
    for (place, raw) in &column.strays {
        if let Some(answer) = answers.get_mut(*place as usize) {
            *answer = json(raw);
        }
    }
    BooleanArray::new(BooleanBuffer::from(answers), None)
}

/// Asks once per value that occurs.
fn by_dictionary(array: &DictionaryArray<Int32Type>, missing: bool, ask: impl Fn(&str) -> bool) -> Vec<bool> {
    let values = array.values().as_string::<i32>();
    let mut known: Vec<Option<bool>> = vec![None; values.len()];
    let answer = |row: usize| {
        let Some(key) = array.key(row) else { return missing };
        match known.get_mut(key) {
            Some(Some(answer)) => *answer,
            Some(unknown) => *unknown.insert(ask(values.value(key))),
            None => missing,
        }
    };
    (0..array.len()).map(answer).collect()
}

/// Distinct numbers whose answer is remembered.
const REMEMBERED_MAX: usize = 4_096;

fn remembered<Value: Copy, Key: Eq + Hash>(
    values: impl Iterator<Item = Option<Value>>,
    missing: bool,
    key: impl Fn(&Value) -> Key,
    ask: impl Fn(Value) -> bool,
) -> Vec<bool> {
    let mut known: HashMap<Key, bool> = HashMap::new();
    values
        .map(|value| {
            let Some(value) = value else { return missing };
            let key = key(&value);
            if let Some(answer) = known.get(&key) {
                return *answer;
            }
            let answer = ask(value);
            if known.len() < REMEMBERED_MAX {
                known.insert(key, answer);
            }
            answer
        })
        .collect()
}

/// The text of each value: strings as they are, anything else in its canonical spelling; null where there is none.
pub(crate) fn texts(column: &PropertyColumn) -> Result<DictionaryArray<Int32Type>, arrow::error::ArrowError> {
    if let PropertyValues::Dictionary(array) = &column.values
        && column.strays.is_empty()
    {
        return Ok(array.clone());
    }
    let mut texts: Vec<Option<String>> = Vec::with_capacity(column.len());
    let mut raw = String::new();
    for row in 0..column.len() {
        raw.clear();
        let value = column.write_json(row, &mut raw).then(|| PropertyValue::of(&raw)).flatten();
        texts.push(value.map(|value| value.text.into_owned()));
    }
    let plain = StringArray::from(texts);
    let typed: ArrayRef = arrow::compute::cast(&plain, &store::dictionary())?;
    Ok(typed.as_dictionary::<Int32Type>().clone())
}
