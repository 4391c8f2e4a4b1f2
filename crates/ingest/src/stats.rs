//! What ingestion counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Why an event was dropped after its acknowledgement, or stored otherwise than asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Warning {
    /// The event is a warning from a client library.
    ClientIngestionWarning,
    /// Heatmaps are not stored.
    HeatmapNotStored,
    /// The project does not take cookieless events.
    CookielessDisabled,
    /// A group key of over 400 characters.
    GroupKeyTooLong,
    /// `alias` is not text.
    InvalidAlias,
    /// `$anon_distinct_id` is not text.
    InvalidAnonDistinctId,
    /// An event that changes persons, sent as personless.
    PersonlessIdentify,
    /// `$group_set` is not an object.
    InvalidGroupSet,
    /// `$process_person_profile` is not a boolean.
    InvalidProcessPersonProfile,
    /// A placeholder was to be merged.
    IllegalDistinctId,
    /// An identified person was to be merged away.
    AlreadyIdentified,
    /// A person would have grown beyond its limit.
    PersonTooLarge,
    /// The event is older than its project takes.
    TooOld,
    /// The timestamp cannot be read.
    UnreadableTimestamp,
    /// The timestamp lies too far in the future.
    FutureTimestamp,
    /// The event has a uuid that is not of version 7, from a library that is not one of PostHog's.
    UuidNotV7,
    /// A visitor without cookies cannot be told from others without this.
    CookielessMissingUserAgent,
    /// As above.
    CookielessMissingIp,
    /// As above.
    CookielessMissingHost,
    /// The day of the event is too long ago, or not yet anywhere.
    CookielessOutOfRange,
    /// Visitors without cookies cannot be identified.
    CookielessIdentity,
    /// The project has as many definitions of events or properties as it may have.
    DefinitionsFull,
}

impl Warning {
    /// PostHog's name for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientIngestionWarning => "client_ingestion_warning",
            Self::HeatmapNotStored => "heatmap_not_stored",
            Self::CookielessDisabled => "cookieless_disabled",
            Self::GroupKeyTooLong => "group_key_too_long",
            Self::InvalidAlias => "invalid_alias",
            Self::InvalidAnonDistinctId => "invalid_anon_distinct_id",
            Self::PersonlessIdentify => "invalid_event_when_process_person_profile_is_false",
            Self::InvalidGroupSet => "invalid_group_set",
            Self::InvalidProcessPersonProfile => "invalid_process_person_profile",
            Self::IllegalDistinctId => "cannot_merge_with_illegal_distinct_id",
            Self::AlreadyIdentified => "cannot_merge_already_identified",
            Self::PersonTooLarge => "person_properties_size_violation",
            Self::TooOld => "event_dropped_too_old",
            Self::UnreadableTimestamp => "ignored_invalid_timestamp",
            Self::FutureTimestamp => "event_timestamp_in_future",
            Self::UuidNotV7 => "event_uuid_not_v7",
            Self::CookielessMissingUserAgent => "cookieless_missing_user_agent",
            Self::CookielessMissingIp => "cookieless_missing_ip",
            Self::CookielessMissingHost => "cookieless_missing_host",
            Self::CookielessOutOfRange => "cookieless_timestamp_out_of_range",
            Self::CookielessIdentity => "cookieless_identity_event_dropped",
            Self::DefinitionsFull => "definitions_limit_reached",
        }
    }
}

/// Figures of ingestion since the start.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Last record whose rows are visible.
    pub applied: u64,
    /// Last record whose rows are sealed.
    pub flushed: u64,
    /// Events stored.
    pub events: u64,
    /// Events dropped.
    pub dropped: u64,
    /// Batches committed.
    pub batches: u64,
    /// Batches that failed and were tried again.
    pub failures: u64,
    /// Records that could not be decoded.
    pub undecodable: u64,
    /// Persons merged into others.
    pub merges: u64,
    /// Seals committed.
    pub seals: u64,
    /// Warnings by kind.
    pub warnings: BTreeMap<Warning, u64>,
}

/// Reads the figures from outside.
#[derive(Debug, Clone, Default)]
pub struct StatsHandle(pub(crate) Arc<Mutex<Stats>>);

impl StatsHandle {
    /// The figures now.
    #[must_use]
    pub fn now(&self) -> Stats {
        self.0.lock().clone()
    }
}
