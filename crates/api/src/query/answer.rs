//! An answer on its way to the client: what is said about the rows, and the rows as the text they are sent as.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::error::ApiError;

/// The answer to a question, without how it comes about that it is given now.
#[derive(Debug)]
pub(crate) struct Answered {
    head: Map<String, Value>,
    /// The member `results`, where it is not in the head.
    results: Option<String>,
    /// What the client may want to know besides.
    pub(super) warnings: Vec<String>,
}

/// How it comes about that an answer is given now.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) is_cached: bool,
    pub(super) cache_key: String,
    /// When it was calculated, and from when on it is calculated anew.
    pub(super) last_refresh: String,
    pub(super) stale_at: String,
    /// How a calculation in the background stands.
    pub(super) query_status: Value,
}

impl Answered {
    pub(super) const fn new(head: Map<String, Value>, results: Option<String>, warnings: Vec<String>) -> Self {
        Self { head, results, warnings }
    }

    /// An answer that is one object.
    pub(super) fn object(value: Value) -> Self {
        match value {
            Value::Object(head) => Self::new(head, None, Vec::new()),
            other => Self::new(Map::from_iter([("results".to_owned(), other)]), None, Vec::new()),
        }
    }

    /// How much memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let head = match &self.results {
            // Columns and texts of the query.
            Some(_) => self.head.values().map(|value| 64 + value.as_str().map_or(64, str::len)).sum(),
            None => self.head.values().map(|value| value.to_string().len() * 4).sum::<usize>(),
        };
        head + self.results.as_ref().map_or(0, String::capacity)
    }

    /// As it is sent.
    pub(super) fn text(&self, given: Option<&Given>) -> Result<String, ApiError> {
        let mut head = self.head.clone();
        if let Some(given) = given {
            let around = json!({
                "is_cached": given.is_cached,
                "cache_key": given.cache_key,
                "last_refresh": given.last_refresh,
                "cache_target_age": given.stale_at,
                "next_allowed_client_refresh": given.stale_at,
                "calculation_trigger": null,
                "query_status": given.query_status,
            });
            if let Value::Object(around) = around {
                head.extend(around);
            }
        }
        let mut text = serde_json::to_string(&head).map_err(|error| ApiError::Internal(Box::new(error)))?;
        if let Some(results) = &self.results {
            text.pop();
            text.reserve_exact(results.len() + 16);
            write!(text, ",\"results\":{results}}}").expect("writing to memory cannot fail");
        }
        Ok(text)
    }
}
