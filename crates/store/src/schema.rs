//! The columns of an event: those every event has, in memory and in segments alike, and those its properties make.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, FixedSizeBinaryBuilder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder, UInt32Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use model::{EventRow, GROUP_TYPES_MAX};

use crate::property::{Document, Kind, PlannedColumn};

/// A column that every event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Column {
    /// 16 bytes.
    Uuid,
    /// Event name.
    Event,
    /// Distinct id.
    DistinctId,
    /// When it happened, microseconds, UTC.
    Timestamp,
    /// When it was received, microseconds, UTC.
    CreatedAt,
    /// 16 bytes; the surviving person.
    PersonId,
    /// Dense number of that person.
    PersonNumber,
    /// `full`, `propertyless` or `force_upgrade`.
    PersonMode,
    /// JSON object, put together from columns where it is sealed.
    PersonProperties,
    /// Element chain, or empty.
    ElementsChain,
    /// One of the five group keys, or null.
    Group(usize),
}

/// How many columns every event has.
pub(crate) const COLUMNS: usize = 10 + GROUP_TYPES_MAX;
/// In memory: the properties as they were sent.
pub(crate) const PROPERTIES: usize = COLUMNS;
/// In segments: the event's properties that have no column.
pub(crate) const REST: usize = COLUMNS;
/// In segments: the person's properties that have no column. The place where memory has all of them.
pub(crate) const PERSON_REST: usize = 8;

impl Column {
    /// Its place among the columns of an event.
    #[must_use]
    pub fn place(self) -> usize {
        match self {
            Self::Uuid => 0,
            Self::Event => 1,
            Self::DistinctId => 2,
            Self::Timestamp => 3,
            Self::CreatedAt => 4,
            Self::PersonId => 5,
            Self::PersonNumber => 6,
            Self::PersonMode => 7,
            Self::PersonProperties => PERSON_REST,
            Self::ElementsChain => 9,
            Self::Group(index) => 10 + index.min(GROUP_TYPES_MAX - 1),
        }
    }

    /// The column called `name`, as in files.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let place = SCHEMA.fields().iter().take(COLUMNS).position(|field| field.name() == name)?;
        Self::ALL.into_iter().find(|column| column.place() == place)
    }

    /// Every column.
    pub const ALL: [Self; COLUMNS] = [
        Self::Uuid,
        Self::Event,
        Self::DistinctId,
        Self::Timestamp,
        Self::CreatedAt,
        Self::PersonId,
        Self::PersonNumber,
        Self::PersonMode,
        Self::PersonProperties,
        Self::ElementsChain,
        Self::Group(0),
        Self::Group(1),
        Self::Group(2),
        Self::Group(3),
        Self::Group(4),
    ];

    /// Name and type, as handed out.
    #[must_use]
    pub fn field(self) -> Arc<Field> {
        let field = &SCHEMA.fields()[self.place()];
        if self.is_dictionary() {
            return Arc::new(Field::new(field.name(), dictionary(), field.is_nullable()));
        }
        Arc::clone(field)
    }

    /// Whether values repeat so much that they are handed out by dictionary.
    pub(crate) fn is_dictionary(self) -> bool {
        !matches!(
            self,
            Self::Uuid
                | Self::Timestamp
                | Self::CreatedAt
                | Self::PersonId
                | Self::PersonNumber
                | Self::PersonProperties
        )
    }
}

/// Strings, each distinct one once.
#[must_use]
pub fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
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
        Field::new("person_number", DataType::UInt32, false),
        Field::new("person_mode", DataType::Utf8, false),
        Field::new("person_properties", DataType::Utf8, false),
        Field::new("elements_chain", DataType::Utf8, false),
    ];
    fields.extend((0..GROUP_TYPES_MAX).map(|index| Field::new(format!("group_{index}"), DataType::Utf8, true)));
    fields.push(Field::new("properties", DataType::Utf8, false));
    Arc::new(Schema::new(fields))
});

/// The columns of an event in memory.
pub(crate) fn memory_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The columns of a segment whose properties have `columns`.
pub(crate) fn segment_schema(columns: &[PlannedColumn]) -> SchemaRef {
    let mut fields: Vec<Arc<Field>> = SCHEMA.fields().iter().take(COLUMNS).map(Arc::clone).collect();
    fields[PERSON_REST] = Arc::new(Field::new("person_properties_rest", DataType::Utf8, true));
    fields.push(Arc::new(Field::new("properties_rest", DataType::Utf8, true)));
    fields.extend(columns.iter().map(|column| {
        let kind = match column.kind {
            Kind::Text | Kind::Json => DataType::Utf8,
            Kind::Uuid => DataType::FixedSizeBinary(16),
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Bool => DataType::Boolean,
        };
        let document = match column.document {
            Document::Event => "properties",
            Document::Person => "person_properties",
        };
        Arc::new(Field::new(format!("{document}.{}", column.key), kind, true))
    }));
    Arc::new(Schema::new(fields))
}

/// `rows` as columns.
#[expect(clippy::needless_pass_by_value, reason = "an iterator is consumed by nature")]
pub(crate) fn batch_of<'a>(
    rows: impl ExactSizeIterator<Item = &'a EventRow> + Clone,
) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&EventRow) -> &str| -> ArrayRef {
        let bytes = rows.clone().map(|row| of(row).len()).sum();
        let mut builder = StringBuilder::with_capacity(rows.len(), bytes);
        rows.clone().for_each(|row| builder.append_value(of(row)));
        Arc::new(builder.finish())
    };
    let instants = |of: fn(&EventRow) -> i64| -> ArrayRef {
        let mut builder = TimestampMicrosecondBuilder::with_capacity(rows.len());
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
    let mut numbers = UInt32Builder::with_capacity(rows.len());
    rows.clone().for_each(|row| numbers.append_value(row.person_number.0));
    let mut columns = vec![
        ids(|row| &row.uuid)?,
        text(|row| &row.event),
        text(|row| &row.distinct_id),
        instants(|row| row.timestamp.as_micros()),
        instants(|row| row.created_at.as_micros()),
        ids(|row| &row.person_id)?,
        Arc::new(numbers.finish()),
        text(|row| row.person_mode.as_str()),
        text(|row| &row.person_properties),
        text(|row| &row.elements_chain),
    ];
    for index in 0..GROUP_TYPES_MAX {
        let mut builder = StringBuilder::with_capacity(rows.len(), 0);
        rows.clone().for_each(|row| builder.append_option(row.groups[index].as_deref()));
        columns.push(Arc::new(builder.finish()));
    }
    columns.push(text(|row| &row.properties));
    RecordBatch::try_new(memory_schema(), columns)
}
