//! What must hold of all functions, and of some whatever the input.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use proptest::prelude::*;

use crate::{Path, Step, Value, higher_order, property, scalar};

/// Scalars of the catalogue that need no kernel here, and who answers them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("in", "the planner: a set of constants or a subquery"),
    ("notIn", "the planner"),
    ("arrayJoin", "the planner: rows are multiplied"),
    ("untuple", "the resolver: a tuple becomes columns"),
    ("toTypeName", "the resolver: types are its own"),
    ("dateAdd", "the resolver: addDays and its like"),
    ("dateSub", "the resolver"),
    ("date_add", "the resolver"),
    ("date_sub", "the resolver"),
    ("rowNumberInAllBlocks", "the planner: rows are numbered across batches"),
    ("arrayFold", "the planner, with `fold`"),
    ("toTime", "nobody yet: its type is not among the resolver's"),
    ("now", "the resolver: now64"),
    ("dictGetOrDefault+decimal math", "nobody yet: needs a table of rates"),
    ("dictGetOrNull", "nobody yet: needs the channel tables"),
    ("if-chain", "the resolver"),
    ("sum-of-toInterval", "the resolver"),
    ("(array of ints expansion)", "the resolver; `sortableSemver` is a kernel too"),
    ("(display wrapper)", "the resolver: a tuple"),
    ("(filter expansion)", "the resolver: the predicate of the action"),
    ("(subquery expansion)", "the resolver: the members of the cohort"),
    ("splitByString+arrayElement", "the resolver"),
    ("toDateTime(fromUnixTimestamp(x))", "the resolver"),
];

fn is_known(name: &str) -> bool {
    scalar(name).is_some() || higher_order(name).is_some() || ELSEWHERE.iter().any(|(known, _)| *known == name)
}

/// Names of the catalogue: `tier,HogQL name,ClickHouse name`. Several alternatives are separated by `|`.
const CATALOGUE: &str = include_str!("../../../../compat/functions/catalogue.csv");

