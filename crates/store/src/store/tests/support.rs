//! What a catalog, a log and a reader do with the store, as simply as possible.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimestampMicrosecondType, UInt32Type};
use env::SimDisk;
use model::json::{self, Members};
use model::{MergeId, PersonMode, PersonNumber, json_string};

use uuid::Uuid;

use super::super::*;
use crate::property::{Document, Spelling};
use crate::schema::Column;
use crate::snapshot::{Chunk, Slice};

pub(super) const PROJECT: ProjectId = ProjectId(1);
pub(super) const ROOT: &str = "/data/segments";
pub(super) const DAY: i64 = 86_400_000_000;

/// Limits that make files, row groups and compactions of a handful of rows.
pub(super) const SMALL: Limits = Limits {
    day_rows_min: 10,
    row_group_rows: 40,
    rows_per_value_max: 5,
    property_columns_max: 4,
    rare_keys_max: 3,
    fresh_segments_max: 3,
    compacted_segments_max: 2,
    job_rows_max: 150,
    job_bytes_max: u64::MAX,
    merges_max: 1,
};

pub(super) fn person(number: u32) -> (Uuid, PersonNumber) {
    (Uuid::from_u128(u128::from(number - 1)), PersonNumber(number))
}

pub(super) fn row(uuid: u128, event: &str, distinct_id: &str, at: i64, properties: &str) -> EventRow {
    let (person_id, person_number) = person(u32::try_from(uuid % 5).unwrap() + 1);
    EventRow {
        project: PROJECT,
        uuid: Uuid::from_u128(uuid),
        event: event.to_owned(),
        distinct_id: distinct_id.to_owned(),
        timestamp: Timestamp::from_micros(at),
        created_at: Timestamp::from_micros(at + 7),
        person_id,
        person_number,
        person_mode: if uuid.is_multiple_of(3) { PersonMode::Full } else { PersonMode::Propertyless },
        properties: properties.to_owned(),
        person_properties: format!("{{\"age\":{}}}", uuid % 4).into(),
        elements_chain: if uuid.is_multiple_of(7) { "a:nth-child=\"1\"".to_owned() } else { String::new() },
        groups: [None, Some(format!("é{uuid}")), None, None, uuid.is_multiple_of(2).then(|| "g".to_owned())],
    }
}

pub(super) fn batch(rows: Vec<EventRow>, through: u64) -> Batch {
    Batch { rows, merges: Vec::new(), through: Sequence(through) }
}

/// What a catalog and a log would keep for the store.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) settings: Settings,
    pub(super) segments: BTreeMap<SegmentId, SegmentEntry>,
    pub(super) deleted: BTreeMap<SegmentId, DeletedRows>,
    /// Merges that are not retired, by merged person, each with the place in the log where it was applied.
    pub(super) merges: BTreeMap<PersonNumber, (PersonMerge, Sequence)>,
    /// Deleted persons that are not forgotten.
    pub(super) hidden: BTreeSet<PersonNumber>,
    pub(super) flushed: Sequence,
    pub(super) last_segment: u64,
    pub(super) log: Vec<Batch>,
}

