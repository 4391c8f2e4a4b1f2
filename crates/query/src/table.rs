//! Stored events as a table of the query engine.
//!
//! The table is one snapshot of one project: which project is settled when the snapshot is taken, never by a condition
//! that a plan could lose. Besides the columns of an event it has one for each property that a plan asks for, read from
//! wherever the property is. Conditions that the scan understands are evaluated by it, exactly and with everything that is
//! known about parts without reading them; the engine evaluates the others. Parts are dealt out to as many partitions as
//! there are threads, so memory grows with threads and not with parts.

mod conditions;
mod scan;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableSource, TableType};
use datafusion::physical_plan::ExecutionPlan;
use store::{Chunk, Column, Document, Part, PropertyColumn, PropertyKey, Selection, Snapshot, TimeRange};

use crate::QueryError;
use crate::hogql::property;
use crate::plan;
use crate::scan::{Narrowed, ValueTest};

/// The column of all properties, as JSON.
pub(crate) const PROPERTIES: &str = "properties";

/// A property that a plan asks for.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) key: PropertyKey,
    pub(crate) form: Form,
}

/// What of a property is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Form {
    /// Its text: strings as they are, other values as compact JSON, numbers in their shortest spelling.
    Shown,
    /// Its number: what its text converts to.
    Real,
    /// Its JSON.
    Json,
}

impl Form {
    /// How values are kept.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Shown => store::dictionary(),
            Self::Real => DataType::Float64,
            Self::Json => DataType::Utf8,
        }
    }

    /// The values of a property in this form.
    pub(crate) fn array(self, values: &PropertyColumn) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Shown => Arc::new(property::shown(values)?),
            Self::Real => Arc::new(property::real(values)),
            Self::Json => Arc::new(property::json(values)),
        })
    }
}

/// What a column of the table is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Stored(Column),
    Properties,
    /// All properties, as JSON strings of JSON.
    Quoted(Document),
    Property(Box<Property>),
    /// Which chunk of the snapshot a row is in.
    Chunk,
    /// Its number within the chunk.
    Row,
}

/// The columns of all properties as JSON strings of JSON, ready to be shown in an answer.
const QUOTED: [&str; 2] = ["quoted(properties)", "quoted(person_properties)"];
/// Marks the fields of such columns, wherever a plan takes them.
const QUOTED_MARK: &str = "hedgerow.quoted";

/// The column that has what column `name` has as a JSON string, if there is one.
pub(crate) fn quoted(name: &str) -> Option<&'static str> {
    let quoted = Document::ALL.into_iter().zip(QUOTED);
    quoted.into_iter().find(|(document, _)| name_of(*document) == name).map(|(_, quoted)| quoted)
}

/// Whether values of `field` are JSON strings, to be written as they are.
pub(crate) fn is_quoted(field: &Field) -> bool {
    field.metadata().contains_key(QUOTED_MARK)
}

/// The column of all properties of a document, as JSON.
fn name_of(document: Document) -> &'static str {
    match document {
        Document::Event => PROPERTIES,
        Document::Person => plan::column::PERSON_PROPERTIES,
    }
}

/// The columns that say where a row is.
pub(crate) const CHUNK: &str = "chunk of the snapshot";
pub(crate) const ROW: &str = "row of the chunk";

/// Which rows of the snapshot a table has.
#[derive(Debug, Clone, Default)]
pub(crate) enum Extent {
    /// Every row.
    #[default]
    All,
    /// Those of some time.
    Within(TimeRange),
    /// These.
    Only(Arc<Places>),
}

/// Rows of a snapshot by their chunk, which is numbered as in column [`CHUNK`].
pub(crate) type Places = BTreeMap<u64, Selection>;

/// The number of the chunk in place `chunk` of the snapshot's part in place `part`.
fn chunk_number(part: usize, chunk: usize) -> u64 {
    ((part as u64) << 32) | chunk as u64
}

impl Property {
    /// What the column of this property is called.
    pub(crate) fn name(&self) -> String {
        let document = name_of(self.key.document());
        match self.form {
            Form::Shown => format!("shown({document}.{})", self.key.text()),
            Form::Real => format!("real({document}.{})", self.key.text()),
            Form::Json => format!("json({document}.{})", self.key.text()),
        }
    }
}

/// The table of some rows of `snapshot` with columns for `properties`, for the builder of a plan that runs in at most
/// `partitions` partitions.
pub(crate) fn source(
    snapshot: Snapshot,
    extent: Extent,
    properties: Vec<Property>,
    partitions: usize,
) -> Arc<dyn TableSource> {
    let sources = columns(properties);
    let schema = Arc::new(Schema::new(sources.iter().map(Source::field).collect::<Vec<_>>()));
    provider_as_source(Arc::new(EventsTable { schema, sources, snapshot, extent, partitions }))
}

/// Every column of the table.
pub(crate) fn columns(properties: Vec<Property>) -> Vec<Source> {
    let mut sources: Vec<Source> = Column::ALL.into_iter().map(Source::Stored).collect();
    sources.push(Source::Properties);
    sources.extend(Document::ALL.map(Source::Quoted));
    sources.extend([Source::Chunk, Source::Row]);
    sources.extend(properties.into_iter().map(|property| Source::Property(Box::new(property))));
    sources
}

