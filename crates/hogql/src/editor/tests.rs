use serde_json::json;

use super::{Check, FieldShape, Language, PropertyOwner, Suggestion, SuggestionKind, check, complete, tables};
use crate::Context;
use crate::context::{PropertyType, Variable};

fn context() -> Context {
    crate::compile::tests::context(&json!({"timezone": "Europe/Berlin"}))
}

/// The one place that knows the API: what is said of a text, with the places it is said of.
fn said(text: &str, language: Language, source: Option<&str>) -> Vec<String> {
    let Check { errors, warnings, notices, .. } = check(text, language, source, &context());
    let mut all = Vec::new();
    for (kind, remarks) in [("error", errors), ("warning", warnings), ("notice", notices)] {
        all.extend(remarks.into_iter().map(|remark| {
            let place = text.get(remark.span.start as usize..remark.span.end as usize).unwrap();
            let fix = remark.fix.map_or_else(String::new, |fix| format!(" -> {fix}"));
            format!("{kind} at `{place}`: {}{fix}", remark.message)
        }));
    }
    all
}

fn of_select(text: &str) -> Vec<String> {
    said(text, Language::Select, None)
}

#[test]
fn errors_have_a_place_and_a_way_out() {
    assert_eq!(of_select("select even from events"), ["error at `even`: Unable to resolve field: even -> event"]);
    assert_eq!(
        of_select("select person.propertie.x from events"),
        ["error at `person.propertie.x`: Cannot resolve type person.propertie.x. Unable to resolve propertie."]
    );
    assert_eq!(of_select("select 1 from event"), ["error at `event`: Unknown table \"event\". -> events"]);
    assert_eq!(
        of_select("select coun() from events"),
        ["error at `coun`: Unsupported function call 'coun(...)'. Perhaps you meant 'count(...)'? -> count"]
    );
    assert_eq!(
        of_select("select 1 from events where"),
        ["error at ``: unexpected end of the text, expected an expression"]
    );
    assert_eq!(of_select("select {x}"), ["error at `{x}`: Unresolved placeholder: {x}"]);
}

#[test]
fn notices_tell_what_names_and_dates_were_taken_for() {
    let text = "select properties.price, event from events where timestamp > '2026-01-11' limit 5, 10";
    assert_eq!(
        of_select(text),
        [
            "warning at `5, 10`: `LIMIT a, b` takes b as the offset; write `LIMIT a OFFSET b`",
            "notice at `properties.price`: Event property 'price' is of type 'Float'.",
            "notice at `event`: Field 'event' is of type 'String'.",
            "notice at `timestamp`: Field 'timestamp' is of type 'DateTime64(6, 'Europe/Berlin')'.",
            "notice at `'2026-01-11'`: '2026-01-11' is read in the time zone of the project, Europe/Berlin.",
        ]
    );
    assert_eq!(of_select("select 1 from events where timestamp > toDateTime('2026-01-11T00:00:00Z')").len(), 1);
    // What stands for a macro, a session or an action is no text of the author's.
    assert_eq!(of_select("select $session_id, session.$session_duration from events"), Vec::<String>::new());
}

#[test]
fn tables_are_named_once() {
    let text = "with c as (select 1 from persons) select 1 from events e join sessions s on 1 = 1 join c on 1 = 1";
    assert_eq!(check(text, Language::Select, None, &context()).tables, ["events", "persons", "sessions"]);
}

#[test]
fn an_expression_is_read_over_the_rows_of_its_query() {
    let expr = |text: &str, source| said(text, Language::Expr, source);
    assert_eq!(expr("event", None), ["notice at `event`: Field 'event' is of type 'String'."]);
    assert_eq!(expr("count()", None), Vec::<String>::new());
    assert_eq!(expr("1 from events", None).len(), 1);
    assert_eq!(expr("is_identified", None), ["error at `is_identified`: Unable to resolve field: is_identified"]);
    assert_eq!(
        expr("is_identified", Some("select id from persons")),
        ["notice at `is_identified`: Field 'is_identified' is of type 'Bool'."]
    );
    assert_eq!(expr("x + 1", Some("select 1 as x union all select 2")), Vec::<String>::new());
    assert_eq!(said("hello {person.properties.email}", Language::Template, None), Vec::<String>::new());
    assert_eq!(said("hello {", Language::Template, None).len(), 1);
}

