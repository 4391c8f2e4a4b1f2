//! A question as it was asked: how fresh its answer has to be, and under what it is kept.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::{HeaderName, HeaderValue};
use meta::Project;
use model::Timestamp;
use query::Pace;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{Answered, Given};
use super::cache::{Entry, Key, Version};
use super::{editor, run};
use crate::app::App;
use crate::error::ApiError;
use crate::wire::{json_text, timestamp_text_z};

/// Where clients read what was done differently than they may think.
const WARN: HeaderName = HeaderName::from_static("x-posthog-warn");
/// Longest text there.
const WARN_CHARS_MAX: usize = 1_000;
/// How old an answer may be that a client asks for lazily.
const LAZY: Duration = Duration::from_secs(24 * 3_600);

/// How fresh an answer has to be, and whether to wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresh {
    /// Fresh, however long it takes.
    Blocking,
    /// Calculated now.
    ForceBlocking,
    /// Fresh, or else in the background.
    Async,
    /// Calculated in the background.
    ForceAsync,
    /// A day old at most, or else in the background.
    LazyAsync,
    /// As [`Refresh::Async`], but waited for if there is no answer at all.
    AsyncUnlessMissing,
    /// Only what is there already.
    Cached,
}

impl Refresh {
    pub(super) fn read(body: &Value) -> Result<Self, ApiError> {
        if body.get("async").and_then(Value::as_bool) == Some(true) {
            return Ok(Self::Async);
        }
        match body.get("refresh") {
            None | Some(Value::Null | Value::Bool(false)) => Ok(Self::Blocking),
            Some(Value::Bool(true)) => Ok(Self::ForceBlocking),
            Some(Value::String(mode)) => match mode.as_str() {
                "" | "blocking" => Ok(Self::Blocking),
                "force_blocking" => Ok(Self::ForceBlocking),
                "async" => Ok(Self::Async),
                "force_async" => Ok(Self::ForceAsync),
                "lazy_async" => Ok(Self::LazyAsync),
                "async_except_on_cache_miss" => Ok(Self::AsyncUnlessMissing),
                "force_cache" => Ok(Self::Cached),
                other => Err(ApiError::invalid("refresh", format!("\"{other}\" is not a valid choice."))),
            },
            Some(_) => Err(ApiError::invalid("refresh", "Not a valid string.")),
        }
    }
}

/// A question of a project.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) project: Project,
    pub(super) body: Value,
    key: Key,
    /// How long an answer is fresh while nothing changes.
    floor: Duration,
    /// Whether its answer is kept at all.
    is_kept: bool,
}

/// An answer that was calculated at some time.
#[derive(Debug)]
pub(super) struct Kept {
    answered: Arc<Answered>,
    at: Timestamp,
    /// Whether it was there before the question.
    is_cached: bool,
    pub(super) is_fresh: bool,
    /// Whether it is fresh enough for a client that asks lazily.
    pub(super) is_tolerable: bool,
}

impl Question {
    pub(super) fn read(app: &App, project: Project, body: Value) -> Result<Self, ApiError> {
        let query = run::bare(&body)?;
        let floor = floor(&query, app);
        let is_kept = !editor::KINDS.contains(&run::kind_of(&query));
        let part = |name: &str| body.get(name).cloned().unwrap_or_default();
        let asked = json!([query, part("filters_override"), part("variables_override")]);
        let key = Key { project: project.id, question: asked.to_string().into() };
        Ok(Self { project, body, key, floor, is_kept })
    }

    /// What is said of the question's place in the cache.
    pub(super) fn cache_key(&self) -> String {
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, self.key.question.as_bytes());
        format!("cache_{}_{}", self.project.id.0, hash.simple())
    }

    /// The answer that is there.
    pub(super) fn kept(&self, app: &App) -> Option<Kept> {
        let Entry { answered, version, at, .. } = app.answers.get(&self.key)?;
        let age = Duration::from_micros(u64::try_from(app.now().as_micros() - at.as_micros()).unwrap_or(0));
        let is_fresh = version == self.version(app) && age < self.floor;
        Some(Kept { answered, at, is_cached: true, is_fresh, is_tolerable: age < LAZY })
    }

    /// Calculates the answer, and keeps it.
    pub(super) async fn calculate(&self, app: &App, pace: Pace) -> Result<Kept, ApiError> {
        // Before anything is read: what changes while the query runs makes its answer an old one.
        let version = self.version(app);
        let at = app.now();
        let answered = Arc::new(run::answer(app, &self.project, &self.body, pace).await?);
        if self.is_kept {
            app.answers.put(self.key.clone(), Arc::clone(&answered), version, at);
        }
        Ok(Kept { answered, at, is_cached: false, is_fresh: true, is_tolerable: true })
    }

    /// The text of an answer. `query_status` is how a newer one stands.
    pub(super) fn text(&self, kept: &Kept, query_status: Value) -> Result<String, ApiError> {
        if !self.is_kept {
            return kept.answered.text(None);
        }
        let floor = i64::try_from(self.floor.as_micros()).unwrap_or(i64::MAX);
        let stale_at = Timestamp::from_micros(kept.at.as_micros().saturating_add(floor));
        let given = Given {
            is_cached: kept.is_cached,
            cache_key: self.cache_key(),
            last_refresh: timestamp_text_z(kept.at),
            stale_at: timestamp_text_z(stale_at),
            query_status,
        };
        kept.answered.text(Some(&given))
    }

    /// The response with an answer.
    pub(super) fn give(&self, kept: &Kept, query_status: Value) -> Result<Response, ApiError> {
        let mut response = json_text(self.text(kept, query_status)?);
        if !kept.answered.warnings.is_empty() {
            let text = kept.answered.warnings.join("; ");
            let text: String = text.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect();
            let text: String = text.chars().take(WARN_CHARS_MAX).collect();
            if let Ok(value) = HeaderValue::from_str(&text) {
                response.headers_mut().insert(WARN, value);
            }
        }
        Ok(response)
    }

    fn version(&self, app: &App) -> Version {
        Version { metadata: app.meta.version(), events: app.engine.version(self.project.id) }
    }
}

/// Upstream's floors: a minute for charts by the minute, three for those by the hour or of a week, else a quarter of an hour.
fn floor(query: &Value, app: &App) -> Duration {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let interval = query.get("interval").and_then(Value::as_str).unwrap_or_default();
    match interval {
        "minute" => return minutes(1),
        "hour" => return minutes(3),
        _ => {}
    }
    let is_list = ["HogQLQuery", "EventsQuery"].contains(&run::kind_of(query));
    let from = query.pointer("/dateRange/date_from").and_then(Value::as_str);
    let Some(from) = from.or(if is_list { None } else { Some("-7d") }) else { return minutes(15) };
    let now = jiff::Timestamp::from_microsecond(app.now().as_micros()).unwrap_or_default();
    let week = now.checked_sub(jiff::SignedDuration::from_hours(8 * 24)).unwrap_or(now);
    let from = hogql::dates::resolve(from, &now.to_zoned_datetime(jiff::tz::TimeZone::UTC));
    if from.is_some_and(|from| from.timestamp() > week) { minutes(3) } else { minutes(15) }
}
