//! The HTTP surface: capture for SDKs, PostHog's REST API for everybody who wants their events back.
//!
//! A handler is a paragraph: read the parameters, check who asks, call, answer. Wire shapes live here and nowhere
//! else; [`error::ApiError`] is the only place where errors meet status codes.

#![warn(missing_docs)]

mod app;
mod auth;
mod body;
mod capture;
mod dates;
mod definitions;
mod error;
mod events;
mod health;
mod keys;
mod metrics;
mod paging;
mod params;
mod persons;
mod projects;
mod router;
mod sdk;
mod users;
mod wire;

pub use app::{App, Parts, Sample, SampleKind, Samples, Settings, UnknownToken};
pub use router::router;
