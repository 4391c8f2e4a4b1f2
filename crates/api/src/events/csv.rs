//! Events as CSV: flattened, under the union of their columns, written row by row.
//!
//! The header has to be known before the first row is written, so rows are looked at twice: those of a page where they are in
//! memory, those of a whole range by reading it again, from the same snapshot.

use axum::response::{IntoResponse, Response};
use http::header;
use model::ProjectId;
use query::{Event, EventsQuery};
use tokio::sync::mpsc::{Sender, channel};

use super::shape::{self, Persons};
use crate::app::App;
use crate::error::ApiError;
use crate::flat::{Formulas, Header};
use crate::params::Params;
use crate::query::rows;

/// Rows that are in memory at once where all are asked for.
const ROWS_AT_ONCE: usize = 5_000;
/// Text that is sent at once, about.
const BYTES_AT_ONCE: usize = 64 << 10;

type Lines = Sender<Result<String, std::io::Error>>;

/// Whether cells that look like formulas stay.
pub(super) fn formulas(params: &Params) -> Formulas {
    if params.is_true("csv_safe") { Formulas::Defused } else { Formulas::Kept }
}

/// Answers with `events`.
pub(super) fn page(events: Vec<Event>, persons: Persons, formulas: Formulas) -> Result<Response, ApiError> {
    let header = tokio::task::block_in_place(|| {
        let mut header = Header::default();
        note(&mut header, &events, &persons);
        header
    });
    let first = header.line().map_err(|error| ApiError::Internal(Box::new(error)))?;
    Ok(stream(first, move |lines| {
        let _ = write(&lines, &header, &events, &persons, formulas);
    }))
}

/// Answers with every event that `query` asks for, whatever its limit.
pub(super) async fn all(
    app: &App,
    query: EventsQuery,
    with_persons: bool,
    formulas: Formulas,
) -> Result<Response, ApiError> {
    let project = query.project;
    let mut ahead = app.engine.pages(EventsQuery { limit: ROWS_AT_ONCE, ..query });
    let mut pages = ahead.clone();
    let mut header = Header::default();
    while let Some(events) = ahead.next(&app.engine).await? {
        let persons = persons(app, project, &events, with_persons)?;
        tokio::task::block_in_place(|| note(&mut header, &events, &persons));
    }
    let first = header.line().map_err(|error| ApiError::Internal(Box::new(error)))?;
    let app = app.clone();
    Ok(stream(first, move |lines| {
        let runtime = tokio::runtime::Handle::current();
        loop {
            let events = match runtime.block_on(pages.next(&app.engine)) {
                Ok(Some(events)) => events,
                Ok(None) => return,
                Err(error) => return drop(lines.blocking_send(Err(std::io::Error::other(error)))),
            };
            let persons = match persons(&app, project, &events, with_persons) {
                Ok(persons) => persons,
                Err(error) => return drop(lines.blocking_send(Err(std::io::Error::other(error)))),
            };
            if write(&lines, &header, &events, &persons, formulas).is_none() {
                return;
            }
        }
    }))
}

/// The persons to show with `events`.
pub(super) fn persons(app: &App, project: ProjectId, events: &[Event], are_shown: bool) -> Result<Persons, ApiError> {
    if are_shown { Persons::of(app, project, events) } else { Ok(Persons::left_out()) }
}

fn note(header: &mut Header, events: &[Event], persons: &Persons) {
    let mut json = String::new();
    for event in events {
        json.clear();
        shape::write_event(&mut json, event, persons);
        header.add(&json);
    }
}

/// Sends the lines of `events`; `None` when nobody reads them any more.
fn write(lines: &Lines, header: &Header, events: &[Event], persons: &Persons, formulas: Formulas) -> Option<()> {
    let (mut json, mut text) = (String::new(), String::new());
    for event in events {
        json.clear();
        shape::write_event(&mut json, event, persons);
        match header.row(&json, formulas) {
            Ok(line) => text.push_str(&line),
            Err(error) => return lines.blocking_send(Err(std::io::Error::other(error))).ok(),
        }
        if text.len() >= BYTES_AT_ONCE {
            lines.blocking_send(Ok(std::mem::take(&mut text))).ok()?;
        }
    }
    if text.is_empty() { Some(()) } else { lines.blocking_send(Ok(text)).ok() }
}

/// A body that begins with `first` and goes on with what `rest` sends, on a thread that may wait.
fn stream(first: String, rest: impl FnOnce(Lines) + Send + 'static) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    if first.is_empty() {
        return (kind, String::new()).into_response();
    }
    let (output, lines) = channel(2);
    tokio::task::spawn_blocking(move || {
        if output.blocking_send(Ok(first)).is_ok() {
            rest(output);
        }
    });
    (kind, rows::body(lines)).into_response()
}
