//! What was refused leaves a trace on its project: most clients never show an answer's text to anybody (D2).
//!
//! Only a request whose token is known leaves one, and the token must be one that exists: nobody can fill the metadata with
//! somebody else's mistakes. How much is kept is bounded where it is kept.

use std::fmt::Display;

use capture::CaptureError;
use capture::v1::{Checked, Verdict};
use meta::Warning;
use model::ProjectId;
use serde_json::json;

use crate::app::App;

/// Refused requests, by what was wrong with them.
const REJECTED: &str = "request_rejected";

/// A request of v0, whose text may say which token it was meant for.
pub(super) fn of_text(app: &App, text: &str, error: &CaptureError) {
    let Some(token) = capture::claimed_token(text) else { return };
    let project = app.meta.project_by_token(&token).ok().flatten().map(|project| project.id);
    of_request(app, project, REJECTED, error);
}

/// A request of which nothing was stored.
pub(super) fn of_request(app: &App, project: Option<ProjectId>, kind: &'static str, error: &dyn Display) {
    let Some(project) = project else { return };
    note(app, Warning::new(project, kind, app.now(), json!({"reason": error.to_string()}).to_string()));
}

/// Events of v1 that were dropped one by one, or stored without a person.
pub(super) fn of_events(app: &App, project: ProjectId, checked: &Checked) {
    for (uuid, verdict) in checked.verdicts.iter().filter(|(_, verdict)| *verdict != Verdict::Ok) {
        if let (_, Some(kind)) = verdict.words() {
            note(app, Warning::new(project, kind, app.now(), json!({"eventUuid": uuid}).to_string()));
        }
    }
}

fn note(app: &App, warning: Warning) {
    if app.meta.note_warning(warning) {
        let meta = std::sync::Arc::clone(&app.meta);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = meta.flush_warnings() {
                tracing::warn!(error = &error as &dyn std::error::Error, "ingestion warnings cannot be written");
            }
        });
    }
}