impl Source {
    /// Whether rows with the same value are looked at once.
    pub(crate) fn is_tested(&self) -> bool {
        match self {
            Self::Property(_) => true,
            source => matches!(source.field().data_type(), DataType::Dictionary(..)),
        }
    }

    /// The schema of this column alone. NULL stands behind the values of a dictionary, whether rows have it or not.
    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![self.field().as_ref().clone().with_nullable(true)]))
    }

    /// The values of this column, which is stored or a property, in `rows`.
    pub(crate) fn array(&self, chunk: &Chunk, rows: &Selection) -> std::result::Result<ArrayRef, QueryError> {
        Ok(match self {
            Self::Stored(column) => chunk.read(&[*column], rows)?.remove(0),
            Self::Property(property) => property.form.array(&chunk.property(&property.key, rows)?)?,
            Self::Properties => Arc::new(chunk.properties(Document::Event, rows)?),
            Self::Quoted(_) => return Err(QueryError::Internal("quoted text has no values".into())),
            Self::Chunk | Self::Row => return Err(QueryError::Internal("a place has no values".into())),
        })
    }

    /// What the column is called.
    pub(crate) fn name(&self) -> String {
        self.field().name().clone()
    }

    pub(crate) fn field(&self) -> Arc<Field> {
        match self {
            Self::Stored(column) => column.field(),
            Self::Properties => Arc::new(Field::new(PROPERTIES, DataType::Utf8, false)),
            Self::Quoted(document) => {
                let name = quoted(name_of(*document)).unwrap_or_default();
                let mark = HashMap::from([(QUOTED_MARK.to_owned(), String::new())]);
                Arc::new(Field::new(name, DataType::Utf8, false).with_metadata(mark))
            }
            Self::Property(property) => Arc::new(Field::new(property.name(), property.form.data_type(), true)),
            Self::Chunk => Arc::new(Field::new(CHUNK, DataType::UInt64, false)),
            Self::Row => Arc::new(Field::new(ROW, DataType::UInt32, false)),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct EventsTable {
    schema: SchemaRef,
    sources: Vec<Source>,
    snapshot: Snapshot,
    extent: Extent,
    partitions: usize,
}

impl EventsTable {
    /// The one column that `condition` is about, if its values repeat or it is a property.
    fn tested(&self, condition: &Expr) -> Option<&Source> {
        let columns = condition.column_refs();
        let mut columns = columns.iter();
        let (Some(column), None) = (columns.next(), columns.next()) else { return None };
        if condition.is_volatile() {
            return None;
        }
        self.source(&column.name).filter(|source| source.is_tested())
    }

    /// What the column called `name` is.
    pub(crate) fn source(&self, name: &str) -> Option<&Source> {
        self.sources.get(self.schema.index_of(name).ok()?)
    }

    /// The rows that it is confined to.
    pub(crate) fn only(&self) -> Option<&Arc<Places>> {
        match &self.extent {
            Extent::Only(places) => Some(places),
            Extent::All | Extent::Within(_) => None,
        }
    }

    /// The parts that can have rows, with their places in the snapshot.
    pub(crate) fn parts(&self, asked: &Narrowed) -> Vec<(usize, Part)> {
        let parts = self.snapshot.parts().iter().enumerate();
        let parts = parts.filter(|(number, part)| {
            let first = chunk_number(*number, 0);
            let is_asked = |places: &Arc<Places>| places.range(first..=first | u64::from(u32::MAX)).next().is_some();
            part.time_range().overlaps(asked.conditions.range) && self.only().is_none_or(is_asked)
        });
        parts.map(|(number, part)| (number, part.clone())).collect()
    }

    /// What `filters`, all of which are this table's to evaluate, ask for.
    pub(crate) fn narrowed(&self, session: &dyn Session, filters: &[Expr]) -> Result<Narrowed> {
        let mut conditions = conditions::of(filters);
        if let Extent::Within(range) = self.extent {
            conditions.range = conditions.range.and(range);
        }
        let mut tests = Vec::new();
        for filter in filters.iter().filter(|filter| !conditions::understands(filter)) {
            if let Some(source) = self.tested(filter) {
                let schema = source.schema();
                let test = session.create_physical_expr(filter.clone(), &DFSchema::try_from(Arc::clone(&schema))?)?;
                tests.push(ValueTest::new(source.clone(), schema, test)?);
            }
        }
        Ok(Narrowed::new(conditions, &self.snapshot).with_tests(tests))
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let asked = self.narrowed(session, filters)?;
        let all: Vec<usize> = (0..self.sources.len()).collect();
        let places = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(places)?);
        let sources = places.iter().filter_map(|place| self.sources.get(*place).cloned()).collect();
        let parts = self.parts(&asked);
        let only = self.only().map(Arc::clone);
        let work = scan::Work { schema, sources, asked, only, limit };
        Ok(Arc::new(scan::EventsScan::new(parts, self.partitions, work)))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| match conditions::understands(filter) || self.tested(filter).is_some() {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(answer).collect())
    }
}

pub(crate) use scan::unread;

#[cfg(test)]
mod tests;
