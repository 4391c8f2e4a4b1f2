//! Questions asked in the background: what became of them, by id.

use std::collections::HashMap;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::{ProjectId, Timestamp};
use parking_lot::Mutex;
use query::Pace;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::question::Question;
use crate::app::App;
use crate::error::{ApiError, causes};
use crate::wire::{json_text, timestamp_text_z, write_json};

/// How long an answer is kept for whoever asks for it by id.
const KEPT_MICROS: i64 = 3_600 * 1_000_000;
/// Questions that are known at once; the oldest answers go first.
const KNOWN_MAX: usize = 1_000;

/// Every question asked in the background, of all projects.
#[derive(Debug, Default)]
pub(crate) struct Queries {
    known: Mutex<HashMap<(ProjectId, String), Asked>>,
}

#[derive(Debug)]
struct Asked {
    began: Timestamp,
    task: Option<AbortHandle>,
    done: Option<Done>,
}

#[derive(Debug, Clone)]
struct Done {
    at: Timestamp,
    /// The answer, or why there is none: no words if it is our fault.
    answer: Result<Arc<str>, Option<Arc<str>>>,
}

impl Queries {
    /// Stops a question and forgets it.
    pub(super) fn cancel(&self, project: ProjectId, id: &str) -> Result<(), ApiError> {
        let asked = self.known.lock().remove(&(project, id.to_owned())).ok_or_else(|| unknown(id))?;
        if let Some(task) = asked.task {
            task.abort();
        }
        Ok(())
    }

    fn finish(&self, key: &(ProjectId, String), done: Done) {
        if let Some(asked) = self.known.lock().get_mut(key) {
            asked.task = None;
            asked.done = Some(done);
        }
    }
}

fn unknown(id: &str) -> ApiError {
    ApiError::NotFound(format!("Query {id} not found for this project."))
}

/// Starts answering `question` under `id`, unless that id is known already; says how it stands.
pub(super) fn start(app: &App, question: Question, id: String) -> Result<Value, ApiError> {
    let key = (question.project.id, id);
    let now = app.now();
    let mut known = app.queries.known.lock();
    let is_old =
        |asked: &Asked| asked.done.as_ref().is_some_and(|done| now.as_micros() - done.at.as_micros() > KEPT_MICROS);
    known.retain(|_, asked| !is_old(asked));
    if let Some(asked) = known.get(&key) {
        return Ok(status(&key, asked));
    }
    if known.len() >= KNOWN_MAX {
        let oldest = known
            .iter()
            .filter_map(|(key, asked)| Some((asked.done.as_ref()?.at, key.clone())))
            .min_by_key(|(at, _)| at.as_micros());
        match oldest {
            Some((_, oldest)) => {
                known.remove(&oldest);
            }
            None => return Err(ApiError::QueriesBusy("Too many queries are waiting for an answer.".to_owned())),
        }
    }
    let (worker, own) = (app.clone(), key.clone());
    #[expect(clippy::disallowed_methods, reason = "the engine bounds it, and whoever asked can stop it")]
    let task = tokio::spawn(async move {
        let answer = question.calculate(&worker, Pace::Background).await;
        let answer = match answer.and_then(|kept| question.text(&kept, Value::Null)) {
            Ok(text) => Ok(Arc::from(text)),
            Err(ApiError::Internal(source)) => {
                tracing::error!(error = causes(source.as_ref()), "background query failed");
                Err(None)
            }
            Err(error) => Err(Some(Arc::from(error.to_string()))),
        };
        worker.queries.finish(&own, Done { at: worker.now(), answer });
    });
    let asked = Asked { began: now, task: Some(task.abort_handle()), done: None };
    let shown = status(&key, &asked);
    known.insert(key, asked);
    Ok(shown)
}

/// `query_status` without its results.
fn status((project, id): &(ProjectId, String), asked: &Asked) -> Value {
    let failed = asked.done.as_ref().and_then(|done| done.answer.as_ref().err());
    json!({
        "id": id,
        "team_id": project.0,
        "complete": asked.done.is_some(),
        "error": failed.is_some(),
        "error_message": failed.and_then(Option::as_deref),
        "query_async": true,
        "results": null,
        "start_time": timestamp_text_z(asked.began),
        "end_time": asked.done.as_ref().map(|done| timestamp_text_z(done.at)),
        "expiration_time": asked.done.as_ref().map(|done| {
            timestamp_text_z(Timestamp::from_micros(done.at.as_micros().saturating_add(KEPT_MICROS)))
        }),
        "task_id": id,
        "query_progress": null,
    })
}

/// How a question stands: 202 while it runs, then its answer, or 400 with why there is none; 500 if that is our fault.
pub(super) fn show(app: &App, project: ProjectId, id: &str) -> Result<Response, ApiError> {
    let key = (project, id.to_owned());
    let (mut shown, done) = {
        let known = app.queries.known.lock();
        let asked = known.get(&key).ok_or_else(|| unknown(id))?;
        (status(&key, asked), asked.done.clone())
    };
    match done.map(|done| done.answer) {
        None => Ok((StatusCode::ACCEPTED, write_json(&json!({"query_status": shown}))).into_response()),
        Some(Err(told)) => {
            let status = if told.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR };
            Ok((status, write_json(&json!({"query_status": shown}))).into_response())
        }
        Some(Ok(answer)) => {
            // The answer is JSON already and may be large.
            if let Some(status) = shown.as_object_mut() {
                status.remove("results");
            }
            let mut text = shown.to_string();
            text.pop();
            Ok(json_text(format!("{{\"query_status\":{text},\"results\":{answer}}}}}")))
        }
    }
}
