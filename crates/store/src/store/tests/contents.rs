//! Every value of every property, and every narrowing of rows, against the JSON that was published: in memory, in
//! columns, beside columns, and after compactions.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use uuid::Uuid;

use super::support::*;
use super::*;
use crate::schema::Column;
use crate::snapshot::{Chunk, HourCount, Part, TimeRange};
use crate::{Document, PropertyKey, Selection};

const HOUR: i64 = 3_600_000_000;
const EVENTS: [&str; 4] = ["", "$pageview", "b", "é"];

/// Values that some reader or writer of JSON gets wrong.
const ODD: [&str; 44] = [
    "0",
    "-0",
    "1",
    "-1",
    "1.10",
    "1.0",
    "1e400",
    "-1e400",
    "1E5",
    "1e-7",
    "0.1e-7",
    "0.0000001",
    "0.1",
    "-0.25",
    "1.5",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.5",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "123456789012345678901234567890",
    "0.30000000000000004",
    "0.30000000000000001",
    "100000000000000000000000.5",
    "null",
    "true",
    "false",
    r#""""#,
    r#""null""#,
    r#""1""#,
    r#""true""#,
    r#""a\"b\\c\/d\n""#,
    r#""\u00e9\ud83d\ude00""#,
    r#""\ud83d""#,
    r#""é😀\u0000""#,
    r#""0193a1f0-5f7e-7c3b-9d1e-2f4a6b8c0d1e""#,
    r#""0193A1F0-5f7e-7c3b-9d1e-2f4a6b8c0d1e""#,
    "[]",
    "{}",
    r#"[1,"a",{"b":[null]}]"#,
    r#"{ "a" : 1.0, "a.b":"\u0061" }"#,
    r#""\ufffd""#,
];

const KEYS: [&str; 20] = [
    "a",
    "A",
    "",
    "a.b",
    "a\"b",
    "a\\b",
    "\\",
    "\"",
    "é",
    "😀",
    "null",
    "uuid",
    "properties",
    "properties_rest",
    "a b",
    "\n\u{0}",
    "{",
    "$set",
    "\u{fffd}",
    "aa",
];

/// One row's properties: each key once, with its raw value.
type Members = BTreeMap<String, String>;

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&ODD[..]).prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => (-1_000_i64..1_000).prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        1 => any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(|n| n.to_string()),
        1 => (any::<i32>(), 1_u32..5).prop_map(|(n, digits)| format!("{}", f64::from(n) / 10_f64.powi(digits.cast_signed()))),
        2 => ".{0,6}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => any::<u128>().prop_map(|n| format!("\"{}\"", Uuid::from_u128(n))),
        1 => prop::collection::vec(".{0,3}", 0..3).prop_map(|list| serde_json::to_string(&list).unwrap()),
    ]
}

/// Values of one type each, and values of any type.
fn values() -> impl Strategy<Value = BoxedStrategy<String>> {
    prop::sample::select(vec![0, 1, 2, 3, 4, 5, 6, 6, 6]).prop_map(|kind| match kind {
        0 => any::<i64>().prop_map(|n| n.to_string()).boxed(),
        1 => (0..999_i32, 0..4_i32).prop_map(|(n, digits)| (f64::from(n) / 10_f64.powi(digits)).to_string()).boxed(),
        2 => "[a-c\"\\\\é]{0,2}".prop_map(|text| serde_json::to_string(&text).unwrap()).boxed(),
        3 => any::<bool>().prop_map(|bool| bool.to_string()).boxed(),
        4 => any::<u128>().prop_map(|n| format!("\"{}\"", Uuid::from_u128(n))).boxed(),
        5 => prop_oneof![Just("null".to_owned()), Just("1".to_owned())].boxed(),
        _ => value().boxed(),
    })
}

