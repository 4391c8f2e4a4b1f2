//! The nouns of Hedgerow: what an event, a person, a property and a segment are.
//!
//! Every other crate speaks in these types. They hold data and answer questions about themselves; they do no I/O,
//! read no clock and carry no wire or disk format (those live in `capture` and `api`, and beside each codec).

#![warn(missing_docs)]

mod event;
pub mod json;
mod person;
mod properties;
mod segment;
mod time;

pub use event::{CapturedEvent, EventRow, GROUP_TYPES_MAX, PersonMode, TimeDoubt};
pub use json::{write_json_escaped, write_json_string};
pub use person::{MergeId, PERSON_NAMESPACE, PersonMerge, PersonNumber, person_uuid};
pub use properties::{Properties, PropertiesError, is_plain, json_string};
pub use segment::{DeletedRows, Level, SegmentEntry, SegmentId};
pub use time::{Day, Timestamp};

/// A project: the unit of tenancy. PostHog calls it a team in some places and a project in others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectId(pub i64);

impl std::fmt::Display for ProjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Position of one record in the event log: 1 for the first record ever written, then consecutive.
///
/// `Sequence(0)` is "before everything": a fresh system has applied and flushed through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
