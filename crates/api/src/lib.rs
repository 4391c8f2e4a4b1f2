//! The HTTP surface: capture for SDKs, PostHog's REST API for everybody who wants their events back.
//!
//! A handler is a paragraph: read the parameters, check who asks, call, answer. Wire shapes live here and nowhere
//! else; [`error::ApiError`] is the only place where errors meet status codes.

#![warn(missing_docs)]

mod actions;
mod app;
mod auth;
mod call;
mod capture;
mod cohorts;
mod dates;
mod definitions;
mod empty;
mod error;
mod etag;
mod events;
mod fields;
mod flat;
mod groups;
mod guard;
mod health;
mod internal;
mod keys;
mod limits;
mod metrics;
mod openapi;
mod operations;
mod paging;
mod params;
mod persons;
mod projects;
mod query;
mod router;
mod sdk;
mod users;
mod wire;

pub use app::{App, HidePersons, Parts, Sample, SampleKind, Samples, Settings, UnknownToken, ValuesShape};
pub use limits::{InvalidLimits, LimitClass, RateLimits, Window};
pub use router::router;

/// Brings the members of every cohort up to date: to be called now and then, so that lists show recent counts. Whoever uses
/// a cohort gets members that are up to date anyway.
pub async fn refresh_cohorts(app: &App) {
    cohorts::refresh_all(app).await;
}
