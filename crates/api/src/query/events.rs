//! What `EventsQuery` shows differently from other questions: its columns' names, and events and persons as objects.
//!
//! Values stay as the text they are in the rows; only what is put around them changes.

use hogql::EventsQuery;
use model::write_json_string;
use query::hogql::{Answer, Progress};
use serde_json::value::RawValue;

use super::run::failed;
use crate::error::ApiError;

/// What `*` is.
const WHOLE: [&str; 9] = [
    "uuid",
    "event",
    "properties",
    "timestamp",
    "team_id",
    "distinct_id",
    "elements_chain",
    "created_at",
    "person_mode",
];
/// Rows unless the question says otherwise.
const PAGE: u64 = 100;

/// How a column is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Plain,
    Event,
    Person,
}

/// How many rows are asked for.
pub(super) fn page(events: &EventsQuery) -> u64 {
    events.limit.map_or(PAGE, u64::from)
}

fn selected(events: &EventsQuery) -> Vec<String> {
    if events.select.is_empty() { vec!["*".to_owned()] } else { events.select.clone() }
}

/// The columns as they are reported: the strings of the question, or what they are called.
pub(super) fn labels(events: &EventsQuery) -> Vec<String> {
    let label = |text: String| {
        let lower = text.to_ascii_lowercase();
        match lower.rfind(" as ") {
            Some(at) => text.get(at + 4..).unwrap_or(&text).trim().to_owned(),
            None => text,
        }
    };
    selected(events).into_iter().map(label).collect()
}

/// The rows of `answer` as JSON, and whether there were more.
pub(super) async fn rows(events: &EventsQuery, answer: &mut Answer) -> Result<(String, bool), ApiError> {
    let mut out = String::new();
    let shown: Vec<Shown> = selected(events)
        .iter()
        .map(|text| match text.split(" -- ").next().unwrap_or(text).trim() {
            "*" => Shown::Event,
            "person" => Shown::Person,
            _ => Shown::Plain,
        })
        .collect();
    if shown.iter().all(|shown| *shown == Shown::Plain) {
        let more = answer.write_rows(&mut out, Some(page(events))).await.map_err(failed)?;
        return Ok((out, more));
    }
    let mut left = page(events);
    let mut batch = String::new();
    out.push('[');
    let progress = loop {
        batch.clear();
        batch.push('[');
        let progress = answer.write_batch(&mut batch, &mut true, &mut left).await.map_err(failed)?;
        batch.push(']');
        write_objects(&batch, &shown, &mut out).map_err(|error| ApiError::Internal(Box::new(error)))?;
        answer.count_text(out.capacity() + batch.capacity()).map_err(failed)?;
        if progress != Progress::Rows {
            break progress;
        }
    };
    out.push(']');
    Ok((out, progress == Progress::Cut))
}

/// Appends the rows of `batch`, a JSON array, to `out`.
fn write_objects(batch: &str, shown: &[Shown], out: &mut String) -> Result<(), serde_json::Error> {
    let rows: Vec<Vec<&RawValue>> = serde_json::from_str(batch)?;
    for row in rows {
        if !out.ends_with('[') {
            out.push(',');
        }
        out.push('[');
        for (at, value) in row.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            match shown.get(at) {
                Some(Shown::Event) => write_event(value, out)?,
                Some(Shown::Person) => write_person(value, out)?,
                _ => out.push_str(value.get()),
            }
        }
        out.push(']');
    }
    Ok(())
}

fn write_event(value: &RawValue, out: &mut String) -> Result<(), serde_json::Error> {
    let values: Vec<&RawValue> = serde_json::from_str(value.get())?;
    out.push('{');
    for (at, (name, value)) in WHOLE.iter().zip(values).enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_member(name, out);
        if *name == "properties" { write_document(value, out)? } else { out.push_str(value.get()) }
    }
    out.push('}');
    Ok(())
}

fn write_person(value: &RawValue, out: &mut String) -> Result<(), serde_json::Error> {
    let values: Vec<&RawValue> = serde_json::from_str(value.get())?;
    let [distinct_id, id, created_at, properties] = values.as_slice() else {
        out.push_str(value.get());
        return Ok(());
    };
    let nobody = format!("\"{}\"", uuid::Uuid::nil());
    let is_known = !matches!(id.get(), "null" | "\"\"") && id.get() != nobody;
    out.push('{');
    if is_known {
        write_member("uuid", out);
        out.push_str(id.get());
        out.push(',');
        write_member("created_at", out);
        out.push_str(created_at.get());
        out.push(',');
        write_member("properties", out);
        write_document(properties, out)?;
        out.push(',');
    }
    write_member("distinct_id", out);
    out.push_str(distinct_id.get());
    out.push('}');
    Ok(())
}

fn write_member(name: &str, out: &mut String) {
    write_json_string(out, name);
    out.push(':');
}

/// Appends the JSON that a text holds; an empty object if it holds none.
fn write_document(text: &RawValue, out: &mut String) -> Result<(), serde_json::Error> {
    let text: Option<String> = serde_json::from_str(text.get())?;
    let is_json = |text: &String| serde_json::from_str::<&RawValue>(text).is_ok();
    out.push_str(text.as_ref().filter(|text| is_json(text)).map_or("{}", String::as_str));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_persons_become_objects_around_what_was_sent() {
        let batch = r#"[[["u","e","{\"n\": 1.50}","t",1,"d","","c","full"],7,["d",null,null,null],["d","00000000-0000-0000-0000-000000000000","c","x"]],[["u","e","no json","t",1,"d","","c","full"],8,["d","p","c","{}"],null]]"#;
        let mut out = String::from("[");
        write_objects(batch, &[Shown::Event, Shown::Plain, Shown::Person, Shown::Plain], &mut out).unwrap();
        assert_eq!(
            out,
            r#"[[{"uuid":"u","event":"e","properties":{"n": 1.50},"timestamp":"t","team_id":1,"distinct_id":"d","elements_chain":"","created_at":"c","person_mode":"full"},7,{"distinct_id":"d"},["d","00000000-0000-0000-0000-000000000000","c","x"]],[{"uuid":"u","event":"e","properties":{},"timestamp":"t","team_id":1,"distinct_id":"d","elements_chain":"","created_at":"c","person_mode":"full"},8,{"uuid":"p","created_at":"c","properties":{},"distinct_id":"d"},null]"#
        );
    }
}