/// Rows whose keys have mostly values of one type, now and then others.
fn rows_of_members(count: usize) -> impl Strategy<Value = Vec<Members>> {
    let key = prop_oneof![
        6 => prop::sample::select(&KEYS[..]).prop_map(str::to_owned),
        1 => ".{0,3}",
        1 => "[a-c]{201}",
    ];
    let typed = prop::collection::vec((key, values()), 1..10);
    typed.prop_flat_map(move |typed| {
        let members: Vec<_> = typed
            .into_iter()
            .map(|(key, values)| {
                let often = prop_oneof![6 => values, 1 => value()];
                (0_u32..10, often).prop_map(move |(chance, raw)| (chance < 6).then(|| (key.clone(), raw)))
            })
            .collect();
        let rare = prop::option::weighted(0.2, ("rare [0-9]{2}", value()));
        let row = (members, rare).prop_map(|(members, rare)| members.into_iter().flatten().chain(rare).collect());
        prop::collection::vec(row, 1..count)
    })
}

/// The object as a client may spell it: keys escaped more than needed when `escaped`.
fn object(members: &Members, escaped: bool) -> String {
    let quoted = |key: &String| match key.strip_prefix('a') {
        Some(rest) if escaped => {
            let rest = serde_json::to_string(rest).unwrap();
            format!("\"\\u0061{}", rest.strip_prefix('"').unwrap())
        }
        _ => serde_json::to_string(key).unwrap(),
    };
    let members: Vec<String> = members.iter().map(|(key, raw)| format!("{}:{raw}", quoted(key))).collect();
    format!("{{{}}}", members.join(","))
}

fn event_row(number: u128, members: &Members) -> EventRow {
    let at = i64::try_from(number * number % 50).unwrap() * HOUR / 3;
    let event = EVENTS[usize::try_from(number * 7 % 11 % 4).unwrap()];
    let row = row(number, event, &format!("person {}", number % 9), at, &object(members, number.is_multiple_of(3)));
    EventRow { person_properties: object(&person_of(number, members), number.is_multiple_of(2)).into(), ..row }
}

/// The properties of the person: some of the event's keys, each with the value of another one.
fn person_of(number: u128, members: &Members) -> Members {
    let values = members.values().cycle().skip(1);
    let all = members.keys().zip(values).zip(number..);
    all.filter(|(_, at)| at % 4 != 0).map(|((key, raw), _)| (key.clone(), raw.clone())).collect()
}

/// What was published, by uuid: the row, and its properties by document.
type Published = BTreeMap<u128, (EventRow, [Members; 2])>;

/// Some of the live rows.
fn some_of(live: &Selection, dice: &mut Dice) -> Selection {
    let (keep, all) = (dice.below(4) + 1, dice.below(4) + 1);
    Selection::from_rows(live.rows().filter(|_| dice.below(all + keep) < keep).collect::<Vec<_>>())
}

fn originals<'a>(chunk: &Chunk, rows: &Selection, published: &'a Published) -> Vec<&'a (EventRow, [Members; 2])> {
    let uuids = chunk.read(&[Column::Uuid], rows).unwrap().remove(0);
    let uuids = arrow::array::AsArray::as_fixed_size_binary(&uuids).clone();
    uuids.iter().map(|uuid| &published[&Uuid::from_slice(uuid.unwrap()).unwrap().as_u128()]).collect()
}

/// Every value of `key` that `chunk` gives is the one that was published.
fn check_property(chunk: &Chunk, key: &PropertyKey, rows: &Selection, originals: &[&(EventRow, [Members; 2])]) {
    let members_of = |members: &'_ [Members; 2]| members[key.document().place()].clone();
    let column = chunk.property(key, rows).unwrap();
    assert_eq!((column.len(), column.is_empty()), (originals.len(), originals.is_empty()));
    assert!(column.strays.windows(2).all(|pair| pair[0].0 < pair[1].0), "strays out of order");
    let mut out = String::new();
    for (place, _) in &column.strays {
        assert!(!column.values.write_json(*place as usize, &mut out), "a stray beside a value");
    }
    for (at, (_, members)) in originals.iter().enumerate() {
        let members = members_of(members);
        let mut out = String::new();
        let read = column.write_json(at, &mut out).then(|| spelled(&out));
        let published = members.get(key.text()).filter(|raw| *raw != "null").map(|raw| spelled(raw));
        assert_eq!(read, published, "{:?} in {members:?}, {:?}", key.text(), column.values);
    }
    let with = chunk.with_property(key, rows).unwrap();
    assert_eq!(with.and(rows), with, "rows that were not asked for");
    let with: BTreeSet<u32> = with.rows().collect();
    for (row, (_, members)) in rows.rows().zip(originals) {
        let members = members_of(members);
        let has = members.get(key.text()).is_some_and(|raw| raw != "null");
        assert!(!has || with.contains(&row), "{:?} of {members:?} was missed", key.text());
    }
}