#[test]
fn every_function_of_tiers_one_and_two_is_known() {
    let mut missing = Vec::new();
    for line in CATALOGUE.lines() {
        let fields: Vec<&str> = line.splitn(3, ',').collect();
        let [tier, name, clickhouse] = fields[..] else { panic!("bad line {line}") };
        if name.starts_with("aggregate_funnel") || tier == "3" {
            continue;
        }
        let names =
            clickhouse.split('|').map(|name| name.split('(').next().filter(|name| !name.is_empty()).unwrap_or(name));
        if !names.into_iter().all(is_known) {
            missing.push(format!("{name} = {clickhouse} (tier {tier})"));
        }
    }
    assert!(missing.is_empty(), "{} unknown: {missing:#?}", missing.len());
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = crate::scalars().map(|scalar| scalar.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

fn text(values: &[Option<&str>]) -> Value {
    Value::Column(Arc::new(values.iter().copied().collect::<StringArray>()))
}

fn texts_of(array: &ArrayRef) -> Vec<Option<String>> {
    array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// Section 5 of the specification, case by case.
#[test]
fn an_untyped_property_reads_as_specified() {
    let cases: &[(&str, Option<&str>, Option<&str>)] = &[
        (r#"{"a":null}"#, None, None),
        (r#"{"b":1}"#, None, None),
        ("[1]", None, None),
        ("", None, None),
        (r#"{"a":"null"}"#, Some("null"), Some("null")),
        (r#"{"a":""}"#, Some(""), Some("")),
        (r#"{"a":true}"#, Some("true"), Some("true")),
        (r#"{"a":1.50}"#, Some("1.5"), Some("1.5")),
        (r#"{"a":1.0}"#, Some("1"), Some("1")),
        (r#"{"a":1e3}"#, Some("1000"), Some("1000")),
        (r#"{"a":12345678901234567890}"#, Some("12345678901234567890"), Some("12345678901234567890")),
        (r#"{"a":123456789012345678901234}"#, Some("123456789012345678901234"), Some("123456789012345678901234")),
        (r#"{"a":[1, "b"]}"#, Some(r#"[1,"b"]"#), Some(r#"[1,"b"]"#)),
        (r#"{"a":{"b" : 1}}"#, Some(r#"{"b":1}"#), Some(r#"{"b":1}"#)),
        (r#"{"a":1,"a":2}"#, Some("1"), Some("1")),
        (r#"{"a":"caf\u00e9"}"#, Some("café"), Some("café")),
        (r#"{"a":"\/x"}"#, Some("/x"), Some("/x")),
        (r#"{"a":"say \"hi\""}"#, Some(r#"say "hi""#), Some(r#"say \"hi\""#)),
        (r#"{"a":"l1\nl2"}"#, Some("l1\nl2"), Some(r"l1\nl2")),
    ];
    let documents: ArrayRef = Arc::new(cases.iter().map(|(document, _, _)| Some(*document)).collect::<StringArray>());
    let path: Path = vec![Step::Key("a".to_owned())];
    let dictionary: ArrayRef = Arc::new(documents.as_string::<i32>().iter().collect::<DictionaryArray<Int32Type>>());
    for documents in [&documents, &dictionary] {
        let decoded = arrow::compute::cast(&property(documents, &path, false).unwrap(), &DataType::Utf8).unwrap();
        let legacy = arrow::compute::cast(&property(documents, &path, true).unwrap(), &DataType::Utf8).unwrap();
        for (row, (document, wanted, wanted_legacy)) in cases.iter().enumerate() {
            assert_eq!(texts_of(&decoded)[row].as_deref(), *wanted, "{document}");
            assert_eq!(texts_of(&legacy)[row].as_deref(), *wanted_legacy, "{document}, with escapes");
        }
    }
    let nested: ArrayRef = Arc::new(StringArray::from(vec![r#"{"t":["x",{"y":7}]}"#]));
    let read = |path: Path| texts_of(&property(&nested, &path, false).unwrap())[0].clone();
    let key = |name: &str| Step::Key(name.to_owned());
    assert_eq!(read(vec![key("t"), Step::Index(1)]).as_deref(), Some("x"));
    assert_eq!(read(vec![key("t"), Step::Index(-1), key("y")]).as_deref(), Some("7"));
    assert_eq!(read(vec![key("t"), Step::Index(3)]), None);
}

#[test]
fn versions_become_lists_of_numbers() {
    let list = DataType::new_list(DataType::Int64, true);
    let arguments = [text(&[Some("v1.20.3-beta"), Some("none"), Some("7"), Some("1.99999999999999999999")])];
    let answer = scalar("sortableSemver").unwrap().call(&arguments, 4, &list, 0).unwrap();
    let lists = answer.array().as_list::<i32>();
    let row = |at: usize| lists.value(at).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec();
    assert_eq!((row(0), row(1), row(2), row(3)), (vec![1, 20, 3], vec![0], vec![0], vec![1, 0]));
}

#[test]
fn the_clock_is_the_callers() {
    let now = 1_577_934_245_123_456;
    let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let answer = scalar("now64").unwrap().call(&[], 1, &micros, now).unwrap();
    assert_eq!(crate::call::ints(answer.array()).unwrap()[0], now);
    let today = |zone: &str| {
        let zone = Value::Constant(Arc::new(StringArray::from(vec![zone])));
        let answer = scalar("today").unwrap().call(&[zone], 1, &DataType::Date32, now).unwrap();
        crate::call::ints(answer.array()).unwrap()[0]
    };
    assert_eq!((today("UTC"), today("America/New_York")), (18_263, 18_262));
}

/// What one function makes of little is bounded, since nobody counts it as memory.
#[test]
fn what_grows_beyond_a_batch_is_refused() {
    let number = |value: i64| Value::Column(Arc::new(Int64Array::from(vec![value])));
    let long = |bytes: usize| text(&[Some("x".repeat(bytes).as_str())]);
    let list = || DataType::new_list(DataType::Int64, true);
    let texts = || DataType::new_list(DataType::Utf8, true);
    for (name, arguments, returns) in [
        ("range", vec![number(1 << 24)], list()),
        ("repeat", vec![long(1 << 10), number(1 << 17)], DataType::Utf8),
        ("leftPad", vec![long(1), number(1 << 30)], DataType::Utf8),
        ("replaceAll", vec![long(1 << 20), long(1), long(1 << 10)], DataType::Utf8),
        ("replaceRegexpAll", vec![long(1 << 20), long(1), long(1 << 10)], DataType::Utf8),
        ("splitByChar", vec![long(1), long(1 << 25)], texts()),
    ] {
        let refused = scalar(name).unwrap().call(&arguments, 1, &returns, 0);
        assert!(matches!(refused, Err(crate::FunctionError::TooLarge(_))), "{name}");
    }
}

#[test]
fn no_rows_are_no_trouble() {
    let none: ArrayRef = Arc::new(StringArray::from(Vec::<&str>::new()));
    for function in crate::scalars() {
        let arguments = vec![Value::Column(Arc::clone(&none)); 3];
        let answer = function.call(&arguments, 0, &DataType::Utf8, 0).unwrap();
        assert_eq!(answer.array().len(), 0, "{}", function.name);
    }
}

#[test]
fn wrong_arguments_are_errors_and_never_panics() {
    let odd: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some("é"), None, Some("")])),
        Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(i64::MIN)])),
        Arc::new(arrow::array::Float64Array::from(vec![f64::NAN, f64::INFINITY, -0.0])),
        Arc::new(arrow::array::BooleanArray::from(vec![Some(true), None, Some(false)])),
        arrow::array::new_null_array(&DataType::new_list(DataType::Int64, true), 3),
        arrow::array::new_null_array(&DataType::Null, 3),
        Arc::new(
            arrow::array::TimestampMicrosecondArray::from(vec![Some(i64::MAX), None, Some(i64::MIN)])
                .with_timezone("Europe/Berlin"),
        ),
        Arc::new(arrow::array::Date32Array::from(vec![Some(i32::MAX), None, Some(i32::MIN)])),
    ];
    let types = [
        DataType::Utf8,
        DataType::Int64,
        DataType::UInt8,
        DataType::Float64,
        DataType::Date32,
        DataType::new_list(DataType::Utf8, true),
        DataType::Timestamp(TimeUnit::Microsecond, Some("America/New_York".into())),
    ];
    for function in crate::scalars() {
        for (first, second) in odd.iter().flat_map(|first| odd.iter().map(move |second| (first, second))) {
            for ty in &types {
                let column = |array: &ArrayRef| Value::Column(Arc::clone(array));
                let constant = |array: &ArrayRef| Value::Constant(array.slice(0, 1));
                drop(function.call(&[column(first)], 3, ty, 0));
                drop(function.call(&[column(first), column(second)], 3, ty, 0));
                drop(function.call(&[column(first), constant(second), constant(second)], 3, ty, 0));
                drop(function.call(&[constant(first), column(second)], 3, ty, 0));
            }
        }
        drop(function.call(&[], 1, &DataType::Utf8, 0));
    }
}

#[test]
fn a_fold_goes_through_each_list_in_order() {
    let lists: ArrayRef =
        Arc::new(arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>([
            Some(vec![Some(1), Some(2), Some(3)]),
            Some(vec![]),
            Some(vec![Some(9)]),
        ]));
    let lists = crate::Lists::align(&[Value::Column(lists)], 3).unwrap();
    let initial: ArrayRef = Arc::new(Int64Array::from(vec![0, 5, 7]));
    let numbers = |array: &ArrayRef| array.as_primitive::<arrow::datatypes::Int64Type>().values().to_vec();
    let answer = crate::fold::<crate::FunctionError>(&lists, &initial, |accumulated, elements, _rows| {
        let sums =
            numbers(accumulated).iter().zip(numbers(&elements[0])).map(|(all, x)| all * 10 + x).collect::<Vec<_>>();
        Ok(Arc::new(Int64Array::from(sums)))
    });
    assert_eq!(numbers(&answer.unwrap()), [123, 5, 79]);
}

#[test]
fn a_bad_value_that_no_row_has_does_not_fail_a_dictionary() {
    let values = StringArray::from(vec!["12", "x"]);
    let keys = arrow::array::Int32Array::from(vec![Some(0), None, Some(0)]);
    let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(values)));
    let answer = scalar("toInt64").unwrap().call(&[Value::Column(dictionary)], 3, &DataType::Int64, 0).unwrap();
    let numbers = answer.array().as_primitive::<arrow::datatypes::Int64Type>();
    assert_eq!(numbers.iter().collect::<Vec<_>>(), [Some(12), None, Some(12)]);
}

#[test]
fn a_bad_value_in_a_null_row_is_not_looked_at() {
    let arguments = [
        Value::Column(Arc::new(Int64Array::from(vec![Some(7), None]))),
        Value::Column(Arc::new(Int64Array::from(vec![2, 0]))),
    ];
    let answer = scalar("intDiv").unwrap().call(&arguments, 2, &DataType::Int64, 0).unwrap();
    assert_eq!(answer.array().as_primitive::<arrow::datatypes::Int64Type>().value(0), 3);
    assert!(answer.array().is_null(1));
}

proptest! {
    /// Days of the calendar and back, over four thousand years.
    #[test]
    fn the_calendar_is_its_own_inverse(day in -700_000i64..700_000) {
        let civil = crate::zone::civil(day);
        prop_assert_eq!(crate::zone::days(civil.year, civil.month, civil.day), day);
    }

    /// Local time and back, wherever the clock shows it once.
    #[test]
    fn local_time_leads_back(second in 0i64..4_102_444_800, at in 0usize..4) {
        let names = ["UTC", "America/New_York", "Australia/Lord_Howe", "Europe/Berlin"];
        let zone = crate::zone::Zone::named(names[at]).unwrap();
        let local = zone.local(second);
        let back = zone.instant(local);
        prop_assert_eq!(zone.local(back), local);
        let expected = jiff::tz::TimeZone::get(names[at]).unwrap()
            .to_offset(jiff::Timestamp::from_second(second).unwrap()).seconds();
        prop_assert_eq!(local - second, i64::from(expected));
    }

    /// Bytes of a text as counting them one by one gives.
    #[test]
    fn substring_is_what_counting_gives(subject in "[a-zé]{0,8}", offset in -10i64..10, length in 0i64..10) {
        let arguments = [
            text(&[Some(&subject)]),
            Value::Constant(Arc::new(Int64Array::from(vec![offset]))),
            Value::Constant(Arc::new(Int64Array::from(vec![length]))),
        ];
        let answer = scalar("substring").unwrap().call(&arguments, 1, &DataType::Utf8, 0).unwrap();
        let bytes = subject.as_bytes();
        let start = if offset < 0 { bytes.len() as i64 + offset } else { offset - 1 };
        let piece: Vec<u8> = bytes.iter().enumerate()
            .filter(|(at, _)| offset != 0 && (start..start + length).contains(&(*at as i64)))
            .map(|(_, byte)| *byte).collect();
        let expected = String::from_utf8_lossy(&piece).into_owned();
        prop_assert_eq!(answer.array().as_string::<i32>().value(0), expected);
    }

    /// No text makes the JSON functions, dates or patterns panic.
    #[test]
    fn functions_of_text_are_total(subject in ".{0,24}") {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("Asia/Kolkata".into()));
        for (name, ty) in [
            ("JSONExtractRaw", DataType::Utf8), ("JSONType", DataType::Utf8), ("accurateCastOrNull", micros.clone()),
            ("accurateCastOrNull", DataType::Date32), ("accurateCastOrNull", DataType::Decimal128(18, 3)),
            ("domain", DataType::Utf8), ("cutToFirstSignificantSubdomain", DataType::Utf8), ("decodeURLComponent", DataType::Utf8),
            ("URLHierarchy", DataType::new_list(DataType::Utf8, true)), ("extractURLParameters", DataType::new_list(DataType::Utf8, true)),
            ("port", DataType::UInt16), ("sortableSemver", DataType::new_list(DataType::Int64, true)), ("unhex", DataType::Utf8),
        ] {
            let answer = scalar(name).unwrap().call(&[text(&[Some(&subject)])], 1, &ty, 0);
            prop_assert!(answer.is_ok(), "{name}: {answer:?}");
        }
        let any = |name: &str| scalar(name).unwrap().call(&[text(&[Some("abc")]), text(&[Some(&subject)])], 1, &DataType::Utf8, 0);
        for name in ["match", "like", "extract", "JSON_VALUE"] {
            // A bad pattern is an error, which is an answer too.
            drop(any(name));
        }
    }
}
