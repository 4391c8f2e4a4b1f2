//! The v1 protocol, `POST /i/v1/analytics/events`: strict about the request, and a verdict of its own for each event.
//!
//! A request passes [`Head::read`], then [`payload`], then [`check`]. Ingestion reads it back through
//! [`crate::parse`], like any other. A record in the log holds the dropped events too, so every rule by which an event
//! is dropped is part of the record's format: it looks at nothing but the text, and is the same at every reading.

mod head;
mod illegal;
mod options;
mod refusal;
mod verdict;
mod wire;

use std::borrow::Cow;
use std::collections::HashSet;

use model::Properties;
use serde_json::value::RawValue;
use uuid::Uuid;

pub use self::head::Head;
pub use self::refusal::Refusal;
pub use self::verdict::{Dropped, Verdict};

use self::options::Options;
use self::wire::{Object, WireBatch, WireEvent};
use crate::events::normal::Sender;
use crate::inflate::Encoding;
use crate::{Batch, CaptureError, Limits, Received, Request, distinct_id, inflate, nesting, shape, surrogates};

/// Longest event name and distinct id, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// Largest event, in bytes of JSON.
const EVENT_BYTES_MAX: usize = 1_000_000;
/// The first level is the event, the second its fields.
const PROPERTIES_NESTING_MAX: usize = 127;
/// Longest `PostHog-Sdk-Info` that is made properties of.
const SDK_BYTES_MAX: usize = 200;
const DISCARDED_EVENT: &str = "$performance_event";

/// What a request is worth, without its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// One for each event, in the order they were sent: its uuid as it was sent, and what becomes of it.
    pub verdicts: Vec<(String, Verdict)>,
    /// How many events there are to store.
    pub accepted: usize,
}

/// The JSON text of a request, whose encoding its head has announced.
///
/// # Errors
///
/// When there is none, it is not what was announced, or it is larger than `limits` allow.
pub fn payload<'a>(request: &Request<'a>, limits: Limits) -> Result<Cow<'a, str>, Refusal> {
    if request.body.is_empty() {
        return Err(Refusal::EmptyBody);
    }
    if request.body.len() > limits.body_bytes {
        return Err(Refusal::PayloadTooLarge { what: "body", limit_bytes: limits.body_bytes });
    }
    let bytes = match request.content_encoding {
        None => Cow::Borrowed(request.body),
        Some(name) => {
            let encoding =
                Encoding::from_name(name).ok_or_else(|| Refusal::UnsupportedEncoding { found: name.to_owned() })?;
            let inflated = inflate::announced(encoding, request.body, limits.payload_bytes);
            Cow::Owned(inflated.map_err(|error| match error {
                CaptureError::TooLarge { limit_bytes, .. } => {
                    Refusal::PayloadTooLarge { what: "inflated body", limit_bytes }
                }
                _ => Refusal::Undecodable { reason: "the body is not what Content-Encoding says" },
            })?)
        }
    };
    let text = match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    };
    let text = text.ok_or(Refusal::Undecodable { reason: "the body is not UTF-8" })?;
    if text.trim_ascii().is_empty() {
        return Err(Refusal::EmptyBody);
    }
    Ok(surrogates::repaired(text))
}

/// The verdict on a request's text and on each of its events.
///
/// # Errors
///
/// When the request as a whole is refused; then nothing of it may be stored.
pub fn check(text: &str) -> Result<Checked, Refusal> {
    let (batch, uuids) = read(text)?;
    let judged = batch.batch.0.iter().map(|event| (event.uuid.trim().to_owned(), verdict_on(event)));
    let verdicts: Vec<_> = judged.collect();
    debug_assert_eq!(verdicts.len(), uuids.len());
    let accepted = verdicts.iter().filter(|(_, verdict)| verdict.is_accepted()).count();
    Ok(Checked { verdicts, accepted })
}

/// The accepted events in `text`, in the order they were sent.
pub(crate) fn parse<'a>(text: &'a str, request: &Request<'_>, received: &Received) -> Result<Batch<'a>, Refusal> {
    let (batch, uuids) = read(text)?;
    let said = request.sender;
    let library = said.and_then(|said| library(said.sdk));
    let sender = Sender::new(request, received, said.map(|said| said.sent_at));
    let internal = batch.capture_internal.unwrap_or(false);
    let mut events = Vec::with_capacity(batch.batch.0.len());
    for ((event, uuid), index) in batch.batch.0.into_iter().zip(uuids).zip(0..) {
        let Ok(accepted) = judged(&event) else { continue };
        let mut properties = properties_of(&event);
        if internal && !properties.contains("$ip") {
            properties.set_str("$ip", "127.0.0.1");
        }
        inject(&mut properties, &event, &accepted, library);
        let distinct_id = distinct_id::without_nul(Cow::Borrowed(accepted.distinct_id)).into_owned();
        let wire = shape::WireEvent {
            name: event.event,
            token: None,
            distinct_id: None,
            uuid: Some(uuid),
            properties: None,
            picked: shape::Picked::default(),
            kept: Properties::new(),
            timestamp: Some(event.timestamp),
            offset_millis: None,
            set: None,
            set_once: None,
        };
        events.push(sender.captured(wire, properties, distinct_id, index));
    }
    Ok(Batch { token: None, events, historical_migration: batch.historical_migration.unwrap_or(false) })
}

