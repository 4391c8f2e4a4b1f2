//! Whatever a client sends, capture answers: it never panics, and its two verdicts agree.
//!
//! That validation and parsing agree is checked where requests are sent, in [`crate::sample::captured`]. All properties
//! together see more than twenty thousand bodies.

use capture::Endpoint;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;

use crate::recorded::recorded;
use crate::sample::{Sample, base64_form, captured, gzip};

/// As many bodies as each property sees, for those that are cheap to make and for the others.
const MANY: u32 = 8_000;
const SOME: u32 = 3_000;

fn endpoint() -> impl Strategy<Value = Endpoint> {
    select(vec![Endpoint::Event, Endpoint::Legacy, Endpoint::Engage])
}

/// Any bytes, announced in any way.
fn noise() -> impl Strategy<Value = Sample> {
    let prefix =
        select(vec![&b""[..], b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"data=", b"{", b"[", b"eyJ"]);
    let query = select(vec!["", "compression=lz64", "compression=gzip-js&_=1767268810000", "data=%7B", "beacon=1"]);
    let content_type = select(vec![None, Some("text/plain"), Some("application/x-www-form-urlencoded")]);
    let encoding = select(vec![None, Some("gzip"), Some("deflate"), Some("br"), Some("zstd"), Some("lz64")]);
    let bytes = prop::collection::vec(any::<u8>(), 0..512);
    let endpoint = prop_oneof![3 => endpoint(), 2 => Just(Endpoint::V1)];
    (endpoint, prefix, bytes, query, content_type, encoding).prop_map(
        |(endpoint, prefix, bytes, query, content_type, encoding)| Sample {
            endpoint,
            query: query.to_owned(),
            content_type: content_type.map(str::to_owned),
            content_encoding: encoding.map(str::to_owned),
            sender: (endpoint == Endpoint::V1).then(v1_sender),
            body: [prefix, &bytes].concat(),
        },
    )
}

fn v1_sender() -> (String, String) {
    ("posthog-test/1.0".to_owned(), "2026-01-01T12:00:10Z".to_owned())
}

/// A field of an event: its names, values that are right, values that are not.
type Field = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

