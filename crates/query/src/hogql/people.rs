//! Persons, distinct ids and groups as tables, from pages of rows.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, FixedSizeBinaryBuilder, RecordBatch, StringArray, TimestampMicrosecondArray, UInt8Array,
};
use hogql::resolved::Table;
use uuid::Uuid;

use super::rows::{Rows, RowsError, schema};

/// A person.
#[derive(Debug, Clone)]
pub struct PersonRow {
    /// Public id.
    pub id: Uuid,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// A JSON object.
    pub properties: String,
    /// Whether it was ever identified.
    pub is_identified: bool,
    /// Its distinct ids.
    pub distinct_ids: Vec<String>,
}

/// A group.
#[derive(Debug, Clone)]
pub struct GroupRow {
    /// Which kind.
    pub index: u8,
    /// What events name it by.
    pub key: String,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// A JSON object.
    pub properties: String,
}

/// Rows, page by page.
pub type Pages<T> = Box<dyn Iterator<Item = Result<Vec<T>, RowsError>> + Send>;

impl Rows {
    /// The table `persons`.
    pub fn persons(open: impl Fn() -> Pages<PersonRow> + Send + Sync + 'static) -> Self {
        Self::new(move || Box::new(open().map(|page| persons(&page?))))
    }

    /// The table `person_distinct_ids`.
    pub fn distinct_ids(open: impl Fn() -> Pages<PersonRow> + Send + Sync + 'static) -> Self {
        Self::new(move || Box::new(open().map(|page| distinct_ids(&page?))))
    }

    /// The table `groups`.
    pub fn groups(open: impl Fn() -> Pages<GroupRow> + Send + Sync + 'static) -> Self {
        Self::new(move || Box::new(open().map(|page| groups(&page?))))
    }
}

fn persons(page: &[PersonRow]) -> Result<RecordBatch, RowsError> {
    let columns: Vec<ArrayRef> = vec![
        ids(page.iter().map(|person| person.id))?,
        instants(page.iter().map(|person| person.created_at)),
        texts(page.iter().map(|person| person.properties.as_str())),
        Arc::new(page.iter().map(|person| Some(person.is_identified)).collect::<BooleanArray>()),
    ];
    Ok(RecordBatch::try_new(schema(Table::Persons), columns)?)
}

fn distinct_ids(page: &[PersonRow]) -> Result<RecordBatch, RowsError> {
    let pairs = || page.iter().flat_map(|person| person.distinct_ids.iter().map(move |id| (person.id, id.as_str())));
    let columns = vec![texts(pairs().map(|(_, id)| id)), ids(pairs().map(|(person, _)| person))?];
    Ok(RecordBatch::try_new(schema(Table::PersonDistinctIds), columns)?)
}

fn groups(page: &[GroupRow]) -> Result<RecordBatch, RowsError> {
    let created = instants(page.iter().map(|group| group.created_at));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(page.iter().map(|group| Some(group.index)).collect::<UInt8Array>()),
        texts(page.iter().map(|group| group.key.as_str())),
        Arc::clone(&created),
        // When a group was last changed is not kept.
        created,
        texts(page.iter().map(|group| group.properties.as_str())),
    ];
    Ok(RecordBatch::try_new(schema(Table::Groups), columns)?)
}

fn ids(ids: impl Iterator<Item = Uuid>) -> Result<ArrayRef, RowsError> {
    let mut builder = FixedSizeBinaryBuilder::new(16);
    for id in ids {
        builder.append_value(id.as_bytes())?;
    }
    Ok(Arc::new(builder.finish()))
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(texts.map(Some).collect::<StringArray>())
}

fn instants(micros: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(micros.map(Some).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}
