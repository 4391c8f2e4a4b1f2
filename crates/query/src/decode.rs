//! Reads columns of stored events back into values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimestampMicrosecondType, UInt32Type};
use datafusion::common::{Result, exec_err, internal_datafusion_err};
use model::{PersonMode, Timestamp};
use uuid::Uuid;

use crate::list::{Event, Position};
use crate::plan::column;

/// Timestamp and uuid of each row, from the columns of these names.
pub(crate) fn positions(batch: &RecordBatch) -> Result<impl Iterator<Item = Position>> {
    let timestamps = timestamps(batch)?;
    let ids = uuids(batch, column::UUID)?;
    Ok(timestamps.zip(ids).map(|(timestamp, id)| Position { timestamp, id }))
}

/// The part that each row comes from.
pub(crate) fn part_numbers(batch: &RecordBatch) -> Result<impl Iterator<Item = u32>> {
    let Some(numbers) = named(batch, column::PART)?.as_primitive_opt::<UInt32Type>() else {
        return exec_err!("part numbers have the wrong type");
    };
    Ok(numbers.values().iter().copied())
}

/// The events in `batch`, which holds the columns of [`column::LISTED`].
pub(crate) fn events(batch: &RecordBatch) -> Result<Vec<Event>> {
    let text = |name| texts(named(batch, name)?);
    let (names, distinct_ids) = (text(column::EVENT)?, text(column::DISTINCT_ID)?);
    let (properties, chains) = (text(column::PROPERTIES)?, text(column::ELEMENTS_CHAIN)?);
    let modes = text(column::PERSON_MODE)?;
    let event = |(row, (position, person_id)): (usize, (Position, Uuid))| {
        let mode = modes.value(row);
        Ok(Event {
            uuid: position.id,
            event: names.value(row).to_owned(),
            distinct_id: distinct_ids.value(row).to_owned(),
            timestamp: position.timestamp,
            person_id,
            person_mode: PersonMode::from_name(mode)
                .ok_or_else(|| internal_datafusion_err!("unknown person mode '{mode}'"))?,
            properties: properties.value(row).to_owned(),
            elements_chain: chains.value(row).to_owned(),
        })
    };
    positions(batch)?.zip(uuids(batch, column::PERSON_ID)?).enumerate().map(event).collect()
}

/// The column `name` as text, if `batch` has it.
pub(crate) fn optional_texts(batch: &RecordBatch, name: &str) -> Result<Option<StringArray>> {
    batch.column_by_name(name).map(texts).transpose()
}

/// A column as text: dictionaries are resolved and uuids written out.
pub(crate) fn texts(column: &ArrayRef) -> Result<StringArray> {
    if let Some(ids) = column.as_fixed_size_binary_opt() {
        return Ok(ids.iter().map(|id| id.and_then(|id| Uuid::from_slice(id).ok()).map(|id| id.to_string())).collect());
    }
    let column =
        if column.data_type() == &DataType::Utf8 { Arc::clone(column) } else { cast(column, &DataType::Utf8)? };
    match column.as_string_opt::<i32>() {
        Some(texts) => Ok(texts.clone()),
        None => exec_err!("a text column has the type {}", column.data_type()),
    }
}

fn timestamps(batch: &RecordBatch) -> Result<impl Iterator<Item = Timestamp>> {
    let Some(timestamps) = named(batch, column::TIMESTAMP)?.as_primitive_opt::<TimestampMicrosecondType>() else {
        return exec_err!("timestamps have the wrong type");
    };
    Ok(timestamps.values().iter().copied().map(Timestamp::from_micros))
}

fn uuids<'a>(batch: &'a RecordBatch, name: &str) -> Result<impl Iterator<Item = Uuid> + use<'a>> {
    let Some(ids) = named(batch, name)?.as_fixed_size_binary_opt() else {
        return exec_err!("{name} has the wrong type");
    };
    if ids.value_length() != 16 || ids.null_count() > 0 {
        return exec_err!("{name} is not made of uuids");
    }
    Ok((0..ids.len()).map(|row| Uuid::from_slice(ids.value(row)).unwrap_or_default()))
}

fn named<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| internal_datafusion_err!("there is no column {name}"))
}
