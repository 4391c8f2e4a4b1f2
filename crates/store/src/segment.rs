//! One sealed segment: its file, what is known of it without reading, and how its rows are read.
//!
//! Nothing is opened before it is needed: a start touches no segment. Files are removed when the last reader of a
//! replaced segment is gone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, new_empty_array};
use arrow::datatypes::{Field, Schema};
use env::{File, Files};
use model::{ProjectId, SegmentEntry, SegmentId};
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;
use uuid::Uuid;

use crate::bloom::Bloom;
use crate::error::StoreError;
use crate::file::SegmentFile;
use crate::identity::{Identity, Probe, uuid_hash};
use crate::index::tails::Tail;
use crate::index::{self, Facts, Index, NewIndex, tails};
use crate::limits::Limits;
use crate::pages::{Group, Unpackers};
use crate::property::key::address;
use crate::property::{Document, Kind, PlannedColumn, Rest, RestBuilder};
use crate::schema::{Column, PERSON_REST, REST, dictionary, segment_schema};
use crate::selection::Selection;
use crate::snapshot::TimeRange;
use crate::write::{FACT_COLUMNS, PLAN_KEY, Validity, collect_facts, columns_with_values};

/// A sealed segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) entry: SegmentEntry,
    rare_keys_max: usize,
    unpackers: Arc<Unpackers>,
    path: PathBuf,
    index_path: PathBuf,
    opened: OnceLock<Opened>,
    /// Replaced when it turns out to be damaged.
    index: Mutex<Option<Arc<Index>>>,
    facts: OnceLock<Arc<Facts>>,
    filter: Mutex<Option<Arc<Bloom>>>,
    /// One thread at a time opens the file, and one makes the index again.
    opening: Mutex<()>,
    repairing: Mutex<()>,
    /// Set when compaction has replaced it: the last one to let go removes the files.
    remover: OnceLock<Arc<dyn Files>>,
    is_obsolete: AtomicBool,
}

/// The Parquet file, its footer, and its property columns.
#[derive(Debug)]
pub(crate) struct Opened {
    file: SegmentFile,
    metadata: ArrowReaderMetadata,
    pub(crate) columns: Vec<PlannedColumn>,
    places: HashMap<String, usize>,
    /// How each column is read, once it has been.
    levels: Vec<OnceLock<FieldLevels>>,
    unpackers: Arc<Unpackers>,
}

pub(crate) fn directory(root: &Path, project: ProjectId) -> PathBuf {
    root.join(project.to_string())
}

pub(crate) fn paths(root: &Path, project: ProjectId, id: SegmentId) -> (PathBuf, PathBuf) {
    let directory = directory(root, project);
    (directory.join(format!("{:010}.parquet", id.0)), directory.join(format!("{:010}.idx", id.0)))
}

impl Segment {
    pub(crate) fn new(entry: SegmentEntry, root: &Path, limits: &Limits, unpackers: &Arc<Unpackers>) -> Self {
        let (path, index_path) = paths(root, entry.project, entry.id);
        Self {
            entry,
            rare_keys_max: limits.rare_keys_max,
            unpackers: Arc::clone(unpackers),
            path,
            index_path,
            opened: OnceLock::new(),
            index: Mutex::new(None),
            facts: OnceLock::new(),
            filter: Mutex::new(None),
            opening: Mutex::new(()),
            repairing: Mutex::new(()),
            remover: OnceLock::new(),
            is_obsolete: AtomicBool::new(false),
        }
    }

    /// Keeps what the writer has in hand anyway.
    pub(crate) fn preload(&self, index: Index, filter: Bloom) {
        *self.index.lock() = Some(Arc::new(index));
        *self.filter.lock() = Some(Arc::new(filter));
    }

    /// Lets the files be removed once nobody reads them any more.
    pub(crate) fn retire(&self, files: Arc<dyn Files>) {
        self.remover.set(files).ok();
        self.is_obsolete.store(true, Ordering::Release);
    }

    pub(crate) fn time_range(&self) -> TimeRange {
        TimeRange { first: self.entry.min_timestamp.as_micros(), last: self.entry.max_timestamp.as_micros() }
    }

    fn damaged(&self, error: &dyn std::fmt::Display) -> StoreError {
        StoreError::Damaged { segment: self.entry.id, reason: error.to_string() }
    }