fn check_chunk(chunk: &Chunk, published: &Published, keys: &[PropertyKey], dice: &mut Dice) {
    let live = chunk.live();
    let one = Selection::from_rows(live.rows().take(1));
    for rows in [live.clone(), some_of(live, dice), some_of(live, dice), one, Selection::default()] {
        let originals = originals(chunk, &rows, published);
        let read = rows_of(chunk, &rows, &Column::ALL);
        let expected: Vec<EventRow> = originals.iter().map(|(row, _)| row.clone()).collect();
        assert_eq!(
            read.iter().map(|row| row.uuid).collect::<Vec<_>>(),
            expected.iter().map(|row| row.uuid).collect::<Vec<_>>()
        );
        assert_eq!(lines(&read), lines(&expected));
        for key in keys {
            check_property(chunk, key, &rows, &originals);
        }
        let matching = |is: &dyn Fn(&EventRow) -> bool| {
            Selection::from_rows(rows.rows().zip(&expected).filter(|(_, row)| is(row)).map(|(number, _)| number))
        };
        for names in [&[][..], &["b"], &["é", "", "none"], &EVENTS] {
            let found = chunk.of_events(names, &rows).unwrap();
            assert_eq!(found, matching(&|row| names.contains(&row.event.as_str())), "{names:?}");
        }
        for (first, last) in [(0, 0), (HOUR, 3 * HOUR), (i64::MIN, 5 * HOUR), (90 * HOUR, i64::MAX)] {
            let found = chunk.within(TimeRange { first, last }, &rows).unwrap();
            assert_eq!(found, matching(&|row| (first..=last).contains(&row.timestamp.as_micros())), "{first} {last}");
        }
        if let Some(runs) = chunk.runs(&rows).unwrap() {
            for (name, run) in &runs {
                assert_eq!(*run, matching(&|row| row.event == **name), "{name}");
            }
            assert_eq!(runs.iter().map(|(_, run)| run.len()).sum::<usize>(), rows.len());
        }
    }
}

fn check_part(part: &Part, published: &Published, keys: &[PropertyKey], dice: &mut Dice) {
    let chunks = part.chunks().unwrap();
    let here: Vec<&(EventRow, [Members; 2])> =
        chunks.iter().flat_map(|chunk| originals(chunk, chunk.live(), published)).collect();
    assert_eq!(here.len() as u64, part.rows());
    let is_exact = part.kind() == PartKind::Segment;
    for event in EVENTS.iter().chain(&["none"]) {
        let has = here.iter().any(|(row, _)| row.event == *event);
        assert_eq!(part.may_hold_event(&["no", event]).unwrap(), has || !is_exact, "{event}");
    }
    for number in 1..8 {
        let has = here.iter().any(|(row, _)| row.person_number == PersonNumber(number));
        assert_eq!(part.may_hold_person(&RoaringBitmap::from_iter([number, 99])).unwrap(), has || !is_exact);
    }
    for (row, members) in &here {
        assert!(part.may_hold_distinct_id(&row.distinct_id).unwrap());
        assert!(part.may_hold_uuid(row.uuid).unwrap());
        for (document, members) in Document::ALL.into_iter().zip(members) {
            for (key, _) in members.iter().filter(|(_, raw)| *raw != "null") {
                assert!(part.may_hold_property(&PropertyKey::new(document, key)).unwrap(), "{document:?} {key}");
            }
        }
        assert!(
            part.time_range().first <= row.timestamp.as_micros() && row.timestamp.as_micros() <= part.time_range().last
        );
    }
    let counted = part.hour_counts().unwrap().map(|counts| {
        let counts: Vec<HourCount<'_>> = counts.collect();
        counts.iter().map(|count| ((count.event.to_owned(), count.hour), count.rows)).collect::<BTreeMap<_, _>>()
    });
    let mut counts = BTreeMap::new();
    for (row, _) in &here {
        *counts.entry((row.event.clone(), row.timestamp.as_micros().div_euclid(HOUR) * HOUR)).or_default() += 1;
    }
    assert!(counted.is_none_or(|counted| is_exact && counted == counts));
    for chunk in &chunks {
        check_chunk(chunk, published, keys, dice);
    }
}

