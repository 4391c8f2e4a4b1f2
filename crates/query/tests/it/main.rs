//! The engine on a real store: memory and segments, replaced rows, merged persons, and writers at work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use env::RealFiles;
use hogql::context::Limits;
use hogql::{Context, Holds};
use model::{
    EventRow, MergeId, PersonMerge, PersonMode, PersonNumber, ProjectId, SegmentId, Sequence, Timestamp, person_uuid,
};
use query::hogql::Request;
use query::{
    Bound, Engine, EngineSettings, Event, EventsPage, EventsQuery, Order, Pace, PersonKey, Subject, ValuesQuery,
};
use store::{Batch, Contents, Settings, Store, StoreError};
use tempfile::TempDir;
use uuid::Uuid;

const PROJECT: ProjectId = ProjectId(1);

/// The one place that knows how to run things: a store in a directory, and an engine on it.
struct Bench {
    store: Arc<Store>,
    engine: Engine,
    runtime: tokio::runtime::Runtime,
    published: AtomicU64,
    segments: AtomicU64,
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store =
            Store::open(Arc::new(RealFiles), directory.path(), Settings::default(), Contents::default()).unwrap();
        let store = Arc::new(store);
        let settings = EngineSettings { threads: 2, ..EngineSettings::default() };
        let engine = Engine::new(Arc::clone(&store), settings).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { store, engine, runtime, published: AtomicU64::new(0), segments: AtomicU64::new(1), directory }
    }

    fn publish(&self, rows: Vec<EventRow>) {
        self.change(rows, Vec::new());
    }

    fn change(&self, rows: Vec<EventRow>, merges: Vec<PersonMerge>) {
        let through = Sequence(self.published.fetch_add(1, Relaxed) + 1);
        self.store.publish(&Batch { rows, merges, through }).unwrap();
    }

    fn seal(&self) {
        self.store.freeze();
        let reserve = |count| Ok::<_, StoreError>(SegmentId(self.segments.fetch_add(count, Relaxed)));
        let sealed = self.store.seal(reserve).unwrap();
        self.store.commit_seal(sealed, |_, _, _| Ok::<_, StoreError>(())).unwrap();
    }

    fn page(&self, query: EventsQuery) -> EventsPage {
        self.runtime.block_on(self.engine.events(query)).unwrap()
    }

    fn event(&self, project: ProjectId, uuid: u128) -> Option<Event> {
        self.runtime.block_on(self.engine.event(project, Uuid::from_u128(uuid))).unwrap()
    }

    fn values(&self, query: ValuesQuery) -> Vec<String> {
        self.runtime.block_on(self.engine.values(query)).unwrap()
    }

    /// Uuids of every event, page by page.
    fn all(&self, order: Order, limit: usize) -> Vec<u128> {
        let mut seen = Vec::new();
        let mut query = EventsQuery { order, limit, ..EventsQuery::of(PROJECT) };
        loop {
            let page = self.page(query.clone());
            seen.extend(page.rows.iter().map(|event| event.uuid.as_u128()));
            let (Some(next), Some(last)) = (page.next, page.rows.last()) else { return seen };
            let id = (next.timestamp == last.timestamp).then_some(last.uuid);
            let bound = Some(Bound { timestamp: last.timestamp, id });
            match order {
                Order::Descending => query.before = bound,
                Order::Ascending => query.after = bound,
            }
        }
    }
}