impl Kept {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            settings: Settings { memory_bytes: 1 << 20, filter_cache_bytes: 256, limits },
            segments: BTreeMap::new(),
            deleted: BTreeMap::new(),
            merges: BTreeMap::new(),
            hidden: BTreeSet::new(),
            flushed: Sequence::default(),
            last_segment: 0,
            log: Vec::new(),
        }
    }

    /// A store of what the catalog knows, without the log.
    pub(super) fn open_segments(&self, disk: &SimDisk) -> Result<Store, StoreError> {
        let contents = Contents {
            segments: self.segments.values().cloned().collect(),
            deleted: self.deleted.values().cloned().collect(),
            merges: self.merges.values().map(|(merge, _)| *merge).collect(),
            hidden: self.hidden.iter().map(|person| (PROJECT, *person)).collect(),
        };
        Store::open(Arc::new(disk.clone()), ROOT, self.settings.clone(), contents)
    }

    pub(super) fn open(&self, disk: &SimDisk) -> Store {
        let store = self.open_segments(disk).unwrap();
        self.replay(&store, true);
        store
    }

    /// Publishes what the log has beyond the segments.
    pub(super) fn replay(&self, store: &Store, with_merges: bool) {
        for batch in self.log.iter().filter(|batch| batch.through > self.flushed) {
            let merges = if with_merges { batch.merges.clone() } else { Vec::new() };
            store.publish(&Batch { merges, ..batch.clone() }).unwrap();
        }
    }

    /// Logs `batch` and publishes it.
    pub(super) fn publish(&mut self, store: &Store, batch: Batch) -> Published {
        for merge in &batch.merges {
            self.note_merge(merge, batch.through);
        }
        self.log.push(batch);
        store.publish(self.log.last().unwrap()).unwrap()
    }

    /// What reads as the merged person reads as the surviving one, and counts as merged anew.
    fn note_merge(&mut self, merge: &PersonMerge, applied: Sequence) {
        for (before, at) in self.merges.values_mut().filter(|(before, _)| before.into == merge.from) {
            *before = PersonMerge { id: merge.id, into: merge.into, into_number: merge.into_number, ..*before };
            *at = applied;
        }
        self.merges.remove(&merge.into_number);
        self.merges.insert(merge.from_number, (*merge, applied));
    }

    /// Deletes persons, and with them what is stored of them.
    pub(super) fn hide(&mut self, store: &Store, numbers: &[u32]) {
        let persons: Vec<PersonNumber> = numbers.iter().copied().map(PersonNumber).collect();
        self.hidden.extend(&persons);
        store.hide_persons(PROJECT, &persons);
    }

    /// What compaction has to remove.
    pub(super) fn removals(&self) -> HashMap<ProjectId, Removals> {
        let persons = Arc::new(self.hidden.iter().map(|person| person.0).collect());
        HashMap::from([(PROJECT, Removals { persons, ..Removals::default() })])
    }

    pub(super) fn reserve(&mut self, count: u64) -> Result<SegmentId, StoreError> {
        self.last_segment += count;
        Ok(SegmentId(self.last_segment - count + 1))
    }

    pub(super) fn note_seal(&mut self, added: &[SegmentEntry], deleted: &[DeletedRows], through: Sequence) {
        self.segments.extend(added.iter().map(|entry| (entry.id, entry.clone())));
        self.deleted.extend(deleted.iter().map(|rows| (rows.segment, rows.clone())));
        assert!(self.deleted.keys().all(|id| self.segments.contains_key(id)), "deleted rows of no segment");
        assert!(self.flushed <= through, "the flushed position went back");
        self.flushed = through;
    }

    pub(super) fn note_compaction(&mut self, gone: &[SegmentId], added: &[SegmentEntry], deleted: &[DeletedRows]) {
        for id in gone {
            self.segments.remove(id).expect("a segment is compacted once");
            self.deleted.remove(id);
        }
        self.segments.extend(added.iter().map(|entry| (entry.id, entry.clone())));
        self.deleted.extend(deleted.iter().map(|rows| (rows.segment, rows.clone())));
        assert!(self.deleted.keys().all(|id| self.segments.contains_key(id)), "deleted rows of no segment");
    }

    /// Freezes, seals and commits.
    pub(super) fn seal(&mut self, store: &Store) {
        if store.freeze().is_none() {
            return;
        }
        let sealed = store.seal(|count| self.reserve(count)).unwrap();
        let commit = |added: &[SegmentEntry], deleted: &[DeletedRows], through| {
            self.note_seal(added, deleted, through);
            Ok::<_, StoreError>(())
        };
        store.commit_seal(sealed, commit).unwrap();
    }

    /// Does and commits the next compaction, if there is one; its rows.
    pub(super) fn compact(&mut self, store: &Store, removals: &HashMap<ProjectId, Removals>) -> Option<u64> {
        let job = store.next_compaction(removals).unwrap()?;
        let rows = job.rows();
        let compacted = store.compact(job, |count| self.reserve(count)).unwrap();
        let commit = |gone: &[SegmentId], added: &[SegmentEntry], deleted: &[DeletedRows]| {
            self.note_compaction(gone, added, deleted);
            Ok::<_, StoreError>(())
        };
        store.commit_compaction(compacted, commit).unwrap();
        Some(rows)
    }

    /// Compacts until nothing is left to do; how many compactions that took.
    pub(super) fn compact_all(&mut self, store: &Store, removals: &HashMap<ProjectId, Removals>) -> usize {
        let mut count = 0;
        while self.compact(store, removals).is_some() {
            count += 1;
            assert!(count < 200, "compaction never ends");
        }
        count
    }

    /// Ends the merges that no row needs any more, as the catalog does; how many.
    pub(super) fn settle_merges(&mut self, store: &Store) -> usize {
        let Some(settled) = store.merges_settled(PROJECT).unwrap() else { return 0 };
        let gone: Vec<PersonMerge> = self
            .merges
            .values()
            .filter(|(merge, applied)| merge.id <= settled && *applied <= self.flushed)
            .map(|(merge, _)| *merge)
            .collect();
        self.merges.retain(|_, (merge, _)| !gone.contains(merge));
        store.forget_merges(PROJECT, &gone);
        gone.len()
    }
}