    /// The file and its footer, read when first asked for.
    pub(crate) fn opened(&self, files: &dyn Files) -> Result<&Opened, StoreError> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let _one = self.opening.lock();
        if self.opened.get().is_none() {
            let file = files.open(&self.path).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => self.damaged(&"its file is missing"),
                _ => error.into(),
            })?;
            let file = self.checked(files, file)?;
            let opened = Opened::load(file, Arc::clone(&self.unpackers)).map_err(|reason| self.damaged(&reason))?;
            self.opened.set(opened).ok();
        }
        self.opened.get().ok_or_else(|| self.damaged(&"it cannot be opened"))
    }

    /// `file` with the checksums of its blocks: those of the index, or, when it has none, those of the whole file if the
    /// catalog knows it like that.
    fn checked(&self, files: &dyn Files, file: Arc<dyn File>) -> Result<SegmentFile, StoreError> {
        let (bytes, expected) = (file.len()?, self.entry.file_bytes);
        if bytes != expected {
            return Err(self.damaged(&format!("it has {bytes} bytes, the catalog says {expected}")));
        }
        let known = self.present_index(files).and_then(|index| index.blocks());
        if let Some(checked) = known.and_then(|blocks| SegmentFile::new(Arc::clone(&file), bytes, blocks)) {
            return Ok(checked);
        }
        let blocks = SegmentFile::blocks_of(file.as_ref(), bytes, self.entry.checksum)?;
        let checked = blocks.and_then(|blocks| SegmentFile::new(file, bytes, blocks));
        checked.ok_or_else(|| self.damaged(&"it does not have the checksum that the catalog knows"))
    }

    /// The index, if it is there.
    fn present_index(&self, files: &dyn Files) -> Option<Arc<Index>> {
        if let Some(index) = self.index.lock().as_ref() {
            return Some(Arc::clone(index));
        }
        let index = Index::open(files, &self.index_path, self.entry.rows)?;
        Some(Arc::clone(self.index.lock().get_or_insert(Arc::new(index))))
    }

    /// The index, made again when it is missing or damaged.
    fn index(&self, files: &dyn Files) -> Result<Arc<Index>, StoreError> {
        self.present_index(files).map_or_else(|| self.restore_index(files, None), Ok)
    }

    /// What `read` finds in the index; none stands for damage, and the index is made again once.
    fn read_index<T>(&self, files: &dyn Files, read: impl Fn(&Index) -> Option<T>) -> Result<T, StoreError> {
        let index = self.index(files)?;
        if let Some(found) = read(&index) {
            return Ok(found);
        }
        let index = self.restore_index(files, Some(&index))?;
        read(&index).ok_or_else(|| self.damaged(&"its index does not read as written"))
    }

    /// What is known without reading.
    pub(crate) fn facts(&self, files: &dyn Files) -> Result<&Arc<Facts>, StoreError> {
        if let Some(facts) = self.facts.get() {
            return Ok(facts);
        }
        let facts = self.read_index(files, |index| index.facts().map(Arc::clone))?;
        Ok(self.facts.get_or_init(|| facts))
    }

    /// Which of `probes` may be events of this segment.
    pub(crate) fn may_hold(&self, files: &dyn Files, probes: &[Probe]) -> Result<Vec<bool>, StoreError> {
        let index = self.index(files)?;
        if !probes.iter().any(|probe| index.spans(probe.uuid)) {
            return Ok(vec![false; probes.len()]);
        }
        let filter = self.filter(files)?;
        let passes = |probe: &Probe| index.spans(probe.uuid) && filter.may_hold(probe.uuid_hash);
        let may_hold = probes
            .iter()
            .map(|probe| if passes(probe) { self.read_index(files, |index| index.holds(probe)) } else { Ok(false) });
        may_hold.collect()
    }

    fn filter(&self, files: &dyn Files) -> Result<Arc<Bloom>, StoreError> {
        if let Some(filter) = self.filter.lock().as_ref() {
            return Ok(Arc::clone(filter));
        }
        let filter = Arc::new(self.read_index(files, Index::filter)?);
        *self.filter.lock() = Some(Arc::clone(&filter));
        Ok(filter)
    }

    /// Lets go of the filter; bytes that were freed.
    pub(crate) fn forget_filter(&self) {
        *self.filter.lock() = None;
    }

    pub(crate) fn filter_bytes(&self) -> usize {
        self.filter.lock().as_ref().map_or(0, |filter| filter.bytes())
    }

    /// Whether an event with this uuid may be here.
    pub(crate) fn may_hold_uuid(&self, files: &dyn Files, uuid: Uuid) -> Result<bool, StoreError> {
        self.read_index(files, |index| if index.spans(uuid) { index.holds_uuid(uuid_hash(uuid)) } else { Some(false) })
    }

    /// Makes the index again, unless somebody else just did: then it is not `damaged` any more.
    fn restore_index(&self, files: &dyn Files, damaged: Option<&Arc<Index>>) -> Result<Arc<Index>, StoreError> {
        let _one = self.repairing.lock();
        if let Some(index) = self.index.lock().as_ref()
            && damaged.is_none_or(|damaged| !Arc::ptr_eq(index, damaged))
        {
            return Ok(Arc::clone(index));
        }
        tracing::warn!(segment = self.entry.id.0, "the index is missing or damaged, making it again");
        let new = self.derive_index(self.opened(files)?)?;
        match files.remove(&self.index_path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let (index, _) = index::write(files, &self.index_path, &new)?;
        if let Some(directory) = self.index_path.parent() {
            files.sync_dir(directory)?;
        }
        let index = Arc::new(index);
        *self.index.lock() = Some(Arc::clone(&index));
        Ok(index)
    }

    fn derive_index(&self, opened: &Opened) -> Result<NewIndex, StoreError> {
        let mut facts: Vec<Vec<ArrayRef>> = vec![Vec::new(); FACT_COLUMNS.len()];
        let mut validity: Vec<Validity> = opened.columns.iter().map(|_| Validity::default()).collect();
        let mut rest = RestBuilder::default();
        let mut first = 0_u32;
        for group in 0..opened.groups() {
            let all = Selection::all(opened.group_rows(group));
            let core = opened.read(group, &FACT_COLUMNS.map(Column::place), &all, self)?;
            for (column, array) in facts.iter_mut().zip(core) {
                // Dictionaries are plain text here, as when the segment was written.
                let plain = match array.data_type() {
                    kind if *kind == dictionary() => arrow::compute::cast(&array, &arrow::datatypes::DataType::Utf8)?,
                    _ => array,
                };
                column.push(plain);
            }
            for (at, validity) in validity.iter_mut().enumerate() {
                validity.push(&opened.read(group, &[REST + 1 + at], &all, self)?.remove(0));
            }
            for (document, place) in [(Document::Event, REST), (Document::Person, PERSON_REST)] {
                let objects = opened.read(group, &[place], &all, self)?.remove(0);
                for (row, object) in (first..).zip(objects.as_string::<i32>()) {
                    for (key, raw) in object.into_iter().flat_map(model::json::Members::of) {
                        rest.push(row, &address(document, &model::json::unescape(key)), raw);
                    }
                }
            }
            first += opened.group_rows(group);
        }
        let (probes, facts) = collect_facts(&facts);
        let rest: Rest = rest.finish();
        let (directory, tails) = tails::encode(&rest, self.rare_keys_max);
        let columns_of = |run: &std::ops::Range<u32>| columns_with_values(&validity, run);
        let by_event = self.entry.level == model::Level::Compacted;
        let facts = Arc::new(facts.finish(by_event, columns_of, directory));
        Ok(NewIndex { probes, facts, blocks: opened.file.blocks.to_vec(), tails })
    }

    /// The values that `key` has outside its column, by row of the segment. Nulls are left out.
    pub(crate) fn tail(&self, files: &dyn Files, key: &str) -> Result<Tail, StoreError> {
        let mut tail = self.read_index(files, |index| {
            let tails = &index.facts()?.tails;
            match (tails.keys.get(key), &tails.others) {
                (Some(place), _) if place.valued > 0 => place.decode(&index.tail(place)?),
                (None, Some(place)) => {
                    let mut tail = Tail::new();
                    place.decode_shared(&index.tail(place)?, |name, row, raw| {
                        if name == key {
                            tail.push((row, raw.into()));
                        }
                    })?;
                    Some(tail)
                }
                _ => Some(Tail::new()),
            }
        })?;
        tail.retain(|(_, raw)| raw.as_ref() != "null");
        Ok(tail)
    }

    /// Every value outside columns: key, row and JSON text.
    pub(crate) fn tails(&self, files: &dyn Files) -> Result<Vec<(Box<str>, Tail)>, StoreError> {
        self.read_index(files, |index| {
            let directory = &index.facts()?.tails;
            let own = directory.keys.iter().map(|(key, place)| Some((key.clone(), place.decode(&index.tail(place)?)?)));
            let mut tails: Vec<(Box<str>, Tail)> = own.collect::<Option<_>>()?;
            if let Some(place) = &directory.others {
                let mut shared: HashMap<Box<str>, Tail> = HashMap::new();
                place.decode_shared(&index.tail(place)?, |key, row, raw| {
                    shared.entry(key.into()).or_default().push((row, raw.into()));
                })?;
                tails.extend(shared);
            }
            Some(tails)
        })
    }

    /// Row numbers of those of `wanted` that are here.
    pub(crate) fn rows_of(&self, files: &dyn Files, wanted: &[(Identity, Uuid)]) -> Result<Vec<u32>, StoreError> {
        let uuids: std::collections::HashSet<[u8; 16]> = wanted.iter().map(|(_, uuid)| *uuid.as_bytes()).collect();
        let identities: std::collections::HashSet<Identity> = wanted.iter().map(|(identity, _)| *identity).collect();
        let opened = self.opened(files)?;
        let mut rows = Vec::new();
        let mut first = 0;
        for group in 0..opened.groups() {
            let all = Selection::all(opened.group_rows(group));
            let ids = opened.read(group, &[Column::Uuid.place()], &all, self)?.remove(0);
            let ids = ids.as_fixed_size_binary();
            let hits = (0..ids.len()).filter(|row| uuids.contains(uuid_at(ids, *row).as_bytes()));
            let found = all.pick(hits);
            if !found.is_empty() {
                let places = [Column::Uuid, Column::Event, Column::DistinctId].map(Column::place);
                let columns = opened.read(group, &places, &found, self)?;
                let same = identities_of(&columns)?.into_iter().zip(found.rows());
                rows.extend(same.filter(|(identity, _)| identities.contains(identity)).map(|(_, row)| first + row));
            }
            first += opened.group_rows(group);
        }
        Ok(rows)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let Some(files) = self.remover.get().filter(|_| self.is_obsolete.load(Ordering::Acquire)) else { return };
        for path in [&self.path, &self.index_path] {
            if let Err(error) = files.remove(path) {
                tracing::warn!(file = %path.display(), %error, "a replaced file was not removed; the next start does it");
            }
        }
    }
}