/// The batch and the uuids of its events, if the request as a whole is acceptable.
fn read(text: &str) -> Result<(WireBatch<'_>, Vec<Uuid>), Refusal> {
    let Object(batch): Object<WireBatch<'_>> =
        serde_json::from_str(text).map_err(|error| Refusal::Unparsable { reason: error.to_string() })?;
    let events = &batch.batch.0;
    if events.is_empty() {
        return Err(Refusal::EmptyBatch);
    }
    if events.len() > shape::EVENTS_MAX {
        return Err(Refusal::TooManyEvents { limit: shape::EVENTS_MAX });
    }
    if batch.created_at.parse::<jiff::Timestamp>().is_err() {
        return Err(Refusal::InvalidBatch);
    }
    let mut seen = HashSet::with_capacity(events.len());
    let mut uuids = Vec::with_capacity(events.len());
    for event in events {
        let spelled = event.uuid.trim();
        if spelled.is_empty() {
            return Err(Refusal::MissingEventUuid);
        }
        let uuid = Uuid::try_parse(spelled).map_err(|_| Refusal::InvalidEventUuid { found: spelled.to_owned() })?;
        if !seen.insert(uuid) {
            return Err(Refusal::DuplicateEventUuid { uuid });
        }
        uuids.push(uuid);
    }
    Ok((batch, uuids))
}

/// An event that will be stored.
struct Accepted<'e> {
    distinct_id: &'e str,
    options: Options,
    /// Whether the distinct id is a placeholder that many share, which must not become a person.
    illegal: bool,
}

fn verdict_on(event: &WireEvent<'_>) -> Verdict {
    match judged(event) {
        Ok(Accepted { illegal: true, .. }) => Verdict::PersonProcessingDisabled,
        Ok(_) => Verdict::Ok,
        Err(dropped) => Verdict::Dropped(dropped),
    }
}

fn judged<'e>(event: &'e WireEvent<'_>) -> Result<Accepted<'e>, Dropped> {
    let (name, distinct_id) = (&*event.event, event.distinct_id.trim());
    if name == DISCARDED_EVENT {
        return Err(Dropped::PerformanceEvent);
    }
    if name.is_empty() {
        return Err(Dropped::MissingEventName);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Dropped::EventNameTooLong);
    }
    if distinct_id.is_empty() {
        return Err(Dropped::MissingDistinctId);
    }
    if distinct_id.len() > NAME_BYTES_MAX {
        return Err(Dropped::DistinctIdTooLarge);
    }
    if event.timestamp.parse::<jiff::Timestamp>().is_err() {
        return Err(Dropped::InvalidTimestamp);
    }
    if let Some(properties) = event.properties.map(RawValue::get)
        && (!properties.starts_with('{') || nesting::exceeds(properties, PROPERTIES_NESTING_MAX))
    {
        return Err(Dropped::MalformedProperties);
    }
    if bytes(event) > EVENT_BYTES_MAX {
        return Err(Dropped::EventTooBig);
    }
    let options =
        event.options.map_or_else(|| Some(Options::default()), Options::read).ok_or(Dropped::InvalidOptions)?;
    Ok(Accepted { distinct_id, options, illegal: illegal::is_illegal(distinct_id) })
}

/// What would be kept of an event.
fn bytes(event: &WireEvent<'_>) -> usize {
    let raw = [event.properties, event.options].into_iter().flatten().map(|raw| raw.get().len());
    let text = [&event.session_id, &event.window_id].into_iter().flatten().map(|text| text.len());
    event.event.len() + raw.chain(text).sum::<usize>()
}

fn properties_of<'a>(event: &WireEvent<'a>) -> Properties<'a> {
    // An object by its first byte, and valid JSON: it can be read.
    event.properties.and_then(|raw| Properties::parse(raw.get()).ok()).unwrap_or_default()
}

/// Name and version of the library in `PostHog-Sdk-Info`; none when it does not have both.
fn library(sdk: &str) -> Option<(&str, &str)> {
    let (name, version) = sdk.rsplit_once('/').filter(|_| sdk.len() <= SDK_BYTES_MAX)?;
    let (name, version) = (name.trim(), version.trim());
    (!name.is_empty() && !version.is_empty()).then_some((name, version))
}

/// Writes what stands beside the properties into them. It wins over what the client wrote there.
fn inject(
    properties: &mut Properties<'_>,
    event: &WireEvent<'_>,
    accepted: &Accepted<'_>,
    library: Option<(&str, &str)>,
) {
    let options = &accepted.options;
    let profile = if accepted.illegal { Some(false) } else { options.process_person_profile };
    for (key, text) in [
        ("$session_id", event.session_id.as_deref()),
        ("$window_id", event.window_id.as_deref()),
        ("$product_tour_id", options.product_tour_id.as_deref()),
        ("$lib", library.map(|(name, _)| name)),
        ("$lib_version", library.map(|(_, version)| version)),
    ] {
        if let Some(text) = text {
            properties.set_str(key, text);
        }
    }
    for (key, flag) in [
        ("$cookieless_mode", options.cookieless_mode),
        ("$ignore_sent_at", options.disable_skew_correction),
        ("$process_person_profile", profile),
    ] {
        if let Some(flag) = flag {
            properties.set(key, options::raw(flag));
        }
    }
}

#[cfg(test)]
mod tests;