/// Who each person reads as after the merges of `log`.
pub(super) fn survivors(log: &[Batch]) -> BTreeMap<PersonNumber, PersonNumber> {
    let mut survivors = BTreeMap::new();
    for merge in log.iter().flat_map(|batch| &batch.merges) {
        survivors.values_mut().filter(|into| **into == merge.from_number).for_each(|into| *into = merge.into_number);
        survivors.insert(merge.from_number, merge.into_number);
    }
    survivors
}

/// A row as text, in one spelling.
fn line(row: &EventRow) -> String {
    let EventRow { uuid, event, distinct_id, timestamp, created_at, person_id, person_number, .. } = row;
    let (at, created, properties) = (timestamp.as_micros(), created_at.as_micros(), canonical(&row.properties));
    format!(
        "{} {event} {distinct_id} {at} {created} {} {} {} {properties} {} {} {:?}",
        uuid.as_u128(),
        person_id.as_u128(),
        person_number.0,
        row.person_mode.as_str(),
        canonical(&row.person_properties),
        row.elements_chain,
        row.groups
    )
}

/// A JSON object with its keys in order, strings in one spelling, numbers in their own.
pub(super) fn canonical(object: &str) -> String {
    let mut members: Vec<(String, String)> =
        Members::of(object).map(|(key, raw)| (json::unescape(key).into_owned(), spelled(raw))).collect();
    members.sort_unstable();
    assert!(members.windows(2).all(|pair| pair[0].0 != pair[1].0), "duplicate keys in {object}");
    members.iter().fold(String::new(), |text, (key, raw)| text + key + ":" + raw + " ")
}

/// A JSON value in one spelling: a string as if unescaped and escaped again, anything else as it is.
pub(super) fn spelled(raw: &str) -> String {
    match serde_json::from_str::<String>(raw) {
        Ok(text) if raw.contains('\\') => serde_json::to_string(&text).unwrap(),
        _ => raw.to_owned(),
    }
}

/// What must be visible after `log`: the last copy of each identity, with persons merged.
pub(super) fn expected_rows(log: &[Batch]) -> Vec<EventRow> {
    let survivors = survivors(log);
    let mut rows = BTreeMap::new();
    for row in log.iter().flat_map(|batch| &batch.rows) {
        let (person_id, person_number) =
            person(survivors.get(&row.person_number).map_or(row.person_number.0, |number| number.0));
        let row = EventRow { person_id, person_number, ..row.clone() };
        rows.insert((row.uuid, row.event.clone(), row.distinct_id.clone()), row);
    }
    rows.into_values().collect()
}

pub(super) fn lines(rows: &[EventRow]) -> Vec<String> {
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.sort();
    lines
}