impl Opened {
    fn load(file: SegmentFile, unpackers: Arc<Unpackers>) -> Result<Self, String> {
        let options = || ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let plain = ArrowReaderMetadata::load(&file, options()).map_err(|error| error.to_string())?;
        let pairs = plain.metadata().file_metadata().key_value_metadata().map_or(&[][..], Vec::as_slice);
        let text = pairs.iter().find(|pair| pair.key == PLAN_KEY).and_then(|pair| pair.value.as_deref());
        let columns: Vec<PlannedColumn> = match text.map(serde_json::from_str) {
            Some(Ok(columns)) => columns,
            _ => return Err("its metadata does not name its property columns".to_owned()),
        };
        let names =
            |schema: &Schema| -> Vec<String> { schema.fields().iter().map(|field| field.name().clone()).collect() };
        if names(plain.schema()) != names(&segment_schema(&columns)) {
            return Err("it has other columns than a segment of this version".to_owned());
        }
        let schema = Schema::new(
            plain
                .schema()
                .fields()
                .iter()
                .enumerate()
                .map(|(at, field)| typed(at, field, &columns))
                .collect::<Vec<_>>(),
        );
        let metadata =
            ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options().with_schema(Arc::new(schema)))
                .map_err(|error| error.to_string())?;
        let places = columns.iter().enumerate().map(|(at, column)| (column.address().into_owned(), at)).collect();
        let levels = std::iter::repeat_with(OnceLock::new).take(metadata.schema().fields().len()).collect();
        Ok(Self { file, metadata, columns, places, levels, unpackers })
    }

    pub(crate) fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    pub(crate) fn group_rows(&self, group: usize) -> u32 {
        u32::try_from(self.metadata.metadata().row_group(group).num_rows()).unwrap_or(u32::MAX)
    }

    /// Bytes of a row of `group` when decoded, about: texts by dictionary count as often as they are used.
    pub(crate) fn row_bytes(&self, group: usize) -> usize {
        let group = self.metadata.metadata().row_group(group);
        let bytes = |column: &parquet::file::metadata::ColumnChunkMetaData| {
            column.unencoded_byte_array_data_bytes().unwrap_or_else(|| column.uncompressed_size())
        };
        let total: i64 = group.columns().iter().map(bytes).sum();
        usize::try_from(total / group.num_rows().max(1)).unwrap_or(usize::MAX)
    }

    /// Place of the column of the property with this address.
    pub(crate) fn property(&self, key: &str) -> Option<usize> {
        self.places.get(key).copied()
    }

    /// Values that are not null in the column at `place` of all columns, if the file says.
    pub(crate) fn valued(&self, place: usize) -> Option<u64> {
        let groups = self.metadata.metadata().row_groups().iter();
        groups
            .map(|group| {
                let nulls = group.column(place).statistics()?.null_count_opt()?;
                Some(u64::try_from(group.num_rows()).ok()?.saturating_sub(nulls))
            })
            .sum()
    }

    /// Whether the column at `place` has no value in `group`.
    pub(crate) fn is_empty(&self, group: usize, place: usize) -> bool {
        let group = self.metadata.metadata().row_group(group);
        let nulls = group.column(place).statistics().and_then(|statistics| statistics.null_count_opt());
        nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(group.num_rows()))
    }

    /// The columns at `places` of the selected rows of a row group, each one array.
    pub(crate) fn read(
        &self,
        group: usize,
        places: &[usize],
        rows: &Selection,
        of: &Segment,
    ) -> Result<Vec<ArrayRef>, StoreError> {
        places.iter().map(|place| self.column(group, *place, rows, of)).collect()
    }

    /// The column at `place` of the selected rows of a row group.
    pub(crate) fn column(
        &self,
        group: usize,
        place: usize,
        rows: &Selection,
        of: &Segment,
    ) -> Result<ArrayRef, StoreError> {
        let mut reader = self.reader(group, place, rows, rows.len(), of)?;
        self.next_of(&mut reader, place, rows.len(), of)
    }

    /// Reads the column at `place` of the selected rows of a row group, `at_once` rows at a time.
    pub(crate) fn reader(
        &self,
        group: usize,
        place: usize,
        rows: &Selection,
        at_once: usize,
        of: &Segment,
    ) -> Result<ParquetRecordBatchReader, StoreError> {
        let levels = self.levels(place).map_err(|error| of.damaged(&error))?;
        let pages = Group { file: &self.file, metadata: self.metadata.metadata(), group, unpackers: &self.unpackers };
        let selection = rows.for_parquet(self.group_rows(group));
        pages.reader(levels, at_once, selection).map_err(|error| of.damaged(&error))
    }

    /// The next `rows` rows of the column at `place`, which is what `reader` reads.
    pub(crate) fn next_of(
        &self,
        reader: &mut ParquetRecordBatchReader,
        place: usize,
        rows: usize,
        of: &Segment,
    ) -> Result<ArrayRef, StoreError> {
        let array = match reader.next() {
            Some(batch) => batch.map_err(|error| of.damaged(&error))?.remove_column(0),
            None => new_empty_array(self.metadata.schema().field(place).data_type()),
        };
        if array.len() != rows {
            return Err(of.damaged(&format!("{} rows came instead of {rows}", array.len())));
        }
        Ok(array)
    }

    fn levels(&self, place: usize) -> Result<&FieldLevels, ParquetError> {
        let known = &self.levels[place];
        if let Some(levels) = known.get() {
            return Ok(levels);
        }
        let schema = self.metadata.metadata().file_metadata().schema_descr();
        let only = ProjectionMask::leaves(schema, [place]);
        let levels = parquet_to_arrow_field_levels(schema, only, Some(self.metadata.schema().fields()))?;
        Ok(known.get_or_init(|| levels))
    }
}

