//! Persons, distinct ids, groups and members of cohorts as tables, from pages of rows.
//!
//! Tables of raw rows have no more than the others: one version of each row is kept, and its number is 0.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, FixedSizeBinaryBuilder, Int8Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt8Array,
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

/// A person in a cohort.
#[derive(Debug, Clone, Copy)]
pub struct MemberRow {
    /// The person.
    pub person: Uuid,
    /// The cohort.
    pub cohort: i64,
}

/// Rows, page by page.
pub type Pages<T> = Box<dyn Iterator<Item = Result<Vec<T>, RowsError>> + Send>;

impl Rows {
    /// A table of persons.
    pub fn persons(table: Table, open: impl Fn() -> Pages<PersonRow> + Send + Sync + 'static) -> Self {
        Self::new(move || Box::new(open().map(move |page| persons(table, &page?))))
    }

    /// A table of distinct ids.
    pub fn distinct_ids(table: Table, open: impl Fn() -> Pages<PersonRow> + Send + Sync + 'static) -> Self {
        Self::new(move || Box::new(open().map(move |page| distinct_ids(table, &page?))))
    }

    /// A table of groups.
    pub fn groups(table: Table, open: impl Fn() -> Pages<GroupRow> + Send + Sync + 'static) -> Self {
        Self::new(move || Box::new(open().map(move |page| groups(table, &page?))))
    }

    /// A table of members of cohorts.
    pub fn members(table: Table, open: impl Fn() -> Pages<MemberRow> + Send + Sync + 'static) -> Self {
        Self::new(move || Box::new(open().map(move |page| members(table, &page?))))
    }
}

/// The batch of `table` with these of its columns first; a table of raw rows has two more.
fn batch(table: Table, mut columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, RowsError> {
    let versions = || -> ArrayRef { Arc::new(Int64Array::from(vec![0; rows])) };
    match table {
        Table::RawPersons | Table::RawPersonDistinctIds | Table::RawPersonDistinctIdOverrides => {
            columns.push(Arc::new(BooleanArray::from(vec![false; rows])));
            columns.push(versions());
        }
        Table::RawCohortPeople => {
            columns.push(Arc::new(Int8Array::from(vec![1; rows])));
            columns.push(versions());
        }
        _ => {}
    }
    Ok(RecordBatch::try_new(schema(table), columns)?)
}

fn persons(table: Table, page: &[PersonRow]) -> Result<RecordBatch, RowsError> {
    let columns: Vec<ArrayRef> = vec![
        ids(page.iter().map(|person| person.id))?,
        instants(page.iter().map(|person| person.created_at)),
        texts(page.iter().map(|person| person.properties.as_str())),
        Arc::new(page.iter().map(|person| Some(person.is_identified)).collect::<BooleanArray>()),
    ];
    batch(table, columns, page.len())
}

fn distinct_ids(table: Table, page: &[PersonRow]) -> Result<RecordBatch, RowsError> {
    let pairs = || page.iter().flat_map(|person| person.distinct_ids.iter().map(move |id| (person.id, id.as_str())));
    let columns = vec![texts(pairs().map(|(_, id)| id)), ids(pairs().map(|(person, _)| person))?];
    batch(table, columns, pairs().count())
}

fn members(table: Table, page: &[MemberRow]) -> Result<RecordBatch, RowsError> {
    let cohorts: Int64Array = page.iter().map(|member| Some(member.cohort)).collect();
    batch(table, vec![ids(page.iter().map(|member| member.person))?, Arc::new(cohorts)], page.len())
}

fn groups(table: Table, page: &[GroupRow]) -> Result<RecordBatch, RowsError> {
    let created = instants(page.iter().map(|group| group.created_at));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(page.iter().map(|group| Some(group.index)).collect::<UInt8Array>()),
        texts(page.iter().map(|group| group.key.as_str())),
        Arc::clone(&created),
        // When a group was last changed is not kept.
        created,
        texts(page.iter().map(|group| group.properties.as_str())),
    ];
    batch(table, columns, page.len())
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