pub(super) fn texts(array: &ArrayRef) -> Vec<Option<String>> {
    let plain = cast(array, &DataType::Utf8).unwrap();
    plain.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// The columns that tell rows, persons and instants apart.
pub(super) const TELLING: [Column; 5] =
    [Column::Uuid, Column::Event, Column::DistinctId, Column::PersonId, Column::PersonNumber];

/// `row` without what is in other columns than `columns`.
pub(super) fn narrowed(row: EventRow, columns: &[Column]) -> EventRow {
    if columns.len() == Column::ALL.len() {
        return row;
    }
    EventRow {
        timestamp: Timestamp::default(),
        created_at: Timestamp::default(),
        person_mode: PersonMode::Full,
        person_properties: "{}".into(),
        elements_chain: String::new(),
        groups: Default::default(),
        ..row
    }
}

/// The selected rows of a chunk: [`TELLING`] columns or all, and properties.
pub(super) fn rows_of(chunk: &Chunk, rows: &crate::Selection, columns: &[Column]) -> Vec<EventRow> {
    let arrays: HashMap<Column, ArrayRef> = columns.iter().copied().zip(chunk.read(columns, rows).unwrap()).collect();
    for (column, array) in &arrays {
        assert_eq!(array.data_type(), column.field().data_type(), "{column:?}");
        assert_eq!(array.len(), rows.len(), "{column:?}");
    }
    let id = |column: Column, at: usize| Uuid::from_slice(arrays[&column].as_fixed_size_binary().value(at)).unwrap();
    let instant = |column: Column, at: usize| {
        let array = arrays.get(&column).map(|array| array.as_primitive::<TimestampMicrosecondType>());
        Timestamp::from_micros(array.map_or(0, |array| array.value(at)))
    };
    let plain: HashMap<Column, Vec<Option<String>>> = arrays
        .iter()
        .filter(|(column, _)| column.is_dictionary())
        .map(|(column, array)| (*column, texts(array)))
        .collect();
    let text = |column: Column, at: usize| plain.get(&column).and_then(|texts| texts[at].clone());
    let properties = chunk.properties(Document::Event, rows).unwrap();
    let person_properties = arrays.get(&Column::PersonProperties).map(|array| array.as_string::<i32>());
    let quoted = Slice::alone(chunk, rows).properties(Document::Event, Spelling::Quoted).unwrap();
    assert!(quoted.iter().flatten().eq(properties.iter().flatten().map(json_string)), "{quoted:?} is {properties:?}");
    assert_eq!(properties.len(), rows.len());
    let row = |at: usize| EventRow {
        project: PROJECT,
        uuid: id(Column::Uuid, at),
        event: text(Column::Event, at).unwrap(),
        distinct_id: text(Column::DistinctId, at).unwrap(),
        timestamp: instant(Column::Timestamp, at),
        created_at: instant(Column::CreatedAt, at),
        person_id: id(Column::PersonId, at),
        person_number: PersonNumber(arrays[&Column::PersonNumber].as_primitive::<UInt32Type>().value(at)),
        person_mode: text(Column::PersonMode, at)
            .map_or(PersonMode::Full, |name| PersonMode::from_name(&name).unwrap()),
        properties: properties.value(at).to_owned(),
        person_properties: person_properties.map_or("", |texts| texts.value(at)).into(),
        elements_chain: text(Column::ElementsChain, at).unwrap_or_default(),
        groups: std::array::from_fn(|index| text(Column::Group(index), at)),
    };
    (0..rows.len()).map(row).collect()
}

pub(super) fn chunks(snapshot: &Snapshot) -> Vec<Chunk> {
    snapshot.parts().iter().flat_map(|part| part.chunks().unwrap()).collect()
}

/// Every row of a snapshot.
pub(super) fn rows(snapshot: &Snapshot, columns: &[Column]) -> Vec<EventRow> {
    let rows: Vec<EventRow> = chunks(snapshot).iter().flat_map(|chunk| rows_of(chunk, chunk.live(), columns)).collect();
    // Parts count rows of deleted persons for as long as these are stored.
    assert!(rows.len() as u64 <= snapshot.rows());
    rows
}

/// Every row of the store as text, sorted.
pub(super) fn visible(store: &Store) -> Vec<String> {
    lines(&rows(&store.snapshot(PROJECT), &Column::ALL))
}

/// How many persons there are, by number and by id.
pub(super) fn persons(rows: &[EventRow]) -> (usize, usize) {
    let numbers: BTreeSet<PersonNumber> = rows.iter().map(|row| row.person_number).collect();
    let ids: BTreeSet<Uuid> = rows.iter().map(|row| row.person_id).collect();
    (numbers.len(), ids.len())
}

pub(super) fn merge(id: u64, from: u32, into: u32) -> PersonMerge {
    let ((from, from_number), (into, into_number)) = (person(from), person(into));
    PersonMerge { id: MergeId(id), project: PROJECT, from, from_number, into, into_number }
}

/// Reproducible chance.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}
