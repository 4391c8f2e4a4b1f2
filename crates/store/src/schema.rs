//! The columns of an event, the same in memory and in segments.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, FixedSizeBinaryBuilder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use model::{EventRow, GROUP_TYPES_MAX};

/// Places of columns in [`schema`].
pub mod column {
    /// 16 bytes.
    pub const UUID: usize = 0;
    /// Event name.
    pub const EVENT: usize = 1;
    /// Distinct id.
    pub const DISTINCT_ID: usize = 2;
    /// When it happened, microseconds, UTC.
    pub const TIMESTAMP: usize = 3;
    /// When it was received, microseconds, UTC.
    pub const CREATED_AT: usize = 4;
    /// 16 bytes.
    pub const PERSON_ID: usize = 5;
    /// `full`, `propertyless` or `force_upgrade`.
    pub const PERSON_MODE: usize = 6;
    /// JSON object.
    pub const PROPERTIES: usize = 7;
    /// JSON object.
    pub const PERSON_PROPERTIES: usize = 8;
    /// Element chain, or empty.
    pub const ELEMENTS_CHAIN: usize = 9;
    /// First of the five group keys.
    pub const GROUP_0: usize = 10;
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let instant = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("uuid", DataType::FixedSizeBinary(16), false),
        Field::new("event", DataType::Utf8, false),
        Field::new("distinct_id", DataType::Utf8, false),
        Field::new("timestamp", instant(), false),
        Field::new("created_at", instant(), false),
        Field::new("person_id", DataType::FixedSizeBinary(16), false),
        Field::new("person_mode", DataType::Utf8, false),
        Field::new("properties", DataType::Utf8, false),
        Field::new("person_properties", DataType::Utf8, false),
        Field::new("elements_chain", DataType::Utf8, false),
    ];
    fields.extend((0..GROUP_TYPES_MAX).map(|index| Field::new(format!("group_{index}"), DataType::Utf8, true)));
    Arc::new(Schema::new(fields))
});

/// The columns of an event, in order.
#[must_use]
pub fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// `rows` as columns.
#[expect(clippy::needless_pass_by_value, reason = "an iterator is consumed by nature")]
pub(crate) fn batch_of<'a>(
    rows: impl ExactSizeIterator<Item = &'a EventRow> + Clone,
) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&EventRow) -> &str| -> ArrayRef {
        let mut builder = StringBuilder::new();
        rows.clone().for_each(|row| builder.append_value(of(row)));
        Arc::new(builder.finish())
    };
    let instants = |of: fn(&EventRow) -> i64| -> ArrayRef {
        let mut builder = TimestampMicrosecondBuilder::new();
        rows.clone().for_each(|row| builder.append_value(of(row)));
        Arc::new(builder.finish().with_timezone("UTC"))
    };
    let ids = |of: fn(&EventRow) -> &uuid::Uuid| -> Result<ArrayRef, ArrowError> {
        let mut builder = FixedSizeBinaryBuilder::with_capacity(rows.len(), 16);
        for row in rows.clone() {
            builder.append_value(of(row).as_bytes())?;
        }
        Ok(Arc::new(builder.finish()))
    };
    let mut columns = vec![
        ids(|row| &row.uuid)?,
        text(|row| &row.event),
        text(|row| &row.distinct_id),
        instants(|row| row.timestamp.as_micros()),
        instants(|row| row.created_at.as_micros()),
        ids(|row| &row.person_id)?,
        text(|row| row.person_mode.as_str()),
        text(|row| &row.properties),
        text(|row| &row.person_properties),
        text(|row| &row.elements_chain),
    ];
    for index in 0..GROUP_TYPES_MAX {
        let mut builder = StringBuilder::new();
        rows.clone().for_each(|row| builder.append_option(row.groups[index].as_deref()));
        columns.push(Arc::new(builder.finish()));
    }
    RecordBatch::try_new(schema(), columns)
}