fn row(project: ProjectId, at: i64, id: u128, distinct_id: &str, properties: &str) -> EventRow {
    EventRow {
        project,
        uuid: Uuid::from_u128(id),
        event: "event".to_owned(),
        distinct_id: distinct_id.to_owned(),
        timestamp: Timestamp::from_micros(at),
        created_at: Timestamp::from_micros(at + 5),
        person_id: person_uuid(project, distinct_id),
        person_number: number_of(distinct_id),
        person_mode: PersonMode::Full,
        properties: properties.to_owned(),
        person_properties: Arc::from(r#"{"plan":"free"}"#),
        elements_chain: String::new(),
        groups: [const { None }; 5],
    }
}

fn number_of(distinct_id: &str) -> PersonNumber {
    PersonNumber(distinct_id.bytes().fold(7, |number: u32, byte| number * 31 % 100_000 + u32::from(byte)))
}

fn plain(at: i64, id: u128) -> EventRow {
    row(PROJECT, at, id, "someone", "{}")
}

#[test]
fn a_page_spans_memory_and_segments() {
    let bench = Bench::new();
    for round in 0..6_i64 {
        bench.publish((0..10).map(|i| plain(round * 7 + i, (round * 10 + i).unsigned_abs().into())).collect());
        if round % 2 == 1 {
            bench.seal();
        }
    }
    bench.publish(vec![plain(20, 1000), plain(-5, 1001), plain(500, 1002)]);
    for order in [Order::Ascending, Order::Descending] {
        let whole = bench.page(EventsQuery { order, limit: 1000, ..EventsQuery::of(PROJECT) });
        assert_eq!((whole.rows.len(), whole.more()), (63, false));
        let places: Vec<_> = whole.rows.iter().map(|event| (event.timestamp, event.uuid)).collect();
        assert!(places.is_sorted_by(|a, b| if order == Order::Ascending { a < b } else { a > b }));
        assert_eq!(bench.all(order, 7), whole.rows.iter().map(|event| event.uuid.as_u128()).collect::<Vec<_>>());
    }
}

#[test]
fn events_read_back_as_they_were_stored() {
    let bench = Bench::new();
    let mut stored = row(PROJECT, 1_605_009_783_829_294, 7, "some \"id\" | @", r#"{"a":1.0,"b":"é"}"#);
    stored.event = "sign up".to_owned();
    stored.person_mode = PersonMode::ForceUpgrade;
    stored.elements_chain = "a:href=\"/buy\"".to_owned();
    bench.publish(vec![stored.clone()]);
    for _ in 0..2 {
        let mut expected = Event {
            uuid: stored.uuid,
            event: stored.event.clone(),
            distinct_id: stored.distinct_id.clone(),
            timestamp: stored.timestamp,
            person_id: stored.person_id,
            person_mode: stored.person_mode,
            properties: stored.properties.clone(),
            elements_chain: stored.elements_chain.clone(),
        };
        let listed = bench.page(EventsQuery::of(PROJECT)).rows;
        // The order of keys is not promised.
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parsed(&listed[0].properties), parsed(&expected.properties));
        assert!(listed[0].properties.contains("1.0"), "numbers are spelled as sent");
        expected.properties.clone_from(&listed[0].properties);
        assert_eq!(listed, std::slice::from_ref(&expected));
        assert_eq!(bench.event(PROJECT, 7), Some(expected));
        bench.seal();
    }
}

#[test]
fn a_replaced_event_is_listed_once() {
    let bench = Bench::new();
    bench.publish(vec![row(PROJECT, 1, 1, "a", r#"{"v":1}"#), row(PROJECT, 2, 2, "a", "{}")]);
    bench.seal();
    bench.publish(vec![row(PROJECT, 3, 1, "a", r#"{"v":2}"#)]);
    let page = bench.page(EventsQuery::of(PROJECT));
    let shown: Vec<_> = page.rows.iter().map(|event| (event.uuid.as_u128(), event.properties.as_str())).collect();
    assert_eq!(shown, [(1, r#"{"v":2}"#), (2, "{}")]);
    assert_eq!(bench.event(PROJECT, 1).unwrap().properties, r#"{"v":2}"#);
}

#[test]
fn of_several_events_with_one_uuid_the_newest_is_retrieved() {
    let bench = Bench::new();
    bench.publish(vec![row(PROJECT, 5, 1, "a", "{}")]);
    bench.seal();
    bench.publish(vec![row(PROJECT, 9, 1, "b", "{}"), row(PROJECT, 7, 1, "c", "{}")]);
    assert_eq!(bench.event(PROJECT, 1).unwrap().distinct_id, "b");
    assert_eq!(bench.event(PROJECT, 2), None);
}

#[test]
fn c2_merged_persons_are_one_person() {
    let bench = Bench::new();
    let (ours, theirs) = (person_uuid(PROJECT, "2"), person_uuid(PROJECT, "some-random-uid"));
    bench.publish(vec![
        row(PROJECT, 1, 1, "2", "{}"),
        row(PROJECT, 2, 2, "some-random-uid", "{}"),
        row(PROJECT, 3, 3, "some-other-one", "{}"),
    ]);
    bench.seal();
    bench.publish(vec![row(PROJECT, 4, 4, "some-random-uid", "{}")]);
    let of = |person| {
        let page = bench.page(EventsQuery { person: Some(PersonKey::Number(person)), ..EventsQuery::of(PROJECT) });
        page.rows.iter().map(|event| event.uuid.as_u128()).collect::<Vec<_>>()
    };
    let (our_number, their_number) = (number_of("2"), number_of("some-random-uid"));
    assert_eq!((of(our_number), of(their_number)), (vec![1], vec![4, 2]));
    let merge = PersonMerge {
        id: MergeId(1),
        project: PROJECT,
        from: theirs,
        from_number: their_number,
        into: ours,
        into_number: our_number,
    };
    bench.change(Vec::new(), vec![merge]);
    assert_eq!((of(our_number), of(their_number)), (vec![4, 2, 1], vec![]));
    assert_eq!(bench.event(PROJECT, 2).unwrap().person_id, ours);
    let persons =
        ValuesQuery { subject: Subject::Column("person_id".to_owned()), ..ValuesQuery::of_property(PROJECT, "") };
    assert_eq!(bench.values(persons).first(), Some(&ours.to_string()));
}

#[test]
fn c3_projects_do_not_see_each_other() {
    let bench = Bench::new();
    let other = ProjectId(2);
    bench.publish(vec![row(PROJECT, 1, 1, "a", r#"{"p":"ours"}"#), row(other, 2, 2, "a", r#"{"p":"theirs"}"#)]);
    for _ in 0..2 {
        assert_eq!(bench.all(Order::Descending, 10), [1]);
        assert_eq!(bench.event(PROJECT, 2), None);
        assert_eq!(bench.values(ValuesQuery::of_property(PROJECT, "p")), ["ours"]);
        assert_eq!(bench.values(ValuesQuery::of_property(other, "p")), ["theirs"]);
        assert!(bench.page(EventsQuery::of(ProjectId(3))).rows.is_empty());
        bench.seal();
    }
}

/// Property filters as the engine takes them.
fn condition(filters: &str) -> Arc<Request> {
    let context = Context { limits: Limits::NONE, ..Context::new(1, "UTC", jiff::Timestamp::UNIX_EPOCH) };
    let filters = serde_json::from_str(filters).unwrap();
    let Holds::Where(query) = hogql::events_where(&filters, None, &context).unwrap().holds else { panic!("{filters}") };
    Arc::new(Request {
        project: PROJECT,
        query: *query,
        zone: "UTC".into(),
        now_micros: 0,
        tables: BTreeMap::new(),
        cohorts: BTreeMap::new(),
        pace: Pace::Prompt,
        explain: false,
        is_written: false,
    })
}

#[test]
fn filters_read_event_and_person_properties() {
    let bench = Bench::new();
    let mut paying = row(PROJECT, 1, 1, "a", r#"{"$browser":"Safari"}"#);
    paying.person_properties = Arc::from(r#"{"plan":"paid"}"#);
    bench.publish(vec![paying, row(PROJECT, 2, 2, "b", r#"{"$browser":"Safari"}"#), row(PROJECT, 3, 3, "c", "{}")]);
    let by = |filter: &str| {
        let page = bench.page(EventsQuery { condition: Some(condition(filter)), ..EventsQuery::of(PROJECT) });
        page.rows.iter().map(|event| event.uuid.as_u128()).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(by(r#"[{"key":"$browser","value":"Safari"}]"#), [2, 1]);
        assert_eq!(by(r#"[{"key":"plan","value":"paid","type":"person"}]"#), [1]);
        assert_eq!(
            by(
                r#"{"type":"OR","values":[{"key":"plan","value":"paid","type":"person"},{"key":"$browser","operator":"is_not_set"}]}"#
            ),
            [3, 1]
        );
        bench.seal();
    }
}

#[test]
fn no_event_is_lost_or_repeated_while_others_arrive() {
    let bench = Bench::new();
    // Before: ids below 2,000, three to an instant. Meanwhile: newer, older, equal instants; and seals.
    for chunk in (0..2_000_u32).collect::<Vec<_>>().chunks(250) {
        bench.publish(chunk.iter().map(|id| plain(i64::from(id / 3), u128::from(*id))).collect());
    }
    bench.seal();
    let paging_is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..2_000_u32 {
                if paging_is_over.load(Relaxed) {
                    break;
                }
                let id = u128::from(round) * 10 + 1_000_000;
                let at = i64::from(round % 700);
                bench.publish(vec![plain(at, id), plain(10_000 + at, id + 1), plain(-at - 1, id + 2)]);
                // A retry of an old event replaces it and must not hide it.
                bench.publish(vec![plain(at, u128::from((round % 700) * 3))]);
                if round % 50 == 49 {
                    bench.seal();
                }
            }
        });
        for order in [Order::Descending, Order::Ascending] {
            let seen = bench.all(order, 97);
            let distinct: HashSet<_> = seen.iter().copied().collect();
            assert_eq!(distinct.len(), seen.len(), "an event came twice");
            let missing: Vec<_> = (0..2_000).filter(|id| !distinct.contains(id)).collect();
            assert_eq!(missing, Vec::<u128>::new());
        }
        paging_is_over.store(true, Relaxed);
        writer.join().unwrap();
    });
}

#[test]
fn a_damaged_segment_fails_only_the_queries_that_need_it() {
    let bench = Bench::new();
    bench.publish((0..500).map(|id| row(PROJECT, 1, id, "a", &format!(r#"{{"a":"{id}"}}"#))).collect());
    bench.seal();
    bench.publish((0..5).map(|id| plain(100, 1_000 + id)).collect());
    bench.seal();
    bench.publish((0..5).map(|id| plain(200, 2_000 + id)).collect());
    let file = std::path::Path::new("1").join("0000000001.parquet");
    overwrite(&bench.directory.path().join(file));
    let small = bench.page(EventsQuery { limit: 7, ..EventsQuery::of(PROJECT) });
    assert_eq!((small.rows.len(), small.more()), (7, true));
    let large = bench.runtime.block_on(bench.engine.events(EventsQuery::of(PROJECT)));
    let error = large.unwrap_err();
    assert!(matches!(error, query::QueryError::Store(_)), "{error:?}");
    assert_eq!(error.to_string(), "stored events could not be read");
}

/// Ruins the data of a file but not its end, where its description stands.
fn overwrite(path: &std::path::Path) {
    use env::Files;
    let file = RealFiles.open(path).unwrap();
    file.write_all_at(&[0xff; 2_000], 4).unwrap();
}
