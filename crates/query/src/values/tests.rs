use super::*;
use crate::testing::{self, Row, Stored};

const DAY: i64 = model::Day::MICROS;

/// The values of specification case F3: within 7 days, and one older.
fn events() -> Stored {
    let values = [
        r#""asdf""#,
        r#""asdf""#,
        r#""qwerty""#,
        "true",
        "false",
        r#"{"last_name":"Smith","first_name":"Mary"}"#,
        "565",
        r#"["item1","item2"]"#,
        r#"["item3"]"#,
        "null",
    ];
    let recent = values.iter().enumerate().map(|(at, value)| {
        let name = if *value == "565" { "random event" } else { "other event" };
        let properties = format!(r#"{{"random_prop":{value},"some_other_prop":"with some text"}}"#);
        Row::at(10 * DAY + i64::try_from(at).unwrap(), at as u128).with(name, &properties)
    });
    let old = Row::at(DAY, 99).with("other event", r#"{"random_prop":"too old"}"#);
    let rows: Vec<_> = recent.chain([old]).collect();
    Stored::of(&rows.chunks(3).map(<[Row]>::to_vec).collect::<Vec<_>>())
}

/// The one place that knows the API: values of `random_prop` in the last 7 days.
fn ask(change: impl FnOnce(&mut ValuesQuery)) -> Vec<String> {
    let mut query = ValuesQuery::of_property(ProjectId(1), "random_prop");
    query.from = Some(Timestamp::from_micros(4 * DAY));
    query.to = Some(Timestamp::from_micros(11 * DAY));
    change(&mut query);
    testing::run(async |core| values(core, &events().snapshot(), &query).await).unwrap()
}

fn containing(text: &str) -> Vec<String> {
    ask(|query| query.contains = Some(text.to_owned()))
}

#[test]
fn f3_values_are_listed_once_the_most_frequent_first() {
    let names = ask(|_| {});
    assert_eq!(names.first().unwrap(), "asdf");
    let mut sorted = names;
    sorted.sort();
    let mut expected = vec![
        "asdf",
        "qwerty",
        "true",
        "false",
        r#"{"first_name": "Mary", "last_name": "Smith"}"#,
        "565",
        "item1",
        "item2",
        "item3",
    ];
    expected.sort_unstable();
    assert_eq!(sorted, expected);
}

#[test]
fn f4_values_containing_a_text_are_the_shortest_first() {
    assert_eq!(containing("qw"), ["qwerty"]);
    assert_eq!(containing("QW"), ["qwerty"]);
    assert_eq!(containing("6"), ["565"]);
    assert_eq!(
        containing("e"),
        ["true", "false", "qwerty", "item3", "item1", "item2", r#"{"first_name": "Mary", "last_name": "Smith"}"#]
    );
    assert_eq!(containing("%"), Vec::<String>::new());
}

#[test]
fn f4_values_of_named_events() {
    let named = |names: &[&str]| {
        ask(|query| {
            query.contains = Some("6".to_owned());
            query.event_names = names.iter().map(|name| (*name).to_owned()).collect();
        })
    };
    assert_eq!(named(&["foo", "random event"]), ["565"]);
    assert_eq!(named(&["404_i_dont_exist"]), Vec::<String>::new());
}

#[test]
fn values_of_events_with_other_properties() {
    let with = |key, value| ask(|query| query.filter = Filter::property_parameter(key, value)).len();
    assert_eq!(with("some_other_prop", "with some text"), 9);
    assert_eq!(with("some_other_prop", "with other text"), 0);
    assert_eq!(ask(|query| query.filter = Filter::property_parameter("random_prop", "TRUE")), ["true"]);
}

#[test]
fn values_of_columns() {
    let of = |name: &str| ask(|query| query.subject = Subject::Column(name.to_owned()));
    assert_eq!(of("event"), ["other event", "random event"]);
    assert_eq!(of("distinct_id"), ["someone"]);
    assert_eq!(of("person_id"), [Row::at(0, 0).person().to_string()]);
    assert_eq!(of("$group_0"), Vec::<String>::new());
}

#[test]
fn unknown_columns_and_endless_texts_are_refused() {
    let failed = |change: fn(&mut ValuesQuery)| {
        let mut query = ValuesQuery::of_property(ProjectId(1), "a");
        change(&mut query);
        testing::run(async |core| values(core, &events().snapshot(), &query).await).unwrap_err().to_string()
    };
    let column = failed(|query| query.subject = Subject::Column("properties; DROP".to_owned()));
    assert_eq!(column, "there is no event column 'properties; DROP'");
    let text = failed(|query| query.contains = Some("x".repeat(5000)));
    assert_eq!(text, "the text to search for is longer than 4096 bytes");
}

#[test]
fn f5_custom_events_are_those_of_the_project_itself() {
    let names = ["test", "new event", "another event", "$pageview", "test", "Application Opened"];
    let rows: Vec<_> = names.iter().enumerate().map(|(at, name)| Row::at(0, at as u128).with(name, "{}")).collect();
    let found = testing::run(async |core| custom_event_names(core, &Stored::of(&[rows]).snapshot()).await).unwrap();
    assert_eq!(found, ["another event", "new event", "test"]);
}

#[test]
fn the_first_hundred_custom_names_are_listed() {
    let rows: Vec<_> = (0..300).map(|at| Row::at(0, at).with(&format!("event {:03}", (at * 7) % 300), "{}")).collect();
    let found = testing::run(async |core| custom_event_names(core, &Stored::of(&[rows]).snapshot()).await).unwrap();
    assert_eq!(found.len(), 100);
    assert_eq!((found[0].as_str(), found[99].as_str()), ("event 000", "event 099"));
}
