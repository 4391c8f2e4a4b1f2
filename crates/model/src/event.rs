//! The event in its two lives: as a client sent it, and as a row that can be queried.

use std::sync::Arc;

use uuid::Uuid;

use crate::{PersonNumber, ProjectId, Properties, Timestamp};

/// Group types a project can have; a further one gets no index and no column.
pub const GROUP_TYPES_MAX: usize = 5;

/// One event as a client sent it: decoded, validated and normalised, but not yet attached to a person.
///
/// Top-level `$set` and `$set_once` have been merged into `properties`, `$ip` and `$sent_at` are filled in, and the
/// timestamp is corrected for clock skew. Text is borrowed from the request body wherever it could be.
#[derive(Debug, Clone, PartialEq)]
pub struct CapturedEvent<'a> {
    /// Client-chosen identity, or one made when the request was accepted. Replaying the log gives the same one.
    pub uuid: Uuid,
    /// Event name as sent, never empty, not yet cut to its stored length.
    pub name: std::borrow::Cow<'a, str>,
    /// At most 200 characters, no NUL, not blank.
    pub distinct_id: String,
    /// When it happened, by the rules for `timestamp`, `offset` and `sent_at`.
    pub timestamp: Timestamp,
    /// Why that is not what the client said, if it is not.
    pub time_doubt: Option<TimeDoubt>,
    /// The event's properties.
    pub properties: Properties<'a>,
}

/// Why a client's word on time was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeDoubt {
    /// It cannot be read as a time.
    Unreadable,
    /// It lies too far in the future.
    Future,
}

/// How an event relates to person profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PersonMode {
    /// The event belongs to a stored person, whose properties it snapshots.
    Full,
    /// No person was created: the person id is derived from the distinct id alone.
    Propertyless,
    /// Sent as personless, but its distinct id belongs to a stored person that is clearly older.
    ForceUpgrade,
}

impl PersonMode {
    /// PostHog's name for the mode, as stored and returned.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Propertyless => "propertyless",
            Self::ForceUpgrade => "force_upgrade",
        }
    }

    /// The mode called `name`, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "full" => Some(Self::Full),
            "propertyless" => Some(Self::Propertyless),
            "force_upgrade" => Some(Self::ForceUpgrade),
            _ => None,
        }
    }
}

/// One event as stored and queried: what was captured plus what ingestion resolved.
///
/// Its identity is (project, distinct id, event, uuid): a later row of the same identity replaces an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// The project that owns the event.
    pub project: ProjectId,
    /// Event identity, unique together with distinct id and event name.
    pub uuid: Uuid,
    /// Event name, at most 200 UTF-16 units.
    pub event: String,
    /// Who did it, in the client's words.
    pub distinct_id: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// When Hedgerow received it.
    pub created_at: Timestamp,
    /// The person as resolved at ingestion; merges since then are applied on reading.
    pub person_id: Uuid,
    /// The number of `person_id`.
    pub person_number: PersonNumber,
    /// Whether that person is a stored one.
    pub person_mode: PersonMode,
    /// Event properties: a JSON object.
    pub properties: String,
    /// Person properties as of this event: a JSON object. Shared by the events of one batch.
    pub person_properties: Arc<str>,
    /// The autocapture element chain, or empty.
    pub elements_chain: String,
    /// Group key for each group type index the event has one for.
    pub groups: [Option<String>; GROUP_TYPES_MAX],
}
