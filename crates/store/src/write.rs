//! Writes a segment: its Parquet file column by column, and the index beside it.
//!
//! One property column of one row group is in memory at a time, next to what is encoded already, so memory grows with the
//! file and not with the rows. Columns are made on demand, in any order the file does not care about: the rest is written
//! last, because making property columns may leave values to it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{TimestampMicrosecondType, UInt32Type};
use env::Files;
use model::{Level, MergeId, ProjectId, SegmentEntry, SegmentId, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use roaring::RoaringBitmap;

use crate::error::StoreError;
use crate::file::{FileWriter, Written};
use crate::identity::{Identity, Probe};
use crate::index::facts::FactsBuilder;
use crate::index::{self, NewIndex, tails};
use crate::limits::Limits;
use crate::pages::Unpackers;
use crate::property::{Document, Kind, Plan, PlannedColumn, Rest};
use crate::schema::{Column, PERSON_REST, REST, segment_schema};
use crate::segment::{Segment, directory, paths, uuid_at};

/// Rows of a page: what has to be decoded to read one row.
const PAGE_ROWS: usize = 4_096;
const COMPACTED_ZSTD_LEVEL: i32 = 6;
/// A column whose dictionary outgrows this is written without one.
const DICTIONARY_BYTES_MAX: usize = 8 << 20;
/// The key of the property columns in the file's metadata.
pub(crate) const PLAN_KEY: &str = "hedgerow.properties";

/// What a segment is made of.
pub(crate) struct NewSegment<'a> {
    pub(crate) id: SegmentId,
    pub(crate) project: ProjectId,
    pub(crate) level: Level,
    pub(crate) merges_through: MergeId,
    pub(crate) plan: &'a Plan,
    pub(crate) source: &'a mut dyn Source,
    pub(crate) limits: &'a Limits,
    pub(crate) unpackers: &'a Arc<Unpackers>,
}

/// Gives the columns of a segment, one at a time, each as one array per row group: all rows of a column can be more text
/// than one array holds.
pub(crate) trait Source {
    /// A column that every event has, the person's properties apart.
    fn column(&mut self, column: Column) -> Result<Vec<ArrayRef>, StoreError>;

    /// A property column of the plan, by place.
    fn property(&mut self, place: usize) -> Result<Groups<'_>, StoreError>;

    /// What went into no column. Asked last.
    fn rest(&mut self) -> Result<Rest, StoreError>;
}

/// A column, by row group. Each is made when it is asked for.
pub(crate) type Groups<'a> = Box<dyn Iterator<Item = Result<ArrayRef, StoreError>> + 'a>;

/// Writes a segment and its index, both durable, their names included.
pub(crate) fn write(files: &dyn Files, root: &Path, new: &mut NewSegment<'_>) -> Result<Arc<Segment>, StoreError> {
    let directory = directory(root, new.project);
    files.create_dir_all(&directory)?;
    let (path, index_path) = paths(root, new.project, new.id);
    let events = new.source.column(Column::Event)?;
    let timestamps = new.source.column(Column::Timestamp)?;
    let mut file = Encoder::new(FileWriter::new(files.create(&path)?), new, events.len())?;
    let mut facts = Vec::with_capacity(FACT_COLUMNS.len());
    for column in Column::ALL.into_iter().filter(|column| *column != Column::PersonProperties) {
        let arrays = match column {
            Column::Event => events.clone(),
            Column::Timestamp => timestamps.clone(),
            _ => new.source.column(column)?,
        };
        file.write(column.place(), &arrays)?;
        if FACT_COLUMNS.contains(&column) {
            facts.push(arrays);
        }
    }
    let (probes, facts) = collect_facts(&facts);
    let mut validity = Vec::with_capacity(new.plan.columns.len());
    for place in 0..new.plan.columns.len() {
        let mut valid = Validity::default();
        for (group, array) in new.source.property(place)?.enumerate() {
            let array = array?;
            file.write_group(group, REST + 1 + place, &array)?;
            valid.push(&array);
        }
        validity.push(valid);
    }
    let rest = new.source.rest()?;
    let mut first = 0;
    for (document, place) in [(Document::Event, REST), (Document::Person, PERSON_REST)] {
        let mut objects: Vec<ArrayRef> = Vec::with_capacity(events.len());
        first = 0;
        for group in &events {
            let end = first + u32::try_from(group.len()).unwrap_or(u32::MAX);
            objects.push(Arc::new(rest.objects(document, first..end)));
            first = end;
        }
        file.write(place, &objects)?;
    }
    let written = file.finish()?;
    let (directory_of_tails, tails) = tails::encode(&rest, new.limits.rare_keys_max);
    let columns_of = |run: &Range<u32>| columns_with_values(&validity, run);
    let facts = Arc::new(facts.finish(new.level == Level::Compacted, columns_of, directory_of_tails));
    let (index, filter) = index::write(files, &index_path, &NewIndex { probes, facts, blocks: written.blocks, tails })?;
    files.sync_dir(&directory)?;
    let times = || timestamps.iter().map(|group| group.as_primitive::<TimestampMicrosecondType>());
    let entry = SegmentEntry {
        id: new.id,
        project: new.project,
        level: new.level,
        rows: first.into(),
        file_bytes: written.bytes,
        min_timestamp: Timestamp::from_micros(times().filter_map(arrow::compute::min).min().unwrap_or_default()),
        max_timestamp: Timestamp::from_micros(times().filter_map(arrow::compute::max).max().unwrap_or_default()),
        checksum: written.checksum,
        merges_through: new.merges_through,
    };
    let segment = Segment::new(entry, root, new.limits, new.unpackers);
    segment.preload(index, filter);
    Ok(Arc::new(segment))
}