/// The field at `at`, by dictionary where values repeat.
fn typed(at: usize, field: &Arc<Field>, columns: &[PlannedColumn]) -> Arc<Field> {
    let by_dictionary = if at < REST {
        Column::ALL.get(at).is_some_and(|column| column.is_dictionary())
    } else {
        let planned = at.checked_sub(REST + 1).and_then(|at| columns.get(at));
        planned.is_some_and(|column| column.kind == Kind::Text && column.dictionary)
    };
    if by_dictionary {
        Arc::new(Field::new(field.name(), dictionary(), field.is_nullable()))
    } else {
        Arc::clone(field)
    }
}

/// Identities from columns uuid, event (by dictionary) and distinct id.
fn identities_of(columns: &[ArrayRef]) -> Result<Vec<Identity>, StoreError> {
    let text = arrow::datatypes::DataType::Utf8;
    let (events, distinct_ids) = (arrow::compute::cast(&columns[1], &text)?, arrow::compute::cast(&columns[2], &text)?);
    let (events, distinct_ids) = (events.as_string::<i32>(), distinct_ids.as_string::<i32>());
    let uuids = columns[0].as_fixed_size_binary();
    let identity = |row| Identity::of(distinct_ids.value(row), events.value(row), uuid_at(uuids, row));
    Ok((0..uuids.len()).map(identity).collect())
}

pub(crate) fn uuid_at(uuids: &FixedSizeBinaryArray, row: usize) -> Uuid {
    Uuid::from_slice(uuids.value(row)).expect("the column holds 16 bytes per row")
}