#[test]
fn tables_are_described_with_what_their_fields_lead_to() {
    let all = tables(&context());
    let names: Vec<&str> = all.iter().map(|table| table.name).collect();
    assert!(["events", "persons", "sessions"].iter().all(|name| names.contains(name)), "{names:?}");
    let shape = |table: &str, field: &str| {
        let table = all.iter().find(|known| known.name == table).unwrap();
        table.fields.iter().find(|known| known.name == field).unwrap_or_else(|| panic!("{field}")).shape.clone()
    };
    let text = |shape: FieldShape| match shape {
        FieldShape::Value(ty) => ty.to_string(),
        FieldShape::Expression(ty) => format!("= {ty}"),
        FieldShape::Document(owner) => format!("{owner:?}"),
        FieldShape::Table(table) => table.to_owned(),
        FieldShape::Part(fields) => format!("{} fields", fields.len()),
        FieldShape::Alias(name) => format!("-> {name}"),
    };
    for (table, field, expected) in [
        ("events", "uuid", "UUID"),
        ("events", "timestamp", "DateTime64(6, 'Europe/Berlin')"),
        ("events", "elements_chain_texts", "= Array(String)"),
        ("events", "properties", "Event"),
        ("events", "person", "persons"),
        ("events", "poe", "3 fields"),
        ("events", "company", "-> group_0"),
        ("sessions", "$session_duration", "Int64"),
    ] {
        assert_eq!(text(shape(table, field)), expected, "{table}.{field}");
    }
}

/// What is suggested at the `|` of a text, which stands behind what is there already.
fn suggested(text: &str, language: Language, source: Option<&str>) -> Vec<Suggestion> {
    let end = text.find('|').expect("a cursor");
    let text = text.replacen('|', "", 1);
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let before = text.get(..end).unwrap();
    let start = before.char_indices().rev().find(|(_, c)| !is_part(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    let properties = |owner: PropertyOwner, begun: &str| {
        let all = match owner {
            PropertyOwner::Event => vec!["$browser", "price"],
            PropertyOwner::Person => vec!["email", "a b"],
            PropertyOwner::Group(Some(0)) => vec!["tier"],
            PropertyOwner::Group(_) => Vec::new(),
        };
        let all = all.into_iter().filter(|name| name.contains(begun));
        all.map(|name| (name.to_owned(), (name == "price").then_some(PropertyType::Numeric))).collect()
    };
    let mut context = context();
    context.variables.insert("country".to_owned(), Variable { value: json!("DE") });
    complete(&text, start..end, language, source, &context, &properties).suggestions
}

fn labels(text: &str) -> Vec<String> {
    suggested(text, Language::Select, None).into_iter().map(|suggestion| suggestion.label).collect()
}

#[test]
fn a_place_gets_what_may_stand_there() {
    assert_eq!(labels("select distinct_| from events"), ["distinct_id"]);
    assert_eq!(labels("select properties.| from events"), ["$browser", "price"]);
    assert_eq!(labels("select properties.pri| from events where 1"), ["price"]);
    assert_eq!(labels("select person.properties.| from events"), ["email", "a b"]);
    assert_eq!(labels("select e.person.properties.em| from events e"), ["email"]);
    assert_eq!(labels("select company.properties.| from events"), ["tier"]);
    assert_eq!(labels("select group_0.properties.| from events"), ["tier"]);
    assert_eq!(labels("select poe.| from events"), ["id", "created_at", "properties"]);
    assert_eq!(labels("select a.b, x.| from (select 1 as b) as a join (select 2 as c, 3 as d) x on 1"), ["c", "d"]);
    assert_eq!(labels("select c.| from numbers(5) as c"), ["number"]);
    assert_eq!(labels("select * from ses|"), ["sessions"]);
    assert!(labels("select * from | where 1").contains(&"events".to_owned()));
    assert_eq!(labels("with mine as (select 1 as x) select * from mi|"), ["mine"]);
    assert_eq!(labels("with a as (select 1 as x), b as (select x, 2 as y from a) select b.| from b"), ["x", "y"]);
    assert_eq!(labels("select 1 as total from events order by tota|"), ["total"]);
    assert_eq!(labels("select {variables.coun|} from events"), Vec::<String>::new());
    assert!(labels("select {| from events").contains(&"variables.country".to_owned()));
    assert_eq!(labels("select 'distinct_|' from events"), Vec::<String>::new());
    assert_eq!(labels("select 1 from events where id in (select i| from persons)")[0], "id");
    assert_eq!(labels("select x.| from events e union all select x.x from (select 1 as x) x"), Vec::<String>::new());
    assert!(labels("select toStartOfD|").contains(&"toStartOfDay".to_owned()));
}

#[test]
fn suggestions_say_what_to_write() {
    let one = |text: &str| suggested(text, Language::Select, None).remove(0);
    let all = suggested("select person.properties.| from events", Language::Select, None);
    assert_eq!(all[1].insert, "`a b`");
    let call = one("select toStartOfDa|");
    assert_eq!((call.insert.as_str(), call.kind), ("toStartOfDay()", SuggestionKind::Function));
    let price = one("select properties.pri| from events");
    assert_eq!((price.detail.as_deref(), price.kind), (Some("Float"), SuggestionKind::Value));
    let expr = |text: &str, source| -> Vec<String> {
        suggested(text, Language::Expr, source).into_iter().map(|suggestion| suggestion.label).collect()
    };
    assert_eq!(expr("distinct_|", None), ["distinct_id"]);
    assert_eq!(expr("is_iden|", Some("select id from persons")), ["is_identified"]);
}