/// In which rows a column has values.
#[derive(Debug, Default)]
pub(crate) struct Validity {
    /// Rows of each row group, and where it has none.
    groups: Vec<(Range<u32>, Option<NullBuffer>)>,
}

impl Validity {
    /// Adds the next row group.
    pub(crate) fn push(&mut self, group: &ArrayRef) {
        let first = self.groups.last().map_or(0, |(rows, _)| rows.end);
        let rows = first..first + u32::try_from(group.len()).unwrap_or(u32::MAX);
        self.groups.push((rows, group.nulls().cloned()));
    }

    fn has_any(&self, rows: &Range<u32>) -> bool {
        self.groups.iter().any(|(group, nulls)| {
            let (start, end) = (rows.start.max(group.start), rows.end.min(group.end));
            let has = |nulls: &NullBuffer| {
                let slice = nulls.slice((start - group.start) as usize, (end - start) as usize);
                slice.null_count() < slice.len()
            };
            start < end && nulls.as_ref().is_none_or(has)
        })
    }
}

/// The property columns that have values in `rows`, by place.
pub(crate) fn columns_with_values(columns: &[Validity], rows: &Range<u32>) -> RoaringBitmap {
    (0..).zip(columns).filter(|(_, validity)| validity.has_any(rows)).map(|(place, _)| place).collect()
}

/// The columns that facts are made of, in the order they are written.
pub(crate) const FACT_COLUMNS: [Column; 5] =
    [Column::Uuid, Column::Event, Column::DistinctId, Column::Timestamp, Column::PersonNumber];

/// Probes and facts from the columns [`FACT_COLUMNS`], each with an array per row group.
pub(crate) fn collect_facts(columns: &[Vec<ArrayRef>]) -> (Vec<Probe>, FactsBuilder) {
    let [uuids, events, distinct_ids, timestamps, persons] = columns else {
        unreachable!("facts are made of five columns")
    };
    let mut probes = Vec::with_capacity(uuids.iter().map(Array::len).sum());
    let mut facts = FactsBuilder::default();
    for (group, uuids) in uuids.iter().enumerate() {
        let uuids = uuids.as_fixed_size_binary();
        let (events, distinct_ids) = (events[group].as_string::<i32>(), distinct_ids[group].as_string::<i32>());
        let persons = persons[group].as_primitive::<UInt32Type>();
        let timestamps = timestamps[group].as_primitive::<TimestampMicrosecondType>();
        for row in 0..uuids.len() {
            let uuid = uuid_at(uuids, row);
            let (event, distinct_id) = (events.value(row), distinct_ids.value(row));
            probes.push(Identity::of(distinct_id, event, uuid).probe(uuid));
            facts.push(event, timestamps.value(row), persons.value(row), distinct_id);
        }
    }
    (probes, facts)
}

/// The Parquet file while columns come in.
struct Encoder {
    writer: SerializedFileWriter<FileWriter>,
    fields: Vec<Arc<arrow::datatypes::Field>>,
    /// Writers of each row group, by column; taken when the column is written.
    groups: Vec<Vec<Option<ArrowColumnWriter>>>,
    chunks: Vec<Vec<Option<ArrowColumnChunk>>>,
}