const NEEDED: &[Field] = &[
    (&["event"], &[r#""a""#, r#""$identify""#, r#""$performance_event""#], &[r#""""#, "5", "null"]),
    (&["token", "api_key", "$token"], &[r#""t""#], &[r#""u""#, r#""phx_1""#, r#""é""#, "null", "1"]),
    (
        &["distinct_id", "$distinct_id"],
        &[r#""u1""#, "23.4", r#"{"b":1,"a":[]}"#, r#""\ud83d\u0000""#],
        &["null", r#"" ""#],
    ),
];

const OPTIONAL: &[Field] = &[
    (&["uuid"], &[r#""31e4cb73-8d99-4397-8676-81bdffd0cee1""#, r#""""#, "null"], &[r#""x""#, "1"]),
    (&["timestamp"], &[r#""2026-01-01T11:00:00Z""#, r#""1672574400""#, r#""never""#, "null"], &["1"]),
    (&["offset"], &["5000", "-1", "9223372036854775807", "null"], &["1.5", "\"1\""]),
    (&["$set"], &["{}", r#"{"a":1}"#, "null"], &["[]"]),
    (&["$set_once"], &[r#"{"a":1,"b":2}"#, "null"], &["5"]),
    (&["type", "context"], &["1", r#"{"deep":[{}]}"#], &["1"]),
];

const PROPERTIES: &[Field] = &[
    (&["token"], &[r#""t""#], &[r#""other""#, "5", r#""phx_1""#]),
    (&["distinct_id"], &[r#""u2""#, "null"], &[r#""""#]),
    (&["$cookieless_mode", r"\u0024cookieless\u005fmode"], &["true"], &["1", "null", r#""true""#]),
    (&["$ignore_sent_at", "capture_internal"], &["true", "1"], &["null"]),
    (&["$session_id"], &[r#""01A207B1-55A0-7C54-ABA8-83557F4A9C53""#], &["5"]),
    (&["$set", "$set_once", "k"], &[r#"{"a":2}"#], &["5", r#"[1,{"x":"\ud83d"}]"#]),
];

fn field((names, right, wrong): Field) -> impl Strategy<Value = String> {
    let value = prop_oneof![19 => select(right), 1 => select(wrong)];
    (select(names), value).prop_map(|(name, value)| format!("\"{name}\":{value}"))
}

/// Each of `fields` with some probability.
fn some_of(fields: &[Field], probability: f64) -> impl Strategy<Value = String> {
    let fields: Vec<_> = fields.iter().map(|one| prop::option::weighted(probability, field(*one))).collect();
    fields.prop_map(|fields| fields.into_iter().flatten().collect::<Vec<_>>().join(","))
}

const V1_NEEDED: &[Field] = &[
    (&["event"], &[r#""a""#, r#""""#, r#""$performance_event""#], &["5"]),
    (
        &["uuid"],
        &[
            r#""31e4cb73-8d99-4397-8676-81bdffd0cee1""#,
            r#"" 11111111111141118111111111111111 ""#,
            r#""018F0000-0000-7000-8000-000000000001""#,
            r#""018f0000-0000-7000-8000-000000000002""#,
            r#""018f0000-0000-7000-8000-000000000003""#,
        ],
        &[r#""x""#],
    ),
    (&["distinct_id"], &[r#""u1""#, r#"" ""#, r#""null""#, r#""\ud83d\u0000""#], &["23"]),
    (&["timestamp"], &[r#""2026-01-01T11:00:00Z""#, r#""never""#], &["1"]),
];

const V1_OPTIONAL: &[Field] = &[
    (&["session_id", "window_id"], &[r#""S""#, "null"], &["5"]),
    (
        &["options"],
        &["{}", "null", r#"{"cookieless_mode":"1","product_tour_id":7}"#, r#"{"disable_skew_correction":true}"#],
        &["[]", r#"{"process_person_profile":[]}"#],
    ),
    (&["properties"], &["{}", r#"{"$lib":"x","k":[1]}"#, r#"{"$session_id":5}"#], &["null", "[]"]),
    (&["type"], &["1"], &["1"]),
];

/// JSON text of a v1 request.
fn v1_text() -> impl Strategy<Value = String> {
    let event = (some_of(V1_NEEDED, 0.99), some_of(V1_OPTIONAL, 0.3)).prop_map(|(needed, optional)| {
        let fields: Vec<_> = [needed, optional].into_iter().filter(|fields| !fields.is_empty()).collect();
        format!("{{{}}}", fields.join(","))
    });
    let root = select(vec![
        r#""created_at":"2026-01-01T12:00:00Z","#,
        r#""created_at":"2026-01-01T12:00:00Z","capture_internal":true,"historical_migration":true,"#,
        r#""created_at":"2026-01-01T12:00:00+01:00","#,
        r#""created_at":"now","#,
    ]);
    (root, prop::collection::vec(event, 0..3))
        .prop_map(|(root, events)| format!("{{{root}\"batch\":[{}]}}", events.join(",")))
}

/// JSON text of an event. What an event needs is mostly there, what it may have is mostly not.
fn event_text() -> impl Strategy<Value = String> {
    let properties = some_of(PROPERTIES, 0.3).prop_map(|fields| format!("\"properties\":{{{fields}}}"));
    let properties = prop_oneof![20 => properties, 1 => Just("\"properties\":null".to_owned())];
    (some_of(NEEDED, 0.9), some_of(OPTIONAL, 0.2), prop::option::weighted(0.7, properties)).prop_map(
        |(needed, optional, properties)| {
            let fields = [needed, optional, properties.unwrap_or_default()];
            let fields: Vec<_> = fields.into_iter().filter(|fields| !fields.is_empty()).collect();
            format!("{{{}}}", fields.join(","))
        },
    )
}

/// JSON text of a request in any shape.
fn request_text() -> impl Strategy<Value = String> {
    let events = || prop::collection::vec(event_text(), 0..4);
    let root = prop_oneof![
        9 => select(vec![r#""api_key":"t","#, r#""token":"t","sent_at":"2026-01-01T12:00:10Z","#]),
        1 => select(vec!["", r#""token":5,"#, r#""token":"t","historical_migration":1,"#]),
    ];
    prop_oneof![
        event_text(),
        events().prop_map(|events| format!("[{}]", events.join(","))),
        (root, events()).prop_map(|(root, events)| format!("{{{root}\"batch\":[{}]}}", events.join(","))),
    ]
}

#[derive(Debug, Clone)]
enum Damage {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index),
}

fn damaged(mut bytes: Vec<u8>, damage: &[Damage]) -> Vec<u8> {
    for one in damage {
        if bytes.is_empty() {
            break;
        }
        let len = bytes.len();
        match one {
            Damage::Replace(at, byte) => bytes[at.index(len)] = *byte,
            Damage::Insert(at, byte) => bytes.insert(at.index(len), *byte),
            Damage::Cut(at) => bytes.truncate(at.index(len)),
            Damage::Repeat(at) => bytes.extend_from_within(at.index(len)..),
        }
    }
    bytes
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let at = any::<prop::sample::Index>;
    let byte = prop_oneof![any::<u8>(), select(b"{}[]\",:\\u0dfnt &=".to_vec())];
    let one = prop_oneof![
        4 => (at(), byte.clone()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        2 => (at(), byte).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        1 => at().prop_map(Damage::Cut),
        1 => at().prop_map(Damage::Repeat),
    ];
    prop::collection::vec(one, 1..4)
}

/// A recorded request, damaged before or after it was packed.
fn broken() -> impl Strategy<Value = Sample> {
    (select(recorded().into_iter().map(|one| one.sample).collect::<Vec<_>>()), damage(), any::<bool>(), 0..3_u8)
        .prop_map(|(sample, damage, before, packing)| {
            if !before {
                return Sample { body: damaged(sample.body.clone(), &damage), ..sample };
            }
            let text = capture::payload(&sample.request(), capture::Limits::DEFAULT).expect("recorded requests decode");
            let text = damaged(text.as_bytes().to_vec(), &damage);
            let form = Some("application/x-www-form-urlencoded".to_owned());
            match packing {
                0 => Sample { body: text, content_type: None, ..sample },
                1 => Sample { body: gzip(&text), content_type: None, ..sample },
                _ => Sample { body: base64_form(&text), content_type: form, ..sample },
            }
        })
}

fn answers(sample: &Sample) -> Result<(), TestCaseError> {
    let status = captured(sample, |answer| answer.map_or_else(|error| error.status(), |_| 200));
    prop_assert!(matches!(status, 200 | 400 | 401 | 413 | 415), "{}", status);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(MANY))]

    #[test]
    fn noise_is_answered(sample in noise()) {
        answers(&sample)?;
    }

    #[test]
    fn damaged_requests_are_answered(sample in broken()) {
        answers(&sample)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(SOME))]

    #[test]
    fn validation_and_parsing_agree_on_every_shape(text in request_text(), endpoint in endpoint()) {
        answers(&Sample { endpoint, ..Sample::plain(text) })?;
    }

    #[test]
    fn verdicts_and_parsing_agree_on_every_v1_request(text in v1_text()) {
        answers(&Sample { endpoint: Endpoint::V1, sender: Some(v1_sender()), ..Sample::plain(text) })?;
    }
}

/// The property above says little if nothing it makes is ever accepted.
#[test]
fn generated_requests_are_often_accepted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let accepted = (0..500).filter(|_| {
        let text = request_text().new_tree(&mut runner).expect("a request can be made").current();
        captured(&Sample::plain(text), |answer| answer.is_ok_and(|batch| !batch.events.is_empty()))
    });
    let accepted = accepted.count();
    assert!((50..450).contains(&accepted), "{accepted} of 500 accepted");
    let accepted = (0..500).filter(|_| {
        let text = v1_text().new_tree(&mut runner).expect("a request can be made").current();
        let sample = Sample { endpoint: Endpoint::V1, sender: Some(v1_sender()), ..Sample::plain(text) };
        captured(&sample, |answer| answer.is_ok_and(|batch| !batch.events.is_empty()))
    });
    let accepted = accepted.count();
    assert!((20..450).contains(&accepted), "{accepted} of 500 accepted by v1");
}
