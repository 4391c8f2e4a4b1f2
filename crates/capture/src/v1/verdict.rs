//! What becomes of one event of a v1 request, in the words of the protocol.

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is stored.
    Ok,
    /// It is stored without a person, because its distinct id is a placeholder.
    PersonProcessingDisabled,
    /// It is not stored, and sending it again is pointless.
    Dropped(Dropped),
}

impl Verdict {
    /// Whether the event is stored.
    #[must_use]
    pub fn is_accepted(self) -> bool {
        !matches!(self, Self::Dropped(_))
    }

    /// `result` and `details` of the answer.
    #[must_use]
    pub fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Ok => ("ok", None),
            Self::PersonProcessingDisabled => ("ok", Some("person_processing_disabled")),
            Self::Dropped(dropped) => ("drop", Some(dropped.tag())),
        }
    }
}

/// Why an event is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Discarded unseen: no current client means it as an event.
    PerformanceEvent,
    /// The name is empty.
    MissingEventName,
    /// The name is longer than 200 bytes.
    EventNameTooLong,
    /// The distinct id is blank.
    MissingDistinctId,
    /// The distinct id is longer than 200 bytes.
    DistinctIdTooLarge,
    /// The timestamp is not one of RFC 3339.
    InvalidTimestamp,
    /// The properties are no object, or nested too deep.
    MalformedProperties,
    /// The options are no object, or one of them has a value that makes no sense.
    InvalidOptions,
    /// Larger than 1 MB.
    EventTooBig,
}

impl Dropped {
    /// PostHog's name for it.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::PerformanceEvent => "dropped_performance_event",
            Self::MissingEventName => "missing_event_name",
            Self::EventNameTooLong => "event_name_too_long",
            Self::MissingDistinctId => "missing_distinct_id",
            Self::DistinctIdTooLarge => "distinct_id_too_large",
            Self::InvalidTimestamp => "invalid_event_timestamp",
            Self::MalformedProperties => "malformed_event_properties",
            Self::InvalidOptions => "invalid_options",
            Self::EventTooBig => "event_too_big",
        }
    }
}