impl Encoder {
    fn new(file: FileWriter, new: &NewSegment<'_>, count: usize) -> Result<Self, StoreError> {
        let schema = segment_schema(&new.plan.columns);
        let writer =
            ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties(new.level, new.plan, new.limits)))?;
        let (writer, factory): (_, ArrowRowGroupWriterFactory) = writer.into_serialized_writer()?;
        let mut groups = Vec::with_capacity(count);
        for group in 0..count {
            groups.push(factory.create_column_writers(group)?.into_iter().map(Some).collect());
        }
        let columns = schema.fields().len();
        let chunks = (0..count).map(|_| (0..columns).map(|_| None).collect()).collect();
        Ok(Self { writer, fields: schema.fields().iter().map(Arc::clone).collect(), groups, chunks })
    }

    /// Encodes all rows of one column, an array per row group.
    fn write(&mut self, place: usize, arrays: &[ArrayRef]) -> Result<(), StoreError> {
        arrays.iter().enumerate().try_for_each(|(group, array)| self.write_group(group, place, array))
    }

    /// Encodes one column of one row group.
    fn write_group(&mut self, group: usize, place: usize, array: &ArrayRef) -> Result<(), StoreError> {
        let mut writer = self.groups[group][place].take().expect("each column is written once");
        for leaf in compute_leaves(&self.fields[place], array)? {
            writer.write(&leaf)?;
        }
        self.chunks[group][place] = Some(writer.close()?);
        Ok(())
    }

    fn finish(mut self) -> Result<Written, StoreError> {
        for chunks in self.chunks {
            let mut group = self.writer.next_row_group()?;
            for chunk in chunks {
                chunk.expect("every column was written").append_to_row_group(&mut group)?;
            }
            group.close()?;
        }
        Ok(self.writer.into_inner()?.finish()?)
    }
}

fn properties(level: Level, plan: &Plan, limits: &Limits) -> WriterProperties {
    let compression = match level {
        Level::Fresh => Compression::LZ4_RAW,
        Level::Compacted => Compression::ZSTD(ZstdLevel::try_new(COMPACTED_ZSTD_LEVEL).unwrap_or_default()),
    };
    let text = serde_json::to_string(&plan.columns).expect("a plan is plain data");
    let mut builder = WriterProperties::builder()
        // Version 1 knows no dictionaries of fixed-length bytes, which ids that repeat need.
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(compression)
        .set_max_row_group_row_count(Some(limits.row_group_rows))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(vec![KeyValue::new(PLAN_KEY.to_owned(), text)]))
        .set_created_by("hedgerow".to_owned());
    let schema = segment_schema(&plan.columns);
    let path = |place: usize| ColumnPath::new(vec![schema.field(place).name().clone()]);
    for column in [Column::Timestamp, Column::CreatedAt] {
        builder = builder
            .set_column_dictionary_enabled(path(column.place()), false)
            .set_column_encoding(path(column.place()), Encoding::DELTA_BINARY_PACKED);
    }
    builder = builder
        .set_column_statistics_enabled(path(Column::Timestamp.place()), EnabledStatistics::Page)
        .set_column_dictionary_enabled(path(Column::Uuid.place()), false)
        .set_column_encoding(path(Column::Uuid.place()), Encoding::BYTE_STREAM_SPLIT)
        .set_column_dictionary_enabled(path(REST), false)
        .set_column_dictionary_enabled(path(PERSON_REST), false);
    for (at, column) in plan.columns.iter().enumerate() {
        let path = path(REST + 1 + at);
        if !column.dictionary {
            builder = builder.set_column_dictionary_enabled(path.clone(), false);
            if let Some(encoding) = plain_encoding(column) {
                builder = builder.set_column_encoding(path, encoding);
            }
        }
    }
    builder.build()
}

/// How values that hardly repeat are laid out.
fn plain_encoding(column: &PlannedColumn) -> Option<Encoding> {
    match column.kind {
        Kind::Uuid | Kind::Float => Some(Encoding::BYTE_STREAM_SPLIT),
        Kind::Int => Some(Encoding::DELTA_BINARY_PACKED),
        Kind::Text => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        // Mostly numbers and lists whose beginnings are alike from row to row.
        Kind::Json => Some(Encoding::DELTA_BYTE_ARRAY),
        Kind::Bool => None,
    }
}