fn check(store: &Store, published: &Published, dice: &mut Dice) {
    let snapshot = store.snapshot(PROJECT);
    assert_eq!(snapshot.rows(), published.len() as u64);
    let used: BTreeSet<&str> =
        published.values().flat_map(|(_, [members, _])| members.keys().map(String::as_str)).chain(KEYS).collect();
    let of_both = |key: &str| Document::ALL.map(|document| PropertyKey::new(document, key));
    let keys: Vec<PropertyKey> = used.into_iter().flat_map(of_both).collect();
    for part in snapshot.parts() {
        check_part(part, published, &keys, dice);
    }
}

/// Publishes `generations`, with replacements, seals each, and compacts; checks what is read at every stage.
fn survives(generations: Vec<Vec<Members>>, limits: Limits, seed: u64) {
    let (disk, mut kept, mut dice) = (SimDisk::new(seed), Kept::new(limits), Dice(seed));
    let store = kept.open(&disk);
    let mut published = Published::new();
    for (generation, members) in generations.into_iter().enumerate() {
        // A generation replaces some rows of the one before: the later copy has properties of its own.
        let first = generation as u128 * 30;
        let rows = (first..).zip(members).map(|(number, members)| {
            let person = person_of(number, &members);
            (number, (event_row(number, &members), [members, person]))
        });
        let rows: Published = rows.collect();
        kept.publish(&store, batch(rows.values().map(|(row, _)| row.clone()).collect(), generation as u64 + 1));
        published.extend(rows);
        check(&store, &published, &mut dice);
        kept.seal(&store);
        check(&store, &published, &mut dice);
    }
    while kept.compact(&store, &HashMap::new()).is_some() {
        check(&store, &published, &mut dice);
    }
    check(&kept.open(&disk), &published, &mut dice);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// With few columns, most values stand beside them; with many, in them; with one event a run and with several.
    #[test]
    fn what_was_published_is_what_is_read(
        generations in prop::collection::vec(rows_of_members(40), 1..4),
        columns in prop::sample::select(vec![0, 2, 5, 100]),
        rare in prop::sample::select(vec![0, 2, 100]),
        seed in any::<u64>(),
    ) {
        let limits = Limits { property_columns_max: columns, rare_keys_max: rare, fresh_segments_max: 2, ..SMALL };
        survives(generations, limits, seed);
    }
}

#[test]
fn hundreds_of_rare_keys_are_read_back_and_found() {
    let generation = |first: usize| {
        let members = |row: usize| {
            let rare = format!("rare {}", (first + row) * 3 % 400);
            let odd = ODD[(first + row) % ODD.len()].to_owned();
            Members::from([("often".to_owned(), row.to_string()), (rare, odd), (format!("Rare {row}"), "1".to_owned())])
        };
        (0..30).map(members).collect::<Vec<_>>()
    };
    survives((0..5).map(|n| generation(n * 30)).collect(), Limits { rare_keys_max: 40, ..SMALL }, 7);
}
